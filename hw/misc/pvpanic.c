/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/misc/pvpanic.h"

#include <stdlib.h>

struct pvpanic {
    struct device dev;
    struct io_region port;
    uint8_t events; /* that are offered */
    uint8_t last;   /* what the guest wrote last, for whoever looks */
};

static const struct dev_field fields[] = {DEV_FIELD(struct pvpanic, U8, last, 0, 0xff)};

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    struct pvpanic *p = chip;

    (void)off;
    (void)size;
    return p->events;
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct pvpanic *p = chip;
    unsigned told = (unsigned)value & p->events;

    (void)off;
    (void)size;
    p->last = (uint8_t)value;
    if (value & ~(uint64_t)p->events)
        device_guest_error(&p->dev, "event %02x is none of those offered, %02x", (unsigned)value, p->events);
    if (told & PVPANIC_PANICKED)
        machine_request(&p->dev.env->machine, MACHINE_PANICKED, 0);
    if (told & PVPANIC_CRASHLOADED)
        machine_request(&p->dev.env->machine, MACHINE_CRASHLOADED, 0);
}

static const struct io_ops port_ops = {.read = port_read, .write = port_write, .widths = IO_W1};

static void pvpanic_free(struct device *dev)
{
    struct pvpanic *p = (struct pvpanic *)dev;

    iomap_remove(dev->env->iomap, &p->port);
    device_fini(dev);
    free(p);
}

static const struct device_class pvpanic_class = {
    .name = "pvpanic",
    .title = "a port by which the guest says that it has crashed",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .free = pvpanic_free,
};

struct device *pvpanic_isa_new(const struct dev_env *env, const char *id, const struct pvpanic_isa_config *cfg,
                               char *why, size_t why_size)
{
    struct pvpanic *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    device_init(&p->dev, &pvpanic_class, env, id);
    p->events = cfg->events & (PVPANIC_PANICKED | PVPANIC_CRASHLOADED);
    p->port = (struct io_region){.name = p->dev.id, .space = IO_PORT, .base = cfg->iobase, .size = 1,
                                 .ops = &port_ops, .chip = p, .lock = p->dev.lock};
    if (!iomap_add(env->iomap, &p->port, why, why_size)) {
        device_fini(&p->dev);
        free(p);
        return NULL;
    }
    device_reset(&p->dev);
    return &p->dev;
}
