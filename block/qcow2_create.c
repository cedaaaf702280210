/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a new qcow2 image: header, refcount table, refcount blocks, L1 table, in this order in the file. */
#include <stdlib.h>

#include "block/qcow2_internal.h"

struct plan {
    unsigned cluster_bits, order, version;
    uint64_t cluster_bytes;
    uint64_t l1_entries, l1_clusters;
    uint64_t reftable_clusters, refblocks;
    uint64_t total; /* clusters */
};

static bool refuse(GError **error, struct image *file, const char *what)
{
    block_error(error, EINVAL, image_filename(file), "%s", what);
    return false;
}

static bool is_power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

static bool check_names(struct image *file, const struct qcow2_create_options *opt, GError **error)
{
    if (!opt->backing_file != !opt->backing_format)
        return refuse(error, file, "a backing file and its format go together");
    if (opt->backing_file &&
        (!*opt->backing_file || strlen(opt->backing_file) > QCOW2_MAX_BACKING_NAME))
        return refuse(error, file, "the backing file's name must have 1 to 1023 bytes");
    if (opt->backing_format && (!*opt->backing_format || strlen(opt->backing_format) > 64))
        return refuse(error, file, "the backing format's name must have 1 to 64 bytes");
    return true;
}

static bool check(struct image *file, const struct qcow2_create_options *opt, struct plan *p,
                  GError **error)
{
    uint64_t bits = opt->refcount_bits ? opt->refcount_bits : 16;
    uint64_t names = 200 + (opt->backing_file ? strlen(opt->backing_file) : 0);

    p->cluster_bytes = opt->cluster_bytes ? opt->cluster_bytes : 65536;
    p->version = opt->version ? opt->version : 3;
    if (!is_power_of_two(p->cluster_bytes) || p->cluster_bytes < 512 || p->cluster_bytes > 2u << 20)
        return refuse(error, file, "clusters of 512 bytes to 2 MiB are possible, powers of two");
    if (p->version != 2 && p->version != 3)
        return refuse(error, file, "there are the versions 2 and 3");
    if (!is_power_of_two(bits) || bits > 64 || (p->version == 2 && bits != 16))
        return refuse(error, file, "refcounts have 1 to 64 bits, a power of two; in version 2, 16");
    if (p->version == 2 && opt->lazy_refcounts)
        return refuse(error, file, "lazy refcounts need version 3");
    if (opt->bytes % 512 || opt->bytes > INT64_MAX)
        return refuse(error, file, "the size has to be a multiple of 512");
    if (opt->preallocate_metadata && opt->backing_file)
        return refuse(error, file, "preallocation would hide the backing file");
    p->cluster_bits = (unsigned)__builtin_ctzll(p->cluster_bytes);
    p->order = (unsigned)__builtin_ctzll(bits);
    if (names > p->cluster_bytes)
        return refuse(error, file, "the backing file's name does not fit into the first cluster");
    return check_names(file, opt, error);
}

static uint64_t round_up_shift(uint64_t n, unsigned shift)
{
    return (n >> shift) + ((n & ((1ull << shift) - 1)) != 0);
}

static bool lay_out(struct image *file, const struct qcow2_create_options *opt, struct plan *p,
                    GError **error)
{
    unsigned block_bits = p->cluster_bits + 3 - p->order;
    uint64_t total;

    p->l1_entries = MAX(round_up_shift(opt->bytes, 2 * p->cluster_bits - 3), 1);
    if (p->l1_entries * 8 > QCOW2_MAX_L1_BYTES)
        return refuse(error, file, "the disk is too large for clusters of this size");
    p->l1_clusters = MAX(round_up_shift(p->l1_entries * 8, p->cluster_bits), 1);
    p->reftable_clusters = p->refblocks = 1;
    do {
        total = p->total = 1 + p->l1_clusters + p->reftable_clusters + p->refblocks;
        p->refblocks = round_up_shift(total, block_bits);
        p->reftable_clusters = round_up_shift(p->refblocks * 8, p->cluster_bits);
        p->total = 1 + p->l1_clusters + p->reftable_clusters + p->refblocks;
    } while (p->total != total);
    return true;
}

/* ---- the header ---------------------------------------------------------------------------- */

static uint32_t put_extension(uint8_t *buf, uint32_t at, uint32_t type, const void *data,
                              uint32_t bytes)
{
    qcow2_put32(buf + at, type);
    qcow2_put32(buf + at + 4, bytes);
    memcpy(buf + at + 8, data, bytes);
    return at + 8 + ((bytes + 7) & ~7u);
}

static void fill_header(uint8_t *buf, const struct qcow2_create_options *opt, const struct plan *p)
{
    uint32_t at = p->version == 2 ? QCOW2_H_V2_BYTES : QCOW2_H_V3_BYTES + 8;

    qcow2_put32(buf, QCOW2_MAGIC);
    qcow2_put32(buf + 4, p->version);
    qcow2_put32(buf + QCOW2_H_CLUSTER_BITS, p->cluster_bits);
    qcow2_put64(buf + QCOW2_H_SIZE, opt->bytes);
    qcow2_put32(buf + QCOW2_H_L1_ENTRIES, (uint32_t)p->l1_entries);
    qcow2_put64(buf + QCOW2_H_L1_OFF,
                (1 + p->reftable_clusters + p->refblocks) << p->cluster_bits);
    qcow2_put64(buf + QCOW2_H_REFTABLE_OFF, p->cluster_bytes);
    qcow2_put32(buf + QCOW2_H_REFTABLE_CLUSTERS, (uint32_t)p->reftable_clusters);
    if (p->version >= 3) {
        qcow2_put64(buf + QCOW2_H_COMPATIBLE, opt->lazy_refcounts ? QCOW2_COMPAT_LAZY : 0);
        qcow2_put32(buf + QCOW2_H_REFCOUNT_ORDER, p->order);
        qcow2_put32(buf + QCOW2_H_LENGTH, at);
    }
    if (opt->backing_format)
        at = put_extension(buf, at, QCOW2_EXT_BACKING_FORMAT, opt->backing_format,
                           (uint32_t)strlen(opt->backing_format));
    at += 8; /* the end of the extensions: zeroes */
    if (opt->backing_file) {
        qcow2_put64(buf + QCOW2_H_BACKING_OFF, at);
        qcow2_put32(buf + QCOW2_H_BACKING_LEN, (uint32_t)strlen(opt->backing_file));
        memcpy(buf + at, opt->backing_file, strlen(opt->backing_file));
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

static int write_refcounts(struct image *file, const struct plan *p, uint8_t *buf)
{
    uint64_t per_block = 1ull << (p->cluster_bits + 3 - p->order);
    uint64_t per_cluster = p->cluster_bytes / 8;
    int err = 0;

    for (uint64_t c = 0; c < p->reftable_clusters && !err; c++) {
        memset(buf, 0, p->cluster_bytes);
        for (uint64_t i = 0; i < per_cluster && c * per_cluster + i < p->refblocks; i++)
            qcow2_put64(buf + 8 * i,
                        (1 + p->reftable_clusters + c * per_cluster + i) << p->cluster_bits);
        err = image_write(file, (1 + c) << p->cluster_bits, buf, p->cluster_bytes);
    }
    for (uint64_t b = 0; b < p->refblocks && !err; b++) {
        memset(buf, 0, p->cluster_bytes);
        for (uint64_t i = 0; i < per_block && b * per_block + i < p->total; i++)
            qcow2_refcount_store(buf, p->order, i, 1);
        err = image_write(file, (1 + p->reftable_clusters + b) << p->cluster_bits, buf,
                          p->cluster_bytes);
    }
    return err;
}

static int write_all(struct image *file, const struct qcow2_create_options *opt,
                     const struct plan *p)
{
    uint8_t *buf = qcow2_buffer(p->cluster_bytes);
    uint64_t l1 = 1 + p->reftable_clusters + p->refblocks;
    int err = buf ? 0 : ENOMEM;

    if (!err)
        memset(buf, 0, p->cluster_bytes);
    /* First of all no image, in case that there was one. */
    if (!err)
        err = image_write(file, 0, buf, p->cluster_bytes);
    if (!err)
        err = file->ops->flush(file);
    for (uint64_t c = 0; c < p->l1_clusters && !err; c++)
        err = image_write(file, (l1 + c) << p->cluster_bits, buf, p->cluster_bytes);
    if (!err)
        err = write_refcounts(file, p, buf);
    if (!err)
        err = file->ops->flush(file);
    if (!err) {
        memset(buf, 0, p->cluster_bytes);
        fill_header(buf, opt, p);
        err = image_write(file, 0, buf, p->cluster_bytes);
    }
    free(buf);
    return err ? err : file->ops->flush(file);
}

static bool preallocate(struct image *file, GError **error)
{
    g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);
    struct node_args args = { .opts = none, .file = file, .backing_given = true };
    struct image *img;
    int err;

    args.shown = image_filename(file);
    args.flags.no_flush = file->flags.no_flush;
    img = qcow2_driver.open(&args, error);
    if (!img)
        return false;
    err = qcow2_preallocate(qcow2_of(img));
    img->ops->close(img); /* no node: `file` is only borrowed */
    if (err)
        block_error(error, err, image_filename(file), "%s", g_strerror(err));
    return !err;
}

static bool create(struct image *file, const struct qcow2_create_options *opt, const struct plan *p,
                   GError **error)
{
    int err = file->bytes ? image_truncate(file, 0) : 0;

    image_event(file, IMAGE_EVENT_EMPTY_IMAGE_PREPARE);
    if (!err || err == ENOTSUP) /* a block device stays as long as it is */
        err = write_all(file, opt, p);
    if (err) {
        block_error(error, err, image_filename(file), "%s", g_strerror(err));
        return false;
    }
    return !opt->preallocate_metadata || preallocate(file, error);
}

bool qcow2_create(struct image *file, const struct qcow2_create_options *opt, GError **error)
{
    bool growable = file->flags.growable, created;
    struct plan p = { 0 };

    if (!check(file, opt, &p, error) || !lay_out(file, opt, &p, error))
        return false;
    file->flags.growable = true;
    created = create(file, opt, &p, error);
    file->flags.growable = growable;
    return created;
}
