/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CMD PCI-0646U2 (1095:0646 rev. 7): a PCI IDE function in native mode, so that there can be any number
 * beside the machine's own. Two channels with bus masters; the ports are where BARs 0 to 3 say (command
 * and control block of each channel), the bus masters in BAR 4; both channels interrupt by INTA.
 * Drivers that bind to it by its numbers: Linux pata_cmd64x (before 2.6.20 cmd64x), FreeBSD ata(4),
 * NetBSD and OpenBSD pciide(4), Windows 2000 and XP cmdide; by its class: Linux ata_generic (if asked),
 * SeaBIOS, DOS drivers.
 * Source: CMD Technology, PCI-0646U2 data sheet, as far as its drivers tell what it says; PCI IDE
 * Controller Specification 1.0.
 *
 * Configuration registers of its own:
 *   50  CFR       bit 6: the BARs are there (1); bit 2: interrupt of channel 0, cleared by writing 1
 *   51  CNTRL     bits 2, 3: channel 0, 1 there (read-only); bits 6, 7: read-ahead off
 *   52-58, 5b     command, address set-up and data timings, kept and without effect
 *   57  ARTTIM23  of them; bit 4: interrupt of channel 1, cleared by writing 1
 *   59  BRST      burst length, kept and without effect
 *   70-7f         the bus masters' registers, as in BAR 4
 *   71  MRDMODE   bits 2, 3: interrupt of channel 0, 1, cleared by writing 1; bits 4, 5: INTA does not
 *                 follow channel 0, 1; bits 0, 1: read command, without effect. Also at BAR 4 + 1
 *   73, 7b UDIDETCR0, 1  Ultra DMA timings, kept and without effect. Also at BAR 4 + 3, + 11
 *
 * An interrupt bit is set by the rising edge of the channel's line. It is cleared by its falling edge,
 * which reading the drive's status makes, or by 1 written in one of its two places. INTA follows the bits.
 *
 * Deliberate deviations:
 * - The mode bits of the programming interface (8f: both channels native) take no write: the legacy
 *   ports are PIIX3's.
 * - BARs 0 to 3 do not take the legacy ports (1f0, 3f4, 170, 374): such a write changes nothing. After it
 *   has given each BAR a place of its own, SeaBIOS (1.16) writes these into every IDE function that is
 *   not a PIIX, and would then find the first controller's disks again in place of this one's.
 */
#ifndef HW_IDE_CMD646_H
#define HW_IDE_CMD646_H

#include "hw/ide/ata.h"
#include "hw/pci/pci.h"

struct cmd646_config {
    bool secondary;                   /* channel 1 is there; else drive[2] and [3] are not looked at */
    unsigned first_channel;           /* number of channel 0 in the machine: for default serial numbers */
    struct ide_drive_config drive[4]; /* channel * 2 + unit */
};

/*
 * A new function on the bus (devfn < 0: the first free slot), reset. device_free() ends it. NULL with
 * why[]: devfn taken, no slot free, or a bad drive configuration.
 */
struct device *cmd646_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                          const struct cmd646_config *cfg, char *why, size_t why_size);

/* NULL if its invariants and those of both channels hold, else the one that does not. Lock held. For tests. */
const char *cmd646_check(const struct device *dev);

#endif
