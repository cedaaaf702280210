/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What holds in each state of an ATA drive. A load is refused where it does not; tests ask after
 * each step.
 */
#include <string.h>

#include "hw/ide/ata_internal.h"

static const char *check_chunk(const struct ata_drive *d)
{
    if (!d->chunk_bytes || d->chunk_bytes > ATA_BUFFER_BYTES || d->chunk_bytes % BLOCK_SECTOR_BYTES)
        return "chunk size";
    if (!d->block_sectors || d->block_sectors > ATA_BUFFER_SECTORS)
        return "block size";
    return NULL;
}

static const char *check_pio(const struct ata_drive *d)
{
    const char *why = check_chunk(d);

    if (why)
        return why;
    if (d->buf_pos >= d->block_end || d->block_end > d->chunk_bytes || d->buf_pos % 2)
        return "cursor outside of its block";
    if (d->state == ATA_PIO_OUT && ata_data_function(d))
        return d->chunk_bytes == BLOCK_SECTOR_BYTES ? NULL : "more than the command's one sector";
    if (d->state == ATA_PIO_OUT && d->chunk_bytes / BLOCK_SECTOR_BYTES > d->xfer_left)
        return "chunk beyond the transfer";
    return NULL;
}

static const char *check_storage(const struct ata_drive *d)
{
    const char *why = check_chunk(d);

    if (why)
        return why;
    if (d->chunk_done >= d->chunk_bytes || d->chunk_done % BLOCK_SECTOR_BYTES)
        return "progress outside of the chunk";
    if (d->chunk_done && !d->probing)
        return "progress without probing";
    if (d->chunk_bytes / BLOCK_SECTOR_BYTES > d->xfer_left)
        return "chunk beyond the transfer";
    return NULL;
}

/* Does the command in progress pass through this state? */
static const char *check_command(const struct ata_drive *d)
{
    static const uint32_t passes[] = {
        [ATA_NONDATA] = 0,
        [ATA_PIO_DATA_IN] = ATA_BIT(PIO_IN) | ATA_BIT(READING),
        [ATA_PIO_DATA_OUT] = ATA_BIT(PIO_OUT) | ATA_BIT(WRITING),
        [ATA_DMA_IN] = ATA_BIT(DMA_WAIT) | ATA_BIT(DMA_RUN),
        [ATA_DMA_OUT] = ATA_BIT(DMA_WAIT) | ATA_BIT(DMA_RUN),
        [ATA_VERIFY] = ATA_BIT(VERIFYING),
        [ATA_TRIM] = ATA_BIT(TRIM_DATA) | ATA_BIT(TRIMMING),
        [ATA_PACKET_COMMAND] = ATA_BIT(PACKET) | ATA_BIT(PIO_IN) | ATA_BIT(PIO_OUT) |
                               ATA_BIT(READING) | ATA_BIT(DMA_WAIT) | ATA_BIT(DMA_RUN),
    };
    const struct ata_command *cmd = ata_find_command(d->command, d->kind);
    uint32_t states;

    if (d->state == ATA_IDLE)
        return d->xfer_left ? "sectors left without a command" : NULL;
    if (d->state == ATA_RESET)
        return NULL;
    if (!cmd)
        return "no such command in progress";
    states = passes[cmd->protocol];
    if (cmd->flags & ATA_CMD_FLUSH)
        states |= ATA_BIT(FLUSHING);
    if (cmd->flags & ATA_CMD_SLEEP)
        states |= ATA_BIT(SLEEP);
    if (cmd->flags & ATA_CMD_TEST)
        states |= ATA_BIT(SELF_TEST);
    if (!(states >> d->state & 1))
        return "the command does not pass this state";
    if (cmd->flags & ATA_CMD_MEDIA &&
        (d->xfer_lba > d->sectors || d->xfer_left > d->sectors - d->xfer_lba))
        return "transfer beyond the disk";
    if (!(cmd->flags & ATA_CMD_MEDIA) && d->xfer_left)
        return "sectors left without a transfer";
    return NULL;
}

static const char *check_settings(const struct ata_drive *d)
{
    static const uint8_t modes[] = { 0x00, 0x01, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x20,
                                     0x21, 0x22, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45 };

    if (!memchr(modes, d->xfer_mode, sizeof(modes)))
        return "transfer mode";
    if (d->xfer_mode >= 0x20 && !d->bm)
        return "DMA mode without bus master";
    if (d->multiple & (d->multiple - 1))
        return "multiple count";
    if (d->kind == ATA_KIND_DISK && (!d->heads || !d->secs))
        return "translation";
    if (!ata_power_sane(d))
        return "standby timer";
    if (d->kind != ATA_KIND_DISK)
        return d->sectors || d->max.stored || d->smart.test_running ? "no disk" : NULL;
    return ata_max_check(d) ? ata_max_check(d) : ata_smart_check(d);
}

static const char *check_state(const struct ata_drive *d)
{
    switch ((enum ata_state)d->state) {
    case ATA_PIO_IN:
    case ATA_PIO_OUT:
        return check_pio(d);
    case ATA_READING:
    case ATA_WRITING:
        return check_storage(d);
    case ATA_VERIFYING:
        return d->xfer_left ? NULL : "nothing left to verify";
    case ATA_DMA_WAIT:
        return d->bm && d->xfer_left ? NULL : "nothing left to move";
    case ATA_DMA_RUN:
        return d->bm && d->xfer_left && bmdma_active(d->bm) ? NULL : "moving without bus master";
    case ATA_TRIM_DATA:
    case ATA_TRIMMING:
        return ata_trim_check(d);
    case ATA_RESET:
        return d->intrq ? "interrupt in reset" : NULL;
    default:
        return NULL;
    }
}

const char *ata_check_invariants(const struct ata_drive *d)
{
    const char *why;

    if (d->state >= ATA_STATES)
        return "no such state";
    if (d->illegal_moves)
        return "a move that the table does not allow";
    if (d->kind == ATA_KIND_NONE)
        return d->state != ATA_IDLE && d->state != ATA_RESET ? "absent drive works"
               : d->intrq                                    ? "absent drive interrupts"
               : d->sectors || d->max.stored                 ? "absent drive has sectors"
               : d->smart.test_running                       ? "absent drive tests itself"
                                                             : NULL;
    why = check_settings(d);
    if (!why)
        why = check_command(d);
    if (!why && d->kind == ATA_KIND_CD)
        why = atapi_check(d);
    if (!why && ata_is_packet(d) && d->state != ATA_RESET)
        return NULL; /* its data phases are judged by atapi_check() */
    return why ? why : check_state(d);
}
