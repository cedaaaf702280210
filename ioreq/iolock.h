/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock of one device. Every entry into a device (access, timer, back-end completion, monitor
 * command, reset, save, load) holds it, and whoever enters takes it; device code never does.
 * Opaque, so that no device model sees a thread header.
 *
 * Lock order, the whole of it:
 *   PCI host bridge -> any other device -> PCI bus (windows, INTx) -> leaf locks (doorbells ->
 *   iomap writer, clock queue, interrupt fabric, memory map, inside of back ends). A holder of a leaf lock calls
 *   nothing. An ISA device that moves data by DMA takes the 8237's lock inside its own.
 */
#ifndef IOREQ_IOLOCK_H
#define IOREQ_IOLOCK_H

#include <stdbool.h>

struct iolock;

/* A new lock, not held; aborts when the host is out of memory. Freed with iolock_free(). */
struct iolock *iolock_new(void);
void iolock_free(struct iolock *lock);

/* Enter and leave; not recursive. Entering twice from one thread is a bug and aborts. */
void iolock_enter(struct iolock *lock);
void iolock_leave(struct iolock *lock);

/* True when the calling thread is inside; for assertions that no guest can influence. */
bool iolock_held(const struct iolock *lock);

#endif
