/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SET FEATURES: ATA/ATAPI-6, 8.46 and its table 44. What is not in the table below aborts. */
#include "hw/ide/ata_internal.h"

/* 03h: the mode is in the count register (table 45); DMA only where there is a bus master. */
static bool set_transfer_mode(struct ata_drive *d)
{
    static const struct {
        uint8_t first, last;
        bool dma;
    } modes[] = {
        { 0x00, 0x01, false }, { 0x08, 0x0c, false }, { 0x20, 0x22, true }, { 0x40, 0x45, true },
    };
    uint8_t mode = d->tf.count;

    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (mode < modes[i].first || mode > modes[i].last)
            continue;
        if (modes[i].dma && !d->bm)
            return false;
        d->xfer_mode = mode;
        return true;
    }
    return false;
}

static void end_or_abort(struct ata_drive *d, bool good)
{
    if (good)
        ata_end(d);
    else
        ata_abort(d, ATA_ERROR_ABRT);
}

static bool set_level(uint8_t *level, uint8_t value, uint8_t min)
{
    if (value < min || value > 0xfe)
        return false;
    *level = value;
    return true;
}

static void transfer_mode(struct ata_drive *d) { end_or_abort(d, set_transfer_mode(d)); }
static void apm_on(struct ata_drive *d) { end_or_abort(d, set_level(&d->apm, d->tf.count, 0x01)); }
static void aam_on(struct ata_drive *d) { end_or_abort(d, set_level(&d->aam, d->tf.count, 0x80)); }

static void apm_off(struct ata_drive *d)
{
    d->apm = 0;
    ata_end(d);
}

static void aam_off(struct ata_drive *d)
{
    d->aam = 0;
    ata_end(d);
}

static void look_ahead(struct ata_drive *d)
{
    d->look_ahead = d->tf.feature == 0xaa;
    ata_end(d);
}

static void reverting(struct ata_drive *d)
{
    d->revert_on_reset = d->tf.feature == 0xcc;
    ata_end(d);
}

static void write_cache_on(struct ata_drive *d)
{
    d->write_cache = true;
    block_set_write_cache(d->blk, true);
    ata_end(d);
}

/* What the cache holds is stored before the command ends. */
static void write_cache_off(struct ata_drive *d)
{
    d->write_cache = false;
    block_set_write_cache(d->blk, false);
    ata_begin_flush(d);
}

/* clang-format off */
static const struct ata_subcommand features[] = {
    { 0x02, write_cache_on,  "enable write cache",                 "8.46" },
    { 0x03, transfer_mode,   "set transfer mode",                  "8.46" },
    { 0x05, apm_on,          "enable advanced power management",   "8.46" },
    { 0x42, aam_on,          "enable automatic acoustic management", "8.46" },
    { 0x55, look_ahead,      "disable read look-ahead",            "8.46" },
    { 0x66, reverting,       "keep settings over a soft reset",    "8.46" },
    { 0x82, write_cache_off, "disable write cache",                "8.46" },
    { 0x85, apm_off,         "disable advanced power management",  "8.46" },
    { 0xaa, look_ahead,      "enable read look-ahead",             "8.46" },
    { 0xc2, aam_off,         "disable automatic acoustic management", "8.46" },
    { 0xcc, reverting,       "revert to defaults at a soft reset", "8.46" },
};
/* clang-format on */

/* Caches and levels are a disk's. */
static const struct ata_subcommand cd_features[] = {
    { 0x03, transfer_mode, "set transfer mode",                  "8.46" },
    { 0x66, reverting,     "keep settings over a soft reset",    "8.46" },
    { 0xcc, reverting,     "revert to defaults at a soft reset", "8.46" },
};

void ata_start_set_features(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    if (d->kind == ATA_KIND_CD) {
        ata_start_subcommand(d, cd_features, sizeof(cd_features) / sizeof(cd_features[0]));
        return;
    }
    ata_start_subcommand(d, features, sizeof(features) / sizeof(features[0]));
}
