/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One IDE channel: see channel.h. */
#include "hw/ide/channel.h"

#include <stdio.h>
#include <string.h>

enum {
    REG_DATA,
    REG_ERROR,
    REG_COUNT,
    REG_LBA_LOW,
    REG_LBA_MID,
    REG_LBA_HIGH,
    REG_DEVICE,
    REG_STATUS
};

#define REG_FEATURE REG_ERROR
#define REG_COMMAND REG_STATUS
#define COMMAND_DIAGNOSTIC 0x90
#define DATA_WIDEST 4
#define DATA_IDLE 0x00 /* what the data port reads without a block to move */

static struct ata_drive *selected(struct ide_channel *ch)
{
    return &ch->drive[ch->drive[0].device & ATA_DEVICE_DEV ? 1 : 0];
}

bool ide_channel_line(const struct ide_channel *ch)
{
    const struct ata_drive *d = &ch->drive[ch->drive[0].device & ATA_DEVICE_DEV ? 1 : 0];

    return d->intrq && !(ch->control & IDE_CONTROL_NIEN);
}

/* Something can happen, or is shown on the pin, by itself: an end of work, an interrupt that is pending. */
static bool is_lively(const struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct ata_drive *d = &ch->drive[i];

        if (ata_status(d) & ATA_STATUS_BSY || (d->intrq && !(ch->control & IDE_CONTROL_NIEN)))
            return true;
    }
    return false;
}

/*
 * How many writes to the counted registers (command_counted, pci_ide_bm_counted) are sure to have no
 * effect. A drive that takes data only fills its buffer with all but the last word of a block; how many words
 * are left is reckoned at the widest. Else writes to the device register and to the bus master's status
 * have none while the drives rest; but the one may move the pin, and the other would take away an
 * interrupt that came after it.
 */
static void update_posted_limit(struct ide_channel *ch)
{
    const struct ata_drive *d = selected(ch);
    uint32_t limit = is_lively(ch), left = d->block_end - d->buf_pos;

    if (d->state == ATA_PIO_OUT || d->state == ATA_PACKET)
        limit = left > DATA_WIDEST ? (left + DATA_WIDEST - 1) / DATA_WIDEST : 1;
    __atomic_store_n(&ch->command_block.posted_limit, limit, __ATOMIC_RELEASE);
}

/* After whatever may have changed a drive's state. The one place that drives the pin. */
static void update(struct ide_channel *ch)
{
    bool level = ide_channel_line(ch);

    if (ch->bm)
        bmdma_line(ch->bm, level);
    irq_pin_set(&ch->irq, level);
    update_posted_limit(ch);
}

static void drive_changed(void *opaque)
{
    update(opaque);
}

/* ---- registers of the command block ---- */

static uint8_t read_register(struct ide_channel *ch, unsigned reg)
{
    struct ata_drive *d = selected(ch);
    const struct ata_taskfile *tf = ch->control & IDE_CONTROL_HOB ? &d->hob : &d->tf;

    if (d->kind == ATA_KIND_NONE)
        return 0;
    switch (reg) {
    case REG_ERROR:
        return d->error;
    case REG_COUNT:
        return tf->count;
    case REG_LBA_LOW:
        return tf->lba_low;
    case REG_LBA_MID:
        return tf->lba_mid;
    case REG_LBA_HIGH:
        return tf->lba_high;
    case REG_DEVICE:
        return d->device;
    case REG_STATUS:
        d->intrq = false;
        update(ch);
        return ata_status(d);
    default:
        return 0xff; /* a byte of the data port */
    }
}

/* Most registers keep the value before, for 48-bit commands. */
static void write_taskfile(struct ata_drive *d, unsigned reg, uint8_t value)
{
    switch (reg) {
    case REG_FEATURE:
        d->hob.feature = d->tf.feature;
        d->tf.feature = value;
        break;
    case REG_COUNT:
        d->hob.count = d->tf.count;
        d->tf.count = value;
        break;
    case REG_LBA_LOW:
        d->hob.lba_low = d->tf.lba_low;
        d->tf.lba_low = value;
        break;
    case REG_LBA_MID:
        d->hob.lba_mid = d->tf.lba_mid;
        d->tf.lba_mid = value;
        break;
    case REG_LBA_HIGH:
        d->hob.lba_high = d->tf.lba_high;
        d->tf.lba_high = value;
        break;
    case REG_DEVICE:
        d->device = value;
        break;
    default:
        break;
    }
}

/* Both drives, whichever is selected; device 0 reports for both and is selected then (8.11). */
static void diagnose(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ata_drive *d = &ch->drive[i];

        d->device = 0;
        if (d->state != ATA_IDLE)
            continue; /* asleep */
        ata_diagnose(d);
        d->intrq = d->kind != ATA_KIND_NONE && i == 0;
    }
    /* A sleeping device 1 does not answer, so device 0 takes it for a broken one (9.10, table 26). */
    if (ch->drive[1].state == ATA_SLEEP && ch->drive[0].state == ATA_IDLE)
        ch->drive[0].error |= 0x80;
}

static void write_register(struct ide_channel *ch, unsigned reg, uint8_t value)
{
    struct ata_drive *d = selected(ch);

    ch->control &= ~IDE_CONTROL_HOB; /* 7.9: any write to the command block */
    if (ch->control & IDE_CONTROL_SRST)
        return;
    if (ata_busy_or_drq(d) && !(reg == REG_COMMAND && ata_takes_when_busy(d, value)))
        return;
    if (reg != REG_COMMAND) {
        write_taskfile(&ch->drive[0], reg, value);
        write_taskfile(&ch->drive[1], reg, value);
    } else if (value == COMMAND_DIAGNOSTIC) {
        diagnose(ch);
    } else {
        ata_command(d, value);
    }
    update(ch);
}

/* ---- the data port ---- */

/* Moves whole blocks for as long as the drive has some; what it does not give reads as DATA_IDLE. */
static void read_data(struct ide_channel *ch, uint8_t *buf, size_t bytes)
{
    struct ata_drive *d = selected(ch);
    size_t done = 0, n;

    while (done < bytes && (n = ata_data_read(d, buf + done, bytes - done)))
        done += n;
    memset(buf + done, DATA_IDLE, bytes - done);
    if (done)
        update(ch);
}

static void write_data(struct ide_channel *ch, const uint8_t *buf, size_t bytes)
{
    struct ata_drive *d = selected(ch);
    size_t done = 0, n;

    while (done < bytes && (n = ata_data_write(d, buf + done, bytes - done)))
        done += n;
    if (done)
        update(ch);
}

/* ---- the two regions ---- */

static uint64_t command_read(void *chip, uint64_t off, unsigned size)
{
    struct ide_channel *ch = chip;
    uint8_t raw[4] = { 0 };

    if (size == 1)
        return read_register(ch, (unsigned)off);
    read_data(ch, raw, size);
    return raw[0] | raw[1] << 8 | raw[2] << 16 | (uint32_t)raw[3] << 24;
}

static void command_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct ide_channel *ch = chip;
    uint8_t raw[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                       (uint8_t)(value >> 24) };

    if (size > 1)
        write_data(ch, raw, size);
    else if (off != REG_DATA)
        write_register(ch, (unsigned)off, (uint8_t)value);
}

static uint32_t command_read_string(void *chip, uint64_t off, unsigned size, void *buf,
                                    uint32_t count)
{
    if (off != REG_DATA || size == 1)
        return 0;
    read_data(chip, buf, (size_t)size * count);
    return count;
}

static uint32_t command_write_string(void *chip, uint64_t off, unsigned size, const void *buf,
                                     uint32_t count)
{
    if (off != REG_DATA || size == 1)
        return 0;
    write_data(chip, buf, (size_t)size * count);
    return count;
}

static const uint8_t command_widths[8] = {
    IO_W1 | IO_W2 | IO_W4, IO_W1, IO_W1, IO_W1, IO_W1, IO_W1, IO_W1, IO_W1,
};

/*
 * Feature, count and LBA only wait for a command, and whatever reads or starts anything is an access
 * before which posted writes are carried out. One thing differs: a value written while the drive was
 * busy may find it idle by the time it arrives, and is kept instead of ignored. Clause 7 calls that
 * result indeterminate ("shall be written only when both BSY and DRQ are cleared"), so no driver can
 * count on either; and a 48-bit command takes half of the exits.
 */
static const struct io_span command_posted = { REG_FEATURE, REG_DEVICE - REG_FEATURE };
/* Selecting the other drive moves the interrupt line at once if an interrupt is pending. */
static const struct io_span command_counted[] = { { REG_DATA, DATA_WIDEST }, { REG_DEVICE, 1 } };

static const struct io_ops command_ops = {
    .read = command_read,
    .write = command_write,
    .read_string = command_read_string,
    .write_string = command_write_string,
    .widths_at = command_widths,
    .posted = &command_posted,
    .posted_count = 1,
    .counted = command_counted,
    .counted_count = sizeof(command_counted) / sizeof(command_counted[0]),
};

static uint64_t control_read(void *chip, uint64_t off, unsigned size)
{
    struct ide_channel *ch = chip;

    (void)size;
    if (off != ch->control_off)
        return 0xff; /* not the channel's: nobody drives the bus */
    return ata_status(selected(ch)); /* alternate status: leaves the interrupt alone */
}

static void control_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct ide_channel *ch = chip;
    bool was = ch->control & IDE_CONTROL_SRST, is = value & IDE_CONTROL_SRST;

    (void)size;
    if (off != ch->control_off)
        return;
    ch->control = (uint8_t)value & (IDE_CONTROL_NIEN | IDE_CONTROL_SRST | IDE_CONTROL_HOB);
    for (unsigned i = 0; i < 2 && was != is; i++) {
        if (is)
            ata_srst_begin(&ch->drive[i]);
        else
            ata_srst_end(&ch->drive[i]);
    }
    update(ch);
}

static const struct io_ops control_ops = {
    .read = control_read,
    .write = control_write,
    .widths = IO_W1,
};

/* ---- the bus master's window ---- */

uint32_t ide_channel_bm_read(struct ide_channel *ch, unsigned off, unsigned size)
{
    return bmdma_reg_read(ch->bm, off, size);
}

/* Stopping gives up whatever is under way, whichever drive is selected. */
void ide_channel_bm_write(struct ide_channel *ch, unsigned off, unsigned size, uint32_t value)
{
    enum bmdma_event event = bmdma_reg_write(ch->bm, off, size, value);

    for (unsigned i = 0; i < 2; i++) {
        if (event == BMDMA_STARTED)
            ata_dma_go(&ch->drive[i]);
        else if (event == BMDMA_STOPPED)
            ata_dma_stop(&ch->drive[i]);
    }
    update(ch);
}

/* ---- life ---- */

static void resume(void *opaque)
{
    struct ide_channel *ch = opaque;

    for (unsigned i = 0; i < 2; i++)
        ata_resume(&ch->drive[i]);
}

void ide_channel_reset(struct ide_channel *ch)
{
    vtimer_cancel(&ch->resume);
    for (unsigned i = 0; i < 2; i++)
        ata_hard_reset(&ch->drive[i]);
    if (ch->bm)
        bmdma_forget(ch->bm);
    update(ch);
}

const char *ide_channel_check(const struct ide_channel *ch)
{
    bool srst = ch->control & IDE_CONTROL_SRST;
    unsigned working = 0;

    for (unsigned i = 0; i < 2; i++) {
        const struct ata_drive *d = &ch->drive[i];
        const char *why = ata_check_invariants(d);

        if (why)
            return why;
        if ((d->state == ATA_RESET) != srst)
            return "reset state and SRST disagree";
        working += d->state != ATA_RESET && ata_busy_or_drq(d);
        if (working && ata_busy_or_drq(d) && !srst && (ch->drive[0].device >> 4 & 1) != i)
            return "a drive works that is not selected";
    }
    if ((ch->drive[0].device ^ ch->drive[1].device) & ATA_DEVICE_DEV)
        return "the drives disagree on who is selected";
    return ch->bm ? bmdma_check(ch->bm) : NULL;
}

void ide_channel_loaded(struct ide_channel *ch)
{
    vtimer_cancel(&ch->resume);
    for (unsigned i = 0; i < 2; i++)
        ata_loaded(&ch->drive[i]);
    if (ch->bm)
        bmdma_forget(ch->bm);
    irq_pin_set(&ch->irq, ide_channel_line(ch));
    update_posted_limit(ch);
    if (ch->drive[0].resume_pending || ch->drive[1].resume_pending)
        vtimer_arm(&ch->resume, vclock_now_ns(ch->dev->env->clock));
}

static void init_region(struct ide_channel *ch, struct io_region *region, char *name,
                        const char *prefix, const char *suffix, uint16_t base, uint16_t size,
                        const struct io_ops *ops)
{
    snprintf(name, sizeof(ch->names[0]), "%s.%s", prefix, suffix);
    *region = (struct io_region){
        .name = name,
        .space = IO_PORT,
        .base = base,
        .size = size,
        .ops = ops,
        .chip = ch,
        .lock = ch->dev->lock,
    };
}

bool ide_channel_init(struct ide_channel *ch, struct device *dev,
                      const struct ide_channel_config *cfg, char *why, size_t why_size)
{
    ch->dev = dev;
    ch->irq = cfg->irq;
    ch->bm = cfg->bm;
    vtimer_init(&ch->resume, dev->env->clock, dev->lock, resume, ch);
    init_region(ch, &ch->command_block, ch->names[0], cfg->name, "cmd", cfg->iobase, 8,
                &command_ops);
    ch->control_off = cfg->native ? 2 : 0;
    init_region(ch, &ch->control_block, ch->names[1], cfg->name, "ctl", cfg->ctlbase,
                cfg->native ? 4 : 1, &control_ops);
    for (unsigned i = 0; i < 2; i++) {
        struct ata_drive *d = &ch->drive[i];

        d->changed = drive_changed;
        d->opaque = ch;
        if (!ata_init(d, dev, cfg->drive[i], i, cfg->number * 2 + i, cfg->bm, why, why_size))
            return false;
    }
    return true;
}

void ide_channel_fini(struct ide_channel *ch)
{
    if (!ch->dev)
        return; /* never set up */
    vtimer_cancel(&ch->resume);
    for (unsigned i = 0; i < 2; i++)
        ata_fini(&ch->drive[i]);
    if (ch->bm)
        bmdma_forget(ch->bm);
}

bool ide_channel_map(struct ide_channel *ch, char *why, size_t why_size)
{
    struct iomap *map = ch->dev->env->iomap;

    if (ch->command_block.mapped && ch->control_block.mapped)
        return true;
    iomap_begin(map);
    if (!ch->command_block.mapped && !iomap_add(map, &ch->command_block, why, why_size)) {
        iomap_commit(map);
        return false;
    }
    if (!ch->control_block.mapped && !iomap_add(map, &ch->control_block, why, why_size)) {
        iomap_remove(map, &ch->command_block);
        iomap_commit(map);
        return false;
    }
    iomap_commit(map);
    return true;
}

void ide_channel_unmap(struct ide_channel *ch)
{
    iomap_remove(ch->dev->env->iomap, &ch->command_block);
    iomap_remove(ch->dev->env->iomap, &ch->control_block);
}
