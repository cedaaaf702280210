/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What holds in each state of a packet drive: the packet half's part of ata_check.c. */
#include "hw/ide/atapi_internal.h"

static const char *check_cursor(const struct ata_drive *d)
{
    uint32_t end = d->chunk_bytes + (d->chunk_bytes & 1);

    if (!d->chunk_bytes || d->chunk_bytes > ATA_BUFFER_BYTES)
        return "packet: chunk size";
    if (d->cd.data == ATAPI_BLOCKS && d->chunk_bytes > d->cd.chunk_blocks * atapi_block_bytes(d))
        return "packet: more than the blocks read";
    if (d->buf_pos % 2 || d->buf_pos >= end)
        return "packet: cursor outside of the buffer";
    if (d->state != ATA_DMA_WAIT &&
        (d->buf_pos >= d->block_end || d->block_end > end || !d->cd.limit))
        return "packet: cursor outside of its block";
    return NULL;
}

static const char *check_blocks(const struct ata_drive *d)
{
    unsigned unit = d->cd.direct ? 1 : ATAPI_BLOCK_SECTORS;

    if (d->cd.next_sector % unit || d->cd.sectors_left % unit)
        return "packet: not whole blocks";
    if (d->cd.data == ATAPI_BLOCKS && !atapi_block_bytes(d))
        return "packet: framing";
    if (d->cd.direct && (!d->cd.dma || d->cd.data != ATAPI_BLOCKS ||
                         d->cd.framing != ATAPI_COOKED || !d->cd.sectors_left))
        return "packet: nothing to move straight";
    if (d->cd.chunk_blocks * atapi_block_bytes(d) > ATA_BUFFER_BYTES)
        return "packet: blocks beyond the buffer";
    return NULL;
}

static const char *check_reading(const struct ata_drive *d)
{
    if (!atapi_reads_medium(d) || d->cd.direct)
        return "packet: reads without need";
    if (d->cd.dma ? !d->bm : d->cd.data == ATAPI_BLOCKS && !d->cd.limit)
        return "packet: no way for the data";
    if (!d->cd.chunk_blocks || d->cd.chunk_blocks * ATAPI_BLOCK_SECTORS > d->cd.sectors_left)
        return "packet: chunk beyond the transfer";
    if (d->chunk_bytes != d->cd.chunk_blocks * atapi_block_bytes(d))
        return "packet: chunk size";
    return NULL;
}

static const char *check_data(const struct ata_drive *d)
{
    const struct atapi_command *cmd = atapi_find_command(d->cd.packet[0]);

    if (d->cd.data == ATAPI_LIST && !(cmd && cmd->finish))
        return "packet: a list for no command";
    switch ((enum ata_state)d->state) {
    case ATA_PIO_IN:
    case ATA_PIO_OUT:
        if (d->cd.dma || d->cd.direct || d->cd.data == ATAPI_NONE || d->cd.data == ATAPI_VERIFY ||
            (d->cd.data == ATAPI_LIST) != (d->state == ATA_PIO_OUT))
            return "packet: direction";
        return check_cursor(d);
    case ATA_READING:
        return check_reading(d);
    case ATA_DMA_WAIT:
        if (!d->bm || !d->cd.dma || d->cd.data == ATAPI_NONE || d->cd.data == ATAPI_VERIFY)
            return "packet: DMA without need";
        return d->cd.direct ? NULL : check_cursor(d);
    case ATA_DMA_RUN:
        return d->bm && d->cd.direct && bmdma_active(d->bm) ? NULL : "packet: moving without need";
    default:
        return NULL;
    }
}

const char *atapi_check(const struct ata_drive *d)
{
    const char *why = atapi_mode_check(d);

    if (why)
        return why;
    if (!ata_is_packet(d) || d->state == ATA_IDLE || d->state == ATA_RESET) {
        if (d->cd.data != ATAPI_NONE || d->cd.direct || d->cd.sectors_left || d->cd.chunk_blocks)
            return "packet: data without a command";
        return d->state == ATA_PACKET ? "packet without its command" : NULL;
    }
    if (d->state == ATA_PACKET)
        return d->cd.data != ATAPI_NONE || d->cd.direct || d->block_end != ATAPI_PACKET_BYTES ||
                       d->buf_pos >= d->block_end || d->buf_pos % 2
                   ? "packet: reception"
                   : NULL;
    why = atapi_reads_medium(d)                               ? check_blocks(d)
          : d->cd.direct || d->cd.sectors_left          ? "packet: blocks without a medium command"
                                                        : NULL;
    return why ? why : check_data(d);
}
