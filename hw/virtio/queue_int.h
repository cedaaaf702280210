/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two kinds of rings share: queue.c is the split one and what is common, packed.c the packed one. */
#ifndef HW_VIRTIO_QUEUE_INT_H
#define HW_VIRTIO_QUEUE_INT_H

#include "hw/virtio/queue.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
#define DESC_BYTES 16

/* The queue does nothing more until it is reset. False. */
bool virtq_break(struct virtq *q, const char *fault);

static inline bool virtq_get(const struct virtq *q, uint64_t gpa, void *buf, size_t bytes)
{
    return dma_read(q->dma, gpa, buf, bytes);
}

static inline bool virtq_put(const struct virtq *q, uint64_t gpa, const void *buf, size_t bytes)
{
    return dma_write(q->dma, gpa, buf, bytes);
}

/* One more buffer of the chain; false: the queue is broken. */
bool virtq_add_seg(struct virtq *q, struct virtq_chain *c, uint64_t gpa, uint32_t bytes, bool write);
/* 2.7.5.3.1 and 2.8.8: whether an indirect descriptor may be there: first of its chain, with its NEXT flag set. */
bool virtq_may_be_indirect(struct virtq *q, bool first, bool next, uint32_t bytes);
bool virtq_passes_event(struct virtq *q, uint16_t event);

/* packed.c: as the functions of queue.h. */
enum virtq_result virtq_packed_pop(struct virtq *q, struct virtq_chain *chain);
void virtq_packed_unpop(struct virtq *q, unsigned count);
bool virtq_packed_push(struct virtq *q, unsigned nth, uint32_t head, uint32_t written);
void virtq_packed_publish(struct virtq *q, unsigned count);
bool virtq_packed_wants_interrupt(struct virtq *q);
const char *virtq_packed_check(const struct virtq *q);

#endif
