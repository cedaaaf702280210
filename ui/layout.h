/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyboard layouts: which keys type a character on a guest that has set that layout. Sources: the
 * layouts as XKB (xkeyboard-config) and Windows have them; where the two differ, XKB's.
 */
#ifndef UI_LAYOUT_H
#define UI_LAYOUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { LAYOUT_SHIFT = 1, LAYOUT_ALTGR = 2 };

struct layout_stroke {
    uint8_t key;       /* as QMP's send-key numbers it (hw/input/ps2_keys.h) */
    uint8_t modifiers; /* LAYOUT_* */
};

struct layout;

/* "us", "de", "fr", "uk", "es", "it" and other usual names of these; NULL: none of them. */
const struct layout *layout_by_name(const char *name);
const char *layout_names(void); /* "us, de, ..." */

/*
 * The strokes for a character, one after the other: 1, or 2 with a dead key first. Line feed is
 * Enter; tab, backspace and escape are keys too. 0: no key types it.
 */
#define LAYOUT_STROKES 2
unsigned layout_find(const struct layout *layout, gunichar c,
                     struct layout_stroke strokes[LAYOUT_STROKES]);

/* The dead key that adds this combining character; false: the layout has none. */
bool layout_find_dead(const struct layout *layout, gunichar mark, struct layout_stroke *stroke);

#endif
