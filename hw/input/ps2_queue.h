/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded first-in first-out of bytes, as a PS/2 device has one. Its user states the limit with
 * each push, so that one type serves queues of different depth; nothing is ever overwritten.
 */
#ifndef HW_INPUT_PS2_QUEUE_H
#define HW_INPUT_PS2_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define PS2_QUEUE_BYTES 64 /* a power of two */

struct ps2_queue {
    uint8_t data[PS2_QUEUE_BYTES];
    uint8_t head;  /* index of the oldest byte, 0 .. PS2_QUEUE_BYTES - 1 */
    uint8_t count; /* 0 .. PS2_QUEUE_BYTES */
};

/* The fields of a queue, for a table of struct dev_field of device type `s`. */
#define PS2_QUEUE_FIELDS(s, queue)                                                                 \
    DEV_FIELD_BYTES(s, queue.data),                                                                \
    DEV_FIELD(s, U8, queue.head, 0, PS2_QUEUE_BYTES - 1),                                          \
    DEV_FIELD(s, U8, queue.count, 0, PS2_QUEUE_BYTES)

static inline void ps2_queue_clear(struct ps2_queue *q)
{
    *q = (struct ps2_queue){0};
}

static inline unsigned ps2_queue_room(const struct ps2_queue *q, unsigned limit)
{
    return q->count < limit ? limit - q->count : 0;
}

/* False, and nothing changes, when `limit` bytes (at most PS2_QUEUE_BYTES) are queued already. */
static inline bool ps2_queue_push(struct ps2_queue *q, uint8_t byte, unsigned limit)
{
    if (!ps2_queue_room(q, limit))
        return false;
    q->data[(q->head + q->count) % PS2_QUEUE_BYTES] = byte;
    q->count++;
    return true;
}

/* The oldest byte; false if there is none. */
static inline bool ps2_queue_pop(struct ps2_queue *q, uint8_t *byte)
{
    if (!q->count)
        return false;
    *byte = q->data[q->head];
    q->head = (q->head + 1) % PS2_QUEUE_BYTES;
    q->count--;
    return true;
}

#endif
