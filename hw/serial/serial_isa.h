/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 16550A on the ISA bus: eight ports, one interrupt line, a character back end at the other end
 * of the cable. A connected peer drives CTS, DSR and DCD.
 */
#ifndef HW_SERIAL_SERIAL_ISA_H
#define HW_SERIAL_SERIAL_ISA_H

#include "chardev/chardev.h"
#include "hw/device.h"

struct isa_serial_config {
    uint16_t iobase;
    struct irq_pin irq;
    struct chardev *chr; /* NULL: nothing connected, output is dropped. Outlives the device */
    /*
     * Interrupts get out even while MCR.OUT2 is 0. No PC is wired so, but QEMU is, and some
     * teaching kernels (xv6) never set OUT2.
     */
    bool out2_ignored;
};

/* On the main loop's thread. NULL and why[] when the ports are taken. Freed with device_free(). */
struct device *isa_serial_new(const struct dev_env *env, const char *id,
                              const struct isa_serial_config *cfg, char *why, size_t why_size);

#endif
