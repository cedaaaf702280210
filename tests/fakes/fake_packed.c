/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_packed.h"

#include <string.h>

void fp_init(struct fake_packed *p, struct fake_env *fe, uint64_t base, uint16_t size)
{
    memset(p, 0, sizeof(*p));
    p->fe = fe;
    p->size = size;
    p->ring = base;
    p->driver = base + 16u * size;
    p->device = p->driver + 4;
    p->avail_wrap = p->used_wrap = true;
    memset(fe->ram + base, 0, 16u * size + 8);
}

void fp_desc(struct fake_packed *p, uint64_t table, unsigned at, uint64_t gpa, uint32_t bytes, uint16_t id,
             uint16_t flags)
{
    uint8_t *d = p->fe->ram + (table ? table : p->ring) + 16 * at;

    memcpy(d, &gpa, 8);
    memcpy(d + 8, &bytes, 4);
    memcpy(d + 12, &id, 2);
    memcpy(d + 14, &flags, 2);
}

static void step(const struct fake_packed *p, uint16_t *at, bool *wrap)
{
    if (++*at == p->size) {
        *at = 0;
        *wrap = !*wrap;
    }
}

void fp_add(struct fake_packed *p, const struct fv_buf *bufs, unsigned count, uint16_t id, uint64_t indirect_at)
{
    p->descs[id] = (uint16_t)(indirect_at ? 1 : count);
    for (unsigned i = 0; indirect_at && i < count; i++)
        fp_desc(p, indirect_at, i, bufs[i].gpa, bufs[i].bytes, 0, bufs[i].write ? FV_WRITE : 0);
    for (unsigned i = 0; i < p->descs[id]; i++) {
        uint16_t flags = p->avail_wrap ? FP_AVAIL : FP_USED;

        if (indirect_at) {
            fp_desc(p, 0, p->next_avail, indirect_at, 16 * count, id, flags | FV_INDIRECT);
        } else {
            flags |= (uint16_t)((i + 1 < count ? FV_NEXT : 0) | (bufs[i].write ? FV_WRITE : 0));
            /* 2.8.6: only the last one's id counts. */
            fp_desc(p, 0, p->next_avail, bufs[i].gpa, bufs[i].bytes, i + 1 < count ? 0xeeee : id, flags);
        }
        step(p, &p->next_avail, &p->avail_wrap);
    }
}

uint16_t fp_flags(const struct fake_packed *p, unsigned at)
{
    uint16_t flags;

    memcpy(&flags, p->fe->ram + p->ring + 16 * at + 14, 2);
    return flags;
}

bool fp_used(struct fake_packed *p, uint16_t *id, uint32_t *written)
{
    const uint16_t both = FP_AVAIL | FP_USED, wanted = p->used_wrap ? both : 0;
    const uint8_t *d = p->fe->ram + p->ring + 16 * p->next_used;

    if ((fp_flags(p, p->next_used) & both) != wanted)
        return false;
    memcpy(written, d + 8, 4);
    memcpy(id, d + 12, 2);
    for (unsigned i = 0; i < p->descs[*id]; i++)
        step(p, &p->next_used, &p->used_wrap);
    return true;
}

void fp_set_event(struct fake_packed *p, uint16_t off_wrap, uint16_t flags)
{
    memcpy(p->fe->ram + p->driver, &off_wrap, 2);
    memcpy(p->fe->ram + p->driver + 2, &flags, 2);
}

void fp_event(const struct fake_packed *p, uint16_t *off_wrap, uint16_t *flags)
{
    memcpy(off_wrap, p->fe->ram + p->device, 2);
    memcpy(flags, p->fe->ram + p->device + 2, 2);
}
