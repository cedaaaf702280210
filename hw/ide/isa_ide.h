/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An IDE channel on the ISA bus: command block, control port, interrupt line; no DMA. */
#ifndef HW_IDE_ISA_IDE_H
#define HW_IDE_ISA_IDE_H

#include "hw/device.h"
#include "hw/ide/ata.h"

struct isa_ide_config {
    uint16_t iobase, ctlbase; /* 0x1f0, 0x3f6; 0x170, 0x376; or where the machine has room: 0x1e8, 0x3ee */
    unsigned number;          /* of the channel in the machine, from 0: for default serial numbers */
    struct irq_pin irq;
    struct ide_drive_config drive[2];
};

/* A new device, reset and with its ports mapped; device_free() ends it. NULL with why[]: ports
 * taken, or a bad drive configuration. */
struct device *isa_ide_new(const struct dev_env *env, const char *id,
                           const struct isa_ide_config *cfg, char *why, size_t why_size);

/* NULL if the channel's invariants hold, else the one that does not. Lock held. For tests. */
const char *isa_ide_check(const struct device *dev);

#endif
