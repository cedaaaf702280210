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

/* Strings are copied. Unset members are 0. */
struct block_options {
    const char *name; /* "ide0-hd0" */
    /*
     * A path, "file:PATH", "host_device:PATH" or "null-co://". Any other "word:" before the first
     * slash is a protocol, and refused.
     */
    const char *file;
    /*
     * "raw" (the file's bytes, never looked at), "null-co", or NULL: raw too, but refused if the
     * first bytes look like an image format, because somebody forgot to state it. Content never
     * selects a format (HAZARDS Q-01).
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

/*
 * Waits until nothing is under way on any disk (held requests aside), delivering completions
 * meanwhile; other sources of the main loop are not run. False: some I/O took longer than
 * timeout_ms.
 */
bool block_drain_all(int timeout_ms);

void block_foreach(void (*fn)(void *opaque, struct block *blk), void *opaque);
const char *block_file(const struct block *blk); /* as given in the options */

/* Requests are counted when they end, by what the guest sees; ns from submit to done. */
struct block_stats {
    uint64_t rd_ops, wr_ops, flush_ops, discard_ops;
    uint64_t rd_bytes, wr_bytes, discard_bytes;
    uint64_t rd_ns, wr_ns, flush_ns, discard_ns;
    uint64_t rd_errors, wr_errors, flush_errors, discard_errors;
    uint64_t immediate_reads; /* of rd_ops: served by block_try_read() */
    uint64_t refused;         /* bad requests of a device model: range, read-only */
};
void block_get_stats(struct block *blk, struct block_stats *out);

#endif
