/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/rng.h"

#include <stdio.h>
#include <stdlib.h>

#include "hw/virtio/virtio.h"

#define QUEUE_SIZE 8
#define MOST_BYTES 4096 /* of one buffer; the driver is told how much it got */

struct virtio_rng {
    struct virtio v;
    struct entropy_port entropy;
    struct virtq_chain chain;
};

static const struct dev_field fields[] = {VIRTIO_FIELDS(struct virtio_rng, v)};

static uint32_t fill(struct virtio_rng *r)
{
    uint8_t bytes[MOST_BYTES];
    size_t count = r->chain.in_bytes < sizeof(bytes) ? (size_t)r->chain.in_bytes : sizeof(bytes);

    if (!r->entropy.fill(r->entropy.opaque, bytes, count) || !virtq_write(&r->v.q[0], &r->chain, 0, bytes, count))
        return 0;
    return (uint32_t)count;
}

static void kick(struct virtio *v, unsigned n)
{
    struct virtio_rng *r = (struct virtio_rng *)v;

    for (unsigned i = 0; i < v->q[n].size; i++) {
        if (virtq_pop(&v->q[n], &r->chain) != VIRTQ_GOT)
            return;
        virtio_complete(v, n, r->chain.head, fill(r));
    }
    virtio_kick_later(v, n);
}

static const struct virtio_ops ops = {.kick = kick};

static void reset(struct device *dev)
{
    virtio_device_reset((struct virtio *)dev);
}

static const char *post_load(struct device *dev)
{
    return virtio_post_load((struct virtio *)dev, NULL);
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

    if (!r) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    r->entropy = cfg->entropy;
    if (virtio_init(&r->v, &rng_class, &ops, env, id, &common, why, why_size) &&
        virtio_attach(&r->v, bus, devfn, why, why_size))
        return &r->v.pci.dev;
    rng_free(&r->v.pci.dev);
    return NULL;
}
