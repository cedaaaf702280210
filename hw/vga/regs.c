/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/vga/regs.h"

#define LINE_MAX 1023 /* vertical counter's width: ten bits */

const char *const vga_dac_state_names[2] = {"writing", "reading"};

/* Bits that exist; the others read as zero. */
static const uint8_t seq_bits[VGA_SEQ_COUNT] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t gr_bits[VGA_GR_COUNT] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

/* Those of them that shape the picture; the others act on accesses, and are written all the time. */
static const uint8_t seq_visible[VGA_SEQ_COUNT] = {0, 0xff, 0, 0xff, 0};
static const uint8_t gr_visible[VGA_GR_COUNT] = {[GR_MODE] = 0x60, [GR_MISC] = GR6_GRAPHICS};

static uint8_t attr_bits(unsigned index)
{
    static const uint8_t above_palette[] = {0xef, 0xff, 0x3f, 0x0f, 0x0f};

    return index < 0x10 ? 0x3f : above_palette[index - 0x10];
}

/* A ten-bit vertical value: eight bits in a register of its own, bits 8 and 9 in CR07. */
static unsigned vertical(const struct vga_regs *r, unsigned low, unsigned bit8, unsigned bit9)
{
    unsigned over = r->crtc[CR_OVERFLOW];

    return r->crtc[low] | (over >> bit8 & 1) << 8 | (over >> bit9 & 1) << 9;
}

unsigned vga_v_display_end(const struct vga_regs *r)
{
    return vertical(r, CR_V_DISPLAY_END, 1, 6);
}

unsigned vga_line_compare(const struct vga_regs *r)
{
    return r->crtc[CR_LINE_COMPARE] | (r->crtc[CR_OVERFLOW] >> 4 & 1) << 8 |
           (r->crtc[CR_MAX_SCAN] >> 6 & 1) << 9;
}

/* Where the beam is; from the CRTC's totals, whatever they hold. */
static uint8_t input_status_1(const struct vga_regs *r, int64_t now_ns)
{
    unsigned dots = (r->seq[SEQ_CLOCKING] & SR1_8DOT ? 8 : 9) *
                    (r->seq[SEQ_CLOCKING] & SR1_HALF_CLOCK ? 2 : 1);
    unsigned clock_khz = (r->misc >> 2 & 3) == 1 ? 28322 : 25175;
    unsigned h_total = r->crtc[CR_H_TOTAL] + 5;
    unsigned v_total = vertical(r, CR_V_TOTAL, 0, 5) + 2;
    unsigned sync_start = vertical(r, CR_V_SYNC_START, 2, 7);
    unsigned sync_lines = (r->crtc[CR_V_SYNC_END] - sync_start) & 0x0f;
    uint64_t line_ns = (uint64_t)h_total * dots * 1000000 / clock_khz;
    uint64_t in_frame = (uint64_t)now_ns % (line_ns * v_total);
    unsigned line = in_frame / line_ns;
    unsigned column = in_frame % line_ns * h_total / line_ns;
    uint8_t status = 0;

    /* A driver that never programmed the CRTC (DISPI only) still waits for a retrace. */
    if (sync_start >= v_total) {
        sync_start = v_total - 1;
        sync_lines = 1;
    }
    if (line >= sync_start && line - sync_start < (sync_lines ? sync_lines : 16))
        status |= IS1_V_RETRACE | IS1_NOT_DISPLAY;
    if (line > vga_v_display_end(r) || column > r->crtc[CR_H_DISPLAY_END])
        status |= IS1_NOT_DISPLAY;
    return status;
}

static uint8_t attr_read(const struct vga_regs *r)
{
    unsigned index = r->attr_index & 0x1f;

    return index < VGA_ATTR_COUNT ? r->attr[index] : 0;
}

/* Stores; the bits of `visible` shape the picture. */
static enum vga_change store(uint8_t *reg, uint8_t value, uint8_t visible)
{
    uint8_t flipped = *reg ^ value;

    *reg = value;
    return flipped & visible ? VGA_CHANGE_PICTURE : VGA_CHANGE_NONE;
}

static enum vga_change attr_write(struct vga_regs *r, uint8_t value)
{
    unsigned index = r->attr_index & 0x1f;
    bool data = r->attr_flip_flop;

    r->attr_flip_flop = !data;
    if (!data)
        return store(&r->attr_index, value & 0x3f, ATTR_PAS);
    /* While the display uses the palette (PAS set), its registers are closed. */
    if (index >= VGA_ATTR_COUNT || (index < 0x10 && r->attr_index & ATTR_PAS))
        return VGA_CHANGE_NONE;
    return store(&r->attr[index], value & attr_bits(index), 0xff);
}

static enum vga_change crtc_write(struct vga_regs *r, uint8_t value)
{
    unsigned index = r->crtc_index;
    enum vga_change change;

    if (index >= VGA_CRTC_COUNT)
        return VGA_CHANGE_NONE;
    if (index <= CR_OVERFLOW && r->crtc[CR_V_SYNC_END] & CR11_PROTECT) {
        if (index != CR_OVERFLOW)
            return VGA_CHANGE_NONE;
        value = (r->crtc[index] & ~0x10) | (value & 0x10); /* bit 8 of line compare stays open */
    }
    change = store(&r->crtc[index], value, 0xff);
    if (index == CR_CURSOR_START || index == CR_CURSOR_END || index == CR_CURSOR_HIGH ||
        index == CR_CURSOR_LOW)
        return change ? VGA_CHANGE_CURSOR : VGA_CHANGE_NONE;
    return change;
}

static uint8_t dac_read(struct vga_regs *r)
{
    uint8_t value = r->dac[r->dac_read_index * 3 + r->dac_component];

    if (++r->dac_component == 3) {
        r->dac_component = 0;
        r->dac_read_index++;
    }
    return value;
}

/* An entry changes as a whole, with its third byte. */
static enum vga_change dac_write(struct vga_regs *r, uint8_t value)
{
    uint8_t *entry = &r->dac[r->dac_write_index * 3];
    enum vga_change change;

    value &= r->dac_8bit ? 0xff : 0x3f;
    if (r->dac_component < 2) {
        r->dac_latch[r->dac_component++] = value;
        return VGA_CHANGE_NONE;
    }
    change = store(&entry[0], r->dac_latch[0], 0xff) | store(&entry[1], r->dac_latch[1], 0xff) |
             store(&entry[2], value, 0xff);
    r->dac_component = 0;
    r->dac_write_index++;
    return change;
}

/* Maps the mono and colour addresses that the misc register opens to 0x3d0-0x3db; 0 if closed. */
static unsigned open_port(const struct vga_regs *r, unsigned port)
{
    bool colour = r->misc & MISC_COLOUR;

    if (port >= 0x3b0 && port <= 0x3bb)
        return colour ? 0 : port + 0x20;
    if (port >= 0x3d0 && port <= 0x3df)
        return colour ? port : 0;
    return port;
}

uint8_t vga_regs_read(struct vga_regs *r, unsigned port, int64_t now_ns)
{
    switch (open_port(r, port)) {
    case 0x3c0:
        return r->attr_index;
    case 0x3c1:
        return attr_read(r);
    case 0x3c2:
        return 0; /* input status 0: no retrace interrupt, no switch */
    case 0x3c3:
        return r->subsystem;
    case 0x3c4:
        return r->seq_index;
    case 0x3c5:
        return r->seq_index < VGA_SEQ_COUNT ? r->seq[r->seq_index] : 0;
    case 0x3c6:
        return r->dac_mask;
    case 0x3c7:
        return r->dac_state == DAC_READING ? 3 : 0;
    case 0x3c8:
        return r->dac_write_index;
    case 0x3c9:
        return dac_read(r);
    case 0x3ca:
        return r->feature;
    case 0x3cc:
        return r->misc;
    case 0x3ce:
        return r->gr_index;
    case 0x3cf:
        return r->gr_index < VGA_GR_COUNT ? r->gr[r->gr_index] : 0;
    case 0x3d4:
        return r->crtc_index;
    case 0x3d5:
        return r->crtc_index < VGA_CRTC_COUNT ? r->crtc[r->crtc_index] : 0;
    case 0x3da:
        r->attr_flip_flop = false;
        return input_status_1(r, now_ns);
    default:
        return 0xff;
    }
}

static void dac_address(struct vga_regs *r, enum vga_dac_state state, uint8_t index)
{
    r->dac_state = state;
    r->dac_component = 0;
    if (state == DAC_READING)
        r->dac_read_index = index;
    else
        r->dac_write_index = index;
}

enum vga_change vga_regs_write(struct vga_regs *r, unsigned port, uint8_t value)
{
    switch (open_port(r, port)) {
    case 0x3c0:
        return attr_write(r, value);
    case 0x3c2:
        r->misc = value;
        return VGA_CHANGE_NONE; /* polarities and clock: the picture's shape is the CRTC's */
    case 0x3c3:
        r->subsystem = value & 1;
        return VGA_CHANGE_NONE;
    case 0x3c4:
        r->seq_index = value & 7;
        return VGA_CHANGE_NONE;
    case 0x3c5:
        if (r->seq_index >= VGA_SEQ_COUNT)
            return VGA_CHANGE_NONE;
        return store(&r->seq[r->seq_index], value & seq_bits[r->seq_index], seq_visible[r->seq_index]);
    case 0x3c6:
        return store(&r->dac_mask, value, 0xff);
    case 0x3c7:
        dac_address(r, DAC_READING, value);
        return VGA_CHANGE_NONE;
    case 0x3c8:
        dac_address(r, DAC_WRITING, value);
        return VGA_CHANGE_NONE;
    case 0x3c9:
        return dac_write(r, value);
    case 0x3ce:
        r->gr_index = value & 0x0f;
        return VGA_CHANGE_NONE;
    case 0x3cf:
        if (r->gr_index >= VGA_GR_COUNT)
            return VGA_CHANGE_NONE;
        return store(&r->gr[r->gr_index], value & gr_bits[r->gr_index], gr_visible[r->gr_index]);
    case 0x3d4:
        r->crtc_index = value;
        return VGA_CHANGE_NONE;
    case 0x3d5:
        return crtc_write(r, value);
    case 0x3da:
        r->feature = value & 0x0b;
        return VGA_CHANGE_NONE;
    default:
        return VGA_CHANGE_NONE;
    }
}
