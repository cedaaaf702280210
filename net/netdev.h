/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wires of one VM by name: opening and closing, what they take, the link, counters. Main loop's thread.
 * Cards see net/net.h only.
 */
#ifndef NET_NETDEV_H
#define NET_NETDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct net;
struct netdev;
struct netport;
struct net_rx_filter;

enum netdev_option_type {
    NETDEV_OPT_STRING, NETDEV_OPT_BOOL, NETDEV_OPT_NUMBER, NETDEV_OPT_SIZE, NETDEV_OPT_ENUM,
    NETDEV_OPT_LIST, /* may be given several times; the values are joined by newlines */
};

struct netdev_option {
    const char *name; /* NULL ends a table */
    enum netdev_option_type type;
    const char *help;
    const char *values;  /* of NETDEV_OPT_ENUM: "a|b" */
    const char *refusal; /* known but not supported: why, or what to use */
};

struct netdev_driver {
    const char *name, *help;
    const struct netdev_option *options;
    /* Makes the ports of dev. False with error: what was made is freed by the caller. */
    bool (*open)(struct netdev *dev, GHashTable *opts, GError **error);
};

/* Every back end; those that every back end has beside its own: netdev_common_options. */
const struct netdev_driver *const *netdev_drivers(unsigned *count);
const struct netdev_driver *netdev_driver_find(const char *name); /* NULL: unknown */
extern const struct netdev_option netdev_common_options[];
const char *netdev_driver_refusal(const char *name); /* of QEMU's: why not, or what works; NULL: unknown */

struct net *net_new(void);
void net_free(struct net *net); /* no card is attached */
/* Frames reach cards while it runs; else they wait where they are, as far as there is room. At first: no. */
void net_set_running(struct net *net, bool running);
/* A peer of a stream came or went. host and port, or path, or none of them: where it is. */
typedef void net_stream_fn(void *opaque, const char *id, bool connected, const char *host, const char *port,
                           const char *path);
/* The card's filter is another one than netdev_rx_filter() told; once after each telling. */
typedef void net_filter_fn(void *opaque, const char *id);
void net_set_hooks(struct net *net, net_stream_fn *stream, net_filter_fn *filter, void *opaque);

/* How fd=NAME finds a descriptor that was passed under a name (QMP getfd): -1: there is none. It is taken over. */
void net_set_fd_source(struct net *net, int (*take)(const char *name));

/* Opens a back end; opts maps char * to char *, checked by the table. NULL with error: "-netdev ID: ...". */
struct netdev *netdev_open(struct net *net, const char *driver, const char *id, GHashTable *opts, GError **error);
/* False with error: a card or a hub has it. */
bool netdev_close(struct netdev *dev, GError **error);
struct netdev *netdev_find(struct net *net, const char *id);
/* For a card: its first port. False with error: unknown or in use. */
bool netdev_use(struct net *net, const char *id, struct netport **port, GError **error);

/* The card that netdev_use() was for is gone, and has disconnected its ports. An unknown id is nothing. */
void netdev_release(struct net *net, const char *id);

const char *netdev_id(const struct netdev *dev);
const char *netdev_type(const struct netdev *dev); /* "tap" */
const char *netdev_info(const struct netdev *dev); /* "ifname=tap0,script=no": as a person reads it */
bool netdev_used(const struct netdev *dev);
unsigned netdev_queues(const struct netdev *dev);
void netdev_foreach(struct net *net, void (*fn)(void *opaque, struct netdev *dev), void *opaque);

void netdev_set_link(struct netdev *dev, bool up); /* the cable, by the administrator */
bool netdev_link(const struct netdev *dev);        /* as a card sees it */
/* What the card filters; false: no card, or one that does not tell. */
bool netdev_rx_filter(struct netdev *dev, struct net_rx_filter *filter);

/* tx: what the guest sends. */
struct netdev_counters {
    uint64_t tx_frames, tx_bytes, tx_dropped, tx_held, rx_frames, rx_bytes, rx_dropped, rx_held;
};
void netdev_counters(const struct netdev *dev, struct netdev_counters *sum);

/* ---- a copy of what passes, -object filter-dump ---- */

struct netdev_capture_options {
    const char *file;
    uint32_t maxlen;    /* bytes of each frame that are kept */
    uint64_t limit;     /* bytes of the file; 0: none */
    bool to_guest, from_guest;
};
bool netdev_add_capture(struct netdev *dev, const struct netdev_capture_options *options, GError **error);

#endif
