/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "ringbuf": the last bytes of the output, kept in memory until the monitor reads them. The oldest give way. */
#include <string.h>

#include "chardev/chardev_backends.h"
#include "chardev/core.h"

#define DEFAULT_BYTES 65536u
#define MAX_BYTES     (64u << 20)

struct ringbuf {
    struct chardev chr;
    uint8_t *data; /* the rest under chr.lock */
    size_t size, head, used;
};

static void put(struct ringbuf *r, const uint8_t *buf, size_t len)
{
    size_t skip = len > r->size ? len - r->size : 0, at, first;

    r->chr.dropped += skip;
    buf += skip;
    len -= skip;
    if (len > r->size - r->used) {
        size_t lost = len - (r->size - r->used);

        r->head = (r->head + lost) % r->size;
        r->used -= lost;
        r->chr.dropped += lost;
    }
    at = (r->head + r->used) % r->size;
    first = MIN(len, r->size - at);
    memcpy(r->data + at, buf, first);
    memcpy(r->data, buf + first, len - first);
    r->used += len;
}

static size_t ringbuf_forward(struct chardev *chr, const void *buf, size_t len)
{
    pthread_mutex_lock(&chr->lock);
    put((struct ringbuf *)chr, buf, len);
    pthread_mutex_unlock(&chr->lock);
    return len;
}

static void ringbuf_free(struct chardev *chr)
{
    g_free(((struct ringbuf *)chr)->data);
}

static const struct chardev_ops ringbuf_ops = {.forward = ringbuf_forward, .free = ringbuf_free};

struct chardev *chardev_ringbuf_open(const char *label, GHashTable *opts, GError **error)
{
    const char *word = opts_get(opts, "size");
    uint64_t size = word ? chardev_opt_size(word) : DEFAULT_BYTES;
    struct ringbuf *r;

    if (!size || (size & (size - 1)) || size > MAX_BYTES)
        return chardev_fail(error, label, "size=%s: a power of two of at most 64M is expected", word);
    r = g_new0(struct ringbuf, 1);
    chardev_init(&r->chr, &ringbuf_ops, label);
    chardev_set_filename(&r->chr, "ringbuf");
    r->size = size;
    r->data = g_malloc(size);
    chardev_peer_opened(&r->chr, -1, -1);
    return &r->chr;
}

bool chardev_is_ringbuf(const struct chardev *chr)
{
    return chr->ops == &ringbuf_ops;
}

size_t chardev_ringbuf_take(struct chardev *chr, void *buf, size_t size)
{
    struct ringbuf *r = (struct ringbuf *)chr;
    size_t n, first;

    pthread_mutex_lock(&chr->lock);
    n = MIN(size, r->used);
    first = MIN(n, r->size - r->head);
    memcpy(buf, r->data + r->head, first);
    memcpy((uint8_t *)buf + first, r->data, n - first);
    r->head = (r->head + n) % r->size;
    r->used -= n;
    pthread_mutex_unlock(&chr->lock);
    return n;
}

size_t chardev_ringbuf_used(struct chardev *chr)
{
    size_t n;

    pthread_mutex_lock(&chr->lock);
    n = ((struct ringbuf *)chr)->used;
    pthread_mutex_unlock(&chr->lock);
    return n;
}
