/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus master of one IDE channel: see bmdma.h. */
#include "hw/ide/bmdma.h"

#include <string.h>

#include "block/block.h"

#define PRD_BYTES 8
#define PRD_BATCH 16 /* read at once */
#define TABLE_ALIGN 0x10000u

void bmdma_init(struct bmdma *bm, const struct dma_port *dma)
{
    memset(bm, 0, sizeof(*bm));
    bm->dma = dma;
}

void bmdma_forget(struct bmdma *bm)
{
    bmdma_release(bm, bm->iov_bytes);
    bm->prds = 0;
}

const char *bmdma_check(const struct bmdma *bm)
{
    if (bm->table & 3 || bm->head & 3)
        return "bus master: table address not aligned";
    if (bmdma_active(bm) && !(bm->command & BMDMA_CMD_START))
        return "bus master: active but not started";
    if (bmdma_active(bm) && (bm->table_end % TABLE_ALIGN || bm->head > bm->table_end ||
                             bm->table_end - bm->head > TABLE_ALIGN))
        return "bus master: outside of its table";
    return NULL;
}

/* ---- registers ---- */

static uint32_t reg_byte(const struct bmdma *bm, unsigned off)
{
    switch (off) {
    case 0:
        return bm->command;
    case 2:
        return bm->status;
    case 4 ... 7:
        return (uint8_t)(bm->table >> (off - 4) * 8);
    default:
        return 0; /* reserved */
    }
}

uint32_t bmdma_reg_read(const struct bmdma *bm, unsigned off, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size && off + i < BMDMA_REGS; i++)
        value |= reg_byte(bm, off + i) << i * 8;
    return value;
}

static enum bmdma_event write_command(struct bmdma *bm, uint8_t value)
{
    bool was = bm->command & BMDMA_CMD_START, is = value & BMDMA_CMD_START;

    bm->command = value & (BMDMA_CMD_START | BMDMA_CMD_TO_MEMORY);
    if (is && !was) {
        bm->head = bm->table;
        bm->head_done = 0;
        bm->table_end = (uint64_t)(bm->table & ~(TABLE_ALIGN - 1)) + TABLE_ALIGN;
        bm->exhausted = false;
        bm->prds = 0;
        bm->status |= BMDMA_ACTIVE;
        return BMDMA_STARTED;
    }
    if (was && !is) {
        bm->status &= ~BMDMA_ACTIVE;
        return BMDMA_STOPPED;
    }
    return BMDMA_NOTHING;
}

static void write_status(struct bmdma *bm, uint8_t value)
{
    bm->status &= ~(value & (BMDMA_ERROR | BMDMA_INT));
    bm->status = (bm->status & ~BMDMA_CAPABLE) | (value & BMDMA_CAPABLE);
}

enum bmdma_event bmdma_reg_write(struct bmdma *bm, unsigned off, unsigned size, uint32_t value)
{
    enum bmdma_event event = BMDMA_NOTHING;

    for (unsigned i = 0; i < size && off + i < BMDMA_REGS; i++, value >>= 8) {
        unsigned shift = (off + i - 4) * 8;

        if (off + i == 0)
            event = write_command(bm, (uint8_t)value);
        else if (off + i == 2)
            write_status(bm, (uint8_t)value);
        else if (off + i >= 4)
            bm->table = (bm->table & ~(0xffu << shift)) | (value & 0xff) << shift;
    }
    bm->table &= ~3u;
    return event;
}

void bmdma_line(struct bmdma *bm, bool level)
{
    if (level && !bm->line)
        bm->status |= BMDMA_INT;
    bm->line = level;
}

/* ---- the table ---- */

static struct bmdma_prd decode_prd(const uint8_t *raw)
{
    struct bmdma_prd prd;
    uint32_t word = raw[4] | raw[5] << 8;

    prd.addr = (raw[0] | raw[1] << 8 | raw[2] << 16 | (uint32_t)raw[3] << 24) & ~1u;
    prd.bytes = word & 0xfffe ? word & 0xfffe : 0x10000;
    prd.last = raw[7] & 0x80;
    return prd;
}

/*
 * Copies more PRDs; returns how many bytes they add, 0 if the table cannot be read. One by one if a
 * batch would leave memory: what lies behind the end of the table is nobody's business.
 */
static uint64_t fetch_prds(struct bmdma *bm)
{
    uint8_t raw[PRD_BATCH * PRD_BYTES];
    uint64_t at = bm->head + (uint64_t)bm->prds * PRD_BYTES, added = 0;
    unsigned n = BMDMA_SEGMENTS - bm->prds;

    if (n > PRD_BATCH)
        n = PRD_BATCH;
    if (n > (bm->table_end - at) / PRD_BYTES)
        n = (bm->table_end - at) / PRD_BYTES;
    if (!dma_read(bm->dma, at, raw, n * PRD_BYTES)) {
        n = 1;
        if (!dma_read(bm->dma, at, raw, PRD_BYTES))
            return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        struct bmdma_prd *prd = &bm->prd[bm->prds++];

        *prd = decode_prd(raw + i * PRD_BYTES);
        at += PRD_BYTES;
        prd->last |= at >= bm->table_end;
        added += prd->bytes;
        if (prd->last)
            break;
    }
    return added;
}

/* Bytes that the copied PRDs describe, from where the walk is. */
static uint64_t queued_bytes(const struct bmdma *bm)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < bm->prds; i++)
        sum += bm->prd[i].bytes;
    return sum > bm->head_done ? sum - bm->head_done : 0;
}

/* Copies PRDs until they describe `want` bytes or no more can be had; *ended: at the table's end. */
static uint64_t fill_queue(struct bmdma *bm, uint64_t want, bool *ended)
{
    uint64_t have = queued_bytes(bm);

    *ended = bm->exhausted || (bm->prds && bm->prd[bm->prds - 1].last);
    while (have < want && !*ended && bm->prds < BMDMA_SEGMENTS) {
        if (!fetch_prds(bm))
            break;
        bmdma_advance(bm, 0); /* the table may have changed since a save */
        have = queued_bytes(bm);
        *ended = bm->exhausted || (bm->prds && bm->prd[bm->prds - 1].last);
    }
    return have;
}

/* Maps one PRD's part; returns how many bytes (fewer: no memory there, or no room). */
static size_t map_range(struct bmdma *bm, uint64_t gpa, size_t bytes)
{
    size_t done = 0;

    while (done < bytes && bm->iovcnt < BMDMA_SEGMENTS) {
        size_t len = bytes - done;
        void *host = dma_map(&bm->iov_dma, gpa + done, &len, bm->iov_to_memory);

        if (!host || !len)
            break;
        bm->iov[bm->iovcnt] = (struct iovec){ .iov_base = host, .iov_len = len };
        bm->iov_gpa[bm->iovcnt++] = gpa + done;
        bm->iov_bytes += len;
        done += len;
    }
    return done;
}

/* Cuts what is mapped back to `bytes`. */
static void trim_maps(struct bmdma *bm, size_t bytes)
{
    while (bm->iov_bytes > bytes) {
        struct iovec *iov = &bm->iov[bm->iovcnt - 1];
        size_t over = bm->iov_bytes - bytes;

        if (over < iov->iov_len) {
            iov->iov_len -= over;
            bm->iov_bytes = bytes;
            return;
        }
        bm->iov_bytes -= iov->iov_len;
        bm->iovcnt--;
        dma_unmap(&bm->iov_dma, bm->iov_gpa[bm->iovcnt], iov->iov_base, 0);
    }
}

enum bmdma_result bmdma_gather(struct bmdma *bm, bool to_memory, size_t want)
{
    return bmdma_gather_units(bm, to_memory, want, BLOCK_SECTOR_BYTES);
}

enum bmdma_result bmdma_gather_units(struct bmdma *bm, bool to_memory, size_t want, size_t unit)
{
    bool ended;
    uint64_t have = fill_queue(bm, want, &ended);
    size_t skip = bm->head_done;

    if (have > want)
        have = want;
    have -= have % unit;
    if (!have)
        return ended ? BMDMA_SHORT : BMDMA_FAULT;

    bm->iovcnt = 0;
    bm->iov_bytes = 0;
    bm->iov_dma = *bm->dma;
    bm->iov_to_memory = to_memory;
    for (unsigned i = 0; i < bm->prds && bm->iov_bytes < have; i++) {
        size_t bytes = bm->prd[i].bytes - skip;

        if (bytes > have - bm->iov_bytes)
            bytes = have - bm->iov_bytes;
        if (map_range(bm, (uint64_t)bm->prd[i].addr + skip, bytes) < bytes)
            break;
        skip = 0;
    }
    trim_maps(bm, bm->iov_bytes - bm->iov_bytes % unit);
    return bm->iov_bytes ? BMDMA_OK : BMDMA_FAULT;
}

void bmdma_release(struct bmdma *bm, size_t written)
{
    for (int i = 0; i < bm->iovcnt; i++) {
        size_t len = bm->iov[i].iov_len, part = written < len ? written : len;

        dma_unmap(&bm->iov_dma, bm->iov_gpa[i], bm->iov[i].iov_base, bm->iov_to_memory ? part : 0);
        written -= part;
    }
    bm->iovcnt = 0;
    bm->iov_bytes = 0;
}

void bmdma_advance(struct bmdma *bm, size_t bytes)
{
    unsigned used = 0;

    bytes += bm->head_done;
    while (used < bm->prds && bytes >= bm->prd[used].bytes) {
        bytes -= bm->prd[used].bytes;
        bm->exhausted = bm->prd[used].last;
        used++;
    }
    bm->head_done = (uint32_t)bytes;
    bm->head += used * PRD_BYTES;
    bm->prds -= used;
    memmove(bm->prd, bm->prd + used, bm->prds * sizeof(bm->prd[0]));
}

/* ---- ends ---- */

void bmdma_end(struct bmdma *bm)
{
    if (bm->exhausted)
        bm->status &= ~BMDMA_ACTIVE;
}

void bmdma_end_short(struct bmdma *bm)
{
    bm->status &= ~BMDMA_ACTIVE;
}

void bmdma_end_fault(struct bmdma *bm)
{
    bm->status = (bm->status & ~BMDMA_ACTIVE) | BMDMA_ERROR;
}
