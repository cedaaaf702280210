/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/acpi/pci_hotplug.h"

enum { REG_UP = 0x0, REG_DOWN = 0x4, REG_EJECT = 0x8, REG_REMOVABLE = 0xc };

uint32_t pci_hotplug_read(const struct pci_hotplug *h, unsigned off)
{
    switch (off) {
    case REG_UP: return h->up;
    case REG_DOWN: return h->down;
    case REG_REMOVABLE: return ~h->fixed;
    default: return 0;
    }
}

enum pci_hotplug_effect pci_hotplug_write(struct pci_hotplug *h, unsigned off, uint32_t value)
{
    uint32_t slot = value & (0u - value); /* the lowest of them */

    if (off != REG_EJECT || !(h->cards & slot))
        return PCI_HOTPLUG_REFUSED;
    if (h->ejected & slot)
        return PCI_HOTPLUG_NONE;
    h->up &= ~slot;
    h->down &= ~slot;
    h->ejected |= slot;
    return PCI_HOTPLUG_EJECTED;
}

void pci_hotplug_set_slot(struct pci_hotplug *h, unsigned slot, enum pci_slot_use use)
{
    uint32_t bit = 1u << slot;

    h->up &= ~bit;
    h->down &= ~bit;
    h->ejected &= ~bit;
    h->cards = (h->cards & ~bit) | (use == PCI_SLOT_CARD ? bit : 0);
    h->fixed = (h->fixed & ~bit) | (use == PCI_SLOT_FIXED ? bit : 0);
}

void pci_hotplug_added(struct pci_hotplug *h, unsigned slot)
{
    pci_hotplug_set_slot(h, slot, PCI_SLOT_CARD);
    h->up |= 1u << slot;
}

bool pci_hotplug_ask(struct pci_hotplug *h, unsigned slot)
{
    uint32_t bit = 1u << slot;

    if (!(h->cards & bit))
        return false;
    if (!(h->ejected & bit))
        h->down |= bit;
    return true;
}

bool pci_hotplug_sane(const struct pci_hotplug *h)
{
    return !((h->up | h->down | h->ejected) & ~h->cards) && !(h->ejected & (h->up | h->down));
}
