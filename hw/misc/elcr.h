/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The edge/level control registers of the PIIX3, for machines whose interrupt controllers are not
 * KVM's (those have them inside). Intel 290550, "ELCR1, ELCR2".
 */
#ifndef HW_MISC_ELCR_H
#define HW_MISC_ELCR_H

#include "hw/device.h"

/* Bit n of `level`: ISA interrupt n is level sensitive. Called on a change, lock held; a leaf. */
struct elcr_port {
    void (*set)(void *opaque, uint16_t level);
    void *opaque;
};

struct elcr_config {
    uint16_t port; /* 0x4d0; two ports */
    struct elcr_port out;
};

/* NULL with the reason in why[] if a port is taken. */
struct device *elcr_new(const struct dev_env *env, const char *id, const struct elcr_config *cfg,
                        char *why, size_t why_size);

#endif
