/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The register file of a VGA: what the ports 0x3b0-0x3df hold, with the protocols that lead to it
 * (index and data pairs, the attribute controller's flip-flop, the DAC's three-byte sequence).
 * Source: IBM PS/2 Hardware Interface Technical Reference (1992), "Video Subsystem", VGA function.
 *
 * A pure value: no memory, no drawing, no clock of its own.
 */
#ifndef HW_VGA_REGS_H
#define HW_VGA_REGS_H

#include <stdbool.h>
#include <stdint.h>

#define VGA_ATTR_COUNT    0x15
#define VGA_SEQ_COUNT     0x05
#define VGA_GR_COUNT      0x09
#define VGA_CRTC_COUNT    0x19
#define VGA_DAC_BYTES     768
#define VGA_LEGACY_BYTES  (256 * 1024) /* memory of the IBM part: four planes of 64 KiB */

/* Miscellaneous output */
#define MISC_COLOUR       0x01 /* ports at 0x3dx, else 0x3bx */
#define MISC_RAM_ENABLE   0x02
/* Attribute controller's index */
#define ATTR_PAS          0x20 /* palette address source: display on, palette closed to the host */
/* Sequencer */
#define SEQ_CLOCKING      0x01
#define SEQ_MAP_MASK      0x02
#define SEQ_FONTS         0x03
#define SEQ_MEMORY        0x04
#define SR1_8DOT          0x01
#define SR1_HALF_CLOCK    0x08
#define SR1_SCREEN_OFF    0x20
#define SR4_NO_ODD_EVEN   0x04
#define SR4_CHAIN4        0x08
/* Graphics controller */
#define GR_SET_RESET      0x00
#define GR_ENABLE_SR      0x01
#define GR_COMPARE        0x02
#define GR_ROTATE         0x03
#define GR_READ_MAP       0x04
#define GR_MODE           0x05
#define GR_MISC           0x06
#define GR_DONT_CARE      0x07
#define GR_BIT_MASK       0x08
#define GR5_READ_MODE1    0x08
#define GR5_ODD_EVEN      0x10
#define GR6_GRAPHICS      0x01
/* CRT controller */
#define CR_H_TOTAL        0x00
#define CR_H_DISPLAY_END  0x01
#define CR_V_TOTAL        0x06
#define CR_OVERFLOW       0x07
#define CR_PRESET_ROW     0x08
#define CR_MAX_SCAN       0x09
#define CR_CURSOR_START   0x0a
#define CR_CURSOR_END     0x0b
#define CR_START_HIGH     0x0c
#define CR_START_LOW      0x0d
#define CR_CURSOR_HIGH    0x0e
#define CR_CURSOR_LOW     0x0f
#define CR_V_SYNC_START   0x10
#define CR_V_SYNC_END     0x11
#define CR_V_DISPLAY_END  0x12
#define CR_OFFSET         0x13
#define CR_UNDERLINE      0x14
#define CR_MODE           0x17
#define CR_LINE_COMPARE   0x18
#define CR11_PROTECT      0x80
/* Input status 1 */
#define IS1_NOT_DISPLAY   0x01
#define IS1_V_RETRACE     0x08

enum vga_dac_state {
    DAC_WRITING, /* reads as 0 at 0x3c7 */
    DAC_READING, /* reads as 3 */
};

struct vga_regs {
    uint8_t misc;      /* 0x3c2 write, 0x3cc read */
    uint8_t feature;   /* 0x3xa write, 0x3ca read */
    uint8_t subsystem; /* 0x3c3; kept only, the adapter is always enabled */
    uint8_t attr_index;  /* with ATTR_PAS */
    bool attr_flip_flop; /* the next write to 0x3c0 is data */
    uint8_t attr[VGA_ATTR_COUNT];
    uint8_t seq_index;
    uint8_t seq[VGA_SEQ_COUNT];
    uint8_t gr_index;
    uint8_t gr[VGA_GR_COUNT];
    uint8_t crtc_index;
    uint8_t crtc[VGA_CRTC_COUNT];
    uint8_t dac_mask;
    uint8_t dac_state;     /* enum vga_dac_state */
    uint8_t dac_read_index, dac_write_index;
    uint8_t dac_component; /* 0 red, 1 green, 2 blue: the next byte of 0x3c9 */
    uint8_t dac_latch[2];  /* red and green, until blue completes the entry */
    bool dac_8bit;         /* eight significant bits, else six; derived from DISPI's ENABLE */
    uint8_t dac[VGA_DAC_BYTES];
};

extern const char *const vga_dac_state_names[2];

/* The registers' rows of a device's field table; `m` is the struct vga_regs inside of `s`. */
#define VGA_REGS_FIELDS(s, m)                                                                      \
    DEV_FIELD(s, U8, m.misc, 0, 0xff), DEV_FIELD(s, U8, m.feature, 0, 0x0b),                       \
    DEV_FIELD(s, U8, m.subsystem, 1, 1), DEV_FIELD(s, U8, m.attr_index, 0, 0x3f),                  \
    DEV_FIELD(s, BOOL, m.attr_flip_flop, 0, 1), DEV_FIELD_ARRAY(s, U8, m.attr, 0, 0xff),           \
    DEV_FIELD(s, U8, m.seq_index, 0, 7), DEV_FIELD_ARRAY(s, U8, m.seq, 0, 0x3f),                   \
    DEV_FIELD(s, U8, m.gr_index, 0, 0x0f), DEV_FIELD_ARRAY(s, U8, m.gr, 0, 0xff),                  \
    DEV_FIELD(s, U8, m.crtc_index, 0, 0xff), DEV_FIELD_ARRAY(s, U8, m.crtc, 0, 0xff),              \
    DEV_FIELD(s, U8, m.dac_mask, 0xff, 0xff),                                                      \
    DEV_FIELD_ENUM(s, U8, m.dac_state, DAC_WRITING, vga_dac_state_names),                          \
    DEV_FIELD(s, U8, m.dac_read_index, 0, 0xff), DEV_FIELD(s, U8, m.dac_write_index, 0, 0xff),     \
    DEV_FIELD(s, U8, m.dac_component, 0, 2), DEV_FIELD_ARRAY(s, U8, m.dac_latch, 0, 0xff),         \
    DEV_FIELD_BYTES(s, m.dac)

/*
 * One byte of port 0x3b0-0x3df, at `now_ns` of the machine's clock (input status 1 shows the beam).
 * Ports that are absent, write-only, or of the other (mono, colour) address read 0xff.
 * A read of input status 1 resets the attribute flip-flop, one of 0x3c9 goes on to the next byte.
 */
uint8_t vga_regs_read(struct vga_regs *r, unsigned port, int64_t now_ns);

/* What a write means to the picture. The value that was there already changes nothing. */
enum vga_change {
    VGA_CHANGE_NONE,
    VGA_CHANGE_CURSOR,  /* where it is, or its shape */
    VGA_CHANGE_PICTURE, /* all of it, perhaps */
};

enum vga_change vga_regs_write(struct vga_regs *r, unsigned port, uint8_t value);

/* Vertical fields that are spread over several CRTC registers. */
unsigned vga_v_display_end(const struct vga_regs *r); /* the last displayed line, 0 .. 1023 */
unsigned vga_line_compare(const struct vga_regs *r);  /* 0 .. 1023 */

#endif
