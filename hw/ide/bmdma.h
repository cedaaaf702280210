/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus master of one IDE channel: its 8 registers and the walk over the table of physical region
 * descriptors (PRDs). It knows guest memory and nothing of drives: a drive asks it for places.
 * Source: Intel, "Programming Interface for Bus Master IDE Controller" rev. 1.0; 82371SB (PIIX3) data
 * sheet, bus master IDE registers.
 *
 * Registers, from the channel's base (the secondary channel's is 8 higher):
 *   0 command  bit 0 start, bit 3 direction (1: into memory)
 *   2 status   bit 0 active, bit 1 error (write 1 to clear), bit 2 interrupt (write 1 to clear),
 *              bits 5, 6 drive 0, 1 can do DMA (scratch for the BIOS)
 *   4 table    address of the PRD table, bits 1:0 are 0
 *
 * A PRD is 8 bytes: address (bit 0 ignored), byte count (bit 0 ignored, 0 is 65536), bit 31 of the
 * second double word: end of table. The table may not cross a 64 KiB boundary; one that goes on up
 * to the boundary ends there.
 *
 * What the guest sees in (interrupt, active) after a transfer (the specification's table):
 *   (1, 0) the table is exactly as long as the request; (1, 1) it is longer; (0, 0) it is shorter:
 *   the drive still waits for the rest. Error: table or target is not memory.
 *
 * Each PRD is copied once. At most BMDMA_SEGMENTS of them are held, which always suffices for one
 * sector, since the shortest is 2 bytes. So the work of a step is bounded by the request.
 */
#ifndef HW_IDE_BMDMA_H
#define HW_IDE_BMDMA_H

#include <sys/uio.h>

#include "hw/device.h"

#define BMDMA_REGS 8
#define BMDMA_SEGMENTS 256

enum { BMDMA_CMD_START = 0x01, BMDMA_CMD_TO_MEMORY = 0x08 };
enum {
    BMDMA_ACTIVE = 0x01,
    BMDMA_ERROR = 0x02,
    BMDMA_INT = 0x04,
    BMDMA_CAPABLE = 0x60,
};

struct bmdma_prd {
    uint32_t addr, bytes;
    bool last;
};

struct bmdma {
    const struct dma_port *dma;

    /* Registers. */
    uint8_t command, status;
    uint32_t table;

    /* Where the running walk is: a copy, so that a new table address changes the next one only. */
    uint32_t head;      /* address of the first PRD that is not used up */
    uint32_t head_done; /* bytes of it that are */
    uint64_t table_end; /* the walk ends here at the latest (64 KiB boundary) */
    bool exhausted;     /* the last PRD is used up */

    bool line; /* the channel's interrupt line, for its rising edge */

    /* Private copies of the PRDs from `head` on; filled again from the table after a load. */
    struct bmdma_prd prd[BMDMA_SEGMENTS];
    unsigned prds;

    /* Guest memory mapped for the step under way. */
    struct iovec iov[BMDMA_SEGMENTS];
    uint64_t iov_gpa[BMDMA_SEGMENTS];
    int iovcnt;
    size_t iov_bytes;
    bool iov_to_memory;
    struct dma_port iov_dma; /* what they were made with: the guest may gate the port meanwhile */
};

/* The part of a device's field table for a bus master at `path` in `s`; `p` prefixes the names. */
#define BMDMA_FIELD_(s, t, path, member, p, max_)                                                  \
    { .name = p #member, .type = FIELD_##t, .offset = offsetof(s, path.member), .count = 1,        \
      .max = (max_) }
#define BMDMA_FIELDS(s, path, p)                                                                   \
    BMDMA_FIELD_(s, U8, path, command, p, 0x09), BMDMA_FIELD_(s, U8, path, status, p, 0x67),       \
    BMDMA_FIELD_(s, U32, path, table, p, 0), BMDMA_FIELD_(s, U32, path, head, p, 0),               \
    BMDMA_FIELD_(s, U32, path, head_done, p, 65535),                                               \
    BMDMA_FIELD_(s, U64, path, table_end, p, 0x100000000),                                         \
    BMDMA_FIELD_(s, BOOL, path, exhausted, p, 1), BMDMA_FIELD_(s, BOOL, path, line, p, 1)

/* `dma` must outlive it: the function's port, which the bus master enable bit gates. */
void bmdma_init(struct bmdma *bm, const struct dma_port *dma);
/* After the fields were reset or loaded: forgets copies and mappings. */
void bmdma_forget(struct bmdma *bm);
/* NULL if the fields fit together, else what does not. */
const char *bmdma_check(const struct bmdma *bm);

enum bmdma_event { BMDMA_NOTHING, BMDMA_STARTED, BMDMA_STOPPED };

/* Register access; off 0 .. 7, size 1, or 4 at offset 4. A write says if the start bit changed. */
uint32_t bmdma_reg_read(const struct bmdma *bm, unsigned off, unsigned size);
enum bmdma_event bmdma_reg_write(struct bmdma *bm, unsigned off, unsigned size, uint32_t value);

static inline bool bmdma_active(const struct bmdma *bm) { return bm->status & BMDMA_ACTIVE; }

/* The channel's interrupt line as the bus master sees it; its rising edge is kept in the status. */
void bmdma_line(struct bmdma *bm, bool level);

enum bmdma_result {
    BMDMA_OK,    /* iov holds at least one sector, at most `want` bytes */
    BMDMA_SHORT, /* the table ends before the next whole sector */
    BMDMA_FAULT, /* table or target is not memory */
};

/*
 * Maps guest memory for the next whole sectors (`want` bytes, a multiple of 512, at most) into
 * iov, iovcnt, iov_bytes. The place in the table does not move until bmdma_advance(). A last
 * incomplete sector of a table that is too short is not moved at all.
 */
enum bmdma_result bmdma_gather(struct bmdma *bm, bool to_memory, size_t want);
/* The same for data that does not come in sectors: a multiple of `unit` bytes (2, or 512), at most
 * `want`, which has to be one. SHORT: the table ends before the next whole unit. */
enum bmdma_result bmdma_gather_units(struct bmdma *bm, bool to_memory, size_t want, size_t unit);
/* Ends the mappings; `written` bytes from the start were stored. Nothing if there are none. */
void bmdma_release(struct bmdma *bm, size_t written);
void bmdma_advance(struct bmdma *bm, size_t bytes);

/* How a walk ends: the drive has got all (or gave up); the table was too short; a bus error. */
void bmdma_end(struct bmdma *bm);
void bmdma_end_short(struct bmdma *bm);
void bmdma_end_fault(struct bmdma *bm);

#endif
