/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tray, lock, medium and the events that report them: MMC-5, commands GET EVENT STATUS
 * NOTIFICATION, MECHANISM STATUS, PREVENT ALLOW MEDIUM REMOVAL, START STOP UNIT.
 */
#include "hw/ide/atapi_internal.h"

enum { CLASS_OPERATIONAL = 1, CLASS_POWER = 2, CLASS_MEDIA = 4 };
#define CLASSES (1 << CLASS_OPERATIONAL | 1 << CLASS_POWER | 1 << CLASS_MEDIA)

enum atapi_profile atapi_profile(const struct ata_drive *d)
{
    return !d->cd.blocks                          ? ATAPI_PROFILE_NONE
           : d->cd.blocks <= ATAPI_CD_BLOCKS_MAX ? ATAPI_PROFILE_CD
                                                  : ATAPI_PROFILE_DVD;
}

enum atapi_sense atapi_absence(const struct ata_drive *d)
{
    return d->cd.tray_open ? SENSE_TRAY_OPEN : SENSE_TRAY_CLOSED;
}

/* ---- what changes ---- */

/* The host's medium in blocks, if it can be reached. */
static uint32_t blocks_there(const struct ata_drive *d)
{
    uint64_t blocks;

    if (d->cd.tray_open || !block_has_medium(d->blk))
        return 0;
    blocks = (block_sectors(d->blk) + ATAPI_BLOCK_SECTORS - 1) / ATAPI_BLOCK_SECTORS;
    return (uint32_t)(blocks < UINT32_MAX ? blocks : UINT32_MAX);
}

/* The medium that was there, if any, is gone; then there is the one that `blocks` says. */
static void change_medium(struct ata_drive *d, uint32_t blocks)
{
    struct atapi *cd = &d->cd;

    if (cd->blocks) {
        cd->gone_untold = true;
        cd->ua &= ~ATAPI_UA_MEDIUM;
        cd->events = (cd->events | ATAPI_EVENT_REMOVAL) & ~ATAPI_EVENT_NEW;
        cd->medium_lost = cd->data == ATAPI_BLOCKS || cd->data == ATAPI_VERIFY;
    }
    if (blocks) {
        cd->ua |= ATAPI_UA_MEDIUM;
        cd->events |= ATAPI_EVENT_NEW;
    }
    cd->blocks = blocks;
}

static void move_tray(struct ata_drive *d, bool open)
{
    if (d->cd.tray_open == open)
        return;
    d->cd.tray_open = open;
    d->cd.events &= ~ATAPI_EVENT_EJECT;
    change_medium(d, blocks_there(d));
    block_tray_moved(d->blk);
}

/* ---- what the process asks for ---- */

static bool tray_is_locked(void *opaque)
{
    const struct ata_drive *d = opaque;

    return d->cd.locked || d->cd.locked_persistent;
}

static bool tray_request(void *opaque, bool open, bool force)
{
    struct ata_drive *d = opaque;

    if (open && !d->cd.tray_open && tray_is_locked(d) && !force) {
        d->cd.events |= ATAPI_EVENT_EJECT;
        return false;
    }
    move_tray(d, open);
    return true;
}

static bool tray_is_open(void *opaque)
{
    return ((struct ata_drive *)opaque)->cd.tray_open;
}

static void medium_changed(void *opaque)
{
    struct ata_drive *d = opaque;

    change_medium(d, blocks_there(d));
}

static const struct block_drive_ops drive_ops = {
    .tray_request = tray_request,
    .tray_is_open = tray_is_open,
    .tray_is_locked = tray_is_locked,
    .medium_changed = medium_changed,
};

void atapi_attach(struct ata_drive *d)
{
    d->cd.blocks = blocks_there(d);
    block_attach(d->blk, &drive_ops, d, d->dev->lock, true);
    d->cd.attached = true;
}

/* A load brings the saved drive to the medium that is here now. */
void atapi_loaded(struct ata_drive *d)
{
    uint32_t blocks = blocks_there(d);

    if (blocks != d->cd.blocks)
        change_medium(d, blocks);
}

/* ---- START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL ---- */

static void set_power(struct ata_drive *d, unsigned power)
{
    if (d->power != power)
        d->cd.events |= ATAPI_EVENT_POWER;
    d->power = (uint8_t)power;
}

/* Byte 4, bits 7:4: active, idle, standby; sleep is standby here, so that no reset is needed. */
static void power_condition(struct ata_drive *d, unsigned condition)
{
    static const uint8_t power[] = { [1] = ATA_POWER_ACTIVE, [2] = ATA_POWER_IDLE,
                                     [3] = ATA_POWER_STANDBY, [5] = ATA_POWER_STANDBY };

    if (condition > 5 || condition == 4) {
        atapi_fail(d, SENSE_BAD_FIELD);
        return;
    }
    set_power(d, power[condition]);
    atapi_good(d);
}

void atapi_start_stop(struct ata_drive *d, const uint8_t *p)
{
    bool start = p[4] & 0x01, load_eject = p[4] & 0x02;

    if (p[4] & 0xf0) {
        power_condition(d, p[4] >> 4);
        return;
    }
    if (load_eject && !start && tray_is_locked(d) && !d->cd.tray_open) {
        atapi_fail(d, SENSE_LOCKED);
        return;
    }
    if (load_eject)
        move_tray(d, !start);
    else if (start && !d->cd.blocks) {
        atapi_fail(d, atapi_absence(d)); /* nothing to spin up */
        return;
    }
    if (!load_eject)
        set_power(d, start ? ATA_POWER_ACTIVE : ATA_POWER_STANDBY);
    atapi_good(d);
}

/* Byte 4: bit 0 prevent, bit 1 persistent. Either lock holds the tray against the button and
 * against START STOP UNIT; each is released by its own kind of ALLOW. */
void atapi_prevent_allow(struct ata_drive *d, const uint8_t *p)
{
    bool *lock = p[4] & 0x02 ? &d->cd.locked_persistent : &d->cd.locked;

    *lock = p[4] & 0x01;
    atapi_good(d);
}

/* ---- GET EVENT STATUS NOTIFICATION ---- */

/* One media event at a time, in the order in which they can have happened. */
static void media_event(struct ata_drive *d, uint8_t *e)
{
    static const struct { uint8_t bit, code; } order[] = {
        { ATAPI_EVENT_EJECT, 1 }, { ATAPI_EVENT_REMOVAL, 3 }, { ATAPI_EVENT_NEW, 2 },
    };

    for (unsigned i = 0; i < 3; i++) {
        if (!(d->cd.events & order[i].bit))
            continue;
        d->cd.events &= ~order[i].bit;
        e[0] = order[i].code;
        break;
    }
    e[1] = (uint8_t)((d->cd.blocks != 0) << 1 | d->cd.tray_open);
}

static void power_status(struct ata_drive *d, uint8_t *e)
{
    static const uint8_t states[] = { [ATA_POWER_ACTIVE] = 1, [ATA_POWER_IDLE] = 2,
                                      [ATA_POWER_STANDBY] = 3 };

    e[0] = d->cd.events & ATAPI_EVENT_POWER ? 1 : 0; /* changed successfully */
    d->cd.events &= ~ATAPI_EVENT_POWER;
    e[1] = states[d->power];
}

/* The lowest class with an event, else the lowest one that was asked for; -1: none of ours. */
static int choose_class(const struct ata_drive *d, unsigned asked)
{
    if (asked & 1 << CLASS_POWER && d->cd.events & ATAPI_EVENT_POWER)
        return CLASS_POWER;
    if (asked & 1 << CLASS_MEDIA &&
        d->cd.events & (ATAPI_EVENT_EJECT | ATAPI_EVENT_REMOVAL | ATAPI_EVENT_NEW))
        return CLASS_MEDIA;
    for (int c = 0; c < 8; c++) {
        if (asked & CLASSES & 1u << c)
            return c;
    }
    return -1;
}

void atapi_event_status(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);
    uint32_t allocation = atapi_get16(p + 7);
    int class = choose_class(d, p[4]);

    if (!(p[1] & 1)) {
        atapi_fail(d, SENSE_BAD_FIELD); /* asynchronous notification: there is none */
        return;
    }
    a[3] = CLASSES;
    if (class < 0) {
        a[1] = 2;
        a[2] = 0x80; /* no event available */
        atapi_answer(d, 4, allocation);
        return;
    }
    a[1] = 6;
    a[2] = (uint8_t)class;
    if (allocation <= 4) {
        atapi_answer(d, 8, allocation); /* the header alone leaves the event pending */
        return;
    }
    if (class == CLASS_MEDIA)
        media_event(d, a + 4);
    else if (class == CLASS_POWER)
        power_status(d, a + 4);
    else
        a[5] = (uint8_t)(d->cd.locked_persistent << 7); /* operational: no change, ready */
    atapi_answer(d, 8, allocation);
}

void atapi_mechanism_status(struct ata_drive *d, const uint8_t *p)
{
    uint8_t *a = atapi_blank(d);

    a[1] = (uint8_t)(d->cd.tray_open << 4); /* idle; no changer: no slots */
    atapi_answer(d, 8, atapi_get16(p + 8));
}
