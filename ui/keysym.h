/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * X11 key symbols, as RFB sends them (RFC 6143 section 7.5.4), to the keys of the guest's keyboard.
 * Sources: X11's keysymdef.h for the numbers.
 */
#ifndef UI_KEYSYM_H
#define UI_KEYSYM_H

#include <stdbool.h>
#include <stdint.h>

#include "ui/layout.h"

struct keysym_key {
    /* In the order in which they are pressed; the last stays down until the keysym goes up. */
    struct layout_stroke strokes[LAYOUT_STROKES];
    uint8_t count;  /* 0: no key has it */
    bool character; /* the modifiers must be just those; else it is the key, whatever is held */
    bool letter;    /* caps lock acts as shift */
};

struct keysym_key keysym_to_key(const struct layout *layout, uint32_t keysym);

#endif
