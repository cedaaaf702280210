/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ioreq/iomap.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioreq/iolock.h"
#include "ioreq/split.h"
#include "ioreq/vclock.h"

#define PORTS 0x10000u
#define PAGE_PORTS 256u
#define MAX_REGIONS 1024u /* guests move regions, they never make new ones */

/* A region as one table knows it: its own base may already be that of a later table. */
struct io_entry {
    struct io_region *region;
    uint64_t base, last;
};

struct port_page {
    const struct io_entry *at[PAGE_PORTS];
};

/* One published state of the map; never changed after it was published. */
struct io_table {
    struct port_page *pages[PORTS / PAGE_PORTS]; /* NULL: nobody in these 256 ports */
    struct io_entry *entries; /* ports, then memory, by base */
    const struct io_entry *mem;
    unsigned mem_count;
    uint64_t generation;
    uint64_t retired_at;
    struct io_table *next_retired;
};

struct iomap {
    struct io_table *table; /* atomic */
    uint64_t epoch;         /* atomic; starts at 1, since 0 means "outside" in a reader */
    struct iolock *writer;
    struct io_region *regions[MAX_REGIONS]; /* by space, then base */
    unsigned region_count;
    unsigned depth; /* of begin */
    bool dirty;
    struct io_table *retired;
    struct io_reader *readers;
    iomap_ram_fn ram;
    void *ram_opaque;
    iomap_listener_fn listener;
    void *listener_opaque;
    iomap_doorbell_fn doorbell_listener;
    void *doorbell_opaque;
    struct vclock *clock; /* or NULL */
};

static void *must_alloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);

    if (!p)
        abort();
    return p;
}

/* ---- tables ---- */

static void table_add_ports(struct io_table *t, const struct io_entry *e)
{
    for (uint64_t port = e->base; port <= e->last; port++) {
        struct port_page **page = &t->pages[port / PAGE_PORTS];

        if (!*page)
            *page = must_alloc(1, sizeof(**page));
        (*page)->at[port % PAGE_PORTS] = e;
    }
}

static struct io_table *table_new(const struct iomap *map)
{
    struct io_table *t = must_alloc(1, sizeof(*t));
    unsigned i = 0;

    t->generation = map->epoch + 1;
    t->entries = must_alloc(map->region_count, sizeof(*t->entries));
    for (; i < map->region_count; i++) {
        struct io_region *r = map->regions[i];

        t->entries[i] = (struct io_entry){r, r->base, r->base + (r->size - 1)};
        if (r->space == IO_PORT)
            table_add_ports(t, &t->entries[i]);
        else
            t->mem_count++;
    }
    t->mem = t->entries + (i - t->mem_count);
    return t;
}

static void table_free(struct io_table *t)
{
    for (unsigned i = 0; i < PORTS / PAGE_PORTS; i++)
        free(t->pages[i]);
    free(t->entries);
    free(t);
}

/* The oldest epoch that a reader is still in; UINT64_MAX if none is inside. */
static uint64_t oldest_reader(const struct iomap *map)
{
    uint64_t oldest = UINT64_MAX;

    for (const struct io_reader *r = map->readers; r; r = r->next) {
        uint64_t epoch = __atomic_load_n(&r->epoch, __ATOMIC_SEQ_CST);

        if (epoch && epoch < oldest)
            oldest = epoch;
    }
    return oldest;
}

static void free_retired(struct iomap *map)
{
    uint64_t oldest = oldest_reader(map);
    struct io_table **link = &map->retired;

    while (*link) {
        struct io_table *t = *link;

        if (t->retired_at <= oldest) {
            *link = t->next_retired;
            table_free(t);
        } else {
            link = &t->next_retired;
        }
    }
}

static void publish(struct iomap *map)
{
    struct io_table *old = map->table;

    map->dirty = false;
    __atomic_store_n(&map->table, table_new(map), __ATOMIC_SEQ_CST);
    old->retired_at = __atomic_add_fetch(&map->epoch, 1, __ATOMIC_SEQ_CST);
    old->next_retired = map->retired;
    map->retired = old;
    free_retired(map);
}

struct iomap *iomap_new(void)
{
    struct iomap *map = must_alloc(1, sizeof(*map));

    map->epoch = 1;
    map->writer = iolock_new();
    map->table = table_new(map);
    return map;
}

void iomap_free(struct iomap *map)
{
    if (!map)
        return;
    free_retired(map);
    table_free(map->table);
    iolock_free(map->writer);
    free(map);
}

void iomap_set_ram(struct iomap *map, iomap_ram_fn fn, void *opaque)
{
    map->ram = fn;
    map->ram_opaque = opaque;
}

void iomap_set_clock(struct iomap *map, struct vclock *clock)
{
    map->clock = clock;
}

void iomap_set_listener(struct iomap *map, iomap_listener_fn fn, void *opaque)
{
    map->listener = fn;
    map->listener_opaque = opaque;
}

void iomap_set_doorbell_listener(struct iomap *map, iomap_doorbell_fn fn, void *opaque)
{
    map->doorbell_listener = fn;
    map->doorbell_opaque = opaque;
}

/* ---- changes ---- */

static bool region_fits(const struct io_region *r, char *why, size_t why_size)
{
    uint64_t limit = r->space == IO_PORT ? PORTS - 1 : UINT64_MAX;

    if (r->size && r->base <= limit && r->size - 1 <= limit - r->base)
        return true;
    snprintf(why, why_size, "%s: 0x%llx bytes at 0x%llx leave the %s space", r->name,
             (unsigned long long)r->size, (unsigned long long)r->base,
             r->space == IO_PORT ? "port" : "memory");
    return false;
}

static const struct io_region *find_overlap(const struct iomap *map, const struct io_region *r)
{
    for (unsigned i = 0; i < map->region_count; i++) {
        const struct io_region *o = map->regions[i];

        if (o->space == r->space && o->base <= r->base + (r->size - 1) &&
            r->base <= o->base + (o->size - 1))
            return o;
    }
    return NULL;
}

static bool may_add(const struct iomap *map, const struct io_region *r, char *why, size_t why_size)
{
    const struct io_region *other;

    if (r->mapped) {
        snprintf(why, why_size, "%s is mapped already", r->name);
        return false;
    }
    if (!region_fits(r, why, why_size))
        return false;
    other = find_overlap(map, r);
    if (other) {
        snprintf(why, why_size, "%s at 0x%llx-0x%llx overlaps %s at 0x%llx-0x%llx", r->name,
                 (unsigned long long)r->base, (unsigned long long)(r->base + r->size - 1),
                 other->name, (unsigned long long)other->base,
                 (unsigned long long)(other->base + other->size - 1));
        return false;
    }
    if (map->region_count == MAX_REGIONS) {
        snprintf(why, why_size, "%s: more than %u regions", r->name, MAX_REGIONS);
        return false;
    }
    return true;
}

static bool sorts_before(const struct io_region *a, const struct io_region *b)
{
    return a->space != b->space ? a->space < b->space : a->base < b->base;
}

static void list_insert(struct iomap *map, struct io_region *r)
{
    unsigned i = map->region_count++;

    for (; i > 0 && sorts_before(r, map->regions[i - 1]); i--)
        map->regions[i] = map->regions[i - 1];
    map->regions[i] = r;
    r->mapped = true;
    map->dirty = true;
}

static void list_remove(struct iomap *map, struct io_region *r)
{
    unsigned i = 0;

    while (map->regions[i] != r)
        i++;
    map->region_count--;
    memmove(&map->regions[i], &map->regions[i + 1],
            (map->region_count - i) * sizeof(map->regions[0]));
    r->mapped = false;
    map->dirty = true;
}

static void tell_listeners(const struct iomap *map, struct io_region *r, bool mapped)
{
    if (map->listener)
        map->listener(map->listener_opaque, r, mapped);
    if (r->doorbell_count && map->doorbell_listener)
        map->doorbell_listener(map->doorbell_opaque, r);
}

bool iomap_add(struct iomap *map, struct io_region *region, char *why, size_t why_size)
{
    bool ok;

    iolock_enter(map->writer);
    ok = may_add(map, region, why, why_size);
    if (ok) {
        list_insert(map, region);
        if (!map->depth)
            publish(map);
    }
    iolock_leave(map->writer);
    if (ok)
        tell_listeners(map, region, true);
    return ok;
}

void iomap_remove(struct iomap *map, struct io_region *region)
{
    bool was;

    iolock_enter(map->writer);
    was = region->mapped;
    if (was) {
        list_remove(map, region);
        if (!map->depth)
            publish(map);
    }
    iolock_leave(map->writer);
    if (was)
        tell_listeners(map, region, false);
}

void iomap_begin(struct iomap *map)
{
    iolock_enter(map->writer);
    map->depth++;
    iolock_leave(map->writer);
}

/*
 * Publishes even while another thread is between begin and commit: whoever commits must find its
 * change in force when it returns.
 */
void iomap_commit(struct iomap *map)
{
    iolock_enter(map->writer);
    map->depth--;
    if (map->dirty)
        publish(map);
    iolock_leave(map->writer);
}

void iomap_reader_add(struct iomap *map, struct io_reader *reader)
{
    memset(reader, 0, sizeof(*reader));
    iolock_enter(map->writer);
    reader->next = map->readers;
    map->readers = reader;
    iolock_leave(map->writer);
}

void iomap_reader_remove(struct iomap *map, struct io_reader *reader)
{
    iolock_enter(map->writer);
    for (struct io_reader **link = &map->readers; *link; link = &(*link)->next) {
        if (*link == reader) {
            *link = reader->next;
            break;
        }
    }
    iolock_leave(map->writer);
}

void iomap_synchronize(struct iomap *map)
{
    bool left = true;

    while (left) {
        iolock_enter(map->writer);
        free_retired(map);
        left = map->retired != NULL;
        iolock_leave(map->writer);
        if (left)
            sched_yield();
    }
}

void iomap_foreach(struct iomap *map, void (*fn)(void *opaque, const struct io_region *region),
                   void *opaque)
{
    iolock_enter(map->writer);
    for (unsigned i = 0; i < map->region_count; i++)
        fn(opaque, map->regions[i]);
    iolock_leave(map->writer);
}

/* ---- look-up ---- */

static const struct io_entry *find_port(const struct io_table *t, uint64_t port)
{
    const struct port_page *page;

    if (port >= PORTS)
        return NULL;
    page = t->pages[port / PAGE_PORTS];
    return page ? page->at[port % PAGE_PORTS] : NULL;
}

/* The index of the first memory region that ends at or after addr. */
static unsigned mem_search(const struct io_table *t, uint64_t addr)
{
    unsigned lo = 0, hi = t->mem_count;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;

        if (t->mem[mid].last < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static const struct io_entry *find_mem(const struct io_table *t, struct io_reader *reader,
                                       uint64_t addr)
{
    const struct io_entry *e = reader->last_entry;
    unsigned i;

    if (reader->last_generation == t->generation && addr >= e->base && addr <= e->last)
        return e;
    i = mem_search(t, addr);
    if (i == t->mem_count || addr < t->mem[i].base)
        return NULL;
    reader->last_generation = t->generation;
    reader->last_entry = &t->mem[i];
    return reader->last_entry;
}

static const struct io_entry *find(const struct io_table *t, struct io_reader *reader,
                                   const struct ioreq *req, uint64_t addr)
{
    return req->space == IO_PORT ? find_port(t, addr) : find_mem(t, reader, addr);
}

/* ---- the funnel ---- */

static void count_access(struct io_region *r, const struct ioreq *req, uint32_t elements)
{
    uint64_t bytes = (uint64_t)elements * req->size;
    uint64_t *n = req->dir == IO_READ ? &r->stat.reads : &r->stat.writes;
    uint64_t *b = req->dir == IO_READ ? &r->stat.read_bytes : &r->stat.write_bytes;

    /* The region's lock is held: atomic only for those who read the counters without it. */
    __atomic_store_n(n, *n + elements, __ATOMIC_RELAXED);
    __atomic_store_n(b, *b + bytes, __ATOMIC_RELAXED);
}

static void note_write(const struct iomap *map, struct io_region *r, const struct ioreq *req)
{
    struct io_write *w = &r->last_writes[r->next_write++ % IO_LAST_WRITES];

    *w = (struct io_write){.addr = req->addr, .count = req->count, .size = req->size, .source = req->source};
    memcpy(&w->value, (const uint8_t *)req->data + (size_t)(req->count - 1) * req->size, req->size);
    w->when_ns = map->clock ? vclock_now_ns(map->clock) : 0;
}

/* All elements of a request that lies within one region. */
static void access_region(const struct iomap *map, const struct io_entry *e, const struct ioreq *req)
{
    struct io_region *r = e->region;
    uint8_t *data = req->data;
    uint64_t off = req->addr - e->base;
    uint32_t done = 0;

    iolock_enter(r->lock);
    if (req->count > 1)
        done = split_string(r, off, req->size, req->dir, data, req->count);
    for (; done < req->count; done++)
        split_access(r, off, req->size, req->dir, data + (size_t)done * req->size);
    count_access(r, req, req->count);
    if (req->dir == IO_WRITE && req->count)
        note_write(map, r, req);
    iolock_leave(r->lock);
}

static bool access_ram(struct iomap *map, struct ioreq *req)
{
    return req->space == IO_MEM && map->ram && map->ram(map->ram_opaque, req);
}

/* One element that no single region holds: piece by piece, each as large as its owner allows. */
static bool access_pieces(struct iomap *map, const struct io_table *t, struct io_reader *reader,
                          const struct ioreq *req, uint8_t *data)
{
    bool any = false;

    for (unsigned i = 0; i < req->size;) {
        struct ioreq piece = *req;
        const struct io_entry *e;

        piece.addr = req->addr + i;
        piece.data = data + i;
        piece.count = 1;
        piece.size = 1;
        e = piece.addr < req->addr ? NULL : find(t, reader, req, piece.addr);
        if (e) {
            piece.size = (uint8_t)split_fit(piece.addr, req->size - i, e->last - piece.addr + 1);
            access_region(map, e, &piece);
            any = true;
        } else if (piece.addr >= req->addr && access_ram(map, &piece)) {
            any = true;
        } else if (req->dir == IO_READ) {
            data[i] = 0xff;
        }
        i += piece.size;
    }
    return any;
}

static bool overlaps_a_region(const struct io_table *t, const struct ioreq *req)
{
    unsigned i = mem_search(t, req->addr);
    uint64_t last = req->addr + (req->size - 1);

    return last < req->addr || (i < t->mem_count && t->mem[i].base <= last);
}

static bool dispatch(struct iomap *map, const struct io_table *t, struct io_reader *reader,
                     struct ioreq *req)
{
    const struct io_entry *e = find(t, reader, req, req->addr);
    bool any = false;

    if (e && req->size - 1u <= e->last - req->addr) {
        access_region(map, e, req);
        return true;
    }
    if (!e && req->space == IO_MEM && !overlaps_a_region(t, req) && access_ram(map, req))
        return true;
    for (uint32_t i = 0; i < req->count; i++)
        any |= access_pieces(map, t, reader, req, (uint8_t *)req->data + (size_t)i * req->size);
    return any;
}

bool iomap_dispatch(struct iomap *map, struct io_reader *reader, struct ioreq *req)
{
    bool any;

    /* Sequentially consistent: a writer that misses this store must make us see its new table. */
    __atomic_store_n(&reader->epoch, __atomic_load_n(&map->epoch, __ATOMIC_RELAXED),
                     __ATOMIC_SEQ_CST);
    any = dispatch(map, __atomic_load_n(&map->table, __ATOMIC_SEQ_CST), reader, req);
    __atomic_store_n(&reader->epoch, 0, __ATOMIC_RELEASE);
    return any;
}

/* ---- doorbells ---- */

void iomap_set_doorbells(struct iomap *map, struct io_region *region, bool on)
{
    bool changed;

    iolock_enter(map->writer);
    changed = region->doorbells_on != on;
    region->doorbells_on = on;
    iolock_leave(map->writer);
    if (changed && map->doorbell_listener)
        map->doorbell_listener(map->doorbell_opaque, region);
}

enum io_doorbell_state iomap_doorbells(struct iomap *map, struct io_region *region, uint64_t *base)
{
    enum io_doorbell_state state = IO_DOORBELLS_OFF;

    iolock_enter(map->writer);
    if (region->doorbells_on)
        state = region->mapped ? IO_DOORBELLS_ON : IO_DOORBELLS_UNMAPPED;
    *base = region->base;
    iolock_leave(map->writer);
    return state;
}

/* The region may have been freed: it is looked at only if it is among those mapped. Writer lock held. */
static bool can_ring(const struct iomap *map, const struct io_region *region)
{
    for (unsigned i = 0; i < map->region_count; i++) {
        if (map->regions[i] == region)
            return region->doorbells_on;
    }
    return false;
}

bool iomap_ring(struct iomap *map, struct io_reader *reader, struct io_region *region, unsigned n)
{
    struct io_entry entry;
    bool can;

    iolock_enter(map->writer);
    can = can_ring(map, region);
    if (can) {
        entry = (struct io_entry){region, region->base, region->base + (region->size - 1)};
        /* Whoever removes it from here on waits for us in iomap_synchronize(). */
        __atomic_store_n(&reader->epoch, map->epoch, __ATOMIC_SEQ_CST);
    }
    iolock_leave(map->writer);
    if (can) {
        const struct io_doorbell *bell = &region->doorbells[n];
        uint32_t value = bell->value;
        struct ioreq req = {.addr = entry.base + bell->off, .data = &value, .count = 1, .size = bell->size,
                            .space = region->space, .dir = IO_WRITE, .source = IOREQ_SOURCE_DOORBELL};

        access_region(map, &entry, &req);
        __atomic_store_n(&reader->epoch, 0, __ATOMIC_RELEASE);
    }
    return can;
}
