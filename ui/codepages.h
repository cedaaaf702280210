/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8-bit character sets that guests load fonts for (the Unicode Consortium's mapping tables). */
#ifndef UI_CODEPAGES_H
#define UI_CODEPAGES_H

#include <stdint.h>

#define CODEPAGES 8 /* the first is 437, the PC's own */

struct codepage {
    const char *name;
    uint16_t upper[128]; /* Unicode of the codes from 0x80 on; 0: not assigned */
};
extern const struct codepage codepages[CODEPAGES];

/* Unicode of a code as the PC's fonts draw it: below 0x20 are symbols. 0: not assigned. */
uint32_t codepage_rune(unsigned page, uint8_t code);

#endif
