/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/serial/uart16550.h"

#include <string.h>

#define CRYSTAL_HZ     1843200
#define TIMEOUT_CHARS  4 /* 8.4: "FIFO interrupt mode operation" */
#define LINE_ERRORS    (UART_LSR_OE | UART_LSR_PE | UART_LSR_FE | UART_LSR_BI)
#define IIR_THRE       0x02
#define FCR_STORED     (UART_FCR_ENABLE | UART_FCR_DMA | UART_FCR_TRIGGER)
#define PEER_LINES     (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)

const char *const uart_rx_names[UART_RX_STATES] = {"empty", "waiting", "ready", "stale"};
const char *const uart_tx_names[UART_TX_STATES] = {"idle", "emptied", "held"};

/* ---- what is derived from the state ---- */

static bool fifo_on(const struct uart16550 *u)
{
    return u->fcr & UART_FCR_ENABLE;
}

static unsigned depth(const struct uart16550 *u)
{
    return fifo_on(u) ? UART_FIFO_BYTES : 1;
}

static unsigned trigger(const struct uart16550 *u)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};

    return fifo_on(u) ? levels[u->fcr >> 6] : 1;
}

uint8_t uart16550_lsr(const struct uart16550 *u)
{
    uint8_t lsr = u->errors, flags = 0;

    if (u->rx_count)
        lsr |= UART_LSR_DR;
    if (u->tx_state != UART_TX_HELD)
        lsr |= UART_LSR_THRE | UART_LSR_TEMT;
    for (unsigned i = 0; i < u->rx_count; i++)
        flags |= u->rx_flags[i];
    if (fifo_on(u) && flags)
        lsr |= UART_LSR_FIFO_ERROR;
    return lsr;
}

static bool line_status_due(const struct uart16550 *u) { return u->errors; }
static bool data_due(const struct uart16550 *u) { return u->rx_state == UART_RX_READY; }
static bool timeout_due(const struct uart16550 *u) { return u->rx_state == UART_RX_STALE; }
static bool thre_due(const struct uart16550 *u) { return u->tx_state == UART_TX_EMPTIED; }
static bool modem_due(const struct uart16550 *u) { return u->msr & UART_MSR_DELTAS; }

/* Table IV, "Interrupt Control Functions": highest priority first. */
static const struct {
    uint8_t enable, code;
    bool (*due)(const struct uart16550 *u);
} causes[] = {
    {UART_IER_RLSI, 0x06, line_status_due},
    {UART_IER_RDI, 0x04, data_due},
    {UART_IER_RDI, 0x0c, timeout_due},
    {UART_IER_THRI, IIR_THRE, thre_due},
    {UART_IER_MSI, 0x00, modem_due},
};

static uint8_t cause(const struct uart16550 *u)
{
    for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        if ((u->ier & causes[i].enable) && causes[i].due(u))
            return causes[i].code;
    }
    return UART_IIR_NONE;
}

uint8_t uart16550_iir(const struct uart16550 *u)
{
    return cause(u) | (fifo_on(u) ? UART_IIR_FIFO : 0);
}

/* The bit OUT2 gates in loopback too, where its pin is off: self tests with interrupts exist. */
static void update_pin(struct uart16550 *u)
{
    bool open = !u->out2_gates || (u->mcr & UART_MCR_OUT2);

    u->port->pin(u->opaque, open && cause(u) != UART_IIR_NONE);
}

/* Start, 5 to 8 data, parity and stop bits at the programmed rate; a divisor of 0 counts as 1. */
static int64_t char_ns(const struct uart16550 *u)
{
    unsigned bits = 1 + 5 + (u->lcr & 3) + !!(u->lcr & 8) + 1 + !!(u->lcr & 4);
    int64_t divisor = u->divisor ? u->divisor : 1;

    return bits * divisor * 16 * 1000000000ll / CRYSTAL_HZ;
}

/* ---- receiver ---- */

/* The one place that assigns the receiver's state; the timeout runs while it is WAITING. */
static void rx_set(struct uart16550 *u, enum uart_rx state, bool restart_timer)
{
    uint8_t old = u->rx_state;

    u->rx_state = (uint8_t)state;
    if (state == UART_RX_WAITING && (restart_timer || old != UART_RX_WAITING))
        u->port->rx_timer(u->opaque, TIMEOUT_CHARS * char_ns(u));
    else if (state != UART_RX_WAITING && old == UART_RX_WAITING)
        u->port->rx_timer(u->opaque, -1);
}

/* After the count or the trigger level changed. `activity`: a byte came or was read. */
static void rx_settle(struct uart16550 *u, bool activity)
{
    if (!u->rx_count)
        rx_set(u, UART_RX_EMPTY, false);
    else if (u->rx_count >= trigger(u))
        rx_set(u, UART_RX_READY, false);
    else if (activity || u->rx_state != UART_RX_STALE)
        rx_set(u, UART_RX_WAITING, activity);
}

/* Errors of a byte show in LSR when it becomes the next to be read (8.5, bits 2 to 4). */
static void rx_show_top(struct uart16550 *u)
{
    if (u->rx_count)
        u->errors |= u->rx_flags[0];
}

static void rx_push(struct uart16550 *u, uint8_t byte, uint8_t flags)
{
    if (u->rx_count == depth(u)) {
        u->errors |= UART_LSR_OE;
        if (fifo_on(u)) {
            rx_settle(u, true);
            return; /* the FIFO keeps what it has; without it the new byte replaces the old */
        }
        u->rx_count = 0;
    }
    u->rx_data[u->rx_count] = byte;
    u->rx_flags[u->rx_count] = flags;
    if (u->rx_count++ == 0)
        rx_show_top(u);
    rx_settle(u, true);
}

static void rx_clear(struct uart16550 *u)
{
    u->rx_count = 0;
    memset(u->rx_data, 0, sizeof(u->rx_data));
    memset(u->rx_flags, 0, sizeof(u->rx_flags));
    rx_settle(u, false);
    u->port->input_room(u->opaque);
}

static uint8_t read_rbr(struct uart16550 *u)
{
    if (!u->rx_count)
        return u->rbr;
    u->rbr = u->rx_data[0];
    u->rx_count--;
    memmove(u->rx_data, u->rx_data + 1, UART_FIFO_BYTES - 1);
    memmove(u->rx_flags, u->rx_flags + 1, UART_FIFO_BYTES - 1);
    u->rx_data[UART_FIFO_BYTES - 1] = 0;
    u->rx_flags[UART_FIFO_BYTES - 1] = 0;
    rx_show_top(u);
    rx_settle(u, true);
    u->port->input_room(u->opaque);
    return u->rbr;
}

size_t uart16550_can_receive(const struct uart16550 *u)
{
    return u->mcr & UART_MCR_LOOP ? 0 : depth(u) - u->rx_count;
}

/* ---- transmitter ---- */

/* The one place that assigns the transmitter's state. */
static void tx_set(struct uart16550 *u, enum uart_tx state)
{
    u->tx_state = (uint8_t)state;
}

static void tx_flush(struct uart16550 *u)
{
    size_t n;

    if (u->tx_state != UART_TX_HELD)
        return;
    n = u->port->send(u->opaque, u->tx_data, u->tx_count);
    if (n > u->tx_count)
        n = u->tx_count;
    u->tx_count = (uint8_t)(u->tx_count - n);
    memmove(u->tx_data, u->tx_data + n, u->tx_count);
    memset(u->tx_data + u->tx_count, 0, UART_FIFO_BYTES - u->tx_count);
    if (!u->tx_count)
        tx_set(u, UART_TX_EMPTIED);
}

static void tx_clear(struct uart16550 *u)
{
    u->tx_count = 0;
    memset(u->tx_data, 0, sizeof(u->tx_data));
    if (u->tx_state == UART_TX_HELD)
        tx_set(u, UART_TX_EMPTIED);
}

/* A byte that found the port busy; one that finds no room either is lost, as on the chip. */
static void tx_hold(struct uart16550 *u, uint8_t byte)
{
    if (u->tx_count == depth(u)) {
        u->port->lost(u->opaque, 1);
        if (fifo_on(u))
            return;
        u->tx_count = 0; /* the holding register is overwritten */
    }
    u->tx_data[u->tx_count++] = byte;
    tx_set(u, UART_TX_HELD);
}

/*
 * A write takes back the THRE interrupt and its end gives it again: the pin must be seen low
 * between, since the PC's interrupt controller waits for an edge and drivers write without reading
 * IIR.
 */
static void tx_begin(struct uart16550 *u)
{
    if (u->tx_state == UART_TX_EMPTIED) {
        tx_set(u, UART_TX_IDLE);
        update_pin(u);
    }
}

static void write_thr(struct uart16550 *u, uint8_t value)
{
    tx_begin(u);
    if (u->mcr & UART_MCR_LOOP) {
        rx_push(u, value & (0xff >> (3 - (u->lcr & 3))), 0);
        if (u->tx_state == UART_TX_IDLE)
            tx_set(u, UART_TX_EMPTIED);
        return;
    }
    if (u->tx_count == depth(u))
        tx_flush(u);
    tx_hold(u, value);
    tx_flush(u);
}

uint32_t uart16550_send_string(struct uart16550 *u, const uint8_t *buf, uint32_t count)
{
    size_t done = 0;

    if (!count || (u->mcr & UART_MCR_LOOP) || (u->lcr & UART_LCR_DLAB))
        return 0;
    tx_begin(u);
    tx_flush(u);
    if (u->tx_state != UART_TX_HELD)
        done = u->port->send(u->opaque, buf, count);
    if (done >= count)
        tx_set(u, UART_TX_EMPTIED);
    for (; done < count && u->tx_count < depth(u); done++)
        tx_hold(u, buf[done]);
    if (done < count)
        u->port->lost(u->opaque, count - done);
    update_pin(u);
    return count;
}

/* ---- modem lines ---- */

/* In loopback the four outputs are wired to the four inputs (8.7, bit 4). */
static uint8_t modem_lines(const struct uart16550 *u)
{
    if (!(u->mcr & UART_MCR_LOOP))
        return u->peer ? PEER_LINES : 0;
    return (uint8_t)((u->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
                     (u->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
                     (u->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
                     (u->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
}

/* Takes over the lines; the deltas are sticky, that of RI marks its end only (8.8, bit 2). */
static void modem_settle(struct uart16550 *u)
{
    uint8_t now = modem_lines(u);
    uint8_t changed = (uint8_t)((now ^ u->msr) >> 4);

    if (now & UART_MSR_RI)
        changed &= (uint8_t)~UART_MSR_TERI;
    u->msr = (uint8_t)(now | (u->msr & UART_MSR_DELTAS) | changed);
}

/* ---- registers ---- */

static uint8_t read_dll(struct uart16550 *u) { return (uint8_t)u->divisor; }
static uint8_t read_dlm(struct uart16550 *u) { return (uint8_t)(u->divisor >> 8); }
static uint8_t read_ier(struct uart16550 *u) { return u->ier; }
static uint8_t read_lcr(struct uart16550 *u) { return u->lcr; }
static uint8_t read_mcr(struct uart16550 *u) { return u->mcr; }
static uint8_t read_scr(struct uart16550 *u) { return u->scr; }

/* Reading IIR acknowledges THRE, but only when THRE is what it says (Table IV). */
static uint8_t read_iir(struct uart16550 *u)
{
    uint8_t iir = uart16550_iir(u);

    if (cause(u) == IIR_THRE)
        tx_set(u, UART_TX_IDLE);
    return iir;
}

static uint8_t read_lsr(struct uart16550 *u)
{
    uint8_t lsr = uart16550_lsr(u);

    u->errors = 0;
    if (u->rx_count)
        u->rx_flags[0] = 0; /* that byte's errors have been told */
    return lsr;
}

static uint8_t read_msr(struct uart16550 *u)
{
    uint8_t msr = u->msr;

    u->msr &= (uint8_t)~UART_MSR_DELTAS;
    return msr;
}

static void write_dll(struct uart16550 *u, uint8_t v)
{
    u->divisor = (uint16_t)((u->divisor & 0xff00) | v);
}

static void write_dlm(struct uart16550 *u, uint8_t v)
{
    u->divisor = (uint16_t)((u->divisor & 0x00ff) | v << 8);
}

/* Switching THRI on while the transmitter is empty asks at once: drivers start sending that way. */
static void write_ier(struct uart16550 *u, uint8_t v)
{
    uint8_t changed = u->ier ^ v;

    u->ier = v & 0x0f;
    if ((changed & UART_IER_THRI) && u->tx_state != UART_TX_HELD)
        tx_set(u, v & UART_IER_THRI ? UART_TX_EMPTIED : UART_TX_IDLE);
}

/* 8.3: bit 0 must be 1 for the others to be taken; a change of it empties both FIFOs. */
static void write_fcr(struct uart16550 *u, uint8_t v)
{
    bool toggled = (u->fcr ^ v) & UART_FCR_ENABLE;

    if (!(v & UART_FCR_ENABLE))
        v = 0;
    u->fcr = v & FCR_STORED;
    if (toggled || (v & UART_FCR_CLEAR_RX))
        rx_clear(u);
    if (toggled || (v & UART_FCR_CLEAR_TX))
        tx_clear(u);
    rx_settle(u, false); /* the trigger level may have moved */
}

static void write_lcr(struct uart16550 *u, uint8_t v)
{
    bool begins = (v & ~u->lcr) & UART_LCR_BREAK;

    u->lcr = v;
    if (begins && (u->mcr & UART_MCR_LOOP))
        rx_push(u, 0, UART_LSR_BI);
    else if (begins)
        u->port->send_break(u->opaque);
}

static void write_mcr(struct uart16550 *u, uint8_t v)
{
    bool left_loop = (u->mcr & ~v) & UART_MCR_LOOP;

    u->mcr = v & 0x1f;
    modem_settle(u);
    if (left_loop)
        u->port->input_room(u->opaque);
}

static void write_scr(struct uart16550 *u, uint8_t v) { u->scr = v; }

/* LSR and MSR: writes are for factory tests (8.5, 8.8); probing drivers make them, no effect. */
static void write_nothing(struct uart16550 *u, uint8_t v)
{
    (void)u;
    (void)v;
}

/* Table II, "Summary of Registers": by address, the first two once more for DLAB = 1. */
static const struct {
    uint8_t (*read)(struct uart16550 *u);
    void (*write)(struct uart16550 *u, uint8_t value);
} registers[UART_REGS] = {
    {read_rbr, write_thr}, {read_ier, write_ier}, {read_iir, write_fcr}, {read_lcr, write_lcr},
    {read_mcr, write_mcr}, {read_lsr, write_nothing}, {read_msr, write_nothing},
    {read_scr, write_scr},
}, divisor_latch[2] = {{read_dll, write_dll}, {read_dlm, write_dlm}};

static uint8_t access_register(struct uart16550 *u, struct uart_event e)
{
    unsigned reg = e.reg % UART_REGS;
    bool latch = reg < 2 && (u->lcr & UART_LCR_DLAB);

    if (e.kind == UART_READ)
        return latch ? divisor_latch[reg].read(u) : registers[reg].read(u);
    if (latch)
        divisor_latch[reg].write(u, e.value);
    else
        registers[reg].write(u, e.value);
    return 0;
}

/* ---- events ---- */

uint8_t uart16550_step(struct uart16550 *u, struct uart_event event)
{
    uint8_t result = 0;

    switch (event.kind) {
    case UART_READ:
    case UART_WRITE: result = access_register(u, event); break;
    case UART_RECEIVE: rx_push(u, event.value, 0); break;
    case UART_BREAK: rx_push(u, 0, UART_LSR_BI); break;
    case UART_TX_ROOM: tx_flush(u); break;
    case UART_TIMEOUT:
        if (u->rx_state == UART_RX_WAITING)
            rx_set(u, UART_RX_STALE, false);
        break;
    case UART_PEER_OPEN:
    case UART_PEER_CLOSED:
        u->peer = event.kind == UART_PEER_OPEN;
        modem_settle(u);
        break;
    case UART_EVENTS: break;
    }
    update_pin(u);
    return result;
}

void uart16550_reset(struct uart16550 *u)
{
    u->msr = modem_lines(u);
    u->port->rx_timer(u->opaque, -1);
    update_pin(u);
    u->port->input_room(u->opaque);
}

static const char *contradiction(const struct uart16550 *u)
{
    bool below = u->rx_count && u->rx_count < trigger(u);

    if (u->fcr & ~FCR_STORED || (u->fcr && !fifo_on(u)))
        return "fcr holds bits that cannot be set";
    if (u->rx_count > depth(u) || u->tx_count > depth(u))
        return "more bytes than the FIFO mode has room for";
    if (!u->rx_count != (u->rx_state == UART_RX_EMPTY) ||
        below != (u->rx_state == UART_RX_WAITING || u->rx_state == UART_RX_STALE))
        return "rx_state does not fit rx_count";
    if (!!u->tx_count != (u->tx_state == UART_TX_HELD))
        return "tx_state does not fit tx_count";
    if (u->errors & ~LINE_ERRORS)
        return "errors holds bits that are none";
    for (unsigned i = 0; i < UART_FIFO_BYTES; i++) {
        if (u->rx_flags[i] & ~(UART_LSR_PE | UART_LSR_FE | UART_LSR_BI))
            return "rx_flags holds bits that are none";
    }
    return NULL;
}

const char *uart16550_post_load(struct uart16550 *u)
{
    const char *why = contradiction(u);

    if (why)
        return why;
    modem_settle(u); /* the peer may have come or gone since */
    u->port->rx_timer(u->opaque,
                      u->rx_state == UART_RX_WAITING ? TIMEOUT_CHARS * char_ns(u) : -1);
    tx_flush(u);
    update_pin(u);
    u->port->input_room(u->opaque);
    return NULL;
}
