/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block port: what a disk model sees of its disk. Sectors are 512 bytes here whatever the
 * image's own block size. Thread rules: submit from any thread; `done` runs on the main loop's
 * thread with req->lock held, never inside block_submit().
 *
 * Order: requests to overlapping sectors, one of them a write or discard, are carried out in the
 * order of their submission, even when the earlier one was abandoned (so that a write given up by a
 * reset cannot land on top of a newer one). Others may overtake each other. A flush covers the
 * writes whose done() came before its submission.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define BLOCK_SECTOR_BYTES 512

struct block;
struct iolock;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

/*
 * One request. Made by block_req_new(), belongs to the block layer from submit to done, and again
 * to the submitter inside done(), which ends with block_req_free() or submits it again. It is a
 * private copy: sector, count and iov cannot change while it is under way.
 *
 * The memory that iov points to is guest RAM or comes from block_req_alloc_buffer(): the host's I/O
 * may still use it after block_abandon(), so it must not belong to the device or the stack.
 */
struct block_req {
    enum block_op op; /* discard is advice: content is undefined afterwards; zeroes are content */
    uint64_t sector;
    uint32_t sectors;  /* discard, zeroes: no iov. Else must equal the iov's bytes / 512 for read and write */
    struct iovec *iov; /* room for iov_max entries, the request's own; not to be replaced */
    int iovcnt, iov_max;
    bool fua;          /* write: stable before done */
    struct iolock *lock; /* the device's; NULL: done() is called without one */
    void (*done)(struct block_req *req, int err); /* err: 0 or a positive errno */
    void *opaque;
};

/* Never NULL. iov_max may be 0 (flush, discard). */
struct block_req *block_req_new(struct block *blk, int iov_max);
/* Only while it belongs to the submitter. Allowed after the block was closed. */
void block_req_free(struct block_req *req);

/*
 * A buffer of the request's own, page-aligned and zeroed, freed with the request; one per request
 * (a further call gives the same one, zeroed again, grown if need be). NULL when the host has no
 * memory.
 */
void *block_req_alloc_buffer(struct block_req *req, size_t bytes);

/*
 * The range is checked again here: outside the disk ends with EIO, without a medium with ENOMEDIUM,
 * a write to a read-only one with EROFS, an iov that does not fit `sectors` with EINVAL; such errors of the device model are not
 * subject to werror and rerror. With zero sectors nothing is done, successfully.
 */
void block_submit(struct block *blk, struct block_req *req);

/*
 * Gives a request up (reset, cancel): done() will not be called, the block layer frees it when the
 * host's I/O has ended. A write not yet started is not started. Never waits. Device lock held. A
 * request that is not under way is freed. The lock itself may be freed afterwards, on the main
 * loop's thread only.
 */
void block_abandon(struct block_req *req);

/*
 * Reads at once if that needs no waiting (page cache, RWF_NOWAIT). Returns 0 with iov filled;
 * EAGAIN if it would wait or met a host error (then submit: the error policy is applied there;
 * iov's memory may have been written to); EIO outside the disk; ENOMEDIUM.
 */
int block_try_read(struct block *blk, uint64_t sector, struct iovec *iov, int iovcnt);

uint64_t
block_sectors(const struct block *blk); /* size, partial last sector included (reads as zero) */
bool block_readonly(const struct block *blk);
bool block_write_cache(const struct block *blk); /* volatile cache visible to the guest */
/* Off: each write started from now on is stable when done; earlier ones want a flush. */
void block_set_write_cache(struct block *blk, bool on);
const char *block_name(const struct block *blk); /* "ide0-hd0", for events */

/*
 * ---- removable media ----
 *
 * A drive (ide-cd, floppy) keeps its tray and its lock; the block layer keeps the medium. Without
 * one block_sectors() is 0, reads and writes end with ENOMEDIUM, a flush well. The medium comes,
 * goes or changes its size on the main loop's thread, with the drive's lock held and no request of
 * the block with the host; the drive is told by medium_changed() at once, inside the same hold.
 *
 *   process: QMP eject ------> tray_request(open) --> drive opens, or refuses since it is locked
 *   guest: START STOP UNIT --> the drive opens its tray
 *                               both: block_tray_moved() --> DEVICE_TRAY_MOVED, later
 *   process: remove, insert -> medium_changed()
 */
struct block_drive_ops {
    /*
     * The process presses the button (open) or pushes the tray in. force: also against the guest's
     * lock. Returns false if it stays as it was because it is locked; then the guest has been asked
     * (MMC's eject request event). NULL: the drive has no tray (floppy, disk): always true.
     */
    bool (*tray_request)(void *opaque, bool open, bool force);
    bool (*tray_is_open)(void *opaque);   /* NULL: no tray */
    bool (*tray_is_locked)(void *opaque); /* NULL: cannot be locked */
    /* block_has_medium(), block_sectors(), block_readonly() may say something else now. */
    void (*medium_changed)(void *opaque);
};

/*
 * The device model that drives this block, until block_detach(). All of ops are called on the main
 * loop's thread with `lock` held. `removable`: the medium may be taken out.
 */
void block_attach(struct block *blk, const struct block_drive_ops *ops, void *opaque,
                  struct iolock *lock, bool removable);
void block_detach(struct block *blk); /* device lock held; its requests are ended or abandoned */
bool block_has_medium(const struct block *blk);
/* The drive says that its tray moved (never from inside tray_request() alone: always when it
 * moves). Any thread, device lock held; the process hears of it later, on the main loop. */
void block_tray_moved(struct block *blk);

#endif
