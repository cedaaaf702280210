/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RAM_BYTES = 1 << 20,
    STRING_MAX = 4,     /* elements of a string access here */
    EDGE = 8,           /* addresses looked at outside a region */
    WALK_ALL = 4096,    /* regions up to this size are walked byte by byte, larger ones sampled */
    ABUSE_STEPS = 4000, /* accesses before a reset or a save */
    AFTER_STEPS = 3000, /* accesses that compare two devices afterwards */
    RANDOM_STEPS = 100000,
    CORRUPTIONS = 400,
};

static char fault_text[600];

#define FAULT(...) (snprintf(fault_text, sizeof(fault_text), __VA_ARGS__), fault_text)

uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u; /* splitmix64, public domain */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

unsigned rng_below(struct rng *rng, unsigned limit)
{
    return (unsigned)(rng_next(rng) % limit);
}

/* ---- the rig: a device whose every way in and out is watched ---- */

static void rig_fault(struct rig *rig, const char *what, const char *where, uint64_t off)
{
    if (!rig->fault[0])
        snprintf(rig->fault, sizeof(rig->fault), "%s (%s+%llx)", what, where,
                 (unsigned long long)off);
}

static bool any_lock_held(const struct rig *rig)
{
    bool held = rig->dev && iolock_held(rig->dev->lock);

    for (unsigned i = 0; !held && i < rig->wrap_count; i++)
        held = iolock_held(rig->wraps[i].region->lock);
    return held;
}

static void watch_pin(void *opaque, unsigned line, bool level)
{
    struct rig *rig = opaque;
    struct irq_pin pin = fake_irq(rig->fe, line);

    if (rig->dev && !any_lock_held(rig))
        rig_fault(rig, "a pin is driven without the lock", "line", line);
    irq_pin_set(&pin, level);
}

struct irq_pin rig_irq(struct rig *rig, unsigned line)
{
    return (struct irq_pin){watch_pin, rig, line};
}

static void watch_guest_error(void *opaque, struct device *dev, const char *text)
{
    struct rig *rig = opaque;

    if (!iolock_held(dev->lock))
        rig_fault(rig, "a guest error is reported without the lock", text, 0);
    rig->guest_error(rig->fe, dev, text);
}

static void watch_machine(void *opaque, enum machine_request what, unsigned arg)
{
    struct rig *rig = opaque;

    if (!any_lock_held(rig))
        rig_fault(rig, "a machine request without the lock", "request", what);
    machine_request(&rig->machine, what, arg);
}

static void watch_dma(struct rig *rig, uint64_t gpa)
{
    if (!any_lock_held(rig))
        rig_fault(rig, "guest memory is reached without the lock", "dma", gpa);
}

static bool watch_dma_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
    struct rig *rig = opaque;

    watch_dma(rig, gpa);
    return dma_read(&rig->dma, gpa, buf, len);
}

static bool watch_dma_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
    struct rig *rig = opaque;

    watch_dma(rig, gpa);
    return dma_write(&rig->dma, gpa, buf, len);
}

static void *watch_dma_map(void *opaque, uint64_t gpa, size_t *len, bool for_write)
{
    struct rig *rig = opaque;

    watch_dma(rig, gpa);
    return dma_map(&rig->dma, gpa, len, for_write);
}

static void watch_dma_unmap(void *opaque, uint64_t gpa, void *host, size_t written)
{
    struct rig *rig = opaque;

    dma_unmap(&rig->dma, gpa, host, written);
}

static bool watch_dma_discard(void *opaque, uint64_t gpa, size_t len)
{
    struct rig *rig = opaque;

    watch_dma(rig, gpa);
    return dma_discard(&rig->dma, gpa, len);
}

static const struct dma_ops watch_dma_ops = {watch_dma_read, watch_dma_write, watch_dma_map,
                                             watch_dma_unmap, watch_dma_discard};

static void watch_call(struct rig_wrap *w, uint64_t off, unsigned size)
{
    unsigned widths = w->ops->widths_at && off < w->region->size ? w->ops->widths_at[off]
                                                                 : w->ops->widths;

    if (!iolock_held(w->region->lock))
        rig_fault(w->rig, "a register is reached without the lock", w->region->name, off);
    if (off >= w->region->size || size > w->region->size - off || off % size)
        rig_fault(w->rig, "an access outside the region", w->region->name, off);
    if (!(widths & size))
        rig_fault(w->rig, "a width that is not declared", w->region->name, off);
}

static uint64_t watch_read(void *chip, uint64_t off, unsigned size)
{
    struct rig_wrap *w = chip;
    uint64_t value;

    watch_call(w, off, size);
    value = w->ops->read(w->chip, off, size);
    if (!iolock_held(w->region->lock))
        rig_fault(w->rig, "a read dropped the lock", w->region->name, off);
    return value;
}

static void watch_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct rig_wrap *w = chip;

    watch_call(w, off, size);
    w->ops->write(w->chip, off, size, value);
    if (!iolock_held(w->region->lock))
        rig_fault(w->rig, "a write dropped the lock", w->region->name, off);
}

static uint32_t watch_read_string(void *chip, uint64_t off, unsigned size, void *buf,
                                  uint32_t count)
{
    struct rig_wrap *w = chip;
    uint32_t served;

    watch_call(w, off, size);
    served = w->ops->read_string(w->chip, off, size, buf, count);
    if (served > count)
        rig_fault(w->rig, "more elements served than asked for", w->region->name, off);
    return served;
}

static uint32_t watch_write_string(void *chip, uint64_t off, unsigned size, const void *buf,
                                   uint32_t count)
{
    struct rig_wrap *w = chip;
    uint32_t served;

    watch_call(w, off, size);
    served = w->ops->write_string(w->chip, off, size, buf, count);
    if (served > count)
        rig_fault(w->rig, "more elements served than asked for", w->region->name, off);
    return served;
}

static void wrap_region(void *opaque, const struct io_region *mapped)
{
    struct rig *rig = opaque;
    struct io_region *region = (struct io_region *)(uintptr_t)mapped;
    struct rig_wrap *w = &rig->wraps[rig->wrap_count];

    for (unsigned i = 0; i < rig->wrap_count; i++) {
        if (rig->wraps[i].region == region)
            return;
    }
    if (rig->wrap_count == RIG_REGIONS)
        return;
    *w = (struct rig_wrap){rig, region, region->ops, region->chip, *region->ops};
    w->wrapped.read = watch_read;
    w->wrapped.write = watch_write;
    w->wrapped.read_string = w->ops->read_string ? watch_read_string : NULL;
    w->wrapped.write_string = w->ops->write_string ? watch_write_string : NULL;
    region->ops = &w->wrapped;
    region->chip = w;
    rig->wrap_count++;
}

/* Also for regions that appeared meanwhile (a BAR was mapped). */
static void rig_watch(struct rig *rig)
{
    iomap_foreach(rig->fe->env.iomap, wrap_region, rig);
}

static void fill_ram(struct fake_env *fe, uint64_t seed)
{
    struct rng rng = {seed};

    for (size_t i = 0; i + 8 <= fe->ram_bytes; i += 8) {
        uint64_t v = rng_next(&rng);

        memcpy(fe->ram + i, &v, 8);
    }
}

static struct rig *rig_new(const struct conform_row *row)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    if (!rig)
        abort();
    rig->row = row;
    rig->fe = fake_env_new(RAM_BYTES);
    fill_ram(rig->fe, 1);
    rig->guest_error = rig->fe->env.guest_error;
    rig->machine = rig->fe->env.machine;
    rig->dma = rig->fe->env.dma;
    rig->fe->env.guest_error = watch_guest_error;
    rig->fe->env.guest_error_opaque = rig;
    rig->fe->env.machine = (struct machine_port){watch_machine, rig};
    rig->fe->env.dma = (struct dma_port){&watch_dma_ops, rig};
    rig->dev = row->make(rig);
    if (!rig->dev)
        abort();
    rig_watch(rig);
    return rig;
}

static void rig_prepare(struct rig *rig)
{
    if (rig->row->prepare)
        rig->row->prepare(rig);
    rig_watch(rig);
}

static struct rig *rig_new_prepared(const struct conform_row *row)
{
    struct rig *rig = rig_new(row);

    rig_prepare(rig);
    return rig;
}

static void rig_free(struct rig *rig)
{
    for (unsigned i = 0; i < rig->wrap_count; i++) {
        rig->wraps[i].region->ops = rig->wraps[i].ops;
        rig->wraps[i].region->chip = rig->wraps[i].chip;
    }
    rig->wrap_count = 0;
    device_free(rig->dev);
    rig->dev = NULL;
    if (rig->row->unmake)
        rig->row->unmake(rig);
    fake_env_free(rig->fe);
    free(rig);
}

/* ---- accesses ---- */

struct access {
    uint64_t addr;
    uint8_t space, dir, size;
    uint32_t count;
    uint64_t value; /* written, to every element */
};

struct result {
    uint8_t data[8 * STRING_MAX + 8];
    bool owner;
};

static void rig_access(struct rig *rig, const struct access *a, uint8_t prefill, struct result *out)
{
    struct ioreq req = {.addr = a->addr, .data = out->data, .count = a->count, .size = a->size,
                        .space = a->space, .dir = a->dir};
    size_t bytes = (size_t)a->count * a->size;

    memset(out->data, prefill, sizeof(out->data));
    for (uint32_t i = 0; a->dir == IO_WRITE && i < a->count; i++)
        memcpy(out->data + (size_t)i * a->size, &a->value, a->size);
    out->owner = iomap_dispatch(rig->fe->env.iomap, &rig->fe->reader, &req);
    for (size_t i = bytes; i < sizeof(out->data); i++) {
        if (out->data[i] != prefill)
            rig_fault(rig, "bytes past the access were stored", "address", a->addr);
    }
    memset(out->data + bytes, 0, sizeof(out->data) - bytes);
    if (any_lock_held(rig))
        rig_fault(rig, "a lock is still held after an access", "address", a->addr);
}

static const char *access_text(const struct access *a)
{
    static char text[100];

    snprintf(text, sizeof(text), "%s of %u x %u bytes at %s %llx, value %llx",
             a->dir == IO_READ ? "read" : "write", a->count, a->size,
             a->space == IO_PORT ? "port" : "address", (unsigned long long)a->addr,
             (unsigned long long)a->value);
    return text;
}

/* Both devices are in the same state: they must answer the same, whatever was in the buffers. */
static const char *both(struct rig *a, struct rig *b, const struct access *access, const char *why)
{
    struct result ra, rb;

    rig_access(a, access, 0xa5, &ra);
    rig_access(b, access, 0x5a, &rb);
    if (a->fault[0])
        return FAULT("%s: %s", a->row->name, a->fault);
    if (b->fault[0])
        return FAULT("%s: %s", b->row->name, b->fault);
    if (ra.owner != rb.owner || memcmp(ra.data, rb.data, sizeof(ra.data)))
        return FAULT("%s: %s: %s: %02x %02x.. and %02x %02x..", a->row->name, why,
                     access_text(access), ra.data[0], ra.data[1], rb.data[0], rb.data[1]);
    return NULL;
}

/* ---- no result is left unset, at any offset and width ---- */

static const uint64_t patterns[] = {0, UINT64_MAX, 0x5aa51fe03c963781u};

static const char *one_address(struct rig *a, struct rig *b, uint8_t space, uint64_t addr)
{
    const char *why = "a result was left unset";

    for (uint8_t size = 1; size <= (space == IO_PORT ? 4 : 8); size = (uint8_t)(size * 2)) {
        struct access access = {addr, space, IO_READ, size, 1, 0};
        const char *fault = both(a, b, &access, why);

        for (unsigned n = 0; !fault && n < sizeof(patterns) / sizeof(patterns[0]); n++) {
            access = (struct access){addr, space, IO_WRITE, size, 1, patterns[n]};
            fault = both(a, b, &access, why);
            access.dir = IO_READ;
            fault = fault ? fault : both(a, b, &access, why);
        }
        access = (struct access){addr, space, IO_READ, size, STRING_MAX, 0};
        fault = fault ? fault : both(a, b, &access, why);
        if (fault)
            return fault;
    }
    return NULL;
}

static const char *one_region(struct rig *a, struct rig *b, const struct io_region *r)
{
    uint64_t limit = r->space == IO_PORT ? 0x10000 : UINT64_MAX;
    uint64_t first = r->base < EDGE ? 0 : r->base - EDGE;
    uint64_t end = r->base + r->size + EDGE < limit ? r->base + r->size + EDGE : limit;
    uint64_t step = r->size <= WALK_ALL ? 1 : r->size / WALK_ALL * 2 + 1;
    uint8_t space = (uint8_t)r->space;

    for (uint64_t addr = first; addr < end;) {
        const char *fault = one_address(a, b, space, addr);

        if (fault)
            return fault;
        addr += addr < first + 64 || addr + 64 + step >= end ? 1 : step;
    }
    return NULL;
}

const char *check_no_result_unset(const struct conform_row *row)
{
    struct rig *a = rig_new_prepared(row), *b = rig_new_prepared(row);
    const char *fault = NULL;

    for (unsigned i = 0; !fault && i < a->wrap_count; i++) {
        struct io_region place = *a->wraps[i].region; /* where it was: it may move meanwhile */

        fault = one_region(a, b, &place);
    }
    rig_free(a);
    rig_free(b);
    return fault;
}

/* D-06: all ports, all widths. */
const char *check_all_ports(const struct conform_row *row)
{
    static const struct {
        uint8_t dir;
        uint64_t value;
    } turns[] = {{IO_READ, 0}, {IO_WRITE, 0}, {IO_WRITE, UINT64_MAX}, {IO_READ, 0}};
    struct rig *a = rig_new_prepared(row), *b = rig_new_prepared(row);
    const char *fault = NULL;

    for (uint32_t n = 0; !fault && n < 0x10000 * 12u; n++) {
        unsigned turn = n % 4;
        struct access access = {n / 12, IO_PORT, turns[turn].dir, (uint8_t)(1 << n / 4 % 3), 1,
                                turns[turn].value};

        fault = both(a, b, &access, "a result was left unset");
    }
    rig_free(a);
    rig_free(b);
    return fault;
}

/* ---- random use ---- */

static const struct io_region *some_region(struct rig *rig, struct rng *rng)
{
    return rig->wraps[rng_below(rng, rig->wrap_count)].region;
}

static struct access random_access(struct rig *rig, struct rng *rng)
{
    const struct io_region *r = some_region(rig, rng);
    uint64_t offset = rng_next(rng) % (r->size + 2 * EDGE);
    uint64_t choice = rng_next(rng), value = rng_next(rng);
    struct access a = {.space = (uint8_t)r->space, .dir = choice & 1 ? IO_READ : IO_WRITE};

    if (choice & 0x700) /* mostly the inside */
        offset = offset % r->size + EDGE;
    a.addr = r->base + offset < EDGE ? 0 : r->base + offset - EDGE;
    if (a.space == IO_PORT)
        a.addr &= 0xffff;
    a.size = (uint8_t)(1u << (choice >> 16) % (a.space == IO_PORT ? 3 : 4));
    a.count = choice >> 24 & 7 ? 1 : 1 + (uint32_t)(choice >> 28) % STRING_MAX;
    value >>= choice >> 40 & 0x38; /* small ones often */
    a.value = (choice >> 48 & 15) == 0 ? UINT64_MAX : value;
    return a;
}

/* One step of use: an access, sometimes an event from outside or time that passes. */
static void random_step(struct rig *rig, struct rng *rng)
{
    unsigned what = rng_below(rng, 64);
    struct access access = random_access(rig, rng);
    struct result result;

    if (what == 0)
        fake_step(rig->fe, 1 + rng_below(rng, 2000000));
    else if (what < 8 && rig->row->event)
        rig->row->event(rig, rng);
    else
        rig_access(rig, &access, 0xa5, &result);
    rig_watch(rig);
}

static void abuse(struct rig *rig, uint64_t seed, unsigned steps)
{
    struct rng rng = {seed};

    for (unsigned n = 0; n < steps && !rig->fault[0]; n++)
        random_step(rig, &rng);
}

/* ---- saved states ---- */

struct blob {
    uint8_t *data;
    size_t size;
};

static struct blob save(struct rig *rig)
{
    struct blob blob;

    device_enter(rig->dev);
    blob.size = device_save(rig->dev, NULL, 0);
    blob.data = malloc(blob.size ? blob.size : 1);
    if (!blob.data)
        abort();
    device_save(rig->dev, blob.data, blob.size);
    device_leave(rig->dev);
    return blob;
}

static bool load(struct rig *rig, const void *data, size_t size, char *why, size_t why_size)
{
    bool ok;

    device_enter(rig->dev);
    ok = device_load(rig->dev, data, size, why, why_size);
    device_leave(rig->dev);
    return ok;
}

/* A field in a saved state, as device_save() lays it out: name length, name, type, count, data. */
struct saved_field {
    const struct dev_field *field;
    size_t values, bytes; /* of all elements */
    unsigned element_bytes;
};

static unsigned type_bytes(enum dev_field_type type)
{
    switch (type) {
    case FIELD_BOOL:
    case FIELD_U8:
    case FIELD_BYTES: return 1;
    case FIELD_U16: return 2;
    case FIELD_U32: return 4;
    case FIELD_U64:
    case FIELD_I64: return 8;
    }
    return 1;
}

static struct saved_field find_saved(const struct rig *rig, unsigned index)
{
    struct saved_field s = {.values = 0};
    size_t at = 0;

    for (unsigned n = 0; n <= index; n++) {
        s.field = &rig->dev->cls->fields[n];
        s.element_bytes = type_bytes(s.field->type);
        s.values = at + 1 + strlen(s.field->name) + 1 + 4;
        s.bytes = (size_t)s.field->count * s.element_bytes;
        at = s.values + s.bytes;
    }
    return s;
}

/* NULL, or how two states of one class differ. */
static const char *compare_states(const struct rig *rig, const struct blob *a, const struct blob *b,
                                  bool with_kept, const char *why)
{
    if (a->size != b->size)
        return FAULT("%s: %s: states of other sizes", rig->row->name, why);
    for (unsigned n = 0; n < rig->dev->cls->field_count; n++) {
        struct saved_field s = find_saved(rig, n);

        if (s.field->keep && !with_kept)
            continue;
        for (size_t i = s.values; i < s.values + s.bytes; i++) {
            if (a->data[i] != b->data[i])
                return FAULT("%s: %s: field %s[%zu]: %02x and %02x", rig->row->name, why,
                             s.field->name, (i - s.values) / s.element_bytes, a->data[i],
                             b->data[i]);
        }
    }
    return NULL;
}

struct dump_sum {
    uint64_t sum;
    unsigned lines;
};

static void add_dump(void *opaque, const char *name, uint64_t value, const char *text)
{
    struct dump_sum *d = opaque;

    for (const char *p = name; *p; p++)
        d->sum = (d->sum ^ (uint8_t)*p) * 0x100000001b3u;
    for (const char *p = text ? text : ""; *p; p++)
        d->sum = (d->sum ^ (uint8_t)*p) * 0x100000001b3u;
    d->sum = (d->sum ^ value) * 0x100000001b3u;
    d->lines++;
}

static struct dump_sum dump(struct rig *rig)
{
    struct dump_sum d = {0xcbf29ce484222325u, 0};

    device_enter(rig->dev);
    device_dump(rig->dev, add_dump, &d);
    device_leave(rig->dev);
    return d;
}

/* Time and the outside of `to` become those of `from`; its state follows by a load. */
static void copy_world(struct rig *to, struct rig *from)
{
    int64_t behind = vclock_now_ns(from->fe->env.clock) - vclock_now_ns(to->fe->env.clock);

    if (behind > 0)
        fake_step(to->fe, behind);
    memcpy(to->fe->ram, from->fe->ram, from->fe->ram_bytes);
    to->fe->regs = from->fe->regs;
    if (to->row->copy_outside)
        to->row->copy_outside(to, from);
}

static const char *same_pins(const struct rig *a, const struct rig *b, const char *why)
{
    for (unsigned line = 0; line < FAKE_LINES; line++) {
        if (a->fe->irq_level[line] != b->fe->irq_level[line])
            return FAULT("%s: %s: line %u is %d and %d", a->row->name, why, line,
                         a->fe->irq_level[line], b->fe->irq_level[line]);
    }
    return NULL;
}

static void add_mapped(void *opaque, const struct io_region *region)
{
    uint64_t *sum = opaque;
    struct rng mix = {region->base ^ region->size << 20 ^ (uint64_t)region->space << 63};

    *sum += rng_next(&mix);
}

/* A sum over where all regions are. */
static uint64_t mapped_sum(struct rig *rig)
{
    uint64_t sum = 0;

    iomap_foreach(rig->fe->env.iomap, add_mapped, &sum);
    return sum;
}

/* The same use of both gives the same answers, pins and memory. */
static const char *same_behaviour(struct rig *a, struct rig *b, uint64_t seed, const char *why)
{
    struct rng ra = {seed}, rb = {seed};
    const char *fault = same_pins(a, b, why);

    for (unsigned n = 0; !fault && n < AFTER_STEPS; n++) {
        struct access access = random_access(a, &ra);

        (void)random_access(b, &rb);
        if (n % 61 == 60) {
            fake_step(a->fe, 300000);
            fake_step(b->fe, 300000);
        } else if (n % 7 == 6 && a->row->event) {
            a->row->event(a, &ra);
            b->row->event(b, &rb);
        } else {
            fault = both(a, b, &access, why);
        }
        fault = fault ? fault : same_pins(a, b, why);
        rig_watch(a);
        rig_watch(b);
        if (!fault && mapped_sum(a) != mapped_sum(b))
            fault = FAULT("%s: %s: other regions are mapped", a->row->name, why);
    }
    if (!fault && memcmp(a->fe->ram, b->fe->ram, a->fe->ram_bytes))
        fault = FAULT("%s: %s: guest memory differs", a->row->name, why);
    return fault;
}

/* Loads the state of `from` into a new device and compares what they do from then on. */
static const char *twin_behaves(struct rig *from, uint64_t seed, const char *why)
{
    struct rig *twin = rig_new(from->row);
    struct blob state, again;
    const char *fault = NULL;
    char text[200] = "";

    if (from->row->settle)
        from->row->settle(from);
    state = save(from);
    copy_world(twin, from);
    if (!load(twin, state.data, state.size, text, sizeof(text)))
        fault = FAULT("%s: %s: its own state is refused: %s", from->row->name, why, text);
    again = save(twin);
    fault = fault ? fault : compare_states(from, &state, &again, true, why);
    if (!fault && dump(from).sum != dump(twin).sum)
        fault = FAULT("%s: %s: dumps differ", from->row->name, why);
    if (!fault) {
        rig_watch(twin);
        rig_watch(from);
        fault = same_behaviour(from, twin, seed, why);
    }
    free(state.data);
    free(again.data);
    rig_free(twin);
    return fault;
}

/*
 * The state of a device that was never used; for a used rig, in the same world (time, memory, who is
 * at the other end of a line) and reset there.
 */
static struct blob save_new(struct rig *rig, bool used)
{
    struct rig *unused = rig_new(rig->row);
    struct blob blob;

    if (used) {
        copy_world(unused, rig);
        device_reset(unused->dev);
    }
    blob = save(unused);
    rig_free(unused);
    return blob;
}

/* Resets and compares with a device that was never used. */
static const char *reset_and_compare(struct rig *rig, bool used, const char *why)
{
    struct blob fresh, after;
    const char *fault = NULL;

    if (rig->fault[0])
        return FAULT("%s: %s", rig->row->name, rig->fault);
    device_reset(rig->dev);
    fresh = save_new(rig, used);
    after = save(rig);
    fault = compare_states(rig, &fresh, &after, false, why);
    free(fresh.data);
    free(after.data);
    return fault;
}

const char *check_reset_is_new(const struct conform_row *row)
{
    const char *fault = NULL;

    for (uint64_t seed = 0; !fault && seed <= 3; seed++) {
        struct rig *rig = rig_new(row);

        if (seed) { /* 0: as it comes from its maker */
            rig_prepare(rig);
            abuse(rig, seed, ABUSE_STEPS);
        }
        fault = reset_and_compare(rig, seed != 0, "new, and after a reset");
        fault = fault ? fault : twin_behaves(rig, seed + 100, "loaded as new, and after a reset");
        rig_free(rig);
    }
    return fault;
}

const char *check_save_load(const struct conform_row *row)
{
    const char *fault = NULL;

    for (uint64_t seed = 11; !fault && seed <= 20; seed++) {
        struct rig *rig = rig_new_prepared(row);

        abuse(rig, seed, ABUSE_STEPS / 4);
        fault = rig->fault[0] ? FAULT("%s: %s", row->name, rig->fault)
                              : twin_behaves(rig, seed + 100, "saved, and loaded elsewhere");
        rig_free(rig);
    }
    return fault;
}

/* ---- what load must refuse ---- */

static const char *refused(struct rig *rig, const struct blob *before, const void *data,
                           size_t size, const char *what)
{
    struct blob after;
    const char *fault;
    char why[200] = "";

    if (load(rig, data, size, why, sizeof(why)))
        return FAULT("%s: load takes %s", rig->row->name, what);
    if (!why[0])
        return FAULT("%s: load refuses %s without saying why", rig->row->name, what);
    after = save(rig);
    fault = compare_states(rig, before, &after, true, "a refused load changed it");
    free(after.data);
    return fault;
}

static const char *refuse_truncations(struct rig *rig, const struct blob *state)
{
    const char *fault = NULL;

    for (size_t size = 0; !fault && size < state->size;) {
        fault = refused(rig, state, state->data, size, "a truncated state");
        size += size < 2048 || size + 1024 > state->size ? 1 : 211;
    }
    return fault;
}

static const char *refuse_value(struct rig *rig, const struct blob *state, struct saved_field *s,
                                uint64_t value)
{
    char what[200];
    const char *fault = NULL;
    uint8_t old[8];
    size_t ends[2] = {s->values, s->values + s->bytes - s->element_bytes};

    snprintf(what, sizeof(what), "%s = %llx", s->field->name, (unsigned long long)value);
    for (unsigned n = 0; !fault && n < 2; n++) {
        memcpy(old, state->data + ends[n], s->element_bytes);
        memcpy(state->data + ends[n], &value, s->element_bytes);
        {
            struct blob before = {malloc(state->size), state->size};

            if (!before.data)
                abort();
            memcpy(before.data, state->data, state->size);
            memcpy(before.data + ends[n], old, s->element_bytes);
            fault = refused(rig, &before, state->data, state->size, what);
            free(before.data);
        }
        memcpy(state->data + ends[n], old, s->element_bytes);
    }
    return fault;
}

static const char *refuse_values(struct rig *rig, const struct blob *state)
{
    const char *fault = NULL;

    for (unsigned n = 0; !fault && n < rig->dev->cls->field_count; n++) {
        struct saved_field s = find_saved(rig, n);
        const struct dev_field *f = s.field;
        uint64_t top = s.element_bytes == 8 ? UINT64_MAX : (1ull << 8 * s.element_bytes) - 1;

        if (f->type == FIELD_BOOL)
            fault = refuse_value(rig, state, &s, 2);
        else if (f->type == FIELD_I64 && f->max)
            fault = refuse_value(rig, state, &s, f->max + 1);
        else if (f->type != FIELD_BYTES && f->max && f->max < top)
            fault = refuse_value(rig, state, &s, f->max + 1);
        if (!fault && f->min)
            fault = refuse_value(rig, state, &s, f->min - 1);
    }
    return fault;
}

/* Some bytes of the values changed: refused without a trace, or taken. */
static const char *one_corruption(struct rig *rig, const struct blob *state, struct rng *rng,
                                  unsigned bytes)
{
    struct blob before = save(rig), bad = {malloc(state->size), state->size}, after;
    const char *fault = NULL;
    char why[200];

    if (!bad.data)
        abort();
    memcpy(bad.data, state->data, state->size);
    for (unsigned i = 0; i < bytes; i++) {
        struct saved_field s = find_saved(rig, rng_below(rng, rig->dev->cls->field_count));

        uint64_t value = rng_next(rng);

        bad.data[s.values + rng_next(rng) % s.bytes] = (uint8_t)(value & 0x100 ? value : value & 3);
    }
    if (!load(rig, bad.data, bad.size, why, sizeof(why))) {
        after = save(rig);
        fault = compare_states(rig, &before, &after, true, "a refused load changed it");
        free(after.data);
    }
    free(before.data);
    free(bad.data);
    return fault;
}

/* States changed at random: whatever is taken, the device lives on. */
static const char *survive_corruptions(struct rig *rig, const struct blob *state)
{
    struct rng rng = {77};
    const char *fault = NULL;

    for (unsigned n = 0; !fault && n < CORRUPTIONS && rig->dev->cls->field_count; n++) {
        fault = one_corruption(rig, state, &rng, 1 + n % 4);
        abuse(rig, n, 50);
        if (rig->fault[0])
            return FAULT("%s: after a changed state: %s", rig->row->name, rig->fault);
    }
    return fault;
}

const char *check_load_rejects(const struct conform_row *row)
{
    struct rig *rig = rig_new_prepared(row);
    struct blob state;
    const char *fault;

    abuse(rig, 5, 500);
    state = save(rig);
    fault = refuse_truncations(rig, &state);
    fault = fault ? fault : refuse_values(rig, &state);
    fault = fault ? fault : survive_corruptions(rig, &state);
    free(state.data);
    rig_free(rig);
    return fault;
}

/* ---- a long random use, after which the device is as good as new ---- */

const char *check_random_accesses(const struct conform_row *row)
{
    struct rig *rig = rig_new_prepared(row);
    const char *fault;

    for (uint64_t seed = 1001; seed <= 1003; seed++)
        abuse(rig, seed, RANDOM_STEPS);
    fault = reset_and_compare(rig, true, "new, and after long use");
    if (!fault && rig->fe->maps_open)
        fault = FAULT("%s: %u mappings of guest memory are open", row->name, rig->fe->maps_open);
    rig_free(rig);
    return fault;
}
