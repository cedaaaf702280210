/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that work on sectors: one sector after the other, from fdc_locate() to close_sector(). */
#include <errno.h>
#include <string.h>

#include "hw/floppy/fdc_internal.h"

#define START_NS 50000
#define GAP_NS 20000
#define DMA_RETRY_NS 1000000
#define PATIENCE_NS 1000000000

static const struct fdc_command *current(const struct fdc *f)
{
    return fdc_find_command(f->command);
}

static enum fdc_work work(const struct fdc *f)
{
    return current(f)->work;
}

bool fdc_has_format(const struct fdc *f, unsigned unit)
{
    return unit < FDC_DRIVES && f->format[unit].cylinders;
}

void fdc_cancel_request(struct fdc *f)
{
    if (f->req)
        block_abandon(f->req);
    f->req = NULL;
}

/* ---- ends ---- */

static void finish(struct fdc *f, uint8_t st0)
{
    const uint8_t results[7] = {(uint8_t)(f->st0 | st0 | f->head << 2 | f->unit),
                                f->st1, f->st2, f->c, f->h, f->r, f->n};

    memcpy(f->results, results, sizeof(results));
    fdc_cancel_timer(f);
    f->give_up_ns = 0;
    f->left = f->data_pos = f->data_len = 0;
    f->terminal = f->stop = f->satisfied = f->medium_lost = f->gap = false;
    fdc_to_result(f, sizeof(results), true);
}

static void fail(struct fdc *f, uint8_t st1, uint8_t st2)
{
    f->st1 |= st1;
    f->st2 |= st2;
    finish(f, FDC_ST0_ABNORMAL);
}

void fdc_overrun(struct fdc *f)
{
    fail(f, FDC_ST1_OR, 0);
}

/* ---- start ---- */

static void take_address(struct fdc *f)
{
    f->c = f->params[1];
    f->h = f->params[2];
    f->r = f->params[3];
    f->n = f->params[4];
    f->eot = f->last_eot = f->params[5];
}

static bool counts_verified(const struct fdc *f)
{
    return f->params[0] & 0x80; /* EC: the last parameter is a number of sectors */
}

void fdc_start_transfer(struct fdc *f)
{
    f->unit = f->params[0] & 3;
    f->head = f->params[0] >> 2 & 1;
    f->st0 = f->st1 = f->st2 = 0;
    f->c = f->h = f->r = f->n = 0;
    f->left = 0;
    switch (work(f)) {
    case FDC_READ_ID: break;
    case FDC_FORMAT: f->left = f->last_eot = f->params[2]; break;
    case FDC_READ_TRACK:
        take_address(f);
        f->left = f->eot;
        break;
    case FDC_VERIFY:
        take_address(f);
        f->left = counts_verified(f) ? f->params[7] : 0;
        break;
    default: take_address(f); break;
    }
    fdc_set_state(f, FDC_LOCATING);
    fdc_schedule(f, START_NS);
}

/* ---- where the sector is ---- */

static const struct fdc_format *format_of(const struct fdc *f)
{
    return &f->format[f->unit];
}

static unsigned lba(const struct fdc *f, unsigned sector)
{
    const struct fdc_format *m = format_of(f);

    return ((unsigned)f->c * m->heads + f->head) * m->sectors + sector - 1;
}

/* The sector of the image that the command is at. READ TRACK counts from the index hole. */
static unsigned position(const struct fdc *f)
{
    return lba(f, work(f) == FDC_READ_TRACK ? f->eot - f->left + 1u : f->r);
}

static bool marked(const struct fdc *f, unsigned at)
{
    return f->marks[f->unit][at / 8 % FDC_MARKS] >> at % 8 & 1;
}

static void set_mark(struct fdc *f, unsigned at, bool deleted)
{
    uint8_t *byte = &f->marks[f->unit][at / 8 % FDC_MARKS], bit = (uint8_t)(1u << at % 8);

    *byte = (uint8_t)((*byte & ~bit) | (deleted ? bit : 0));
}

/* Can the heads read anything at all where they are? */
static bool address_marks_there(const struct fdc *f)
{
    return fdc_has_format(f, f->unit) && !f->medium_lost && f->command & FDC_OP_MFM &&
           f->head < format_of(f)->heads &&
           format_of(f)->rates >> (f->dsr & FDC_DSR_RATE) & 1;
}

/* See fdc.h on why the heads move without being asked. False: there is no such cylinder. */
static bool reach_cylinder(struct fdc *f)
{
    const struct fdc_format *m = format_of(f);
    unsigned at = f->cylinder[f->unit];

    if (f->c >= m->cylinders)
        return false;
    if (at == f->c || (m->double_step && at == 2u * f->c))
        return true;
    fdc_move_heads(f, f->unit, f->c);
    f->pcn[f->unit] = f->c;
    f->st0 |= FDC_ST0_SE;
    return true;
}

static bool writes(const struct fdc *f)
{
    return work(f) == FDC_WRITE || work(f) == FDC_FORMAT;
}

/* What is wrong with the address, as ST1 bits; 0: the sector is there. */
static uint8_t address_fault(struct fdc *f)
{
    unsigned sectors = format_of(f)->sectors;

    if (!reach_cylinder(f)) {
        f->st2 |= FDC_ST2_WC;
        return FDC_ST1_ND;
    }
    if (work(f) == FDC_READ_TRACK) { /* it compares, but does not stop for it (5.1) */
        if (f->h != f->head || f->r != f->eot - f->left + 1u || f->n != FDC_SECTOR_CODE)
            f->st1 |= FDC_ST1_ND;
        return !f->left || f->eot - f->left + 1u > sectors ? FDC_ST1_ND : 0;
    }
    if (f->h != f->head || !f->r || f->r > sectors || f->n != FDC_SECTOR_CODE)
        return FDC_ST1_ND;
    return 0;
}

/* ---- data between the sector and the FIFO or the 8237 ---- */

static void begin_data(struct fdc *f, bool to_memory, uint16_t len)
{
    f->to_memory = to_memory;
    f->data_pos = 0;
    f->data_len = len;
    f->give_up_ns = vclock_now_ns(f->dev.env->clock) + PATIENCE_NS;
    if (fdc_non_dma(f)) {
        fdc_set_state(f, to_memory ? FDC_PIO_IN : FDC_PIO_OUT);
        fdc_schedule(f, PATIENCE_NS);
    } else {
        fdc_set_state(f, FDC_DMA_WAIT);
        fdc_schedule(f, 0);
    }
}

static void close_sector(struct fdc *f);
static void format_sector(struct fdc *f);

/* Multi-byte numbers, FF on either side matches all (5.1). */
static int compare(const struct fdc *f)
{
    for (unsigned i = 0; i < f->data_pos; i++) {
        if (f->sector[i] != f->data[i] && f->sector[i] != 0xff && f->data[i] != 0xff)
            return f->sector[i] < f->data[i] ? -1 : 1;
    }
    return 0;
}

static void scan_sector(struct fdc *f)
{
    int order = compare(f);
    bool low = (f->command & 0x1f) == 0x19, high = (f->command & 0x1f) == 0x1d;

    f->satisfied = !order || (low && order < 0) || (high && order > 0);
    f->st2 &= (uint8_t)~(FDC_ST2_SH | FDC_ST2_SN);
    f->st2 |= !order ? FDC_ST2_SH : f->satisfied ? 0 : FDC_ST2_SN;
    close_sector(f);
}

static void data_done(struct fdc *f)
{
    bool by_cpu = f->state == FDC_PIO_IN || f->state == FDC_PIO_OUT;

    fdc_cancel_timer(f);
    f->give_up_ns = 0;
    memset(f->data + f->data_pos, 0, sizeof(f->data) - f->data_pos); /* TC within a sector: 5.1 */
    switch (work(f)) {
    case FDC_WRITE: fdc_write_sector(f); break;
    case FDC_FORMAT: format_sector(f); break;
    case FDC_SCAN: scan_sector(f); break;
    default:
        if (!by_cpu) {
            close_sector(f);
            break;
        }
        f->gap = true; /* so that what follows has an interrupt of its own */
        fdc_set_state(f, FDC_LOCATING);
        fdc_schedule(f, GAP_NS);
        break;
    }
}

void fdc_try_dma(struct fdc *f)
{
    size_t moved = 0;
    bool terminal = false;

    if (f->dor & FDC_DOR_DMAGATE)
        moved = dma8237_transfer(&f->dma, f->to_memory, f->data + f->data_pos,
                                 f->data_len - f->data_pos, &terminal);
    f->data_pos += (uint16_t)moved;
    f->terminal |= terminal;
    if (f->data_pos == f->data_len || terminal)
        data_done(f);
    else if (!f->due_ns)
        fdc_schedule(f, DMA_RETRY_NS);
}

uint8_t fdc_pio_read(struct fdc *f)
{
    uint8_t v = f->data[f->data_pos++ % FDC_SECTOR_BYTES];

    if (f->data_pos >= f->data_len)
        data_done(f);
    return v;
}

void fdc_pio_write(struct fdc *f, uint8_t byte)
{
    f->data[f->data_pos++ % FDC_SECTOR_BYTES] = byte;
    if (f->data_pos >= f->data_len)
        data_done(f);
}

/* ---- data between the sector and the image ---- */

static void sector_read(struct fdc *f)
{
    if (work(f) == FDC_SCAN)
        begin_data(f, false, FDC_SECTOR_BYTES);
    else if (work(f) == FDC_VERIFY)
        close_sector(f);
    else
        begin_data(f, true, FDC_SECTOR_BYTES);
}

static uint8_t *read_target(struct fdc *f)
{
    return work(f) == FDC_SCAN ? f->sector : f->data;
}

static void host_read_done(struct fdc *f, const void *data, int err)
{
    if (err) {
        fail(f, FDC_ST1_DE, FDC_ST2_DD);
        return;
    }
    memcpy(read_target(f), data, FDC_SECTOR_BYTES);
    sector_read(f);
}

static void host_write_done(struct fdc *f, int err)
{
    if (err) {
        fail(f, err == EROFS ? FDC_ST1_NW : FDC_ST1_DE, 0);
        return;
    }
    set_mark(f, position(f), current(f)->deleted);
    close_sector(f);
}

static void host_done(struct block_req *req, int err)
{
    struct fdc *f = req->opaque;

    f->req = NULL;
    if (f->state == FDC_HOST_READ)
        host_read_done(f, req->iov[0].iov_base, err);
    else
        host_write_done(f, err);
    block_req_free(req);
    fdc_settle(f);
}

/* False when the host has no memory. */
static bool submit(struct fdc *f, enum block_op op, unsigned sector)
{
    struct block *blk = f->blk[f->unit];
    struct block_req *req = block_req_new(blk, 1);
    void *buffer = block_req_alloc_buffer(req, FDC_SECTOR_BYTES);

    if (!buffer) {
        block_req_free(req);
        return false;
    }
    if (op == BLOCK_WRITE)
        memcpy(buffer, f->data, FDC_SECTOR_BYTES);
    req->op = op;
    req->sector = sector;
    req->sectors = 1;
    req->iov[0] = (struct iovec){.iov_base = buffer, .iov_len = FDC_SECTOR_BYTES};
    req->iovcnt = 1;
    req->lock = f->dev.lock;
    req->done = host_done;
    req->opaque = f;
    f->req = req;
    block_submit(blk, req);
    return true;
}

/* Behind the end of a short image a disk has zeros. */
static void read_sector(struct fdc *f, unsigned sector)
{
    struct block *blk = f->blk[f->unit];
    struct iovec iov = {.iov_base = read_target(f), .iov_len = FDC_SECTOR_BYTES};

    if (sector >= block_sectors(blk)) {
        memset(read_target(f), 0, FDC_SECTOR_BYTES);
        sector_read(f);
        return;
    }
    if (!block_try_read(blk, sector, &iov, 1)) {
        sector_read(f);
        return;
    }
    fdc_set_state(f, FDC_HOST_READ);
    if (!submit(f, BLOCK_READ, sector))
        fail(f, FDC_ST1_DE, FDC_ST2_DD);
}

void fdc_write_sector(struct fdc *f)
{
    unsigned sector = position(f);

    fdc_set_state(f, FDC_HOST_WRITE);
    if (!fdc_has_format(f, f->unit) || f->medium_lost)
        fail(f, FDC_ST1_MA, 0);
    else if (block_readonly(f->blk[f->unit]))
        fail(f, FDC_ST1_NW, 0);
    else if (sector >= block_sectors(f->blk[f->unit]) || !submit(f, BLOCK_WRITE, sector))
        fail(f, FDC_ST1_DE, 0);
}

/* ---- after a sector ---- */

/* C, H, R of the sector after the last one, which a normal end reports (5.1). */
static void advance_address(struct fdc *f)
{
    if (f->r != f->eot) {
        f->r++;
        return;
    }
    f->r = 1;
    if (!(f->command & FDC_OP_MT) || f->head)
        f->c++;
    if (f->command & FDC_OP_MT)
        f->h ^= 1;
}

/* False: the last sector was EOT on the last side that counts. */
static bool next_sector(struct fdc *f)
{
    unsigned step = work(f) == FDC_SCAN && f->params[7] == 2 ? 2 : 1;

    if (f->r != f->eot) {
        f->r = (uint8_t)(f->r + step);
        return true;
    }
    if (!(f->command & FDC_OP_MT) || f->head)
        return false;
    f->r = 1;
    f->head = 1;
    f->h ^= 1;
    return true;
}

static void finish_well(struct fdc *f)
{
    if (work(f) != FDC_FORMAT)
        advance_address(f);
    finish(f, 0);
}

static bool counted_out(struct fdc *f)
{
    return f->left && !--f->left;
}

static void go_to_next(struct fdc *f)
{
    enum fdc_work w = work(f);

    if (w != FDC_FORMAT && w != FDC_READ_TRACK && !next_sector(f)) {
        if (w == FDC_SCAN)
            finish(f, 0);
        else if (w == FDC_VERIFY && !counts_verified(f))
            finish_well(f);
        else
            fail(f, FDC_ST1_EN, 0);
        return;
    }
    if (w == FDC_READ_TRACK)
        f->r++;
    fdc_set_state(f, FDC_LOCATING);
    fdc_schedule(f, 0);
}

static void close_sector(struct fdc *f)
{
    bool last = counted_out(f);

    if (f->stop || (work(f) == FDC_SCAN && f->satisfied))
        finish(f, 0);
    else if (f->terminal || last)
        finish_well(f);
    else
        go_to_next(f);
}

/* ---- FORMAT TRACK ---- */

/*
 * An image has the format of its size and takes no other. The sectors may come in any order. The
 * heads follow the cylinder of the first address, since SeaBIOS never seeks.
 */
static void begin_format(struct fdc *f)
{
    if (block_readonly(f->blk[f->unit]))
        fail(f, FDC_ST1_NW, 0);
    else if (f->params[1] != FDC_SECTOR_CODE || f->params[2] != format_of(f)->sectors)
        fail(f, FDC_ST1_ND, 0);
    else
        begin_data(f, false, FDC_ID_BYTES);
}

static void format_sector(struct fdc *f)
{
    uint8_t fault;

    f->c = f->data[0];
    f->h = f->data[1];
    f->r = f->data[2];
    f->n = f->data[3];
    fault = !fdc_has_format(f, f->unit) || f->medium_lost ? FDC_ST1_MA : address_fault(f);
    if (fault) {
        fail(f, fault, 0);
        return;
    }
    memset(f->data, f->params[4], sizeof(f->data));
    fdc_write_sector(f);
}

/* ---- the sector comes along ---- */

static void read_id(struct fdc *f)
{
    const struct fdc_format *m = format_of(f);
    unsigned at = f->cylinder[f->unit];

    if (m->double_step && at % 2 == 0)
        at /= 2;
    if (at >= m->cylinders) {
        fail(f, FDC_ST1_MA, 0);
        return;
    }
    f->c = (uint8_t)at;
    f->h = f->head;
    f->r = (uint8_t)(f->next_id[f->unit] % m->sectors + 1);
    f->n = FDC_SECTOR_CODE;
    f->next_id[f->unit] = f->r;
    finish(f, 0);
}

/* A sector with the other kind of data mark (5.1): true if it is passed over. */
static bool skipped(struct fdc *f)
{
    if (marked(f, position(f)) == current(f)->deleted)
        return false;
    f->st2 |= FDC_ST2_CM;
    if (work(f) == FDC_READ_TRACK)
        return false;
    if (f->command & FDC_OP_SK)
        return true;
    f->stop = true;
    return false;
}

void fdc_locate(struct fdc *f)
{
    uint8_t fault;

    if (f->gap) {
        f->gap = false;
        close_sector(f);
        return;
    }
    if (!address_marks_there(f)) {
        fail(f, FDC_ST1_MA, 0);
        return;
    }
    if (work(f) == FDC_READ_ID) {
        read_id(f);
        return;
    }
    if (work(f) == FDC_FORMAT) {
        begin_format(f);
        return;
    }
    fault = address_fault(f);
    if (!fault && writes(f) && block_readonly(f->blk[f->unit]))
        fault = FDC_ST1_NW;
    if (fault)
        fail(f, fault, 0);
    else if (writes(f))
        begin_data(f, false, FDC_SECTOR_BYTES);
    else if (skipped(f))
        go_to_next(f);
    else
        read_sector(f, position(f));
}
