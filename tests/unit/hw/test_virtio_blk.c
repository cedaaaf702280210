/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-blk: every request both ways, its configuration, what hostile requests get, reset with requests under way. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/virtio/blk.h"
#include "tests/fakes/fake_block.h"
#include "tests/fakes/fake_virtio.h"

#define SECTORS 4000
#define HEADER FVD_DATA
#define STATUS (FVD_DATA + 0x800)
#define TABLE (FVD_DATA + 0x1000)
#define DATA (FVD_DATA + 0x10000)
#define SALT 7

enum { IN, OUT, FLUSH = 4, GET_ID = 8, DISCARD = 11, ZEROES = 13 };
enum { FLUSH_BIT = 1 << 9, WCE_BIT = 1 << 11 };

struct bench {
    struct fake_virtio f;
    struct block *blk;
};

static struct bench *bench_of(struct virtio_blk_config cfg, uint64_t sectors, bool readonly)
{
    struct bench *b = calloc(1, sizeof(*b));
    char why[200];

    fvd_init(&b->f);
    b->blk = cfg.blk = fake_block_new(sectors);
    fake_block_fill(b->blk, SALT);
    fake_block_control(b->blk)->readonly = readonly;
    b->f.dev = virtio_blk_new(b->f.bus, FVD_DEVFN, &b->f.fe->env, "vd0", &cfg, why, sizeof(why));
    assert_non_null(b->f.dev);
    fvd_open(&b->f);
    return b;
}

static struct bench *bench(void)
{
    return bench_of((struct virtio_blk_config){.serial = "A SERIAL NUMBER", .write_cache = true, .discard = true,
                                               .write_zeroes = true}, SECTORS, false);
}

static void unbench(struct bench *b)
{
    fvd_free(&b->f);
    assert_int_equal(fake_block_mistakes(b->blk), 0);
    fake_block_free(b->blk);
    free(b);
}

/* Header, data in `pieces` buffers, status; the kick. Data lies at DATA without gaps. */
static void submit(struct bench *b, unsigned queue, uint32_t type, uint64_t sector, uint32_t bytes, unsigned pieces,
                   bool indirect)
{
    struct fv_buf bufs[64] = {{HEADER, 16, false}};
    bool in = type == IN || type == GET_ID;
    uint32_t piece = pieces ? bytes / pieces : 0, at = 0;
    unsigned n = 1;

    memset(b->f.fe->ram + HEADER, 0, 16);
    memcpy(b->f.fe->ram + HEADER, &type, 4);
    memcpy(b->f.fe->ram + HEADER + 8, &sector, 8);
    b->f.fe->ram[STATUS] = 0xee;
    for (; n <= pieces; n++, at += piece)
        bufs[n] = (struct fv_buf){DATA + at, n == pieces ? bytes - at : piece, in};
    bufs[n++] = (struct fv_buf){STATUS, 1, true};
    fv_add(&b->f.q[queue], bufs, n, indirect ? TABLE : 0);
    fvd_kick(&b->f, queue);
}

/* It ended so, having written so many bytes. */
static void expect_end(struct bench *b, unsigned queue, uint8_t status, uint32_t written)
{
    uint32_t head, got;

    assert_true(fv_used(&b->f.q[queue], &head, &got));
    assert_int_equal(b->f.fe->ram[STATUS], status);
    assert_int_equal(got, written);
    assert_int_equal(b->f.fe->maps_open, 0);
}

static void expect_data(struct bench *b, uint64_t sector, unsigned count)
{
    uint8_t expect[512];

    for (unsigned i = 0; i < count; i++) {
        fake_block_expect(expect, sector + i, SALT);
        assert_memory_equal(b->f.fe->ram + DATA + 512 * i, expect, 512);
    }
}

static void expect_disk_is_ram(struct bench *b, uint64_t sector, unsigned count)
{
    uint8_t data[512];

    for (unsigned i = 0; i < count; i++) {
        fake_block_peek(b->blk, sector + i, data);
        assert_memory_equal(b->f.fe->ram + DATA + 512 * i, data, 512);
    }
}

/* ---- requests ---- */

static void reads(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 8; how++) {
        struct bench *b = bench();
        bool now = how & 2;

        fake_block_control(b->blk)->try_works = now;
        fvd_start(&b->f, how & 1, how & 4 ? VIRTIO_F_INDIRECT : 0, 1, 256);
        for (unsigned pieces = 1; pieces <= 50; pieces += 7) {
            memset(b->f.fe->ram + DATA, 0, 50 * 512);
            submit(b, 0, IN, 11 * pieces, 50 * 512, pieces, how & 4);
            assert_int_equal(fv_used_idx(&b->f.q[0]) == b->f.q[0].seen_used, !now);
            fake_block_run(b->blk);
            expect_end(b, 0, 0, 50 * 512 + 1);
            expect_data(b, 11 * pieces, 50);
            assert_true(fvd_line(&b->f));
            assert_int_equal(fvd_isr(&b->f), 1);
        }
        submit(b, 0, IN, SECTORS - 1, 512, 3, false); /* the last sector, in odd pieces */
        fake_block_run(b->blk);
        expect_end(b, 0, 0, 513);
        expect_data(b, SECTORS - 1, 1);
        submit(b, 0, IN, SECTORS, 0, 0, false); /* nothing, from the end */
        fake_block_run(b->blk);
        expect_end(b, 0, 0, 1);
        unbench(b);
    }
}

static void writes(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        struct bench *b = bench();

        fvd_start(&b->f, how & 1, VIRTIO_F_INDIRECT, 1, 256);
        for (unsigned pieces = 1; pieces <= 40; pieces += 13) {
            for (unsigned i = 0; i < 40 * 512; i++)
                b->f.fe->ram[DATA + i] = (uint8_t)(i * pieces + i / 512);
            submit(b, 0, OUT, 100 + pieces, 40 * 512, pieces, how & 2);
            assert_int_equal(fake_block_waiting(b->blk), 1);
            fake_block_run(b->blk);
            expect_end(b, 0, 0, 1);
            expect_disk_is_ram(b, 100 + pieces, 40);
        }
        unbench(b);
    }
}

/* 2.7.4.4: header and data in one buffer, or the header cut up. */
static void any_layout(void **state)
{
    struct bench *b = bench();
    struct fv_buf bufs[] = {{HEADER, 7, false}, {HEADER + 7, 9 + 512, false}, {STATUS, 1, true}};
    struct fv_buf read_bufs[] = {{HEADER, 16, false}, {DATA, 513, true}}; /* status in the data's buffer */
    uint32_t type = OUT, head, written;
    uint64_t sector = 9;
    uint8_t data[512];

    (void)state;
    fvd_start(&b->f, true, 0, 1, 256);
    memset(b->f.fe->ram + HEADER, 0x77, 16 + 512);
    memcpy(b->f.fe->ram + HEADER, &type, 4);
    memcpy(b->f.fe->ram + HEADER + 8, &sector, 8);
    fv_add(&b->f.q[0], bufs, 3, 0);
    fvd_kick(&b->f, 0);
    fake_block_run(b->blk);
    assert_true(fv_used(&b->f.q[0], &head, &written));
    fake_block_peek(b->blk, 9, data);
    assert_memory_equal(data, b->f.fe->ram + HEADER + 16, 512);
    memset(b->f.fe->ram + HEADER, 0, 4); /* IN */
    fv_add(&b->f.q[0], read_bufs, 2, 0);
    b->f.fe->ram[DATA + 512] = 0xee;
    fvd_kick(&b->f, 0);
    fake_block_run(b->blk);
    assert_true(fv_used(&b->f.q[0], &head, &written));
    assert_int_equal(written, 513);
    assert_memory_equal(data, b->f.fe->ram + DATA, 512);
    assert_int_equal(b->f.fe->ram[DATA + 512], 0);
    unbench(b);
}

static void flush_and_id(void **state)
{
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, FLUSH_BIT, 1, 256);
    submit(b, 0, FLUSH, 0, 0, 0, false);
    assert_int_equal(fake_block_op(b->blk, 0)->op, BLOCK_FLUSH);
    fake_block_run(b->blk);
    expect_end(b, 0, 0, 1);
    memset(b->f.fe->ram + DATA, 0xff, 64);
    submit(b, 0, GET_ID, 0, 20, 1, false);
    expect_end(b, 0, 0, 21);
    assert_memory_equal(b->f.fe->ram + DATA, "A SERIAL NUMBER\0\0\0\0\0\xff", 21);
    submit(b, 0, GET_ID, 0, 4, 1, false); /* less room */
    expect_end(b, 0, 0, 5);
    unbench(b);
}

static void range(struct bench *b, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    memcpy(b->f.fe->ram + DATA, &sector, 8);
    memcpy(b->f.fe->ram + DATA + 8, &sectors, 4);
    memcpy(b->f.fe->ram + DATA + 12, &flags, 4);
    submit(b, 0, type, 0, 16, 1, false);
    fake_block_run(b->blk);
}

static void discard_and_zeroes(void **state)
{
    struct bench *b = bench();
    uint8_t data[512];

    (void)state;
    fvd_start(&b->f, true, 1 << 13 | 1 << 14, 1, 256);
    range(b, ZEROES, 10, 5, 0);
    expect_end(b, 0, 0, 1);
    for (unsigned i = 10; i < 15; i++) {
        fake_block_peek(b->blk, i, data);
        assert_int_equal(data[0] | memcmp(data, data + 1, 511), 0);
    }
    range(b, ZEROES, 10, 5, 1); /* may unmap */
    expect_end(b, 0, 0, 1);
    range(b, DISCARD, 20, 5, 0);
    expect_end(b, 0, 0, 1);
    assert_int_equal(fake_block_op(b->blk, 2)->op, BLOCK_DISCARD);
    assert_int_equal(fake_block_op(b->blk, 2)->sector, 20);
    assert_int_equal(fake_block_op(b->blk, 2)->sectors, 5);
    fake_block_forget_ops(b->blk);
    range(b, DISCARD, 20, 5, 1); /* 5.2.6.2: no such flag */
    expect_end(b, 0, 2, 1);
    range(b, ZEROES, 20, 5, 2);
    expect_end(b, 0, 2, 1);
    range(b, ZEROES, SECTORS - 1, 2, 0);
    expect_end(b, 0, 1, 1);
    range(b, ZEROES, UINT64_MAX, 2, 0);
    expect_end(b, 0, 1, 1);
    range(b, DISCARD, 0, UINT32_MAX, 0);
    expect_end(b, 0, 1, 1);
    submit(b, 0, DISCARD, 0, 32, 1, false); /* two segments where one is allowed */
    expect_end(b, 0, 1, 1);
    assert_int_equal(fake_block_ops(b->blk), 0);
    unbench(b);
}

static void errors(void **state)
{
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, 0, 1, 256);
    fake_block_control(b->blk)->bad_first = 50;
    fake_block_control(b->blk)->bad_count = 1;
    submit(b, 0, IN, 48, 4 * 512, 2, false);
    fake_block_run(b->blk);
    expect_end(b, 0, 1, 1);
    submit(b, 0, OUT, 50, 512, 1, false);
    fake_block_run(b->blk);
    expect_end(b, 0, 1, 1);
    fake_block_forget_ops(b->blk);
    submit(b, 0, IN, SECTORS, 512, 1, false);
    expect_end(b, 0, 1, 1);
    submit(b, 0, IN, SECTORS - 1, 1024, 1, false);
    expect_end(b, 0, 1, 1);
    submit(b, 0, OUT, UINT64_MAX, 512, 1, false);
    expect_end(b, 0, 1, 1);
    submit(b, 0, IN, 0, 511, 1, false);
    expect_end(b, 0, 1, 1);
    submit(b, 0, 99, 0, 512, 1, false); /* no such request */
    expect_end(b, 0, 2, 1);
    submit(b, 0, 2, 0, 512, 1, false); /* SCSI commands, which are not offered */
    expect_end(b, 0, 2, 1);
    assert_int_equal(fake_block_ops(b->blk), 0);
    unbench(b);
}

static void read_only(void **state)
{
    struct bench *b = bench_of((struct virtio_blk_config){.discard = true, .write_zeroes = true}, SECTORS, true);

    (void)state;
    b->f.modern = true;
    assert_true(fvd_offered(&b->f) & 1 << 5);
    fvd_start(&b->f, true, 1 << 5, 1, 256);
    submit(b, 0, OUT, 0, 512, 1, false);
    expect_end(b, 0, 1, 1);
    range(b, ZEROES, 0, 1, 0);
    expect_end(b, 0, 1, 1);
    assert_int_equal(fake_block_ops(b->blk), 0);
    unbench(b);
}

/* ---- configuration ---- */

static void configuration(void **state)
{
    (void)state;
    for (unsigned modern = 0; modern < 2; modern++) {
        struct bench *b = bench_of((struct virtio_blk_config){.physical_bytes = 4096, .write_cache = true, .queues = 3,
                                                              .queue_size = 64, .discard = true}, 3 * 1008, false);

        b->f.modern = modern;
        assert_int_equal(fvd_config(&b->f, 0, 4), 0x10011af4);
        assert_int_equal(fvd_config(&b->f, 8, 4) >> 8, 0x010000);
        assert_int_equal(fvd_device_config(&b->f, 0, 4), 3 * 1008);
        assert_int_equal(fvd_device_config(&b->f, 4, 4), 0);
        assert_int_equal(fvd_device_config(&b->f, 12, 4), 62);
        assert_int_equal(fvd_device_config(&b->f, 16, 2), 3);
        assert_int_equal(fvd_device_config(&b->f, 18, 1), 16);
        assert_int_equal(fvd_device_config(&b->f, 19, 1), 63);
        assert_int_equal(fvd_device_config(&b->f, 20, 4), 512);
        assert_int_equal(fvd_device_config(&b->f, 24, 1), 3);
        assert_int_equal(fvd_device_config(&b->f, 26, 2), 8);
        assert_int_equal(fvd_device_config(&b->f, 34, 2), 3);
        assert_int_equal(fvd_device_config(&b->f, 40, 4), 1);
        assert_int_equal(fvd_device_config(&b->f, 52, 4), 0); /* no write zeroes */
        assert_int_equal(fvd_device_config(&b->f, 60, 4), 0);
        assert_int_equal(fvd_offered(&b->f) & (1 << 12 | 1 << 13 | 1 << 14), 1 << 12 | 1 << 13);
        unbench(b);
    }
}

static void several_queues(void **state)
{
    struct bench *b = bench_of((struct virtio_blk_config){.queues = 3}, SECTORS, false);

    (void)state;
    fvd_start(&b->f, true, 1 << 12, 3, 16);
    for (unsigned n = 0; n < 3; n++) {
        submit(b, n, IN, n, 512, 1, false);
        fake_block_run(b->blk);
        expect_end(b, n, 0, 513);
        expect_data(b, n, 1);
    }
    unbench(b);
}

/* 5.2.5: the cache is the driver's to choose; without flushes there is none. */
static void write_cache(void **state)
{
    struct bench *b = bench();

    (void)state;
    fvd_start(&b->f, true, FLUSH_BIT, 1, 8);
    assert_true(block_write_cache(b->blk));
    fvd_set_device_config(&b->f, 32, 1, 0); /* CONFIG_WCE was not agreed on */
    assert_true(block_write_cache(b->blk));
    fvd_start(&b->f, true, 0, 1, 8);
    assert_false(block_write_cache(b->blk));
    assert_int_equal(fvd_device_config(&b->f, 32, 1), 0);
    fvd_start(&b->f, true, FLUSH_BIT | WCE_BIT, 1, 8);
    assert_true(block_write_cache(b->blk));
    fvd_set_device_config(&b->f, 32, 1, 0);
    assert_false(block_write_cache(b->blk));
    fvd_set_device_config(&b->f, 32, 1, 0xff);
    assert_int_equal(fvd_device_config(&b->f, 32, 1), 1);
    fvd_set_device_config(&b->f, 0, 4, 5); /* the capacity is not */
    assert_int_equal(fvd_device_config(&b->f, 0, 4), SECTORS);
    unbench(b);
}

static void resize(void **state)
{
    struct bench *b = bench();
    uint8_t before;

    (void)state;
    fvd_start(&b->f, true, 0, 1, 8);
    before = (uint8_t)fvd_common(&b->f, 0x15, 1);
    fake_block_set_medium(b->blk, true, 1234);
    assert_int_equal(fvd_isr(&b->f), 2);
    assert_int_not_equal(fvd_common(&b->f, 0x15, 1), before);
    assert_int_equal(fvd_device_config(&b->f, 0, 4), 1234);
    unbench(b);
}

/* ---- the end of all things, and enemies ---- */

/* A reset while requests are under way: none ends later, and memory is let go. */
static void reset_in_flight(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        struct bench *b = bench();

        fvd_start(&b->f, true, 0, 1, 256);
        for (unsigned i = 0; i < 20; i++)
            submit(b, 0, i & 1 ? OUT : IN, i * 8, 8 * 512, 4, false);
        assert_int_equal(fake_block_waiting(b->blk), 20);
        assert_true(b->f.fe->maps_open > 0);
        if (how == 0)
            fvd_set_status(&b->f, 0);
        else if (how == 1)
            device_reset(b->f.dev);
        else
            fvd_set_config(&b->f, 4, 2, 0); /* no bus master any more: they end, and cannot be told */
        if (how < 2) {
            assert_int_equal(b->f.fe->maps_open, 0);
            assert_int_equal(fake_block_waiting(b->blk), 0);
        }
        fake_block_run(b->blk);
        assert_int_equal(b->f.fe->maps_open, 0);
        assert_int_equal(fv_used_idx(&b->f.q[0]), 0);
        if (how == 1)
            fvd_open(&b->f);
        fvd_set_config(&b->f, 4, 2, 7);
        fvd_start(&b->f, true, 0, 1, 256);
        submit(b, 0, IN, 3, 512, 1, false);
        fake_block_run(b->blk);
        expect_end(b, 0, 0, 513);
        unbench(b);
    }
}

static void raw(struct bench *b, const struct fv_buf *bufs, unsigned count)
{
    fv_add(&b->f.q[0], bufs, count, 0);
    fvd_kick(&b->f, 0);
    fake_block_run(b->blk);
}

static void hostile_requests(void **state)
{
    static const struct fv_buf bad[][3] = {
        {{HEADER, 16, false}, {DATA, 512, false}, {DATA, 512, false}}, /* nowhere for a status */
        {{HEADER, 15, false}, {DATA, 512, true}, {STATUS, 1, true}},   /* half a header */
        {{DATA, 512, true}, {DATA, 512, true}, {STATUS, 1, true}},     /* none */
        {{FVD_RAM, 16, false}, {DATA, 512, true}, {STATUS, 1, true}},  /* a header that is not memory */
        {{HEADER, 16, false}, {DATA, 512, true}, {FVD_RAM, 1, true}},  /* a status that is not */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bench *b = bench();

        memset(b->f.fe->ram + HEADER, 0, 16);
        fvd_start(&b->f, true, 0, 1, 8);
        raw(b, bad[i], 3);
        assert_true(fvd_status(&b->f) & VIRTIO_NEEDS_RESET);
        assert_int_equal(b->f.fe->maps_open, 0);
        fvd_start(&b->f, true, 0, 1, 8);
        submit(b, 0, IN, 1, 512, 1, false);
        fake_block_run(b->blk);
        expect_end(b, 0, 0, 513);
        unbench(b);
    }
}

/* Data that is not memory, all of it or a part, or 4 GiB of it. */
static void hostile_data(void **state)
{
    static const struct fv_buf data[] = {{FVD_RAM, 512, true}, {FVD_RAM - 256, 512, true}, {DATA, 0xfffffe00, true},
                                         {UINT64_MAX - 511, 512, true}};

    (void)state;
    for (unsigned i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
        struct bench *b = bench_of((struct virtio_blk_config){0}, 1ull << 30, false);
        const struct fv_buf bufs[] = {{HEADER, 16, false}, data[i], {STATUS, 1, true}};

        memset(b->f.fe->ram + HEADER, 0, 16);
        b->f.fe->ram[STATUS] = 0xee;
        fvd_start(&b->f, true, 0, 1, 8);
        raw(b, bufs, 3);
        expect_end(b, 0, 1, 1);
        unbench(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(writes),
        cmocka_unit_test(any_layout),
        cmocka_unit_test(flush_and_id),
        cmocka_unit_test(discard_and_zeroes),
        cmocka_unit_test(errors),
        cmocka_unit_test(read_only),
        cmocka_unit_test(configuration),
        cmocka_unit_test(several_queues),
        cmocka_unit_test(write_cache),
        cmocka_unit_test(resize),
        cmocka_unit_test(reset_in_flight),
        cmocka_unit_test(hostile_requests),
        cmocka_unit_test(hostile_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
