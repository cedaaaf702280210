/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of virtio-serial share: serial.c the device and its data, serial_control.c the control queues. */
#ifndef HW_VIRTIO_SERIAL_INT_H
#define HW_VIRTIO_SERIAL_INT_H

#include "hw/virtio/serial.h"
#include "hw/virtio/virtio.h"

/* Feature bits, 5.3.3; not offered: the size of a console (0), which nobody tells us. */
#define SERIAL_F_MULTIPORT (1ull << 1)
#define SERIAL_F_EMERG_WRITE (1ull << 2)

enum { CONTROL_RX = 2, CONTROL_TX = 3 }; /* queues; those of port 0 are 0 and 1 */

/*
 * The guest's data on its way to the chardev.
 *
 *   OPEN --- a short write ---> WAITING --- (a console) 200 ms ---> DROPPING
 *     ^------------ room again, or the peer is gone --------------------'
 *
 * Linux's console waits for each of its buffers with a lock held, so a console does not wait for ever.
 */
enum serial_flow { FLOW_OPEN, FLOW_WAITING, FLOW_DROPPING, FLOW_STATES };

/* Messages that are due to the driver, sent as it has buffers for them, in this order. */
enum {
    DUE_ADD = 1,     /* there is this port */
    DUE_CONSOLE = 2, /* it is a console */
    DUE_NAME = 4,
    DUE_CLOSED = 8,  /* nobody is at its other end any more ... */
    DUE_OPENED = 16, /* ... and somebody now; both: one after the other */
    DUE_ALL = 31
};

struct virtio_serial;

struct serial_port {
    struct virtio_serial *s;
    unsigned nr;
    struct virtio_serial_port_config cfg;
    bool host_open; /* somebody is at the other end */
    struct vtimer patience; /* of a console that waits */
};

struct virtio_serial {
    struct virtio v;
    struct serial_port port[VIRTIO_SERIAL_PORTS];
    unsigned ports;
    void (*changed)(void *opaque, unsigned nr);
    void *opaque;
    /* By port; what a driver knows and does. */
    uint8_t ready[VIRTIO_SERIAL_PORTS];      /* the driver has it */
    uint8_t guest_open[VIRTIO_SERIAL_PORTS]; /* a program has it open */
    uint8_t due[VIRTIO_SERIAL_PORTS];        /* DUE_* */
    uint8_t flow[VIRTIO_SERIAL_PORTS];       /* enum serial_flow */
    uint64_t sent[VIRTIO_SERIAL_PORTS];      /* bytes of the first waiting chain that are with the chardev */
    uint64_t lost[VIRTIO_SERIAL_PORTS];      /* bytes of a console that nobody read in time */
    struct virtq_chain chain;                /* scratch */
};

/* serial.c */
void serial_set_guest_open(struct serial_port *p, bool open);

/* serial_control.c */
void serial_take_commands(struct virtio_serial *s); /* the driver's */
void serial_send_due(struct virtio_serial *s);      /* as many as there are buffers for */
/* Someone came to the other end of a port, or left it. */
void serial_host_changed(struct serial_port *p, bool open);

#endif
