/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host protected area: see ata_maxaddr.h. */
#include "hw/ide/ata_maxaddr.h"

#include <string.h>

#include "hw/ide/ata_internal.h"

#define UNLOCK_ATTEMPTS 5
#define PASSWORD_AT 2 /* word 1 of the sector that SET PASSWORD and UNLOCK take */

enum { OPCODE_NATIVE_MAX = 0xf8, OPCODE_NATIVE_MAX_EXT = 0x27 };
enum { FEATURE_SET_PASSWORD = 1, FEATURE_UNLOCK = 3 };

/* ---- what the disk shows ---- */

void ata_max_init(struct ata_drive *d)
{
    d->sectors = d->native_sectors;
    d->max.stored = d->native_sectors;
}

void ata_max_power_on(struct ata_drive *d)
{
    d->sectors = d->max.stored;
    d->max.form = d->max.stored_form;
    d->max.stored_since_reset = false;
    d->max.lock = ATA_MAX_INACTIVE;
    d->max.unlock_left = 0;
    memset(d->max.password, 0, sizeof(d->max.password));
}

const char *ata_max_check(const struct ata_drive *d)
{
    const struct ata_max *m = &d->max;

    if (d->sectors > d->native_sectors || m->stored > d->native_sectors)
        return "more sectors than the image has";
    if ((d->native_sectors && !d->sectors) || (d->native_sectors && !m->stored))
        return "no sectors to show";
    if (m->unlock_left && m->lock != ATA_MAX_LOCKED)
        return "SET MAX: attempts to unlock what is not locked";
    return NULL;
}

static uint64_t native_28(const struct ata_drive *d)
{
    return d->native_sectors < ATA_LBA28_SECTORS ? d->native_sectors : ATA_LBA28_SECTORS;
}

void ata_start_native_max(struct ata_drive *d, const struct ata_command *cmd)
{
    uint64_t sectors = cmd->flags & ATA_CMD_EXT ? d->native_sectors : native_28(d);

    if (cmd->flags & ATA_CMD_EXT && !(d->device & ATA_DEVICE_LBA)) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    ata_set_address(d, sectors ? sectors - 1 : 0);
    ata_end(d);
}

/* ---- SET MAX ADDRESS and its EXT form ---- */

static void show(struct ata_drive *d, uint64_t sectors, enum ata_max_form form, bool for_good)
{
    d->sectors = sectors;
    d->max.form = sectors < d->native_sectors ? form : ATA_MAX_NONE;
    d->cyls = ata_cylinders(d, d->heads, d->secs);
    if (!for_good)
        return;
    d->max.stored = sectors;
    d->max.stored_form = d->max.form;
    d->max.stored_since_reset = true;
}

/*
 * `native` has to be the command before, and successful. The area that the other form made has to be
 * removed by that form. A second change for good since power-on is ID not found (8.47.1, 8.48).
 */
static void set_max(struct ata_drive *d, uint64_t sectors, enum ata_max_form form, uint8_t native)
{
    bool for_good = d->tf.count & 1;
    bool other = d->max.form != ATA_MAX_NONE && d->max.form != form;

    if (!(d->device & ATA_DEVICE_LBA) || d->previous != native || other ||
        d->max.lock == ATA_MAX_LOCKED || d->max.lock == ATA_MAX_FROZEN ||
        sectors > d->native_sectors) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    if (for_good && d->max.stored_since_reset) {
        ata_abort(d, ATA_ERROR_IDNF);
        return;
    }
    show(d, sectors, form, for_good);
    ata_end(d);
}

/* The highest address of 28 bits opens the whole disk, since READ NATIVE MAX ADDRESS gave that. */
static void set_max_address(struct ata_drive *d)
{
    uint64_t sectors = ata_lba28(d) + 1;

    set_max(d, sectors == native_28(d) ? d->native_sectors : sectors, ATA_MAX_28,
            OPCODE_NATIVE_MAX);
}

void ata_start_set_max_ext(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    set_max(d, ata_lba48(d) + 1, ATA_MAX_48, OPCODE_NATIVE_MAX_EXT);
}

/* ---- the lock ---- */

static void end_in(struct ata_drive *d, enum ata_max_lock lock)
{
    d->max.lock = (uint8_t)lock;
    d->max.unlock_left = lock == ATA_MAX_LOCKED ? UNLOCK_ATTEMPTS : 0;
    ata_end(d);
}

static void set_password(struct ata_drive *d)
{
    if (d->max.lock == ATA_MAX_LOCKED || d->max.lock == ATA_MAX_FROZEN)
        ata_abort(d, ATA_ERROR_ABRT);
    else
        ata_begin_data_out(d);
}

static void lock(struct ata_drive *d)
{
    if (d->max.lock == ATA_MAX_UNLOCKED)
        end_in(d, ATA_MAX_LOCKED);
    else
        ata_abort(d, ATA_ERROR_ABRT);
}

static void unlock(struct ata_drive *d)
{
    if (d->max.lock == ATA_MAX_LOCKED && d->max.unlock_left)
        ata_begin_data_out(d);
    else
        ata_abort(d, ATA_ERROR_ABRT);
}

static void freeze(struct ata_drive *d)
{
    if (d->max.lock == ATA_MAX_UNLOCKED || d->max.lock == ATA_MAX_LOCKED)
        end_in(d, ATA_MAX_FROZEN);
    else
        ata_abort(d, ATA_ERROR_ABRT);
}

static void try_password(struct ata_drive *d)
{
    if (!d->max.unlock_left) {
        ata_abort(d, ATA_ERROR_ABRT);
    } else if (!memcmp(d->buf + PASSWORD_AT, d->max.password, ATA_MAX_PASSWORD_BYTES)) {
        end_in(d, ATA_MAX_UNLOCKED);
    } else {
        d->max.unlock_left--;
        ata_abort(d, ATA_ERROR_ABRT);
    }
}

/* The sector of SET PASSWORD or UNLOCK has come; READ BUFFER shall not show it. */
void ata_set_max_data(struct ata_drive *d)
{
    if (d->tf.feature == FEATURE_UNLOCK) {
        try_password(d);
    } else if (d->tf.feature == FEATURE_SET_PASSWORD) {
        memcpy(d->max.password, d->buf + PASSWORD_AT, ATA_MAX_PASSWORD_BYTES);
        end_in(d, ATA_MAX_UNLOCKED);
    } else {
        ata_abort(d, ATA_ERROR_ABRT);
    }
    memset(d->buf, 0, BLOCK_SECTOR_BYTES);
}

/* clang-format off */
static const struct ata_subcommand set_max_commands[] = {
    { 0x00,                 set_max_address, "SET MAX ADDRESS",      "8.47.1" },
    { FEATURE_SET_PASSWORD, set_password,    "SET MAX SET PASSWORD", "8.47.2" },
    { 0x02,                 lock,            "SET MAX LOCK",         "8.47.3" },
    { FEATURE_UNLOCK,       unlock,          "SET MAX UNLOCK",       "8.47.4" },
    { 0x04,                 freeze,          "SET MAX FREEZE LOCK",  "8.47.5" },
};
/* clang-format on */

/* Right after READ NATIVE MAX ADDRESS each is SET MAX ADDRESS: old drivers leave the feature open. */
void ata_start_set_max(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    if (d->previous == OPCODE_NATIVE_MAX)
        set_max_address(d);
    else
        ata_start_subcommand(d, set_max_commands,
                             sizeof(set_max_commands) / sizeof(set_max_commands[0]));
}
