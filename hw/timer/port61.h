/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NMI status and control ("port B"), for machines whose timer is not KVM's (that has it inside).
 * Intel 290550 (PIIX3), "NMI Status and Control Register". Timer 2's gate and the speaker bit are
 * stored; its output reads as 0, since such a machine has no 8254. The refresh bit changes with
 * each read, as KVM's does, so that a loop that waits for a change ends.
 */
#ifndef HW_TIMER_PORT61_H
#define HW_TIMER_PORT61_H

#include "hw/device.h"

struct port61_config {
    uint16_t port; /* 0x61 */
};

/* NULL with the reason in why[] if the port is taken. */
struct device *port61_new(const struct dev_env *env, const char *id,
                          const struct port61_config *cfg, char *why, size_t why_size);

#endif
