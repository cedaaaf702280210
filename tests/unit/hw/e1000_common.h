/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A card on a bus, with a wire that the test plays, rings in guest memory, and a driver's accesses. */
#ifndef TESTS_UNIT_HW_E1000_COMMON_H
#define TESTS_UNIT_HW_E1000_COMMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/net/e1000.h"
#include "tests/fakes/fake_env.h"
#include "tests/fakes/fake_net.h"

#define DEVFN  PCI_DEVFN(3, 0)
#define LINE   34 /* 32 + (slot - 1 + pin) & 3 */
#define RAM    (4u << 20)
#define BAR0   0xe0000000u
#define BAR1   0xc000u
#define TXRING 0x1000u
#define RXRING 0x9000u
#define TXDATA 0x20000u
#define RXDATA 0x200000u /* 16 KiB per descriptor in these tests */

enum {
    CTRL = 0x0, STATUS = 0x8, EECD = 0x10, EERD = 0x14, CTRL_EXT = 0x18, MDIC = 0x20, VET = 0x38, ICR = 0xc0,
    ITR = 0xc4, ICS = 0xc8, IMS = 0xd0, IMC = 0xd8, RCTL = 0x100, TCTL = 0x400, PBA = 0x1000, RDBAL = 0x2800,
    RDBAH = 0x2804, RDLEN = 0x2808, RDH = 0x2810, RDT = 0x2818, RDTR = 0x2820, RADV = 0x282c, RSRPD = 0x2c00,
    TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810, TDT = 0x3818, TIDV = 0x3820, TXDCTL = 0x3828,
    TADV = 0x382c, RXCSUM = 0x5000, MTA = 0x5200, RAL = 0x5400, RAH = 0x5404, VFTA = 0x5600,
    MPC = 0x4010, PRC64 = 0x405c, GPRC = 0x4074, BPRC = 0x4078, MPRC = 0x407c, GPTC = 0x4080, GORCL = 0x4088,
    GORCH = 0x408c, GOTCL = 0x4090, GOTCH = 0x4094, RNBC = 0x40a0, ROC = 0x40ac, TORL = 0x40c0, TPR = 0x40d0,
    TPT = 0x40d4, PTC64 = 0x40d8, MPTC = 0x40f0, BPTC = 0x40f4, TSCTC = 0x40f8, TSCTFC = 0x40fc, XONRXC = 0x4048,
    XOFFRXC = 0x4050,
};
enum { TXDW = 0x1, TXQE = 0x2, LSC = 0x4, RXDMT0 = 0x10, RXO = 0x40, RXT0 = 0x80, MDAC = 0x200,
       TXD_LOW = 0x8000, SRPD = 0x10000 };
enum { EOP = 0x01000000, IFCS = 0x02000000, IC = 0x04000000, TSE = 0x04000000, RS = 0x08000000, DEXT = 0x20000000,
       VLE = 0x40000000 };
#define IDE 0x80000000u
enum { DTYP_D = 0x00100000, TUCMD_TCP = 0x01000000, TUCMD_IP = 0x02000000, IXSM = 1, TXSM = 2 };
enum { EN = 2, SBP = 4, UPE = 8, MPE = 0x10, LPE = 0x20, LBM = 0xc0, BAM = 0x8000, VFE = 0x40000, BSEX = 0x2000000,
       SECRC = 0x4000000, PSP = 8 };
enum { VME = 0x40000000, RST = 0x04000000, DD = 1 };

struct desc {
    uint64_t addr;
    uint32_t lower, upper;
};

struct bench {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct netport *net;
    struct device *dev;
    unsigned tx_size, rx_size, tdt, rdt;
};

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0xab, 0xcd, 0xef};
static const uint8_t other_mac[6] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01};

static inline uint32_t rd(struct bench *b, uint32_t off) { return (uint32_t)fake_readmem(b->fe, BAR0 + off, 4); }
static inline void wr(struct bench *b, uint32_t off, uint32_t v) { fake_writemem(b->fe, BAR0 + off, 4, v); }

static inline struct bench *bench_on(struct netport *net)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct e1000_config cfg = {.port = net};
    struct irq_pin intx[4];
    char why[200] = "";

    memcpy(cfg.mac, mac, 6);
    b->fe = fake_env_new(RAM);
    b->net = net;
    for (unsigned i = 0; i < 4; i++)
        intx[i] = fake_irq(b->fe, 32 + i);
    b->bus = pci_bus_new(&b->fe->env, intx);
    b->dev = e1000_new(b->bus, DEVFN, &b->fe->env, "net0", &cfg, why, sizeof(why));
    assert_non_null(b->dev);
    pci_config_write(b->bus, DEVFN, 0x10, 4, BAR0);
    pci_config_write(b->bus, DEVFN, 0x14, 4, BAR1);
    pci_config_write(b->bus, DEVFN, 0x04, 2, 7);
    return b;
}

static inline struct bench *bench(void) { return bench_on(fake_net_new()); }

static inline void bench_free(struct bench *b)
{
    device_free(b->dev);
    pci_bus_free(b->bus);
    assert_int_equal(b->fe->maps_open, 0);
    if (b->net) {
        assert_false(fake_net_attached(b->net));
        fake_net_free(b->net);
    }
    fake_env_free(b->fe);
    free(b);
}

static inline bool irq(struct bench *b) { return b->fe->irq_level[LINE]; }
static inline uint8_t *ram(struct bench *b, uint32_t at) { return b->fe->ram + at; }

/* ---- transmit ---- */

static inline void tx_start(struct bench *b, unsigned size)
{
    b->tx_size = size;
    b->tdt = 0;
    wr(b, TDBAL, TXRING);
    wr(b, TDBAH, 0);
    wr(b, TDLEN, size * 16);
    wr(b, TDH, 0);
    wr(b, TDT, 0);
    wr(b, TCTL, EN | PSP);
}

static inline struct desc *tx_desc(struct bench *b, unsigned n)
{
    return (struct desc *)(void *)ram(b, TXRING + n * 16);
}

/* Puts a descriptor into the ring, without ringing. Returns its number. */
static inline unsigned tx_put(struct bench *b, uint64_t addr, uint32_t lower, uint32_t upper)
{
    unsigned n = b->tdt;

    *tx_desc(b, n) = (struct desc){addr, lower, upper};
    b->tdt = (n + 1) % b->tx_size;
    return n;
}

static inline void tx_ring(struct bench *b) { wr(b, TDT, b->tdt); }

/* One legacy descriptor with the data, rung. */
static inline unsigned tx_frame(struct bench *b, const void *data, unsigned len, uint32_t command)
{
    uint32_t at = TXDATA + b->tdt * 0x4000;
    unsigned n;

    memcpy(ram(b, at), data, len);
    n = tx_put(b, at, len | EOP | IFCS | command, 0);
    tx_ring(b);
    return n;
}

static inline void tx_context(struct bench *b, unsigned ipcss, unsigned ipcso, unsigned ipcse, unsigned tucss,
                              unsigned tucso, unsigned tucse, uint32_t command, unsigned hdrlen, unsigned mss,
                              unsigned paylen)
{
    uint64_t low = ipcss | ipcso << 8 | (uint64_t)ipcse << 16 | (uint64_t)tucss << 32 | (uint64_t)tucso << 40 |
                   (uint64_t)tucse << 48;

    tx_put(b, low, paylen | command | DEXT, hdrlen << 8 | mss << 16);
}

/* ---- receive ---- */

static inline struct desc *rx_desc(struct bench *b, unsigned n)
{
    return (struct desc *)(void *)ram(b, RXRING + n * 16);
}

static inline uint8_t *rx_data(struct bench *b, unsigned n) { return ram(b, RXDATA + n * 0x4000); }
static inline unsigned rx_len(struct bench *b, unsigned n) { return rx_desc(b, n)->lower & 0xffff; }
static inline unsigned rx_status(struct bench *b, unsigned n) { return rx_desc(b, n)->upper & 0xff; }
static inline unsigned rx_errors(struct bench *b, unsigned n) { return rx_desc(b, n)->upper >> 8 & 0xff; }
static inline unsigned rx_special(struct bench *b, unsigned n) { return rx_desc(b, n)->upper >> 16; }

static inline void rx_start(struct bench *b, unsigned size, unsigned filled, uint32_t control)
{
    b->rx_size = size;
    for (unsigned n = 0; n < size; n++)
        *rx_desc(b, n) = (struct desc){RXDATA + n * 0x4000, 0, 0};
    wr(b, RDBAL, RXRING);
    wr(b, RDBAH, 0);
    wr(b, RDLEN, size * 16);
    wr(b, RDH, 0);
    wr(b, RDT, filled);
    wr(b, RCTL, control);
}

/* A frame with addresses, type and bytes that follow from their place. */
static inline void fill_frame(uint8_t *frame, size_t len, const uint8_t *to, unsigned type)
{
    for (size_t i = 0; i < len; i++)
        frame[i] = (uint8_t)(i * 7 + len);
    if (len >= 14) {
        memcpy(frame, to, 6);
        memcpy(frame + 6, other_mac, 6);
        frame[12] = (uint8_t)(type >> 8);
        frame[13] = (uint8_t)type;
    }
}

/* ---- checksums, as RFC 1071 has them, of the test's own ---- */

static inline unsigned sum16(const uint8_t *p, size_t len, unsigned sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i & 1 ? p[i] : (unsigned)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline unsigned get16(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }
static inline uint32_t get32(const uint8_t *p) { return get16(p) << 16 | get16(p + 2); }

/* The TCP or UDP sum over a pseudo header: 0xffff if the packet's checksum is right. */
static inline unsigned transport_sum(const uint8_t *ip, unsigned protocol, const uint8_t *data, size_t len)
{
    unsigned sum = ip[0] >> 4 == 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0);

    return sum16(data, len, sum + protocol + (unsigned)len);
}

/*
 * Ethernet, IPv4 (or 6) and TCP (or UDP) with so many bytes of payload, all sums zero. Returns the length;
 * the header's is len - payload.
 */
static inline unsigned ip_frame(uint8_t *f, bool v6, bool tcp, unsigned payload)
{
    unsigned l3 = 14, l4 = l3 + (v6 ? 40 : 20), data = l4 + (tcp ? 32 : 8);

    fill_frame(f, data + payload, mac, v6 ? 0x86dd : 0x0800);
    memset(f + l3, 0, data - l3);
    f[l3] = v6 ? 0x60 : 0x45;
    if (v6) {
        put16(f + l3 + 4, data - l4 + payload);
        f[l3 + 6] = tcp ? 6 : 17;
        memset(f + l3 + 8, 0x21, 32);
    } else {
        put16(f + l3 + 2, data - l3 + payload);
        put16(f + l3 + 4, 0xfffe); /* ID */
        put16(f + l3 + 6, 0x4000);
        f[l3 + 8] = 64;
        f[l3 + 9] = tcp ? 6 : 17;
        memcpy(f + l3 + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
    }
    put16(f + l4, 1234);
    put16(f + l4 + 2, 80);
    if (tcp) {
        put16(f + l4 + 4, 0xffff); /* sequence: 0xfffffff0 */
        put16(f + l4 + 6, 0xfff0);
        f[l4 + 12] = 0x80; /* 32 bytes */
        f[l4 + 13] = 0x19; /* FIN, PSH, ACK */
    } else {
        put16(f + l4 + 4, 8 + payload);
    }
    return data + payload;
}

/* Completes all sums of such a frame. */
static inline void finish_sums(uint8_t *f, unsigned len, bool v6, bool tcp)
{
    unsigned l4 = v6 ? 54 : 34, at = l4 + (tcp ? 16 : 6);

    if (!v6)
        put16(f + 24, ~sum16(f + 14, 20, 0) & 0xffff);
    put16(f + at, ~transport_sum(f + 14, tcp ? 6 : 17, f + l4, len - l4) & 0xffff);
}

#endif
