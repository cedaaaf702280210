/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio devices but the network cards: which -device makes which, its place, its disk, and what the BIOS is told. */
#include <errno.h>
#include <string.h>

#include "block/block.h"
#include "block/node.h"
#include "block/open.h"
#include "dm/backends.h"
#include "dm/machine/entropy.h"
#include "dm/machine/machine_int.h"
#include "hw/pci/pci.h"
#include "hw/virtio/blk.h"
#include "hw/virtio/rng.h"
#include "hw/virtio/virtio.h"

bool machine_virtio_on(const struct machine *m, const struct device_config *d, const char *name)
{
    const char *value = device_prop(m, d, name);

    return value && !strcmp(value, "on");
}

uint64_t machine_virtio_without(const struct machine *m, const struct device_config *d,
                                const struct virtio_feature *features, unsigned count)
{
    uint64_t without = 0;

    for (unsigned i = 0; i < count; i++) {
        const char *value = device_prop(m, d, features[i].name);

        if (value && !strcmp(value, "off"))
            without |= features[i].bit;
    }
    return without;
}

struct virtio_options machine_virtio_options(const struct machine *m, const struct device_config *d, bool few_kicks)
{
    static const struct virtio_feature features[] = {{"indirect_desc", VIRTIO_F_INDIRECT},
                                                     {"event_idx", VIRTIO_F_EVENT_IDX}};
    const char *ioeventfd = device_prop(m, d, "ioeventfd"), *vectors = device_prop(m, d, "vectors");

    return (struct virtio_options){
        .without = machine_virtio_without(m, d, features, G_N_ELEMENTS(features)),
        .vectors = (unsigned)device_number(m, d, "vectors", 0),
        .no_msix = vectors && !device_number(m, d, "vectors", 0),
        .disable_legacy = machine_virtio_on(m, d, "disable-legacy"),
        .disable_modern = machine_virtio_on(m, d, "disable-modern"),
        .packed = machine_virtio_on(m, d, "packed"),
        .kicks_wait = ioeventfd ? !strcmp(ioeventfd, "off") : few_kicks,
    };
}

/* ---- virtio-rng-pci ---- */

struct named_source {
    char *id; /* of -object; NULL: what a device without rng= has */
    struct entropy_source *source;
};

static void free_source(void *opaque)
{
    struct named_source *n = opaque;

    entropy_close(n->source);
    g_free(n->id);
    g_free(n);
}

void machine_free_entropy(struct machine *m)
{
    if (m->entropy)
        g_ptr_array_free(m->entropy, TRUE);
    m->entropy = NULL;
}

static struct entropy_source *add_source(struct machine *m, const char *id, const char *path, GError **error)
{
    struct entropy_source *source = entropy_open(path, error);
    struct named_source *n;

    if (!source)
        return NULL;
    n = g_new0(struct named_source, 1);
    *n = (struct named_source){g_strdup(id), source};
    g_ptr_array_add(m->entropy, n);
    return source;
}

/* All that -object names, so that a file that is not there is told of. */
static bool open_sources(struct machine *m, GError **error)
{
    GPtrArray *rngs = m->parts.config->rngs;

    m->entropy = g_ptr_array_new_with_free_func(free_source);
    for (guint i = 0; i < rngs->len; i++) {
        const struct rng_config *r = g_ptr_array_index(rngs, i);

        if (add_source(m, r->id, r->path, error))
            continue;
        g_prefix_error(error, "-object rng-random,id=%s,filename=%s: ", r->id, r->path);
        return false;
    }
    return true;
}

static struct entropy_source *find_source(struct machine *m, const char *id)
{
    for (guint i = 0; i < m->entropy->len; i++) {
        const struct named_source *n = g_ptr_array_index(m->entropy, i);

        if (!g_strcmp0(n->id, id))
            return n->source;
    }
    return id ? NULL : add_source(m, NULL, NULL, NULL);
}

static struct device *make_rng(struct machine *m, const struct device_config *d, const char *id, int devfn,
                               GError **error)
{
    const char *rng = device_prop(m, d, "rng");
    struct entropy_source *source = find_source(m, rng);
    const struct virtio_rng_config cfg = {
        .entropy = entropy_port(source),
        .max_bytes = device_number(m, d, "max-bytes", 0),
        .period_ms = (uint32_t)device_number(m, d, "period", 65536),
        .options = machine_virtio_options(m, d, false),
    };
    struct device *dev;

    if (!source) {
        device_error(d, error, "rng=%s: no -object rng-random or rng-builtin has this id", rng);
        return NULL;
    }
    dev = virtio_rng_new(m->bus, devfn, m->parts.env, id, &cfg, WHY);
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

/* As QEMU has it, whose virtio disk is a device behind that of the bus: libvirt looks for it there. */
static void name_path(const struct device_config *d, struct block *blk)
{
    g_autofree char *path = d->id ? g_strdup_printf("/machine/peripheral/%s/virtio-backend", d->id) : NULL;

    block_set_device_path(blk, path);
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
    cfg->options = machine_virtio_options(m, d, false);
    if (cfg->queue_size & (cfg->queue_size - 1))
        return device_error(d, error, "queue-size is a power of two");
    machine_name_disk(m, d, cfg->blk);
    name_path(d, cfg->blk);
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
    bool is_card; /* can come and go: nothing hangs on it */
} drivers[] = {
    {"virtio-balloon-pci", machine_make_balloon, false},
    {"virtio-blk-pci", make_blk, true},
    {"virtio-rng-pci", make_rng, true},
    {"virtio-serial-pci", machine_make_serial, false},
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
    const struct virtio_driver *driver = find_driver(d->driver);
    const char *addr = device_prop(m, d, "addr");
    g_autofree char *id = d->id ? g_strdup(d->id) : g_strdup_printf("%s.%u", d->driver, number);
    int devfn = addr ? machine_parse_devfn(addr) : -1;
    struct device *dev;

    if (!m->pci)
        return device_error(d, error, "No PCI buses available");
    if (addr && (devfn < 0 || devfn % 8))
        return device_error(d, error, "addr '%s' is not a slot", addr);
    dev = driver->make(m, d, id, devfn, error);
    if (dev && driver->is_card)
        machine_note_card(m, dev, d);
    return dev != NULL;
}

bool machine_add_virtio(struct machine *m, bool with_addr, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    if (!m->entropy && !open_sources(m, error))
        return false;
    if (with_addr && !machine_check_ports(m, error))
        return false;
    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (find_driver(d->driver) && (device_prop(m, d, "addr") != NULL) == with_addr && !add(m, d, i, error))
            return false;
    }
    return true;
}

/* ---- while the machine runs ---- */

bool machine_is_virtio_card(const char *driver)
{
    const struct virtio_driver *d = find_driver(driver);

    return d && d->is_card;
}

static bool has_drive(const struct device_config *d)
{
    return !strcmp(d->driver, "virtio-blk-pci");
}

/* A -blockdev node becomes a drive when a device takes it. */
static bool open_node(struct machine *m, const struct device_config *d, const char *node, GError **error)
{
    struct drive_config *drive = g_new0(struct drive_config, 1);
    g_autoptr(GError) why = NULL;

    drive->id = g_strdup(node);
    drive->node = g_strdup(node);
    drive->interface = DRIVE_IF_NONE;
    drive->cache_writeback = drive->locking = drive->used_by_device = true;
    g_ptr_array_add(m->parts.config->drives, drive);
    if (backends_add_drive(m->parts.backends, drive, &why))
        return true;
    g_ptr_array_remove(m->parts.config->drives, drive);
    return device_error(d, error, "%s", why->message);
}

/* Such a node, or a -drive that no device has. */
static bool take_drive(struct machine *m, const struct device_config *d, GError **error)
{
    const char *id = device_prop(m, d, "drive");
    struct drive_config *drive = id ? (struct drive_config *)drive_of(m, id) : NULL;

    if (!id)
        return device_error(d, error, "drive property not set");
    if (!drive && !node_find(id))
        return device_error(d, error, "Property '%s.drive' can't find value '%s'", d->driver, id);
    if (!drive)
        return open_node(m, d, id, error);
    if (drive->used_by_device || drive->interface != DRIVE_IF_NONE)
        return device_error(d, error, "Drive '%s' is already in use by another block device", id);
    if (drive->cd)
        return device_error(d, error, "drive=%s: that is a CD", id);
    drive->used_by_device = true;
    return true;
}

/* A -drive goes with its device, as in QEMU; not with one that could not be made. A node stays, for blockdev-del. */
static void give_drive_back(struct machine *m, const struct device_config *d, bool failed)
{
    const char *id = device_prop(m, d, "drive");
    struct drive_config *drive = (struct drive_config *)drive_of(m, id);

    if (failed && !drive->node) {
        drive->used_by_device = false;
        return;
    }
    backends_remove_drive(m->parts.backends, id);
    g_ptr_array_remove(m->parts.config->drives, drive);
}

static unsigned free_number(const struct machine *m, const char *driver)
{
    for (unsigned n = 0;; n++) {
        g_autofree char *id = g_strdup_printf("%s.%u", driver, n);

        if (!machine_has_device(m, id))
            return n;
    }
}

bool machine_plug_virtio(struct machine *m, const struct device_config *d, GError **error)
{
    guint before = m->devices->len;

    if (has_drive(d) && !take_drive(m, d, error))
        return false;
    if (add(m, d, free_number(m, d->driver), error))
        return true;
    machine_discard_from(m, before);
    if (has_drive(d))
        give_drive_back(m, d, true);
    return false;
}

void machine_unplug_virtio(struct machine *m, const struct device_config *d)
{
    if (has_drive(d))
        give_drive_back(m, d, false);
}
