/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One guest access as a value. Its sources: a KVM exit, a qtest client, later a replayed
 * recording; all of them go through iomap_dispatch() and no other way, but for doorbells: iomap_ring().
 */
#ifndef IOREQ_IOREQ_H
#define IOREQ_IOREQ_H

#include <stdint.h>

enum io_space { IO_PORT, IO_MEM };
enum io_dir { IO_READ, IO_WRITE };

/* vCPUs count from 0. */
enum {
    IOREQ_SOURCE_DOORBELL = 0xfffd, /* a write that KVM only told of (struct io_doorbell) */
    IOREQ_SOURCE_QTEST = 0xfffe,
    IOREQ_SOURCE_POSTED = 0xffff, /* a write that KVM collected (coalesced PIO or MMIO) */
};

struct ioreq {
    uint64_t addr;
    void *data;     /* count * size bytes, little endian; belongs to the source */
    uint32_t count; /* elements, all at addr; above 1 only for string I/O ("rep insw") */
    uint8_t size;   /* bytes of an element: 1, 2, 4 or (memory only) 8 */
    uint8_t space;  /* enum io_space */
    uint8_t dir;    /* enum io_dir, seen from the guest */
    uint16_t source; /* vCPU number or IOREQ_SOURCE_* */
};

#endif
