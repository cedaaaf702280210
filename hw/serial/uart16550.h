/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 16550A UART: registers, two FIFOs, one interrupt output. Nothing of buses, clocks or back
 * ends: those are behind struct uart_port. Everything that happens to the chip is one event given
 * to uart16550_step().
 *
 * Source: National Semiconductor PC16550D data sheet (June 1995), section 8 "Registers"; section
 * and table numbers below are from there.
 *
 * No baud rate is emulated: a byte that the port takes has left at once, so a driver that polls
 * THRE never waits. While the port takes nothing (a peer that does not read), THRE stays 0: the
 * guest waits as it would for a slow line, and nothing else of the VM does. Bytes are passed with
 * all 8 bits whatever the word length (there is no wire), except in loopback, which masks as the
 * chip does.
 *
 *   receiver     EMPTY --byte--> WAITING --trigger level--> READY
 *                                WAITING --4 character times without byte or read--> STALE
 *                (any --all read--> EMPTY; STALE --byte or read--> WAITING; FIFO off: trigger is 1)
 *   transmitter  IDLE --write--> HELD --port took all--> EMPTIED --IIR read, or THRI off--> IDLE
 *                IDLE --THRI switched on--> EMPTIED
 */
#ifndef HW_SERIAL_UART16550_H
#define HW_SERIAL_UART16550_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_FIFO_BYTES 16
#define UART_REGS       8

enum uart_rx {
    UART_RX_EMPTY,
    UART_RX_WAITING, /* below the trigger level, the timeout runs */
    UART_RX_READY,   /* trigger level reached */
    UART_RX_STALE,   /* below it, and the timeout has passed */
    UART_RX_STATES,
};

enum uart_tx {
    UART_TX_IDLE,    /* empty; the THRE interrupt was taken or never due */
    UART_TX_EMPTIED, /* empty; the THRE interrupt is due */
    UART_TX_HELD,    /* bytes wait for the port */
    UART_TX_STATES,
};

extern const char *const uart_rx_names[UART_RX_STATES];
extern const char *const uart_tx_names[UART_TX_STATES];

/* Register bits that users of the chip need. */
enum {
    UART_IER_RDI = 0x01, UART_IER_THRI = 0x02, UART_IER_RLSI = 0x04, UART_IER_MSI = 0x08,
    UART_FCR_ENABLE = 0x01, UART_FCR_CLEAR_RX = 0x02, UART_FCR_CLEAR_TX = 0x04,
    UART_FCR_DMA = 0x08, UART_FCR_TRIGGER = 0xc0,
    UART_IIR_NONE = 0x01, UART_IIR_FIFO = 0xc0,
    UART_LCR_BREAK = 0x40, UART_LCR_DLAB = 0x80,
    UART_MCR_DTR = 0x01, UART_MCR_RTS = 0x02, UART_MCR_OUT1 = 0x04, UART_MCR_OUT2 = 0x08,
    UART_MCR_LOOP = 0x10,
    UART_LSR_DR = 0x01, UART_LSR_OE = 0x02, UART_LSR_PE = 0x04, UART_LSR_FE = 0x08,
    UART_LSR_BI = 0x10, UART_LSR_THRE = 0x20, UART_LSR_TEMT = 0x40, UART_LSR_FIFO_ERROR = 0x80,
    UART_MSR_DELTAS = 0x0f, UART_MSR_TERI = 0x04,
    UART_MSR_CTS = 0x10, UART_MSR_DSR = 0x20, UART_MSR_RI = 0x40, UART_MSR_DCD = 0x80,
};

/* What the chip drives. All are called from within uart16550_*() and must not call back. */
struct uart_port {
    /* Takes up to len bytes to send, returns how many; the rest waits for UART_TX_ROOM. */
    size_t (*send)(void *opaque, const uint8_t *buf, size_t len);
    void (*send_break)(void *opaque);
    void (*input_room)(void *opaque);                 /* uart16550_can_receive() has grown */
    void (*rx_timer)(void *opaque, int64_t delay_ns); /* UART_TIMEOUT then; -1: not any more */
    void (*pin)(void *opaque, bool level);            /* the interrupt request, OUT2 applied */
    void (*lost)(void *opaque, size_t bytes);         /* written while THRE was 0 and no room */
};

struct uart16550 {
    uint8_t ier, fcr, lcr, mcr, msr, scr;
    uint8_t errors; /* the OE, PE, FE and BI bits of LSR; its other bits are derived */
    uint8_t rbr;    /* what a read of an empty receiver gives: the last byte read */
    uint16_t divisor;
    uint8_t rx_state, tx_state; /* enum uart_rx, enum uart_tx */
    uint8_t rx_count, tx_count;
    uint8_t rx_data[UART_FIFO_BYTES];  /* [0] is the oldest */
    uint8_t rx_flags[UART_FIFO_BYTES]; /* LSR error bits that came with the byte */
    uint8_t tx_data[UART_FIFO_BYTES];

    /* Not state of the chip: its surroundings. */
    bool peer;       /* the other end drives CTS, DSR and DCD */
    bool out2_gates; /* as on every PC: no interrupt gets out while OUT2 is 0 */
    const struct uart_port *port;
    void *opaque;
};

/* Rows for the field table of a device that embeds the chip as `m`. */
#define UART16550_FIELDS(s, m)                                                                     \
    DEV_FIELD(s, U8, m.ier, 0, 0x0f), DEV_FIELD(s, U8, m.fcr, 0, 0xff),                            \
        DEV_FIELD(s, U8, m.lcr, 0, 0xff), DEV_FIELD(s, U8, m.mcr, 0, 0x1f),                        \
        DEV_FIELD(s, U8, m.msr, 0, 0xff), DEV_FIELD(s, U8, m.scr, 0, 0xff),                        \
        DEV_FIELD(s, U8, m.errors, 0, 0x1e), DEV_FIELD(s, U8, m.rbr, 0, 0xff),                     \
        DEV_FIELD(s, U16, m.divisor, 12, 0xffff),                                                  \
        DEV_FIELD_ENUM(s, U8, m.rx_state, UART_RX_EMPTY, uart_rx_names),                           \
        DEV_FIELD_ENUM(s, U8, m.tx_state, UART_TX_IDLE, uart_tx_names),                            \
        DEV_FIELD(s, U8, m.rx_count, 0, UART_FIFO_BYTES),                                          \
        DEV_FIELD(s, U8, m.tx_count, 0, UART_FIFO_BYTES), DEV_FIELD_BYTES(s, m.rx_data),           \
        DEV_FIELD_ARRAY(s, U8, m.rx_flags, 0, 0x1c), DEV_FIELD_BYTES(s, m.tx_data)

enum uart_event_kind {
    UART_READ,        /* of register `reg`; the step returns the value */
    UART_WRITE,       /* of `value` to register `reg` */
    UART_RECEIVE,     /* the byte `value` came in */
    UART_BREAK,       /* a break came in */
    UART_TX_ROOM,     /* the port may take bytes again */
    UART_TIMEOUT,     /* the rx_timer ran out */
    UART_PEER_OPEN,   /* the other end is there: CTS, DSR and DCD go up */
    UART_PEER_CLOSED, /* and down */
    UART_EVENTS,
};

struct uart_event {
    enum uart_event_kind kind;
    uint8_t reg, value;
};

/* Carries out one event, interrupt output included. Returns what a read gives, else 0. */
uint8_t uart16550_step(struct uart16550 *u, struct uart_event event);

/* `count` bytes written to register 0 in one go. Returns how many it dealt with: all or, in modes
 * where register 0 is something else than a plain transmitter, none. */
uint32_t uart16550_send_string(struct uart16550 *u, const uint8_t *buf, uint32_t count);

/* How many UART_RECEIVE events fit. In loopback none: the input is cut off. */
size_t uart16550_can_receive(const struct uart16550 *u);

/* After the fields were given their reset values: modem lines without deltas, pin, timer. */
void uart16550_reset(struct uart16550 *u);

/* After the fields were loaded: NULL and all outputs derived anew, or why they contradict. */
const char *uart16550_post_load(struct uart16550 *u);

uint8_t uart16550_lsr(const struct uart16550 *u); /* as a read would give, without its effects */
uint8_t uart16550_iir(const struct uart16550 *u);

#endif
