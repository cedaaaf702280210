/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing back of dirty metadata, in the order that qcow2_internal.h argues for. */
#include <stdlib.h>

#include "block/qcow2_internal.h"

#define WRITE_ALIGN 4096u /* so that O_DIRECT needs no detour */

/* A copy on its way to the file. */
struct job {
    struct qcow2_table *table; /* pinned; NULL: of the L1 or refcount table */
    uint64_t off;
    uint32_t from, to; /* bytes of the table */
    uint8_t *copy;
};

struct batch {
    GArray *refblocks, *l2; /* of struct job */
    struct job reftable, l1; /* from == to: nothing */
    GArray *freed;
};

static bool copy_job(struct job *job, const uint8_t *data, uint32_t table_bytes)
{
    uint32_t align = MIN(table_bytes, WRITE_ALIGN);

    job->from &= ~(align - 1);
    job->to = MIN((job->to + align - 1) & ~(align - 1), table_bytes);
    job->copy = qcow2_buffer(job->to - job->from);
    if (job->copy)
        memcpy(job->copy, data + job->from, job->to - job->from);
    return job->copy != NULL;
}

static bool copy_tables(struct qcow2_cache *c, GArray *jobs)
{
    struct qcow2_table *t;

    while ((t = TAILQ_FIRST(&c->dirty))) {
        struct job job = { t, (uint64_t)t->off, t->dirty_from, t->dirty_to, NULL };

        if (!copy_job(&job, t->data, c->table_bytes))
            return false;
        t->pins++;
        qcow2_cache_clean(c, t);
        g_array_append_val(jobs, job);
    }
    return true;
}

/* The L1 and the refcount table: written in whole sectors, which they fill (their clusters are theirs). */
static bool copy_entries(struct job *job, const uint64_t *table, uint64_t entries, uint64_t off,
                         uint64_t from, uint64_t to)
{
    if (from >= to)
        return true;
    *job = (struct job){ NULL, off, (uint32_t)from * 8, (uint32_t)to * 8, NULL };
    job->from &= ~511u;
    job->to = (uint32_t)MIN(((uint64_t)job->to + 511) & ~511ull, entries * 8);
    job->copy = qcow2_buffer(job->to - job->from);
    if (job->copy)
        memcpy(job->copy, (const uint8_t *)table + job->from, job->to - job->from);
    return job->copy != NULL;
}

static int take_batch(struct qcow2 *q, struct batch *b)
{
    bool good;

    pthread_mutex_lock(&q->alloc_lock);
    pthread_mutex_lock(&q->map_lock);
    q->committing = true;
    good = copy_tables(&q->refblocks, b->refblocks) && copy_tables(&q->l2, b->l2) &&
           copy_entries(&b->reftable, q->reftable, q->reftable_entries, q->h.reftable_off,
                        q->reftable_dirty_from, q->reftable_dirty_to) &&
           copy_entries(&b->l1, q->l1, q->h.l1_entries, q->h.l1_off, q->l1_dirty_from,
                        q->l1_dirty_to);
    if (good) {
        q->reftable_dirty_from = UINT64_MAX;
        q->reftable_dirty_to = 0;
        q->l1_dirty_from = UINT32_MAX;
        q->l1_dirty_to = 0;
        b->freed = q->freed;
        q->freed = g_array_new(FALSE, FALSE, sizeof(struct qcow2_freed));
    }
    pthread_mutex_unlock(&q->map_lock);
    pthread_mutex_unlock(&q->alloc_lock);
    return good ? 0 : ENOMEM;
}

static int write_job(struct qcow2 *q, const struct job *job, enum image_event event)
{
    if (job->from == job->to)
        return 0;
    image_event(q->img.file, event);
    return qcow2_file_write(q, job->off + job->from, job->copy, job->to - job->from);
}

static int write_jobs(struct qcow2 *q, const GArray *jobs, enum image_event event)
{
    int err = 0;

    for (guint i = 0; i < jobs->len && !err; i++)
        err = write_job(q, &g_array_index(jobs, struct job, i), event);
    return err;
}

static int write_batch(struct qcow2 *q, const struct batch *b)
{
    bool table = b->reftable.from != b->reftable.to, l1 = b->l1.from != b->l1.to;
    int err = write_jobs(q, b->refblocks, IMAGE_EVENT_REFBLOCK_UPDATE_PART);

    if (!err && table)
        err = qcow2_file_flush(q);
    if (!err && table)
        err = write_job(q, &b->reftable, IMAGE_EVENT_REFTABLE_UPDATE);
    if (!err)
        err = qcow2_file_flush(q);
    if (!err)
        err = write_jobs(q, b->l2, IMAGE_EVENT_L2_UPDATE);
    if (!err && l1 && b->l2->len)
        err = qcow2_file_flush(q);
    if (!err && l1)
        err = write_job(q, &b->l1, IMAGE_EVENT_L1_UPDATE);
    if (!err && (b->l2->len || l1))
        err = qcow2_file_flush(q);
    return err;
}

/* Puts all back that was not written for certain. Locks held. */
static void put_back(struct qcow2 *q, struct batch *b)
{
    for (guint i = 0; i < b->refblocks->len; i++) {
        struct job *job = &g_array_index(b->refblocks, struct job, i);

        qcow2_cache_dirty(&q->refblocks, job->table, job->from, job->to);
    }
    for (guint i = 0; i < b->l2->len; i++) {
        struct job *job = &g_array_index(b->l2, struct job, i);

        qcow2_cache_dirty(&q->l2, job->table, job->from, job->to);
    }
    if (b->reftable.from != b->reftable.to) {
        q->reftable_dirty_from = MIN(q->reftable_dirty_from, b->reftable.from / 8);
        q->reftable_dirty_to = MAX(q->reftable_dirty_to, b->reftable.to / 8);
    }
    if (b->l1.from != b->l1.to) {
        q->l1_dirty_from = MIN(q->l1_dirty_from, b->l1.from / 8);
        q->l1_dirty_to = MAX(q->l1_dirty_to, b->l1.to / 8);
    }
    if (b->freed) {
        g_array_append_vals(q->freed, b->freed->data, b->freed->len);
        g_array_set_size(b->freed, 0);
    }
}

static void unpin(GArray *jobs)
{
    for (guint i = 0; i < jobs->len; i++) {
        struct job *job = &g_array_index(jobs, struct job, i);

        job->table->pins--;
        free(job->copy);
    }
}

static void end_batch(struct qcow2 *q, struct batch *b, int err)
{
    pthread_mutex_lock(&q->alloc_lock);
    pthread_mutex_lock(&q->map_lock);
    if (err)
        put_back(q, b);
    unpin(b->refblocks);
    unpin(b->l2);
    q->committing = false;
    pthread_mutex_unlock(&q->map_lock);
    pthread_mutex_unlock(&q->alloc_lock);
    free(b->reftable.copy);
    free(b->l1.copy);
    g_array_free(b->refblocks, TRUE);
    g_array_free(b->l2, TRUE);
}

/* ---- frees --------------------------------------------------------------------------------- */

static gint by_place(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct qcow2_freed *)a)->off, y = ((const struct qcow2_freed *)b)->off;

    return x < y ? -1 : x > y;
}

/* Its refcount is still 1, so nobody can take the cluster before its space is given back. */
static void give_back(struct qcow2 *q, const GArray *freed)
{
    uint64_t from = 0, to = 0;

    for (guint i = 0; i <= freed->len; i++) {
        const struct qcow2_freed *f =
            i < freed->len ? &g_array_index(freed, struct qcow2_freed, i) : NULL;
        uint64_t count = 0;

        if (f) {
            pthread_mutex_lock(&q->alloc_lock);
            if (!f->discard || qcow2_refcount_get(q, f->off >> q->h.cluster_bits, &count))
                count = 0;
            pthread_mutex_unlock(&q->alloc_lock);
            if (count != 1)
                continue;
            if (f->off == to) {
                to += f->bytes;
                continue;
            }
        }
        if (to > from && q->img.file->ops->discard)
            q->img.file->ops->discard(q->img.file, from, to - from); /* advice: may fail */
        if (f) {
            from = f->off;
            to = f->off + f->bytes;
        }
    }
}

static void carry_out_frees(struct qcow2 *q, GArray *freed)
{
    if (freed->len) {
        pthread_mutex_lock(&q->inflate_lock);
        q->inflated_entry = 0;
        pthread_mutex_unlock(&q->inflate_lock);
        g_array_sort(freed, by_place);
        give_back(q, freed);
    }
    /* A refcount block that cannot be read leaks what it counts; the next allocation will say so. */
    for (guint i = 0; i < freed->len; i++) {
        struct qcow2_freed *f = &g_array_index(freed, struct qcow2_freed, i);

        qcow2_release(q, f->off, f->bytes);
    }
}

/* ---- commit -------------------------------------------------------------------------------- */

int qcow2_commit_locked(struct qcow2 *q)
{
    struct batch b = { 0 };
    int err;

    b.refblocks = g_array_new(FALSE, FALSE, sizeof(struct job));
    b.l2 = g_array_new(FALSE, FALSE, sizeof(struct job));
    err = take_batch(q, &b);
    if (!err)
        err = write_batch(q, &b);
    end_batch(q, &b, err);
    if (b.freed) {
        if (!err)
            carry_out_frees(q, b.freed);
        g_array_free(b.freed, TRUE);
    }
    return err;
}

int qcow2_commit(struct qcow2 *q)
{
    int err;

    pthread_mutex_lock(&q->commit_lock);
    /* What was dirty may not be trusted any more; what is on the disk stays as it is. */
    err = qcow2_is_corrupt(q) ? EIO : qcow2_commit_locked(q);
    pthread_mutex_unlock(&q->commit_lock);
    return err;
}

bool qcow2_map_unstable(const struct qcow2 *q)
{
    return q->committing || q->l2.dirty_count || q->l1_dirty_from < q->l1_dirty_to;
}

int qcow2_make_room(struct qcow2 *q)
{
    bool full;

    pthread_mutex_lock(&q->alloc_lock);
    full = q->refblocks.dirty_count > q->refblocks.limit / 2;
    pthread_mutex_unlock(&q->alloc_lock);
    pthread_mutex_lock(&q->map_lock);
    full = full || q->l2.dirty_count > q->l2.limit / 2 || q->freed->len > QCOW2_MAX_FREED;
    pthread_mutex_unlock(&q->map_lock);
    return full ? qcow2_commit(q) : 0;
}

int qcow2_flush(struct image *img)
{
    struct qcow2 *q = qcow2_of(img);
    bool unstable;

    if (img->readonly)
        return 0;
    image_event(img->file, IMAGE_EVENT_FLUSH_TO_OS);
    pthread_mutex_lock(&q->map_lock);
    unstable = qcow2_map_unstable(q);
    pthread_mutex_unlock(&q->map_lock);
    return unstable ? qcow2_commit(q) : qcow2_file_flush(q);
}
