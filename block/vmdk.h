/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware disks, for reading. Source: VMware, "Virtual Disk Format 5.0" (vmdk_50_technote). A disk is a
 * descriptor (text) and extents one after the other: flat files, sparse files (vmdk_sparse.c), or
 * zeroes. Inside vmdk*.c only.
 */
#ifndef BLOCK_VMDK_H
#define BLOCK_VMDK_H

#include <pthread.h>

#include "block/rofmt.h"

#define VMDK_SECTOR 512u
#define VMDK_DISK_MAX_SECTORS (1ull << 40)
#define VMDK_EXTENTS_MAX 512u            /* each is an open file */
#define VMDK_DESCRIPTOR_MAX (128u << 10) /* room for so many, and then some */

/* ---- the descriptor (vmdk_desc.c) ---------------------------------------------------------- */

enum vmdk_extent_type { VMDK_FLAT, VMDK_SPARSE, VMDK_ZERO };

struct vmdk_extent_line {
    enum vmdk_extent_type type;
    uint64_t sectors;
    uint64_t off_sectors; /* FLAT: of its first byte in the file */
    char *name;           /* a plain name: no slash, not "." or ".."; NULL: ZERO */
};

struct vmdk_descriptor {
    char *create_type;
    bool embedded; /* create_type says that all is in one sparse file */
    unsigned extents;
    struct vmdk_extent_line *extent;
};

/* text: ends with a NUL. False with a one-line *error that begins with `shown`; nothing to clear. */
bool vmdk_descriptor_parse(const char *text, const char *shown, struct vmdk_descriptor *out,
                           GError **error);
void vmdk_descriptor_clear(struct vmdk_descriptor *d);

/* ---- a sparse file (vmdk_sparse.c) --------------------------------------------------------- */

#define VMDK_CACHE_SLOTS 64u
struct vmdk_sparse {
    uint64_t sectors; /* of the disk, as its header says */
    uint64_t desc_off, desc_bytes; /* the embedded descriptor; 0: none */
    uint32_t grain_bytes, entries; /* entries: per grain table */
    bool zero_grains, packed;
    uint32_t *directory; /* first sectors of the grain tables, as in the file */
    uint64_t directory_entries;

    pthread_mutex_t mutex; /* never held across I/O */
    struct {
        uint64_t table; /* its number + 1; 0: nothing here */
        uint32_t *entry;
    } slot[VMDK_CACHE_SLOTS];
    uint64_t unpacked_at; /* a grain that was unpacked, by its place in the file; 0: none */
    uint8_t *unpacked;
};

bool vmdk_is_sparse(struct image *file); /* its first bytes say so */
/* NULL with *error. file is not taken. */
struct vmdk_sparse *vmdk_sparse_open(struct image *file, const char *shown, GError **error);
void vmdk_sparse_close(struct vmdk_sparse *s); /* NULL is nothing */
/* off inside it. See struct rofmt's locate() and fetch(). */
int vmdk_sparse_locate(struct vmdk_sparse *s, struct image *file, uint64_t off, uint64_t *run,
                       struct rofmt_piece *piece);
int vmdk_sparse_fetch(struct vmdk_sparse *s, const struct rofmt_piece *piece, uint64_t off,
                      uint64_t run, struct iov_cursor *cur);

#endif
