/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/textdump.h"

#include "ui/cp437.h"

static bool is_blank(uint8_t ch) { return ch == 0 || ch == ' ' || ch == 0xff; }

static void append_row(GString *out, const struct text_screen *t, unsigned row)
{
    const struct text_cell *cells = t->cells + (size_t)row * t->columns;
    unsigned length = t->columns;

    while (length && is_blank(cells[length - 1].ch))
        length--;
    for (unsigned i = 0; i < length; i++)
        g_string_append_unichar(out, is_blank(cells[i].ch) ? ' ' : cp437_unicode[cells[i].ch]);
}

char *textdump_row(const struct text_screen *t, unsigned row)
{
    GString *out = g_string_new(NULL);

    if (row < t->rows)
        append_row(out, t, row);
    return g_string_free(out, FALSE);
}

char *textdump(const struct text_screen *t)
{
    GString *out = g_string_new(NULL);
    gsize end = 0;

    for (unsigned row = 0; row < t->rows; row++) {
        gsize before = out->len;

        append_row(out, t, row);
        g_string_append_c(out, '\n');
        if (out->len > before + 1)
            end = out->len;
    }
    g_string_truncate(out, end);
    return g_string_free(out, FALSE);
}
