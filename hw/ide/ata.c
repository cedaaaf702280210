/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machine of an ATA drive: see ata.h. The commands are in ata_commands.c. */
#include "hw/ide/ata.h"

#include <string.h>

#include "hw/ide/ata_internal.h"

#define SECTOR BLOCK_SECTOR_BYTES

const char *const ata_state_names[ATA_STATES] = {
    [ATA_IDLE] = "idle",           [ATA_PIO_IN] = "pio-in",     [ATA_PIO_OUT] = "pio-out",
    [ATA_READING] = "reading",     [ATA_WRITING] = "writing",   [ATA_VERIFYING] = "verifying",
    [ATA_FLUSHING] = "flushing",   [ATA_DMA_WAIT] = "dma-wait", [ATA_DMA_RUN] = "dma-run",
    [ATA_SLEEP] = "sleep",         [ATA_RESET] = "reset",       [ATA_TRIM_DATA] = "trim-data",
    [ATA_TRIMMING] = "trimming",   [ATA_SELF_TEST] = "self-test",
    [ATA_PACKET] = "packet",
};

/* From each state, the states that may follow. RESET may follow each (SRST), IDLE too (reset). */
static const uint32_t ata_moves[ATA_STATES] = {
    [ATA_IDLE] = ATA_BIT(PIO_IN) | ATA_BIT(PIO_OUT) | ATA_BIT(READING) | ATA_BIT(VERIFYING) |
                 ATA_BIT(FLUSHING) | ATA_BIT(DMA_WAIT) | ATA_BIT(TRIM_DATA) | ATA_BIT(SELF_TEST) |
                 ATA_BIT(PACKET),
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
    [ATA_TRIM_DATA] = ATA_BIT(TRIMMING),
    [ATA_TRIMMING] = ATA_BIT(TRIMMING),
    [ATA_SELF_TEST] = 0,
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
    if (state == ATA_IDLE)
        ata_power_idle(d);
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
    case ATA_TRIM_DATA:
    case ATA_PACKET:
        return ready | ATA_STATUS_DRQ;
    case ATA_READING:
    case ATA_WRITING:
    case ATA_VERIFYING:
    case ATA_FLUSHING:
    case ATA_DMA_RUN:
    case ATA_TRIMMING:
    case ATA_SELF_TEST:
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
void ata_end_quietly(struct ata_drive *d)
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
    ata_end_quietly(d);
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

void ata_media_error(struct ata_drive *d, uint8_t error, uint64_t lba)
{
    ata_fail_at(d, error, lba);
    if (d->kind == ATA_KIND_DISK)
        ata_smart_error(d);
}

/* ---- requests to the host ---- */

static void host_done(struct block_req *req, int err);

static bool wants_fua(const struct ata_drive *d)
{
    const struct ata_command *cmd = ata_find_command(d->command, d->kind);

    return cmd && cmd->flags & ATA_CMD_FUA;
}

struct block_req *ata_new_request(struct ata_drive *d, enum block_op op, uint64_t sector,
                                  uint32_t sectors, int iov_max)
{
    struct block_req *req = block_req_new(d->blk, iov_max);

    req->op = op;
    req->sector = sector;
    req->sectors = sectors;
    req->iovcnt = iov_max;
    req->fua = op == BLOCK_WRITE && wants_fua(d);
    req->lock = d->dev->lock;
    req->done = host_done;
    req->opaque = d;
    return req;
}

void ata_submit(struct ata_drive *d, struct block_req *req, enum ata_state state)
{
    ata_set_state(d, state);
    d->req = req;
    block_submit(d->blk, req);
}

void ata_submit_plain(struct ata_drive *d, enum block_op op, uint64_t sector, uint32_t sectors,
                      enum ata_state state)
{
    ata_submit(d, ata_new_request(d, op, sector, sectors, 0), state);
}

bool ata_submit_copy(struct ata_drive *d, enum ata_state state, enum block_op op, uint64_t sector,
                     uint32_t sectors, const void *from)
{
    size_t bytes = (size_t)sectors * SECTOR;
    struct block_req *req = ata_new_request(d, op, sector, sectors, 1);
    void *memory = block_req_alloc_buffer(req, bytes);

    if (!memory) {
        block_req_free(req);
        return false;
    }
    if (from)
        memcpy(memory, from, bytes);
    req->iov[0] = (struct iovec){ .iov_base = memory, .iov_len = bytes };
    ata_submit(d, req, state);
    return true;
}

void ata_cancel(struct ata_drive *d)
{
    if (d->req)
        block_abandon(d->req);
    d->req = NULL;
    d->resume_pending = false;
}

bool ata_submit_read(struct ata_drive *d, uint64_t sector, uint32_t sectors)
{
    return ata_submit_copy(d, ATA_READING, BLOCK_READ, sector, sectors, NULL);
}

void ata_submit_dma_read(struct ata_drive *d, uint64_t sector)
{
    struct bmdma *bm = d->bm;
    struct block_req *req =
        ata_new_request(d, BLOCK_READ, sector, (uint32_t)(bm->iov_bytes / SECTOR), bm->iovcnt);

    memcpy(req->iov, bm->iov, (size_t)bm->iovcnt * sizeof(bm->iov[0]));
    ata_submit(d, req, ATA_DMA_RUN);
}

/* ---- beginnings and the host's answers ---- */

void ata_begin_transfer(struct ata_drive *d, enum ata_protocol protocol)
{
    d->power = ATA_POWER_ACTIVE;
    d->probing = false;
    switch (protocol) {
    case ATA_PIO_DATA_IN:
        ata_read_chunk(d);
        break;
    case ATA_PIO_DATA_OUT:
        ata_write_chunk(d); /* no interrupt before the first block (9.6) */
        break;
    case ATA_VERIFY:
        ata_verify_step(d);
        break;
    case ATA_DMA_IN:
    case ATA_DMA_OUT:
        ata_set_state(d, ATA_DMA_WAIT);
        ata_dma_go(d);
        break;
    case ATA_NONDATA:
    case ATA_TRIM:
    case ATA_PACKET_COMMAND:
        break;
    }
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
        ata_read_done(d, bytes, err);
        break;
    case ATA_WRITING:
        ata_write_done(d, bytes, err);
        break;
    case ATA_VERIFYING:
        ata_verify_done(d, bytes, err);
        break;
    case ATA_FLUSHING:
        ata_flush_done(d, err);
        break;
    case ATA_DMA_RUN:
        ata_dma_done(d, err);
        break;
    case ATA_TRIMMING:
        ata_trim_done(d, err);
        break;
    default: /* no request is under way in the other states */
        break;
    }
    d->changed(d->opaque);
}

/* ---- resets ---- */

void ata_set_defaults(struct ata_drive *d)
{
    d->cyls = ata_cylinders(d, d->default_heads, d->default_secs);
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
    d->command = 0; /* READ NATIVE MAX ADDRESS was not the command before the next one */
}

static void back_to_idle(struct ata_drive *d)
{
    ata_diagnose(d);
    d->device = 0;
    d->intrq = false;
    d->xfer_left = 0;
    ata_set_state(d, ATA_IDLE);
}

void ata_hard_reset(struct ata_drive *d)
{
    ata_cancel(d);
    ata_test_abort(d, ATA_TEST_RESET);
    ata_power_stop(d);
    d->standby_timer = 0;
    d->power = ATA_POWER_ACTIVE;
    ata_max_power_on(d);
    memset(d->buf, 0, SECTOR);
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
    ata_cancel(d);
    ata_test_abort(d, ATA_TEST_RESET);
    if (d->kind == ATA_KIND_CD)
        atapi_interface_reset(d);
    d->intrq = false;
    if (d->state == ATA_SLEEP)
        d->power = ATA_POWER_STANDBY;
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
    ata_cancel(d);
    if (d->kind == ATA_KIND_CD)
        atapi_loaded(d);
    d->resume_pending = d->state == ATA_READING || d->state == ATA_WRITING ||
                        d->state == ATA_VERIFYING || d->state == ATA_FLUSHING ||
                        d->state == ATA_DMA_RUN || d->state == ATA_TRIMMING ||
                        d->state == ATA_SELF_TEST;
    ata_test_loaded(d);
    ata_power_loaded(d);
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
        ata_read_step(d);
        break;
    case ATA_WRITING:
        ata_write_step(d);
        break;
    case ATA_VERIFYING:
        ata_verify_step(d);
        break;
    case ATA_FLUSHING:
        ata_begin_flush(d);
        break;
    case ATA_DMA_RUN:
        ata_set_state(d, ATA_DMA_WAIT);
        ata_dma_go(d);
        break;
    case ATA_TRIMMING:
        ata_trim_resume(d);
        break;
    case ATA_SELF_TEST:
        ata_test_resume(d);
        break;
    default:
        break;
    }
    d->changed(d->opaque);
}
