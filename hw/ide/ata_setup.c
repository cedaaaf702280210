/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Setting a drive up from what the user says of it. */
#include <stdio.h>
#include <string.h>

#include "hw/ide/ata_internal.h"

#define SECTOR BLOCK_SECTOR_BYTES

static bool copy_string(char *to, size_t size, const char *from, const char *what, char *why,
                        size_t why_size)
{
    size_t len = strlen(from);
    bool good = len < size;

    for (size_t i = 0; i < len; i++)
        good &= from[i] >= 0x20 && from[i] <= 0x7e;
    if (!good) {
        snprintf(why, why_size, "the %s has to be up to %zu characters of ASCII", what, size - 1);
        return false;
    }
    memcpy(to, from, len + 1);
    return true;
}

/* 16 heads and 63 sectors, as BIOSes expect of a disk that is large or not (6.2). */
static bool set_geometry(struct ata_drive *d, const struct ide_drive_config *cfg, char *why,
                         size_t why_size)
{
    uint32_t heads = cfg->heads ? cfg->heads : 16, secs = cfg->secs ? cfg->secs : 63;
    uint64_t cyls = cfg->cyls;

    if (heads > 16 || secs > 255 || cyls > 65535) {
        snprintf(why, why_size, "geometry: at most 65535 cylinders, 16 heads, 255 sectors");
        return false;
    }
    d->cyls_given = cyls != 0;
    d->default_cyls = (uint16_t)cyls;
    d->default_heads = (uint8_t)heads;
    d->default_secs = (uint8_t)secs;
    ata_size_geometry(d);
    return true;
}

/* What IDENTIFY can say of the medium. */
static bool set_medium(struct ata_drive *d, const struct ide_drive_config *cfg, char *why,
                       size_t why_size)
{
    uint32_t blocks = cfg->physical_block_bytes / SECTOR;

    if (cfg->physical_block_bytes % SECTOR || blocks & (blocks - 1) || blocks > 1u << 15) {
        snprintf(why, why_size, "physical blocks: 512 bytes times a power of two up to 32768");
        return false;
    }
    while (blocks > 1u << d->physical_log2)
        d->physical_log2++;
    if ((cfg->rotation_rate > 1 && cfg->rotation_rate <= 0x0400) || cfg->rotation_rate == 0xffff) {
        snprintf(why, why_size, "rotation rate: 0, 1 (does not rotate) or 1025 to 65534 a minute");
        return false;
    }
    d->rotation_rate = cfg->rotation_rate;
    d->trim = cfg->trim && d->bm;
    return true;
}

static bool init_disk(struct ata_drive *d, const struct ide_drive_config *cfg, char *why,
                      size_t why_size)
{
    d->native_sectors = block_sectors(d->blk);
    if (d->native_sectors > ATA_LBA48_SECTORS)
        d->native_sectors = ATA_LBA48_SECTORS;
    ata_max_init(d);
    if (!set_geometry(d, cfg, why, why_size) || !set_medium(d, cfg, why, why_size))
        return false;
    ata_smart_init(d);
    return true;
}

bool ata_init(struct ata_drive *d, struct device *dev, const struct ide_drive_config *cfg,
              unsigned unit, unsigned number, struct bmdma *bm, char *why, size_t why_size)
{
    char serial[sizeof(d->serial)];
    const char *model;

    d->dev = dev;
    d->unit = unit;
    d->bm = bm;
    if (!cfg || !cfg->blk)
        return true;
    d->blk = cfg->blk;
    d->kind = cfg->cd ? ATA_KIND_CD : ATA_KIND_DISK;
    model = cfg->cd ? "KVM-DM DVD-ROM" : "KVM-DM HARDDISK";
    d->wwn = cfg->wwn;
    d->default_write_cache = cfg->cd ? block_write_cache(d->blk) : cfg->write_cache;
    snprintf(serial, sizeof(serial), "KD%05u", number + 1);
    if (!copy_string(d->serial, sizeof(d->serial), cfg->serial ? cfg->serial : serial,
                     "serial number", why, why_size) ||
        !copy_string(d->model, sizeof(d->model), cfg->model ? cfg->model : model, "model", why,
                     why_size) ||
        !copy_string(d->version, sizeof(d->version), cfg->version ? cfg->version : "1.0",
                     "firmware version", why, why_size))
        return false;
    if (!cfg->cd && !init_disk(d, cfg, why, why_size))
        return false;
    ata_power_init(d);
    if (cfg->cd)
        atapi_init(d);
    else
        ata_attach_disk(d);
    return true;
}

void ata_fini(struct ata_drive *d)
{
    ata_cancel(d);
    ata_test_stop(d);
    ata_power_stop(d);
    if (d->kind == ATA_KIND_CD)
        atapi_fini(d);
    ata_detach_disk(d);
}
