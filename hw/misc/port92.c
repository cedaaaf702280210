/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/misc/port92.h"

#include <stdlib.h>

enum { FAST_RESET = 0x01, A20_GATE = 0x02, PORT92_BITS = 0x0b /* bit 3: the CMOS lock */ };

struct port92 {
    struct device dev;
    uint8_t value;
    struct io_region region;
};

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    const struct port92 *p = chip;

    (void)off;
    (void)size;
    return p->value;
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct port92 *p = chip;
    bool rises = (value & FAST_RESET) && !(p->value & FAST_RESET);

    (void)off;
    (void)size;
    p->value = value & PORT92_BITS;
    if (rises)
        machine_request(&p->dev.env->machine, MACHINE_RESET, 0);
}

static const struct io_ops port_ops = {.read = port_read, .write = port_write, .widths = IO_W1};

static void port92_free(struct device *dev)
{
    struct port92 *p = (struct port92 *)dev;

    iomap_remove(dev->env->iomap, &p->region);
    device_fini(dev);
    free(p);
}

/* The A20 gate is open after reset: the processor starts above 1 MiB. */
static const struct dev_field fields[] = {
    DEV_FIELD(struct port92, U8, value, A20_GATE, PORT92_BITS),
};

static const struct device_class port92_class = {
    .name = "port92",
    .title = "system control port A",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .free = port92_free,
};

struct device *port92_new(const struct dev_env *env, const char *id,
                          const struct port92_config *cfg, char *why, size_t why_size)
{
    struct port92 *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    device_init(&p->dev, &port92_class, env, id);
    p->region = (struct io_region){.name = p->dev.id, .space = IO_PORT, .base = cfg->port,
                                   .size = 1, .ops = &port_ops, .chip = p, .lock = p->dev.lock};
    if (!iomap_add(env->iomap, &p->region, why, why_size)) {
        device_free(&p->dev);
        return NULL;
    }
    device_reset(&p->dev);
    return &p->dev;
}
