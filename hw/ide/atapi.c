/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet protocol: reception, data phases, status phase. See atapi.h. */
#include "hw/ide/atapi.h"

#include <string.h>

#include "hw/ide/atapi_internal.h"

#define DMA_TRIES 4 /* steps of DMA that may ask for data that the host has at hand */

/* PACKET's feature register. */
enum { FEATURE_DMA = 0x01, FEATURE_OVERLAP = 0x02 };

/* ---- the status phase ---- */

static void end_transfer(struct ata_drive *d)
{
    if (d->cd.dma && d->cd.data != ATAPI_NONE && d->bm)
        bmdma_end(d->bm);
    d->cd.data = ATAPI_NONE;
    d->cd.direct = false;
    d->cd.sectors_left = 0;
    d->cd.chunk_blocks = 0;
    d->cd.medium_lost = false;
    d->tf.count = ATAPI_REASON_STATUS;
}

void atapi_good(struct ata_drive *d)
{
    end_transfer(d);
    ata_end(d);
}

void atapi_set_sense(struct ata_drive *d, uint32_t sense)
{
    d->cd.key = sense >> 16 & 0x0f;
    d->cd.asc = (uint8_t)(sense >> 8);
    d->cd.ascq = (uint8_t)sense;
    d->cd.info_valid = false;
    d->cd.info = 0;
}

/* 8.23: the sense key is shown in the error register; ABRT: command or parameter invalid. */
void atapi_fail(struct ata_drive *d, enum atapi_sense sense)
{
    uint8_t key = sense >> 16 & 0x0f;

    end_transfer(d);
    atapi_set_sense(d, sense);
    ata_abort(d, (uint8_t)(key << 4 | (key == 5 ? ATA_ERROR_ABRT : 0)));
}

void atapi_fail_at(struct ata_drive *d, enum atapi_sense sense, uint32_t lba)
{
    atapi_fail(d, sense);
    d->cd.info_valid = true;
    d->cd.info = lba;
}

/* The byte count limit forbids any data: the command is aborted without sense data (8.23). */
static void abort_command(struct ata_drive *d)
{
    end_transfer(d);
    ata_abort(d, ATA_ERROR_ABRT);
}

/* ---- data phases ---- */

/* Offers the next block of the buffer; odd only if it is the last, then a byte of padding follows. */
static void offer_block(struct ata_drive *d)
{
    uint32_t n = d->chunk_bytes - d->buf_pos, block = atapi_block_bytes(d);

    if (n > d->cd.limit)
        n = d->cd.limit;
    /* A driver's buffer may hold one block of the medium only, whatever limit it gives. */
    if (block && n > block - d->buf_pos % block)
        n = block - d->buf_pos % block;
    d->block_end = d->buf_pos + n + (n & 1);
    d->tf.lba_mid = (uint8_t)n;
    d->tf.lba_high = (uint8_t)(n >> 8);
    d->intrq = true;
}

/* The buffer holds, or is to be given, chunk_bytes: begins to move them. DMA: the caller goes on. */
void atapi_begin_data(struct ata_drive *d)
{
    d->buf_pos = 0;
    d->tf.count = d->cd.data == ATAPI_LIST ? 0 : ATAPI_REASON_TO_HOST;
    if (d->cd.dma) {
        ata_set_state(d, ATA_DMA_WAIT);
        return;
    }
    offer_block(d);
    ata_set_state(d, d->cd.data == ATAPI_LIST ? ATA_PIO_OUT : ATA_PIO_IN);
}

/* Before the first byte: what the byte count limit means for so many. False: the command is over. */
bool atapi_take_limit(struct ata_drive *d, uint64_t total)
{
    if (d->cd.dma)
        return true;
    if (d->cd.limit > 0xfffe)
        d->cd.limit = 0xfffe;
    if (total > d->cd.limit)
        d->cd.limit &= 0xfffe;
    if (!d->cd.limit)
        abort_command(d);
    return d->cd.limit != 0;
}

uint8_t *atapi_blank(struct ata_drive *d)
{
    memset(d->buf, 0, ATAPI_ANSWER_MAX);
    return d->buf;
}

void atapi_answer(struct ata_drive *d, uint32_t bytes, uint32_t allocation)
{
    if (bytes > allocation)
        bytes = allocation;
    if (!bytes) {
        atapi_good(d);
        return;
    }
    d->cd.data = ATAPI_ANSWER;
    if (!atapi_take_limit(d, bytes))
        return;
    d->chunk_bytes = bytes;
    d->buf[bytes] = 0; /* the padding: answers are far smaller than the buffer */
    atapi_begin_data(d);
}

void atapi_want_list(struct ata_drive *d, uint32_t bytes)
{
    d->cd.data = ATAPI_LIST;
    if (!bytes) {
        atapi_find_command(d->cd.packet[0])->finish(d, d->buf, 0);
        return;
    }
    if (!atapi_take_limit(d, bytes))
        return;
    d->chunk_bytes = bytes;
    atapi_begin_data(d);
}

/* The chunk has been moved. Iterative: what follows waits for the host or the guest, or is a state
 * that the caller's loop looks at. */
static void chunk_moved(struct ata_drive *d, bool may_try)
{
    const struct atapi_command *cmd = atapi_find_command(d->cd.packet[0]);

    if (d->cd.data == ATAPI_LIST && cmd && cmd->finish)
        cmd->finish(d, d->buf, d->chunk_bytes);
    else if (d->cd.data == ATAPI_BLOCKS && d->cd.sectors_left)
        atapi_fill_chunk(d, may_try);
    else
        atapi_good(d);
}

/* ---- PIO ---- */

static void pio_block_moved(struct ata_drive *d)
{
    if (d->block_end < d->chunk_bytes)
        offer_block(d);
    else
        chunk_moved(d, true);
}

static void start_packet(struct ata_drive *d);

size_t atapi_data_read(struct ata_drive *d, void *buf, size_t bytes)
{
    if (d->state != ATA_PIO_IN)
        return 0;
    if (bytes > d->block_end - d->buf_pos)
        bytes = d->block_end - d->buf_pos;
    memcpy(buf, d->buf + d->buf_pos, bytes);
    d->buf_pos += (uint32_t)bytes;
    if (d->buf_pos == d->block_end)
        pio_block_moved(d);
    return bytes;
}

size_t atapi_data_write(struct ata_drive *d, const void *buf, size_t bytes)
{
    if (d->state != ATA_PIO_OUT && d->state != ATA_PACKET)
        return 0;
    if (bytes > d->block_end - d->buf_pos)
        bytes = d->block_end - d->buf_pos;
    memcpy(d->buf + d->buf_pos, buf, bytes);
    d->buf_pos += (uint32_t)bytes;
    if (d->buf_pos < d->block_end)
        return bytes;
    if (d->state == ATA_PACKET)
        start_packet(d);
    else
        pio_block_moved(d);
    return bytes;
}

/* ---- DMA ---- */

bool atapi_gather(struct ata_drive *d, size_t want, size_t unit)
{
    switch (bmdma_gather_units(d->bm, d->cd.data != ATAPI_LIST, want, unit)) {
    case BMDMA_SHORT:
        bmdma_end_short(d->bm);
        device_guest_error(d->dev, "PRD table ends before the data of packet command %02x",
                           d->cd.packet[0]);
        return false;
    case BMDMA_FAULT:
        bmdma_end_fault(d->bm);
        device_guest_error(d->dev, "PRD table or target is not memory");
        atapi_fail(d, SENSE_BUS);
        return false;
    case BMDMA_OK:
        return true;
    }
    return false;
}

static void copy_buffer(struct ata_drive *d)
{
    struct bmdma *bm = d->bm;
    uint8_t *at = d->buf + d->buf_pos;

    for (int i = 0; i < bm->iovcnt; i++) {
        if (bm->iov_to_memory)
            memcpy(bm->iov[i].iov_base, at, bm->iov[i].iov_len);
        else
            memcpy(at, bm->iov[i].iov_base, bm->iov[i].iov_len);
        at += bm->iov[i].iov_len;
    }
}

/* Between buffer and guest memory. The bus master moves words: an odd end is padded. */
static void buffer_step(struct ata_drive *d, bool may_try)
{
    uint32_t end = d->chunk_bytes + (d->chunk_bytes & 1);
    size_t bytes;

    if (!atapi_gather(d, end - d->buf_pos, 2))
        return;
    bytes = d->bm->iov_bytes;
    copy_buffer(d);
    bmdma_release(d->bm, bytes);
    bmdma_advance(d->bm, bytes);
    d->buf_pos += (uint32_t)bytes;
    if (d->buf_pos >= end)
        chunk_moved(d, may_try);
}

void atapi_dma_go(struct ata_drive *d)
{
    for (unsigned n = 0; d->state == ATA_DMA_WAIT && bmdma_active(d->bm); n++) {
        if (d->cd.direct)
            atapi_direct_step(d, n < DMA_TRIES);
        else
            buffer_step(d, n < DMA_TRIES);
    }
}

/* ---- reception ---- */

void atapi_packet(struct ata_drive *d)
{
    if (d->tf.feature & FEATURE_OVERLAP || (d->tf.feature & FEATURE_DMA && !d->bm)) {
        d->tf.count = ATAPI_REASON_STATUS;
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    d->cd.dma = d->tf.feature & FEATURE_DMA;
    d->cd.limit = (uint16_t)(d->tf.lba_mid | d->tf.lba_high << 8);
    d->cd.data = ATAPI_NONE;
    d->buf_pos = 0;
    d->block_end = ATAPI_PACKET_BYTES;
    d->tf.count = ATAPI_REASON_COMMAND;
    ata_set_state(d, ATA_PACKET);
}

/* What is to be reported instead of carrying the command out, or 0. See the table in atapi.h. */
static uint32_t precedence(struct ata_drive *d, unsigned flags)
{
    bool medium = flags & ATAPI_CMD_MEDIUM;

    if (!(flags & ATAPI_CMD_UA) && d->cd.ua & ATAPI_UA_RESET) {
        d->cd.ua &= ~ATAPI_UA_RESET;
        return SENSE_RESET;
    }
    if (medium && (d->cd.gone_untold || !d->cd.blocks)) {
        d->cd.gone_untold = false;
        return atapi_absence(d);
    }
    if (!(flags & ATAPI_CMD_UA) && d->cd.ua & ATAPI_UA_MEDIUM && !d->cd.gone_untold) {
        d->cd.ua &= ~ATAPI_UA_MEDIUM;
        return SENSE_CHANGED;
    }
    return 0;
}

static void start_packet(struct ata_drive *d)
{
    const struct atapi_command *cmd;
    uint32_t sense;

    memcpy(d->cd.packet, d->buf, ATAPI_PACKET_BYTES);
    cmd = atapi_find_command(d->cd.packet[0]);
    if (!cmd || !(cmd->flags & ATAPI_CMD_SENSE))
        atapi_set_sense(d, 0);
    sense = precedence(d, cmd ? cmd->flags : 0);
    if (sense)
        atapi_fail(d, sense);
    else if (!cmd)
        atapi_fail(d, SENSE_BAD_OPCODE);
    else
        cmd->start(d, d->cd.packet);
    atapi_dma_go(d);
}

/* ---- life ---- */

void atapi_init(struct ata_drive *d)
{
    atapi_init_strings(d);
    atapi_attach(d);
}

void atapi_fini(struct ata_drive *d)
{
    if (d->cd.attached)
        block_detach(d->blk);
    d->cd.attached = false;
}

void atapi_interface_reset(struct ata_drive *d)
{
    d->cd.ready = false;
    d->cd.data = ATAPI_NONE;
    d->cd.direct = false;
    d->cd.sectors_left = 0;
    d->cd.chunk_blocks = 0;
    d->cd.medium_lost = false;
}

void atapi_hard_reset(struct ata_drive *d)
{
    d->cd.ua = ATAPI_UA_RESET;
    atapi_set_sense(d, 0);
    d->cd.events = 0;
    d->cd.gone_untold = false;
    d->cd.locked = false;
    d->cd.locked_persistent = false;
    atapi_mode_defaults(d);
}
