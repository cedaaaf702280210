/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMART: ATA/ATAPI-6, 8.51. The attributes are no part of it (vendor specific, 8.51.5); their format
 * is SFF-8035i's, which all tools read. What is counted is what really happens here: errors of the
 * host's storage, failed self-tests, hours of the machine's clock.
 */
#include "hw/ide/ata_smart.h"

#include <string.h>

#include "hw/ide/ata_internal.h"

#define KEY_MID 0x4f /* in LBA mid and high of each SMART command ... */
#define KEY_HIGH 0xc2
#define BAD_MID 0xf4 /* ... and what RETURN STATUS puts there for a drive that is about to fail */
#define BAD_HIGH 0x2c

enum { LOG_DIRECTORY = 0x00, LOG_ERRORS = 0x01, LOG_SELF_TESTS = 0x06 };

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value);
    put16(to + 2, value >> 16);
}

void ata_smart_init(struct ata_drive *d)
{
    d->smart.enabled = true;
    d->smart.autosave = true;
    ata_test_init(d);
}

uint16_t ata_smart_hours(const struct ata_drive *d)
{
    int64_t hours = vclock_now_ns(d->dev->env->clock) / 1000000000 / 3600;

    return (uint16_t)(hours > 0xffff ? 0xffff : hours);
}

const char *ata_smart_check(const struct ata_drive *d)
{
    if (!ata_test_sane(d))
        return "SMART: self-test";
    if (d->smart.error_index && !d->smart.error_count)
        return "SMART: error log";
    return NULL;
}

/* ---- the error log (8.51.6.8.2, summary error log) ---- */

/* Called for each command: the last five are kept, since an error's entry shows what led to it. */
void ata_smart_command(struct ata_drive *d, uint8_t opcode)
{
    uint8_t *list = d->smart.commands;
    uint8_t *entry = list + sizeof(d->smart.commands) - ATA_COMMAND_ENTRY_BYTES;

    memmove(list, list + ATA_COMMAND_ENTRY_BYTES,
            sizeof(d->smart.commands) - ATA_COMMAND_ENTRY_BYTES);
    entry[0] = 0; /* the device control register: the channel's */
    entry[1] = d->tf.feature;
    entry[2] = d->tf.count;
    entry[3] = d->tf.lba_low;
    entry[4] = d->tf.lba_mid;
    entry[5] = d->tf.lba_high;
    entry[6] = d->device;
    entry[7] = opcode;
    put32(entry + 8, (uint32_t)(vclock_now_ns(d->dev->env->clock) / 1000000));
}

static void count_error(uint32_t *counter)
{
    if (*counter < UINT32_MAX)
        ++*counter;
}

void ata_smart_error(struct ata_drive *d)
{
    struct ata_smart *s = &d->smart;
    uint8_t *entry;

    count_error(d->error & ATA_ERROR_UNC ? &s->read_errors : &s->write_errors);
    if (s->error_count < 0xffff)
        s->error_count++;
    s->error_index = s->error_index % ATA_ERROR_ENTRIES + 1;
    entry = s->errors + (s->error_index - 1) * ATA_ERROR_ENTRY_BYTES;
    memset(entry, 0, ATA_ERROR_ENTRY_BYTES);
    memcpy(entry, s->commands, sizeof(s->commands));
    entry += sizeof(s->commands);
    entry[1] = d->error;
    entry[2] = d->tf.count;
    entry[3] = d->tf.lba_low;
    entry[4] = d->tf.lba_mid;
    entry[5] = d->tf.lba_high;
    entry[6] = d->device;
    entry[7] = ata_status(d);
    entry[27] = 0x03; /* active or idle */
    put16(entry + 28, ata_smart_hours(d));
}

/* ---- attributes ---- */

#define ATTRIBUTES_AT 2
#define ATTRIBUTE_BYTES 12
enum { PREFAILURE = 0x01, ONLINE = 0x02, COUNTER = 0x30 };

struct attribute {
    uint8_t id, threshold;
    uint16_t flags;
    uint32_t raw;
    uint8_t value; /* 100 is as new; at the threshold the drive is about to fail */
};

enum { ATTRIBUTES = 7 };

static uint8_t value_of(uint32_t errors)
{
    return errors < 99 ? (uint8_t)(100 - errors) : 1;
}

static void get_attributes(const struct ata_drive *d, struct attribute a[ATTRIBUTES])
{
    const struct ata_smart *s = &d->smart;
    const struct attribute all[ATTRIBUTES] = {
        { 1, 51, PREFAILURE | ONLINE, s->read_errors, value_of(s->read_errors) },
        { 5, 36, PREFAILURE | ONLINE | COUNTER, 0, 100 }, /* reallocated sectors: the host's task */
        { 9, 0, ONLINE | COUNTER, ata_smart_hours(d), 100 },
        { 197, 0, ONLINE | COUNTER, 0, 100 },
        { 198, 0, COUNTER, s->test_failures, value_of(s->test_failures) },
        { 199, 0, ONLINE | COUNTER, 0, 100 },             /* CRC errors of the bus */
        { 200, 51, PREFAILURE | ONLINE, s->write_errors, value_of(s->write_errors) },
    };

    memcpy(a, all, sizeof(all));
}

static bool failing(const struct ata_drive *d)
{
    struct attribute a[ATTRIBUTES];

    get_attributes(d, a);
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        if (a[i].flags & PREFAILURE && a[i].value <= a[i].threshold)
            return true;
    }
    return false;
}

static void put_capabilities(const struct ata_drive *d, uint8_t *s)
{
    s[362] = d->smart.offline_status;
    s[363] = ata_test_status_byte(d);
    put16(s + 364, 7);      /* seconds that off-line data collection takes */
    s[367] = 0x11;          /* EXECUTE OFF-LINE IMMEDIATE with self-tests; goes on after commands */
    put16(s + 368, 0x0003); /* saves before it parks, and by itself */
    s[370] = 0x01;          /* error log */
    s[372] = 1;             /* minutes to wait for a short test ... */
    s[373] = 2;             /* ... and for an extended one */
}

static void read_data(struct ata_drive *d)
{
    struct attribute a[ATTRIBUTES];
    uint8_t *s = d->buf;

    memset(s, 0, BLOCK_SECTOR_BYTES);
    put16(s, 0x0010); /* revision of the format */
    get_attributes(d, a);
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        uint8_t *entry = s + ATTRIBUTES_AT + i * ATTRIBUTE_BYTES;

        entry[0] = a[i].id;
        put16(entry + 1, a[i].flags);
        entry[3] = a[i].value;
        entry[4] = a[i].value; /* the worst so far: none of the counts goes back */
        put32(entry + 5, a[i].raw);
    }
    put_capabilities(d, s);
    ata_put_checksum(s);
    ata_begin_answer(d);
}

static void read_thresholds(struct ata_drive *d)
{
    struct attribute a[ATTRIBUTES];
    uint8_t *s = d->buf;

    memset(s, 0, BLOCK_SECTOR_BYTES);
    put16(s, 0x0010);
    get_attributes(d, a);
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        s[ATTRIBUTES_AT + i * ATTRIBUTE_BYTES] = a[i].id;
        s[ATTRIBUTES_AT + i * ATTRIBUTE_BYTES + 1] = a[i].threshold;
    }
    ata_put_checksum(s);
    ata_begin_answer(d);
}

/* ---- logs (8.51.6) ---- */

static void put_log(const struct ata_drive *d, uint8_t log, uint8_t *s)
{
    const struct ata_smart *m = &d->smart;

    memset(s, 0, BLOCK_SECTOR_BYTES);
    if (log == LOG_DIRECTORY) { /* version, then the sectors of each log; no checksum */
        put16(s, 1);
        put16(s + 2 * LOG_ERRORS, 1);
        put16(s + 2 * LOG_SELF_TESTS, 1);
        return;
    }
    s[0] = 1; /* version */
    if (log == LOG_ERRORS) {
        s[1] = m->error_index;
        memcpy(s + 2, m->errors, sizeof(m->errors));
        put16(s + 452, m->error_count);
    } else {
        memcpy(s + 2, m->tests, sizeof(m->tests));
        s[508] = m->test_index;
    }
    ata_put_checksum(s);
}

/* Each log is one sector; logs that the host could write (80h-9Fh) are not there. */
static void read_log(struct ata_drive *d)
{
    uint8_t log = d->tf.lba_low;

    if ((log != LOG_DIRECTORY && log != LOG_ERRORS && log != LOG_SELF_TESTS) || d->tf.count != 1) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    put_log(d, log, d->buf);
    ata_begin_answer(d);
}

/* ---- the other commands ---- */

static void enable(struct ata_drive *d)
{
    d->smart.enabled = true;
    ata_end(d);
}

static void disable(struct ata_drive *d)
{
    ata_test_abort(d, ATA_TEST_ABORTED);
    d->smart.enabled = false;
    ata_end(d);
}

static void set_autosave(struct ata_drive *d)
{
    if (d->tf.count != 0x00 && d->tf.count != 0xf1) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    d->smart.autosave = d->tf.count == 0xf1;
    ata_end(d);
}

/* What is counted is kept all the time. */
static void save_attributes(struct ata_drive *d)
{
    ata_end(d);
}

static void execute_offline(struct ata_drive *d)
{
    if (!ata_test_begin(d, d->tf.lba_low))
        ata_abort(d, ATA_ERROR_ABRT);
}

static void return_status(struct ata_drive *d)
{
    bool bad = failing(d);

    d->tf.lba_mid = bad ? BAD_MID : KEY_MID;
    d->tf.lba_high = bad ? BAD_HIGH : KEY_HIGH;
    ata_end(d);
}

/* No row: DB, automatic off-line (retired; nothing happens by itself here), D6, WRITE LOG. */
/* clang-format off */
static const struct ata_subcommand smart_commands[] = {
    { 0xd0, read_data,       "SMART READ DATA",                         "8.51.5" },
    { 0xd1, read_thresholds, "SMART READ ATTRIBUTE THRESHOLDS",         "ATA-3" },
    { 0xd2, set_autosave,    "SMART ENABLE/DISABLE ATTRIBUTE AUTOSAVE", "8.51.2" },
    { 0xd3, save_attributes, "SMART SAVE ATTRIBUTE VALUES",             "ATA-5" },
    { 0xd4, execute_offline, "SMART EXECUTE OFF-LINE IMMEDIATE",        "8.51.4" },
    { 0xd5, read_log,        "SMART READ LOG",                          "8.51.6" },
    { 0xd8, enable,          "SMART ENABLE OPERATIONS",                 "8.51.3" },
    { 0xd9, disable,         "SMART DISABLE OPERATIONS",                "8.51.1" },
    { 0xda, return_status,   "SMART RETURN STATUS",                     "8.51.7" },
};
/* clang-format on */

void ata_start_smart(struct ata_drive *d, const struct ata_command *cmd)
{
    (void)cmd;
    if (d->tf.lba_mid != KEY_MID || d->tf.lba_high != KEY_HIGH ||
        (!d->smart.enabled && d->tf.feature != 0xd8)) {
        ata_abort(d, ATA_ERROR_ABRT);
        return;
    }
    ata_start_subcommand(d, smart_commands, sizeof(smart_commands) / sizeof(smart_commands[0]));
}
