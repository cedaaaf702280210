/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The screen as text for QMP's commands: one reader for all of them. Main loop's thread. */
#ifndef DM_SCREEN_H
#define DM_SCREEN_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "ui/screentext.h"

struct vm;

/* What graphics modes are to be looked at for. */
enum screen_depth {
    SCREEN_CELLS,   /* text modes only; graphics: just the picture */
    SCREEN_GLYPHS,  /* known fonts in graphics modes are recognised too */
};

/*
 * Reads the screen now. The reader is shared: its contents hold until the next call. NULL with
 * error: there is no display adapter.
 */
struct screen_reader *screen_now(struct vm *vm, enum screen_depth depth, GError **error);

/* The glyphs that are known, for other readers; never freed. */
const struct glyph_book *screen_glyphs(void);

#endif
