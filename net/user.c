/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire to libslirp. Everything of it runs on the main loop: the card's frames wait in a queue until then, and
 * while the card takes none, slirp rests and its peers' data stay in the host's sockets.
 */
#include "net/user.h"

#include <poll.h>
#include <string.h>

struct user_timer {
    struct user *user;
    SlirpTimerId id;
    void *cb_opaque;
    guint source;
};

static void queue_lock(struct user *u) { pthread_mutex_lock(&u->lock); }
static void queue_unlock(struct user *u) { pthread_mutex_unlock(&u->lock); }

/* ---- frames ---- */

static enum net_result user_send(struct netport *port, const struct iovec *iov, int iovcnt,
                                 const struct net_offload *off)
{
    struct user *u = (struct user *)port;
    bool room;

    (void)off;
    queue_lock(u);
    room = net_queue_put(&u->out, iov, iovcnt, NULL);
    queue_unlock(u);
    if (!room) {
        netport_block(port);
        return NET_BUSY;
    }
    g_source_set_ready_time(u->source, 0);
    return NET_SENT;
}

/* False: there was none. Only this thread takes out, so the frame stays where it is. */
static bool send_first(struct user *u)
{
    const struct net_offload *off;
    const uint8_t *frame;
    size_t len;

    queue_lock(u);
    frame = net_queue_first(&u->out, &len, &off);
    queue_unlock(u);
    if (!frame)
        return false;
    slirp_input(u->slirp, frame, (int)len);
    queue_lock(u);
    net_queue_take(&u->out);
    queue_unlock(u);
    return true;
}

static void send_all(struct user *u)
{
    unsigned budget = NET_READ_BATCH;
    bool blocked;

    while (budget && send_first(u))
        budget--;
    if (!budget)
        g_source_set_ready_time(u->source, 0);
    pthread_mutex_lock(&u->port.tx_lock);
    blocked = u->port.blocked;
    pthread_mutex_unlock(&u->port.tx_lock);
    if (blocked && budget)
        netport_unblock(&u->port);
}

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
    struct user *u = opaque;

    netport_input(&u->port, (uint8_t *)buf, len, NULL);
    return (ssize_t)len;
}

/* ---- the main loop ---- */

static int add_poll(int fd, int events, void *opaque)
{
    struct user *u = opaque;
    GPollFD p = {.fd = fd};

    p.events = (gushort)((events & SLIRP_POLL_IN ? G_IO_IN : 0) | (events & SLIRP_POLL_OUT ? G_IO_OUT : 0) |
                         (events & SLIRP_POLL_PRI ? G_IO_PRI : 0) | (events & SLIRP_POLL_ERR ? G_IO_ERR : 0) |
                         (events & SLIRP_POLL_HUP ? G_IO_HUP : 0));
    g_array_append_val(u->wanted, p);
    return (int)u->wanted->len - 1;
}

static int get_revents(int index, void *opaque)
{
    const struct user *u = opaque;
    unsigned revents = index >= 0 && (guint)index < u->fds->len ? g_array_index(u->fds, GPollFD, index).revents : 0;

    return (revents & G_IO_IN ? SLIRP_POLL_IN : 0) | (revents & G_IO_OUT ? SLIRP_POLL_OUT : 0) |
           (revents & G_IO_PRI ? SLIRP_POLL_PRI : 0) | (revents & G_IO_ERR ? SLIRP_POLL_ERR : 0) |
           (revents & G_IO_HUP ? SLIRP_POLL_HUP : 0);
}

static bool same_fds(const GArray *a, const GArray *b)
{
    if (a->len != b->len)
        return false;
    for (guint i = 0; i < a->len; i++) {
        const GPollFD *x = &g_array_index(a, GPollFD, i), *y = &g_array_index(b, GPollFD, i);

        if (x->fd != y->fd || x->events != y->events)
            return false;
    }
    return true;
}

/* The main loop keeps pointers into the array: it is replaced as a whole. */
static void take_wanted(struct user *u)
{
    GArray *old = u->fds;

    if (!same_fds(u->fds, u->wanted)) {
        for (guint i = 0; i < old->len; i++)
            g_source_remove_poll(u->source, &g_array_index(old, GPollFD, i));
        u->fds = u->wanted;
        u->wanted = old;
        for (guint i = 0; i < u->fds->len; i++)
            g_source_add_poll(u->source, &g_array_index(u->fds, GPollFD, i));
    }
    g_array_set_size(u->wanted, 0);
}

static gboolean prepare(GSource *source, gint *timeout)
{
    struct user *u = *(struct user **)(source + 1);
    uint32_t wait_ms = UINT32_MAX;

    g_array_set_size(u->wanted, 0);
    if (u->slirp && netport_wants_input(&u->port))
        slirp_pollfds_fill(u->slirp, &wait_ms, add_poll, u);
    take_wanted(u);
    *timeout = wait_ms > G_MAXINT ? -1 : (gint)wait_ms;
    u->deadline_us = wait_ms > G_MAXINT ? G_MAXINT64 : g_get_monotonic_time() + (gint64)wait_ms * 1000;
    return FALSE;
}

static gboolean check(GSource *source)
{
    const struct user *u = *(struct user **)(source + 1);

    for (guint i = 0; i < u->fds->len; i++) {
        if (g_array_index(u->fds, GPollFD, i).revents)
            return TRUE;
    }
    return u->deadline_us != G_MAXINT64 && g_get_monotonic_time() >= u->deadline_us;
}

static gboolean dispatch(GSource *source, GSourceFunc unused, gpointer unused_data)
{
    struct user *u = *(struct user **)(source + 1);

    (void)unused, (void)unused_data;
    g_source_set_ready_time(source, -1);
    if (!u->slirp)
        return G_SOURCE_CONTINUE;
    send_all(u);
    if (netport_wants_input(&u->port))
        slirp_pollfds_poll(u->slirp, 0, get_revents, u);
    user_accept_forwards(u);
    return G_SOURCE_CONTINUE;
}

/* The card takes frames again. */
static void user_wanted(struct netport *port)
{
    g_source_set_ready_time(((struct user *)port)->source, 0);
}

/* ---- what slirp asks of us ---- */

static void guest_error(const char *msg, void *opaque)
{
    g_debug("netdev %s: %s", ((struct user *)opaque)->port.dev->id, msg); /* whatever a guest sends makes no log */
}

static int64_t clock_get_ns(void *opaque)
{
    (void)opaque;
    return g_get_monotonic_time() * 1000;
}

static void *timer_new_opaque(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    struct user *u = opaque;
    struct user_timer *t = g_new0(struct user_timer, 1);

    *t = (struct user_timer){u, id, cb_opaque, 0};
    u->timers = g_slist_prepend(u->timers, t);
    return t;
}

static void timer_stop(struct user_timer *t)
{
    if (t->source)
        g_source_remove(t->source);
    t->source = 0;
}

static void timer_free(void *timer, void *opaque)
{
    struct user *u = opaque;

    timer_stop(timer);
    u->timers = g_slist_remove(u->timers, timer);
    g_free(timer);
}

static gboolean timer_expired(gpointer opaque)
{
    struct user_timer *t = opaque;

    t->source = 0;
    slirp_handle_timer(t->user->slirp, t->id, t->cb_opaque);
    return G_SOURCE_REMOVE;
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    struct user_timer *t = timer;
    int64_t wait_ms = expire_ms - g_get_monotonic_time() / 1000;

    (void)opaque;
    timer_stop(t);
    t->source = g_timeout_add((guint)CLAMP(wait_ms, 0, G_MAXINT), timer_expired, t);
}

static void ignore_fd(int fd, void *opaque)
{
    (void)fd, (void)opaque;
}

static void notify(void *opaque)
{
    g_source_set_ready_time(((struct user *)opaque)->source, 0);
}

/* ---- life ---- */

static void user_free(struct netport *port)
{
    struct user *u = (struct user *)port;

    if (u->slirp)
        slirp_cleanup(u->slirp);
    while (u->timers)
        timer_free(u->timers->data, u);
    g_source_destroy(u->source);
    g_source_unref(u->source);
    g_ptr_array_free(u->forwards, TRUE);
    g_array_free(u->fds, TRUE);
    g_array_free(u->wanted, TRUE);
    net_queue_free(&u->out);
    pthread_mutex_destroy(&u->lock);
}

static struct user *new_user(struct netdev *dev)
{
    static const struct net_wire_ops ops = {.send = user_send, .wanted = user_wanted, .free = user_free};
    static GSourceFuncs funcs = {.prepare = prepare, .check = check, .dispatch = dispatch};
    struct user *u = netport_new(dev, sizeof(*u), &ops);

    u->fds = g_array_new(FALSE, FALSE, sizeof(GPollFD));
    u->wanted = g_array_new(FALSE, FALSE, sizeof(GPollFD));
    u->forwards = g_ptr_array_new_with_free_func(user_free_forward);
    pthread_mutex_init(&u->lock, NULL);
    u->source = g_source_new(&funcs, sizeof(GSource) + sizeof(struct user *));
    *(struct user **)(u->source + 1) = u;
    g_source_attach(u->source, NULL);
    return u;
}

static bool open_user(struct netdev *dev, GHashTable *opts, GError **error)
{
    static const SlirpCb callbacks = {
        .send_packet = send_packet, .guest_error = guest_error, .clock_get_ns = clock_get_ns,
        .timer_new_opaque = timer_new_opaque, .timer_free = timer_free, .timer_mod = timer_mod,
        .register_poll_fd = ignore_fd, .unregister_poll_fd = ignore_fd, .notify = notify};
    g_autoptr(GPtrArray) keep = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) why = NULL;
    SlirpConfig config = {.version = 4};
    struct user *u;

    if (!slirp_lib_load(&why))
        return netdev_fail(dev, error, "%s", why->message);
    if (!user_read_config(dev, opts, &config, keep, error))
        return false;
    u = new_user(dev);
    u->slirp = slirp_new(&config, &callbacks, u);
    if (!u->slirp)
        return netdev_fail(dev, error, "libslirp does not take these options");
    return user_add_forwards(u, opts, error);
}

const struct netdev_driver netdev_user = {
    "user", "a network of its own behind this process, without any rights (libslirp)", user_options, open_user};
