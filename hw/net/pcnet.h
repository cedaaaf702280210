/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AMD PCnet-PCI II (Am79C970A) and PCnet-FAST III (Am79C973): control and status registers (CSR), bus
 * configuration registers (BCR), an initialization block and two descriptor rings in guest memory. Nothing of
 * buses, clocks or back ends: those are behind struct pcnet_port.
 *
 * Source: AMD Am79C970A data sheet (publication 19436E, June 2000), "Detailed Functions", "User Accessible
 * Registers", "Initialization Block", "Receive Descriptors", "Transmit Descriptors"; Am79C973/975 data sheet
 * (publication 21510D) for what only that chip has: MII and PHY.
 *
 *   chip         STOPPED --INIT--> READY --STRT--> RUNNING <--SPND--> SUSPENDED (SUSPENDING while a frame is
 *                under way); STOPPED --STRT--> RUNNING; any --STOP, reset--> STOPPED
 *   transmitter  OFF <-> IDLE; IDLE --wire full--> HELD --room--> IDLE; IDLE --loopback--> LOOP --timer--> IDLE;
 *                underflow: --> OFF
 *   receiver     OFF <-> READY --no buffer--> WAITING --buffer--> READY; WAITING --patience over--> STARVED
 *                STARVED --buffer--> READY
 *
 * WAITING is not of the chip: the wires here have no speed, so a frame that finds no buffer waits outside, and
 * the descriptor is looked at from time to time and whenever a register is written; after PCNET_RX_WAITS looks
 * frames are missed (MISS) as the chip does it. Loopback is delivered by the timer, so receive and transmit
 * never nest (HAZARDS N-16, N-30).
 *
 * Every descriptor is copied once and its copy used (D-08). A kick serves at most PCNET_KICK_FRAMES frames, a
 * frame at most PCNET_CHAIN_MAX descriptors; what is left goes on from the timer.
 *
 * Deliberate deviations: no collisions come in. Polling of an idle transmit ring becomes slower the longer it
 * finds nothing, up to PCNET_POLL_SLOWEST_NS. Look-ahead packet processing (LAPPEN), magic packets and the
 * serial EEPROM are not there: their enables read as zeros. Frames above 4095 bytes with their FCS are not
 * received (MCNT has 12 bits), those above PCNET_FRAME_BYTES not sent.
 */
#ifndef HW_NET_PCNET_H
#define HW_NET_PCNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/env.h"
#include "net/net.h"

#define PCNET_CSRS 128
#define PCNET_BCRS 64
#define PCNET_APROM_BYTES 16
#define PCNET_FRAME_BYTES 4096
#define PCNET_KICK_FRAMES 64
#define PCNET_CHAIN_MAX 512
#define PCNET_RX_WAITS 50
#define PCNET_IDLE_POLLS 16
#define PCNET_POLL_SLOWEST_NS 64000000ll

enum pcnet_state {
    PCNET_STOPPED, PCNET_READY, PCNET_RUNNING, PCNET_SUSPENDING, PCNET_SUSPENDED, PCNET_STATES
};
enum pcnet_tx { PCNET_TX_OFF, PCNET_TX_IDLE, PCNET_TX_HELD, PCNET_TX_LOOP, PCNET_TX_STATES };
enum pcnet_rx { PCNET_RX_OFF, PCNET_RX_READY, PCNET_RX_WAITING, PCNET_RX_STARVED, PCNET_RX_STATES };
enum pcnet_tx_timer { PCNET_TIMER_OFF, PCNET_TIMER_POLL, PCNET_TIMER_NOW, PCNET_TIMERS };
extern const char *const pcnet_state_names[PCNET_STATES];
extern const char *const pcnet_tx_names[PCNET_TX_STATES];
extern const char *const pcnet_rx_names[PCNET_RX_STATES];
extern const char *const pcnet_tx_timer_names[PCNET_TIMERS];

enum pcnet_variant { PCNET_AM79C970A, PCNET_AM79C973 };

/* Bits that users of the chip and tests need. */
enum {
    CSR0_INIT = 0x0001, CSR0_STRT = 0x0002, CSR0_STOP = 0x0004, CSR0_TDMD = 0x0008, CSR0_TXON = 0x0010,
    CSR0_RXON = 0x0020, CSR0_IENA = 0x0040, CSR0_INTR = 0x0080, CSR0_IDON = 0x0100, CSR0_TINT = 0x0200,
    CSR0_RINT = 0x0400, CSR0_MERR = 0x0800, CSR0_MISS = 0x1000, CSR0_CERR = 0x2000, CSR0_BABL = 0x4000,
    CSR0_ERR = 0x8000,
    CSR3_DXSUFLO = 0x0040,
    CSR4_MFCO = 0x0200, CSR4_UINTCMD = 0x0080, CSR4_UINT = 0x0040, CSR4_TXSTRT = 0x0008, CSR4_ASTRP = 0x0400,
    CSR4_APAD = 0x0800, CSR4_TXDPOLL = 0x1000,
    CSR5_SPND = 0x0001, CSR5_SINT = 0x0800, CSR5_LTINTEN = 0x4000, CSR5_TOKINTD = 0x8000,
    CSR15_DRX = 0x0001, CSR15_DTX = 0x0002, CSR15_LOOP = 0x0004, CSR15_DXMTFCS = 0x0008, CSR15_INTL = 0x0040,
    CSR15_DLNKTST = 0x1000, CSR15_DRCVPA = 0x2000, CSR15_DRCVBC = 0x4000, CSR15_PROM = 0x8000,
    CSR124_RPA = 0x0008,
};

/* What the chip reaches, beside guest memory. All are called from within pcnet_*() and must not call back. */
struct pcnet_port {
    enum net_result (*send)(void *opaque, const uint8_t *frame, size_t len); /* without its FCS */
    bool (*link)(void *opaque);
    void (*room)(void *opaque); /* pcnet_receive() may take what it refused */
    /* pcnet_tx_timer() and pcnet_rx_timer() after so long; -1: not any more */
    void (*tx_timer)(void *opaque, int64_t delay_ns);
    void (*rx_timer)(void *opaque, int64_t delay_ns);
    void (*pin)(void *opaque, bool level);
    void (*mistake)(void *opaque, const char *what); /* of the guest */
    void (*bus_error)(void *opaque);                 /* a transfer found no memory */
    void (*filter_changed)(void *opaque);            /* pcnet_rx_filter() tells something else */
    void (*row)(void *opaque, bool begins); /* optional: several send() come, which may gather them; they have */
};

struct pcnet {
    uint8_t state, tx_state, rx_state; /* enum pcnet_state, pcnet_tx, pcnet_rx */
    uint8_t tx_timer;                  /* enum pcnet_tx_timer: what it is armed for */
    bool tx_more;                      /* the last kick has left something in the ring */
    uint8_t rap;
    bool dwio;                 /* registers are accessed by 32 bits */
    uint16_t csr[PCNET_CSRS];  /* as written; some are derived when read */
    uint16_t bcr[PCNET_BCRS];
    uint8_t aprom[PCNET_APROM_BYTES];
    uint16_t rx_index, tx_index; /* of the next descriptor of each ring */
    uint8_t idle_polls;          /* of the transmit ring, that found nothing */
    uint8_t rx_waits;
    uint16_t tx_len;             /* what is HELD or in LOOP */
    bool tx_own_fcs;             /* its last four bytes are the FCS */
    uint32_t tx_status;          /* of its last descriptor, as it was read */
    uint8_t tx_frame[PCNET_FRAME_BYTES];
    uint16_t mii[32];
    bool mii_link; /* BMSR's link bit stays down until it has been read */

    /* Not state of the chip: its surroundings. */
    enum pcnet_variant variant;
    uint8_t mac[6];
    const struct dma_port *dma;
    const struct pcnet_port *port;
    void *opaque;
};

/* Rows for the field table of a device that embeds the chip as `m`. */
#define PCNET_FIELDS(s, m)                                                                                    \
    DEV_FIELD_ENUM(s, U8, m.state, PCNET_STOPPED, pcnet_state_names),                                         \
        DEV_FIELD_ENUM(s, U8, m.tx_state, PCNET_TX_OFF, pcnet_tx_names),                                      \
        DEV_FIELD_ENUM(s, U8, m.rx_state, PCNET_RX_OFF, pcnet_rx_names),                                      \
        DEV_FIELD_ENUM(s, U8, m.tx_timer, PCNET_TIMER_OFF, pcnet_tx_timer_names),                             \
        DEV_FIELD(s, BOOL, m.tx_more, 0, 1), DEV_FIELD(s, U8, m.rap, 0, 0), DEV_FIELD(s, BOOL, m.dwio, 0, 1), \
        DEV_FIELD_ARRAY(s, U16, m.csr, 0, 0),                                                                 \
        DEV_FIELD_ARRAY(s, U16, m.bcr, 0, 0), DEV_FIELD_BYTES(s, m.aprom),                                    \
        DEV_FIELD(s, U16, m.rx_index, 0, 0), DEV_FIELD(s, U16, m.tx_index, 0, 0),                             \
        DEV_FIELD(s, U8, m.idle_polls, 0, PCNET_IDLE_POLLS), DEV_FIELD(s, U8, m.rx_waits, 0, PCNET_RX_WAITS), \
        DEV_FIELD(s, U16, m.tx_len, 0, PCNET_FRAME_BYTES), DEV_FIELD(s, BOOL, m.tx_own_fcs, 0, 1),            \
        DEV_FIELD(s, U32, m.tx_status, 0, 0), DEV_FIELD_BYTES(s, m.tx_frame),                                 \
        DEV_FIELD_ARRAY(s, U16, m.mii, 0, 0), DEV_FIELD(s, BOOL, m.mii_link, 0, 1)

/* The one that RAP selects; above 16 bits only the chip's identity (CSR88) has something. */
uint32_t pcnet_read_csr(struct pcnet *c);
void pcnet_write_csr(struct pcnet *c, uint16_t value);
uint16_t pcnet_read_bcr(struct pcnet *c);
void pcnet_write_bcr(struct pcnet *c, uint16_t value);
void pcnet_soft_reset(struct pcnet *c); /* S_RESET: the reset register was read */
/* BCR2.APROMWE: the address PROM's bytes can be written. */
bool pcnet_aprom_open(const struct pcnet *c);

/* A frame without its FCS, of any length. False: no buffer, keep it until port->room(). */
bool pcnet_receive(struct pcnet *c, const uint8_t *frame, size_t len);
void pcnet_sent(struct pcnet *c); /* the wire has room again */
void pcnet_link_changed(struct pcnet *c);
void pcnet_tx_timer(struct pcnet *c);
void pcnet_rx_timer(struct pcnet *c);
void pcnet_rx_filter(const struct pcnet *c, struct net_rx_filter *filter);

/* H_RESET, after the fields were given their reset values: registers, address PROM, outputs. */
void pcnet_reset(struct pcnet *c);
/*
 * After the fields were loaded: NULL and the pin derived anew, or why they contradict. The timers are its
 * owner's.
 */
const char *pcnet_post_load(struct pcnet *c);
const char *pcnet_check(const struct pcnet *c); /* NULL if its invariants hold; for tests */

#endif
