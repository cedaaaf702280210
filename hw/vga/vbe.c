/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/vga/vbe.h"

/* Bits that a pixel takes in memory; 15 bpp takes 16. */
static uint32_t pixel_bits(const struct vbe *v)
{
    return v->reg[VBE_BPP] == 4 ? 4 : (v->reg[VBE_BPP] + 7u) & ~7u;
}

uint32_t vbe_stride_bytes(const struct vbe *v)
{
    return v->reg[VBE_VIRT_WIDTH] * pixel_bits(v) / 8;
}

uint32_t vbe_start_bytes(const struct vbe *v)
{
    uint32_t x_bytes = v->reg[VBE_BPP] == 4 ? (v->reg[VBE_X_OFFSET] & ~7u) / 2
                                            : v->reg[VBE_X_OFFSET] * pixel_bits(v) / 8;

    return v->reg[VBE_Y_OFFSET] * vbe_stride_bytes(v) + x_bytes;
}

static uint16_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void clamp_size(struct vbe *v)
{
    uint16_t *reg = v->reg;
    uint32_t lines;

    switch (reg[VBE_BPP]) {
    case 4: case 8: case 15: case 16: case 24: case 32:
        break;
    default:
        reg[VBE_BPP] = 8;
    }
    /* With 256 KiB the widest line (64000 bytes) fits, so `lines` is never 0. */
    reg[VBE_XRES] = clamp(reg[VBE_XRES] & ~7u, 8, VBE_MAX_XRES);
    reg[VBE_VIRT_WIDTH] = clamp(reg[VBE_VIRT_WIDTH] & ~7u, reg[VBE_XRES], VBE_MAX_XRES);
    lines = v->vram_bytes / vbe_stride_bytes(v);
    reg[VBE_YRES] = clamp(reg[VBE_YRES], 1, lines < VBE_MAX_YRES ? lines : VBE_MAX_YRES);
    reg[VBE_VIRT_HEIGHT] = clamp(lines, 1, 0xffff);
}

static bool picture_fits(const struct vbe *v)
{
    uint64_t stride = vbe_stride_bytes(v);
    uint32_t x = v->reg[VBE_X_OFFSET];
    uint32_t x_bytes = v->reg[VBE_BPP] == 4 ? ((x + 7) & ~7u) / 2 : x * pixel_bits(v) / 8;

    return (v->reg[VBE_Y_OFFSET] + v->reg[VBE_YRES]) * stride + x_bytes <= v->vram_bytes;
}

void vbe_clamp(struct vbe *v)
{
    if (!vbe_enabled(v))
        return;
    clamp_size(v);
    if (!picture_fits(v))
        v->reg[VBE_Y_OFFSET] = 0;
    if (!picture_fits(v))
        v->reg[VBE_X_OFFSET] = 0;
}

void vbe_reset(struct vbe *v)
{
    v->reg[VBE_ID] = VBE_ID_LAST;
}

uint16_t vbe_read(const struct vbe *v, unsigned index)
{
    if (index == VBE_VIDEO_MEMORY_64K)
        return v->vram_bytes >> 16;
    if (index >= VBE_REG_COUNT)
        return 0;
    if (v->reg[VBE_ENABLE] & VBE_GETCAPS) {
        switch (index) {
        case VBE_XRES:
            return VBE_MAX_XRES;
        case VBE_YRES:
            return VBE_MAX_YRES;
        case VBE_BPP:
            return VBE_MAX_BPP;
        default:
            break;
        }
    }
    return v->reg[index];
}

static struct vbe_effect write_enable(struct vbe *v, uint16_t value)
{
    struct vbe_effect effect = {.visible = true};
    bool was = vbe_enabled(v);

    v->reg[VBE_ENABLE] = value;
    if (value & VBE_ENABLED && !was) {
        v->reg[VBE_VIRT_WIDTH] = 0;
        v->reg[VBE_X_OFFSET] = 0;
        v->reg[VBE_Y_OFFSET] = 0;
        v->reg[VBE_BANK] = 0;
        vbe_clamp(v);
        if (!(value & VBE_NOCLEARMEM))
            effect.clear_bytes = v->reg[VBE_YRES] * vbe_stride_bytes(v);
    }
    return effect;
}

struct vbe_effect vbe_write(struct vbe *v, unsigned index, uint16_t value)
{
    struct vbe_effect effect = {0};

    switch (index) {
    case VBE_ID:
        if (value >= VBE_ID_FIRST && value <= VBE_ID_LAST)
            v->reg[VBE_ID] = value;
        return effect;
    case VBE_ENABLE:
        effect = write_enable(v, value);
        break;
    case VBE_BANK:
        /* Which bytes a bank means depends on the mode: each access checks its own address. */
        v->reg[VBE_BANK] = value & ((v->vram_bytes >> 16) - 1);
        return effect;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_BPP:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        v->reg[index] = value;
        effect.visible = vbe_enabled(v);
        break;
    default:
        return effect; /* read-only or not there */
    }
    vbe_clamp(v);
    return effect;
}
