/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image of a disk got another size (QMP's block_resize). IDENTIFY DEVICE and READ NATIVE MAX tell it
 * from now on, and the host reads them when it is told to look again (Linux: a rescan of the device).
 * Heads and sectors per track stay, cylinders follow.
 */
#include "hw/ide/ata_internal.h"

static uint64_t image_sectors(const struct ata_drive *d)
{
    uint64_t sectors = block_sectors(d->blk);

    return sectors < ATA_LBA48_SECTORS ? sectors : ATA_LBA48_SECTORS;
}

/* Who shows the whole disk shows the whole new one; a SET MAX stays, as far as there is room. */
static uint64_t shown(uint64_t sectors, uint64_t old, uint64_t now)
{
    return sectors == old || sectors > now ? now : sectors;
}

/* No request is under way, but a command may be, between two of them. */
static void end_beyond(struct ata_drive *d)
{
    if (!d->xfer_left || (d->xfer_lba <= d->sectors && d->xfer_left <= d->sectors - d->xfer_lba))
        return;
    ata_fail_at(d, ATA_ERROR_IDNF, d->sectors);
    d->changed(d->opaque);
}

void ata_size_geometry(struct ata_drive *d)
{
    uint64_t cyls = d->native_sectors / ((uint32_t)d->default_heads * d->default_secs);

    if (!d->cyls_given)
        d->default_cyls = (uint16_t)(cyls > 16383 ? 16383 : cyls < 1 ? 1 : cyls);
}

static void resized(void *opaque)
{
    struct ata_drive *d = opaque;
    uint64_t old = d->native_sectors, now = image_sectors(d);

    d->native_sectors = now;
    d->sectors = shown(d->sectors, old, now);
    d->max.stored = shown(d->max.stored, old, now);
    ata_size_geometry(d);
    d->cyls = ata_cylinders(d, d->heads, d->secs);
    end_beyond(d);
}

static const struct block_drive_ops disk_ops = { .medium_changed = resized };

void ata_attach_disk(struct ata_drive *d)
{
    block_attach(d->blk, &disk_ops, d, d->dev->lock, false);
    d->attached = true;
}

void ata_detach_disk(struct ata_drive *d)
{
    if (d->attached)
        block_detach(d->blk);
    d->attached = false;
}
