/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power management: ATA/ATAPI-6, 6.9 and 8.7, 8.17, 8.18, 8.50, 8.52, 8.53. Nothing spins here; what
 * the host can see are the answers of CHECK POWER MODE, the standby timer, and that a drive which
 * was told to park has stored its cache. A timer that expires stores nothing: FLUSH CACHE is what
 * the host has for that, and the data is in no more danger than before.
 */
#include "hw/ide/ata_internal.h"

/* The timer's period from IDLE's or STANDBY's count register (8.17, table of timer periods). */
static int64_t period_ns(uint8_t count)
{
    int64_t seconds;

    if (count <= 240)
        seconds = count * 5;
    else if (count <= 251)
        seconds = (count - 240) * 30 * 60;
    else if (count == 252)
        seconds = 21 * 60;
    else if (count == 255)
        seconds = 21 * 60 + 15;
    else
        seconds = 8 * 60 * 60; /* 253: 8 to 12 hours; 254 is reserved */
    return seconds * 1000000000;
}

static void expired(void *opaque)
{
    struct ata_drive *d = opaque;

    d->standby_ns = -1;
    if (d->state == ATA_IDLE)
        d->power = ATA_POWER_STANDBY; /* else a command runs, whose end starts the timer again */
}

void ata_power_init(struct ata_drive *d)
{
    vtimer_init(&d->standby, d->dev->env->clock, d->dev->lock, expired, d);
    d->standby_ns = -1;
}

void ata_power_stop(struct ata_drive *d)
{
    if (d->standby.clock)
        vtimer_cancel(&d->standby);
    d->standby_ns = -1;
}

/* CHECK POWER MODE does not count as use, or a daemon that asks now and then would keep it awake. */
void ata_power_idle(struct ata_drive *d)
{
    bool asked = d->command == 0xe5 || d->command == 0x98;

    if (!d->standby_timer || d->power == ATA_POWER_STANDBY) {
        if (d->standby_ns >= 0)
            ata_power_stop(d);
    } else if (!asked && d->standby.clock) {
        d->standby_ns = vclock_now_ns(d->standby.clock) + period_ns(d->standby_timer);
        vtimer_arm(&d->standby, d->standby_ns);
    }
}

/* In IDLE it runs if it can; while a command runs it may have expired. */
bool ata_power_sane(const struct ata_drive *d)
{
    bool wanted = d->standby_timer && d->power != ATA_POWER_STANDBY;

    return d->standby_ns >= -1 && (d->state != ATA_IDLE || (d->standby_ns >= 0) == wanted);
}

void ata_power_loaded(struct ata_drive *d)
{
    if (!d->standby.clock)
        return;
    if (d->standby_ns >= 0)
        vtimer_arm(&d->standby, d->standby_ns);
    else
        vtimer_cancel(&d->standby);
}

/* ---- commands ---- */

void ata_start_standby(struct ata_drive *d, const struct ata_command *cmd)
{
    if (cmd->first == 0xe2 || cmd->first == 0x96)
        d->standby_timer = d->tf.count;
    else
        ata_test_abort(d, ATA_TEST_ABORTED); /* STANDBY IMMEDIATE and SLEEP end a test (8.51.4) */
    d->power = ATA_POWER_STANDBY;
    ata_begin_flush(d);
}

void ata_start_idle(struct ata_drive *d, const struct ata_command *cmd)
{
    if (cmd->first == 0xe3 || cmd->first == 0x97)
        d->standby_timer = d->tf.count;
    d->power = ATA_POWER_IDLE;
    ata_end(d);
}

void ata_start_sleep(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    ata_test_abort(d, ATA_TEST_ABORTED);
    ata_begin_flush(d);
}

void ata_start_check_power(struct ata_drive *d, const struct ata_command *cmd)
{
    static const uint8_t modes[] = {
        [ATA_POWER_STANDBY] = 0x00, [ATA_POWER_IDLE] = 0x80, [ATA_POWER_ACTIVE] = 0xff
    };

    (void)cmd;
    d->tf.count = modes[d->power];
    ata_end(d);
}
