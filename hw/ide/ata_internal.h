/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between ata.c (states), ata_pio.c, ata_dma.c, ata_setup.c, ata_commands.c (the table) and the files of the
 * commands; nobody else. */
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
    ATA_TRIM, /* a list of ranges by DMA, then work without data */
    ATA_PACKET_COMMAND /* what the packet says (9.8 - 9.10) */
};

enum {
    ATA_CMD_EXT = 0x01,      /* 48-bit address and 16-bit count */
    ATA_CMD_MULTIPLE = 0x02, /* blocks of READ/WRITE MULTIPLE */
    ATA_CMD_MEDIA = 0x04,    /* moves sectors of the image: count and address registers say which */
    ATA_CMD_SLEEP = 0x08,    /* ends in SLEEP */
    ATA_CMD_FLUSH = 0x10,    /* may pass FLUSHING */
    ATA_CMD_FUA = 0x40,      /* ends when the data is stable, write cache or not */
    ATA_CMD_TEST = 0x80,     /* may pass SELF_TEST */
};

struct ata_command {
    uint8_t first, last; /* opcodes */
    uint8_t kinds;       /* mask of enum ata_kind: who may have it; the others abort */
    uint8_t protocol, flags;
    void (*start)(struct ata_drive *d, const struct ata_command *cmd);
    const char *name, *clause; /* of ATA/ATAPI-6, or the other standard that has it */
};

/* PIO data out that is not for the image: what the command does with the one sector; else NULL. */
typedef void (*ata_data_fn)(struct ata_drive *d);
ata_data_fn ata_data_function(const struct ata_drive *d);

/* What a command does is in the feature register: a row for each that is known. */
struct ata_subcommand {
    uint8_t feature;
    void (*start)(struct ata_drive *d);
    const char *name, *clause;
};
/* Starts the row that the feature register names, or aborts. */
void ata_start_subcommand(struct ata_drive *d, const struct ata_subcommand *rows, size_t count);

/* The row for an opcode that a drive of this kind accepts, or NULL. */
const struct ata_command *ata_find_command(uint8_t opcode, enum ata_kind kind);

/* Assigns the state: the only place that does. */
void ata_set_state(struct ata_drive *d, enum ata_state state);

/* Ends of a command: well; with bits of the error register; with the address of the bad sector. */
void ata_end(struct ata_drive *d);
void ata_abort(struct ata_drive *d, uint8_t error);
void ata_fail_at(struct ata_drive *d, uint8_t error, uint64_t lba);
/* The same when the host's storage is to blame: SMART counts and logs it. */
void ata_media_error(struct ata_drive *d, uint8_t error, uint64_t lba);

/* Ends without an interrupt: the last block of a PIO read was taken (9.5). */
void ata_end_quietly(struct ata_drive *d);

/* A request of this drive's; its end comes to ata.c, which knows by the state whose it was. */
struct block_req *ata_new_request(struct ata_drive *d, enum block_op op, uint64_t sector,
                                  uint32_t sectors, int iov_max);
void ata_submit(struct ata_drive *d, struct block_req *req, enum ata_state state);
/*
 * Submits sectors with memory of the request's own; `from` (writes) is copied into it. False when
 * the host has no memory: then nothing was submitted.
 */
bool ata_submit_copy(struct ata_drive *d, enum ata_state state, enum block_op op, uint64_t sector,
                     uint32_t sectors, const void *from);

/* ata_pio.c: the steps of READING, WRITING, VERIFYING and FLUSHING, and what follows their ends. */
void ata_read_chunk(struct ata_drive *d);
void ata_read_step(struct ata_drive *d);
void ata_read_done(struct ata_drive *d, uint32_t bytes, int err);
void ata_write_chunk(struct ata_drive *d);
void ata_write_step(struct ata_drive *d);
void ata_write_done(struct ata_drive *d, uint32_t bytes, int err);
void ata_verify_step(struct ata_drive *d);
void ata_verify_done(struct ata_drive *d, uint32_t bytes, int err);
void ata_flush_done(struct ata_drive *d, int err);
/* ata_dma.c: a part of a DMA command has ended. */
void ata_dma_done(struct ata_drive *d, int err);

/* xfer_lba, xfer_left and block_sectors are set and checked: carries the transfer out. */
void ata_begin_transfer(struct ata_drive *d, enum ata_protocol protocol);
/* The buffer's first sector, made by the drive itself, goes to the host. */
void ata_begin_answer(struct ata_drive *d);
/* A sector from the host goes into the buffer's first sector; then to ata_data_function(). */
void ata_begin_data_out(struct ata_drive *d);
/* Asks the host for something without data, in the given state. */
void ata_submit_plain(struct ata_drive *d, enum block_op op, uint64_t sector, uint32_t sectors,
                      enum ata_state state);
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
/* The count register of a 48-bit command; 0 is 0. */
static inline uint32_t ata_count48(const struct ata_drive *d)
{
    return d->tf.count | (uint32_t)d->hob.count << 8;
}
uint64_t ata_lba28(const struct ata_drive *d);
uint64_t ata_lba48(const struct ata_drive *d);
/* Cylinders of a translation over the sectors that are shown; 1 at least. `secs` is not 0. */
uint16_t ata_cylinders(const struct ata_drive *d, uint32_t heads, uint32_t secs);
/* Takes over the default CHS translation and features (power-on; reset, unless told not to). */
void ata_set_defaults(struct ata_drive *d);

/* The 512 bytes of IDENTIFY DEVICE (8.15). */
void ata_identify(const struct ata_drive *d, uint8_t *sector);
/* Makes the sum of a sector's 512 bytes 0 by its last one. */
void ata_put_checksum(uint8_t *sector);

/* ---- ata_features.c: SET FEATURES ---- */

void ata_start_set_features(struct ata_drive *d, const struct ata_command *cmd);

/* ---- ata_power.c: power management and the standby timer (6.9) ---- */

void ata_start_standby(struct ata_drive *d, const struct ata_command *cmd);
void ata_start_idle(struct ata_drive *d, const struct ata_command *cmd);
void ata_start_sleep(struct ata_drive *d, const struct ata_command *cmd);
void ata_start_check_power(struct ata_drive *d, const struct ata_command *cmd);
void ata_power_init(struct ata_drive *d);
/* A command has ended: the standby timer begins anew. Called by ata_set_state(). */
void ata_power_idle(struct ata_drive *d);
void ata_power_stop(struct ata_drive *d);   /* the timer: power-on, end of the drive */
void ata_power_loaded(struct ata_drive *d); /* as the fields say */
bool ata_power_sane(const struct ata_drive *d);

/* ---- ata_maxaddr.c ---- */

void ata_start_native_max(struct ata_drive *d, const struct ata_command *cmd);
void ata_start_set_max(struct ata_drive *d, const struct ata_command *cmd);
void ata_start_set_max_ext(struct ata_drive *d, const struct ata_command *cmd);
void ata_set_max_data(struct ata_drive *d);
void ata_max_init(struct ata_drive *d);
void ata_max_power_on(struct ata_drive *d);
const char *ata_max_check(const struct ata_drive *d);

/* ---- ata_trim.c ---- */

#define ATA_TRIM_BLOCKS ATA_BUFFER_SECTORS /* word 105: the most in one command */

void ata_start_trim(struct ata_drive *d, const struct ata_command *cmd);
void ata_trim_data(struct ata_drive *d);          /* TRIM_DATA: the bus master may have places */
void ata_trim_done(struct ata_drive *d, int err); /* TRIMMING: the host's answer */
void ata_trim_resume(struct ata_drive *d);
const char *ata_trim_check(const struct ata_drive *d);

/* ---- ata_smart.c, ata_selftest.c ---- */

void ata_start_smart(struct ata_drive *d, const struct ata_command *cmd);
void ata_smart_init(struct ata_drive *d);
void ata_smart_command(struct ata_drive *d, uint8_t opcode); /* one was accepted */
void ata_smart_error(struct ata_drive *d); /* one failed by the host's storage; the registers tell */
uint16_t ata_smart_hours(const struct ata_drive *d); /* since power-on */
const char *ata_smart_check(const struct ata_drive *d);

enum ata_test_status { ATA_TEST_GOOD = 0, ATA_TEST_ABORTED = 1, ATA_TEST_RESET = 2,
                       ATA_TEST_FATAL = 3, ATA_TEST_READ = 7, ATA_TEST_RUNS = 15 };
/* Begins the test that LBA low names; false if there is no such test. */
bool ata_test_begin(struct ata_drive *d, uint8_t kind);
/* Ends the test there may be, with that status; not the command of a captive one. */
void ata_test_abort(struct ata_drive *d, enum ata_test_status status);
void ata_test_init(struct ata_drive *d);
void ata_test_stop(struct ata_drive *d); /* gives up timer and request, and nothing else */
/* Cylinders of the default translation, by the image's size; 16383 at most (6.2). */
void ata_size_geometry(struct ata_drive *d);
void ata_attach_disk(struct ata_drive *d); /* hears of its image's size from now on */
void ata_detach_disk(struct ata_drive *d); /* lock held */
void ata_test_loaded(struct ata_drive *d);
void ata_test_resume(struct ata_drive *d);
uint8_t ata_test_status_byte(const struct ata_drive *d);
bool ata_test_sane(const struct ata_drive *d);

#endif
