/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening and closing of disks, and what the process (not a device) does with them. All calls on
 * the main loop's thread with no device lock held, unless said otherwise.
 */
#ifndef BLOCK_OPEN_H
#define BLOCK_OPEN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "block/block.h"

/* What to do about a host error, as -drive's werror= and rerror= name it. */
enum block_on_error {
    BLOCK_ON_ERROR_DEFAULT, /* writes: enospc; reads: report */
    BLOCK_ON_ERROR_REPORT,  /* the guest sees the device's error */
    BLOCK_ON_ERROR_STOP,    /* the request is kept, the VM stops, cont tries again */
    BLOCK_ON_ERROR_IGNORE,  /* the guest sees success; a read gives zeroes */
    BLOCK_ON_ERROR_ENOSPC, /* no space (ENOSPC, EDQUOT, EFBIG): stop; others: report. Writes only */
};

/* Strings are copied. Unset members are 0. What the disk is made of: node, or node_options and file, or
 * nothing (a drive without a medium). */
struct block_options {
    const char *name; /* "ide0-hd0" */
    const char *node; /* name of an open node: used as it is; flags and format are its own */
    GHashTable *node_options; /* flat, see node.h: "backing.file.filename", "file.locking" ...; NULL */
    /* A path, "file:PATH", "nbd://...": what node_parse_filename() takes. */
    const char *file;
    /*
     * A driver ("raw", "qcow2", "null-co"), or NULL: by the file's name (.qcow2, .vmdk, .vdi, .vhd), else
     * raw, but refused if the first bytes look like an image format, because somebody forgot to state
     * it. Content never selects a format (HAZARDS Q-01).
     */
    const char *format;
    bool readonly;
    bool auto_read_only; /* fall back to read-only where writing is not permitted */
    bool snapshot;       /* writes go to a temporary file and are forgotten */
    bool cache_direct;   /* O_DIRECT */
    bool cache_no_flush; /* flush does nothing */
    bool writethrough;   /* the guest sees no write cache: each write is stable when done */
    bool aio_native;     /* Linux AIO; needs cache_direct */
    bool locking;        /* QEMU's locks: one writer, or readers */
    bool discard;        /* discard=unmap: give space back; else a discard does nothing */
    enum block_on_error werror, rerror;
    uint64_t size_bytes; /* of "null-co"; 0: 1 GiB */
    const char *fault;   /* tests: faults to inject, see fault.h; NULL: none */
};

/*
 * Opens and locks a disk. NULL with *error: one line that names the file, says what is wrong and,
 * where there is one, what works instead. Nothing stays open then.
 *
 * Size: fixed at open. A last sector that the file fills in part reads as zero behind the file's
 * end; a file is never grown: writing other than zeroes there is EIO. A file that shrinks under us
 * gives EIO.
 */
struct block *block_open(const struct block_options *options, GError **error);

/* ---- what is in the drive ---- */

struct image;
struct image *block_root(struct block *blk); /* NULL: no medium. A job's filter is looked through */
/*
 * Puts another node under the disk, or takes it out (NULL), and tells the device. Waits for what is
 * under way; false with *error (EBUSY) if that takes longer than timeout_ms, or the node is in use.
 * Takes its own reference. `readonly`: the disk is, whatever the node can.
 */
bool block_set_root(struct block *blk, struct image *root, bool readonly, int timeout_ms,
                    GError **error);
/*
 * The same content by another node (live snapshot, a job's filter): the guest sees no change. No
 * use is checked: the caller has moved it (image_use, image_unuse).
 */
bool block_swap_root(struct block *blk, struct image *root, int timeout_ms, GError **error);
/* block_resize: grows (or shrinks) the node, tells the device. 0 or a positive errno. */
int block_resize(struct block *blk, uint64_t bytes, int timeout_ms);

bool block_has_drive(struct block *blk);    /* a device model is attached */
bool block_is_removable(struct block *blk);
bool block_has_tray(struct block *blk);
bool block_tray_open(struct block *blk);
bool block_tray_locked(struct block *blk);
/* False: it is locked and stays as it was. */
bool block_tray_request(struct block *blk, bool open, bool force);
/* Told that a tray moved, on the main loop, no lock held. */
void block_set_tray_hook(void (*fn)(void *opaque, struct block *blk), void *opaque);
/* The -device's id, for events; strings are copied. */
void block_set_device_id(struct block *blk, const char *id);
const char *block_device_id(const struct block *blk); /* "" if it has none */
/* Where monitors look for the disk's device if not by its id ("/machine/peripheral/d0/virtio-backend"); copied. */
void block_set_device_path(struct block *blk, const char *path);
const char *block_device_path(const struct block *blk); /* without one: the id */
void block_set_on_error(struct block *blk, enum block_on_error werror, enum block_on_error rerror);
/* No request starts until each pause is taken back; false: what runs took longer, not paused. */
enum block_on_error block_on_error_of(struct block *blk, bool write); /* as configured */
bool block_pause(struct block *blk, int timeout_ms);
void block_unpause(struct block *blk);

/*
 * Abandons what is still under way, waits for it (at most BLOCK_CLOSE_WAIT_MS), flushes, unlocks
 * and closes. I/O that hangs longer keeps file and lock for as long as it lasts, in the background.
 */
#define BLOCK_CLOSE_WAIT_MS 500
void block_close(struct block *blk);

/* By its QEMU name ("report", "stop", "ignore", "enospc", "auto"); false if it is none. */
bool block_on_error_parse(const char *word, enum block_on_error *out);

/*
 * Told of each host error, for the BLOCK_IO_ERROR event and to stop the VM. `write`: of a write,
 * flush or discard. `stopped`: the request is held until block_resume_all() (or until it is
 * abandoned).
 */
typedef void (*block_stop_fn)(void *opaque, struct block *blk, bool write, bool nospace,
                              const char *reason, bool stopped);
void block_set_stop_hook(block_stop_fn fn, void *opaque);

/* The event's "action": "ignore", "report" or "stop". */
const char *block_error_action(const struct block *blk, bool write, bool nospace);

/* Submits held requests again, in their old order. */
void block_resume(struct block *blk);
void block_resume_all(void);
unsigned block_held_count(struct block *blk);
bool block_held_for_space(struct block *blk); /* one of them for want of space */

/*
 * Waits until nothing is under way on any disk (held requests aside), delivering completions
 * meanwhile; other sources of the main loop are not run. False: some I/O took longer than
 * timeout_ms.
 */
bool block_drain_all(int timeout_ms);

/* A disk by its name ("ide0-hd0"), its -device's id or path, or the name of its root node; NULL: none. */
struct block *block_lookup(const char *name);
/* False with *error: a job is at work on the disk. Its root is not to be changed or resized then. */
bool block_check_no_job(struct block *blk, GError **error);
void block_foreach(void (*fn)(void *opaque, struct block *blk), void *opaque);
const char *block_file(const struct block *blk); /* as given in the options */

/* ---- limits (throttle.h has their meaning) ---- */

struct throttle_config;
/*
 * From now on, also for what waits. cfg NULL or without a limit: none. group: disks that name the same
 * one share its limits, and the last cfg holds for all of them; NULL: stays in the one it is in, else
 * one of its own, by the disk's name. False with *error (what throttle_config_check() refuses): all is
 * as it was. A flush and a discard are not limited; a drain and a close do not wait for the limits.
 */
bool block_set_throttle(struct block *blk, const struct throttle_config *cfg, const char *group,
                        GError **error);
/* False: no limits; *cfg is all 0 and *group NULL. *group is the block layer's, until the next change. */
/* "qcow2" for a name that ends in .qcow2, and so on; NULL: the name says nothing. */
const char *block_format_by_name(const char *file);
bool block_get_throttle(struct block *blk, struct throttle_config *cfg, const char **group);

/* Requests are counted when they end, by what the guest sees; ns from submit to done. */
struct block_stats {
    uint64_t rd_ops, wr_ops, flush_ops, discard_ops;
    uint64_t rd_bytes, wr_bytes, discard_bytes;
    uint64_t rd_ns, wr_ns, flush_ns, discard_ns;
    uint64_t rd_errors, wr_errors, flush_errors, discard_errors;
    uint64_t immediate_reads; /* of rd_ops: served by block_try_read() */
    uint64_t wr_highest_bytes; /* where the highest write ended */
    uint64_t refused;         /* bad requests of a device model: range, read-only */
};
void block_get_stats(struct block *blk, struct block_stats *out);

#endif
