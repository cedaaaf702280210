/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power management of the PC: function 3 of the Intel 82371AB (PIIX4), as ACPI's fixed hardware.
 * PM1 event and control block, 24-bit PM timer, power-off and suspend, the APM control port that
 * turns ACPI on, a general purpose event block where SeaBIOS's tables expect it, with PCI hotplug behind its
 * bit 1 (hw/acpi/pci_hotplug.h), and an SMBus host with nothing on its bus. Intel 290562, "82371AB (PIIX4)", chapter 7; ACPI 1.0b, 4.7.
 *
 * Differences from a PIIX4, all because there is no SMM here: APMC_EN in DEVACTB reads as set (so
 * firmware thinks SMM was set up and lets it be), and writing 0xf1 / 0xf0 to the APM control port
 * sets and clears SCI_EN at once, which is what SMM code would do.
 */
#ifndef HW_ACPI_PIIX4_PM_H
#define HW_ACPI_PIIX4_PM_H

#include "hw/acpi/pci_hotplug.h"
#include "hw/pci/pci.h"

struct piix4_pm_config {
    struct irq_pin sci;      /* ISA interrupt 9, level */
    uint16_t apm_port;       /* 0xb2; two ports: control, status */
    uint16_t gpe_port;       /* 0xafe0; four ports: 16 bits of status, 16 of enable */
    uint16_t hotplug_port;   /* 0xae00; PCI_HOTPLUG_BYTES ports */
    bool com1, com2, lpt;    /* shown in the device resource registers, where a DSDT looks */
};

/* At 00:01.3. NULL with the reason in why[] if the place or a port is taken. */
struct device *piix4_pm_new(struct pci_bus *bus, const struct dev_env *env, const char *id,
                            const struct piix4_pm_config *cfg, char *why, size_t why_size);

/* The power button is pressed: status bit, and an SCI where enabled. Lock held. */
void piix4_pm_power_button(struct device *dev);

/* The machine comes back from suspend: the status register says so. After the reset; lock held. */
void piix4_pm_wake(struct device *dev);

/*
 * PCI hotplug, for the machine; slot < 32, lock held. The first is silent (the wiring, a card that has been taken
 * out), the others raise the event: a card came, a card is asked for (false: none that may go is there).
 */
void piix4_pm_set_slot(struct device *dev, unsigned slot, enum pci_slot_use use);
void piix4_pm_card_added(struct device *dev, unsigned slot);
bool piix4_pm_ask_for_card(struct device *dev, unsigned slot);
/*
 * The slots whose cards are to be taken out: those that the guest has ejected (it is told of by MACHINE_EJECT), and
 * with `asked`, before a reset, those that are asked for. They stay until piix4_pm_set_slot().
 */
uint32_t piix4_pm_cards_to_go(const struct device *dev, bool asked);

#endif
