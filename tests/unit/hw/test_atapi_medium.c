/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tray, lock, media and events: the sequences that drivers wait for. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_cd.h"

static uint8_t buf[1 << 18];

#define TUR PACKET(0x00)
#define EJECT PACKET(0x1b, 0, 0, 0, 2)
#define LOAD PACKET(0x1b, 0, 0, 0, 3)
#define READ1 PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1)
#define LOCK(bits) PACKET(0x1e, 0, 0, 0, (bits))

static struct fake_ide *disc(void)
{
    return fake_cd_new(CD_BLOCKS * 4);
}

/* GET EVENT STATUS NOTIFICATION of the media class: event << 8 | status. */
static unsigned media_event(struct fake_ide *fi)
{
    assert_int_equal(cd_in(fi, PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0xfffe, buf, 8), 8);
    assert_memory_equal(buf, "\0\6\4\x16", 4);
    return buf[4] << 8 | buf[5];
}

enum { ABSENT = 0, OPEN = 1, PRESENT = 2, EV_EJECT = 0x100, EV_NEW = 0x200, EV_REMOVAL = 0x300 };

/* ---- the table of atapi.h ---- */

static void test_power_on(void **state)
{
    (void)state;
    for (unsigned present = 0; present < 2; present++) {
        struct ide_drive_config cfg = { .blk = fake_block_new(40) };
        struct fake_ide *fi;

        if (!present)
            fake_block_set_medium(cfg.blk, false, 0);
        fi = fake_cd_new_config(&cfg);
        assert_int_equal(cd_sense_after(fi, TUR), 0x62900);
        assert_int_equal(cd_sense_after(fi, TUR), present ? 0 : 0x23a01);
        assert_int_equal(cd_sense_after(fi, TUR), present ? 0 : 0x23a01);
        device_reset(&fi->dev);
        assert_int_equal(cd_sense(fi, NULL), 0x62900); /* REQUEST SENSE delivers it */
        assert_int_equal(cd_sense_after(fi, TUR), present ? 0 : 0x23a01);
        device_reset(&fi->dev);
        assert_int_equal(cd_sense_after(fi, PACKET(0xff)), 0x62900); /* before all other errors */
        assert_int_equal(cd_sense_after(fi, PACKET(0xff)), 0x52000);
        fake_ide_free(fi);
    }
}

static void test_insert_after_absence_was_told(void **state)
{
    struct fake_ide *fi = fake_cd_new(0);

    (void)state;
    assert_int_equal(cd_sense_after(fi, READ1), 0x23a01);
    fake_cd_insert(fi, 400, 5);
    assert_int_equal(cd_sense_after(fi, READ1), 0x62800);
    assert_int_equal(cd_sense_after(fi, READ1), 0);
    fake_block_set_medium(fi->blk[0], false, 0);
    assert_int_equal(cd_sense_after(fi, TUR), 0x23a01);
    assert_int_equal(cd_sense_after(fi, TUR), 0x23a01);
    fake_ide_free(fi);
}

/* The process is quicker than the guest looks. */
static void test_swap(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    for (unsigned removed = 0; removed < 2; removed++) {
        if (removed)
            fake_block_set_medium(fi->blk[0], false, 0);
        fake_cd_insert(fi, 800 + removed * 4, 7);
        /* What wants no medium goes on until the absence was told. */
        assert_int_equal(cd_sense_after(fi, PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 30)), 0);
        assert_int_equal(cd_sense_after(fi, TUR), 0x23a01);
        assert_int_equal(cd_sense_after(fi, PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 30)), 0x62800);
        assert_int_equal(cd_sense_after(fi, TUR), 0);
        assert_int_equal(cd_in(fi, PACKET(0x25), 0xfffe, buf, 8), 8);
        assert_int_equal(buf[3], 199 + removed);
    }
    /* Gone again before anybody looked: no attention for a medium that nobody saw. */
    fake_cd_insert(fi, 400, 1);
    fake_block_set_medium(fi->blk[0], false, 0);
    assert_int_equal(cd_sense_after(fi, TUR), 0x23a01);
    assert_int_equal(cd_sense_after(fi, TUR), 0x23a01);
    assert_int_equal(cd_sense(fi, NULL), 0);
    fake_ide_free(fi);
}

static void test_who_passes_attention(void **state)
{
    static const uint8_t pass[] = { 0x03, 0x12, 0x46, 0x4a, 0xa0 };
    struct fake_ide *fi = fake_cd_new(0);

    (void)state;
    for (unsigned op = 0; op < 256; op++) {
        uint8_t p[12] = { (uint8_t)op, op == 0x4a };
        uint32_t sense;

        device_reset(&fi->dev);
        fake_block_set_medium(fi->blk[0], false, 0);
        sense = cd_sense_after(fi, p);
        if (memchr(pass, (int)op, sizeof(pass)))
            assert_int_equal(sense, 0);
        else
            assert_int_equal(sense, 0x62900);
    }
    fake_ide_free(fi);
}

/* With no medium: which commands do without one. */
static void test_empty_drive(void **state)
{
    static const uint8_t without[] = { 0x03, 0x12, 0x15, 0x1a, 0x1b, 0x1e, 0x23, 0x35, 0x46, 0x4a,
                                       0x55, 0x5a, 0xa0, 0xa3, 0xa4, 0xb6, 0xbb, 0xbd };
    struct fake_ide *fi = fake_cd_new(0);

    (void)state;
    for (unsigned op = 0; op < 256; op++) {
        uint8_t p[12] = { (uint8_t)op };
        uint32_t sense = cd_sense_after(fi, p);

        if (!atapi_command_name((uint8_t)op))
            assert_int_equal(sense, 0x52000);
        else if (memchr(without, (int)op, sizeof(without)))
            assert_true(sense == 0 || sense >> 16 == 5);
        else
            assert_int_equal(sense, 0x23a01);
    }
    assert_int_equal(cd_in(fi, PACKET(0x23, 0, 0, 0, 0, 0, 0, 0, 12), 0xfffe, buf, 12), 12);
    assert_int_equal(buf[8], 3);
    assert_int_equal(cd_sense_after(fi, PACKET(0x1b, 0, 0, 0, 1)), 0x23a01); /* start what? */
    fake_ide_free(fi);
}

/* ---- tray and lock ---- */

static void test_guest_ejects(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(media_event(fi), PRESENT);
    assert_int_equal(cd_command(fi, EJECT), 0);
    assert_int_equal(fake_block_tray_moves(fi->blk[0]), 1);
    assert_int_equal(cd_command(fi, EJECT), 0); /* open already: nothing moves */
    assert_int_equal(fake_block_tray_moves(fi->blk[0]), 1);
    assert_int_equal(cd_sense_after(fi, READ1), 0x23a02);
    assert_int_equal(media_event(fi), EV_REMOVAL | OPEN);
    assert_int_equal(media_event(fi), OPEN);
    cd_in(fi, PACKET(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8), 0xfffe, buf, 8);
    assert_memory_equal(buf, "\0\x10\0\0\0\0\0\0", 8);
    cd_in(fi, PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 30), 0xfffe, buf, 30);
    assert_int_equal(buf[2], 0x71);
    assert_int_equal(cd_command(fi, LOAD), 0);
    assert_int_equal(fake_block_tray_moves(fi->blk[0]), 2);
    assert_int_equal(cd_sense_after(fi, READ1), 0x62800);
    assert_int_equal(cd_sense_after(fi, READ1), 0);
    assert_int_equal(media_event(fi), EV_NEW | PRESENT);
    assert_int_equal(media_event(fi), PRESENT);
    cd_in(fi, PACKET(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8), 0xfffe, buf, 8);
    assert_int_equal(buf[1], 0);
    fake_ide_free(fi);
}

static bool mode_says_locked(struct fake_ide *fi)
{
    cd_in(fi, PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 30), 0xfffe, buf, 30);
    return buf[8 + 6] & 2;
}

static void test_lock(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    for (uint8_t kind = 0; kind < 4; kind += 2) {
        assert_int_equal(cd_command(fi, LOCK(kind | 1)), 0);
        assert_true(mode_says_locked(fi));
        assert_int_equal(cd_command(fi, EJECT), 0x55302);
        assert_false(fake_block_tray_request(fi->blk[0], true, false));
        assert_int_equal(media_event(fi), EV_EJECT | PRESENT); /* the guest is asked, once */
        assert_int_equal(media_event(fi), PRESENT);
        assert_int_equal(cd_command(fi, LOCK(kind ^ 2)), 0); /* the other kind does not unlock */
        assert_true(mode_says_locked(fi));
        assert_int_equal(cd_command(fi, LOCK(kind)), 0);
        assert_false(mode_says_locked(fi));
    }
    assert_int_equal(fake_block_tray_moves(fi->blk[0]), 0);
    assert_true(fake_block_tray_request(fi->blk[0], true, false));
    assert_int_equal(fake_block_tray_moves(fi->blk[0]), 1);
    assert_true(fake_block_tray_request(fi->blk[0], false, false));
    assert_int_equal(cd_sense_after(fi, TUR), 0x23a01);
    assert_int_equal(cd_command(fi, LOCK(1)), 0x62800);
    assert_int_equal(cd_command(fi, LOCK(1)), 0);
    assert_true(fake_block_tray_request(fi->blk[0], true, true)); /* by force */
    assert_int_equal(cd_sense_after(fi, TUR), 0x23a02);
    assert_int_equal(cd_command(fi, LOAD), 0); /* a lock does not keep it open */
    assert_int_equal(fake_block_tray_moves(fi->blk[0]), 4);
    fake_ide_free(fi);
}

/* A hard reset unlocks and does not move the tray; SRST and DEVICE RESET leave both alone. */
static void test_lock_and_reset(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(cd_command(fi, LOCK(1)), 0);
    out8(fi, CONTROL, 4);
    out8(fi, CONTROL, 0);
    assert_int_equal(cd_command(fi, EJECT), 0x55302);
    out8(fi, COMMAND, 0x08);
    assert_int_equal(cd_command(fi, EJECT), 0x55302);
    device_reset(&fi->dev);
    assert_int_equal(cd_command(fi, EJECT), 0x62900);
    assert_int_equal(cd_command(fi, EJECT), 0);
    device_reset(&fi->dev);
    assert_int_equal(cd_sense_after(fi, TUR), 0x62900);
    assert_int_equal(cd_sense_after(fi, TUR), 0x23a02);
    fake_ide_free(fi);
}

/* What QMP eject and blockdev-change-medium do. */
static void test_process_changes_medium(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_true(fake_block_tray_request(fi->blk[0], true, false));
    fake_block_set_medium(fi->blk[0], false, 0);
    fake_cd_insert(fi, 1200, 9);
    assert_int_equal(cd_sense_after(fi, TUR), 0x23a02); /* there, but out of reach */
    assert_int_equal(media_event(fi), EV_REMOVAL | OPEN);
    assert_true(fake_block_tray_request(fi->blk[0], false, false));
    assert_int_equal(media_event(fi), EV_NEW | PRESENT);
    assert_int_equal(cd_sense_after(fi, TUR), 0x62800);
    assert_int_equal(cd_in(fi, READ1, 0xfffe, buf, 2048), 2048);
    cd_expect_block(buf, 0, 9);
    /* Not asked for events meanwhile: removal is reported before the new medium. */
    fake_cd_insert(fi, 400, 2);
    assert_int_equal(media_event(fi), EV_REMOVAL | PRESENT);
    assert_int_equal(media_event(fi), EV_NEW | PRESENT);
    assert_int_equal(media_event(fi), PRESENT);
    fake_ide_free(fi);
}

/* ---- events ---- */

static void test_event_classes(void **state)
{
    struct fake_ide *fi = fake_cd_new(0);

    (void)state;
    assert_int_equal(cd_sense_after(fi, PACKET(0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8)), 0x52400);
    assert_int_equal(cd_in(fi, PACKET(0x4a, 1, 0, 0, 0x48, 0, 0, 0, 8), 0xfffe, buf, 8), 4);
    assert_memory_equal(buf, "\0\2\x80\x16", 4);
    cd_in(fi, PACKET(0x4a, 1, 0, 0, 0xff, 0, 0, 0, 8), 0xfffe, buf, 8);
    assert_memory_equal(buf, "\0\6\1\x16\0\0\0\0", 8); /* the lowest class that there is */
    fake_cd_insert(fi, 400, 0);
    assert_int_equal(cd_in(fi, PACKET(0x4a, 1, 0, 0, 0x16, 0, 0, 0, 4), 0xfffe, buf, 8), 4);
    assert_int_equal(buf[2], 4); /* a class with an event goes first; the header takes none */
    assert_int_equal(cd_sense_after(fi, TUR), 0x62800);
    assert_int_equal(cd_command(fi, PACKET(0x1b, 0, 0, 0, 0x30)), 0);
    cd_in(fi, PACKET(0x4a, 1, 0, 0, 0x16, 0, 0, 0, 8), 0xfffe, buf, 8);
    assert_memory_equal(buf, "\0\6\2\x16\1\3\0\0", 8);
    cd_in(fi, PACKET(0x4a, 1, 0, 0, 0x16, 0, 0, 0, 8), 0xfffe, buf, 8);
    assert_memory_equal(buf, "\0\6\4\x16\2\2\0\0", 8);
    cd_in(fi, PACKET(0x4a, 1, 0, 0, 0x04, 0, 0, 0, 8), 0xfffe, buf, 8);
    assert_memory_equal(buf, "\0\6\2\x16\0\3\0\0", 8);
    assert_int_equal(cd_command(fi, PACKET(0x1b, 0, 0, 0, 0x40)), 0x52400);
    assert_int_equal(cd_command(fi, PACKET(0x1b, 0, 0, 0, 0x60)), 0x52400);
    command_feature(fi, 0, 0xe5, 0, 0);
    assert_int_equal(in8(fi, COUNT), 0x00); /* CHECK POWER MODE: standby */
    assert_int_equal(cd_command(fi, PACKET(0x1b, 0, 0, 0, 1)), 0);
    command_feature(fi, 0, 0xe5, 0, 0);
    assert_int_equal(in8(fi, COUNT), 0xff);
    fake_ide_free(fi);
}

/* ---- the medium goes while a command is under way ---- */

static void test_change_under_a_read(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) { /* gone, changed, tray opened by force */
        for (unsigned dma = 0; dma < 2; dma++) {
            struct fake_ide *fi = disc();
            uint32_t got = 0;

            put_prd(fi, CD_TABLE, CD_MEMORY, 0, true);
            cd_packet(fi, PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 100), 2048, dma);
            run(fi); /* PIO: 32 blocks are in the drive's buffer; DMA: has not begun */
            if (how == 0)
                fake_block_set_medium(fi->blk[0], false, 0);
            else if (how == 1)
                fake_cd_insert(fi, 40000, 3);
            else
                fake_block_tray_request(fi->blk[0], true, true);
            if (dma)
                start_dma(fi, CD_TABLE, true);
            for (run(fi); !dma && in8(fi, ALT) == 0x58; run(fi), got += 2048) {
                read_data(fi, buf, 2048);
                cd_expect_block(buf, got / 2048, 0); /* of the first disc */
            }
            assert_int_equal(got, dma ? 0 : 32 * 2048);
            cd_expect_end(fi, 0x51, 0x20);
            assert_int_equal(cd_sense(fi, NULL), how == 2 ? 0x23a02 : 0x23a01);
            assert_int_equal(cd_sense_after(fi, TUR), how == 0 ? 0x23a01 : how == 1 ? 0x62800 : 0x23a02);
            fake_ide_free(fi);
        }
    }
}

/* A host that queues: the medium changes before a waiting request is carried out. */
static void test_change_under_a_request(void **state)
{
    (void)state;
    for (unsigned dma = 0; dma < 2; dma++) {
        struct fake_ide *fi = disc();

        put_prd(fi, CD_TABLE, CD_MEMORY, 2048, true);
        cd_packet(fi, READ1, 2048, dma);
        if (dma)
            start_dma(fi, CD_TABLE, true);
        assert_int_equal(in8(fi, ALT), 0xd0);
        fake_cd_insert(fi, 400, 3);
        cd_expect_end(fi, 0x51, 0x20);
        assert_int_equal(cd_sense(fi, NULL), 0x23a01);
        assert_int_equal(cd_sense_after(fi, TUR), 0x62800);
        assert_int_equal(cd_sense_after(fi, TUR), 0);
        fake_ide_free(fi);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_on),
        cmocka_unit_test(test_insert_after_absence_was_told),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_who_passes_attention),
        cmocka_unit_test(test_empty_drive),
        cmocka_unit_test(test_guest_ejects),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_lock_and_reset),
        cmocka_unit_test(test_process_changes_medium),
        cmocka_unit_test(test_event_classes),
        cmocka_unit_test(test_change_under_a_read),
        cmocka_unit_test(test_change_under_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
