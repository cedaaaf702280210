/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Realtek RTL8029AS (10ec:8029): an NE2000 on the PCI bus. BAR 0: 32 ports, laid out as the ISA board's; INTA.
 * It is no bus master. Source: Realtek RTL8029AS data sheet (January 1997), "PCI Configuration Space".
 */
#ifndef HW_NET_NE2K_PCI_H
#define HW_NET_NE2K_PCI_H

#include "hw/pci/pci.h"
#include "net/net.h"

struct ne2k_pci_config {
    struct netport *port; /* NULL: no cable. Outlives the device */
    uint8_t mac[6];
};

/*
 * A new function on the bus (devfn < 0: the first free slot), reset. On the main loop's thread. device_free()
 * ends it. NULL with why[]: devfn taken or no slot free.
 */
struct device *ne2k_pci_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                            const struct ne2k_pci_config *cfg, char *why, size_t why_size);

#endif
