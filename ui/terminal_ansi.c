/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Escape sequences of ECMA-48 and xterm. */
#include "ui/terminal_int.h"

#include <string.h>
#include <sys/ioctl.h>

#include "ui/sgr.h"

#define ATTR_PLAIN 0x07
#define PANE_MIN   4 /* rule and three lines */

static void append_move(GString *out, unsigned row, unsigned column)
{
    g_string_append_printf(out, "\033[%u;%uH", row + 1, column + 1);
}

static void clear_cells(struct term_cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cells[i] = (struct term_cell){' ', ATTR_PLAIN, false};
}

void term_ansi_forget(struct terminal *t)
{
    t->frame.rows = 0;
}

/* Follows the terminal's size; a new one is painted from nothing. */
static void fit(struct terminal *t)
{
    struct winsize ws = {0};
    unsigned rows = 25, columns = 80;
    struct term_frame *f = &t->frame;

    if (ioctl(t->hooks.out_fd, TIOCGWINSZ, &ws) == 0 && ws.ws_row && ws.ws_col) {
        rows = MIN(ws.ws_row, TERM_MAX_ROWS);
        columns = MIN(ws.ws_col, TERM_MAX_COLUMNS);
    }
    if (f->want && f->rows == rows && f->columns == columns)
        return;
    g_free(f->want);
    g_free(f->shown);
    *f = (struct term_frame){.rows = rows, .columns = columns, .cursor_shown = true};
    f->want = g_new(struct term_cell, (gsize)rows * columns);
    f->shown = g_new(struct term_cell, (gsize)rows * columns);
    clear_cells(f->shown, (size_t)rows * columns);
    sgr_append(t->out, ATTR_PLAIN, false);
    g_string_append(t->out, "\033[2J");
}

/* UTF-8 text at (row, column), cut at the edge. Characters of two columns would shift the rest. */
static void put_text(struct term_frame *f, unsigned row, unsigned column, const char *text,
                     uint8_t attr)
{
    for (; *text && column < f->columns; text = g_utf8_next_char(text), column++) {
        gunichar rune = g_utf8_get_char(text);

        f->want[row * f->columns + column] = (struct term_cell){sgr_rune(rune), attr, false};
    }
}

/* How many rows of the terminal the guest's screen gets. */
static unsigned view_rows(const struct terminal *t)
{
    unsigned guest = !t->src ? 0 : t->graphics || !t->have_screen ? 1 : t->reader->text.rows;
    unsigned pane = t->serial_seen || !t->src ? PANE_MIN : 0;

    if (pane >= t->frame.rows)
        pane = 0;
    return MIN(guest, t->frame.rows - pane);
}

static void put_screen(struct terminal *t, unsigned rows)
{
    struct term_frame *f = &t->frame;
    const struct text_screen *s = &t->reader->text;
    unsigned columns = MIN(s->columns, f->columns);
    /* Too small a terminal shows the part with the cursor in it. */
    unsigned top = s->cursor_row >= rows ? MIN(s->cursor_row, s->rows - 1) - rows + 1 : 0;

    for (unsigned row = 0; row < rows; row++) {
        size_t from = (size_t)(top + row) * s->columns;

        for (unsigned i = 0; i < columns; i++) {
            uint8_t attr = s->cells[from + i].attr;

            f->want[row * f->columns + i] =
                (struct term_cell){sgr_rune(t->reader->runes[from + i]), attr, s->blink && attr & 0x80};
        }
    }
    f->cursor_visible = s->cursor_visible && s->cursor_row >= top && s->cursor_column < columns;
    f->cursor_row = s->cursor_row - top;
    f->cursor_column = s->cursor_column;
}

/* A rule, then the serial port's last lines. */
static void put_pane(struct terminal *t, unsigned top)
{
    struct term_frame *f = &t->frame;
    GList *line = t->log.tail;
    char *last = term_line_text(&t->line);
    unsigned row = f->rows;

    for (unsigned i = 0; i < f->columns; i++)
        f->want[top * f->columns + i] = (struct term_cell){0x2500, 0x08, false};
    put_text(f, top, 2, t->serial_seen ? " com1 - Ctrl-A x: quit, h: help " : " Ctrl-A x: quit, h: help ", 0x08);
    if (row > top + 1 && last[0])
        put_text(f, --row, 0, last, ATTR_PLAIN);
    for (; row > top + 1 && line; line = line->prev)
        put_text(f, --row, 0, line->data, ATTR_PLAIN);
    g_free(last);
}

/* Over the upper left of what is there. */
static void put_help(struct terminal *t)
{
    struct term_frame *f = &t->frame;

    for (unsigned i = 0; term_help[i] && i < f->rows; i++) {
        g_autofree char *text = g_strdup_printf("  %-48s", term_help[i]);

        put_text(f, i, 0, text, 0x70);
    }
    f->cursor_visible = false;
}

static void compose(struct terminal *t)
{
    struct term_frame *f = &t->frame;
    unsigned rows;

    clear_cells(f->want, (size_t)f->rows * f->columns);
    f->cursor_visible = false;
    rows = view_rows(t);
    if (t->graphics) {
        char *text = g_strdup_printf("graphics mode %ux%u: see screendump", t->graphics_width,
                                     t->graphics_height);

        put_text(f, 0, 0, text, ATTR_PLAIN);
        g_free(text);
    } else if (t->have_screen && rows) {
        put_screen(t, rows);
    }
    if (rows < f->rows)
        put_pane(t, rows);
    if (t->help)
        put_help(t);
}

/* Appends what turns `shown` into `want`. */
static bool emit_cells(struct terminal *t)
{
    struct term_frame *f = &t->frame;
    size_t next = SIZE_MAX; /* where the terminal's own cursor is */
    const struct term_cell *last = NULL;

    for (size_t i = 0; i < (size_t)f->rows * f->columns; i++) {
        const struct term_cell *cell = &f->want[i];

        if (cell->rune == f->shown[i].rune && cell->attr == f->shown[i].attr && cell->blink == f->shown[i].blink)
            continue;
        if (i != next || i % f->columns == 0)
            append_move(t->out, i / f->columns, i % f->columns);
        if (!last || last->attr != cell->attr || last->blink != cell->blink)
            sgr_append(t->out, cell->attr, cell->blink);
        g_string_append_unichar(t->out, cell->rune);
        last = cell;
        f->shown[i] = *cell;
        next = i + 1;
    }
    return next != SIZE_MAX;
}

void term_ansi_begin(struct terminal *t)
{
    g_string_append(t->out, "\033[?1049h\033[?7l"); /* alternate screen, no wrapping */
}

void term_ansi_refresh(struct terminal *t)
{
    struct term_frame *f = &t->frame;
    unsigned old_row = f->cursor_row, old_column = f->cursor_column;
    bool moved;

    fit(t);
    compose(t);
    moved = emit_cells(t) || old_row != f->cursor_row || old_column != f->cursor_column;
    if (f->cursor_visible && (moved || !f->cursor_shown))
        append_move(t->out, f->cursor_row, f->cursor_column);
    if (f->cursor_visible != f->cursor_shown)
        g_string_append(t->out, f->cursor_visible ? "\033[?25h" : "\033[?25l");
    f->cursor_shown = f->cursor_visible;
}

void term_ansi_end(struct terminal *t)
{
    g_string_append(t->out, "\033[0m\033[?7h\033[?25h\033[?1049l");
    g_free(t->frame.want);
    g_free(t->frame.shown);
}
