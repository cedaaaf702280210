/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening and closing of qcow2 images; qcow2_internal.h has the design. */
#include "block/qcow2.h"

#include <stdlib.h>

#include "block/qcow2_internal.h"

static bool fail(GError **error, struct qcow2 *q, int err, const char *what)
{
    block_error(error, err, image_filename(&q->img), "%s: %s", what, g_strerror(err));
    return false;
}

/* ---- close --------------------------------------------------------------------------------- */

static void free_all(struct qcow2 *q)
{
    qcow2_cache_clear(&q->l2);
    qcow2_cache_clear(&q->refblocks);
    qcow2_set_clear(&q->meta);
    qcow2_header_clear(&q->h);
    if (q->freed)
        g_array_free(q->freed, TRUE);
    g_free(q->snapshots);
    g_free(q->l1);
    g_free(q->reftable);
    free(q->inflated);
    pthread_mutex_destroy(&q->commit_lock);
    pthread_mutex_destroy(&q->alloc_lock);
    pthread_mutex_destroy(&q->map_lock);
    pthread_mutex_destroy(&q->small_lock);
    pthread_mutex_destroy(&q->header_lock);
    pthread_mutex_destroy(&q->inflate_lock);
    pthread_cond_destroy(&q->map_changed);
    g_free(q);
}

static bool has_work(struct qcow2 *q)
{
    return q->l2.dirty_count || q->refblocks.dirty_count || q->freed->len ||
           q->l1_dirty_from < q->l1_dirty_to || q->reftable_dirty_from < q->reftable_dirty_to;
}

/* The frees of the first commit are dirty refcounts for the second. */
static void qcow2_close(struct image *img)
{
    struct qcow2 *q = qcow2_of(img);
    int err = 0;

    for (int i = 0; i < 3 && !img->readonly && has_work(q) && !err; i++)
        err = qcow2_commit(q);
    if (err)
        g_warning("%s: closed without its last changes: %s", image_filename(img), g_strerror(err));
    free_all(q);
}

static void qcow2_info(struct image *img, struct image_info *info)
{
    struct qcow2 *q = qcow2_of(img);

    if (img->file->ops->info)
        img->file->ops->info(img->file, info);
    info->cluster_bytes = q->cluster_bytes;
    info->dirty = q->h.incompatible & QCOW2_INCOMPAT_DIRTY;
    info->corrupt = qcow2_is_corrupt(q);
    info->backing_file = g_strdup(q->h.backing_file);
    info->backing_format = g_strdup(q->h.backing_format);
}

static const struct image_ops qcow2_ops = {
    .kind = "qcow2",
    .read = qcow2_read,
    .write = qcow2_write,
    .flush = qcow2_flush,
    .discard = qcow2_discard,
    .write_zeroes = qcow2_write_zeroes,
    .try_read = qcow2_try_read,
    .map = qcow2_map,
    .status = qcow2_status,
    .truncate = qcow2_truncate,
    .info = qcow2_info,
    .close = qcow2_close,
};

/* ---- reading what stays in memory ----------------------------------------------------------- */

static bool read_header(struct qcow2 *q, GError **error)
{
    uint64_t file_bytes = q->img.file->bytes;
    const char *shown = image_filename(&q->img);
    uint8_t first[QCOW2_H_V2_BYTES], *buf;
    uint32_t n;
    int err;

    if (file_bytes < sizeof(first)) {
        block_error(error, EINVAL, shown, "not a qcow2 image: the file is shorter than a header");
        return false;
    }
    err = qcow2_file_read(q, 0, first, sizeof(first));
    if (err)
        return fail(error, q, err, "cannot read the header");
    n = qcow2_header_bytes(first, shown, error);
    if (!n)
        return false;
    n = (uint32_t)MIN(n, file_bytes);
    buf = qcow2_buffer(n);
    err = buf ? qcow2_file_read(q, 0, buf, n) : ENOMEM;
    if (err)
        fail(error, q, err, "cannot read the header");
    else if (!qcow2_header_parse(buf, n, file_bytes, shown, &q->h, error))
        err = EINVAL;
    free(buf);
    return !err;
}

static bool read_tables(struct qcow2 *q, GError **error)
{
    uint64_t reftable_bytes = (uint64_t)q->h.reftable_clusters << q->h.cluster_bits;
    int err;

    q->l1 = g_try_malloc0((gsize)q->h.l1_entries * 8 + 8);
    q->reftable = g_try_malloc0(reftable_bytes);
    if (!q->l1 || !q->reftable)
        return fail(error, q, ENOMEM, "cannot keep its tables");
    q->reftable_entries = reftable_bytes / 8;
    err = q->h.l1_entries ? qcow2_file_read(q, q->h.l1_off, q->l1, (uint64_t)q->h.l1_entries * 8) : 0;
    if (err)
        return fail(error, q, err, "cannot read the L1 table");
    image_event(q->img.file, IMAGE_EVENT_REFTABLE_LOAD);
    err = qcow2_file_read(q, q->h.reftable_off, q->reftable, reftable_bytes);
    return !err || fail(error, q, err, "cannot read the refcount table");
}

/* One entry of the snapshot table, at off; *next: the one behind it. */
static const char *read_snapshot(struct qcow2 *q, uint64_t off, struct qcow2_snapshot *s,
                                 uint64_t *next)
{
    uint64_t file_bytes = q->img.file->bytes;
    uint8_t buf[40];
    uint64_t bytes;

    if (off > file_bytes || file_bytes - off < sizeof(buf))
        return "the snapshot table is cut off";
    if (qcow2_file_read(q, off, buf, sizeof(buf)))
        return "the snapshot table cannot be read";
    s->l1_off = qcow2_be64(buf);
    s->l1_entries = qcow2_be32(buf + 8);
    bytes = 40ull + qcow2_be32(buf + 36) + (uint64_t)(buf[12] << 8 | buf[13]) +
            (uint64_t)(buf[14] << 8 | buf[15]);
    s->has_size = qcow2_be32(buf + 36) >= 16;
    *next = off + ((bytes + 7) & ~7ull);
    if (qcow2_be32(buf + 36) > 1024)
        return "a snapshot has more than 1024 bytes of extra data";
    if ((uint64_t)s->l1_entries * 8 > QCOW2_MAX_L1_BYTES || s->l1_off & (q->cluster_bytes - 1) ||
        (s->l1_entries && (s->l1_off == 0 || s->l1_off >= file_bytes ||
                           (uint64_t)s->l1_entries * 8 > file_bytes - s->l1_off)))
        return "a snapshot's L1 table is not inside of the file";
    return NULL;
}

static bool read_snapshots(struct qcow2 *q, GError **error)
{
    uint64_t off = q->h.snapshots_off;

    q->snapshots = g_new0(struct qcow2_snapshot, q->h.snapshots);
    for (uint32_t i = 0; i < q->h.snapshots; i++) {
        const char *wrong = read_snapshot(q, off, &q->snapshots[i], &off);

        if (!wrong && off - q->h.snapshots_off > QCOW2_MAX_SNAPSHOT_BYTES)
            wrong = "the snapshot table has more than 64 MiB";
        if (wrong) {
            block_error(error, EINVAL, image_filename(&q->img), "bad qcow2 image: %s", wrong);
            return false;
        }
    }
    q->snapshot_table_bytes = off - q->h.snapshots_off;
    return true;
}

/* ---- where metadata is ---------------------------------------------------------------------- */

static char *add_area(struct qcow2 *q, uint64_t off, uint64_t bytes, enum qcow2_meta what)
{
    uint64_t end = (off + bytes + q->cluster_bytes - 1) >> q->h.cluster_bits;

    for (uint64_t c = off >> q->h.cluster_bits; bytes && c < end; c++) {
        enum qcow2_meta there = qcow2_set_get(&q->meta, c);

        if (!qcow2_set_add(&q->meta, c, what))
            return g_strdup_printf("%s and %s overlap at 0x%" PRIx64, qcow2_meta_name(what),
                                   qcow2_meta_name(there), c << q->h.cluster_bits);
    }
    return NULL;
}

/* Entries of the L1 or the refcount table. Goes on after the first fault, for readers. */
static char *add_tables(struct qcow2 *q, const uint64_t *table, uint64_t entries, uint64_t mask,
                        enum qcow2_meta what, uint64_t file_bytes, char *wrong)
{
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t off = be64toh(table[i]) & mask;
        char *fault = NULL;

        if (!off)
            continue;
        if (off & (q->cluster_bytes - 1) || off >= file_bytes)
            fault = g_strdup_printf("%s at 0x%" PRIx64 " is not aligned or not inside of the file",
                                    qcow2_meta_name(what), off);
        else
            fault = add_area(q, off, q->cluster_bytes, what);
        if (wrong)
            g_free(fault);
        else
            wrong = fault;
    }
    return wrong;
}

char *qcow2_collect_meta(struct qcow2 *q, uint64_t file_bytes)
{
    char *wrong;

    qcow2_set_clear(&q->meta);
    qcow2_set_init(&q->meta);
    wrong = add_area(q, 0, q->cluster_bytes, QCOW2_META_HEADER);
    if (!wrong)
        wrong = add_area(q, q->h.l1_off, (uint64_t)q->h.l1_entries * 8, QCOW2_META_L1);
    if (!wrong)
        wrong = add_area(q, q->h.reftable_off, q->reftable_entries * 8, QCOW2_META_REFTABLE);
    if (!wrong)
        wrong = add_area(q, q->h.snapshots_off, q->snapshot_table_bytes, QCOW2_META_SNAPSHOTS);
    for (uint32_t i = 0; i < q->h.snapshots && !wrong; i++)
        wrong = add_area(q, q->snapshots[i].l1_off, (uint64_t)q->snapshots[i].l1_entries * 8,
                         QCOW2_META_SNAPSHOT_L1);
    wrong = add_tables(q, q->reftable, q->reftable_entries, ~511ull, QCOW2_META_REFBLOCK, file_bytes,
                       wrong);
    return add_tables(q, q->l1, q->h.l1_entries, QCOW2_OFFSET_MASK, QCOW2_META_L2, file_bytes, wrong);
}

/* ---- for writing ---------------------------------------------------------------------------- */

static bool set_features(struct qcow2 *q, unsigned field, uint64_t value, GError **error)
{
    uint8_t buf[8];
    int err;

    qcow2_put64(buf, value);
    err = qcow2_header_write(q, field, buf, sizeof(buf));
    if (!err)
        err = qcow2_file_flush(q);
    return !err || fail(error, q, err, "cannot write the header");
}

static bool repair(struct qcow2 *q, GError **error)
{
    struct qcow2_check_result result;
    uint64_t clean = q->h.incompatible & ~QCOW2_INCOMPAT_DIRTY;
    int err = qcow2_check(&q->img, true, &result);

    if (err)
        return fail(error, q, err, "its refcounts are dirty and cannot be repaired here "
                                   "(qemu-img check -r all)");
    g_warning("%s: was not closed; refcounts repaired (%" PRIu64 " leaked, %" PRIu64 " wrong)",
              image_filename(&q->img), result.leaks, result.corruptions);
    if (!set_features(q, QCOW2_H_INCOMPATIBLE, clean, error))
        return false;
    q->h.incompatible = clean;
    return true;
}

/* The tables of an image that is to be written to have to be where no other ones are. */
static bool prepare_writing(struct qcow2 *q, GError **error)
{
    char *wrong;

    if (q->h.incompatible & QCOW2_INCOMPAT_CORRUPT) {
        block_error(error, EIO, image_filename(&q->img), "the qcow2 image is marked corrupt: only "
                    "read-only=on opens it, or qemu-img check -r all repairs it");
        return false;
    }
    wrong = qcow2_collect_meta(q, q->img.file->bytes);
    if (wrong) {
        block_error(error, EIO, image_filename(&q->img), "the qcow2 image is corrupt: %s; only "
                    "read-only=on opens it, or qemu-img check -r all repairs it", wrong);
        g_free(wrong);
        return false;
    }
    if (q->h.incompatible & QCOW2_INCOMPAT_DIRTY && !repair(q, error))
        return false;
    if (q->h.autoclear && !set_features(q, QCOW2_H_AUTOCLEAR, 0, error))
        return false;
    q->h.autoclear = 0;
    return true;
}

/* ---- open ---------------------------------------------------------------------------------- */

static void init_locks(struct qcow2 *q)
{
    pthread_mutex_init(&q->commit_lock, NULL);
    pthread_mutex_init(&q->alloc_lock, NULL);
    pthread_mutex_init(&q->map_lock, NULL);
    pthread_mutex_init(&q->small_lock, NULL);
    pthread_mutex_init(&q->header_lock, NULL);
    pthread_mutex_init(&q->inflate_lock, NULL);
    pthread_cond_init(&q->map_changed, NULL);
    TAILQ_INIT(&q->ranges);
    q->freed = g_array_new(FALSE, FALSE, sizeof(struct qcow2_freed));
    q->l1_dirty_from = UINT32_MAX;
    q->reftable_dirty_from = UINT64_MAX;
    qcow2_set_init(&q->meta);
}

static void set_geometry(struct qcow2 *q, const struct node_args *args)
{
    struct image *img = &q->img, *file = img->file;
    uint64_t l2_bytes = node_opt_number(args, "l2-cache-size", QCOW2_L2_CACHE_BYTES);
    uint64_t ref_bytes = node_opt_number(args, "refcount-cache-size", QCOW2_REFBLOCK_CACHE_BYTES);

    q->cluster_bytes = 1ull << q->h.cluster_bits;
    q->l2_bits = q->h.cluster_bits - 3;
    q->refblock_bits = q->h.cluster_bits + 3 - q->h.refcount_order;
    q->small_clusters = file->grain_bytes > q->cluster_bytes;
    img->bytes = q->h.bytes;
    img->grain_bytes = (uint32_t)MAX(q->cluster_bytes, file->grain_bytes);
    img->native = file->native;
    img->mem_align = file->mem_align;
    img->off_align = file->off_align;
    q->fresh_from = (file->bytes + q->cluster_bytes - 1) & ~(q->cluster_bytes - 1);
    q->pass_discard_request = node_opt_bool(args, "pass-discard-request", img->flags.discard);
    q->pass_discard_snapshot = node_opt_bool(args, "pass-discard-snapshot", true);
    qcow2_cache_init(&q->l2, (uint32_t)q->cluster_bytes, l2_bytes, MAX(q->h.l1_entries, 8));
    qcow2_cache_init(&q->refblocks, (uint32_t)q->cluster_bytes, ref_bytes, UINT64_MAX);
}

/* The image's own word on what is behind it counts if the user has said nothing. */
static bool open_behind(struct qcow2 *q, struct node_args *args, GError **error)
{
    q->img.backing = args->backing;
    if (args->backing_given || !q->h.backing_file)
        return true;
    q->img.backing = node_open_backing(args, image_filename(q->img.file), q->h.backing_file,
                                       q->h.backing_format, error);
    return q->img.backing != NULL;
}

static bool open_inner(struct qcow2 *q, struct node_args *args, GError **error)
{
    char *wrong;

    if (!read_header(q, error))
        return false;
    set_geometry(q, args);
    if (!read_tables(q, error) || !read_snapshots(q, error))
        return false;
    q->corrupt = !!(q->h.incompatible & QCOW2_INCOMPAT_CORRUPT);
    if (q->img.readonly) {
        wrong = qcow2_collect_meta(q, q->img.file->bytes);
        g_free(wrong); /* what is wrong is an error where it is read */
    } else if (!prepare_writing(q, error)) {
        return false;
    }
    return open_behind(q, args, error);
}

static struct image *qcow2_open(struct node_args *args, GError **error)
{
    struct qcow2 *q = g_new0(struct qcow2, 1);

    image_init(&q->img, &qcow2_ops, &args->flags);
    q->img.file = args->file;
    init_locks(q);
    if (open_inner(q, args, error))
        return &q->img;
    free_all(q);
    return NULL;
}

static const struct node_option qcow2_options[] = {
    { .name = "lazy-refcounts", .type = NODE_OPT_BOOL, .help = "accepted; refcounts are always exact" },
    { .name = "pass-discard-request", .type = NODE_OPT_BOOL, .help = "what the guest discards is "
      "given back by the file too; as discard=" },
    { .name = "pass-discard-snapshot", .type = NODE_OPT_BOOL, .help = "likewise what a snapshot held; on" },
    { .name = "pass-discard-other", .type = NODE_OPT_BOOL, .help = "accepted; off" },
    { .name = "overlap-check", .help = "accepted; metadata is always guarded" },
    { .name = "overlap-check.*", .help = "likewise" },
    { .name = "l2-cache-size", .type = NODE_OPT_SIZE, .help = "bytes of L2 tables in memory; 32 MiB" },
    { .name = "refcount-cache-size", .type = NODE_OPT_SIZE, .help = "of refcount blocks; 8 MiB" },
    { .name = "cache-size", .type = NODE_OPT_SIZE, .help = "accepted; see the other two" },
    { .name = "l2-cache-entry-size", .type = NODE_OPT_SIZE, .help = "accepted; whole tables are read" },
    { .name = "cache-clean-interval", .type = NODE_OPT_NUMBER, .help = "accepted" },
    { .name = "encrypt.*", .refusal = "no encryption here; let the host's dm-crypt do it" },
    { .name = "data-file", .refusal = "no external data files; qemu-img convert makes one image" },
    { .name = "data-file.*", .refusal = "no external data files; qemu-img convert makes one image" },
    { .name = "discard-no-unref", .refusal = "discarded clusters are always freed" },
    { .name = NULL },
};

const struct node_driver qcow2_driver = {
    .name = "qcow2",
    .help = "QEMU's image format, versions 2 and 3",
    .options = qcow2_options,
    .has_file = true,
    .has_backing = true,
    .file_growable = true,
    .open = qcow2_open,
};
