/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI hotplug by ACPI: the registers between the machine, which puts cards in and asks for them back, and the
 * methods of the DSDT, by which the guest hears of it and lets a card go. Four dwords, as SeaBIOS's built-in
 * tables (0xae00 there) and QEMU's docs/specs/acpi_pci_hotplug in its legacy form have them; bit n is slot n:
 *
 *   0  read   a card has come; stays set for as long as it is there, since _E01 of SeaBIOS reads it slot by slot
 *   4  read   a card is asked for
 *   8  write  _EJ0: the guest has let go of the card in the lowest slot of these. Reads as 0 (no features)
 *   c  read   _EJ0 exists for the slot; SeaBIOS reads it when it makes its SSDT
 *
 * A slot's card: NONE -(added)-> COME -(asked)-> ASKED -(_EJ0)-> EJECTED -(the machine takes it out)-> NONE.
 * A guest may eject what nobody asked for, and the machine may ask again. An ejected card is on the bus until the
 * machine takes it out, which it does before the processor that wrote goes on. No lock, no pins.
 */
#ifndef HW_ACPI_PCI_HOTPLUG_H
#define HW_ACPI_PCI_HOTPLUG_H

#include "hw/device.h"

#define PCI_HOTPLUG_BYTES 16

enum pci_slot_use {
    PCI_SLOT_EMPTY, /* a card may come */
    PCI_SLOT_CARD,  /* and may go */
    PCI_SLOT_FIXED, /* something of the machine's own, which stays */
};

struct pci_hotplug {
    uint32_t cards, fixed; /* by slot: who sits there. The machine's, so neither reset nor loaded */
    uint32_t up, down;     /* as the registers show them */
    uint32_t ejected;      /* the machine is to take them out */
};

/* For the table of fields of the device that has the chip as `member`. */
#define PCI_HOTPLUG_FIELDS(s, member)                                                              \
    DEV_FIELD(s, U32, member.up, 0, 0), DEV_FIELD(s, U32, member.down, 0, 0),                      \
        DEV_FIELD(s, U32, member.ejected, 0, 0)

uint32_t pci_hotplug_read(const struct pci_hotplug *h, unsigned off); /* off: 0, 4, 8, 12 */

/* What a write means for its owner. */
enum pci_hotplug_effect {
    PCI_HOTPLUG_NONE,
    PCI_HOTPLUG_EJECTED, /* a card more in `ejected` */
    PCI_HOTPLUG_REFUSED, /* a mistake of the guest: nothing to eject there, or no register that is written */
};
enum pci_hotplug_effect pci_hotplug_write(struct pci_hotplug *h, unsigned off, uint32_t value);

/* slot < 32. What the slot had to tell is forgotten. */
void pci_hotplug_set_slot(struct pci_hotplug *h, unsigned slot, enum pci_slot_use use);
void pci_hotplug_added(struct pci_hotplug *h, unsigned slot); /* a card is put into an empty slot */
/* Asks for the card back, again if need be. False: there is none that may go. */
bool pci_hotplug_ask(struct pci_hotplug *h, unsigned slot);
/* After a load: whether such registers are possible with the cards that are there. */
bool pci_hotplug_sane(const struct pci_hotplug *h);

#endif
