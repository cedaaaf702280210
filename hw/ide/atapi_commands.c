/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet commands, a row each. What has no row, writing in any form among it, ends with
 * 5/20/00. The short commands are here; the longer ones are in the atapi_*.c file of their kind.
 */
#include "hw/ide/atapi_internal.h"

/* ---- state of the drive ---- */

static void start_nothing(struct ata_drive *d, const uint8_t *p)
{
    (void)p;
    atapi_good(d);
}

/* With nothing to report, a pending unit attention is delivered as data (SPC-3, REQUEST SENSE). */
static void start_request_sense(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);

    if (!d->cd.key && d->cd.ua & ATAPI_UA_RESET) {
        d->cd.ua &= ~ATAPI_UA_RESET;
        atapi_set_sense(d, SENSE_RESET);
    } else if (!d->cd.key && d->cd.ua & ATAPI_UA_MEDIUM && !d->cd.gone_untold) {
        d->cd.ua &= ~ATAPI_UA_MEDIUM;
        atapi_set_sense(d, SENSE_CHANGED);
    }
    a[0] = 0x70 | (d->cd.info_valid ? 0x80 : 0);
    a[2] = d->cd.key;
    atapi_put32(a + 3, d->cd.info);
    a[7] = 18 - 8;
    a[12] = d->cd.asc;
    a[13] = d->cd.ascq;
    atapi_set_sense(d, 0);
    atapi_answer(d, 18, p[4]);
}

static void start_report_luns(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);

    a[3] = 8; /* one, number 0 */
    atapi_answer(d, 16, atapi_get32(p + 6));
}

/* ---- the medium ---- */

static void start_read_capacity(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);

    (void)p;
    atapi_put32(a, d->cd.blocks - 1);
    atapi_put32(a + 4, ATAPI_BLOCK_BYTES);
    atapi_answer(d, 8, 8);
}

/* The current descriptor alone: 2 formatted, 3 no medium (then the most that could be). */
static void start_read_format_capacities(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);

    a[3] = 8;
    atapi_put32(a + 4, d->cd.blocks ? d->cd.blocks : ATAPI_CD_BLOCKS_MAX);
    atapi_put32(a + 8, ATAPI_BLOCK_BYTES);
    a[8] = d->cd.blocks ? 2 : 3;
    atapi_answer(d, 12, atapi_get16(p + 7));
}

static void start_read10(struct ata_drive *d, const uint8_t *p)
{
    atapi_read_blocks(d, atapi_get32(p + 2), atapi_get16(p + 7), ATAPI_COOKED);
}

static void start_read12(struct ata_drive *d, const uint8_t *p)
{
    atapi_read_blocks(d, atapi_get32(p + 2), atapi_get32(p + 6), ATAPI_COOKED);
}

/* With BytChk the drive would compare with data of the host: not in MMC-5. */
static void start_verify(struct ata_drive *d, const uint8_t *p)
{
    if (p[1] & 0x02)
        atapi_fail(d, SENSE_BAD_FIELD);
    else
        atapi_verify_blocks(d, atapi_get32(p + 2), atapi_get16(p + 7));
}

static void start_seek(struct ata_drive *d, const uint8_t *p)
{
    uint32_t lba = atapi_get32(p + 2);

    if (lba >= d->cd.blocks)
        atapi_fail_at(d, SENSE_BAD_ADDRESS, lba);
    else
        atapi_good(d);
}

/* ---- audio: the only track is a data track ---- */

/* Playing nothing is no error (MMC-1, PLAY AUDIO); `length` is zero for nothing. */
static void play(struct ata_drive *d, uint32_t length)
{
    if (length)
        atapi_fail(d, SENSE_WRONG_TRACK);
    else
        atapi_good(d);
}

static void start_play10(struct ata_drive *d, const uint8_t *p)
{
    play(d, atapi_get16(p + 7));
}

static void start_play12(struct ata_drive *d, const uint8_t *p)
{
    play(d, atapi_get32(p + 6));
}

static void start_play_msf(struct ata_drive *d, const uint8_t *p)
{
    uint32_t from = atapi_get24(p + 3), to = atapi_get24(p + 6);

    if (from > to)
        atapi_fail(d, SENSE_BAD_FIELD);
    else
        play(d, to - from);
}

static void start_play_never(struct ata_drive *d, const uint8_t *p)
{
    (void)p;
    atapi_fail(d, SENSE_WRONG_TRACK);
}

/* Pause or resume of what does not play. */
static void start_pause_resume(struct ata_drive *d, const uint8_t *p)
{
    (void)p;
    atapi_fail(d, SENSE_SEQUENCE);
}

/* ---- the table ---- */

#define MED ATAPI_CMD_MEDIUM
#define UA ATAPI_CMD_UA

/* clang-format off */
static const struct atapi_command commands[] = {
    { 0x00, MED, start_nothing,                NULL, "TEST UNIT READY",              "MMC-5" },
    { 0x03, UA | ATAPI_CMD_SENSE, start_request_sense, NULL, "REQUEST SENSE",        "MMC-5" },
    { 0x12, UA,  atapi_inquiry,                NULL, "INQUIRY",                      "MMC-5" },
    { 0x15, 0,   atapi_mode_select6,  atapi_mode_selected6,  "MODE SELECT(6)",       "SPC-3" },
    { 0x1a, 0,   atapi_mode_sense6,            NULL, "MODE SENSE(6)",                "SPC-3" },
    { 0x1b, 0,   atapi_start_stop,             NULL, "START STOP UNIT",              "MMC-5" },
    { 0x1e, 0,   atapi_prevent_allow,          NULL, "PREVENT ALLOW MEDIUM REMOVAL", "MMC-5" },
    { 0x23, 0,   start_read_format_capacities, NULL, "READ FORMAT CAPACITIES",       "MMC-5" },
    { 0x25, MED, start_read_capacity,          NULL, "READ CAPACITY",                "MMC-5" },
    { 0x28, MED, start_read10,                 NULL, "READ(10)",                     "MMC-5" },
    { 0x2b, MED, start_seek,                   NULL, "SEEK(10)",                     "MMC-5" },
    { 0x2f, MED, start_verify,                 NULL, "VERIFY(10)",                   "MMC-5" },
    { 0x35, 0,   start_nothing,                NULL, "SYNCHRONIZE CACHE",            "MMC-5" },
    { 0x42, MED, atapi_read_subchannel,        NULL, "READ SUB-CHANNEL",             "MMC-1" },
    { 0x43, MED, atapi_read_toc,               NULL, "READ TOC/PMA/ATIP",            "MMC-5" },
    { 0x44, MED, atapi_read_header,            NULL, "READ HEADER",                  "MMC-1" },
    { 0x45, MED, start_play10,                 NULL, "PLAY AUDIO(10)",               "MMC-1" },
    { 0x46, UA,  atapi_get_configuration,      NULL, "GET CONFIGURATION",            "MMC-5" },
    { 0x47, MED, start_play_msf,               NULL, "PLAY AUDIO MSF",               "MMC-1" },
    { 0x48, MED, start_play_never,             NULL, "PLAY AUDIO TRACK INDEX",       "INF-8020" },
    { 0x4a, UA,  atapi_event_status,           NULL, "GET EVENT STATUS NOTIFICATION", "MMC-5" },
    { 0x4b, MED, start_pause_resume,           NULL, "PAUSE/RESUME",                 "MMC-1" },
    { 0x4e, MED, start_nothing,                NULL, "STOP PLAY/SCAN",               "MMC-1" },
    { 0x51, MED, atapi_read_disc_information,  NULL, "READ DISC INFORMATION",        "MMC-5" },
    { 0x52, MED, atapi_read_track_information, NULL, "READ TRACK INFORMATION",       "MMC-5" },
    { 0x55, 0,   atapi_mode_select10, atapi_mode_selected10, "MODE SELECT(10)",      "MMC-5" },
    { 0x5a, 0,   atapi_mode_sense10,           NULL, "MODE SENSE(10)",               "MMC-5" },
    { 0xa0, UA,  start_report_luns,            NULL, "REPORT LUNS",                  "SPC-3" },
    { 0xa3, 0,   atapi_send_key,               NULL, "SEND KEY",                     "MMC-5" },
    { 0xa4, 0,   atapi_report_key,             NULL, "REPORT KEY",                   "MMC-5" },
    { 0xa5, MED, start_play12,                 NULL, "PLAY AUDIO(12)",               "MMC-1" },
    { 0xa7, MED, start_nothing,                NULL, "SET READ AHEAD",               "MMC-5" },
    { 0xa8, MED, start_read12,                 NULL, "READ(12)",                     "MMC-5" },
    { 0xac, MED, atapi_get_performance,        NULL, "GET PERFORMANCE",              "MMC-5" },
    { 0xad, 0,   atapi_read_dvd_structure,     NULL, "READ DVD STRUCTURE",           "MMC-5" },
    { 0xb6, 0,   atapi_set_streaming, atapi_streaming_set,   "SET STREAMING",        "MMC-5" },
    { 0xb9, MED, atapi_read_cd_msf,            NULL, "READ CD MSF",                  "MMC-5" },
    { 0xba, MED, start_play_never,             NULL, "SCAN",                         "MMC-1" },
    { 0xbb, 0,   start_nothing,                NULL, "SET CD SPEED",                 "MMC-1" },
    { 0xbd, 0,   atapi_mechanism_status,       NULL, "MECHANISM STATUS",             "MMC-5" },
    { 0xbe, MED, atapi_read_cd,                NULL, "READ CD",                      "MMC-5" },
};
/* clang-format on */

const struct atapi_command *atapi_find_command(uint8_t opcode)
{
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].opcode == opcode)
            return &commands[i];
    }
    return NULL;
}

const char *atapi_command_name(uint8_t opcode)
{
    const struct atapi_command *cmd = atapi_find_command(opcode);

    return cmd ? cmd->name : NULL;
}
