/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio devices but the network cards: which -device makes which, its place, its disk, and what the BIOS is told. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "block/block.h"
#include "dm/backends.h"
#include "dm/machine/machine_int.h"
#include "hw/pci/pci.h"
#include "hw/virtio/blk.h"
#include "hw/virtio/rng.h"

bool machine_virtio_on(const struct machine *m, const struct device_config *d, const char *name)
{
    const char *value = device_prop(m, d, name);

    return value && !strcmp(value, "on");
}

/* ---- virtio-rng-pci ---- */

/* Never waits: at a start so early that the kernel has no entropy yet, the guest gets none either. */
static bool host_entropy(void *opaque, void *buf, size_t bytes)
{
    (void)opaque;
    while (bytes) {
        ssize_t n = getrandom(buf, bytes, GRND_NONBLOCK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        buf = (uint8_t *)buf + n;
        bytes -= (size_t)n;
    }
    return true;
}

static struct device *make_rng(struct machine *m, const struct device_config *d, const char *id, int devfn,
                               GError **error)
{
    const struct virtio_rng_config cfg = {
        .entropy = {host_entropy, NULL},
        .disable_legacy = machine_virtio_on(m, d, "disable-legacy"),
        .disable_modern = machine_virtio_on(m, d, "disable-modern"),
    };
    struct device *dev = virtio_rng_new(m->bus, devfn, m->parts.env, id, &cfg, WHY);

    if (!machine_keep(m, dev))
        device_error(d, error, "%s", m->why);
    return dev;
}

/* ---- virtio-blk-pci ---- */

static const struct drive_config *drive_of(const struct machine *m, const char *id)
{
    GPtrArray *drives = m->parts.config->drives;

    for (guint i = 0; i < drives->len; i++) {
        const struct drive_config *drive = g_ptr_array_index(drives, i);

        if (!strcmp(drive->id, id))
            return drive;
    }
    return NULL;
}

static bool read_blk(struct machine *m, const struct device_config *d, struct virtio_blk_config *cfg, GError **error)
{
    const char *drive = device_prop(m, d, "drive"), *cache = device_prop(m, d, "write-cache");
    const struct drive_config *config = drive ? drive_of(m, drive) : NULL;
    uint64_t physical = device_number(m, d, "physical_block_size", 512);
    const char *discard = device_prop(m, d, "discard"), *zeroes = device_prop(m, d, "write-zeroes");

    cfg->blk = drive ? backends_drive(m->parts.backends, drive) : NULL;
    if (!cfg->blk)
        return device_error(d, error, "no -drive has the id '%s'", drive ? drive : "");
    if (!block_sectors(cfg->blk))
        return device_error(d, error, "Device needs media, but drive is empty");
    if (physical & (physical - 1))
        return device_error(d, error, "physical_block_size is a power of two");
    if (cache && strcmp(cache, "auto"))
        block_set_write_cache(cfg->blk, !strcmp(cache, "on"));
    cfg->write_cache = block_write_cache(cfg->blk);
    cfg->serial = device_prop(m, d, "serial");
    if (!cfg->serial && config)
        cfg->serial = config->serial;
    cfg->physical_bytes = (uint32_t)physical;
    cfg->discard = !discard || !strcmp(discard, "on");
    cfg->write_zeroes = !zeroes || !strcmp(zeroes, "on");
    cfg->queues = (unsigned)device_number(m, d, "num-queues", 1);
    cfg->queue_size = (unsigned)device_number(m, d, "queue-size", 256);
    cfg->disable_legacy = machine_virtio_on(m, d, "disable-legacy");
    cfg->disable_modern = machine_virtio_on(m, d, "disable-modern");
    if (cfg->queue_size & (cfg->queue_size - 1))
        return device_error(d, error, "queue-size is a power of two");
    machine_name_disk(m, d, cfg->blk);
    return true;
}

/* SeaBIOS drives the disk itself, and knows it by this path. */
static bool add_boot(struct machine *m, const struct device_config *d, const struct device *dev, GError **error)
{
    const char *index = device_prop(m, d, "bootindex");
    unsigned devfn = ((const struct pci_device *)dev)->devfn;
    g_autofree char *path = g_strdup_printf("/pci@i0cf8/scsi@%x/disk@0,0", devfn / 8);

    return !index || *index == '-' || firmware_add_boot(&m->firmware, path, atoi(index), error);
}

static struct device *make_blk(struct machine *m, const struct device_config *d, const char *id, int devfn,
                               GError **error)
{
    struct virtio_blk_config cfg = {0};
    struct device *dev;

    if (!read_blk(m, d, &cfg, error))
        return NULL;
    dev = virtio_blk_new(m->bus, devfn, m->parts.env, id, &cfg, WHY);
    if (!machine_keep(m, dev)) {
        device_error(d, error, "%s", m->why);
        return NULL;
    }
    return add_boot(m, d, dev, error) ? dev : NULL;
}

/* ---- all of them ---- */

static const struct virtio_driver {
    const char *name;
    struct device *(*make)(struct machine *m, const struct device_config *d, const char *id, int devfn,
                           GError **error);
} drivers[] = {
    {"virtio-balloon-pci", machine_make_balloon},
    {"virtio-blk-pci", make_blk},
    {"virtio-rng-pci", make_rng},
    {"virtio-serial-pci", machine_make_serial},
};

static const struct virtio_driver *find_driver(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (!strcmp(drivers[i].name, name))
            return &drivers[i];
    }
    return NULL;
}

static bool add(struct machine *m, const struct device_config *d, unsigned number, GError **error)
{
    const char *addr = device_prop(m, d, "addr");
    g_autofree char *id = d->id ? g_strdup(d->id) : g_strdup_printf("%s.%u", d->driver, number);
    int devfn = addr ? machine_parse_devfn(addr) : -1;

    if (!m->pci)
        return device_error(d, error, "No PCI buses available");
    if (addr && (devfn < 0 || devfn % 8))
        return device_error(d, error, "addr '%s' is not a slot", addr);
    return find_driver(d->driver)->make(m, d, id, devfn, error) != NULL;
}

bool machine_add_virtio(struct machine *m, bool with_addr, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    if (with_addr && !machine_check_ports(m, error))
        return false;
    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (find_driver(d->driver) && (device_prop(m, d, "addr") != NULL) == with_addr && !add(m, d, i, error))
            return false;
    }
    return true;
}
