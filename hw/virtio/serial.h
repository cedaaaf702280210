/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial ports over virtio: the console device. VIRTIO 1.2, section 5.3, with several ports. A port is a console
 * (hvc0 of a Linux guest), or a channel by name for a program on each side (/dev/virtio-ports/NAME). Without a chardev
 * nobody is at its other end, and what the guest writes is dropped.
 */
#ifndef HW_VIRTIO_SERIAL_H
#define HW_VIRTIO_SERIAL_H

#include "chardev/chardev.h"
#include "hw/device.h"
#include "hw/virtio/options.h"

struct pci_bus;

#define VIRTIO_SERIAL_PORTS 15      /* most: two queues each and two for control are all that a device has */
#define VIRTIO_SERIAL_NAME_BYTES 128 /* of a name, without its NUL */

struct virtio_serial_port_config {
    bool present, console;
    char name[VIRTIO_SERIAL_NAME_BYTES + 1]; /* empty: none */
    struct chardev *chr;                     /* NULL: nobody */
};

struct virtio_serial_config {
    unsigned ports; /* numbers that there are, 1 .. VIRTIO_SERIAL_PORTS; with 1 there is no control queue in use */
    struct virtio_serial_port_config port[VIRTIO_SERIAL_PORTS];
    bool emergency_write; /* a guest without a driver can print by a register, on the first console */
    struct virtio_options options;
    /* What virtio_serial_open() says of a port is another. Any thread, lock held: to be passed on later. */
    void (*changed)(void *opaque, unsigned nr);
    void *opaque;
};

/* NULL with why[]. devfn < 0: the first free slot. Main loop's thread: it attaches to the chardevs. */
struct device *virtio_serial_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                                 const struct virtio_serial_config *cfg, char *why, size_t why_size);

bool virtio_serial_open(const struct device *dev, unsigned nr); /* by the guest. Lock held */

#endif
