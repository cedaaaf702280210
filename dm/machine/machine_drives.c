/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sits at which IDE place: -drive if=ide, and -device ide-hd with its properties. */
#include <string.h>

#include "block/open.h"
#include "dm/backends.h"
#include "dm/machine/machine_int.h"

#define NO_UNIT UINT64_MAX

/* A drive that looks for its place. */
struct placement {
    const char *what; /* "-device ide-hd": for errors */
    struct ide_drive_config drive;
    struct firmware_disk disk;
    int bootindex; /* -1: none */
};

static bool refuse(const char *what, GError **error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(const char *what, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s", what, text);
    return false;
}

/* ---- places ---- */

static void default_geometry(struct ide_drive_config *c)
{
    uint64_t cyls = block_sectors(c->blk) / (16 * 63);

    if (c->cyls)
        return;
    c->cyls = (uint32_t)CLAMP(cyls, 2, 16383); /* ATA-6: words 1, 3, 6 of IDENTIFY DEVICE */
    c->heads = 16;
    c->secs = 63;
}

static bool put_drive(struct ide_bus *bus, unsigned unit, const struct placement *p, GError **error)
{
    struct ide_drive_config *c = &bus->drive[unit];
    struct firmware_disk *disk = &bus->disk[unit];

    if (bus->taken[unit])
        return refuse(p->what, error, "%s unit %u has a drive already", bus->name, unit);
    if (!p->drive.cd && !block_sectors(p->drive.blk))
        return refuse(p->what, error, "Device needs media, but drive is empty");
    if (!p->drive.cd && block_readonly(p->drive.blk))
        return refuse(p->what, error, "Block node is read-only, which an ATA disk cannot be; give "
                      "-drive snapshot=on");
    bus->taken[unit] = true;
    *c = p->drive;
    *disk = p->disk;
    bus->bootindex[unit] = p->bootindex;
    disk->cd = c->cd;
    if (!c->cd) {
        default_geometry(c);
        disk->sectors = block_sectors(c->blk);
        disk->cyls = c->cyls;
        disk->heads = c->heads;
        disk->secs = c->secs;
    }
    return true;
}

/* ---- -drive if=ide ---- */

static bool put_config_drive(struct machine *m, const struct drive_config *d, GError **error)
{
    g_autofree char *what = g_strdup_printf("-drive %s", d->id);
    g_autofree char *name = g_strdup_printf("ide.%d", d->bus);
    const struct placement p = {
        .what = what,
        .drive = {.blk = backends_drive(m->parts.backends, d->id), .serial = d->serial,
                  .cd = d->cd, .write_cache = d->cache_writeback, .trim = !d->cd},
        .disk = {.auto_translation = true},
        .bootindex = -1,
    };

    if (d->bus < 0 || d->bus > 1 || d->unit < 0 || d->unit > 1)
        return refuse(what, error, "if=ide has four places; for more give if=none, and -device "
                      "cmd646-ide,id=X with -device ide-hd,drive=%s,bus=X.0", d->id);
    return !p.drive.blk || put_drive(machine_ide_bus(m, name), (unsigned)d->unit, &p, error);
}

/* ---- -device ide-hd ---- */

static bool on_off(const struct machine *m, const struct device_config *d, const char *name,
                   bool otherwise)
{
    const char *value = device_prop(m, d, name);

    return value ? !strcmp(value, "on") : otherwise;
}

static uint32_t number32(const struct machine *m, const struct device_config *d, const char *name)
{
    return (uint32_t)device_number(m, d, name, 0);
}

/* What the drive says of itself. */
static bool read_identity(struct machine *m, const struct device_config *d,
                          struct ide_drive_config *c, GError **error)
{
    uint64_t physical = device_number(m, d, "physical_block_size", 512);
    uint64_t discard = device_number(m, d, "discard_granularity", 512);

    c->serial = device_prop(m, d, "serial");
    c->model = device_prop(m, d, "model");
    c->version = device_prop(m, d, "ver");
    c->cyls = number32(m, d, "cyls");
    c->heads = number32(m, d, "heads");
    c->secs = number32(m, d, "secs");
    c->wwn = device_number(m, d, "wwn", 0);
    c->rotation_rate = (uint16_t)number32(m, d, "rotation_rate");
    c->physical_block_bytes = (uint32_t)physical;
    c->trim = discard != 0;
    if (device_number(m, d, "logical_block_size", 512) != 512)
        return device_error(d, error, "logical_block_size must be 512 for IDE");
    if (physical & (physical - 1))
        return device_error(d, error, "physical_block_size is a power of two");
    if (discard && discard != 512)
        return device_error(d, error, "discard_granularity must be 512 for ide, or 0: no TRIM");
    if (!c->cyls != !c->heads || !c->cyls != !c->secs)
        return device_error(d, error, "cyls, heads and secs belong together");
    return true;
}

/* What the BIOS makes of the disk. */
static bool read_bios_geometry(struct machine *m, const struct device_config *d,
                               struct firmware_disk *disk, GError **error)
{
    static const char *const words[] = {[FIRMWARE_CHS_NONE] = "none", [FIRMWARE_CHS_LBA] = "lba",
                                        [FIRMWARE_CHS_LARGE] = "large",
                                        [FIRMWARE_CHS_RECHS] = "rechs"};
    const char *trans = device_prop(m, d, "bios-chs-trans");

    disk->lcyls = number32(m, d, "lcyls");
    disk->lheads = number32(m, d, "lheads");
    disk->lsecs = number32(m, d, "lsecs");
    disk->auto_translation = true;
    for (unsigned i = 0; trans && i < G_N_ELEMENTS(words); i++) {
        if (!strcmp(trans, words[i])) {
            disk->auto_translation = false;
            disk->translation = i;
        }
    }
    if (!disk->lcyls != !disk->lheads || !disk->lcyls != !disk->lsecs)
        return device_error(d, error, "lcyls, lheads and lsecs belong together");
    if (disk->lcyls && !m->pci)
        return device_error(d, error, "lcyls: SeaBIOS can be told that on PCI only");
    return true;
}

void machine_name_disk(struct machine *m, const struct device_config *d, struct block *blk)
{
    const char *werror = device_prop(m, d, "werror"), *rerror = device_prop(m, d, "rerror");
    enum block_on_error w = block_on_error_of(blk, true), r = block_on_error_of(blk, false);

    if (werror && strcmp(werror, "auto"))
        block_on_error_parse(werror, &w);
    if (rerror && strcmp(rerror, "auto"))
        block_on_error_parse(rerror, &r);
    block_set_on_error(blk, w, r);
    block_set_device_id(blk, d->id);
}

/* A CD drive that nobody gave a medium has a disk of its own all the same (config_drive.c). */
static bool read_block(struct machine *m, const struct device_config *d, struct ide_drive_config *c,
                       GError **error)
{
    const char *drive = device_prop(m, d, "drive"), *cache = device_prop(m, d, "write-cache");

    if (!drive)
        return device_error(d, error, "drive= is missing");
    c->blk = backends_drive(m->parts.backends, drive);
    if (!c->blk)
        return device_error(d, error, "no -drive has the id '%s'", drive);
    if (cache && strcmp(cache, "auto"))
        block_set_write_cache(c->blk, on_off(m, d, "write-cache", true));
    c->write_cache = block_write_cache(c->blk);
    machine_name_disk(m, d, c->blk);
    return true;
}

/* The first free unit of this bus, or that one; -1: taken. */
static int free_unit(const struct ide_bus *bus, uint64_t unit)
{
    for (int i = 0; i < 2; i++) {
        if (!bus->taken[i] && (unit == NO_UNIT || unit == (uint64_t)i))
            return i;
    }
    return -1;
}

/* Any bus with room, in their order. */
static struct ide_bus *bus_with_room(const struct machine *m, uint64_t unit)
{
    for (guint i = 0; i < m->ide->len; i++) {
        struct ide_controller *c = g_ptr_array_index(m->ide, i);

        for (unsigned n = 0; n < c->bus_count; n++) {
            if (free_unit(&c->bus[n], unit) >= 0)
                return &c->bus[n];
        }
    }
    return NULL;
}

static bool find_place(struct machine *m, const struct device_config *d, struct ide_bus **bus,
                       int *place, GError **error)
{
    const char *name = device_prop(m, d, "bus");
    uint64_t unit = device_number(m, d, "unit", NO_UNIT);
    g_autofree char *names = machine_ide_bus_names(m);

    *bus = name ? machine_ide_bus(m, name) : bus_with_room(m, unit);
    if (name && !*bus)
        return device_error(d, error, "there is no bus '%s'; there are %s", name, names);
    *place = *bus ? free_unit(*bus, unit) : -1;
    if (*place >= 0)
        return true;
    return device_error(d, error, "no free place on %s; -device cmd646-ide,id=X adds X.0 and X.1",
                        name ? name : names);
}

static bool check_bootindex(struct machine *m, const struct device_config *d,
                            const struct ide_bus *bus, int bootindex, GError **error)
{
    if (bootindex < 0)
        return true;
    if (!m->pci)
        return device_error(d, error, "bootindex: SeaBIOS orders disks on PCI only; use -boot order=");
    return machine_ide_bootable(m, bus) ||
           device_error(d, error, "bootindex: SeaBIOS does not find the disks of an isa-ide; use "
                        "cmd646-ide");
}

static bool put_ide_device(struct machine *m, const struct device_config *d, bool cd, GError **error)
{
    g_autofree char *what = g_strdup_printf("-device %s", d->driver);
    struct placement p = {.what = what, .drive = {.cd = cd}};
    struct ide_bus *bus;
    int unit;

    p.bootindex = (int)g_ascii_strtoll(device_prop(m, d, "bootindex") ?: "-1", NULL, 0);
    return read_block(m, d, &p.drive, error) && read_identity(m, d, &p.drive, error) &&
           read_bios_geometry(m, d, &p.disk, error) && find_place(m, d, &bus, &unit, error) &&
           check_bootindex(m, d, bus, p.bootindex, error) &&
           put_drive(bus, (unsigned)unit, &p, error);
}

/* ---- all of them ---- */

/* The drivers that sit on an IDE bus. */
static const struct {
    const char *driver;
    bool cd;
} ide_drivers[] = {{"ide-hd", false}, {"ide-cd", true}};

static bool collect_devices(struct machine *m, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        for (unsigned n = 0; n < G_N_ELEMENTS(ide_drivers); n++) {
            if (!strcmp(d->driver, ide_drivers[n].driver) &&
                !put_ide_device(m, d, ide_drivers[n].cd, error))
                return false;
        }
    }
    return true;
}

bool machine_collect_drives(struct machine *m, GError **error)
{
    GPtrArray *drives = m->parts.config->drives;

    for (guint i = 0; i < drives->len; i++) {
        const struct drive_config *d = g_ptr_array_index(drives, i);

        if (d->interface == DRIVE_IF_IDE && !put_config_drive(m, d, error))
            return false;
    }
    return collect_devices(m, error);
}
