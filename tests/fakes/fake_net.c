/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_net.h"

#include <stdlib.h>
#include <string.h>

#include "ioreq/iolock.h"

struct frames {
    struct fake_frame frame[FAKE_NET_FRAMES];
    unsigned count;
};

struct netport {
    const struct netport_ops *ops;
    void *opaque;
    struct iolock *lock;
    uint8_t mac[6];
    struct frames sent, loop;
    unsigned room, ready_calls;
    bool link_up, busy_said, inside_card, in_row;
};

struct netport *fake_net_new(void)
{
    struct netport *port = calloc(1, sizeof(*port));

    if (!port)
        abort();
    port->room = FAKE_NET_FRAMES;
    port->link_up = true;
    return port;
}

static void forget(struct frames *f)
{
    for (unsigned i = 0; i < f->count; i++)
        free(f->frame[i].data);
    f->count = 0;
}

void fake_net_free(struct netport *port)
{
    if (port->in_row)
        abort(); /* a card has begun a row, and not ended it */
    forget(&port->sent);
    forget(&port->loop);
    free(port);
}

static enum net_result keep(struct frames *f, const struct iovec *iov, int iovcnt, const struct net_offload *off)
{
    struct fake_frame *frame = &f->frame[f->count];
    size_t len = 0, at = 0;

    if (iovcnt < 0 || iovcnt > NET_MAX_IOV)
        abort();
    for (int i = 0; i < iovcnt; i++)
        len += iov[i].iov_len;
    if (len > NET_MAX_FRAME_BYTES || f->count == FAKE_NET_FRAMES)
        return NET_DROPPED;
    frame->data = malloc(len ? len : 1);
    if (!frame->data)
        abort();
    for (int i = 0; i < iovcnt; i++) {
        memcpy(frame->data + at, iov[i].iov_base, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    frame->len = len;
    frame->off = off ? *off : (struct net_offload){0};
    f->count++;
    return NET_SENT;
}

unsigned fake_net_sent(const struct netport *port) { return port->sent.count; }

const struct fake_frame *fake_net_frame(const struct netport *port, unsigned n)
{
    return n < port->sent.count ? &port->sent.frame[n] : NULL;
}

void fake_net_clear(struct netport *port) { forget(&port->sent); }

/* The card is entered with its lock; a call from inside one of its own is a fault of the card. */
static void enter(struct netport *port)
{
    if (port->inside_card)
        abort();
    port->inside_card = true;
    if (port->lock)
        iolock_enter(port->lock);
}

static void leave(struct netport *port)
{
    if (port->lock)
        iolock_leave(port->lock);
    port->inside_card = false;
}

void fake_net_set_room(struct netport *port, unsigned frames)
{
    port->room = frames;
    if (!frames || !port->busy_said)
        return;
    port->busy_said = false;
    if (!port->ops || !port->ops->sent)
        return;
    enter(port);
    port->ops->sent(port->opaque);
    leave(port);
}

void fake_net_forget_loop(struct netport *port) { forget(&port->loop); }

bool fake_net_feed_offload(struct netport *port, const void *frame, size_t len, const struct net_offload *off)
{
    bool taken;

    if (!port->ops)
        return false;
    enter(port);
    taken = port->ops->receive(port->opaque, frame, len, off);
    leave(port);
    return taken;
}

bool fake_net_feed(struct netport *port, const void *frame, size_t len)
{
    return fake_net_feed_offload(port, frame, len, NULL);
}

unsigned fake_net_run_loop(struct netport *port)
{
    unsigned taken = 0;

    while (taken < port->loop.count &&
           fake_net_feed(port, port->loop.frame[taken].data, port->loop.frame[taken].len))
        taken++;
    for (unsigned i = 0; i < taken; i++)
        free(port->loop.frame[i].data);
    port->loop.count -= taken;
    memmove(port->loop.frame, port->loop.frame + taken, port->loop.count * sizeof(port->loop.frame[0]));
    return taken;
}

void fake_net_set_link(struct netport *port, bool up)
{
    port->link_up = up;
    if (!port->ops || !port->ops->link_changed)
        return;
    enter(port);
    port->ops->link_changed(port->opaque, up);
    leave(port);
}

unsigned fake_net_ready_calls(const struct netport *port) { return port->ready_calls; }
const uint8_t *fake_net_mac(const struct netport *port) { return port->mac; }
bool fake_net_attached(const struct netport *port) { return port->ops; }

void fake_net_rx_filter(struct netport *port, struct net_rx_filter *filter)
{
    memset(filter, 0, sizeof(*filter));
    if (!port->ops || !port->ops->rx_filter)
        return;
    enter(port);
    port->ops->rx_filter(port->opaque, filter);
    leave(port);
}

/* ---- the port ---- */

void netport_attach(struct netport *port, const struct netport_ops *ops, void *opaque, struct iolock *lock,
                    const uint8_t mac[6])
{
    port->ops = ops;
    port->opaque = opaque;
    port->lock = lock;
    if (mac)
        memcpy(port->mac, mac, 6);
}

enum net_result net_send(struct netport *port, const struct iovec *iov, int iovcnt, const struct net_offload *off)
{
    enum net_result result;

    if (!port || !port->link_up)
        return NET_DROPPED;
    if (!port->room) {
        port->busy_said = true;
        return NET_BUSY;
    }
    result = keep(&port->sent, iov, iovcnt, off);
    if (result == NET_SENT)
        port->room--;
    return result;
}

static void set_row(struct netport *port, bool in_row)
{
    if (!port)
        return;
    if (port->in_row == in_row)
        abort(); /* rows do not nest */
    port->in_row = in_row;
}

void net_send_begin(struct netport *port)
{
    set_row(port, true);
}

void net_send_end(struct netport *port)
{
    set_row(port, false);
}

enum net_result net_loop(struct netport *port, const struct iovec *iov, int iovcnt)
{
    return port ? keep(&port->loop, iov, iovcnt, NULL) : NET_DROPPED;
}

void net_receive_ready(struct netport *port)
{
    if (port)
        port->ready_calls++;
}

void net_accept_offload(struct netport *port, bool csum, bool tso4, bool tso6, bool ecn)
{
    (void)port, (void)csum, (void)tso4, (void)tso6, (void)ecn;
}

void net_rx_filter_changed(struct netport *port) { (void)port; }
bool net_link_up(const struct netport *port) { return port && port->link_up; }
unsigned net_queues(const struct netport *port) { (void)port; return 1; }
struct netport *net_queue(struct netport *port, unsigned n) { (void)n; return port; }
void net_use_queues(struct netport *port, unsigned count) { (void)port, (void)count; }
