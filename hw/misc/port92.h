/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A of the PS/2: a fast reset and the A20 gate. Intel 290550 (PIIX3), "Port 92
 * Register". The gate is stored and read back; address line 20 is never forced low, since KVM has
 * no such line and no guest of today needs the wrap.
 */
#ifndef HW_MISC_PORT92_H
#define HW_MISC_PORT92_H

#include "hw/device.h"

struct port92_config {
    uint16_t port; /* 0x92 */
};

/* NULL with the reason in why[] if the port is taken. A rising bit 0 asks for MACHINE_RESET. */
struct device *port92_new(const struct dev_env *env, const char *id,
                          const struct port92_config *cfg, char *why, size_t why_size);

#endif
