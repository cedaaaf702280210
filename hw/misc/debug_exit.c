/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/misc/debug_exit.h"

#include <stdlib.h>

struct debug_exit {
    struct device dev;
    struct io_region ports;
    bool asked; /* the first write counts: a wide one may arrive as several */
};

static const struct dev_field fields[] = {DEV_FIELD(struct debug_exit, BOOL, asked, 0, 1)};

static uint64_t ports_read(void *chip, uint64_t off, unsigned size)
{
    (void)chip;
    (void)off;
    (void)size;
    return 0;
}

static void ports_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct debug_exit *d = chip;

    (void)off;
    (void)size;
    if (d->asked)
        return;
    d->asked = true;
    machine_request(&d->dev.env->machine, MACHINE_EXIT, ((unsigned)value << 1) | 1);
}

static const struct io_ops port_ops = {
    .read = ports_read, .write = ports_write, .widths = IO_W1 | IO_W2 | IO_W4};

static void debug_exit_free(struct device *dev)
{
    struct debug_exit *d = (struct debug_exit *)dev;

    iomap_remove(dev->env->iomap, &d->ports);
    device_fini(dev);
    free(d);
}

static const struct device_class debug_exit_class = {
    .name = "isa-debug-exit",
    .title = "a port that ends the process with an exit code",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .free = debug_exit_free,
};

struct device *isa_debug_exit_new(const struct dev_env *env, const char *id,
                                  const struct isa_debug_exit_config *cfg, char *why,
                                  size_t why_size)
{
    struct debug_exit *d = calloc(1, sizeof(*d));

    if (!d)
        abort();
    device_init(&d->dev, &debug_exit_class, env, id);
    d->ports = (struct io_region){.name = d->dev.id, .space = IO_PORT, .base = cfg->iobase,
                                  .size = cfg->iosize, .ops = &port_ops, .chip = d,
                                  .lock = d->dev.lock};
    if (!iomap_add(env->iomap, &d->ports, why, why_size)) {
        device_fini(&d->dev);
        free(d);
        return NULL;
    }
    device_reset(&d->dev);
    return &d->dev;
}
