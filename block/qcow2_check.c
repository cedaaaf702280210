/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counting every reference in an image, and setting the refcounts accordingly. Memory and time are bounded
 * by what a file of its length can need, whatever its tables claim.
 */
#include <stdlib.h>

#include "block/qcow2_internal.h"

#define MAX_CLUSTERS (64u << 20)
#define MAX_TABLE_BYTES (16ull << 30) /* of L1 and L2 tables read, those of all snapshots */

struct count {
    struct qcow2 *q;
    uint32_t *n; /* references to each cluster */
    uint64_t clusters, room;
    uint64_t budget;
    struct qcow2_check_result *result;
    bool repair;
};

static bool is_own(const struct count *c, uint64_t cluster)
{
    return c->n[cluster] == 1;
}

/* False if it is outside of the file. */
static bool refer(struct count *c, uint64_t off, uint64_t bytes)
{
    unsigned bits = c->q->h.cluster_bits;

    if (bytes == 0)
        return true;
    for (uint64_t i = off >> bits; i <= (off + bytes - 1) >> bits; i++) {
        if (i >= c->clusters) {
            c->result->corruptions++;
            return false;
        }
        if (c->n[i] < UINT32_MAX)
            c->n[i]++;
    }
    return true;
}

static int read_table(struct count *c, uint64_t off, void *buf, uint64_t bytes)
{
    if (bytes > c->budget)
        return EFBIG;
    c->budget -= bytes;
    return qcow2_file_read(c->q, off, buf, bytes);
}

/* ---- references ---------------------------------------------------------------------------- */

static void refer_entry(struct count *c, uint64_t entry)
{
    uint64_t off, bytes;

    switch (qcow2_classify(c->q, entry)) {
    case QCOW2_COMPRESSED:
        qcow2_compressed_place(c->q, entry, &off, &bytes);
        refer(c, off, bytes);
        break;
    case QCOW2_DATA:
    case QCOW2_ZERO_ALLOCATED:
        refer(c, entry & QCOW2_OFFSET_MASK, c->q->cluster_bytes);
        break;
    case QCOW2_BAD:
        c->result->corruptions++;
        break;
    default:
        break;
    }
}

static int refer_l2(struct count *c, uint64_t off, uint8_t *buf)
{
    int err;

    if (off & (c->q->cluster_bytes - 1)) {
        c->result->corruptions++;
        return 0;
    }
    if (!refer(c, off, c->q->cluster_bytes))
        return 0;
    err = read_table(c, off, buf, c->q->cluster_bytes);
    for (uint64_t i = 0; i < c->q->cluster_bytes / 8 && !err; i++)
        refer_entry(c, qcow2_be64(buf + 8 * i));
    return err;
}

static int refer_l1(struct count *c, const uint64_t *l1, uint64_t entries)
{
    uint8_t *buf = qcow2_buffer(c->q->cluster_bytes);
    int err = buf ? 0 : ENOMEM;

    for (uint64_t i = 0; i < entries && !err; i++) {
        uint64_t off = be64toh(l1[i]) & QCOW2_OFFSET_MASK;

        if (off)
            err = refer_l2(c, off, buf);
    }
    free(buf);
    return err;
}

static int refer_snapshot(struct count *c, const struct qcow2_snapshot *s)
{
    uint64_t bytes = (uint64_t)s->l1_entries * 8;
    uint64_t *l1 = g_try_malloc(bytes + 8);
    int err = l1 ? 0 : ENOMEM;

    refer(c, s->l1_off, bytes);
    if (!err && bytes)
        err = read_table(c, s->l1_off, l1, bytes);
    if (!err)
        err = refer_l1(c, l1, s->l1_entries);
    g_free(l1);
    return err;
}

static int count_all(struct count *c)
{
    struct qcow2 *q = c->q;
    int err;

    refer(c, 0, q->cluster_bytes);
    refer(c, q->h.l1_off, (uint64_t)q->h.l1_entries * 8);
    refer(c, q->h.reftable_off, q->reftable_entries * 8);
    refer(c, q->h.snapshots_off, q->snapshot_table_bytes);
    for (uint64_t i = 0; i < q->reftable_entries; i++) {
        uint64_t off = be64toh(q->reftable[i]) & ~511ull;

        if (off)
            refer(c, off, q->cluster_bytes);
    }
    err = refer_l1(c, q->l1, q->h.l1_entries);
    for (uint32_t i = 0; i < q->h.snapshots && !err; i++)
        err = refer_snapshot(c, &q->snapshots[i]);
    return err;
}

/* ---- comparing and setting right ------------------------------------------------------------ */

static uint64_t per_block(const struct count *c)
{
    return 1ull << c->q->refblock_bits;
}

/* A cluster at the end, for a table; UINT64_MAX: no room in memory. */
static uint64_t append(struct count *c, uint64_t n)
{
    uint64_t first = c->clusters;

    if (first + n > c->room) {
        uint64_t room = MAX(c->room * 2, first + n);
        uint32_t *more = room <= 2ull * MAX_CLUSTERS ? g_try_renew(uint32_t, c->n, room) : NULL;

        if (!more)
            return UINT64_MAX;
        memset(more + c->room, 0, (room - c->room) * sizeof(*more));
        c->n = more;
        c->room = room;
    }
    for (uint64_t i = 0; i < n; i++)
        c->n[first + i] = 1;
    c->clusters += n;
    return first;
}

static bool used(const struct count *c, uint64_t block)
{
    for (uint64_t i = block << c->q->refblock_bits;
         i < MIN((block + 1) << c->q->refblock_bits, c->clusters); i++) {
        if (c->n[i])
            return true;
    }
    return false;
}

/* Every used cluster gets a block that counts it, and the table room for it. In memory only. */
static int add_blocks(struct count *c)
{
    struct qcow2 *q = c->q;

    for (uint64_t b = 0; b << q->refblock_bits < c->clusters; b++) {
        uint64_t home;

        if (b >= q->reftable_entries) {
            uint64_t clusters = q->h.reftable_clusters * 2ull;
            uint64_t *table;

            if (clusters << q->h.cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
                return EFBIG;
            home = append(c, clusters);
            if (home == UINT64_MAX)
                return ENOMEM;
            for (uint32_t i = 0; i < q->h.reftable_clusters; i++)
                c->n[(q->h.reftable_off >> q->h.cluster_bits) + i] = 0;
            table = g_malloc0(clusters << q->h.cluster_bits);
            memcpy(table, q->reftable, q->reftable_entries * 8);
            g_free(q->reftable);
            q->reftable = table;
            q->reftable_entries = clusters << (q->h.cluster_bits - 3);
            q->h.reftable_off = home << q->h.cluster_bits;
            q->h.reftable_clusters = (uint32_t)clusters;
        }
        if (q->reftable[b] || !used(c, b))
            continue;
        home = append(c, 1);
        if (home == UINT64_MAX)
            return ENOMEM;
        q->reftable[b] = htobe64(home << q->h.cluster_bits);
    }
    return 0;
}

/* Compares one block with the references, and makes it what it should be; *changed. */
static int settle_block(struct count *c, uint64_t b, uint8_t *buf, bool *changed)
{
    unsigned order = c->q->h.refcount_order;
    uint64_t max = order == 6 ? UINT64_MAX : (1ull << (1u << order)) - 1;

    for (uint64_t i = 0; i < per_block(c); i++) {
        uint64_t cluster = (b << c->q->refblock_bits) + i;
        uint64_t have = qcow2_refcount_load(buf, order, i);
        uint64_t want = cluster < c->clusters ? c->n[cluster] : 0;

        if (want == have)
            continue;
        c->result->leaks += have > want;
        c->result->corruptions += have < want;
        if (want > max && c->repair)
            return EIO; /* shared more often than it can be counted: no refcount is right */
        qcow2_refcount_store(buf, order, i, want);
        *changed = true;
    }
    return 0;
}

static int settle_blocks(struct count *c)
{
    struct qcow2 *q = c->q;
    uint8_t *buf = qcow2_buffer(q->cluster_bytes);
    int err = buf ? 0 : ENOMEM;

    for (uint64_t b = 0; b < q->reftable_entries && !err; b++) {
        uint64_t off = be64toh(q->reftable[b]) & ~511ull;
        bool changed = false;

        memset(buf, 0, q->cluster_bytes);
        if (off)
            err = qcow2_file_read(q, off, buf, q->cluster_bytes);
        if (!err && (off || b << q->refblock_bits < c->clusters))
            err = settle_block(c, b, buf, &changed);
        if (!err && changed && c->repair)
            err = qcow2_file_write(q, off, buf, q->cluster_bytes);
    }
    free(buf);
    return err;
}

/* Entries that say "refcount 1" where it is not would let a snapshot be overwritten. */
static int settle_copied_l2(struct count *c, uint64_t off, uint8_t *buf)
{
    struct qcow2 *q = c->q;
    bool changed = false;
    int err = read_table(c, off, buf, q->cluster_bytes);

    for (uint64_t i = 0; i < q->cluster_bytes / 8 && !err; i++) {
        uint64_t entry = qcow2_be64(buf + 8 * i);
        enum qcow2_kind kind = qcow2_classify(q, entry);
        uint64_t cluster = (entry & QCOW2_OFFSET_MASK) >> q->h.cluster_bits;

        if ((kind != QCOW2_DATA && kind != QCOW2_ZERO_ALLOCATED) || !(entry & QCOW2_COPIED) ||
            cluster >= c->clusters || is_own(c, cluster))
            continue;
        c->result->corruptions++;
        qcow2_put64(buf + 8 * i, entry & ~QCOW2_COPIED);
        changed = true;
    }
    return !err && changed && c->repair ? qcow2_file_write(q, off, buf, q->cluster_bytes) : err;
}

static int settle_copied(struct count *c)
{
    struct qcow2 *q = c->q;
    uint8_t *buf = qcow2_buffer(q->cluster_bytes);
    bool changed = false;
    int err = buf ? 0 : ENOMEM;

    for (uint32_t i = 0; i < q->h.l1_entries && !err; i++) {
        uint64_t entry = be64toh(q->l1[i]), off = entry & QCOW2_OFFSET_MASK;

        if (!off || off & (q->cluster_bytes - 1) || off >> q->h.cluster_bits >= c->clusters)
            continue;
        if (entry & QCOW2_COPIED && !is_own(c, off >> q->h.cluster_bits)) {
            c->result->corruptions++;
            if (c->repair)
                q->l1[i] = htobe64(entry & ~QCOW2_COPIED);
            changed = true;
        }
        err = settle_copied_l2(c, off, buf);
    }
    free(buf);
    if (!err && changed && c->repair)
        err = qcow2_file_write(q, q->h.l1_off, q->l1, (uint64_t)q->h.l1_entries * 8);
    return err;
}

/* An image under repair is marked dirty, or nobody can see its refcounts yet: no order is needed but that
 * the header names a table that is there. */
static int write_table(struct qcow2 *q)
{
    uint8_t field[12];
    int err = qcow2_file_write(q, q->h.reftable_off, q->reftable, q->reftable_entries * 8);

    if (!err)
        err = qcow2_file_flush(q);
    qcow2_put64(field, q->h.reftable_off);
    qcow2_put32(field + 8, q->h.reftable_clusters);
    if (!err)
        err = qcow2_header_write(q, QCOW2_H_REFTABLE_OFF, field, sizeof(field));
    return err ? err : qcow2_file_flush(q);
}

/* The caches and the set know the old state. */
static void start_anew(struct qcow2 *q, uint64_t clusters)
{
    qcow2_cache_clear(&q->refblocks);
    qcow2_cache_init(&q->refblocks, (uint32_t)q->cluster_bytes, QCOW2_REFBLOCK_CACHE_BYTES,
                     UINT64_MAX);
    qcow2_cache_clear(&q->l2);
    qcow2_cache_init(&q->l2, (uint32_t)q->cluster_bytes, QCOW2_L2_CACHE_BYTES,
                     MAX(q->h.l1_entries, 8));
    q->free_hint = 0;
    q->fresh_from = MAX(q->fresh_from, clusters << q->h.cluster_bits);
    g_free(qcow2_collect_meta(q, clusters << q->h.cluster_bits));
}

static int check_locked(struct qcow2 *q, struct count *c)
{
    int err = count_all(c);

    if (!err)
        err = settle_copied(c);
    if (!err && c->repair)
        err = add_blocks(c);
    if (!err)
        err = settle_blocks(c);
    if (!err && c->repair)
        err = write_table(q);
    if (c->repair)
        start_anew(q, c->clusters);
    return err;
}

int qcow2_check(struct image *img, bool repair, struct qcow2_check_result *result)
{
    struct qcow2 *q = qcow2_of(img);
    uint64_t end = MAX(img->file->bytes, q->fresh_from);
    struct count c = { .q = q, .result = result, .repair = repair, .budget = MAX_TABLE_BYTES };
    int err = 0;

    *result = (struct qcow2_check_result){ 0 };
    if (repair && img->readonly)
        return EROFS;
    if (img->readonly && q->h.bitmaps)
        return ENOTSUP;
    if (!img->readonly && (err = qcow2_flush(img)))
        return err;
    c.clusters = (end + q->cluster_bytes - 1) >> q->h.cluster_bits;
    c.room = c.clusters + 64;
    if (c.clusters > MAX_CLUSTERS)
        return EFBIG;
    c.n = g_try_new0(uint32_t, c.room);
    if (!c.n)
        return ENOMEM;
    pthread_mutex_lock(&q->commit_lock);
    err = check_locked(q, &c);
    pthread_mutex_unlock(&q->commit_lock);
    g_free(c.n);
    return err;
}
