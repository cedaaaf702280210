/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host protected area of a disk (ATA/ATAPI-6, 6.10, 8.32, 8.33, 8.47, 8.48): the host sets the
 * highest address that the disk shows, for good or until the next power-on, and may lock that.
 * Part of struct ata_drive, whose `sectors` is what the disk shows now.
 *
 *   INACTIVE --SET PASSWORD--> UNLOCKED --LOCK--> LOCKED --UNLOCK, right password--> UNLOCKED
 *                              UNLOCKED, LOCKED --FREEZE LOCK--> FROZEN
 *
 * LOCKED and FROZEN refuse SET MAX ADDRESS, its EXT form and SET PASSWORD. Only power-on (here: a
 * reset of the machine) leads from FROZEN back to INACTIVE, and out of LOCKED after five wrong
 * passwords.
 */
#ifndef HW_IDE_ATA_MAXADDR_H
#define HW_IDE_ATA_MAXADDR_H

#include "hw/device.h"

#define ATA_MAX_PASSWORD_BYTES 32

enum ata_max_lock { ATA_MAX_INACTIVE, ATA_MAX_UNLOCKED, ATA_MAX_LOCKED, ATA_MAX_FROZEN };
/* Which form of the command made the area: the other one is refused until it is gone. */
enum ata_max_form { ATA_MAX_NONE, ATA_MAX_28, ATA_MAX_48 };

struct ata_max {
    uint64_t stored;        /* sectors shown after power-on; outlives a reset */
    uint8_t stored_form;    /* enum ata_max_form */
    uint8_t form;           /* of the area there is now */
    bool stored_since_reset; /* one non-volatile change per power-on */
    uint8_t lock;           /* enum ata_max_lock */
    uint8_t unlock_left;    /* attempts */
    uint8_t password[ATA_MAX_PASSWORD_BYTES];
};

#define ATA_MAX_FIELDS(s, path, p)                                                                 \
    ATA_KEEP_(s, U64, path, max.stored, p, ATA_LBA48_SECTORS),                                     \
    ATA_KEEP_(s, U8, path, max.stored_form, p, ATA_MAX_48),                                        \
    ATA_FIELD_(s, U8, path, max.form, p, ATA_MAX_48),                                              \
    ATA_FIELD_(s, BOOL, path, max.stored_since_reset, p, 1),                                       \
    ATA_FIELD_(s, U8, path, max.lock, p, ATA_MAX_FROZEN),                                          \
    ATA_FIELD_(s, U8, path, max.unlock_left, p, 5), ATA_BYTES_(s, path, max.password, p)

#endif
