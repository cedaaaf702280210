/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NE2000 on ISA and RTL8029 on PCI (DP8390D data sheet; RTL8029AS, 16-bit data port): frames go into and out of the
 * card's memory by remote DMA. Two transmit buffers, as Linux's 8390.
 */
#include "net.h"

enum { CR = 0x00, PSTART = 0x01, PSTOP = 0x02, BNRY = 0x03, TPSR = 0x04, TBCR0 = 0x05, TBCR1 = 0x06, ISR = 0x07,
       RSAR0 = 0x08, RSAR1 = 0x09, RBCR0 = 0x0a, RBCR1 = 0x0b, RCR = 0x0c, TCR = 0x0d, DCR = 0x0e, IMR = 0x0f,
       CURR = 0x07 /* page 1 */, DATA = 0x10, RESET = 0x1f };
enum { STOP = 1, START = 2, TXP = 4, READ = 8, WRITE = 0x10, IDLE = 0x20, PAGE1 = 0x40 };
enum { PRX = 1, PTX = 2, OVW = 0x10, RDC = 0x40 };
enum { TX_PAGE = 0x40, TX_PAGES = 6, RX_FIRST = 0x4c, RX_END = 0x80, SENDERS = 2 };

static uint16_t base;
static uint32_t tx_head, tx_tail, tx_started, tx_bytes[SENDERS];
static uint8_t next_page, frame_copy[BUFFER_BYTES] __attribute__((aligned(4)));

static void reg(unsigned r, uint32_t value) { outb(base + r, (uint8_t)value); }

static void remote(uint32_t address, uint32_t bytes, uint8_t direction)
{
    reg(RBCR0, bytes);
    reg(RBCR1, bytes >> 8);
    reg(RSAR0, address);
    reg(RSAR1, address >> 8);
    reg(CR, START | direction);
}

static void read_card(uint32_t address, void *to, uint32_t bytes)
{
    uint64_t words = (bytes + 1) / 2;

    remote(address, bytes + (bytes & 1), READ);
    __asm__ volatile("rep insw" : "+D"(to), "+c"(words) : "d"(base + DATA) : "memory");
    reg(ISR, RDC);
}

static void write_card(uint32_t address, const void *from, uint32_t bytes)
{
    uint64_t words = (bytes + 1) / 2;

    remote(address, bytes + (bytes & 1), WRITE);
    __asm__ volatile("rep outsw" : "+S"(from), "+c"(words) : "d"(base + DATA) : "memory");
    while (!(inb(base + ISR) & RDC))
        ;
    reg(ISR, RDC);
}

static bool start(uint16_t io, uint32_t mmio)
{
    (void)mmio;
    base = io;
    reg(RESET, inb(base + RESET));
    reg(CR, IDLE | STOP);
    reg(DCR, 0x49); /* words, no loopback */
    reg(RBCR0, 0);
    reg(RBCR1, 0);
    reg(RCR, 0x20); /* monitor */
    reg(TCR, 0x02); /* loopback */
    reg(PSTART, RX_FIRST);
    reg(PSTOP, RX_END);
    reg(BNRY, RX_FIRST);
    reg(ISR, 0xff);
    reg(IMR, 0);
    reg(CR, IDLE | STOP | PAGE1);
    for (unsigned i = 0; i < 6; i++)
        reg(1 + i, own_mac[i]);
    next_page = RX_FIRST + 1;
    reg(CURR, next_page);
    reg(CR, IDLE | START);
    reg(TCR, 0);
    reg(RCR, 0x04); /* own address and broadcasts */
    return true;
}

/* One frame at a time goes out; the next is in the card's memory meanwhile. */
static void send_next(void)
{
    if (tx_started != tx_head || tx_started == tx_tail)
        return;
    reg(TPSR, TX_PAGE + tx_started % SENDERS * TX_PAGES);
    reg(TBCR0, tx_bytes[tx_started % SENDERS]);
    reg(TBCR1, tx_bytes[tx_started % SENDERS] >> 8);
    reg(CR, IDLE | START | TXP);
    tx_started++;
}

static unsigned tx_room(void)
{
    if (tx_head != tx_started && inb(base + ISR) & PTX) {
        reg(ISR, PTX);
        tx_head++;
        send_next();
    }
    return SENDERS - (tx_tail - tx_head);
}

static void tx_put(const uint8_t *frame, uint32_t bytes)
{
    write_card((TX_PAGE + tx_tail % SENDERS * TX_PAGES) << 8, frame, bytes);
    tx_bytes[tx_tail++ % SENDERS] = bytes;
    send_next();
}

static void tx_kick(void) {}

static uint8_t current_page(void)
{
    uint8_t page;

    reg(CR, IDLE | START | PAGE1);
    page = inb(base + CURR);
    reg(CR, IDLE | START);
    return page;
}

/* The ring was full: the receiver is stopped until its driver has been through here (data sheet, 7.0). */
static void after_overflow(void)
{
    reg(CR, IDLE | STOP);
    reg(RBCR0, 0);
    reg(RBCR1, 0);
    reg(TCR, 0x02);
    reg(CR, IDLE | START);
}

/* A frame from the page on, over the ring's end if need be: remote DMA wraps by itself. */
static void take_frame(frame_fn *take)
{
    uint8_t header[4];
    uint32_t bytes;

    read_card((uint32_t)next_page << 8, header, sizeof(header));
    bytes = header[2] | header[3] << 8;
    if (header[1] < RX_FIRST || header[1] >= RX_END || bytes < 64 || bytes > FRAME_BYTES + 4)
        give_up("a received frame's header is wrong\n");
    read_card(((uint32_t)next_page << 8) + 4, frame_copy, bytes - 4);
    next_page = header[1];
    reg(BNRY, next_page == RX_FIRST ? RX_END - 1 : next_page - 1);
    take(frame_copy, bytes - 4);
}

static unsigned rx(unsigned budget, frame_fn *take)
{
    uint8_t causes = inb(base + ISR), last;
    unsigned n = 0;

    if (causes & OVW)
        after_overflow();
    if (causes & (PRX | OVW))
        reg(ISR, causes & (PRX | OVW)); /* before the ring is looked at: a frame from now on is a new cause */
    last = current_page();
    for (; n < budget && next_page != last; n++)
        take_frame(take);
    if (causes & OVW)
        reg(TCR, 0);
    return n;
}

static void irq_off(void)
{
    reg(IMR, 0);
}

static void irq_on(void)
{
    reg(IMR, PRX | PTX | OVW);
}

const struct nic nic_ne2k_pci = {"ne2k_pci", 0x802910ec, start, tx_room, tx_put, tx_kick, rx, irq_off, irq_on};
const struct nic nic_ne2k_isa = {"ne2k_isa", 0, start, tx_room, tx_put, tx_kick, rx, irq_off, irq_on};
