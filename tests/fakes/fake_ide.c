/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_ide.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dev_field fake_ide_fields[] = {
    IDE_CHANNEL_FIELDS(struct fake_ide, ch, "ide."),
    BMDMA_FIELDS(struct fake_ide, bm, "bm."),
};

static void fake_ide_reset(struct device *dev)
{
    ide_channel_reset(&((struct fake_ide *)dev)->ch);
}

static const char *fake_ide_post_load(struct device *dev)
{
    struct fake_ide *fi = (struct fake_ide *)dev;
    const char *why = ide_channel_check(&fi->ch);

    if (!why)
        ide_channel_loaded(&fi->ch);
    return why;
}

static void fake_ide_release(struct device *dev)
{
    struct fake_ide *fi = (struct fake_ide *)dev;

    device_enter(dev);
    ide_channel_unmap(&fi->ch);
    ide_channel_fini(&fi->ch);
    device_leave(dev);
    iomap_remove(fi->fe->env.iomap, &fi->bm_region);
    device_fini(dev);
}

static const struct device_class fake_ide_class = {
    .name = "fake-ide",
    .title = "",
    .fields = fake_ide_fields,
    .field_count = sizeof(fake_ide_fields) / sizeof(fake_ide_fields[0]),
    .reset = fake_ide_reset,
    .post_load = fake_ide_post_load,
    .free = fake_ide_release,
};

static uint64_t bm_read(void *chip, uint64_t off, unsigned size)
{
    return ide_channel_bm_read(&((struct fake_ide *)chip)->ch, (unsigned)off, size);
}

static void bm_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    ide_channel_bm_write(&((struct fake_ide *)chip)->ch, (unsigned)off, size, (uint32_t)value);
}

static const uint8_t bm_widths[BMDMA_REGS] = { 1, 1, 1, 1, 1 | 4, 1, 1, 1 };
static const struct io_ops bm_ops = { .read = bm_read, .write = bm_write, .widths_at = bm_widths };

struct fake_ide *fake_ide_new_config(size_t ram_bytes, const struct ide_drive_config *d0,
                                     const struct ide_drive_config *d1)
{
    struct fake_ide *fi = calloc(1, sizeof(*fi));
    struct ide_channel_config cfg = { .name = "ide0", .iobase = 0x1f0, .ctlbase = 0x3f6,
                                      .drive = { d0, d1 } };
    char why[200] = "";

    assert_non_null(fi);
    fi->fe = fake_env_new(ram_bytes);
    fi->blk[0] = d0 ? d0->blk : NULL;
    fi->blk[1] = d1 ? d1->blk : NULL;
    device_init(&fi->dev, &fake_ide_class, &fi->fe->env, "ide0");
    bmdma_init(&fi->bm, &fi->fe->env.dma);
    cfg.bm = &fi->bm;
    cfg.irq = fake_irq(fi->fe, IDE_LINE);
    assert_true(ide_channel_init(&fi->ch, &fi->dev, &cfg, why, sizeof(why)));
    assert_true(ide_channel_map(&fi->ch, why, sizeof(why)));
    fi->bm_region = (struct io_region){ .name = "bm", .space = IO_PORT, .base = BM_CMD,
                                        .size = BMDMA_REGS, .ops = &bm_ops, .chip = fi,
                                        .lock = fi->dev.lock };
    assert_true(iomap_add(fi->fe->env.iomap, &fi->bm_region, why, sizeof(why)));
    device_reset(&fi->dev);
    fake_ide_check(fi);
    return fi;
}

struct fake_ide *fake_ide_new(size_t ram_bytes, uint64_t sectors0, uint64_t sectors1)
{
    struct ide_drive_config d[2] = { { .write_cache = true, .trim = true },
                                     { .write_cache = true, .trim = true } };

    if (sectors0)
        d[0].blk = fake_block_new(sectors0);
    if (sectors1)
        d[1].blk = fake_block_new(sectors1);
    for (unsigned i = 0; i < 2; i++) {
        if (d[i].blk)
            fake_block_fill(d[i].blk, 0);
    }
    return fake_ide_new_config(ram_bytes, &d[0], &d[1]);
}

void fake_ide_free(struct fake_ide *fi)
{
    device_free(&fi->dev);
    assert_int_equal(fi->fe->maps_open, 0);
    for (unsigned i = 0; i < 2; i++) {
        if (!fi->blk[i])
            continue;
        fake_block_run(fi->blk[i]);
        assert_int_equal(fake_block_live(fi->blk[i]), 0);
        assert_int_equal(fake_block_mistakes(fi->blk[i]), 0);
        fake_block_free(fi->blk[i]);
    }
    fake_env_free(fi->fe);
    free(fi);
}

void fake_ide_check(struct fake_ide *fi)
{
    const char *why = ide_channel_check(&fi->ch);
    struct ata_drive *sel = &fi->ch.drive[fi->ch.drive[0].device >> 4 & 1];
    unsigned waiting = 0, in_flight = 0;

    if (fi->no_check)
        return;
    if (why)
        fail_msg("invariant: %s (states %s, %s)", why, ata_state_names[fi->ch.drive[0].state],
                 ata_state_names[fi->ch.drive[1].state]);
    for (unsigned i = 0; i < 2; i++) {
        const struct ata_drive *d = &fi->ch.drive[i];
        bool host = d->state == ATA_READING || d->state == ATA_WRITING ||
                    d->state == ATA_VERIFYING || d->state == ATA_FLUSHING ||
                    d->state == ATA_DMA_RUN || d->state == ATA_TRIMMING;
        bool captive = d->state == ATA_SELF_TEST;

        /* A state that waits for the host has a request there, and no other has. */
        assert_int_equal(d->req != NULL || (d->resume_pending && !captive), host);
        if (captive)
            assert_true(d->smart.req != NULL || d->resume_pending);
        if (d->smart.req)
            assert_true(d->smart.test_running);
        /* A test in off-line mode has a sample under way or waits for its next one. */
        if (d->smart.test_running && !captive)
            assert_int_equal(vtimer_armed(&d->smart.timer), d->smart.req == NULL);
        waiting += (d->req != NULL) + (d->smart.req != NULL);
        if (d->standby.clock && !d->resume_pending) {
            assert_int_equal(vtimer_armed(&d->standby), d->standby_ns >= 0);
        }
        in_flight += d->state == ATA_DMA_RUN && d->req;
        if (fi->blk[i])
            assert_int_equal(fake_block_mistakes(fi->blk[i]), 0);
    }
    assert_int_equal(waiting, (fi->blk[0] ? fake_block_waiting(fi->blk[0]) : 0) +
                                  (fi->blk[1] ? fake_block_waiting(fi->blk[1]) : 0));
    /* Guest memory is mapped only while a DMA request is under way. */
    assert_int_equal(fi->fe->maps_open, fi->bm.iovcnt);
    assert_int_equal(fi->bm.iovcnt != 0, in_flight != 0);
    /* The pin is what it is derived from. */
    assert_int_equal(fi->fe->irq_level[IDE_LINE],
                     sel->intrq && !(fi->ch.control & IDE_CONTROL_NIEN));
}

uint8_t in8(struct fake_ide *fi, uint16_t port)
{
    uint8_t v = (uint8_t)fake_in(fi->fe, port, 1);

    fake_ide_check(fi);
    return v;
}

uint16_t in16(struct fake_ide *fi, uint16_t port)
{
    uint16_t v = (uint16_t)fake_in(fi->fe, port, 2);

    fake_ide_check(fi);
    return v;
}

void out8(struct fake_ide *fi, uint16_t port, uint8_t value)
{
    fake_out(fi->fe, port, 1, value);
    fake_ide_check(fi);
}

void out16(struct fake_ide *fi, uint16_t port, uint16_t value)
{
    fake_out(fi->fe, port, 2, value);
    fake_ide_check(fi);
}

void out32(struct fake_ide *fi, uint16_t port, uint32_t value)
{
    fake_out(fi->fe, port, 4, value);
    fake_ide_check(fi);
}

void read_data(struct fake_ide *fi, void *buf, size_t bytes)
{
    fake_ins(fi->fe, DATA, 2, buf, (uint32_t)(bytes / 2));
    fake_ide_check(fi);
}

void write_data(struct fake_ide *fi, const void *buf, size_t bytes)
{
    fake_outs(fi->fe, DATA, 2, buf, (uint32_t)(bytes / 2));
    fake_ide_check(fi);
}

void command28(struct fake_ide *fi, unsigned unit, uint8_t opcode, uint32_t lba, uint8_t count)
{
    out8(fi, DEVICE, (uint8_t)(0xe0 | unit << 4 | (lba >> 24 & 0x0f)));
    out8(fi, COUNT, count);
    out8(fi, LBA0, (uint8_t)lba);
    out8(fi, LBA1, (uint8_t)(lba >> 8));
    out8(fi, LBA2, (uint8_t)(lba >> 16));
    out8(fi, COMMAND, opcode);
}

void command48(struct fake_ide *fi, unsigned unit, uint8_t opcode, uint64_t lba, uint16_t count)
{
    out8(fi, DEVICE, (uint8_t)(0x40 | unit << 4));
    out8(fi, COUNT, (uint8_t)(count >> 8));
    out8(fi, LBA0, (uint8_t)(lba >> 24));
    out8(fi, LBA1, (uint8_t)(lba >> 32));
    out8(fi, LBA2, (uint8_t)(lba >> 40));
    out8(fi, COUNT, (uint8_t)count);
    out8(fi, LBA0, (uint8_t)lba);
    out8(fi, LBA1, (uint8_t)(lba >> 8));
    out8(fi, LBA2, (uint8_t)(lba >> 16));
    out8(fi, COMMAND, opcode);
}

void command_chs(struct fake_ide *fi, unsigned unit, uint8_t opcode, uint16_t cyl, uint8_t head,
                 uint8_t sec, uint8_t count)
{
    out8(fi, DEVICE, (uint8_t)(0xa0 | unit << 4 | (head & 0x0f)));
    out8(fi, COUNT, count);
    out8(fi, LBA0, sec);
    out8(fi, LBA1, (uint8_t)cyl);
    out8(fi, LBA2, (uint8_t)(cyl >> 8));
    out8(fi, COMMAND, opcode);
}

void command_feature(struct fake_ide *fi, unsigned unit, uint8_t opcode, uint8_t feature,
                     uint8_t count)
{
    out8(fi, DEVICE, (uint8_t)(0xe0 | unit << 4));
    out8(fi, FEATURE, feature);
    out8(fi, COUNT, count);
    out8(fi, COMMAND, opcode);
    run(fi);
}

unsigned run(struct fake_ide *fi)
{
    unsigned n = 0;

    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < 2; i++) {
            if (fi->blk[i] && fake_block_complete(fi->blk[i])) {
                more = true;
                n++;
                fake_ide_check(fi);
            }
        }
    }
    return n;
}

void put_prd(struct fake_ide *fi, uint32_t at, uint32_t addr, uint32_t bytes, bool last)
{
    uint32_t words[2] = { addr, (bytes & 0xffff) | (last ? 0x80000000 : 0) };

    memcpy(fi->fe->ram + at, words, 8);
}

void start_dma(struct fake_ide *fi, uint32_t table, bool to_memory)
{
    out8(fi, BM_CMD, 0);
    out8(fi, BM_STATUS, 0x06);
    out32(fi, BM_TABLE, table);
    out8(fi, BM_CMD, to_memory ? 8 : 0);
    out8(fi, BM_CMD, to_memory ? 9 : 1);
}

void expect_ram(struct fake_ide *fi, uint64_t gpa, uint64_t sector, uint32_t sectors, uint64_t salt)
{
    for (uint32_t i = 0; i < sectors; i++) {
        uint8_t want[BLOCK_SECTOR_BYTES];

        fake_block_expect(want, sector + i, salt);
        assert_memory_equal(fi->fe->ram + gpa + i * 512, want, 512);
    }
}

void expect_disk(struct fake_ide *fi, unsigned unit, uint64_t sector, uint32_t sectors,
                 uint64_t salt)
{
    for (uint32_t i = 0; i < sectors; i++) {
        uint8_t want[BLOCK_SECTOR_BYTES], have[BLOCK_SECTOR_BYTES];

        fake_block_expect(want, sector + i, salt);
        fake_block_peek(fi->blk[unit], sector + i, have);
        assert_memory_equal(have, want, 512);
    }
}

void fill_ram(struct fake_ide *fi, uint64_t gpa, uint64_t sector, uint32_t sectors, uint64_t salt)
{
    for (uint32_t i = 0; i < sectors; i++)
        fake_block_expect(fi->fe->ram + gpa + i * 512, sector + i, salt);
}
