/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a device, and the one table of its fields that serves reset, save, load, dump and
 * trace. A device embeds `struct device` as its first member.
 *
 *   <chip>_new(env, ...) -> regions added -> reset -> accesses, timers, completions -> free
 */
#ifndef HW_DEVICE_H
#define HW_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/env.h"
#include "ioreq/iolock.h"

enum dev_field_type { FIELD_BOOL, FIELD_U8, FIELD_U16, FIELD_U32, FIELD_U64, FIELD_I64, FIELD_BYTES };

/*
 * One field of a device's state. `reset` and the range hold for each element; FIELD_BYTES is reset
 * to zero. `keep`: configuration or contents that a reset leaves alone (CMOS memory, video memory).
 */
struct dev_field {
    const char *name; /* as in the data book: "ier" */
    enum dev_field_type type;
    uint32_t offset; /* from the start of the device */
    uint32_t count;  /* elements, or bytes of FIELD_BYTES; 1 for a scalar */
    uint64_t reset;
    uint64_t min, max; /* load refuses a value outside; max 0: the type's whole range */
    bool keep;
    const char *const *names; /* for an enum: name of each value, for dump and trace */
};

/* FIELD(struct uart, U8, ier, reset, max) etc. */
#define DEV_FIELD(s, t, member, reset_, max_)                                                      \
    { .name = #member, .type = FIELD_##t, .offset = offsetof(s, member), .count = 1,               \
      .reset = (reset_), .max = (max_) }
#define DEV_FIELD_KEEP(s, t, member, max_)                                                         \
    { .name = #member, .type = FIELD_##t, .offset = offsetof(s, member), .count = 1,               \
      .max = (max_), .keep = true }
#define DEV_FIELD_ENUM(s, t, member, reset_, names_)                                               \
    { .name = #member, .type = FIELD_##t, .offset = offsetof(s, member), .count = 1,               \
      .reset = (reset_), .max = sizeof(names_) / sizeof((names_)[0]) - 1, .names = (names_) }
#define DEV_FIELD_ARRAY(s, t, member, reset_, max_)                                                \
    { .name = #member, .type = FIELD_##t, .offset = offsetof(s, member),                           \
      .count = sizeof(((s *)0)->member) / sizeof(((s *)0)->member[0]), .reset = (reset_),          \
      .max = (max_) }
#define DEV_FIELD_BYTES(s, member)                                                                 \
    { .name = #member, .type = FIELD_BYTES, .offset = offsetof(s, member),                         \
      .count = sizeof(((s *)0)->member) }

struct device;

struct device_class {
    const char *name;  /* the -device name: "isa-serial" */
    const char *title; /* a line for help */
    const struct dev_field *fields;
    unsigned field_count;
    /* After the fields have their reset values: derive the rest, lower the pins. Lock held. */
    void (*reset)(struct device *dev);
    /* After a load put all fields in their ranges: what spans fields. NULL if sane, else why not. */
    const char *(*post_load)(struct device *dev);
    /* Regions removed, requests abandoned, timers cancelled, memory freed. Lock not held. */
    void (*free)(struct device *dev);
};

struct device {
    const struct device_class *cls;
    const struct dev_env *env; /* outlives the device */
    struct iolock *lock;
    char id[48];           /* "ide0", "serial0", or the user's id= */
    uint64_t guest_errors; /* counted; logged by the environment at a limited rate */
};

/* Sets up the common part and makes the lock; `id` is copied. */
void device_init(struct device *dev, const struct device_class *cls, const struct dev_env *env,
                 const char *id);
/*
 * Frees the common part; for use at the end of cls->free, when the regions are removed. Waits until no
 * access is inside them any more, so that what they point at can be freed afterwards.
 */
void device_fini(struct device *dev);

static inline void device_enter(struct device *dev) { iolock_enter(dev->lock); }
static inline void device_leave(struct device *dev) { iolock_leave(dev->lock); }

/* Takes the lock, sets every field to its reset value but the kept ones, then calls cls->reset. */
void device_reset(struct device *dev);
void device_free(struct device *dev); /* cls->free; NULL is nothing */

/* Reports a mistake of the guest: counted always, logged as the environment allows. Lock held. */
void device_guest_error(struct device *dev, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Saves the fields as bytes, in the table's order: for each its name, type, count and values.
 * Returns the size; writes only if it fits `size`. Lock held.
 */
size_t device_save(const struct device *dev, void *buf, size_t size);

/*
 * Loads what device_save() wrote: every field of the table once and in its order, no other. Every
 * length and value is checked, and post_load asked; on a fault nothing has changed, why[] says what, and false is returned. Lock held.
 */
bool device_load(struct device *dev, const void *buf, size_t size, char *why, size_t why_size);

/* Calls fn with each scalar (array elements as name[i]); for dump, monitor and tests. Lock held. */
typedef void (*device_dump_fn)(void *opaque, const char *name, uint64_t value, const char *text);
void device_dump(const struct device *dev, device_dump_fn fn, void *opaque);

#endif
