/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/asciicast.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/sgr.h"

#define PLAIN 0x07

struct cast_cell {
    gunichar rune;
    uint8_t attr;
    bool blink;
};

struct cast_screen {
    unsigned columns, rows;
    struct cast_cell *cells; /* NULL: nothing yet */
    bool cursor_visible;
    unsigned cursor_column, cursor_row;
};

struct asciicast {
    int fd;
    uint64_t max_bytes;
    int64_t began_us;
    struct cast_screen shown;
    struct asciicast_counts counts;
};

/* ---- what is on the screen ---- */

static void put_notice(struct cast_screen *s, const struct screen_reader *r)
{
    g_autofree char *text = r->shown ? g_strdup_printf("(graphics mode %u x %u)", r->picture.width, r->picture.height)
                                     : g_strdup("(dark)");

    for (unsigned i = 0; text[i] && i < s->columns; i++)
        s->cells[i].rune = (gunichar)text[i];
}

/* A graphics mode without text keeps the size that was there, so that players do not jump. */
static void look(const struct asciicast *cast, const struct screen_reader *r, struct cast_screen *s)
{
    bool any = r->columns && r->rows;
    size_t count;

    *s = (struct cast_screen){.columns = any ? r->columns : cast->shown.columns,
                              .rows = any ? r->rows : cast->shown.rows};
    count = (size_t)s->columns * s->rows;
    s->cells = g_new(struct cast_cell, count);
    for (size_t i = 0; i < count; i++) {
        uint8_t attr = r->text_mode ? r->text.cells[i].attr : PLAIN;

        s->cells[i] = (struct cast_cell){any ? sgr_rune(r->runes[i]) : ' ', attr, r->text_mode && r->text.blink};
    }
    if (!any)
        put_notice(s, r);
    s->cursor_visible = r->text_mode && r->text.cursor_visible && r->text.cursor_column < s->columns &&
                        r->text.cursor_row < s->rows;
    s->cursor_column = s->cursor_visible ? r->text.cursor_column : 0;
    s->cursor_row = s->cursor_visible ? r->text.cursor_row : 0;
}

static bool same_cell(const struct cast_cell *a, const struct cast_cell *b)
{
    return a->rune == b->rune && a->attr == b->attr && (a->blink == b->blink || !(a->attr & 0x80));
}

/* ---- what turns one screen into another ---- */

static void move_to(GString *out, unsigned row, unsigned column)
{
    g_string_append_printf(out, "\033[%u;%uH", row + 1, column + 1);
}

/* True if anything was to be said. */
static bool append_cells(GString *out, const struct cast_screen *old, const struct cast_screen *new)
{
    const struct cast_cell *attr_of = NULL;
    size_t next = SIZE_MAX;

    for (size_t i = 0; i < (size_t)new->columns * new->rows; i++) {
        const struct cast_cell *cell = &new->cells[i];

        if (same_cell(cell, &old->cells[i]))
            continue;
        if (i != next || i % new->columns == 0)
            move_to(out, (unsigned)(i / new->columns), (unsigned)(i % new->columns));
        if (!attr_of || attr_of->attr != cell->attr || attr_of->blink != cell->blink)
            sgr_append(out, cell->attr, cell->blink);
        g_string_append_unichar(out, cell->rune);
        attr_of = cell;
        next = i + 1;
    }
    return next != SIZE_MAX;
}

static void append_difference(GString *out, const struct cast_screen *old, const struct cast_screen *new)
{
    bool moved = append_cells(out, old, new) || old->cursor_column != new->cursor_column ||
                 old->cursor_row != new->cursor_row;

    if (new->cursor_visible && (moved || !old->cursor_visible))
        move_to(out, new->cursor_row, new->cursor_column);
    if (new->cursor_visible != old->cursor_visible)
        g_string_append(out, new->cursor_visible ? "\033[?25h" : "\033[?25l");
}

/* A terminal that was cleared, of that size. */
static void clear_screen(struct cast_screen *s, unsigned columns, unsigned rows)
{
    g_free(s->cells);
    *s = (struct cast_screen){.columns = columns, .rows = rows, .cursor_visible = true};
    s->cells = g_new(struct cast_cell, (size_t)columns * rows);
    for (size_t i = 0; i < (size_t)columns * rows; i++)
        s->cells[i] = (struct cast_cell){' ', PLAIN, false};
}

/* ---- lines ---- */

static void append_json(GString *line, const char *text)
{
    g_string_append_c(line, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            g_string_append_printf(line, "\\%c", *text);
        else if ((unsigned char)*text < 0x20 || *text == 0x7f)
            g_string_append_printf(line, "\\u%04x", (unsigned char)*text);
        else
            g_string_append_c(line, *text);
    }
    g_string_append_c(line, '"');
}

static void append_event(GString *line, int64_t at_us, char kind, const char *text)
{
    g_string_append_printf(line, "[%" G_GINT64_FORMAT ".%06d, \"%c\", ", at_us / G_USEC_PER_SEC,
                           (int)(at_us % G_USEC_PER_SEC), kind);
    append_json(line, text);
    g_string_append(line, "]\n");
}

static bool write_all(struct asciicast *cast, const GString *lines, GError **error)
{
    for (gsize done = 0; done < lines->len;) {
        ssize_t n = write(cast->fd, lines->str + done, lines->len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int err = n < 0 ? errno : EIO;

            if (ftruncate(cast->fd, (off_t)cast->counts.bytes) != 0)
                err = errno; /* half a line stays; players leave it out */
            g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "cannot write the recording: %s",
                        g_strerror(err));
            return false;
        }
        done += (gsize)n;
    }
    cast->counts.bytes += lines->len;
    return true;
}

enum asciicast_result asciicast_add(struct asciicast *cast, const struct screen_reader *r, int64_t time_us,
                                    GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL), lines = g_string_new(NULL);
    int64_t at_us = MAX(time_us - cast->began_us, cast->counts.last_us);
    enum asciicast_result result = ASCIICAST_OK;
    struct cast_screen now;

    look(cast, r, &now);
    if (now.columns != cast->shown.columns || now.rows != cast->shown.rows) {
        g_autofree char *size = g_strdup_printf("%ux%u", now.columns, now.rows);

        append_event(lines, at_us, 'r', size);
        clear_screen(&cast->shown, now.columns, now.rows);
        g_string_append(text, "\033[0;37;40m\033[2J\033[H\033[?25h");
    }
    append_difference(text, &cast->shown, &now);
    if (text->len)
        append_event(lines, at_us, 'o', text->str);
    if (cast->counts.bytes + lines->len > cast->max_bytes)
        result = ASCIICAST_FULL;
    else if (lines->len && !write_all(cast, lines, error))
        result = ASCIICAST_FAILED;
    else if (lines->len)
        cast->counts = (struct asciicast_counts){cast->counts.bytes, cast->counts.events + 1, at_us};
    g_free(cast->shown.cells);
    cast->shown = now;
    return result;
}

/* ---- life ---- */

static bool write_header(struct asciicast *cast, const char *title, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);

    g_string_append_printf(line, "{\"version\": 2, \"width\": %u, \"height\": %u, \"timestamp\": %" G_GINT64_FORMAT,
                           cast->shown.columns, cast->shown.rows, g_get_real_time() / G_USEC_PER_SEC);
    if (title && g_utf8_validate(title, -1, NULL)) {
        g_string_append(line, ", \"title\": ");
        append_json(line, title);
    }
    g_string_append(line, ", \"env\": {\"TERM\": \"xterm-256color\"}}\n");
    return write_all(cast, line, error);
}

static bool open_file(struct asciicast *cast, const char *path, GError **error)
{
    struct stat st;
    int err;

    /* Not truncated before it is known to be a file; a FIFO must not hold us up. */
    cast->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    err = errno;
    if (cast->fd >= 0 && fstat(cast->fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "'%s' is no regular file", path);
        return false;
    }
    if (cast->fd >= 0 && ftruncate(cast->fd, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "cannot create '%s': %s", path,
                g_strerror(err));
    return false;
}

struct asciicast *asciicast_new(const char *path, uint64_t max_bytes, const char *title,
                                const struct screen_reader *r, GError **error)
{
    struct asciicast *cast = g_new0(struct asciicast, 1);

    cast->fd = -1;
    cast->max_bytes = max_bytes;
    cast->began_us = g_get_monotonic_time();
    clear_screen(&cast->shown, r->columns && r->rows ? r->columns : 80, r->columns && r->rows ? r->rows : 25);
    if (open_file(cast, path, error) && write_header(cast, title, error) &&
        asciicast_add(cast, r, cast->began_us, error) != ASCIICAST_FAILED)
        return cast;
    asciicast_free(cast);
    return NULL;
}

void asciicast_counts(const struct asciicast *cast, struct asciicast_counts *counts)
{
    *counts = cast->counts;
}

void asciicast_free(struct asciicast *cast)
{
    if (!cast)
        return;
    if (cast->fd >= 0)
        close(cast->fd);
    g_free(cast->shown.cells);
    g_free(cast);
}
