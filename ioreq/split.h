/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Width rules: how an access becomes accesses of the widths that a region declares, so that no
 * device ever sees another one. All calls with the region's lock held; [off, off + size) is inside.
 */
#ifndef IOREQ_SPLIT_H
#define IOREQ_SPLIT_H

#include "ioreq/iomap.h"

/* One element; for reads data[0 .. size) is always filled, with ones where nothing answers. */
void split_access(struct io_region *r, uint64_t off, unsigned size, unsigned dir, uint8_t *data);

/* As many elements as the region's string handler serves at this width; 0 if it has none. */
uint32_t split_string(struct io_region *r, uint64_t off, unsigned size, unsigned dir, void *data,
                      uint32_t count);

/* The largest naturally aligned power of two at addr that is at most `wanted` and `room`, at least 1. */
unsigned split_fit(uint64_t addr, unsigned wanted, uint64_t room);

#endif
