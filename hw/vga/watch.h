/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has changed since when. Time is counted in looks: `now` grows when somebody has looked, a
 * change is stamped with it, and whoever remembers the stamp of his last look finds what is newer.
 * So any number of viewers share one record, and a write costs a store.
 */
#ifndef HW_VGA_WATCH_H
#define HW_VGA_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define VGA_CHUNK_BYTES 256 /* of video memory; a text row of 80 columns has 320 bytes */

struct vga_watch {
    uint64_t now;       /* stamp of what changes from now on; from 1 */
    uint64_t newest;    /* of the last change that can be seen */
    uint64_t registers; /* of the last change that concerns the whole picture */
    uint64_t font;      /* of the last write to plane 2, where the glyphs of text modes are */
    uint64_t *chunk;    /* by chunk of video memory; the owner's */
};

/* [at, at + bytes) of video memory, all inside of it, was written; not more than a chunk. */
static inline void vga_watch_touch(struct vga_watch *w, uint32_t at, uint32_t bytes)
{
    w->chunk[at / VGA_CHUNK_BYTES] = w->now;
    w->chunk[(at + bytes - 1) / VGA_CHUNK_BYTES] = w->now;
    w->newest = w->now;
}

/* The whole picture may be another. */
static inline void vga_watch_all(struct vga_watch *w)
{
    w->registers = w->newest = w->now;
}

/* Somebody has looked: the stamp that he is to remember. */
static inline uint64_t vga_watch_look(struct vga_watch *w)
{
    return w->now++;
}

#endif
