/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a user may choose of any virtio device. */
#ifndef HW_VIRTIO_OPTIONS_H
#define HW_VIRTIO_OPTIONS_H

#include <stdbool.h>

/* All zero: both transports, split rings, and kicks that need not wait. */
struct virtio_options {
    bool disable_legacy, disable_modern;
    bool packed;     /* packed rings are offered, by the modern transport */
    bool kicks_wait; /* a kick is carried out before the driver's write returns (QEMU's ioeventfd=off) */
};

#endif
