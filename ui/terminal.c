/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/terminal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KEY_PACE_MS      15
#define ESCAPE_US        (60 * 1000)
#define PARTIAL_LINE_US  G_USEC_PER_SEC
#define GRAPHICS_US      G_USEC_PER_SEC
#define LAST_WORDS_MS    500 /* how long terminal_free() waits for a slow reader */
#define LAST_LINES       20  /* of the serial port, in the scroll-back */

static const char restore_text[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

/*
 * The terminal to give back when the process ends in some other way. Its own little state since
 * atexit and signal handlers have no argument.
 */
static struct {
    volatile sig_atomic_t raw, ansi;
    int in_fd, out_fd;
    struct termios saved;
} owned = {.in_fd = -1, .out_fd = -1};

/* Async-signal-safe. */
static void give_back(void)
{
    if (owned.ansi) {
        ssize_t ignored = write(owned.out_fd, restore_text, sizeof(restore_text) - 1);

        (void)ignored;
        owned.ansi = 0;
    }
    if (owned.raw) {
        tcsetattr(owned.in_fd, TCSANOW, &owned.saved);
        owned.raw = 0;
    }
}

static void fatal_signal(int sig)
{
    give_back();
    raise(sig); /* SA_RESETHAND: now it does what it would have done */
}

/* Only where nobody else has taken the signal: the process's own handlers end it in order. */
static void guard_signals(void)
{
    static const int signals[] = {SIGHUP,  SIGINT, SIGQUIT, SIGTERM, SIGABRT,
                                  SIGSEGV, SIGBUS, SIGILL,  SIGFPE};
    struct sigaction old, sa = {.sa_handler = fatal_signal, .sa_flags = SA_RESETHAND | SA_NODEFER};

    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        if (sigaction(signals[i], NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) &&
            old.sa_handler == SIG_DFL)
            sigaction(signals[i], &sa, NULL);
    }
}

static void guard(void)
{
    static bool done;

    if (!done) {
        atexit(give_back);
        guard_signals();
    }
    done = true;
}

/* ---- output ---- */

/* Writes what the reader takes at once; the rest stays. */
static void flush_out(struct terminal *t)
{
    gsize done = 0;

    while (done < t->out->len && !t->out_broken) {
        struct pollfd p = {.fd = t->hooks.out_fd, .events = POLLOUT};
        ssize_t n;

        /* A terminal or pipe that polls writable takes a page of this size without blocking. */
        if (poll(&p, 1, 0) != 1 || !(p.revents & (POLLOUT | POLLERR | POLLHUP)))
            break;
        n = write(p.fd, t->out->str + done, MIN(t->out->len - done, 512));
        if (n > 0)
            done += n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            t->out_broken = true;
    }
    if (t->out_broken)
        g_string_truncate(t->out, 0);
    else
        g_string_erase(t->out, 0, done);
}

static void flush_last(struct terminal *t)
{
    gint64 end = g_get_monotonic_time() + LAST_WORDS_MS * 1000;

    for (flush_out(t); t->out->len && g_get_monotonic_time() < end; flush_out(t)) {
        struct pollfd p = {.fd = t->hooks.out_fd, .events = POLLOUT};

        poll(&p, 1, 50);
    }
}

/* ---- the serial port ---- */

void terminal_serial_output(struct terminal *t, const uint8_t *buf, size_t len)
{
    size_t room;

    pthread_mutex_lock(&t->inbox_lock);
    room = TERM_INBOX_BYTES - t->inbox->len;
    g_byte_array_append(t->inbox, buf, MIN(len, room));
    t->inbox_lost += len - MIN(len, room);
    pthread_mutex_unlock(&t->inbox_lock);
}

char *term_line_text(const struct line_filter *f)
{
    GString *text = g_string_sized_new(f->length);

    for (unsigned i = 0; i < f->length; i++)
        g_string_append_unichar(text, f->text[i]);
    return g_string_free(text, FALSE);
}

static void show_line(struct terminal *t, char *text)
{
    if (!t->ansi)
        term_plain_line(t, "com1", text);
    g_queue_push_tail(&t->log, text);
    if (t->log.length > TERM_LOG_LINES)
        g_free(g_queue_pop_head(&t->log));
}

static void line_done(void *opaque, const struct line_filter *f)
{
    struct terminal *t = opaque;
    char *text = term_line_text(f);

    if (g_strcmp0(text, t->line_printed) != 0)
        show_line(t, text);
    else
        g_free(text);
    g_clear_pointer(&t->line_printed, g_free);
}

static bool take_serial(struct terminal *t, gint64 now_us)
{
    GByteArray *taken;
    guint64 lost;
    bool any;

    pthread_mutex_lock(&t->inbox_lock);
    taken = t->inbox;
    lost = t->inbox_lost;
    any = taken->len || lost;
    if (any) {
        t->inbox = g_byte_array_new();
        t->inbox_lost = 0;
    }
    pthread_mutex_unlock(&t->inbox_lock);
    if (!any)
        return false;
    t->serial_seen = true;
    t->line_changed_us = now_us;
    line_filter_feed(&t->line, taken->data, taken->len);
    if (lost) {
        t->line.state = SAN_GROUND;
        line_filter_feed(&t->line, (const uint8_t *)"\n", 1);
        show_line(t, g_strdup_printf("[%" G_GUINT64_FORMAT " bytes left out]", lost));
    }
    g_byte_array_unref(taken);
    return true;
}

/* A prompt has no newline: after a while it is shown as it is. */
static void show_partial_line(struct terminal *t, gint64 now_us)
{
    char *text;

    if (t->ansi || !t->line.length || now_us - t->line_changed_us < PARTIAL_LINE_US)
        return;
    text = term_line_text(&t->line);
    if (g_strcmp0(text, t->line_printed) != 0) {
        g_free(t->line_printed);
        t->line_printed = g_strdup(text);
        show_line(t, g_strdup(text));
    }
    g_free(text);
}

/* ---- the screen ---- */

/* In a graphics mode only the size is wanted, which takes a whole picture: not often. */
static void look_at_graphics(struct terminal *t, gint64 now_us)
{
    t->graphics_pending = t->graphics && now_us - t->graphics_asked_us < GRAPHICS_US;
    if (t->graphics_pending)
        return;
    t->graphics = true;
    t->have_screen = false;
    t->graphics_asked_us = now_us;
    display_enter(t->src);
    if (t->src->render(t->src->chip, &t->surface)) {
        t->graphics_width = t->surface.width;
        t->graphics_height = t->surface.height;
    }
    display_leave(t->src);
}

/* True if it was read again. */
static bool look_at_screen(struct terminal *t, gint64 now_us)
{
    uint64_t seen;
    bool changed;

    if (!t->src)
        return false;
    display_enter(t->src);
    seen = display_changes(t->src);
    changed = seen != t->display_seen || t->graphics_pending ||
              (!t->have_screen && !t->graphics);
    display_leave(t->src);
    if (changed && screen_read_text(t->reader, t->src)) {
        t->have_screen = true;
        t->graphics = t->graphics_pending = false;
        surface_free(&t->surface);
    } else if (changed) {
        look_at_graphics(t, now_us);
    }
    t->display_seen = seen;
    return changed;
}

static void tick_plain(struct terminal *t, gint64 now_us, bool changed)
{
    if (changed && t->have_screen) {
        term_plain_screen(t, now_us);
        t->graphics_said = false;
    } else if (changed && t->graphics && t->graphics_width && !t->graphics_said) {
        char *text = g_strdup_printf("(graphics mode %ux%u: see screendump)", t->graphics_width,
                                     t->graphics_height);

        term_plain_end(t);
        term_plain_line(t, "vga", text);
        t->graphics_said = true;
        g_free(text);
    }
    term_plain_tick(t, now_us);
    show_partial_line(t, now_us);
}

static gboolean tick(gpointer opaque)
{
    struct terminal *t = opaque;
    gint64 now_us = g_get_monotonic_time();
    bool changed;

    flush_out(t);
    if (t->ansi && t->out->len)
        return G_SOURCE_CONTINUE; /* a slow terminal: skip frames, the next one has it all */
    take_serial(t, now_us);
    changed = look_at_screen(t, now_us);
    if (t->ansi)
        term_ansi_refresh(t);
    else
        tick_plain(t, now_us, changed);
    flush_out(t);
    return G_SOURCE_CONTINUE;
}

/* ---- the keyboard ---- */

static void send_modifiers(struct terminal *t, uint8_t modifiers, bool down)
{
    if (modifiers & KEYS_CTRL)
        t->hooks.key(t->hooks.opaque, XT_CTRL, down);
    if (modifiers & KEYS_ALT)
        t->hooks.key(t->hooks.opaque, XT_ALT, down);
    if (modifiers & KEYS_SHIFT)
        t->hooks.key(t->hooks.opaque, XT_SHIFT, down);
}

static void send_stroke(struct terminal *t, struct key_stroke stroke)
{
    if (!t->hooks.key)
        return;
    send_modifiers(t, stroke.modifiers, true);
    t->hooks.key(t->hooks.opaque, stroke.code, true);
    t->hooks.key(t->hooks.opaque, stroke.code, false);
    send_modifiers(t, stroke.modifiers, false);
}

const char *const term_help[] = {
    "Ctrl-A h   this help",
    "Ctrl-A x   end the machine",
    "Ctrl-A a   Ctrl-A itself, for the guest",
    "Ctrl-A d   Ctrl-Alt-Delete",
    "Ctrl-A 1   Ctrl-Alt-F1, and so on; 0 is F10",
    "Ctrl-A l   paint this terminal anew",
    NULL,
};

static void show_help(struct terminal *t)
{
    t->help = t->ansi;
    for (unsigned i = 0; term_help[i] && !t->ansi; i++)
        term_plain_line(t, "kvm-dm", term_help[i]);
}

static void take_result(struct terminal *t, enum key_result result, struct key_stroke stroke)
{
    if (t->help && result != KEYS_NOTHING) {
        t->help = false;
        if (result != KEYS_QUIT)
            return; /* the key that ends the help */
    }
    if (result == KEYS_QUIT && t->hooks.quit)
        t->hooks.quit(t->hooks.opaque);
    if (result == KEYS_HELP)
        show_help(t);
    if (result == KEYS_REDRAW && t->ansi)
        term_ansi_forget(t);
    if (result == KEYS_STROKE && t->stroke_count < TERM_STROKES) {
        t->strokes[(t->stroke_first + t->stroke_count) % TERM_STROKES] = stroke;
        t->stroke_count++;
    }
}

static gboolean input_ready(gint fd, GIOCondition condition, gpointer opaque);

/* One key in a while, so that pasted text does not overrun the guest's keyboard. */
static gboolean pace_keys(gpointer opaque)
{
    struct terminal *t = opaque;
    struct key_stroke stroke = {0};

    if (g_get_monotonic_time() - t->key_us >= ESCAPE_US)
        take_result(t, keys_idle(&t->parser, &stroke), stroke);
    if (t->stroke_count) {
        stroke = t->strokes[t->stroke_first];
        t->stroke_first = (t->stroke_first + 1) % TERM_STROKES;
        t->stroke_count--;
        send_stroke(t, stroke);
    }
    if (!t->in_source && t->hooks.in_fd >= 0 && t->stroke_count < TERM_STROKES / 4)
        t->in_source = g_unix_fd_add(t->hooks.in_fd, G_IO_IN | G_IO_HUP, input_ready, t);
    if (t->stroke_count || (t->parser.state != KEY_GROUND && t->parser.state != KEY_PREFIX))
        return G_SOURCE_CONTINUE;
    t->key_source = 0;
    return G_SOURCE_REMOVE;
}

static gboolean input_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    struct terminal *t = opaque;
    uint8_t buf[TERM_STROKES / 4];
    ssize_t n = read(fd, buf, sizeof(buf));

    (void)condition;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        t->in_source = 0; /* the keyboard is gone for good: no pacing brings it back */
        t->hooks.in_fd = -1;
        return G_SOURCE_REMOVE;
    }
    t->key_us = g_get_monotonic_time();
    for (ssize_t i = 0; i < n; i++) {
        struct key_stroke stroke = {0};
        enum key_result result = keys_feed(&t->parser, buf[i], &stroke);

        take_result(t, result, stroke);
    }
    if (!t->key_source)
        t->key_source = g_timeout_add(KEY_PACE_MS, pace_keys, t);
    if (t->stroke_count > TERM_STROKES / 2) {
        t->in_source = 0; /* pace_keys() listens again; until then the rest waits in the kernel */
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

/* ---- life ---- */

static void take_keyboard(struct terminal *t)
{
    struct termios raw;

    if (t->hooks.in_fd < 0 || !isatty(t->hooks.in_fd) || owned.raw ||
        tcgetattr(t->hooks.in_fd, &owned.saved) != 0)
        return;
    raw = owned.saved;
    cfmakeraw(&raw);
    raw.c_oflag = owned.saved.c_oflag; /* error messages keep their line ends */
    owned.in_fd = t->hooks.in_fd;
    owned.raw = 1;
    t->raw = true;
    tcsetattr(t->hooks.in_fd, TCSANOW, &raw);
    t->in_source = g_unix_fd_add(t->hooks.in_fd, G_IO_IN | G_IO_HUP, input_ready, t);
}

struct terminal *terminal_new(struct display_source *src, const struct terminal_hooks *hooks,
                              GError **error)
{
    const char *term = g_getenv("TERM");
    struct terminal *t;

    if (hooks->out_fd < 0 || fcntl(hooks->out_fd, F_GETFL) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_BADF,
                    "-display text needs standard output: use -display none");
        return NULL;
    }
    t = g_new0(struct terminal, 1);
    t->src = src;
    t->hooks = *hooks;
    t->ansi = isatty(hooks->out_fd) && g_strcmp0(term, "dumb") != 0 && !owned.ansi;
    t->out = g_string_new(NULL);
    t->inbox = g_byte_array_new();
    pthread_mutex_init(&t->inbox_lock, NULL);
    g_queue_init(&t->log);
    t->line.done = line_done;
    t->line.opaque = t;
    t->own_glyphs = hooks->glyphs ? NULL : glyph_book_new();
    t->reader = screen_reader_new(hooks->glyphs ? hooks->glyphs() : t->own_glyphs);
    guard();
    take_keyboard(t);
    if (t->ansi) {
        owned.out_fd = hooks->out_fd;
        owned.ansi = 1;
        term_ansi_begin(t);
    }
    t->tick_source = g_timeout_add(TERM_TICK_MS, tick, t);
    return t;
}

/* What remains in the user's scroll-back. */
static void last_words(struct terminal *t)
{
    GList *line = t->log.tail;
    char *text;

    term_ansi_end(t);
    if (t->have_screen) {
        text = g_strchomp(screen_all(t->reader));
        g_string_append_printf(t->out, *text ? "%s\n" : "%s", text);
        g_free(text);
    } else if (t->graphics) {
        g_string_append_printf(t->out, "(graphics mode %ux%u)\n", t->graphics_width,
                               t->graphics_height);
    }
    for (unsigned n = 1; line && line->prev && n < LAST_LINES; n++)
        line = line->prev;
    for (; line; line = line->next)
        g_string_append_printf(t->out, "com1| %s\n", (char *)line->data);
    if (t->line.length) {
        text = term_line_text(&t->line);
        g_string_append_printf(t->out, "com1| %s\n", text);
        g_free(text);
    }
}

static void remove_source(guint *id)
{
    if (*id)
        g_source_remove(*id);
    *id = 0;
}

void terminal_free(struct terminal *t)
{
    gint64 now_us = g_get_monotonic_time();
    bool changed;

    if (!t)
        return;
    remove_source(&t->tick_source);
    remove_source(&t->in_source);
    remove_source(&t->key_source);
    take_serial(t, now_us);
    changed = look_at_screen(t, now_us);
    if (t->ansi) {
        last_words(t);
    } else {
        tick_plain(t, now_us, changed);
        t->line_changed_us = now_us - PARTIAL_LINE_US;
        show_partial_line(t, now_us);
        term_plain_end(t);
    }
    flush_last(t);
    if (t->ansi && t->out->len == 0)
        owned.ansi = 0;
    if (t->ansi || t->raw)
        give_back();
    g_queue_clear_full(&t->log, g_free);
    surface_free(&t->surface);
    screen_reader_free(t->reader);
    glyph_book_free(t->own_glyphs);
    g_free(t->line_printed);
    g_byte_array_unref(t->inbox);
    pthread_mutex_destroy(&t->inbox_lock);
    g_string_free(t->out, TRUE);
    g_free(t);
}
