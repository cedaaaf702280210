/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82540EM Gigabit Ethernet controller (PCI 8086:100e).
 * Intel, "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual", 317453: sections
 * and registers are named as there. BAR 0: registers in memory, as 32-bit words; BAR 1: IOADDR and IODATA (section 13.1.2).
 *
 * Differences from the chip, all on purpose:
 *   - Frames that find no receive descriptor wait at the wire (which bounds them) where the chip's FIFO would
 *     hold them, and then drop them; each is counted in RNBC. MPC counts those that no ring of this size takes.
 *   - A frame never goes out without an FCS: IFCS is taken as set, since small teaching kernels forget it.
 *   - Descriptor write-back is never held back by the thresholds of TXDCTL and RXDCTL, which have no effect but
 *     for LWTHRESH; nor has the packet buffer memory, which is not there to be read.
 *   - Wake-up registers hold what is written to them; the machine has no sleep that a frame could end.
 *   - Received pause frames are counted, and do not stop the transmitter.
 */
#ifndef HW_NET_E1000_H
#define HW_NET_E1000_H

#include "hw/device.h"
#include "hw/pci/pci.h"
#include "net/net.h"

struct e1000_config {
    uint8_t mac[6];       /* goes into the EEPROM */
    struct netport *port; /* NULL: no cable */
};

/* At devfn (-1: the first free slot). NULL with the reason in why[]. Main loop's thread. */
struct device *e1000_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                         const struct e1000_config *cfg, char *why, size_t why_size);

#endif
