/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What holds a disk's bytes: a node of the block graph. A protocol (file, nbd, null-co), a format on
 * one (raw, qcow2), or a filter (blkdebug, snapshot=on's overlay). Below the request queue: ranges
 * are checked, calls block, and come from worker threads, several at once, but of one block never
 * two to the same grain of which one writes. node.h opens nodes and keeps their names.
 */
#ifndef BLOCK_IMAGE_H
#define BLOCK_IMAGE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

struct image;

/* Where bytes lie in a file, for I/O past the node's own code. */
struct image_extent {
    int fd;
    uint64_t off;
};
enum image_map { IMAGE_MAP_READ, IMAGE_MAP_WRITE, IMAGE_MAP_WRITE_STABLE };

enum image_status {
    IMAGE_DATA,    /* this node has the bytes */
    IMAGE_ZERO,    /* it says that they are zero */
    IMAGE_BACKING, /* it leaves them to what is behind it; nothing behind: zero */
};

/* Places in a format's work where blkdebug can step in. */
enum image_event {
    IMAGE_EVENT_L1_UPDATE,
    IMAGE_EVENT_L1_GROW_ALLOC_TABLE,
    IMAGE_EVENT_L1_GROW_WRITE_TABLE,
    IMAGE_EVENT_L1_GROW_ACTIVATE_TABLE,
    IMAGE_EVENT_L2_LOAD,
    IMAGE_EVENT_L2_UPDATE,
    IMAGE_EVENT_L2_UPDATE_COMPRESSED,
    IMAGE_EVENT_L2_ALLOC_COW_READ,
    IMAGE_EVENT_L2_ALLOC_WRITE,
    IMAGE_EVENT_READ_AIO,
    IMAGE_EVENT_READ_BACKING_AIO,
    IMAGE_EVENT_READ_COMPRESSED,
    IMAGE_EVENT_WRITE_AIO,
    IMAGE_EVENT_WRITE_COMPRESSED,
    IMAGE_EVENT_COW_READ,
    IMAGE_EVENT_COW_WRITE,
    IMAGE_EVENT_REFTABLE_LOAD,
    IMAGE_EVENT_REFTABLE_GROW,
    IMAGE_EVENT_REFTABLE_UPDATE,
    IMAGE_EVENT_REFBLOCK_LOAD,
    IMAGE_EVENT_REFBLOCK_UPDATE,
    IMAGE_EVENT_REFBLOCK_UPDATE_PART,
    IMAGE_EVENT_REFBLOCK_ALLOC,
    IMAGE_EVENT_REFBLOCK_ALLOC_WRITE,
    IMAGE_EVENT_CLUSTER_ALLOC,
    IMAGE_EVENT_CLUSTER_ALLOC_BYTES,
    IMAGE_EVENT_CLUSTER_FREE,
    IMAGE_EVENT_FLUSH_TO_OS,
    IMAGE_EVENT_FLUSH_TO_DISK,
    IMAGE_EVENT_EMPTY_IMAGE_PREPARE,
    IMAGE_EVENTS
};

/*
 * What a format tells of itself in query-block; unset members are 0. Filled under whatever lock the
 * format wants. specific: more pairs (name, value as text) for "format-specific"; owned by the array.
 */
struct image_info {
    uint64_t actual_bytes; /* space in use on the host */
    uint64_t cluster_bytes;
    bool dirty, corrupt, compressed;
    char *backing_file, *backing_format; /* as the image has them; g_free() both */
};

/* All returning int: 0 or a positive errno. off + bytes may pass image->bytes by the rest of a sector. */
struct image_ops {
    const char *kind; /* the driver's name */
    int (*read)(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt);
    /* stable: on stable storage before it returns, with all that is needed to find it again. */
    int (*write)(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt, bool stable);
    int (*flush)(struct image *img);
    /* Advice. What cannot be given back stays as it is. */
    int (*discard)(struct image *img, uint64_t off, uint64_t bytes);
    /* The bytes read as zero afterwards; unmap: their space may be given back. NULL: written. */
    int (*write_zeroes)(struct image *img, uint64_t off, uint64_t bytes, bool unmap);
    /* Optional: reads if that needs no waiting, else EAGAIN. Any thread. */
    int (*try_read)(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt);
    /*
     * Optional. True if all of [off, off + bytes) lies in one piece at *out and may be read, or
     * written in place with nothing else to do before or after, by the kernel's AIO. Any thread,
     * never waits. It stays so until the block that asked has ended the request, since it starts
     * no conflicting one (a discard) before.
     */
    bool (*map)(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
                struct image_extent *out);
    /* Optional (NULL: all is data): what the bytes from off on are, and for how many (at most bytes,
     * at least 1) the answer is the same. */
    int (*status)(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                  uint64_t *run);
    /* Optional. A new size, also for what lies below; new bytes read as zero. Sets img->bytes. Nothing
     * else is under way. */
    int (*truncate)(struct image *img, uint64_t bytes);
    /*
     * Optional. Somebody above begins to use the node, writing or only reading: opens for writing
     * and takes locks as that needs; more than once. False with *error. Its children have agreed.
     * Main loop's thread.
     */
    bool (*permit)(struct image *img, bool write, GError **error);
    void (*event)(struct image *img, enum image_event event); /* optional: filters pass it on */
    void (*info)(struct image *img, struct image_info *info); /* optional */
    /* Ends the node: flushes what it keeps in memory, frees it and its name. The children are let go
     * by node.c afterwards. Main loop's thread, nothing under way. */
    void (*close)(struct image *img);
};

enum image_zeroes { DETECT_ZEROES_OFF, DETECT_ZEROES_ON, DETECT_ZEROES_UNMAP };

/* How a node is opened; a child named inside its parent inherits what is not said of it. */
struct image_flags {
    bool readonly;
    bool auto_read_only; /* fall back to read-only where writing is not permitted */
    bool direct;         /* cache.direct: O_DIRECT */
    bool no_flush;       /* cache.no-flush: flush does nothing */
    bool discard;        /* discard=unmap: give space back; else a discard does nothing here */
    bool native;         /* aio=native; needs direct */
    bool locking;        /* QEMU's locks: one writer, or readers */
    bool growable;       /* a format keeps its image in it: writing past the end makes it longer, and
                          * reading there gives zeroes. Else a disk: fixed size. Set by node.c when
                          * the format takes it */
    enum image_zeroes detect_zeroes;
};

struct image {
    const struct image_ops *ops;
    uint64_t bytes;
    uint32_t grain_bytes; /* a power of two, at least 512: writes inside one grain need an order */
    bool readonly;        /* may not be written; a file may still be open for reading only */
    bool native;                   /* map() leads to a file that Linux AIO may drive */
    uint32_t mem_align, off_align; /* what its O_DIRECT asks of memory, offset and length; 0: nothing */
    int sync_error;                /* atomic; the errno of the first failed sync, for good (B-03) */
    struct image_flags flags;

    /* The graph: node.c's, main loop's thread. */
    unsigned refs;
    char *node_name;  /* never NULL once it is open: "#block7" if nobody named it */
    char *filename;   /* for messages and query-block; a path, "nbd://...", or NULL: that of file */
    struct image *file, *backing; /* references of its own, or NULL */
    bool writes_file; /* it uses `file` for writing */
    bool user_named;  /* by -blockdev, blockdev-add: lives until blockdev-del */
    bool job_filter;  /* on a disk's root for the time of a job, and looked through */
    bool odd_size;    /* cannot be a disk that is written to: O_DIRECT, and a size that is not aligned */
    unsigned users, writers; /* nodes and blocks above it; those of them that may write */
    LIST_ENTRY(image) link;
};

/* All zeroes but ops and the flags (readonly, native from them); grain 512. For constructors. */
void image_init(struct image *img, const struct image_ops *ops, const struct image_flags *flags);

/* The node's own operation, or what it means where there is none. */
int image_read(struct image *img, uint64_t off, void *buf, uint64_t bytes);        /* one buffer */
int image_write(struct image *img, uint64_t off, const void *buf, uint64_t bytes); /* one buffer */
int image_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap);
int image_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                 uint64_t *run);
bool image_map(struct image *img, uint64_t off, uint64_t bytes, enum image_map how,
               struct image_extent *out);
int image_truncate(struct image *img, uint64_t bytes); /* ENOTSUP where there is none; EROFS */
void image_event(struct image *img, enum image_event event);
const char *image_filename(const struct image *img); /* never NULL */

/*
 * To be asked with the result of each sync. After a failed one the page cache may call pages clean
 * that never reached the disk, and the next sync would succeed; so the first failure stays (B-03).
 */
int image_sync_result(struct image *img, int err);

GQuark block_error_quark(void);
/* Sets *error to that text, code = errno value. False, for the caller to return. */
bool block_fail(GError **error, int err, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* "PATH: what", code = errno value; control characters and what is not UTF-8 are replaced. */
void block_error(GError **error, int err, const char *path, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

#endif
