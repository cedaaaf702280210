/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which clusters of the file are metadata. Asked before each write of guest data, so that no image,
 * however crafted, gets its own tables overwritten by its guest (HAZARDS ).
 */
#include "block/qcow2_internal.h"

#define SLOT_DELETED 1ull

static const char *const names[] = {
    [QCOW2_META_NONE] = "nothing",
    [QCOW2_META_HEADER] = "the header",
    [QCOW2_META_L1] = "the L1 table",
    [QCOW2_META_REFTABLE] = "the refcount table",
    [QCOW2_META_REFBLOCK] = "a refcount block",
    [QCOW2_META_L2] = "an L2 table",
    [QCOW2_META_SNAPSHOTS] = "the snapshot table",
    [QCOW2_META_SNAPSHOT_L1] = "a snapshot's L1 table",
};

const char *qcow2_meta_name(enum qcow2_meta what)
{
    return names[what];
}

void qcow2_set_init(struct qcow2_set *set)
{
    set->size = 64;
    set->used = 0;
    set->slots = g_new0(uint64_t, set->size);
}

void qcow2_set_clear(struct qcow2_set *set)
{
    g_free(set->slots);
    set->slots = NULL;
}

static uint64_t hash(uint64_t cluster)
{
    cluster *= 0x9e3779b97f4a7c15ull;
    return cluster ^ cluster >> 29;
}

/* The slot that has it, or NULL. */
static uint64_t *find(const struct qcow2_set *set, uint64_t cluster)
{
    for (uint64_t i = hash(cluster);; i++) {
        uint64_t *slot = &set->slots[i & (set->size - 1)];

        if (*slot == 0)
            return NULL;
        if (*slot != SLOT_DELETED && *slot >> 4 == cluster)
            return slot;
    }
}

static void insert(struct qcow2_set *set, uint64_t value)
{
    for (uint64_t i = hash(value >> 4);; i++) {
        uint64_t *slot = &set->slots[i & (set->size - 1)];

        if (*slot == 0) {
            *slot = value;
            set->used++;
            return;
        }
    }
}

static void rehash(struct qcow2_set *set)
{
    uint64_t *old = set->slots, old_size = set->size, live = 0;

    for (uint64_t i = 0; i < old_size; i++)
        live += old[i] > SLOT_DELETED;
    while (set->size < live * 4)
        set->size *= 2;
    set->slots = g_new0(uint64_t, set->size);
    set->used = 0;
    for (uint64_t i = 0; i < old_size; i++) {
        if (old[i] > SLOT_DELETED)
            insert(set, old[i]);
    }
    g_free(old);
}

enum qcow2_meta qcow2_set_get(const struct qcow2_set *set, uint64_t cluster)
{
    const uint64_t *slot = find(set, cluster);

    return slot ? (enum qcow2_meta)(*slot & 15) : QCOW2_META_NONE;
}

bool qcow2_set_add(struct qcow2_set *set, uint64_t cluster, enum qcow2_meta what)
{
    if (find(set, cluster))
        return false;
    if (set->used * 2 >= set->size)
        rehash(set);
    insert(set, cluster << 4 | (uint64_t)what);
    return true;
}

void qcow2_set_remove(struct qcow2_set *set, uint64_t cluster)
{
    uint64_t *slot = find(set, cluster);

    if (slot)
        *slot = SLOT_DELETED;
}
