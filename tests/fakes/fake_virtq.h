/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver's side of a split virtqueue in the RAM of a fake_env: well behaved, unless a test pokes at it. */
#ifndef TESTS_FAKES_FAKE_VIRTQ_H
#define TESTS_FAKES_FAKE_VIRTQ_H

#include "hw/virtio/queue.h"
#include "tests/fakes/fake_env.h"

enum { FV_NEXT = 1, FV_WRITE = 2, FV_INDIRECT = 4 };

struct fake_virtq {
    struct fake_env *fe;
    uint16_t size;
    uint64_t desc, avail, used; /* gpa */
    uint16_t free_desc;         /* next descriptor to take, round and round */
    uint16_t avail_idx, seen_used;
};

struct fv_buf {
    uint64_t gpa;
    uint32_t bytes;
    bool write; /* the device writes it */
};

/* Rings from `base` on in the legacy layout, all zero. */
void fv_init(struct fake_virtq *v, struct fake_env *fe, uint64_t base, uint16_t size);
void fv_desc(struct fake_virtq *v, uint64_t table, unsigned index, uint64_t gpa, uint32_t bytes, uint16_t flags,
             uint16_t next);
void fv_avail(struct fake_virtq *v, uint16_t head); /* makes it available */
/* A chain of these buffers, made available; its head. By way of an indirect table there, if not 0. */
uint16_t fv_add(struct fake_virtq *v, const struct fv_buf *bufs, unsigned count, uint64_t indirect_at);
/* The next used chain, if there is one. */
bool fv_used(struct fake_virtq *v, uint32_t *head, uint32_t *written);
uint16_t fv_used_idx(const struct fake_virtq *v);
uint16_t fv_avail_event(const struct fake_virtq *v);
void fv_set_used_event(struct fake_virtq *v, uint16_t event);
void fv_set_no_interrupt(struct fake_virtq *v, bool off);

#endif
