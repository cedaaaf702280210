/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "block/block.h"
#include "dm/backends.h"
#include "dm/machine_int.h"

static void default_geometry(uint64_t sectors, struct ide_drive_config *c)
{
    uint64_t cyls = sectors / (16 * 63);

    if (c->cyls)
        return;
    c->cyls = (uint32_t)CLAMP(cyls, 2, 16383); /* ATA-6: words 1, 3, 6 of IDENTIFY DEVICE */
    c->heads = 16;
    c->secs = 63;
}

static bool put_drive(struct machine *m, struct ide_slots *s, unsigned slot,
                      const struct ide_drive_config *c, int bootindex, const char *what,
                      GError **error)
{
    struct firmware_disk *d = &m->firmware.disks[slot];

    if (s->taken[slot]) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: ide.%u unit %u has a drive already", what, slot / 2, slot % 2);
        return false;
    }
    s->taken[slot] = true;
    s->drive[slot] = *c;
    default_geometry(block_sectors(c->blk), &s->drive[slot]);
    d->present = true;
    d->cyls = s->drive[slot].cyls;
    d->heads = s->drive[slot].heads;
    d->secs = s->drive[slot].secs;
    d->bootindex = bootindex;
    g_snprintf(d->boot_path, sizeof(d->boot_path), "/pci@i0cf8/ide@1,1/drive@%x/disk@%x", slot / 2,
               slot % 2);
    return true;
}

static bool put_config_drives(struct machine *m, struct ide_slots *s, GError **error)
{
    GPtrArray *drives = m->parts.config->drives;

    for (guint i = 0; i < drives->len; i++) {
        const struct drive_config *d = g_ptr_array_index(drives, i);
        struct ide_drive_config c = {.serial = d->serial, .write_cache = d->cache_writeback};
        g_autofree char *what = g_strdup_printf("-drive %s", d->id);

        if (d->interface != DRIVE_IF_IDE)
            continue;
        c.blk = backends_drive(m->parts.backends, d->id);
        if (d->bus > 1 || d->unit > 1) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "%s: only ide.0 and ide.1 exist, with two drives each", what);
            return false;
        }
        if (c.blk && !put_drive(m, s, (unsigned)(d->bus * 2 + d->unit), &c, -1, what, error))
            return false;
    }
    return true;
}

static int free_slot(const struct ide_slots *s, int bus, int unit)
{
    for (int slot = 0; slot < FIRMWARE_DISKS; slot++) {
        if (!s->taken[slot] && (bus < 0 || slot / 2 == bus) && (unit < 0 || slot % 2 == unit))
            return slot;
    }
    return -1;
}

static bool put_ide_hd(struct machine *m, struct ide_slots *s, const struct device_config *d,
                       GError **error)
{
    const char *drive = device_prop(m, d, "drive"), *bus = device_prop(m, d, "bus");
    const char *cache = device_prop(m, d, "write-cache");
    struct ide_drive_config c = {
        .blk = drive ? backends_drive(m->parts.backends, drive) : NULL,
        .serial = device_prop(m, d, "serial"),
        .model = device_prop(m, d, "model"),
        .version = device_prop(m, d, "ver"),
        .cyls = (uint32_t)device_number(m, d, "cyls", 0),
        .heads = (uint32_t)device_number(m, d, "heads", 0),
        .secs = (uint32_t)device_number(m, d, "secs", 0),
        .wwn = device_number(m, d, "wwn", 0),
    };
    int slot;

    if (!drive)
        return device_error(d, error, "drive= is missing");
    if (!m->pci && device_prop(m, d, "bootindex"))
        return device_error(d, error, "bootindex: SeaBIOS orders disks on PCI only; use -boot order=");
    if (!c.blk)
        return device_error(d, error, "no -drive has the id '%s'", drive);
    if (bus && strcmp(bus, "ide.0") && strcmp(bus, "ide.1"))
        return device_error(d, error, "there is no bus '%s'; there are ide.0 and ide.1", bus);
    slot = free_slot(s, bus ? bus[4] - '0' : -1, (int)device_number(m, d, "unit", (uint64_t)-1));
    if (slot < 0)
        return device_error(d, error, "no free place on %s", bus ? bus : "ide.0 and ide.1");
    if (cache && strcmp(cache, "auto"))
        block_set_write_cache(c.blk, !strcmp(cache, "on"));
    c.write_cache = block_write_cache(c.blk);
    return put_drive(m, s, (unsigned)slot, &c, (int)device_number(m, d, "bootindex", (uint64_t)-1),
                     "-device ide-hd", error);
}

bool machine_collect_drives(struct machine *m, struct ide_slots *s, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    memset(s, 0, sizeof(*s));
    if (!put_config_drives(m, s, error))
        return false;
    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (!strcmp(d->driver, "ide-hd") && !put_ide_hd(m, s, d, error))
            return false;
    }
    return true;
}
