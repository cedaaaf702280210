/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's character set, as the BIOS font draws it. */
#ifndef UI_CP437_H
#define UI_CP437_H

#include <stdint.h>

/* Unicode of each code; the codes below 0x20 and 0x7f are the font's symbols, 0 is a space. */
extern const uint16_t cp437_unicode[256];

#endif
