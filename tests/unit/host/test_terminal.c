/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal display: plain output to a pipe, ANSI to a pty, keys, hostile serial output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glib.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "ioreq/iolock.h"
#include "ui/glyphs.h"
#include "ui/keys.h"
#include "ui/sanitize.h"
#include "ui/surface.h"
#include "ui/terminal.h"

/* ---- a display that tests write to ---- */

struct screen {
    struct display_source src;
    struct text_cell cells[60 * 80];
    unsigned rows; /* 0: 25 */
    unsigned cursor;
    bool dirty, graphics, blink;
    unsigned texts, renders;
    uint8_t font[256][TEXT_FONT_LINES];
};

static bool screen_text(void *chip, struct text_screen *t)
{
    struct screen *s = chip;

    assert_true(iolock_held(s->src.lock));
    s->texts++;
    if (s->graphics)
        return false;
    t->columns = 80;
    t->rows = s->rows ? s->rows : 25;
    t->cell_lines = 16;
    t->blink = s->blink;
    t->cursor_visible = true;
    t->cursor_column = s->cursor % 80;
    t->cursor_row = s->cursor / 80;
    memcpy(t->cells, s->cells, sizeof(s->cells));
    if (t->fonts)
        memcpy(t->fonts->glyph[0], s->font, sizeof(s->font));
    return true;
}

static bool screen_render(void *chip, struct surface *surface)
{
    struct screen *s = chip;

    s->renders++;
    return surface_resize(surface, 640, 480);
}

static bool screen_changed(void *chip)
{
    struct screen *s = chip;
    bool dirty = s->dirty;

    s->dirty = false;
    return dirty;
}

static void screen_put(struct screen *s, unsigned row, const char *text, uint8_t attr)
{
    iolock_enter(s->src.lock);
    for (unsigned i = 0; i < 80; i++) {
        uint8_t ch = *text ? (uint8_t)*text++ : ' ';

        s->cells[row * 80 + i] = (struct text_cell){ch, attr};
    }
    s->dirty = true;
    iolock_leave(s->src.lock);
}

static void screen_scroll(struct screen *s)
{
    memmove(s->cells, s->cells + 80, 24 * 80 * sizeof(s->cells[0]));
    screen_put(s, 24, "", 7);
}

static struct screen *screen_new(void)
{
    struct screen *s = g_new0(struct screen, 1);

    s->src = (struct display_source){.render = screen_render,
                                      .text = screen_text,
                                      .changed = screen_changed,
                                      .chip = s,
                                      .lock = iolock_new()};
    for (unsigned i = 0; i < 25; i++)
        screen_put(s, i, "", 7);
    return s;
}

static void screen_free(struct screen *s)
{
    iolock_free(s->src.lock);
    g_free(s);
}

/* ---- running the main loop and collecting what comes out ---- */

struct run {
    struct screen *screen;
    struct terminal *t;
    int near, far; /* the terminal's end, the test's end */
    GString *out;
    GString *keys;
    unsigned quits;
};

static void collect(struct run *r)
{
    char buf[4096];
    ssize_t n;

    while ((n = read(r->far, buf, sizeof(buf))) > 0)
        g_string_append_len(r->out, buf, n);
}

static void spin(struct run *r, unsigned ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;

    while (g_get_monotonic_time() < end) {
        while (g_main_context_iteration(NULL, FALSE))
            ;
        collect(r);
        g_usleep(2000);
    }
}

static void on_key(void *opaque, unsigned code, bool down)
{
    struct run *r = opaque;

    g_string_append_printf(r->keys, "%s%02x ", down ? "+" : "-", code);
}

static void on_quit(void *opaque) { ((struct run *)opaque)->quits++; }

static const uint8_t glyph_of_omega[16] = {0, 0, 0, 0, 0x44, 0x82, 0x92, 0x92, 0x92, 0x6c};

static const struct glyph_book *test_glyphs(void)
{
    static struct glyph_book *book;

    if (!book) {
        book = glyph_book_new();
        glyph_book_add(book, glyph_of_omega, 16, 0x3c9);
    }
    return book;
}

static void run_start(struct run *r)
{
    struct terminal_hooks hooks = {.in_fd = isatty(r->near) ? r->near : -1, .out_fd = r->near,
                                   .key = on_key, .quit = on_quit, .glyphs = test_glyphs, .opaque = r};

    fcntl(r->far, F_SETFL, O_NONBLOCK);
    r->out = g_string_new(NULL);
    r->keys = g_string_new(NULL);
    r->t = terminal_new(r->screen ? &r->screen->src : NULL, &hooks, NULL);
    assert_non_null(r->t);
}

static int setup_pipe(void **state)
{
    struct run *r = g_new0(struct run, 1);
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    r->far = fds[0];
    r->near = fds[1];
    r->screen = screen_new();
    run_start(r);
    *state = r;
    return 0;
}

static int setup_pty(void **state)
{
    struct run *r = g_new0(struct run, 1);
    struct winsize size = {.ws_row = 32, .ws_col = 100};

    g_setenv("TERM", "xterm", TRUE);
    assert_int_equal(openpty(&r->far, &r->near, NULL, NULL, &size), 0);
    r->screen = screen_new();
    run_start(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct run *r = *state;

    terminal_free(r->t);
    screen_free(r->screen);
    close(r->near);
    close(r->far);
    g_string_free(r->out, TRUE);
    g_string_free(r->keys, TRUE);
    g_free(r);
    return 0;
}

static unsigned count(const struct run *r, const char *what)
{
    unsigned n = 0;

    for (const char *at = r->out->str; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static void serial(struct run *r, const char *text)
{
    terminal_serial_output(r->t, (const uint8_t *)text, strlen(text));
}

/* ---- plain ---- */

static void test_plain_rows(void **state)
{
    struct run *r = *state;

    screen_put(r->screen, 0, "SeaBIOS", 7);
    spin(r, 100);
    assert_string_equal(r->out->str, ""); /* not stable for 200 ms yet */
    spin(r, 250);
    assert_string_equal(r->out->str, "vga| SeaBIOS\n");
    screen_put(r->screen, 0, "SeaBIOS", 0x1f); /* colours are not text */
    screen_put(r->screen, 2, "Boot: |", 7);
    spin(r, 120);
    screen_put(r->screen, 2, "Boot: /", 7); /* in motion: waits */
    spin(r, 120);
    screen_put(r->screen, 2, "Boot: ok", 7);
    spin(r, 350);
    assert_string_equal(r->out->str, "vga| SeaBIOS\nvga| Boot: ok\n");
}

/* Scrolling prints each row once, and those that leave at the top in time. */
static void test_plain_scroll(void **state)
{
    struct run *r = *state;
    char text[20];

    for (unsigned i = 0; i < 60; i++) {
        g_snprintf(text, sizeof(text), "line %u.", i);
        if (i >= 25)
            screen_scroll(r->screen);
        screen_put(r->screen, MIN(i, 24), text, 7);
        spin(r, i % 5 == 4 ? 60 : 1);
    }
    spin(r, 350);
    for (unsigned i = 0; i < 60; i++) {
        g_snprintf(text, sizeof(text), "vga| line %u.\n", i);
        assert_int_equal(count(r, text), 1);
    }
    assert_int_equal(count(r, "\n"), 60);
}

static void test_plain_serial(void **state)
{
    struct run *r = *state;

    serial(r, "hello\r\nlog");
    spin(r, 200);
    assert_string_equal(r->out->str, "com1| hello\n");
    spin(r, 1200); /* a prompt */
    assert_string_equal(r->out->str, "com1| hello\ncom1| log\n");
    serial(r, "\n");
    spin(r, 100);
    assert_string_equal(r->out->str, "com1| hello\ncom1| log\n");
    serial(r, "last");
    spin(r, 60);
    terminal_free(r->t); /* what is unfinished or not stable is printed at the end */
    r->t = NULL;
    collect(r);
    assert_string_equal(r->out->str, "com1| hello\ncom1| log\ncom1| last\n");
}

static void test_plain_graphics(void **state)
{
    struct run *r = *state;

    r->screen->graphics = true;
    for (unsigned i = 0; i < 20; i++) {
        screen_put(r->screen, 0, "x", 7);
        spin(r, 20);
    }
    assert_string_equal(r->out->str, "vga| (graphics mode 640x480: see screendump)\n");
    assert_int_equal(r->screen->renders, 1); /* at most one a second */
}

/* U-06: a flood is cut, said, and what waits is bounded; a reader that is stuck stops nobody. */
static void test_plain_flood(void **state)
{
    struct run *r = *state;
    GString *flood = g_string_new(NULL);
    gint64 start = g_get_monotonic_time();

    for (unsigned i = 0; i < 100000; i++)
        g_string_append(flood, "0123456789 and so on\n");
    for (unsigned i = 0; i < 3; i++) {
        serial(r, flood->str);
        g_main_context_iteration(NULL, TRUE); /* nobody reads */
    }
    assert_true(g_get_monotonic_time() - start < 5 * G_USEC_PER_SEC);
    spin(r, 1500);
    serial(r, "end\n");
    spin(r, 200);
    assert_true(r->out->len < 200000);
    assert_true(count(r, "lines left out") >= 1);
    assert_int_equal(count(r, "com1| end\n"), 1);
    g_string_free(flood, TRUE);
}

/* ---- ANSI ---- */

static void test_ansi_screen(void **state)
{
    struct run *r = *state;
    size_t before;

    screen_put(r->screen, 0, "Hello", 0x1e);
    r->screen->cursor = 80 * 3 + 4;
    spin(r, 150);
    assert_int_equal(count(r, "\033[?1049h"), 1);
    assert_int_equal(count(r, "\033[0;93;44mHello"), 1); /* yellow on blue */
    assert_int_equal(count(r, "\033[4;5H"), 1);
    before = r->out->len;
    spin(r, 200);
    assert_int_equal(r->out->len, before); /* nothing changed: nothing sent */
    r->screen->cells[2].ch = 'L';
    r->screen->dirty = true;
    spin(r, 100);
    assert_int_equal(count(r, "\033[1;3H\033[0;93;44mL\033[4;5H"), 1); /* that cell alone */
    assert_true(r->out->len - before < 40);
}

static void test_ansi_serial_pane_and_end(void **state)
{
    struct run *r = *state;

    screen_put(r->screen, 0, "Top row", 7);
    serial(r, "first\nsecond\npartial");
    spin(r, 150);
    assert_true(count(r, "first") == 1 && count(r, "second") == 1 && count(r, "partial") == 1);
    assert_true(count(r, "\033[32;1H") >= 1); /* at the bottom */
    r->screen->graphics = true;
    r->screen->dirty = true;
    spin(r, 100);
    /* Spaces that were there already are not sent again. */
    assert_true(count(r, "graphics") == 1 && count(r, "640x480:") == 1);
    assert_true(count(r, "screendump") == 1);
    r->screen->graphics = false;
    r->screen->dirty = true;
    spin(r, 100);
    g_string_truncate(r->out, 0);
    terminal_free(r->t);
    r->t = NULL;
    collect(r);
    assert_int_equal(count(r, "\033[?1049l"), 1);
    assert_non_null(strstr(strstr(r->out->str, "1049l"), "Top row"));
    assert_non_null(strstr(r->out->str, "com1| second\r\ncom1| partial"));
}

static void test_ansi_small_terminal(void **state)
{
    struct run *r = *state;
    struct winsize size = {.ws_row = 2, .ws_col = 3};

    screen_put(r->screen, 24, "bottom", 7);
    r->screen->cursor = 24 * 80;
    ioctl(r->near, TIOCSWINSZ, &size);
    serial(r, "x\ny\n");
    spin(r, 150);
    assert_int_equal(count(r, "bot"), 1); /* the part with the cursor */
    assert_int_equal(count(r, "bottom"), 0);
    size.ws_row = size.ws_col = 1;
    ioctl(r->near, TIOCSWINSZ, &size);
    spin(r, 100);
    size.ws_row = size.ws_col = 0xffff;
    ioctl(r->near, TIOCSWINSZ, &size);
    spin(r, 200);
    assert_int_equal(count(r, "bottom"), 1);
}

static void type(struct run *r, const char *text, size_t length)
{
    assert_int_equal(write(r->far, text, length), length);
    spin(r, 150);
}

static void test_keys_and_quit(void **state)
{
    struct run *r = *state;
    struct termios tio;

    tcgetattr(r->near, &tio);
    assert_false(tio.c_lflag & (ICANON | ECHO | ISIG));
    type(r, "aB", 2);
    assert_string_equal(r->keys->str, "+1e -1e +2a +30 -30 -2a ");
    g_string_truncate(r->keys, 0);
    type(r, "\003\033[A", 4); /* Ctrl-C is the guest's; arrow up */
    assert_string_equal(r->keys->str, "+1d +2e -2e -1d +c8 -c8 ");
    g_string_truncate(r->keys, 0);
    type(r, "\033", 1); /* silence after it: the Esc key */
    assert_string_equal(r->keys->str, "+01 -01 ");
    assert_int_equal(r->quits, 0);
    type(r, "\001x", 2);
    assert_int_equal(r->quits, 1);
    terminal_free(r->t);
    r->t = NULL;
    tcgetattr(r->near, &tio);
    assert_true((tio.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
}

/* Pasted text arrives whole and in order, however long. */
static void test_paste(void **state)
{
    struct run *r = *state;
    GString *expect = g_string_new(NULL);

    for (unsigned i = 0; i < 150; i++) {
        static const char *const codes[] = {"+1e -1e ", "+30 -30 ", "+2e -2e "};

        assert_int_equal(write(r->far, &"abc"[i % 3], 1), 1);
        g_string_append(expect, codes[i % 3]);
    }
    spin(r, 3500);
    assert_string_equal(r->keys->str, expect->str);
    g_string_free(expect, TRUE);
}

/* Background colours 8 to 15 where the guest has switched blinking off; blinking where not. */
static void test_ansi_colours(void **state)
{
    struct run *r = *state;
    static const unsigned sgr[8] = {0, 4, 2, 6, 1, 5, 3, 7};

    for (unsigned blink = 0; blink < 2; blink++) {
        r->screen->blink = blink;
        g_string_truncate(r->out, 0);
        for (unsigned i = 0; i < 16; i++)
            screen_put(r->screen, i, blink ? "yes" : "off", (uint8_t)(i << 4 | (15 - i)));
        spin(r, 150);
        for (unsigned i = 0; i < 16; i++) {
            char *want = g_strdup_printf("\033[0;%u;%u%sm%s", (15 - i < 8 ? 30 : 90) + sgr[(15 - i) & 7],
                                         (i < 8 || blink ? 40 : 100) + sgr[i & 7], i >= 8 && blink ? ";5" : "",
                                         blink ? "yes" : "off");

            if (count(r, want) != 1)
                fail_msg("attribute %x: '%s' is there %u times", i << 4 | (15 - i), want + 1, count(r, want));
            g_free(want);
        }
    }
}

/* 60 rows, and a terminal that grows and shrinks: what is shown follows it. */
static void test_ansi_sizes(void **state)
{
    struct run *r = *state;
    struct winsize ws = {.ws_row = 70, .ws_col = 100};

    ioctl(r->near, TIOCSWINSZ, &ws);
    r->screen->rows = 60;
    screen_put(r->screen, 59, "last-of-sixty", 7);
    spin(r, 150);
    assert_int_equal(count(r, "\033[60;1H\033[0;37;40mlast-of-sixty"), 1);
    g_string_truncate(r->out, 0);
    ws = (struct winsize){.ws_row = 20, .ws_col = 12};
    r->screen->cursor = 59 * 80;
    r->screen->dirty = true;
    ioctl(r->near, TIOCSWINSZ, &ws);
    spin(r, 150);
    assert_int_equal(count(r, "\033[2J"), 1);
    assert_int_equal(count(r, "\033[20;1H\033[0;37;40mlast-of-sixt"), 1); /* the part with the cursor, cut */
    assert_int_equal(count(r, "sixty"), 0);
    g_string_truncate(r->out, 0);
    ws = (struct winsize){.ws_row = 61, .ws_col = 80};
    ioctl(r->near, TIOCSWINSZ, &ws);
    spin(r, 150);
    assert_int_equal(count(r, "last-of-sixty"), 1);
}

/* A font that the guest has loaded says what its codes show. */
static void test_ansi_font(void **state)
{
    struct run *r = *state;

    for (unsigned line = 0; line < 16; line++)
        r->screen->font[0xf0][line] = glyph_of_omega[line];
    screen_put(r->screen, 0, "\xf0\xe1", 7);
    spin(r, 150);
    assert_int_equal(count(r, "\u03c9\u00df"), 1); /* known by its look; by the code page */
}

static void test_ansi_help(void **state)
{
    struct run *r = *state;

    screen_put(r->screen, 0, "Under-it", 7);
    spin(r, 100);
    g_string_truncate(r->out, 0);
    type(r, "\001h", 2);
    spin(r, 100);
    assert_int_equal(count(r, "Ctrl-A d   Ctrl-Alt-Delete"), 1);
    g_string_truncate(r->out, 0);
    type(r, "q", 1); /* ends the help and is not the guest's */
    spin(r, 100);
    assert_int_equal(count(r, "Under-it"), 1);
    assert_string_equal(r->keys->str, "");
    g_string_truncate(r->out, 0);
    type(r, "\001l", 2);
    spin(r, 100);
    assert_int_equal(count(r, "\033[2J"), 1);
    assert_int_equal(count(r, "Under-it"), 1);
}

/* What a terminal keeps for itself. */
static void test_prefix_keys(void **state)
{
    struct run *r = *state;

    type(r, "\001d", 2);
    assert_string_equal(r->keys->str, "+1d +38 +d3 -d3 -1d -38 ");
    g_string_truncate(r->keys, 0);
    type(r, "\0012", 2);
    assert_string_equal(r->keys->str, "+1d +38 +3c -3c -1d -38 ");
    g_string_truncate(r->keys, 0);
    type(r, "\0010\033x\033[1;3P", 10);
    assert_string_equal(r->keys->str, "+1d +38 +44 -44 -1d -38 +38 +2d -2d -38 +38 +3b -3b -38 ");
}

/* A process that dies gives the terminal back. */
static void test_restored_by_signal(void **state)
{
    struct winsize size = {.ws_row = 25, .ws_col = 80};
    struct run r = {.screen = NULL};
    struct termios tio;
    char buf[1000];
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(openpty(&r.far, &r.near, NULL, NULL, &size), 0);
    pid = fork();
    if (pid == 0) {
        run_start(&r);
        raise(SIGTERM);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    tcgetattr(r.near, &tio);
    assert_true(tio.c_lflag & ICANON);
    fcntl(r.far, F_SETFL, O_NONBLOCK);
    status = read(r.far, buf, sizeof(buf) - 1);
    assert_true(status > 0);
    buf[status] = 0;
    assert_non_null(strstr(buf, "\033[?1049l"));
    close(r.near);
    close(r.far);
}

/* ---- the pieces ---- */

static char *parse(const char *bytes, size_t length)
{
    struct key_parser p = {0};
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i <= length; i++) {
        struct key_stroke k = {0};
        enum key_result result =
            i < length ? keys_feed(&p, bytes[i], &k) : keys_idle(&p, &k);

        if (result == KEYS_STROKE)
            g_string_append_printf(out, "%x/%u ", k.code, k.modifiers);
        else if (result == KEYS_QUIT)
            g_string_append(out, "quit ");
        else if (result == KEYS_HELP)
            g_string_append(out, "help ");
        else if (result == KEYS_REDRAW)
            g_string_append(out, "redraw ");
    }
    return g_string_free(out, FALSE);
}

static void test_key_parser(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"1!", "2/0 2/1 "}, {"=+", "d/0 d/1 "}, {"`~", "29/0 29/1 "}, {"\\|", "2b/0 2b/1 "},
        {"/?", "35/0 35/1 "}, {"'\"", "28/0 28/1 "}, {" ", "39/0 "},
        {"\r\t\b\x7f", "1c/0 f/0 e/0 e/0 "},
        {"\x1a", "2c/4 "}, {"\x1c", "2b/4 "}, {"\033[A\033OB", "c8/0 d0/0 "},
        {"\033[1;5C", "cd/4 "}, {"\033[3~\033[5~", "d3/0 c9/0 "},
        {"\033OP\033[11~\033[[A", "3b/0 3b/0 3b/0 "},
        {"\033[24~\033[15~", "58/0 3f/0 "}, {"\033x", "2d/2 "}, {"\033\033[D", "1/0 cb/0 "},
        {"\033[Z", "f/1 "}, {"\033[25~\033[34~", "3b/1 42/1 "}, {"\033[15;5~", "3f/4 "},
        {"\001d\0011\0010", "d3/6 3b/6 44/6 "}, {"\001h\001?\001l", "help help redraw "}, {"\001z", ""},
        {"\033[99999999999999;88888888888~", ""}, {"\033[;;;;;;;;;A", "c8/0 "},
        {"\303\244", ""}, {"\001a\001\001\001q", "1e/4 1e/4 "}, {"\001x", "quit "}, {"\001", ""},
        {"\033[?1;2c", ""}, {"\033O\001b", "30/0 "}, {"\033[3;2~", "d3/1 "}, {"\033[\033", ""},
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *got = parse(rows[i].in, strlen(rows[i].in));

        if (strcmp(got, rows[i].out) != 0)
            fail_msg("row %u: got '%s', expected '%s'", i, got, rows[i].out);
        g_free(got);
    }
}

/* Every character that a US keyboard has, once: no two give the same key and modifiers. */
static void test_key_parser_covers_ascii(void **state)
{
    bool seen[256 * 8] = {false};

    (void)state;
    for (int c = ' '; c < 0x7f; c++) {
        struct key_parser p = {0};
        struct key_stroke k = {0};

        assert_int_equal(keys_feed(&p, c, &k), KEYS_STROKE);
        assert_false(seen[k.code * 8 + k.modifiers]);
        seen[k.code * 8 + k.modifiers] = true;
    }
}

static void add_line(void *opaque, const struct line_filter *f)
{
    GString *out = opaque;

    for (unsigned i = 0; i < f->length; i++)
        g_string_append_unichar(out, f->text[i]);
    g_string_append_c(out, '\n');
}

static void test_sanitizer(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"plain\n", "plain\n"}, {"a\r\nb\n", "a\nb\n"}, {"abc\rX\n", "Xbc\n"},
        {"ab\b\bX\n", "Xb\n"},
        {"\033[31mred\033[0m\n", "red\n"}, {"\033]0;title\007x\n", "x\n"},
        {"\033]52;c;AAAA\033\\y\n", "y\n"},
        {"\033Pq#0\033\\z\n", "z\n"}, {"\033(Bw\n", "w\n"}, {"\033cv\n", "v\n"},
        {"\033[6n\033[5i\n", "\n"},
        {"\302\233" "31m\n", "?31m\n"}, {"\233" "31m\n", "?31m\n"},
        {"\303\244\342\202\254\n", "ä€\n"},
        {"\300\200\n", "??\n"}, {"\355\240\200\n", "?\n"}, {"\342\202\n", "?\n"},
        {"\342\200\256evil\n", "?evil\n"}, {"\a\v\f\016\017\0051\n", "1\n"},
        {"\t.\n", "        .\n"},
        {"\033[12\nnext\n", "next\n"},
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        GString *out = g_string_new(NULL);
        struct line_filter f = {.done = add_line, .opaque = out};

        line_filter_feed(&f, (const uint8_t *)rows[i].in, strlen(rows[i].in));
        if (strcmp(out->str, rows[i].out) != 0)
            fail_msg("row %u: got '%s', expected '%s'", i, out->str, rows[i].out);
        g_string_free(out, TRUE);
    }
}

/* Random bytes: what comes out is printable UTF-8 in bounded lines, whatever the state was. */
static void test_sanitizer_random(void **state)
{
    GString *out = g_string_new(NULL);
    struct line_filter f = {.done = add_line, .opaque = out};
    uint32_t x = 99;

    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        static const uint8_t likely[] = "\033[]P;\\\n\r\b\t\007m\302\233\342\200";
        uint8_t byte;

        x = x * 1664525 + 1013904223;
        byte = x >> 31 ? x >> 16 : likely[(x >> 16) % (sizeof(likely) - 1)];
        line_filter_feed(&f, &byte, 1);
        assert_true(f.length <= LINE_MAX_CHARS && f.column <= LINE_MAX_CHARS);
    }
    assert_true(out->len > 1000);
    assert_true(g_utf8_validate(out->str, out->len, NULL));
    for (const char *p = out->str; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        assert_true(c == '\n' || rune_is_safe(c));
        assert_true(c == '\n' || (c >= 0x20 && (c < 0x7f || c >= 0xa0)));
    }
    g_string_free(out, TRUE);
}

int main(void)
{
#define PIPE(f) cmocka_unit_test_setup_teardown(f, setup_pipe, teardown)
#define PTY(f)  cmocka_unit_test_setup_teardown(f, setup_pty, teardown)
    const struct CMUnitTest tests[] = {
        PIPE(test_plain_rows), PIPE(test_plain_scroll), PIPE(test_plain_serial),
        PIPE(test_plain_graphics), PIPE(test_plain_flood),
        PTY(test_ansi_screen), PTY(test_ansi_serial_pane_and_end), PTY(test_ansi_small_terminal),
        PTY(test_ansi_colours), PTY(test_ansi_sizes), PTY(test_ansi_font), PTY(test_ansi_help),
        PTY(test_prefix_keys), PTY(test_keys_and_quit), PTY(test_paste), cmocka_unit_test(test_restored_by_signal),
        cmocka_unit_test(test_key_parser), cmocka_unit_test(test_key_parser_covers_ascii),
        cmocka_unit_test(test_sanitizer), cmocka_unit_test(test_sanitizer_random),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
