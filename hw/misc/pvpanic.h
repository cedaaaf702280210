/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic on ISA: a port by which a guest's kernel says that it has crashed. The firmware's ACPI tables tell of it
 * (QEMU0001), by fw_cfg's etc/pvpanic-port. Source: QEMU docs/specs/pvpanic.
 */
#ifndef HW_MISC_PVPANIC_H
#define HW_MISC_PVPANIC_H

#include "hw/device.h"

#define PVPANIC_IOBASE 0x505
#define PVPANIC_PANICKED 1    /* the kernel has crashed */
#define PVPANIC_CRASHLOADED 2 /* it has, and another kernel takes its image */

struct pvpanic_isa_config {
    uint16_t iobase; /* PVPANIC_IOBASE unless configured */
    uint8_t events;  /* PVPANIC_ bits that the guest may use */
};

/* NULL and why[] when the port is taken. Requests MACHINE_PANICKED, MACHINE_CRASHLOADED. Freed with device_free(). */
struct device *pvpanic_isa_new(const struct dev_env *env, const char *id, const struct pvpanic_isa_config *cfg,
                               char *why, size_t why_size);

#endif
