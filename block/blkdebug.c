/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter "blkdebug": lets I/O on what is below fail by rules (blkdebug_rules.h). Between a format
 * and its file it hears of the format's events. No map() and no try_read(): nothing may go past it.
 */
#include <errno.h>

#include "block/blkdebug_rules.h"
#include "block/drivers.h"
#include "block/iov.h"

struct blkdebug {
    struct image img;
    struct blkdebug_rules *rules;
};

static struct blkdebug *blkdebug_of(struct image *img)
{
    return (struct blkdebug *)img;
}

static int check(struct image *img, enum blkdebug_io io, uint64_t off, uint64_t bytes)
{
    return blkdebug_rules_check(blkdebug_of(img)->rules, io, off, bytes);
}

/* A file under a format grows as it is written. */
static void follow_size(struct image *img)
{
    uint64_t below = __atomic_load_n(&img->file->bytes, __ATOMIC_ACQUIRE);
    uint64_t ours = __atomic_load_n(&img->bytes, __ATOMIC_RELAXED);

    while (below > ours && !__atomic_compare_exchange_n(&img->bytes, &ours, below, false,
                                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

/* ---- operations ---------------------------------------------------------------------------- */

static int blkdebug_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    uint64_t bytes;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    err = check(img, BLKDEBUG_IO_READ, off, bytes);
    return err ? err : img->file->ops->read(img->file, off, iov, iovcnt);
}

static int blkdebug_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                          bool stable)
{
    struct blkdebug_rules *rules = blkdebug_of(img)->rules;
    uint64_t bytes;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    blkdebug_rules_event(rules, BLKDEBUG_EVENT_PWRITEV);
    err = check(img, BLKDEBUG_IO_WRITE, off, bytes);
    if (!err)
        err = img->file->ops->write(img->file, off, iov, iovcnt, stable);
    follow_size(img);
    blkdebug_rules_event(rules, BLKDEBUG_EVENT_PWRITEV_DONE);
    return err;
}

static int blkdebug_write_zeroes(struct image *img, uint64_t off, uint64_t bytes, bool unmap)
{
    struct blkdebug_rules *rules = blkdebug_of(img)->rules;
    int err;

    blkdebug_rules_event(rules, BLKDEBUG_EVENT_PWRITEV_ZERO);
    err = check(img, BLKDEBUG_IO_WRITE_ZEROES, off, bytes);
    if (!err)
        err = image_write_zeroes(img->file, off, bytes, unmap);
    follow_size(img);
    blkdebug_rules_event(rules, BLKDEBUG_EVENT_PWRITEV_DONE);
    return err;
}

/* Unlike a failure of the host this one is over with the rule (B-03 is about pages that are lost). */
static int blkdebug_flush(struct image *img)
{
    int err = check(img, BLKDEBUG_IO_FLUSH, 0, 0);

    return err ? err : img->file->ops->flush(img->file);
}

static int blkdebug_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    int err = check(img, BLKDEBUG_IO_DISCARD, off, bytes);

    if (err || !img->flags.discard)
        return err;
    return img->file->ops->discard(img->file, off, bytes);
}

static int blkdebug_status(struct image *img, uint64_t off, uint64_t bytes,
                           enum image_status *status, uint64_t *run)
{
    int err = check(img, BLKDEBUG_IO_BLOCK_STATUS, off, bytes);

    return err ? err : image_status(img->file, off, bytes, status, run);
}

static int blkdebug_truncate(struct image *img, uint64_t bytes)
{
    int err = image_truncate(img->file, bytes);

    if (!err)
        __atomic_store_n(&img->bytes, bytes, __ATOMIC_RELEASE);
    return err;
}

/* What a format above asks of its file, it asks of the file below. */
static bool blkdebug_permit(struct image *img, bool write, GError **error)
{
    (void)write, (void)error;
    img->file->flags.growable |= img->flags.growable;
    return true;
}

static void blkdebug_event(struct image *img, enum image_event event)
{
    blkdebug_rules_event(blkdebug_of(img)->rules, event);
    image_event(img->file, event);
}

static void blkdebug_info(struct image *img, struct image_info *info)
{
    if (img->file->ops->info)
        img->file->ops->info(img->file, info);
}

static void blkdebug_close(struct image *img)
{
    blkdebug_rules_free(blkdebug_of(img)->rules);
    g_free(img);
}

static const struct image_ops blkdebug_ops = {
    .kind = "blkdebug",
    .read = blkdebug_read,
    .write = blkdebug_write,
    .flush = blkdebug_flush,
    .discard = blkdebug_discard,
    .write_zeroes = blkdebug_write_zeroes,
    .status = blkdebug_status,
    .truncate = blkdebug_truncate,
    .permit = blkdebug_permit,
    .event = blkdebug_event,
    .info = blkdebug_info,
    .close = blkdebug_close,
};

/* ---- opening ------------------------------------------------------------------------------- */

static bool read_config(struct blkdebug_rules *rules, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    GError *why = NULL;
    gsize bytes;
    bool good;

    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) { /* a FIFO would keep us for ever */
        block_error(error, ENOENT, path, "there is no blkdebug configuration file of this name");
        return false;
    }
    if (!g_file_get_contents(path, &text, &bytes, &why)) {
        block_error(error, EIO, path, "%s", why->message);
        g_error_free(why);
        return false;
    }
    good = bytes <= BLKDEBUG_CONFIG_MAX;
    if (!good)
        block_error(error, EFBIG, path, "too large for a blkdebug configuration file");
    return good && blkdebug_rules_read(rules, text, path, error);
}

static struct image *open_blkdebug(struct node_args *args, GError **error)
{
    struct blkdebug_rules *rules = blkdebug_rules_new();
    const char *config = node_opt(args, "config");
    struct blkdebug *debug;

    if ((config && *config && !read_config(rules, config, error)) ||
        !blkdebug_rules_options(rules, args->opts, "blkdebug", error)) {
        blkdebug_rules_free(rules);
        return NULL;
    }
    debug = g_new0(struct blkdebug, 1);
    image_init(&debug->img, &blkdebug_ops, &args->flags);
    debug->img.native = false;
    debug->img.file = args->file;
    debug->img.bytes = args->file->bytes;
    debug->img.grain_bytes = args->file->grain_bytes;
    debug->img.odd_size = args->file->odd_size;
    debug->rules = rules;
    blkdebug_rules_event(rules, BLKDEBUG_EVENT_NONE);
    return &debug->img;
}

#define NO_LIMITS "requests go down as they are; the file's own limits apply"
#define NO_PERMISSIONS "a node has one writer, or readers"

static const struct node_option blkdebug_options[] = {
    { .name = "config", .help = "file with rules" },
    { .name = "inject-error.*", .help = "inject-error.0.event=..., errno, sector, once, iotype, state" },
    { .name = "set-state.*", .help = "set-state.0.event=..., state, new_state" },
    { .name = "align", .refusal = NO_LIMITS },
    { .name = "max-transfer", .refusal = NO_LIMITS },
    { .name = "opt-write-zero", .refusal = NO_LIMITS },
    { .name = "max-write-zero", .refusal = NO_LIMITS },
    { .name = "opt-discard", .refusal = NO_LIMITS },
    { .name = "max-discard", .refusal = NO_LIMITS },
    { .name = "take-child-perms.*", .refusal = NO_PERMISSIONS },
    { .name = "unshare-child-perms.*", .refusal = NO_PERMISSIONS },
    { .name = NULL },
};

const struct node_driver blkdebug_driver = {
    .name = "blkdebug",
    .help = "filter: errors on demand, by event, sector and state",
    .options = blkdebug_options,
    .has_file = true,
    .child_name = "image",
    .open = open_blkdebug,
};
