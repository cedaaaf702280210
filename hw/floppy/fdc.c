/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers and life of the floppy controller: see fdc.h. */
#include "hw/floppy/fdc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/floppy/fdc_internal.h"

enum { SRA, SRB, DOR, TDR, MSR, FIFO, LOW_PORTS }; /* DSR is written where MSR is read */
#define DIR_OFFSET 7 /* CCR is written where DIR is read */
#define DIR_CHANGED 0x80
#define POWER_ON_DOR (FDC_DOR_NRESET | FDC_DOR_DMAGATE)

/* ---- registers ---- */

static unsigned selected(const struct fdc *f)
{
    return f->dor & FDC_DOR_DRIVE;
}

/* 2.1; what the selected drive's wires say, active low ones as they are. No index pulses. */
static uint8_t read_sra(const struct fdc *f)
{
    unsigned unit = selected(f);
    bool there = unit < FDC_DRIVES && f->type[unit] != FDC_DRIVE_NONE;
    bool protected = fdc_has_format(f, unit) && block_readonly(f->blk[unit]);
    bool pending = f->irq_result || f->irq_reset;

    for (unsigned i = 0; i < FDC_UNITS; i++)
        pending |= f->motion[i] == FDC_MOTION_ENDED;
    return (uint8_t)(pending << 7 | (f->type[1] == FDC_DRIVE_NONE) << 6 |
                     !(there && !f->cylinder[unit]) << 4 | f->head << 3 | 1 << 2 |
                     !protected << 1);
}

/* 2.1 */
static uint8_t read_srb(const struct fdc *f)
{
    return (uint8_t)(0xc0 | (f->dor & 1) << 5 | (f->dor & FDC_DOR_MOTOR_B ? 2 : 0) |
                     (f->dor & FDC_DOR_MOTOR_A ? 1 : 0));
}

static uint8_t read_msr(struct fdc *f)
{
    if (f->state == FDC_DMA_WAIT) {
        fdc_try_dma(f);
        fdc_settle(f);
    }
    return fdc_msr(f);
}

static uint8_t read_fifo(struct fdc *f)
{
    uint8_t v = 0;

    if (f->state == FDC_RESULT)
        v = fdc_result_byte(f);
    else if (f->state == FDC_PIO_IN)
        v = fdc_pio_read(f);
    else
        device_guest_error(&f->dev, "FIFO read in state %s", fdc_state_names[f->state]);
    fdc_settle(f);
    return v;
}

static void write_fifo(struct fdc *f, uint8_t v)
{
    if (f->state == FDC_IDLE || f->state == FDC_COMMAND)
        fdc_command_byte(f, v);
    else if (f->state == FDC_PIO_OUT)
        fdc_pio_write(f, v);
    else
        device_guest_error(&f->dev, "FIFO write in state %s", fdc_state_names[f->state]);
    fdc_settle(f);
}

static void write_dor(struct fdc *f, uint8_t v)
{
    bool run = v & FDC_DOR_NRESET;

    f->dor = v;
    if (!run && f->state != FDC_RESET)
        fdc_enter_reset(f);
    else if (run && f->state == FDC_RESET)
        fdc_leave_reset(f);
    fdc_settle(f);
}

/* The reset bit falls back by itself (2.1). */
static void write_dsr(struct fdc *f, uint8_t v)
{
    f->dsr = v & ~FDC_DSR_RESET;
    if (v & FDC_DSR_RESET && f->state != FDC_RESET) {
        fdc_enter_reset(f);
        fdc_leave_reset(f);
    }
    fdc_settle(f);
}

static uint64_t low_read(void *chip, uint64_t off, unsigned size)
{
    struct fdc *f = chip;

    (void)size;
    switch (off) {
    case SRA: return read_sra(f);
    case SRB: return read_srb(f);
    case DOR: return f->dor;
    case TDR: return f->tdr;
    case MSR: return read_msr(f);
    default: return read_fifo(f);
    }
}

static void low_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct fdc *f = chip;
    uint8_t v = (uint8_t)value;

    (void)size;
    switch (off) {
    case DOR: write_dor(f, v); break;
    case TDR: f->tdr = v & 3; break;
    case MSR: write_dsr(f, v); break;
    case FIFO: write_fifo(f, v); break;
    default: break; /* SRA and SRB are read-only */
    }
}

/* A drive without a medium says "changed" until there is one and the heads have moved. */
static uint64_t high_read(void *chip, uint64_t off, unsigned size)
{
    const struct fdc *f = chip;
    unsigned unit = selected(f);

    (void)off;
    (void)size;
    return unit < FDC_DRIVES && f->type[unit] != FDC_DRIVE_NONE && f->changed[unit] ? DIR_CHANGED
                                                                                   : 0;
}

static void high_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct fdc *f = chip;

    (void)off;
    (void)size;
    f->dsr = (uint8_t)((f->dsr & ~FDC_DSR_RATE) | (value & FDC_DSR_RATE));
}

static const struct io_ops low_ops = {.read = low_read, .write = low_write, .widths = IO_W1};
static const struct io_ops high_ops = {.read = high_read, .write = high_write, .widths = IO_W1};

/* ---- media ---- */

/* False: there is a medium, and no such drive could read it. */
static bool look_at_medium(struct fdc *f, unsigned unit)
{
    enum fdc_drive_type drive;
    struct block *blk = f->blk[unit];

    memset(&f->format[unit], 0, sizeof(f->format[unit]));
    return !blk || !block_has_medium(blk) ||
           fdc_pick_format(f->type[unit], block_sectors(blk), &f->format[unit], &drive);
}

static bool working_on(const struct fdc *f, unsigned unit)
{
    return f->state >= FDC_LOCATING && f->state <= FDC_PIO_OUT && f->unit == unit;
}

static void medium_changed(struct fdc *f, unsigned unit)
{
    if (!look_at_medium(f, unit))
        device_guest_error(&f->dev, "drive %u (%s): no such drive reads a medium of %llu sectors",
                           unit, fdc_drive_type_name(f->type[unit]),
                           (unsigned long long)block_sectors(f->blk[unit]));
    memset(f->marks[unit], 0, sizeof(f->marks[unit]));
    f->changed[unit] = true;
    if (working_on(f, unit))
        f->medium_lost = true;
}

static void medium_changed_a(void *fdc) { medium_changed(fdc, 0); }
static void medium_changed_b(void *fdc) { medium_changed(fdc, 1); }

static const struct block_drive_ops drive_ops[FDC_DRIVES] = {
    {.medium_changed = medium_changed_a},
    {.medium_changed = medium_changed_b},
};

/* ---- life ---- */

#define FDC_FIELD(t, member, max) DEV_FIELD(struct fdc, t, member, 0, max)
#define FDC_ARRAY(t, member, max) DEV_FIELD_ARRAY(struct fdc, t, member, 0, max)

static const struct dev_field fields[] = {
    DEV_FIELD(struct fdc, U8, dor, POWER_ON_DOR, 0),
    FDC_FIELD(U8, tdr, 3),
    FDC_FIELD(U8, dsr, 0x7f),
    FDC_FIELD(U8, spec1, 0),
    FDC_FIELD(U8, spec2, 0),
    DEV_FIELD(struct fdc, U8, config, FDC_CONFIG_FIFO_OFF, 0x7f),
    FDC_FIELD(U8, pretrk, 0),
    FDC_FIELD(U8, perpendicular, 0x3f),
    FDC_FIELD(U8, option, 1),
    FDC_FIELD(U8, powerdown, 0),
    FDC_FIELD(U8, last_eot, 0),
    FDC_ARRAY(U8, drive_spec, 0x1f),
    FDC_FIELD(BOOL, lock, 1),
    DEV_FIELD_ARRAY(struct fdc, BOOL, changed, 1, 1),
    FDC_ARRAY(U8, next_id, 0),
    FDC_ARRAY(U8, cylinder, FDC_LAST_STOP),
    FDC_ARRAY(U8, pcn, 0),
    {.name = "motion", .type = FIELD_U8, .offset = offsetof(struct fdc, motion), .count = FDC_UNITS,
     .max = FDC_MOTIONS - 1, .names = fdc_motion_names},
    FDC_ARRAY(U8, seek_st0, 0),
    FDC_ARRAY(I64, seek_due_ns, 0),
    {.name = "state", .type = FIELD_U8, .offset = offsetof(struct fdc, state), .count = 1,
     .reset = FDC_IDLE, .max = FDC_STATES - 1, .names = fdc_state_names},
    FDC_FIELD(U8, command, 0),
    DEV_FIELD_BYTES(struct fdc, params),
    FDC_FIELD(U8, param_count, FDC_MAX_PARAMS),
    DEV_FIELD_BYTES(struct fdc, results),
    FDC_FIELD(U8, result_count, FDC_MAX_RESULTS),
    FDC_FIELD(U8, result_pos, FDC_MAX_RESULTS),
    FDC_FIELD(BOOL, irq_result, 1),
    FDC_FIELD(BOOL, irq_reset, 1),
    FDC_FIELD(U8, polls, FDC_UNITS),
    FDC_FIELD(I64, due_ns, 0),
    FDC_FIELD(I64, give_up_ns, 0),
    FDC_FIELD(U8, unit, 3),
    FDC_FIELD(U8, head, 1),
    FDC_FIELD(U8, c, 0),
    FDC_FIELD(U8, h, 0),
    FDC_FIELD(U8, r, 0),
    FDC_FIELD(U8, n, 0),
    FDC_FIELD(U8, eot, 0),
    FDC_FIELD(U8, st0, 0),
    FDC_FIELD(U8, st1, 0),
    FDC_FIELD(U8, st2, 0),
    FDC_FIELD(U16, left, 255),
    FDC_FIELD(BOOL, terminal, 1),
    FDC_FIELD(BOOL, stop, 1),
    FDC_FIELD(BOOL, satisfied, 1),
    FDC_FIELD(BOOL, medium_lost, 1),
    FDC_FIELD(BOOL, gap, 1),
    FDC_FIELD(BOOL, to_memory, 1),
    FDC_FIELD(U16, data_pos, FDC_SECTOR_BYTES),
    FDC_FIELD(U16, data_len, FDC_SECTOR_BYTES),
    DEV_FIELD_BYTES(struct fdc, data),
    DEV_FIELD_BYTES(struct fdc, sector),
    /* of the medium, not of the controller: a machine's reset leaves it */
    {.name = "marks", .type = FIELD_BYTES, .offset = offsetof(struct fdc, marks),
     .count = FDC_DRIVES * FDC_MARKS, .keep = true},
};

static void arm_again(struct vtimer *timer, int64_t due_ns)
{
    vtimer_cancel(timer);
    if (due_ns)
        vtimer_arm(timer, due_ns);
}

/* The timers follow the fields, which have just been set. */
static void follow_fields(struct fdc *f)
{
    f->go = false;
    arm_again(&f->timer, f->due_ns);
    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        arm_again(&f->seek_timer[unit], f->seek_due_ns[unit]);
    fdc_update_irq(f);
}

static void fdc_reset(struct device *dev)
{
    struct fdc *f = (struct fdc *)dev;

    fdc_cancel_request(f);
    f->illegal_moves = 0;
    follow_fields(f);
}

/* A request of the saved state is made anew: the sector is read again, or written again. */
static void loaded(struct fdc *f)
{
    fdc_cancel_request(f);
    if (f->state == FDC_HOST_READ)
        f->state = FDC_LOCATING; /* not a move of the guest's making */
    if (f->state == FDC_HOST_WRITE || f->state == FDC_LOCATING)
        f->due_ns = f->due_ns ? f->due_ns : vclock_now_ns(f->dev.env->clock) + 1;
    follow_fields(f);
}

static const char *fdc_post_load(struct device *dev)
{
    struct fdc *f = (struct fdc *)dev;
    const char *why = isa_fdc_check(dev);

    if (!why && !f->load_refused)
        loaded(f);
    f->load_refused = why != NULL;
    return why;
}

static void fdc_free(struct device *dev)
{
    struct fdc *f = (struct fdc *)dev;

    iomap_remove(dev->env->iomap, &f->low);
    iomap_remove(dev->env->iomap, &f->high);
    device_enter(dev);
    fdc_cancel_request(f);
    vtimer_cancel(&f->timer);
    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        vtimer_cancel(&f->seek_timer[unit]);
    for (unsigned unit = 0; unit < FDC_DRIVES; unit++) {
        if (f->blk[unit])
            block_detach(f->blk[unit]);
    }
    device_leave(dev);
    device_fini(dev);
    free(f);
}

static const struct device_class fdc_class = {
    .name = "isa-fdc",
    .title = "floppy controller, 82077AA",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = fdc_reset,
    .post_load = fdc_post_load,
    .free = fdc_free,
};

static void seek_fired(struct fdc *f, unsigned unit)
{
    fdc_seek_ended(f, unit);
    fdc_settle(f);
}

static void seek_fired_0(void *fdc) { seek_fired(fdc, 0); }
static void seek_fired_1(void *fdc) { seek_fired(fdc, 1); }
static void seek_fired_2(void *fdc) { seek_fired(fdc, 2); }
static void seek_fired_3(void *fdc) { seek_fired(fdc, 3); }

static void init_timers(struct fdc *f)
{
    static void (*const fired[FDC_UNITS])(void *) = {seek_fired_0, seek_fired_1, seek_fired_2,
                                                     seek_fired_3};

    vtimer_init(&f->timer, f->dev.env->clock, f->dev.lock, fdc_timer_fired, f);
    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        vtimer_init(&f->seek_timer[unit], f->dev.env->clock, f->dev.lock, fired[unit], f);
}

static bool add_drive(struct fdc *f, unsigned unit, const struct fdc_drive_config *c, char *why,
                      size_t why_size)
{
    struct block *blk = c->type == FDC_DRIVE_NONE ? NULL : c->blk;
    enum fdc_drive_type type = c->type == FDC_DRIVE_AUTO ? c->fallback : c->type;
    uint64_t sectors = blk && block_has_medium(blk) ? block_sectors(blk) : 0;

    if (sectors && !fdc_pick_format(c->type, sectors, &f->format[unit], &type)) {
        snprintf(why, why_size, "%s: drive %u: an image of %llu bytes is no medium for a floppy "
                 "drive of type %s", f->dev.id, unit, (unsigned long long)sectors * 512,
                 fdc_drive_type_name(c->type));
        return false;
    }
    f->type[unit] = type;
    f->blk[unit] = blk;
    if (blk) {
        device_enter(&f->dev);
        block_attach(blk, &drive_ops[unit], f, f->dev.lock, true);
        look_at_medium(f, unit);
        device_leave(&f->dev);
    }
    return true;
}

static bool map_ports(struct fdc *f, uint16_t iobase, char *why, size_t why_size)
{
    f->low = (struct io_region){.name = "fdc", .space = IO_PORT, .base = iobase,
                                .size = LOW_PORTS, .ops = &low_ops, .chip = f, .lock = f->dev.lock};
    f->high = f->low;
    f->high.name = "fdc.dir";
    f->high.base = iobase + DIR_OFFSET;
    f->high.size = 1;
    f->high.ops = &high_ops;
    return iomap_add(f->dev.env->iomap, &f->low, why, why_size) &&
           iomap_add(f->dev.env->iomap, &f->high, why, why_size);
}

struct device *isa_fdc_new(const struct dev_env *env, const char *id, const struct fdc_config *cfg,
                           char *why, size_t why_size)
{
    struct fdc *f = calloc(1, sizeof(*f));

    if (!f) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    device_init(&f->dev, &fdc_class, env, id);
    f->irq = cfg->irq;
    f->dma = cfg->dma;
    f->immediate = cfg->immediate;
    init_timers(f);
    for (unsigned unit = 0; unit < FDC_DRIVES; unit++) {
        if (!add_drive(f, unit, &cfg->drive[unit], why, why_size)) {
            fdc_free(&f->dev);
            return NULL;
        }
    }
    if (!map_ports(f, cfg->iobase, why, why_size)) {
        fdc_free(&f->dev);
        return NULL;
    }
    device_reset(&f->dev);
    return &f->dev;
}

enum fdc_drive_type isa_fdc_drive_type(const struct device *dev, unsigned unit)
{
    const struct fdc *f = (const struct fdc *)dev;

    return unit < FDC_DRIVES ? (enum fdc_drive_type)f->type[unit] : FDC_DRIVE_NONE;
}
