/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDE function of PIIX3 (8086:7010): two channels at their legacy ports and interrupts, with bus
 * masters in 16 bytes of I/O space at BAR 4. Source: Intel 82371FB/82371SB data sheet,
 * configuration registers of function 1.
 *
 * Configuration registers of its own:
 *   40-41, 42-43  IDETIM, primary and secondary: bit 15 decodes the channel's ports (with bit 0 of
 *                 the command register); the others are timings, kept and without effect
 *   44            SIDETIM, timings of the second drives
 *
 * Deliberate deviation: after a reset bit 15 of both IDETIM is 1 (data sheet: 0). QEMU keeps IDETIM
 * without effect, so what was written for it (libqos, small firmware) sets the command register only.
 * Bit 0 there keeps the ports closed until somebody asks for them, as on the chip.
 */
#ifndef HW_IDE_PIIX_IDE_H
#define HW_IDE_PIIX_IDE_H

#include "hw/ide/ata.h"
#include "hw/pci/pci.h"

struct piix3_ide_config {
    struct irq_pin irq[2];             /* 14 and 15 */
    struct ide_drive_config drive[4];  /* primary master, slave, secondary master, slave */
};

/*
 * A new function on the bus, reset: no port is decoded until bit 0 of its command register is set.
 * device_free() ends it. NULL with why[]: devfn taken, or a bad drive configuration.
 */
struct device *piix3_ide_new(struct pci_bus *bus, uint8_t devfn, const struct dev_env *env,
                             const char *id, const struct piix3_ide_config *cfg, char *why,
                             size_t why_size);

/* NULL if the invariants of both channels hold, else the one that does not. Lock held. For tests. */
const char *piix3_ide_check(const struct device *dev);

#endif
