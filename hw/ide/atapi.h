/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet half of an ATAPI CD/DVD-ROM drive: what an ata_drive of kind ATA_KIND_CD adds to the
 * task file. Source: ATA/ATAPI-6 8.23 and clause 9 (PACKET and its protocols), MMC-5 (T10/1675D),
 * SPC-3 for the commands that every device has, and INF-8020 (SFF-8020i), which DOS drivers follow.
 *
 * THE PROTOCOL (states are those of ata.h; the column is the interrupt reason in the count register)
 *
 *   PACKET    01  the host gives 12 bytes through the data port; no interrupt asks for them
 *   PIO_IN    02  a block of at most the byte count limit; its size is in LBA mid and high
 *   PIO_OUT   00  the same, towards the drive
 *   READING       blocks of the medium are read into the buffer
 *   DMA_WAIT  02  data is to be moved by the bus master: from the buffer, or straight from the medium
 *   DMA_RUN   02  sectors of the medium go straight into guest memory
 *   IDLE      03  the command has ended: status and error register tell how; interrupt
 *
 *   IDLE --PACKET--> PACKET --12 bytes--> IDLE                                     no data, or an error
 *                                     --> PIO_IN | PIO_OUT --block--> same, IDLE   answers, parameter lists
 *                                     --> READING --blocks--> PIO_IN | DMA_WAIT    blocks of the medium
 *                                     --> DMA_WAIT --> DMA_RUN --> DMA_WAIT, IDLE  2048-byte blocks by DMA
 *
 * DEVICE RESET is taken in every state but RESET. It resets the interface, not the drive: the lock,
 * the mode pages and pending unit attentions stay, as after SRST. A hard reset unlocks the tray,
 * restores the mode pages and leaves a unit attention; it does not move the tray.
 *
 * MEDIUM CHANGE. A drive reports an absent medium before it reports a new one, even if the host
 * side was quicker than the guest: drivers that poll (Linux before 2.6.38, Windows 9x, BSD) drop what
 * they have cached at NOT READY 3A only, those that do not poll at UNIT ATTENTION 28.
 *
 *   what happened                     next command that wants a medium gets, in this order
 *   power-on, hard reset              6/29/00, then as below
 *   no medium, tray closed            2/3A/01, always
 *   tray open                         2/3A/02, always
 *   medium came, absence was told     6/28/00, good
 *   medium came, absence not told     2/3A/01, 6/28/00, good
 *   medium went again before that     2/3A/0x, always
 *
 * "Told" is a command that wants a medium and ended with 2/3A; one that wants none passes meanwhile.
 * Unit attentions are given to every command but INQUIRY, REQUEST SENSE (which delivers one as its
 * data), GET CONFIGURATION, GET EVENT STATUS NOTIFICATION and REPORT LUNS. The events of GET EVENT
 * STATUS NOTIFICATION are a record of their own.
 *
 * A medium is seen as blocks of 2048 bytes; an image that is not a multiple of them ends with a
 * block that is filled up with zeros, so that no byte is out of reach. Up to ATAPI_CD_BLOCKS_MAX it is
 * shown as a CD-ROM with one data track (mode 1), above as a DVD-ROM.
 *
 * If the medium changes under a command, what is in the buffer already is delivered and the command
 * then ends with 2/3A (or 6/28), whatever the new medium holds at that place.
 */
#ifndef HW_IDE_ATAPI_H
#define HW_IDE_ATAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ata_drive;
struct block_req;

#define ATAPI_PACKET_BYTES 12
#define ATAPI_BLOCK_BYTES 2048
#define ATAPI_RAW_BYTES 2352
#define ATAPI_BLOCK_SECTORS 4u             /* of the block port */
#define ATAPI_CD_BLOCKS_MAX (90u * 60 * 75) /* 90 minutes, 791 MiB: the longest CDs */
#define ATAPI_MODE_BYTES 60                /* the pages that MODE SELECT can change, one after the other */

/* What the packet command in progress moves. */
enum atapi_data {
    ATAPI_NONE,
    ATAPI_ANSWER, /* the buffer, to the host */
    ATAPI_LIST,   /* a parameter list, into the buffer */
    ATAPI_BLOCKS, /* blocks of the medium, to the host */
    ATAPI_VERIFY, /* blocks of the medium, nowhere */
    ATAPI_DATA_KINDS
};

enum { ATAPI_UA_RESET = 1, ATAPI_UA_MEDIUM = 2 };
enum { ATAPI_EVENT_EJECT = 1, ATAPI_EVENT_REMOVAL = 2, ATAPI_EVENT_NEW = 4, ATAPI_EVENT_POWER = 8 };

struct atapi {
    /* Fixed. */
    char vendor[9], product[17], revision[5]; /* INQUIRY */
    bool attached;

    /* State: ATAPI_FIELDS names every member from here on. */
    bool ready; /* DRDY: clear from a reset to the next command */
    uint8_t packet[ATAPI_PACKET_BYTES];
    bool dma;
    uint16_t limit;        /* PIO: bytes per block, at most */
    uint8_t data;          /* enum atapi_data */
    uint8_t framing;       /* READ CD's byte 9: what of a block is wanted */
    bool direct;           /* sectors go straight into guest memory */
    uint64_t next_sector;  /* of the block port: the next to read ... */
    uint64_t sectors_left; /* ... and how many, filling of the last block included */
    uint8_t chunk_blocks;  /* in the buffer, or being read into it */
    bool medium_lost;      /* changed under the command in progress */

    uint8_t key, asc, ascq; /* sense data */
    bool info_valid;
    uint32_t info;
    uint8_t ua;        /* ATAPI_UA_..., pending */
    uint8_t events;    /* ATAPI_EVENT_..., pending */
    bool gone_untold;  /* the medium went, and no command was told */
    bool tray_open;
    bool locked, locked_persistent; /* PREVENT ALLOW MEDIUM REMOVAL */
    uint32_t blocks;   /* the medium that the drive knows; 0: none, or the tray is open */
    uint8_t mode[ATAPI_MODE_BYTES];
};

#define ATAPI_FIELD_(s, t, path, member, p, max_)                                                  \
    { .name = p #member, .type = FIELD_##t, .offset = offsetof(s, path.member), .count = 1,        \
      .max = (max_) }
#define ATAPI_KEPT_(s, t, path, member, p, max_)                                                   \
    { .name = p #member, .type = FIELD_##t, .offset = offsetof(s, path.member), .count = 1,        \
      .max = (max_), .keep = true }
/* The part of a device's field table for the packet half at `path` in `s`. A reset does not move the
 * tray or the medium: they are kept. */
#define ATAPI_FIELDS(s, path, p)                                                                   \
    ATAPI_FIELD_(s, BOOL, path, ready, p, 1),                                                      \
    { .name = p "packet", .type = FIELD_BYTES, .offset = offsetof(s, path.packet),                 \
      .count = ATAPI_PACKET_BYTES },                                                               \
    ATAPI_FIELD_(s, BOOL, path, dma, p, 1), ATAPI_FIELD_(s, U16, path, limit, p, 0xfffe),          \
    ATAPI_FIELD_(s, U8, path, data, p, ATAPI_DATA_KINDS - 1),                                      \
    ATAPI_FIELD_(s, U8, path, framing, p, 0xf8), ATAPI_FIELD_(s, BOOL, path, direct, p, 1),        \
    ATAPI_FIELD_(s, U64, path, next_sector, p, 1ull << 34),                                        \
    ATAPI_FIELD_(s, U64, path, sectors_left, p, 1ull << 34),                                       \
    ATAPI_FIELD_(s, U8, path, chunk_blocks, p, 32), ATAPI_FIELD_(s, BOOL, path, medium_lost, p, 1), \
    ATAPI_FIELD_(s, U8, path, key, p, 0x0f), ATAPI_FIELD_(s, U8, path, asc, p, 0),                 \
    ATAPI_FIELD_(s, U8, path, ascq, p, 0), ATAPI_FIELD_(s, BOOL, path, info_valid, p, 1),          \
    ATAPI_FIELD_(s, U32, path, info, p, 0), ATAPI_FIELD_(s, U8, path, ua, p, 3),                   \
    ATAPI_FIELD_(s, U8, path, events, p, 15), ATAPI_FIELD_(s, BOOL, path, gone_untold, p, 1),      \
    ATAPI_KEPT_(s, BOOL, path, tray_open, p, 1), ATAPI_FIELD_(s, BOOL, path, locked, p, 1),        \
    ATAPI_FIELD_(s, BOOL, path, locked_persistent, p, 1),                                          \
    ATAPI_KEPT_(s, U32, path, blocks, p, 0),                                                       \
    { .name = p "mode", .type = FIELD_BYTES, .offset = offsetof(s, path.mode),                     \
      .count = ATAPI_MODE_BYTES }

/* All of the following: drive of kind ATA_KIND_CD, device lock held. Called by ata.c alone. */

/* After ata_init() has set strings and block: attaches to the block. And the opposite. */
void atapi_init(struct ata_drive *d);
void atapi_fini(struct ata_drive *d);
/* Power-on and hardware reset, after the fields were reset. */
void atapi_hard_reset(struct ata_drive *d);
/* Any reset: the command in progress is given up; DRDY is clear. */
void atapi_interface_reset(struct ata_drive *d);

/* The PACKET command (A0h): waits for the packet, or aborts. */
void atapi_packet(struct ata_drive *d);
/* The data register and the bus master while a packet command is in progress: as in ata.h. */
size_t atapi_data_read(struct ata_drive *d, void *buf, size_t bytes);
size_t atapi_data_write(struct ata_drive *d, const void *buf, size_t bytes);
void atapi_dma_go(struct ata_drive *d);
/* The end of a host request of a packet command; the request belongs to the caller. */
void atapi_host_done(struct ata_drive *d, struct block_req *req, int err);

/* NULL if the packet half's fields fit the state and each other, else what does not. */
const char *atapi_check(const struct ata_drive *d);
/* After a load: a medium that is not the saved one is a medium change. */
void atapi_loaded(struct ata_drive *d);
/* Goes on after a load in READING or DMA_RUN. */
void atapi_resume(struct ata_drive *d);

/* The 512 bytes of IDENTIFY PACKET DEVICE (8.16). */
void atapi_identify(const struct ata_drive *d, uint8_t *sector);

/* The name of a packet command, or NULL if the drive has none with this opcode. For tests, traces. */
const char *atapi_command_name(uint8_t opcode);

#endif
