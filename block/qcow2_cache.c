/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of one cluster each, found by their place in the file. Only clean tables that nobody has pinned
 * are dropped, so that nothing here ever writes; when too many are dirty, the driver commits
 * (qcow2_make_room), and until then the cache is larger than its limit.
 */
#include <stdlib.h>

#include "block/qcow2_internal.h"

void qcow2_cache_init(struct qcow2_cache *c, uint32_t table_bytes, uint64_t limit_bytes,
                      uint64_t tables)
{
    uint64_t limit = limit_bytes / table_bytes;

    c->by_off = g_hash_table_new(g_int64_hash, g_int64_equal);
    TAILQ_INIT(&c->lru);
    TAILQ_INIT(&c->dirty);
    c->table_bytes = table_bytes;
    c->limit = (unsigned)(limit < tables ? limit : tables);
    if (c->limit < 8)
        c->limit = 8;
}

static void table_free(struct qcow2_cache *c, struct qcow2_table *t)
{
    if (g_hash_table_lookup(c->by_off, &t->off) == t)
        g_hash_table_remove(c->by_off, &t->off);
    TAILQ_REMOVE(&c->lru, t, lru_link);
    if (t->dirty)
        TAILQ_REMOVE(&c->dirty, t, dirty_link);
    c->count--;
    free(t->data);
    g_free(t);
}

void qcow2_cache_clear(struct qcow2_cache *c)
{
    struct qcow2_table *t;

    if (!c->by_off)
        return;
    while ((t = TAILQ_FIRST(&c->lru)))
        table_free(c, t);
    g_hash_table_destroy(c->by_off);
    c->by_off = NULL;
}

struct qcow2_table *qcow2_cache_find(struct qcow2_cache *c, uint64_t off)
{
    int64_t key = (int64_t)off;
    struct qcow2_table *t = TAILQ_FIRST(&c->lru);

    if (t && t->off == key)
        return t;
    t = g_hash_table_lookup(c->by_off, &key);
    if (t) {
        TAILQ_REMOVE(&c->lru, t, lru_link);
        TAILQ_INSERT_HEAD(&c->lru, t, lru_link);
    }
    return t;
}

static void make_room(struct qcow2_cache *c)
{
    struct qcow2_table *t = TAILQ_LAST(&c->lru, qcow2_table_list), *before;

    for (unsigned tries = 64; t && tries > 0 && c->count >= c->limit; t = before, tries--) {
        before = TAILQ_PREV(t, qcow2_table_list, lru_link);
        if (!t->pins && !t->dirty)
            table_free(c, t);
    }
}

/* What was there before its cluster was freed and taken again must not be found any more. */
static void forget(struct qcow2_cache *c, uint64_t off)
{
    int64_t key = (int64_t)off;
    struct qcow2_table *old = g_hash_table_lookup(c->by_off, &key);

    if (!old)
        return;
    if (old->pins || old->dirty) {
        g_hash_table_remove(c->by_off, &old->off); /* the LRU list frees it in time */
        old->off = -1;
    } else {
        table_free(c, old);
    }
}

struct qcow2_table *qcow2_cache_add(struct qcow2_cache *c, uint64_t off)
{
    struct qcow2_table *t;
    void *data = NULL;

    forget(c, off);
    make_room(c);
    if (posix_memalign(&data, c->table_bytes < 4096 ? c->table_bytes : 4096, c->table_bytes))
        return NULL;
    t = g_new0(struct qcow2_table, 1);
    t->off = (int64_t)off;
    t->data = data;
    t->pins = 1;
    g_hash_table_insert(c->by_off, &t->off, t);
    TAILQ_INSERT_HEAD(&c->lru, t, lru_link);
    c->count++;
    return t;
}

void qcow2_cache_drop(struct qcow2_cache *c, struct qcow2_table *t)
{
    table_free(c, t);
}

void qcow2_cache_dirty(struct qcow2_cache *c, struct qcow2_table *t, uint32_t from, uint32_t to)
{
    if (!t->dirty) {
        t->dirty = true;
        t->dirty_from = from;
        t->dirty_to = to;
        TAILQ_INSERT_TAIL(&c->dirty, t, dirty_link);
        c->dirty_count++;
        return;
    }
    t->dirty_from = MIN(t->dirty_from, from);
    t->dirty_to = MAX(t->dirty_to, to);
}

void qcow2_cache_clean(struct qcow2_cache *c, struct qcow2_table *t)
{
    if (!t->dirty)
        return;
    t->dirty = false;
    TAILQ_REMOVE(&c->dirty, t, dirty_link);
    c->dirty_count--;
}
