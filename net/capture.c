/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)
#define FLUSH_US     50000 /* from the first frame in the buffer to the file */
#define RETRY_US     20000 /* a FIFO that is full */

enum { PCAP_MAGIC = 0xa1b2c3d4, PCAP_MAJOR = 2, PCAP_MINOR = 4, LINKTYPE_ETHERNET = 1 };

struct pcap_file {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, sigfigs, snaplen, linktype;
};

struct pcap_record {
    uint32_t seconds, microseconds, kept, len;
};

struct net_capture {
    struct net_capture *next;
    char *name;
    int fd;
    bool to_guest, from_guest;
    uint32_t maxlen;
    uint64_t limit, written;
    GSource *work;

    pthread_mutex_t lock; /* guards the rest */
    uint8_t *buffer;
    size_t used;
    uint64_t dropped;
    bool ended; /* a write failed, or the limit was reached: nothing more is kept */
};

/* ---- the file ---- */

static void give_up(struct net_capture *c, const char *why)
{
    g_warning("filter-dump %s: %s; the capture ends here", c->name, why);
    pthread_mutex_lock(&c->lock);
    c->ended = true;
    c->used = 0;
    pthread_mutex_unlock(&c->lock);
}

/* Only the main loop takes out of the buffer, so that what it writes stays where it is. */
static void drain(struct net_capture *c)
{
    for (;;) {
        size_t used;
        ssize_t n;

        pthread_mutex_lock(&c->lock);
        used = c->used;
        pthread_mutex_unlock(&c->lock);
        n = used ? write(c->fd, c->buffer, used) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            g_source_set_ready_time(c->work, g_get_monotonic_time() + RETRY_US);
            return;
        }
        if (n < 0)
            give_up(c, g_strerror(errno));
        if (n <= 0)
            return;
        pthread_mutex_lock(&c->lock);
        c->used -= (size_t)n;
        memmove(c->buffer, c->buffer + n, c->used);
        pthread_mutex_unlock(&c->lock);
    }
}

static gboolean work(GSource *source, GSourceFunc unused, gpointer unused_data)
{
    (void)unused, (void)unused_data;
    g_source_set_ready_time(source, -1);
    drain(*(struct net_capture **)(source + 1));
    return G_SOURCE_CONTINUE;
}

static int open_file(const char *path, GError **error)
{
    struct stat st;
    /* Opened for both, a FIFO needs nobody at its other end. */
    bool fifo = !stat(path, &st) && S_ISFIFO(st.st_mode);
    int fd = open(path, fifo ? O_RDWR | O_NONBLOCK | O_CLOEXEC : O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot write %s: %s", path,
                    g_strerror(errno));
    return fd;
}

static void append(struct net_capture *c, const void *data, size_t len)
{
    memcpy(c->buffer + c->used, data, len);
    c->used += len;
    c->written += len;
}

struct net_capture *net_capture_open(const char *name, const struct netdev_capture_options *o, GError **error)
{
    static GSourceFuncs funcs = {.dispatch = work};
    const struct pcap_file header = {.magic = PCAP_MAGIC, .major = PCAP_MAJOR, .minor = PCAP_MINOR,
                                     .snaplen = o->maxlen, .linktype = LINKTYPE_ETHERNET};
    int fd = open_file(o->file, error);
    struct net_capture *c;

    if (fd < 0)
        return NULL;
    c = g_new0(struct net_capture, 1);
    c->name = g_strdup(name);
    c->fd = fd;
    c->to_guest = o->to_guest;
    c->from_guest = o->from_guest;
    c->maxlen = o->maxlen;
    c->limit = o->limit;
    c->buffer = g_malloc(BUFFER_BYTES);
    pthread_mutex_init(&c->lock, NULL);
    c->work = g_source_new(&funcs, sizeof(GSource) + sizeof(struct net_capture *));
    *(struct net_capture **)(c->work + 1) = c;
    g_source_attach(c->work, NULL);
    append(c, &header, sizeof(header));
    drain(c);
    return c;
}

void net_capture_close(struct net_capture *c)
{
    drain(c);
    g_source_destroy(c->work);
    g_source_unref(c->work);
    close(c->fd);
    pthread_mutex_destroy(&c->lock);
    g_free(c->buffer);
    g_free(c->name);
    g_free(c);
}

struct net_capture *net_capture_next(const struct net_capture *c) { return c->next; }
void net_capture_chain(struct net_capture *c, struct net_capture *next) { c->next = next; }
void net_capture_flush(struct net_capture *c) { drain(c); }

/* ---- frames ---- */

static void append_iov(struct net_capture *c, const struct iovec *iov, int iovcnt, size_t len)
{
    for (int i = 0; i < iovcnt && len; i++) {
        size_t n = MIN(len, iov[i].iov_len);

        if (n)
            append(c, iov[i].iov_base, n);
        len -= n;
    }
}

/* True: it has just reached its limit, which is to be said once. */
static bool record(struct net_capture *c, const struct pcap_record *r, const struct iovec *iov, int iovcnt)
{
    size_t bytes = sizeof(*r) + r->kept;

    if (c->ended)
        return false;
    if (c->limit && c->written + bytes > c->limit) {
        c->ended = true;
        return true;
    }
    if (bytes > BUFFER_BYTES - c->used) {
        c->dropped++;
        return false;
    }
    if (!c->used)
        g_source_set_ready_time(c->work, g_get_monotonic_time() + FLUSH_US);
    else if (c->used + bytes > BUFFER_BYTES / 2)
        g_source_set_ready_time(c->work, 0);
    append(c, r, sizeof(*r));
    append_iov(c, iov, iovcnt, r->kept);
    return false;
}

void net_capture_frame(struct net_capture *c, bool to_guest, const struct iovec *iov, int iovcnt, size_t len)
{
    gint64 now = g_get_real_time();
    const struct pcap_record r = {(uint32_t)(now / G_USEC_PER_SEC), (uint32_t)(now % G_USEC_PER_SEC),
                                  (uint32_t)MIN(len, c->maxlen), (uint32_t)len};
    bool full;

    if (!(to_guest ? c->to_guest : c->from_guest))
        return;
    pthread_mutex_lock(&c->lock);
    full = record(c, &r, iov, iovcnt);
    pthread_mutex_unlock(&c->lock);
    if (full)
        g_warning("filter-dump %s: its limit= is reached; the capture ends here", c->name);
}

uint64_t net_capture_dropped(struct net_capture *c)
{
    uint64_t n;

    pthread_mutex_lock(&c->lock);
    n = c->dropped;
    pthread_mutex_unlock(&c->lock);
    return n;
}
