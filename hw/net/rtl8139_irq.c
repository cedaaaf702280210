/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Causes, the pin that follows them, and the two timers. DS "IMR", "ISR", "TCTR", "TimerInt". The data sheets
 * of some versions say that reading ISR clears it; all drivers write ones, and so do the chips.
 */
#include "hw/net/rtl8139_int.h"
#include "hw/pci/pci_regs.h"

#define TCTR_NS 30 /* a cycle of a 33.3 MHz PCI clock */
#define POLL_NS 1000000
#define STATUS_MASTER_ABORT 0x20 /* in the upper byte of the PCI status register */

void rtl8139_pin_update(struct rtl8139 *r)
{
    pci_set_intx(&r->pci, (r->isr & r->imr) != 0);
}

void rtl8139_raise(struct rtl8139 *r, unsigned causes)
{
    r->isr |= (uint16_t)(causes & INT_ALL);
    if (causes & INT_TIMEOUT)
        rtl8139_timer_update(r);
    rtl8139_pin_update(r);
}

void rtl8139_acknowledge(struct rtl8139 *r, unsigned causes)
{
    r->isr &= (uint16_t)~causes;
    if (causes & INT_PUN_LINKCHG)
        r->link_changed = false;
    if (causes & INT_TIMEOUT)
        rtl8139_timer_update(r);
    rtl8139_pin_update(r);
}

/* Nobody answered there: a master abort, as a real bus has it. */
void rtl8139_dma_failed(struct rtl8139 *r, const char *what, uint64_t gpa)
{
    r->pci.config[PCI_STATUS + 1] |= STATUS_MASTER_ABORT;
    device_guest_error(&r->pci.dev, "%s at 0x%llx is not in memory", what, (unsigned long long)gpa);
    rtl8139_raise(r, INT_SERR);
}

/* ---- TCTR: counts for ever, and is compared with TimerInt ---- */

static uint64_t cycles(const struct rtl8139 *r)
{
    return (uint64_t)(vclock_now_ns(r->pci.dev.env->clock) - r->tctr_zero_ns) / TCTR_NS;
}

uint32_t rtl8139_tctr(const struct rtl8139 *r)
{
    return (uint32_t)cycles(r);
}

/* No timer while the cause is set already: nothing could be seen of it. */
void rtl8139_timer_update(struct rtl8139 *r)
{
    uint64_t now, at;

    if (!r->timerint || r->isr & INT_TIMEOUT) {
        vtimer_cancel(&r->timer);
        return;
    }
    now = cycles(r);
    at = (now & ~(uint64_t)UINT32_MAX) | r->timerint;
    if (at <= now)
        at += 1ull << 32;
    vtimer_arm(&r->timer, r->tctr_zero_ns + (int64_t)(at * TCTR_NS));
}

void rtl8139_timer_fired(void *opaque)
{
    rtl8139_raise(opaque, INT_TIMEOUT);
}

/* ---- the poll timer ---- */

static bool poll_wanted(const struct rtl8139 *r)
{
    return r->rx_state == RTL_RX_HELD || r->tx_state == RTL_TX_WIRE_BUSY;
}

void rtl8139_poll_update(struct rtl8139 *r)
{
    if (!poll_wanted(r)) {
        r->poll_ns = -1;
        vtimer_cancel(&r->poll);
    } else if (r->poll_ns < 0) {
        r->poll_ns = vclock_now_ns(r->pci.dev.env->clock) + POLL_NS;
        vtimer_arm(&r->poll, r->poll_ns);
    }
}

/*
 * On a real wire more frames would come, and each that finds no room says so again. A driver may rely on that: Linux's
 * 8139too leaves a full ring alone when its budget is spent and all causes are acknowledged.
 */
static void tell_again(struct rtl8139 *r)
{
    if (r->rx_state == RTL_RX_HELD)
        rtl8139_raise(r, rtl8139_no_room_cause(r));
}

void rtl8139_poll_fired(void *opaque)
{
    struct rtl8139 *r = opaque;

    r->poll_ns = -1;
    rtl8139_rx_look(r);
    tell_again(r);
    if (r->tx_state == RTL_TX_WIRE_BUSY)
        rtl8139_tx_wire_ready(r);
    rtl8139_poll_update(r);
}
