/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-debugcon: one port whose every written byte goes to a character back end. Firmware finds it
 * by reading its own number back (Bochs: port 0xe9; SeaBIOS writes its log to 0x402). There is no
 * status register, so what the back end does not take at once is dropped and counted.
 */
#ifndef HW_MISC_DEBUGCON_H
#define HW_MISC_DEBUGCON_H

#include "chardev/chardev.h"
#include "hw/device.h"

#define DEBUGCON_IOBASE   0xe9
#define DEBUGCON_READBACK 0xe9

struct isa_debugcon_config {
    uint16_t iobase;     /* DEBUGCON_IOBASE unless configured */
    uint8_t readback;    /* what a read gives: DEBUGCON_READBACK */
    struct chardev *chr; /* NULL: dropped. Outlives the device */
};

/* On the main loop's thread. NULL and why[] when the port is taken. Freed with device_free(). */
struct device *isa_debugcon_new(const struct dev_env *env, const char *id,
                                const struct isa_debugcon_config *cfg, char *why, size_t why_size);

#endif
