/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chardev/vc.h"

#include "chardev/core.h"

struct vc {
    struct chardev chr;
    pthread_mutex_t lock; /* the sink is changed while vCPUs write */
    chardev_vc_sink sink;
    void *opaque;
};

static size_t vc_forward(struct chardev *chr, const void *buf, size_t len)
{
    struct vc *vc = (struct vc *)chr;

    pthread_mutex_lock(&vc->lock);
    if (vc->sink)
        vc->sink(vc->opaque, buf, len);
    pthread_mutex_unlock(&vc->lock);
    return len;
}

static void vc_free(struct chardev *chr)
{
    pthread_mutex_destroy(&((struct vc *)chr)->lock);
}

static const struct chardev_ops vc_ops = {.forward = vc_forward, .free = vc_free};

struct chardev *chardev_vc_new(const char *label)
{
    struct vc *vc = g_new0(struct vc, 1);

    pthread_mutex_init(&vc->lock, NULL);
    chardev_init(&vc->chr, &vc_ops, label);
    chardev_set_filename(&vc->chr, "vc");
    return &vc->chr;
}

void chardev_vc_set_sink(struct chardev *chr, chardev_vc_sink sink, void *opaque)
{
    struct vc *vc = (struct vc *)chr;

    pthread_mutex_lock(&vc->lock);
    vc->sink = sink;
    vc->opaque = opaque;
    pthread_mutex_unlock(&vc->lock);
    if (sink)
        chardev_peer_opened(chr, -1, -1);
    else if (chardev_connected(chr))
        chardev_peer_gone(chr);
}
