/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA attributes as terminals are told them (ECMA-48, SGR; colours 90 to 107 are xterm's). */
#ifndef UI_SGR_H
#define UI_SGR_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* blink: bit 7 blinks; else it is the background's fourth bit. */
void sgr_append(GString *out, uint8_t attr, bool blink);
/* A character that takes one column and does nothing: itself, or else '?' (' ' for a control). */
gunichar sgr_rune(gunichar rune);

#endif
