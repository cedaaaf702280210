/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/misc/debugcon.h"

#include <stdlib.h>

struct debugcon {
    struct device dev;
    struct isa_debugcon_config cfg;
    struct io_region port;
    uint64_t dropped; /* bytes that the back end had no room for, since reset */
};

static const struct dev_field fields[] = {DEV_FIELD(struct debugcon, U64, dropped, 0, 0)};

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    struct debugcon *d = chip;

    (void)off;
    (void)size;
    return d->cfg.readback;
}

static uint32_t port_write_string(void *chip, uint64_t off, unsigned size, const void *buf,
                                  uint32_t count)
{
    struct debugcon *d = chip;

    (void)off;
    (void)size;
    if (d->cfg.chr)
        d->dropped += count - chardev_write(d->cfg.chr, buf, count);
    return count;
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    uint8_t byte = (uint8_t)value;

    port_write_string(chip, off, size, &byte, 1);
}

static const struct io_ops port_ops = {
    .read = port_read, .write = port_write, .write_string = port_write_string, .widths = IO_W1};

/* Nobody reads the other way: input is thrown away, so that a peer that types is not stuck. */
static size_t can_receive(void *opaque)
{
    (void)opaque;
    return 256;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    (void)opaque;
    (void)buf;
    (void)len;
}

static const struct chardev_fe_ops fe_ops = {can_receive, receive, NULL, NULL};

static void debugcon_free(struct device *dev)
{
    struct debugcon *d = (struct debugcon *)dev;

    if (d->cfg.chr)
        chardev_attach(d->cfg.chr, NULL, NULL, NULL);
    iomap_remove(dev->env->iomap, &d->port);
    device_fini(dev);
    free(d);
}

static const struct device_class debugcon_class = {
    .name = "isa-debugcon",
    .title = "debug console: a port that prints",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .free = debugcon_free,
};

struct device *isa_debugcon_new(const struct dev_env *env, const char *id,
                                const struct isa_debugcon_config *cfg, char *why, size_t why_size)
{
    struct debugcon *d = calloc(1, sizeof(*d));

    if (!d)
        abort();
    device_init(&d->dev, &debugcon_class, env, id);
    d->cfg = *cfg;
    d->port = (struct io_region){.name = d->dev.id, .space = IO_PORT, .base = cfg->iobase,
                                 .size = 1, .ops = &port_ops, .chip = d, .lock = d->dev.lock};
    if (!iomap_add(env->iomap, &d->port, why, why_size)) {
        device_fini(&d->dev);
        free(d);
        return NULL;
    }
    device_reset(&d->dev);
    if (cfg->chr)
        chardev_attach(cfg->chr, &fe_ops, d, d->dev.lock);
    return &d->dev;
}
