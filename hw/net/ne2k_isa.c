/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/ne2k_isa.h"

#include <stdio.h>
#include <stdlib.h>

#include "hw/net/ne2000.h"

struct ne2k_isa {
    struct device dev;
    struct ne2000 board;
    struct irq_pin irq;
};

static const struct dev_field fields[] = {NE2000_FIELDS(struct ne2k_isa, board)};

static void isa_pin(void *opaque, bool level)
{
    struct ne2k_isa *n = opaque;

    irq_pin_set(&n->irq, level);
}

static void isa_reset(struct device *dev) { ne2000_reset(&((struct ne2k_isa *)dev)->board); }
static const char *isa_post_load(struct device *dev) { return ne2000_post_load(&((struct ne2k_isa *)dev)->board); }

const char *ne2k_isa_check(const struct device *dev)
{
    return dp8390_check(&((const struct ne2k_isa *)dev)->board.chip);
}

static void isa_free(struct device *dev)
{
    struct ne2k_isa *n = (struct ne2k_isa *)dev;

    ne2000_detach(&n->board);
    iomap_remove(dev->env->iomap, &n->board.ports);
    device_enter(dev);
    ne2000_cancel(&n->board);
    device_leave(dev);
    device_fini(dev);
    free(n);
}

static const struct device_class isa_class = {
    .name = "ne2k_isa",
    .title = "NE2000 network card on the ISA bus",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = isa_reset,
    .post_load = isa_post_load,
    .free = isa_free,
};

struct device *ne2k_isa_new(const struct dev_env *env, const char *id, const struct ne2k_isa_config *cfg,
                            char *why, size_t why_size)
{
    struct ne2k_isa *n = calloc(1, sizeof(*n));

    if (!n) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    device_init(&n->dev, &isa_class, env, id);
    n->irq = cfg->irq;
    ne2000_init(&n->board, &n->dev, DP8390_PLAIN, cfg->mac, isa_pin, n);
    n->board.ports.base = cfg->iobase;
    if (!iomap_add(env->iomap, &n->board.ports, why, why_size)) {
        isa_free(&n->dev);
        return NULL;
    }
    device_reset(&n->dev);
    ne2000_attach(&n->board, cfg->port);
    return &n->dev;
}
