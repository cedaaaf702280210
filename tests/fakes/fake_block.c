/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioreq/iolock.h"

#define DENSE_SECTORS (1u << 18)
#define OPS 4096

struct sparse_sector {
    uint64_t sector;
    uint8_t data[BLOCK_SECTOR_BYTES];
    struct sparse_sector *next;
};

struct fake_req {
    struct block_req req;
    struct block *blk;
    void *buffer;
    bool submitted, abandoned;
    unsigned op; /* index of its record */
    struct fake_req *next;
};

struct block {
    uint64_t sectors;
    uint8_t *dense;
    struct sparse_sector *sparse;
    uint64_t salt;
    bool filled;
    struct fake_block_control control;
    bool write_cache;
    struct fake_req *queue;
    unsigned live, mistakes;
    struct fake_block_op ops[OPS];
    unsigned op_count;
    bool no_medium;
    const struct block_drive_ops *drive_ops;
    void *drive;
    struct iolock *drive_lock;
    unsigned tray_moves;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct block *fake_block_new(uint64_t sectors)
{
    struct block *blk = must(calloc(1, sizeof(*blk)));

    blk->sectors = sectors;
    if (sectors <= DENSE_SECTORS)
        blk->dense = must(calloc(sectors ? sectors : 1, BLOCK_SECTOR_BYTES));
    return blk;
}

void fake_block_free(struct block *blk)
{
    if (!blk)
        return;
    while (fake_block_complete(blk))
        ;
    for (struct sparse_sector *s = blk->sparse, *next; s; s = next) {
        next = s->next;
        free(s);
    }
    free(blk->dense);
    free(blk);
}

struct fake_block_control *fake_block_control(struct block *blk) { return &blk->control; }

/* ---- content ---- */

void fake_block_expect(uint8_t *data, uint64_t sector, uint64_t salt)
{
    for (unsigned i = 0; i < BLOCK_SECTOR_BYTES; i += 8) {
        uint64_t v = (sector + 1) * 0x9e3779b97f4a7c15u + salt + i;

        memcpy(data + i, &v, 8);
    }
}

void fake_block_fill(struct block *blk, uint64_t salt)
{
    for (uint64_t s = 0; blk->dense && s < blk->sectors; s++)
        fake_block_expect(blk->dense + s * BLOCK_SECTOR_BYTES, s, salt);
    blk->salt = salt;
    blk->filled = true;
}

void fake_block_peek(struct block *blk, uint64_t sector, void *data)
{
    if (blk->dense) {
        memcpy(data, blk->dense + sector * BLOCK_SECTOR_BYTES, BLOCK_SECTOR_BYTES);
        return;
    }
    for (struct sparse_sector *s = blk->sparse; s; s = s->next) {
        if (s->sector == sector) {
            memcpy(data, s->data, BLOCK_SECTOR_BYTES);
            return;
        }
    }
    if (blk->filled)
        fake_block_expect(data, sector, blk->salt);
    else
        memset(data, 0, BLOCK_SECTOR_BYTES);
}

void fake_block_poke(struct block *blk, uint64_t sector, const void *data)
{
    struct sparse_sector *s = blk->sparse;

    if (blk->dense) {
        memcpy(blk->dense + sector * BLOCK_SECTOR_BYTES, data, BLOCK_SECTOR_BYTES);
        return;
    }
    while (s && s->sector != sector)
        s = s->next;
    if (!s) {
        s = must(calloc(1, sizeof(*s)));
        s->sector = sector;
        s->next = blk->sparse;
        blk->sparse = s;
    }
    memcpy(s->data, data, BLOCK_SECTOR_BYTES);
}

/* Moves between content and iov, byte by byte of the sectors. */
static void transfer(struct block *blk, bool to_iov, uint64_t sector, const struct iovec *iov,
                     int iovcnt)
{
    uint8_t data[BLOCK_SECTOR_BYTES];
    size_t at = 0;

    if (to_iov)
        fake_block_peek(blk, sector, data);
    for (int i = 0; i < iovcnt; i++) {
        for (size_t done = 0; done < iov[i].iov_len;) {
            size_t n = iov[i].iov_len - done;
            uint8_t *host = (uint8_t *)iov[i].iov_base + done;

            if (n > sizeof(data) - at)
                n = sizeof(data) - at;
            if (to_iov)
                memcpy(host, data + at, n);
            else
                memcpy(data + at, host, n);
            done += n;
            at += n;
            if (at < sizeof(data))
                continue;
            at = 0;
            if (!to_iov)
                fake_block_poke(blk, sector, data);
            sector++;
            if (to_iov && sector < blk->sectors)
                fake_block_peek(blk, sector, data);
        }
    }
}

/* ---- requests ---- */

static unsigned record(struct block *blk, enum block_op op, uint64_t sector, uint32_t sectors)
{
    unsigned n = blk->op_count < OPS ? blk->op_count++ : OPS - 1;

    blk->ops[n] = (struct fake_block_op){ .op = op, .sector = sector, .sectors = sectors, .err = -1 };
    return n;
}

struct block_req *block_req_new(struct block *blk, int iov_max)
{
    struct fake_req *fr = must(calloc(1, sizeof(*fr)));

    fr->blk = blk;
    fr->req.iov = must(calloc((size_t)iov_max + 1, sizeof(struct iovec)));
    fr->req.iov_max = iov_max;
    blk->live++;
    return &fr->req;
}

void *block_req_alloc_buffer(struct block_req *req, size_t bytes)
{
    struct fake_req *fr = (struct fake_req *)req;

    free(fr->buffer);
    fr->buffer = must(calloc(1, bytes));
    return fr->buffer;
}

void block_req_free(struct block_req *req)
{
    struct fake_req *fr = (struct fake_req *)req;

    fr->blk->mistakes += fr->submitted;
    fr->blk->live--;
    free(fr->buffer);
    free(req->iov);
    free(fr);
}

static bool changes_data(enum block_op op)
{
    return op == BLOCK_WRITE || op == BLOCK_DISCARD || op == BLOCK_WRITE_ZEROES;
}

void block_submit(struct block *blk, struct block_req *req)
{
    struct fake_req *fr = (struct fake_req *)req, **tail = &blk->queue;
    size_t bytes = 0;

    for (int i = 0; i < req->iovcnt; i++)
        bytes += req->iov[i].iov_len;
    if (req->op == BLOCK_READ || req->op == BLOCK_WRITE)
        blk->mistakes += bytes != (size_t)req->sectors * BLOCK_SECTOR_BYTES;
    blk->mistakes += req->iovcnt > req->iov_max || fr->submitted || fr->blk != blk;
    blk->mistakes += !iolock_held(req->lock) || !req->done;
    blk->mistakes += req->sector > blk->sectors || req->sectors > blk->sectors - req->sector;
    blk->mistakes += changes_data(req->op) && blk->control.readonly;
    fr->submitted = true;
    fr->op = record(blk, req->op, req->sector, req->sectors);
    while (*tail)
        tail = &(*tail)->next;
    *tail = fr;
}

void block_abandon(struct block_req *req)
{
    struct fake_req *fr = (struct fake_req *)req;

    fr->blk->mistakes += !fr->submitted || fr->abandoned;
    fr->abandoned = true;
    fr->blk->ops[fr->op].abandoned = true;
}

static bool touches_bad(const struct block *blk, uint64_t sector, uint32_t sectors)
{
    const struct fake_block_control *c = &blk->control;

    return c->bad_count && sector < c->bad_first + c->bad_count && c->bad_first < sector + sectors;
}

static void zero(struct block *blk, uint64_t sector, uint32_t sectors)
{
    static const uint8_t zeroes[BLOCK_SECTOR_BYTES];

    for (uint32_t i = 0; i < sectors; i++)
        fake_block_poke(blk, sector + i, zeroes);
}

static int carry_out(struct block *blk, struct block_req *req)
{
    if (blk->control.fail_nth && --blk->control.fail_nth == 0)
        return blk->control.fail_errno ? blk->control.fail_errno : EIO;
    if (blk->no_medium && req->op != BLOCK_FLUSH)
        return ENOMEDIUM;
    if (req->sector > blk->sectors || req->sectors > blk->sectors - req->sector)
        return EIO;
    if (changes_data(req->op) && blk->control.readonly)
        return EROFS;
    if (req->op == BLOCK_DISCARD || req->op == BLOCK_WRITE_ZEROES)
        zero(blk, req->sector, req->sectors);
    if ((req->op == BLOCK_READ || req->op == BLOCK_WRITE) &&
        touches_bad(blk, req->sector, req->sectors))
        return EIO;
    if (req->op == BLOCK_READ || req->op == BLOCK_WRITE)
        transfer(blk, req->op == BLOCK_READ, req->sector, req->iov, req->iovcnt);
    return 0;
}

bool fake_block_complete(struct block *blk)
{
    struct fake_req *fr = blk->queue;
    struct iolock *lock;
    int err;

    if (!fr)
        return false;
    blk->queue = fr->next;
    fr->next = NULL;
    fr->submitted = false;
    if (fr->abandoned) {
        block_req_free(&fr->req);
        return true;
    }
    err = carry_out(blk, &fr->req);
    blk->ops[fr->op].err = err;
    lock = fr->req.lock;
    iolock_enter(lock);
    fr->req.done(&fr->req, err);
    iolock_leave(lock);
    return true;
}

unsigned fake_block_run(struct block *blk)
{
    unsigned n = 0;

    while (fake_block_complete(blk))
        n++;
    return n;
}

int block_try_read(struct block *blk, uint64_t sector, struct iovec *iov, int iovcnt)
{
    size_t bytes = 0;
    unsigned n;

    for (int i = 0; i < iovcnt; i++)
        bytes += iov[i].iov_len;
    blk->mistakes += bytes % BLOCK_SECTOR_BYTES != 0;
    if (blk->no_medium)
        return ENOMEDIUM;
    if (sector > blk->sectors || bytes / BLOCK_SECTOR_BYTES > blk->sectors - sector)
        return EIO;
    if (!blk->control.try_works ||
        touches_bad(blk, sector, (uint32_t)(bytes / BLOCK_SECTOR_BYTES)))
        return EAGAIN;
    n = record(blk, BLOCK_READ, sector, (uint32_t)(bytes / BLOCK_SECTOR_BYTES));
    blk->ops[n].tried = true;
    blk->ops[n].err = 0;
    transfer(blk, true, sector, iov, iovcnt);
    return 0;
}

/* ---- removable media ---- */

void block_attach(struct block *blk, const struct block_drive_ops *ops, void *opaque,
                  struct iolock *lock, bool removable)
{
    (void)removable;
    blk->mistakes += blk->drive_ops != NULL;
    blk->drive_ops = ops;
    blk->drive = opaque;
    blk->drive_lock = lock;
}

void block_detach(struct block *blk)
{
    blk->mistakes += !blk->drive_ops || !iolock_held(blk->drive_lock);
    blk->drive_ops = NULL;
}

bool block_has_medium(const struct block *blk) { return !blk->no_medium; }

void block_tray_moved(struct block *blk)
{
    blk->mistakes += !iolock_held(blk->drive_lock);
    blk->tray_moves++;
}

unsigned fake_block_tray_moves(const struct block *blk) { return blk->tray_moves; }

void fake_block_set_medium(struct block *blk, bool present, uint64_t sectors)
{
    free(blk->dense);
    blk->no_medium = !present;
    blk->sectors = present ? sectors : 0;
    blk->dense = must(calloc(blk->sectors ? blk->sectors : 1, BLOCK_SECTOR_BYTES));
    if (!blk->drive_ops)
        return;
    iolock_enter(blk->drive_lock);
    blk->drive_ops->medium_changed(blk->drive);
    iolock_leave(blk->drive_lock);
}

bool fake_block_tray_request(struct block *blk, bool open, bool force)
{
    bool done;

    if (!blk->drive_ops || !blk->drive_ops->tray_request)
        return true;
    iolock_enter(blk->drive_lock);
    done = blk->drive_ops->tray_request(blk->drive, open, force);
    iolock_leave(blk->drive_lock);
    return done;
}

uint64_t block_sectors(const struct block *blk) { return blk->sectors; }
bool block_readonly(const struct block *blk) { return blk->control.readonly; }
bool block_write_cache(const struct block *blk) { return blk->write_cache; }
void block_set_write_cache(struct block *blk, bool on) { blk->write_cache = on; }
const char *block_name(const struct block *blk) { return blk ? "fake" : ""; }

/* ---- records ---- */

unsigned fake_block_waiting(const struct block *blk)
{
    unsigned n = 0;

    for (const struct fake_req *fr = blk->queue; fr; fr = fr->next)
        n += !fr->abandoned;
    return n;
}

unsigned fake_block_live(const struct block *blk) { return blk->live; }
unsigned fake_block_mistakes(const struct block *blk) { return blk->mistakes; }
unsigned fake_block_ops(const struct block *blk) { return blk->op_count; }
const struct fake_block_op *fake_block_op(const struct block *blk, unsigned n) { return &blk->ops[n]; }
void fake_block_forget_ops(struct block *blk) { blk->op_count = 0; }
