/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wires by name: opening, closing, looking. */
#include "net/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "ioreq/iolock.h"
#include "net/address.h"
#include "net/core.h"

/* ---- messages and options ---- */

/* A peer can cause such lines as often as it likes: ten a minute are enough to know. */
#define LOG_LINES 10
#define LOG_WINDOW_US (60 * G_USEC_PER_SEC)

void netdev_log(struct netdev *dev, const char *format, ...)
{
    g_autofree char *text = NULL;
    gint64 now = g_get_monotonic_time();
    va_list args;

    if (now - dev->log_since_us > LOG_WINDOW_US) {
        dev->log_since_us = now;
        dev->log_lines = 0;
    }
    if (dev->log_lines++ >= LOG_LINES)
        return;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_warning("netdev %s: %s", dev->id, text);
}

bool netdev_fail(const struct netdev *dev, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "-netdev %s: %s", dev->id, text);
    return false;
}

void netdev_set_info(struct netdev *dev, const char *format, ...)
{
    va_list args;

    g_free(dev->info);
    va_start(args, format);
    dev->info = g_strdup_vprintf(format, args);
    va_end(args);
}

int netdev_take_fd(const struct netdev *dev, const char *text, GError **error)
{
    guint64 number;
    int fd, flags;

    if (g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &number, NULL))
        fd = (int)number;
    else
        fd = dev->net->take_fd ? dev->net->take_fd(text) : -1;
    if (fd < 0) {
        netdev_fail(dev, error, "fd=%s: the number of an open descriptor is expected, or a name that getfd gave",
                    text);
        return -1;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0) {
        netdev_fail(dev, error, "fd=%s: %s", text, g_strerror(errno));
        return -1;
    }
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* ---- all of them ---- */

struct net *net_new(void)
{
    struct net *net = g_new0(struct net, 1);

    net->devs = g_ptr_array_new();
    net->hubs = g_ptr_array_new();
    return net;
}

static void free_dev(struct netdev *dev)
{
    while (dev->count)
        netport_free(dev->ports[--dev->count]);
    while (dev->captures) {
        struct net_capture *c = dev->captures;

        dev->captures = net_capture_next(c);
        net_capture_close(c);
    }
    g_free(dev->ports);
    g_free(dev->id);
    g_free(dev->info);
    g_free(dev);
}

/* In reverse: a port of a hub has what was opened before it. */
void net_free(struct net *net)
{
    if (!net)
        return;
    for (guint i = net->devs->len; i-- > 0;)
        free_dev(g_ptr_array_index(net->devs, i));
    g_ptr_array_free(net->devs, TRUE);
    g_ptr_array_free(net->hubs, TRUE);
    g_free(net->buffer);
    g_free(net);
}

void net_set_fd_source(struct net *net, int (*take)(const char *name))
{
    net->take_fd = take;
}

void net_set_hooks(struct net *net, net_stream_fn *stream, net_filter_fn *filter, void *opaque)
{
    net->stream_event = stream;
    net->filter_event = filter;
    net->event_opaque = opaque;
}

void net_stream_event(const struct netdev *dev, bool up, int fd)
{
    const struct net *net = dev->net;
    struct net_address a = {.len = sizeof(a.storage)}, own = {.len = sizeof(own.storage)};
    char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
    const char *path = NULL;

    if (!net->stream_event)
        return;
    if (up && !getpeername(fd, &a.any, &a.len) && !getsockname(fd, &own.any, &own.len)) {
        if (a.any.sa_family == AF_UNIX)
            path = a.len > sizeof(sa_family_t) ? a.un.sun_path : own.un.sun_path; /* a client has no name */
        else
            getnameinfo(&a.any, a.len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    }
    net->stream_event(net->event_opaque, dev->id, up, *host ? host : NULL, *host ? port : NULL, path);
}

void net_set_running(struct net *net, bool running)
{
    if (__atomic_exchange_n(&net->running, running, __ATOMIC_ACQ_REL) == running)
        return;
    for (guint i = 0; i < net->devs->len; i++) {
        struct netdev *dev = g_ptr_array_index(net->devs, i);

        for (unsigned n = 0; n < dev->count; n++)
            netport_kick(dev->ports[n]);
    }
}

struct netdev *netdev_find(struct net *net, const char *id)
{
    for (guint i = 0; i < net->devs->len; i++) {
        struct netdev *dev = g_ptr_array_index(net->devs, i);

        if (!strcmp(dev->id, id))
            return dev;
    }
    return NULL;
}

void netdev_foreach(struct net *net, void (*fn)(void *opaque, struct netdev *dev), void *opaque)
{
    for (guint i = 0; i < net->devs->len; i++)
        fn(opaque, g_ptr_array_index(net->devs, i));
}

/* ---- one ---- */

/* Of every wire: rate= and burst=. */
static void set_limits(struct netdev *dev, GHashTable *opts)
{
    uint64_t rate = opts_number(opts, "rate", 0), burst = opts_number(opts, "burst", 0);

    for (unsigned i = 0; i < dev->count; i++) {
        gint64 now = g_get_monotonic_time();

        net_limit_init(&dev->ports[i]->tx_limit, rate / dev->count, burst, now);
        net_limit_init(&dev->ports[i]->rx_limit, rate / dev->count, burst, now);
    }
}

struct netdev *netdev_open(struct net *net, const char *driver, const char *id, GHashTable *opts, GError **error)
{
    const struct netdev_driver *d = netdev_driver_find(driver);
    struct netdev *dev = g_new0(struct netdev, 1);

    dev->net = net;
    dev->queues_used = 1;
    dev->driver = d;
    dev->id = g_strdup(id);
    if (!net->buffer)
        net->buffer = g_malloc(NET_BUFFER_BYTES);
    if (!d)
        netdev_fail(dev, error, "there is no back end '%s'", driver);
    else if (netdev_find(net, id))
        netdev_fail(dev, error, "the id is taken");
    else if (d->open(dev, opts, error)) {
        set_limits(dev, opts);
        g_ptr_array_add(net->devs, dev);
        return dev;
    }
    free_dev(dev);
    return NULL;
}

bool netdev_close(struct netdev *dev, GError **error)
{
    if (dev->used && !dev->own_use)
        return netdev_fail(dev, error, "a device or a hub uses it");
    g_ptr_array_remove(dev->net->devs, dev);
    free_dev(dev);
    return true;
}

bool netdev_use(struct net *net, const char *id, struct netport **port, GError **error)
{
    struct netdev *dev = netdev_find(net, id);

    if (!dev) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "there is no -netdev '%s'", id);
        return false;
    }
    if (dev->used) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST, "-netdev '%s' is in use", id);
        return false;
    }
    dev->used = true;
    *port = dev->ports[0];
    return true;
}

/* What the card had set on the wire is as it was before it came. */
void netdev_release(struct net *net, const char *id)
{
    struct netdev *dev = netdev_find(net, id);

    if (!dev)
        return;
    dev->used = false;
    net_use_queues(dev->ports[0], 1);
}

const char *netdev_id(const struct netdev *dev) { return dev->id; }
const char *netdev_type(const struct netdev *dev) { return dev->driver->name; }
const char *netdev_info(const struct netdev *dev) { return dev->info ? dev->info : ""; }
bool netdev_used(const struct netdev *dev) { return dev->used; }
unsigned netdev_queues(const struct netdev *dev) { return dev->count; }
bool netdev_link(const struct netdev *dev) { return net_link_up(dev->ports[0]); }

bool netdev_rx_filter(struct netdev *dev, struct net_rx_filter *filter)
{
    struct netport *port = dev->ports[0];

    if (!port->card || !port->card->rx_filter)
        return false;
    memset(filter, 0, sizeof(*filter));
    __atomic_store_n(&port->filter_told, true, __ATOMIC_RELEASE);
    if (port->card_lock)
        iolock_enter(port->card_lock);
    port->card->rx_filter(port->card_opaque, filter);
    if (port->card_lock)
        iolock_leave(port->card_lock);
    return true;
}

void netdev_counters(const struct netdev *dev, struct netdev_counters *sum)
{
    *sum = (struct netdev_counters){0};
    for (unsigned i = 0; i < dev->count; i++) {
        uint64_t *from = (uint64_t *)&dev->ports[i]->counters, *to = (uint64_t *)sum;

        for (unsigned n = 0; n < sizeof(*sum) / sizeof(*to); n++)
            to[n] += __atomic_load_n(&from[n], __ATOMIC_RELAXED);
    }
}

bool netdev_add_capture(struct netdev *dev, const struct netdev_capture_options *options, GError **error)
{
    struct net_capture *c = net_capture_open(dev->id, options, error), **last = &dev->captures;

    if (!c)
        return false;
    net_capture_chain(c, *last);
    *last = c;
    return true;
}
