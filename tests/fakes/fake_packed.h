/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver's side of a packed virtqueue in the RAM of a fake_env: well behaved, unless a test pokes at it. */
#ifndef TESTS_FAKES_FAKE_PACKED_H
#define TESTS_FAKES_FAKE_PACKED_H

#include "tests/fakes/fake_virtq.h"

enum { FP_AVAIL = 1 << 7, FP_USED = 1 << 15 };

struct fake_packed {
    struct fake_env *fe;
    uint16_t size;
    uint64_t ring, driver, device; /* gpa; the latter two: event suppression */
    uint16_t next_avail, next_used;
    bool avail_wrap, used_wrap;
    uint16_t descs[65536]; /* of the chain with that id, while it is under way */
};

/* A ring at `base`, both structures of event suppression behind it, all zero. */
void fp_init(struct fake_packed *p, struct fake_env *fe, uint64_t base, uint16_t size);
/* A descriptor as it stands, at a place of the ring or, with `table`, of a table there. */
void fp_desc(struct fake_packed *p, uint64_t table, unsigned at, uint64_t gpa, uint32_t bytes, uint16_t id,
             uint16_t flags);
/* A chain of these buffers under that name, made available. By way of an indirect table there, if not 0. */
void fp_add(struct fake_packed *p, const struct fv_buf *bufs, unsigned count, uint16_t id, uint64_t indirect_at);
/* The next used chain, if there is one. */
bool fp_used(struct fake_packed *p, uint16_t *id, uint32_t *written);
uint16_t fp_flags(const struct fake_packed *p, unsigned at);
void fp_set_event(struct fake_packed *p, uint16_t off_wrap, uint16_t flags);           /* the driver's */
void fp_event(const struct fake_packed *p, uint16_t *off_wrap, uint16_t *flags); /* the device's */

#endif
