/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI cards that come and go while the machine runs. What is wired by hand at the start (dispatch tables, lines,
 * memory, who sits in which slot) is changed here on the main loop with every processor parked, so that nobody is
 * inside a device that goes.
 */
#include <stdlib.h>
#include <string.h>

#include "dm/machine/machine_int.h"
#include "dm/memory.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/device.h"
#include "hw/pci/pci.h"

#define SLOTS 32
#define FUNCTIONS 8

bool machine_has_device(const struct machine *m, const char *id)
{
    for (guint i = 0; i < m->devices->len; i++) {
        if (!strcmp(((const struct device *)g_ptr_array_index(m->devices, i))->id, id))
            return true;
    }
    return false;
}

/* ---- slots ---- */

static enum pci_slot_use slot_use(const struct machine *m, unsigned slot)
{
    enum pci_slot_use use = PCI_SLOT_EMPTY;

    for (unsigned f = 0; f < FUNCTIONS; f++) {
        struct pci_device *pci = pci_bus_get(m->bus, PCI_DEVFN(slot, f));

        if (pci && !g_hash_table_contains(m->cards, &pci->dev))
            return PCI_SLOT_FIXED;
        if (pci)
            use = PCI_SLOT_CARD;
    }
    return use;
}

static void set_slot(struct machine *m, unsigned slot, enum pci_slot_use use)
{
    device_enter(m->pm);
    piix4_pm_set_slot(m->pm, slot, use);
    device_leave(m->pm);
}

void machine_describe_slots(struct machine *m)
{
    for (unsigned slot = 0; m->pm && slot < SLOTS; slot++)
        set_slot(m, slot, slot_use(m, slot));
}

/* Another function in the slot would make it one that cannot be taken out, or be hidden by its function 0. */
static bool slot_is_free(struct machine *m, const struct device_config *d, GError **error)
{
    const char *addr = device_prop(m, d, "addr");
    int devfn = addr ? machine_parse_devfn(addr) : -1;

    for (unsigned f = 0; devfn >= 0 && f < FUNCTIONS; f++) {
        struct pci_device *pci = pci_bus_get(m->bus, (uint8_t)((devfn & ~7) + (int)f));

        if (pci)
            return device_error(d, error, "PCI: slot %d function %u not available for %s, in use by %s,id=%s",
                                devfn >> 3, f, d->driver, pci->dev.cls->name, pci->dev.id);
    }
    return true;
}

/* ---- a card comes ---- */

bool machine_can_plug(const struct machine *m, const char *driver)
{
    return m->pm && (machine_is_pci_nic(driver) || machine_is_virtio_card(driver));
}

bool machine_plug(struct machine *m, struct device_config *d, GError **error)
{
    bool nic = machine_is_pci_nic(d->driver);
    const struct pci_device *pci;

    if (!slot_is_free(m, d, error) || !(nic ? machine_plug_nic(m, d, error) : machine_plug_virtio(m, d, error)))
        return false;
    pci = g_ptr_array_index(m->devices, m->devices->len - 1);
    g_ptr_array_add(m->parts.config->devices, d);
    device_enter(m->pm);
    piix4_pm_card_added(m->pm, pci->devfn >> 3);
    device_leave(m->pm);
    return true;
}

/* ---- a card goes ---- */

static struct device *device_of(const struct machine *m, const struct device_config *d)
{
    GHashTableIter iter;
    gpointer dev, config;

    g_hash_table_iter_init(&iter, m->cards);
    while (g_hash_table_iter_next(&iter, &dev, &config)) {
        if (config == d)
            return dev;
    }
    return NULL;
}

bool machine_ask_for_card(struct machine *m, const struct device_config *d)
{
    const struct pci_device *pci = (const struct pci_device *)device_of(m, d);
    bool asked;

    if (!pci)
        return false;
    device_enter(m->pm);
    asked = piix4_pm_ask_for_card(m->pm, pci->devfn >> 3);
    device_leave(m->pm);
    return asked;
}

/* Of a PCI function. */
static void discard(struct machine *m, struct device *dev, bool drained)
{
    struct ram_block *rom = ((struct pci_device *)dev)->windows[PCI_ROM_SLOT].ram;

    g_ptr_array_remove(m->devices, dev);
    g_hash_table_remove(m->irqs, dev);
    g_hash_table_remove(m->cards, dev);
    device_free(dev);
    if (drained)
        memory_block_free(m->parts.memory, rom);
}

void machine_discard_from(struct machine *m, guint count)
{
    while (m->devices->len > count)
        discard(m, g_ptr_array_index(m->devices, m->devices->len - 1), true);
}

static void take_out(struct machine *m, struct device *dev, bool drained, machine_gone_fn *gone, void *opaque)
{
    struct device_config *d = g_hash_table_lookup(m->cards, dev);
    const char *bootindex = device_prop(m, d, "bootindex");

    discard(m, dev, drained);
    if (machine_is_pci_nic(d->driver))
        machine_unplug_nic(m, d);
    else
        machine_unplug_virtio(m, d);
    if (bootindex && *bootindex != '-')
        firmware_remove_boot(&m->firmware, atoi(bootindex));
    gone(opaque, d);
    g_ptr_array_remove(m->parts.config->devices, d);
}

static uint32_t slots_to_go(const struct machine *m, bool asked)
{
    uint32_t slots;

    if (!m->pm)
        return 0;
    device_enter(m->pm);
    slots = piix4_pm_cards_to_go(m->pm, asked);
    device_leave(m->pm);
    return slots;
}

bool machine_has_cards_to_go(const struct machine *m, bool asked)
{
    return slots_to_go(m, asked) != 0;
}

void machine_take_out(struct machine *m, bool asked, bool drained, machine_gone_fn *gone, void *opaque)
{
    uint32_t slots = slots_to_go(m, asked);

    for (unsigned devfn = 0; devfn < SLOTS * FUNCTIONS; devfn++) {
        struct pci_device *pci = slots >> devfn / FUNCTIONS & 1 ? pci_bus_get(m->bus, (uint8_t)devfn) : NULL;

        if (pci && g_hash_table_contains(m->cards, &pci->dev))
            take_out(m, &pci->dev, drained, gone, opaque);
    }
    for (unsigned slot = 0; slots; slot++, slots >>= 1) {
        if (slots & 1)
            set_slot(m, slot, PCI_SLOT_EMPTY);
    }
}
