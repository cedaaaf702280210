/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/ne2k_pci.h"

#include <stdio.h>
#include <stdlib.h>

#include "hw/net/ne2000.h"
#include "hw/pci/pci_regs.h"

struct ne2k_pci {
    struct pci_device pci;
    struct ne2000 board;
};

static const struct dev_field fields[] = {
    PCI_DEVICE_FIELDS(struct ne2k_pci, pci),
    NE2000_FIELDS(struct ne2k_pci, board),
};

static const struct pci_ids rtl8029_ids = {
    .vendor = 0x10ec,
    .device = 0x8029,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x020000, /* Ethernet */
    .interrupt_pin = 1,
};

static void pci_pin(void *opaque, bool level)
{
    struct ne2k_pci *n = opaque;

    pci_set_intx(&n->pci, level);
}

static void rtl8029_reset(struct device *dev)
{
    struct ne2k_pci *n = (struct ne2k_pci *)dev;

    pci_device_reset(&n->pci);
    ne2000_reset(&n->board);
}

static const char *rtl8029_post_load(struct device *dev)
{
    struct ne2k_pci *n = (struct ne2k_pci *)dev;
    const char *why = pci_device_post_load(&n->pci);

    return why ? why : ne2000_post_load(&n->board);
}

static void rtl8029_free(struct device *dev)
{
    struct ne2k_pci *n = (struct ne2k_pci *)dev;

    ne2000_detach(&n->board);
    device_enter(dev);
    ne2000_cancel(&n->board);
    device_leave(dev);
    pci_device_fini(&n->pci);
    free(n);
}

static const struct device_class rtl8029_class = {
    .name = "ne2k_pci",
    .title = "Realtek RTL8029AS: NE2000 network card on the PCI bus",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = rtl8029_reset,
    .post_load = rtl8029_post_load,
    .free = rtl8029_free,
};

struct device *ne2k_pci_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                            const struct ne2k_pci_config *cfg, char *why, size_t why_size)
{
    struct ne2k_pci *n = calloc(1, sizeof(*n));

    if (!n) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    pci_device_init(&n->pci, &rtl8029_class, env, id, &rtl8029_ids);
    pci_set_word(n->pci.config + PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    ne2000_init(&n->board, &n->pci.dev, DP8390_RTL8029, cfg->mac, pci_pin, n);
    pci_add_io(&n->pci, 0, &n->board.ports);
    if (!pci_bus_add(bus, &n->pci, devfn, why, why_size)) {
        rtl8029_free(&n->pci.dev);
        return NULL;
    }
    device_reset(&n->pci.dev);
    ne2000_attach(&n->board, cfg->port);
    return &n->pci.dev;
}
