/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The multiplexer: up to four front ends on one back end. Output of all goes out as it comes, input
 * goes to the one with the focus.
 */
#include <string.h>

#include "chardev/chardev_backends.h"
#include "chardev/core.h"

#define MAX_FRONTS 4
#define KEY_ESCAPE 0x01 /* Ctrl-A */

static const char help_text[] =
    "\r\nCtrl-A x   quit\r\nCtrl-A c   input to the next (serial line, monitor)\r\n"
    "Ctrl-A b   send a break\r\nCtrl-A h   this help\r\nCtrl-A Ctrl-A   send Ctrl-A\r\n";

struct mux;

struct mux_front {
    struct chardev chr;
    struct mux *mux;
};

struct mux {
    struct chardev chr;
    struct chardev *backend;
    struct mux_front *fronts[MAX_FRONTS];
    unsigned count, focus;
    bool after_escape;
};

/* ---- a front ---- */

/* The back end may report room before we know that it was short: wait first, then write. */
static size_t front_forward(struct chardev *chr, const void *buf, size_t len)
{
    struct mux_front *f = (struct mux_front *)chr;
    size_t n;

    pthread_mutex_lock(&chr->lock);
    chr->fe_waiting = true;
    pthread_mutex_unlock(&chr->lock);
    n = chardev_write(f->mux->backend, buf, len);
    if (n == len) {
        pthread_mutex_lock(&chr->lock);
        chr->fe_waiting = false;
        pthread_mutex_unlock(&chr->lock);
    }
    return n;
}

static void front_send_break(struct chardev *chr)
{
    chardev_send_break(((struct mux_front *)chr)->mux->backend);
}

static void front_accept_input(struct chardev *chr)
{
    chardev_accept_input(((struct mux_front *)chr)->mux->backend);
}

static const struct chardev_ops front_ops = {.forward = front_forward,
                                             .send_break = front_send_break,
                                             .accept_input = front_accept_input};

/* ---- the mux as the back end's front end ---- */

static struct chardev *focused(struct mux *m)
{
    return m->count ? &m->fronts[m->focus]->chr : NULL;
}

static size_t mux_can_receive(void *opaque)
{
    struct chardev *front = focused(opaque);

    return front ? chardev_input_room(front) : CHARDEV_IN_BYTES;
}

static void next_focus(struct mux *m)
{
    g_autofree char *text = NULL;

    if (m->count < 2)
        return;
    m->focus = (m->focus + 1) % m->count;
    text = g_strdup_printf("\r\n[input: %s]\r\n", focused(m)->label);
    chardev_write(m->backend, text, strlen(text));
    chardev_tell(focused(m), CHARDEV_FOCUSED);
}

static void command_key(struct mux *m, uint8_t key)
{
    switch (key) {
    case 'x': chardev_quit(); break;
    case 'c': next_focus(m); break;
    case 'b':
        if (focused(m))
            chardev_tell(focused(m), CHARDEV_BREAK);
        break;
    case 'h':
    case '?': chardev_write(m->backend, help_text, sizeof(help_text) - 1); break;
    default: break;
    }
}

static void mux_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct mux *m = opaque;

    for (size_t i = 0; i < len; i++) {
        bool escaped = m->after_escape;

        m->after_escape = !escaped && buf[i] == KEY_ESCAPE;
        if (escaped && buf[i] != KEY_ESCAPE)
            command_key(m, buf[i]);
        else if (!m->after_escape && focused(m))
            chardev_input(focused(m), buf + i, 1);
    }
}

static void mux_event(void *opaque, enum chardev_event event)
{
    struct mux *m = opaque;
    bool now = chardev_connected(m->backend);

    if (event == CHARDEV_BREAK && focused(m))
        chardev_tell(focused(m), CHARDEV_BREAK);
    for (unsigned i = 0; i < m->count && event != CHARDEV_BREAK; i++) {
        struct chardev *front = &m->fronts[i]->chr;

        if (now && !chardev_connected(front))
            chardev_peer_opened(front, -1, -1);
        else if (!now && chardev_connected(front))
            chardev_peer_gone(front);
        else if (event == CHARDEV_CLOSED)
            chardev_tell(front, CHARDEV_CLOSED); /* the end of input only */
    }
}

static void mux_writable(void *opaque)
{
    struct mux *m = opaque;

    for (unsigned i = 0; i < m->count; i++)
        chardev_kick(&m->fronts[i]->chr);
}

static const struct chardev_fe_ops mux_fe = {mux_can_receive, mux_receive, mux_event, mux_writable};

/* ---- life ---- */

static void mux_free(struct chardev *chr)
{
    struct mux *m = (struct mux *)chr;

    chardev_attach(m->backend, NULL, NULL, NULL);
    for (unsigned i = 0; i < m->count; i++)
        chardev_free(&m->fronts[i]->chr);
    chardev_free(m->backend);
}

static size_t mux_forward(struct chardev *chr, const void *buf, size_t len)
{
    return chardev_write(((struct mux *)chr)->backend, buf, len);
}

static uint64_t mux_dropped(struct chardev *chr)
{
    return chardev_dropped(((struct mux *)chr)->backend);
}

static const struct chardev_ops mux_ops = {.forward = mux_forward, .dropped = mux_dropped, .free = mux_free};

struct chardev *chardev_mux_new(struct chardev *backend)
{
    struct mux *m = g_new0(struct mux, 1);

    chardev_init(&m->chr, &mux_ops, chardev_label(backend));
    chardev_set_filename(&m->chr, "mux");
    m->backend = backend;
    chardev_attach(backend, &mux_fe, m, NULL);
    return &m->chr;
}

bool chardev_is_mux(const struct chardev *chr)
{
    return chr->ops == &mux_ops;
}

bool chardev_is_mux_front(const struct chardev *chr)
{
    return chr->ops == &front_ops;
}

bool chardev_in_use(const struct chardev *chr)
{
    return chardev_is_mux(chr) ? ((const struct mux *)chr)->count > 0 : chr->fe != NULL;
}

void chardev_tell_break(struct chardev *chr)
{
    struct chardev *front = chardev_is_mux(chr) ? focused((struct mux *)chr) : chr;

    if (front)
        chardev_tell(front, CHARDEV_BREAK);
}

struct chardev *chardev_mux_add_front(struct chardev *mux, const char *label)
{
    struct mux *m = (struct mux *)mux;
    struct mux_front *f;

    if (m->count == MAX_FRONTS)
        return NULL;
    f = g_new0(struct mux_front, 1);
    chardev_init(&f->chr, &front_ops, label);
    chardev_set_filename(&f->chr, "mux");
    f->mux = m;
    m->fronts[m->count++] = f;
    if (chardev_connected(m->backend))
        chardev_peer_opened(&f->chr, -1, -1);
    return &f->chr;
}
