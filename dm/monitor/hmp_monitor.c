/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/monitor/hmp_monitor.h"

#include <string.h>

#include "chardev/chardev_backends.h"
#include "dm/monitor/hmp.h"

#define MAX_LINE_BYTES 4096u
#define MAX_OUTPUT_BYTES (1024u * 1024)
#define PROMPT "(qemu) " /* scripts wait for it */

enum escape { ESCAPE_NO, ESCAPE_BEGUN, ESCAPE_IN };

struct hmp_monitor {
    struct vm *vm;
    struct chardev *chr;
    GString *line, *output;
    enum escape escape; /* a cursor key's sequence is read past */
    bool after_cr;      /* a line feed behind it is part of it */
};

static void flush(struct hmp_monitor *mon)
{
    size_t n = chardev_write(mon->chr, mon->output->str, mon->output->len);

    g_string_erase(mon->output, 0, (gssize)n);
}

/* Text with line feeds, as a terminal wants it. A peer that does not read gets no more than fits. */
static void print(struct hmp_monitor *mon, const char *text)
{
    for (; *text && mon->output->len < MAX_OUTPUT_BYTES; text++) {
        if (*text == '\n')
            g_string_append_c(mon->output, '\r');
        g_string_append_c(mon->output, *text);
    }
}

static void run_line(struct hmp_monitor *mon)
{
    g_autofree char *line = g_strdup(mon->line->str), *text = NULL;

    g_string_truncate(mon->line, 0);
    print(mon, "\n");
    text = hmp_run(mon->vm, line, 0);
    print(mon, text);
    print(mon, PROMPT);
}

static void erase(struct hmp_monitor *mon, size_t count)
{
    for (; count && mon->line->len; count--) {
        g_string_truncate(mon->line, mon->line->len - 1);
        print(mon, "\b \b");
    }
}

static void take_printable(struct hmp_monitor *mon, uint8_t c)
{
    if (c < 0x20 || c > 0x7e || mon->line->len >= MAX_LINE_BYTES)
        return;
    g_string_append_c(mon->line, (char)c);
    g_string_append_c(mon->output, (char)c);
}

static void take_escape(struct hmp_monitor *mon, uint8_t c)
{
    if (mon->escape == ESCAPE_BEGUN)
        mon->escape = c == '[' || c == 'O' ? ESCAPE_IN : ESCAPE_NO;
    else if (c >= 0x40 && c <= 0x7e)
        mon->escape = ESCAPE_NO;
}

static void take(struct hmp_monitor *mon, uint8_t c)
{
    bool after_cr = mon->after_cr;

    mon->after_cr = c == '\r';
    if (mon->escape != ESCAPE_NO) {
        take_escape(mon, c);
        return;
    }
    switch (c) {
    case '\n':
        if (after_cr)
            break;
        /* fall through */
    case '\r': run_line(mon); break;
    case 0x1b: mon->escape = ESCAPE_BEGUN; break;
    case 0x08:
    case 0x7f: erase(mon, 1); break;
    case 0x15: erase(mon, mon->line->len); break; /* Ctrl-U */
    case 0x03: /* Ctrl-C */
        g_string_truncate(mon->line, 0);
        print(mon, "\n" PROMPT);
        break;
    default: take_printable(mon, c); break;
    }
}

/* ---- as a front end ---- */

static size_t can_receive(void *opaque)
{
    struct hmp_monitor *mon = opaque;

    return mon->output->len ? 0 : 1; /* a byte may be a line, whose answer has to be read first */
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct hmp_monitor *mon = opaque;

    for (size_t i = 0; i < len; i++)
        take(mon, buf[i]);
    flush(mon);
}

static void event(void *opaque, enum chardev_event what)
{
    struct hmp_monitor *mon = opaque;

    if (what == CHARDEV_BREAK)
        return;
    g_string_truncate(mon->line, 0);
    g_string_truncate(mon->output, 0);
    mon->escape = ESCAPE_NO;
    /* On a multiplexer the guest's serial line has the screen until the user asks for the monitor. */
    if (what != (chardev_is_mux_front(mon->chr) ? CHARDEV_FOCUSED : CHARDEV_OPENED))
        return;
    print(mon, "kvm-dm " KVM_DM_VERSION " monitor - type 'help' for what it knows\n" PROMPT);
    flush(mon);
}

static void writable(void *opaque)
{
    struct hmp_monitor *mon = opaque;

    flush(mon);
    if (!mon->output->len)
        chardev_accept_input(mon->chr);
}

struct hmp_monitor *hmp_monitor_new(struct vm *vm, struct chardev *chr)
{
    static const struct chardev_fe_ops ops = {can_receive, receive, event, writable};
    struct hmp_monitor *mon = g_new0(struct hmp_monitor, 1);

    mon->vm = vm;
    mon->chr = chr;
    mon->line = g_string_new(NULL);
    mon->output = g_string_new(NULL);
    chardev_attach(chr, &ops, mon, NULL);
    return mon;
}

void hmp_monitor_free(struct hmp_monitor *mon)
{
    flush(mon);
    chardev_attach(mon->chr, NULL, NULL, NULL);
    g_string_free(mon->line, TRUE);
    g_string_free(mon->output, TRUE);
    g_free(mon);
}
