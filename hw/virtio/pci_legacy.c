/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The I/O ports of the legacy interface. VIRTIO 1.2, sections 2.7.2 and 4.1.4.10. */
#include "hw/virtio/virtio.h"

enum {
    HOST_FEATURES = 0x00,
    GUEST_FEATURES = 0x04,
    QUEUE_PFN = 0x08,
    QUEUE_SIZE = 0x0c,
    QUEUE_SELECT = 0x0e,
    QUEUE_NOTIFY = VIRTIO_LEGACY_NOTIFY,
    STATUS = 0x12,
    ISR = 0x13,
    CONFIG = 0x14, /* without MSI-X; with it: */
    CONFIG_VECTOR = 0x14,
    QUEUE_VECTOR = 0x16,
    CONFIG_MSIX = 0x18,
};
#define PAGE_SHIFT 12

static struct virtq *selected(struct virtio *v)
{
    return v->queue_select < v->queue_count ? &v->q[v->queue_select] : NULL;
}

static unsigned config_at(const struct virtio *v)
{
    return msix_enabled(&v->msix) ? CONFIG_MSIX : CONFIG;
}

/* ---- reading ---- */

static uint32_t read_vector(struct virtio *v, unsigned off, unsigned size)
{
    const struct virtq *q = selected(v);
    uint16_t vector = off < QUEUE_VECTOR ? v->config_vector : q ? q->vector : VIRTQ_NO_VECTOR;

    return size == 1 ? (uint8_t)(vector >> 8 * (off & 1)) : vector;
}

static uint64_t legacy_read(void *chip, uint64_t port, unsigned size)
{
    struct virtio *v = chip;
    const struct virtq *q = selected(v);
    unsigned off = (unsigned)port;

    if (off >= config_at(v))
        return virtio_config_read(v, off - config_at(v), size);
    switch (off) {
    case HOST_FEATURES: return (uint32_t)v->offered;
    case GUEST_FEATURES: return (uint32_t)v->features;
    case QUEUE_PFN: return q ? (uint32_t)(q->desc >> PAGE_SHIFT) : 0;
    case QUEUE_SIZE: return q ? q->max_size : 0;
    case QUEUE_SELECT: return v->queue_select;
    case QUEUE_NOTIFY: return 0;
    case STATUS: return v->status;
    case ISR: return virtio_take_isr(v);
    default: return read_vector(v, off, size);
    }
}

/* ---- writing ---- */

/* What is not offered is not to be had; there is no way to say so. What the other transport has agreed on stays. */
static void write_features(struct virtio *v, uint32_t value)
{
    if (v->status & VIRTIO_FEATURES_OK)
        return;
    v->features = value & v->offered;
}

static void reset_queue(struct virtq *q)
{
    uint16_t vector = q->vector;

    virtq_reset(q);
    q->vector = vector;
}

/* A queue that is in use is taken away by a reset of the device only, since it may have requests under way. */
static void write_pfn(struct virtio *v, uint32_t pfn)
{
    struct virtq *q = selected(v);

    if (!q)
        return;
    if (q->state != VIRTQ_OFF && q->in_flight) {
        device_guest_error(&v->pci.dev, "queue %u is moved while requests are under way", v->queue_select);
        return;
    }
    reset_queue(q);
    if (!pfn)
        return;
    virtq_set_legacy(q, (uint64_t)pfn << PAGE_SHIFT);
    virtio_start_queue(v, v->queue_select);
}

static void write_vector(struct virtio *v, unsigned off, unsigned size, uint32_t value)
{
    struct virtq *q = selected(v);

    if (size != 2)
        return;
    if (off < QUEUE_VECTOR)
        v->config_vector = virtio_valid_vector(v, value);
    else if (q)
        q->vector = virtio_valid_vector(v, value);
}

static void legacy_write(void *chip, uint64_t port, unsigned size, uint64_t value)
{
    struct virtio *v = chip;
    unsigned off = (unsigned)port;

    if (off >= config_at(v)) {
        virtio_config_write(v, off - config_at(v), size, (uint32_t)value);
        return;
    }
    switch (off) {
    case GUEST_FEATURES: write_features(v, (uint32_t)value); break;
    case QUEUE_PFN: write_pfn(v, (uint32_t)value); break;
    case QUEUE_SELECT: v->queue_select = (uint16_t)value; break;
    case QUEUE_NOTIFY: virtio_kick(v, (unsigned)value); break;
    case STATUS: virtio_write_status(v, (uint8_t)(value & ~VIRTIO_FEATURES_OK)); break;
    case CONFIG_VECTOR:
    case QUEUE_VECTOR: write_vector(v, off, size, (uint32_t)value); break;
    default: break;
    }
}

/* Registers by their size; vectors and configuration by bytes and words. */
#define W3 (IO_W1 | IO_W2)
static const uint8_t widths[VIRTIO_LEGACY_BYTES] = {
    IO_W4, IO_W4, IO_W4, IO_W4, IO_W4, IO_W4, IO_W4, IO_W4, IO_W4, IO_W4, IO_W4, IO_W4, IO_W2, IO_W2, IO_W2, IO_W2,
    IO_W2, IO_W2, IO_W1, IO_W1, [0x14 ... VIRTIO_LEGACY_BYTES - 1] = W3};

const struct io_ops virtio_legacy_ops = {.read = legacy_read, .write = legacy_write, .widths_at = widths};
