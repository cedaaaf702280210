/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Refcounts and the allocation of host clusters. A refcount of 0 is free. New clusters get a refcount of 1
 * here; only a snapshot's making would raise one further, which nobody does here, so nothing overflows.
 */
#include <stdlib.h>

#include "block/qcow2_internal.h"

/* ---- entries of 1 to 64 bits; below 8 the least significant bits of a byte come first -------- */

uint64_t qcow2_refcount_load(const uint8_t *block, unsigned order, uint64_t i)
{
    uint16_t v16;

    switch (order) {
    case 3:
        return block[i];
    case 4:
        memcpy(&v16, block + 2 * i, sizeof(v16));
        return be16toh(v16);
    case 5:
        return qcow2_be32(block + 4 * i);
    case 6:
        return qcow2_be64(block + 8 * i);
    default: /* 1, 2, 4 bits */
        return block[i >> (3 - order)] >> ((i << order) & 7) & ((1u << (1u << order)) - 1);
    }
}

void qcow2_refcount_store(uint8_t *block, unsigned order, uint64_t i, uint64_t count)
{
    uint16_t v16 = htobe16((uint16_t)count);
    unsigned shift = (unsigned)(i << order) & 7;
    uint8_t mask, *byte;

    switch (order) {
    case 3:
        block[i] = (uint8_t)count;
        break;
    case 4:
        memcpy(block + 2 * i, &v16, sizeof(v16));
        break;
    case 5:
        qcow2_put32(block + 4 * i, (uint32_t)count);
        break;
    case 6:
        qcow2_put64(block + 8 * i, count);
        break;
    default:
        byte = &block[i >> (3 - order)];
        mask = (uint8_t)(((1u << (1u << order)) - 1) << shift);
        *byte = (uint8_t)((*byte & ~mask) | ((count << shift) & mask));
    }
}

/* ---- refcount blocks; alloc_lock held ------------------------------------------------------- */

static uint64_t per_block(const struct qcow2 *q)
{
    return 1ull << q->refblock_bits;
}

static bool meta_add(struct qcow2 *q, uint64_t cluster, enum qcow2_meta what)
{
    bool added;

    pthread_mutex_lock(&q->map_lock);
    added = qcow2_set_add(&q->meta, cluster, what);
    pthread_mutex_unlock(&q->map_lock);
    return added;
}

/* The block of table entry i; *out NULL: there is none, and all its clusters are free. */
static int get_block(struct qcow2 *q, uint64_t i, struct qcow2_table **out)
{
    uint64_t off = i < q->reftable_entries ? be64toh(q->reftable[i]) & ~511ull : 0;
    struct qcow2_table *t;
    int err;

    *out = NULL;
    if (!off)
        return 0;
    t = qcow2_cache_find(&q->refblocks, off);
    if (t) {
        *out = t;
        return 0;
    }
    if (off & (q->cluster_bytes - 1) || off >= QCOW2_MAX_HOST)
        return qcow2_corrupted(q, "refcount table entry %" PRIu64 " is 0x%" PRIx64, i, off);
    t = qcow2_cache_add(&q->refblocks, off);
    if (!t)
        return ENOMEM;
    image_event(q->img.file, IMAGE_EVENT_REFBLOCK_LOAD);
    err = qcow2_file_read(q, off, t->data, q->cluster_bytes);
    t->pins--;
    if (err) {
        qcow2_cache_drop(&q->refblocks, t);
        return err;
    }
    *out = t;
    return 0;
}

static void set_count(struct qcow2 *q, struct qcow2_table *t, uint64_t i, uint64_t count)
{
    uint32_t byte = (uint32_t)(i << q->h.refcount_order >> 3);
    uint32_t width = q->h.refcount_order > 3 ? 1u << (q->h.refcount_order - 3) : 1;

    qcow2_refcount_store(t->data, q->h.refcount_order, i, count);
    qcow2_cache_dirty(&q->refblocks, t, byte, byte + width);
}

int qcow2_refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *count)
{
    struct qcow2_table *t;
    int err = get_block(q, cluster >> q->refblock_bits, &t);

    *count = 0;
    if (!err && t)
        *count = qcow2_refcount_load(t->data, q->h.refcount_order, cluster & (per_block(q) - 1));
    return err;
}

/* A block for entry i, at `cluster`: free, and either the first that it counts or counted by another. */
static int new_block(struct qcow2 *q, uint64_t i, uint64_t cluster)
{
    uint64_t off = cluster << q->h.cluster_bits;
    struct qcow2_table *t, *counts;
    int err;

    if (off >= QCOW2_MAX_HOST)
        return EFBIG;
    image_event(q->img.file, IMAGE_EVENT_REFBLOCK_ALLOC);
    if (!meta_add(q, cluster, QCOW2_META_REFBLOCK))
        return qcow2_corrupted(q, "a cluster of metadata at 0x%" PRIx64 " has no refcount", off);
    t = qcow2_cache_add(&q->refblocks, off);
    if (!t)
        return ENOMEM;
    memset(t->data, 0, q->cluster_bytes);
    qcow2_cache_dirty(&q->refblocks, t, 0, (uint32_t)q->cluster_bytes);
    t->pins--;
    counts = t;
    err = cluster >> q->refblock_bits == i ? 0 : get_block(q, cluster >> q->refblock_bits, &counts);
    if (err || !counts)
        return err ? err : EIO;
    set_count(q, counts, cluster & (per_block(q) - 1), 1);
    q->reftable[i] = htobe64(off);
    q->reftable_dirty_from = MIN(q->reftable_dirty_from, i);
    q->reftable_dirty_to = MAX(q->reftable_dirty_to, i + 1);
    q->fresh_from = MAX(q->fresh_from, off + q->cluster_bytes);
    return 0;
}

/* ---- allocation ---------------------------------------------------------------------------- */

/*
 * The run reaches clusters that no block counts yet. Their block goes to the run's own first cluster, so
 * that a long run is not cut by it; without a run, to the first of those clusters.
 */
static int extend_blocks(struct qcow2 *q, uint64_t i, uint64_t *first, uint64_t *got,
                         struct qcow2_table **t)
{
    uint64_t home = *got ? *first : i << q->refblock_bits;
    int err = new_block(q, i, home);

    if (!err && *got) {
        ++*first;
        --*got;
    }
    return err ? err : get_block(q, i, t);
}

/* From the first free cluster at or after `from`: up to n free ones. ERANGE: beyond the table. */
static int find_free(struct qcow2 *q, uint64_t from, uint64_t n, bool exact, uint64_t *first,
                     uint64_t *got)
{
    uint64_t cluster = from;

    *got = 0;
    while (*got < n) {
        uint64_t i = cluster >> q->refblock_bits;
        struct qcow2_table *t;
        int err;

        if (i >= q->reftable_entries)
            return *got ? 0 : ERANGE;
        err = get_block(q, i, &t);
        if (!err && !t && *got && !exact)
            return 0;
        if (!err && !t)
            err = extend_blocks(q, i, first, got, &t);
        if (err || !t)
            return err ? err : EIO;
        for (uint64_t k = cluster & (per_block(q) - 1); k < per_block(q) && *got < n; k++, cluster++) {
            if (qcow2_refcount_load(t->data, q->h.refcount_order, k)) {
                if (*got)
                    return 0;
            } else if ((*got)++ == 0) {
                *first = cluster;
            }
        }
    }
    return 0;
}

/* Nothing of it may be metadata: else a refcount lies. */
static int check_free(struct qcow2 *q, uint64_t first, uint64_t n)
{
    enum qcow2_meta what = QCOW2_META_NONE;

    if (first + n > QCOW2_MAX_HOST >> q->h.cluster_bits)
        return EFBIG;
    pthread_mutex_lock(&q->map_lock);
    for (uint64_t i = 0; i < n && what == QCOW2_META_NONE; i++)
        what = first + i == 0 ? QCOW2_META_HEADER : qcow2_set_get(&q->meta, first + i);
    pthread_mutex_unlock(&q->map_lock);
    if (what != QCOW2_META_NONE)
        return qcow2_corrupted(q, "%s has a refcount of 0", qcow2_meta_name(what));
    return 0;
}

static int take(struct qcow2 *q, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++) {
        struct qcow2_table *t;
        int err = get_block(q, i >> q->refblock_bits, &t);

        if (err || !t) {
            /* Was there a moment ago. What is taken stays taken: a leak at worst. */
            return err ? err : EIO;
        }
        set_count(q, t, i & (per_block(q) - 1), 1);
    }
    return 0;
}

int qcow2_alloc_locked(struct qcow2 *q, uint64_t n, bool exact, uint64_t *host, uint64_t *got,
                       bool *fresh)
{
    uint64_t from = q->free_hint, first = 0;
    bool hint_holds = true;
    int err;

    if (qcow2_is_corrupt(q))
        return EIO;
    image_event(q->img.file, exact && n == 1 ? IMAGE_EVENT_CLUSTER_ALLOC
                                             : IMAGE_EVENT_CLUSTER_ALLOC_BYTES);
    for (;;) {
        err = find_free(q, from, n, exact, &first, got);
        if (err)
            return err;
        if (hint_holds)
            q->free_hint = first;
        hint_holds = false;
        if (!exact || *got == n)
            break;
        from = first + *got;
    }
    err = check_free(q, first, *got);
    if (!err)
        err = take(q, first, *got);
    if (err)
        return err;
    if (q->free_hint == first)
        q->free_hint = first + *got;
    *host = first << q->h.cluster_bits;
    if (fresh)
        *fresh = *host >= q->fresh_from;
    q->fresh_from = MAX(q->fresh_from, *host + *got * q->cluster_bytes);
    return 0;
}

int qcow2_alloc(struct qcow2 *q, uint64_t n, bool exact, uint64_t *host, uint64_t *got, bool *fresh)
{
    uint64_t entries;
    int err;

    do {
        pthread_mutex_lock(&q->alloc_lock);
        entries = q->reftable_entries;
        err = qcow2_alloc_locked(q, n, exact, host, got, fresh);
        pthread_mutex_unlock(&q->alloc_lock);
    } while (err == ERANGE && (err = qcow2_reftable_grow(q, entries)) == 0);
    return err;
}

static int release_one(struct qcow2 *q, uint64_t cluster)
{
    struct qcow2_table *t;
    uint64_t i = cluster & (per_block(q) - 1), count;
    int err = get_block(q, cluster >> q->refblock_bits, &t);

    if (err)
        return err;
    count = t ? qcow2_refcount_load(t->data, q->h.refcount_order, i) : 0;
    if (count == 0)
        return qcow2_corrupted(q, "the cluster at 0x%" PRIx64 " is in use, but has a refcount of 0",
                               cluster << q->h.cluster_bits);
    set_count(q, t, i, count - 1);
    if (count == 1 && cluster < q->free_hint)
        q->free_hint = cluster;
    return 0;
}

int qcow2_release(struct qcow2 *q, uint64_t off, uint64_t bytes)
{
    uint64_t first = off >> q->h.cluster_bits, last = (off + bytes - 1) >> q->h.cluster_bits;
    int err = 0;

    image_event(q->img.file, IMAGE_EVENT_CLUSTER_FREE);
    pthread_mutex_lock(&q->alloc_lock);
    for (uint64_t c = first; c <= last && !err; c++)
        err = release_one(q, c);
    pthread_mutex_unlock(&q->alloc_lock);
    return err;
}

/* ---- growth of the refcount table ----------------------------------------------------------- */

struct growth {
    uint64_t first;    /* cluster: the new table, then the blocks that count it and themselves */
    uint64_t table_clusters, blocks, entries;
};

/* Behind all that the old table counts, which is full. */
static bool plan(const struct qcow2 *q, struct growth *g)
{
    uint64_t total = 0, max = QCOW2_MAX_REFTABLE_BYTES / 8, need;

    g->first = q->reftable_entries << q->refblock_bits;
    g->blocks = g->table_clusters = 0;
    do {
        total = g->blocks + g->table_clusters;
        g->blocks = (total + per_block(q) - 1) >> q->refblock_bits;
        need = q->reftable_entries + MAX(g->blocks, 1) + 1;
        g->entries = MIN(MAX(need, q->reftable_entries * 3 / 2), max);
        g->table_clusters = (g->entries * 8 + q->cluster_bytes - 1) >> q->h.cluster_bits;
        if (need > max)
            return false;
    } while (g->blocks + g->table_clusters != total);
    g->entries = g->table_clusters << (q->h.cluster_bits - 3);
    return g->entries <= max &&
           g->first + total < QCOW2_MAX_HOST >> q->h.cluster_bits;
}

/* Writes the blocks that count the new region; *table gets the new table's content. */
static int write_region(struct qcow2 *q, const struct growth *g, uint64_t *table)
{
    uint64_t total = g->table_clusters + g->blocks;
    uint8_t *block = qcow2_buffer(q->cluster_bytes);
    int err = block ? 0 : ENOMEM;

    memcpy(table, q->reftable, q->reftable_entries * 8);
    for (uint64_t b = 0; b < g->blocks && !err; b++) {
        uint64_t off = (g->first + g->table_clusters + b) << q->h.cluster_bits;
        uint64_t left = total - (b << q->refblock_bits);

        memset(block, 0, q->cluster_bytes);
        for (uint64_t i = 0; i < MIN(left, per_block(q)); i++)
            qcow2_refcount_store(block, q->h.refcount_order, i, 1);
        image_event(q->img.file, IMAGE_EVENT_REFBLOCK_ALLOC_WRITE);
        err = qcow2_file_write(q, off, block, q->cluster_bytes);
        table[q->reftable_entries + b] = htobe64(off);
    }
    free(block);
    if (!err)
        err = qcow2_file_write(q, g->first << q->h.cluster_bits, table,
                               g->table_clusters << q->h.cluster_bits);
    return err ? err : qcow2_file_flush(q);
}

static int switch_table(struct qcow2 *q, const struct growth *g)
{
    uint8_t field[12];
    int err;

    qcow2_put64(field, g->first << q->h.cluster_bits);
    qcow2_put32(field + 8, (uint32_t)g->table_clusters);
    err = qcow2_header_write(q, QCOW2_H_REFTABLE_OFF, field, sizeof(field));
    if (!err)
        err = qcow2_file_flush(q);
    return err ? qcow2_give_up(q, "the header could not be written when the refcount table moved") : 0;
}

/* The set gets the new clusters before the switch and loses the old ones after it. */
static bool claim_region(struct qcow2 *q, const struct growth *g)
{
    bool good = true;

    for (uint64_t i = 0; i < g->table_clusters + g->blocks; i++)
        good = meta_add(q, g->first + i,
                        i < g->table_clusters ? QCOW2_META_REFTABLE : QCOW2_META_REFBLOCK) && good;
    return good;
}

static void unclaim_region(struct qcow2 *q, const struct growth *g)
{
    pthread_mutex_lock(&q->map_lock);
    for (uint64_t i = 0; i < g->table_clusters + g->blocks; i++)
        qcow2_set_remove(&q->meta, g->first + i);
    pthread_mutex_unlock(&q->map_lock);
}

static int grow_locked(struct qcow2 *q, uint64_t *old_off, uint64_t *old_bytes)
{
    struct growth g;
    uint64_t *table;
    int err;

    if (!plan(q, &g))
        return EFBIG;
    if (!claim_region(q, &g))
        return qcow2_corrupted(q, "a cluster of metadata has no refcount");
    table = g_malloc0(g.table_clusters << q->h.cluster_bits);
    image_event(q->img.file, IMAGE_EVENT_REFTABLE_GROW);
    err = write_region(q, &g, table);
    if (!err)
        err = switch_table(q, &g);
    if (err) {
        g_free(table);
        if (!qcow2_is_corrupt(q))
            unclaim_region(q, &g);
        return err;
    }
    *old_off = q->h.reftable_off;
    *old_bytes = (uint64_t)q->h.reftable_clusters << q->h.cluster_bits;
    g_free(q->reftable);
    q->reftable = table;
    q->reftable_entries = g.entries;
    q->h.reftable_off = g.first << q->h.cluster_bits;
    q->h.reftable_clusters = (uint32_t)g.table_clusters;
    q->fresh_from = MAX(q->fresh_from, (g.first + g.table_clusters + g.blocks) << q->h.cluster_bits);
    return 0;
}

/* Blocks that the old table names must be on disk before the new one names them: hence the commit. */
int qcow2_reftable_grow(struct qcow2 *q, uint64_t entries)
{
    uint64_t old_off = 0, old_bytes = 0;
    int err;

    pthread_mutex_lock(&q->commit_lock);
    err = qcow2_commit_locked(q);
    pthread_mutex_lock(&q->alloc_lock);
    while (!err && q->reftable_dirty_from < q->reftable_dirty_to) {
        pthread_mutex_unlock(&q->alloc_lock);
        err = qcow2_commit_locked(q);
        pthread_mutex_lock(&q->alloc_lock);
    }
    if (!err && q->reftable_entries == entries) /* else somebody else has done it */
        err = grow_locked(q, &old_off, &old_bytes);
    pthread_mutex_unlock(&q->alloc_lock);
    pthread_mutex_unlock(&q->commit_lock);
    if (err || !old_bytes)
        return err;
    pthread_mutex_lock(&q->map_lock);
    for (uint64_t c = old_off; c < old_off + old_bytes; c += q->cluster_bytes)
        qcow2_set_remove(&q->meta, c >> q->h.cluster_bits);
    pthread_mutex_unlock(&q->map_lock);
    return qcow2_release(q, old_off, old_bytes);
}
