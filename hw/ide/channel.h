/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One IDE channel: the command block (8 ports: data, error/feature, count, LBA low, mid, high,
 * device, status/command), the control port (alternate status/device control), two drives and the
 * interrupt line. Source: ATA/ATAPI-6, clauses 7 (registers) and 9 (protocols, two-device rules).
 *
 * Rules:
 * - Writes go to the registers of both drives; reads come from the selected one (7.8).
 * - While the selected drive is busy or wants data, writes to the command block are ignored, and so
 *   are commands (clause 7: "indeterminate"); so at most one drive of a channel works at a time.
 * - A drive that is not there reads as 0 in every register, whether its neighbour answers for it
 *   (9.16.1 asks that of the status) or nobody does; there is no old driver that is happier with a
 *   floating bus. Commands to it do nothing, but EXECUTE DEVICE DIAGNOSTIC runs on both (8.11).
 * - The pin is derived: interrupt pending in the selected drive and nIEN clear. The bus master keeps
 *   its rising edge. Reading the status clears what is pending; reading the alternate status does not.
 * - The data port takes 16 and 32 bits; a byte is not a PIO transfer (reads ff). Without a block to
 *   move in that direction it reads 0 and ignores writes.
 */
#ifndef HW_IDE_CHANNEL_H
#define HW_IDE_CHANNEL_H

#include "hw/device.h"
#include "hw/ide/ata.h"
#include "hw/ide/bmdma.h"

enum { IDE_CONTROL_NIEN = 0x02, IDE_CONTROL_SRST = 0x04, IDE_CONTROL_HOB = 0x80 };

struct ide_channel {
    struct device *dev;
    struct irq_pin irq;
    struct bmdma *bm;      /* NULL: none */
    struct vtimer resume;  /* after a load: fires when the clock runs */
    struct io_region command_block, control_block;
    char names[2][48];     /* of the regions */
    uint8_t control_off;   /* of the control port in its region */
    uint8_t control;       /* the device control register, write-only for the guest */
    struct ata_drive drive[2];
};

/* The part of a device's field table for the channel at `path` in `s`; `p` prefixes the names. */
#define IDE_CHANNEL_FIELDS(s, path, p)                                                             \
    { .name = p "control", .type = FIELD_U8, .offset = offsetof(s, path.control), .count = 1,      \
      .max = 0xff },                                                                               \
    ATA_FIELDS(s, path.drive[0], p "hd0."), ATA_FIELDS(s, path.drive[1], p "hd1.")

struct ide_channel_config {
    const char *name;          /* "ide0": of the regions */
    unsigned number;           /* in the machine, from 0: for default serial numbers */
    uint16_t iobase, ctlbase;  /* 0x1f0, 0x3f6; of no account where a BAR places the ports */
    /* The control block is the four ports of a BAR, the control port its third (PCI IDE Controller
     * Specification 1.0, 2.4); else the one port. */
    bool native;
    struct irq_pin irq;
    struct bmdma *bm;          /* NULL: no DMA */
    const struct ide_drive_config *drive[2]; /* NULL: absent */
};

/* Sets it up in zeroed memory; false with why[] if a drive's configuration is bad. Not yet mapped. */
bool ide_channel_init(struct ide_channel *ch, struct device *dev,
                      const struct ide_channel_config *cfg, char *why, size_t why_size);
/* Gives up requests, cancels the timer; the ports are unmapped already or by the owner. Lock held. */
void ide_channel_fini(struct ide_channel *ch);

/* Puts the ports into the dispatch table or takes them away; calling it again changes nothing.
 * For ISA; a PCI function gives the two regions to the PCI code. */
bool ide_channel_map(struct ide_channel *ch, char *why, size_t why_size);
void ide_channel_unmap(struct ide_channel *ch);

/* Part of the owner's class functions. */
void ide_channel_reset(struct ide_channel *ch);
const char *ide_channel_check(const struct ide_channel *ch); /* invariants: for post_load and tests */
void ide_channel_loaded(struct ide_channel *ch);
bool ide_channel_line(const struct ide_channel *ch); /* the level of its pin, derived */

/* The bus master's 8 registers, for the owner's window. */
uint32_t ide_channel_bm_read(struct ide_channel *ch, unsigned off, unsigned size);
void ide_channel_bm_write(struct ide_channel *ch, unsigned off, unsigned size, uint32_t value);

#endif
