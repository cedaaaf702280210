/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of the floppy controller: one table, and those that move no data. */
#include <string.h>

#include "hw/floppy/fdc_internal.h"

#define SEEK_NS 100000
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define VERSION_82077 0x90
#define PART_82078 0x41 /* stepping 1, as QEMU answers: Linux then calls it an S82078B */
#define RECALIBRATE_STEPS 79

/* A new cause replaces what a reset left to report: SeaBIOS asks once only after a reset. */
static void drop_polls(struct fdc *f)
{
    f->polls = 0;
    f->irq_reset = false;
}

void fdc_to_result(struct fdc *f, unsigned count, bool interrupt)
{
    if (interrupt)
        drop_polls(f);
    f->result_count = (uint8_t)count;
    f->result_pos = 0;
    f->irq_result = interrupt;
    fdc_set_state(f, count ? FDC_RESULT : FDC_IDLE);
}

uint8_t fdc_result_byte(struct fdc *f)
{
    uint8_t v = f->results[f->result_pos % FDC_MAX_RESULTS];

    f->irq_result = false;
    if (++f->result_pos >= f->result_count)
        fdc_to_result(f, 0, false);
    return v;
}

static void answer(struct fdc *f, uint8_t byte)
{
    f->results[0] = byte;
    fdc_to_result(f, 1, false);
}

static void done(struct fdc *f)
{
    fdc_to_result(f, 0, false);
}

static unsigned unit_of(const struct fdc *f)
{
    return f->params[0] & 3;
}

static bool drive_there(const struct fdc *f, unsigned unit)
{
    return unit < FDC_DRIVES && f->type[unit] != FDC_DRIVE_NONE;
}

/* ---- seeks: the controller is free meanwhile ---- */

void fdc_move_heads(struct fdc *f, unsigned unit, unsigned cylinder)
{
    if (cylinder > FDC_LAST_STOP)
        cylinder = FDC_LAST_STOP;
    if (cylinder == f->cylinder[unit])
        return;
    f->cylinder[unit] = (uint8_t)cylinder;
    if (unit < FDC_DRIVES && f->blk[unit] && block_has_medium(f->blk[unit]))
        f->changed[unit] = false;
}

void fdc_seek_ended(struct fdc *f, unsigned unit)
{
    drop_polls(f);
    f->seek_due_ns[unit] = 0;
    f->motion[unit] = FDC_MOTION_ENDED;
}

static void begin_seek(struct fdc *f, unsigned unit, uint8_t st0)
{
    done(f);
    f->seek_st0[unit] = (uint8_t)(st0 | unit);
    f->motion[unit] = FDC_MOTION_SEEKING;
    if (f->immediate) {
        fdc_seek_ended(f, unit);
        return;
    }
    f->seek_due_ns[unit] = vclock_now_ns(f->dev.env->clock) + SEEK_NS;
    vtimer_arm(&f->seek_timer[unit], f->seek_due_ns[unit]);
}

static void seek(struct fdc *f)
{
    unsigned unit = unit_of(f);

    f->pcn[unit] = f->params[1];
    fdc_move_heads(f, unit, f->params[1]);
    begin_seek(f, unit, FDC_ST0_SE);
}

/* After 79 steps without track 0 it gives up; of a drive that is not there the signal never comes. */
static void recalibrate(struct fdc *f)
{
    unsigned unit = unit_of(f), from = f->cylinder[unit];
    uint8_t st0 = FDC_ST0_SE;

    f->pcn[unit] = 0;
    fdc_move_heads(f, unit, from > RECALIBRATE_STEPS ? from - RECALIBRATE_STEPS : 0);
    if (!drive_there(f, unit) || f->cylinder[unit])
        st0 |= FDC_ST0_ABNORMAL | FDC_ST0_EC;
    begin_seek(f, unit, st0);
}

static void relative_seek(struct fdc *f)
{
    unsigned unit = unit_of(f), from = f->cylinder[unit], by = f->params[1];

    if (f->command & FDC_OP_DIR)
        fdc_move_heads(f, unit, from + by);
    else
        fdc_move_heads(f, unit, from > by ? from - by : 0);
    f->pcn[unit] = f->cylinder[unit];
    begin_seek(f, unit, FDC_ST0_SE);
}

static void two_results(struct fdc *f, uint8_t st0, uint8_t pcn)
{
    f->results[0] = st0;
    f->results[1] = pcn;
    fdc_to_result(f, 2, false);
}

/* After a reset each unit reports once; then ended seeks; without either it is invalid (5.2). */
static void sense_interrupt(struct fdc *f)
{
    if (f->polls) {
        unsigned unit = FDC_UNITS - f->polls--;

        f->irq_reset = false;
        two_results(f, (uint8_t)(FDC_ST0_POLLING | unit), f->pcn[unit]);
        return;
    }
    for (unsigned unit = 0; unit < FDC_UNITS; unit++) {
        if (f->motion[unit] != FDC_MOTION_ENDED)
            continue;
        f->motion[unit] = FDC_MOTION_STILL;
        two_results(f, f->seek_st0[unit], f->pcn[unit]);
        return;
    }
    answer(f, FDC_ST0_INVALID);
}

/* ---- settings and status ---- */

static void sense_drive(struct fdc *f)
{
    unsigned unit = unit_of(f);
    uint8_t st3 = (uint8_t)(FDC_ST3_ALWAYS | (f->params[0] & 7));

    if (drive_there(f, unit) && !f->cylinder[unit])
        st3 |= FDC_ST3_T0;
    if (fdc_has_format(f, unit) && block_readonly(f->blk[unit]))
        st3 |= FDC_ST3_WP;
    answer(f, st3);
}

static void specify(struct fdc *f)
{
    f->spec1 = f->params[0];
    f->spec2 = f->params[1];
    done(f);
}

static void configure(struct fdc *f)
{
    f->config = f->params[1] & 0x7f;
    f->pretrk = f->params[2];
    done(f);
}

/* The drives' bits change with OW only (5.2). */
static void perpendicular(struct fdc *f)
{
    uint8_t drives = f->params[0] & 0x80 ? f->params[0] & 0x3c : f->perpendicular & 0x3c;

    f->perpendicular = drives | (f->params[0] & 3);
    done(f);
}

static void lock(struct fdc *f)
{
    f->lock = f->command & FDC_OP_LOCK;
    answer(f, (uint8_t)(f->lock << 4));
}

static uint8_t lock_and_perpendicular(const struct fdc *f)
{
    return (uint8_t)(f->lock << 7 | f->perpendicular);
}

static void dumpreg(struct fdc *f)
{
    memcpy(f->results, f->pcn, FDC_UNITS);
    f->results[4] = f->spec1;
    f->results[5] = f->spec2;
    f->results[6] = f->last_eot;
    f->results[7] = lock_and_perpendicular(f);
    f->results[8] = f->config;
    f->results[9] = f->pretrk;
    fdc_to_result(f, 10, false);
}

static void save(struct fdc *f)
{
    memset(f->results, 0, sizeof(f->results));
    f->results[0] = f->dsr & 0x1c;
    f->results[1] = f->option;
    memcpy(f->results + 2, f->pcn, FDC_UNITS);
    f->results[6] = f->spec1;
    f->results[7] = f->spec2;
    f->results[8] = f->last_eot;
    f->results[9] = lock_and_perpendicular(f);
    f->results[10] = f->config;
    f->results[11] = f->pretrk;
    f->results[12] = f->powerdown;
    fdc_to_result(f, 16, false);
}

static void restore(struct fdc *f)
{
    f->option = f->params[1] & 1;
    memcpy(f->pcn, f->params + 2, FDC_UNITS);
    f->spec1 = f->params[6];
    f->spec2 = f->params[7];
    f->last_eot = f->params[8];
    f->lock = f->params[9] >> 7;
    f->perpendicular = f->params[9] & 0x3f;
    f->config = f->params[10] & 0x7f;
    f->pretrk = f->params[11];
    f->powerdown = f->params[12];
    done(f);
}

static void option(struct fdc *f)
{
    f->option = f->params[0] & 1;
    done(f);
}

static void powerdown_mode(struct fdc *f)
{
    f->powerdown = f->params[0];
    answer(f, f->powerdown);
}

/* Bytes for up to four drives, and one with DN, are taken as one command: see param_done(). */
static void drive_specification(struct fdc *f)
{
    unsigned last = f->param_count - 1u;

    for (unsigned i = 0; i < last; i++)
        f->drive_spec[f->params[i] >> 5 & 3] = f->params[i] & 0x1f;
    if (!(f->params[last] & FDC_SPEC_DONE)) {
        answer(f, FDC_ST0_INVALID);
        return;
    }
    memcpy(f->results, f->drive_spec, FDC_UNITS);
    fdc_to_result(f, f->params[last] & FDC_SPEC_NO_RESULT ? 0 : FDC_UNITS, false);
}

static void version(struct fdc *f) { answer(f, VERSION_82077); }
static void part_id(struct fdc *f) { answer(f, PART_82078); }

static void invalid(struct fdc *f)
{
    device_guest_error(&f->dev, "invalid command %02x", f->command);
    answer(f, FDC_ST0_INVALID);
}

/* ---- the table (290166, chapter 5) ---- */

static const struct fdc_command commands[] = {
    {0x1f, 0x06, 8, 7, FDC_READ, false, fdc_start_transfer, "READ DATA", "5.1"},
    {0x1f, 0x0c, 8, 7, FDC_READ, true, fdc_start_transfer, "READ DELETED DATA", "5.1"},
    {0xbf, 0x02, 8, 7, FDC_READ_TRACK, false, fdc_start_transfer, "READ TRACK", "5.1"},
    {0x3f, 0x05, 8, 7, FDC_WRITE, false, fdc_start_transfer, "WRITE DATA", "5.1"},
    {0x3f, 0x09, 8, 7, FDC_WRITE, true, fdc_start_transfer, "WRITE DELETED DATA", "5.1"},
    {0x1f, 0x16, 8, 7, FDC_VERIFY, false, fdc_start_transfer, "VERIFY", "5.1"},
    {0xbf, 0x0d, 5, 7, FDC_FORMAT, false, fdc_start_transfer, "FORMAT TRACK", "5.1"},
    {0x1f, 0x11, 8, 7, FDC_SCAN, false, fdc_start_transfer, "SCAN EQUAL", "5.1"},
    {0x1f, 0x19, 8, 7, FDC_SCAN, false, fdc_start_transfer, "SCAN LOW OR EQUAL", "5.1"},
    {0x1f, 0x1d, 8, 7, FDC_SCAN, false, fdc_start_transfer, "SCAN HIGH OR EQUAL", "5.1"},
    {0xbf, 0x0a, 1, 7, FDC_READ_ID, false, fdc_start_transfer, "READ ID", "5.2"},
    {0xff, 0x07, 1, 0, FDC_NO_DATA, false, recalibrate, "RECALIBRATE", "5.2"},
    {0xff, 0x0f, 2, 0, FDC_NO_DATA, false, seek, "SEEK", "5.2"},
    {0xff, 0x08, 0, 2, FDC_NO_DATA, false, sense_interrupt, "SENSE INTERRUPT STATUS", "5.2"},
    {0xff, 0x04, 1, 1, FDC_NO_DATA, false, sense_drive, "SENSE DRIVE STATUS", "5.2"},
    {0xff, 0x03, 2, 0, FDC_NO_DATA, false, specify, "SPECIFY", "5.2"},
    {0xff, 0x13, 3, 0, FDC_NO_DATA, false, configure, "CONFIGURE", "5.2"},
    {0xff, 0x10, 0, 1, FDC_NO_DATA, false, version, "VERSION", "5.2"},
    {0xbf, 0x8f, 2, 0, FDC_NO_DATA, false, relative_seek, "RELATIVE SEEK", "5.2"},
    {0xff, 0x12, 1, 0, FDC_NO_DATA, false, perpendicular, "PERPENDICULAR MODE", "5.2"},
    {0x7f, 0x14, 0, 1, FDC_NO_DATA, false, lock, "LOCK", "5.2"},
    {0xff, 0x0e, 0, 10, FDC_NO_DATA, false, dumpreg, "DUMPREG", "5.2"},
    {0xff, 0x18, 0, 1, FDC_NO_DATA, false, part_id, "PART ID", "82078"},
    {0xff, 0x17, 1, 1, FDC_NO_DATA, false, powerdown_mode, "POWERDOWN MODE", "82078"},
    {0xff, 0x33, 1, 0, FDC_NO_DATA, false, option, "OPTION", "82078"},
    {0xff, 0x2e, 0, 16, FDC_NO_DATA, false, save, "SAVE", "82078"},
    {0xff, 0x4e, 16, 0, FDC_NO_DATA, false, restore, "RESTORE", "82078"},
    {0xff, 0x8e, 5, 4, FDC_NO_DATA, false, drive_specification, "DRIVE SPECIFICATION", "82078"},
    {0x00, 0x00, 0, 1, FDC_NO_DATA, false, invalid, "invalid", "5.2"},
};

const struct fdc_command *fdc_find_command(uint8_t byte)
{
    unsigned i = 0;

    while ((byte & commands[i].mask) != commands[i].opcode)
        i++;
    return &commands[i];
}

static bool params_complete(const struct fdc *f, const struct fdc_command *cmd)
{
    if (cmd->start == drive_specification && f->param_count &&
        f->params[f->param_count - 1] & FDC_SPEC_DONE)
        return true;
    return f->param_count >= cmd->params;
}

void fdc_command_byte(struct fdc *f, uint8_t byte)
{
    const struct fdc_command *cmd;

    if (f->state == FDC_IDLE) {
        f->command = byte;
        f->param_count = 0;
        fdc_set_state(f, FDC_COMMAND);
    } else if (f->param_count < FDC_MAX_PARAMS) {
        f->params[f->param_count++] = byte;
    }
    cmd = fdc_find_command(f->command);
    if (params_complete(f, cmd))
        cmd->start(f);
}
