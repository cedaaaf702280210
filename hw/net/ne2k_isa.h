/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An NE2000 on the ISA bus. Boards let their user choose ports (300h and four others) and interrupt (3, 4, 5, 9
 * and more) by jumpers; drivers that do not search want to be told the same: Linux `ne io=0x300 irq=9`.
 */
#ifndef HW_NET_NE2K_ISA_H
#define HW_NET_NE2K_ISA_H

#include "hw/device.h"
#include "net/net.h"

#define NE2K_ISA_IOBASE 0x300 /* what is usual */
#define NE2K_ISA_IRQ 9

struct ne2k_isa_config {
    uint16_t iobase; /* 32 ports */
    struct irq_pin irq;
    struct netport *port; /* NULL: no cable. Outlives the device */
    uint8_t mac[6];
};

/* On the main loop's thread. NULL and why[] when the ports are taken. Freed with device_free(). */
struct device *ne2k_isa_new(const struct dev_env *env, const char *id, const struct ne2k_isa_config *cfg,
                            char *why, size_t why_size);

/* NULL if the chip's invariants hold, else the one that does not. Lock held. For tests. */
const char *ne2k_isa_check(const struct device *dev);

#endif
