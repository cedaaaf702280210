/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block graph: nodes opened from options as -blockdev, blockdev-add and -drive give them, their
 * drivers and their names. Source of names and meanings: QEMU's documentation of -blockdev and QMP's
 * BlockdevOptions. All on the main loop's thread.
 *
 * Options are flat: {"driver": "qcow2", "file": {"driver": "file", "filename": "a"}} is
 * "driver" -> "qcow2", "file.driver" -> "file", "file.filename" -> "a". Arrays count: "server.0.x".
 * A JSON null is "" ("backing": null). Booleans are "on" or "off", numbers decimal.
 */
#ifndef BLOCK_NODE_H
#define BLOCK_NODE_H

#include "block/image.h"

enum node_option_type { NODE_OPT_STRING, NODE_OPT_BOOL, NODE_OPT_NUMBER, NODE_OPT_SIZE };

struct node_option {
    const char *name; /* "filename"; ending in ".*": any that begin so, checked by the driver; NULL ends */
    enum node_option_type type;
    const char *values; /* of a string with fixed words: "threads|native" */
    const char *help;
    bool required;
    const char *refusal; /* known, but not supported, and why */
};

/* What a driver's open() gets. */
struct node_args {
    const char *shown;     /* how messages call it: its file name or node name */
    GHashTable *opts;      /* char * -> char *: its own options, checked against its table */
    struct image_flags flags;
    struct image *file;    /* open child, of a driver that has one. To be taken into img->file */
    struct image *backing; /* likewise; NULL: none was given */
    bool backing_given;    /* the user said what is behind it, perhaps nothing: the image's own word
                            * does not count */
    unsigned depth;        /* of the backing chain above it */
};

struct node_driver {
    const char *name, *help;
    const struct node_option *options; /* its own; the common ones are node_common_options */
    bool has_file;    /* a format or filter: needs the child "file" ... */
    const char *child_name; /* ... or as it is called here (blkdebug: "image"); NULL: "file" */
    bool has_backing; /* may have the child "backing" */
    bool file_growable; /* keeps an image format in it: see image_flags */
    bool read_only;     /* cannot write: opened to be written to it is refused, or falls back */
    /* A new node with file and backing taken (img->file = args->file), or NULL with *error: then node.c
     * lets the children go. */
    struct image *(*open)(struct node_args *args, GError **error);
};

const struct node_driver *const *node_drivers(unsigned *count);
const struct node_driver *node_driver_find(const char *name); /* NULL: unknown */
extern const struct node_option node_common_options[];
/* Why a driver of QEMU's is not here; NULL: never heard of. */
const char *node_driver_refusal(const char *name);

/* Values of args->opts. */
const char *node_opt(const struct node_args *args, const char *name); /* NULL: not given */
bool node_opt_bool(const struct node_args *args, const char *name, bool otherwise);
uint64_t node_opt_number(const struct node_args *args, const char *name, uint64_t otherwise);

/*
 * Opens a node with all that its options describe inside it. Every option has to be known. `inherit`
 * gives the flags that are not said (NULL: read-write, locking, all else off). The caller gets one
 * reference. NULL with a one-line *error: nothing stays open.
 */
struct image *node_open(GHashTable *opts, const struct image_flags *inherit, GError **error);
/* Only the check of names, types and words, with nothing opened. */
bool node_check_options(GHashTable *opts, GError **error);
/* The row of one option by its whole path ("file.filename"); NULL: no such. A child or "driver" is a
 * string. For checks of JSON types. */
const struct node_option *node_option_find(GHashTable *opts, const char *path);
/* Gives a node that was made otherwise (a filter, a new image) its name; NULL: a generated one. */
void node_register(struct image *img, const char *name);
const char *node_child_name(const struct node_driver *driver); /* "file" */

/*
 * For a format whose image names what is behind it: opens `name` (a plain path, relative to the
 * directory of `of`) as `format`, read-only, at depth + 1; in use (image_use) when it returns. Refused: no format, protocols, json:, what is
 * neither file nor block device, chains that are too long (HAZARDS Q-02).
 */
struct image *node_open_backing(const struct node_args *args, const char *of, const char *name,
                                const char *format, GError **error);

/* Options from a file name as -drive file= and -hda have it: a path, file:, host_device:, nbd: and
 * nbd:// forms, null-co://. Adds "driver" and the rest under `prefix` ("file."). */
bool node_parse_filename(const char *filename, const char *prefix, GHashTable *opts, GError **error);

struct image *node_find(const char *node_name);
void node_foreach(void (*fn)(void *opaque, struct image *img), void *opaque);
struct image *image_ref(struct image *img);
/* The last one closes it and lets its children go. NULL is nothing. */
void image_unref(struct image *img);
/*
 * Who stands above a node says so: a node has one writer, or any number of readers. image_use()
 * opens for writing what is to be written to. False with *error. Both leave the references alone.
 */
bool image_use(struct image *img, bool write, GError **error);
void image_unuse(struct image *img, bool wrote);
void image_release(struct image *img, bool wrote); /* unuse, then unref; NULL is nothing */
/* blockdev-del: lets go a node that the user named; false with *error when it is in use or not his. */
bool node_delete(const char *node_name, GError **error);

#endif
