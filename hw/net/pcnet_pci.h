/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCnet on the PCI bus (1022:2000): BAR 0 32 ports, BAR 1 the same in memory, INTA, bus master.
 *
 *   00-0f  address PROM
 *   by words (WIO), after a reset:    10 RDP (the CSR that RAP selects), 12 RAP, 14 reset, 16 BDP (its BCR)
 *   by double words (DWIO):           10 RDP, 14 RAP, 18 reset, 1c BDP
 *
 * A double word written at 10 ends WIO until the next reset of the bus. Accesses that the mode has not read as
 * ones and change nothing. The address PROM can be read by any width.
 */
#ifndef HW_NET_PCNET_PCI_H
#define HW_NET_PCNET_PCI_H

#include "hw/net/pcnet.h"
#include "hw/pci/pci.h"

struct pcnet_config {
    struct netport *port; /* NULL: no cable. Outlives the device */
    uint8_t mac[6];
    enum pcnet_variant variant;
};

/*
 * A new function on the bus (devfn < 0: the first free slot), reset. On the main loop's thread. device_free()
 * ends it. NULL with why[]: devfn taken or no slot free.
 */
struct device *pcnet_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                         const struct pcnet_config *cfg, char *why, size_t why_size);

/* NULL if the chip's invariants hold, else the one that does not. Lock held. For tests. */
const char *pcnet_pci_check(const struct device *dev);

#endif
