/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt fabric: pins of devices in, global interrupt lines (GSI 0 .. 23) out. Several pins
 * on one line are OR-ed; the four PCI lines go where the PIIX3's PIRQ registers send them.
 */
#ifndef DM_IRQ_H
#define DM_IRQ_H

#include <stdbool.h>

#include "hw/env.h"

#define IRQ_GSIS 24
#define IRQ_PIRQS 4

struct irq_fabric;

/* Called with each change of a line, in order, under the fabric's leaf lock. */
typedef void (*irq_output_fn)(void *opaque, unsigned gsi, bool level);

struct irq_fabric *irq_fabric_new(irq_output_fn output, void *opaque);
void irq_fabric_free(struct irq_fabric *fabric);

struct irq_pin irq_fabric_pin(struct irq_fabric *fabric, unsigned gsi); /* a new pin on that line */
struct irq_pin irq_fabric_pirq(struct irq_fabric *fabric, unsigned pirq); /* PCI line A .. D */
void irq_fabric_route_pirq(struct irq_fabric *fabric, unsigned pirq, int gsi); /* -1: nowhere */
bool irq_fabric_level(struct irq_fabric *fabric, unsigned gsi);

#endif
