/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet drive's state machine: every state with every event, random walks, save and load. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_cd.h"

static uint8_t junk[70000];

static struct ata_drive *drive(struct fake_ide *fi)
{
    return &fi->ch.drive[0];
}

static struct fake_ide *disc(void)
{
    return fake_cd_new(CD_BLOCKS * 4);
}

/* What a packet drive can be in: states, and what moves in them. */
enum stage {
    IDLE, SLEEPING, IN_RESET, IDENTIFYING, FLUSHING_, RECEIVING, ANSWERING, TAKING_LIST, GIVING_BLOCKS,
    GIVING_RAW, READING_PIO, READING_RAW, READING_DMA_RAW, READING_VERIFY, WAITING_ANSWER,
    WAITING_LIST, WAITING_DIRECT, WAITING_RAW, RUNNING, STAGES
};
static const struct { enum ata_state state; enum atapi_data data; } stages[STAGES] = {
    [IDLE] = { ATA_IDLE, ATAPI_NONE },
    [SLEEPING] = { ATA_SLEEP, ATAPI_NONE },
    [IN_RESET] = { ATA_RESET, ATAPI_NONE },
    [IDENTIFYING] = { ATA_PIO_IN, ATAPI_NONE },
    [FLUSHING_] = { ATA_FLUSHING, ATAPI_NONE },
    [RECEIVING] = { ATA_PACKET, ATAPI_NONE },
    [ANSWERING] = { ATA_PIO_IN, ATAPI_ANSWER },
    [TAKING_LIST] = { ATA_PIO_OUT, ATAPI_LIST },
    [GIVING_BLOCKS] = { ATA_PIO_IN, ATAPI_BLOCKS },
    [GIVING_RAW] = { ATA_PIO_IN, ATAPI_BLOCKS },
    [READING_PIO] = { ATA_READING, ATAPI_BLOCKS },
    [READING_RAW] = { ATA_READING, ATAPI_BLOCKS },
    [READING_DMA_RAW] = { ATA_READING, ATAPI_BLOCKS },
    [READING_VERIFY] = { ATA_READING, ATAPI_VERIFY },
    [WAITING_ANSWER] = { ATA_DMA_WAIT, ATAPI_ANSWER },
    [WAITING_LIST] = { ATA_DMA_WAIT, ATAPI_LIST },
    [WAITING_DIRECT] = { ATA_DMA_WAIT, ATAPI_BLOCKS },
    [WAITING_RAW] = { ATA_DMA_WAIT, ATAPI_BLOCKS },
    [RUNNING] = { ATA_DMA_RUN, ATAPI_BLOCKS },
};

#define READ100 PACKET(0x28, 0, 0, 0, 0, 9, 0, 0, 100)
#define RAW100 PACKET(0xbe, 0, 0, 0, 0, 9, 0, 0, 100, 0xf8)
#define SENSE_PAGES PACKET(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 200)
#define SELECT PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, 28)

static void enter(struct fake_ide *fi, enum stage stage)
{
    struct fake_block_control *c = fake_block_control(fi->blk[0]);

    c->try_works = false;
    c->bad_count = 0;
    c->fail_nth = 0;
    fake_block_tray_request(fi->blk[0], false, true);
    out8(fi, CONTROL, 0);
    device_reset(&fi->dev);
    run(fi);
    if (block_sectors(fi->blk[0]) != CD_BLOCKS * 4)
        fake_cd_insert(fi, CD_BLOCKS * 4, 0);
    cd_sense_after(fi, PACKET(0x00));
    cd_sense_after(fi, PACKET(0x00));
    cd_sense_after(fi, PACKET(0x00));
    put_prd(fi, CD_TABLE, CD_MEMORY, 512, false);
    put_prd(fi, CD_TABLE + 8, CD_MEMORY + 1024, 0xf000, true);
    switch (stage) {
    case SLEEPING: command_feature(fi, 0, 0xe6, 0, 0); break;
    case IN_RESET: out8(fi, CONTROL, 4); break;
    case IDENTIFYING: command28(fi, 0, 0xa1, 0, 0); read_data(fi, junk, 100); break;
    case FLUSHING_: command28(fi, 0, 0xe7, 0, 0); break;
    case RECEIVING:
        command28(fi, 0, 0xa0, 0x80000, 0);
        write_data(fi, READ100, 6);
        break;
    case ANSWERING: cd_packet(fi, SENSE_PAGES, 30, false); read_data(fi, junk, 36); break;
    case TAKING_LIST: cd_packet(fi, SELECT, 20, false); write_data(fi, junk, 4); break;
    case GIVING_BLOCKS: cd_packet(fi, READ100, 2000, false); run(fi); read_data(fi, junk, 3000); break;
    case GIVING_RAW: cd_packet(fi, RAW100, 0xfffe, false); run(fi); read_data(fi, junk, 3000); break;
    case READING_PIO: cd_packet(fi, READ100, 2048, false); break;
    case READING_RAW: cd_packet(fi, RAW100, 2048, false); break;
    case READING_DMA_RAW: cd_packet(fi, RAW100, 2048, true); break;
    case READING_VERIFY: cd_packet(fi, PACKET(0x2f, 0, 0, 0, 0, 0, 0, 1, 0), 0, false); break;
    case WAITING_ANSWER: cd_packet(fi, SENSE_PAGES, 0, true); break;
    case WAITING_LIST: cd_packet(fi, SELECT, 0, true); break;
    case WAITING_DIRECT: cd_packet(fi, READ100, 0, true); break;
    case WAITING_RAW: cd_packet(fi, RAW100, 0, true); run(fi); break;
    case RUNNING: cd_packet(fi, READ100, 0, true); start_dma(fi, CD_TABLE, true); break;
    default: break;
    }
    assert_int_equal(drive(fi)->state, stages[stage].state);
    assert_int_equal(drive(fi)->cd.data, stages[stage].data);
}

enum { EVENT_COMMANDS = 256, OTHER_EVENTS = 26, EVENTS = EVENT_COMMANDS + OTHER_EVENTS };

static void cause_event(struct fake_ide *fi, unsigned event)
{
    struct block *blk = fi->blk[0];

    if (event < EVENT_COMMANDS) {
        out8(fi, COMMAND, (uint8_t)event);
        return;
    }
    switch (event - EVENT_COMMANDS) {
    case 0: in16(fi, DATA); break;
    case 1: out16(fi, DATA, 0x1234); break;
    case 2: read_data(fi, junk, sizeof(junk)); break;
    case 3: write_data(fi, junk, sizeof(junk)); break;
    case 4: in8(fi, STATUS); break;
    case 5: in8(fi, ALT); break;
    case 6: out8(fi, CONTROL, 4); break;
    case 7: out8(fi, CONTROL, 0); break;
    case 8: out8(fi, CONTROL, 2); break;
    case 9: out8(fi, BM_CMD, 0); break;
    case 10: start_dma(fi, CD_TABLE, true); break;
    case 11: start_dma(fi, CD_TABLE, false); break;
    case 12: fake_block_complete(blk); break;
    case 13: fake_block_control(blk)->fail_nth = 1; fake_block_complete(blk);
        fake_block_control(blk)->fail_nth = 0; break;
    case 14: device_reset(&fi->dev); break;
    case 15: out8(fi, DEVICE, 0xf0); break;
    case 16: out8(fi, COUNT, 0); break;
    case 17: out8(fi, FEATURE, 3); break;
    case 18: out32(fi, BM_TABLE, 0xfffffff8); break;
    case 19: run(fi); break;
    case 20: fake_block_tray_request(blk, true, false); break;
    case 21: fake_block_tray_request(blk, true, true); break;
    case 22: fake_block_tray_request(blk, false, false); break;
    case 23: fake_cd_insert(fi, 400, 1); break;
    case 24: start_dma(fi, 0xfffff000, true); break;
    case 25: fake_in(fi->fe, DATA, 4); break;
    }
    fake_ide_check(fi);
}

static void test_walk(void **state)
{
    struct fake_ide *fi = disc();
    unsigned seen[ATA_STATES] = { 0 };

    (void)state;
    for (unsigned stage = 0; stage < STAGES; stage++) {
        for (unsigned event = 0; event < EVENTS; event++) {
            enter(fi, stage);
            cause_event(fi, event);
            seen[drive(fi)->state]++;
            /* Only DEVICE RESET reaches a drive that works, and none one that is held in reset. */
            if (event < EVENT_COMMANDS && stage != IDLE) {
                bool reset = event == 0x08 && stage != IN_RESET;

                assert_int_equal(drive(fi)->state, reset ? ATA_IDLE : stages[stage].state);
                assert_int_equal(in8(fi, ALT) == 0, reset);
            }
            run(fi);
            fake_ide_check(fi);
            out8(fi, CONTROL, 4);
            assert_int_equal(fake_block_waiting(fi->blk[0]), 0);
            out8(fi, CONTROL, 0);
            out8(fi, DEVICE, 0xa0);
            assert_int_equal(in8(fi, STATUS), 0x00);
            assert_int_equal(in8(fi, LBA2), 0xeb);
        }
    }
    /* No event leads a packet drive into a state of disks alone. */
    for (unsigned s = 0; s < ATA_STATES; s++) {
        bool ours = false;

        for (unsigned stage = 0; stage < STAGES; stage++)
            ours |= stages[stage].state == s;
        assert_int_equal(seen[s] > 0, ours);
    }
    fake_ide_free(fi);
}

/* ---- random walks with fixed seeds ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void random_packet(struct fake_ide *fi, uint32_t *seed)
{
    static const uint8_t useful[] = { 0x28, 0xa8, 0xbe, 0xb9, 0x2f, 0x12, 0x5a, 0x55, 0x43, 0x1b,
                                      0x1e, 0x4a, 0x46, 0x03, 0x00, 0xad, 0xb6, 0xac, 0x52, 0x25 };
    uint32_t r = next_random(seed);
    uint8_t p[12] = { 0 };

    for (unsigned i = 0; i < 12; i++)
        p[i] = next_random(seed) % 3 ? 0 : (uint8_t)next_random(seed);
    p[0] = r & 0x700 ? useful[r % sizeof(useful)] : (uint8_t)r;
    p[2] = r & 0x800 ? p[2] : 0;
    p[3] = 0;
    p[4] &= 0x13;
    if (p[0] == 0xbe && r & 0x1000)
        p[9] = r & 0x2000 ? 0xf8 : 0x10;
    out8(fi, DEVICE, 0xa0);
    out8(fi, FEATURE, r >> 16 & 1);
    out8(fi, LBA1, (uint8_t)next_random(seed));
    out8(fi, LBA2, r & 0x4000 ? 0 : (uint8_t)next_random(seed));
    out8(fi, COMMAND, 0xa0);
    write_data(fi, p, r & 0x8000 ? 12 : 2 * (next_random(seed) % 7));
}

static void random_step(struct fake_ide *fi, uint32_t *seed)
{
    uint32_t r = next_random(seed);
    struct fake_block_control *c = fake_block_control(fi->blk[0]);

    switch (r % 28) {
    case 0 ... 6: random_packet(fi, seed); break;
    case 7: read_data(fi, junk, (next_random(seed) % 3000) * 2); break;
    case 8: write_data(fi, junk, (next_random(seed) % 40) * 2); break;
    case 9: read_data(fi, junk, sizeof(junk)); break;
    case 10: in8(fi, STATUS); break;
    case 11: out8(fi, CONTROL, next_random(seed) % 3 ? 0 : (uint8_t)next_random(seed)); break;
    case 12: start_dma(fi, next_random(seed) & 0xffff8, r & 0x10000); break;
    case 13: start_dma(fi, CD_TABLE, r & 0x10000); break;
    case 14: out8(fi, BM_CMD, (uint8_t)next_random(seed)); break;
    case 15: put_prd(fi, CD_TABLE + (next_random(seed) & 0x78), next_random(seed) & 0x10ffff,
                     next_random(seed) & 0xffff, r & 0x30000); break;
    case 16: c->try_works = r >> 16 & 1; break;
    case 17: c->bad_count = r >> 16 & 1; c->bad_first = next_random(seed) % 2000; break;
    case 18: c->fail_nth = next_random(seed) % 8; break;
    case 19: if (!(r >> 16 & 15)) device_reset(&fi->dev); break;
    case 20: if (!(r >> 16 & 7)) fake_block_tray_request(fi->blk[0], r >> 20 & 1, r >> 21 & 1); break;
    case 21: if (!(r >> 16 & 7)) fake_block_set_medium(fi->blk[0], r >> 20 & 3, 500 + r % 1500); break;
    case 22: out8(fi, COMMAND, r & 0x10000 ? 0x08 : (uint8_t)(r >> 20)); break;
    default: fake_block_complete(fi->blk[0]); break;
    }
    fake_ide_check(fi);
}

/* After whatever happened: a reset, a disc, and the drive reads it. */
static void expect_works(struct fake_ide *fi)
{
    static uint8_t data[2048];

    out8(fi, CONTROL, 4);
    out8(fi, CONTROL, 0);
    fake_block_control(fi->blk[0])->bad_count = 0;
    fake_block_control(fi->blk[0])->fail_nth = 0;
    run(fi);
    fake_block_tray_request(fi->blk[0], false, true);
    fake_cd_insert(fi, 400, 4);
    for (unsigned i = 0; i < 3; i++)
        cd_sense_after(fi, PACKET(0x00));
    assert_int_equal(cd_in(fi, PACKET(0x28, 0, 0, 0, 0, 8, 0, 0, 1), 0xfffe, data, 2048), 2048);
    cd_expect_block(data, 8, 4);
}

static void test_random_walks(void **state)
{
    (void)state;
    for (uint32_t walk = 1; walk <= 4; walk++) {
        struct fake_ide *fi = disc();
        uint32_t seed = walk * 2654435761u;

        for (unsigned i = 0; i < 60000; i++) {
            random_step(fi, &seed);
            assert_int_equal(fake_block_mistakes(fi->blk[0]), 0);
        }
        expect_works(fi);
        fake_ide_free(fi);
    }
}

/* ---- reset, save, load ---- */

static uint8_t *save(struct fake_ide *fi, size_t *size)
{
    uint8_t *bytes;

    device_enter(&fi->dev);
    *size = device_save(&fi->dev, NULL, 0);
    bytes = malloc(*size);
    assert_int_equal(device_save(&fi->dev, bytes, *size), *size);
    device_leave(&fi->dev);
    return bytes;
}

static bool load(struct fake_ide *fi, const void *bytes, size_t size)
{
    char why[200] = "";
    bool ok;

    device_enter(&fi->dev);
    ok = device_load(&fi->dev, bytes, size, why, sizeof(why));
    device_leave(&fi->dev);
    assert_true(ok || why[0]);
    fake_ide_check(fi);
    return ok;
}

static void expect_same(struct fake_ide *a, struct fake_ide *b)
{
    size_t size_a, size_b;
    uint8_t *saved_a = save(a, &size_a), *saved_b = save(b, &size_b);

    assert_int_equal(size_a, size_b);
    assert_memory_equal(saved_a, saved_b, size_a);
    free(saved_a);
    free(saved_b);
}

/* Saved in each stage, loaded into another device that is in another, gone on with: the same end. */
static void test_save_load(void **state)
{
    (void)state;
    for (unsigned stage = 0; stage < STAGES; stage++) {
        struct fake_ide *from = disc(), *to = disc();
        uint8_t *saved, tail_from[4096], tail_to[4096];
        size_t size;

        enter(to, (stage + 5) % STAGES);
        enter(from, stage);
        saved = save(from, &size);
        assert_true(load(to, saved, size));
        expect_same(from, to);
        assert_int_equal(cd_pin(to), cd_pin(from));
        assert_int_equal(fake_block_waiting(to->blk[0]), 0);
        memcpy(to->fe->ram, from->fe->ram, 1 << 20);
        fake_step(to->fe, 1); /* the machine runs again */
        fake_ide_check(to);
        assert_int_equal(fake_block_waiting(to->blk[0]), fake_block_waiting(from->blk[0]));
        run(from);
        run(to);
        expect_same(from, to);
        assert_memory_equal(to->fe->ram, from->fe->ram, 1 << 20);
        read_data(from, tail_from, sizeof(tail_from));
        read_data(to, tail_to, sizeof(tail_to));
        assert_memory_equal(tail_from, tail_to, sizeof(tail_to));
        expect_same(from, to);
        free(saved);
        out8(to, CONTROL, 0);
        expect_works(to);
        fake_ide_free(from);
        fake_ide_free(to);
    }
}

/* The machine that loads has another disc: that is a medium change. */
static void test_load_with_another_disc(void **state)
{
    struct fake_ide *from = disc(), *to = fake_cd_new(400), *none = fake_cd_new(0);
    uint8_t *saved;
    size_t size;

    (void)state;
    enter(from, GIVING_BLOCKS);
    saved = save(from, &size);
    assert_true(load(to, saved, size));
    while (in8(to, ALT) == 0x58)
        read_data(to, junk, 2000);
    cd_expect_end(to, 0x51, 0x20);
    assert_int_equal(cd_sense(to, NULL), 0x23a01);
    assert_int_equal(cd_sense_after(to, PACKET(0x00)), 0x62800);
    assert_true(load(none, saved, size));
    out8(none, CONTROL, 4);
    out8(none, CONTROL, 0);
    assert_int_equal(cd_sense_after(none, PACKET(0x00)), 0x23a01);
    assert_int_equal(cd_sense_after(none, PACKET(0x00)), 0x23a01);
    free(saved);
    fake_ide_free(from);
    fake_ide_free(to);
    fake_ide_free(none);
}

/* A tray that was open stays so, with what is in the drive. */
static void test_load_open_tray(void **state)
{
    struct fake_ide *from = disc(), *to = disc();
    uint8_t *saved;
    size_t size;

    (void)state;
    fake_block_tray_request(from->blk[0], true, false);
    saved = save(from, &size);
    assert_true(load(to, saved, size));
    expect_same(from, to);
    assert_int_equal(cd_sense_after(to, PACKET(0x00)), 0x23a02);
    free(saved);
    fake_ide_free(from);
    fake_ide_free(to);
}

/* As in test_ata.c: any value in any scalar is refused, or lived with. */
static void test_load_of_anything(void **state)
{
    static const uint64_t values[] = { 0, 1, 2, 3, 4, 7, 0x10, 0x20, 0x7f, 0x80, 0xf8, 0xff, 0x1ff,
                                       0x800, 0x1000, 0xfffe, 0xffff, 0x10000, 0x7fffffff,
                                       1ull << 34, UINT64_MAX };
    struct fake_ide *fi = disc(), *to = disc();
    unsigned refused = 0, taken = 0;
    uint32_t seed = 5;

    (void)state;
    for (unsigned stage = 0; stage < STAGES; stage++) {
        size_t size;
        uint8_t *saved;

        enter(fi, stage);
        saved = save(fi, &size);
        for (size_t at = 0; at < size;) {
            uint8_t name_len = saved[at], type = saved[at + 1 + name_len];
            bool second = !memcmp(saved + at + 1, "ide.hd1.", 8);
            size_t data = at + 1 + name_len + 1 + 4;
            unsigned bytes = type <= FIELD_U8 ? 1 : type == FIELD_U16 ? 2 : type == FIELD_U32 ? 4 : 8;
            uint32_t count;
            uint64_t old = 0;

            memcpy(&count, saved + data - 4, 4);
            at = data + (size_t)count * (type == FIELD_BYTES ? 1 : bytes);
            if (type == FIELD_BYTES || second)
                continue;
            memcpy(&old, saved + data, bytes);
            for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
                memcpy(saved + data, &values[v], bytes);
                if (!load(to, saved, size)) {
                    refused++;
                    continue;
                }
                taken++;
                fake_step(to->fe, 1);
                fake_ide_check(to);
                for (unsigned i = 0; i < 6; i++)
                    random_step(to, &seed);
                fake_block_run(to->blk[0]);
                fake_ide_check(to);
            }
            memcpy(saved + data, &old, bytes);
        }
        free(saved);
    }
    assert_true(refused > 1000 && taken > 1000);
    expect_works(to);
    fake_ide_free(fi);
    fake_ide_free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_random_walks),
        cmocka_unit_test(test_save_load),
        cmocka_unit_test(test_load_with_another_disc),
        cmocka_unit_test(test_load_open_tray),
        cmocka_unit_test(test_load_of_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
