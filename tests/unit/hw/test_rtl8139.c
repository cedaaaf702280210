/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RTL8139C+: registers, PCI function, EEPROM, PHY, interrupts, timer, reset, power. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_rtl8139.h"

/* ---- PCI ---- */

static void test_is_a_card(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    assert_int_equal(nic_config(n, 0x00, 4), 0x813910ec);
    assert_int_equal(nic_config(n, 0x08, 4), 0x02000020);
    assert_int_equal(nic_config(n, 0x3d, 1), 1);
    nic_set_config(n, 0x04, 2, 0);
    nic_set_config(n, 0x10, 4, 0xffffffff);
    nic_set_config(n, 0x14, 4, 0xffffffff);
    assert_int_equal(nic_config(n, 0x10, 4), 0xffffff01);
    assert_int_equal(nic_config(n, 0x14, 4), 0xffffff00);
    assert_memory_equal(fake_net_mac(n->port), nic_mac, 6);
    nic_free(n);
}

static void test_both_windows_show_the_same(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(nic_in(n, IDR + i, 1), nic_mac[i]);
    fake_writemem(n->fe, NIC_MMIO + MAR, 4, 0x12345678);
    assert_int_equal(nic_in(n, MAR, 4), 0x12345678);
    assert_int_equal(fake_readmem(n->fe, NIC_MMIO + TCR, 4), 0x74800000);
    assert_int_equal(fake_readmem(n->fe, NIC_MMIO + TCR + 3, 1), 0x74); /* the version, as drivers read it */
    nic_free(n);
}

static void test_two_in_one_slot(void **state)
{
    struct rtl8139_config cfg = { .mac = { 2 } };
    struct nic *n = nic_new();
    char why[200] = "";

    (void)state;
    assert_null(rtl8139_new(n->bus, NIC_DEVFN, &n->fe->env, "other", &cfg, why, sizeof(why)));
    assert_non_null(strstr(why, "taken by nic"));
    nic_free(n);
}

static void test_power_management(void **state)
{
    uint8_t frame[100];
    struct nic *n = nic_new();

    (void)state;
    assert_int_equal(nic_config(n, 0x06, 2) & 0x10, 0x10);
    assert_int_equal(nic_config(n, 0x34, 1), 0x50);
    assert_int_equal(nic_config(n, 0x50, 2), 0x0001);
    nic_start_c(n, 0, AAP);
    nic_set_config(n, 0x54, 2, 0x0103);
    assert_int_equal(nic_config(n, 0x54, 2), 0x0103);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    assert_true(nic_feed(n, frame, sizeof(frame))); /* asleep: it passes by */
    assert_int_equal(nic_in(n, CBR, 2), 0);
    nic_set_config(n, 0x54, 2, 0x0000); /* awake: as after a reset */
    assert_int_equal(nic_in(n, CR, 1), BUFE);
    assert_int_equal(nic_in(n, IMR, 2), 0);
    /* CONFIG1.PMEn hides it */
    nic_out(n, CR9346, 1, 0xc0);
    nic_out(n, CONFIG1, 1, 0);
    assert_int_equal(nic_config(n, 0x06, 2) & 0x10, 0);
    assert_int_equal(nic_config(n, 0x34, 1), 0);
    nic_free(n);
}

/* ---- registers ---- */

static void test_reset_values(void **state)
{
    static const struct {
        unsigned reg, size;
        uint32_t value;
    } rows[] = {
        { MAR, 4, 0 }, { MAR + 4, 4, 0 }, { TSD, 4, 0x2000 }, { TSD + 12, 4, 0x2000 }, { TSAD, 4, 0 },
        { RBSTART, 4, 0 }, { ERBCR, 2, 0 }, { ERSR, 1, 0 }, { CR, 1, BUFE }, { CAPR, 2, 0xfff0 }, { CBR, 2, 0 },
        { IMR, 2, 0 }, { ISR, 2, 0 }, { TCR, 4, 0x74800000 }, { RCR, 4, 0 }, { MPC, 4, 0 }, { CR9346, 1, 0 },
        { CONFIG0, 1, 0 }, { CONFIG1, 1, 0x0d }, { TIMERINT, 4, 0 }, { MSR, 1, 0xd0 }, { CONFIG3, 1, 1 },
        { CONFIG4, 1, 0 }, { MULINT, 2, 0 }, { RERID, 1, 0x20 }, { TSADS, 2, 0x000f }, { BMCR, 2, 0x1000 },
        { BMSR, 2, 0x782d }, { ANAR, 2, 0x05e1 }, { ANLPAR, 2, 0x45e1 }, { ANER, 2, 1 }, { CSCR, 2, 0x0740 },
        { CONFIG5, 1, 0 }, { TPPOLL, 1, 0 }, { CPCR, 2, 0 }, { RDSAR, 4, 0 }, { 0xec, 1, 0 }, { 0x06, 2, 0 },
        { 0xda, 2, 0 }, { 0xff, 1, 0 },
    };
    struct nic *n = nic_new();

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (nic_in(n, rows[i].reg, rows[i].size) != rows[i].value)
            fail_msg("register %02x is %x", rows[i].reg, nic_in(n, rows[i].reg, rows[i].size));
    }
    nic_free(n);
}

/* What of each register can be written, in the unlocked state and otherwise. */
static void test_writable_bits(void **state)
{
    static const struct {
        unsigned reg, size;
        uint32_t ones, zeros; /* read back after all ones, after all zeros */
        uint32_t locked;      /* after all ones from there, without 9346CR's leave */
    } rows[] = {
        { IDR, 4, 0xffffffff, 0, 0xffffffff }, { MAR, 4, 0xffffffff, 0, 0xffffffff },
        { TSAD, 4, 0xffffffff, 0, 0xffffffff }, { RBSTART, 4, 0xffffffff, 0, 0xffffffff },
        { CAPR, 2, 0xffff, 0, 0xffff }, { CBR, 2, 0, 0, 0 }, { IMR, 2, 0xe1ff, 0, 0xe1ff },
        { RCR, 4, 0x0f03ffbf, 0, 0x0f03ffbf }, { TIMERINT, 4, 0xffffffff, 0, 0xffffffff },
        { MULINT, 2, 0x0fff, 0, 0x0fff }, { CONFIG1, 1, 0xff, 0x0c, 0x0c }, { CONFIG3, 1, 0x71, 0x01, 0x01 },
        { CONFIG4, 1, 0xf5, 0, 0 }, { CONFIG5, 1, 0x7f, 0, 0x7f }, { BMCR, 2, 0x1000, 0, 0 },
        { ANAR, 2, 0x2de1, 0x0001, 0x2de1 }, { CPCR, 2, 0x7b, 0, 0x7b }, { RDSAR, 4, 0xffffffff, 0, 0xffffffff },
        { 0xec, 1, 0x3f, 0, 0x3f }, { 0x84, 4, 0xffffffff, 0, 0xffffffff }, { 0x8c, 4, 0xffffffff, 0, 0xffffffff },
        { 0xcc, 4, 0xffffffff, 0, 0xffffffff }, { BMSR, 2, 0x780d, 0x780d, 0x780d }, { CONFIG0, 1, 0, 0, 0 },
    };
    struct nic *n = nic_new();

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        nic_out(n, CR9346, 1, 0xc0);
        nic_out(n, rows[i].reg, rows[i].size, 0xffffffff);
        if (nic_in(n, rows[i].reg, rows[i].size) != rows[i].ones && rows[i].reg != BMSR)
            fail_msg("register %02x: ones give %x", rows[i].reg, nic_in(n, rows[i].reg, rows[i].size));
        nic_out(n, rows[i].reg, rows[i].size, 0);
        if (nic_in(n, rows[i].reg, rows[i].size) != rows[i].zeros && rows[i].reg != BMSR)
            fail_msg("register %02x: zeros give %x", rows[i].reg, nic_in(n, rows[i].reg, rows[i].size));
        nic_out(n, CR9346, 1, 0);
        nic_out(n, rows[i].reg, rows[i].size, 0xffffffff);
        if (nic_in(n, rows[i].reg, rows[i].size) != rows[i].locked && rows[i].reg != BMSR)
            fail_msg("register %02x: locked, it is %x", rows[i].reg, nic_in(n, rows[i].reg, rows[i].size));
    }
    nic_free(n);
}

static void test_bmcr_reset_is_over_at_once(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, CR9346, 1, 0xc0);
    nic_out(n, BMCR, 2, 0xffff);
    assert_int_equal(nic_in(n, BMCR, 2), 0x1000);
    nic_out(n, BMCR, 2, 0x7f00); /* restart reads as done */
    assert_int_equal(nic_in(n, BMCR, 2), 0x3100);
    nic_free(n);
}

static void test_tcr_needs_te(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, TCR, 4, 0xffffffff);
    assert_int_equal(nic_in(n, TCR, 4), 0x74800000);
    nic_out(n, CR, 1, TE);
    nic_out(n, TCR, 4, 0xffffffff);
    assert_int_equal(nic_in(n, TCR, 4), 0x74800000 | 0x030f07f0);
    nic_free(n);
}

static void test_narrow_writes_do_nothing(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, RBSTART, 4, 0x11223344);
    nic_out(n, RBSTART, 1, 0x55);
    nic_out(n, RBSTART + 2, 2, 0x5555);
    assert_int_equal(nic_in(n, RBSTART, 4), 0x11223344);
    assert_int_equal(nic_in(n, RBSTART + 1, 1), 0x33);
    nic_out(n, IMR, 4, 0x0000ffff); /* IMR and ISR at once */
    assert_int_equal(nic_in(n, IMR, 2), 0xe1ff);
    nic_free(n);
}

static void test_soft_reset(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 2, AAP | AB);
    nic_out(n, MAR, 4, 0x01020304);
    nic_out(n, IDR, 4, 0x44332211);
    nic_out(n, CPCR, 2, 0x7b);
    nic_out(n, CR9346, 1, 0xc0);
    nic_out(n, CONFIG1, 1, 0x2d);
    nic_out(n, CR, 1, RST);
    assert_int_equal(nic_in(n, CR, 1), BUFE); /* over */
    assert_int_equal(nic_in(n, MAR, 4), 0x01020304);
    assert_int_equal(nic_in(n, IDR, 4), 0x44332211);
    assert_int_equal(nic_in(n, CONFIG1, 1), 0x2d);
    assert_int_equal(nic_in(n, RCR, 4), 0);
    assert_int_equal(nic_in(n, CPCR, 2), 0);
    assert_int_equal(nic_in(n, RBSTART, 4), 0);
    assert_int_equal(nic_in(n, IMR, 2), 0);
    device_reset(n->dev);
    nic_set_config(n, 0x10, 4, NIC_PORT);
    nic_set_config(n, 0x04, 2, 7);
    assert_int_equal(nic_in(n, IDR, 4), 0x12005452); /* from the EEPROM again */
    assert_int_equal(nic_in(n, CONFIG1, 1), 0x0d);
    nic_free(n);
}

/* The older chip: told from the other by its revisions; nothing of C+ mode is there. */
static void test_without_cplus(void **state)
{
    struct nic *n = nic_new_c_only();
    uint8_t frame[100];

    (void)state;
    assert_int_equal(nic_config(n, 0x08, 1), 0x10);
    assert_int_equal(nic_in(n, RERID, 1), 0x10);
    assert_int_equal(nic_in(n, TCR, 4), 0x74000000);
    nic_out(n, CPCR, 2, 0x7b); /* how iPXE and others look for it */
    assert_int_equal(nic_in(n, CPCR, 2), 0);
    nic_out(n, RDSAR, 4, 0x1000);
    nic_out(n, 0xec, 1, 0x3f);
    assert_int_equal(nic_in(n, RDSAR, 4) | nic_in(n, 0xec, 1), 0);
    nic_out(n, TPPOLL, 1, 1);
    assert_int_equal(nic_in(n, ISR, 2), 0);
    nic_start_c(n, 0, APM);
    nic_out(n, TSAD, 4, 0x8000);
    nic_out(n, TSD, 4, 60);
    assert_int_equal(fake_net_sent(n->port), 1);
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    assert_int_equal(nic_in(n, CBR, 2), 108);
    nic_free(n);
}

/* ---- EEPROM, by its wires ---- */

static bool ee_bit(struct nic *n, unsigned pins)
{
    nic_out(n, CR9346, 1, 0x80 | pins);
    return nic_in(n, CR9346, 1) & 1;
}

static void ee_start(struct nic *n)
{
    ee_bit(n, 0);
    ee_bit(n, 8);
}

static void ee_send(struct nic *n, unsigned value, unsigned bits)
{
    while (bits--) {
        unsigned in = value >> bits & 1 ? 2 : 0;

        ee_bit(n, 8 | in);
        ee_bit(n, 8 | in | 4);
    }
    ee_bit(n, 8);
}

static unsigned ee_receive(struct nic *n)
{
    unsigned v = 0;

    for (unsigned i = 0; i < 16; i++) {
        v = v << 1 | ee_bit(n, 8 | 4);
        ee_bit(n, 8);
    }
    return v;
}

static void ee_end(struct nic *n)
{
    ee_bit(n, 0);
    nic_out(n, CR9346, 1, 0);
}

static unsigned ee_read(struct nic *n, unsigned address, unsigned address_bits)
{
    unsigned v;

    ee_start(n);
    ee_send(n, 6u << address_bits | address, 3 + address_bits);
    v = ee_receive(n);
    ee_end(n);
    return v;
}

static void ee_command(struct nic *n, unsigned command, unsigned address)
{
    ee_start(n);
    ee_send(n, command << 6 | address, 9);
}

static void ee_write(struct nic *n, unsigned command, unsigned address, unsigned word)
{
    ee_command(n, command, address);
    ee_send(n, word, 16);
    ee_end(n);
}

static void test_eeprom_contents(void **state)
{
    struct nic *n = nic_new();
    unsigned sum = 0;

    (void)state;
    assert_int_equal(ee_read(n, 0, 6), 0x8129);
    assert_int_equal(ee_read(n, 1, 6), 0x10ec);
    assert_int_equal(ee_read(n, 2, 6), 0x8139);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ee_read(n, 7 + i, 6), nic_mac[2 * i] | nic_mac[2 * i + 1] << 8);
    for (unsigned i = 0; i <= 0x19; i++)
        sum += ee_read(n, i, 6);
    assert_int_equal(sum & 0xffff, 0);
    assert_int_not_equal(ee_read(n, 0, 8), 0x8129); /* how drivers tell it from a 93C56 */
    nic_free(n);
}

static void test_eeprom_reads_on(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    ee_start(n);
    ee_send(n, 0x180 | 62, 9);
    assert_false(ee_bit(n, 8)); /* the dummy bit */
    ee_receive(n);
    ee_receive(n);
    assert_int_equal(ee_receive(n), 0x8129); /* round the end */
    ee_end(n);
    nic_free(n);
}

static void test_eeprom_writes(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    ee_write(n, 5, 7, 0xbeef);
    assert_int_not_equal(ee_read(n, 7, 6), 0xbeef); /* not enabled */
    ee_command(n, 4, 0x30);
    ee_end(n);
    ee_write(n, 5, 7, 0xbeef);
    ee_start(n);
    assert_true(ee_bit(n, 8)); /* ready */
    ee_end(n);
    assert_int_equal(ee_read(n, 7, 6), 0xbeef);
    ee_command(n, 7, 0x21); /* erase one */
    ee_end(n);
    assert_int_equal(ee_read(n, 0x21, 6), 0xffff);
    assert_int_equal(ee_read(n, 0x20, 6), 0);
    ee_command(n, 4, 0x00); /* disabled again */
    ee_end(n);
    ee_command(n, 4, 0x20);
    ee_end(n);
    assert_int_equal(ee_read(n, 7, 6), 0xbeef);
    /* what was written is the card's address after a load */
    nic_out(n, CR9346, 1, 0x40);
    assert_int_equal(nic_in(n, CR9346, 1), 0);
    assert_int_equal(nic_in(n, IDR, 2), 0xbeef);
    nic_free(n);
}

static void test_eeprom_all_words(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    ee_command(n, 4, 0x30);
    ee_end(n);
    ee_write(n, 4, 0x10, 0x1234);
    for (unsigned i = 0; i < 64; i += 9)
        assert_int_equal(ee_read(n, i, 6), 0x1234);
    nic_out(n, CR9346, 1, 0x40); /* without its mark nothing is loaded */
    assert_int_equal(nic_in(n, IDR, 2), 0x5452);
    ee_command(n, 4, 0x20);
    ee_end(n);
    for (unsigned i = 0; i < 64; i += 9)
        assert_int_equal(ee_read(n, i, 6), 0xffff);
    device_reset(n->dev); /* it keeps its words without power */
    nic_set_config(n, 0x10, 4, NIC_PORT);
    nic_set_config(n, 0x04, 2, 7);
    assert_int_equal(ee_read(n, 0, 6), 0xffff);
    nic_free(n);
}

static void test_eeprom_needs_its_mode(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    for (unsigned mode = 0; mode < 4; mode++) {
        nic_out(n, CR9346, 1, mode << 6 | 0x0f);
        assert_int_equal(nic_in(n, CR9346, 1), mode == 1 ? 0x0e : mode << 6 | (mode == 2 ? 0x0f : 0x0e));
    }
    ee_start(n);
    nic_out(n, CR9346, 1, 0xc0 | 8); /* leaving the mode ends a command */
    assert_int_equal(ee_read(n, 0, 6), 0x8129);
    nic_free(n);
}

/* Every sequence of pins up to a length: it stays in its states, and a read still works afterwards. */
static void test_eeprom_walk(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    for (unsigned seed = 0; seed < 3000; seed++) {
        uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

        for (unsigned i = 0; i < 30; i++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            fake_out(n->fe, NIC_PORT + CR9346, 1, 0x80 | (x >> 40 & 0x0e) | (x >> 60 ? 8 : 0));
        }
        nic_out(n, CR9346, 1, 0);
    }
    assert_int_equal(ee_read(n, 2, 6), ee_read(n, 2, 6));
    nic_free(n);
}

/* ---- PHY ---- */

static void test_link(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, IMR, 2, LINKCHG);
    fake_net_set_link(n->port, false);
    assert_true(nic_line(n));
    assert_int_equal(nic_in(n, BMSR, 2), 0x7809);
    assert_int_equal(nic_in(n, MSR, 1), 0xd4);
    assert_int_equal(nic_in(n, ANLPAR, 2), 0);
    assert_int_equal(nic_in(n, CSCR, 2) & 0x0c00, 0x0800); /* changed; not up */
    assert_int_equal(nic_causes(n), LINKCHG);
    assert_false(nic_line(n));
    fake_net_set_link(n->port, true);
    assert_int_equal(nic_in(n, MSR, 1), 0xd0);
    assert_int_equal(nic_in(n, CSCR, 2) & 0x0c00, 0x0c00);
    assert_int_equal(nic_causes(n), LINKCHG);
    assert_int_equal(nic_in(n, CSCR, 2) & 0x0c00, 0x0400);
    nic_free(n);
}

static void test_speed(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, ANAR, 2, 0x0061); /* 10 Mbit/s only */
    assert_int_equal(nic_in(n, MSR, 1), 0xd8);
    nic_out(n, ANAR, 2, 0x05e1);
    assert_int_equal(nic_in(n, MSR, 1), 0xd0);
    nic_out(n, CR9346, 1, 0xc0);
    nic_out(n, BMCR, 2, 0x0100); /* forced to 10 */
    assert_int_equal(nic_in(n, MSR, 1), 0xd8);
    assert_int_equal(nic_in(n, BMSR, 2), 0x780d);
    assert_int_equal(nic_in(n, ANER, 2), 0);
    nic_out(n, BMCR, 2, 0x2100);
    assert_int_equal(nic_in(n, MSR, 1), 0xd0);
    nic_free(n);
}

static void test_no_cable(void **state)
{
    struct nic *n = nic_new_without_cable();

    (void)state;
    assert_int_equal(nic_in(n, MSR, 1), 0xd4);
    assert_int_equal(nic_in(n, BMSR, 2), 0x7809);
    nic_start_c(n, 0, AAP);
    nic_out(n, TSAD, 4, 0x8000);
    nic_out(n, TSD, 4, 60);
    assert_int_equal(nic_in(n, TSD, 4), 0x8000a000 | 60); /* sent; no carrier */
    nic_free(n);
}

/* ---- interrupts ---- */

static void test_pin_follows_isr_and_imr(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, TPPOLL, 1, 1);
    assert_int_equal(nic_in(n, ISR, 2), SWINT);
    assert_false(nic_line(n));
    for (unsigned mask = 0; mask < 0x10000; mask += 0x0f7) {
        nic_out(n, IMR, 2, mask);
        assert_int_equal(nic_line(n), (mask & SWINT) != 0);
    }
    nic_out(n, IMR, 2, 0xffff);
    nic_out(n, ISR, 2, (uint16_t)~SWINT);
    assert_true(nic_line(n));
    nic_set_config(n, 0x04, 2, 7 | 0x400); /* INTx disabled */
    assert_false(nic_line(n));
    assert_int_equal(nic_config(n, 0x06, 2) & 8, 8);
    nic_set_config(n, 0x04, 2, 7);
    assert_true(nic_line(n));
    nic_out(n, ISR, 2, SWINT);
    assert_false(nic_line(n));
    nic_free(n);
}

static void test_counter(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, TCTR, 4, 123);
    assert_int_equal(nic_in(n, TCTR, 4), 0);
    fake_step(n->fe, 3000);
    assert_int_equal(nic_in(n, TCTR, 4), 100);
    assert_int_equal(nic_in(n, TCTR, 1), 100);
    fake_step(n->fe, (int64_t)30 << 32);
    assert_int_equal(nic_in(n, TCTR, 4), 100); /* once round */
    nic_free(n);
}

static void test_timer_interrupt(void **state)
{
    struct nic *n = nic_new();

    (void)state;
    nic_out(n, IMR, 2, TIMEOUT);
    nic_out(n, TCTR, 4, 0);
    nic_out(n, TIMERINT, 4, 1000);
    fake_step(n->fe, 29999);
    assert_false(nic_line(n));
    fake_step(n->fe, 1);
    assert_true(nic_line(n));
    assert_int_equal(nic_causes(n), TIMEOUT);
    fake_step(n->fe, 30000);
    assert_false(nic_line(n)); /* it counts on; the value comes again after 2^32 */
    fake_step(n->fe, ((int64_t)30 << 32) - 30000);
    assert_int_equal(nic_causes(n), TIMEOUT);
    /* periodic, as a driver makes it: the counter is set to 0 each time */
    for (unsigned i = 0; i < 5; i++) {
        nic_out(n, TCTR, 4, 0);
        fake_step(n->fe, 30000);
        assert_int_equal(nic_causes(n), TIMEOUT);
    }
    nic_out(n, TIMERINT, 4, 0); /* off */
    nic_out(n, TCTR, 4, 0);
    fake_step(n->fe, (int64_t)60 << 32);
    assert_int_equal(nic_causes(n), 0);
    nic_out(n, TIMERINT, 4, 50); /* not acknowledged, then changed */
    nic_out(n, TCTR, 4, 0);
    fake_step(n->fe, 1500);
    nic_out(n, TIMERINT, 4, 100);
    assert_int_equal(nic_causes(n), TIMEOUT);
    fake_step(n->fe, 1500);
    assert_int_equal(nic_causes(n), TIMEOUT);
    nic_out(n, CR, 1, RST);
    fake_step(n->fe, (int64_t)60 << 32);
    assert_int_equal(nic_causes(n), 0);
    nic_free(n);
}

static void test_clock_can_be_halted(void **state)
{
    uint8_t frame[60];
    struct nic *n = nic_new();

    (void)state;
    nic_start_c(n, 0, AAP);
    nic_out(n, HLTCLK, 1, 'H');
    nic_frame(frame, sizeof(frame), nic_mac, 1);
    assert_true(nic_feed(n, frame, sizeof(frame)));
    nic_out(n, TSAD, 4, 0x8000);
    nic_out(n, TSD, 4, 60);
    assert_int_equal(nic_in(n, ISR, 2), 0);
    nic_out(n, HLTCLK, 1, 'x');
    assert_int_equal(fake_net_sent(n->port), 0);
    nic_out(n, HLTCLK, 1, 'R'); /* what waits is sent */
    assert_int_equal(fake_net_sent(n->port), 1);
    nic_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_a_card),
        cmocka_unit_test(test_both_windows_show_the_same),
        cmocka_unit_test(test_two_in_one_slot),
        cmocka_unit_test(test_power_management),
        cmocka_unit_test(test_reset_values),
        cmocka_unit_test(test_writable_bits),
        cmocka_unit_test(test_bmcr_reset_is_over_at_once),
        cmocka_unit_test(test_tcr_needs_te),
        cmocka_unit_test(test_narrow_writes_do_nothing),
        cmocka_unit_test(test_soft_reset),
        cmocka_unit_test(test_without_cplus),
        cmocka_unit_test(test_eeprom_contents),
        cmocka_unit_test(test_eeprom_reads_on),
        cmocka_unit_test(test_eeprom_writes),
        cmocka_unit_test(test_eeprom_all_words),
        cmocka_unit_test(test_eeprom_needs_its_mode),
        cmocka_unit_test(test_eeprom_walk),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_speed),
        cmocka_unit_test(test_no_cable),
        cmocka_unit_test(test_pin_follows_isr_and_imr),
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_timer_interrupt),
        cmocka_unit_test(test_clock_can_be_halted),
    };

    return cmocka_run_group_tests_name("rtl8139", tests, NULL, NULL);
}
