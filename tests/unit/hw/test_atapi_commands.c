/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each packet command answers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_cd.h"

#define DVD_SECTORS 4000000ull

static uint8_t buf[1 << 20];

static struct fake_ide *disc(void)
{
    return fake_cd_new(CD_BLOCKS * 4);
}

static uint32_t in(struct fake_ide *fi, const uint8_t *p)
{
    memset(buf, 0xee, 8192);
    return cd_in(fi, p, 0xfffe, buf, sizeof(buf));
}

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }

/* ---- who it is ---- */

static void test_inquiry(void **state)
{
    static const struct { const char *model, *vendor, *product; } rows[] = {
        { NULL, "KVM-DM  ", "DVD-ROM         " },
        { "ACME Reader 3000", "ACME    ", "Reader 3000     " },
        { "OneWord", "KVM-DM  ", "OneWord         " },
        { "LongestVendor Reader", "KVM-DM  ", "LongestVendor Re" },
        { "Trailing ", "KVM-DM  ", "Trailing        " },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ide_drive_config cfg = { .blk = fake_block_new(40), .model = rows[i].model,
                                        .version = "12345678", .serial = "SER" };
        struct fake_ide *fi = fake_cd_new_config(&cfg);

        assert_int_equal(in(fi, PACKET(0x12, 0, 0, 0, 96)), 36); /* passes the unit attention */
        assert_memory_equal(buf, "\x05\x80\x00\x21\x1f", 5);
        assert_memory_equal(buf + 8, rows[i].vendor, 8);
        assert_memory_equal(buf + 16, rows[i].product, 16);
        assert_memory_equal(buf + 32, "1234", 4);
        fake_ide_free(fi);
    }
}

static void test_vital_product_data(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(in(fi, PACKET(0x12, 1, 0x00, 0, 255)), 7);
    assert_memory_equal(buf, "\x05\x00\x00\x03\x00\x80\x83", 7);
    assert_int_equal(in(fi, PACKET(0x12, 1, 0x80, 0, 255)), 24);
    assert_memory_equal(buf, "\x05\x80\x00\x14KD00001             ", 24);
    assert_int_equal(in(fi, PACKET(0x12, 1, 0x83, 0, 255)), 4 + 4 + 44);
    assert_int_equal(be16(buf + 2), 48);
    assert_memory_equal(buf + 4, "\x02\x01\x00\x2cKVM-DM  DVD-ROM ", 4 + 16);
    assert_int_equal(cd_sense_after(fi, PACKET(0x12, 1, 0x81, 0, 255)), 0x52400);
    assert_int_equal(cd_sense_after(fi, PACKET(0x12, 0, 0x80, 0, 255)), 0x52400);
    fake_ide_free(fi);
}

static void test_small_ones(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(in(fi, PACKET(0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0)), 16);
    assert_memory_equal(buf, "\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(in(fi, PACKET(0x25)), 8);
    assert_int_equal(be32(buf), CD_BLOCKS - 1);
    assert_int_equal(be32(buf + 4), 2048);
    assert_int_equal(in(fi, PACKET(0x23, 0, 0, 0, 0, 0, 0, 0, 252)), 12);
    assert_int_equal(buf[3], 8);
    assert_int_equal(be32(buf + 4), CD_BLOCKS);
    assert_int_equal(be32(buf + 8), 0x02000800);
    assert_int_equal(cd_command(fi, PACKET(0x2b, 0, 0, 0, 1, 0xf3)), 0);
    assert_int_equal(cd_command(fi, PACKET(0x2b, 0, 0, 0, 1, 0xf4)), 0x52100);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(cd_command(fi, PACKET(((uint8_t[]){ 0x35, 0xa7, 0xbb })[i])), 0);
    fake_ide_free(fi);
}

/* Writing, formatting, erasing: not a command of this drive. */
static void test_writes(void **state)
{
    static const uint8_t opcodes[] = { 0x04, 0x0a, 0x2a, 0x2e, 0xaa, 0x5b, 0x53, 0xa1, 0x54, 0xa6 };
    struct fake_ide *fi = disc();

    (void)state;
    for (unsigned i = 0; i < sizeof(opcodes); i++)
        assert_int_equal(cd_command(fi, PACKET(opcodes[i], 0, 0, 0, 0, 0, 0, 0, 1)), 0x52000);
    fake_ide_free(fi);
}

static void test_sense(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    cd_packet(fi, PACKET(0xff), 0, false);
    cd_expect_end(fi, 0x51, 0x54);
    assert_int_equal(cd_in(fi, PACKET(0x03, 0, 0, 0, 252), 0xfffe, buf, 18), 18);
    assert_memory_equal(buf, "\x70\0\x05\0\0\0\0\x0a\0\0\0\0\x20\0\0\0\0\0", 18);
    assert_int_equal(cd_sense(fi, NULL), 0); /* reported once */
    cd_packet(fi, PACKET(0xff), 0, false);
    cd_expect_end(fi, 0x51, 0x54);
    assert_int_equal(cd_command(fi, PACKET(0x00)), 0);
    assert_int_equal(cd_sense(fi, NULL), 0); /* the next command replaced it */
    fake_ide_free(fi);
}

/* ---- table of contents ---- */

static void test_toc(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(in(fi, PACKET(0x43, 0, 0, 0, 0, 0, 0, 1, 0)), 20);
    assert_memory_equal(buf, "\0\x12\1\1" "\0\x14\1\0\0\0\0\0" "\0\x14\xaa\0\0\0\1\xf4", 20);
    assert_int_equal(in(fi, PACKET(0x43, 2, 0, 0, 0, 0, 1, 1, 0)), 20);
    assert_memory_equal(buf, "\0\x12\1\1" "\0\x14\1\0\0\0\2\0" "\0\x14\xaa\0\0\0\x08\x32", 20);
    assert_int_equal(in(fi, PACKET(0x43, 0, 0, 0, 0, 0, 0xaa, 1, 0)), 12);
    assert_memory_equal(buf, "\0\x0a\1\1" "\0\x14\xaa\0\0\0\1\xf4", 12);
    assert_int_equal(cd_sense_after(fi, PACKET(0x43, 0, 0, 0, 0, 0, 2, 1, 0)), 0x52400);
    assert_int_equal(in(fi, PACKET(0x43, 0, 0, 0, 0, 0, 0, 0, 7)), 7); /* cut, its length is not */
    assert_int_equal(be16(buf), 18);
    for (unsigned old = 0; old < 2; old++) { /* sessions, by MMC's format field and by the old one */
        assert_int_equal(in(fi, PACKET(0x43, 0, old ? 0 : 1, 0, 0, 0, 0, 1, 0, old ? 0x40 : 0)), 12);
        assert_memory_equal(buf, "\0\x0a\1\1" "\0\x14\1\0\0\0\0\0", 12);
        assert_int_equal(in(fi, PACKET(0x43, 2, old ? 0 : 2, 0, 0, 0, 1, 1, 0, old ? 0x80 : 0)), 48);
        assert_memory_equal(buf, "\0\x2e\1\1"
                            "\1\x14\0\xa0\0\0\0\0\1\0\0" "\1\x14\0\xa1\0\0\0\0\1\0\0"
                            "\1\x14\0\xa2\0\0\0\0\0\x08\x32" "\1\x14\0\1\0\0\0\0\0\2\0", 48);
    }
    for (uint8_t format = 3; format < 16; format++)
        assert_int_equal(cd_sense_after(fi, PACKET(0x43, 0, format, 0, 0, 0, 0, 1, 0)), 0x52400);
    fake_ide_free(fi);
}

static void test_disc_and_track(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(in(fi, PACKET(0x51, 0, 0, 0, 0, 0, 0, 0, 255)), 34);
    assert_memory_equal(buf, "\0\x20\x0e\1\1\1\1\x20", 8);
    assert_int_equal(cd_sense_after(fi, PACKET(0x51, 1, 0, 0, 0, 0, 0, 0, 255)), 0x52400);
    for (uint8_t kind = 0; kind < 3; kind++) {
        assert_int_equal(in(fi, PACKET(0x52, kind, 0, 0, 0, 1, 0, 0, 255)), 36);
        assert_memory_equal(buf, "\0\x22\1\1\0\4\1", 7);
        assert_int_equal(be32(buf + 8), 0);
        assert_int_equal(be32(buf + 24), CD_BLOCKS);
    }
    assert_int_equal(cd_sense_after(fi, PACKET(0x52, 1, 0, 0, 0, 2, 0, 0, 255)), 0x52400);
    assert_int_equal(cd_sense_after(fi, PACKET(0x52, 0, 0, 0, 1, 0xf4, 0, 0, 255)), 0x52100);
    assert_int_equal(in(fi, PACKET(0x44, 0, 0, 0, 1, 0xf3, 0, 0, 8)), 8);
    assert_memory_equal(buf, "\1\0\0\0\0\0\1\xf3", 8);
    assert_int_equal(in(fi, PACKET(0x44, 2, 0, 0, 0, 75, 0, 0, 8)), 8);
    assert_memory_equal(buf, "\1\0\0\0\0\0\3\0", 8);
    assert_int_equal(cd_sense_after(fi, PACKET(0x44, 0, 0, 0, 1, 0xf4, 0, 0, 8)), 0x52100);
    fake_ide_free(fi);
}

static void test_audio(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(in(fi, PACKET(0x42, 0, 0, 0, 0, 0, 0, 0, 255)), 4);
    assert_memory_equal(buf, "\0\x15\0\0", 4);
    assert_int_equal(in(fi, PACKET(0x42, 2, 0x40, 1, 0, 0, 0, 0, 255)), 16);
    assert_memory_equal(buf, "\0\x15\0\x0c\1\x14\1\1\0\0\2\0\0\0\0\0", 16);
    assert_int_equal(in(fi, PACKET(0x42, 0, 0x40, 2, 0, 0, 0, 0, 255)), 24);
    assert_int_equal(buf[8] & 0x80, 0);
    assert_int_equal(in(fi, PACKET(0x42, 0, 0x40, 3, 0, 0, 1, 0, 255)), 24);
    assert_int_equal(cd_sense_after(fi, PACKET(0x42, 0, 0x40, 0, 0, 0, 0, 0, 255)), 0x52400);
    assert_int_equal(cd_sense_after(fi, PACKET(0x42, 0, 0x40, 4, 0, 0, 0, 0, 255)), 0x52400);
    assert_int_equal(cd_command(fi, PACKET(0x45, 0, 0, 0, 0, 0, 0, 0, 1)), 0x56400);
    assert_int_equal(cd_command(fi, PACKET(0x45)), 0);
    assert_int_equal(cd_command(fi, PACKET(0xa5, 0, 0, 0, 0, 0, 1)), 0x56400);
    assert_int_equal(cd_command(fi, PACKET(0x47, 0, 0, 0, 2, 0, 0, 3, 0)), 0x56400);
    assert_int_equal(cd_command(fi, PACKET(0x47, 0, 0, 0, 3, 0, 0, 2, 0)), 0x52400);
    assert_int_equal(cd_command(fi, PACKET(0x48)), 0x56400);
    assert_int_equal(cd_command(fi, PACKET(0xba)), 0x56400);
    assert_int_equal(cd_command(fi, PACKET(0x4b, 0, 0, 0, 0, 0, 0, 0, 1)), 0x52c00);
    assert_int_equal(cd_command(fi, PACKET(0x4e)), 0);
    fake_ide_free(fi);
}

/* ---- READ CD ---- */

/* The remainder of bytes, first bit first, by the polynomial of ECMA-130; 0 with the EDC behind. */
static uint32_t remainder_of(const uint8_t *data, unsigned bytes)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < bytes * 8; i++) {
        r = r << 1 | (data[i / 8] >> i % 8 & 1);
        if (r >> 32)
            r ^= 0x18001801bull;
    }
    return (uint32_t)r;
}

static uint8_t gf_multiply(uint8_t a, uint8_t b)
{
    unsigned product = 0;

    for (unsigned i = 0; i < 8; i++)
        product ^= b >> i & 1 ? (unsigned)a << i : 0;
    for (unsigned i = 14; i >= 8; i--)
        product ^= product >> i & 1 ? 0x11du << (i - 8) : 0;
    return (uint8_t)product;
}

/* Both check sums of a code word of n bytes: value at 1 and at alpha. */
static void expect_code_word(const uint8_t *word, unsigned n)
{
    uint8_t at1 = 0, at_alpha = 0, power = 1;

    for (unsigned i = 0; i < n; i++) {
        at1 ^= word[n - 1 - i];
        at_alpha ^= gf_multiply(power, word[n - 1 - i]);
        power = gf_multiply(power, 2);
    }
    assert_int_equal(at1, 0);
    assert_int_equal(at_alpha, 0);
}

static void expect_raw(const uint8_t *s, uint32_t lba)
{
    uint8_t word[45];
    uint32_t frame = lba + 150;

    assert_memory_equal(s, "\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0", 12);
    assert_int_equal((s[12] >> 4) * 10 + (s[12] & 15), frame / 4500);
    assert_int_equal((s[13] >> 4) * 10 + (s[13] & 15), frame / 75 % 60);
    assert_int_equal((s[14] >> 4) * 10 + (s[14] & 15), frame % 75);
    assert_int_equal(s[15], 1);
    cd_expect_block(s + 16, lba, 0);
    assert_int_equal(remainder_of(s, 2064 + 4), 0);
    for (unsigned i = 0; i < 86; i++) { /* P: word n of row m is 43 m + n */
        for (unsigned m = 0; m < 26; m++)
            word[m] = s[12 + 86 * m + i];
        expect_code_word(word, 26);
    }
    for (unsigned i = 0; i < 52; i++) { /* Q: (44 m + 43 n) mod 1118 */
        for (unsigned m = 0; m < 43; m++)
            word[m] = s[12 + (44 * m + 43 * (i / 2)) % 1118 * 2 + i % 2];
        word[43] = s[2248 + i];
        word[44] = s[2300 + i];
        expect_code_word(word, 45);
    }
}

static void test_raw_sectors(void **state)
{
    struct fake_ide *fi = disc();

    (void)state;
    assert_int_equal(in(fi, PACKET(0xbe, 0, 0, 0, 1, 0x80, 0, 0, 116, 0xf8)), 116 * 2352);
    for (uint32_t b = 0; b < 116; b++)
        expect_raw(buf + b * 2352, 0x180 + b);
    fake_ide_free(fi);
}

/* Every value of byte 9: as long as the table of MMC says for mode 1, and the right part. */
static void test_framings(void **state)
{
    static const struct { uint8_t framing; uint16_t first, bytes; } good[] = {
        { 0x00, 0, 0 },     { 0x10, 16, 2048 }, { 0x18, 16, 2336 }, { 0x20, 12, 4 },
        { 0x30, 12, 2052 }, { 0x38, 12, 2340 }, { 0x40, 0, 0 },     { 0x50, 16, 2048 },
        { 0x58, 16, 2336 }, { 0x60, 12, 4 },    { 0x70, 12, 2052 }, { 0x78, 12, 2340 },
        { 0x80, 0, 12 },    { 0xa0, 0, 16 },    { 0xb0, 0, 2064 },  { 0xb8, 0, 2352 },
        { 0xe0, 0, 16 },    { 0xf0, 0, 2064 },  { 0xf8, 0, 2352 },
    };
    struct fake_ide *fi = disc();
    static uint8_t raw[3 * 2352];

    (void)state;
    assert_int_equal(cd_in(fi, PACKET(0xbe, 0, 0, 0, 0, 7, 0, 0, 3, 0xf8), 0xfffe, raw, sizeof(raw)),
                     sizeof(raw));
    for (unsigned framing = 0; framing < 256; framing++) {
        const uint8_t *p = PACKET(0xbe, 0, 0, 0, 0, 7, 0, 0, 3, (uint8_t)framing);
        int row = -1;

        for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
            row = good[i].framing == framing ? (int)i : row;
        if (row < 0) {
            assert_int_equal(cd_sense_after(fi, p), 0x52400);
            continue;
        }
        assert_int_equal(in(fi, p), 3u * good[row].bytes);
        for (unsigned b = 0; b < 3; b++)
            assert_memory_equal(buf + b * good[row].bytes, raw + b * 2352 + good[row].first,
                                good[row].bytes);
    }
    fake_ide_free(fi);
}

static void test_read_cd_arguments(void **state)
{
    static const uint32_t types[8] = { 0, 0x56400, 0, 0x56400, 0x56400, 0x56400, 0x52400, 0x52400 };
    struct fake_ide *fi = disc();

    (void)state;
    for (uint8_t type = 0; type < 8; type++)
        assert_int_equal(cd_sense_after(fi, PACKET(0xbe, (uint8_t)(type << 2), 0, 0, 0, 0, 0, 0, 1, 0x10)),
                         types[type]);
    for (uint8_t sub = 1; sub < 8; sub++)
        assert_int_equal(cd_sense_after(fi, PACKET(0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, sub)), 0x52400);
    assert_int_equal(in(fi, PACKET(0xb9, 0, 0, 0, 2, 5, 0, 2, 8, 0x10)), 3 * 2048);
    cd_expect_block(buf, 5, 0);
    cd_expect_block(buf + 4096, 7, 0);
    assert_int_equal(cd_command(fi, PACKET(0xb9, 0, 0, 0, 2, 5, 0, 2, 5, 0x10)), 0);
    assert_int_equal(cd_command(fi, PACKET(0xb9, 0, 0, 0, 2, 5, 0, 2, 4, 0x10)), 0x52400);
    assert_int_equal(cd_command(fi, PACKET(0xb9, 0, 0, 0, 1, 74, 0, 2, 4, 0x10)), 0x52100);
    assert_int_equal(cd_command(fi, PACKET(0xb9, 0, 0, 0, 2, 75, 0, 3, 0, 0x10)), 0x52400);
    assert_int_equal(cd_sense_after(fi, PACKET(0xb9, 0, 0, 0, 2, 0, 0xff, 59, 74, 0x10)), 0x52100);
    fake_ide_free(fi);
}

/* ---- mode pages ---- */

static void test_mode_sense(void **state)
{
    static const struct { uint8_t page; uint32_t bytes; } pages[] = {
        { 0x01, 12 }, { 0x0d, 8 }, { 0x0e, 16 }, { 0x1a, 12 }, { 0x1d, 12 }, { 0x2a, 22 },
    };
    struct fake_ide *fi = disc();
    uint32_t all = 8, at = 8;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        for (uint8_t values = 0; values < 3; values++) {
            uint8_t code = (uint8_t)(values << 6 | pages[i].page);

            assert_int_equal(in(fi, PACKET(0x5a, 0, code, 0, 0, 0, 0, 0, 255)), 8 + pages[i].bytes);
            assert_int_equal(be16(buf), 8 + pages[i].bytes - 2);
            assert_memory_equal(buf + 2, "\1\0\0\0\0\0", 6);
            assert_int_equal(buf[8], pages[i].page);
            assert_int_equal(buf[9], pages[i].bytes - 2);
            assert_int_equal(in(fi, PACKET(0x1a, 0, code, 0, 255)), 4 + pages[i].bytes);
            assert_int_equal(buf[0], 4 + pages[i].bytes - 1);
            assert_int_equal(buf[4], pages[i].page);
        }
        all += pages[i].bytes;
    }
    assert_int_equal(in(fi, PACKET(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 255)), all);
    for (unsigned i = 0; i < 6; at += pages[i++].bytes)
        assert_int_equal(buf[at], pages[i].page);
    assert_int_equal(cd_sense_after(fi, PACKET(0x5a, 0, 0xc1, 0, 0, 0, 0, 0, 255)), 0x53900);
    assert_int_equal(cd_sense_after(fi, PACKET(0x5a, 0, 0x08, 0, 0, 0, 0, 0, 255)), 0x52400);
    assert_int_equal(cd_sense_after(fi, PACKET(0x5a, 0, 0x01, 1, 0, 0, 0, 0, 255)), 0x52400);
    fake_ide_free(fi);
}

/* Each bit of each page: changes if it is changeable, and else the list is refused whole. */
static void test_mode_select_bits(void **state)
{
    static const uint8_t pages[] = { 0x01, 0x0d, 0x0e, 0x1a, 0x1d };
    struct fake_ide *fi = disc();
    unsigned taken = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(pages); i++) {
        uint8_t mask[32], was[32], list[32];
        uint32_t bytes = cd_in(fi, PACKET(0x5a, 0, 0x40 | pages[i], 0, 0, 0, 0, 0, 255), 0xfffe, mask, 32);

        cd_in(fi, PACKET(0x5a, 0, pages[i], 0, 0, 0, 0, 0, 255), 0xfffe, was, 32);
        for (unsigned bit = 8 * 8; bit < bytes * 8; bit++) {
            bool may = bit >= 10 * 8 && mask[bit / 8] >> bit % 8 & 1;
            uint32_t sense;

            memcpy(list, was, bytes);
            memset(list, 0, 8);
            list[bit / 8] ^= (uint8_t)(1 << bit % 8);
            sense = cd_out(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, (uint8_t)bytes), list, bytes);
            cd_in(fi, PACKET(0x5a, 0, pages[i], 0, 0, 0, 0, 0, 255), 0xfffe, buf, 32);
            if (may) {
                assert_int_equal(sense, 0);
                assert_memory_equal(buf + 8, list + 8, bytes - 8);
                taken++;
            } else if (bit != 8 * 8 + 7) { /* PS, reserved in a list */
                assert_true(sense == 0x52600 || sense == 0x51a00);
                assert_memory_equal(buf + 8, was + 8, bytes - 8);
            }
            memcpy(list, was, bytes);
            memset(list, 0, 8);
            assert_int_equal(cd_out(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, (uint8_t)bytes), list, bytes), 0);
        }
        /* Defaults come back with a hard reset. */
        cd_in(fi, PACKET(0x5a, 0, 0x80 | pages[i], 0, 0, 0, 0, 0, 255), 0xfffe, buf, 32);
        assert_memory_equal(buf, was, bytes);
    }
    assert_true(taken > 100);
    fake_ide_free(fi);
}

static void test_mode_select_lists(void **state)
{
    struct fake_ide *fi = disc();
    uint8_t list[64] = { [8] = 0x0d, 6, 0, 3, 0, 60, 0, 75, 0x01, 0x0a, 0, 9 };
    uint8_t six[12] = { [4] = 0x0d, 6, 0, 5, 0, 60, 0, 75 };

    (void)state;
    assert_int_equal(cd_out(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, 28), list, 28), 0);
    in(fi, PACKET(0x5a, 0, 0x0d, 0, 0, 0, 0, 0, 255));
    assert_int_equal(buf[11], 3);
    in(fi, PACKET(0x5a, 0, 0x01, 0, 0, 0, 0, 0, 255));
    assert_int_equal(buf[11], 9);
    assert_int_equal(cd_out(fi, PACKET(0x15, 0x10, 0, 0, 12), six, 12), 0);
    in(fi, PACKET(0x1a, 0, 0x0d, 0, 255));
    assert_int_equal(buf[7], 5);
    /* A bad second page: nothing of the first is taken over. */
    list[11] = 8;
    list[16] = 0x02;
    assert_int_equal(cd_out(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, 28), list, 28), 0x52600);
    in(fi, PACKET(0x5a, 0, 0x0d, 0, 0, 0, 0, 0, 255));
    assert_int_equal(buf[11], 5);
    for (uint8_t bytes = 1; bytes < 16; bytes++)
        assert_int_equal(cd_out(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, bytes), list, bytes),
                         bytes == 8 ? 0 : 0x51a00);
    assert_int_equal(cd_command(fi, PACKET(0x55, 0x10)), 0); /* nothing is no error */
    assert_int_equal(cd_command(fi, PACKET(0x55, 0x11, 0, 0, 0, 0, 0, 0, 16)), 0x52400);
    list[7] = 8;
    assert_int_equal(cd_out(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0, 16), list, 16), 0x52600);
    /* The longest list there can be. */
    memset(buf, 0, 65535);
    cd_packet(fi, PACKET(0x55, 0x10, 0, 0, 0, 0, 0, 0xff, 0xff), 0xfffe, false);
    for (unsigned n = 0; in8(fi, ALT) == 0x58; n++) {
        assert_true(n < 2);
        write_data(fi, buf, 65536);
    }
    cd_expect_end(fi, 0x51, 0x54);
    fake_ide_free(fi);
}

/* ---- configuration and DVD ---- */

static void test_configuration(void **state)
{
    static const uint16_t with_cd[] = { 0, 1, 2, 3, 0x10, 0x1d, 0x1e, 0x100, 0x105, 0x107 };
    static const uint16_t with_dvd[] = { 0, 1, 2, 3, 0x10, 0x1f, 0x100, 0x105, 0x107 };
    static const uint16_t without[] = { 0, 1, 2, 3, 0x100, 0x105 };
    static const struct { uint64_t sectors; uint16_t profile; const uint16_t *current; unsigned n; }
    rows[] = {
        { 400, 8, with_cd, 10 }, { DVD_SECTORS, 0x10, with_dvd, 9 }, { 0, 0, without, 6 },
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct fake_ide *fi = fake_cd_new(rows[i].sectors);
        uint32_t bytes = in(fi, PACKET(0x46, 1, 0, 0, 0, 0, 0, 1, 0)), at = 8;

        assert_int_equal(be32(buf), bytes - 4);
        assert_int_equal(be16(buf + 6), rows[i].profile);
        for (unsigned k = 0; k < rows[i].n; k++, at += 4 + buf[at + 3]) {
            assert_int_equal(be16(buf + at), rows[i].current[k]);
            assert_int_equal(buf[at + 2] & 1, 1);
            assert_int_equal(buf[at + 3] % 4, 0);
        }
        assert_int_equal(at, bytes);
        assert_int_equal(in(fi, PACKET(0x46, 2, 0, 0, 0, 0, 0, 1, 0)), 8 + 12);
        assert_memory_equal(buf + 12, i == 1 ? "\0\x10\1\0\0\x08\0\0" : i == 0 ? "\0\x10\0\0\0\x08\1\0"
                                                                              : "\0\x10\0\0\0\x08\0\0", 8);
        assert_int_equal(in(fi, PACKET(0x46, 2, 0, 0x1f, 0, 0, 0, 1, 0)), 12);
        assert_int_equal(buf[10] & 1, i == 1);
        assert_int_equal(in(fi, PACKET(0x46, 2, 0, 0x2a, 0, 0, 0, 1, 0)), 8); /* no such feature */
        assert_int_equal(be32(buf), 4);
        assert_int_equal(in(fi, PACKET(0x46, 0, 0x01, 0, 0, 0, 0, 1, 0)), 8 + 4 + 4 + 8);
        assert_int_equal(cd_sense_after(fi, PACKET(0x46, 3, 0, 0, 0, 0, 0, 1, 0)), 0x52400);
        assert_int_equal(in(fi, PACKET(0x46, 0, 0, 0, 0, 0, 0, 0, 8)), 8);
        fake_ide_free(fi);
    }
}

static void test_profile_limit(void **state)
{
    struct fake_ide *fi = fake_cd_new(405000 * 4);

    (void)state;
    in(fi, PACKET(0x46, 2, 0, 0, 0, 0, 0, 0, 8));
    assert_int_equal(buf[7], 0x08);
    fake_ide_free(fi);
    fi = fake_cd_new(405000 * 4 + 1);
    in(fi, PACKET(0x46, 2, 0, 0, 0, 0, 0, 0, 8));
    assert_int_equal(buf[7], 0x10);
    fake_ide_free(fi);
}

static const uint8_t *structure(uint8_t layer, uint8_t format)
{
    static uint8_t p[12];

    memcpy(p, PACKET(0xad, 0, 0, 0, 0, 0, layer, format, 0x10, 0), 12);
    return p;
}

static void test_dvd(void **state)
{
    struct fake_ide *fi = fake_cd_new(DVD_SECTORS);

    (void)state;
    assert_int_equal(in(fi, structure(0, 0)), 2052);
    assert_int_equal(be16(buf), 2050);
    assert_memory_equal(buf + 4, "\x01\x0f\x01\x00\0\x03\0\0\0", 9);
    assert_int_equal(be32(buf + 12), 0x30000 + DVD_SECTORS / 4 - 1);
    assert_int_equal(in(fi, structure(0, 1)), 8);
    assert_memory_equal(buf, "\0\6\0\0\0\0\0\0", 8);
    assert_int_equal(in(fi, structure(0, 4)), 2052);
    assert_int_equal(in(fi, structure(0, 0xff)), 20);
    assert_memory_equal(buf + 4, "\0\x40\x08\x04\1\x40\0\x08\4\x40\x08\x04\xff\x40\0\x14", 16);
    assert_int_equal(cd_sense_after(fi, structure(0, 3)), 0x52400);
    assert_int_equal(cd_sense_after(fi, structure(1, 0)), 0x52400);
    assert_int_equal(cd_sense_after(fi, structure(0, 2)), 0x52400);
    assert_int_equal(cd_sense_after(fi, PACKET(0xad, 1, 0, 0, 0, 0, 0, 0, 8)), 0x52400);
    /* Blocks of a DVD are read in every way but with the fields of a CD's. */
    assert_int_equal(in(fi, PACKET(0xa8, 0, 0, 0x0f, 0x42, 0x3f, 0, 0, 0, 1)), 2048);
    cd_expect_block(buf, 999999, 0);
    assert_int_equal(in(fi, PACKET(0xbe, 0, 0, 0x0f, 0x42, 0x3f, 0, 0, 1, 0x10)), 2048);
    assert_int_equal(cd_sense_after(fi, PACKET(0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0xf8)), 0x56400);
    /* A minute that has no room. */
    in(fi, PACKET(0x43, 2, 0, 0, 0, 0, 0xaa, 1, 0));
    assert_memory_equal(buf + 8, "\0\xde\x0f\x19", 4); /* 222:15:25 */
    fake_ide_free(fi);
    fi = fake_cd_new(60000000);
    in(fi, PACKET(0x43, 2, 0, 0, 0, 0, 0xaa, 1, 0));
    assert_memory_equal(buf + 8, "\0\xff\x3b\x4a", 4);
    fake_ide_free(fi);
    fi = disc();
    assert_int_equal(cd_sense_after(fi, structure(0, 0)), 0x53002);
    assert_int_equal(in(fi, structure(0, 0xff)), 20);
    fake_block_set_medium(fi->blk[0], false, 0);
    assert_int_equal(cd_sense_after(fi, structure(0, 0)), 0x23a01);
    fake_ide_free(fi);
}

static void test_keys_and_speeds(void **state)
{
    struct fake_ide *fi = fake_cd_new(DVD_SECTORS);
    uint8_t list[28] = { [8] = 0, 0, 0, 100 };

    (void)state;
    assert_int_equal(in(fi, PACKET(0xa4, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0x08)), 8);
    assert_memory_equal(buf, "\0\6\0\0\x25\xff\0\0", 8);
    assert_int_equal(cd_command(fi, PACKET(0xa4, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0x3f)), 0);
    for (uint8_t format = 0; format < 0x3f; format++) {
        if (format != 8)
            assert_int_equal(cd_command(fi, PACKET(0xa4, 0, 0, 0, 0, 0, 0, 0, 0, 8, format)), 0x52400);
        assert_int_equal(cd_command(fi, PACKET(0xa3, 0, 0, 0, 0, 0, 0, 0, 0, 8, format)), 0x52400);
    }
    assert_int_equal(cd_command(fi, PACKET(0xa3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3f)), 0);
    assert_int_equal(in(fi, PACKET(0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1)), 24);
    assert_int_equal(be32(buf), 20);
    assert_int_equal(be32(buf + 16), DVD_SECTORS / 4 - 1);
    assert_int_equal(be32(buf + 12), be32(buf + 20));
    assert_int_equal(cd_sense_after(fi, PACKET(0xac, 4, 0, 0, 0, 0, 0, 0, 0, 1)), 0x52400);
    assert_int_equal(cd_sense_after(fi, PACKET(0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3)), 0x52400);
    assert_int_equal(cd_out(fi, PACKET(0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28), list, 28), 0);
    assert_int_equal(cd_out(fi, PACKET(0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 27), list, 27), 0x51a00);
    list[4] = 1;
    assert_int_equal(cd_out(fi, PACKET(0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28), list, 28), 0x52600);
    fake_ide_free(fi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inquiry),
        cmocka_unit_test(test_vital_product_data),
        cmocka_unit_test(test_small_ones),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_sense),
        cmocka_unit_test(test_toc),
        cmocka_unit_test(test_disc_and_track),
        cmocka_unit_test(test_audio),
        cmocka_unit_test(test_raw_sectors),
        cmocka_unit_test(test_framings),
        cmocka_unit_test(test_read_cd_arguments),
        cmocka_unit_test(test_mode_sense),
        cmocka_unit_test(test_mode_select_bits),
        cmocka_unit_test(test_mode_select_lists),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_profile_limit),
        cmocka_unit_test(test_dvd),
        cmocka_unit_test(test_keys_and_speeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
