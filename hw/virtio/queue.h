/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtqueue as the device sees it: chains of buffers that the guest made available, and those that are used.
 * Virtual I/O Device (VIRTIO) 1.2, sections 2.7 (split rings) and 2.8 (packed ones), with indirect descriptors and
 * event index. Which of the two it is, a device does not notice.
 *
 * The guest can write all of it at any time. So every index and descriptor is read once, by a copy into
 * struct virtq_chain, and only the copy is judged and used (HAZARDS D-08). What cannot be right makes the
 * queue broken: it does nothing more until it is reset.
 *
 * Called with the device's lock held.
 */
#ifndef HW_VIRTIO_QUEUE_H
#define HW_VIRTIO_QUEUE_H

#include "hw/env.h"

#define VIRTQ_MAX 256        /* entries of a queue; also buffers of a chain, and steps of a kick */
#define VIRTQ_NO_VECTOR 0xffff

struct virtq_seg {
    uint64_t gpa;
    uint32_t bytes;
};

/* One request, copied: first what the device reads (out), then what it writes (in). */
struct virtq_chain {
    uint32_t head; /* its name, for virtq_push() */
    unsigned out, in;
    uint64_t out_bytes, in_bytes;
    struct virtq_seg seg[VIRTQ_MAX]; /* out of them, then in; none is empty */
};

struct virtq_used {
    uint32_t head, written;
};

enum virtq_state { VIRTQ_OFF, VIRTQ_READY, VIRTQ_BROKEN, VIRTQ_STATES };

struct virtq {
    /* By the driver. */
    uint16_t size, vector; /* entries, of a split ring a power of two; MSI-X vector */
    uint64_t desc, avail, used; /* packed: ring, the driver's and the device's event suppression */
    enum virtq_state state;
    /* Where the device is: counts freely, modulo 65536; packed: places, and the wrap counters. */
    uint16_t next_avail, next_used;
    bool avail_wrap, used_wrap;
    uint16_t signalled; /* next_used when the driver was last interrupted ... */
    bool signalled_valid; /* ... if it ever was */
    uint16_t in_flight; /* popped and not pushed */
    /* Negotiated; set by the transport. */
    bool indirect, event_idx, packed;
    uint16_t max_size; /* what the device offers; constant */
    const struct dma_port *dma;
    const char *fault; /* why it is broken: constant text */
    /* Packed: how many descriptors the last chains had, in their order; what was pushed and is not yet published. */
    uint16_t popped[VIRTQ_MAX], pops;
    struct virtq_used pushed[VIRTQ_MAX];
};

/* For the table of fields of a device with struct virtq `member` in struct s. */
#define VIRTQ_FIELDS(s, member)                                                                                  \
    DEV_FIELD(s, U16, member.size, 0, VIRTQ_MAX), DEV_FIELD(s, U16, member.vector, VIRTQ_NO_VECTOR, 0),          \
    DEV_FIELD(s, U64, member.desc, 0, 0), DEV_FIELD(s, U64, member.avail, 0, 0),                                 \
    DEV_FIELD(s, U64, member.used, 0, 0), DEV_FIELD(s, U32, member.state, VIRTQ_OFF, VIRTQ_STATES - 1),          \
    DEV_FIELD(s, U16, member.next_avail, 0, 0), DEV_FIELD(s, U16, member.next_used, 0, 0),                       \
    DEV_FIELD(s, BOOL, member.avail_wrap, 1, 1), DEV_FIELD(s, BOOL, member.used_wrap, 1, 1),                     \
    DEV_FIELD(s, U16, member.signalled, 0, 0), DEV_FIELD(s, BOOL, member.signalled_valid, 0, 1)

/* As after power-on: off, full size, nothing in flight. */
void virtq_reset(struct virtq *q);
/* The rings as a legacy driver lays them out from `base` (1.2, 2.7.2), for the present size. */
void virtq_set_legacy(struct virtq *q, uint64_t base);

/*
 * The driver enables it: ready, or broken where a ring is not aligned (2.7: 16, 2 and 4 bytes; 2.8: 16, 4 and 4) or
 * would pass the end of the address space.
 */
void virtq_start(struct virtq *q);

enum virtq_result { VIRTQ_EMPTY, VIRTQ_GOT, VIRTQ_FAULT };

/*
 * The next chain. EMPTY: there is none, and the driver will kick when there is. FAULT: the queue is broken
 * (q->fault), or was not ready. Never more than q->size chains are in flight.
 */
enum virtq_result virtq_pop(struct virtq *q, struct virtq_chain *chain);
/* Puts the last `count` popped chains back: the next pop gives them again (read anew). */
void virtq_unpop(struct virtq *q, unsigned count);

/*
 * A used chain, with how many bytes were written to it. The driver sees it with virtq_publish() only. False:
 * the queue is broken.
 */
bool virtq_push(struct virtq *q, unsigned nth, uint32_t head, uint32_t written);
/* Shows the `count` chains pushed as nth = 0 .. count - 1. */
void virtq_publish(struct virtq *q, unsigned count);
/* After publishing: does the driver want an interrupt? Asked once, since it notes what has been signalled. */
bool virtq_wants_interrupt(struct virtq *q);

/*
 * Copies from `skip` of the chain's out bytes, and to `skip` of its in bytes. False if it has not so many, or
 * a part is not memory (then what could be was copied).
 */
bool virtq_read(const struct virtq *q, const struct virtq_chain *chain, uint64_t skip, void *buf, size_t bytes);
bool virtq_write(const struct virtq *q, const struct virtq_chain *chain, uint64_t skip, const void *buf,
                 size_t bytes);

/* Values that no driver can have set: for post_load, with `packed` as negotiated. NULL, or what is wrong. */
const char *virtq_check(const struct virtq *q, bool packed);

#endif
