/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DMA: image <-> guest memory, no copy: ATA/ATAPI-6, 9.7, and bmdma.h. See ata.h for the states. */
#include <errno.h>
#include <string.h>

#include "hw/ide/ata_internal.h"

/* One step of a DMA command, and how many are done at once when the host has the data at hand. */
#define DMA_STEP_BYTES (1024 * 1024)
#define DMA_TRIES 4

#define SECTOR BLOCK_SECTOR_BYTES

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
    ata_media_error(d, dma_to_memory(d) ? ATA_ERROR_UNC : ATA_ERROR_ABRT, d->xfer_lba);
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
    struct block_req *req = ata_new_request(d, to_memory ? BLOCK_READ : BLOCK_WRITE, d->xfer_lba,
                                        (uint32_t)(bm->iov_bytes / SECTOR), bm->iovcnt);

    memcpy(req->iov, bm->iov, (size_t)bm->iovcnt * sizeof(bm->iov[0]));
    ata_submit(d, req, ATA_DMA_RUN);
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
    ata_trim_data(d);
    if (ata_is_packet(d)) {
        atapi_dma_go(d);
        return;
    }
    for (unsigned n = 0; d->state == ATA_DMA_WAIT && bmdma_active(d->bm); n++)
        dma_step(d, n < DMA_TRIES);
}

void ata_dma_done(struct ata_drive *d, int err)
{
    ata_set_state(d, ATA_DMA_WAIT);
    dma_step_ended(d, err);
    ata_dma_go(d);
}

void ata_dma_stop(struct ata_drive *d)
{
    if (d->state != ATA_DMA_RUN)
        return;
    ata_cancel(d);
    bmdma_release(d->bm, d->bm->iov_bytes);
    ata_set_state(d, ATA_DMA_WAIT);
}
