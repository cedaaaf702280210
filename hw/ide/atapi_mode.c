/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MODE SENSE and MODE SELECT: SPC-3, the pages in MMC-5 clause 7 (0Dh, 0Eh: MMC-1, which
 * old drivers follow). The pages that can be changed are kept as bytes, one after the other, as they
 * are sent; page 2Ah is made from the drive's state. Saved pages there are none.
 */
#include <string.h>

#include "hw/ide/atapi_internal.h"

enum { PAGE_CAPABILITIES = 0x2a, PAGE_ALL = 0x3f };
enum { VALUES_CURRENT, VALUES_CHANGEABLE, VALUES_DEFAULT, VALUES_SAVED };
enum { SPEED_KB = 8467, CAPABILITIES_BYTES = 22 }; /* 48 times 176.4 kB/s */

/* Code, length - 2, then: */
static const uint8_t defaults[ATAPI_MODE_BYTES] = {
    0x01, 0x0a, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0,                     /* error recovery: 5 retries */
    0x0d, 0x06, 0, 0x0d, 0, 60, 0, 75,                            /* CD: inactivity, S per M, F per S */
    0x0e, 0x0e, 4, 0, 0, 0, 0, 75, 1, 0xff, 2, 0xff, 0, 0, 0, 0,  /* audio: two ports, loud */
    0x1a, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                     /* power condition timers: off */
    0x1d, 0x0a, 0, 0, 0, 0, 0, 6, 0, 60, 0, 0,                    /* timeouts of command groups in s */
};
/* The bits that MODE SELECT may change. */
static const uint8_t changeable[ATAPI_MODE_BYTES] = {
    0x01, 0x0a, 0x37, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,
    0x0d, 0x06, 0, 0x0f, 0, 0, 0, 0,
    0x0e, 0x0e, 0x02, 0, 0, 0, 0, 0, 0x0f, 0xff, 0x0f, 0xff, 0, 0, 0, 0,
    0x1a, 0x0a, 0, 0x03, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x1d, 0x0a, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0,
};

static unsigned page_bytes(unsigned at)
{
    return defaults[at + 1] + 2u;
}

/* Where a page with this code is kept, or -1. */
static int find_page(unsigned code)
{
    for (unsigned at = 0; at < ATAPI_MODE_BYTES; at += page_bytes(at)) {
        if (defaults[at] == code)
            return (int)at;
    }
    return -1;
}

void atapi_mode_defaults(struct ata_drive *d)
{
    memcpy(d->cd.mode, defaults, sizeof(defaults));
}

/* Code and length are marked in changeable[] with the same value, so they are never masked out. */
static bool is_head(unsigned i)
{
    for (unsigned at = 0; at < ATAPI_MODE_BYTES; at += page_bytes(at)) {
        if (i == at || i == at + 1)
            return true;
    }
    return false;
}

/* Bytes that would change what must not be changed? */
static bool differs(unsigned i, uint8_t value)
{
    uint8_t fixed = is_head(i) ? 0xff : (uint8_t)~changeable[i];

    return (value ^ defaults[i]) & fixed;
}

const char *atapi_mode_check(const struct ata_drive *d)
{
    for (unsigned i = 0; i < ATAPI_MODE_BYTES; i++) {
        if (differs(i, d->cd.mode[i]))
            return "mode page";
    }
    return NULL;
}

/* ---- MODE SENSE ---- */

static unsigned put_capabilities(const struct ata_drive *d, uint8_t *a, unsigned values)
{
    bool locked = d->cd.locked || d->cd.locked_persistent;

    memset(a, 0, CAPABILITIES_BYTES);
    a[0] = PAGE_CAPABILITIES;
    a[1] = CAPABILITIES_BYTES - 2;
    if (values == VALUES_CHANGEABLE)
        return CAPABILITIES_BYTES;
    a[2] = 0x0b; /* reads CD-R, CD-RW, DVD-ROM; writes nothing */
    a[4] = 0x70; /* mode 2 form 1 and 2, multisession */
    a[6] = (uint8_t)(1 << 5 | 1 << 3 | 1); /* a tray, can eject, can lock */
    if (locked && values == VALUES_CURRENT)
        a[6] |= 1 << 1;
    atapi_put16(a + 8, SPEED_KB);
    atapi_put16(a + 12, ATA_BUFFER_BYTES / 1024);
    atapi_put16(a + 14, SPEED_KB);
    return CAPABILITIES_BYTES;
}

/* Appends the page, or all of them; 0 if there is none with this code. */
static unsigned put_pages(const struct ata_drive *d, uint8_t *a, unsigned code, unsigned values)
{
    const uint8_t *from = values == VALUES_CHANGEABLE ? changeable
                          : values == VALUES_DEFAULT  ? defaults
                                                      : d->cd.mode;
    unsigned bytes = 0;
    int at = find_page(code);

    if (code == PAGE_ALL) {
        memcpy(a, from, ATAPI_MODE_BYTES);
        bytes = ATAPI_MODE_BYTES;
    } else if (at >= 0) {
        bytes = page_bytes((unsigned)at);
        memcpy(a, from + at, bytes);
    }
    if (code == PAGE_ALL || code == PAGE_CAPABILITIES)
        bytes += put_capabilities(d, a + bytes, values);
    return bytes;
}

/* INF-8020's medium type codes, by which DOS drivers tell a closed, empty drive from an open one. */
static uint8_t medium_type(const struct ata_drive *d)
{
    return d->cd.tray_open ? 0x71 : d->cd.blocks ? 0x01 : 0x70;
}

static void mode_sense(struct ata_drive *d, const uint8_t *p, unsigned header, uint32_t allocation)
{
    uint8_t *a = atapi_blank(d);
    unsigned values = p[2] >> 6, bytes;

    if (values == VALUES_SAVED) {
        atapi_fail(d, SENSE_NOT_SAVED);
        return;
    }
    bytes = p[3] ? 0 : put_pages(d, a + header, p[2] & 0x3f, values); /* no subpages */
    if (!bytes) {
        atapi_fail(d, SENSE_BAD_FIELD);
        return;
    }
    bytes += header;
    if (header == 8) {
        atapi_put16(a, bytes - 2);
        a[2] = medium_type(d);
    } else {
        a[0] = (uint8_t)(bytes - 1);
        a[1] = medium_type(d);
    }
    atapi_answer(d, bytes, allocation);
}

void atapi_mode_sense6(struct ata_drive *d, const uint8_t *p)
{
    mode_sense(d, p, 4, p[4]);
}

void atapi_mode_sense10(struct ata_drive *d, const uint8_t *p)
{
    mode_sense(d, p, 8, atapi_get16(p + 7));
}

/* ---- MODE SELECT ---- */

static void mode_select(struct ata_drive *d, const uint8_t *p, uint32_t bytes)
{
    if (p[1] & 1) /* save pages */
        atapi_fail(d, SENSE_BAD_FIELD);
    else
        atapi_want_list(d, bytes);
}

void atapi_mode_select6(struct ata_drive *d, const uint8_t *p)
{
    mode_select(d, p, p[4]);
}

void atapi_mode_select10(struct ata_drive *d, const uint8_t *p)
{
    mode_select(d, p, atapi_get16(p + 7));
}

/* Takes one page of the list over into `mode`; returns its length, or 0 with *sense. */
static uint32_t take_page(uint8_t *mode, const uint8_t *page, uint32_t rest, enum atapi_sense *sense)
{
    uint32_t bytes = rest < 2 ? UINT32_MAX : page[1] + 2u;
    int at;

    *sense = SENSE_LIST_LENGTH;
    if (bytes > rest)
        return 0;
    *sense = SENSE_BAD_LIST;
    at = find_page(page[0] & 0x7f); /* PS is reserved in a list; subpages there are none */
    if (at < 0 || bytes != page_bytes((unsigned)at))
        return 0;
    for (uint32_t i = 1; i < bytes; i++) {
        if (differs((unsigned)at + i, page[i]))
            return 0;
        mode[(uint32_t)at + i] = page[i];
    }
    return bytes;
}

/* All pages are good, or none is taken over. */
static void mode_selected(struct ata_drive *d, const uint8_t *list, uint32_t bytes, unsigned header)
{
    uint8_t mode[ATAPI_MODE_BYTES];
    enum atapi_sense sense = SENSE_LIST_LENGTH;

    memcpy(mode, d->cd.mode, sizeof(mode));
    if (bytes && bytes < header) {
        atapi_fail(d, SENSE_LIST_LENGTH);
        return;
    }
    if (bytes && (header == 8 ? atapi_get16(list + 6) : list[3])) {
        atapi_fail(d, SENSE_BAD_LIST); /* there are no block descriptors */
        return;
    }
    for (uint32_t at = header, n; at < bytes; at += n) {
        n = take_page(mode, list + at, bytes - at, &sense);
        if (!n) {
            atapi_fail(d, sense);
            return;
        }
    }
    memcpy(d->cd.mode, mode, sizeof(mode));
    atapi_good(d);
}

void atapi_mode_selected6(struct ata_drive *d, const uint8_t *list, uint32_t bytes)
{
    mode_selected(d, list, bytes, 4);
}

void atapi_mode_selected10(struct ata_drive *d, const uint8_t *list, uint32_t bytes)
{
    mode_selected(d, list, bytes, 8);
}
