/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/watchdog/ib700.h"

#include <stdlib.h>

#define LONGEST_S 30
#define STEP_S 2
#define SECOND_NS 1000000000ll

enum ib700_state { IB700_OFF, IB700_RUNNING, IB700_EXPIRED };
static const char *const state_names[] = {"off", "running", "expired"};

struct ib700 {
    struct device dev;
    struct io_region stop, start;
    uint8_t state;
    uint8_t period;      /* as written, 0 to 15 */
    int64_t deadline_ns; /* while running; else 0 */
    struct vtimer timer;
};

static const struct dev_field fields[] = {
    DEV_FIELD_ENUM(struct ib700, U8, state, IB700_OFF, state_names),
    DEV_FIELD(struct ib700, U8, period, 0, 15),
    DEV_FIELD(struct ib700, I64, deadline_ns, 0, 0),
};

/* The one place where the state changes; the timer follows it. */
static void go(struct ib700 *w, enum ib700_state state, int64_t deadline_ns)
{
    w->state = (uint8_t)state;
    w->deadline_ns = state == IB700_RUNNING ? deadline_ns : 0;
    if (state == IB700_RUNNING)
        vtimer_arm(&w->timer, deadline_ns);
    else
        vtimer_cancel(&w->timer);
}

static void fired(void *opaque)
{
    struct ib700 *w = opaque;

    if (w->state != IB700_RUNNING)
        return;
    go(w, IB700_EXPIRED, 0);
    machine_request(&w->dev.env->machine, MACHINE_WATCHDOG, 0);
}

static uint64_t nothing_to_read(void *chip, uint64_t off, unsigned size)
{
    (void)chip;
    (void)off;
    (void)size;
    return 0xff;
}

static void write_stop(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)off;
    (void)size;
    (void)value;
    go(chip, IB700_OFF, 0);
}

static void write_start(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct ib700 *w = chip;
    int64_t seconds;

    (void)off;
    (void)size;
    w->period = value & 15;
    seconds = LONGEST_S - STEP_S * w->period;
    go(w, IB700_RUNNING, vclock_now_ns(w->dev.env->clock) + seconds * SECOND_NS);
}

static const struct io_ops stop_ops = {.read = nothing_to_read, .write = write_stop, .widths = IO_W1};
static const struct io_ops start_ops = {.read = nothing_to_read, .write = write_start, .widths = IO_W1};

static void ib700_reset(struct device *dev)
{
    go((struct ib700 *)dev, IB700_OFF, 0);
}

static const char *ib700_post_load(struct device *dev)
{
    struct ib700 *w = (struct ib700 *)dev;

    if (w->deadline_ns < 0 || (w->state != IB700_RUNNING && w->deadline_ns))
        return "a deadline that does not belong to the state";
    go(w, (enum ib700_state)w->state, w->deadline_ns);
    return NULL;
}

static void ib700_free(struct device *dev)
{
    struct ib700 *w = (struct ib700 *)dev;

    if (w->stop.ops)
        iomap_remove(dev->env->iomap, &w->stop);
    if (w->start.ops)
        iomap_remove(dev->env->iomap, &w->start);
    device_enter(dev);
    vtimer_cancel(&w->timer);
    device_leave(dev);
    device_fini(dev);
    free(w);
}

static const struct device_class ib700_class = {
    .name = "ib700",
    .title = "watchdog of the IB700, on ISA",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = ib700_reset,
    .post_load = ib700_post_load,
    .free = ib700_free,
};

static bool add_port(struct ib700 *w, struct io_region *region, uint16_t port, const struct io_ops *ops, char *why,
                     size_t why_size)
{
    *region = (struct io_region){.name = w->dev.id, .space = IO_PORT, .base = port, .size = 1, .ops = ops, .chip = w,
                                 .lock = w->dev.lock};
    if (iomap_add(w->dev.env->iomap, region, why, why_size))
        return true;
    region->ops = NULL;
    return false;
}

struct device *ib700_new(const struct dev_env *env, const char *id, char *why, size_t why_size)
{
    struct ib700 *w = calloc(1, sizeof(*w));

    if (!w)
        abort();
    device_init(&w->dev, &ib700_class, env, id);
    vtimer_init(&w->timer, env->clock, w->dev.lock, fired, w);
    if (!add_port(w, &w->stop, IB700_STOP, &stop_ops, why, why_size) ||
        !add_port(w, &w->start, IB700_START, &start_ops, why, why_size)) {
        ib700_free(&w->dev);
        return NULL;
    }
    device_reset(&w->dev);
    return &w->dev;
}
