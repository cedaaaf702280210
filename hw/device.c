/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/device.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void device_init(struct device *dev, const struct device_class *cls, const struct dev_env *env,
                 const char *id)
{
    dev->cls = cls;
    dev->env = env;
    dev->lock = iolock_new();
    dev->guest_errors = 0;
    snprintf(dev->id, sizeof(dev->id), "%s", id);
}

void device_fini(struct device *dev)
{
    iomap_synchronize(dev->env->iomap);
    iolock_free(dev->lock);
    dev->lock = NULL;
}

void device_free(struct device *dev)
{
    if (dev)
        dev->cls->free(dev);
}

void device_guest_error(struct device *dev, const char *format, ...)
{
    char text[160];
    va_list args;

    dev->guest_errors++;
    if (!dev->env->guest_error)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    dev->env->guest_error(dev->env->guest_error_opaque, dev, text);
}

/* ---- one element of a field ---- */

static unsigned element_bytes(const struct dev_field *f)
{
    switch (f->type) {
    case FIELD_BOOL: return sizeof(bool);
    case FIELD_U8:
    case FIELD_BYTES: return 1;
    case FIELD_U16: return 2;
    case FIELD_U32: return 4;
    case FIELD_U64:
    case FIELD_I64: return 8;
    }
    return 1;
}

static void *element(const struct device *dev, const struct dev_field *f, uint32_t i)
{
    return (uint8_t *)(uintptr_t)dev + f->offset + (size_t)i * element_bytes(f);
}

static uint64_t get_element(const struct device *dev, const struct dev_field *f, uint32_t i)
{
    uint64_t v = 0;

    memcpy(&v, element(dev, f, i), element_bytes(f));
    return v;
}

static void set_element(struct device *dev, const struct dev_field *f, uint32_t i, uint64_t v)
{
    memcpy(element(dev, f, i), &v, element_bytes(f));
}

static bool in_range(const struct dev_field *f, uint64_t v)
{
    if (f->type == FIELD_BOOL && v > 1)
        return false;
    if (f->type == FIELD_I64 && f->max)
        return (int64_t)v >= (int64_t)f->min && (int64_t)v <= (int64_t)f->max;
    return !f->max || (v >= f->min && v <= f->max);
}

/* ---- reset and dump ---- */

void device_reset(struct device *dev)
{
    device_enter(dev);
    for (unsigned n = 0; n < dev->cls->field_count; n++) {
        const struct dev_field *f = &dev->cls->fields[n];

        if (f->keep)
            continue;
        if (f->type == FIELD_BYTES)
            memset(element(dev, f, 0), 0, f->count);
        for (uint32_t i = 0; f->type != FIELD_BYTES && i < f->count; i++)
            set_element(dev, f, i, f->reset);
    }
    if (dev->cls->reset)
        dev->cls->reset(dev);
    device_leave(dev);
}

void device_dump(const struct device *dev, device_dump_fn fn, void *opaque)
{
    for (unsigned n = 0; n < dev->cls->field_count; n++) {
        const struct dev_field *f = &dev->cls->fields[n];

        for (uint32_t i = 0; i < f->count; i++) {
            uint64_t v = get_element(dev, f, i);
            char name[96];

            if (f->count > 1)
                snprintf(name, sizeof(name), "%s[%u]", f->name, i);
            else
                snprintf(name, sizeof(name), "%s", f->name);
            fn(opaque, name, v, f->names && in_range(f, v) ? f->names[v] : NULL);
        }
    }
}

/* ---- save: per field  u8 name length, name, u8 type, u32 count, values ---- */

struct writer {
    uint8_t *buf;
    size_t size, used; /* used goes on counting past size */
};

static void put(struct writer *w, const void *data, size_t n)
{
    if (w->buf && w->used + n <= w->size)
        memcpy(w->buf + w->used, data, n);
    w->used += n;
}

size_t device_save(const struct device *dev, void *buf, size_t size)
{
    struct writer w = {buf, size, 0};

    for (unsigned n = 0; n < dev->cls->field_count; n++) {
        const struct dev_field *f = &dev->cls->fields[n];
        uint8_t name_len = (uint8_t)strlen(f->name), type = (uint8_t)f->type;

        put(&w, &name_len, 1);
        put(&w, f->name, name_len);
        put(&w, &type, 1);
        put(&w, &f->count, 4);
        put(&w, element(dev, f, 0), (size_t)f->count * element_bytes(f));
    }
    return w.used;
}

/* ---- load ---- */

struct reader {
    const uint8_t *buf;
    size_t left;
};

static bool take(struct reader *r, void *out, size_t n)
{
    if (n > r->left)
        return false;
    memcpy(out, r->buf, n);
    r->buf += n;
    r->left -= n;
    return true;
}

static const struct dev_field *find_field(const struct device *dev, const char *name)
{
    for (unsigned n = 0; n < dev->cls->field_count; n++) {
        if (!strcmp(dev->cls->fields[n].name, name))
            return &dev->cls->fields[n];
    }
    return NULL;
}

/* Reads the head of the next field and finds it here. */
static const struct dev_field *take_head(const struct device *dev, struct reader *r, char *name,
                                         const char **fault)
{
    const struct dev_field *f;
    uint8_t len, type;
    uint32_t count;

    name[0] = 0;
    *fault = "truncated";
    if (!take(r, &len, 1) || !take(r, name, len))
        return NULL;
    name[len] = 0;
    if (!take(r, &type, 1) || !take(r, &count, 4))
        return NULL;
    f = find_field(dev, name);
    *fault = !f ? "unknown field" : "other type or length";
    return f && type == (uint8_t)f->type && count == f->count ? f : NULL;
}

static const char *check_values(const struct dev_field *f, struct reader *r)
{
    unsigned bytes = element_bytes(f);

    for (uint32_t i = 0; i < f->count; i++) {
        uint64_t v = 0;

        if (!take(r, &v, bytes))
            return "truncated";
        if (f->type != FIELD_BYTES && !in_range(f, v))
            return "value out of range";
    }
    return NULL;
}

/* Walks all of buf without touching the device; NULL if every field is there once and sane. */
static const char *check_all(const struct device *dev, struct reader r, char *name)
{
    unsigned seen = 0;
    const char *fault;

    while (r.left) {
        const struct dev_field *f = take_head(dev, &r, name, &fault);

        if (!f)
            return fault;
        if (f != &dev->cls->fields[seen++])
            return "fields out of order";
        fault = check_values(f, &r);
        if (fault)
            return fault;
    }
    if (seen != dev->cls->field_count) {
        snprintf(name, 256, "%s", dev->cls->fields[seen].name);
        return "missing";
    }
    return NULL;
}

static void store_all(struct device *dev, struct reader r)
{
    char name[256];
    const char *fault;

    while (r.left) {
        const struct dev_field *f = take_head(dev, &r, name, &fault);

        take(&r, element(dev, f, 0), (size_t)f->count * element_bytes(f));
    }
}

bool device_load(struct device *dev, const void *buf, size_t size, char *why, size_t why_size)
{
    struct reader r = {buf, size};
    char name[256] = "";
    const char *fault = check_all(dev, r, name);
    size_t old_size;
    void *old;

    if (fault) {
        snprintf(why, why_size, "%s: %s: %s", dev->id, name, fault);
        return false;
    }
    old_size = device_save(dev, NULL, 0);
    old = malloc(old_size ? old_size : 1);
    if (!old) {
        snprintf(why, why_size, "%s: out of memory", dev->id);
        return false;
    }
    device_save(dev, old, old_size);
    store_all(dev, r);
    fault = dev->cls->post_load ? dev->cls->post_load(dev) : NULL;
    if (fault) {
        snprintf(why, why_size, "%s: %s", dev->id, fault);
        store_all(dev, (struct reader){old, old_size});
        if (dev->cls->post_load)
            dev->cls->post_load(dev);
    }
    free(old);
    return !fault;
}
