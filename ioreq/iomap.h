/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dispatch tables: which region answers at which port or address.
 *
 * Readers (vCPU threads, the qtest client) look up without a lock; a change builds new tables and
 * swaps them in whole, and the old ones are freed when no reader can still be inside.
 * Ports: two table loads, O(1). Memory: the reader's last hit, then a binary search, O(log n).
 */
#ifndef IOREQ_IOMAP_H
#define IOREQ_IOMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioreq/ioreq.h"

struct iolock;

/* Widths that a register implements; a mask of byte counts. */
enum { IO_W1 = 1, IO_W2 = 2, IO_W4 = 4, IO_W8 = 8 };

/* Part of a region, e.g. the registers whose writes KVM may collect. */
struct io_span {
    uint64_t off, size;
};

/*
 * What a chip's glue answers at one region. All calls come with the region's lock held, `off` inside
 * the region, `off + size` too, `size` one of the declared widths, and `off` a multiple of it.
 *
 * An access of another width or alignment is made of declared ones by the dispatcher: a wider one
 * is split at its natural boundaries, low address first; a narrower read takes its bytes out of the
 * containing declared width; a narrower write is dropped and counted as refused.
 */
struct io_ops {
    uint64_t (*read)(void *chip, uint64_t off, unsigned size);
    void (*write)(void *chip, uint64_t off, unsigned size, uint64_t value);

    /*
     * Optional. A whole string access: serve up to `count` elements of `size` bytes in one copy and
     * return how many were served (0 .. count); the dispatcher does the others one by one.
     */
    uint32_t (*read_string)(void *chip, uint64_t off, unsigned size, void *buf, uint32_t count);
    uint32_t (*write_string)(void *chip, uint64_t off, unsigned size, const void *buf,
                             uint32_t count);

    uint8_t widths;           /* mask of IO_W*, for every offset ... */
    const uint8_t *widths_at; /* ... or one mask per offset (as many as the region has bytes) */

    /* Registers whose write has no effect until a later access; KVM may collect them. */
    const struct io_span *posted;
    unsigned posted_count;

    /*
     * Registers that are like that only at times, or up to some write (the last word of a block at a
     * data port): collected as far as the posted_limit of every mapped region allows.
     */
    const struct io_span *counted;
    unsigned counted_count;
};

/*
 * A register whose write only wakes the device: the writer sees no result of it and need not wait, so another
 * thread may carry it out, a little later, and several of the same as one. With `match` that is so for the
 * value `value` only; without it the others are carried out as if they were `value`.
 */
struct io_doorbell {
    uint64_t off;
    uint32_t value;
    uint8_t size; /* bytes: 1, 2 or 4 */
    bool match;
};

struct io_counters {
    uint64_t reads, writes; /* elements, from the guest's side */
    uint64_t read_bytes, write_bytes;
    uint64_t refused; /* narrower writes than any declared width */
};

#define IO_LAST_WRITES 8

/* Who wrote what: the newest writes to a region, for whoever asks what a device was told last. */
struct io_write {
    uint64_t addr, value; /* of a string: its last element */
    int64_t when_ns;      /* the map's clock */
    uint32_t count;       /* elements; 0: no write yet */
    uint16_t source;      /* as in struct ioreq */
    uint8_t size;
};

/*
 * A region belongs to its device and lives until the map is freed, or until iomap_synchronize() has
 * returned after its removal. The map writes `stat`, `mapped`,
 * `doorbells_on` and `last_writes` only. posted_limit is the device's to
 * keep up to date, atomically, whenever an access returns: 0 while no write to its counted registers can
 * have an effect, else 1 + how many can come before one has, whatever their widths. It is looked at for
 * regions with counted registers of their own.
 */
struct io_region {
    const char *name;  /* "ide0.cmd": unique, shown in errors, counters and traces */
    enum io_space space;
    uint64_t base, size;
    const struct io_ops *ops;
    void *chip;
    struct iolock *lock; /* the owning device's */
    struct io_counters stat;
    struct io_write last_writes[IO_LAST_WRITES]; /* a ring; under the region's lock */
    unsigned next_write;
    bool mapped;
    uint32_t posted_limit;
    const struct io_doorbell *doorbells; /* constant; how many ... */
    unsigned doorbell_count;
    bool doorbells_on;                   /* ... and whether they are that now: iomap_set_doorbells() */
};

struct iomap;

/* Where memory accesses go that no region claims: RAM. Returns false where there is none. */
typedef bool (*iomap_ram_fn)(void *opaque, struct ioreq *req);

/* Told of each table change (after it), for posted writes: KVM's coalesced zones follow it. */
typedef void (*iomap_listener_fn)(void *opaque, const struct io_region *region, bool mapped);

/*
 * Told whenever a region with doorbells is mapped, unmapped, or has them switched. Changes of one region may come
 * from several threads, so it asks iomap_doorbells() for what holds now.
 */
typedef void (*iomap_doorbell_fn)(void *opaque, struct io_region *region);

struct iomap *iomap_new(void);
void iomap_free(struct iomap *map); /* no reader may be registered any more */

void iomap_set_ram(struct iomap *map, iomap_ram_fn fn, void *opaque);
struct vclock;
void iomap_set_clock(struct iomap *map, struct vclock *clock); /* dates the last writes; NULL: they have no time */
void iomap_set_listener(struct iomap *map, iomap_listener_fn fn, void *opaque);

void iomap_set_doorbell_listener(struct iomap *map, iomap_doorbell_fn fn, void *opaque);

/*
 * Adds a region. Returns true; or false, with the reason in why[] naming both owners, when it
 * overlaps a mapped one, is empty, or leaves its address space. The caller may hold its device's lock.
 */
bool iomap_add(struct iomap *map, struct io_region *region, char *why, size_t why_size);
void iomap_remove(struct iomap *map, struct io_region *region); /* nothing if not mapped */

/* Between begin and commit (they nest) changes are collected and published as one new table. */
void iomap_begin(struct iomap *map);
void iomap_commit(struct iomap *map);

struct io_entry;

/* One per thread that dispatches; registered for as long as it does. */
struct io_reader {
    uint64_t epoch;                    /* 0: outside */
    uint64_t last_generation;          /* memory look-up: the last hit holds for that table only */
    const struct io_entry *last_entry;
    struct io_reader *next;
};
void iomap_reader_add(struct iomap *map, struct io_reader *reader);
void iomap_reader_remove(struct iomap *map, struct io_reader *reader);

/*
 * The funnel. Carries out one access: finds the region, splits to declared widths, takes the
 * region's lock, counts. Reads always fill req->data: with ones where nothing answers.
 * Returns false if no part of the access found an owner.
 */
bool iomap_dispatch(struct iomap *map, struct io_reader *reader, struct ioreq *req);

/* The owner switches the region's doorbells; its lock is held. They are off at first, and must be when it is freed. */
void iomap_set_doorbells(struct iomap *map, struct io_region *region, bool on);
enum io_doorbell_state { IO_DOORBELLS_OFF, IO_DOORBELLS_UNMAPPED, IO_DOORBELLS_ON };
/* *base: where the region is, if ON. */
enum io_doorbell_state iomap_doorbells(struct iomap *map, struct io_region *region, uint64_t *base);
/*
 * Carries out the write that doorbell n stands for, as iomap_dispatch() would. False, and nothing has happened:
 * they are off, or the region is not mapped (any more; it may be gone altogether). No device's lock is held.
 */
bool iomap_ring(struct iomap *map, struct io_reader *reader, struct io_region *region, unsigned n);

/* Waits until every reader has left tables older than the current one. Not from inside a device. */
void iomap_synchronize(struct iomap *map);

/* Calls fn for every mapped region, ports first, by address; under the writer lock. */
void iomap_foreach(struct iomap *map, void (*fn)(void *opaque, const struct io_region *region),
                   void *opaque);

#endif
