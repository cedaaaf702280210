/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Realtek RTL8139C+ on the PCI bus (10ec:8139, revision 20h): a Fast Ethernet controller with its PHY. One chip,
 * two ways to drive it, chosen for each direction by the C+ command register:
 *   C mode    four transmit descriptors in registers, one receive ring of bytes (8139too, older drivers)
 *   C+ mode   rings of descriptors in memory, checksums, large sends and VLAN tags by the chip (8139cp, re)
 * RTL8139C(L) data sheet 1.4 and RTL8139C(L)+ data sheet 1.6; "DS" in the comments of the parts.
 *
 * What a wire of software does not have is not there: collisions, symbol errors, frames cut short. So the
 * bits that count or accept those (AR, AER, TABT, OWC, NCC) are kept and never matter. Frames shorter than 60
 * bytes are padded on their way in, as their sender's card would have done.
 */
#ifndef HW_NET_RTL8139_H
#define HW_NET_RTL8139_H

#include "hw/pci/pci.h"

struct netport;

struct rtl8139_config {
    uint8_t mac[6];       /* as its EEPROM has it */
    struct netport *port; /* NULL: no cable */
    bool c_only;          /* an RTL8139C (revision 10h), which has no C+ mode: for drivers that refuse a C+ */
};

/*
 * A card on the bus at devfn (< 0: the first free slot), reset. The port is attached until the device is freed; bus
 * and port outlive it. NULL: not made, why[] says why.
 */
struct device *rtl8139_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                           const struct rtl8139_config *cfg, char *why, size_t why_size);

/* For tests: NULL, or which of the invariants in hw/net/rtl8139_int.h does not hold. Lock held. */
const char *rtl8139_check(const struct device *dev);

#endif
