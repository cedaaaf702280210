/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qcow2 image format, versions 2 and 3. Source: QEMU, docs/interop/qcow2.txt ("the format text").
 *
 * Read and written: clusters of 512 bytes to 2 MiB, refcounts of 1 to 64 bits, zero clusters, backing
 * files, discard, growth. Read: clusters compressed by zlib and zstd (writing there gives a plain
 * cluster). Internal snapshots are left intact: what they share is copied before it is written.
 * Refused by name: encryption, external data files, extended L2 entries, unknown incompatible features.
 *
 * Refcounts are always kept exact, also in an image that allows them to be lazy: such an image is not
 * marked dirty, and one that somebody else left dirty is repaired when it is opened for writing.
 */
#ifndef BLOCK_QCOW2_H
#define BLOCK_QCOW2_H

#include "block/node.h"

extern const struct node_driver qcow2_driver;

/* Unset members are 0. */
struct qcow2_create_options {
    uint64_t bytes;         /* a multiple of 512 */
    uint32_t cluster_bytes; /* 0: 64 KiB; a power of two, 512 to 2 MiB */
    unsigned version;       /* 0: 3; 2 is "compat=0.10" */
    unsigned refcount_bits; /* 0: 16; 1 to 64, a power of two; version 2: 16 */
    const char *backing_file, *backing_format; /* as the image shall have them; both or none */
    bool lazy_refcounts;    /* sets the feature bit, for other programs; version 3 */
    bool preallocate_metadata; /* all clusters have their place; the file is as long as it will be */
};

/*
 * Makes a new image in `file`, an open node in use for writing (image_use), whose content is lost. `file`
 * stays the caller's; to use the image, open it with the driver. The header is written last, after a flush: until then
 * there is no image. False with *error. Calls the host; no other use of `file` meanwhile.
 */
bool qcow2_create(struct image *file, const struct qcow2_create_options *opt, GError **error);

/* What qcow2_check() found. */
struct qcow2_check_result {
    uint64_t leaks;       /* clusters with a refcount above their references: lost space */
    uint64_t corruptions; /* below it, references that cannot be, overlapping tables */
};

/*
 * Compares the refcounts of an open image with the references; repair: sets them right (the image must
 * be writable). Nothing else may be under way. 0 or a positive errno (EFBIG: an image file of more than
 * 64 Mi clusters; ENOTSUP: bitmaps, which opening for writing drops).
 */
int qcow2_check(struct image *img, bool repair, struct qcow2_check_result *result);

#endif
