/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "hw/virtio/virtio.h"

#define STATUS_BITS                                                                                              \
    (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | VIRTIO_NEEDS_RESET | VIRTIO_FAILED)

/* ---- interrupts ---- */

void virtio_update_pin(struct virtio *v)
{
    pci_set_intx(&v->pci, v->isr && !msix_enabled(&v->msix));
}

static void interrupt(struct virtio *v, uint8_t cause, uint16_t vector)
{
    v->isr |= cause;
    virtio_update_pin(v);
    msix_notify(&v->msix, vector);
}

uint8_t virtio_take_isr(struct virtio *v)
{
    uint8_t isr = v->isr;

    v->isr = 0;
    virtio_update_pin(v);
    return isr;
}

uint16_t virtio_valid_vector(const struct virtio *v, uint64_t vector)
{
    return vector < v->msix.count ? (uint16_t)vector : VIRTQ_NO_VECTOR;
}

void virtio_config_changed(struct virtio *v)
{
    v->generation++;
    if (v->status & VIRTIO_DRIVER_OK)
        interrupt(v, VIRTIO_ISR_CONFIG, v->config_vector);
}

/* ---- faults ---- */

void virtio_look_for_faults(struct virtio *v)
{
    for (unsigned n = 0; n < v->queue_count; n++) {
        struct virtq *q = &v->q[n];

        if (q->state != VIRTQ_BROKEN || v->status & VIRTIO_NEEDS_RESET)
            continue;
        device_guest_error(&v->pci.dev, "queue %u: %s", n, q->fault ? q->fault : "broken");
        v->status |= VIRTIO_NEEDS_RESET;
        virtio_config_changed(v);
    }
}

void virtio_fault(struct virtio *v, unsigned n, const char *why)
{
    v->q[n].state = VIRTQ_BROKEN;
    v->q[n].fault = why;
    virtio_look_for_faults(v);
}

/* ---- queues ---- */

static void set_negotiated(struct virtio *v, struct virtq *q)
{
    q->indirect = virtio_has(v, VIRTIO_F_INDIRECT);
    q->event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
    q->packed = virtio_has(v, VIRTIO_F_PACKED);
}

void virtio_start_queue(struct virtio *v, unsigned n)
{
    set_negotiated(v, &v->q[n]);
    virtq_start(&v->q[n]);
    virtio_look_for_faults(v);
}

void virtio_kick(struct virtio *v, unsigned n)
{
    if (n >= v->queue_count || v->q[n].state != VIRTQ_READY || !virtio_running(v))
        return;
    v->ops->kick(v, n);
    virtio_look_for_faults(v);
}

/* 6.1: whether it has accepted VERSION_1 tells the transports apart. */
void virtio_set_doorbells(struct virtio *v, bool on)
{
    bool modern = virtio_has(v, VIRTIO_F_VERSION_1);

    if (v->modern.doorbell_count)
        iomap_set_doorbells(v->pci.dev.env->iomap, &v->modern, on && modern);
    if (v->legacy.doorbell_count)
        iomap_set_doorbells(v->pci.dev.env->iomap, &v->legacy, on && !modern);
}

void virtio_kick_later(struct virtio *v, unsigned n)
{
    v->again |= 1u << n;
    vtimer_arm(&v->again_timer, vclock_now_ns(v->pci.dev.env->clock));
}

void virtio_used(struct virtio *v, unsigned n, unsigned count)
{
    struct virtq *q = &v->q[n];

    virtq_publish(q, count);
    if (virtq_wants_interrupt(q))
        interrupt(v, VIRTIO_ISR_QUEUE, q->vector);
    virtio_look_for_faults(v);
}

void virtio_complete(struct virtio *v, unsigned n, uint32_t head, uint32_t written)
{
    if (virtq_push(&v->q[n], 0, head, written))
        virtio_used(v, n, 1);
    else
        virtio_look_for_faults(v);
}

/* ---- status ---- */

static void reset(struct virtio *v)
{
    if (v->ops->give_up)
        v->ops->give_up(v);
    vtimer_cancel(&v->again_timer);
    v->again = 0;
    virtio_set_doorbells(v, false);
    for (unsigned n = 0; n < VIRTIO_QUEUES; n++)
        virtq_reset(&v->q[n]);
    v->status = v->isr = 0;
    v->features = 0;
    v->device_select = v->driver_select = 0;
    v->queue_select = 0;
    v->config_vector = VIRTQ_NO_VECTOR;
    if (v->ops->reset)
        v->ops->reset(v);
    virtio_update_pin(v);
}

/* 3.1.1, step 5: the device says no by leaving the bit clear. */
static bool features_are_good(const struct virtio *v)
{
    return !(v->features & ~v->offered) && v->features & VIRTIO_F_VERSION_1;
}

/* A driver may have filled its queues before it said that it is ready. */
static void start(struct virtio *v)
{
    if (v->ops->driver_ok)
        v->ops->driver_ok(v);
    for (unsigned n = 0; n < v->queue_count; n++)
        virtio_kick(v, n);
}

void virtio_write_status(struct virtio *v, uint8_t status)
{
    uint8_t before = v->status;

    if (!status) {
        reset(v);
        return;
    }
    status = (uint8_t)((status & STATUS_BITS & ~VIRTIO_NEEDS_RESET) | (before & VIRTIO_NEEDS_RESET));
    status |= before & VIRTIO_FEATURES_OK; /* 2.1.1: only a reset clears bits; queues hold what was agreed on */
    if (status & ~before & VIRTIO_FEATURES_OK && !features_are_good(v)) {
        device_guest_error(&v->pci.dev, "features 0x%llx are not among those offered",
                           (unsigned long long)v->features);
        status &= (uint8_t)~VIRTIO_FEATURES_OK;
    }
    v->status = status;
    virtio_set_doorbells(v, status & VIRTIO_DRIVER_OK);
    if (status & ~before & VIRTIO_DRIVER_OK)
        start(v);
}

/* ---- device configuration ---- */

uint32_t virtio_config_read(const struct virtio *v, unsigned off, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size && off + i < v->config_bytes; i++)
        value |= (uint32_t)v->config[off + i] << 8 * i;
    return value;
}

void virtio_config_write(struct virtio *v, unsigned off, unsigned size, uint32_t value)
{
    bool any = false;

    for (unsigned i = 0; i < size && off + i < v->config_bytes; i++) {
        if (!v->ops->config_writable || !v->ops->config_writable(v, off + i))
            continue;
        v->config[off + i] = (uint8_t)(value >> 8 * i);
        any = true;
    }
    if (any && v->ops->config_written)
        v->ops->config_written(v, off, size);
}

/* ---- life ---- */

void virtio_set_queue_size(struct virtio *v, unsigned n, unsigned size)
{
    v->q[n].max_size = (uint16_t)size;
    virtq_reset(&v->q[n]);
}

void virtio_device_reset(struct virtio *v)
{
    pci_device_reset(&v->pci);
    msix_reset(&v->msix);
    v->generation = 0;
    reset(v);
}

static const char *check_registers(const struct virtio *v)
{
    const char *fault = msix_check(&v->msix);

    if (v->status & ~STATUS_BITS)
        return "device status has bits that cannot be";
    if (virtio_valid_vector(v, v->config_vector) != v->config_vector)
        return "a vector that is not there";
    for (unsigned n = 0; n < VIRTIO_QUEUES && !fault; n++) {
        fault = virtq_check(&v->q[n], virtio_has(v, VIRTIO_F_PACKED));
        if (!fault && virtio_valid_vector(v, v->q[n].vector) != v->q[n].vector)
            fault = "a vector that is not there";
    }
    return fault;
}

/* Everything is another now: what was under way belongs to the past. */
static void loaded(struct virtio *v)
{
    if (v->ops->give_up)
        v->ops->give_up(v);
    vtimer_cancel(&v->again_timer);
    if (v->again)
        vtimer_arm(&v->again_timer, vclock_now_ns(v->pci.dev.env->clock));
    for (unsigned n = 0; n < v->queue_count; n++) {
        v->q[n].in_flight = 0;
        v->q[n].fault = NULL;
        set_negotiated(v, &v->q[n]);
    }
    virtio_set_doorbells(v, v->status & VIRTIO_DRIVER_OK);
}

const char *virtio_post_load(struct virtio *v, const char *fault)
{
    if (!fault)
        fault = check_registers(v);
    if (!fault)
        fault = pci_device_post_load(&v->pci);
    if (!fault && !v->load_refused)
        loaded(v);
    if (!fault)
        virtio_update_pin(v);
    v->load_refused = fault != NULL;
    return fault;
}
