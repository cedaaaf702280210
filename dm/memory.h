/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest physical memory: RAM, ROM and RAM-backed windows; the one place that turns a guest address
 * into a host pointer. The layout is derived from a few facts (RAM size, PAM, mapped windows) and
 * published as sections; KVM's memory slots follow the sections.
 */
#ifndef DM_MEMORY_H
#define DM_MEMORY_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/env.h"
#include "ioreq/ioreq.h"

#define MEMORY_MAX_SECTIONS 64 /* the board's own, PAM's at their worst, a block for each PCI slot */
#define MEMORY_PAM_SEGMENTS 13 /* 0: 0xf0000, 64 KiB; 1 .. 12: 16 KiB each from 0xc0000 */

/* A range with one meaning. What reads and writes reach may differ (PAM: read ROM, write RAM). */
struct memory_section {
    uint64_t gpa, size;
    uint8_t *rd; /* NULL: reads are not memory here */
    uint8_t *wr; /* NULL: writes are dropped */
    struct ram_block *block; /* NULL: RAM or firmware */
    int slot; /* KVM's, -1: none */
};

struct memory;

/*
 * What follows the layout: KVM's slots. set() is called for each section to be mapped (and with
 * mapped = false before it goes away), under the memory's lock; false: refused by the kernel.
 */
struct memory_listener {
    bool (*set)(void *opaque, const struct memory_section *section, bool mapped);
    /* Bits of pages written by vCPUs since the last call, OR-ed into bitmap. */
    void (*dirty)(void *opaque, const struct memory_section *section, uint64_t *bitmap);
    void *opaque;
};

/* Where the guest's memory comes from; all zero: memory of the process. */
struct ram_source {
    char *path;    /* a file, or a directory for a nameless one (hugetlbfs, /dev/shm); NULL: none */
    bool share;    /* others that map it see the guest's writes */
    bool prealloc; /* taken from the host at start, not when first touched */
};

/*
 * RAM of a multiple of 4096 bytes, zero unless a file of source->path has content. A file that is too short is
 * made longer. NULL with error: out of memory, or the file cannot be had.
 */
struct memory *memory_new(uint64_t ram_bytes, const struct ram_source *source, GError **error);
void memory_free(struct memory *mem);

/* Where the firmware sits: below 4 GiB, its last 128 KiB also below 1 MiB. `rom` is copied.
 * False: out of memory. */
bool memory_set_firmware(struct memory *mem, const void *rom, size_t size);
/* isapc: no PAM registers, so everything from 0xc0000 is RAM, with the firmware copied into it. */
void memory_set_isa(struct memory *mem);
/* To be called when the parts are in place and at each reset: firmware contents as new. */
void memory_reset(struct memory *mem);
void memory_set_listener(struct memory *mem, const struct memory_listener *listener);

void memory_set_pam(struct memory *mem, unsigned segment, bool readable, bool writable);

uint64_t memory_low_of(uint64_t ram_bytes); /* how much of so much RAM is below 4 GiB */
uint64_t memory_low_bytes(const struct memory *mem);  /* RAM below 4 GiB */
uint64_t memory_high_bytes(const struct memory *mem); /* RAM from 4 GiB up */

/*
 * A block for a device (frame buffer, option ROM), zero, freed with the memory at the latest; the name is copied.
 * NULL: out of memory, or there are too many.
 */
struct ram_block *memory_block_new(struct memory *mem, const char *name, uint64_t size,
                                   bool readonly);
/* Takes the block away and frees it. No vCPU runs, and no DMA or host I/O is under way into it. NULL is nothing. */
void memory_block_free(struct memory *mem, struct ram_block *block);

/* For devices. */
struct dma_port memory_dma(struct memory *mem);

/* iomap's fallback: an access by a vCPU or a qtest client that no register region claims. */
bool memory_access(void *opaque, struct ioreq *req);

/*
 * Copies guest memory for a debugger or qtest: what is not memory reads as ones and drops writes;
 * with through_rom, writes reach ROM too (loading).
 */
void memory_peek(struct memory *mem, uint64_t gpa, void *buf, size_t len);
void memory_poke(struct memory *mem, uint64_t gpa, const void *buf, size_t len);

#endif
