/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fake_ide whose drive 0 is a CD drive, and packet commands as a careful driver gives them: each
 * step looks at status, interrupt reason, byte count and interrupt as the standard has them.
 */
#ifndef TESTS_FAKES_FAKE_CD_H
#define TESTS_FAKES_FAKE_CD_H

#include "tests/fakes/fake_ide.h"

#define CD_BLOCKS 500u
#define CD_TABLE 0x100 /* PRD table, and where DMA goes, in guest memory */
#define CD_MEMORY 0x10000u

/* The packet's bytes; the rest is 0: PACKET(0x28, 0, 0, 0, 0, 16). */
#define PACKET(...) ((const uint8_t[12]){ __VA_ARGS__ })

/* A disc of so many 512-byte sectors, filled (salt 0); 0: no disc. Unit attention already taken. */
struct fake_ide *fake_cd_new(uint64_t sectors);
struct fake_ide *fake_cd_new_config(struct ide_drive_config *cfg); /* attention still pending */
/* Another disc, filled with this salt. */
void fake_cd_insert(struct fake_ide *fi, uint64_t sectors, uint64_t salt);

/* PACKET and its 12 bytes; nothing that follows. */
void cd_packet(struct fake_ide *fi, const uint8_t *p, uint16_t limit, bool dma);
/* The whole command by PIO; returns how many bytes came. Fails the test if it does not end well. */
uint32_t cd_in(struct fake_ide *fi, const uint8_t *p, uint16_t limit, void *buf, uint32_t size);
/* The same without data, and with a parameter list; the sense data that results, 0: good. */
uint32_t cd_command(struct fake_ide *fi, const uint8_t *p);
uint32_t cd_out(struct fake_ide *fi, const uint8_t *p, const void *list, uint32_t bytes);
/* Any command that may give data: takes it, and returns its sense data as 0xKAAQQ. */
uint32_t cd_sense_after(struct fake_ide *fi, const uint8_t *p);
/* REQUEST SENSE; *info if it is valid, else untouched. */
uint32_t cd_sense(struct fake_ide *fi, uint32_t *info);
/* The command ended: reads status, error and reason. */
void cd_expect_end(struct fake_ide *fi, uint8_t status, uint8_t error);
/* 2048 bytes are block `lba` of the filled disc. */
void cd_expect_block(const uint8_t *data, uint32_t lba, uint64_t salt);
bool cd_pin(const struct fake_ide *fi);

#endif
