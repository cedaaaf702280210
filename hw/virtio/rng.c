/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/rng.h"

#include <stdio.h>
#include <stdlib.h>

#include "hw/virtio/virtio.h"

#define QUEUE_SIZE 8
#define MOST_BYTES 4096 /* of one buffer; the driver is told how much it got */
#define RETRY_NS 100000000 /* until a source that had nothing is asked again */
#define MS_NS 1000000

struct virtio_rng {
    struct virtio v;
    struct entropy_port entropy;
    struct virtq_chain chain;
    struct vtimer retry; /* armed while buffers wait */
    /* The user's limit: no reset gives the guest more. */
    uint64_t max_bytes, left;
    int64_t period_ns, period_end_ns;
};

static const struct dev_field fields[] = {VIRTIO_FIELDS(struct virtio_rng, v)};

/* How many bytes it may have now. */
static uint64_t allowance(struct virtio_rng *r)
{
    int64_t now = vclock_now_ns(r->v.pci.dev.env->clock);

    if (!r->max_bytes)
        return MOST_BYTES;
    if (now >= r->period_end_ns) {
        r->period_end_ns = now + r->period_ns;
        r->left = r->max_bytes;
    }
    return r->left;
}

/* False: there is nothing to give yet. *given is 0 for a buffer that takes none. */
static bool fill(struct virtio_rng *r, uint64_t most, uint32_t *given)
{
    uint8_t bytes[MOST_BYTES];
    size_t count = r->chain.in_bytes < most ? (size_t)r->chain.in_bytes : (size_t)most;

    *given = 0;
    if (count > sizeof(bytes))
        count = sizeof(bytes);
    if (!count)
        return true;
    count = r->entropy.fill(r->entropy.opaque, bytes, count);
    if (!count)
        return false;
    if (r->max_bytes)
        r->left -= count;
    if (virtq_write(&r->v.q[0], &r->chain, 0, bytes, count))
        *given = (uint32_t)count;
    return true;
}

static void kick(struct virtio *v, unsigned n)
{
    struct virtio_rng *r = (struct virtio_rng *)v;

    for (unsigned i = 0; i < v->q[n].size; i++) {
        uint64_t most = allowance(r);
        uint32_t given;

        if (!most) {
            vtimer_arm(&r->retry, r->period_end_ns);
            return;
        }
        if (virtq_pop(&v->q[n], &r->chain) != VIRTQ_GOT)
            return;
        if (!fill(r, most, &given)) {
            virtq_unpop(&v->q[n], 1);
            vtimer_arm(&r->retry, vclock_now_ns(v->pci.dev.env->clock) + RETRY_NS);
            return;
        }
        virtio_complete(v, n, r->chain.head, given);
    }
    virtio_kick_later(v, n);
}

static void try_again(void *opaque)
{
    virtio_kick(opaque, 0);
}

static void give_up(struct virtio *v)
{
    vtimer_cancel(&((struct virtio_rng *)v)->retry);
}

static const struct virtio_ops ops = {.kick = kick, .give_up = give_up};

static void reset(struct device *dev)
{
    virtio_device_reset((struct virtio *)dev);
}

/* Buffers may have been waiting. */
static const char *post_load(struct device *dev)
{
    struct virtio_rng *r = (struct virtio_rng *)dev;
    const char *fault = virtio_post_load(&r->v, NULL);

    if (!fault && virtio_running(&r->v))
        vtimer_arm(&r->retry, vclock_now_ns(dev->env->clock));
    return fault;
}

static void rng_free(struct device *dev)
{
    virtio_fini((struct virtio *)dev);
    free(dev);
}

static const struct device_class rng_class = {
    .name = "virtio-rng-pci",
    .title = "entropy for the guest, from the host's",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = rng_free,
};

struct device *virtio_rng_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                              const struct virtio_rng_config *cfg, char *why, size_t why_size)
{
    const struct virtio_config common = {
        .type = 4,
        .legacy_id = 0x1005,
        .class_code = 0x00ff00, /* unclassified */
        .queues = 1,
        .queue_size = QUEUE_SIZE,
        .options = cfg->options,
    };
    struct virtio_rng *r = calloc(1, sizeof(*r));
    bool good;

    if (!r) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    r->entropy = cfg->entropy;
    r->max_bytes = cfg->max_bytes;
    r->period_ns = (int64_t)cfg->period_ms * MS_NS;
    good = virtio_init(&r->v, &rng_class, &ops, env, id, &common, why, why_size);
    vtimer_init(&r->retry, env->clock, r->v.pci.dev.lock, try_again, r);
    if (good && virtio_attach(&r->v, bus, devfn, why, why_size))
        return &r->v.pci.dev;
    rng_free(&r->v.pci.dev);
    return NULL;
}
