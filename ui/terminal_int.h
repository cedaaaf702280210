/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between ui/terminal.c (life, input, output buffer) and its two ways to show things. */
#ifndef UI_TERMINAL_INT_H
#define UI_TERMINAL_INT_H

#include <pthread.h>
#include <termios.h>

#include "ui/keys.h"
#include "ui/sanitize.h"
#include "ui/screentext.h"
#include "ui/surface.h"
#include "ui/terminal.h"

#define TERM_TICK_MS       40            /* 25 a second */
#define TERM_OUT_MAX_BYTES (256 * 1024)  /* what waits for a slow reader */
#define TERM_INBOX_BYTES   (256 * 1024)
#define TERM_LOG_LINES     200           /* serial lines kept for the pane */
#define TERM_STROKES       64
#define TERM_MAX_ROWS      400
#define TERM_MAX_COLUMNS   1000

struct term_cell {
    uint32_t rune;
    uint8_t attr; /* as a VGA attribute: background << 4 | foreground */
    bool blink;   /* bit 7 of it blinks */
};

struct term_frame { /* the terminal's screen */
    unsigned rows, columns;
    struct term_cell *want, *shown; /* rows * columns */
    unsigned cursor_row, cursor_column;
    bool cursor_visible, cursor_shown;
};

struct term_row { /* plain mode: a row of the guest's screen */
    char *text;
    gint64 since_us; /* when it became so */
    bool printed;
};

struct terminal {
    struct display_source *src;
    struct terminal_hooks hooks;
    bool ansi, raw;
    guint tick_source, in_source, key_source;

    GString *out; /* waits to be written */
    bool out_broken;

    pthread_mutex_t inbox_lock;
    GByteArray *inbox;
    guint64 inbox_lost;
    struct line_filter line;
    gint64 line_changed_us;
    char *line_printed; /* plain: the unfinished line as it was printed, or NULL */
    GQueue log;        /* char *, the newest last */
    bool serial_seen;

    struct screen_reader *reader;
    struct glyph_book *own_glyphs;
    uint64_t display_seen; /* display_changes() */
    bool have_screen, graphics;
    bool graphics_pending; /* to be looked at again */
    bool graphics_said;    /* plain: the line about it was printed */
    unsigned graphics_width, graphics_height;
    gint64 graphics_asked_us;
    struct surface surface;

    bool help; /* is shown until the next key */
    struct key_parser parser;
    struct key_stroke strokes[TERM_STROKES];
    unsigned stroke_first, stroke_count;
    gint64 key_us;

    struct term_frame frame;
    struct term_row *rows; /* plain: one for each of the screen's */
    unsigned row_count, row_columns;
    gint64 budget_us;
    unsigned budget_lines, lines_left_out;
};

/* The unfinished or finished line of the serial port as UTF-8; g_free() it. */
char *term_line_text(const struct line_filter *f);

/* What Ctrl-A and a key do, a line each; NULL at the end. */
extern const char *const term_help[];

/* ANSI mode: composes what should be on the terminal and appends the difference to t->out. */
void term_ansi_begin(struct terminal *t);
void term_ansi_refresh(struct terminal *t);
void term_ansi_forget(struct terminal *t); /* the terminal shows something else: all is painted anew */
void term_ansi_end(struct terminal *t);

/* Plain mode. */
void term_plain_screen(struct terminal *t, gint64 now_us); /* the screen was read again */
void term_plain_tick(struct terminal *t, gint64 now_us);
void term_plain_line(struct terminal *t, const char *who, const char *text);
void term_plain_end(struct terminal *t); /* prints what is not yet stable, too */
void term_plain_forget(struct terminal *t);

#endif
