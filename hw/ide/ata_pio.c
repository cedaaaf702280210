/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PIO data in and out, READ VERIFY and the flush: ATA/ATAPI-6, 9.5, 9.6, 9.4. See ata.h for the states. */
#include <errno.h>
#include <string.h>

#include "hw/ide/ata_internal.h"

#define SECTOR BLOCK_SECTOR_BYTES

static uint32_t min_sectors(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- PIO data in: image -> buffer -> host ---- */

static void first_block(struct ata_drive *d)
{
    uint32_t block = (uint32_t)d->block_sectors * SECTOR;

    d->buf_pos = 0;
    d->block_end = min_sectors(block, d->chunk_bytes);
}

/* The buffer's chunk is complete: its first block is offered. */
static void read_ready(struct ata_drive *d)
{
    d->xfer_lba += d->chunk_bytes / SECTOR;
    d->xfer_left -= d->chunk_bytes / SECTOR;
    d->probing = false;
    d->chunk_done = 0;
    first_block(d);
    ata_set_state(d, ATA_PIO_IN);
    d->intrq = true;
}

void ata_read_step(struct ata_drive *d)
{
    uint32_t bytes = d->probing ? SECTOR : d->chunk_bytes - d->chunk_done;
    uint64_t lba = d->xfer_lba + d->chunk_done / SECTOR;

    if (!ata_submit_copy(d, ATA_READING, BLOCK_READ, lba, bytes / SECTOR, NULL))
        ata_fail_at(d, ATA_ERROR_ABRT, lba);
}

/*
 * The whole chunk failed: again, sector by sector. One sector failed: the whole blocks before it
 * are delivered first (the next chunk then begins at the bad block), else the command fails.
 */
static void read_failed(struct ata_drive *d)
{
    uint32_t block = (uint32_t)d->block_sectors * SECTOR;

    if (!d->probing && d->chunk_bytes > SECTOR) {
        d->probing = true;
        ata_read_step(d);
        return;
    }
    if (d->chunk_done >= block) {
        d->chunk_bytes = d->chunk_done - d->chunk_done % block;
        read_ready(d);
        return;
    }
    ata_media_error(d, ATA_ERROR_UNC, d->xfer_lba + d->chunk_done / SECTOR);
}

void ata_read_chunk(struct ata_drive *d)
{
    struct iovec iov;
    int err;

    d->chunk_bytes = min_sectors(d->xfer_left, ATA_BUFFER_SECTORS) * SECTOR;
    d->chunk_done = 0;
    d->probing = false;
    iov = (struct iovec){ .iov_base = d->buf, .iov_len = d->chunk_bytes };
    err = block_try_read(d->blk, d->xfer_lba, &iov, 1);
    if (!err)
        read_ready(d);
    else if (err == EAGAIN)
        ata_read_step(d);
    else
        read_failed(d);
}

void ata_read_done(struct ata_drive *d, uint32_t bytes, int err)
{
    if (err) {
        read_failed(d);
        return;
    }
    d->chunk_done += bytes;
    if (d->chunk_done < d->chunk_bytes)
        ata_read_step(d);
    else
        read_ready(d);
}

static void pio_in_block_taken(struct ata_drive *d)
{
    uint32_t block = (uint32_t)d->block_sectors * SECTOR;

    if (d->block_end < d->chunk_bytes) {
        d->block_end = min_sectors(d->block_end + block, d->chunk_bytes);
        d->intrq = true;
    } else if (d->xfer_left) {
        ata_read_chunk(d);
    } else {
        ata_end_quietly(d);
    }
}

size_t ata_data_read(struct ata_drive *d, void *buf, size_t bytes)
{
    if (ata_is_packet(d))
        return atapi_data_read(d, buf, bytes);
    if (d->state != ATA_PIO_IN)
        return 0;
    if (bytes > d->block_end - d->buf_pos)
        bytes = d->block_end - d->buf_pos;
    memcpy(buf, d->buf + d->buf_pos, bytes);
    d->buf_pos += (uint32_t)bytes;
    if (d->buf_pos == d->block_end)
        pio_in_block_taken(d);
    return bytes;
}

/* ---- PIO data out: host -> buffer -> image ---- */

void ata_write_chunk(struct ata_drive *d)
{
    d->chunk_bytes = min_sectors(d->xfer_left, ATA_BUFFER_SECTORS) * SECTOR;
    d->chunk_done = 0;
    d->probing = false;
    first_block(d);
    ata_set_state(d, ATA_PIO_OUT);
}

void ata_write_step(struct ata_drive *d)
{
    uint32_t bytes = d->probing ? SECTOR : d->chunk_bytes - d->chunk_done;
    uint64_t lba = d->xfer_lba + d->chunk_done / SECTOR;

    if (!ata_submit_copy(d, ATA_WRITING, BLOCK_WRITE, lba, bytes / SECTOR, d->buf + d->chunk_done))
        ata_fail_at(d, ATA_ERROR_ABRT, lba);
}

void ata_write_done(struct ata_drive *d, uint32_t bytes, int err)
{
    if (err && (d->probing || d->chunk_bytes == SECTOR)) {
        ata_media_error(d, ATA_ERROR_ABRT, d->xfer_lba + d->chunk_done / SECTOR);
        return;
    }
    if (err)
        d->probing = true;
    else
        d->chunk_done += bytes;
    if (d->chunk_done < d->chunk_bytes) {
        ata_write_step(d);
        return;
    }
    d->xfer_lba += d->chunk_bytes / SECTOR;
    d->xfer_left -= d->chunk_bytes / SECTOR;
    if (!d->xfer_left) {
        ata_end(d);
        return;
    }
    ata_write_chunk(d);
    d->intrq = true;
}

static void pio_out_block_given(struct ata_drive *d)
{
    ata_data_fn own = ata_data_function(d);
    uint32_t block = (uint32_t)d->block_sectors * SECTOR;

    if (d->block_end < d->chunk_bytes) {
        d->block_end = min_sectors(d->block_end + block, d->chunk_bytes);
        d->intrq = true;
    } else if (own) {
        own(d);
    } else {
        ata_write_step(d);
    }
}

size_t ata_data_write(struct ata_drive *d, const void *buf, size_t bytes)
{
    if (ata_is_packet(d))
        return atapi_data_write(d, buf, bytes);
    if (d->state != ATA_PIO_OUT)
        return 0;
    if (bytes > d->block_end - d->buf_pos)
        bytes = d->block_end - d->buf_pos;
    memcpy(d->buf + d->buf_pos, buf, bytes);
    d->buf_pos += (uint32_t)bytes;
    if (d->buf_pos == d->block_end)
        pio_out_block_given(d);
    return bytes;
}

/* ---- VERIFY and FLUSH ---- */

void ata_verify_step(struct ata_drive *d)
{
    uint32_t sectors = d->probing ? 1 : min_sectors(d->xfer_left, ATA_BUFFER_SECTORS);

    if (!ata_submit_copy(d, ATA_VERIFYING, BLOCK_READ, d->xfer_lba, sectors, NULL))
        ata_fail_at(d, ATA_ERROR_ABRT, d->xfer_lba);
}

void ata_verify_done(struct ata_drive *d, uint32_t bytes, int err)
{
    if (err && bytes == SECTOR) {
        ata_media_error(d, ATA_ERROR_UNC, d->xfer_lba);
        return;
    }
    if (err) {
        d->probing = true;
    } else {
        d->xfer_lba += bytes / SECTOR;
        d->xfer_left -= bytes / SECTOR;
    }
    if (d->xfer_left)
        ata_verify_step(d);
    else
        ata_end(d);
}

void ata_begin_flush(struct ata_drive *d)
{
    ata_submit_plain(d, BLOCK_FLUSH, 0, 0, ATA_FLUSHING);
}

void ata_flush_done(struct ata_drive *d, int err)
{
    const struct ata_command *cmd = ata_find_command(d->command, d->kind);

    if (err) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    if (cmd && cmd->flags & ATA_CMD_SLEEP) {
        ata_set_state(d, ATA_SLEEP);
        d->intrq = true;
    } else {
        ata_end(d);
    }
}

/* ---- one sector of the drive's own, either way ---- */

static void one_sector(struct ata_drive *d)
{
    d->xfer_left = 0;
    d->block_sectors = 1;
    d->chunk_bytes = SECTOR;
    first_block(d);
}

void ata_begin_answer(struct ata_drive *d)
{
    one_sector(d);
    ata_set_state(d, ATA_PIO_IN);
    d->intrq = true;
}

void ata_begin_data_out(struct ata_drive *d)
{
    one_sector(d);
    ata_set_state(d, ATA_PIO_OUT);
}
