/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text screen as UTF-8. */
#ifndef UI_TEXTDUMP_H
#define UI_TEXTDUMP_H

#include <glib.h>

#include "ui/surface.h"

/* One row without trailing spaces; g_free() it. Empty for a row that is not there. */
char *textdump_row(const struct text_screen *t, unsigned row);

/* All rows, each with a newline, without empty rows at the end; g_free() it. */
char *textdump(const struct text_screen *t);

#endif
