/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/irq.h"

#include <glib.h>

#include "ioreq/iolock.h"

#define MAX_PINS 60 /* bits of a line's mask; the four above are the PCI lines */

struct irq_fabric {
    struct iolock *lock;
    irq_output_fn output;
    void *opaque;
    unsigned pin_count;
    uint8_t pin_gsi[MAX_PINS];
    uint64_t asserted[IRQ_GSIS]; /* who asks, a bit each */
    bool pirq_level[IRQ_PIRQS];
    int pirq_gsi[IRQ_PIRQS];
};

struct irq_fabric *irq_fabric_new(irq_output_fn output, void *opaque)
{
    struct irq_fabric *f = g_new0(struct irq_fabric, 1);

    f->lock = iolock_new();
    f->output = output;
    f->opaque = opaque;
    for (unsigned i = 0; i < IRQ_PIRQS; i++)
        f->pirq_gsi[i] = -1;
    return f;
}

void irq_fabric_free(struct irq_fabric *fabric)
{
    if (!fabric)
        return;
    iolock_free(fabric->lock);
    g_free(fabric);
}

static void assert_bit(struct irq_fabric *f, unsigned gsi, unsigned bit, bool level)
{
    uint64_t before = f->asserted[gsi];

    if (level)
        f->asserted[gsi] |= 1ull << bit;
    else
        f->asserted[gsi] &= ~(1ull << bit);
    if (!before != !f->asserted[gsi])
        f->output(f->opaque, gsi, f->asserted[gsi] != 0);
}

static void set_pin(void *opaque, unsigned pin, bool level)
{
    struct irq_fabric *f = opaque;

    iolock_enter(f->lock);
    assert_bit(f, f->pin_gsi[pin], pin, level);
    iolock_leave(f->lock);
}

static void set_pirq(void *opaque, unsigned pirq, bool level)
{
    struct irq_fabric *f = opaque;

    iolock_enter(f->lock);
    f->pirq_level[pirq] = level;
    if (f->pirq_gsi[pirq] >= 0)
        assert_bit(f, (unsigned)f->pirq_gsi[pirq], MAX_PINS + pirq, level);
    iolock_leave(f->lock);
}

struct irq_pin irq_fabric_pin(struct irq_fabric *fabric, unsigned gsi)
{
    g_assert(fabric->pin_count < MAX_PINS && gsi < IRQ_GSIS);
    fabric->pin_gsi[fabric->pin_count] = (uint8_t)gsi;
    return (struct irq_pin){set_pin, fabric, fabric->pin_count++};
}

struct irq_pin irq_fabric_pirq(struct irq_fabric *fabric, unsigned pirq)
{
    g_assert(pirq < IRQ_PIRQS);
    return (struct irq_pin){set_pirq, fabric, pirq};
}

void irq_fabric_route_pirq(struct irq_fabric *fabric, unsigned pirq, int gsi)
{
    if (pirq >= IRQ_PIRQS || gsi >= IRQ_GSIS)
        return;
    iolock_enter(fabric->lock);
    if (fabric->pirq_gsi[pirq] != gsi) {
        if (fabric->pirq_gsi[pirq] >= 0)
            assert_bit(fabric, (unsigned)fabric->pirq_gsi[pirq], MAX_PINS + pirq, false);
        fabric->pirq_gsi[pirq] = gsi;
        if (gsi >= 0)
            assert_bit(fabric, (unsigned)gsi, MAX_PINS + pirq, fabric->pirq_level[pirq]);
    }
    iolock_leave(fabric->lock);
}

bool irq_fabric_level(struct irq_fabric *fabric, unsigned gsi)
{
    bool level;

    iolock_enter(fabric->lock);
    level = gsi < IRQ_GSIS && fabric->asserted[gsi];
    iolock_leave(fabric->lock);
    return level;
}
