/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * READ CD: the 2352 bytes that a CD has for each block of a data track. An image holds the 2048 bytes
 * of user data alone; the rest follows from them and from the address, so it is made here.
 * Source: MMC-5, commands READ CD and READ CD MSF; ECMA-130, clause 14 (sectors) and annex A
 * (error correction).
 *
 *   0 sync 12 | 12 header 4 (minute, second, frame in BCD; mode 1) | 16 data 2048 | 2064 EDC 4 |
 *   2068 zeros 8 | 2076 P parity 172 | 2248 Q parity 104
 */
#include <string.h>

#include "hw/ide/atapi_internal.h"

/* READ CD's byte 9. */
enum { WANT_SYNC = 0x80, WANT_SUBHEADER = 0x40, WANT_HEADER = 0x20, WANT_DATA = 0x10,
       WANT_EDC = 0x08 };
enum { AT_HEADER = 12, AT_DATA = 16, AT_EDC = 2064, AT_P = 2076, AT_Q = 2248 };

/* ---- what may be asked for ---- */

/*
 * The fields of a mode 1 sector in their order, without holes: data has no sync before it unless
 * the header is wanted too, and no EDC without data. The subheader is empty in mode 1.
 */
int atapi_frame_bytes(uint8_t framing)
{
    bool data = framing & WANT_DATA;
    bool rest = framing & (WANT_DATA | WANT_SUBHEADER);

    if (framing & WANT_EDC && !data)
        return -1;
    if (framing & WANT_SYNC && rest && !(framing & WANT_HEADER))
        return -1;
    return (framing & WANT_SYNC ? AT_HEADER : 0) + (framing & WANT_HEADER ? AT_DATA - AT_HEADER : 0) +
           (data ? ATAPI_BLOCK_BYTES : 0) + (framing & WANT_EDC ? ATAPI_RAW_BYTES - AT_EDC : 0);
}

/* ---- addresses ---- */

/* An address that has no minute below 256 (DVDs) is shown as the last one. */
void atapi_put_msf(uint8_t *to, uint32_t lba)
{
    uint64_t frame = (uint64_t)lba + 150;

    if (frame >= 256u * 60 * 75)
        frame = 256u * 60 * 75 - 1;
    to[0] = (uint8_t)(frame / (60 * 75));
    to[1] = (uint8_t)(frame / 75 % 60);
    to[2] = (uint8_t)(frame % 75);
}

static uint8_t bcd(uint8_t value)
{
    return (uint8_t)(value / 10 << 4 | value % 10);
}

/* ---- EDC: CRC with the polynomial (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), reflected ---- */

static uint32_t edc(const uint8_t *data, unsigned bytes)
{
    uint32_t crc = 0;

    for (unsigned i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xd8018001u : 0);
    }
    return crc;
}

/* ---- ECC: Reed-Solomon over GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1 ---- */

static uint8_t times_alpha(uint8_t v)
{
    return (uint8_t)(v << 1 ^ (v & 0x80 ? 0x1d : 0));
}

/*
 * Divides by alpha + 1 = alpha^25: multiplies by alpha^230, which is bit by bit a product with
 * the element f4h.
 */
static uint8_t over_alpha_plus_1(uint8_t v)
{
    uint8_t product = 0;

    for (uint8_t bit = 0x80; bit; bit >>= 1) {
        product = times_alpha(product);
        if (0xf4 & bit)
            product ^= v;
    }
    return product;
}

/* The two parity bytes p1, p0 that make sum(c) = 0 and sum(alpha^i c_i) = 0 with the n bytes before. */
static void parity(const uint8_t *words, unsigned start, unsigned step, unsigned wrap, unsigned n,
                   uint8_t *p1, uint8_t *p0)
{
    uint8_t sum = 0, weighted = 0;

    for (unsigned i = 0, at = start; i < n; i++, at = (at + step) % wrap) {
        sum ^= words[at];
        weighted = times_alpha(weighted) ^ words[at];
    }
    weighted = times_alpha(times_alpha(weighted)); /* behind them stand p1 and p0 */
    *p1 = over_alpha_plus_1(sum ^ weighted);
    *p0 = sum ^ *p1;
}

/*
 * Header, data, EDC and zeros are 43 rows of 26 words of 2 bytes with P; P runs down the columns,
 * Q along the diagonals, P included. The high and low bytes of the words are coded apart.
 */
static void put_ecc(uint8_t *sector)
{
    uint8_t *words = sector + AT_HEADER;

    for (unsigned i = 0; i < 86; i++)
        parity(words, i, 86, 86 * 24 + 86, 24, &sector[AT_P + i], &sector[AT_P + 86 + i]);
    for (unsigned i = 0; i < 52; i++)
        parity(words, i / 2 * 86 + i % 2, 88, 43 * 52, 43, &sector[AT_Q + i],
               &sector[AT_Q + 52 + i]);
}

static void make_sector(uint8_t *sector, uint32_t lba, const uint8_t *data)
{
    uint8_t msf[3];
    uint32_t crc;

    memset(sector, 0, ATAPI_RAW_BYTES);
    memset(sector + 1, 0xff, 10);
    atapi_put_msf(msf, lba);
    for (unsigned i = 0; i < 3; i++)
        sector[AT_HEADER + i] = bcd(msf[i]);
    sector[AT_HEADER + 3] = 1;
    memcpy(sector + AT_DATA, data, ATAPI_BLOCK_BYTES);
    crc = edc(sector, AT_EDC);
    for (unsigned i = 0; i < 4; i++)
        sector[AT_EDC + i] = (uint8_t)(crc >> 8 * i);
    put_ecc(sector);
}

uint32_t atapi_frame(uint8_t *to, uint8_t framing, uint32_t lba, const uint8_t *data)
{
    uint8_t sector[ATAPI_RAW_BYTES];
    uint32_t first, bytes = (uint32_t)atapi_frame_bytes(framing);

    if (framing == ATAPI_COOKED) {
        memcpy(to, data, ATAPI_BLOCK_BYTES);
        return ATAPI_BLOCK_BYTES;
    }
    make_sector(sector, lba, data);
    first = framing & WANT_SYNC ? 0 : framing & WANT_HEADER ? AT_HEADER : AT_DATA;
    memcpy(to, sector + first, bytes);
    return bytes;
}

/* ---- the commands ---- */

/* Byte 1: expected sector type; 9: framing; 10: sub-channels, which an image does not have. */
static void read_cd(struct ata_drive *d, const uint8_t *p, uint32_t lba, uint32_t count)
{
    unsigned type = p[1] >> 2 & 7;
    uint8_t framing = p[9] & 0xf8;

    if (type > 5 || p[9] & 0x07 || p[10] & 0x07 || atapi_frame_bytes(framing) < 0) {
        atapi_fail(d, SENSE_BAD_FIELD); /* C2 pointers among them */
        return;
    }
    if (type > 2 || type == 1) {
        atapi_fail(d, SENSE_WRONG_TRACK); /* CD-DA or mode 2 expected, it is mode 1 */
        return;
    }
    if (atapi_profile(d) == ATAPI_PROFILE_DVD && framing & ~ATAPI_COOKED) {
        atapi_fail(d, SENSE_WRONG_TRACK); /* DVD sectors have no such fields */
        return;
    }
    atapi_read_blocks(d, lba, count, framing);
}

void atapi_read_cd(struct ata_drive *d, const uint8_t *p)
{
    read_cd(d, p, atapi_get32(p + 2), atapi_get24(p + 6));
}

static int64_t msf_to_lba(const uint8_t *msf)
{
    return (int64_t)(msf[0] * 60 + msf[1]) * 75 + msf[2] - 150;
}

void atapi_read_cd_msf(struct ata_drive *d, const uint8_t *p)
{
    int64_t from = msf_to_lba(p + 3), to = msf_to_lba(p + 6);

    if (p[4] > 59 || p[5] > 74 || p[7] > 59 || p[8] > 74 || from > to)
        atapi_fail(d, SENSE_BAD_FIELD);
    else if (from < 0)
        atapi_fail(d, SENSE_BAD_ADDRESS); /* the pause before the track cannot be read */
    else
        read_cd(d, p, (uint32_t)from, (uint32_t)(to - from));
}
