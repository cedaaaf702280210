/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "memory": the peer is the test in this process. */
#include <errno.h>
#include <string.h>

#include "chardev/chardev_backends.h"
#include "chardev/core.h"

#define DEFAULT_ROOM_BYTES (1024 * 1024)

struct memory {
    struct chardev chr;
    GByteArray *taken; /* written by the front end; under chr.lock */
    size_t room;       /* how long it may get */
};

static ssize_t memory_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct memory *m = (struct memory *)chr;
    size_t n = m->room > m->taken->len ? MIN(len, m->room - m->taken->len) : 0;

    if (!n) {
        errno = EAGAIN;
        return -1;
    }
    g_byte_array_append(m->taken, buf, (guint)n);
    return (ssize_t)n;
}

static void memory_free(struct chardev *chr)
{
    g_byte_array_unref(((struct memory *)chr)->taken);
}

static const struct chardev_ops memory_ops = {.write = memory_write, .free = memory_free};

struct chardev *chardev_memory_open(const char *label, GHashTable *opts, GError **error)
{
    struct memory *m = g_new0(struct memory, 1);

    (void)opts;
    (void)error;
    chardev_init(&m->chr, &memory_ops, label);
    chardev_set_filename(&m->chr, "memory");
    m->taken = g_byte_array_new();
    m->room = DEFAULT_ROOM_BYTES;
    chardev_peer_opened(&m->chr, -1, -1);
    return &m->chr;
}

void chardev_memory_connect(struct chardev *chr, bool connected)
{
    if (connected == chardev_connected(chr))
        return;
    if (connected)
        chardev_peer_opened(chr, -1, -1);
    else
        chardev_peer_gone(chr);
}

static void room_again(struct chardev *chr)
{
    chr->blocked = false;
    pthread_mutex_unlock(&chr->lock);
    chardev_kick(chr);
}

void chardev_memory_set_room(struct chardev *chr, size_t bytes)
{
    pthread_mutex_lock(&chr->lock);
    ((struct memory *)chr)->room = bytes;
    room_again(chr);
}

size_t chardev_memory_take(struct chardev *chr, void *buf, size_t size)
{
    struct memory *m = (struct memory *)chr;
    size_t n;

    pthread_mutex_lock(&chr->lock);
    n = MIN(size, m->taken->len);
    if (n) {
        memcpy(buf, m->taken->data, n);
        g_byte_array_remove_range(m->taken, 0, (guint)n);
    }
    room_again(chr);
    return n;
}

size_t chardev_memory_feed(struct chardev *chr, const void *buf, size_t len)
{
    size_t n = MIN(len, chardev_input_room(chr));

    chardev_input(chr, buf, n);
    return n;
}
