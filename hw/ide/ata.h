/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One ATA drive: its task file, the commands (a table) and the state machine that carries them out.
 * It does not know ports, interrupt lines or its neighbour: that is the channel (channel.h).
 * Source: INCITS 361-2002, ATA/ATAPI-6 (T13/1410D rev. 3b): clause 6 (features), 7 (registers),
 * 8 (commands), 9 (protocols).
 *
 * STATES (status register in brackets; 50 is DRDY|DSC, 51 with ERR after a failed command)
 *
 *   IDLE       [50] waits for a command
 *   PIO_IN     [58] the host takes a block out of the buffer
 *   PIO_OUT    [58] the host puts a block into the buffer
 *   READING    [d0] the image is read into the buffer
 *   WRITING    [d0] the buffer is written to the image
 *   VERIFYING  [d0] the image is read and thrown away
 *   FLUSHING   [d0] the image is made stable
 *   DMA_WAIT   [58] a DMA command waits for the bus master (not started, or its table was too short)
 *   DMA_RUN    [d0] a part of a DMA command is under way in the host
 *   SLEEP      [50] only a reset wakes it
 *   RESET      [80] SRST is held
 *   TRIM_DATA  [58] DATA SET MANAGEMENT waits for the bus master to bring its list of ranges
 *   TRIMMING   [d0] the ranges are discarded, one after another
 *   SELF_TEST  [d0] a captive SMART self-test reads the image
 *   PACKET     [58] an ATAPI drive waits for its 12 bytes (atapi.h: how the packet commands use the others)
 *
 *              +-----------------------------------------------------------+
 *              v                                                           | error, done
 *   IDLE --read--> READING --data--> PIO_IN --block taken, more wanted--> READING ...
 *        --write-> PIO_OUT --buffer full--> WRITING --stored, more to come--> PIO_OUT ...
 *        --verify-> VERIFYING ...   --flush, standby-> FLUSHING   --sleep-> FLUSHING -> SLEEP
 *        --dma---> DMA_WAIT --bus master has places--> DMA_RUN --moved, more to come--> DMA_WAIT ...
 *        --trim--> TRIM_DATA --list complete, all ranges good--> TRIMMING --range done--> TRIMMING ...
 *        --captive self-test--> SELF_TEST
 *   any  --SRST--> RESET --released--> IDLE            any --device reset--> IDLE
 *
 * A read that the host's page cache holds does not pass through READING or DMA_RUN: its value comes
 * at once (block_try_read). The legal moves are the table ata_moves[] in ata.c; ata_set_state() alone
 * assigns the state. What holds in each state is in ata_check.c.
 *
 * The buffer holds up to 128 sectors (a "chunk"), whatever the block size of the command, so that
 * the host is asked once per 64 KiB. Interrupts and DRQ follow the blocks as clause 9 says.
 *
 * A host request is a private copy: it carries its own sector and, in READING, WRITING and
 * VERIFYING, its own memory. Giving it up (reset, bus master stopped) detaches it: its end changes
 * nothing here. xfer_lba and xfer_left move only when a request has ended well, so that a command
 * can be taken up again after a load.
 *
 * A host error on several sectors is tried again one by one ("probing"), so that the sectors before
 * the bad one are delivered and the bad one is named.
 *
 * RESETS. A reset of the machine is power-on and hardware reset in one (9.1): everything but what a
 * drive stores for good (SMART's counts and logs, a non-volatile SET MAX) is as new. SRST (9.2) keeps
 * the power mode, but a sleeping drive wakes up in Standby; it keeps SET MAX and its lock, and, after
 * SET FEATURES 66h, the settings too. BSY is set from SRST's setting to its clearing and not longer:
 * 9.2 has the host wait 2 ms after the clearing before it looks, so a drive that is ready within
 * that time cannot be told from one that is ready at once, and clients that step the clock
 * themselves (qtest) need no time to pass.
 */
#ifndef HW_IDE_ATA_H
#define HW_IDE_ATA_H

#include "block/block.h"
#include "hw/device.h"
#include "hw/ide/ata_maxaddr.h"
#include "hw/ide/ata_smart.h"
#include "hw/ide/atapi.h"
#include "hw/ide/bmdma.h"

#define ATA_BUFFER_SECTORS 128
#define ATA_BUFFER_BYTES (ATA_BUFFER_SECTORS * BLOCK_SECTOR_BYTES)
#define ATA_LBA28_SECTORS 0x0fffffffu        /* the most that words 60-61 can say */
#define ATA_LBA48_SECTORS 0x0001000000000000 /* 2^48 */

enum {
    ATA_STATUS_ERR = 0x01,
    ATA_STATUS_DRQ = 0x08,
    ATA_STATUS_DSC = 0x10,
    ATA_STATUS_DRDY = 0x40,
    ATA_STATUS_BSY = 0x80,
};
enum { ATA_ERROR_ABRT = 0x04, ATA_ERROR_IDNF = 0x10, ATA_ERROR_UNC = 0x40 };
enum { ATA_DEVICE_DEV = 0x10, ATA_DEVICE_LBA = 0x40 };

enum ata_state {
    ATA_IDLE,
    ATA_PIO_IN,
    ATA_PIO_OUT,
    ATA_READING,
    ATA_WRITING,
    ATA_VERIFYING,
    ATA_FLUSHING,
    ATA_DMA_WAIT,
    ATA_DMA_RUN,
    ATA_SLEEP,
    ATA_RESET,
    ATA_TRIM_DATA,
    ATA_TRIMMING,
    ATA_SELF_TEST,
    ATA_DISK_STATES, /* a disk knows those above */
    ATA_PACKET = ATA_DISK_STATES,
    ATA_STATES
};
extern const char *const ata_state_names[ATA_STATES];

/* A bit per kind, for the column of permitted kinds in the command table. */
enum ata_kind { ATA_KIND_NONE = 0, ATA_KIND_DISK = 1, ATA_KIND_CD = 2 };

enum ata_power { ATA_POWER_STANDBY, ATA_POWER_IDLE, ATA_POWER_ACTIVE };

/* What the user says of a drive. Strings are copied; NULL: the default. */
struct ide_drive_config {
    struct block *blk;                   /* NULL: no drive; outlives the device */
    bool cd;                             /* an ATAPI CD/DVD drive: blk may be without a medium */
    bool trim;                           /* offers DATA SET MANAGEMENT (disks) */
    uint16_t rotation_rate;              /* IDENTIFY word 217: 0 not said, 1 no rotation, or rpm
                                            (1025 .. 65534) */
    uint32_t physical_block_bytes;       /* 0: 512; a power of two up to 2^15 * 512 */
    const char *serial, *model, *version; /* up to 20, 40, 8 characters of printable ASCII */
    uint32_t cyls, heads, secs;          /* default CHS geometry; 0: computed */
    uint64_t wwn;                        /* 0: none */
    bool write_cache;                    /* on after power-on */
};

/* The registers that hold two bytes for 48-bit commands: written value and the one before (clause 7). */
struct ata_taskfile {
    uint8_t feature, count, lba_low, lba_mid, lba_high;
};

struct ata_drive {
    /* Wiring and configuration: fixed. */
    struct device *dev; /* for guest errors and the lock */
    struct block *blk;
    struct bmdma *bm;   /* NULL: the channel has none */
    enum ata_kind kind;
    unsigned unit;      /* 0 or 1 */
    void (*changed)(void *opaque); /* after a host request ended: the pin is to be derived */
    void *opaque;
    char serial[21], model[41], version[9];
    uint64_t wwn;
    uint64_t native_sectors; /* of the image */
    bool trim;
    uint16_t rotation_rate;
    uint8_t physical_log2; /* sectors per physical block, as a power of two */
    uint16_t default_cyls;
    bool cyls_given; /* by the user, whatever the size */
    uint8_t default_heads, default_secs;
    bool default_write_cache;

    /* State: ATA_FIELDS below names every member from here to `buf`. */
    uint8_t state; /* enum ata_state */
    struct ata_taskfile tf, hob;
    uint8_t device, error;
    bool err;   /* the last command failed: ERR */
    bool intrq; /* interrupt pending */

    uint8_t command;     /* the last one that was accepted */
    uint8_t previous;    /* the one before it, if it ended well; 0: NOP, an error, or a reset */
    uint64_t sectors;    /* shown to the host: SET MAX ADDRESS makes them fewer */
    uint64_t xfer_lba;   /* next sector to move between image and buffer or memory */
    uint32_t xfer_left;  /* sectors still to move */
    uint16_t block_sectors; /* per DRQ block */
    uint32_t chunk_bytes; /* of the buffer, in use by this command */
    uint32_t chunk_done;  /* READING, WRITING: bytes already moved (probing) */
    uint32_t buf_pos;     /* PIO: the host's cursor ... */
    uint32_t block_end;   /* ... and where it stops */
    bool probing;

    uint16_t cyls; /* current translation: INITIALIZE DEVICE PARAMETERS */
    uint8_t heads, secs;
    uint8_t multiple; /* sectors per block of READ/WRITE MULTIPLE; 0: disabled */
    uint8_t xfer_mode; /* SET FEATURES 03h: 08h+n PIO, 20h+n multiword DMA, 40h+n Ultra DMA */
    bool write_cache, look_ahead, revert_on_reset;
    uint8_t apm, aam; /* levels; 0: disabled */
    uint8_t power;    /* enum ata_power */
    uint8_t standby_timer; /* as in the count register of IDLE and STANDBY; 0: off */
    int64_t standby_ns;    /* when it expires; -1: it does not run */
    struct ata_max max;
    struct ata_smart smart;
    struct atapi cd; /* ATA_KIND_CD */

    uint8_t buf[ATA_BUFFER_BYTES];

    /* Not state: the request under way, derived or taken up again after a load. */
    struct block_req *req;
    bool attached; /* a disk that hears of its image's size */
    struct vtimer standby;
    bool resume_pending; /* loaded in a host state; ata_resume() will ask the host again */
    unsigned illegal_moves; /* for tests: ata_set_state() outside of its table */
};

#define ATA_FIELD_(s, t, path, member, p, max_)                                                    \
    { .name = p #member, .type = FIELD_##t, .offset = offsetof(s, path.member), .count = 1,        \
      .max = (max_) }
#define ATA_KEEP_(s, t, path, member, p, max_)                                                     \
    { .name = p #member, .type = FIELD_##t, .offset = offsetof(s, path.member), .count = 1,        \
      .max = (max_), .keep = true }
#define ATA_BYTES_(s, path, member, p)                                                             \
    { .name = p #member, .type = FIELD_BYTES, .offset = offsetof(s, path.member),                  \
      .count = sizeof(((s *)0)->path.member) }
#define ATA_KEEP_BYTES_(s, path, member, p)                                                        \
    { .name = p #member, .type = FIELD_BYTES, .offset = offsetof(s, path.member),                  \
      .count = sizeof(((s *)0)->path.member), .keep = true }
/* The part of a device's field table for the drive at `path` in `s`; `p` prefixes the names. */
#define ATA_FIELDS(s, path, p)                                                                     \
    { .name = p "state", .type = FIELD_U8, .offset = offsetof(s, path.state), .count = 1,          \
      .max = ATA_STATES - 1, .names = ata_state_names },                                           \
    ATA_FIELD_(s, U8, path, tf.feature, p, 0), ATA_FIELD_(s, U8, path, tf.count, p, 0),            \
    ATA_FIELD_(s, U8, path, tf.lba_low, p, 0), ATA_FIELD_(s, U8, path, tf.lba_mid, p, 0),          \
    ATA_FIELD_(s, U8, path, tf.lba_high, p, 0), ATA_FIELD_(s, U8, path, hob.feature, p, 0),        \
    ATA_FIELD_(s, U8, path, hob.count, p, 0), ATA_FIELD_(s, U8, path, hob.lba_low, p, 0),          \
    ATA_FIELD_(s, U8, path, hob.lba_mid, p, 0), ATA_FIELD_(s, U8, path, hob.lba_high, p, 0),       \
    ATA_FIELD_(s, U8, path, device, p, 0), ATA_FIELD_(s, U8, path, error, p, 0),                   \
    ATA_FIELD_(s, BOOL, path, err, p, 1), ATA_FIELD_(s, BOOL, path, intrq, p, 1),                  \
    ATA_FIELD_(s, U8, path, command, p, 0), ATA_FIELD_(s, U8, path, previous, p, 0),               \
    ATA_FIELD_(s, U64, path, sectors, p, ATA_LBA48_SECTORS),                                       \
    ATA_FIELD_(s, U64, path, xfer_lba, p, ATA_LBA48_SECTORS),                                      \
    ATA_FIELD_(s, U32, path, xfer_left, p, 65536),                                                 \
    ATA_FIELD_(s, U16, path, block_sectors, p, ATA_BUFFER_SECTORS),                                \
    ATA_FIELD_(s, U32, path, chunk_bytes, p, ATA_BUFFER_BYTES),                                    \
    ATA_FIELD_(s, U32, path, chunk_done, p, ATA_BUFFER_BYTES),                                     \
    ATA_FIELD_(s, U32, path, buf_pos, p, ATA_BUFFER_BYTES),                                        \
    ATA_FIELD_(s, U32, path, block_end, p, ATA_BUFFER_BYTES),                                      \
    ATA_FIELD_(s, BOOL, path, probing, p, 1), ATA_FIELD_(s, U16, path, cyls, p, 0),                \
    ATA_FIELD_(s, U8, path, heads, p, 16), ATA_FIELD_(s, U8, path, secs, p, 0),                    \
    ATA_FIELD_(s, U8, path, multiple, p, ATA_BUFFER_SECTORS),                                      \
    ATA_FIELD_(s, U8, path, xfer_mode, p, 0x45), ATA_FIELD_(s, BOOL, path, write_cache, p, 1),     \
    ATA_FIELD_(s, BOOL, path, look_ahead, p, 1), ATA_FIELD_(s, BOOL, path, revert_on_reset, p, 1), \
    ATA_FIELD_(s, U8, path, apm, p, 0xfe), ATA_FIELD_(s, U8, path, aam, p, 0xfe),                  \
    ATA_FIELD_(s, U8, path, power, p, ATA_POWER_ACTIVE),                                           \
    ATA_FIELD_(s, U8, path, standby_timer, p, 0), ATA_FIELD_(s, I64, path, standby_ns, p, 0),      \
    ATA_MAX_FIELDS(s, path, p), ATA_SMART_FIELDS(s, path, p),                                      \
    ATAPI_FIELDS(s, path.cd, p "cd."),                                                             \
    { .name = p "buf", .type = FIELD_BYTES, .offset = offsetof(s, path.buf),                       \
      .count = ATA_BUFFER_BYTES, .keep = true } /* a reset zeroes what READ BUFFER shows of it */

/*
 * Sets a drive up from its configuration, in memory that is all zero. `number` (0 .. 3 in the
 * machine) makes the default serial number. Returns true; false with why[] when a string or the
 * geometry cannot be reported as ATA does. `bm` may be NULL: then the drive offers no DMA.
 */
bool ata_init(struct ata_drive *d, struct device *dev, const struct ide_drive_config *cfg,
              unsigned unit, unsigned number, struct bmdma *bm, char *why, size_t why_size);
/* Gives up the request under way. */
void ata_fini(struct ata_drive *d);

/* Power-on and hardware reset (9.1): cancels first, then sets every register. */
void ata_hard_reset(struct ata_drive *d);
/* SRST set and released (9.2, 9.3). */
void ata_srst_begin(struct ata_drive *d);
void ata_srst_end(struct ata_drive *d);
/* EXECUTE DEVICE DIAGNOSTIC's result in this drive's registers (8.11). */
void ata_diagnose(struct ata_drive *d);

/* The status register, derived from the state. */
uint8_t ata_status(const struct ata_drive *d);
static inline bool ata_busy_or_drq(const struct ata_drive *d)
{
    return ata_status(d) & (ATA_STATUS_BSY | ATA_STATUS_DRQ);
}

/* DEVICE RESET (08h): the one command that a packet device takes while it works (8.9). */
#define ATA_COMMAND_DEVICE_RESET 0x08
static inline bool ata_takes_when_busy(const struct ata_drive *d, uint8_t opcode)
{
    return d->kind == ATA_KIND_CD && opcode == ATA_COMMAND_DEVICE_RESET && d->state != ATA_RESET;
}

/* A write to the command register: starts what the table says, or aborts. Not for opcode 90h. */
void ata_command(struct ata_drive *d, uint8_t opcode);

/*
 * The data register: moves up to `bytes` (even) and returns how many the drive took or gave; fewer
 * when its state ends or does not have that direction. Never past the current block.
 */
size_t ata_data_read(struct ata_drive *d, void *buf, size_t bytes);
size_t ata_data_write(struct ata_drive *d, const void *buf, size_t bytes);

/* The bus master was started, or there are places again: goes on with a DMA command that waits. */
void ata_dma_go(struct ata_drive *d);
/* The bus master was stopped: gives up the part under way; the command goes on waiting. */
void ata_dma_stop(struct ata_drive *d);

/* After a load: gives up the request that belonged to the old state ... */
void ata_loaded(struct ata_drive *d);
/* ... and, when the machine runs, asks the host for what the new state waits for. */
void ata_resume(struct ata_drive *d);

/*
 * NULL if the state's invariants hold, else the one that does not. For load and tests. It judges the
 * fields alone: at a load the request is still that of the old state.
 */
const char *ata_check_invariants(const struct ata_drive *d);

/* Is there a command with this opcode for this kind? Its name, or NULL. For tests and traces. */
const char *ata_command_name(uint8_t opcode, enum ata_kind kind);

/* Whether the state machine may go from one state to the other. For tests. */
bool ata_move_allowed(enum ata_state from, enum ata_state to);

#endif
