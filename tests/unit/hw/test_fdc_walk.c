/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floppy controller from every state with every event, every opcode with far too many bytes
 * (CVE-2015-3456), and long random use: after each step all invariants hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "hw/floppy/fdc_internal.h"
#include "tests/fakes/conformance.h"
#include "tests/fakes/fake_fdc.h"

#define RAM 0x2000

static enum fdc_state state_of(struct fake_fdc *ff)
{
    return (enum fdc_state)((const struct fdc *)ff->dev)->state;
}

/* ---- into each state ---- */

static void ready(struct fake_fdc *ff) { (void)ff; }
static void reset(struct fake_fdc *ff) { fdc_out(ff, DOR, 0x08); }
static void starting(struct fake_fdc *ff) { fdc_out(ff, DSR, 0x80); }
static void in_command(struct fake_fdc *ff) { SEND(ff, 0x66, 0x00); }
static void locating(struct fake_fdc *ff) { SEND(ff, 0x66, 0, 0, 0, 1, 2, 18, 0x1b, 0xff); }
static void in_result(struct fake_fdc *ff) { SEND(ff, 0x0e); }

static void host_read(struct fake_fdc *ff)
{
    locating(ff);
    fake_step(ff->fe, 60000);
}

static void dma_wait(struct fake_fdc *ff)
{
    host_read(ff);
    fake_block_run(ff->blk[0]);
}

static void pio_in(struct fake_fdc *ff)
{
    SEND(ff, 0x03, 0xaf, 0x03);
    dma_wait(ff);
}

static void pio_out(struct fake_fdc *ff)
{
    SEND(ff, 0x03, 0xaf, 0x03);
    SEND(ff, 0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    fake_step(ff->fe, 60000);
}

static void host_write(struct fake_fdc *ff)
{
    pio_out(ff);
    for (unsigned i = 0; i < 512; i++)
        fdc_out(ff, FIFO, 0x5a);
}

static const struct {
    enum fdc_state state;
    void (*go)(struct fake_fdc *ff);
} ways[FDC_STATES] = {
    {FDC_RESET, reset},         {FDC_STARTING, starting},     {FDC_IDLE, ready},
    {FDC_COMMAND, in_command},  {FDC_LOCATING, locating},     {FDC_HOST_READ, host_read},
    {FDC_HOST_WRITE, host_write}, {FDC_DMA_WAIT, dma_wait},   {FDC_PIO_IN, pio_in},
    {FDC_PIO_OUT, pio_out},     {FDC_RESULT, in_result},
};

/* ---- events ---- */

enum { READ_PORT, WRITE_PORT = READ_PORT + 8, OPCODE = WRITE_PORT + 8 * 4, TIME = OPCODE + 256,
       MUCH_TIME, HOST, EJECT, INSERT, DMA_READY, DMA_OTHER, MACHINE_RESETS, EVENTS };

static void event(struct fake_fdc *ff, unsigned e)
{
    static const uint8_t values[4] = {0x00, 0xff, 0x0c, 0x80};

    if (e < WRITE_PORT)
        fdc_in(ff, (uint16_t)(0x3f0 + e));
    else if (e < OPCODE)
        fdc_out(ff, (uint16_t)(0x3f0 + (e - WRITE_PORT) / 4), values[(e - WRITE_PORT) % 4]);
    else if (e < TIME)
        fdc_out(ff, FIFO, (uint8_t)(e - OPCODE));
    else if (e == TIME)
        fake_step(ff->fe, 60000);
    else if (e == MUCH_TIME)
        fake_step(ff->fe, 2000000000);
    else if (e == HOST)
        fake_block_complete(ff->blk[0]);
    else if (e == EJECT || e == INSERT) {
        fake_block_run(ff->blk[0]); /* block.h: none is under way when the medium changes */
        fake_block_set_medium(ff->blk[0], e == INSERT, 1440);
    } else if (e == DMA_READY || e == DMA_OTHER)
        fdc_program_dma(ff, e == DMA_READY, RAM, 1000);
    else
        device_reset(ff->dev);
    fake_fdc_check(ff);
}

static struct fake_fdc *in_state(unsigned n)
{
    struct fake_fdc *ff = fake_fdc_144();

    ways[n].go(ff);
    assert_int_equal(state_of(ff), ways[n].state);
    return ff;
}

/* Whatever happened: a reset and a read work. */
static void works(struct fake_fdc *ff)
{
    uint8_t got[7];

    fake_block_run(ff->blk[0]);
    fake_block_set_medium(ff->blk[0], true, SECTORS_144);
    fake_block_fill(ff->blk[0], 4);
    fdc_out(ff, DOR, 0x08);
    fdc_out(ff, DOR, 0x0c);
    fdc_run(ff);
    fdc_out(ff, CCR, 0);
    SEND(ff, 0x03, 0xaf, 0x02);
    fdc_program_dma(ff, true, RAM, 2 * 512);
    SEND(ff, 0xe6, 0, 9, 0, 18, 2, 18, 0x1b, 0xff);
    fdc_run(ff);
    fdc_results(ff, got, 7);
    assert_int_equal(got[0] & 0xd7, 0x04);
    fdc_expect_ram(ff, RAM, 9 * 36 + 17, 2, 4);
}

static void test_walk(void **state)
{
    unsigned seen[FDC_STATES] = {0};

    (void)state;
    for (unsigned n = 0; n < FDC_STATES; n++) {
        for (unsigned first = 0; first < EVENTS; first++) {
            struct fake_fdc *ff = in_state(n);

            event(ff, first);
            seen[state_of(ff)]++;
            for (unsigned second = 0; second < EVENTS; second += second == OPCODE ? 255 : 1) {
                event(ff, second);
                seen[state_of(ff)]++;
            }
            works(ff);
            fake_fdc_free(ff);
        }
    }
    for (unsigned n = 0; n < FDC_STATES; n++)
        assert_true(seen[n]);
}

static void test_moves(void **state)
{
    unsigned allowed = 0;

    (void)state;
    for (unsigned from = 0; from < FDC_STATES; from++) {
        assert_true(fdc_move_allowed((enum fdc_state)from, FDC_RESET));
        assert_non_null(fdc_state_names[from]);
        for (unsigned to = 0; to < FDC_STATES; to++)
            allowed += fdc_move_allowed((enum fdc_state)from, (enum fdc_state)to);
    }
    assert_false(fdc_move_allowed(FDC_IDLE, FDC_DMA_WAIT));
    assert_false(fdc_move_allowed(FDC_RESULT, FDC_COMMAND));
    assert_false(fdc_move_allowed(FDC_RESET, FDC_IDLE));
    assert_in_range(allowed, 30, 50);
}

/* ---- too many bytes ---- */

static void test_venom(void **state)
{
    (void)state;
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        for (unsigned pattern = 0; pattern < 3; pattern++) {
            static const uint8_t bytes[3] = {0x00, 0x7f, 0xff};
            struct fake_fdc *ff = fake_fdc_144();

            fake_block_control(ff->blk[0])->try_works = true;
            fdc_out(ff, FIFO, (uint8_t)opcode);
            for (unsigned i = 0; i < 2000; i++)
                fake_out(ff->fe, FIFO, 1, bytes[pattern]);
            fake_fdc_check(ff);
            for (unsigned i = 0; i < 2000; i++)
                fake_in(ff->fe, FIFO, 1);
            fake_fdc_check(ff);
            works(ff);
            fake_fdc_free(ff);
        }
    }
}

/* With time in between, so that commands go on and more bytes come in each of their phases. */
static void test_venom_slow(void **state)
{
    (void)state;
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        struct fake_fdc *ff = fake_fdc_144();

        if (opcode & 1)
            SEND(ff, 0x03, 0xaf, 0x03);
        fdc_out(ff, FIFO, (uint8_t)opcode);
        for (unsigned i = 0; i < 2000; i++) {
            fdc_out(ff, FIFO, (uint8_t)(i % 7 < 5 ? i : 2));
            if (i % 16 == 15) {
                fake_step(ff->fe, 60000);
                fake_block_run(ff->blk[0]);
                fdc_in(ff, FIFO);
            }
        }
        works(ff);
        fake_fdc_free(ff);
    }
}

/* ---- long random use, of all kinds of commands that are mostly right ---- */

static void test_random(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        const struct fake_fdc_setup setup = {.sectors = {2880, 720},
                                             .type = {FDC_DRIVE_144, FDC_DRIVE_120},
                                             .immediate = seed % 3 == 0};
        struct fake_fdc *ff = fake_fdc_new(&setup);
        struct rng rng = {seed};
        unsigned ended = 0;

        for (unsigned i = 0; i < 20000; i++) {
            uint8_t msr = fdc_in(ff, MSR);
            bool out = (msr & 0xc0) == 0x80;

            if ((msr & 0xd0) == 0xd0 && !(msr & 0x20))
                ended++;
            if (rng_below(&rng, 400) == 0)
                event(ff, WRITE_PORT + rng_below(&rng, 32));
            else if (out && (msr & 0x30) == 0x10)
                fdc_out(ff, FIFO, (uint8_t)rng_below(&rng, rng_below(&rng, 4) ? 19 : 256));
            else if (out)
                fdc_out(ff, FIFO, (uint8_t)rng_next(&rng));
            else if (msr & 0x80)
                fdc_in(ff, FIFO);
            else
                event(ff, rng_below(&rng, 2) ? TIME : HOST);
            if (rng_below(&rng, 50) == 0)
                fdc_program_dma(ff, rng_below(&rng, 2), RAM, 512 * (1 + rng_below(&rng, 8)));
        }
        assert_true(ended > 100);
        fake_block_run(ff->blk[1]);
        works(ff);
        fake_fdc_free(ff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),       cmocka_unit_test(test_moves),
        cmocka_unit_test(test_venom),      cmocka_unit_test(test_venom_slow),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests_name("fdc-walk", tests, NULL, NULL);
}
