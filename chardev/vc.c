/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chardev/vc.h"

#include "chardev/core.h"

struct vc_end {
    chardev_vc_sink sink; /* NULL: a free place */
    void (*more)(void *opaque);
    void *opaque;
};

struct vc {
    struct chardev chr;
    pthread_mutex_t lock; /* the ends are changed while vCPUs write */
    struct vc_end ends[CHARDEV_VC_SINKS];
};

static size_t vc_forward(struct chardev *chr, const void *buf, size_t len)
{
    struct vc *vc = (struct vc *)chr;

    pthread_mutex_lock(&vc->lock);
    for (unsigned i = 0; i < CHARDEV_VC_SINKS; i++) {
        if (vc->ends[i].sink)
            vc->ends[i].sink(vc->ends[i].opaque, buf, len);
    }
    pthread_mutex_unlock(&vc->lock);
    return len;
}

static void vc_accept_input(struct chardev *chr)
{
    struct vc *vc = (struct vc *)chr;

    for (unsigned i = 0; i < CHARDEV_VC_SINKS; i++) {
        if (vc->ends[i].more)
            vc->ends[i].more(vc->ends[i].opaque);
    }
}

static void vc_free(struct chardev *chr)
{
    pthread_mutex_destroy(&((struct vc *)chr)->lock);
}

static const struct chardev_ops vc_ops = {
    .forward = vc_forward, .accept_input = vc_accept_input, .free = vc_free};

struct chardev *chardev_vc_new(const char *label)
{
    struct vc *vc = g_new0(struct vc, 1);

    pthread_mutex_init(&vc->lock, NULL);
    chardev_init(&vc->chr, &vc_ops, label);
    chardev_set_filename(&vc->chr, "vc");
    return &vc->chr;
}

/* From opaque `from` to this end, or from a free place; false: there is none. */
static bool replace(struct vc *vc, void *from, const struct vc_end *to)
{
    bool done = false;

    pthread_mutex_lock(&vc->lock);
    for (unsigned i = 0; i < CHARDEV_VC_SINKS && !done; i++) {
        struct vc_end *end = &vc->ends[i];

        if (from ? end->sink && end->opaque == from : !end->sink) {
            *end = *to;
            done = true;
        }
    }
    pthread_mutex_unlock(&vc->lock);
    return done;
}

static unsigned ends_in_use(const struct vc *vc)
{
    unsigned count = 0;

    for (unsigned i = 0; i < CHARDEV_VC_SINKS; i++)
        count += vc->ends[i].sink != NULL;
    return count;
}

void chardev_vc_add_sink(struct chardev *chr, chardev_vc_sink sink, void (*more)(void *opaque),
                         void *opaque)
{
    struct vc *vc = (struct vc *)chr;
    const struct vc_end end = {sink, more, opaque};

    if (replace(vc, NULL, &end) && ends_in_use(vc) == 1)
        chardev_peer_opened(chr, -1, -1);
}

void chardev_vc_remove_sink(struct chardev *chr, void *opaque)
{
    struct vc *vc = (struct vc *)chr;
    const struct vc_end none = {NULL, NULL, NULL};

    if (replace(vc, opaque, &none) && !ends_in_use(vc) && chardev_connected(chr))
        chardev_peer_gone(chr);
}

size_t chardev_vc_type(struct chardev *chr, const uint8_t *buf, size_t len)
{
    size_t n = MIN(len, chardev_input_room(chr));

    if (n)
        chardev_input(chr, buf, n);
    return n;
}
