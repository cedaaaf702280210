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

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD };

/*
 * One request. Made by block_req_new(), belongs to the block layer from submit to done, and again
 * to the submitter inside done(), which ends with block_req_free() or submits it again. It is a
 * private copy: sector, count and iov cannot change while it is under way.
 *
 * The memory that iov points to is guest RAM or comes from block_req_alloc_buffer(): the host's I/O
 * may still use it after block_abandon(), so it must not belong to the device or the stack.
 */
struct block_req {
    enum block_op op;
    uint64_t sector;
    uint32_t sectors;  /* must equal the iov's bytes / 512 for read and write */
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
 * The range is checked again here: outside the disk ends with EIO, a write to a read-only one with
 * EROFS, an iov that does not fit `sectors` with EINVAL; such errors of the device model are not
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
 * iov's memory may have been written to); EIO outside the disk.
 */
int block_try_read(struct block *blk, uint64_t sector, struct iovec *iov, int iovcnt);

uint64_t
block_sectors(const struct block *blk); /* size, partial last sector included (reads as zero) */
bool block_readonly(const struct block *blk);
bool block_write_cache(const struct block *blk); /* volatile cache visible to the guest */
/* Off: each write started from now on is stable when done; earlier ones want a flush. */
void block_set_write_cache(struct block *blk, bool on);
const char *block_name(const struct block *blk); /* "ide0-hd0", for events */

#endif
