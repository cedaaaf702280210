/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dm/log.h"
#include "ioreq/iolock.h"

#define PAGE 4096u
#define MIB (1024u * 1024u)
#define GIB_4 (1ull << 32)
/* As QEMU's pc: RAM below 4 GiB ends here, or at 3 GiB if there is more than fits. */
#define LOW_LIMIT 0xe0000000ull
#define LOW_SPLIT 0xc0000000ull
#define LEGACY_WINDOW 0xa0000u
#define LEGACY_WINDOW_END 0xc0000u
#define MAX_BLOCKS 40 /* more than a PCI bus has slots */

struct owned_block {
    struct ram_block block;
    struct memory *mem;
    uint64_t *host_dirty; /* pages that DMA or a qtest client wrote; KVM knows only of vCPUs */
    uint64_t view_gpa, view_off, view_size; /* a part that is in the legacy window; size 0: none */
};

struct memory {
    struct iolock *lock; /* a leaf */
    uint8_t *ram;
    uint64_t ram_bytes, low_bytes;
    uint8_t *firmware; /* pages of its own, as KVM maps them */
    size_t firmware_bytes;
    bool isa;
    bool shared;    /* the file that it is from shows what the guest writes */
    bool kept_told; /* atomic: the host has refused to take memory back */
    struct {
        bool readable, writable;
    } pam[MEMORY_PAM_SEGMENTS];
    struct owned_block *blocks[MAX_BLOCKS];
    unsigned block_count;
    struct memory_section sections[MEMORY_MAX_SECTIONS]; /* by address */
    unsigned section_count;
    const struct memory_listener *listener;
};

/* The file that source.path names, at least `size` long; -1 with errno. */
static int open_backing(const char *path, uint64_t size)
{
    struct stat st;
    bool dir = !stat(path, &st) && S_ISDIR(st.st_mode);
    int fd = dir ? open(path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600) : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int saved;

    if (fd < 0)
        return -1;
    if (!fstat(fd, &st) && (uint64_t)st.st_size >= size)
        return fd;
    if (!ftruncate(fd, (off_t)size))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static uint8_t *map_ram(uint64_t size, const struct ram_source *source)
{
    int fd = source->path ? open_backing(source->path, size) : -1;
    int flags = (source->share ? MAP_SHARED : MAP_PRIVATE) | (source->path ? 0 : MAP_ANONYMOUS) |
                (source->prealloc ? MAP_POPULATE : MAP_NORESERVE);
    void *p;

    if (source->path && fd < 0)
        return NULL;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (fd >= 0)
        close(fd);
    return p == MAP_FAILED ? NULL : p;
}

static uint8_t *map_pages(uint64_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

uint64_t memory_low_of(uint64_t ram_bytes)
{
    return ram_bytes < LOW_LIMIT ? ram_bytes : LOW_SPLIT;
}

struct memory *memory_new(uint64_t ram_bytes, const struct ram_source *source, GError **error)
{
    struct memory *mem = g_new0(struct memory, 1);

    mem->ram = map_ram(ram_bytes, source);
    if (!mem->ram) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "-m: cannot get %" G_GUINT64_FORMAT " MiB for the guest%s%s: %s", ram_bytes / MIB,
                    source->path ? " from " : "", source->path ? source->path : "", g_strerror(errno));
        g_free(mem);
        return NULL;
    }
    madvise(mem->ram, ram_bytes, MADV_HUGEPAGE);
    madvise(mem->ram, ram_bytes, MADV_DONTDUMP);
    mem->ram_bytes = ram_bytes;
    mem->shared = source->path && source->share;
    mem->low_bytes = memory_low_of(ram_bytes);
    mem->lock = iolock_new();
    return mem;
}

static void free_block(struct owned_block *b)
{
    munmap(b->block.host, b->block.size);
    g_free((char *)b->block.name);
    g_free(b->host_dirty);
    g_free(b);
}

void memory_free(struct memory *mem)
{
    if (!mem)
        return;
    for (unsigned i = 0; i < mem->block_count; i++)
        free_block(mem->blocks[i]);
    munmap(mem->ram, mem->ram_bytes);
    if (mem->firmware)
        munmap(mem->firmware, mem->firmware_bytes);
    iolock_free(mem->lock);
    g_free(mem);
}

uint64_t memory_low_bytes(const struct memory *mem)
{
    return mem->low_bytes;
}

uint64_t memory_high_bytes(const struct memory *mem)
{
    return mem->ram_bytes - mem->low_bytes;
}

/* ---- the layout, derived ---- */

struct layout {
    struct memory_section at[MEMORY_MAX_SECTIONS];
    unsigned count;
};

static void place(struct layout *l, uint64_t gpa, uint64_t size, uint8_t *rd, uint8_t *wr,
                  struct ram_block *block)
{
    struct memory_section *last = l->count ? &l->at[l->count - 1] : NULL;

    if (!size || (!rd && !wr))
        return;
    /* Neighbours that are one piece of the host's memory are one section, and one slot. */
    if (last && !block && !last->block && last->gpa + last->size == gpa &&
        (rd ? last->rd && last->rd + last->size == rd : !last->rd) &&
        (wr ? last->wr && last->wr + last->size == wr : !last->wr)) {
        last->size += size;
        return;
    }
    if (l->count < MEMORY_MAX_SECTIONS)
        l->at[l->count++] = (struct memory_section){gpa, size, rd, wr, block, -1};
}

/* What the guest sees at 0xe0000-0xfffff when shadow RAM is off; NULL above what the image has. */
static uint8_t *firmware_below_1m(const struct memory *mem, uint64_t gpa)
{
    uint64_t from_end = MIB - gpa;

    if (gpa < 0xe0000 || from_end > mem->firmware_bytes)
        return NULL;
    return mem->firmware + mem->firmware_bytes - from_end;
}

static void place_segment(const struct memory *mem, struct layout *l, unsigned n, uint64_t gpa,
                          uint64_t size)
{
    uint8_t *ram = gpa + size <= mem->low_bytes ? mem->ram + gpa : NULL;

    if (mem->isa)
        place(l, gpa, size, ram, ram, NULL);
    else
        place(l, gpa, size, mem->pam[n].readable ? ram : firmware_below_1m(mem, gpa),
              mem->pam[n].writable ? ram : NULL, NULL);
}

static void place_blocks(const struct memory *mem, struct layout *l)
{
    for (unsigned i = 0; i < mem->block_count; i++) {
        const struct owned_block *o = mem->blocks[i];
        struct ram_block *b = &mem->blocks[i]->block;
        uint8_t *part = b->host + o->view_off;

        if (b->gpa != RAM_UNMAPPED)
            place(l, b->gpa, b->size, b->host, b->readonly ? NULL : b->host, b);
        if (o->view_size)
            place(l, o->view_gpa, o->view_size, part, b->readonly ? NULL : part, b);
    }
}

static int by_address(const void *a, const void *b)
{
    const struct memory_section *x = a, *y = b;

    return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

static void derive(const struct memory *mem, struct layout *l)
{
    uint64_t base = MIN(mem->low_bytes, 0xa0000);

    l->count = 0;
    place(l, 0, base, mem->ram, mem->ram, NULL);
    for (unsigned n = 1; n < MEMORY_PAM_SEGMENTS; n++)
        place_segment(mem, l, n, 0xc0000 + (n - 1) * 0x4000, 0x4000);
    place_segment(mem, l, 0, 0xf0000, 0x10000);
    if (mem->low_bytes > MIB)
        place(l, MIB, mem->low_bytes - MIB, mem->ram + MIB, mem->ram + MIB, NULL);
    place(l, GIB_4 - mem->firmware_bytes, mem->firmware_bytes, mem->firmware, NULL, NULL);
    if (mem->ram_bytes > mem->low_bytes)
        place(l, GIB_4, mem->ram_bytes - mem->low_bytes, mem->ram + mem->low_bytes,
              mem->ram + mem->low_bytes, NULL);
    place_blocks(mem, l);
    qsort(l->at, l->count, sizeof(l->at[0]), by_address);
}

static bool same_section(const struct memory_section *a, const struct memory_section *b)
{
    return a->gpa == b->gpa && a->size == b->size && a->rd == b->rd && a->wr == b->wr &&
           a->block == b->block;
}

static int free_slot(const struct memory *mem, const struct layout *l)
{
    for (int slot = 0; slot < MEMORY_MAX_SECTIONS; slot++) {
        bool used = false;

        for (unsigned i = 0; i < l->count && !used; i++)
            used = l->at[i].slot == slot;
        for (unsigned i = 0; i < mem->section_count && !used; i++)
            used = mem->sections[i].slot == slot;
        if (!used)
            return slot;
    }
    return -1;
}

static void mark_dirty(const struct memory_section *s, uint64_t gpa, size_t len)
{
    struct owned_block *b = s->block ? s->block->opaque : NULL;
    uint64_t at;

    if (!b || !len)
        return;
    at = (uint64_t)(s->rd - b->block.host) + (gpa - s->gpa);
    for (uint64_t page = at / PAGE; page <= (at + len - 1) / PAGE; page++)
        __atomic_fetch_or(&b->host_dirty[page / 64], 1ull << page % 64, __ATOMIC_RELAXED);
}

/* The kernel's log goes with the slot, so what was written since the last look is not known: all of it. */
static void unmap_section(struct memory *mem, const struct memory_section *s)
{
    if (!mem->listener || s->slot < 0)
        return;
    mem->listener->set(mem->listener->opaque, s, false);
    mark_dirty(s, s->gpa, s->size);
}

/* Keeps the slots of what stays, takes away what goes, then adds what is new. Lock held. */
static bool apply(struct memory *mem)
{
    struct layout l;
    bool ok = true;

    derive(mem, &l);
    for (unsigned i = 0; i < mem->section_count; i++) {
        struct memory_section *old = &mem->sections[i], *kept = NULL;

        for (unsigned j = 0; j < l.count && !kept; j++) {
            if (same_section(old, &l.at[j]))
                kept = &l.at[j];
        }
        if (kept)
            kept->slot = old->slot;
        else
            unmap_section(mem, old);
    }
    for (unsigned j = 0; j < l.count; j++) {
        struct memory_section *s = &l.at[j];

        if (s->slot >= 0 || !s->rd || !mem->listener)
            continue;
        s->slot = free_slot(mem, &l);
        ok &= mem->listener->set(mem->listener->opaque, s, true);
    }
    memcpy(mem->sections, l.at, l.count * sizeof(l.at[0]));
    mem->section_count = l.count;
    return ok;
}

void memory_set_listener(struct memory *mem, const struct memory_listener *listener)
{
    iolock_enter(mem->lock);
    mem->listener = listener;
    mem->section_count = 0;
    apply(mem);
    iolock_leave(mem->lock);
}

bool memory_set_firmware(struct memory *mem, const void *rom, size_t size)
{
    size_t bytes = (size + PAGE - 1) / PAGE * PAGE;

    mem->firmware = map_pages(bytes);
    if (!mem->firmware)
        return false;
    mem->firmware_bytes = bytes;
    memcpy(mem->firmware + bytes - size, rom, size);
    return true;
}

void memory_set_isa(struct memory *mem)
{
    mem->isa = true;
}

void memory_reset(struct memory *mem)
{
    size_t n = MIN(mem->firmware_bytes, 128 * 1024);

    iolock_enter(mem->lock);
    if (mem->isa && mem->low_bytes >= MIB)
        memcpy(mem->ram + MIB - n, mem->firmware + mem->firmware_bytes - n, n);
    memset(mem->pam, 0, sizeof(mem->pam));
    apply(mem);
    iolock_leave(mem->lock);
}

void memory_set_pam(struct memory *mem, unsigned segment, bool readable, bool writable)
{
    if (segment >= MEMORY_PAM_SEGMENTS)
        return;
    iolock_enter(mem->lock);
    if (mem->pam[segment].readable != readable || mem->pam[segment].writable != writable) {
        mem->pam[segment].readable = readable;
        mem->pam[segment].writable = writable;
        apply(mem);
    }
    iolock_leave(mem->lock);
}

/* ---- finding ---- */

static const struct memory_section *find(const struct memory *mem, uint64_t gpa)
{
    unsigned lo = 0, hi = mem->section_count;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        const struct memory_section *s = &mem->sections[mid];

        if (gpa < s->gpa)
            hi = mid;
        else if (gpa - s->gpa >= s->size)
            lo = mid + 1;
        else
            return s;
    }
    return NULL;
}

/*
 * The span function: the only way to a host pointer. A copy of the section at gpa, and in *len how
 * much of it, from gpa on, lies within the section. False: no memory at gpa.
 */
static bool span(struct memory *mem, uint64_t gpa, size_t *len, struct memory_section *out)
{
    const struct memory_section *s;

    iolock_enter(mem->lock);
    s = find(mem, gpa);
    if (s) {
        *out = *s;
        if (*len > s->gpa + s->size - gpa)
            *len = s->gpa + s->size - gpa;
    }
    iolock_leave(mem->lock);
    return s != NULL;
}

static bool all_memory(struct memory *mem, uint64_t gpa, size_t len)
{
    if (len && gpa + (len - 1) < gpa)
        return false;
    while (len) {
        struct memory_section s;
        size_t n = len;

        if (!span(mem, gpa, &n, &s) || !s.rd)
            return false;
        gpa += n;
        len -= n;
    }
    return true;
}

/* Copies one piece at a time; what is not memory reads as `hole` and drops writes. */
static void copy_out(struct memory *mem, uint64_t gpa, uint8_t *buf, size_t len, int hole)
{
    while (len) {
        struct memory_section s;
        size_t n = len;

        if (!span(mem, gpa, &n, &s) || !s.rd) {
            n = 1;
            *buf = (uint8_t)hole;
        } else {
            memcpy(buf, s.rd + (gpa - s.gpa), n);
        }
        gpa += n;
        buf += n;
        len -= n;
    }
}

static void copy_in(struct memory *mem, uint64_t gpa, const uint8_t *buf, size_t len)
{
    while (len) {
        struct memory_section s;
        size_t n = len;

        if (!span(mem, gpa, &n, &s)) {
            n = 1;
        } else if (s.wr) {
            memcpy(s.wr + (gpa - s.gpa), buf, n);
            mark_dirty(&s, gpa, n);
        }
        gpa += n;
        buf += n;
        len -= n;
    }
}

void memory_peek(struct memory *mem, uint64_t gpa, void *buf, size_t len)
{
    copy_out(mem, gpa, buf, len, 0xff);
}

void memory_poke(struct memory *mem, uint64_t gpa, const void *buf, size_t len)
{
    copy_in(mem, gpa, buf, len);
}

/* ---- DMA ---- */

/*
 * RAM that nothing ever covers (block_overlaps() sees to that) and that has no log: from 1 MiB on, and above 4 GiB. It
 * is found without the lock and the sections. NULL: not all of it is such.
 */
static uint8_t *plain_ram(const struct memory *mem, uint64_t gpa, size_t len)
{
    uint64_t high = mem->ram_bytes - mem->low_bytes;

    if (gpa >= MIB && gpa < mem->low_bytes)
        return len <= mem->low_bytes - gpa ? mem->ram + gpa : NULL;
    if (gpa >= GIB_4 && gpa - GIB_4 < high)
        return len <= high - (gpa - GIB_4) ? mem->ram + mem->low_bytes + (gpa - GIB_4) : NULL;
    return NULL;
}

static bool dma_port_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
    struct memory *mem = opaque;
    const uint8_t *ram = plain_ram(mem, gpa, len);

    if (ram) {
        memcpy(buf, ram, len);
        return true;
    }
    if (!all_memory(mem, gpa, len)) {
        memset(buf, 0, len);
        return false;
    }
    copy_out(mem, gpa, buf, len, 0);
    return true;
}

static bool dma_port_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    struct memory *mem = opaque;
    uint8_t *ram = plain_ram(mem, gpa, len);

    if (ram) {
        memcpy(ram, buf, len);
        return true;
    }
    if (!all_memory(mem, gpa, len))
        return false;
    copy_in(mem, gpa, buf, len);
    return true;
}

static void *dma_port_map(void *opaque, uint64_t gpa, size_t *len, bool for_write)
{
    struct memory_section s;
    uint8_t *host = *len ? plain_ram(opaque, gpa, *len) : NULL;

    if (host)
        return host;
    if (!*len || !span(opaque, gpa, len, &s))
        return NULL;
    host = for_write ? s.wr : s.rd;
    return host ? host + (gpa - s.gpa) : NULL;
}

static void dma_port_unmap(void *opaque, uint64_t gpa, void *host, size_t written)
{
    struct memory_section s;
    size_t len = written;

    (void)host;
    if (written && !plain_ram(opaque, gpa, written) && span(opaque, gpa, &len, &s))
        mark_dirty(&s, gpa, len);
}

/* RAM that is read and written at the same place: not a ROM that shadow RAM lies behind, not a device's block. */
static bool is_ram(const struct memory_section *s)
{
    return !s->block && s->rd && s->rd == s->wr;
}

static bool all_ram(struct memory *mem, uint64_t gpa, size_t len)
{
    if (!len || (gpa | len) & (PAGE - 1) || gpa + (len - 1) < gpa)
        return false;
    while (len) {
        struct memory_section s;
        size_t n = len;

        if (!span(mem, gpa, &n, &s) || !is_ram(&s))
            return false;
        gpa += n;
        len -= n;
    }
    return true;
}

/* MADV_DONTNEED would leave the pages of a shared file in the file. What the host refuses stays, and is said once. */
static void give_back(struct memory *mem, uint8_t *host, size_t len)
{
    if (!madvise(host, len, mem->shared ? MADV_REMOVE : MADV_DONTNEED))
        return;
    if (!__atomic_exchange_n(&mem->kept_told, true, __ATOMIC_RELAXED))
        log_warning("the host does not take the guest's unused memory back: %s", g_strerror(errno));
}

static bool dma_port_discard(void *opaque, uint64_t gpa, size_t len)
{
    struct memory *mem = opaque;

    if (!all_ram(mem, gpa, len))
        return false;
    while (len) {
        struct memory_section s;
        size_t n = len;

        if (!span(mem, gpa, &n, &s) || !is_ram(&s))
            return false; /* another vCPU has changed the map meanwhile */
        give_back(mem, s.wr + (gpa - s.gpa), n);
        gpa += n;
        len -= n;
    }
    return true;
}

struct dma_port memory_dma(struct memory *mem)
{
    static const struct dma_ops ops = {dma_port_read, dma_port_write, dma_port_map,
                                       dma_port_unmap, dma_port_discard};

    return (struct dma_port){&ops, mem};
}

/* ---- accesses by vCPUs that KVM did not do itself ---- */

bool memory_access(void *opaque, struct ioreq *req)
{
    struct memory *mem = opaque;
    struct memory_section s;
    size_t n = req->size;

    if (req->count != 1 || !span(mem, req->addr, &n, &s))
        return false;
    if (req->dir == IO_WRITE) {
        copy_in(mem, req->addr, req->data, req->size);
        return true;
    }
    copy_out(mem, req->addr, req->data, req->size, 0xff);
    return s.rd != NULL;
}

/* ---- blocks ---- */

static bool block_overlaps(const struct memory *mem, const struct ram_block *b, uint64_t gpa)
{
    if (gpa + (b->size - 1) < gpa)
        return true;
    for (unsigned i = 0; i < mem->section_count; i++) {
        const struct memory_section *s = &mem->sections[i];

        if (s->block != b && s->gpa <= gpa + (b->size - 1) && gpa <= s->gpa + (s->size - 1))
            return true;
    }
    /* The ISA hole and the shadow area belong to others even where nothing is mapped now. */
    return gpa < MIB;
}

static bool block_map(struct ram_block *block, uint64_t gpa)
{
    struct memory *mem = ((struct owned_block *)block->opaque)->mem;
    uint64_t before;
    bool ok = true;

    iolock_enter(mem->lock);
    before = block->gpa;
    if (gpa != RAM_UNMAPPED && ((gpa & (PAGE - 1)) || block_overlaps(mem, block, gpa))) {
        ok = false;
    } else if (gpa != before) {
        block->gpa = gpa;
        ok = apply(mem);
        if (!ok) {
            block->gpa = RAM_UNMAPPED;
            apply(mem);
        }
    }
    iolock_leave(mem->lock);
    return ok;
}

/*
 * Puts a part of a block into the legacy window, or takes it away. The window's registers stay in the dispatch
 * tables: they answer whoever is not a vCPU, and vCPUs while nothing is mapped.
 */
static bool block_map_view(struct ram_block *block, uint64_t gpa, uint64_t off, uint64_t size)
{
    struct owned_block *b = block->opaque;
    struct memory *mem = b->mem;
    bool ok;

    if (size && ((gpa | off | size) & (PAGE - 1) || gpa < LEGACY_WINDOW || size > LEGACY_WINDOW_END - gpa ||
                 off > block->size || size > block->size - off))
        return false;
    iolock_enter(mem->lock);
    b->view_gpa = gpa;
    b->view_off = off;
    b->view_size = size;
    ok = apply(mem);
    if (!ok) {
        b->view_size = 0;
        apply(mem);
    }
    iolock_leave(mem->lock);
    return ok;
}

/* The section's log, moved to where the section lies in its block. */
static void add_section_log(const struct memory *mem, const struct memory_section *s, uint64_t *bitmap)
{
    uint64_t pages = s->size / PAGE, first = (uint64_t)(s->rd - s->block->host) / PAGE;
    g_autofree uint64_t *log = NULL;

    if (first == 0) {
        mem->listener->dirty(mem->listener->opaque, s, bitmap);
        return;
    }
    log = g_new0(uint64_t, (pages + 63) / 64);
    mem->listener->dirty(mem->listener->opaque, s, log);
    for (uint64_t page = 0; page < pages; page++) {
        if (log[page / 64] >> page % 64 & 1)
            bitmap[(first + page) / 64] |= 1ull << (first + page) % 64;
    }
}

static void block_take_dirty(struct ram_block *block, uint64_t *bitmap)
{
    struct owned_block *b = block->opaque;
    struct memory *mem = b->mem;

    for (uint64_t i = 0; i < (block->size / PAGE + 63) / 64; i++)
        bitmap[i] |= __atomic_exchange_n(&b->host_dirty[i], 0, __ATOMIC_RELAXED);
    iolock_enter(mem->lock);
    for (unsigned i = 0; i < mem->section_count; i++) {
        if (mem->sections[i].block == block && mem->listener && mem->listener->dirty)
            add_section_log(mem, &mem->sections[i], bitmap);
    }
    iolock_leave(mem->lock);
}

struct ram_block *memory_block_new(struct memory *mem, const char *name, uint64_t size,
                                   bool readonly)
{
    uint8_t *host = mem->block_count < MAX_BLOCKS ? map_pages(size) : NULL;
    struct owned_block *b;

    g_assert(size && size % PAGE == 0);
    if (!host)
        return NULL;
    b = g_new0(struct owned_block, 1);
    b->mem = mem;
    b->host_dirty = g_new0(uint64_t, (size / PAGE + 63) / 64);
    b->block = (struct ram_block){.name = g_strdup(name),
                                  .host = host,
                                  .size = size,
                                  .readonly = readonly,
                                  .map = block_map,
                                  .take_dirty = block_take_dirty,
                                  .map_view = block_map_view,
                                  .gpa = RAM_UNMAPPED,
                                  .opaque = b};
    mem->blocks[mem->block_count++] = b;
    return &b->block;
}

void memory_block_free(struct memory *mem, struct ram_block *block)
{
    struct owned_block *b = block ? block->opaque : NULL;
    unsigned i = 0;

    if (!b)
        return;
    iolock_enter(mem->lock);
    b->block.gpa = RAM_UNMAPPED;
    b->view_size = 0;
    apply(mem);
    while (mem->blocks[i] != b)
        i++;
    mem->blocks[i] = mem->blocks[--mem->block_count];
    iolock_leave(mem->lock);
    free_block(b);
}
