/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What holds in each state of the controller. A load is refused where it does not. */
#include "hw/floppy/fdc_internal.h"

/* States that only a command with a data phase of sectors passes. */
#define OF_SECTORS (FDC_BIT(HOST_READ) | FDC_BIT(HOST_WRITE) | FDC_BIT(DMA_WAIT) |                 \
                    FDC_BIT(PIO_IN) | FDC_BIT(PIO_OUT))
#define OF_COMMAND (OF_SECTORS | FDC_BIT(LOCATING))

static uint16_t states_of(enum fdc_work work)
{
    const uint16_t in = FDC_BIT(LOCATING) | FDC_BIT(HOST_READ) | FDC_BIT(DMA_WAIT) | FDC_BIT(PIO_IN);
    const uint16_t out = FDC_BIT(LOCATING) | FDC_BIT(DMA_WAIT) | FDC_BIT(PIO_OUT);

    switch (work) {
    case FDC_NO_DATA: return 0;
    case FDC_READ_ID: return FDC_BIT(LOCATING);
    case FDC_VERIFY: return FDC_BIT(LOCATING) | FDC_BIT(HOST_READ);
    case FDC_SCAN: return out | FDC_BIT(HOST_READ);
    case FDC_WRITE:
    case FDC_FORMAT: return out | FDC_BIT(HOST_WRITE);
    default: return in;
    }
}

static const char *check_command(const struct fdc *f)
{
    const struct fdc_command *cmd = fdc_find_command(f->command);

    if (f->state == FDC_COMMAND && f->param_count >= cmd->params)
        return "all parameters are here, and it did not start";
    if (OF_COMMAND >> f->state & 1 && !(states_of(cmd->work) >> f->state & 1))
        return "the command does not pass this state";
    if (f->gap && (f->state != FDC_LOCATING || !(states_of(cmd->work) & FDC_BIT(PIO_IN))))
        return "a gap without a sector before it";
    if (cmd->work == FDC_READ_TRACK && OF_COMMAND >> f->state & 1 && f->left > f->eot)
        return "more sectors than the track";
    if (!(OF_COMMAND >> f->state & 1) && f->left)
        return "sectors left without a command";
    return NULL;
}

static const char *check_data(const struct fdc *f)
{
    bool moving = (FDC_BIT(DMA_WAIT) | FDC_BIT(PIO_IN) | FDC_BIT(PIO_OUT)) >> f->state & 1;
    bool format = fdc_find_command(f->command)->work == FDC_FORMAT;

    if (OF_SECTORS >> f->state & 1 && (f->unit >= FDC_DRIVES || !f->blk[f->unit]))
        return "data of a drive that is not there";
    if (!moving)
        return NULL;
    if (f->data_len != (format ? FDC_ID_BYTES : FDC_SECTOR_BYTES) || f->data_pos >= f->data_len)
        return "cursor outside of its data";
    if (f->to_memory != (f->state == FDC_PIO_IN) && f->state != FDC_DMA_WAIT)
        return "direction";
    if (f->to_memory != !!(states_of(fdc_find_command(f->command)->work) & FDC_BIT(PIO_IN)))
        return "direction of the command";
    return f->give_up_ns ? NULL : "no end of the wait";
}

static const char *check_time(const struct fdc *f)
{
    uint16_t timed = FDC_BIT(STARTING) | FDC_BIT(LOCATING) | FDC_BIT(DMA_WAIT) | FDC_BIT(PIO_IN) |
                     FDC_BIT(PIO_OUT);

    if (f->due_ns < 0 || f->give_up_ns < 0)
        return "a time before the start";
    if (timed >> f->state & 1 && !f->due_ns)
        return "nothing will ever happen";
    for (unsigned unit = 0; unit < FDC_UNITS; unit++) {
        if (f->seek_due_ns[unit] < 0 ||
            (f->motion[unit] == FDC_MOTION_SEEKING) != (f->seek_due_ns[unit] != 0))
            return "a seek without end";
    }
    return NULL;
}

const char *isa_fdc_check(const struct device *dev)
{
    const struct fdc *f = (const struct fdc *)dev;
    const char *why;

    if (f->illegal_moves)
        return "a move that the table does not allow";
    if ((f->state == FDC_RESULT) != (f->result_pos < f->result_count))
        return "results";
    if ((f->state == FDC_RESET) != !(f->dor & FDC_DOR_NRESET))
        return "reset bit";
    if (f->irq_result && f->state != FDC_RESULT)
        return "an interrupt for no result";
    why = check_command(f);
    why = why ? why : check_data(f);
    return why ? why : check_time(f);
}
