/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From guest offsets to places in the file: L1 and L2 tables, and who may change them when. */
#include "block/qcow2_internal.h"

static uint64_t l1_index(const struct qcow2 *q, uint64_t off)
{
    return off >> (q->h.cluster_bits + q->l2_bits);
}

static unsigned l2_index(const struct qcow2 *q, uint64_t off)
{
    return (unsigned)(off >> q->h.cluster_bits) & ((1u << q->l2_bits) - 1);
}

uint64_t qcow2_l2_get(const struct qcow2_table *t, unsigned i)
{
    return qcow2_be64(t->data + 8 * (size_t)i);
}

/* ---- entries ------------------------------------------------------------------------------- */

void qcow2_compressed_place(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *bytes)
{
    unsigned x = 62 - (q->h.cluster_bits - 8);
    uint64_t sectors = (entry >> x & ((1ull << (q->h.cluster_bits - 8)) - 1)) + 1;

    *off = entry & ((1ull << x) - 1);
    *bytes = sectors * 512 - (*off & 511);
}

enum qcow2_kind qcow2_classify(const struct qcow2 *q, uint64_t entry)
{
    uint64_t host = entry & QCOW2_OFFSET_MASK, bytes;

    if (entry & QCOW2_COMPRESSED_FLAG) {
        qcow2_compressed_place(q, entry, &host, &bytes);
        return host == 0 || host >= QCOW2_MAX_HOST ? QCOW2_BAD : QCOW2_COMPRESSED;
    }
    if (host & (q->cluster_bytes - 1) || (entry & QCOW2_ZERO_FLAG && q->h.version < 3))
        return QCOW2_BAD;
    if (entry & QCOW2_ZERO_FLAG)
        return host ? QCOW2_ZERO_ALLOCATED : QCOW2_ZERO;
    return host ? QCOW2_DATA : QCOW2_UNALLOCATED;
}

bool qcow2_data_place_ok(const struct qcow2 *q, uint64_t host, uint64_t bytes)
{
    uint64_t first = host >> q->h.cluster_bits, last = (host + bytes - 1) >> q->h.cluster_bits;

    for (uint64_t c = first; c <= last; c++) {
        if (c == 0 || qcow2_set_get(&q->meta, c) != QCOW2_META_NONE)
            return false;
    }
    return true;
}

/* ---- tables; map_lock held ------------------------------------------------------------------ */

/* Reads a table that is not there. The lock is let go meanwhile. */
static int load(struct qcow2 *q, uint64_t off, struct qcow2_table **out)
{
    struct qcow2_table *t = qcow2_cache_add(&q->l2, off);
    int err;

    if (!t)
        return ENOMEM;
    t->loading = true;
    pthread_mutex_unlock(&q->map_lock);
    image_event(q->img.file, IMAGE_EVENT_L2_LOAD);
    err = qcow2_file_read(q, off, t->data, q->cluster_bytes);
    pthread_mutex_lock(&q->map_lock);
    t->loading = false;
    t->failed = err != 0;
    pthread_cond_broadcast(&q->map_changed);
    if (err && --t->pins == 0)
        qcow2_cache_drop(&q->l2, t);
    *out = err ? NULL : t;
    return err;
}

/* Waits for somebody else's load. */
static int await_load(struct qcow2 *q, struct qcow2_table *t)
{
    t->pins++;
    while (t->loading)
        pthread_cond_wait(&q->map_changed, &q->map_lock);
    if (!t->failed)
        return 0;
    if (--t->pins == 0)
        qcow2_cache_drop(&q->l2, t);
    return EIO;
}

/* The table at `off`, pinned. wait: false: EAGAIN instead of I/O. */
static int get_table(struct qcow2 *q, uint64_t off, bool wait, struct qcow2_table **out)
{
    struct qcow2_table *t = qcow2_cache_find(&q->l2, off);
    int err;

    if (t && !t->loading && !t->failed) {
        t->pins++;
        *out = t;
        return 0;
    }
    if (!wait)
        return EAGAIN;
    if (!t)
        return load(q, off, out);
    err = await_load(q, t);
    *out = t;
    return err;
}

static bool bad_table(const struct qcow2 *q, uint64_t off)
{
    return off & (q->cluster_bytes - 1) || qcow2_set_get(&q->meta, off >> q->h.cluster_bits) !=
                                               QCOW2_META_L2;
}

/* ---- lookup -------------------------------------------------------------------------------- */

static bool continues(const struct qcow2 *q, const struct qcow2_extent *ext, uint64_t entry,
                      uint64_t n)
{
    if (qcow2_classify(q, entry) != ext->kind)
        return false;
    if (ext->kind == QCOW2_UNALLOCATED || ext->kind == QCOW2_ZERO)
        return true;
    if (ext->kind == QCOW2_COMPRESSED)
        return false;
    return (entry & QCOW2_COPIED) == (ext->entry & QCOW2_COPIED) &&
           (entry & QCOW2_OFFSET_MASK) == (ext->entry & QCOW2_OFFSET_MASK) + n * q->cluster_bytes;
}

/* From entry i of t, or without a table. */
static void fill_extent(const struct qcow2 *q, const struct qcow2_table *t, uint64_t off,
                        uint64_t bytes, struct qcow2_extent *ext)
{
    unsigned i = l2_index(q, off), entries = 1u << q->l2_bits;
    uint64_t in = off & (q->cluster_bytes - 1), n = 1;
    uint64_t wanted = (in + bytes + q->cluster_bytes - 1) >> q->h.cluster_bits;

    ext->entry = t ? qcow2_l2_get(t, i) : 0;
    ext->kind = qcow2_classify(q, ext->entry);
    ext->own = ext->entry & QCOW2_COPIED;
    ext->host = (ext->entry & QCOW2_OFFSET_MASK) + in;
    if (t) {
        while (n < wanted && i + n < entries &&
               continues(q, ext, qcow2_l2_get(t, i + (unsigned)n), n))
            n++;
    } else {
        n = MIN(wanted, entries - i);
    }
    ext->bytes = MIN(bytes, n * q->cluster_bytes - in);
}

int qcow2_lookup(struct qcow2 *q, uint64_t off, uint64_t bytes, bool wait, struct qcow2_extent *ext)
{
    uint64_t i = l1_index(q, off), l2_off;
    struct qcow2_table *t = NULL;
    bool bad;
    int err = 0;

    pthread_mutex_lock(&q->map_lock);
    l2_off = i < q->h.l1_entries ? be64toh(q->l1[i]) & QCOW2_OFFSET_MASK : 0;
    bad = l2_off && bad_table(q, l2_off);
    if (l2_off && !bad)
        err = get_table(q, l2_off, wait, &t);
    if (!err && !bad)
        fill_extent(q, t, off, bytes, ext);
    if (!err && t)
        t->pins--;
    pthread_mutex_unlock(&q->map_lock);
    if (bad)
        return wait ? qcow2_corrupted(q, "L1 entry %" PRIu64 " leads to 0x%" PRIx64, i, l2_off)
                    : EAGAIN;
    if (!err && ext->kind == QCOW2_BAD)
        return wait ? qcow2_corrupted(q, "the L2 entry for 0x%" PRIx64 " is 0x%016" PRIx64, off,
                                      ext->entry)
                    : EAGAIN;
    return err;
}

/* ---- changes ------------------------------------------------------------------------------- */

static void free_later(struct qcow2 *q, uint64_t off, uint64_t bytes, bool discard)
{
    struct qcow2_freed f = { off, bytes, discard };

    g_array_append_val(q->freed, f);
}

static void mark_l1(struct qcow2 *q, uint64_t i)
{
    q->l1_dirty_from = MIN(q->l1_dirty_from, (uint32_t)i);
    q->l1_dirty_to = MAX(q->l1_dirty_to, (uint32_t)i + 1);
}

/* A new table at `host`, with the content of `old` or empty. map_lock held. */
static struct qcow2_table *replace_table(struct qcow2 *q, uint64_t i, uint64_t host,
                                         struct qcow2_table *old)
{
    struct qcow2_table *t = qcow2_cache_add(&q->l2, host);

    if (!t)
        return NULL;
    if (old)
        memcpy(t->data, old->data, q->cluster_bytes);
    else
        memset(t->data, 0, q->cluster_bytes);
    qcow2_cache_dirty(&q->l2, t, 0, (uint32_t)q->cluster_bytes);
    if (old) {
        qcow2_set_remove(&q->meta, (uint64_t)old->off >> q->h.cluster_bits);
        free_later(q, (uint64_t)old->off, q->cluster_bytes, q->pass_discard_snapshot);
    }
    qcow2_set_add(&q->meta, host >> q->h.cluster_bits, QCOW2_META_L2);
    q->l1[i] = htobe64(host | QCOW2_COPIED);
    mark_l1(q, i);
    return t;
}

/* alloc_lock held, so that nobody else makes one for the same place. */
static int make_private(struct qcow2 *q, uint64_t i, struct qcow2_table **out)
{
    uint64_t host, got, old_off;
    struct qcow2_table *old = NULL;
    int err = qcow2_alloc_locked(q, 1, true, &host, &got, NULL);

    if (err)
        return err;
    image_event(q->img.file, IMAGE_EVENT_L2_ALLOC_WRITE);
    pthread_mutex_lock(&q->map_lock);
    old_off = be64toh(q->l1[i]) & QCOW2_OFFSET_MASK;
    if (old_off) {
        image_event(q->img.file, IMAGE_EVENT_L2_ALLOC_COW_READ);
        err = get_table(q, old_off, true, &old);
    }
    *out = err ? NULL : replace_table(q, i, host, old);
    if (old)
        old->pins--;
    if (!*out) /* the new cluster is not used; nothing refers to it */
        free_later(q, host, q->cluster_bytes, false);
    pthread_mutex_unlock(&q->map_lock);
    return err ? err : *out ? 0 : ENOMEM;
}

/* ERANGE: there is none that may be changed. */
static int get_private(struct qcow2 *q, uint64_t i, struct qcow2_table **out)
{
    uint64_t entry, off;
    bool bad;
    int err = ERANGE;

    pthread_mutex_lock(&q->map_lock);
    entry = be64toh(q->l1[i]);
    off = entry & QCOW2_OFFSET_MASK;
    bad = off && bad_table(q, off);
    if (off && !bad && entry & QCOW2_COPIED)
        err = get_table(q, off, true, out);
    pthread_mutex_unlock(&q->map_lock);
    if (bad)
        return qcow2_corrupted(q, "L1 entry %" PRIu64 " leads to 0x%" PRIx64, i, off);
    return err;
}

int qcow2_l2_writable(struct qcow2 *q, uint64_t off, struct qcow2_table **table)
{
    uint64_t i = l1_index(q, off), entries;
    int err;

    if (i >= q->h.l1_entries)
        return EIO;
    err = get_private(q, i, table);
    while (err == ERANGE) {
        pthread_mutex_lock(&q->alloc_lock);
        entries = q->reftable_entries;
        err = get_private(q, i, table); /* somebody else's by now? */
        if (err != ERANGE) {
            pthread_mutex_unlock(&q->alloc_lock);
            break;
        }
        err = make_private(q, i, table);
        pthread_mutex_unlock(&q->alloc_lock);
        if (err == ERANGE && (err = qcow2_reftable_grow(q, entries)) == 0)
            err = ERANGE; /* once more */
    }
    return err;
}

void qcow2_l2_unpin(struct qcow2 *q, struct qcow2_table *t)
{
    pthread_mutex_lock(&q->map_lock);
    t->pins--;
    pthread_mutex_unlock(&q->map_lock);
}

void qcow2_l2_set(struct qcow2 *q, struct qcow2_table *t, unsigned i, uint64_t entry, bool discard)
{
    uint64_t old = qcow2_l2_get(t, i), off, bytes;

    switch (qcow2_classify(q, old)) {
    case QCOW2_COMPRESSED:
        qcow2_compressed_place(q, old, &off, &bytes);
        free_later(q, off, bytes, false);
        break;
    case QCOW2_DATA:
    case QCOW2_ZERO_ALLOCATED:
        off = old & QCOW2_OFFSET_MASK;
        if (entry & QCOW2_COMPRESSED_FLAG || off != (entry & QCOW2_OFFSET_MASK))
            free_later(q, off, q->cluster_bytes, discard);
        break;
    default:
        break;
    }
    qcow2_put64(t->data + 8 * (size_t)i, entry);
    qcow2_cache_dirty(&q->l2, t, 8 * i, 8 * (i + 1));
}

/* ---- ranges -------------------------------------------------------------------------------- */

static bool overlaps(const struct qcow2 *q, const struct qcow2_range *r)
{
    const struct qcow2_range *other;

    TAILQ_FOREACH(other, &q->ranges, link) {
        if (other->first <= r->last && r->first <= other->last)
            return true;
    }
    return false;
}

void qcow2_range_lock(struct qcow2 *q, struct qcow2_range *r, uint64_t off, uint64_t bytes)
{
    r->first = off >> q->h.cluster_bits;
    r->last = (off + bytes - 1) >> q->h.cluster_bits;
    pthread_mutex_lock(&q->map_lock);
    while (overlaps(q, r))
        pthread_cond_wait(&q->map_changed, &q->map_lock);
    TAILQ_INSERT_TAIL(&q->ranges, r, link);
    pthread_mutex_unlock(&q->map_lock);
}

void qcow2_range_unlock(struct qcow2 *q, struct qcow2_range *r)
{
    pthread_mutex_lock(&q->map_lock);
    TAILQ_REMOVE(&q->ranges, r, link);
    pthread_cond_broadcast(&q->map_changed);
    pthread_mutex_unlock(&q->map_lock);
}
