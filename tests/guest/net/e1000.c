/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 82540EM (317453): legacy descriptors in rings of 256, as Linux's e1000 sets the card up. */
#include "net.h"

#define RING 256u
enum { CTRL = 0x0000, ICR = 0x00c0, ITR = 0x00c4, IMS = 0x00d0, IMC = 0x00d8, RCTL = 0x0100, TCTL = 0x0400, TIPG = 0x0410,
       RDBAL = 0x2800, RDLEN = 0x2808, RDH = 0x2810, RDT = 0x2818, TDBAL = 0x3800, TDLEN = 0x3808, TDH = 0x3810,
       TDT = 0x3818, MTA = 0x5200, RAL = 0x5400, RAH = 0x5404 };
enum { CTRL_RST = 1 << 26, CTRL_SLU = 1 << 6, CTRL_ASDE = 1 << 5 };
enum { INT_TXDW = 1 << 0, INT_LSC = 1 << 2, INT_RXSEQ = 1 << 3, INT_RXDMT0 = 1 << 4, INT_RXT0 = 1 << 7 };
#define INTERRUPTS (INT_TXDW | INT_RXDMT0 | INT_RXT0)
#define COMMAND 0x0b000000u /* EOP, IFCS, RS */
#define DONE 1u

struct descriptor {
    uint32_t address, address_high;
    volatile uint32_t length_command; /* received: length, checksum */
    volatile uint32_t status;
};

static struct descriptor tx[RING], rx_ring[RING] __attribute__((aligned(128)));
static uint8_t rx_buffer[RING][BUFFER_BYTES];
static uint32_t base, tx_head, tx_tail, rx_head;

static bool start(uint16_t io, uint32_t mmio)
{
    (void)io;
    base = mmio;
    writel(base + IMC, 0xffffffff);
    writel(base + CTRL, readl(base + CTRL) | CTRL_RST);
    while (readl(base + CTRL) & CTRL_RST)
        ;
    writel(base + CTRL, readl(base + CTRL) | CTRL_SLU | CTRL_ASDE);
    writel(base + RAL, own_mac[0] | own_mac[1] << 8 | own_mac[2] << 16 | (uint32_t)own_mac[3] << 24);
    writel(base + RAH, own_mac[4] | own_mac[5] << 8 | 0x80000000u);
    for (unsigned i = 0; i < RING; i++)
        rx_ring[i].address = address_of(rx_buffer[i]);
    writel(base + RDBAL, address_of(rx_ring));
    writel(base + RDLEN, sizeof(rx_ring));
    writel(base + RDT, RING - 1);
    writel(base + TDBAL, address_of(tx));
    writel(base + TDLEN, sizeof(tx));
    writel(base + TIPG, 0x602008);
    writel(base + TCTL, 1 << 1 | 1 << 3 | 15 << 4 | 64 << 12);
    writel(base + RCTL, 1 << 1 | 1 << 15 | 1 << 26); /* on, broadcasts, 2048 bytes, FCS left out */
    writel(base + ITR, 195);                          /* 20,000 a second */
    return true;
}

static unsigned tx_room(void)
{
    while (tx_head != tx_tail && tx[tx_head % RING].status & DONE)
        tx_head++;
    return RING - 1 - (tx_tail - tx_head);
}

static void tx_put(const uint8_t *frame, uint32_t bytes)
{
    struct descriptor *d = &tx[tx_tail++ % RING];

    d->address = address_of(frame);
    d->status = 0;
    d->length_command = COMMAND | bytes;
}

static void tx_kick(void)
{
    barrier();
    writel(base + TDT, tx_tail % RING);
}

static unsigned rx(unsigned budget, frame_fn *take)
{
    unsigned n = 0;

    for (; n < budget && rx_ring[rx_head % RING].status & DONE; n++) {
        struct descriptor *d = &rx_ring[rx_head % RING];

        take(rx_buffer[rx_head % RING], d->length_command & 0xffff);
        d->status = 0;
        rx_head++;
    }
    if (n) {
        barrier();
        writel(base + RDT, (rx_head - 1) % RING);
    }
    return n;
}

static void irq_off(void)
{
    readl(base + ICR);
    writel(base + IMC, 0xffffffff);
}

static void irq_on(void)
{
    writel(base + IMS, INTERRUPTS);
}

const struct nic nic_e1000 = {"e1000", 0x100e8086, start, tx_room, tx_put, tx_kick, rx, irq_off, irq_on};
