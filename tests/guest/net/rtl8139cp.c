/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RTL8139C+ in C+ mode (RTL8139C+ data sheet, "C+ mode"): rings of 64, as Linux's 8139cp. */
#include "net.h"

#define RING 64u
enum { IDR0 = 0x00, MAR0 = 0x08, TNPDS = 0x20, CR = 0x37, IMR = 0x3c, ISR = 0x3e, TCR = 0x40, RCR = 0x44, CFG9346 = 0x50,
       TPPOLL = 0xd9, CPCR = 0xe0, RDSAR = 0xe4, ETTHR = 0xec };
enum { OWN = 1u << 31, END = 1 << 30, FIRST = 1 << 29, LAST = 1 << 28 };
#define INTERRUPTS (1 << 0 | 1 << 2 | 1 << 4 | 1 << 7) /* ROK, TOK, RDU, TDU */

struct descriptor {
    volatile uint32_t command, vlan;
    uint32_t address, address_high;
};

static struct descriptor tx[RING] __attribute__((aligned(256))), rx_ring[RING] __attribute__((aligned(256)));
static uint8_t rx_buffer[RING][BUFFER_BYTES];
static uint32_t tx_head, tx_tail, rx_head, base;

static void give(unsigned i)
{
    barrier();
    rx_ring[i].command = OWN | BUFFER_BYTES / 4 * 3 | (i == RING - 1 ? END : 0);
}

static volatile uint8_t *reg8(unsigned at) { return (volatile uint8_t *)(uintptr_t)(base + at); }
static volatile uint16_t *reg16(unsigned at) { return (volatile uint16_t *)(uintptr_t)(base + at); }

static bool start(uint16_t io, uint32_t mmio)
{
    (void)io;
    base = mmio;
    *reg8(CR) = 1 << 4; /* reset */
    while (*reg8(CR) & 1 << 4)
        ;
    *reg8(CFG9346) = 0xc0;
    *reg16(CPCR) = 0x0003; /* C+ transmit and receive */
    for (unsigned i = 0; i < 6; i++)
        *reg8(IDR0 + i) = own_mac[i];
    for (unsigned i = 0; i < RING; i++) {
        rx_ring[i].address = address_of(rx_buffer[i]);
        give(i);
    }
    writel(base + TNPDS, address_of(tx));
    writel(base + TNPDS + 4, 0);
    writel(base + RDSAR, address_of(rx_ring));
    writel(base + RDSAR + 4, 0);
    *reg8(ETTHR) = 6;
    *reg8(CR) = 0x0c;
    writel(base + TCR, 3 << 24 | 6 << 8);
    writel(base + RCR, 7 << 13 | 6 << 8 | 0x0a); /* own address and broadcasts */
    *reg8(CFG9346) = 0;
    return true;
}

static unsigned tx_room(void)
{
    while (tx_head != tx_tail && !(tx[tx_head % RING].command & OWN))
        tx_head++;
    return RING - 1 - (tx_tail - tx_head);
}

static void tx_put(const uint8_t *frame, uint32_t bytes)
{
    struct descriptor *d = &tx[tx_tail % RING];

    d->address = address_of(frame);
    barrier();
    d->command = OWN | FIRST | LAST | bytes | (tx_tail % RING == RING - 1 ? END : 0);
    tx_tail++;
}

static void tx_kick(void)
{
    barrier();
    *reg8(TPPOLL) = 1 << 6; /* normal priority */
}

static unsigned rx(unsigned budget, frame_fn *take)
{
    unsigned n = 0;

    for (; n < budget && !(rx_ring[rx_head % RING].command & OWN); n++) {
        take(rx_buffer[rx_head % RING], (rx_ring[rx_head % RING].command & 0x1fff) - 4); /* FCS */
        give(rx_head++ % RING);
    }
    return n;
}

static void irq_off(void)
{
    *reg16(ISR) = *reg16(ISR);
    *reg16(IMR) = 0;
}

static void irq_on(void)
{
    *reg16(IMR) = INTERRUPTS;
}

const struct nic nic_rtl8139cp = {"rtl8139 C+", 0x813910ec, start, tx_room, tx_put, tx_kick, rx, irq_off, irq_on};
