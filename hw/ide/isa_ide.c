/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/ide/isa_ide.h"

#include <stdio.h>
#include <stdlib.h>

#include "hw/ide/channel.h"

struct isa_ide {
    struct device dev;
    struct ide_channel channel;
    bool load_refused; /* the next post_load is of the old state, which never stopped to hold */
};

static const struct dev_field isa_ide_fields[] = {
    IDE_CHANNEL_FIELDS(struct isa_ide, channel, "ide."),
};

static void isa_ide_reset(struct device *dev)
{
    ide_channel_reset(&((struct isa_ide *)dev)->channel);
}

static const char *isa_ide_post_load(struct device *dev)
{
    struct isa_ide *ide = (struct isa_ide *)dev;
    const char *why = ide_channel_check(&ide->channel);

    if (!why && !ide->load_refused)
        ide_channel_loaded(&ide->channel);
    ide->load_refused = why != NULL;
    return why;
}

static void isa_ide_free(struct device *dev)
{
    struct isa_ide *ide = (struct isa_ide *)dev;

    device_enter(dev);
    if (ide->channel.dev)
        ide_channel_unmap(&ide->channel);
    ide_channel_fini(&ide->channel);
    device_leave(dev);
    device_fini(dev);
    free(ide);
}

static const struct device_class isa_ide_class = {
    .name = "isa-ide",
    .title = "IDE channel on the ISA bus, without DMA",
    .fields = isa_ide_fields,
    .field_count = sizeof(isa_ide_fields) / sizeof(isa_ide_fields[0]),
    .reset = isa_ide_reset,
    .post_load = isa_ide_post_load,
    .free = isa_ide_free,
};

struct device *isa_ide_new(const struct dev_env *env, const char *id,
                           const struct isa_ide_config *cfg, char *why, size_t why_size)
{
    struct isa_ide *ide = calloc(1, sizeof(*ide));
    struct ide_channel_config channel = {
        .name = id,
        .number = cfg->number,
        .iobase = cfg->iobase,
        .ctlbase = cfg->ctlbase,
        .irq = cfg->irq,
        .drive = { &cfg->drive[0], &cfg->drive[1] },
    };

    if (!ide) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    device_init(&ide->dev, &isa_ide_class, env, id);
    if (!ide_channel_init(&ide->channel, &ide->dev, &channel, why, why_size) ||
        !ide_channel_map(&ide->channel, why, why_size)) {
        isa_ide_free(&ide->dev);
        return NULL;
    }
    device_reset(&ide->dev);
    return &ide->dev;
}

const char *isa_ide_check(const struct device *dev)
{
    return ide_channel_check(&((const struct isa_ide *)dev)->channel);
}
