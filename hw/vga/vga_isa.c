/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "hw/vga/vga.h"

#define FRAME_BUFFER 0xe0000000 /* where Bochs has it without PCI, and vgabios says so */

static const struct dev_field isa_vga_fields[] = {VGA_FIELDS};

static void isa_vga_reset(struct device *dev) { vga_reset((struct vga *)dev); }

static const char *isa_vga_post_load(struct device *dev)
{
    return vga_post_load((struct vga *)dev);
}

static void isa_vga_free(struct device *dev)
{
    struct vga *v = (struct vga *)dev;

    v->vram->map(v->vram, RAM_UNMAPPED);
    vga_fini(v);
    device_fini(dev);
    free(dev);
}

static const struct device_class isa_vga_class = {
    .name = "isa-vga",
    .title = "VGA with Bochs DISPI on the ISA bus",
    .fields = isa_vga_fields,
    .field_count = sizeof(isa_vga_fields) / sizeof(isa_vga_fields[0]),
    .reset = isa_vga_reset,
    .post_load = isa_vga_post_load,
    .free = isa_vga_free,
};

struct device *isa_vga_new(const struct dev_env *env, const char *id, const struct vga_config *cfg,
                           char *why, size_t size)
{
    struct vga *v;

    if (!vga_config_ok(cfg, why, size))
        return NULL;
    v = calloc(1, sizeof(*v));
    if (!v) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    device_init(&v->dev, &isa_vga_class, env, id);
    if (!vga_init(v, cfg, why, size)) {
        device_fini(&v->dev);
        free(v);
        return NULL;
    }
    if (!cfg->vram->map(cfg->vram, FRAME_BUFFER)) {
        snprintf(why, size, "the frame buffer's place at 0x%x is taken", FRAME_BUFFER);
        isa_vga_free(&v->dev);
        return NULL;
    }
    device_reset(&v->dev);
    return &v->dev;
}
