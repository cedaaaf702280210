/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the atapi_*.c files; nobody else. */
#ifndef HW_IDE_ATAPI_INTERNAL_H
#define HW_IDE_ATAPI_INTERNAL_H

#include "hw/ide/ata_internal.h"

enum {
    ATAPI_CMD_MEDIUM = 0x01, /* wants a medium: NOT READY without one */
    ATAPI_CMD_UA = 0x02,     /* may pass a pending unit attention */
    ATAPI_CMD_SENSE = 0x04,  /* leaves the sense data of the command before alone */
};

struct atapi_command {
    uint8_t opcode, flags;
    /* Begins: answers, fails, ends, or begins to move data. `p`: the 12 bytes. */
    void (*start)(struct ata_drive *d, const uint8_t *p);
    /* For a command with a parameter list: it has come. */
    void (*finish)(struct ata_drive *d, const uint8_t *list, uint32_t bytes);
    const char *name, *standard; /* whose clause of that name says what it does */
};

const struct atapi_command *atapi_find_command(uint8_t opcode);

/* Sense key, additional code and qualifier as one number: 0x52400 is 5/24/00. */
#define ATAPI_SENSE(key, asc, ascq) ((uint32_t)(key) << 16 | (asc) << 8 | (ascq))
enum atapi_sense {
    SENSE_TRAY_CLOSED = ATAPI_SENSE(0x2, 0x3a, 0x01),
    SENSE_TRAY_OPEN = ATAPI_SENSE(0x2, 0x3a, 0x02),
    SENSE_WRONG_MEDIUM = ATAPI_SENSE(0x5, 0x30, 0x02), /* incompatible format */
    SENSE_READ_ERROR = ATAPI_SENSE(0x3, 0x11, 0x00),
    SENSE_NO_RESOURCES = ATAPI_SENSE(0x4, 0x44, 0x00), /* internal target failure */
    SENSE_LIST_LENGTH = ATAPI_SENSE(0x5, 0x1a, 0x00),
    SENSE_BAD_OPCODE = ATAPI_SENSE(0x5, 0x20, 0x00),
    SENSE_BAD_ADDRESS = ATAPI_SENSE(0x5, 0x21, 0x00),
    SENSE_BAD_FIELD = ATAPI_SENSE(0x5, 0x24, 0x00),
    SENSE_BAD_LIST = ATAPI_SENSE(0x5, 0x26, 0x00),
    SENSE_SEQUENCE = ATAPI_SENSE(0x5, 0x2c, 0x00),
    SENSE_NOT_SAVED = ATAPI_SENSE(0x5, 0x39, 0x00),
    SENSE_LOCKED = ATAPI_SENSE(0x5, 0x53, 0x02),
    SENSE_WRONG_TRACK = ATAPI_SENSE(0x5, 0x64, 0x00), /* illegal mode for this track */
    SENSE_CHANGED = ATAPI_SENSE(0x6, 0x28, 0x00),
    SENSE_RESET = ATAPI_SENSE(0x6, 0x29, 0x00),
    SENSE_BUS = ATAPI_SENSE(0xb, 0x4b, 0x00), /* data phase error */
};

/* Ends of a packet command. */
void atapi_good(struct ata_drive *d);
void atapi_fail(struct ata_drive *d, enum atapi_sense sense);
void atapi_fail_at(struct ata_drive *d, enum atapi_sense sense, uint32_t lba);
void atapi_set_sense(struct ata_drive *d, uint32_t sense);

/* The first ATAPI_ANSWER_MAX bytes of the buffer, zeroed: room for an answer. */
#define ATAPI_ANSWER_MAX 4096
uint8_t *atapi_blank(struct ata_drive *d);
/* Sends the smaller of the two; ends well at once if that is nothing. */
void atapi_answer(struct ata_drive *d, uint32_t bytes, uint32_t allocation);
/* Asks for a parameter list, at most 65535 bytes; the command's finish() gets it, with 0 bytes too. */
void atapi_want_list(struct ata_drive *d, uint32_t bytes);
/* Reads blocks, with `framing` as READ CD's byte 9 says; checks the range before anything moves. */
void atapi_read_blocks(struct ata_drive *d, uint32_t lba, uint32_t count, uint8_t framing);
void atapi_verify_blocks(struct ata_drive *d, uint32_t lba, uint32_t count);

/* Interrupt reason (count register, 8.23). */
enum { ATAPI_REASON_COMMAND = 0x01, ATAPI_REASON_TO_HOST = 0x02, ATAPI_REASON_STATUS = 0x03 };

/* Data phases, between atapi.c and atapi_read.c: the buffer's chunk_bytes are to be moved now; what
 * the byte count limit means for so many bytes (false: nothing may move, the command is over). */
void atapi_begin_data(struct ata_drive *d);
bool atapi_take_limit(struct ata_drive *d, uint64_t total);
/* Places in guest memory; false: the bus master has ended, or the command has failed. */
bool atapi_gather(struct ata_drive *d, size_t want, size_t unit);

/* ---- atapi_read.c ---- */
uint32_t atapi_block_bytes(const struct ata_drive *d); /* per block of the command; 0: moves none */
static inline bool atapi_reads_medium(const struct ata_drive *d)
{
    return d->cd.data == ATAPI_BLOCKS || d->cd.data == ATAPI_VERIFY;
}
/* Reads the next chunk into the buffer; may_try: without waiting, if the host has it at hand. */
void atapi_fill_chunk(struct ata_drive *d, bool may_try);
/* DMA_WAIT: one step of a transfer that needs no buffer. */
void atapi_direct_step(struct ata_drive *d, bool may_try);

/* ---- big-endian numbers, as in packets ---- */
static inline uint32_t atapi_get16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static inline uint32_t atapi_get24(const uint8_t *p) { return (uint32_t)p[0] << 16 | atapi_get16(p + 1); }
static inline uint32_t atapi_get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | atapi_get24(p + 1); }
static inline void atapi_put16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static inline void atapi_put24(uint8_t *p, uint32_t v) { p[0] = (uint8_t)(v >> 16); atapi_put16(p + 1, v); }
static inline void atapi_put32(uint8_t *p, uint32_t v) { p[0] = (uint8_t)(v >> 24); atapi_put24(p + 1, v); }

/* ---- atapi_medium.c: tray, medium, events ---- */
enum atapi_profile { ATAPI_PROFILE_NONE = 0, ATAPI_PROFILE_CD = 0x08, ATAPI_PROFILE_DVD = 0x10 };
enum atapi_profile atapi_profile(const struct ata_drive *d);
enum atapi_sense atapi_absence(const struct ata_drive *d); /* which NOT READY it is */
void atapi_attach(struct ata_drive *d);
void atapi_start_stop(struct ata_drive *d, const uint8_t *p);
void atapi_prevent_allow(struct ata_drive *d, const uint8_t *p);
void atapi_event_status(struct ata_drive *d, const uint8_t *p);
void atapi_mechanism_status(struct ata_drive *d, const uint8_t *p);

/* ---- atapi_raw.c: the frame around a block of a mode 1 track ---- */
#define ATAPI_COOKED 0x10 /* user data alone */
/* Bytes per block with this framing, or -1 if MMC does not allow the combination. */
int atapi_frame_bytes(uint8_t framing);
/* Writes what `framing` selects of block `lba` with 2048 bytes of data; returns how many bytes. */
uint32_t atapi_frame(uint8_t *to, uint8_t framing, uint32_t lba, const uint8_t *data);
void atapi_put_msf(uint8_t *to, uint32_t lba); /* minute, second, frame as numbers */
void atapi_read_cd(struct ata_drive *d, const uint8_t *p);
void atapi_read_cd_msf(struct ata_drive *d, const uint8_t *p);

/* ---- the other files' commands ---- */
void atapi_read_toc(struct ata_drive *d, const uint8_t *p);          /* atapi_toc.c */
void atapi_read_subchannel(struct ata_drive *d, const uint8_t *p);
void atapi_read_header(struct ata_drive *d, const uint8_t *p);
void atapi_read_disc_information(struct ata_drive *d, const uint8_t *p);
void atapi_read_track_information(struct ata_drive *d, const uint8_t *p);
void atapi_get_configuration(struct ata_drive *d, const uint8_t *p); /* atapi_config.c */
void atapi_mode_sense6(struct ata_drive *d, const uint8_t *p);       /* atapi_mode.c */
void atapi_mode_sense10(struct ata_drive *d, const uint8_t *p);
void atapi_mode_select6(struct ata_drive *d, const uint8_t *p);
void atapi_mode_select10(struct ata_drive *d, const uint8_t *p);
void atapi_mode_selected6(struct ata_drive *d, const uint8_t *list, uint32_t bytes);
void atapi_mode_selected10(struct ata_drive *d, const uint8_t *list, uint32_t bytes);
void atapi_mode_defaults(struct ata_drive *d);
const char *atapi_mode_check(const struct ata_drive *d);
void atapi_read_dvd_structure(struct ata_drive *d, const uint8_t *p); /* atapi_dvd.c */
void atapi_report_key(struct ata_drive *d, const uint8_t *p);
void atapi_send_key(struct ata_drive *d, const uint8_t *p);
void atapi_get_performance(struct ata_drive *d, const uint8_t *p);
void atapi_set_streaming(struct ata_drive *d, const uint8_t *p);
void atapi_streaming_set(struct ata_drive *d, const uint8_t *list, uint32_t bytes);
void atapi_inquiry(struct ata_drive *d, const uint8_t *p);           /* atapi_inquiry.c */
void atapi_init_strings(struct ata_drive *d);

#endif
