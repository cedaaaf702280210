/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A floppy controller at 0x3f0, line 6, on channel 2 of an 8237, with two images. Each access goes
 * through the dispatch tables and is followed by a check of all invariants, which fails the test.
 */
#ifndef TESTS_FAKES_FAKE_FDC_H
#define TESTS_FAKES_FAKE_FDC_H

#include "hw/floppy/fdc.h"
#include "tests/fakes/fake_block.h"
#include "tests/fakes/fake_env.h"

enum { SRA = 0x3f0, SRB, DOR, TDR, MSR, FIFO, DIR = 0x3f7, DSR = 0x3f4, CCR = 0x3f7 };
enum { MSR_RQM = 0x80, MSR_DIO = 0x40, MSR_NONDMA = 0x20, MSR_BUSY = 0x10 };
#define FDC_LINE 6
#define FDC_CHANNEL 2
#define SECTORS_144 2880

struct fake_fdc {
    struct fake_env *fe;
    struct device *dev, *dma;
    struct block *blk[2];
};

struct fake_fdc_setup {
    uint64_t sectors[2]; /* 0: a drive without a block */
    enum fdc_drive_type type[2]; /* NONE (0): no drive */
    bool immediate;
};

/* 128 KiB of RAM; the images are filled (salt 0), reads need waiting. */
struct fake_fdc *fake_fdc_new(const struct fake_fdc_setup *setup);
struct fake_fdc *fake_fdc_144(void); /* A: 1.44 MB at 500 kbit/s; no B */
void fake_fdc_free(struct fake_fdc *ff); /* fails the test if a rule of block.h was broken */
void fake_fdc_check(struct fake_fdc *ff);

uint8_t fdc_in(struct fake_fdc *ff, uint16_t port);
void fdc_out(struct fake_fdc *ff, uint16_t port, uint8_t value);
bool fdc_line(const struct fake_fdc *ff);

/* Time and host requests until nothing more happens. */
void fdc_run(struct fake_fdc *ff);

/* The bytes of a command; each must be asked for. */
void fdc_send(struct fake_fdc *ff, const uint8_t *bytes, unsigned count);
#define SEND(ff, ...) fdc_send(ff, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))
/* Takes the result phase; fails if it is not `count` bytes. */
void fdc_results(struct fake_fdc *ff, uint8_t *bytes, unsigned count);
/* ... and compares it. */
void fdc_expect(struct fake_fdc *ff, const uint8_t *bytes, unsigned count);
#define EXPECT(ff, ...)                                                                            \
    fdc_expect(ff, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

/* Channel 2: `bytes` at gpa. to_memory: the guest reads the disk. */
void fdc_program_dma(struct fake_fdc *ff, bool to_memory, uint32_t gpa, uint32_t bytes);

/* RAM or image hold (get) the sector's content with salt. */
void fdc_expect_ram(struct fake_fdc *ff, uint32_t gpa, uint64_t sector, unsigned sectors,
                    uint64_t salt);
void fdc_fill_ram(struct fake_fdc *ff, uint32_t gpa, uint64_t sector, unsigned sectors,
                  uint64_t salt);
void fdc_expect_disk(struct fake_fdc *ff, unsigned unit, uint64_t sector, unsigned sectors,
                     uint64_t salt);

#endif
