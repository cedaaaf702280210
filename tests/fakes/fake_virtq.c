/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_virtq.h"

#include <string.h>

static void put16(const struct fake_virtq *v, uint64_t gpa, uint16_t value)
{
    memcpy(v->fe->ram + gpa, &value, 2);
}

static uint16_t get16(const struct fake_virtq *v, uint64_t gpa)
{
    uint16_t value;

    memcpy(&value, v->fe->ram + gpa, 2);
    return value;
}

void fv_init(struct fake_virtq *v, struct fake_env *fe, uint64_t base, uint16_t size)
{
    memset(v, 0, sizeof(*v));
    v->fe = fe;
    v->size = size;
    v->desc = base;
    v->avail = base + 16u * size;
    v->used = (v->avail + 6 + 2u * size + 4095) & ~4095ull;
    memset(fe->ram + base, 0, v->used + 6 + 8u * size - base);
}

void fv_desc(struct fake_virtq *v, uint64_t table, unsigned index, uint64_t gpa, uint32_t bytes, uint16_t flags,
             uint16_t next)
{
    uint8_t *d = v->fe->ram + table + 16 * index;

    memcpy(d, &gpa, 8);
    memcpy(d + 8, &bytes, 4);
    memcpy(d + 12, &flags, 2);
    memcpy(d + 14, &next, 2);
}

void fv_avail(struct fake_virtq *v, uint16_t head)
{
    put16(v, v->avail + 4 + 2u * (v->avail_idx % v->size), head);
    put16(v, v->avail + 2, ++v->avail_idx);
}

static uint16_t take_desc(struct fake_virtq *v)
{
    uint16_t index = v->free_desc;

    v->free_desc = (uint16_t)((index + 1) % v->size);
    return index;
}

uint16_t fv_add(struct fake_virtq *v, const struct fv_buf *bufs, unsigned count, uint64_t indirect_at)
{
    uint16_t head = v->free_desc;

    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = (uint16_t)((i + 1 < count ? FV_NEXT : 0) | (bufs[i].write ? FV_WRITE : 0));
        unsigned index = indirect_at ? i : take_desc(v);
        uint16_t next = (uint16_t)(indirect_at ? i + 1 : v->free_desc);

        fv_desc(v, indirect_at ? indirect_at : v->desc, index, bufs[i].gpa, bufs[i].bytes, flags, next);
    }
    if (indirect_at)
        fv_desc(v, v->desc, take_desc(v), indirect_at, 16 * count, FV_INDIRECT, 0);
    fv_avail(v, head);
    return head;
}

uint16_t fv_used_idx(const struct fake_virtq *v)
{
    return get16(v, v->used + 2);
}

bool fv_used(struct fake_virtq *v, uint32_t *head, uint32_t *written)
{
    const uint8_t *entry = v->fe->ram + v->used + 4 + 8u * (v->seen_used % v->size);

    if (fv_used_idx(v) == v->seen_used)
        return false;
    memcpy(head, entry, 4);
    memcpy(written, entry + 4, 4);
    v->seen_used++;
    return true;
}

uint16_t fv_avail_event(const struct fake_virtq *v)
{
    return get16(v, v->used + 4 + 8u * v->size);
}

void fv_set_used_event(struct fake_virtq *v, uint16_t event)
{
    put16(v, v->avail + 4 + 2u * v->size, event);
}

void fv_set_no_interrupt(struct fake_virtq *v, bool off)
{
    put16(v, v->avail, off);
}
