/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults on demand, for tests only: a filter on an image, made by the internal option `fault=`.
 *
 *   fault = rule *("," rule)        rule = op ":" which ":" what
 *   op    = read | write | flush | discard | any
 *   which = N (the N-th one, from 1) | N+ (the N-th and all later) | * (all)
 *   what  = EIO | ENOSPC | EDQUOT | EFBIG | EINTR ... (fails so, nothing is done)
 *         | delay=MS (then goes on) | hold (waits for block_fault_release(), then goes on)
 *
 * Each rule counts for itself. Every rule that applies acts, in the order given; the first error
 * ends it.
 */
#ifndef BLOCK_FAULT_H
#define BLOCK_FAULT_H

#include <stdbool.h>

struct block;
struct image;

/* Lets everything go on that a `hold` keeps, now and later. False: the disk has no faults. */
bool block_fault_release(struct block *blk);
bool fault_release(struct image *img); /* the same, of a node */
/* How many requests a `hold` keeps at this moment. */
unsigned block_fault_holding(struct block *blk);

#endif
