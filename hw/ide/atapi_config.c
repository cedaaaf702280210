/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET CONFIGURATION: MMC-5, the command and clause 5 (features, profiles). A feature is current when the
 * medium in the drive makes it usable.
 */
#include <string.h>

#include "hw/ide/atapi_internal.h"

enum { WITH_NONE = 1, WITH_CD = 2, WITH_DVD = 4, WITH_DISC = WITH_CD | WITH_DVD,
       ALWAYS = WITH_NONE | WITH_DISC };

struct feature {
    uint16_t code;
    uint8_t version, current; /* current with these media */
    bool persistent;
    uint8_t bytes;
    uint8_t data[12];
};

/* In ascending order, as they are sent. */
static const struct feature features[] = {
    /* profile list: DVD-ROM, CD-ROM; "current" is filled in */
    { 0x0000, 0, ALWAYS, true, 8, { 0, ATAPI_PROFILE_DVD, 0, 0, 0, ATAPI_PROFILE_CD, 0, 0 } },
    /* core: ATAPI; answers INQUIRY as SPC-3 says, reports block events */
    { 0x0001, 2, ALWAYS, true, 8, { 0, 0, 0, 2, 0x01, 0, 0, 0 } },
    /* morphing: polled events of operational changes */
    { 0x0002, 1, ALWAYS, true, 4, { 0x02, 0, 0, 0 } },
    /* removable medium: a tray, ejects, locks */
    { 0x0003, 0, ALWAYS, true, 4, { 1 << 5 | 1 << 3 | 1, 0, 0, 0 } },
    /* random readable: blocks of 2048, one at a time; has the read error recovery page */
    { 0x0010, 0, WITH_DISC, false, 8, { 0, 0, 0x08, 0, 0, 1, 1, 0 } },
    { 0x001d, 0, WITH_CD, false, 0, { 0 } },              /* multi-read */
    { 0x001e, 2, WITH_CD, false, 4, { 0, 0, 0, 0 } },     /* CD read: no C2, no CD-TEXT */
    { 0x001f, 0, WITH_DVD, false, 0, { 0 } },             /* DVD read */
    { 0x0100, 0, ALWAYS, true, 0, { 0 } },                /* power management */
    { 0x0105, 0, ALWAYS, true, 0, { 0 } },                /* timeouts */
    { 0x0107, 0, WITH_DISC, false, 4, { 0, 0, 0, 0 } },   /* real-time streaming, GET PERFORMANCE */
};

static unsigned medium_bit(const struct ata_drive *d)
{
    switch (atapi_profile(d)) {
    case ATAPI_PROFILE_CD:
        return WITH_CD;
    case ATAPI_PROFILE_DVD:
        return WITH_DVD;
    default:
        return WITH_NONE;
    }
}

static uint8_t *put_feature(const struct ata_drive *d, uint8_t *to, const struct feature *f)
{
    bool current = f->current & medium_bit(d);

    atapi_put16(to, f->code);
    to[2] = (uint8_t)(f->version << 2 | f->persistent << 1 | current);
    to[3] = f->bytes;
    memcpy(to + 4, f->data, f->bytes);
    if (f->code == 0) {
        to[4 + 2] = atapi_profile(d) == ATAPI_PROFILE_DVD;
        to[8 + 2] = atapi_profile(d) == ATAPI_PROFILE_CD;
    }
    return to + 4 + f->bytes;
}

/* Byte 1: 0 all from the given number on, 1 the current ones of them, 2 that one. */
void atapi_get_configuration(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d), *end = a + 8;
    unsigned which = p[1] & 0x03, first = atapi_get16(p + 2);

    if (which == 3) {
        atapi_fail(d, SENSE_BAD_FIELD);
        return;
    }
    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        const struct feature *f = &features[i];

        if (f->code < first || (which == 2 && f->code != first) ||
            (which == 1 && !(f->current & medium_bit(d))))
            continue;
        end = put_feature(d, end, f);
    }
    atapi_put32(a, (uint32_t)(end - a) - 4);
    atapi_put16(a + 6, atapi_profile(d));
    atapi_answer(d, (uint32_t)(end - a), atapi_get16(p + 7));
}
