/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/timer/port61.h"

#include <stdlib.h>

enum { CONTROL_BITS = 0x0f, REFRESH = 0x10 };

struct port61 {
    struct device dev;
    uint8_t control; /* gate 2, speaker, and the two NMI disables */
    bool refresh;
    struct io_region region;
};

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    struct port61 *p = chip;

    (void)off;
    (void)size;
    p->refresh = !p->refresh;
    return p->control | (p->refresh ? REFRESH : 0);
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct port61 *p = chip;

    (void)off;
    (void)size;
    p->control = value & CONTROL_BITS;
}

static const struct io_ops port_ops = {.read = port_read, .write = port_write, .widths = IO_W1};

static void port61_free(struct device *dev)
{
    struct port61 *p = (struct port61 *)dev;

    iomap_remove(dev->env->iomap, &p->region);
    device_fini(dev);
    free(p);
}

static const struct dev_field fields[] = {
    DEV_FIELD(struct port61, U8, control, 0, CONTROL_BITS),
    DEV_FIELD(struct port61, BOOL, refresh, 0, 1),
};

static const struct device_class port61_class = {
    .name = "port61",
    .title = "NMI status and control",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .free = port61_free,
};

struct device *port61_new(const struct dev_env *env, const char *id,
                          const struct port61_config *cfg, char *why, size_t why_size)
{
    struct port61 *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    device_init(&p->dev, &port61_class, env, id);
    p->region = (struct io_region){.name = p->dev.id, .space = IO_PORT, .base = cfg->port,
                                   .size = 1, .ops = &port_ops, .chip = p, .lock = p->dev.lock};
    if (!iomap_add(env->iomap, &p->region, why, why_size)) {
        device_free(&p->dev);
        return NULL;
    }
    device_reset(&p->dev);
    return &p->dev;
}
