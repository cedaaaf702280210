/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/misc/post_port.h"

#include <stdlib.h>

struct post_port {
    struct device dev;
    struct io_region port;
    uint8_t code;   /* the last one written; a card's display keeps it over a reset */
    uint64_t count; /* writes since reset */
};

static const struct dev_field fields[] = {
    DEV_FIELD_KEEP(struct post_port, U8, code, 0xff),
    DEV_FIELD(struct post_port, U64, count, 0, 0),
};

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    struct post_port *p = chip;

    (void)off;
    (void)size;
    return p->code;
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct post_port *p = chip;

    (void)off;
    (void)size;
    p->code = (uint8_t)value;
    p->count++;
}

/* Only the last of a string of codes stays. */
static uint32_t port_write_string(void *chip, uint64_t off, unsigned size, const void *buf,
                                  uint32_t count)
{
    struct post_port *p = chip;
    const uint8_t *codes = buf;

    (void)off;
    (void)size;
    if (count)
        p->code = codes[count - 1];
    p->count += count;
    return count;
}

static const struct io_span posted = {0, 1};
static const struct io_ops port_ops = {.read = port_read,
                                       .write = port_write,
                                       .write_string = port_write_string,
                                       .widths = IO_W1,
                                       .posted = &posted,
                                       .posted_count = 1};

static void post_port_free(struct device *dev)
{
    struct post_port *p = (struct post_port *)dev;

    iomap_remove(dev->env->iomap, &p->port);
    device_fini(dev);
    free(p);
}

static const struct device_class post_port_class = {
    .name = "post-port",
    .title = "port 0x80: the firmware's progress code",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .free = post_port_free,
};

struct device *post_port_new(const struct dev_env *env, const char *id, char *why, size_t why_size)
{
    struct post_port *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    device_init(&p->dev, &post_port_class, env, id);
    p->port = (struct io_region){.name = p->dev.id, .space = IO_PORT, .base = POST_PORT, .size = 1,
                                 .ops = &port_ops, .chip = p, .lock = p->dev.lock};
    if (!iomap_add(env->iomap, &p->port, why, why_size)) {
        device_fini(&p->dev);
        free(p);
        return NULL;
    }
    device_reset(&p->dev);
    return &p->dev;
}
