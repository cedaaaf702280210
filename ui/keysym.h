/* SPDX-License-Identifier: GPL-2.0-or-later */
/* X11 key symbols, as RFB sends them (RFC 6143 section 7.5.4), to the keys of a US keyboard. */
#ifndef UI_KEYSYM_H
#define UI_KEYSYM_H

#include <stdint.h>

enum keysym_shift {
    KEYSYM_ANY,    /* a key that is the same with and without shift */
    KEYSYM_PLAIN,  /* the character that the key types without shift */
    KEYSYM_SHIFTED,
};

struct keysym_key {
    uint8_t xt; /* set-1 scan code, bit 7 for the prefix e0; 0: no key has it */
    uint8_t shift;  /* enum keysym_shift */
    uint8_t letter; /* caps lock acts as shift */
};

struct keysym_key keysym_to_key(uint32_t keysym);

#endif
