/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making new images: a file of a size, and a format's empty image in an open node. */
#ifndef BLOCK_CREATE_H
#define BLOCK_CREATE_H

#include "block/node.h"

/* Unset members are 0; what a format does not have is refused. */
struct create_options {
    uint64_t bytes; /* of the disk */
    uint64_t cluster_bytes;
    unsigned version, refcount_bits; /* qcow2 */
    bool lazy_refcounts;
    const char *backing_file, *backing_format;
    const char *preallocation; /* "off", "metadata", "falloc", "full"; NULL: off */
};

/*
 * A file of that size that reads as zero; what was in it is lost. It is locked first: an image that
 * somebody uses is refused untouched. *existed (may be NULL): it was there before. Blocks; any thread.
 */
bool create_file(const char *filename, const struct create_options *opt, bool *existed,
                 GError **error);

/* True if there is such a format that can be created. */
bool create_known(const char *format);
/*
 * An empty image in `file`, an open node that nobody else uses: see create_begin(). Blocks; any thread.
 */
bool create_image(const char *format, struct image *file, const struct create_options *opt,
                  GError **error);
/* Main loop's thread: takes the node into use for create_image(), and lets it go. */
bool create_begin(struct image *file, GError **error);
void create_end(struct image *file);

/*
 * All of it: makes a file with an image in it. Main loop's thread. False with *error: a file that
 * was not there before is gone again.
 */
bool create_at(const char *filename, const char *format, const struct create_options *opt,
               GError **error);
/* Opens a file by its format; flags as node_open()'s inherit. no_backing: whatever it says is behind it
 * stays closed. name: NULL or the node's. */
struct image *create_open(const char *filename, const char *format, const char *name,
                          bool no_backing, const struct image_flags *flags, GError **error);

#endif
