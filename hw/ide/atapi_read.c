/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks of the medium: into the buffer, in chunks, or straight into guest memory; and what becomes
 * of a command whose medium fails or goes.
 */
#include <errno.h>
#include <string.h>

#include "hw/ide/atapi_internal.h"

/* One step of direct DMA; blocks that the buffer holds. */
#define DMA_STEP_BYTES (1024 * 1024)
#define CHUNK_BLOCKS (ATA_BUFFER_BYTES / ATAPI_BLOCK_BYTES)

uint32_t atapi_block_bytes(const struct ata_drive *d)
{
    int bytes = atapi_frame_bytes(d->cd.framing);

    return d->cd.data == ATAPI_BLOCKS && bytes > 0 ? (uint32_t)bytes : 0;
}

/* ---- blocks of the medium ---- */

/* NOT READY, or what else became of the medium while the command was under way; 0: it is there. */
static uint32_t lost_medium(struct ata_drive *d)
{
    if (!d->cd.blocks)
        return atapi_absence(d);
    if (d->cd.medium_lost)
        return d->cd.gone_untold ? SENSE_TRAY_CLOSED : SENSE_CHANGED;
    if (d->cd.next_sector + d->cd.sectors_left > (uint64_t)d->cd.blocks * ATAPI_BLOCK_SECTORS)
        return SENSE_BAD_ADDRESS; /* loaded with a smaller medium */
    if (d->cd.direct && d->cd.next_sector + d->cd.sectors_left > block_sectors(d->blk))
        return SENSE_BAD_ADDRESS;
    return 0;
}

static bool check_medium(struct ata_drive *d)
{
    uint32_t sense = lost_medium(d);

    if (!sense)
        return true;
    if (sense == SENSE_CHANGED)
        d->cd.ua &= ~ATAPI_UA_MEDIUM;
    else if (sense != SENSE_BAD_ADDRESS)
        d->cd.gone_untold = false;
    atapi_fail(d, sense);
    return false;
}

static void read_error(struct ata_drive *d, int err)
{
    if (err == ENOMEDIUM)
        atapi_fail(d, atapi_absence(d));
    else
        atapi_fail_at(d, SENSE_READ_ERROR, (uint32_t)(d->cd.next_sector / ATAPI_BLOCK_SECTORS));
}

/* Sectors of the chunk that the image has; what is missing of its last block is zero. */
static uint32_t chunk_sectors(const struct ata_drive *d)
{
    uint64_t there = block_sectors(d->blk), want = d->cd.chunk_blocks * ATAPI_BLOCK_SECTORS;

    if (d->cd.next_sector >= there)
        return 0;
    return (uint32_t)(want < there - d->cd.next_sector ? want : there - d->cd.next_sector);
}

/* The chunk has been read: it is offered, or (VERIFY) the next one is read. */
static void chunk_ready(struct ata_drive *d)
{
    d->cd.next_sector += d->cd.chunk_blocks * ATAPI_BLOCK_SECTORS;
    d->cd.sectors_left -= d->cd.chunk_blocks * ATAPI_BLOCK_SECTORS;
    if (d->cd.data == ATAPI_BLOCKS)
        atapi_begin_data(d);
    else if (d->cd.sectors_left)
        atapi_fill_chunk(d, false); /* submits: comes back by a completion */
    else
        atapi_good(d);
}

/* Without waiting, if the host has the data at hand. Whole cooked blocks only. */
static bool try_chunk(struct ata_drive *d, uint32_t sectors)
{
    struct iovec iov = { .iov_base = d->buf, .iov_len = d->chunk_bytes };

    if (d->cd.data != ATAPI_BLOCKS || d->cd.framing != ATAPI_COOKED ||
        sectors * BLOCK_SECTOR_BYTES != d->chunk_bytes)
        return false;
    return block_try_read(d->blk, d->cd.next_sector, &iov, 1) == 0;
}

void atapi_fill_chunk(struct ata_drive *d, bool may_try)
{
    uint64_t blocks = d->cd.sectors_left / ATAPI_BLOCK_SECTORS;
    uint32_t bytes = atapi_block_bytes(d), most = CHUNK_BLOCKS, sectors;

    if (!check_medium(d))
        return;
    if (bytes > ATAPI_BLOCK_BYTES)
        most = ATA_BUFFER_BYTES / bytes;
    if (d->probing)
        most = 1;
    d->cd.chunk_blocks = (uint8_t)(blocks < most ? blocks : most);
    d->chunk_bytes = d->cd.chunk_blocks * bytes;
    sectors = chunk_sectors(d);
    if (may_try && try_chunk(d, sectors))
        chunk_ready(d);
    else if (!sectors || !ata_submit_read(d, d->cd.next_sector, sectors))
        atapi_fail(d, SENSE_NO_RESOURCES);
}

static void frame_chunk(struct ata_drive *d, const uint8_t *data, size_t bytes)
{
    uint32_t lba = (uint32_t)(d->cd.next_sector / ATAPI_BLOCK_SECTORS), at = 0;

    for (unsigned i = 0; i < d->cd.chunk_blocks; i++) {
        uint8_t block[ATAPI_BLOCK_BYTES] = { 0 };
        size_t n = bytes < sizeof(block) ? bytes : sizeof(block);

        memcpy(block, data, n);
        at += atapi_frame(d->buf + at, d->cd.framing, lba + i, block);
        data += n;
        bytes -= n;
    }
}

static void chunk_read(struct ata_drive *d, const struct block_req *req, int err)
{
    if (!check_medium(d))
        return; /* it changed before the request was carried out: that may be another's data */
    if (err && err != ENOMEDIUM && d->cd.chunk_blocks > 1) {
        d->probing = true;
        atapi_fill_chunk(d, false);
    } else if (err) {
        read_error(d, err);
    } else {
        if (d->cd.data == ATAPI_BLOCKS)
            frame_chunk(d, req->iov[0].iov_base, req->iov[0].iov_len);
        chunk_ready(d);
    }
}

static bool begin_medium(struct ata_drive *d, uint32_t lba, uint32_t count, enum atapi_data data)
{
    if (lba >= d->cd.blocks || count > d->cd.blocks - lba) {
        atapi_fail_at(d, SENSE_BAD_ADDRESS, lba);
        return false;
    }
    d->power = ATA_POWER_ACTIVE;
    d->probing = false;
    d->cd.next_sector = (uint64_t)lba * ATAPI_BLOCK_SECTORS;
    d->cd.sectors_left = (uint64_t)count * ATAPI_BLOCK_SECTORS;
    d->cd.data = data;
    return true;
}

void atapi_read_blocks(struct ata_drive *d, uint32_t lba, uint32_t count, uint8_t framing)
{
    d->cd.framing = framing;
    if (!begin_medium(d, lba, count, ATAPI_BLOCKS))
        return;
    if (!count || !atapi_block_bytes(d)) {
        atapi_good(d);
        return;
    }
    if (!atapi_take_limit(d, (uint64_t)count * atapi_block_bytes(d)))
        return;
    d->cd.direct = d->cd.dma && framing == ATAPI_COOKED &&
                   d->cd.next_sector + d->cd.sectors_left <= block_sectors(d->blk);
    if (d->cd.direct) {
        d->tf.count = ATAPI_REASON_TO_HOST;
        ata_set_state(d, ATA_DMA_WAIT);
    } else {
        atapi_fill_chunk(d, true);
    }
}

void atapi_verify_blocks(struct ata_drive *d, uint32_t lba, uint32_t count)
{
    if (!begin_medium(d, lba, count, ATAPI_VERIFY))
        return;
    if (count)
        atapi_fill_chunk(d, false);
    else
        atapi_good(d);
}

/* ---- straight into guest memory ---- */

static void direct_ended(struct ata_drive *d, int err)
{
    size_t bytes = d->bm->iov_bytes;

    bmdma_release(d->bm, bytes);
    if (!check_medium(d))
        return;
    if (err && err != ENOMEDIUM && bytes > BLOCK_SECTOR_BYTES) {
        d->probing = true;
    } else if (err) {
        read_error(d, err);
    } else {
        bmdma_advance(d->bm, bytes);
        d->cd.next_sector += bytes / BLOCK_SECTOR_BYTES;
        d->cd.sectors_left -= bytes / BLOCK_SECTOR_BYTES;
        if (!d->cd.sectors_left)
            atapi_good(d);
    }
}

void atapi_direct_step(struct ata_drive *d, bool may_try)
{
    uint64_t want = d->cd.sectors_left * BLOCK_SECTOR_BYTES;
    int err = EAGAIN;

    if (!check_medium(d))
        return;
    if (want > DMA_STEP_BYTES)
        want = DMA_STEP_BYTES;
    if (d->probing)
        want = BLOCK_SECTOR_BYTES;
    if (!atapi_gather(d, want, BLOCK_SECTOR_BYTES))
        return;
    if (may_try)
        err = block_try_read(d->blk, d->cd.next_sector, d->bm->iov, d->bm->iovcnt);
    if (err)
        ata_submit_dma_read(d, d->cd.next_sector); /* errors are judged there */
    else
        direct_ended(d, 0);
}

/* ---- the host's answers ---- */

void atapi_host_done(struct ata_drive *d, struct block_req *req, int err)
{
    if (d->state == ATA_READING) {
        chunk_read(d, req, err);
    } else if (d->state == ATA_DMA_RUN) {
        ata_set_state(d, ATA_DMA_WAIT);
        direct_ended(d, err);
    }
    atapi_dma_go(d);
}

void atapi_resume(struct ata_drive *d)
{
    if (d->state == ATA_READING)
        atapi_fill_chunk(d, false);
    else if (d->state == ATA_DMA_RUN)
        ata_set_state(d, ATA_DMA_WAIT);
    atapi_dma_go(d);
}

