/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI to ISA bridge, function 0 of the Intel 82371SB (PIIX3): which ISA interrupt each PCI
 * interrupt line reaches. Intel 290550, "82371FB (PIIX) and 82371SB (PIIX3)", section 2.2.
 * What else a PIIX3 holds are devices of their own: hw/ide, hw/dma/i8237, hw/misc/elcr (only where
 * KVM's own interrupt controllers do not have it); its reset control register is in hw/pci/i440fx.
 */
#ifndef HW_PCI_PIIX3_H
#define HW_PCI_PIIX3_H

#include "hw/pci/pci.h"

#define PIRQ_LINES 4

/* PCI line `pirq` (0 .. 3: PIRQA .. PIRQD) now drives ISA interrupt `irq`, or none at -1. Called on
 * each change with the bridge's lock held; a leaf. All start at -1. */
struct pirq_port {
    void (*route)(void *opaque, unsigned pirq, int irq);
    void *opaque;
};

struct piix3_config {
    struct pirq_port pirq;
};

/* At 00:01.0, multifunction. NULL with the reason in why[] if the place is taken. */
struct device *piix3_new(struct pci_bus *bus, const struct dev_env *env, const char *id,
                         const struct piix3_config *cfg, char *why, size_t why_size);

#endif
