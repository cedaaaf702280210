/* SPDX-License-Identifier: GPL-2.0-or-later */
/* States, interrupts and CSRs of the chip; "User Accessible Registers". */
#include "hw/net/pcnet.h"

#include <string.h>

#include "hw/net/pcnet_internal.h"

const char *const pcnet_state_names[PCNET_STATES] = {"stopped", "ready", "running", "suspending", "suspended"};
const char *const pcnet_tx_names[PCNET_TX_STATES] = {"off", "idle", "held", "loop"};
const char *const pcnet_rx_names[PCNET_RX_STATES] = {"off", "ready", "waiting", "starved"};
const char *const pcnet_tx_timer_names[PCNET_TIMERS] = {"off", "poll", "now"};

#define CLOCK_NS 30 /* of PCI */
#define POLL_FASTEST_NS 500000ll

#define CSR0_CAUSES (CSR0_BABL | CSR0_CERR | CSR0_MISS | CSR0_MERR | CSR0_RINT | CSR0_TINT | CSR0_IDON)
#define CSR0_ERRORS (CSR0_BABL | CSR0_CERR | CSR0_MISS | CSR0_MERR)
#define CSR0_INTERRUPTS (CSR0_CAUSES & ~CSR0_CERR)
#define CSR4_CAUSES 0x026a /* MFCO, UINT, RCVCCO, TXSTRT, JAB */
#define CSR4_MASKS 0x0115  /* each below its cause; UINT has none */
#define CSR4_KEPT 0xfd15
#define CSR5_CAUSES 0x0a90  /* SINT, SLPINT, EXDINT, MPINT */
#define CSR5_MPINT 0x0010
#define CSR5_ENABLES 0x0548 /* each below its cause */
#define CSR5_KEPT (CSR5_TOKINTD | CSR5_LTINTEN | CSR5_ENABLES | CSR5_SPND)

enum { IADR = 1, MASKS = 3, RLEN = 6, LADRF = 8, PADR = 12, MODE = 15, BADR = 24, CRDA = 28, BADX = 30,
       CXDA = 34, POLLINT = 47, SWS = 58, RCVRC = 72, XMTRC = 74, RCVRL = 76, XMTRL = 78, CHIP_ID = 88 };

/* ---- what is derived from the state ---- */

static bool interrupt_due(const struct pcnet *c)
{
    uint16_t csr4 = c->csr[4], csr5 = c->csr[5];

    return (c->csr[0] & CSR0_INTERRUPTS & ~c->csr[MASKS]) || (csr4 & CSR4_UINT) ||
           (csr4 >> 1 & ~csr4 & CSR4_MASKS) || (csr5 >> 1 & csr5 & CSR5_ENABLES);
}

static uint16_t csr0(const struct pcnet *c)
{
    uint16_t v = c->csr[0];

    if (v & CSR0_ERRORS)
        v |= CSR0_ERR;
    if (interrupt_due(c))
        v |= CSR0_INTR;
    if (c->rx_state != PCNET_RX_OFF)
        v |= CSR0_RXON;
    if (c->tx_state != PCNET_TX_OFF)
        v |= CSR0_TXON;
    return v | (c->state == PCNET_STOPPED ? CSR0_STOP : 0);
}

/* SPND reads as set when all has come to rest. */
static uint16_t csr5(const struct pcnet *c)
{
    bool rests = c->state != PCNET_RUNNING && c->state != PCNET_SUSPENDING;

    return (uint16_t)(c->csr[5] & ~(rests ? 0 : CSR5_SPND));
}

static int64_t poll_ns(const struct pcnet *c)
{
    int64_t ns = (0x10000 - c->csr[POLLINT]) * (int64_t)CLOCK_NS;

    ns = (ns < POLL_FASTEST_NS ? POLL_FASTEST_NS : ns) << c->idle_polls;
    return ns < PCNET_POLL_SLOWEST_NS ? ns : PCNET_POLL_SLOWEST_NS;
}

static enum pcnet_tx_timer wanted_timer(const struct pcnet *c)
{
    if (c->tx_state == PCNET_TX_LOOP)
        return PCNET_TIMER_NOW;
    if (c->state != PCNET_RUNNING || c->tx_state != PCNET_TX_IDLE)
        return PCNET_TIMER_OFF;
    if (c->tx_more)
        return PCNET_TIMER_NOW;
    return c->csr[4] & CSR4_TXDPOLL ? PCNET_TIMER_OFF : PCNET_TIMER_POLL;
}

void pcnet_update(struct pcnet *c)
{
    enum pcnet_tx_timer wanted = wanted_timer(c);

    c->port->pin(c->opaque, interrupt_due(c) && (c->csr[0] & CSR0_IENA));
    if (wanted == c->tx_timer)
        return;
    c->tx_timer = (uint8_t)wanted;
    c->port->tx_timer(c->opaque, wanted == PCNET_TIMER_OFF ? -1 : wanted == PCNET_TIMER_NOW ? 0 : poll_ns(c));
}

void pcnet_bus_error(struct pcnet *c)
{
    c->csr[0] |= CSR0_MERR;
    c->csr[5] |= CSR5_SINT;
    c->port->bus_error(c->opaque);
}

/* ---- states ---- */

/* The one place that assigns it. Who leaves a suspension lets the wire go on. */
static void set_state(struct pcnet *c, enum pcnet_state state)
{
    bool was_suspended = c->state == PCNET_SUSPENDED || c->state == PCNET_SUSPENDING;

    c->state = (uint8_t)state;
    if (was_suspended && state != PCNET_SUSPENDED)
        c->port->room(c->opaque);
}

void pcnet_settle_suspend(struct pcnet *c)
{
    if (c->state == PCNET_SUSPENDING && c->tx_state != PCNET_TX_HELD && c->tx_state != PCNET_TX_LOOP)
        set_state(c, PCNET_SUSPENDED);
}

static void suspend(struct pcnet *c)
{
    set_state(c, PCNET_SUSPENDING);
    pcnet_settle_suspend(c);
}

/* A frame under way is dropped. All of CSR0 goes, and what CSR4 and CSR5 list under STOP. */
static void stop(struct pcnet *c)
{
    pcnet_set_tx(c, PCNET_TX_OFF);
    pcnet_set_rx(c, PCNET_RX_OFF);
    set_state(c, PCNET_STOPPED);
    c->tx_more = false;
    c->idle_polls = 0;
    c->csr[0] = 0;
    c->csr[4] &= (uint16_t)~CSR4_CAUSES;
    c->csr[5] &= (uint16_t)~(CSR5_SPND | CSR5_MPINT);
}

/* After a stop the rings begin anew, with or without INIT: so it is in the PCnet family, and Linux counts on it. */
static void start(struct pcnet *c)
{
    if (c->state == PCNET_STOPPED)
        c->rx_index = c->tx_index = 0;
    c->csr[0] |= CSR0_STRT;
    set_state(c, PCNET_RUNNING);
    pcnet_set_tx(c, c->csr[MODE] & CSR15_DTX ? PCNET_TX_OFF : PCNET_TX_IDLE);
    pcnet_set_rx(c, c->csr[MODE] & CSR15_DRX ? PCNET_RX_OFF : PCNET_RX_READY);
    if (c->csr[5] & CSR5_SPND)
        suspend(c);
    pcnet_transmit(c);
}

/* ---- the initialization block ---- */

static uint16_t word_at(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t long_at(const uint8_t *p) { return word_at(p) | (uint32_t)word_at(p + 2) << 16; }

static void set_pair(struct pcnet *c, unsigned low, uint32_t v)
{
    c->csr[low] = (uint16_t)v;
    c->csr[low + 1] = (uint16_t)(v >> 16);
}

/* Lengths are given as powers of two, up to 2^9. */
static void set_rings(struct pcnet *c, unsigned rlen, unsigned tlen, uint32_t rdra, uint32_t tdra)
{
    set_pair(c, BADR, rdra);
    set_pair(c, BADX, tdra);
    c->csr[RLEN] = (uint16_t)(tlen << 12 | rlen << 8);
    c->csr[RCVRL] = (uint16_t)(0x10000 - (1u << (rlen < 9 ? rlen : 9)));
    c->csr[XMTRL] = (uint16_t)(0x10000 - (1u << (tlen < 9 ? tlen : 9)));
    c->rx_index = c->tx_index = 0;
}

static void set_words(struct pcnet *c, unsigned first, const uint8_t *p, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        c->csr[first + i] = word_at(p + 2 * i);
}

static void take_block_16(struct pcnet *c, const uint8_t *b)
{
    uint32_t high = (uint32_t)(c->csr[IADR + 1] & 0xff00) << 16;

    c->csr[MODE] = word_at(b);
    set_words(c, PADR, b + 2, 3);
    set_words(c, LADRF, b + 8, 4);
    set_rings(c, b[19] >> 5, b[23] >> 5, (long_at(b + 16) & 0xffffff) | high, (long_at(b + 20) & 0xffffff) | high);
}

static void take_block_32(struct pcnet *c, const uint8_t *b)
{
    c->csr[MODE] = word_at(b);
    set_words(c, PADR, b + 4, 3);
    set_words(c, LADRF, b + 12, 4);
    set_rings(c, b[2] >> 4, b[3] >> 4, long_at(b + 20), long_at(b + 24));
}

/* SSIZE32 goes with the software style. */
static void initialize(struct pcnet *c)
{
    bool wide = pcnet_style(c) != 0;
    uint8_t block[28];

    if (!dma_read(c->dma, pcnet_pair(c, IADR) & ~(wide ? 3u : 1u), block, wide ? 28 : 24)) {
        c->port->mistake(c->opaque, "the initialization block is not in memory");
        pcnet_bus_error(c);
        return;
    }
    if (wide)
        take_block_32(c, block);
    else
        take_block_16(c, block);
    if (c->state == PCNET_STOPPED)
        set_state(c, PCNET_READY);
    c->csr[0] |= CSR0_INIT | CSR0_IDON;
    c->port->filter_changed(c->opaque);
}

/* ---- CSR 0, 4, 5 ---- */

/* STOP rules over INIT and STRT; INIT comes before STRT. */
static void write_csr0(struct pcnet *c, uint16_t v)
{
    c->csr[0] &= (uint16_t)~(v & CSR0_CAUSES);
    c->csr[0] = (uint16_t)((c->csr[0] & ~CSR0_IENA) | (v & CSR0_IENA));
    if (v & CSR0_STOP) {
        stop(c);
        return;
    }
    if ((v & CSR0_INIT) && !(c->csr[0] & CSR0_INIT))
        initialize(c);
    if ((v & CSR0_STRT) && !(c->csr[0] & CSR0_STRT))
        start(c);
    if (v & CSR0_TDMD)
        pcnet_transmit(c);
}

static void write_csr4(struct pcnet *c, uint16_t v)
{
    uint16_t causes = (uint16_t)(c->csr[4] & CSR4_CAUSES & ~v);

    if (v & CSR4_UINTCMD)
        causes |= CSR4_UINT;
    c->csr[4] = (uint16_t)((v & CSR4_KEPT) | causes);
}

static void write_csr5(struct pcnet *c, uint16_t v)
{
    c->csr[5] = (uint16_t)((v & CSR5_KEPT) | (c->csr[5] & CSR5_CAUSES & ~v));
    if ((v & CSR5_SPND) && c->state == PCNET_RUNNING) {
        suspend(c);
    } else if (!(v & CSR5_SPND) && (c->state == PCNET_SUSPENDED || c->state == PCNET_SUSPENDING)) {
        set_state(c, PCNET_RUNNING);
        pcnet_transmit(c);
    }
}

/* ---- the other CSRs ---- */

/*
 * Which can be written, and when; what is not listed cannot. SOFT: S_RESET sets it to its reset value, which
 * H_RESET does for all.
 */
enum { ALWAYS = 1, AT_REST = 2, SOFT = 4 };
static const struct csr_row {
    uint8_t first, last, how;
    uint16_t mask, reset;
} csr_rows[] = {
    {1, 2, AT_REST, 0xffff, 0},              /* IADR */
    {3, 3, ALWAYS | SOFT, 0x5f5c, 0},        /* masks; not LAPPEN */
    {4, 4, SOFT, 0, 0x0115},
    {5, 5, SOFT, 0, 0},
    {8, 15, AT_REST, 0xffff, 0},             /* LADRF, PADR, MODE */
    {18, 27, AT_REST, 0xffff, 0},            /* CRBA, CXBA, NRBA, BADR, NRDA */
    {30, 33, AT_REST, 0xffff, 0},            /* BADX, NXDA */
    {36, 47, AT_REST, 0xffff, 0},            /* NNRDA ... POLL, POLLINT */
    {60, 67, AT_REST, 0xffff, 0},            /* previous and next transmit buffer */
    {76, 76, AT_REST, 0xffff, 0xffff},       /* RCVRL: one descriptor */
    {78, 78, AT_REST, 0xffff, 0xffff},       /* XMTRL */
    {80, 80, AT_REST | SOFT, 0x3fff, 0x1410}, /* FIFO watermarks */
    {82, 82, AT_REST | SOFT, 0xffff, 0},
    {84, 86, AT_REST, 0xffff, 0},
    {100, 100, AT_REST | SOFT, 0xffff, 0x0200}, /* MERRTO */
    {112, 112, SOFT, 0, 0},                  /* MFC */
    {114, 114, SOFT, 0, 0},                  /* RCC */
    {122, 122, ALWAYS | SOFT, 0x0001, 0},    /* RCVALGN */
    {124, 124, ALWAYS | SOFT, CSR124_RPA, 0},
};
#define CSR_ROWS (sizeof(csr_rows) / sizeof(csr_rows[0]))

static const struct csr_row *find_csr(unsigned n)
{
    for (unsigned i = 0; i < CSR_ROWS; i++) {
        if (n >= csr_rows[i].first && n <= csr_rows[i].last)
            return &csr_rows[i];
    }
    return NULL;
}

/* The counter of a ring runs from its length, as a negative number, up. */
static void set_counter(struct pcnet *c, uint16_t *index, enum pcnet_ring ring, uint16_t v)
{
    uint16_t from_start = (uint16_t)(v - c->csr[ring == PCNET_RX_RING ? RCVRL : XMTRL]);

    if (pcnet_may_set_up(c))
        *index = (uint16_t)(from_start % pcnet_ring_length(c, ring));
}

static void write_plain_csr(struct pcnet *c, unsigned n, uint16_t v)
{
    const struct csr_row *row = find_csr(n);

    if (!row || !((row->how & ALWAYS) || ((row->how & AT_REST) && pcnet_may_set_up(c))))
        return;
    if (n >= LADRF && n <= MODE && c->csr[n] != v)
        c->port->filter_changed(c->opaque);
    c->csr[n] = v & row->mask;
    if (n == RCVRL)
        c->rx_index = 0;
    else if (n == XMTRL)
        c->tx_index = 0;
}

static void write_csr(struct pcnet *c, unsigned n, uint16_t v)
{
    switch (n) {
    case 0: write_csr0(c, v); break;
    case 4: write_csr4(c, v); break;
    case 5: write_csr5(c, v); break;
    case 16: write_plain_csr(c, IADR, v); break;
    case 17: write_plain_csr(c, IADR + 1, v); break;
    case SWS: pcnet_write_style(c, v); break;
    case RCVRC: set_counter(c, &c->rx_index, PCNET_RX_RING, v); break;
    case XMTRC: set_counter(c, &c->tx_index, PCNET_TX_RING, v); break;
    default: write_plain_csr(c, n, v); break;
    }
}

static uint16_t half(uint64_t address, unsigned n) { return (uint16_t)(address >> (n & 1 ? 16 : 0)); }

static uint32_t read_csr(const struct pcnet *c, unsigned n)
{
    switch (n) {
    case 0: return csr0(c);
    case 5: return csr5(c);
    case 16:
    case 17: return c->csr[n - 15];
    case CRDA:
    case CRDA + 1: return half(pcnet_ring_address(c, PCNET_RX_RING, c->rx_index), n);
    case CXDA:
    case CXDA + 1: return half(pcnet_ring_address(c, PCNET_TX_RING, c->tx_index), n);
    case SWS: return c->bcr[BCR_SWS];
    case RCVRC: return (uint16_t)(c->csr[RCVRL] + c->rx_index);
    case XMTRC: return (uint16_t)(c->csr[XMTRL] + c->tx_index);
    case CHIP_ID: return c->variant == PCNET_AM79C973 ? 0x02625003 : 0x02621003;
    case CHIP_ID + 1: return 0x0262;
    default: return n < PCNET_CSRS ? c->csr[n] : 0;
    }
}

uint32_t pcnet_read_csr(struct pcnet *c) { return read_csr(c, c->rap); }

void pcnet_write_csr(struct pcnet *c, uint16_t value)
{
    write_csr(c, c->rap, value);
    pcnet_look_for_buffer(c); /* a driver that has emptied its ring writes something at last */
    pcnet_update(c);
}

/* ---- life ---- */

static void reset_csrs(struct pcnet *c, unsigned how)
{
    for (unsigned i = 0; i < CSR_ROWS; i++) {
        for (unsigned n = csr_rows[i].first; n <= csr_rows[i].last && (csr_rows[i].how & how) == how; n++)
            c->csr[n] = csr_rows[i].reset;
    }
}

void pcnet_soft_reset(struct pcnet *c)
{
    stop(c);
    reset_csrs(c, SOFT);
    c->rap = 0;
    pcnet_update(c);
}

/* "W" twice at the end, the sum of all bytes before them, and what drivers of old boards look for at 9. */
static void fill_aprom(struct pcnet *c)
{
    unsigned sum = 0;

    memset(c->aprom, 0, sizeof(c->aprom));
    memcpy(c->aprom, c->mac, sizeof(c->mac));
    c->aprom[9] = 0x11;
    c->aprom[14] = c->aprom[15] = 0x57;
    for (unsigned i = 0; i < PCNET_APROM_BYTES; i++)
        sum += c->aprom[i];
    c->aprom[12] = (uint8_t)sum;
    c->aprom[13] = (uint8_t)(sum >> 8);
}

void pcnet_reset(struct pcnet *c)
{
    fill_aprom(c);
    reset_csrs(c, 0);
    for (unsigned i = 0; i < 3; i++)
        c->csr[PADR + i] = word_at(c->mac + 2 * i);
    pcnet_reset_bcrs(c);
    pcnet_mii_reset(c);
    c->port->tx_timer(c->opaque, -1);
    c->port->rx_timer(c->opaque, -1);
    pcnet_update(c);
    c->port->room(c->opaque); /* a chip that is stopped takes all and keeps nothing */
}

const char *pcnet_check(const struct pcnet *c)
{
    bool moves = c->state == PCNET_RUNNING || c->state == PCNET_SUSPENDING || c->state == PCNET_SUSPENDED;
    bool under_way = c->tx_state == PCNET_TX_HELD || c->tx_state == PCNET_TX_LOOP;

    if (!moves && (c->tx_state != PCNET_TX_OFF || c->rx_state != PCNET_RX_OFF))
        return "a part of the chip is on that was not started";
    if (under_way != (c->state == PCNET_SUSPENDING) && c->state != PCNET_RUNNING && moves)
        return "the state of a suspension is not the transmitter's";
    if (c->rx_index >= pcnet_ring_length(c, PCNET_RX_RING) || c->tx_index >= pcnet_ring_length(c, PCNET_TX_RING))
        return "an index is outside of its ring";
    if (pcnet_style(c) > 3)
        return "a software style that cannot be set";
    if (c->tx_timer != wanted_timer(c))
        return "the transmit timer is not as the transmitter has it";
    if (c->csr[0] & ~(CSR0_CAUSES | CSR0_IENA | CSR0_INIT | CSR0_STRT))
        return "csr0 holds bits that are derived";
    return NULL;
}

const char *pcnet_post_load(struct pcnet *c)
{
    const char *why = pcnet_check(c);

    if (why)
        return why;
    pcnet_sent(c); /* another wire may be there */
    c->port->room(c->opaque);
    return NULL;
}
