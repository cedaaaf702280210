/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registers of the modern transport's BAR. VIRTIO 1.2, sections 4.1.4.3 to 4.1.4.6. */
#include <stddef.h>

#include "hw/virtio/virtio.h"

/* Common configuration, 4.1.4.3; the two halves of a 64-bit address are registers of their own. */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    STATUS = 0x14,
    GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DESC_HIGH = 0x24,
    QUEUE_AVAIL = 0x28,
    QUEUE_AVAIL_HIGH = 0x2c,
    QUEUE_USED = 0x30,
    QUEUE_USED_HIGH = 0x34,
};

static const struct reg {
    uint8_t off, size;
} regs[] = {
    {DEVICE_FEATURE_SELECT, 4}, {DEVICE_FEATURE, 4}, {DRIVER_FEATURE_SELECT, 4}, {DRIVER_FEATURE, 4},
    {CONFIG_VECTOR, 2},         {NUM_QUEUES, 2},     {STATUS, 1},                {GENERATION, 1},
    {QUEUE_SELECT, 2},          {QUEUE_SIZE, 2},     {QUEUE_VECTOR, 2},          {QUEUE_ENABLE, 2},
    {QUEUE_NOTIFY_OFF, 2},      {QUEUE_DESC, 4},     {QUEUE_DESC_HIGH, 4},       {QUEUE_AVAIL, 4},
    {QUEUE_AVAIL_HIGH, 4},      {QUEUE_USED, 4},     {QUEUE_USED_HIGH, 4},
};

static const struct reg *find_reg(unsigned off)
{
    for (unsigned i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
        if (off >= regs[i].off && off < regs[i].off + regs[i].size)
            return &regs[i];
    }
    return NULL;
}

/* ---- queues: those of queue_select ---- */

static uint64_t *ring_address(struct virtq *q, unsigned reg)
{
    return reg >= QUEUE_USED ? &q->used : reg >= QUEUE_AVAIL ? &q->avail : &q->desc;
}

static uint32_t read_queue(struct virtio *v, unsigned reg)
{
    struct virtq *q = &v->q[v->queue_select];

    switch (reg) {
    case QUEUE_SIZE: return q->size;
    case QUEUE_VECTOR: return q->vector;
    case QUEUE_ENABLE: return q->state != VIRTQ_OFF;
    case QUEUE_NOTIFY_OFF: return v->queue_select;
    default: return (uint32_t)(*ring_address(q, reg) >> (reg & 4 ? 32 : 0));
    }
}

static void enable_queue(struct virtio *v, unsigned n)
{
    if (v->status & VIRTIO_FEATURES_OK)
        virtio_start_queue(v, n);
    else
        device_guest_error(&v->pci.dev, "queue %u is enabled before features are agreed on", n);
}

/* 2.8.10.1: a packed ring's size need not be a power of two; that it is one is sure when features are agreed on. */
static bool good_size(const struct virtio *v, const struct virtq *q, uint32_t size)
{
    bool packed = v->status & VIRTIO_FEATURES_OK && virtio_has(v, VIRTIO_F_PACKED);

    return size && size <= q->max_size && (packed || !(size & (size - 1)));
}

/* A queue that is enabled stays as it is, but for its vector. */
static void write_queue(struct virtio *v, unsigned reg, uint32_t value)
{
    struct virtq *q = &v->q[v->queue_select];

    if (reg == QUEUE_VECTOR)
        q->vector = virtio_valid_vector(v, value);
    else if (q->state != VIRTQ_OFF)
        device_guest_error(&v->pci.dev, "queue %u is changed while it is enabled", v->queue_select);
    else if (reg == QUEUE_SIZE && good_size(v, q, value))
        q->size = (uint16_t)value;
    else if (reg == QUEUE_ENABLE && value == 1)
        enable_queue(v, v->queue_select);
    else if (reg >= QUEUE_DESC && reg & 4)
        *ring_address(q, reg) = (uint32_t)*ring_address(q, reg) | (uint64_t)value << 32;
    else if (reg >= QUEUE_DESC)
        *ring_address(q, reg) = (*ring_address(q, reg) & ~(uint64_t)UINT32_MAX) | value;
}

/* ---- common configuration ---- */

static uint32_t feature_word(uint64_t features, uint32_t select)
{
    return select < 2 ? (uint32_t)(features >> 32 * select) : 0;
}

static uint32_t read_reg(struct virtio *v, unsigned reg)
{
    switch (reg) {
    case DEVICE_FEATURE_SELECT: return v->device_select;
    case DEVICE_FEATURE: return feature_word(v->offered, v->device_select);
    case DRIVER_FEATURE_SELECT: return v->driver_select;
    case DRIVER_FEATURE: return feature_word(v->features, v->driver_select);
    case CONFIG_VECTOR: return v->config_vector;
    case NUM_QUEUES: return v->queue_count;
    case STATUS: return v->status;
    case GENERATION: return v->generation;
    case QUEUE_SELECT: return v->queue_select;
    default: return v->queue_select < v->queue_count ? read_queue(v, reg) : 0;
    }
}

static void write_features(struct virtio *v, uint32_t value)
{
    unsigned shift = 32 * v->driver_select;

    if (v->status & VIRTIO_FEATURES_OK || v->driver_select > 1)
        return;
    v->features = (v->features & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

static void write_reg(struct virtio *v, unsigned reg, uint32_t value)
{
    switch (reg) {
    case DEVICE_FEATURE_SELECT: v->device_select = value; break;
    case DEVICE_FEATURE: break;
    case DRIVER_FEATURE_SELECT: v->driver_select = value; break;
    case DRIVER_FEATURE: write_features(v, value); break;
    case CONFIG_VECTOR: v->config_vector = virtio_valid_vector(v, value); break;
    case NUM_QUEUES: break;
    case STATUS: virtio_write_status(v, (uint8_t)value); break;
    case GENERATION: break;
    case QUEUE_SELECT: v->queue_select = (uint16_t)value; break;
    default:
        if (v->queue_select < v->queue_count)
            write_queue(v, reg, value);
    }
}

/* Any width: bytes of whatever registers they belong to. */
static uint64_t read_common(struct virtio *v, unsigned off, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        const struct reg *r = find_reg(off + i);

        if (r)
            value |= (uint64_t)(read_reg(v, r->off) >> 8 * (off + i - r->off) & 0xff) << 8 * i;
    }
    return value;
}

/* 4.1.3.1: a driver writes a register as a whole. */
static void write_common(struct virtio *v, unsigned off, unsigned size, uint32_t value)
{
    const struct reg *r = find_reg(off);

    if (r && r->off == off && r->size == size)
        write_reg(v, off, value);
    else
        device_guest_error(&v->pci.dev, "%u bytes are written at 0x%x of the common configuration", size, off);
}

/* ---- the BAR ---- */

uint64_t virtio_modern_read(void *chip, uint64_t off, unsigned size)
{
    struct virtio *v = chip;

    if (off < VIRTIO_ISR_AT)
        return read_common(v, (unsigned)off, size);
    if (off < VIRTIO_CONFIG_AT)
        return off == VIRTIO_ISR_AT ? virtio_take_isr(v) : 0;
    if (off < VIRTIO_NOTIFY_AT)
        return virtio_config_read(v, (unsigned)off - VIRTIO_CONFIG_AT, size);
    return 0;
}

void virtio_modern_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct virtio *v = chip;

    if (off < VIRTIO_ISR_AT)
        write_common(v, (unsigned)off, size, (uint32_t)value);
    else if (off >= VIRTIO_NOTIFY_AT)
        virtio_kick(v, (unsigned)(off - VIRTIO_NOTIFY_AT) / VIRTIO_NOTIFY_STEP);
    else if (off >= VIRTIO_CONFIG_AT && (virtio_has(v, VIRTIO_F_VERSION_1) || v->ops->config_early))
        virtio_config_write(v, (unsigned)off - VIRTIO_CONFIG_AT, size, (uint32_t)value);
}

const struct io_ops virtio_modern_ops = {
    .read = virtio_modern_read, .write = virtio_modern_write, .widths = IO_W1 | IO_W2 | IO_W4};
