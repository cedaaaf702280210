/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a user may choose of any virtio device. */
#ifndef HW_VIRTIO_OPTIONS_H
#define HW_VIRTIO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: both transports, split rings, kicks that need not wait, and all that the device can. */
struct virtio_options {
    bool disable_legacy, disable_modern;
    bool packed;     /* packed rings are offered, by the modern transport */
    bool kicks_wait; /* a kick is carried out before the driver's write returns (QEMU's ioeventfd=off) */
    uint64_t without; /* features that are not offered, nor those that need them */
    bool no_msix;     /* interrupts by the pin only; else: */
    unsigned vectors; /* of MSI-X; 0: one for each queue and one for the configuration */
};

#endif
