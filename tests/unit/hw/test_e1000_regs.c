/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82540EM: configuration space, the register table, its ways in, resets, EEPROM, PHY, statistics. */
#include "tests/unit/hw/e1000_common.h"

static void test_identity(void **state)
{
    struct bench *b = bench();

    (void)state;
    assert_int_equal(pci_config_read(b->bus, DEVFN, 0, 4), 0x100e8086);
    assert_int_equal(pci_config_read(b->bus, DEVFN, 8, 4), 0x02000003);
    assert_int_equal(pci_config_read(b->bus, DEVFN, 0x2c, 4), 0x11001af4);
    assert_int_equal(pci_config_read(b->bus, DEVFN, 0x3d, 1), 1);
    pci_config_write(b->bus, DEVFN, 0x10, 4, 0xffffffff);
    pci_config_write(b->bus, DEVFN, 0x14, 4, 0xffffffff);
    assert_int_equal(pci_config_read(b->bus, DEVFN, 0x10, 4), 0xfffe0000);
    assert_int_equal(pci_config_read(b->bus, DEVFN, 0x14, 4), 0xffffffc1);
    assert_memory_equal(fake_net_mac(b->net), mac, 6);
    bench_free(b);
}

/* What Linux's ethtool -t, and the vendor's own diagnostics, write and expect. */
static void test_patterns(void **state)
{
    static const struct {
        uint32_t off, mask, write;
    } rows[] = {
        {0x28, 0xffffffff, 0xffffffff},   {0x2c, 0xffff, 0xffffffff},     {0x30, 0xffff, 0xffffffff},
        {VET, 0xffff, 0xffffffff},        {RDTR, 0xffff, 0xffffffff},     {RDBAH, 0xffffffff, 0xffffffff},
        {RDLEN, 0xfff80, 0xfffff},        {RDH, 0xffff, 0xffff},          {RDT, 0xffff, 0xffff},
        {0x2168, 0xfff8, 0xfff8},         {0x170, 0xffff, 0xffff},        {0x410, 0x3fffffff, 0x3fffffff},
        {TDBAH, 0xffffffff, 0xffffffff},  {TDLEN, 0xfff80, 0xfffff},      {RDBAL, 0xfffffff0, 0xffffffff},
        {0x178, 0xc000ffff, 0xffff},      {TDBAL, 0xfffffff0, 0xffffffff}, {TIDV, 0xffff, 0xffff},
        {RAH, 0x8003ffff, 0xffffffff},    {RAH + 8 * 15, 0x8003ffff, 0xffffffff}, {RAL + 8 * 15, 0xffffffff, 0xffffffff},
        {MTA, 0xffffffff, 0xffffffff},    {MTA + 4 * 127, 0xffffffff, 0xffffffff}, {VFTA + 4 * 127, 0xffffffff, 0xffffffff},
    };
    static const uint32_t patterns[] = {0x5a5a5a5a, 0xa5a5a5a5, 0, 0xffffffff};
    struct bench *b = bench();

    (void)state;
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        for (unsigned i = 0; i < 4; i++) {
            wr(b, rows[n].off, rows[n].write & patterns[i]);
            assert_int_equal(rd(b, rows[n].off), rows[n].write & patterns[i] & rows[n].mask);
        }
    }
    wr(b, RCTL, 0x06dfb3fe & 0x003ffffb);
    assert_int_equal(rd(b, RCTL), 0x06dfb3fe & 0x003ffffb);
    wr(b, RCTL, 0);
    wr(b, TCTL, 0);
    assert_int_equal(rd(b, TCTL), 0);
    bench_free(b);
}

static void test_status(void **state)
{
    struct bench *b = bench();
    uint32_t before = rd(b, STATUS);

    (void)state;
    assert_int_equal(before & 0xc3, 0x83); /* full duplex, link, 1000 Mb/s */
    wr(b, STATUS, 0xfffff833);
    assert_int_equal(rd(b, STATUS), before);
    wr(b, CTRL, rd(b, CTRL) | 0x1800);        /* forced speed and duplex: half, ... */
    wr(b, CTRL, (rd(b, CTRL) & ~0x301u) | 0x100); /* ... 100 Mb/s */
    assert_int_equal(rd(b, STATUS) & 0xc3, 0x42);
    bench_free(b);
}

/* A narrow read takes its bytes out of the register; a narrow write is refused; what is not there is 0. */
static void test_widths(void **state)
{
    struct bench *b = bench();

    (void)state;
    wr(b, TIDV, 0x1234);
    assert_int_equal(fake_readmem(b->fe, BAR0 + TIDV, 1), 0x34);
    assert_int_equal(fake_readmem(b->fe, BAR0 + TIDV + 1, 1), 0x12);
    assert_int_equal(fake_readmem(b->fe, BAR0 + TIDV, 2), 0x1234);
    fake_writemem(b->fe, BAR0 + TIDV, 1, 0xff);
    assert_int_equal(rd(b, TIDV), 0x1234);
    fake_writemem(b->fe, BAR0 + TDBAL, 8, 0x1122334455667780);
    assert_int_equal(rd(b, TDBAL), 0x55667780);
    assert_int_equal(rd(b, TDBAH), 0x11223344);
    assert_int_equal(b->fe->guest_errors, 0);
    assert_int_equal(rd(b, 0x5b54), 0);
    wr(b, 0x1fffc, 1);
    assert_int_equal(rd(b, 0x1fffc), 0);
    assert_int_equal(b->fe->guest_errors, 3);
    bench_free(b);
}

static void test_io_bar(void **state)
{
    struct bench *b = bench();

    (void)state;
    fake_out(b->fe, BAR1, 4, TIDV);
    assert_int_equal(fake_in(b->fe, BAR1, 4), TIDV);
    fake_out(b->fe, BAR1 + 4, 4, 0x4321);
    assert_int_equal(rd(b, TIDV), 0x4321);
    assert_int_equal(fake_in(b->fe, BAR1 + 4, 4), 0x4321);
    fake_out(b->fe, BAR1, 4, 0x20000); /* flash, which is not there */
    assert_int_equal(fake_in(b->fe, BAR1 + 4, 4), 0);
    fake_out(b->fe, BAR1 + 4, 4, 1);
    fake_out(b->fe, BAR1, 4, CTRL); /* Linux resets this way */
    fake_out(b->fe, BAR1 + 4, 4, RST);
    assert_int_equal(rd(b, TIDV), 0);
    bench_free(b);
}

static void test_aliases(void **state)
{
    static const uint16_t rows[][2] = {{0x4, CTRL},      {0x40, RAL},      {0xbc, RAL + 0x7c}, {0x108, RDTR},
                                       {0x110, RDBAL},   {0x118, RDLEN},   {0x120, RDH},       {0x128, RDT},
                                       {0x160, 0x2168},  {0x168, 0x2160},  {0x200, MTA},       {0x3fc, MTA + 0x1fc},
                                       {0x420, TDBAL},   {0x428, TDLEN},   {0x430, TDH},       {0x438, TDT},
                                       {0x440, TIDV},    {0x600, VFTA},    {0x7fc, VFTA + 0x1fc}};
    struct bench *b = bench();

    (void)state;
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        uint32_t before = rd(b, rows[n][1]);

        wr(b, rows[n][0], before ^ 0x80);
        assert_int_equal(rd(b, rows[n][1]), before ^ 0x80);
        assert_int_equal(rd(b, rows[n][0]), before ^ 0x80);
    }
    bench_free(b);
}

/* CTRL.RST: the MAC is as new, address from the EEPROM; the PHY, PCI and the EEPROM's contents stay. */
static void test_software_reset(void **state)
{
    struct bench *b = bench();

    (void)state;
    wr(b, MDIC, 0x04000000 | 1 << 21 | 4 << 16 | 0x01e1);
    wr(b, RAL, 0);
    wr(b, RAH, 0);
    wr(b, MTA, 5);
    wr(b, IMS, TXDW);
    wr(b, ICS, TXDW);
    assert_true(irq(b));
    wr(b, CTRL, RST);
    assert_false(irq(b));
    assert_int_equal(rd(b, IMS), 0);
    assert_int_equal(rd(b, MTA), 0);
    assert_int_equal(rd(b, RAL), 0xab005452);
    assert_int_equal(rd(b, RAH), 0x8000efcd);
    assert_int_equal(rd(b, CTRL), 0x00140240);
    assert_int_equal(rd(b, 0xe00), 0x07068302);
    assert_int_equal(rd(b, PBA), 0x00100030);
    wr(b, MDIC, 0x08000000 | 1 << 21 | 4 << 16);
    assert_int_equal(rd(b, MDIC) & 0xffff, 0x01e1);
    assert_int_equal(pci_config_read(b->bus, DEVFN, 4, 2) & 7, 7);
    wr(b, PBA, 0x28);
    assert_int_equal(rd(b, PBA), 0x00180028);
    bench_free(b);
}

/* ---- EEPROM ---- */

static void lines(struct bench *b, unsigned bits) { wr(b, EECD, bits); }

static void shift_out(struct bench *b, unsigned value, unsigned bits)
{
    while (bits--) {
        unsigned v = 0x42 | (value >> bits & 1 ? 4 : 0);

        lines(b, v);
        lines(b, v | 1);
        lines(b, v);
    }
}

static unsigned shift_in(struct bench *b, unsigned bits)
{
    unsigned v = 0;

    while (bits--) {
        lines(b, 0x43);
        v = v << 1 | (rd(b, EECD) >> 3 & 1);
        lines(b, 0x42);
    }
    return v;
}

static void begin(struct bench *b, unsigned command, unsigned address)
{
    lines(b, 0x40);
    lines(b, 0x42);
    shift_out(b, command, 3);
    shift_out(b, address, 6);
}

static unsigned eeprom_word(struct bench *b, unsigned at)
{
    unsigned v;

    begin(b, 6, at);
    assert_int_equal(rd(b, EECD) & 8, 0); /* the dummy bit */
    v = shift_in(b, 16);
    lines(b, 0x40);
    return v;
}

static unsigned eerd(struct bench *b, unsigned at)
{
    wr(b, EERD, 1 | at << 8);
    assert_true(rd(b, EERD) & 0x10);
    return rd(b, EERD) >> 16;
}

static void test_eeprom_read(void **state)
{
    struct bench *b = bench();
    unsigned sum = 0;

    (void)state;
    lines(b, 0x40);
    assert_int_equal(rd(b, EECD) & 0x3c0, 0x1c0); /* granted, present, 64 words */
    for (unsigned i = 0; i < 64; i++) {
        unsigned v = eeprom_word(b, i);

        assert_int_equal(eerd(b, i), v);
        sum += v;
        if (i < 3)
            assert_int_equal(v, mac[2 * i] | mac[2 * i + 1] << 8);
    }
    assert_int_equal(sum & 0xffff, 0xbaba);
    assert_int_equal(eerd(b, 0x0d), 0x100e);
    begin(b, 6, 62); /* goes on with the next word, and round */
    assert_int_equal(shift_in(b, 16), eerd(b, 62));
    assert_int_equal(shift_in(b, 16), eerd(b, 63));
    assert_int_equal(shift_in(b, 16), eerd(b, 0));
    bench_free(b);
}

static void write_word(struct bench *b, unsigned at, unsigned value)
{
    begin(b, 5, at);
    shift_out(b, value, 16);
    lines(b, 0x40);
    lines(b, 0x42);
    assert_true(rd(b, EECD) & 8); /* ready */
}

static void test_eeprom_write(void **state)
{
    struct bench *b = bench();
    unsigned was = eerd(b, 0x30);

    (void)state;
    write_word(b, 0x30, 0x1234);
    assert_int_equal(eerd(b, 0x30), was); /* not enabled */
    begin(b, 4, 0x30);                    /* EWEN */
    write_word(b, 0x30, 0x1234);
    assert_int_equal(eerd(b, 0x30), 0x1234);
    begin(b, 7, 0x30); /* ERASE */
    assert_int_equal(eerd(b, 0x30), 0xffff);
    write_word(b, 0, 0x1152);
    wr(b, CTRL_EXT, 0x2000); /* reloads the address */
    assert_int_equal(rd(b, CTRL_EXT) & 0x2000, 0);
    assert_int_equal(rd(b, RAL) & 0xffff, 0x1152);
    begin(b, 4, 0x00); /* EWDS */
    write_word(b, 0x30, 0x4321);
    assert_int_equal(eerd(b, 0x30), 0xffff);
    device_reset(b->dev); /* contents last */
    pci_config_write(b->bus, DEVFN, 0x10, 4, BAR0);
    pci_config_write(b->bus, DEVFN, 0x04, 2, 7);
    assert_int_equal(rd(b, RAL) & 0xffff, 0x1152);
    begin(b, 4, 0x30);
    begin(b, 4, 0x10); /* WRAL */
    shift_out(b, 0xa55a, 16);
    assert_int_equal(eerd(b, 7), 0xa55a);
    begin(b, 4, 0x20); /* ERAL */
    assert_int_equal(eerd(b, 63), 0xffff);
    bench_free(b);
}

/* ---- PHY ---- */

static unsigned phy(struct bench *b, unsigned reg)
{
    wr(b, MDIC, 0x08000000 | 1 << 21 | reg << 16);
    assert_int_equal(rd(b, MDIC) & 0x70000000, 0x10000000);
    return rd(b, MDIC) & 0xffff;
}

static void phy_set(struct bench *b, unsigned reg, unsigned value)
{
    wr(b, MDIC, 0x04000000 | 1 << 21 | reg << 16 | value);
}

static void test_phy(void **state)
{
    struct bench *b = bench();

    (void)state;
    assert_int_equal(phy(b, 2), 0x0141);
    assert_int_equal(phy(b, 3) & 0xfff0, 0x0c20);
    assert_int_equal(phy(b, 1), 0x796d); /* link, autonegotiation done */
    assert_int_equal(phy(b, 5), 0x45e1);
    assert_int_equal(phy(b, 10), 0x7c00);
    assert_int_equal(phy(b, 17) & 0xec00, 0xac00);
    wr(b, MDIC, 0x08000000 | 2 << 21 | 2 << 16); /* another address */
    assert_int_equal(rd(b, MDIC) & 0x5000ffff, 0x5000ffff);
    wr(b, IMS, MDAC);
    wr(b, MDIC, 0x28000000 | 1 << 21 | 2 << 16);
    assert_true(irq(b));
    assert_int_equal(rd(b, ICR), MDAC);
    phy_set(b, 2, 0); /* read-only */
    assert_int_equal(phy(b, 2), 0x0141);
    bench_free(b);
}

static void test_negotiation(void **state)
{
    static const struct {
        unsigned advertise, gigabit, status, specific;
    } rows[] = {
        {0xde1, 0x300, 0x83, 0xa000}, {0xde1, 0, 0x43, 0x6000},  {0x0a1, 0, 0x42, 0x4000},
        {0x061, 0, 0x03, 0x2000},     {0x021, 0, 0x02, 0x0000},  {0x021, 0x100, 0x82, 0x8000},
    };
    struct bench *b = bench();

    (void)state;
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        rd(b, ICR);
        phy_set(b, 4, rows[n].advertise);
        phy_set(b, 9, rows[n].gigabit);
        phy_set(b, 0, 0x1340);
        assert_int_equal(rd(b, STATUS) & 2, 0);
        fake_step(b->fe, 1000000000);
        assert_int_equal(rd(b, STATUS) & 0xc3, rows[n].status);
        assert_int_equal(phy(b, 1) & 0x24, 0x20); /* the link was lost: shown once */
        assert_int_equal(phy(b, 1) & 0x24, 0x24);
        assert_int_equal(phy(b, 17) & 0xec00, rows[n].specific | 0xc00);
        assert_int_equal(rd(b, ICR) & LSC, LSC);
    }
    phy_set(b, 4, 1);
    phy_set(b, 9, 0);
    phy_set(b, 0, 0x1340);
    fake_step(b->fe, 10000000000);
    assert_int_equal(rd(b, STATUS) & 2, 0); /* nothing in common */
    phy_set(b, 0, 0x2100);                  /* forced: 100, full */
    assert_int_equal(rd(b, STATUS) & 0xc3, 0x43);
    phy_set(b, 0, 0x0900); /* power down */
    assert_int_equal(rd(b, STATUS) & 2, 0);
    phy_set(b, 0, 0x0100);
    assert_int_equal(rd(b, STATUS) & 0xc3, 0x03);
    wr(b, CTRL, rd(b, CTRL) | 0x80000000);
    assert_int_equal(phy(b, 0), 0x1140);
    fake_step(b->fe, 1000000000);
    assert_int_equal(rd(b, STATUS) & 0xc3, 0x83);
    assert_int_equal(rd(b, CTRL) & 0x80000000, 0);
    bench_free(b);
}

static void test_cable(void **state)
{
    struct bench *b = bench();
    struct bench *none = bench_on(NULL);

    (void)state;
    assert_int_equal(rd(none, STATUS) & 2, 0);
    bench_free(none);
    wr(b, IMS, LSC);
    fake_net_set_link(b->net, false);
    assert_true(irq(b));
    assert_int_equal(rd(b, ICR), LSC);
    assert_int_equal(rd(b, STATUS) & 2, 0);
    fake_net_set_link(b->net, true);
    assert_false(irq(b));
    fake_step(b->fe, 1000000000);
    assert_int_equal(rd(b, ICR), LSC);
    assert_int_equal(rd(b, STATUS) & 2, 2);
    fake_net_set_link(b->net, true);
    assert_int_equal(rd(b, ICR), 0);
    bench_free(b);
}

/* ---- statistics ---- */

static void test_statistics(void **state)
{
    static const unsigned sizes[] = {60, 61, 123, 124, 251, 252, 507, 508, 1019, 1020, 1518};
    static const unsigned classes[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5};
    static const uint8_t to[2][6] = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x01, 0x00, 0x5e, 0, 0, 1}};
    struct bench *b = bench();
    uint8_t frame[1600];
    unsigned octets = 0;

    (void)state;
    tx_start(b, 64);
    rx_start(b, 64, 63, EN | BAM | MPE | SECRC);
    for (unsigned n = 0; n < 11; n++) {
        fill_frame(frame, sizes[n], n < 2 ? to[n] : mac, 0x1234);
        tx_frame(b, frame, sizes[n], 0);
        assert_true(fake_net_feed(b->net, frame, sizes[n]));
        octets += sizes[n] + 4;
        assert_int_equal(rd(b, PTC64 + 4 * classes[n]), 1);
        assert_int_equal(rd(b, PTC64 + 4 * classes[n]), 0);
        assert_int_equal(rd(b, PRC64 + 4 * classes[n]), 1);
    }
    assert_int_equal(rd(b, GPTC), 11);
    assert_int_equal(rd(b, GPTC), 0);
    assert_int_equal(rd(b, TPT), 11);
    assert_int_equal(rd(b, GPRC), 11);
    assert_int_equal(rd(b, TPR), 11);
    assert_int_equal(rd(b, BPTC), 1);
    assert_int_equal(rd(b, BPRC), 1);
    assert_int_equal(rd(b, MPTC), 1);
    assert_int_equal(rd(b, MPRC), 1);
    assert_int_equal(rd(b, GOTCL), octets);
    assert_int_equal(rd(b, GOTCL), octets); /* cleared by the high half */
    assert_int_equal(rd(b, GOTCH), 0);
    assert_int_equal(rd(b, GOTCL), 0);
    assert_int_equal(rd(b, GORCL), octets);
    assert_int_equal(rd(b, TORL), octets);
    wr(b, TPR, 77); /* read-only */
    assert_int_equal(rd(b, TPR), 0);
    bench_free(b);
}


/* Counters stay at their greatest value: one that is nearly there, by way of a saved state. */
static void test_sticky(void **state)
{
    static const char names[][8] = {"\4GPTC", "\4GOTC", "\3TOT", "\3PTC"};
    struct bench *b = bench();
    uint8_t frame[60], *saved;
    char why[200];
    size_t size;

    (void)state;
    tx_start(b, 8);
    device_enter(b->dev);
    size = device_save(b->dev, NULL, 0);
    saved = malloc(size);
    device_save(b->dev, saved, size);
    for (unsigned n = 0; n < 4; n++) {
        uint8_t *at = memmem(saved, size, names[n], strlen(names[n]));

        assert_non_null(at);
        memset(at + strlen(names[n]) + 5, 0xff, n == 1 || n == 2 ? 8 : 4);
        if (n == 0)
            at[strlen(names[n]) + 5] = 0xfe;
    }
    assert_true(device_load(b->dev, saved, size, why, sizeof(why)));
    device_leave(b->dev);
    free(saved);
    fill_frame(frame, 60, mac, 0x1234);
    for (unsigned n = 0; n < 3; n++)
        tx_frame(b, frame, 60, 0);
    assert_int_equal(rd(b, GPTC), 0xffffffff);
    assert_int_equal(rd(b, PTC64), 0xffffffff);
    assert_int_equal(rd(b, GOTCL), 0xffffffff);
    assert_int_equal(rd(b, GOTCH), 0xffffffff);
    assert_int_equal(rd(b, GOTCL), 0);
    bench_free(b);
}

/* Wake-up and filter registers hold what is written. */
static void test_wake_up(void **state)
{
    struct bench *b = bench();

    (void)state;
    wr(b, 0x5800, 0xffffffff);
    assert_int_equal(rd(b, 0x5800), 0xb);
    wr(b, 0x5808, 0xffffffff);
    assert_int_equal(rd(b, 0x5808), 0xf00ff);
    wr(b, 0x5810, 0xffffffff);
    assert_int_equal(rd(b, 0x5810), 0);
    wr(b, 0x9bf8, 0x12345678);
    assert_int_equal(rd(b, 0x9bf8), 0x12345678);
    wr(b, 0x9bfc, 1);
    assert_int_equal(rd(b, 0x9bfc), 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),     cmocka_unit_test(test_patterns),       cmocka_unit_test(test_status),
        cmocka_unit_test(test_widths),       cmocka_unit_test(test_io_bar),         cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_software_reset), cmocka_unit_test(test_eeprom_read),  cmocka_unit_test(test_eeprom_write),
        cmocka_unit_test(test_phy),          cmocka_unit_test(test_negotiation),    cmocka_unit_test(test_cable),
        cmocka_unit_test(test_statistics),   cmocka_unit_test(test_sticky),         cmocka_unit_test(test_wake_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
