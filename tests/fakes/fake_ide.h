/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An IDE channel with bus master and without PCI, at 0x1f0/0x3f6/0xc000, line 14: what the tests of
 * drive, channel and bus master share. Each access goes through the dispatch tables and is followed
 * by a check of all invariants, which fails the test.
 */
#ifndef TESTS_FAKES_FAKE_IDE_H
#define TESTS_FAKES_FAKE_IDE_H

#include "hw/ide/channel.h"
#include "tests/fakes/fake_block.h"
#include "tests/fakes/fake_env.h"

enum { DATA = 0x1f0, ERROR = 0x1f1, FEATURE = 0x1f1, COUNT, LBA0, LBA1, LBA2, DEVICE, STATUS,
       COMMAND = 0x1f7, ALT = 0x3f6, CONTROL = 0x3f6 };
enum { BM_CMD = 0xc000, BM_STATUS = 0xc002, BM_TABLE = 0xc004 };
#define IDE_LINE 14

struct fake_ide {
    struct device dev;
    struct ide_channel ch;
    struct bmdma bm;
    struct io_region bm_region;
    struct fake_env *fe;
    struct block *blk[2];
    bool no_check; /* a test that breaks things on purpose */
};

/* RAM in bytes; sectors of each drive, 0: absent. Disks are filled (salt 0); reads need waiting. */
struct fake_ide *fake_ide_new(size_t ram_bytes, uint64_t sectors0, uint64_t sectors1);
struct fake_ide *fake_ide_new_config(size_t ram_bytes, const struct ide_drive_config *d0,
                                     const struct ide_drive_config *d1);
/* Frees device, disks and world; fails the test if a rule of block.h was broken or a map is open. */
void fake_ide_free(struct fake_ide *fi);
void fake_ide_check(struct fake_ide *fi);

/* Accesses, checked. */
uint8_t in8(struct fake_ide *fi, uint16_t port);
uint16_t in16(struct fake_ide *fi, uint16_t port);
void out8(struct fake_ide *fi, uint16_t port, uint8_t value);
void out16(struct fake_ide *fi, uint16_t port, uint16_t value);
void out32(struct fake_ide *fi, uint16_t port, uint32_t value);
void read_data(struct fake_ide *fi, void *buf, size_t bytes);  /* rep insw */
void write_data(struct fake_ide *fi, const void *buf, size_t bytes);

/* Commands to drive `unit` with its registers. */
void command28(struct fake_ide *fi, unsigned unit, uint8_t opcode, uint32_t lba, uint8_t count);
void command48(struct fake_ide *fi, unsigned unit, uint8_t opcode, uint64_t lba, uint16_t count);
void command_chs(struct fake_ide *fi, unsigned unit, uint8_t opcode, uint16_t cyl, uint8_t head,
                 uint8_t sec, uint8_t count);
/* A command that is about the drive: feature and count. Lets what it asks of the host end. */
void command_feature(struct fake_ide *fi, unsigned unit, uint8_t opcode, uint8_t feature,
                     uint8_t count);
unsigned run(struct fake_ide *fi); /* ends all host requests of both disks */

/* A PRD, and starting the bus master at `table`. */
void put_prd(struct fake_ide *fi, uint32_t at, uint32_t addr, uint32_t bytes, bool last);
void start_dma(struct fake_ide *fi, uint32_t table, bool to_memory);

/* Fails unless the sectors of the image / the bytes in RAM have the content of `fill` with salt. */
void expect_ram(struct fake_ide *fi, uint64_t gpa, uint64_t sector, uint32_t sectors, uint64_t salt);
void expect_disk(struct fake_ide *fi, unsigned unit, uint64_t sector, uint32_t sectors,
                 uint64_t salt);
void fill_ram(struct fake_ide *fi, uint64_t gpa, uint64_t sector, uint32_t sectors, uint64_t salt);

#endif
