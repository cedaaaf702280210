/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/terminal_int.h"

#include <string.h>

#define STABLE_US        (200 * 1000)
#define LINES_PER_SECOND 500

/* A second's worth of lines; what a faster guest prints beyond it is counted, not kept. */
static bool within_budget(struct terminal *t)
{
    gint64 now = g_get_monotonic_time();

    if (now - t->budget_us >= G_USEC_PER_SEC) {
        t->budget_us = now;
        t->budget_lines = LINES_PER_SECOND;
    }
    if (t->budget_lines == 0 || t->out->len > TERM_OUT_MAX_BYTES)
        return false;
    t->budget_lines--;
    return true;
}

void term_plain_line(struct terminal *t, const char *who, const char *text)
{
    if (!within_budget(t)) {
        t->lines_left_out++;
        return;
    }
    if (t->lines_left_out) {
        g_string_append_printf(t->out, "kvm-dm| %u lines left out\n", t->lines_left_out);
        t->lines_left_out = 0;
    }
    g_string_append_printf(t->out, "%s| %s\n", who, text);
}

void term_plain_forget(struct terminal *t)
{
    for (unsigned i = 0; i < t->row_count; i++)
        g_free(t->rows[i].text);
    g_free(t->rows);
    t->rows = NULL;
    t->row_count = 0;
}

static void print_row(struct terminal *t, struct term_row *row)
{
    if (!row->printed && row->text[0])
        term_plain_line(t, "vga", row->text);
    row->printed = true;
}

/* By how many rows the screen went up since the last look: 0 if that explains nothing more. */
static unsigned scrolled_by(const struct terminal *t, char **text)
{
    unsigned best = 0, best_score = 0;

    for (unsigned shift = 0; shift < t->row_count; shift++) {
        unsigned score = 0;

        for (unsigned i = 0; i + shift < t->row_count; i++) {
            const struct term_row *old = &t->rows[i + shift];

            if (old->text[0] && strcmp(old->text, text[i]) == 0)
                score++;
        }
        if (score > best_score) {
            best = shift;
            best_score = score;
        }
    }
    return best;
}

/* Rows that leave at the top are as they will ever be: printed now, if not before. */
static void scroll(struct terminal *t, unsigned by, gint64 now_us)
{
    for (unsigned i = 0; i < by; i++) {
        print_row(t, &t->rows[i]);
        g_free(t->rows[i].text);
    }
    memmove(t->rows, t->rows + by, (t->row_count - by) * sizeof(*t->rows));
    for (unsigned i = t->row_count - by; i < t->row_count; i++)
        t->rows[i] = (struct term_row){g_strdup(""), now_us, true};
}

static void new_layout(struct terminal *t, gint64 now_us)
{
    for (unsigned i = 0; i < t->row_count; i++)
        print_row(t, &t->rows[i]);
    term_plain_forget(t);
    t->row_count = t->reader->text.rows;
    t->row_columns = t->reader->text.columns;
    t->rows = g_new0(struct term_row, t->row_count);
    for (unsigned i = 0; i < t->row_count; i++)
        t->rows[i] = (struct term_row){g_strdup(""), now_us, true};
}

void term_plain_screen(struct terminal *t, gint64 now_us)
{
    char **text;

    if (t->row_count != t->reader->text.rows || t->row_columns != t->reader->text.columns)
        new_layout(t, now_us);
    text = g_new0(char *, t->row_count);
    for (unsigned i = 0; i < t->row_count; i++)
        text[i] = screen_line(t->reader, i);
    scroll(t, scrolled_by(t, text), now_us);
    for (unsigned i = 0; i < t->row_count; i++) {
        struct term_row *row = &t->rows[i];

        if (strcmp(row->text, text[i]) == 0) {
            g_free(text[i]);
            continue;
        }
        g_free(row->text);
        *row = (struct term_row){text[i], now_us, false};
    }
    g_free(text);
}

void term_plain_tick(struct terminal *t, gint64 now_us)
{
    for (unsigned i = 0; i < t->row_count; i++) {
        if (now_us - t->rows[i].since_us >= STABLE_US)
            print_row(t, &t->rows[i]);
    }
}

void term_plain_end(struct terminal *t)
{
    for (unsigned i = 0; i < t->row_count; i++)
        print_row(t, &t->rows[i]);
    term_plain_forget(t);
}
