/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI function of a virtio device: ids, BARs, capabilities. VIRTIO 1.2, sections 4.1.2 and 4.1.4. */
#include <stdio.h>
#include <string.h>

#include "hw/pci/pci_regs.h"
#include "hw/virtio/virtio.h"

enum { LEGACY_BAR = 0, MSIX_BAR = 1, MODERN_BAR = 4 };
enum { CAP_VENDOR = 0x09 };
enum { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE, CFG_PCI };
/* Of struct virtio_pci_cap. */
enum { CAP_LEN = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_BYTES = 16, CAP_MORE = 16 };
#define FIRST_CAP 0x40
#define VENDOR 0x1af4
#define MODERN_ID 0x1040

/* ---- capabilities ---- */

/* Where the chain of capabilities grows. */
struct chain {
    uint8_t *link;
    unsigned at;
};

static uint8_t *add_cap(struct virtio *v, struct chain *c, uint8_t id, unsigned bytes)
{
    uint8_t *cap = v->pci.config + c->at;

    *c->link = (uint8_t)c->at;
    cap[0] = id;
    c->link = cap + 1;
    c->at += (bytes + 3) & ~3u;
    return cap;
}

static uint8_t *add_virtio_cap(struct virtio *v, struct chain *c, uint8_t type, uint32_t offset, uint32_t length,
                               unsigned more)
{
    uint8_t *cap = add_cap(v, c, CAP_VENDOR, CAP_BYTES + more);

    cap[CAP_LEN] = (uint8_t)(CAP_BYTES + more);
    cap[CAP_TYPE] = type;
    cap[CAP_BAR] = MODERN_BAR;
    pci_set_long(cap + CAP_OFFSET, offset);
    pci_set_long(cap + CAP_LENGTH, length);
    return cap;
}

static void add_modern_caps(struct virtio *v, struct chain *c)
{
    uint8_t *cap;

    add_virtio_cap(v, c, CFG_COMMON, VIRTIO_COMMON_AT, 0x1000, 0);
    cap = add_virtio_cap(v, c, CFG_NOTIFY, VIRTIO_NOTIFY_AT, 0x1000, 4);
    pci_set_long(cap + CAP_MORE, VIRTIO_NOTIFY_STEP);
    add_virtio_cap(v, c, CFG_ISR, VIRTIO_ISR_AT, 0x1000, 0);
    add_virtio_cap(v, c, CFG_DEVICE, VIRTIO_CONFIG_AT, 0x1000, 0);
    cap = add_virtio_cap(v, c, CFG_PCI, 0, 0, 4);
    cap[CAP_BAR] = 0;
    v->cfg_cap = (unsigned)(cap - v->pci.config);
    v->pci.wmask[v->cfg_cap + CAP_BAR] = 0xff;
    memset(v->pci.wmask + v->cfg_cap + CAP_OFFSET, 0xff, 12);
}

/* ---- the BAR through configuration space, 4.1.4.9: for firmware that cannot reach it ---- */

/* Offset in the BAR of the access that the capability describes; false if it is not one. */
static bool window(const struct virtio *v, unsigned off, unsigned size, uint32_t *at, uint32_t *bytes)
{
    const uint8_t *cap = v->pci.config + v->cfg_cap;
    unsigned data = v->cfg_cap + CAP_MORE;

    if (!v->cfg_cap || off >= data + 4 || off + size <= data || cap[CAP_BAR] != MODERN_BAR)
        return false;
    *at = pci_get_long(cap + CAP_OFFSET);
    *bytes = pci_get_long(cap + CAP_LENGTH);
    return (*bytes == 1 || *bytes == 2 || *bytes == 4) && *at % *bytes == 0 && *at <= VIRTIO_MODERN_BYTES - *bytes;
}

static void config_reading(struct pci_device *pci, unsigned off, unsigned size)
{
    struct virtio *v = (struct virtio *)pci;
    uint32_t at, bytes;

    if (window(v, off, size, &at, &bytes))
        pci_set_long(pci->config + v->cfg_cap + CAP_MORE, (uint32_t)virtio_modern_read(v, at, bytes));
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    struct virtio *v = (struct virtio *)pci;
    uint32_t at, bytes;

    msix_config_written(&v->msix, off, size);
    virtio_update_pin(v);
    if (window(v, off, size, &at, &bytes)) {
        uint32_t value = pci_get_long(pci->config + v->cfg_cap + CAP_MORE);

        virtio_modern_write(v, at, bytes, bytes < 4 ? value & ((1u << 8 * bytes) - 1) : value);
    }
}

/* ---- set-up ---- */

static struct pci_ids ids_of(const struct virtio_config *cfg)
{
    bool modern_only = cfg->options.disable_legacy;

    return (struct pci_ids){
        .vendor = VENDOR,
        .device = modern_only ? (uint16_t)(MODERN_ID + cfg->type) : cfg->legacy_id,
        .subsystem_vendor = VENDOR,
        .subsystem = modern_only ? 0x1100 : cfg->type,
        .revision = modern_only, /* 4.1.2.1: a transitional one has 0 */
        .class_code = cfg->class_code,
        .interrupt_pin = 1,
    };
}

static struct io_region region(struct virtio *v, unsigned n, const char *what, enum io_space space, uint64_t size,
                               const struct io_ops *ops)
{
    snprintf(v->region_names[n], sizeof(v->region_names[n]), "%s.%s", v->pci.dev.id, what);
    return (struct io_region){.name = v->region_names[n],
                              .space = space,
                              .size = size,
                              .ops = ops,
                              .chip = v,
                              .lock = v->pci.dev.lock};
}

/* 4.1.5.2: a modern driver writes the queue's number, as a word; the address alone says as much. */
static void make_doorbells(struct virtio *v)
{
    for (unsigned n = 0; n < v->queue_count; n++) {
        v->modern_bells[n] = (struct io_doorbell){VIRTIO_NOTIFY_AT + VIRTIO_NOTIFY_STEP * n, n, 2, false};
        v->legacy_bells[n] = (struct io_doorbell){VIRTIO_LEGACY_NOTIFY, n, 2, true};
    }
    v->modern.doorbells = v->modern_bells;
    v->legacy.doorbells = v->legacy_bells;
    v->modern.doorbell_count = v->legacy.doorbell_count = v->queue_count;
}

static void add_windows(struct virtio *v, const struct virtio_config *cfg)
{
    if (!cfg->options.disable_legacy) {
        v->legacy = region(v, 0, "legacy", IO_PORT, VIRTIO_LEGACY_BYTES, &virtio_legacy_ops);
        pci_add_io(&v->pci, LEGACY_BAR, &v->legacy);
    }
    if (!cfg->options.disable_modern) {
        v->modern = region(v, 1, "modern", IO_MEM, VIRTIO_MODERN_BYTES, &virtio_modern_ops);
        pci_add_mem(&v->pci, MODERN_BAR, &v->modern, true);
        pci_make_64(&v->pci, MODERN_BAR);
    }
    if (!cfg->options.kicks_wait)
        make_doorbells(v);
}

/* The user's number, or the device's own, or one for each queue and one for the configuration. */
static unsigned vectors_of(const struct virtio_config *cfg)
{
    if (cfg->options.vectors)
        return cfg->options.vectors;
    return cfg->vectors ? cfg->vectors : cfg->queues + 1;
}

static void add_caps(struct virtio *v, const struct virtio_config *cfg)
{
    struct chain chain = {v->pci.config + PCI_CAPABILITIES, FIRST_CAP};

    if (!cfg->options.no_msix) {
        add_cap(v, &chain, 0, MSIX_CAP_BYTES);
        snprintf(v->region_names[2], sizeof(v->region_names[2]), "%s.msix", v->pci.dev.id);
        msix_init(&v->msix, &v->pci, FIRST_CAP, MSIX_BAR, vectors_of(cfg), v->region_names[2]);
    }
    if (!cfg->options.disable_modern)
        add_modern_caps(v, &chain);
    if (v->pci.config[PCI_CAPABILITIES])
        v->pci.config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
}

static void kick_again(void *opaque)
{
    struct virtio *v = opaque;
    uint32_t again = v->again;

    v->again = 0;
    for (unsigned n = 0; n < v->queue_count; n++) {
        if (again & 1u << n)
            virtio_kick(v, n);
    }
}

bool virtio_init(struct virtio *v, const struct device_class *cls, const struct virtio_ops *ops,
                 const struct dev_env *env, const char *id, const struct virtio_config *cfg, char *why, size_t why_size)
{
    const struct pci_ids ids = ids_of(cfg);

    pci_device_init(&v->pci, cls, env, id, &ids);
    v->ops = ops;
    v->queue_count = cfg->queues;
    v->config_bytes = cfg->config_bytes;
    v->offered = cfg->offered | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX;
    if (!cfg->options.disable_modern)
        v->offered |= VIRTIO_F_VERSION_1 | (cfg->options.packed ? VIRTIO_F_PACKED : 0);
    if (!cfg->options.disable_legacy)
        v->offered |= VIRTIO_F_ANY_LAYOUT;
    v->offered &= ~cfg->options.without;
    for (unsigned n = 0; n < VIRTIO_QUEUES; n++) {
        v->q[n].dma = &v->pci.dma;
        v->q[n].max_size = (uint16_t)cfg->queue_size;
        virtq_reset(&v->q[n]);
    }
    v->config_vector = VIRTQ_NO_VECTOR;
    vtimer_init(&v->again_timer, env->clock, v->pci.dev.lock, kick_again, v);
    v->pci.config_written = config_written;
    v->pci.config_reading = config_reading;
    add_windows(v, cfg);
    add_caps(v, cfg);
    if (cfg->options.disable_legacy && cfg->options.disable_modern)
        snprintf(why, why_size, "disable-legacy and disable-modern: no transport is left");
    else if (cfg->options.packed && cfg->options.disable_modern)
        snprintf(why, why_size, "packed=on: the legacy interface has no packed rings; leave out disable-modern");
    else
        return true;
    return false;
}

bool virtio_attach(struct virtio *v, struct pci_bus *bus, int devfn, char *why, size_t why_size)
{
    if (!pci_bus_add(bus, &v->pci, devfn, why, why_size))
        return false;
    device_reset(&v->pci.dev);
    return true;
}

void virtio_fini(struct virtio *v)
{
    device_enter(&v->pci.dev);
    if (v->ops->give_up)
        v->ops->give_up(v);
    vtimer_cancel(&v->again_timer);
    virtio_set_doorbells(v, false);
    v->status = 0; /* whoever is ringing a doorbell right now waits for the lock, and shall begin nothing any more */
    device_leave(&v->pci.dev);
    pci_device_fini(&v->pci);
}
