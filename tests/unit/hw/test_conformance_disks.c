/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conformance suite over the controllers of disks, CD and floppy drives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hw/dma/i8237.h"
#include "hw/floppy/fdc.h"
#include "hw/ide/cmd646.h"
#include "hw/ide/isa_ide.h"
#include "hw/ide/piix_ide.h"
#include "tests/fakes/conform_rig.h"
#include "tests/fakes/fake_block.h"

/* IDE, with a disk and a small read-only one whose requests end when the events say so. */

static struct block *make_disk(struct rig *rig, unsigned n, uint64_t sectors)
{
    struct block *blk = fake_block_new(sectors);

    fake_block_fill(blk, n);
    return rig->extra[EXTRA_FIRST + n] = blk;
}

static void free_disks(struct rig *rig)
{
    for (unsigned n = 0; n < 2; n++)
        fake_block_free(rig->extra[EXTRA_FIRST + n]);
}

static void unmake_isa_ide(struct rig *rig)
{
    free_disks(rig);
}

static void unmake_piix_ide(struct rig *rig)
{
    free_disks(rig);
    rig_unmake_pci(rig);
}

static void event_ide(struct rig *rig, struct rng *rng)
{
    unsigned what = rng_below(rng, 8);
    struct block *blk = rig->extra[EXTRA_FIRST + (what & 1)];

    if (what == 7 && rig->extra[EXTRA_BUS])
        rig_event_pci(rig, rng);
    else
        fake_block_complete(blk);
}

static void settle_ide(struct rig *rig)
{
    while (fake_block_run(rig->extra[EXTRA_FIRST]) + fake_block_run(rig->extra[EXTRA_FIRST + 1]))
        ;
}

static void copy_sectors(struct rig *to, struct rig *from)
{
    uint8_t data[BLOCK_SECTOR_BYTES];

    for (unsigned n = 0; n < 2; n++) {
        struct block *dst = to->extra[EXTRA_FIRST + n], *src = from->extra[EXTRA_FIRST + n];

        for (uint64_t sector = 0; sector < block_sectors(src); sector++) {
            fake_block_peek(src, sector, data);
            fake_block_poke(dst, sector, data);
        }
    }
}

static void copy_disks(struct rig *to, struct rig *from)
{
    copy_sectors(to, from);
    rig_copy_bridge(to, from);
}

static struct device *make_isa_ide(struct rig *rig)
{
    struct isa_ide_config cfg = {.iobase = 0x1f0, .ctlbase = 0x3f6, .irq = rig_irq(rig, 14)};

    cfg.drive[0] = (struct ide_drive_config){.blk = make_disk(rig, 0, 8192), .write_cache = true};
    cfg.drive[1] = (struct ide_drive_config){.blk = make_disk(rig, 1, 100)};
    return isa_ide_new(&rig->fe->env, "ide", &cfg, rig_why, sizeof(rig_why));
}

/* A disc drive whose tray and media the events move, and a disk. */
static struct device *make_isa_cd(struct rig *rig)
{
    struct isa_ide_config cfg = {.iobase = 0x1f0, .ctlbase = 0x3f6, .irq = rig_irq(rig, 14)};

    cfg.drive[0] = (struct ide_drive_config){.blk = make_disk(rig, 0, 400), .cd = true};
    cfg.drive[1] = (struct ide_drive_config){.blk = make_disk(rig, 1, 100)};
    return isa_ide_new(&rig->fe->env, "ide", &cfg, rig_why, sizeof(rig_why));
}

static void event_cd(struct rig *rig, struct rng *rng)
{
    struct block *blk = rig->extra[EXTRA_FIRST];

    switch (rng_below(rng, 8)) {
    case 0:
        fake_block_tray_request(blk, rng_below(rng, 2), rng_below(rng, 2));
        break;
    case 1:
        while (fake_block_complete(blk)) /* a medium changes when nothing is under way */
            ;
        fake_block_set_medium(blk, rng_below(rng, 3), 100 + rng_below(rng, 300));
        break;
    default:
        event_ide(rig, rng);
    }
}

static void copy_disc(struct rig *to, struct rig *from)
{
    struct block *a = to->extra[EXTRA_FIRST], *b = from->extra[EXTRA_FIRST];

    if (block_has_medium(a) != block_has_medium(b) || block_sectors(a) != block_sectors(b))
        fake_block_set_medium(a, block_has_medium(b), block_sectors(b));
    copy_sectors(to, from);
}

static struct device *make_piix_ide(struct rig *rig)
{
    struct piix3_ide_config cfg = {.irq = {rig_irq(rig, 14), rig_irq(rig, 15)}};

    cfg.drive[0] = (struct ide_drive_config){.blk = make_disk(rig, 0, 8192), .write_cache = true};
    cfg.drive[3] = (struct ide_drive_config){.blk = make_disk(rig, 1, 100)};
    return piix3_ide_new(rig_make_bridge(rig), PCI_DEVFN(1, 1), &rig->fe->env, "ide", &cfg, rig_why,
                         sizeof(rig_why));
}

static void prepare_piix_ide(struct rig *rig)
{
    rig_config_write(rig, PCI_DEVFN(1, 1), 0x20, 0xc001);
    rig_config_write(rig, PCI_DEVFN(1, 1), 0x40, 0x80008000);
    rig_config_write(rig, PCI_DEVFN(1, 1), 0x04, 5);
}

#define CMD646_DEVFN PCI_DEVFN(3, 0)

static struct device *make_cmd646(struct rig *rig)
{
    struct cmd646_config cfg = {.secondary = true, .first_channel = 2};

    cfg.drive[1] = (struct ide_drive_config){.blk = make_disk(rig, 0, 8192), .write_cache = true};
    cfg.drive[2] = (struct ide_drive_config){.blk = make_disk(rig, 1, 100)};
    return cmd646_new(rig_make_bridge(rig), CMD646_DEVFN, &rig->fe->env, "ctl", &cfg, rig_why, sizeof(rig_why));
}

static void prepare_cmd646(struct rig *rig)
{
    for (unsigned bar = 0; bar < 5; bar++)
        rig_config_write(rig, CMD646_DEVFN, 0x10 + 4 * bar, 0xc001 + bar * 0x400);
    rig_config_write(rig, CMD646_DEVFN, 0x04, 5);
}

/* The floppy controller, with two disks and a DMA controller beside it. */

#define EXTRA_DMA (EXTRA_FIRST + 2)

static struct device *make_fdc(struct rig *rig)
{
    struct fdc_config cfg = {.iobase = 0x3f0, .irq = rig_irq(rig, 6)};
    struct i8237_config dma = {.port_bytes = 0x00, .port_words = 0xc0, .port_pages = 0x81};

    rig->extra[EXTRA_DMA] = i8237_new(&rig->fe->env, "dma", &dma, rig_why, sizeof(rig_why));
    cfg.dma = (struct dma8237_channel){rig->extra[EXTRA_DMA], 2};
    cfg.drive[0] = (struct fdc_drive_config){FDC_DRIVE_AUTO, FDC_DRIVE_288, make_disk(rig, 0, 2880)};
    cfg.drive[1] = (struct fdc_drive_config){FDC_DRIVE_120, FDC_DRIVE_288, make_disk(rig, 1, 720)};
    return isa_fdc_new(&rig->fe->env, "fdc", &cfg, rig_why, sizeof(rig_why));
}

static void unmake_fdc(struct rig *rig)
{
    free_disks(rig);
    device_free(rig->extra[EXTRA_DMA]);
}

/* What random bytes seldom are: a command that moves data, with its channel programmed. */
static void event_fdc(struct rig *rig, struct rng *rng)
{
    static const uint8_t opcodes[8] = {0xe6, 0x45, 0x42, 0x4d, 0x51, 0x4a, 0x0f, 0x56};
    unsigned what = rng_below(rng, 12);
    uint8_t command[9] = {opcodes[what & 7], 0, (uint8_t)rng_below(rng, 80), 0,
                          (uint8_t)(1 + rng_below(rng, 18)), 2, 18, 0x1b, 0xff};

    if (what > 7) {
        fake_block_complete(rig->extra[EXTRA_FIRST + (what & 1)]);
        return;
    }
    fake_out(rig->fe, 0x0b, 1, what & 1 ? 0x4a : 0x46);
    fake_out(rig->fe, 0x0e, 1, 0);
    for (unsigned i = 0; i < 16 && !(fake_in(rig->fe, 0x3f4, 1) & 0x80); i++)
        fake_step(rig->fe, 1000000);
    for (unsigned i = 0; i < 9 && (fake_in(rig->fe, 0x3f4, 1) & 0xc0) == 0x80; i++)
        fake_out(rig->fe, 0x3f5, 1, command[i]);
}

static void copy_fdc(struct rig *to, struct rig *from)
{
    copy_sectors(to, from);
    rig_copy_device(to->extra[EXTRA_DMA], from->extra[EXTRA_DMA]);
}

static const struct conform_row rows[] = {
    {.name = "isa-ide", .make = make_isa_ide, .unmake = unmake_isa_ide, .event = event_ide,
     .settle = settle_ide, .copy_outside = copy_disks},
    {.name = "isa-ide with a CD drive", .make = make_isa_cd, .unmake = unmake_isa_ide,
     .event = event_cd, .settle = settle_ide, .copy_outside = copy_disc},
    {.name = "piix3-ide", .make = make_piix_ide, .prepare = prepare_piix_ide,
     .unmake = unmake_piix_ide, .event = event_ide, .settle = settle_ide,
     .copy_outside = copy_disks},
    {.name = "cmd646-ide", .make = make_cmd646, .prepare = prepare_cmd646,
     .unmake = unmake_piix_ide, .event = event_ide, .settle = settle_ide,
     .copy_outside = copy_disks},
    {.name = "isa-fdc", .make = make_fdc, .unmake = unmake_fdc, .event = event_fdc,
     .settle = settle_ide, .copy_outside = copy_fdc},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

int main(void)
{
    return conform_run(rows, ROWS);
}
