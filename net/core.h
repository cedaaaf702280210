/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all wires share; for files of this folder only.
 *
 *   card --net_send()--> [capture, rate, offload in software] --ops->send()--> host         tx_lock
 *   host --ops->read()--> netport_input() --> [offload] --receive()--> card                 main loop
 *                                              |  no room: rx queue, and the wire reads no more
 *   others' threads --netport_push()--> rx queue, card --net_loop()--> loop queue           queue_lock
 *
 * Locks: a card's lock, then tx_lock (inside of which ops->send() of the same wire runs), then queue_lock of any
 * port (leaf). The main loop calls into a card with none of these held.
 */
#ifndef NET_CORE_H
#define NET_CORE_H

#include <glib.h>
#include <pthread.h>

#include "host/opts.h"
#include "net/capture.h"
#include "net/limit.h"
#include "net/netdev.h"
#include "net/offload.h"
#include "net/queue.h"

/* What a wire does itself; the rest is done before ops->send(). */
enum net_can {
    NET_CAN_CSUM = 1 << 0, NET_CAN_TSO4 = 1 << 1, NET_CAN_TSO6 = 1 << 2, NET_CAN_UDP = 1 << 3,
    NET_CAN_ALL = 0xf,
};

struct net_wire_ops {
    /*
     * A frame of 1 to NET_MAX_FRAME_BYTES bytes in at most NET_MAX_IOV pieces, with no other work left than
     * port->can says. Any thread, tx_lock held; never blocks. NET_BUSY: netport_block() was called.
     */
    enum net_result (*send)(struct netport *port, const struct iovec *iov, int iovcnt,
                            const struct net_offload *off);
    /* Optional: sends what was gathered while port->gather. tx_lock held, any thread; never blocks. */
    void (*push)(struct netport *port);
    /* Optional: sends what is half sent. True: all of it went; else netport_block() was called. tx_lock held. */
    bool (*flush)(struct netport *port);
    /* Optional, of wires with in_fd: reads a frame or a batch and gives it to netport_input(). False: no more now. */
    bool (*read)(struct netport *port);
    /* Optional: input was held, and is wanted again: what the wire itself has kept can go on. Main loop. */
    void (*wanted)(struct netport *port);
    /* Optional: the card's wishes (port->take) have changed. Main loop. */
    void (*taking)(struct netport *port);
    /* Optional: the guest serves this queue from now on, or no more. Main loop. */
    void (*use)(struct netport *port, bool use);
    /* Optional: in_fd or out_fd hung up or failed. Main loop. */
    void (*hangup)(struct netport *port);
    /* Closes what is the wire's own; the port itself is freed afterwards. Once per port, from the last. */
    void (*free)(struct netport *port);
};

/* One queue pair. A wire embeds it first in a struct of its own. */
struct netport {
    const struct net_wire_ops *ops;
    struct netdev *dev;
    unsigned index;
    unsigned can; /* enum net_can */
    int in_fd, out_fd; /* -1: none; changed by netport_set_fds() */

    /* Main loop's thread only. */
    const struct netport_ops *card;
    void *card_opaque;
    struct iolock *card_lock;
    uint8_t mac[6];
    guint in_watch, out_watch;
    GSource *work;
    struct net_pieces rx_pieces;

    /* Atomic. */
    bool attached, admin_up, carrier;
    bool stalled; /* receive() said false; set and cleared with the card's lock held */
    bool held;    /* input is not read: main loop's, looked at by net_receive_ready() */
    unsigned take; /* enum net_can: what the card takes undone; NET_TAKE_ECN */
    bool taking_changed;
    bool filter_told, filter_changed; /* somebody has asked, and it has changed since */
    struct netdev_counters counters;

    pthread_mutex_t tx_lock; /* guards: */
    bool blocked;            /* the wire takes nothing until it is writable */
    bool waiting;            /* NET_BUSY was said */
    bool gather;             /* between net_send_begin() and net_send_end() */
    bool cutting;            /* `pieces` of `scratch` are still to be sent */
    uint8_t *scratch;        /* NET_MAX_FRAME_BYTES, for work in software; NULL: never needed */
    struct net_pieces pieces;
    struct net_limit tx_limit;

    pthread_mutex_t queue_lock; /* guards: */
    struct net_queue rx, loop;
    gint64 work_at_us;       /* when `work` runs; G_MAXINT64: not */

    struct net_limit rx_limit; /* main loop's */
};

#define NET_TAKE_ECN (1 << 8)

struct netdev {
    struct net *net;
    const struct netdev_driver *driver;
    char *id, *info;
    struct netport **ports;
    unsigned count;
    bool used; /* a card, or a hub, has it */
    unsigned queues_used; /* atomic: that the guest serves */
    bool queues_changed;  /* atomic */
    bool own_use; /* used, but by itself: it may be closed */
    struct net_capture *captures;
    gint64 log_since_us;
    unsigned log_lines;
};

struct net {
    GPtrArray *devs; /* struct netdev * */
    GPtrArray *hubs; /* net/hub.c's */
    bool running;    /* atomic: frames go to the cards */
    uint8_t *buffer; /* NET_BUFFER_BYTES for whoever reads on the main loop */
    net_stream_fn *stream_event;
    net_filter_fn *filter_event;
    void *event_opaque;
    int (*take_fd)(const char *name);
};

#define NET_BUFFER_BYTES (NET_MAX_FRAME_BYTES + 4096)
#define NET_READ_BATCH 64 /* frames in a row from one wire, before the main loop looks at others */

/* ---- for wires ---- */

/* A new port of so many bytes, the struct netport first; added to dev. */
void *netport_new(struct netdev *dev, size_t size, const struct net_wire_ops *ops);
/* Main loop: the descriptors it reads from and writes to (non-blocking; not owned), -1: none. */
void netport_set_fds(struct netport *port, int in_fd, int out_fd);
void netport_set_carrier(struct netport *port, bool up); /* main loop: cable in or out, by the wire */
/*
 * tx_lock held: net_send() says NET_BUSY until out_fd is writable, or (no out_fd) netport_unblock() says so.
 */
void netport_block(struct netport *port);
void netport_unblock(struct netport *port); /* main loop, no lock held */
/* Of the frames for which NET_SENT was said, so many were lost when they were pushed. tx_lock held. */
void netport_lost(struct netport *port, unsigned frames, size_t bytes);
/* The wire should read: the card takes frames, or nobody does and they are dropped. Main loop. */
bool netport_wants_input(struct netport *port);
/* A frame from outside, of any length. The memory is changed if work is done on it. Main loop, no lock held. */
void netport_input(struct netport *port, uint8_t *frame, size_t len, const struct net_offload *off);
/* The same from any thread: always by the queue. False: dropped (counted). */
bool netport_push(struct netport *port, const struct iovec *iov, int iovcnt);
void netport_kick(struct netport *port); /* any thread: the main loop looks after it soon */

/* A stream's peer came (fd: its socket) or went. */
void net_stream_event(const struct netdev *dev, bool connected, int fd);

/* A line to the user: "netdev ID: ..."; main loop, at a limited rate. */
void netdev_log(struct netdev *dev, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "-netdev ID: ..."; returns false. */
bool netdev_fail(const struct netdev *dev, GError **error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void netdev_set_info(struct netdev *dev, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A descriptor by its number, as the parent passed it, or by its name; made non-blocking and close-on-exec. -1 with
 * error. */
int netdev_take_fd(const struct netdev *dev, const char *text, GError **error);

void netport_free(struct netport *port);

#endif
