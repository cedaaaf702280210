/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who the drive is: INQUIRY (SPC-3) and IDENTIFY PACKET DEVICE (ATA/ATAPI-6 8.16). */
#include <stdio.h>
#include <string.h>

#include "hw/ide/atapi_internal.h"

#define CD_DEVICE 0x05 /* peripheral device type */

/* The model's first word is the vendor, if it is short enough and more follows. */
void atapi_init_strings(struct ata_drive *d)
{
    const char *space = strchr(d->model, ' ');
    size_t vendor = space ? (size_t)(space - d->model) : 0;

    if (vendor && vendor < sizeof(d->cd.vendor) && space[1]) {
        memcpy(d->cd.vendor, d->model, vendor);
        snprintf(d->cd.product, sizeof(d->cd.product), "%.16s", space + 1);
    } else {
        snprintf(d->cd.vendor, sizeof(d->cd.vendor), "KVM-DM");
        snprintf(d->cd.product, sizeof(d->cd.product), "%.16s", d->model);
    }
    snprintf(d->cd.revision, sizeof(d->cd.revision), "%.4s", d->version);
}

static uint8_t *put_text(uint8_t *to, const char *text, size_t bytes)
{
    size_t len = strlen(text);

    memset(to, ' ', bytes);
    memcpy(to, text, len < bytes ? len : bytes);
    return to + bytes;
}

/* ---- INQUIRY ---- */

static uint32_t put_standard(const struct ata_drive *d, uint8_t *a)
{
    a[0] = CD_DEVICE;
    a[1] = 0x80; /* removable */
    a[2] = 0;    /* ATAPI: no version of the SCSI standard (MMC-5) */
    a[3] = 0x21; /* ATAPI response format 2, data format 1 */
    a[4] = 36 - 5;
    put_text(a + 8, d->cd.vendor, 8);
    put_text(a + 16, d->cd.product, 16);
    put_text(a + 32, d->cd.revision, 4);
    return 36;
}

/* Page 83h: vendor, product and serial number in ASCII, which names the drive in the world. */
static uint8_t *put_identification(const struct ata_drive *d, uint8_t *to)
{
    to[0] = 0x02; /* ASCII */
    to[1] = 0x01; /* of the logical unit; T10 vendor identification */
    to[3] = 8 + 16 + 20;
    to = put_text(to + 4, d->cd.vendor, 8);
    to = put_text(to, d->cd.product, 16);
    return put_text(to, d->serial, 20);
}

/* Length, or 0: no such page. */
static uint32_t put_page(const struct ata_drive *d, uint8_t *a, uint8_t page)
{
    uint8_t *end = a + 4;

    a[0] = CD_DEVICE;
    a[1] = page;
    switch (page) {
    case 0x00:
        *end++ = 0x00;
        *end++ = 0x80;
        *end++ = 0x83;
        break;
    case 0x80:
        end = put_text(end, d->serial, 20);
        break;
    case 0x83:
        end = put_identification(d, end);
        break;
    default:
        return 0;
    }
    atapi_put16(a + 2, (uint32_t)(end - a) - 4);
    return (uint32_t)(end - a);
}

void atapi_inquiry(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);
    uint32_t bytes = 0;

    if (p[1] & 1)
        bytes = put_page(d, a, p[2]);
    else if (!p[2])
        bytes = put_standard(d, a);
    if (bytes)
        atapi_answer(d, bytes, atapi_get16(p + 3));
    else
        atapi_fail(d, SENSE_BAD_FIELD);
}

/* ---- IDENTIFY PACKET DEVICE ---- */

static void put_word(uint8_t *sector, unsigned word, uint32_t value)
{
    sector[word * 2] = (uint8_t)value;
    sector[word * 2 + 1] = (uint8_t)(value >> 8);
}

/* The first character of each pair is the high byte. */
static void put_string(uint8_t *sector, unsigned word, unsigned words, const char *text)
{
    size_t len = strlen(text);

    for (unsigned i = 0; i < words * 2; i++)
        sector[word * 2 + (i ^ 1)] = i < len ? (uint8_t)text[i] : ' ';
}

static void put_transfer_modes(const struct ata_drive *d, uint8_t *s)
{
    unsigned selected = 1u << (d->xfer_mode & 7);

    put_word(s, 49, 1 << 11 | 1 << 9 | (d->bm ? 1 << 8 : 0)); /* IORDY, LBA (always), DMA */
    put_word(s, 51, 2 << 8);
    put_word(s, 53, 6);    /* 64 .. 70 and 88 are valid */
    put_word(s, 64, 0x03); /* PIO 3 and 4 */
    for (unsigned word = 65; word <= 68; word++)
        put_word(s, word, 120); /* shortest cycle in ns */
    if (!d->bm)
        return;
    put_word(s, 63, 0x07 | (d->xfer_mode >> 3 == 0x20 >> 3 ? selected << 8 : 0));
    put_word(s, 88, 0x3f | (d->xfer_mode >> 3 == 0x40 >> 3 ? selected << 8 : 0));
}

void atapi_identify(const struct ata_drive *d, uint8_t *s)
{
    const unsigned nop = 1 << 14, reset = 1 << 9, packet = 1 << 4, power = 1 << 3;
    uint8_t sum = 0;

    memset(s, 0, BLOCK_SECTOR_BYTES);
    /* ATAPI, CD-ROM, removable, DRQ within 50 us of PACKET and without interrupt, 12 bytes */
    put_word(s, 0, 2 << 14 | CD_DEVICE << 8 | 1 << 7 | 2 << 5);
    put_string(s, 10, 10, d->serial);
    put_word(s, 20, 3);
    put_word(s, 21, ATA_BUFFER_SECTORS);
    put_string(s, 23, 4, d->version);
    put_string(s, 27, 20, d->model);
    put_word(s, 48, 1);    /* the data port takes double words */
    put_transfer_modes(d, s);
    put_word(s, 80, 0x78); /* ATA-3 .. ATA-6 */
    put_word(s, 82, nop | reset | packet | power);
    put_word(s, 83, 1 << 14 | 1 << 12); /* FLUSH CACHE */
    put_word(s, 84, 1 << 14);
    put_word(s, 85, nop | reset | packet | power);
    put_word(s, 86, 1 << 12);
    put_word(s, 87, 1 << 14);
    put_word(s, 93, d->unit ? 0x6b00 : 0x600b);
    s[510] = 0xa5;
    for (unsigned i = 0; i < 511; i++)
        sum += s[i];
    s[511] = (uint8_t)-sum;
}
