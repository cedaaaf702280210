/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The DP8390 network interface controller: registers in pages, a ring of 256-byte pages in the board's memory
 * for what it receives, one transmit buffer there, and a remote DMA channel between that memory and the board's
 * data port. Nothing of buses, clocks or back ends: those are behind struct dp8390_port.
 *
 * Source: National Semiconductor DP8390D/NS32490D data sheet (July 1995), sections 7 "Packet Reception" to 12
 * "Loopback Diagnostics"; application note AN-475. Page 3 and the bits that always read as ones: Realtek
 * RTL8029AS data sheet (January 1997). Section numbers below are of the former.
 *
 *   receiver     OFF --STA--> READY --a frame that finds no room--> FULL --DP8390_WAITS--> OVERRUN
 *                (FULL, OVERRUN) --BNRY, CURR, PSTART, PSTOP written--> READY; any --STP, reset--> OFF
 *   transmitter  IDLE --TXP--> IDLE; or, while the wire is full, HELD --room--> IDLE; STP, reset: IDLE
 *   remote DMA   IDLE --RD=1, 2, 3--> READ, WRITE, SEND --count is 0, RD2, reset--> IDLE
 *
 * FULL is not of the chip: the wires here have no speed, and what would have taken a wire of 10 Mbit/s
 * milliseconds comes at once. So a frame that finds no room waits outside for DP8390_PATIENCE_NS; only then
 * the ring has overflown (OVW, RXE, a missed frame) and frames are lost until the driver makes room. Meanwhile PRX is
 * set every DP8390_WAIT_NS, since Linux's 8390 takes nine frames, acknowledges PRX and waits for the next to come in.
 *
 * Deliberate deviations: no collisions, no CRC or alignment errors come in from a wire, so SEP finds nothing to
 * save. Frames that are too short for a wire (below 60 bytes; but see AR) are taken as if their sender had
 * padded them. The byte order select (DCR.BOS) decides only where loopback takes its bytes from: boards for PCs
 * do not wire it.
 */
#ifndef HW_NET_DP8390_H
#define HW_NET_DP8390_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

#define DP8390_REGS 16
#define DP8390_FIFO_BYTES 8
#define DP8390_PAGE_BYTES 256
#define DP8390_WAIT_NS 2000000ll
#define DP8390_WAITS 50
#define DP8390_PATIENCE_NS (DP8390_WAITS * DP8390_WAIT_NS)

enum dp8390_rx { DP8390_RX_OFF, DP8390_RX_READY, DP8390_RX_FULL, DP8390_RX_OVERRUN, DP8390_RX_STATES };
enum dp8390_tx { DP8390_TX_IDLE, DP8390_TX_HELD, DP8390_TX_STATES };
enum dp8390_remote {
    DP8390_REMOTE_IDLE,
    DP8390_REMOTE_READ,
    DP8390_REMOTE_WRITE,
    DP8390_REMOTE_SEND, /* a read of the packet at BNRY, which then moves on */
    DP8390_REMOTE_STATES,
};
extern const char *const dp8390_rx_names[DP8390_RX_STATES];
extern const char *const dp8390_tx_names[DP8390_TX_STATES];
extern const char *const dp8390_remote_names[DP8390_REMOTE_STATES];

enum dp8390_variant { DP8390_PLAIN, DP8390_RTL8029 };

/* Bits that users of the chip and tests need. Section 10, "Internal Registers". */
enum {
    DP8390_CR_STP = 0x01, DP8390_CR_STA = 0x02, DP8390_CR_TXP = 0x04, DP8390_CR_READ = 0x08,
    DP8390_CR_WRITE = 0x10, DP8390_CR_SEND = 0x18, DP8390_CR_ABORT = 0x20, DP8390_CR_RD = 0x38,
    DP8390_ISR_PRX = 0x01, DP8390_ISR_PTX = 0x02, DP8390_ISR_RXE = 0x04, DP8390_ISR_TXE = 0x08,
    DP8390_ISR_OVW = 0x10, DP8390_ISR_CNT = 0x20, DP8390_ISR_RDC = 0x40, DP8390_ISR_RST = 0x80,
    DP8390_ISR_CAUSES = 0x7f,
    DP8390_DCR_WTS = 0x01, DP8390_DCR_BOS = 0x02, DP8390_DCR_LAS = 0x04,
    DP8390_TCR_CRC = 0x01, DP8390_TCR_LB = 0x06,
    DP8390_TSR_PTX = 0x01, DP8390_TSR_ND = 0x02, DP8390_TSR_CRS = 0x10, DP8390_TSR_FU = 0x20,
    DP8390_TSR_CDH = 0x40,
    DP8390_RCR_SEP = 0x01, DP8390_RCR_AR = 0x02, DP8390_RCR_AB = 0x04, DP8390_RCR_AM = 0x08,
    DP8390_RCR_PRO = 0x10, DP8390_RCR_MON = 0x20,
    DP8390_RSR_PRX = 0x01, DP8390_RSR_CRC = 0x02, DP8390_RSR_MPA = 0x10, DP8390_RSR_PHY = 0x20,
    DP8390_RSR_DIS = 0x40,
};

/* What the chip reaches. All are called from within dp8390_*() and must not call back. */
struct dp8390_port {
    /*
     * The board's memory at `addr` (of 64 KiB), *len cut to what is of one kind; NULL where there is none, or
     * for_write where it cannot be written.
     */
    uint8_t *(*memory)(void *opaque, uint16_t addr, size_t *len, bool for_write);
    enum net_result (*send)(void *opaque, const uint8_t *frame, size_t len); /* without its FCS */
    void (*room)(void *opaque);                        /* dp8390_receive() may take what it refused */
    void (*patience)(void *opaque, int64_t delay_ns);  /* dp8390_patience_over() then; -1: not any more */
    void (*pin)(void *opaque, bool level);
    void (*mistake)(void *opaque, const char *what);   /* of the guest */
    void (*filter_changed)(void *opaque);              /* dp8390_rx_filter() tells something else */
};

struct dp8390 {
    uint8_t rx_state, tx_state, remote; /* enum dp8390_rx, dp8390_tx, dp8390_remote */
    uint8_t rx_waits; /* of a FULL receiver: how often it has waited */
    uint8_t cr;   /* without TXP, which is derived */
    uint8_t isr;  /* without RST, which is derived */
    uint8_t imr, dcr, tcr, rcr, tsr;
    uint8_t rsr;  /* without DIS, which is derived */
    uint8_t pstart, pstop, bnry, curr, tpsr;
    uint8_t rnpp, lnpp; /* remote and local next packet pointers */
    uint16_t tbcr;
    uint16_t rsar, rbcr; /* remote DMA: where it is, bytes to go */
    uint16_t clda;       /* local DMA: where it was last */
    uint16_t address_counter;
    uint8_t par[6], mar[8];
    uint8_t tally[3]; /* alignment errors, CRC errors, missed frames */
    uint8_t fifo[DP8390_FIFO_BYTES], fifo_pos;
    uint8_t cr9346, config2, config3; /* RTL8029 */

    /* Not state of the chip: its surroundings. */
    enum dp8390_variant variant;
    const struct dp8390_port *port;
    void *opaque;
};

/* Rows for the field table of a device that embeds the chip as `m`. */
#define DP8390_FIELDS(s, m)                                                                                   \
    DEV_FIELD_ENUM(s, U8, m.rx_state, DP8390_RX_OFF, dp8390_rx_names),                                        \
        DEV_FIELD(s, U8, m.rx_waits, 0, 0x3f),                                                                \
        DEV_FIELD_ENUM(s, U8, m.tx_state, DP8390_TX_IDLE, dp8390_tx_names),                                   \
        DEV_FIELD_ENUM(s, U8, m.remote, DP8390_REMOTE_IDLE, dp8390_remote_names),                             \
        DEV_FIELD(s, U8, m.cr, DP8390_CR_ABORT | DP8390_CR_STP, 0xfb), DEV_FIELD(s, U8, m.isr, 0, 0x7f),      \
        DEV_FIELD(s, U8, m.imr, 0, 0x7f), DEV_FIELD(s, U8, m.dcr, DP8390_DCR_LAS, 0x7f),                      \
        DEV_FIELD(s, U8, m.tcr, 0, 0x1f), DEV_FIELD(s, U8, m.rcr, 0, 0x3f), DEV_FIELD(s, U8, m.tsr, 0, 0),    \
        DEV_FIELD(s, U8, m.rsr, 0, 0x3f), DEV_FIELD(s, U8, m.pstart, 0, 0), DEV_FIELD(s, U8, m.pstop, 0, 0),  \
        DEV_FIELD(s, U8, m.bnry, 0, 0), DEV_FIELD(s, U8, m.curr, 0, 0), DEV_FIELD(s, U8, m.tpsr, 0, 0),       \
        DEV_FIELD(s, U8, m.rnpp, 0, 0), DEV_FIELD(s, U8, m.lnpp, 0, 0), DEV_FIELD(s, U16, m.tbcr, 0, 0),      \
        DEV_FIELD(s, U16, m.rsar, 0, 0), DEV_FIELD(s, U16, m.rbcr, 0, 0), DEV_FIELD(s, U16, m.clda, 0, 0),    \
        DEV_FIELD(s, U16, m.address_counter, 0, 0), DEV_FIELD_BYTES(s, m.par), DEV_FIELD_BYTES(s, m.mar),     \
        DEV_FIELD_ARRAY(s, U8, m.tally, 0, 0xc0), DEV_FIELD_BYTES(s, m.fifo),                                 \
        DEV_FIELD(s, U8, m.fifo_pos, 0, DP8390_FIFO_BYTES - 1), DEV_FIELD(s, U8, m.cr9346, 0, 0xce),          \
        DEV_FIELD(s, U8, m.config2, 0x40, 0xf3), DEV_FIELD(s, U8, m.config3, 0x40, 0x76)

uint8_t dp8390_read(struct dp8390 *c, unsigned reg); /* reg < DP8390_REGS, of the page in CR */
void dp8390_write(struct dp8390 *c, unsigned reg, uint8_t value);
/*
 * `count` accesses of `size` bytes (1, 2, 4) to the board's data port, in one go. The chip moves a word or a
 * byte per access of one or two bytes, as DCR.WTS says; four bytes move as they are. What it has no data for
 * reads as ones, and what it does not take is dropped.
 */
void dp8390_data_read(struct dp8390 *c, unsigned size, void *buf, uint32_t count);
void dp8390_data_write(struct dp8390 *c, unsigned size, const void *buf, uint32_t count);
/*
 * How many writes to the data port are sure to have no effect but on the board's memory, plus one; 0: any
 * number (struct io_region, posted_limit).
 */
uint32_t dp8390_posted_limit(const struct dp8390 *c);

/* A frame without its FCS, of any length. False: no room, keep it until port->room(). */
bool dp8390_receive(struct dp8390 *c, const uint8_t *frame, size_t len);
void dp8390_sent(struct dp8390 *c); /* the wire has room again */
void dp8390_patience_over(struct dp8390 *c); /* one wait is over */
void dp8390_rx_filter(const struct dp8390 *c, struct net_rx_filter *filter);

void dp8390_hard_reset(struct dp8390 *c); /* the RESET pin: what section 10.1 lists, the rest stays */
void dp8390_reset(struct dp8390 *c);      /* after the fields were given their reset values: outputs */
/*
 * After the fields were loaded: NULL and the pin derived anew, or why they contradict. What is left of the
 * patience of a FULL receiver is its owner's.
 */
const char *dp8390_post_load(struct dp8390 *c);
/* NULL if its invariants hold, else the one that does not; for tests. */
const char *dp8390_check(const struct dp8390 *c);

#endif
