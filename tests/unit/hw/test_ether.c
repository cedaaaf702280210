/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums over frames: the Internet checksum, the frame check sequence, the hashes of filters. */
#include "tests/unit/hw/e1000_common.h"

#include "hw/net/ether.h"

/* RFC 1071 and IEEE 802.3: known values, every length and start. */
static void test_sums(void **state)
{
    uint8_t data[80], large[1620];

    (void)state;
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 83 + 5);
    for (unsigned start = 0; start < 9; start++) {
        for (unsigned len = 0; start + len <= sizeof(data); len++)
            assert_int_equal(ether_sum_fold(ether_sum(0x1ffff, data + start, len)),
                             sum16(data + start, len, 0x1ffff));
    }
    assert_int_equal(ether_fcs((const uint8_t *)"123456789", 9), 0xcbf43926);
    assert_int_equal(ether_fcs((const uint8_t *)"The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
    assert_int_equal(ether_fcs(data, 0), 0);
    /* Both ways agree at every length and start: pieces of fewer than 64 bytes go by the tables alone. */
    for (unsigned i = 0; i < sizeof(large); i++)
        large[i] = (uint8_t)(i * i * 31 + i / 256);
    for (unsigned len = 0; len <= 1600; len++) {
        uint32_t plain = 0;

        for (unsigned at = 0; at < len; at += 63)
            plain = ether_fcs_add(plain, large + len % 17 + at, len - at < 63 ? len - at : 63);
        assert_int_equal(ether_fcs(large + len % 17, len), plain);
    }
}

/* ---- the CRC, against the definition ---- */

static uint32_t crc_by_bits(const uint8_t *data, size_t len)
{
    uint32_t r = UINT32_MAX;

    for (size_t i = 0; i < len * 8; i++) {
        bool bit = (data[i / 8] >> i % 8 & 1) ^ (r & 1);

        r = r >> 1 ^ (bit ? 0xedb88320 : 0);
    }
    return ~r;
}

static void test_fcs(void **state)
{
    uint8_t data[600];
    uint32_t fcs;

    (void)state;
    assert_int_equal(ether_fcs((const uint8_t *)"123456789", 9), 0xcbf43926);
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * i + 3 * i);
    for (unsigned len = 0; len < 300; len++) {
        fcs = crc_by_bits(data + len, len);
        assert_int_equal(ether_fcs(data + len, len), fcs);
        assert_int_equal(ether_fcs_add(ether_fcs(data + len, len / 3), data + len + len / 3, len - len / 3), fcs);
    }
    ether_fcs_store(data + 100, ether_fcs(data, 100));
    assert_true(ether_fcs_ends(data, 104));
    data[50] ^= 1;
    assert_false(ether_fcs_ends(data, 104));
    assert_false(ether_fcs_ends(data, 3));
    /* The two readings of the same six bits; 224.0.0.1 by a register that shifts the other way. */
    assert_int_equal(ether_hash_high((const uint8_t[]){0x01, 0x00, 0x5e, 0, 0, 1}), 0x1f);
    for (unsigned n = 0; n < 500; n += 6) {
        unsigned low = ether_hash_low(data + n), high = ether_hash_high(data + n);
        uint32_t r = ~crc_by_bits(data + n, 6);

        assert_int_equal(low, r >> 26);
        for (unsigned bit = 0; bit < 6; bit++)
            assert_int_equal(high >> (5 - bit) & 1, r >> bit & 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_fcs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
