/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device on PCI: what all of them have (status, features, queues, interrupts), and its two transports.
 * Virtual I/O Device (VIRTIO) 1.2, sections 2 and 4.1; the legacy interface of 4.1.4.10 for transitional ones.
 * A device embeds struct virtio first and gives its ops; virtio.c is the machine, pci_modern.c and
 * pci_legacy.c the registers, pci.c the function.
 *
 *   status 0 -> ACKNOWLEDGE -> DRIVER -> FEATURES_OK -> DRIVER_OK      a queue breaks: + NEEDS_RESET
 *      ^------------------------- any, status written as 0 -------------------------'
 *
 * All calls hold the device's lock.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include "hw/pci/msix.h"
#include "hw/virtio/options.h"
#include "hw/virtio/queue.h"

#define VIRTIO_QUEUES 32 /* most queues that a device has; those from 9 on are in the field table of who has them */
#define VIRTIO_CONFIG_BYTES 64

/* Device status, 2.1. */
enum {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128,
};

/* Feature bits of all devices, 6. */
#define VIRTIO_F_ANY_LAYOUT (1ull << 27) /* legacy only */
#define VIRTIO_F_INDIRECT (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define VIRTIO_F_PACKED (1ull << 34)

enum { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };

struct virtio;

struct virtio_ops {
    /* The driver has kicked queue n, which is ready; or something makes it worth a look. */
    void (*kick)(struct virtio *v, unsigned n);
    /* Optional: DRIVER_OK has been set; features are final. */
    void (*driver_ok)(struct virtio *v);
    void (*give_up)(struct virtio *v); /* optional: requests under way are forgotten; the queues are reset or loaded next */
    void (*reset)(struct virtio *v);   /* optional: config[] and what else the device has as after power-on */
    /* Optional: a driver wrote to [off, off + size) of config[], as far as config_writable() allows. */
    void (*config_written)(struct virtio *v, unsigned off, unsigned size);
    bool (*config_writable)(const struct virtio *v, unsigned off); /* NULL: nothing is */
    bool config_early; /* also before features are agreed on */
};

struct virtio {
    struct pci_device pci;
    struct msix msix;
    const struct virtio_ops *ops;
    /* Constant. */
    uint64_t offered; /* features */
    unsigned queue_count, config_bytes;
    struct io_region modern, legacy; /* size 0: that transport is disabled */
    char region_names[3][64];
    struct io_doorbell modern_bells[VIRTIO_QUEUES], legacy_bells[VIRTIO_QUEUES];
    unsigned cfg_cap; /* offset of the capability that reaches the BAR through configuration space; 0: none */
    /* Registers. */
    uint8_t status, isr, generation;
    uint16_t config_vector, queue_select;
    uint32_t device_select, driver_select;
    uint64_t features; /* as the driver wrote them */
    uint8_t config[VIRTIO_CONFIG_BYTES];
    struct virtq q[VIRTIO_QUEUES];
    /* Queues that have more to do than one kick may. */
    uint32_t again;
    struct vtimer again_timer;
    bool load_refused; /* post_load comes again, for what was before */
};

#define VIRTIO_FIELDS(s, m)                                                                                      \
    PCI_DEVICE_FIELDS(s, m.pci), MSIX_FIELDS(s, m.msix), DEV_FIELD(s, U8, m.status, 0, 0),                       \
    DEV_FIELD(s, U8, m.isr, 0, 3), DEV_FIELD(s, U8, m.generation, 0, 0),                                         \
    DEV_FIELD(s, U16, m.config_vector, VIRTQ_NO_VECTOR, 0), DEV_FIELD(s, U16, m.queue_select, 0, 0),             \
    DEV_FIELD(s, U32, m.device_select, 0, 0), DEV_FIELD(s, U32, m.driver_select, 0, 0),                          \
    DEV_FIELD(s, U64, m.features, 0, 0), DEV_FIELD_BYTES(s, m.config),                                           \
    DEV_FIELD(s, U32, m.again, 0, 0), VIRTQ_FIELDS(s, m.q[0]),                           \
    VIRTQ_FIELDS(s, m.q[1]), VIRTQ_FIELDS(s, m.q[2]), VIRTQ_FIELDS(s, m.q[3]), VIRTQ_FIELDS(s, m.q[4]),          \
    VIRTQ_FIELDS(s, m.q[5]), VIRTQ_FIELDS(s, m.q[6]), VIRTQ_FIELDS(s, m.q[7]), VIRTQ_FIELDS(s, m.q[8])

struct virtio_config {
    uint16_t type;       /* 5: 1 network, 2 block, 4 entropy */
    uint16_t legacy_id;  /* PCI device id of the transitional device, 4.1.2.1 */
    uint32_t class_code;
    uint64_t offered;    /* features of its own; the common ones are added */
    unsigned queues, queue_size, config_bytes;
    unsigned vectors; /* of MSI-X, up to MSIX_MAX; 0: one for each queue and one for the configuration */
    struct virtio_options options;
};

/*
 * Makes the function, not yet on a bus. False (why[]): both transports are disabled, or no memory. In any case
 * virtio_fini() is due.
 */
bool virtio_init(struct virtio *v, const struct device_class *cls, const struct virtio_ops *ops,
                 const struct dev_env *env, const char *id, const struct virtio_config *cfg, char *why, size_t why_size);
/* Before virtio_attach(): queue n has another size than the others. */
void virtio_set_queue_size(struct virtio *v, unsigned n, unsigned size);
bool virtio_attach(struct virtio *v, struct pci_bus *bus, int devfn, char *why, size_t why_size);
void virtio_fini(struct virtio *v);
void virtio_device_reset(struct virtio *v); /* from the class's reset */
/* From the class's post_load, with what the device found wrong before (NULL: nothing). */
const char *virtio_post_load(struct virtio *v, const char *fault);

/* What both sides have agreed on. */
static inline bool virtio_has(const struct virtio *v, uint64_t feature)
{
    return (v->features & v->offered & feature) != 0;
}

static inline bool virtio_running(const struct virtio *v)
{
    return (v->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}

/* Publishes `count` pushed chains of queue n, and interrupts if the driver wants that. */
void virtio_used(struct virtio *v, unsigned n, unsigned count);
/* One chain: pushed, published, told. */
void virtio_complete(struct virtio *v, unsigned n, uint32_t head, uint32_t written);
/* After popping: a queue that broke makes the device ask for a reset. */
void virtio_look_for_faults(struct virtio *v);
void virtio_fault(struct virtio *v, unsigned n, const char *why); /* breaks queue n */
/* config[] is another now: the driver is told. */
void virtio_config_changed(struct virtio *v);
/* Kicks queue n again soon, from the main loop: it had more to do than its bound. */
void virtio_kick_later(struct virtio *v, unsigned n);

/* ---- between the files of the transport ---- */

void virtio_kick(struct virtio *v, unsigned n);
void virtio_write_status(struct virtio *v, uint8_t status);
void virtio_start_queue(struct virtio *v, unsigned n);
void virtio_update_pin(struct virtio *v);
void virtio_set_doorbells(struct virtio *v, bool on); /* of the transport that the driver has chosen */
uint8_t virtio_take_isr(struct virtio *v); /* reading clears it */
uint32_t virtio_config_read(const struct virtio *v, unsigned off, unsigned size);
void virtio_config_write(struct virtio *v, unsigned off, unsigned size, uint32_t value);
uint16_t virtio_valid_vector(const struct virtio *v, uint64_t vector); /* or VIRTQ_NO_VECTOR */

/* Registers of the modern BAR, 4.1.4; one access of 1, 2 or 4 aligned bytes inside it. */
enum {
    VIRTIO_COMMON_AT = 0,
    VIRTIO_ISR_AT = 0x1000,
    VIRTIO_CONFIG_AT = 0x2000,
    VIRTIO_NOTIFY_AT = 0x3000,
    VIRTIO_MODERN_BYTES = 0x4000,
    VIRTIO_NOTIFY_STEP = 4, /* bytes from one queue's doorbell to the next */
};
uint64_t virtio_modern_read(void *chip, uint64_t off, unsigned size);
void virtio_modern_write(void *chip, uint64_t off, unsigned size, uint64_t value);
extern const struct io_ops virtio_modern_ops;

#define VIRTIO_LEGACY_BYTES (0x18 + VIRTIO_CONFIG_BYTES)
#define VIRTIO_LEGACY_NOTIFY 0x10 /* the port of all its doorbells */
extern const struct io_ops virtio_legacy_ops;

#endif
