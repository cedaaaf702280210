/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMART's self-tests and its off-line data collection: see ata_smart.h. Source: ATA/ATAPI-6, 8.51.4
 * (kinds, modes, what interrupts them) and 8.51.5 (status bytes), self-test log in 8.51.6.
 *
 * A sample has a request of its own, beside the one of the command in progress. When it fails, its
 * sectors are read one by one, so that the log names the bad one.
 */
#include <string.h>

#include "hw/ide/ata_internal.h"

#define SAMPLE_SECTORS 128
#define STEP_NS 100000000 /* 8.51.4: a command is served within 2 s at the latest */
#define CAPTIVE 0x80

enum { KIND_OFFLINE = 0, KIND_SHORT = 1, KIND_EXTENDED = 2, KIND_ABORT = 0x7f };
enum { OFFLINE_DONE = 0x02, OFFLINE_ABORTED = 0x05, OFFLINE_FATAL = 0x06 };

static void read_sample(struct ata_drive *d);

/* ---- how far it is ---- */

static uint32_t steps(const struct ata_drive *d)
{
    uint32_t wanted = (d->smart.test_kind & ~CAPTIVE) == KIND_EXTENDED ? 1024 : 64;
    uint64_t most = (d->native_sectors + SAMPLE_SECTORS - 1) / SAMPLE_SECTORS;

    return most < 1 ? 1 : most < wanted ? (uint32_t)most : wanted;
}

static uint32_t sample_sectors(const struct ata_drive *d)
{
    return d->native_sectors < SAMPLE_SECTORS ? (uint32_t)d->native_sectors : SAMPLE_SECTORS;
}

/* The samples are spread evenly; the last one ends with the disk. */
static uint64_t sample_lba(const struct ata_drive *d)
{
    uint32_t n = steps(d);

    return n < 2 ? 0 : (d->native_sectors - sample_sectors(d)) * d->smart.test_step / (n - 1);
}

static uint8_t tenths_left(const struct ata_drive *d)
{
    uint32_t n = steps(d), left = (n - d->smart.test_step) * 10 / n;

    return (uint8_t)(left > 9 ? 9 : left);
}

uint8_t ata_test_status_byte(const struct ata_drive *d)
{
    if (d->smart.test_running && d->smart.test_kind != KIND_OFFLINE)
        return (uint8_t)(ATA_TEST_RUNS << 4 | tenths_left(d));
    return d->smart.test_status;
}

bool ata_test_sane(const struct ata_drive *d)
{
    uint8_t kind = d->smart.test_kind, base = kind & ~CAPTIVE;
    bool captive = d->smart.test_running && kind & CAPTIVE;

    if (captive != (d->state == ATA_SELF_TEST))
        return false;
    if (!d->smart.test_running)
        return true;
    return base <= KIND_EXTENDED && kind != (CAPTIVE | KIND_OFFLINE) &&
           d->smart.test_step < steps(d) && d->smart.test_probe <= sample_sectors(d);
}

/* ---- ends ---- */

static void put_log_entry(struct ata_drive *d, uint64_t bad_lba)
{
    struct ata_smart *s = &d->smart;
    uint16_t hours = ata_smart_hours(d);
    uint32_t lba = (uint32_t)(bad_lba > 0xffffffff ? 0xffffffff : bad_lba);
    uint8_t *entry;

    s->test_index = s->test_index % ATA_TEST_ENTRIES + 1;
    entry = s->tests + (s->test_index - 1) * ATA_TEST_ENTRY_BYTES;
    memset(entry, 0, ATA_TEST_ENTRY_BYTES);
    entry[0] = s->test_kind;
    entry[1] = s->test_status;
    entry[2] = (uint8_t)hours;
    entry[3] = (uint8_t)(hours >> 8);
    for (unsigned i = 0; i < 4; i++)
        entry[5 + i] = (uint8_t)(lba >> 8 * i);
}

/* Writes down how it ended; bad_lba all ones: no sector is to blame. */
static void record_end(struct ata_drive *d, enum ata_test_status status, uint64_t bad_lba)
{
    struct ata_smart *s = &d->smart;

    if (status == ATA_TEST_READ && s->test_failures < UINT32_MAX)
        s->test_failures++;
    if (s->test_kind == KIND_OFFLINE) {
        s->offline_status = status == ATA_TEST_FATAL                             ? OFFLINE_FATAL
                            : status == ATA_TEST_GOOD || status == ATA_TEST_READ ? OFFLINE_DONE
                                                                                 : OFFLINE_ABORTED;
    } else {
        s->test_status = (uint8_t)(status << 4 | (status == ATA_TEST_GOOD ? 0 : tenths_left(d)));
        put_log_entry(d, bad_lba);
    }
    s->test_running = false;
    s->test_step = 0;
    s->test_probe = 0;
}

/* A captive test's command ends with the test: LBA mid and high say how (8.51.4, error outputs). */
static void finish(struct ata_drive *d, enum ata_test_status status, uint64_t bad_lba)
{
    record_end(d, status, bad_lba);
    if (d->state != ATA_SELF_TEST)
        return;
    if (status == ATA_TEST_GOOD) {
        ata_end(d);
    } else {
        d->tf.lba_mid = 0xf4;
        d->tf.lba_high = 0x2c;
        ata_abort(d, ATA_ERROR_ABRT);
    }
}

void ata_test_stop(struct ata_drive *d)
{
    if (d->smart.req)
        block_abandon(d->smart.req);
    d->smart.req = NULL;
    if (d->smart.timer.clock)
        vtimer_cancel(&d->smart.timer);
}

void ata_test_abort(struct ata_drive *d, enum ata_test_status status)
{
    ata_test_stop(d);
    if (d->smart.test_running)
        record_end(d, status, UINT64_MAX);
}

/* ---- samples ---- */

static void next_step(struct ata_drive *d)
{
    d->smart.test_probe = 0;
    if (++d->smart.test_step >= steps(d))
        finish(d, ATA_TEST_GOOD, UINT64_MAX);
    else if (d->state == ATA_SELF_TEST)
        read_sample(d);
    else
        vtimer_arm(&d->smart.timer, vclock_now_ns(d->smart.timer.clock) + STEP_NS);
}

static void sample_done(struct block_req *req, int err)
{
    struct ata_drive *d = req->opaque;
    uint64_t lba = req->sector;
    uint32_t sectors = req->sectors;

    d->smart.req = NULL;
    block_req_free(req);
    if (err && sectors == 1) {
        finish(d, ATA_TEST_READ, lba);
    } else if (err || (d->smart.test_probe && d->smart.test_probe < sample_sectors(d))) {
        d->smart.test_probe++;
        read_sample(d);
    } else {
        next_step(d);
    }
    d->changed(d->opaque);
}

static void read_sample(struct ata_drive *d)
{
    uint8_t probe = d->smart.test_probe;
    uint32_t sectors = probe ? 1 : sample_sectors(d);
    struct block_req *req = block_req_new(d->blk, 1);
    void *memory = block_req_alloc_buffer(req, (size_t)sectors * BLOCK_SECTOR_BYTES);

    if (!memory) {
        block_req_free(req);
        finish(d, ATA_TEST_FATAL, UINT64_MAX);
        return;
    }
    req->op = BLOCK_READ;
    req->sector = sample_lba(d) + (probe ? probe - 1 : 0);
    req->sectors = sectors;
    req->iov[0] = (struct iovec){ memory, (size_t)sectors * BLOCK_SECTOR_BYTES };
    req->iovcnt = 1;
    req->lock = d->dev->lock;
    req->done = sample_done;
    req->opaque = d;
    d->smart.req = req;
    block_submit(d->blk, req);
}

/* Off-line mode: commands come first, so a sample waits for a drive without one. */
static void step_due(void *opaque)
{
    struct ata_drive *d = opaque;

    if (!d->smart.test_running || d->smart.req)
        return;
    if (d->state == ATA_IDLE)
        read_sample(d);
    else
        vtimer_arm(&d->smart.timer, vclock_now_ns(d->smart.timer.clock) + STEP_NS);
}

/* ---- beginnings ---- */

static void start(struct ata_drive *d, uint8_t kind)
{
    d->smart.test_running = true;
    d->smart.test_kind = kind;
    d->smart.test_step = 0;
    d->smart.test_probe = 0;
    if (kind & CAPTIVE) {
        ata_set_state(d, ATA_SELF_TEST);
        read_sample(d);
    } else {
        vtimer_arm(&d->smart.timer, vclock_now_ns(d->smart.timer.clock) + STEP_NS);
        ata_end(d);
    }
}

/* A new test takes the place of one that runs. */
bool ata_test_begin(struct ata_drive *d, uint8_t kind)
{
    switch (kind) {
    case KIND_OFFLINE:
    case KIND_SHORT:
    case KIND_EXTENDED:
    case CAPTIVE | KIND_SHORT:
    case CAPTIVE | KIND_EXTENDED:
        ata_test_abort(d, ATA_TEST_ABORTED);
        start(d, kind);
        return true;
    case KIND_ABORT:
        ata_test_abort(d, ATA_TEST_ABORTED);
        ata_end(d);
        return true;
    default: /* conveyance and selective tests are not offered (byte 367 of the data) */
        return false;
    }
}

void ata_test_init(struct ata_drive *d)
{
    vtimer_init(&d->smart.timer, d->dev->env->clock, d->dev->lock, step_due, d);
}

/* ---- load ---- */

/* A captive test goes on by ata_resume(), one in off-line mode by its timer. */
void ata_test_loaded(struct ata_drive *d)
{
    ata_test_stop(d);
    if (d->smart.timer.clock && d->smart.test_running && d->state != ATA_SELF_TEST)
        vtimer_arm(&d->smart.timer, vclock_now_ns(d->smart.timer.clock) + STEP_NS);
}

void ata_test_resume(struct ata_drive *d)
{
    read_sample(d);
}
