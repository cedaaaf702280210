/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: query-screen-text and wait-screen. */
#include <string.h>

#include "dm/json.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_jobs.h"
#include "dm/screen.h"
#include "dm/vm.h"

#define MAX_RUNS 8192 /* of attributes in one answer, which has to stay under the monitor's limit */
#define POLL_MS         40
#define GRAPHICS_POLL_US (200 * 1000)
#define TIMEOUT_MS      30000
#define MAX_TIMEOUT_MS  (24u * 3600 * 1000)
#define MAX_PATTERN_BYTES 1024
#define MIN_HASH_DIGITS 8
#define HASH_DIGITS     64
/* Steps of the matcher from each place of the screen, and what a whole search may take. */
#define REGEX_STEPS     "20000"
#define REGEX_SLOW_US   (100 * 1000)

/* ---- query-screen-text ---- */

static JsonNode *cursor_node(const struct screen_reader *r)
{
    JsonObject *o = json_object_new();

    json_object_set_int_member(o, "x", r->text_mode ? r->text.cursor_column : 0);
    json_object_set_int_member(o, "y", r->text_mode ? r->text.cursor_row : 0);
    json_object_set_boolean_member(o, "visible", r->text_mode && r->text.cursor_visible);
    return json_node_of_object(o);
}

static JsonObject *run_object(const struct screen_reader *r, unsigned start, unsigned count,
                              uint8_t attr)
{
    JsonObject *o = json_object_new();
    bool blink = r->text.blink;

    json_object_set_int_member(o, "start", start);
    json_object_set_int_member(o, "count", count);
    json_object_set_int_member(o, "foreground", attr & 15);
    json_object_set_int_member(o, "background", attr >> 4 & (blink ? 7 : 15));
    json_object_set_boolean_member(o, "blink", blink && attr & 0x80);
    return o;
}

static JsonArray *row_runs(const struct screen_reader *r, unsigned row, unsigned *total)
{
    const struct text_cell *cells = r->text.cells + (size_t)row * r->columns;
    JsonArray *runs = json_array_new();
    unsigned start = 0;

    for (unsigned i = 1; i <= r->columns && *total < MAX_RUNS; i++) {
        if (i < r->columns && cells[i].attr == cells[start].attr)
            continue;
        json_array_add_object_element(runs, run_object(r, start, i - start, cells[start].attr));
        start = i;
        ++*total;
    }
    return runs;
}

static bool add_attributes(JsonObject *o, const struct screen_reader *r, GError **error)
{
    JsonArray *rows = json_array_new();
    unsigned total = 0;

    for (unsigned row = 0; row < r->rows && r->text_mode; row++)
        json_array_add_array_element(rows, row_runs(r, row, &total));
    json_object_set_array_member(o, "attributes", rows);
    if (total < MAX_RUNS)
        return true;
    qmp_fail(error, "the attributes change too often for one answer: ask without them");
    return false;
}

static void add_graphics(JsonObject *o, const struct screen_reader *r)
{
    JsonObject *grid;

    json_object_set_int_member(o, "width", r->shown ? r->picture.width : 0);
    json_object_set_int_member(o, "height", r->shown ? r->picture.height : 0);
    if (!r->rows)
        return;
    grid = json_object_new();
    json_object_set_int_member(grid, "x", r->left);
    json_object_set_int_member(grid, "y", r->top);
    json_object_set_int_member(grid, "cell-width", 8);
    json_object_set_int_member(grid, "cell-height", r->lines);
    json_object_set_object_member(o, "grid", grid);
}

static JsonNode *query_screen_text(struct vm *vm, JsonObject *args, GError **error)
{
    struct screen_reader *r = screen_now(vm, SCREEN_GLYPHS, error);
    g_autoptr(JsonObject) o = json_object_new();
    JsonArray *lines;

    if (!r)
        return NULL;
    lines = json_array_new();
    json_object_set_string_member(o, "mode", r->text_mode ? "text" : "graphics");
    json_object_set_int_member(o, "columns", r->columns);
    json_object_set_int_member(o, "rows", r->rows);
    json_object_set_member(o, "cursor", cursor_node(r));
    for (unsigned row = 0; row < r->rows; row++) {
        g_autofree char *line = screen_line(r, row);

        json_array_add_string_element(lines, line);
    }
    json_object_set_array_member(o, "lines", lines);
    if (r->text_mode)
        json_object_set_string_member(o, "codepage", r->codepage);
    else
        add_graphics(o, r);
    if (qmp_bool(args, "attributes", false) && !add_attributes(o, r, error))
        return NULL;
    return json_node_of_object(json_object_ref(o));
}

/* ---- wait-screen ---- */

struct waiter {
    struct vm *vm;
    struct qmp_later *later; /* NULL: the command still runs */
    GRegex *regex;           /* one of these three */
    char *hash;
    gint64 stable_us;
    gint64 began_us, deadline_us, timeout_ms;
    gint64 still_since_us;   /* the screen is as it was then */
    guint64 seen;            /* stamp of what was looked at last; 0: nothing */
    guint64 hashed;          /* stamp of the picture that was hashed last */
    struct waiter *next;
};

/* All who wait, and the one look at the screen that serves them. */
static struct waiter *waiters;
static guint poll_source;
static gint64 next_picture_us, next_glyphs_us;

static void waiter_free(struct waiter *w)
{
    if (w->regex)
        g_regex_unref(w->regex);
    g_free(w->hash);
    g_free(w);
}

static void unlink_waiter(struct waiter *w)
{
    for (struct waiter **link = &waiters; *link; link = &(*link)->next) {
        if (*link == w) {
            *link = w->next;
            break;
        }
    }
    if (!waiters && poll_source) {
        g_source_remove(poll_source);
        poll_source = 0;
    }
}

static void forget(void *opaque)
{
    unlink_waiter(opaque);
    waiter_free(opaque);
}

static guint64 stamp_of(guint64 stamp, const void *data, size_t words)
{
    const uint32_t *p = data;

    for (size_t i = 0; i < words; i++)
        stamp = (stamp ^ p[i]) * 0x100000001b3u;
    return stamp;
}

/* Another value for another screen; the blinking of a text mode is none. Never 0. */
static guint64 screen_stamp(const struct screen_reader *r)
{
    guint64 stamp = 0xcbf29ce484222325u;
    uint32_t head[] = {r->text_mode, r->shown, r->text_mode ? r->columns : 0, r->text_mode ? r->text.cursor_row : 0,
                       r->text_mode ? r->text.cursor_column : 0};

    stamp = stamp_of(stamp, head, G_N_ELEMENTS(head));
    if (r->text_mode) {
        size_t cells = (size_t)r->columns * r->rows;

        stamp = stamp_of(stamp, r->runes, cells);
        for (size_t i = 0; i < cells; i++)
            stamp = (stamp ^ r->text.cells[i].attr) * 0x100000001b3u;
    } else if (r->shown) {
        for (uint32_t y = 0; y < r->picture.height; y++)
            stamp = stamp_of(stamp, r->picture.pixels + (size_t)y * r->picture.stride,
                             r->picture.width);
    }
    return stamp ? stamp : 1;
}

static JsonObject *answer_of(const struct waiter *w, const struct screen_reader *r)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "mode", r->text_mode ? "text" : "graphics");
    json_object_set_int_member(o, "elapsed-ms", (g_get_monotonic_time() - w->began_us) / 1000);
    return o;
}

/* From a place in the joined text to row and column, in characters. */
static JsonNode *match_node(const struct waiter *w, const struct screen_reader *r,
                            const char *all, GMatchInfo *match)
{
    JsonObject *o = answer_of(w, r);
    g_autofree char *text = g_match_info_fetch(match, 0);
    g_autofree char *line = NULL;
    const char *start = all;
    gint from = 0, to = 0;
    unsigned row = 0;

    g_match_info_fetch_pos(match, 0, &from, &to);
    for (const char *p = all; p < all + from; p++) {
        if (*p == '\n') {
            row++;
            start = p + 1;
        }
    }
    line = screen_line(r, row);
    json_object_set_string_member(o, "text", text);
    json_object_set_string_member(o, "line", line);
    json_object_set_int_member(o, "row", row);
    json_object_set_int_member(o, "column", g_utf8_strlen(start, all + from - start));
    return json_node_of_object(o);
}

static JsonNode *check_text(const struct waiter *w, const struct screen_reader *r, GError **error)
{
    g_autofree char *all = screen_all(r);
    g_autoptr(GError) why = NULL;
    g_autoptr(GMatchInfo) match = NULL;
    gint64 began_us = g_get_monotonic_time();
    bool found = g_regex_match_full(w->regex, all, -1, 0, 0, &match, &why);

    if (found)
        return match_node(w, r, all, match);
    if (why || g_get_monotonic_time() - began_us > REGEX_SLOW_US)
        qmp_fail(error, "the regular expression takes too long to match: make it simpler");
    return NULL;
}

static guint64 picture_stamp(const struct surface *s)
{
    guint64 stamp = s->width;

    for (uint32_t y = 0; y < s->height; y++)
        stamp = stamp_of(stamp, s->pixels + (size_t)y * s->stride, s->width);
    return stamp;
}

static JsonNode *check_hash(struct waiter *w, struct screen_reader *r)
{
    struct display_source *source = vm_display(w->vm);
    g_autofree char *hash = NULL;
    JsonObject *o;
    bool shown = true;

    if (r->text_mode) { /* the reader has taken the text only */
        display_enter(source);
        shown = source->render(source->chip, &r->picture);
        display_leave(source);
    }
    if (!shown || !r->shown || (w->hashed && w->hashed == picture_stamp(&r->picture)))
        return NULL;
    w->hashed = picture_stamp(&r->picture);
    hash = screen_hash(&r->picture);
    if (!g_str_has_prefix(hash, w->hash))
        return NULL;
    o = answer_of(w, r);
    json_object_set_string_member(o, "hash", hash);
    return json_node_of_object(o);
}

static JsonNode *check_stable(const struct waiter *w, const struct screen_reader *r)
{
    gint64 still_us = g_get_monotonic_time() - w->still_since_us;
    JsonObject *o;

    if (still_us < w->stable_us)
        return NULL;
    o = answer_of(w, r);
    json_object_set_int_member(o, "stable-ms", still_us / 1000);
    return json_node_of_object(o);
}

/* What w waits for has come: its answer. NULL with error: it never will. NULL: not yet. */
static JsonNode *check(struct waiter *w, struct screen_reader *r, guint64 stamp, GError **error)
{
    bool changed = stamp != w->seen;
    JsonNode *found = NULL;

    if (changed)
        w->still_since_us = g_get_monotonic_time();
    w->seen = stamp;
    if (w->regex)
        found = changed ? check_text(w, r, error) : NULL;
    else if (w->hash)
        found = changed || r->text_mode ? check_hash(w, r) : NULL; /* the cursor blinks there */
    else
        found = check_stable(w, r);
    if (!found && !(error && *error) && vm_run_state(w->vm) == RUN_INTERNAL_ERROR)
        qmp_fail(error, "the guest has stopped by an internal error: its screen does not change any more");
    else if (!found && !(error && *error) && g_get_monotonic_time() >= w->deadline_us)
        qmp_fail(error, "timed out: the screen did not come to this in %" G_GINT64_FORMAT " ms",
                 w->timeout_ms);
    return found;
}

static bool any_regex(void)
{
    for (struct waiter *w = waiters; w; w = w->next) {
        if (w->regex)
            return true;
    }
    return false;
}

/* The screen with its text, if that is wanted; looking for glyphs takes a tenth of the time at most. */
static struct screen_reader *look(struct vm *vm, bool *glyphs)
{
    gint64 began_us = g_get_monotonic_time(), now_us;
    struct screen_reader *r;

    *glyphs = any_regex() && began_us >= next_glyphs_us;
    r = screen_now(vm, *glyphs ? SCREEN_GLYPHS : SCREEN_CELLS, NULL);
    if (!r || r->text_mode)
        return r;
    now_us = g_get_monotonic_time();
    next_picture_us = now_us + GRAPHICS_POLL_US;
    if (*glyphs)
        next_glyphs_us = now_us + 10 * (now_us - began_us);
    return r;
}

static gboolean poll_screen(gpointer opaque)
{
    struct vm *vm = opaque;
    struct waiter *next;
    struct screen_reader *r;
    bool glyphs;
    guint64 stamp;

    if (g_get_monotonic_time() < next_picture_us)
        return G_SOURCE_CONTINUE; /* a graphics mode: not as often */
    r = look(vm, &glyphs);
    stamp = r ? screen_stamp(r) : 0;
    for (struct waiter *w = waiters; w && r; w = next) {
        g_autoptr(GError) error = NULL;
        JsonNode *found;

        next = w->next;
        if (w->regex && !r->text_mode && !glyphs && g_get_monotonic_time() < w->deadline_us)
            continue;
        found = check(w, r, stamp, &error);
        if (!found && !error)
            continue;
        unlink_waiter(w);
        qmp_later_answer(w->later, found, error);
        waiter_free(w);
    }
    return waiters ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static bool is_hash(const char *text)
{
    size_t length = strlen(text);

    return length >= MIN_HASH_DIGITS && length <= HASH_DIGITS &&
           strspn(text, "0123456789abcdefABCDEF") == length;
}

static bool parse_regex(struct waiter *w, const char *text, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GRegex) plain = NULL;
    g_autofree char *limited = NULL;

    if (strlen(text) > MAX_PATTERN_BYTES) {
        qmp_fail(error, "Parameter 'text': more than %d bytes", MAX_PATTERN_BYTES);
        return false;
    }
    if (g_str_has_prefix(text, "(*")) { /* it could set the matcher's limits itself */
        qmp_fail(error, "Parameter 'text': a pattern cannot begin with '(*'");
        return false;
    }
    plain = g_regex_new(text, G_REGEX_MULTILINE, 0, &why); /* for a message without what is added */
    if (!plain) {
        qmp_fail(error, "Parameter 'text': not a regular expression: %s", why->message);
        return false;
    }
    limited = g_strconcat("(*LIMIT_MATCH=" REGEX_STEPS ")", text, NULL);
    w->regex = g_regex_new(limited, G_REGEX_MULTILINE, 0, &why);
    if (!w->regex)
        qmp_fail(error, "Parameter 'text': %s", why->message);
    return w->regex != NULL;
}

static bool parse_wait(struct waiter *w, JsonObject *args, GError **error)
{
    const char *text = qmp_string(args, "text"), *hash = qmp_string(args, "hash");
    uint64_t timeout_ms = TIMEOUT_MS, stable_ms = 0;
    bool stable = json_object_has_member(args, "stable-ms");

    if (!qmp_size(args, "timeout-ms", &timeout_ms, error) ||
        !qmp_size(args, "stable-ms", &stable_ms, error))
        return false;
    if (!!text + !!hash + stable != 1) {
        qmp_fail(error, "one of 'text', 'hash' and 'stable-ms' is needed");
        return false;
    }
    if (timeout_ms > MAX_TIMEOUT_MS || stable_ms > MAX_TIMEOUT_MS) {
        qmp_fail(error, "a time of more than %u ms", MAX_TIMEOUT_MS);
        return false;
    }
    if (hash && !is_hash(hash)) {
        qmp_fail(error, "Parameter 'hash': not %d to %d hexadecimal digits", MIN_HASH_DIGITS,
                 HASH_DIGITS);
        return false;
    }
    w->hash = hash ? g_ascii_strdown(hash, -1) : NULL;
    w->timeout_ms = (gint64)timeout_ms;
    w->deadline_us = w->began_us + (gint64)timeout_ms * 1000;
    w->stable_us = (gint64)stable_ms * 1000;
    return !text || parse_regex(w, text, error);
}

static JsonNode *wait_screen(struct vm *vm, JsonObject *args, GError **error)
{
    struct waiter *w = g_new0(struct waiter, 1);
    g_autoptr(GError) why = NULL;
    struct screen_reader *r;
    JsonNode *found = NULL;

    w->vm = vm;
    w->began_us = g_get_monotonic_time();
    r = parse_wait(w, args, &why) ? screen_now(vm, w->regex ? SCREEN_GLYPHS : SCREEN_CELLS, &why)
                                  : NULL;
    if (r)
        found = check(w, r, screen_stamp(r), &why);
    if (!found && !why)
        w->later = qmp_defer(forget, w, &why);
    if (!w->later) {
        waiter_free(w);
        if (why)
            g_propagate_error(error, g_steal_pointer(&why));
        return found;
    }
    w->next = waiters;
    waiters = w;
    if (!poll_source)
        poll_source = g_timeout_add(POLL_MS, poll_screen, vm);
    return NULL;
}

static const struct qmp_arg screen_args[] = {{"attributes", QMP_BOOL, true, NULL}, {0}};
static const struct qmp_arg wait_args[] = {{"text", QMP_STRING, true, NULL},
                                           {"hash", QMP_STRING, true, NULL},
                                           {"stable-ms", QMP_INT, true, NULL},
                                           {"timeout-ms", QMP_INT, true, NULL},
                                           {0}};

static const struct qmp_command commands[] = {
    {"query-screen-text", query_screen_text, screen_args, true, false},
    {"wait-screen", wait_screen, wait_args, true, false},
};

const struct qmp_table qmp_screen_table = {commands, G_N_ELEMENTS(commands)};
