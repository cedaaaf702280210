/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "stdio": the terminal, or whatever standard input and output are. A terminal is made raw and
 * comes back as it was on exit, on a fatal signal, and around a stop (Ctrl-Z). On a terminal Ctrl-A
 * is an escape key (x: quit, h: help, Ctrl-A: itself); on a pipe every byte is data.
 *
 * Where it can be, descriptors are opened anew, so that non-blocking mode stays ours: it belongs to
 * the open file, which we share with the shell and with our own stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "chardev/core.h"

#define KEY_ESCAPE 0x01 /* Ctrl-A */

static const char help_text[] = "\r\nCtrl-A x   quit\r\nCtrl-A h   this help\r\n"
                                "Ctrl-A Ctrl-A   send Ctrl-A\r\n";

struct terminal {
    struct chardev chr;
    int in, out;
    bool escapes;    /* Ctrl-A means something */
    bool after_escape;
};

/* One per process, as standard input is; read by signal handlers. */
static struct {
    bool open;
    int fd; /* the terminal that was made raw */
    volatile sig_atomic_t is_raw;
    struct termios before, raw;
} tty;

/* ---- terminal modes ---- */

static void restore_modes(void)
{
    if (tty.is_raw)
        tcsetattr(tty.fd, TCSANOW, &tty.before);
    tty.is_raw = 0;
}

static void on_fatal(int sig)
{
    restore_modes();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void on_continue(int sig)
{
    int saved = errno;

    (void)sig;
    if (tty.is_raw)
        tcsetattr(tty.fd, TCSANOW, &tty.raw);
    errno = saved;
}

/* Only where nobody else handles the signal: the program's own handlers end in atexit(). */
static void handle(int sig, void (*fn)(int))
{
    struct sigaction now, ours = {.sa_handler = fn, .sa_flags = SA_RESTART};

    if (!sigaction(sig, NULL, &now) && now.sa_handler == SIG_DFL)
        sigaction(sig, &ours, NULL);
}

static void handle_signals(void)
{
    static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT,
                                SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    static bool done;

    if (done)
        return;
    done = true;
    atexit(restore_modes);
    for (unsigned i = 0; i < G_N_ELEMENTS(fatal); i++)
        handle(fatal[i], on_fatal);
    handle(SIGCONT, on_continue);
}

static void make_raw(int fd, bool signals)
{
    if (tcgetattr(fd, &tty.before))
        return;
    tty.fd = fd;
    tty.raw = tty.before;
    tty.raw.c_iflag &=
        (tcflag_t) ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    tty.raw.c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals)
        tty.raw.c_lflag &= (tcflag_t)~ISIG;
    tty.raw.c_cflag = (tty.raw.c_cflag & (tcflag_t) ~(CSIZE | PARENB)) | CS8;
    tty.raw.c_cc[VMIN] = 1;
    tty.raw.c_cc[VTIME] = 0;
    handle_signals();
    tty.is_raw = 1;
    if (tcgetpgrp(fd) == getpgrp() || tcgetpgrp(fd) < 0)
        tcsetattr(fd, TCSANOW, &tty.raw); /* in the background: when we are continued */
}

/* A descriptor of our own for the same thing; the mode only where that cannot hurt others. */
static int own_fd(int fd, int mode)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    struct stat st;
    int own = -1;

    if (!fstat(fd, &st) && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))
        own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* ---- the back end ---- */

void chardev_stdio_no_escape(struct chardev *chr)
{
    ((struct terminal *)chr)->escapes = false;
}

static void command_key(struct chardev *chr, uint8_t key)
{
    if (key == 'x')
        chardev_quit();
    else if (key == 'h' || key == '?')
        chardev_write(chr, help_text, sizeof(help_text) - 1);
}

static size_t stdio_filter(struct chardev *chr, uint8_t *buf, size_t len)
{
    struct terminal *t = (struct terminal *)chr;
    size_t kept = 0;

    for (size_t i = 0; i < len; i++) {
        bool escaped = t->after_escape;

        t->after_escape = !escaped && t->escapes && buf[i] == KEY_ESCAPE;
        if (escaped && buf[i] != KEY_ESCAPE)
            command_key(chr, buf[i]);
        else if (!t->after_escape)
            buf[kept++] = buf[i];
    }
    return kept;
}

/* "kvm-dm </dev/null" goes on printing. */
static bool stdio_input_ended(struct chardev *chr)
{
    (void)chr;
    return true;
}

static void stdio_free(struct chardev *chr)
{
    struct terminal *t = (struct terminal *)chr;

    restore_modes();
    close(t->in);
    close(t->out);
    tty.open = false;
}

static const struct chardev_ops stdio_ops = {
    .filter = stdio_filter, .input_ended = stdio_input_ended, .free = stdio_free};

struct chardev *chardev_stdio_open(const char *label, GHashTable *opts, GError **error)
{
    struct terminal *t;
    int in, out;

    if (tty.open)
        return chardev_fail(error, label, "stdio is in use already; only one back end can have it");
    in = own_fd(STDIN_FILENO, O_RDONLY);
    out = own_fd(STDOUT_FILENO, O_WRONLY);
    if (in < 0 || out < 0) {
        int saved = errno;

        if (in >= 0)
            close(in);
        if (out >= 0)
            close(out);
        return chardev_fail(error, label, "standard input or output: %s", g_strerror(saved));
    }
    t = g_new0(struct terminal, 1);
    chardev_init(&t->chr, &stdio_ops, label);
    chardev_set_filename(&t->chr, "stdio");
    t->in = in;
    t->out = out;
    t->escapes = isatty(in);
    tty.open = true;
    if (isatty(in))
        make_raw(in, chardev_opt_bool(opts, "signal", true));
    chardev_peer_opened(&t->chr, in, out);
    return &t->chr;
}
