/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DATA SET MANAGEMENT with its one function, TRIM. Source: ATA/ATAPI Command Set 2 (T13/2015-D),
 * DATA SET MANAGEMENT.
 *
 * The host sends a list of 64 ranges per sector, 8 bytes each: 48 bits of address, 16 of count; a
 * count of 0 is padding. The list comes into the drive's buffer by DMA. It is judged whole: one range
 * that leaves the disk aborts the command and nothing is discarded. Then the host is asked to
 * discard one range after another, so that the work under way is small and a reset ends it.
 *
 * chunk_bytes is the size of the list, chunk_done how much of it has come (TRIM_DATA) or is worked
 * off (TRIMMING). Stopping the bus master leaves a list that is not complete waiting; it does not
 * concern a list that has come.
 */
#include <string.h>

#include "hw/ide/ata_internal.h"

#define RANGE_BYTES 8
#define FEATURE_TRIM 0x01

struct range {
    uint64_t lba;
    uint32_t sectors;
};

static struct range range_at(const struct ata_drive *d, uint32_t at)
{
    struct range r = { 0, 0 };

    for (unsigned i = 0; i < 6; i++)
        r.lba |= (uint64_t)d->buf[at + i] << 8 * i;
    r.sectors = d->buf[at + 6] | (uint32_t)d->buf[at + 7] << 8;
    return r;
}

static bool ranges_good(const struct ata_drive *d, uint32_t from)
{
    for (uint32_t at = from; at < d->chunk_bytes; at += RANGE_BYTES) {
        struct range r = range_at(d, at);

        if (r.sectors && (r.lba >= d->sectors || r.sectors > d->sectors - r.lba))
            return false;
    }
    return true;
}

/* Discards the next range that is not empty; the command ends when there is none. */
static void next_range(struct ata_drive *d)
{
    for (; d->chunk_done < d->chunk_bytes; d->chunk_done += RANGE_BYTES) {
        struct range r = range_at(d, d->chunk_done);

        if (!r.sectors)
            continue;
        ata_submit_plain(d, BLOCK_DISCARD, r.lba, r.sectors, ATA_TRIMMING);
        return;
    }
    d->chunk_done = 0;
    ata_end(d);
}

void ata_trim_resume(struct ata_drive *d)
{
    next_range(d);
}

void ata_trim_done(struct ata_drive *d, int err)
{
    if (err) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    d->chunk_done += RANGE_BYTES;
    next_range(d);
}

/* ---- the list ---- */

static void list_complete(struct ata_drive *d)
{
    bmdma_end(d->bm);
    d->chunk_done = 0;
    if (ranges_good(d, 0))
        next_range(d);
    else
        ata_abort(d, ATA_ERROR_ABRT);
}

static void take_part(struct ata_drive *d)
{
    struct bmdma *bm = d->bm;
    size_t moved;

    switch (bmdma_gather(bm, false, d->chunk_bytes - d->chunk_done)) {
    case BMDMA_SHORT:
        bmdma_end_short(bm);
        device_guest_error(d->dev, "PRD table ends before the list of ranges");
        return;
    case BMDMA_FAULT:
        bmdma_end_fault(bm);
        device_guest_error(d->dev, "PRD table or list of ranges is not memory");
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    case BMDMA_OK:
        break;
    }
    for (int i = 0; i < bm->iovcnt; i++) {
        memcpy(d->buf + d->chunk_done, bm->iov[i].iov_base, bm->iov[i].iov_len);
        d->chunk_done += (uint32_t)bm->iov[i].iov_len;
    }
    moved = bm->iov_bytes;
    bmdma_release(bm, 0);
    bmdma_advance(bm, moved);
    if (d->chunk_done == d->chunk_bytes)
        list_complete(d);
}

/* Each turn brings a sector at least, so there are 128 at most. */
void ata_trim_data(struct ata_drive *d)
{
    while (d->state == ATA_TRIM_DATA && bmdma_active(d->bm))
        take_part(d);
}

void ata_start_trim(struct ata_drive *d, const struct ata_command *cmd)
{
    uint32_t blocks = ata_count48(d);

    (void)cmd;
    if (!d->trim || block_readonly(d->blk) || d->tf.feature != FEATURE_TRIM || !blocks ||
        blocks > ATA_TRIM_BLOCKS) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    d->power = ATA_POWER_ACTIVE;
    d->chunk_bytes = blocks * BLOCK_SECTOR_BYTES;
    d->chunk_done = 0;
    ata_set_state(d, ATA_TRIM_DATA);
    ata_trim_data(d);
}

const char *ata_trim_check(const struct ata_drive *d)
{
    uint32_t step = d->state == ATA_TRIM_DATA ? BLOCK_SECTOR_BYTES : RANGE_BYTES;

    if (!d->trim)
        return "TRIM on a drive without it";
    if (!d->chunk_bytes || d->chunk_bytes % BLOCK_SECTOR_BYTES || d->chunk_done >= d->chunk_bytes ||
        d->chunk_done % step)
        return "place in the list of ranges";
    if (d->state == ATA_TRIMMING && (!ranges_good(d, 0) || !range_at(d, d->chunk_done).sectors))
        return "a range that cannot be under way";
    return NULL;
}
