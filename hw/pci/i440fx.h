/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host bridge of the PC: Intel 82441FX (PMC). Configuration mechanism 1, and the PAM registers
 * that say what answers in 0xc0000-0xfffff. Intel 290549, "82441FX PCI and Memory Controller",
 * section 3 (registers); PCI Local Bus Specification 3.0, 3.2.2.3.2 (mechanism 1).
 *
 * The reset control register 0xcf9 belongs to the PIIX3 (Intel 290550, "RC-Reset Control
 * Register"), but lies inside the bridge's 0xcf8-0xcfb, and a device never calls a device. So it
 * lives here: the region declares a byte register at 0xcf9 and a dword register at 0xcf8, and the
 * dispatcher routes by width. Byte and word accesses elsewhere in 0xcf8-0xcfb read CONFADD's bytes
 * and write nothing.
 *
 * The bridge's lock is the first in the lock order: it is held while a function's is taken.
 */
#ifndef HW_PCI_I440FX_H
#define HW_PCI_I440FX_H

#include "hw/pci/pci.h"

/* Segment 0 is 0xf0000-0xfffff; 1 .. 12 are 16 KiB each from 0xc0000 up to 0xeffff. */
#define PAM_SEGMENTS 13

/*
 * What reads and writes of a segment reach: RAM where true; for reads else the ROM or the PCI bus,
 * for writes else nothing. Called when a segment changes, with the bridge's lock held; a leaf.
 */
struct pam_port {
    void (*set)(void *opaque, unsigned segment, bool readable, bool writable);
    void *opaque;
};

static inline uint32_t pam_segment_base(unsigned segment)
{
    return segment ? 0xc0000 + (segment - 1) * 0x4000 : 0xf0000;
}

static inline uint32_t pam_segment_bytes(unsigned segment)
{
    return segment ? 0x4000 : 0x10000;
}

struct i440fx_config {
    uint16_t port; /* 0xcf8; eight ports */
    struct pam_port pam;
    uint64_t ram_bytes; /* shown in the DRAM row boundaries, up to what they can hold (2 GiB) */
};

/* At 00:00.0. NULL with the reason in why[] if that place or a port is taken. */
struct device *i440fx_new(struct pci_bus *bus, const struct dev_env *env, const char *id,
                          const struct i440fx_config *cfg, char *why, size_t why_size);

#endif
