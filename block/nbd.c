/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nbd driver: operations on ranges of bytes, as commands of what the server accepts.
 *
 * A piece of memory that is long enough and suits the server's block size goes to and from the
 * socket without a copy. libnbd has no scatter lists, so shorter pieces are gathered in a buffer.
 */
#include "block/nbd.h"

#include <errno.h>
#include <stdlib.h>

#include "block/iov.h"
#include "block/nbd_link.h"
#include "block/nbd_options.h"
#include "block/node.h"

#define BOUNCE_BYTES (1u << 20)
#define DIRECT_BYTES (64u << 10) /* a copy of less is cheaper than a command of its own */
#define OPEN_MS 5000

struct nbd {
    struct image img;
    struct nbd_link *link;
    struct nbd_export ex;
    /* For blocks of more than a byte: who writes a part of one has read it before, and is alone. */
    pthread_rwlock_t parts;
};

static struct nbd *nbd_of(struct image *img)
{
    return (struct nbd *)img;
}

static uint64_t round_down(const struct nbd *nbd, uint64_t n)
{
    return n & ~((uint64_t)nbd->ex.min_block - 1);
}

static uint64_t round_up(const struct nbd *nbd, uint64_t n)
{
    return round_down(nbd, n + nbd->ex.min_block - 1);
}

static bool is_whole(const struct nbd *nbd, uint64_t off, uint64_t bytes)
{
    return ((off | bytes) & (nbd->ex.min_block - 1)) == 0;
}

/* How many of `bytes` at `off` the server holds. */
static uint64_t held(const struct nbd *nbd, uint64_t off, uint64_t bytes)
{
    if (off >= nbd->img.bytes)
        return 0;
    return bytes < nbd->img.bytes - off ? bytes : nbd->img.bytes - off;
}

static int command(struct nbd *nbd, enum nbd_op op, uint64_t off, void *buf, uint64_t bytes,
                   bool stable)
{
    struct nbd_request req = { .op = op, .off = off, .bytes = bytes, .buf = buf, .stable = stable };

    return nbd_link_do(nbd->link, &req);
}

/* ---- pieces -------------------------------------------------------------------------------- */

/* What the next command moves: [from, from + span) on the server, `part` bytes of it from `off` on
 * ours. */
struct piece {
    uint64_t from, span, part;
    void *direct; /* the memory itself, or NULL: through the buffer */
};

static struct piece next_piece(const struct nbd *nbd, const struct iov_cursor *cur, uint64_t off,
                               uint64_t bytes)
{
    struct iovec window[IOV_WINDOW];
    struct piece p = { .from = round_down(nbd, off) };
    size_t got;

    if (iov_peek(cur, window, bytes, &got) > 0 && p.from == off &&
        (window[0].iov_len == bytes || window[0].iov_len >= DIRECT_BYTES)) {
        p.span = round_down(nbd, window[0].iov_len);
        if (p.span > nbd->ex.max_payload)
            p.span = nbd->ex.max_payload;
        if (p.span > 0) {
            p.direct = window[0].iov_base;
            p.part = p.span;
            return p;
        }
    }
    p.span = round_up(nbd, off - p.from + bytes);
    if (p.span > BOUNCE_BYTES)
        p.span = BOUNCE_BYTES;
    if (p.span > nbd->ex.max_payload)
        p.span = nbd->ex.max_payload;
    p.part = p.from + p.span - off < bytes ? p.from + p.span - off : bytes;
    return p;
}

/* The buffer of a transfer: none if all goes direct. Later pieces are never longer than the first
 * that needs it, or BOUNCE_BYTES. */
static void *bounce(void **buf, const struct nbd *nbd, uint64_t bytes)
{
    uint64_t most = bytes + 2 * (uint64_t)nbd->ex.min_block;

    if (!*buf)
        *buf = malloc(most < BOUNCE_BYTES ? most : BOUNCE_BYTES);
    return *buf;
}

static int read_pieces(struct nbd *nbd, uint64_t off, struct iov_cursor *cur, uint64_t bytes)
{
    void *buf = NULL;
    int err = 0;

    while (bytes > 0 && !err) {
        struct piece p = next_piece(nbd, cur, off, bytes);

        if (!p.direct && !bounce(&buf, nbd, bytes)) {
            err = ENOMEM;
            break;
        }
        err = command(nbd, NBD_READ, p.from, p.direct ? p.direct : buf, p.span, false);
        if (!err && p.direct)
            iov_advance(cur, p.part);
        else if (!err)
            iov_put(cur, (char *)buf + (off - p.from), p.part);
        off += p.part;
        bytes -= p.part;
    }
    free(buf);
    return err;
}

/* Fills the blocks of the buffer that are written in part: the first, the last, or both. */
static int read_edges(struct nbd *nbd, const struct piece *p, uint64_t off, char *buf)
{
    uint64_t block = nbd->ex.min_block;
    uint64_t last = p->span - block;
    bool head = off != p->from, tail = off + p->part != p->from + p->span;
    int err = 0;

    if (head || (tail && last == 0))
        err = command(nbd, NBD_READ, p->from, buf, block, false);
    if (!err && tail && last > 0)
        err = command(nbd, NBD_READ, p->from + last, buf + last, block, false);
    return err;
}

static int write_pieces(struct nbd *nbd, uint64_t off, struct iov_cursor *cur, uint64_t bytes,
                        bool stable)
{
    void *buf = NULL;
    int err = 0;

    while (bytes > 0 && !err) {
        struct piece p = next_piece(nbd, cur, off, bytes);

        if (p.direct) {
            iov_advance(cur, p.part);
        } else if (!bounce(&buf, nbd, bytes)) {
            err = ENOMEM;
        } else {
            err = read_edges(nbd, &p, off, buf);
            iov_get(cur, (char *)buf + (off - p.from), p.part);
        }
        if (!err)
            err = command(nbd, NBD_WRITE, p.from, p.direct ? p.direct : buf, p.span, stable);
        off += p.part;
        bytes -= p.part;
    }
    free(buf);
    return err;
}

/* ---- operations ---------------------------------------------------------------------------- */

static int op_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct nbd *nbd = nbd_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes, in;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    in = held(nbd, off, bytes);
    err = read_pieces(nbd, off, &cur, in);
    if (!err)
        iov_zero(&cur, bytes - in);
    return err;
}

/* Without a flush command there is no cache that could be flushed, as far as anybody can tell. */
static int op_flush(struct image *img)
{
    struct nbd *nbd = nbd_of(img);

    if (img->readonly || !nbd->ex.flush)
        return 0;
    return image_sync_result(img, command(nbd, NBD_FLUSH, 0, NULL, 0, false));
}

static int write_locked(struct nbd *nbd, uint64_t off, struct iov_cursor *cur, uint64_t bytes,
                        bool stable)
{
    int err;

    if (nbd->ex.min_block == 1)
        return write_pieces(nbd, off, cur, bytes, stable);
    if (is_whole(nbd, off, bytes))
        pthread_rwlock_rdlock(&nbd->parts);
    else
        pthread_rwlock_wrlock(&nbd->parts);
    err = write_pieces(nbd, off, cur, bytes, stable);
    pthread_rwlock_unlock(&nbd->parts);
    return err;
}

static int op_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                     bool stable)
{
    struct nbd *nbd = nbd_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt), rest = cur;
    bool fua = stable && nbd->ex.fua;
    uint64_t bytes, in;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    in = held(nbd, off, bytes);
    iov_advance(&rest, in);
    if (!iov_is_zero(&rest, bytes - in))
        return img->flags.growable ? ENOSPC : EIO; /* an export cannot be made longer */
    err = write_locked(nbd, off, &cur, in, fua);
    return err || !stable || fua ? err : op_flush(img);
}

/* At most a part of a block, or of two. */
static int write_zeroes_as_data(struct nbd *nbd, uint64_t off, uint64_t bytes)
{
    struct iovec iov = { .iov_len = bytes };
    struct iov_cursor cur = iov_start(&iov, 1);
    int err;

    if (bytes == 0)
        return 0;
    iov.iov_base = calloc(1, bytes);
    err = iov.iov_base ? write_locked(nbd, off, &cur, bytes, false) : ENOMEM;
    free(iov.iov_base);
    return err;
}

/* A command that moves no data, for whole blocks, in ranges that fit its 32 bits. */
static int range_command(struct nbd *nbd, enum nbd_op op, uint64_t off, uint64_t bytes,
                         bool no_hole)
{
    int err = 0;

    while (bytes > 0 && !err) {
        uint64_t n = bytes < NBD_RANGE_BYTES ? bytes : NBD_RANGE_BYTES;
        struct nbd_request req = { .op = op, .off = off, .bytes = n, .no_hole = no_hole };

        pthread_rwlock_rdlock(&nbd->parts);
        err = nbd_link_do(nbd->link, &req);
        pthread_rwlock_unlock(&nbd->parts);
        off += n;
        bytes -= n;
    }
    return err;
}

/* The whole blocks inside [*off, *off + *bytes); perhaps none. */
static void shrink(const struct nbd *nbd, uint64_t *off, uint64_t *bytes)
{
    uint64_t end = round_down(nbd, *off + *bytes);

    *off = round_up(nbd, *off);
    *bytes = end > *off ? end - *off : 0;
}

static int op_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    struct nbd *nbd = nbd_of(img);
    uint64_t end, from = off, span;
    int err;

    bytes = held(nbd, off, bytes);
    end = off + bytes;
    span = bytes;
    shrink(nbd, &from, &span);
    if (!nbd->ex.zero)
        return ENOTSUP; /* then they are written */
    if (span == 0)
        return write_zeroes_as_data(nbd, off, bytes);
    err = write_zeroes_as_data(nbd, off, from - off);
    if (!err)
        err = range_command(nbd, NBD_ZERO, from, span, !(unmap && img->flags.discard));
    return err ? err : write_zeroes_as_data(nbd, from + span, end - from - span);
}

static int op_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    struct nbd *nbd = nbd_of(img);
    int err;

    if (!img->flags.discard || !nbd->ex.trim)
        return 0;
    bytes = held(nbd, off, bytes);
    shrink(nbd, &off, &bytes);
    err = range_command(nbd, NBD_TRIM, off, bytes, false);
    /* It is advice: a server that cannot follow it has done no harm. */
    return err == EIO || err == ENOSPC ? err : 0;
}

static int op_status(struct image *img, uint64_t off, uint64_t bytes, enum image_status *status,
                      uint64_t *run)
{
    struct nbd *nbd = nbd_of(img);
    uint64_t in = held(nbd, off, bytes);
    struct nbd_request req = { .op = NBD_STATUS, .off = round_down(nbd, off) };
    int err;

    *status = in ? IMAGE_DATA : IMAGE_ZERO; /* behind the end there are zeroes */
    *run = in ? in : bytes;
    if (in == 0 || !nbd->ex.extents)
        return 0;
    req.bytes = round_up(nbd, off - req.off + in);
    if (req.bytes > NBD_RANGE_BYTES)
        req.bytes = NBD_RANGE_BYTES;
    err = nbd_link_do(nbd->link, &req);
    if (err || req.run <= off - req.off)
        return err == EIO ? EIO : 0; /* a server that does not tell: it is data */
    *status = req.zero ? IMAGE_ZERO : IMAGE_DATA;
    *run = req.run - (off - req.off);
    if (*run > in)
        *run = in;
    return 0;
}

static void op_close(struct image *img)
{
    struct nbd *nbd = nbd_of(img);

    nbd_link_close(nbd->link);
    pthread_rwlock_destroy(&nbd->parts);
    g_free(nbd);
}

static const struct image_ops nbd_ops = {
    .kind = "nbd",
    .read = op_read,
    .write = op_write,
    .flush = op_flush,
    .discard = op_discard,
    .write_zeroes = op_write_zeroes,
    .status = op_status,
    .close = op_close,
};

/* ---- opening ------------------------------------------------------------------------------- */

static bool settle_access(struct nbd *nbd, const struct node_args *args, GError **error)
{
    if (!nbd->ex.readonly || nbd->img.readonly)
        return true;
    if (args->flags.auto_read_only) {
        nbd->img.readonly = true;
        return true;
    }
    block_error(error, EROFS, nbd->img.filename,
                "the server exports it read-only; readonly=on or snapshot=on needs no more than "
                "reading");
    return false;
}

static struct image *op_open(struct node_args *args, GError **error)
{
    uint64_t again_s = node_opt_number(args, "open-timeout", 0);
    uint64_t delay_s = node_opt_number(args, "reconnect-delay", 0);
    struct nbd_target *target;
    struct nbd *nbd;

    if (!nbd_lib_load(error))
        return NULL;
    if (again_s > UINT32_MAX || delay_s > UINT32_MAX) {
        block_error(error, EINVAL, "nbd", "open-timeout and reconnect-delay have 32 bits");
        return NULL;
    }
    target = nbd_target_new(args, error);
    if (!target)
        return NULL;
    nbd = g_new0(struct nbd, 1);
    image_init(&nbd->img, &nbd_ops, &args->flags);
    pthread_rwlock_init(&nbd->parts, NULL);
    nbd->img.filename = g_strdup(target->shown);
    nbd->link = nbd_link_open(target, (unsigned)delay_s, again_s ? (int64_t)again_s * 1000 : OPEN_MS,
                              again_s > 0 && target->transport != NBD_FD, &nbd->ex, error);
    if (!nbd->link || !settle_access(nbd, args, error)) {
        g_free(nbd->img.filename);
        op_close(&nbd->img);
        return NULL;
    }
    nbd->img.bytes = nbd->ex.bytes;
    nbd->img.grain_bytes = nbd->ex.min_block > 512 ? nbd->ex.min_block : 512;
    return &nbd->img;
}

const struct node_driver nbd_driver = {
    .name = "nbd",
    .help = "a network block device, through libnbd",
    .options = nbd_options,
    .open = op_open,
};
