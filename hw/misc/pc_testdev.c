/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/misc/pc_testdev.h"

#include <stdlib.h>
#include <string.h>

enum { REGION_PORT, REGION_BYTES, REGION_IRQ, REGION_MEM, REGIONS };

struct testdev {
    struct device dev;
    struct pc_testdev_config cfg;
    struct io_region region[REGIONS];
    uint32_t value;                /* of the ports */
    uint32_t levels;               /* of the interrupt lines, a bit each */
    uint8_t memory[PC_TESTDEV_MEM_BYTES];
};

static const struct dev_field fields[] = {
    DEV_FIELD(struct testdev, U32, value, 0, 0),
    DEV_FIELD(struct testdev, U32, levels, 0, (1u << PC_TESTDEV_LINES) - 1),
    DEV_FIELD_BYTES(struct testdev, memory),
};

/* ---- the register: off + size is at most 4, since the region ends there ---- */

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    struct testdev *t = chip;
    uint64_t mask = (1ull << 8 * size) - 1;

    return t->value >> 8 * off & mask;
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct testdev *t = chip;
    uint64_t mask = ((1ull << 8 * size) - 1) << 8 * off;

    t->value = (uint32_t)((t->value & ~mask) | (value << 8 * off & mask));
}

/* ---- interrupt lines ---- */

static void set_pins(struct testdev *t)
{
    for (unsigned i = 0; i < PC_TESTDEV_LINES; i++)
        irq_pin_set(&t->cfg.line[i], t->levels >> i & 1);
}

static uint64_t irq_read(void *chip, uint64_t off, unsigned size)
{
    struct testdev *t = chip;

    (void)size;
    return t->levels >> off & 1;
}

static void irq_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct testdev *t = chip;

    (void)size;
    t->levels = value & 0xff ? t->levels | 1u << off : t->levels & ~(1u << off);
    set_pins(t);
}

/* ---- memory ---- */

static uint64_t mem_read(void *chip, uint64_t off, unsigned size)
{
    struct testdev *t = chip;
    uint64_t value = 0;

    memcpy(&value, t->memory + off, size);
    return value;
}

static void mem_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct testdev *t = chip;

    memcpy(t->memory + off, &value, size);
}

/* ---- set-up ---- */

static const struct io_ops port_ops = {.read = port_read, .write = port_write, .widths = IO_W1 | IO_W2 | IO_W4};
static const struct io_ops byte_ops = {.read = port_read, .write = port_write, .widths = IO_W1};
static const struct io_ops irq_ops = {.read = irq_read, .write = irq_write, .widths = IO_W1};
static const struct io_ops mem_ops = {.read = mem_read, .write = mem_write, .widths = IO_W1 | IO_W2 | IO_W4 | IO_W8};

static const struct {
    enum io_space space;
    uint64_t base, size;
    const struct io_ops *ops;
} places[REGIONS] = {
    [REGION_PORT] = {IO_PORT, PC_TESTDEV_PORT, 4, &port_ops},
    [REGION_BYTES] = {IO_PORT, PC_TESTDEV_BYTES, 4, &byte_ops},
    [REGION_IRQ] = {IO_PORT, PC_TESTDEV_IRQ, PC_TESTDEV_LINES, &irq_ops},
    [REGION_MEM] = {IO_MEM, PC_TESTDEV_MEM, PC_TESTDEV_MEM_BYTES, &mem_ops},
};

static void testdev_reset(struct device *dev)
{
    set_pins((struct testdev *)dev);
}

static const char *testdev_post_load(struct device *dev)
{
    set_pins((struct testdev *)dev);
    return NULL;
}

static void testdev_free(struct device *dev)
{
    struct testdev *t = (struct testdev *)dev;

    for (unsigned i = 0; i < REGIONS; i++) {
        if (t->region[i].ops)
            iomap_remove(dev->env->iomap, &t->region[i]);
    }
    device_fini(dev);
    free(t);
}

static const struct device_class testdev_class = {
    .name = "pc-testdev",
    .title = "registers, memory and interrupt lines for kvm-unit-tests",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = testdev_reset,
    .post_load = testdev_post_load,
    .free = testdev_free,
};

struct device *pc_testdev_new(const struct dev_env *env, const char *id, const struct pc_testdev_config *cfg, char *why,
                              size_t why_size)
{
    struct testdev *t = calloc(1, sizeof(*t));

    if (!t)
        abort();
    device_init(&t->dev, &testdev_class, env, id);
    t->cfg = *cfg;
    for (unsigned i = 0; i < REGIONS; i++) {
        t->region[i] = (struct io_region){.name = t->dev.id, .space = places[i].space, .base = places[i].base,
                                          .size = places[i].size, .ops = places[i].ops, .chip = t,
                                          .lock = t->dev.lock};
        if (!iomap_add(env->iomap, &t->region[i], why, why_size)) {
            t->region[i].ops = NULL;
            testdev_free(&t->dev);
            return NULL;
        }
    }
    device_reset(&t->dev);
    return &t->dev;
}
