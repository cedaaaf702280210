/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AMD Am79C970A (19436): software style 2 (32 bits), rings of 64, registers by double words, as Linux's pcnet32. */
#include "net.h"

#define RING_LOG 6
#define RING (1u << RING_LOG)
enum { RDP = 0x10, RAP = 0x14, RESET = 0x18 }; /* 32-bit I/O */
enum { INIT = 1 << 0, STRT = 1 << 1, STOP = 1 << 2, TDMD = 1 << 3, IENA = 1 << 6, IDON = 1 << 8 };
#define CAUSES 0x7f00u
enum { OWN = 1u << 31, STP = 1 << 25, ENP = 1 << 24, BCNT_ONES = 0xf000 };

struct descriptor {
    uint32_t address;
    volatile uint32_t status, misc;
    uint32_t reserved;
};

struct init {
    uint32_t mode, mac_low, mac_high, filter[2], rx, tx;
};

static struct descriptor tx[RING] __attribute__((aligned(16))), rx_ring[RING] __attribute__((aligned(16)));
static struct init init __attribute__((aligned(16)));
static uint8_t rx_buffer[RING][BUFFER_BYTES];
static uint32_t tx_head, tx_tail, rx_head;
static uint16_t base;

static uint32_t csr(unsigned n)
{
    outl(base + RAP, n);
    return inl(base + RDP);
}

static void set_csr(unsigned n, uint32_t value)
{
    outl(base + RAP, n);
    outl(base + RDP, value);
}

static void give(unsigned i)
{
    rx_ring[i].misc = 0;
    barrier();
    rx_ring[i].status = OWN | BCNT_ONES | ((0u - BUFFER_BYTES) & 0xfff);
}

static bool start(uint16_t io, uint32_t mmio)
{
    (void)mmio;
    base = io;
    inw(base + 0x14); /* resets in word mode */
    outl(base + RDP, 0); /* the first one of 32 bits chooses double words */
    outl(base + RAP, 20);
    outl(base + 0x1c, 2); /* BCR20: style 2 */
    init.mode = RING_LOG << 20 | RING_LOG << 28;
    init.mac_low = own_mac[0] | own_mac[1] << 8 | own_mac[2] << 16 | (uint32_t)own_mac[3] << 24;
    init.mac_high = own_mac[4] | own_mac[5] << 8;
    init.rx = address_of(rx_ring);
    init.tx = address_of(tx);
    for (unsigned i = 0; i < RING; i++) {
        rx_ring[i].address = address_of(rx_buffer[i]);
        give(i);
    }
    set_csr(1, address_of(&init) & 0xffff);
    set_csr(2, address_of(&init) >> 16);
    set_csr(4, 0x0915); /* pads short frames; masks counters' interrupts */
    set_csr(0, INIT);
    while (!(csr(0) & IDON))
        ;
    set_csr(0, IDON | STRT);
    return true;
}

static unsigned tx_room(void)
{
    while (tx_head != tx_tail && !(tx[tx_head % RING].status & OWN))
        tx_head++;
    return RING - (tx_tail - tx_head);
}

static void tx_put(const uint8_t *frame, uint32_t bytes)
{
    struct descriptor *d = &tx[tx_tail++ % RING];

    d->address = address_of(frame);
    d->misc = 0;
    barrier();
    d->status = OWN | STP | ENP | BCNT_ONES | ((0u - bytes) & 0xfff);
}

static bool irqs;

static void tx_kick(void)
{
    barrier();
    set_csr(0, TDMD | (irqs ? IENA : 0));
}

static unsigned rx(unsigned budget, frame_fn *take)
{
    unsigned n = 0;

    for (; n < budget && !(rx_ring[rx_head % RING].status & OWN); n++) {
        take(rx_buffer[rx_head % RING], (rx_ring[rx_head % RING].misc & 0xfff) - 4); /* FCS */
        give(rx_head++ % RING);
    }
    return n;
}

/* CSR0's causes are cleared by ones; IENA written as 0 masks. */
static void irq_off(void)
{
    irqs = false;
    set_csr(0, csr(0) & CAUSES);
}

static void irq_on(void)
{
    irqs = true;
    set_csr(0, IENA);
}

const struct nic nic_pcnet = {"pcnet", 0x20001022, start, tx_room, tx_put, tx_kick, rx, irq_off, irq_on};
