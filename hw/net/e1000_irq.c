/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts (317453, 3.2.7, 3.4.3 and 13.4.17 - 13.4.23). Causes are bits of ICR; the pin is up while one that IMS
 * allows is there, but does not rise more often than ITR says. RDTR, RADV, TIDV and TADV put causes off.
 */
#include "hw/net/e1000_int.h"

#define ITR_UNIT_NS   256
#define DELAY_UNIT_NS 1024

static int64_t now(const struct e1000 *c) { return vclock_now_ns(c->pci.dev.env->clock); }

/* The one place that moves the pin. */
static void update(struct e1000 *c)
{
    int64_t t;

    if (!(c->reg[E1000_ICR] & c->reg[E1000_IMS])) {
        pci_set_intx(&c->pci, false);
        return;
    }
    if (c->pci.intx_level)
        return;
    if (c->reg[E1000_ITR]) {
        t = now(c);
        if (t < c->irq_allowed_ns) {
            if (!vtimer_armed(&c->irq_timer))
                vtimer_arm(&c->irq_timer, c->irq_allowed_ns);
            return;
        }
        c->irq_allowed_ns = t + (int64_t)c->reg[E1000_ITR] * ITR_UNIT_NS;
    }
    pci_set_intx(&c->pci, true);
}

static void irq_timer(void *opaque)
{
    update(opaque);
}

void e1000_raise(struct e1000 *c, uint32_t causes)
{
    c->reg[E1000_ICR] |= causes;
    update(c);
}

/* ---- causes that are put off ---- */

static void forget(struct e1000_delay *d)
{
    d->due_ns = d->limit_ns = -1;
    vtimer_cancel(&d->timer);
}

/*
 * `delay` and `limit` in the registers' unit; a limit of 0 is none. What would become due before the pin may rise
 * again anyway is raised at once: no timer is needed for it.
 */
void e1000_raise_delayed(struct e1000 *c, struct e1000_delay *d, uint32_t cause, uint32_t delay, uint32_t limit)
{
    int64_t t;

    if (c->reg[E1000_ICR] & cause)
        return; /* it is waiting to be read already */
    if (!delay) {
        forget(d);
        e1000_raise(c, cause);
        return;
    }
    t = now(c);
    d->due_ns = t + (int64_t)delay * DELAY_UNIT_NS;
    if (limit && d->limit_ns < 0)
        d->limit_ns = t + (int64_t)limit * DELAY_UNIT_NS;
    if (d->limit_ns >= 0 && d->due_ns > d->limit_ns)
        d->due_ns = d->limit_ns;
    if (c->reg[E1000_ITR] && d->due_ns <= c->irq_allowed_ns) {
        forget(d);
        e1000_raise(c, cause);
    } else if (!vtimer_armed(&d->timer) || d->timer.deadline_ns > d->due_ns) {
        vtimer_arm(&d->timer, d->due_ns);
    }
}

static void delay_over(struct e1000 *c, struct e1000_delay *d, uint32_t cause)
{
    if (d->due_ns > now(c)) { /* it was moved */
        vtimer_arm(&d->timer, d->due_ns);
        return;
    }
    forget(d);
    e1000_raise(c, cause);
}

static void rx_timer(void *opaque)
{
    struct e1000 *c = opaque;

    delay_over(c, &c->rx_delay, INT_RXT0);
}

static void tx_timer(void *opaque)
{
    struct e1000 *c = opaque;

    delay_over(c, &c->tx_delay, INT_TXDW);
}

static void flush(struct e1000 *c, struct e1000_delay *d, uint32_t cause)
{
    if (d->due_ns < 0)
        return;
    forget(d);
    e1000_raise(c, cause);
}

E1000_SET(set_rdtr)
{
    e1000_store(c, row, place, value);
    if (value & DELAY_FLUSH)
        flush(c, &c->rx_delay, INT_RXT0);
}

E1000_SET(set_tidv)
{
    e1000_store(c, row, place, value);
    if (value & DELAY_FLUSH)
        flush(c, &c->tx_delay, INT_TXDW);
}

/* ---- registers ---- */

E1000_GET(get_icr)
{
    uint32_t causes = c->reg[place];

    c->reg[place] = 0;
    update(c);
    return causes;
}

E1000_SET(set_icr)
{
    (void)row;
    c->reg[place] &= ~value;
    update(c);
}

E1000_SET(set_ics)
{
    (void)row, (void)place;
    e1000_raise(c, value & INT_ALL);
}

E1000_SET(set_ims)
{
    (void)row;
    c->reg[place] |= value & INT_ALL;
    update(c);
}

E1000_SET(set_imc)
{
    (void)row, (void)place;
    c->reg[E1000_IMS] &= ~value;
    update(c);
}

E1000_SET(set_itr)
{
    e1000_store(c, row, place, value);
    if (c->reg[place])
        return;
    c->irq_allowed_ns = 0;
    vtimer_cancel(&c->irq_timer);
    update(c);
}

/* ---- life ---- */

void e1000_irq_init(struct e1000 *c)
{
    struct vclock *clock = c->pci.dev.env->clock;

    vtimer_init(&c->irq_timer, clock, c->pci.dev.lock, irq_timer, c);
    vtimer_init(&c->rx_delay.timer, clock, c->pci.dev.lock, rx_timer, c);
    vtimer_init(&c->tx_delay.timer, clock, c->pci.dev.lock, tx_timer, c);
}

void e1000_irq_reset(struct e1000 *c)
{
    forget(&c->rx_delay);
    forget(&c->tx_delay);
    vtimer_cancel(&c->irq_timer);
    c->irq_allowed_ns = 0;
    c->reg[E1000_ICR] = c->reg[E1000_IMS] = 0;
    update(c);
}

static void rearm(struct e1000_delay *d)
{
    vtimer_cancel(&d->timer);
    if (d->due_ns >= 0)
        vtimer_arm(&d->timer, d->due_ns);
}

void e1000_irq_load(struct e1000 *c)
{
    rearm(&c->rx_delay);
    rearm(&c->tx_delay);
    vtimer_cancel(&c->irq_timer);
    update(c);
}

void e1000_irq_fini(struct e1000 *c)
{
    vtimer_cancel(&c->irq_timer);
    vtimer_cancel(&c->rx_delay.timer);
    vtimer_cancel(&c->tx_delay.timer);
}
