/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RTL8139 in C mode (RTL8139C data sheet): four transmit buffers and one receive ring that frames lie in one behind
 * the other, as Linux's 8139too; both ways are copied.
 */
#include "net.h"

#define SENDERS 4u
#define RING_BYTES 32768u
enum { IDR0 = 0x00, TSD0 = 0x10, TSAD0 = 0x20, RBSTART = 0x30, CR = 0x37, CAPR = 0x38, IMR = 0x3c, ISR = 0x3e,
       TCR = 0x40, RCR = 0x44, CFG9346 = 0x50 };
enum { EMPTY = 1 << 0, TSD_OWN = 1 << 13, TSD_OK = 1 << 15, RX_OK = 1 << 0 };
#define INTERRUPTS (1 << 0 | 1 << 2 | 1 << 4 | 1 << 6) /* ROK, TOK, RXOVW, FOVW */

static uint8_t tx[SENDERS][BUFFER_BYTES], ring[RING_BYTES + 16 + BUFFER_BYTES], frame_copy[BUFFER_BYTES];
static uint32_t tx_head, tx_tail, tx_kicked, tx_bytes[SENDERS], at, base;

static volatile uint8_t *reg8(unsigned r) { return (volatile uint8_t *)(uintptr_t)(base + r); }
static volatile uint16_t *reg16(unsigned r) { return (volatile uint16_t *)(uintptr_t)(base + r); }

static bool start(uint16_t io, uint32_t mmio)
{
    (void)io;
    base = mmio;
    *reg8(CR) = 1 << 4; /* reset */
    while (*reg8(CR) & 1 << 4)
        ;
    *reg8(CFG9346) = 0xc0;
    for (unsigned i = 0; i < 6; i++)
        *reg8(IDR0 + i) = own_mac[i];
    writel(base + RBSTART, address_of(ring));
    for (unsigned i = 0; i < SENDERS; i++)
        writel(base + TSAD0 + 4 * i, address_of(tx[i]));
    *reg8(CR) = 0x0c;
    writel(base + TCR, 3 << 24 | 6 << 8);
    writel(base + RCR, 7 << 13 | 2 << 11 | 7 << 8 | 1 << 7 | 0x0a); /* 32 KiB, no wrap; own address, broadcasts */
    *reg8(CFG9346) = 0;
    return true;
}

/* The status is in the card: one read for each frame that is taken back, as its driver does. */
static unsigned tx_room(void)
{
    while (tx_head != tx_kicked && readl(base + TSD0 + tx_head % SENDERS * 4) & TSD_OK)
        tx_head++;
    return SENDERS - (tx_tail - tx_head);
}

static void tx_put(const uint8_t *frame, uint32_t bytes)
{
    copy(tx[tx_tail % SENDERS], frame, bytes);
    tx_bytes[tx_tail % SENDERS] = bytes;
    tx_tail++;
}

static void tx_kick(void)
{
    for (; tx_kicked != tx_tail; tx_kicked++)
        writel(base + TSD0 + tx_kicked % SENDERS * 4, tx_bytes[tx_kicked % SENDERS]); /* OWN goes to 0 */
}

static unsigned rx(unsigned budget, frame_fn *take)
{
    unsigned n = 0;

    for (; n < budget && !(*reg8(CR) & EMPTY); n++) {
        uint32_t header = *(volatile uint32_t *)(ring + at), bytes = header >> 16;

        if (!(header & RX_OK) || bytes < 64 || bytes > FRAME_BYTES + 4)
            give_up("a received frame's header is wrong\n");
        copy(frame_copy, ring + at + 4, bytes - 4);
        at = (at + 4 + bytes + 3) / 4 * 4 % RING_BYTES;
        *reg16(CAPR) = (uint16_t)(at - 16);
        take(frame_copy, bytes - 4);
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

const struct nic nic_rtl8139c = {"rtl8139 C", 0x813910ec, start, tx_room, tx_put, tx_kick, rx, irq_off, irq_on};
