/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power management of the PC: function 3 of the Intel 82371AB (PIIX4), as ACPI's fixed hardware.
 * PM1 event and control block, 24-bit PM timer, power-off and suspend, the APM control port that
 * turns ACPI on, a general purpose event block where SeaBIOS's tables expect it, and an SMBus host
 * with nothing on its bus. Intel 290562, "82371AB (PIIX4)", chapter 7; ACPI 1.0b, 4.7.
 *
 * Differences from a PIIX4, all because there is no SMM here: APMC_EN in DEVACTB reads as set (so
 * firmware thinks SMM was set up and lets it be), and writing 0xf1 / 0xf0 to the APM control port
 * sets and clears SCI_EN at once, which is what SMM code would do.
 */
#ifndef HW_ACPI_PIIX4_PM_H
#define HW_ACPI_PIIX4_PM_H

#include "hw/pci/pci.h"

struct piix4_pm_config {
    struct irq_pin sci;      /* ISA interrupt 9, level */
    uint16_t apm_port;       /* 0xb2; two ports: control, status */
    uint16_t gpe_port;       /* 0xafe0; four ports: 16 bits of status, 16 of enable */
    bool com1, com2, lpt;    /* shown in the device resource registers, where a DSDT looks */
};

/* At 00:01.3. NULL with the reason in why[] if the place or a port is taken. */
struct device *piix4_pm_new(struct pci_bus *bus, const struct dev_env *env, const char *id,
                            const struct piix4_pm_config *cfg, char *why, size_t why_size);

/* The power button is pressed: status bit, and an SCI where enabled. Lock held. */
void piix4_pm_power_button(struct device *dev);

/* The machine comes back from suspend: the status register says so. After the reset; lock held. */
void piix4_pm_wake(struct device *dev);

#endif
