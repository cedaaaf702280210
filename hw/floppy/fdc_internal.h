/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between fdc.c (registers, life), fdc_states.c, fdc_commands.c, fdc_transfer.c, fdc_check.c. */
#ifndef HW_FLOPPY_FDC_INTERNAL_H
#define HW_FLOPPY_FDC_INTERNAL_H

#include "block/block.h"
#include "hw/floppy/fdc.h"

#define FDC_UNITS 4 /* as commands and registers count them; only FDC_DRIVES can be there */
#define FDC_SECTOR_BYTES 512
#define FDC_SECTOR_CODE 2    /* N: 128 << N bytes */
#define FDC_LAST_STOP 82     /* the cylinder where the heads stop */
#define FDC_MARKS (48 * 2 * 80 / 8) /* bytes of a bit per sector of the largest format */
#define FDC_ID_BYTES 4       /* of a sector in FORMAT TRACK: C, H, R, N */

enum fdc_state {
    FDC_RESET,      /* DOR's reset bit is low */
    FDC_STARTING,   /* released, not ready yet */
    FDC_IDLE,       /* a command may come */
    FDC_COMMAND,    /* its parameters are awaited */
    FDC_LOCATING,   /* the next sector comes along */
    FDC_HOST_READ,  /* ... is being read from the image */
    FDC_HOST_WRITE,
    FDC_DMA_WAIT,   /* data waits for the 8237 */
    FDC_PIO_IN,     /* data waits for the CPU to read it */
    FDC_PIO_OUT,    /* the CPU is to write data */
    FDC_RESULT,
    FDC_STATES
};
#define FDC_BIT(state) (1u << FDC_##state)
extern const char *const fdc_state_names[FDC_STATES];

enum { FDC_MOTION_STILL, FDC_MOTION_SEEKING, FDC_MOTION_ENDED, FDC_MOTIONS };
extern const char *const fdc_motion_names[FDC_MOTIONS];

enum { /* 290166, 2.1, Digital Output Register */
    FDC_DOR_DRIVE = 0x03,
    FDC_DOR_NRESET = 0x04,
    FDC_DOR_DMAGATE = 0x08,
    FDC_DOR_MOTOR_A = 0x10,
    FDC_DOR_MOTOR_B = 0x20,
    FDC_DSR_RESET = 0x80,
    FDC_DSR_RATE = 0x03,
};

enum { /* 2.1, Main Status Register */
    FDC_MSR_BUSY = 0x10,
    FDC_MSR_NONDMA = 0x20,
    FDC_MSR_DIO = 0x40,
    FDC_MSR_RQM = 0x80,
};

enum { /* Status Register Encoding */
    FDC_ST0_EC = 0x10, /* no track 0 */
    FDC_ST0_SE = 0x20,
    FDC_ST0_ABNORMAL = 0x40,
    FDC_ST0_INVALID = 0x80,
    FDC_ST0_POLLING = 0xc0,
    FDC_ST1_MA = 0x01, /* no address mark */
    FDC_ST1_NW = 0x02, /* write protected */
    FDC_ST1_ND = 0x04, /* no such sector */
    FDC_ST1_OR = 0x10,
    FDC_ST1_DE = 0x20, /* CRC */
    FDC_ST1_EN = 0x80, /* past the last sector, no terminal count */
    FDC_ST2_WC = 0x10, /* another cylinder's track */
    FDC_ST2_SN = 0x04, /* scan not satisfied */
    FDC_ST2_SH = 0x08, /* scan: equal */
    FDC_ST2_DD = 0x20, /* CRC, in the data */
    FDC_ST2_CM = 0x40, /* the other kind of data mark */
    FDC_ST3_T0 = 0x10,
    FDC_ST3_ALWAYS = 0x28, /* ready, two sides */
    FDC_ST3_WP = 0x40,
};

enum { /* bits of a command byte */
    FDC_OP_MT = 0x80,
    FDC_OP_MFM = 0x40,
    FDC_OP_SK = 0x20,
    FDC_OP_DIR = 0x40,
    FDC_OP_LOCK = 0x80,
};

enum { /* CONFIGURE, DRIVE SPECIFICATION */
    FDC_CONFIG_POLL_OFF = 0x10,
    FDC_CONFIG_FIFO_OFF = 0x20,
    FDC_CONFIG_FIFO_BITS = 0x2f, /* EFIFO and FIFOTHR, what LOCK keeps */
    FDC_SPEC_DONE = 0x80,
    FDC_SPEC_NO_RESULT = 0x40,
};

/* What a data command does with each sector. */
enum fdc_work {
    FDC_NO_DATA,
    FDC_READ,
    FDC_READ_TRACK,
    FDC_WRITE,
    FDC_VERIFY,
    FDC_SCAN,
    FDC_FORMAT,
    FDC_READ_ID,
};

struct fdc;

struct fdc_command {
    uint8_t mask, opcode;    /* matches when (byte & mask) == opcode */
    uint8_t params, results; /* bytes after the opcode; of the result phase (0: none) */
    uint8_t work;            /* enum fdc_work */
    bool deleted;            /* of a deleted data mark */
    void (*start)(struct fdc *f);
    const char *name, *section; /* of 290166, or 82078: of 290468 */
};

#define FDC_MAX_PARAMS 16
#define FDC_MAX_RESULTS 16

struct fdc {
    struct device dev;
    struct io_region low, high; /* +0 to +5, +7 */
    struct irq_pin irq;
    struct dma8237_channel dma;
    bool immediate;
    struct vtimer timer, seek_timer[FDC_UNITS];
    struct block_req *req; /* under way, in HOST_READ and HOST_WRITE */
    bool go;               /* LOCATING goes on before the present entry ends */
    bool load_refused;     /* the next post_load is of the old state, which never ceased to hold */
    uint32_t illegal_moves;
    int64_t due_ns;        /* of timer; 0: not armed */
    int64_t give_up_ns;    /* when DMA_WAIT, PIO_IN, PIO_OUT become an overrun */

    /* the drives; a format of no cylinders: no (readable) medium */
    struct block *blk[FDC_DRIVES];
    uint8_t type[FDC_DRIVES];
    struct fdc_format format[FDC_DRIVES];
    bool changed[FDC_DRIVES];         /* DIR bit 7: no step since the medium came */
    uint8_t marks[FDC_DRIVES][FDC_MARKS]; /* sectors with a deleted data mark; the image has none */
    uint8_t next_id[FDC_DRIVES];      /* the sector that READ ID meets next, from 0 */
    uint8_t cylinder[FDC_UNITS];      /* where the heads are */
    uint8_t pcn[FDC_UNITS];           /* where the controller was told to go */
    uint8_t motion[FDC_UNITS], seek_st0[FDC_UNITS];
    int64_t seek_due_ns[FDC_UNITS];   /* 0: not armed */

    /* registers and what commands set */
    uint8_t dor, tdr, dsr;
    uint8_t spec1, spec2; /* SPECIFY: SRT HUT, HLT ND */
    uint8_t config, pretrk, perpendicular, option, powerdown, last_eot;
    uint8_t drive_spec[FDC_UNITS];
    bool lock;

    uint8_t state;
    uint8_t command, params[FDC_MAX_PARAMS], param_count;
    uint8_t results[FDC_MAX_RESULTS], result_count, result_pos;
    bool irq_result, irq_reset;
    uint8_t polls; /* units that SENSE INTERRUPT has to report after a reset */

    /* the data command in progress; zero otherwise */
    uint8_t unit, head;
    uint8_t c, h, r, n, eot;
    uint8_t st0, st1, st2;
    uint16_t left;      /* VERIFY with EC: sectors; FORMAT: sectors; READ TRACK: sectors */
    bool terminal;      /* TC came */
    bool stop;          /* this sector is the last, without counting on (other data mark) */
    bool satisfied;     /* SCAN */
    bool medium_lost;   /* it was changed under the command */
    bool gap;           /* LOCATING: the data has been taken, its sector is to be closed */
    bool to_memory;
    uint16_t data_pos, data_len;
    uint8_t data[FDC_SECTOR_BYTES]; /* between FIFO or DMA and the sector */
    uint8_t sector[FDC_SECTOR_BYTES]; /* SCAN: the disk's side */
};

/* ---- fdc_states.c ---- */

bool fdc_move_allowed(enum fdc_state from, enum fdc_state to);
/* Assigns the state: the only place that does. */
void fdc_set_state(struct fdc *f, enum fdc_state state);
uint8_t fdc_msr(const struct fdc *f);
bool fdc_non_dma(const struct fdc *f);
void fdc_update_irq(struct fdc *f);
/* The main timer in `delay_ns`; LOCATING and STARTING of an immediate controller go on at once. */
void fdc_schedule(struct fdc *f, int64_t delay_ns);
void fdc_cancel_timer(struct fdc *f);
/* Runs what became due within this entry; the last call of every entry. Pins follow. */
void fdc_settle(struct fdc *f);
void fdc_enter_reset(struct fdc *f);
void fdc_leave_reset(struct fdc *f);
void fdc_timer_fired(void *fdc);

/* ---- fdc_commands.c ---- */

/* The row of a command byte; the last row, "invalid", for those that no other takes. Never NULL. */
const struct fdc_command *fdc_find_command(uint8_t byte);
void fdc_command_byte(struct fdc *f, uint8_t byte);
/* RESULT with the bytes in results[], or IDLE if there are none. */
void fdc_to_result(struct fdc *f, unsigned count, bool interrupt);
uint8_t fdc_result_byte(struct fdc *f);
void fdc_seek_ended(struct fdc *f, unsigned unit);
/* The heads go to a cylinder; a step with a medium in ends the disk change. */
void fdc_move_heads(struct fdc *f, unsigned unit, unsigned cylinder);

/* ---- fdc_transfer.c ---- */

void fdc_start_transfer(struct fdc *f);
/* LOCATING: the next sector is here. */
void fdc_locate(struct fdc *f);
void fdc_try_dma(struct fdc *f);
uint8_t fdc_pio_read(struct fdc *f);
void fdc_pio_write(struct fdc *f, uint8_t byte);
void fdc_overrun(struct fdc *f);
void fdc_write_sector(struct fdc *f); /* data[] to the image: HOST_WRITE */
void fdc_cancel_request(struct fdc *f);
bool fdc_has_format(const struct fdc *f, unsigned unit);

#endif
