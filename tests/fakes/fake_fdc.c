/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_fdc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fake_fdc *fake_fdc_new(const struct fake_fdc_setup *setup)
{
    static const struct i8237_config dma = {0x00, 0xc0, 0x81};
    struct fake_fdc *ff = calloc(1, sizeof(*ff));
    struct fdc_config cfg = {.iobase = 0x3f0, .immediate = setup->immediate};
    char why[200] = "";

    ff->fe = fake_env_new(1 << 17);
    ff->dma = i8237_new(&ff->fe->env, "dma", &dma, why, sizeof(why));
    assert_non_null(ff->dma);
    cfg.irq = fake_irq(ff->fe, FDC_LINE);
    cfg.dma = (struct dma8237_channel){ff->dma, FDC_CHANNEL};
    for (unsigned i = 0; i < 2; i++) {
        if (setup->sectors[i]) {
            ff->blk[i] = fake_block_new(setup->sectors[i]);
            fake_block_fill(ff->blk[i], 0);
        }
        cfg.drive[i] = (struct fdc_drive_config){setup->type[i], FDC_DRIVE_288, ff->blk[i]};
    }
    ff->dev = isa_fdc_new(&ff->fe->env, "fdc", &cfg, why, sizeof(why));
    if (!ff->dev)
        fail_msg("%s", why);
    fake_fdc_check(ff);
    return ff;
}

struct fake_fdc *fake_fdc_144(void)
{
    const struct fake_fdc_setup setup = {.sectors = {SECTORS_144}, .type = {FDC_DRIVE_144}};

    return fake_fdc_new(&setup);
}

void fake_fdc_free(struct fake_fdc *ff)
{
    device_free(ff->dev);
    device_free(ff->dma);
    for (unsigned i = 0; i < 2; i++) {
        if (!ff->blk[i])
            continue;
        fake_block_run(ff->blk[i]);
        assert_int_equal(fake_block_live(ff->blk[i]), 0);
        assert_int_equal(fake_block_mistakes(ff->blk[i]), 0);
        fake_block_free(ff->blk[i]);
    }
    fake_env_free(ff->fe);
    free(ff);
}

void fake_fdc_check(struct fake_fdc *ff)
{
    const char *why;

    device_enter(ff->dev);
    why = isa_fdc_check(ff->dev);
    device_leave(ff->dev);
    if (why)
        fail_msg("%s", why);
}

uint8_t fdc_in(struct fake_fdc *ff, uint16_t port)
{
    uint8_t v = (uint8_t)fake_in(ff->fe, port, 1);

    fake_fdc_check(ff);
    return v;
}

void fdc_out(struct fake_fdc *ff, uint16_t port, uint8_t value)
{
    fake_out(ff->fe, port, 1, value);
    fake_fdc_check(ff);
}

bool fdc_line(const struct fake_fdc *ff)
{
    return ff->fe->irq_level[FDC_LINE];
}

void fdc_run(struct fake_fdc *ff)
{
    for (unsigned n = 0, busy = 1; busy; n++) {
        busy = 0;
        for (unsigned i = 0; i < 2; i++)
            busy += ff->blk[i] ? fake_block_run(ff->blk[i]) : 0;
        fake_fdc_check(ff);
        if (!busy && n < 2000 && !(fake_in(ff->fe, MSR, 1) & MSR_RQM))
            busy = 1;
        fake_step(ff->fe, n < 100 ? 100000 : 10000000);
        fake_fdc_check(ff);
    }
    fake_step(ff->fe, 100000);
}

void fdc_send(struct fake_fdc *ff, const uint8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(fdc_in(ff, MSR) & (MSR_RQM | MSR_DIO | MSR_BUSY),
                         i ? MSR_RQM | MSR_BUSY : MSR_RQM);
        fdc_out(ff, FIFO, bytes[i]);
    }
}

void fdc_results(struct fake_fdc *ff, uint8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(fdc_in(ff, MSR) & 0xf0, MSR_RQM | MSR_DIO | MSR_BUSY);
        bytes[i] = fdc_in(ff, FIFO);
    }
    assert_int_equal(fdc_in(ff, MSR) & 0xf0, MSR_RQM);
}

void fdc_expect(struct fake_fdc *ff, const uint8_t *bytes, unsigned count)
{
    uint8_t got[16] = {0};

    fdc_results(ff, got, count);
    assert_memory_equal(got, bytes, count);
}

void fdc_program_dma(struct fake_fdc *ff, bool to_memory, uint32_t gpa, uint32_t bytes)
{
    uint32_t count = bytes - 1;

    fake_out(ff->fe, 0x0a, 1, 4 | FDC_CHANNEL);
    fake_out(ff->fe, 0x0c, 1, 0);
    fake_out(ff->fe, 0x0b, 1, (to_memory ? 0x44 : 0x48) | FDC_CHANNEL);
    fake_out(ff->fe, 0x04, 1, gpa & 0xff);
    fake_out(ff->fe, 0x04, 1, gpa >> 8 & 0xff);
    fake_out(ff->fe, 0x05, 1, count & 0xff);
    fake_out(ff->fe, 0x05, 1, count >> 8 & 0xff);
    fake_out(ff->fe, 0x81, 1, gpa >> 16);
    fake_out(ff->fe, 0x0a, 1, FDC_CHANNEL);
}

void fdc_expect_ram(struct fake_fdc *ff, uint32_t gpa, uint64_t sector, unsigned sectors,
                    uint64_t salt)
{
    uint8_t want[512];

    for (unsigned i = 0; i < sectors; i++) {
        fake_block_expect(want, sector + i, salt);
        assert_memory_equal(ff->fe->ram + gpa + i * 512, want, 512);
    }
}

void fdc_fill_ram(struct fake_fdc *ff, uint32_t gpa, uint64_t sector, unsigned sectors,
                  uint64_t salt)
{
    for (unsigned i = 0; i < sectors; i++)
        fake_block_expect(ff->fe->ram + gpa + i * 512, sector + i, salt);
}

void fdc_expect_disk(struct fake_fdc *ff, unsigned unit, uint64_t sector, unsigned sectors,
                     uint64_t salt)
{
    uint8_t want[512], got[512];

    for (unsigned i = 0; i < sectors; i++) {
        fake_block_expect(want, sector + i, salt);
        fake_block_peek(ff->blk[unit], sector + i, got);
        assert_memory_equal(got, want, 512);
    }
}
