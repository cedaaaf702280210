/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/misc/elcr.h"

#include <stdlib.h>

/* Interrupts 0, 1, 2, 8 and 13 are edge for good. */
static const uint8_t writable[2] = {0xf8, 0xde};

struct elcr {
    struct device dev;
    uint8_t level[2];
    struct elcr_port out;
    uint16_t told; /* derived */
    struct io_region region;
};

static void derive(struct elcr *e)
{
    uint16_t level = (uint16_t)(e->level[0] | e->level[1] << 8);

    if (level == e->told)
        return;
    e->told = level;
    if (e->out.set)
        e->out.set(e->out.opaque, level);
}

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    const struct elcr *e = chip;

    (void)size;
    return e->level[off];
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct elcr *e = chip;

    (void)size;
    e->level[off] = value & writable[off];
    derive(e);
}

static const struct io_ops port_ops = {.read = port_read, .write = port_write, .widths = IO_W1};

static void reset(struct device *dev)
{
    derive((struct elcr *)dev);
}

static const char *post_load(struct device *dev)
{
    struct elcr *e = (struct elcr *)dev;

    if ((e->level[0] & ~writable[0]) || (e->level[1] & ~writable[1]))
        return "an interrupt is level that cannot be";
    derive(e);
    return NULL;
}

static void elcr_free(struct device *dev)
{
    struct elcr *e = (struct elcr *)dev;

    iomap_remove(dev->env->iomap, &e->region);
    device_fini(dev);
    free(e);
}

static const struct dev_field fields[] = {DEV_FIELD_ARRAY(struct elcr, U8, level, 0, 0)};

static const struct device_class elcr_class = {
    .name = "elcr",
    .title = "edge/level control registers",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = elcr_free,
};

struct device *elcr_new(const struct dev_env *env, const char *id, const struct elcr_config *cfg,
                        char *why, size_t why_size)
{
    struct elcr *e = calloc(1, sizeof(*e));

    if (!e)
        abort();
    device_init(&e->dev, &elcr_class, env, id);
    e->out = cfg->out;
    e->region = (struct io_region){.name = e->dev.id, .space = IO_PORT, .base = cfg->port,
                                   .size = 2, .ops = &port_ops, .chip = e, .lock = e->dev.lock};
    if (!iomap_add(env->iomap, &e->region, why, why_size)) {
        device_free(&e->dev);
        return NULL;
    }
    device_reset(&e->dev);
    return &e->dev;
}
