/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between ata.c (states), ata_commands.c (the table) and ata_identify.c; nobody else. */
#ifndef HW_IDE_ATA_INTERNAL_H
#define HW_IDE_ATA_INTERNAL_H

#include "hw/ide/ata.h"

/* A bit per state, for sets of them. */
#define ATA_BIT(state) (1u << ATA_##state)

/* How a command moves data (clause 9). */
enum ata_protocol {
    ATA_NONDATA,
    ATA_PIO_DATA_IN,
    ATA_PIO_DATA_OUT,
    ATA_DMA_IN,
    ATA_DMA_OUT,
    ATA_VERIFY,
    ATA_PACKET_COMMAND /* what the packet says (9.8 - 9.10) */
};

enum {
    ATA_CMD_EXT = 0x01,      /* 48-bit address and 16-bit count */
    ATA_CMD_MULTIPLE = 0x02, /* blocks of READ/WRITE MULTIPLE */
    ATA_CMD_MEDIA = 0x04,    /* moves sectors of the image: count and address registers say which */
    ATA_CMD_SLEEP = 0x08,    /* ends in SLEEP */
    ATA_CMD_FLUSH = 0x10,    /* may pass FLUSHING */
};

struct ata_command {
    uint8_t first, last; /* opcodes */
    uint8_t kinds;       /* mask of enum ata_kind: who may have it; the others abort */
    uint8_t protocol, flags;
    void (*start)(struct ata_drive *d, const struct ata_command *cmd);
    const char *name, *clause; /* of ATA/ATAPI-6, or the older standard that still had it */
};

/* The row for an opcode that a drive of this kind accepts, or NULL. */
const struct ata_command *ata_find_command(uint8_t opcode, enum ata_kind kind);

/* Assigns the state: the only place that does. */
void ata_set_state(struct ata_drive *d, enum ata_state state);

/* Ends of a command: well; with bits of the error register; with the address of the bad sector. */
void ata_end(struct ata_drive *d);
void ata_abort(struct ata_drive *d, uint8_t error);
void ata_fail_at(struct ata_drive *d, uint8_t error, uint64_t lba);

/* xfer_lba, xfer_left and block_sectors are set and checked: carries the transfer out. */
void ata_begin_transfer(struct ata_drive *d, enum ata_protocol protocol);
/* The buffer's first sector, made by the drive itself, goes to the host. */
void ata_begin_answer(struct ata_drive *d);
/* For the packet half. READING: sectors into memory of the request's own; false: no memory. DMA_RUN:
 * sectors into what the bus master has mapped. Gives the request under way up. */
bool ata_submit_read(struct ata_drive *d, uint64_t sector, uint32_t sectors);
void ata_submit_dma_read(struct ata_drive *d, uint64_t sector);
void ata_cancel(struct ata_drive *d);
/* The signature in the command block registers (9.12). */
void ata_put_signature(struct ata_drive *d);
/* A packet command is in progress: atapi.c moves its data. */
static inline bool ata_is_packet(const struct ata_drive *d)
{
    return d->kind == ATA_KIND_CD && d->command == 0xa0;
}

/* FLUSHING, then IDLE (or SLEEP). */
void ata_begin_flush(struct ata_drive *d);

/* Puts a sector number into the registers, in the form that the command in progress uses. */
void ata_set_address(struct ata_drive *d, uint64_t lba);
/* Takes over the default CHS translation and features (power-on; reset, unless told not to). */
void ata_set_defaults(struct ata_drive *d);

/* The 512 bytes of IDENTIFY DEVICE (8.15). */
void ata_identify(const struct ata_drive *d, uint8_t *sector);

#endif
