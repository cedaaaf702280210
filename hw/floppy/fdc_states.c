/* SPDX-License-Identifier: GPL-2.0-or-later */
/* States, time and the interrupt line of the floppy controller: see fdc.h. */
#include <string.h>

#include "hw/floppy/fdc_internal.h"

#define RESET_NS 100000

const char *const fdc_state_names[FDC_STATES] = {
    [FDC_RESET] = "reset",         [FDC_STARTING] = "starting",   [FDC_IDLE] = "idle",
    [FDC_COMMAND] = "command",     [FDC_LOCATING] = "locating",   [FDC_HOST_READ] = "host-read",
    [FDC_HOST_WRITE] = "host-write", [FDC_DMA_WAIT] = "dma-wait", [FDC_PIO_IN] = "pio-in",
    [FDC_PIO_OUT] = "pio-out",     [FDC_RESULT] = "result",
};

const char *const fdc_motion_names[FDC_MOTIONS] = {"still", "seeking", "ended"};

/* From each state, those that may follow. RESET may follow each. */
static const uint16_t moves[FDC_STATES] = {
    [FDC_RESET] = FDC_BIT(STARTING),
    [FDC_STARTING] = FDC_BIT(IDLE),
    [FDC_IDLE] = FDC_BIT(COMMAND),
    [FDC_COMMAND] = FDC_BIT(LOCATING) | FDC_BIT(RESULT) | FDC_BIT(IDLE),
    [FDC_LOCATING] = FDC_BIT(LOCATING) | FDC_BIT(HOST_READ) | FDC_BIT(DMA_WAIT) | FDC_BIT(PIO_IN) |
                     FDC_BIT(PIO_OUT) | FDC_BIT(RESULT),
    [FDC_HOST_READ] = FDC_BIT(LOCATING) | FDC_BIT(DMA_WAIT) | FDC_BIT(PIO_IN) | FDC_BIT(PIO_OUT) |
                      FDC_BIT(RESULT),
    [FDC_HOST_WRITE] = FDC_BIT(LOCATING) | FDC_BIT(RESULT),
    [FDC_DMA_WAIT] = FDC_BIT(LOCATING) | FDC_BIT(HOST_WRITE) | FDC_BIT(RESULT),
    [FDC_PIO_IN] = FDC_BIT(LOCATING) | FDC_BIT(RESULT),
    [FDC_PIO_OUT] = FDC_BIT(LOCATING) | FDC_BIT(HOST_WRITE) | FDC_BIT(RESULT),
    [FDC_RESULT] = FDC_BIT(IDLE),
};

bool fdc_move_allowed(enum fdc_state from, enum fdc_state to)
{
    return (moves[from] | FDC_BIT(RESET)) >> to & 1;
}

void fdc_set_state(struct fdc *f, enum fdc_state state)
{
    if (!fdc_move_allowed(f->state, state))
        f->illegal_moves++;
    f->state = state;
    fdc_update_irq(f); /* at each state: between two sectors the line has its edge */
}

bool fdc_non_dma(const struct fdc *f)
{
    return f->spec2 & 1 || !(f->dor & FDC_DOR_DMAGATE);
}

uint8_t fdc_msr(const struct fdc *f)
{
    uint8_t v = 0;

    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        v |= (uint8_t)((f->motion[unit] == FDC_MOTION_SEEKING) << unit);
    switch ((enum fdc_state)f->state) {
    case FDC_IDLE: return v | FDC_MSR_RQM;
    case FDC_COMMAND: return v | FDC_MSR_RQM | FDC_MSR_BUSY;
    case FDC_RESULT: return v | FDC_MSR_RQM | FDC_MSR_DIO | FDC_MSR_BUSY;
    case FDC_PIO_IN: return v | FDC_MSR_RQM | FDC_MSR_DIO | FDC_MSR_NONDMA | FDC_MSR_BUSY;
    case FDC_PIO_OUT: return v | FDC_MSR_RQM | FDC_MSR_NONDMA | FDC_MSR_BUSY;
    case FDC_LOCATING:
    case FDC_HOST_READ:
    case FDC_HOST_WRITE:
    case FDC_DMA_WAIT: return v | FDC_MSR_BUSY | (fdc_non_dma(f) ? FDC_MSR_NONDMA : 0);
    default: return 0;
    }
}

/*
 * The line: a result or the end of a seek or reset is to be fetched, or the CPU is to move data. In
 * a data phase of the CPU it is up from a sector's first byte to its last (the FIFO of 16 bytes has
 * an edge per fill, which drivers that move a sector in a loop would see as stray ones).
 */
void fdc_update_irq(struct fdc *f)
{
    bool level = f->irq_result || f->irq_reset || f->state == FDC_PIO_IN || f->state == FDC_PIO_OUT;

    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        level |= f->motion[unit] == FDC_MOTION_ENDED;
    irq_pin_set(&f->irq, level && f->dor & FDC_DOR_DMAGATE);
}

/* ---- time ---- */

void fdc_cancel_timer(struct fdc *f)
{
    f->due_ns = 0;
    f->go = false;
    vtimer_cancel(&f->timer);
}

void fdc_schedule(struct fdc *f, int64_t delay_ns)
{
    if (f->immediate && (f->state == FDC_LOCATING || f->state == FDC_STARTING)) {
        f->due_ns = 0;
        f->go = true;
        return;
    }
    f->go = !delay_ns;
    f->due_ns = delay_ns ? vclock_now_ns(f->dev.env->clock) + delay_ns : 0;
    if (f->due_ns)
        vtimer_arm(&f->timer, f->due_ns);
}

static void started(struct fdc *f)
{
    fdc_set_state(f, FDC_IDLE);
    if (!(f->config & FDC_CONFIG_POLL_OFF)) {
        f->polls = FDC_UNITS;
        f->irq_reset = true;
    }
}

static void go_on(struct fdc *f)
{
    if (f->state == FDC_STARTING)
        started(f);
    else if (f->state == FDC_LOCATING)
        fdc_locate(f);
    else if (f->state == FDC_HOST_WRITE && !f->req)
        fdc_write_sector(f); /* a loaded state: its request was lost with the old process */
    else if (f->state == FDC_DMA_WAIT)
        fdc_try_dma(f);
}

/* Each turn deals with a sector of the command, or ends it; a command has less than 512. */
void fdc_settle(struct fdc *f)
{
    while (f->go) {
        f->go = false;
        go_on(f);
    }
    fdc_update_irq(f);
}

void fdc_timer_fired(void *opaque)
{
    struct fdc *f = opaque;
    bool by_cpu = f->state == FDC_PIO_IN || f->state == FDC_PIO_OUT;
    bool late = f->state == FDC_DMA_WAIT && f->due_ns >= f->give_up_ns;

    f->due_ns = 0;
    if (by_cpu || late)
        fdc_overrun(f);
    else
        f->go = true;
    fdc_settle(f);
}

/* ---- reset by DOR or DSR (290166, "Reset") ---- */

static void forget_command(struct fdc *f)
{
    fdc_cancel_request(f);
    fdc_cancel_timer(f);
    f->param_count = f->result_count = f->result_pos = 0;
    f->data_pos = f->data_len = f->left = 0;
    f->irq_result = f->irq_reset = f->gap = false;
    f->terminal = f->stop = f->satisfied = f->medium_lost = false;
    f->polls = 0;
    f->give_up_ns = 0;
}

/* LOCK keeps the FIFO's settings; the wave of SPECIFY and the rate stay anyhow. */
void fdc_enter_reset(struct fdc *f)
{
    forget_command(f);
    for (unsigned unit = 0; unit < FDC_UNITS; unit++) {
        f->motion[unit] = FDC_MOTION_STILL;
        f->seek_due_ns[unit] = 0;
        vtimer_cancel(&f->seek_timer[unit]);
    }
    if (f->lock) {
        f->config &= FDC_CONFIG_FIFO_BITS;
    } else {
        f->config = FDC_CONFIG_FIFO_OFF;
        f->pretrk = 0;
    }
    f->perpendicular &= 0x3c; /* GAP and WGATE */
    fdc_set_state(f, FDC_RESET);
}

void fdc_leave_reset(struct fdc *f)
{
    fdc_set_state(f, FDC_STARTING);
    fdc_schedule(f, RESET_NS);
}
