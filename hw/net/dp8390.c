/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registers of the chip, by page. */
#include "hw/net/dp8390.h"

#include <string.h>

#include "hw/net/dp8390_internal.h"

const char *const dp8390_rx_names[DP8390_RX_STATES] = {"off", "ready", "full", "overrun"};
const char *const dp8390_tx_names[DP8390_TX_STATES] = {"idle", "held"};
const char *const dp8390_remote_names[DP8390_REMOTE_STATES] = {"idle", "read", "write", "send"};

#define NOBODY 0xff
#define PAGE(cr) ((cr) >> 6)
#define RCR_BITS 0x3f
#define TCR_BITS 0x1f
#define DCR_BITS 0x7f

/* RTL8029AS, page 3. */
enum { EEM = 0xc0, EEM_LOAD = 0x40, EEM_CONFIG = 0xc0, CR9346_BITS = 0xce, EEDO = 0x01 };
enum { CONFIG0_10BASET = 0x00, CONFIG2_RESET = 0x40, CONFIG3_RESET = 0x40 };
enum { CONFIG2_WRITABLE = 0xe0, CONFIG3_WRITABLE = 0x76 };
enum { ID0 = 0x50, ID1 = 0x43, ASID0 = 0x29, ASID1 = 0x80 };

static bool is_rtl(const struct dp8390 *c) { return c->variant == DP8390_RTL8029; }

/* ---- what is derived from the state ---- */

/* RST tells of the reset state and of an overrun; it makes no interrupt (section 10.3, ISR). */
static uint8_t isr(const struct dp8390 *c)
{
    bool rst = dp8390_stopped(c) || c->rx_state == DP8390_RX_OVERRUN;

    return (uint8_t)(c->isr | (rst ? DP8390_ISR_RST : 0));
}

void dp8390_update(struct dp8390 *c) { c->port->pin(c->opaque, c->isr & c->imr); }

/* ---- the board's memory ---- */

void dp8390_get(struct dp8390 *c, uint16_t addr, uint8_t *out, size_t len)
{
    while (len) {
        size_t n = len;
        const uint8_t *from = c->port->memory(c->opaque, addr, &n, false);

        if (from)
            memcpy(out, from, n);
        else
            memset(out, NOBODY, n);
        out += n;
        addr = (uint16_t)(addr + n);
        len -= n;
    }
}

void dp8390_put(struct dp8390 *c, uint16_t addr, const uint8_t *data, size_t len)
{
    while (len) {
        size_t n = len;
        uint8_t *to = c->port->memory(c->opaque, addr, &n, true);

        if (to)
            memcpy(to, data, n);
        data += n;
        addr = (uint16_t)(addr + n);
        len -= n;
    }
}

/* ---- the command register, in every page ---- */

static uint8_t read_cr(const struct dp8390 *c)
{
    return (uint8_t)(c->cr | (c->tx_state == DP8390_TX_HELD ? DP8390_CR_TXP : 0));
}

/*
 * STP rules over STA, and with neither the chip goes on as it is. A transmission that the wire has not taken
 * yet is dropped without PTX: as section 7's recovery from an overrun has it, the driver sends it again.
 */
static void write_cr(struct dp8390 *c, uint8_t v)
{
    c->cr = (uint8_t)(v & ~DP8390_CR_TXP);
    if (v & DP8390_CR_STP) {
        dp8390_abandon_transmit(c);
        dp8390_set_rx(c, DP8390_RX_OFF);
    } else if ((v & DP8390_CR_STA) && dp8390_stopped(c)) {
        dp8390_set_rx(c, DP8390_RX_READY);
    }
    dp8390_remote_command(c, v);
    if (v & DP8390_CR_TXP)
        dp8390_transmit(c);
}

/* ---- page 0 ---- */

static uint8_t read_fifo(struct dp8390 *c)
{
    uint8_t byte = c->fifo[c->fifo_pos];

    c->fifo_pos = (c->fifo_pos + 1) % DP8390_FIFO_BYTES;
    return byte;
}

static uint8_t read_tally(struct dp8390 *c, unsigned n)
{
    uint8_t count = c->tally[n];

    c->tally[n] = 0;
    return count;
}

static uint8_t rsr(const struct dp8390 *c)
{
    return (uint8_t)(c->rsr | (c->rcr & DP8390_RCR_MON ? DP8390_RSR_DIS : 0));
}

static uint8_t read_page0(struct dp8390 *c, unsigned reg)
{
    switch (reg) {
    case 0x1: return (uint8_t)c->clda;
    case 0x2: return (uint8_t)(c->clda >> 8);
    case 0x3: return c->bnry;
    case 0x4: return c->tsr;
    case 0x5: return 0; /* NCR: nobody collides */
    case 0x6: return read_fifo(c);
    case 0x7: return isr(c);
    case 0x8: return (uint8_t)c->rsar;
    case 0x9: return (uint8_t)(c->rsar >> 8);
    case 0xa: return is_rtl(c) ? ID0 : NOBODY;
    case 0xb: return is_rtl(c) ? ID1 : NOBODY;
    case 0xc: return rsr(c);
    default: return read_tally(c, reg - 0xd);
    }
}

static void set_low(uint16_t *reg, uint8_t v) { *reg = (uint16_t)((*reg & 0xff00) | v); }
static void set_high(uint16_t *reg, uint8_t v) { *reg = (uint16_t)((*reg & 0x00ff) | v << 8); }

static void set_ring(struct dp8390 *c, uint8_t *pointer, uint8_t v)
{
    *pointer = v;
    dp8390_ring_moved(c);
}

static void set_filter(struct dp8390 *c, uint8_t *reg, uint8_t v)
{
    bool changed = *reg != v;

    *reg = v;
    if (changed)
        c->port->filter_changed(c->opaque);
}

static void write_page0(struct dp8390 *c, unsigned reg, uint8_t v)
{
    switch (reg) {
    case 0x1: set_ring(c, &c->pstart, v); break;
    case 0x2: set_ring(c, &c->pstop, v); break;
    case 0x3: set_ring(c, &c->bnry, v); break;
    case 0x4: c->tpsr = v; break;
    case 0x5: set_low(&c->tbcr, v); break;
    case 0x6: set_high(&c->tbcr, v); break;
    case 0x7: c->isr &= (uint8_t)~v; break;
    case 0x8: set_low(&c->rsar, v); break;
    case 0x9: set_high(&c->rsar, v); break;
    case 0xa: set_low(&c->rbcr, v); break;
    case 0xb: set_high(&c->rbcr, v); break;
    case 0xc: set_filter(c, &c->rcr, v & RCR_BITS); break;
    case 0xd: c->tcr = v & TCR_BITS; break;
    case 0xe: c->dcr = v & DCR_BITS; break;
    case 0xf: c->imr = v & DP8390_ISR_CAUSES; break;
    default: break;
    }
}

/* ---- page 1: addresses ---- */

static uint8_t read_page1(struct dp8390 *c, unsigned reg)
{
    if (reg < 0x7)
        return c->par[reg - 0x1];
    return reg == 0x7 ? c->curr : c->mar[reg - 0x8];
}

static void write_page1(struct dp8390 *c, unsigned reg, uint8_t v)
{
    if (reg < 0x7)
        set_filter(c, &c->par[reg - 0x1], v);
    else if (reg == 0x7)
        set_ring(c, &c->curr, v);
    else
        set_filter(c, &c->mar[reg - 0x8], v);
}

/* ---- page 2: for diagnostics ---- */

static uint8_t read_page2(struct dp8390 *c, unsigned reg)
{
    bool ones = is_rtl(c); /* its unused bits read so */

    switch (reg) {
    case 0x1: return c->pstart;
    case 0x2: return c->pstop;
    case 0x3: return c->rnpp;
    case 0x4: return c->tpsr;
    case 0x5: return c->lnpp;
    case 0x6: return (uint8_t)(c->address_counter >> 8);
    case 0x7: return (uint8_t)c->address_counter;
    case 0xc: return (uint8_t)(c->rcr | (ones ? 0xc0 : 0));
    case 0xd: return (uint8_t)(c->tcr | (ones ? 0xe0 : 0));
    case 0xe: return (uint8_t)(c->dcr | (ones ? 0x80 : 0));
    case 0xf: return (uint8_t)(c->imr | (ones ? 0x80 : 0));
    default: return NOBODY;
    }
}

static void write_page2(struct dp8390 *c, unsigned reg, uint8_t v)
{
    switch (reg) {
    case 0x1: set_low(&c->clda, v); break;
    case 0x2: set_high(&c->clda, v); break;
    case 0x3: c->rnpp = v; break;
    case 0x5: c->lnpp = v; break;
    case 0x6: set_high(&c->address_counter, v); break;
    case 0x7: set_low(&c->address_counter, v); break;
    default: break;
    }
}

/* ---- page 3: Realtek's ---- */

/* No EEPROM hangs on the chip's pins: its data line reads as one, and auto-load brings the reset values. */
static uint8_t read_page3(struct dp8390 *c, unsigned reg)
{
    if (!is_rtl(c))
        return NOBODY;
    switch (reg) {
    case 0x1: return c->cr9346 | EEDO;
    case 0x3: return CONFIG0_10BASET;
    case 0x5: return c->config2;
    case 0x6: return c->config3;
    case 0xe: return ASID0;
    case 0xf: return ASID1;
    default: return NOBODY;
    }
}

static void write_9346cr(struct dp8390 *c, uint8_t v)
{
    c->cr9346 = v & CR9346_BITS;
    if ((v & EEM) != EEM_LOAD)
        return;
    c->config2 = CONFIG2_RESET;
    c->config3 = CONFIG3_RESET;
    c->cr9346 = 0; /* it returns to normal mode by itself */
}

static void write_page3(struct dp8390 *c, unsigned reg, uint8_t v)
{
    bool open = (c->cr9346 & EEM) == EEM_CONFIG;

    if (!is_rtl(c))
        return;
    if (reg == 0x1)
        write_9346cr(c, v);
    else if (reg == 0x5 && open)
        c->config2 = (uint8_t)((c->config2 & ~CONFIG2_WRITABLE) | (v & CONFIG2_WRITABLE));
    else if (reg == 0x6 && open)
        c->config3 = v & CONFIG3_WRITABLE;
}

static const struct {
    uint8_t (*read)(struct dp8390 *c, unsigned reg);
    void (*write)(struct dp8390 *c, unsigned reg, uint8_t value);
} pages[4] = {
    {read_page0, write_page0},
    {read_page1, write_page1},
    {read_page2, write_page2},
    {read_page3, write_page3},
};

uint8_t dp8390_read(struct dp8390 *c, unsigned reg)
{
    uint8_t value;

    if (reg == 0)
        return read_cr(c);
    value = pages[PAGE(c->cr)].read(c, reg % DP8390_REGS);
    dp8390_update(c);
    return value;
}

void dp8390_write(struct dp8390 *c, unsigned reg, uint8_t value)
{
    if (reg == 0)
        write_cr(c, value);
    else
        pages[PAGE(c->cr)].write(c, reg % DP8390_REGS, value);
    dp8390_update(c);
}

/* ---- life ---- */

void dp8390_hard_reset(struct dp8390 *c)
{
    c->cr = DP8390_CR_ABORT | DP8390_CR_STP;
    c->imr = 0;
    c->dcr |= DP8390_DCR_LAS;
    c->tcr &= (uint8_t)~DP8390_TCR_LB;
    c->remote = DP8390_REMOTE_IDLE;
    dp8390_abandon_transmit(c);
    dp8390_set_rx(c, DP8390_RX_OFF);
    dp8390_update(c);
}

void dp8390_reset(struct dp8390 *c)
{
    c->port->patience(c->opaque, -1);
    dp8390_update(c);
    c->port->room(c->opaque); /* a chip that is off takes all and keeps nothing */
}

const char *dp8390_check(const struct dp8390 *c)
{
    bool stp = c->cr & DP8390_CR_STP, sta = c->cr & DP8390_CR_STA;

    if (c->cr & DP8390_CR_TXP)
        return "cr holds TXP, which is derived";
    if (stp && !dp8390_stopped(c))
        return "STP is set, and the receiver is not off";
    if (sta && !stp && dp8390_stopped(c))
        return "STA is set, and the receiver is off";
    if (c->rx_waits >= (c->rx_state == DP8390_RX_FULL ? DP8390_WAITS : 1))
        return "the receiver waits for room that it has";
    if (dp8390_stopped(c) && c->tx_state != DP8390_TX_IDLE)
        return "a frame is held while the chip is stopped";
    if (c->remote != DP8390_REMOTE_IDLE && (c->cr & DP8390_CR_ABORT))
        return "remote DMA runs after its abort";
    if (c->variant != DP8390_RTL8029 && c->cr9346)
        return "a register of page 3 is set in a chip that has none";
    return NULL;
}

const char *dp8390_post_load(struct dp8390 *c)
{
    const char *why = dp8390_check(c);

    if (why)
        return why;
    dp8390_sent(c); /* another wire may be there */
    c->port->room(c->opaque);
    return NULL;
}
