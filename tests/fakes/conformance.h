/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One suite of checks for every device. A device is a row: a name, a maker that builds it in a
 * world of fakes, and an optional generator of the events that come from outside the guest.
 * Each check returns NULL, or a line that says what does not hold; test_conformance*.c run them all
 * over all rows, and over devices that are broken on purpose, where each has to find the fault.
 */
#ifndef TESTS_FAKES_CONFORMANCE_H
#define TESTS_FAKES_CONFORMANCE_H

#include "hw/device.h"
#include "tests/fakes/fake_env.h"

#define RIG_EXTRAS 8
#define RIG_REGIONS 64

struct rig;

/* Fixed pseudo-random numbers, so that a failure comes back. */
struct rng {
    uint64_t state;
};
uint64_t rng_next(struct rng *rng);
unsigned rng_below(struct rng *rng, unsigned limit);

struct conform_row {
    const char *name;
    /* Builds the device in rig->fe (with rig_irq() pins) and returns it; aborts if it cannot. */
    struct device *(*make)(struct rig *rig);
    /* Opens what a new device keeps shut (maps its windows); a reset shuts it again. Optional. */
    void (*prepare)(struct rig *rig);
    /* Frees what make() put into rig->extra; the device has been freed. Optional. */
    void (*unmake)(struct rig *rig);
    /* One event from outside (a key, a received byte, a completion), lock not held. Optional. */
    void (*event)(struct rig *rig, struct rng *rng);
    /* Ends what is under way outside, so that a save tells everything. Lock not held. Optional. */
    void (*settle)(struct rig *rig);
    /*
     * Optional: makes what is outside of `to` (a disk, a frame buffer) as it is outside of `from`;
     * guest memory and the clock are copied already.
     */
    void (*copy_outside)(struct rig *to, struct rig *from);
};

struct rig_wrap {
    struct rig *rig;
    struct io_region *region;
    const struct io_ops *ops;
    void *chip;
    struct io_ops wrapped;
};

struct rig {
    const struct conform_row *row;
    struct fake_env *fe;
    struct device *dev;
    void *extra[RIG_EXTRAS]; /* the maker's */
    char fault[256];         /* the first thing found wrong inside a callback */
    struct rig_wrap wraps[RIG_REGIONS];
    unsigned wrap_count;
    /* What the wrapped environment calls on. */
    void (*guest_error)(void *opaque, struct device *dev, const char *text);
    struct machine_port machine;
    struct dma_port dma;
};

/* An interrupt pin that checks the device's lock; line < FAKE_LINES. */
struct irq_pin rig_irq(struct rig *rig, unsigned line);


const char *check_no_result_unset(const struct conform_row *row);
const char *check_all_ports(const struct conform_row *row);
const char *check_reset_is_new(const struct conform_row *row);
const char *check_save_load(const struct conform_row *row);
const char *check_load_rejects(const struct conform_row *row);
const char *check_random_accesses(const struct conform_row *row);

#endif
