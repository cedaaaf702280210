/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/blk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/blk_map.h"
#include "hw/virtio/virtio.h"

/* Feature bits, 5.2.3. */
#define F_SEG_MAX (1ull << 2)
#define F_GEOMETRY (1ull << 4)
#define F_RO (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH (1ull << 9)
#define F_TOPOLOGY (1ull << 10)
#define F_CONFIG_WCE (1ull << 11)
#define F_MQ (1ull << 12)
#define F_DISCARD (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

/* Device configuration, 5.2.4. */
enum {
    CAPACITY = 0,
    SEG_MAX = 12,
    CYLINDERS = 16,
    HEADS = 18,
    SECTORS = 19,
    BLK_SIZE = 20,
    PHYSICAL_EXP = 24,
    MIN_IO = 26,
    OPT_IO = 28,
    WRITEBACK = 32,
    NUM_QUEUES = 34,
    MAX_DISCARD_SECTORS = 36,
    MAX_DISCARD_SEGS = 40,
    DISCARD_ALIGN = 44,
    MAX_ZEROES_SECTORS = 48,
    MAX_ZEROES_SEGS = 52,
    ZEROES_MAY_UNMAP = 56,
    CONFIG_BYTES = 60,
};

enum request_type { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum status { S_OK, S_IOERR, S_UNSUPP };
#define HEADER_BYTES 16
#define ID_BYTES 20
#define RANGE_BYTES 16
#define MOST_SECTORS (INT32_MAX / BLOCK_SECTOR_BYTES) /* of one request */
#define FLAG_UNMAP 1u

struct request {
    struct virtio_blk *b;
    struct request *next, *prev; /* under way */
    struct block_req *req;
    unsigned queue;
    uint32_t head;
    uint64_t status_gpa;
    bool to_guest;
    struct blk_map map;
};

struct virtio_blk {
    struct virtio v;
    struct block *blk;
    bool cache_at_start, attached;
    struct request *first; /* under way */
    struct virtio_blk_config cfg;
    char serial[ID_BYTES];
    struct virtq_chain chain;
    struct blk_map map; /* of a read that needs no waiting */
};

static const struct dev_field fields[] = {VIRTIO_FIELDS(struct virtio_blk, v)};

/* ---- the end of a request ---- */

/* Everything is in place: the status byte, then the used ring. */
static void answer(struct virtio_blk *b, unsigned queue, uint32_t head, uint64_t status_gpa, uint32_t written,
                   enum status status)
{
    const uint8_t byte = (uint8_t)status;

    if (dma_write(&b->v.pci.dma, status_gpa, &byte, 1))
        virtio_complete(&b->v, queue, head, written + 1);
    else
        virtio_fault(&b->v, queue, "the byte for the status is not memory");
}

static void unlink_request(struct request *r)
{
    if (r->prev)
        r->prev->next = r->next;
    else
        r->b->first = r->next;
    if (r->next)
        r->next->prev = r->prev;
}

static void done(struct block_req *req, int err)
{
    struct request *r = req->opaque;
    struct virtio_blk *b = r->b;
    uint32_t written = r->to_guest && !err ? (uint32_t)r->map.bytes : 0;

    blk_unmap(&r->map, r->to_guest);
    unlink_request(r);
    block_req_free(req);
    answer(b, r->queue, r->head, r->status_gpa, written, !err ? S_OK : err == ENOTSUP ? S_UNSUPP : S_IOERR);
    free(r);
}

static void give_up(struct virtio *v)
{
    struct virtio_blk *b = (struct virtio_blk *)v;

    while (b->first) {
        struct request *r = b->first;

        unlink_request(r);
        block_abandon(r->req);
        blk_unmap(&r->map, r->to_guest);
        free(r);
    }
}

/* ---- its start ---- */

/* The byte after all that the device writes; there is at least one. */
static uint64_t status_place(const struct virtq_chain *c)
{
    const struct virtq_seg *last = &c->seg[c->out + c->in - 1];

    return last->gpa + last->bytes - 1;
}

static void end_now(struct virtio_blk *b, unsigned queue, uint32_t written, enum status status)
{
    answer(b, queue, b->chain.head, status_place(&b->chain), written, status);
}

static struct request *new_request(struct virtio_blk *b, unsigned queue, enum block_op op, int iov_max)
{
    struct request *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    *r = (struct request){
        .b = b, .queue = queue, .head = b->chain.head, .status_gpa = status_place(&b->chain), .next = b->first};
    r->req = block_req_new(b->blk, iov_max);
    r->req->op = op;
    r->req->lock = b->v.pci.dev.lock;
    r->req->done = done;
    r->req->opaque = r;
    if (b->first)
        b->first->prev = r;
    b->first = r;
    return r;
}

/* The range is the block layer's to check. */
static bool submit(struct virtio_blk *b, unsigned queue, enum block_op op, uint64_t sector, uint32_t sectors)
{
    struct request *r = new_request(b, queue, op, (int)b->map.count);

    if (!r)
        return false;
    r->to_guest = op == BLOCK_READ;
    r->map.dma = b->map.dma;
    r->map.count = b->map.count;
    r->map.bytes = b->map.bytes;
    memcpy(r->map.gpa, b->map.gpa, b->map.count * sizeof(b->map.gpa[0]));
    memcpy(r->map.iov, b->map.iov, b->map.count * sizeof(b->map.iov[0]));
    memcpy(r->req->iov, b->map.iov, b->map.count * sizeof(b->map.iov[0]));
    r->req->iovcnt = (int)b->map.count;
    r->req->sector = sector;
    r->req->sectors = sectors;
    b->map.count = 0;
    block_submit(b->blk, r->req);
    return true;
}

static void start_without_data(struct virtio_blk *b, unsigned queue, enum block_op op, uint64_t sector,
                               uint32_t sectors)
{
    b->map.count = 0;
    b->map.bytes = 0;
    if (!submit(b, queue, op, sector, sectors))
        end_now(b, queue, 0, S_IOERR);
}

static bool in_range(const struct virtio_blk *b, uint64_t sector, uint64_t sectors)
{
    uint64_t size = block_sectors(b->blk);

    return sector <= size && sectors <= size - sector;
}

static void start_transfer(struct virtio_blk *b, unsigned queue, bool read, uint64_t sector)
{
    const struct virtq_chain *c = &b->chain;
    uint64_t bytes = read ? c->in_bytes - 1 : c->out_bytes - HEADER_BYTES;
    uint64_t sectors = bytes / BLOCK_SECTOR_BYTES;

    if (bytes % BLOCK_SECTOR_BYTES || sectors > MOST_SECTORS || !in_range(b, sector, sectors) ||
        (!read && block_readonly(b->blk)) ||
        !blk_map(&b->map, &b->v.pci.dma, c, read, read ? 0 : HEADER_BYTES, bytes)) {
        end_now(b, queue, 0, S_IOERR);
        return;
    }
    if (!bytes) {
        end_now(b, queue, 0, S_OK);
        return;
    }
    if (read && !block_try_read(b->blk, sector, b->map.iov, (int)b->map.count)) {
        blk_unmap(&b->map, true);
        end_now(b, queue, (uint32_t)bytes, S_OK);
        return;
    }
    if (submit(b, queue, read ? BLOCK_READ : BLOCK_WRITE, sector, (uint32_t)sectors))
        return;
    blk_unmap(&b->map, false);
    end_now(b, queue, 0, S_IOERR);
}

/* 5.2.6: one segment, since max_discard_seg and max_write_zeroes_seg say so. */
static void start_range(struct virtio_blk *b, unsigned queue, enum request_type type)
{
    struct {
        uint64_t sector;
        uint32_t sectors, flags;
    } range;
    bool zeroes = type == T_WRITE_ZEROES;

    if (b->chain.out_bytes != HEADER_BYTES + RANGE_BYTES ||
        !virtq_read(&b->v.q[queue], &b->chain, HEADER_BYTES, &range, sizeof(range)) || block_readonly(b->blk) ||
        !in_range(b, range.sector, range.sectors) || range.sectors > MOST_SECTORS)
        end_now(b, queue, 0, S_IOERR);
    else if (range.flags & (zeroes ? ~FLAG_UNMAP : ~0u))
        end_now(b, queue, 0, S_UNSUPP);
    else
        start_without_data(b, queue, zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD, range.sector, range.sectors);
}

/* As many characters as there is room for, filled up with zeroes. */
static void give_id(struct virtio_blk *b, unsigned queue)
{
    uint64_t room = b->chain.in_bytes - 1;
    uint32_t bytes = room < ID_BYTES ? (uint32_t)room : ID_BYTES;
    bool good = virtq_write(&b->v.q[queue], &b->chain, 0, b->serial, bytes);

    end_now(b, queue, good ? bytes : 0, good ? S_OK : S_IOERR);
}

static void start(struct virtio_blk *b, unsigned queue)
{
    struct {
        uint32_t type, priority;
        uint64_t sector;
    } header;

    if (!b->chain.in_bytes) {
        virtio_fault(&b->v, queue, "a request has no byte for its status");
        return;
    }
    if (b->chain.out_bytes < HEADER_BYTES) {
        virtio_fault(&b->v, queue, "a request is shorter than its header");
        return;
    }
    if (!virtq_read(&b->v.q[queue], &b->chain, 0, &header, sizeof(header))) {
        virtio_fault(&b->v, queue, "a request's header is not memory");
        return;
    }
    if (header.type == T_IN || header.type == T_OUT)
        start_transfer(b, queue, header.type == T_IN, header.sector);
    else if (header.type == T_FLUSH)
        start_without_data(b, queue, BLOCK_FLUSH, 0, 0);
    else if (header.type == T_GET_ID)
        give_id(b, queue);
    else if ((header.type == T_DISCARD && b->cfg.discard) || (header.type == T_WRITE_ZEROES && b->cfg.write_zeroes))
        start_range(b, queue, header.type);
    else
        end_now(b, queue, 0, S_UNSUPP);
}

static void kick(struct virtio *v, unsigned n)
{
    struct virtio_blk *b = (struct virtio_blk *)v;

    for (unsigned i = 0; i < v->q[n].size; i++) {
        if (virtq_pop(&v->q[n], &b->chain) != VIRTQ_GOT)
            return;
        start(b, n);
    }
    virtio_kick_later(v, n);
}

/* ---- configuration ---- */

static void put64(uint8_t *p, uint64_t value)
{
    pci_set_long(p, (uint32_t)value);
    pci_set_long(p + 4, (uint32_t)(value >> 32));
}

static uint8_t log2_of(uint32_t value)
{
    uint8_t n = 0;

    while (value > 1) {
        value >>= 1;
        n++;
    }
    return n;
}

static void set_geometry(const struct virtio_blk *b, uint8_t *c)
{
    uint64_t cyls = block_sectors(b->blk) / (16 * 63);

    if (b->cfg.cyls)
        cyls = b->cfg.cyls;
    pci_set_word(c + CYLINDERS, (uint16_t)(cyls > 16383 ? 16383 : cyls < 2 ? 2 : cyls));
    c[HEADS] = b->cfg.cyls ? b->cfg.heads : 16;
    c[SECTORS] = b->cfg.cyls ? b->cfg.secs : 63;
}

static void reset(struct virtio *v)
{
    struct virtio_blk *b = (struct virtio_blk *)v;
    uint32_t physical = b->cfg.physical_bytes ? b->cfg.physical_bytes : BLOCK_SECTOR_BYTES;
    uint8_t *c = v->config;

    memset(c, 0, sizeof(v->config));
    put64(c + CAPACITY, block_sectors(b->blk));
    pci_set_long(c + SEG_MAX, v->q[0].max_size - 2u); /* beside header and status */
    set_geometry(b, c);
    pci_set_long(c + BLK_SIZE, BLOCK_SECTOR_BYTES);
    c[PHYSICAL_EXP] = log2_of(physical / BLOCK_SECTOR_BYTES);
    pci_set_word(c + MIN_IO, (uint16_t)(physical / BLOCK_SECTOR_BYTES));
    c[WRITEBACK] = b->cache_at_start;
    pci_set_word(c + NUM_QUEUES, (uint16_t)v->queue_count);
    if (b->cfg.discard) {
        pci_set_long(c + MAX_DISCARD_SECTORS, MOST_SECTORS);
        pci_set_long(c + MAX_DISCARD_SEGS, 1);
        pci_set_long(c + DISCARD_ALIGN, physical / BLOCK_SECTOR_BYTES);
    }
    if (b->cfg.write_zeroes) {
        pci_set_long(c + MAX_ZEROES_SECTORS, MOST_SECTORS);
        pci_set_long(c + MAX_ZEROES_SEGS, 1);
        c[ZEROES_MAY_UNMAP] = 1;
    }
    block_set_write_cache(b->blk, b->cache_at_start);
}

static bool config_writable(const struct virtio *v, unsigned off)
{
    return off == WRITEBACK && virtio_has(v, F_CONFIG_WCE);
}

static void config_written(struct virtio *v, unsigned off, unsigned size)
{
    struct virtio_blk *b = (struct virtio_blk *)v;

    (void)off;
    (void)size;
    v->config[WRITEBACK] &= 1;
    block_set_write_cache(b->blk, v->config[WRITEBACK]);
}

/* 5.2.5: a driver that cannot flush must not need to. */
static void driver_ok(struct virtio *v)
{
    struct virtio_blk *b = (struct virtio_blk *)v;

    if (virtio_has(v, F_CONFIG_WCE))
        return;
    v->config[WRITEBACK] = b->cache_at_start && virtio_has(v, F_FLUSH);
    block_set_write_cache(b->blk, v->config[WRITEBACK]);
}

static const struct virtio_ops ops = {.kick = kick,
                                      .driver_ok = driver_ok,
                                      .give_up = give_up,
                                      .reset = reset,
                                      .config_written = config_written,
                                      .config_writable = config_writable};

/* The image has another size (block_resize). */
static void medium_changed(void *opaque)
{
    struct virtio_blk *b = opaque;

    put64(b->v.config + CAPACITY, block_sectors(b->blk));
    virtio_config_changed(&b->v);
}

static const struct block_drive_ops drive_ops = {.medium_changed = medium_changed};

/* ---- class ---- */

static void class_reset(struct device *dev)
{
    virtio_device_reset((struct virtio *)dev);
}

static const char *post_load(struct device *dev)
{
    struct virtio_blk *b = (struct virtio_blk *)dev;
    const char *fault = virtio_post_load(&b->v, b->v.config[WRITEBACK] > 1 ? "writeback is neither 0 nor 1" : NULL);

    if (fault)
        return fault;
    put64(b->v.config + CAPACITY, block_sectors(b->blk)); /* the disk is the one that is here now */
    block_set_write_cache(b->blk, b->v.config[WRITEBACK]);
    return NULL;
}

static void blk_free(struct device *dev)
{
    struct virtio_blk *b = (struct virtio_blk *)dev;

    device_enter(dev);
    give_up(&b->v);
    if (b->attached)
        block_detach(b->blk);
    device_leave(dev);
    virtio_fini(&b->v);
    free(b);
}

static const struct device_class blk_class = {
    .name = "virtio-blk-pci",
    .title = "paravirtual disk",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = class_reset,
    .post_load = post_load,
    .free = blk_free,
};

static uint64_t offered(const struct virtio_blk_config *cfg)
{
    return F_SEG_MAX | F_GEOMETRY | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE |
           (block_readonly(cfg->blk) ? F_RO : 0) | (cfg->queues > 1 ? F_MQ : 0) | (cfg->discard ? F_DISCARD : 0) |
           (cfg->write_zeroes ? F_WRITE_ZEROES : 0);
}

struct device *virtio_blk_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                              const struct virtio_blk_config *cfg, char *why, size_t why_size)
{
    const struct virtio_config common = {
        .type = 2,
        .legacy_id = 0x1001,
        .class_code = 0x010000, /* SCSI storage, which is what BIOSes look for */
        .offered = offered(cfg),
        .queues = cfg->queues ? cfg->queues : 1,
        .queue_size = cfg->queue_size ? cfg->queue_size : VIRTQ_MAX,
        .config_bytes = CONFIG_BYTES,
        .options = cfg->options,
    };
    struct virtio_blk *b = calloc(1, sizeof(*b));

    if (!b) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    b->cfg = *cfg;
    b->blk = cfg->blk;
    b->cache_at_start = cfg->write_cache;
    if (cfg->serial)
        memcpy(b->serial, cfg->serial, strnlen(cfg->serial, ID_BYTES));
    if (virtio_init(&b->v, &blk_class, &ops, env, id, &common, why, why_size) &&
        virtio_attach(&b->v, bus, devfn, why, why_size)) {
        block_attach(b->blk, &drive_ops, b, b->v.pci.dev.lock, false);
        b->attached = true;
        return &b->v.pci.dev;
    }
    blk_free(&b->v.pci.dev);
    return NULL;
}
