/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a DVD-ROM without copy protection says: MMC-5, commands READ DVD STRUCTURE,
 * REPORT KEY, SEND KEY, GET PERFORMANCE, SET STREAMING.
 */
#include <string.h>

#include "hw/ide/atapi_internal.h"

#define DVD_FIRST_SECTOR 0x030000u /* physical number of block 0 */
#define STRUCTURE_BYTES (4 + 2048)
enum { SPEED_KB = 5540 };          /* 4 times 1385 kB/s */

enum { PHYSICAL = 0x00, COPYRIGHT = 0x01, BCA = 0x03, MANUFACTURER = 0x04, LIST = 0xff };

/* Each returns the whole length. */
static uint32_t put_physical(const struct ata_drive *d, uint8_t *a)
{
    uint8_t *s = a + 4;

    s[0] = 0x01; /* DVD-ROM, part version 1 */
    s[1] = 0x0f; /* 120 mm; no maximum rate given */
    s[2] = 0x01; /* one layer, parallel track path, embossed */
    s[3] = 0x00; /* 0.267 um per bit, 0.74 um per track */
    atapi_put24(s + 5, DVD_FIRST_SECTOR);
    atapi_put24(s + 9, DVD_FIRST_SECTOR + d->cd.blocks - 1);
    return STRUCTURE_BYTES;
}

static uint32_t put_list(uint8_t *a)
{
    static const struct { uint8_t format; uint16_t bytes; } formats[] = {
        { PHYSICAL, STRUCTURE_BYTES }, { COPYRIGHT, 8 }, { MANUFACTURER, STRUCTURE_BYTES },
        { LIST, 4 + 4 * 4 },
    };
    uint8_t *e = a + 4;

    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++, e += 4) {
        e[0] = formats[i].format;
        e[1] = 0x40; /* can be read, cannot be sent */
        atapi_put16(e + 2, formats[i].bytes);
    }
    return (uint32_t)(e - a);
}

/* The list says what the drive can tell; the rest wants a DVD, and its only layer. */
void atapi_read_dvd_structure(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d), format = p[7];
    uint32_t bytes = 0;

    if (p[1] & 0x0f) {
        atapi_fail(d, SENSE_BAD_FIELD); /* structures of other media */
        return;
    }
    if (format != LIST && atapi_profile(d) != ATAPI_PROFILE_DVD) {
        atapi_fail(d, d->cd.blocks ? SENSE_WRONG_MEDIUM : atapi_absence(d));
        return;
    }
    if (format == LIST)
        bytes = put_list(a);
    else if (format == PHYSICAL && p[6] == 0)
        bytes = put_physical(d, a);
    else if (format == COPYRIGHT && p[6] == 0)
        bytes = 8; /* no protection system, no region excluded */
    else if (format == MANUFACTURER && p[6] == 0)
        bytes = STRUCTURE_BYTES;
    if (!bytes) {
        atapi_fail(d, SENSE_BAD_FIELD); /* burst cutting area among them: there is none */
        return;
    }
    atapi_put16(a, bytes - 2);
    atapi_answer(d, bytes, atapi_get16(p + 8));
}

/* ---- keys: a drive without CSS knows its region, which is none, and forgets keys it never gave ---- */

enum { KEY_RPC_STATE = 0x08, KEY_INVALIDATE = 0x3f };

void atapi_report_key(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);
    unsigned format = p[10] & 0x3f, class = p[7];

    if (class != 0 || (format != KEY_RPC_STATE && format != KEY_INVALIDATE)) {
        atapi_fail(d, SENSE_BAD_FIELD);
        return;
    }
    if (format == KEY_INVALIDATE) {
        atapi_good(d);
        return;
    }
    atapi_put16(a, 8 - 2);
    a[4] = 4 << 3 | 5; /* region not set; 4 resets by the vendor and 5 changes are left */
    a[5] = 0xff;       /* no region */
    a[6] = 0x00;       /* scheme: none is enforced */
    atapi_answer(d, 8, atapi_get16(p + 8));
}

/* No key is taken; giving an authentication up is always possible. */
void atapi_send_key(struct ata_drive *d, const uint8_t *p)
{
    if (p[7] == 0 && (p[10] & 0x3f) == KEY_INVALIDATE)
        atapi_good(d);
    else
        atapi_fail(d, SENSE_BAD_FIELD);
}

/* ---- performance ---- */

/* Type 0, nominal: one descriptor, the same speed all over the disc. */
void atapi_get_performance(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d), *e = a + 8;
    uint32_t most = atapi_get16(p + 8), bytes = 8;

    if (p[10] != 0 || p[1] & 0x04) {
        atapi_fail(d, SENSE_BAD_FIELD); /* writing, defects */
        return;
    }
    if ((p[1] & 0x03) == 0 && most) {
        atapi_put32(e + 4, SPEED_KB);
        atapi_put32(e + 8, d->cd.blocks - 1);
        atapi_put32(e + 12, SPEED_KB);
        bytes += 16;
    }
    atapi_put32(a, bytes - 4);
    atapi_answer(d, bytes, bytes);
}

void atapi_set_streaming(struct ata_drive *d, const uint8_t *p)
{
    atapi_want_list(d, atapi_get16(p + 9));
}

/* A performance descriptor of 28 bytes; reading is as fast as the host, whatever it asks for. */
void atapi_streaming_set(struct ata_drive *d, const uint8_t *list, uint32_t bytes)
{
    if (bytes && bytes < 28)
        atapi_fail(d, SENSE_LIST_LENGTH);
    else if (bytes && atapi_get32(list + 4) > atapi_get32(list + 8))
        atapi_fail(d, SENSE_BAD_LIST);
    else
        atapi_good(d);
}
