/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8237: flip-flop, masks, status, transfers with wraps, terminal count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hw/dma/i8237.h"
#include "tests/fakes/fake_env.h"

struct world {
    struct fake_env *fe;
    struct device *dev;
    uint8_t buf[0x20000];
};

static const struct i8237_config config = {.port_bytes = 0, .port_words = 0xc0, .port_pages = 0x81};
static const uint16_t page_port[8] = {0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    char why[160];

    w->fe = fake_env_new(0x60000);
    w->dev = i8237_new(&w->fe->env, "dma", &config, why, sizeof(why));
    assert_non_null(w->dev);
    for (unsigned i = 0; i < sizeof(w->buf); i++)
        w->buf[i] = (uint8_t)(i * 7 + (i >> 8));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    device_free(w->dev);
    fake_env_free(w->fe);
    free(w);
    return 0;
}

/* A register of channel's chip. */
static uint16_t port(unsigned channel, unsigned reg)
{
    return (uint16_t)(channel < 4 ? reg : 0xc0 + reg * 2);
}

static void program(struct world *w, unsigned channel, unsigned mode, uint32_t address,
                    unsigned count)
{
    unsigned c = channel % 4, a = channel < 4 ? address : address >> 1;

    fake_out(w->fe, port(channel, 10), 1, 4 | c);
    fake_out(w->fe, port(channel, 12), 1, 0);
    fake_out(w->fe, port(channel, 11), 1, mode | c);
    fake_out(w->fe, port(channel, c * 2), 1, a & 0xff);
    fake_out(w->fe, port(channel, c * 2), 1, a >> 8 & 0xff);
    fake_out(w->fe, port(channel, c * 2 + 1), 1, count & 0xff);
    fake_out(w->fe, port(channel, c * 2 + 1), 1, count >> 8);
    fake_out(w->fe, page_port[channel], 1, address >> 16);
    fake_out(w->fe, port(channel, 10), 1, c);
}

static unsigned word(struct world *w, unsigned channel, unsigned reg)
{
    unsigned low;

    fake_out(w->fe, port(channel, 12), 1, 0);
    low = (unsigned)fake_in(w->fe, port(channel, reg), 1);
    return low | (unsigned)fake_in(w->fe, port(channel, reg), 1) << 8;
}

static size_t transfer(struct world *w, unsigned channel, bool to_memory, size_t len, bool *tc)
{
    struct dma8237_channel ch = {w->dev, channel};

    return dma8237_transfer(&ch, to_memory, w->buf, len, tc);
}

static void test_registers(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;

    assert_int_equal(fake_in(fe, 0x0f, 1), 0xff); /* all masked after reset */
    for (unsigned channel = 0; channel < 8; channel++) {
        program(w, channel, 0x44, 0x51234 + channel * 2, 0x0abc + channel);
        assert_int_equal(word(w, channel, channel % 4 * 2),
                         channel < 4 ? 0x1234 + channel * 2 : 0x891a + channel);
        assert_int_equal(word(w, channel, channel % 4 * 2 + 1), 0x0abc + channel);
        assert_int_equal(fake_in(fe, page_port[channel], 1), 5);
    }
    assert_int_equal(fake_in(fe, 0x0f, 1), 0xf0);
    fake_out(fe, 0x0f, 1, 0x05);
    assert_int_equal(fake_in(fe, 0x0f, 1), 0xf5);
    fake_out(fe, 0x0e, 1, 0);
    assert_int_equal(fake_in(fe, 0x0f, 1), 0xf0);
    fake_out(fe, 0x09, 1, 6);
    assert_int_equal(fake_in(fe, 0x08, 1), 0x40); /* requested by software */
    assert_int_equal(fake_in(fe, 0xd0, 1), 0);
    /* The flip-flop: one byte read leaves it at the high one until cleared. */
    fake_out(fe, 0x0c, 1, 0);
    fake_in(fe, 0x00, 1);
    fake_out(fe, 0x00, 1, 0x99);
    assert_int_equal(word(w, 0, 0), 0x9934);
    fake_in(fe, 0x00, 1);
    fake_out(fe, 0x0d, 1, 0); /* master clear */
    assert_int_equal(fake_in(fe, 0x0f, 1), 0xff);
    assert_int_equal(fake_in(fe, 0x08, 1), 0);
    assert_int_equal(fake_in(fe, 0x00, 1), 0x34);
    assert_int_equal(fake_in(fe, 0x80, 1), 0xff); /* the POST port is not ours */
}

static void test_byte_transfer(void **state)
{
    struct world *w = *state;
    bool tc;

    program(w, 2, 0x44, 0x21000, 511); /* floppy: one sector to memory */
    assert_int_equal(transfer(w, 2, true, 100, &tc), 100);
    assert_false(tc);
    assert_int_equal(word(w, 2, 5), 411);
    assert_int_equal(word(w, 2, 4), 0x1064);
    assert_int_equal(transfer(w, 2, true, 10000, &tc), 412);
    assert_true(tc);
    assert_memory_equal(w->fe->ram + 0x21000, w->buf, 100);
    assert_memory_equal(w->fe->ram + 0x21064, w->buf, 412);
    assert_int_equal(w->fe->ram[0x21200], 0);
    assert_int_equal(fake_in(w->fe, 8, 1), 0x04);
    assert_int_equal(fake_in(w->fe, 8, 1), 0); /* cleared by the read */
    assert_int_equal(fake_in(w->fe, 0xf, 1) & 4, 4); /* masked again */
    assert_int_equal(transfer(w, 2, true, 1, &tc), 0);
    program(w, 2, 0x48, 0x21000, 99);
    memset(w->buf, 0, 200);
    assert_int_equal(transfer(w, 2, false, 200, &tc), 100);
    assert_memory_equal(w->buf, w->fe->ram + 0x21000, 100);
    assert_int_equal(w->buf[100], 0);
}

static void test_wraps(void **state)
{
    struct world *w = *state;
    bool tc;

    program(w, 1, 0x44, 0x1fff0, 0x1f); /* wraps inside its 64 KiB page */
    assert_int_equal(transfer(w, 1, true, 32, &tc), 32);
    assert_memory_equal(w->fe->ram + 0x1fff0, w->buf, 16);
    assert_memory_equal(w->fe->ram + 0x10000, w->buf + 16, 16);
    assert_int_equal(w->fe->ram[0x20000], 0);
    program(w, 5, 0x44, 0x3fff8, 7); /* words: inside 128 KiB */
    assert_int_equal(transfer(w, 5, true, 17, &tc), 16);
    assert_true(tc);
    assert_memory_equal(w->fe->ram + 0x3fff8, w->buf, 8);
    assert_memory_equal(w->fe->ram + 0x20000, w->buf + 8, 8);
    program(w, 3, 0x64, 0x30002, 4); /* downwards */
    assert_int_equal(transfer(w, 3, true, 5, &tc), 5);
    assert_int_equal(w->fe->ram[0x30002], w->buf[0]);
    assert_int_equal(w->fe->ram[0x30000], w->buf[2]);
    assert_int_equal(w->fe->ram[0x3ffff], w->buf[3]);
    assert_int_equal(w->fe->ram[0x3fffe], w->buf[4]);
    program(w, 0, 0x44, 0, 0xffff); /* a whole page */
    assert_int_equal(transfer(w, 0, true, SIZE_MAX, &tc), 0x10000);
    assert_true(tc);
    assert_memory_equal(w->fe->ram, w->buf, 0x10000);
}

static void test_refusals(void **state)
{
    struct world *w = *state;
    struct dma8237_channel none = {0};
    bool tc = true;

    program(w, 2, 0x48, 0x1000, 9);
    assert_int_equal(transfer(w, 2, true, 10, &tc), 0); /* other direction */
    assert_int_equal(w->fe->guest_errors, 1);
    program(w, 2, 0x4c, 0x1000, 9);
    assert_int_equal(transfer(w, 2, true, 10, &tc), 0); /* illegal type */
    program(w, 2, 0xc4, 0x1000, 9);
    assert_int_equal(transfer(w, 2, true, 10, &tc), 0); /* cascade */
    program(w, 2, 0x44, 0x1000, 9);
    fake_out(w->fe, 8, 1, 4);
    assert_int_equal(transfer(w, 2, true, 10, &tc), 0); /* controller off */
    fake_out(w->fe, 8, 1, 0);
    assert_int_equal(transfer(w, 4, true, 10, &tc), 0);
    assert_int_equal(transfer(w, 8, true, 10, &tc), 0);
    assert_int_equal(transfer(w, 2, true, 0, &tc), 0);
    assert_false(tc);
    assert_int_equal(dma8237_transfer(&none, true, w->buf, 4, &tc), 0);
    assert_int_equal(word(w, 2, 5), 9);
    assert_int_equal(w->fe->ram[0x1000], 0);
    /* Verify counts and moves nothing. */
    program(w, 2, 0x40, 0x1000, 9);
    assert_int_equal(transfer(w, 2, true, 10, &tc), 10);
    assert_true(tc);
    assert_int_equal(w->fe->ram[0x1001], 0);
    /* No memory there: zeros, and the count goes on. */
    program(w, 2, 0x48, 0xff0000, 9);
    assert_int_equal(transfer(w, 2, false, 10, &tc), 10);
    assert_int_equal(w->buf[3], 0);
    program(w, 2, 0x44, 0xff0000, 9);
    assert_int_equal(transfer(w, 2, true, 10, &tc), 10);
}

static void test_autoinit(void **state)
{
    struct world *w = *state;
    bool tc;

    program(w, 1, 0x54, 0x2000, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(transfer(w, 1, true, 64, &tc), 4);
        assert_true(tc);
        assert_int_equal(word(w, 1, 2), 0x2000);
        assert_int_equal(word(w, 1, 3), 3);
    }
}

static void test_all_accesses_and_save(void **state)
{
    struct world *w = *state;
    uint8_t fresh[512], saved[512], now[512];
    char why[160];
    size_t n;

    device_enter(w->dev);
    n = device_save(w->dev, fresh, sizeof(fresh));
    device_leave(w->dev);
    for (unsigned v = 0; v < 256; v += 15) {
        for (unsigned p = 0; p < 0xe4; p++) {
            for (unsigned size = 1; size <= 4; size *= 2) {
                fake_out(w->fe, (uint16_t)p, size, v * 0x01010101u);
                fake_in(w->fe, (uint16_t)p, size);
            }
        }
    }
    device_enter(w->dev);
    device_save(w->dev, saved, sizeof(saved));
    device_leave(w->dev);
    device_reset(w->dev);
    device_enter(w->dev);
    device_save(w->dev, now, sizeof(now));
    assert_memory_equal(now, fresh, n);
    assert_true(device_load(w->dev, saved, n, why, sizeof(why)));
    device_save(w->dev, now, sizeof(now));
    assert_memory_equal(now, saved, n);
    ((uint8_t *)memmem(saved, n, "mask", 4))[4 + 5] = 0x10;
    assert_false(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
}

static void test_place_taken(void **state)
{
    struct world *w = *state;
    struct i8237_config other = {.port_bytes = 0x200, .port_words = 0x300, .port_pages = 0x8f};
    char why[160] = "";

    assert_null(i8237_new(&w->fe->env, "dma2", &other, why, sizeof(why)));
    assert_non_null(strstr(why, "dma.pages"));
    assert_int_equal(fake_in(w->fe, 0x20f, 1), 0xff);
    assert_int_equal(fake_in(w->fe, 0x208, 1), 0xff); /* its other regions are gone again */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_registers), T(test_byte_transfer), T(test_wraps),       T(test_refusals),
        T(test_autoinit),  T(test_all_accesses_and_save), T(test_place_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
