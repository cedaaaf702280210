/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a disc with one session and one data track says of itself: MMC-5, commands READ DISC
 * INFORMATION, READ TOC/PMA/ATIP, READ TRACK INFORMATION; MMC-1, READ SUB-CHANNEL and READ HEADER.
 */
#include <string.h>

#include "hw/ide/atapi_internal.h"

#define TRACK 1
#define LEAD_OUT 0xaa
#define ADR_CONTROL 0x14 /* position in the Q channel; data track, not incremental */

/* Four bytes: a block number, or minute, second, frame. */
static void put_address(uint8_t *to, uint32_t lba, bool msf)
{
    if (msf) {
        to[0] = 0;
        atapi_put_msf(to + 1, lba);
    } else {
        atapi_put32(to, lba);
    }
}

/* ---- READ TOC ---- */

static uint8_t *put_track(uint8_t *to, uint8_t track, uint32_t lba, bool msf)
{
    to[1] = ADR_CONTROL;
    to[2] = track;
    put_address(to + 4, lba, msf);
    return to + 8;
}

/* Format 0: tracks from byte 6 on, and the lead-out. NULL: no such track. */
static uint8_t *put_tracks(const struct ata_drive *d, uint8_t *a, unsigned first, bool msf)
{
    uint8_t *end = a + 4;

    if (first > TRACK && first != LEAD_OUT)
        return NULL;
    a[2] = TRACK;
    a[3] = TRACK;
    if (first <= TRACK)
        end = put_track(end, TRACK, 0, msf);
    return put_track(end, LEAD_OUT, d->cd.blocks, msf);
}

/* Format 1: the first track of the last session. */
static uint8_t *put_sessions(uint8_t *a, bool msf)
{
    a[2] = 1;
    a[3] = 1;
    return put_track(a + 4, TRACK, 0, msf);
}

/* Format 2: the lead-in's entries, always in minutes. A0, A1: first and last track; A2: lead-out. */
static uint8_t *put_full_toc(const struct ata_drive *d, uint8_t *a, unsigned session)
{
    static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, TRACK };
    uint8_t *e = a + 4;

    if (session > 1)
        return NULL;
    a[2] = 1;
    a[3] = 1;
    for (unsigned i = 0; i < sizeof(points); i++, e += 11) {
        e[0] = 1; /* session */
        e[1] = ADR_CONTROL;
        e[3] = points[i];
        if (points[i] == 0xa0 || points[i] == 0xa1)
            e[8] = TRACK; /* and disc type 00: CD-ROM */
        else
            atapi_put_msf(e + 8, points[i] == 0xa2 ? d->cd.blocks : 0);
    }
    return e;
}

/* Byte 2 is MMC's format, the top of byte 9 is INF-8020's, which DOS drivers use. Power calibration,
 * ATIP and CD-TEXT (3, 4, 5) are on discs that can be, or were, recorded. */
void atapi_read_toc(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d), *end = NULL;
    unsigned format = p[2] & 0x0f;
    bool msf = p[1] & 0x02;

    if (!format)
        format = p[9] >> 6;
    if (format == 0)
        end = put_tracks(d, a, p[6], msf);
    else if (format == 1)
        end = put_sessions(a, msf);
    else if (format == 2)
        end = put_full_toc(d, a, p[6]);
    if (!end) {
        atapi_fail(d, SENSE_BAD_FIELD);
        return;
    }
    atapi_put16(a, (uint32_t)(end - a) - 2);
    atapi_answer(d, (uint32_t)(end - a), atapi_get16(p + 7));
}

/* ---- READ SUB-CHANNEL: nothing plays, so there is no position but the beginning ---- */

void atapi_read_subchannel(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);
    uint32_t bytes = 4;
    bool q = p[2] & 0x40;

    a[1] = 0x15; /* no audio status to return */
    if (q && (p[3] < 1 || p[3] > 3)) {
        atapi_fail(d, SENSE_BAD_FIELD);
        return;
    }
    if (q) {
        a[4] = p[3];
        bytes = p[3] == 1 ? 16 : 24; /* 2, 3: there is no catalogue number, no ISRC */
        a[5] = p[3] == 2 ? 0 : ADR_CONTROL;
        if (p[3] != 2)
            a[6] = TRACK;
        if (p[3] == 1) {
            a[7] = 1; /* index */
            put_address(a + 8, 0, p[1] & 0x02);
        }
    }
    atapi_put16(a + 2, bytes - 4);
    atapi_answer(d, bytes, atapi_get16(p + 7));
}

void atapi_read_header(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);
    uint32_t lba = atapi_get32(p + 2);

    if (lba >= d->cd.blocks) {
        atapi_fail_at(d, SENSE_BAD_ADDRESS, lba);
        return;
    }
    a[0] = 1; /* mode 1 */
    put_address(a + 4, lba, p[1] & 0x02);
    atapi_answer(d, 8, atapi_get16(p + 7));
}

/* ---- disc and track information ---- */

void atapi_read_disc_information(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);

    if (p[1] & 0x07) {
        atapi_fail(d, SENSE_BAD_FIELD); /* resources of recorders */
        return;
    }
    atapi_put16(a, 34 - 2);
    a[2] = 0x0e;              /* last session complete, disc finalized */
    a[3] = TRACK;
    a[4] = 1;                 /* sessions */
    a[5] = TRACK;             /* first and last track of the last session */
    a[6] = TRACK;
    a[7] = 0x20;              /* may be used without restriction */
    memset(a + 16, 0xff, 8);  /* no place for another session */
    atapi_answer(d, 34, atapi_get16(p + 7));
}

void atapi_read_track_information(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);
    uint32_t where = atapi_get32(p + 2);
    unsigned kind = p[1] & 0x03; /* 0: a block's track, 1: a track, 2: a session's first track */

    if (kind == 0 && where >= d->cd.blocks) {
        atapi_fail_at(d, SENSE_BAD_ADDRESS, where);
        return;
    }
    if (kind == 3 || (kind != 0 && where != 1)) {
        atapi_fail(d, SENSE_BAD_FIELD);
        return;
    }
    atapi_put16(a, 36 - 2);
    a[2] = TRACK;
    a[3] = 1;
    a[5] = ADR_CONTROL & 0x0f;
    a[6] = 1; /* mode 1 */
    atapi_put32(a + 24, d->cd.blocks);
    atapi_answer(d, 36, atapi_get16(p + 7));
}
