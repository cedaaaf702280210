/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory pipeline of a VGA: what a host access to 0xa0000-0xbffff does to the four planes.
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem": graphics controller,
 * sequencer memory mode.
 *
 * Layout of video memory: byte p of doubleword n is plane p at address n. Chain-4 addresses and the
 * linear frame buffer are byte addresses of that, and odd/even address 2n + p is plane p at n; so
 * the CRTC's counter is always the doubleword's number, in byte, word and doubleword mode alike.
 * (The IBM part leaves gaps between instead: seen only by a program that switches the addressing
 * with the picture kept.)
 *
 * While DISPI is enabled, the window is 64 KiB at 0xa0000, moved by the bank register over all of
 * video memory, and above 4 bpp its bytes are those of the linear frame buffer, whatever the VGA
 * registers hold (map mask, read and write mode, set/reset ...): they are the guest's to write freely.
 * Programs draw through banks with what the mode before left in them.
 */
#ifndef HW_VGA_PLANES_H
#define HW_VGA_PLANES_H

#include "hw/vga/regs.h"
#include "hw/vga/vbe.h"
#include "hw/vga/watch.h"

#define VGA_WINDOW_BASE  0xa0000
#define VGA_WINDOW_BYTES 0x20000
#define VGA_TEXT_BYTES   0x8000 /* of the windows at 0xb0000 and 0xb8000 */

struct vga_mem {
    const struct vga_regs *regs;
    const struct vbe *vbe;
    uint8_t *vram;
    uint32_t vram_bytes;
    uint32_t latch; /* plane p in bits 8p .. 8p + 7 */
    struct vga_watch *watch; /* told what was written; NULL: nobody looks */
};

/*
 * An access of `size` (1, 2, 4, 8) bytes at `off` from VGA_WINDOW_BASE, off + size inside it;
 * done byte by byte, low address first. What the registers do not map reads as ones and ignores
 * writes, and so does an address beyond video memory: it is checked at each byte.
 */
uint64_t vga_mem_read(struct vga_mem *m, uint32_t off, unsigned size);
void vga_mem_write(struct vga_mem *m, uint32_t off, unsigned size, uint64_t value);

/*
 * What the window is while the registers stay as they are: memory that the guest may have mapped in place of
 * an access at a time. One thing is lost then: a mapped read loads no latch. Programs that use the latch
 * read in a planar mode, which is never mapped.
 */
enum vga_view_kind {
    VGA_VIEW_NONE,   /* each access has to be carried out */
    VGA_VIEW_LINEAR, /* byte i of the view is byte at + i of video memory */
    VGA_VIEW_TEXT,   /* bytes 2n and 2n + 1 of the view are planes 0 and 1 of doubleword n */
};

struct vga_view {
    enum vga_view_kind kind;
    uint32_t base, bytes; /* the view, from VGA_WINDOW_BASE: whole pages */
    uint32_t at;          /* linear: a multiple of 64 KiB, at + bytes inside of video memory */
};

struct vga_view vga_mem_view(const struct vga_mem *m);

#endif
