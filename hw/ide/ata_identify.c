/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What IDENTIFY DEVICE answers: ATA/ATAPI-6, 8.15 and its table 27. Words that are not set are 0,
 * "not supported" or reserved.
 */
#include <string.h>

#include "hw/ide/ata_internal.h"

static void put_word(uint8_t *sector, unsigned word, uint32_t value)
{
    sector[word * 2] = (uint8_t)value;
    sector[word * 2 + 1] = (uint8_t)(value >> 8);
}

static void put_long(uint8_t *sector, unsigned word, uint32_t value)
{
    put_word(sector, word, value & 0xffff);
    put_word(sector, word + 1, value >> 16);
}

/* The first character of each pair is the high byte (8.15). Padded with spaces. */
static void put_string(uint8_t *sector, unsigned word, unsigned words, const char *text)
{
    size_t len = strlen(text);

    for (unsigned i = 0; i < words * 2; i++)
        sector[word * 2 + (i ^ 1)] = i < len ? (uint8_t)text[i] : ' ';
}

static void put_geometry(const struct ata_drive *d, uint8_t *s)
{
    uint64_t chs = (uint64_t)d->cyls * d->heads * d->secs;
    uint64_t lba28 = d->sectors < ATA_LBA28_SECTORS ? d->sectors : ATA_LBA28_SECTORS;

    put_word(s, 1, ata_cylinders(d, d->default_heads, d->default_secs));
    put_word(s, 3, d->default_heads);
    put_word(s, 4, d->default_secs * BLOCK_SECTOR_BYTES); /* retired: bytes per track ... */
    put_word(s, 5, BLOCK_SECTOR_BYTES);                   /* ... and per sector */
    put_word(s, 6, d->default_secs);
    put_word(s, 54, d->cyls);
    put_word(s, 55, d->heads);
    put_word(s, 56, d->secs);
    put_long(s, 57, (uint32_t)(chs < d->sectors ? chs : d->sectors));
    put_long(s, 60, (uint32_t)lba28);
    put_long(s, 100, (uint32_t)d->sectors);
    put_long(s, 102, (uint32_t)(d->sectors >> 32));
}

/* 49: capabilities; 53: which others are valid; 63, 64 .. 68, 88: transfer modes. */
static void put_transfer_modes(const struct ata_drive *d, uint8_t *s)
{
    unsigned selected = 1u << (d->xfer_mode & 7);

    put_word(s, 49, 1 << 11 | 1 << 9 | (d->bm ? 1 << 8 : 0)); /* IORDY, LBA, DMA */
    put_word(s, 50, 1 << 14);
    put_word(s, 51, 2 << 8); /* retired: PIO timing 2 */
    put_word(s, 52, 2 << 8);
    put_word(s, 53, 7);
    put_word(s, 64, 0x03); /* PIO 3 and 4 */
    for (unsigned word = 65; word <= 68; word++)
        put_word(s, word, 120); /* shortest cycle in ns */
    if (!d->bm)
        return;
    put_word(s, 63, 0x07 | (d->xfer_mode >> 3 == 0x20 >> 3 ? selected << 8 : 0));
    put_word(s, 88, 0x3f | (d->xfer_mode >> 3 == 0x40 >> 3 ? selected << 8 : 0));
}

/* 82 .. 84: supported; 85 .. 87: the same, now enabled. */
static void put_features(const struct ata_drive *d, uint8_t *s)
{
    /* 82, 85: NOP, READ and WRITE BUFFER, host protected area, power management */
    unsigned always = 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10 | 1 << 3;
    unsigned flush = 1 << 13 | 1 << 12, lba48 = 1 << 10; /* 83, 86 */
    /* 84, 87: FUA writes, SMART's self-test and error log */
    unsigned valid = 1 << 14, extra = 1 << 6 | 1 << 1 | 1 << 0, wwn = d->wwn ? 1 << 8 : 0;

    put_word(s, 82, always | 1 << 6 | 1 << 5 | 1 << 0);
    put_word(s, 83, valid | flush | lba48 | 1 << 9 | 1 << 8 | 1 << 3);
    put_word(s, 84, valid | extra | wwn);
    put_word(s, 85, always | d->look_ahead << 6 | d->write_cache << 5 | d->smart.enabled);
    put_word(s, 86, flush | lba48 | (d->aam != 0) << 9 |
                        (d->max.lock != ATA_MAX_INACTIVE) << 8 | (d->apm != 0) << 3);
    put_word(s, 87, valid | extra | wwn);
    put_word(s, 91, d->apm);
    put_word(s, 94, 0xfe << 8 | d->aam); /* recommended, current */
    for (unsigned i = 0; wwn && i < 4; i++)
        put_word(s, 108 + i, d->wwn >> (48 - 16 * i) & 0xffff);
}

/* Words of later standards, which say nothing where they are 0. */
static void put_medium(const struct ata_drive *d, uint8_t *s)
{
    if (d->physical_log2) {
        put_word(s, 106, 1 << 14 | 1 << 13 | d->physical_log2);
        put_word(s, 209, 1 << 14); /* sector 0 begins a physical block */
    }
    put_word(s, 217, d->rotation_rate);
    if (!d->trim)
        return;
    put_word(s, 105, ATA_TRIM_BLOCKS);
    put_word(s, 169, 1);
    /* 69 stays 0: what a discarded sector reads as is the image's business. */
}

void ata_put_checksum(uint8_t *s)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < BLOCK_SECTOR_BYTES - 1; i++)
        sum += s[i];
    s[BLOCK_SECTOR_BYTES - 1] = (uint8_t)-sum;
}

void ata_identify(const struct ata_drive *d, uint8_t *s)
{
    memset(s, 0, BLOCK_SECTOR_BYTES);
    put_word(s, 0, 1 << 6);  /* an ATA device, not removable */
    put_word(s, 2, 0xc837);  /* complete, needs no SET FEATURES to spin up */
    put_string(s, 10, 10, d->serial);
    put_word(s, 20, 3);      /* retired: dual-ported buffer with read cache */
    put_word(s, 21, ATA_BUFFER_SECTORS);
    put_word(s, 22, 4);
    put_string(s, 23, 4, d->version);
    put_string(s, 27, 20, d->model);
    put_word(s, 47, 0x80 << 8 | ATA_BUFFER_SECTORS);
    put_word(s, 48, 1);      /* retired: the data port takes double words */
    put_word(s, 59, d->multiple ? 1 << 8 | d->multiple : 0);
    put_word(s, 80, 0xf8);   /* ATA-3 .. ATA-7: FUA, physical blocks and TRIM are asked for by it */
    put_word(s, 81, 0x22);   /* written after ATA/ATAPI-6 as published, INCITS 361-2002 */
    put_geometry(d, s);
    put_transfer_modes(d, s);
    put_features(d, s);
    put_medium(d, s);
    /* 93: 80-conductor cable, jumpers; the low byte is device 0's, the high one device 1's. */
    put_word(s, 93, d->unit ? 0x6b00 : 0x600b);
    s[510] = 0xa5;           /* 255: signature and checksum (8.15) */
    ata_put_checksum(s);
}
