/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ioreq/split.h"

#include <string.h>

static unsigned widths_at(const struct io_region *r, uint64_t off)
{
    return r->ops->widths_at ? r->ops->widths_at[off] : r->ops->widths;
}

static uint64_t load(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, p, size); /* x86 only: both sides are little endian */
    return v;
}

static uint64_t ones(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

unsigned split_fit(uint64_t addr, unsigned wanted, uint64_t room)
{
    unsigned n = 8;

    while (n > 1 && (n > wanted || n > room || (addr & (n - 1))))
        n >>= 1;
    return n;
}

static void access_declared(struct io_region *r, uint64_t off, unsigned size, unsigned dir,
                            uint8_t *data)
{
    if (dir == IO_READ) {
        uint64_t v = r->ops->read ? r->ops->read(r->chip, off, size) : UINT64_MAX;

        memcpy(data, &v, size);
    } else if (r->ops->write) {
        r->ops->write(r->chip, off, size, load(data, size));
    }
}

/* The widest declared width that starts here and is at most `size`; 0 if there is none. */
static unsigned narrower(const struct io_region *r, uint64_t off, unsigned size)
{
    unsigned widths = widths_at(r, off);

    for (unsigned w = size; w; w >>= 1) {
        if ((widths & w) && !(off & (w - 1)))
            return w;
    }
    return 0;
}

/* The declared access that contains byte `off`, as *start and its width; 0 if there is none. */
static unsigned container(const struct io_region *r, uint64_t off, uint64_t *start)
{
    for (unsigned w = 2; w <= 8; w <<= 1) {
        *start = off & ~(uint64_t)(w - 1);
        if (*start + w <= r->size && (widths_at(r, *start) & w))
            return w;
    }
    return 0;
}

/* A byte of a register that is only implemented wider. */
static void access_inside(struct io_region *r, uint64_t off, unsigned dir, uint8_t *data)
{
    uint64_t start;
    unsigned w = container(r, off, &start);

    if (dir == IO_WRITE) {
        __atomic_store_n(&r->stat.refused, r->stat.refused + 1, __ATOMIC_RELAXED);
        return;
    }
    *data = 0xff;
    if (w && r->ops->read)
        *data = (uint8_t)((r->ops->read(r->chip, start, w) & ones(w)) >> (off - start) * 8);
}

/* Several bytes within one wider register are taken from one read of it. */
static bool read_within(struct io_region *r, uint64_t off, unsigned size, uint8_t *data)
{
    uint64_t start, v;
    unsigned w = container(r, off, &start);

    if (!w || off + size > start + w || !r->ops->read)
        return false;
    v = r->ops->read(r->chip, start, w) >> (off - start) * 8;
    memcpy(data, &v, size);
    return true;
}

void split_access(struct io_region *r, uint64_t off, unsigned size, unsigned dir, uint8_t *data)
{
    for (unsigned i = 0; i < size;) {
        unsigned w = narrower(r, off + i, size - i > 4 ? 8 : size - i > 2 ? 4 : size - i);

        if (w > size - i)
            w = narrower(r, off + i, w >> 1);
        if (w) {
            access_declared(r, off + i, w, dir, data + i);
            i += w;
        } else if (dir == IO_READ && read_within(r, off + i, size - i, data + i)) {
            return;
        } else {
            access_inside(r, off + i, dir, data + i);
            i++;
        }
    }
}

uint32_t split_string(struct io_region *r, uint64_t off, unsigned size, unsigned dir, void *data,
                      uint32_t count)
{
    uint32_t served = 0;

    if (!(widths_at(r, off) & size) || (off & (size - 1)))
        return 0;
    if (dir == IO_READ && r->ops->read_string)
        served = r->ops->read_string(r->chip, off, size, data, count);
    else if (dir == IO_WRITE && r->ops->write_string)
        served = r->ops->write_string(r->chip, off, size, data, count);
    return served <= count ? served : count;
}
