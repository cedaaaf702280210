/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machine of an ATA drive: see ata.h. The commands are in ata_commands.c. */
#include "hw/ide/ata.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hw/ide/ata_internal.h"

/* One step of a DMA command, and how many are done at once when the host has the data at hand. */
#define DMA_STEP_BYTES (1024 * 1024)
#define DMA_TRIES 4

#define SECTOR BLOCK_SECTOR_BYTES

const char *const ata_state_names[ATA_STATES] = {
    [ATA_IDLE] = "idle",           [ATA_PIO_IN] = "pio-in",     [ATA_PIO_OUT] = "pio-out",
    [ATA_READING] = "reading",     [ATA_WRITING] = "writing",   [ATA_VERIFYING] = "verifying",
    [ATA_FLUSHING] = "flushing",   [ATA_DMA_WAIT] = "dma-wait", [ATA_DMA_RUN] = "dma-run",
    [ATA_SLEEP] = "sleep",         [ATA_RESET] = "reset",
    [ATA_PACKET] = "packet",
};

/* From each state, the states that may follow. RESET may follow each (SRST), IDLE too (reset). */
static const uint16_t ata_moves[ATA_STATES] = {
    [ATA_IDLE] = ATA_BIT(PIO_IN) | ATA_BIT(PIO_OUT) | ATA_BIT(READING) | ATA_BIT(VERIFYING) |
                 ATA_BIT(FLUSHING) | ATA_BIT(DMA_WAIT) | ATA_BIT(PACKET),
    [ATA_PIO_IN] = ATA_BIT(PIO_IN) | ATA_BIT(READING),
    [ATA_PIO_OUT] = ATA_BIT(WRITING) | ATA_BIT(PIO_OUT),
    [ATA_READING] = ATA_BIT(READING) | ATA_BIT(PIO_IN) | ATA_BIT(DMA_WAIT),
    [ATA_WRITING] = ATA_BIT(WRITING) | ATA_BIT(PIO_OUT),
    [ATA_VERIFYING] = ATA_BIT(VERIFYING),
    [ATA_FLUSHING] = ATA_BIT(FLUSHING) | ATA_BIT(SLEEP),
    [ATA_DMA_WAIT] = ATA_BIT(DMA_RUN) | ATA_BIT(DMA_WAIT) | ATA_BIT(READING),
    [ATA_DMA_RUN] = ATA_BIT(DMA_WAIT),
    [ATA_SLEEP] = 0,
    [ATA_RESET] = 0,
    [ATA_PACKET] = ATA_BIT(PIO_IN) | ATA_BIT(PIO_OUT) | ATA_BIT(READING) | ATA_BIT(DMA_WAIT),
};

bool ata_move_allowed(enum ata_state from, enum ata_state to)
{
    return (ata_moves[from] | ATA_BIT(IDLE) | ATA_BIT(RESET)) >> to & 1;
}

void ata_set_state(struct ata_drive *d, enum ata_state state)
{
    if (!ata_move_allowed(d->state, state))
        d->illegal_moves++;
    d->state = state;
}

uint8_t ata_status(const struct ata_drive *d)
{
    /* 9.12: a packet device that was reset shows DRDY when it has got a command. */
    const uint8_t ready =
        d->kind == ATA_KIND_CD && !d->cd.ready ? 0 : ATA_STATUS_DRDY | ATA_STATUS_DSC;

    if (d->kind == ATA_KIND_NONE)
        return 0;
    switch ((enum ata_state)d->state) {
    case ATA_PIO_IN:
    case ATA_PIO_OUT:
    case ATA_DMA_WAIT:
    case ATA_PACKET:
        return ready | ATA_STATUS_DRQ;
    case ATA_READING:
    case ATA_WRITING:
    case ATA_VERIFYING:
    case ATA_FLUSHING:
    case ATA_DMA_RUN:
        return ready | ATA_STATUS_BSY;
    case ATA_RESET:
        return ATA_STATUS_BSY;
    default:
        return d->err ? ready | ATA_STATUS_ERR : ready;
    }
}

/* ---- ends of a command ---- */

/* Old drivers (ATA-2) look at what is left; later standards leave the register open. */
static void show_count(struct ata_drive *d, uint32_t left)
{
    d->tf.count = (uint8_t)left;
    d->hob.count = (uint8_t)(left >> 8);
}

/* Ends without an interrupt: the last block of a PIO read was taken (9.5). */
static void end_quietly(struct ata_drive *d)
{
    const struct ata_command *cmd = ata_find_command(d->command, d->kind);

    if (cmd && cmd->flags & ATA_CMD_MEDIA) {
        show_count(d, 0);
        ata_set_address(d, d->xfer_lba - 1);
    }
    d->err = false;
    d->error = 0;
    d->xfer_left = 0;
    ata_set_state(d, ATA_IDLE);
}

void ata_end(struct ata_drive *d)
{
    end_quietly(d);
    d->intrq = true;
}

void ata_abort(struct ata_drive *d, uint8_t error)
{
    d->err = true;
    d->error = error;
    d->intrq = true;
    d->xfer_left = 0;
    ata_set_state(d, ATA_IDLE);
}

void ata_fail_at(struct ata_drive *d, uint8_t error, uint64_t lba)
{
    show_count(d, d->xfer_left);
    ata_set_address(d, lba);
    ata_abort(d, error);
}

/* ---- requests to the host ---- */

static void host_done(struct block_req *req, int err);

static struct block_req *new_request(struct ata_drive *d, enum block_op op, uint64_t sector,
                                     uint32_t sectors, int iov_max)
{
    struct block_req *req = block_req_new(d->blk, iov_max);

    req->op = op;
    req->sector = sector;
    req->sectors = sectors;
    req->iovcnt = iov_max;
    req->lock = d->dev->lock;
    req->done = host_done;
    req->opaque = d;
    return req;
}

static void submit(struct ata_drive *d, struct block_req *req, enum ata_state state)
{
    ata_set_state(d, state);
    d->req = req;
    block_submit(d->blk, req);
}

/*
 * Submits sectors with memory of the request's own; `from` (writes) is copied into it. False when
 * the host has no memory: then nothing was submitted.
 */
static bool submit_copy(struct ata_drive *d, enum ata_state state, enum block_op op,
                        uint64_t sector, uint32_t sectors, const void *from)
{
    size_t bytes = (size_t)sectors * SECTOR;
    struct block_req *req = new_request(d, op, sector, sectors, 1);
    void *memory = block_req_alloc_buffer(req, bytes);

    if (!memory) {
        block_req_free(req);
        return false;
    }
    if (from)
        memcpy(memory, from, bytes);
    req->iov[0] = (struct iovec){ .iov_base = memory, .iov_len = bytes };
    submit(d, req, state);
    return true;
}

/* Gives the request up: its end changes nothing any more. */
static void cancel_request(struct ata_drive *d)
{
    if (d->req)
        block_abandon(d->req);
    d->req = NULL;
    d->resume_pending = false;
}

bool ata_submit_read(struct ata_drive *d, uint64_t sector, uint32_t sectors)
{
    return submit_copy(d, ATA_READING, BLOCK_READ, sector, sectors, NULL);
}

void ata_submit_dma_read(struct ata_drive *d, uint64_t sector)
{
    struct bmdma *bm = d->bm;
    struct block_req *req =
        new_request(d, BLOCK_READ, sector, (uint32_t)(bm->iov_bytes / SECTOR), bm->iovcnt);

    memcpy(req->iov, bm->iov, (size_t)bm->iovcnt * sizeof(bm->iov[0]));
    submit(d, req, ATA_DMA_RUN);
}

void ata_cancel(struct ata_drive *d)
{
    cancel_request(d);
}

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

static void read_step(struct ata_drive *d)
{
    uint32_t bytes = d->probing ? SECTOR : d->chunk_bytes - d->chunk_done;
    uint64_t lba = d->xfer_lba + d->chunk_done / SECTOR;

    if (!submit_copy(d, ATA_READING, BLOCK_READ, lba, bytes / SECTOR, NULL))
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
        read_step(d);
        return;
    }
    if (d->chunk_done >= block) {
        d->chunk_bytes = d->chunk_done - d->chunk_done % block;
        read_ready(d);
        return;
    }
    ata_fail_at(d, ATA_ERROR_UNC, d->xfer_lba + d->chunk_done / SECTOR);
}

static void read_chunk(struct ata_drive *d)
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
        read_step(d);
    else
        read_failed(d);
}

static void read_done(struct ata_drive *d, uint32_t bytes, int err)
{
    if (err) {
        read_failed(d);
        return;
    }
    d->chunk_done += bytes;
    if (d->chunk_done < d->chunk_bytes)
        read_step(d);
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
        read_chunk(d);
    } else {
        end_quietly(d);
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

static void write_chunk(struct ata_drive *d)
{
    d->chunk_bytes = min_sectors(d->xfer_left, ATA_BUFFER_SECTORS) * SECTOR;
    d->chunk_done = 0;
    d->probing = false;
    first_block(d);
    ata_set_state(d, ATA_PIO_OUT);
}

static void write_step(struct ata_drive *d)
{
    uint32_t bytes = d->probing ? SECTOR : d->chunk_bytes - d->chunk_done;
    uint64_t lba = d->xfer_lba + d->chunk_done / SECTOR;

    if (!submit_copy(d, ATA_WRITING, BLOCK_WRITE, lba, bytes / SECTOR, d->buf + d->chunk_done))
        ata_fail_at(d, ATA_ERROR_ABRT, lba);
}

static void write_done(struct ata_drive *d, uint32_t bytes, int err)
{
    if (err && (d->probing || d->chunk_bytes == SECTOR)) {
        ata_fail_at(d, ATA_ERROR_ABRT, d->xfer_lba + d->chunk_done / SECTOR);
        return;
    }
    if (err)
        d->probing = true;
    else
        d->chunk_done += bytes;
    if (d->chunk_done < d->chunk_bytes) {
        write_step(d);
        return;
    }
    d->xfer_lba += d->chunk_bytes / SECTOR;
    d->xfer_left -= d->chunk_bytes / SECTOR;
    if (!d->xfer_left) {
        ata_end(d);
        return;
    }
    write_chunk(d);
    d->intrq = true;
}

static void pio_out_block_given(struct ata_drive *d)
{
    uint32_t block = (uint32_t)d->block_sectors * SECTOR;

    if (d->block_end < d->chunk_bytes) {
        d->block_end = min_sectors(d->block_end + block, d->chunk_bytes);
        d->intrq = true;
    } else {
        write_step(d);
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

static void verify_step(struct ata_drive *d)
{
    uint32_t sectors = d->probing ? 1 : min_sectors(d->xfer_left, ATA_BUFFER_SECTORS);

    if (!submit_copy(d, ATA_VERIFYING, BLOCK_READ, d->xfer_lba, sectors, NULL))
        ata_fail_at(d, ATA_ERROR_ABRT, d->xfer_lba);
}

static void verify_done(struct ata_drive *d, uint32_t bytes, int err)
{
    if (err && bytes == SECTOR) {
        ata_fail_at(d, ATA_ERROR_UNC, d->xfer_lba);
        return;
    }
    if (err) {
        d->probing = true;
    } else {
        d->xfer_lba += bytes / SECTOR;
        d->xfer_left -= bytes / SECTOR;
    }
    if (d->xfer_left)
        verify_step(d);
    else
        ata_end(d);
}

void ata_begin_flush(struct ata_drive *d)
{
    submit(d, new_request(d, BLOCK_FLUSH, 0, 0, 0), ATA_FLUSHING);
}

static void flush_done(struct ata_drive *d, int err)
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

/* ---- DMA: image <-> guest memory, no copy ---- */

static bool dma_to_memory(const struct ata_drive *d)
{
    const struct ata_command *cmd = ata_find_command(d->command, d->kind);

    return cmd && cmd->protocol == ATA_DMA_IN;
}

static void dma_moved(struct ata_drive *d, size_t bytes)
{
    bmdma_advance(d->bm, bytes);
    d->xfer_lba += bytes / SECTOR;
    d->xfer_left -= (uint32_t)(bytes / SECTOR);
    if (!d->xfer_left) {
        bmdma_end(d->bm);
        ata_end(d);
    }
}

/* Several sectors failed: the caller goes on, one by one. One failed: the command does. */
static void dma_failed(struct ata_drive *d, size_t bytes)
{
    if (bytes > SECTOR) {
        d->probing = true;
        return;
    }
    bmdma_end(d->bm);
    ata_fail_at(d, dma_to_memory(d) ? ATA_ERROR_UNC : ATA_ERROR_ABRT, d->xfer_lba);
}

static void dma_step_ended(struct ata_drive *d, int err)
{
    size_t bytes = d->bm->iov_bytes;

    bmdma_release(d->bm, bytes);
    if (err)
        dma_failed(d, bytes);
    else
        dma_moved(d, bytes);
}

static void dma_submit(struct ata_drive *d, bool to_memory)
{
    struct bmdma *bm = d->bm;
    struct block_req *req = new_request(d, to_memory ? BLOCK_READ : BLOCK_WRITE, d->xfer_lba,
                                        (uint32_t)(bm->iov_bytes / SECTOR), bm->iovcnt);

    memcpy(req->iov, bm->iov, (size_t)bm->iovcnt * sizeof(bm->iov[0]));
    submit(d, req, ATA_DMA_RUN);
}

/* One step; may_try: the host may be asked for data that it has at hand. */
static void dma_step(struct ata_drive *d, bool may_try)
{
    struct bmdma *bm = d->bm;
    bool to_memory = dma_to_memory(d);
    size_t want = (size_t)d->xfer_left * SECTOR;
    int err = EAGAIN;

    if (want > DMA_STEP_BYTES)
        want = DMA_STEP_BYTES;
    if (d->probing)
        want = SECTOR;
    switch (bmdma_gather(bm, to_memory, want)) {
    case BMDMA_SHORT:
        bmdma_end_short(bm);
        device_guest_error(d->dev, "PRD table ends %u sectors early", d->xfer_left);
        return;
    case BMDMA_FAULT:
        bmdma_end_fault(bm);
        device_guest_error(d->dev, "PRD table or target is not memory");
        ata_fail_at(d, ATA_ERROR_ABRT, d->xfer_lba);
        return;
    case BMDMA_OK:
        break;
    }
    if (to_memory && may_try)
        err = block_try_read(d->blk, d->xfer_lba, bm->iov, bm->iovcnt);
    if (err == EAGAIN)
        dma_submit(d, to_memory);
    else
        dma_step_ended(d, err);
}

void ata_dma_go(struct ata_drive *d)
{
    if (ata_is_packet(d)) {
        atapi_dma_go(d);
        return;
    }
    for (unsigned n = 0; d->state == ATA_DMA_WAIT && bmdma_active(d->bm); n++)
        dma_step(d, n < DMA_TRIES);
}

static void dma_done(struct ata_drive *d, int err)
{
    ata_set_state(d, ATA_DMA_WAIT);
    dma_step_ended(d, err);
    ata_dma_go(d);
}

void ata_dma_stop(struct ata_drive *d)
{
    if (d->state != ATA_DMA_RUN)
        return;
    cancel_request(d);
    bmdma_release(d->bm, d->bm->iov_bytes);
    ata_set_state(d, ATA_DMA_WAIT);
}

/* ---- beginnings and the host's answers ---- */

void ata_begin_transfer(struct ata_drive *d, enum ata_protocol protocol)
{
    d->power = ATA_POWER_ACTIVE;
    d->probing = false;
    switch (protocol) {
    case ATA_PIO_DATA_IN:
        read_chunk(d);
        break;
    case ATA_PIO_DATA_OUT:
        write_chunk(d); /* no interrupt before the first block (9.6) */
        break;
    case ATA_VERIFY:
        verify_step(d);
        break;
    case ATA_DMA_IN:
    case ATA_DMA_OUT:
        ata_set_state(d, ATA_DMA_WAIT);
        ata_dma_go(d);
        break;
    case ATA_NONDATA:
    case ATA_PACKET_COMMAND:
        break;
    }
}

void ata_begin_answer(struct ata_drive *d)
{
    d->xfer_left = 0;
    d->block_sectors = 1;
    d->chunk_bytes = SECTOR;
    first_block(d);
    ata_set_state(d, ATA_PIO_IN);
    d->intrq = true;
}

static void host_done(struct block_req *req, int err)
{
    struct ata_drive *d = req->opaque;
    uint32_t bytes = req->sectors * SECTOR;

    d->req = NULL;
    if (ata_is_packet(d)) {
        atapi_host_done(d, req, err);
        block_req_free(req);
        d->changed(d->opaque);
        return;
    }
    if (d->state == ATA_READING && !err)
        memcpy(d->buf + d->chunk_done, req->iov[0].iov_base, bytes);
    block_req_free(req);

    switch ((enum ata_state)d->state) {
    case ATA_READING:
        read_done(d, bytes, err);
        break;
    case ATA_WRITING:
        write_done(d, bytes, err);
        break;
    case ATA_VERIFYING:
        verify_done(d, bytes, err);
        break;
    case ATA_FLUSHING:
        flush_done(d, err);
        break;
    case ATA_DMA_RUN:
        dma_done(d, err);
        break;
    default: /* no request is under way in the other states */
        break;
    }
    d->changed(d->opaque);
}

/* ---- resets ---- */

void ata_set_defaults(struct ata_drive *d)
{
    d->cyls = d->default_cyls;
    d->heads = d->default_heads;
    d->secs = d->default_secs;
    d->multiple = 16;
    d->xfer_mode = d->bm ? 0x45 : 0x0c; /* as a BIOS leaves it: Ultra DMA 5, or PIO 4 */
    d->look_ahead = true;
    d->apm = 0;
    d->aam = 0;
    d->write_cache = d->default_write_cache;
    if (d->blk && block_write_cache(d->blk) != d->write_cache)
        block_set_write_cache(d->blk, d->write_cache);
}

void ata_put_signature(struct ata_drive *d)
{
    d->hob = (struct ata_taskfile){ 0 };
    d->tf = (struct ata_taskfile){ .count = 1, .lba_low = 1 };
    if (d->kind == ATA_KIND_CD) {
        d->tf.lba_mid = 0x14;
        d->tf.lba_high = 0xeb;
    }
}

void ata_diagnose(struct ata_drive *d)
{
    if (d->kind == ATA_KIND_NONE)
        return;
    ata_put_signature(d);
    if (d->kind == ATA_KIND_CD)
        atapi_interface_reset(d);
    d->error = 0x01; /* this device passed; device 1 passed or is not there */
    d->err = false;
}

static void back_to_idle(struct ata_drive *d)
{
    ata_diagnose(d);
    d->device = 0;
    d->intrq = false;
    d->xfer_left = 0;
    d->power = ATA_POWER_ACTIVE;
    ata_set_state(d, ATA_IDLE);
}

void ata_hard_reset(struct ata_drive *d)
{
    cancel_request(d);
    d->standby_timer = 0;
    d->revert_on_reset = true;
    d->probing = false;
    ata_set_defaults(d);
    back_to_idle(d);
    if (d->kind == ATA_KIND_CD)
        atapi_hard_reset(d);
}

void ata_srst_begin(struct ata_drive *d)
{
    ata_dma_stop(d);
    cancel_request(d);
    if (d->kind == ATA_KIND_CD)
        atapi_interface_reset(d);
    d->intrq = false;
    ata_set_state(d, ATA_RESET);
}

void ata_srst_end(struct ata_drive *d)
{
    if (d->kind != ATA_KIND_NONE && d->revert_on_reset)
        ata_set_defaults(d);
    back_to_idle(d);
}

/* ---- load ---- */

void ata_loaded(struct ata_drive *d)
{
    cancel_request(d);
    if (d->kind == ATA_KIND_CD)
        atapi_loaded(d);
    d->resume_pending = d->state == ATA_READING || d->state == ATA_WRITING ||
                        d->state == ATA_VERIFYING || d->state == ATA_FLUSHING ||
                        d->state == ATA_DMA_RUN;
    if (d->blk && block_write_cache(d->blk) != d->write_cache)
        block_set_write_cache(d->blk, d->write_cache);
}

void ata_resume(struct ata_drive *d)
{
    if (!d->resume_pending)
        return;
    d->resume_pending = false;
    if (ata_is_packet(d)) {
        atapi_resume(d);
        d->changed(d->opaque);
        return;
    }
    switch ((enum ata_state)d->state) {
    case ATA_READING:
        read_step(d);
        break;
    case ATA_WRITING:
        write_step(d);
        break;
    case ATA_VERIFYING:
        verify_step(d);
        break;
    case ATA_FLUSHING:
        submit(d, new_request(d, BLOCK_FLUSH, 0, 0, 0), ATA_FLUSHING);
        break;
    case ATA_DMA_RUN:
        ata_set_state(d, ATA_DMA_WAIT);
        ata_dma_go(d);
        break;
    default:
        break;
    }
    d->changed(d->opaque);
}

/* ---- set-up ---- */

static bool copy_string(char *to, size_t size, const char *from, const char *what, char *why,
                        size_t why_size)
{
    size_t len = strlen(from);
    bool good = len < size;

    for (size_t i = 0; i < len; i++)
        good &= from[i] >= 0x20 && from[i] <= 0x7e;
    if (!good) {
        snprintf(why, why_size, "the %s has to be up to %zu characters of ASCII", what, size - 1);
        return false;
    }
    memcpy(to, from, len + 1);
    return true;
}

/* 16 heads and 63 sectors, as BIOSes expect of a disk that is large or not (6.2). */
static bool set_geometry(struct ata_drive *d, const struct ide_drive_config *cfg, char *why,
                         size_t why_size)
{
    uint32_t heads = cfg->heads ? cfg->heads : 16, secs = cfg->secs ? cfg->secs : 63;
    uint64_t cyls = cfg->cyls;

    if (heads > 16 || secs > 255 || cyls > 65535) {
        snprintf(why, why_size, "geometry: at most 65535 cylinders, 16 heads, 255 sectors");
        return false;
    }
    if (!cyls) {
        cyls = d->sectors / (heads * secs);
        cyls = cyls > 16383 ? 16383 : cyls < 1 ? 1 : cyls;
    }
    d->default_cyls = (uint16_t)cyls;
    d->default_heads = (uint8_t)heads;
    d->default_secs = (uint8_t)secs;
    return true;
}

bool ata_init(struct ata_drive *d, struct device *dev, const struct ide_drive_config *cfg,
              unsigned unit, unsigned number, struct bmdma *bm, char *why, size_t why_size)
{
    char serial[sizeof(d->serial)];
    const char *model;

    d->dev = dev;
    d->unit = unit;
    d->bm = bm;
    if (!cfg || !cfg->blk)
        return true;
    d->blk = cfg->blk;
    d->kind = cfg->cd ? ATA_KIND_CD : ATA_KIND_DISK;
    model = cfg->cd ? "KVM-DM DVD-ROM" : "KVM-DM HARDDISK";
    d->wwn = cfg->wwn;
    d->default_write_cache = cfg->cd ? block_write_cache(d->blk) : cfg->write_cache;
    d->sectors = block_sectors(d->blk);
    if (d->sectors > ATA_LBA48_SECTORS)
        d->sectors = ATA_LBA48_SECTORS;
    snprintf(serial, sizeof(serial), "KD%05u", number + 1);
    if (!(copy_string(d->serial, sizeof(d->serial), cfg->serial ? cfg->serial : serial,
                       "serial number", why, why_size) &&
           copy_string(d->model, sizeof(d->model), cfg->model ? cfg->model : model,
                       "model", why, why_size) &&
           copy_string(d->version, sizeof(d->version), cfg->version ? cfg->version : "1.0",
                       "firmware version", why, why_size) &&
           (cfg->cd || set_geometry(d, cfg, why, why_size))))
        return false;
    if (cfg->cd)
        atapi_init(d);
    return true;
}

void ata_fini(struct ata_drive *d)
{
    cancel_request(d);
    if (d->kind == ATA_KIND_CD)
        atapi_fini(d);
}
