/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Bochs DISPI registers ("VBE extension"): sixteen-bit registers behind an index, at ports
 * 0x1ce (index) and 0x1cf or 0x1d0 (data). Source: Bochs, iodev/display/vbe.h and the vgabios
 * project's vbe_display_api.txt (facts).
 *
 * While ENABLED, the whole set is clamped again after every single write, so that what is drawn
 * lies in video memory: (y_offset + yres) * stride + x_offset * bytes <= vram. While disabled, values
 * are kept as written (the order in which a driver writes them must not matter) and not used.
 */
#ifndef HW_VGA_VBE_H
#define HW_VGA_VBE_H

#include <stdbool.h>
#include <stdint.h>

#define VBE_MAX_XRES  16000
#define VBE_MAX_YRES  12000
#define VBE_MAX_BPP   32
#define VBE_ID_FIRST  0xb0c0
#define VBE_ID_LAST   0xb0c5

enum vbe_index {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT, /* read-only: derived */
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_REG_COUNT,
    VBE_VIDEO_MEMORY_64K = VBE_REG_COUNT, /* read-only: size of the memory */
};

#define VBE_ENABLED     0x01
#define VBE_GETCAPS     0x02
#define VBE_8BIT_DAC    0x20
#define VBE_LFB         0x40
#define VBE_NOCLEARMEM  0x80

struct vbe {
    uint16_t index;
    uint16_t reg[VBE_REG_COUNT];
    uint8_t data_low; /* a byte at 0x1cf waits for the one at 0x1d0 */
    uint32_t vram_bytes; /* configuration, at least 256 KiB */
};

#define VBE_FIELDS(s, m)                                                                           \
    DEV_FIELD(s, U16, m.index, 0, 0xffff), DEV_FIELD_ARRAY(s, U16, m.reg, 0, 0xffff),              \
    DEV_FIELD(s, U8, m.data_low, 0, 0xff)

/* What a write asks of the owner. */
struct vbe_effect {
    bool visible;         /* the picture may have changed */
    uint32_t clear_bytes; /* from the start of video memory, to zero */
};

void vbe_reset(struct vbe *v); /* after its fields were reset */

uint16_t vbe_read(const struct vbe *v, unsigned index); /* 0 for an index that is not there */
struct vbe_effect vbe_write(struct vbe *v, unsigned index, uint16_t value);

/* The invariant again, for registers that came from a saved state. */
void vbe_clamp(struct vbe *v);

static inline bool vbe_enabled(const struct vbe *v) { return v->reg[VBE_ENABLE] & VBE_ENABLED; }
static inline bool vbe_8bit_dac(const struct vbe *v) { return v->reg[VBE_ENABLE] & VBE_8BIT_DAC; }

/* While enabled: bytes from line to line, and of the first shown pixel (bpp 4: of its octet). */
uint32_t vbe_stride_bytes(const struct vbe *v);
uint32_t vbe_start_bytes(const struct vbe *v);

#endif
