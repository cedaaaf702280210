/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ioreq/vclock.h"

#include <stdlib.h>
#include <time.h>

#include "ioreq/iolock.h"

struct vclock {
    struct iolock *lock; /* a leaf: the queue and the offset */
    bool stepped, running;
    int64_t stopped_at_ns; /* the time while it stands, and of a stepped clock */
    int64_t offset_ns;     /* running: host monotonic time minus ours */
    struct vtimer *queue;  /* by deadline; equal ones in order of arming */
    vclock_kick_fn kick;
    void *kick_opaque;
};

static int64_t host_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static struct vclock *clock_new(void)
{
    struct vclock *clock = calloc(1, sizeof(*clock));

    if (!clock)
        abort();
    clock->lock = iolock_new();
    return clock;
}

struct vclock *vclock_new_stepped(void)
{
    struct vclock *clock = clock_new();

    clock->stepped = true;
    return clock;
}

struct vclock *vclock_new_running(vclock_kick_fn kick, void *opaque)
{
    struct vclock *clock = clock_new();

    clock->kick = kick;
    clock->kick_opaque = opaque;
    return clock;
}

void vclock_free(struct vclock *clock)
{
    if (!clock)
        return;
    iolock_free(clock->lock);
    free(clock);
}

static int64_t now_locked(const struct vclock *clock)
{
    return clock->running ? host_ns() - clock->offset_ns : clock->stopped_at_ns;
}

int64_t vclock_now_ns(struct vclock *clock)
{
    int64_t now;

    iolock_enter(clock->lock);
    now = now_locked(clock);
    iolock_leave(clock->lock);
    return now;
}

bool vclock_is_stepped(const struct vclock *clock)
{
    return clock->stepped;
}

void vclock_start(struct vclock *clock)
{
    iolock_enter(clock->lock);
    if (!clock->stepped && !clock->running) {
        clock->offset_ns = host_ns() - clock->stopped_at_ns;
        clock->running = true;
    }
    iolock_leave(clock->lock);
    if (clock->kick)
        clock->kick(clock->kick_opaque);
}

void vclock_stop(struct vclock *clock)
{
    iolock_enter(clock->lock);
    clock->stopped_at_ns = now_locked(clock);
    clock->running = false;
    iolock_leave(clock->lock);
}

int64_t vclock_next_ns(struct vclock *clock)
{
    int64_t next;

    iolock_enter(clock->lock);
    next = clock->queue ? clock->queue->deadline_ns : -1;
    iolock_leave(clock->lock);
    return next;
}

/* ---- timers ---- */

void vtimer_init(struct vtimer *timer, struct vclock *clock, struct iolock *lock,
                 void (*fire)(void *opaque), void *opaque)
{
    *timer = (struct vtimer){
        .clock = clock, .lock = lock, .fire = fire, .opaque = opaque, .deadline_ns = -1};
}

static void unlink_timer(struct vclock *clock, struct vtimer *timer)
{
    for (struct vtimer **link = &clock->queue; *link; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            break;
        }
    }
    timer->queued = false;
}

static void link_timer(struct vclock *clock, struct vtimer *timer)
{
    struct vtimer **link = &clock->queue;

    while (*link && (*link)->deadline_ns <= timer->deadline_ns)
        link = &(*link)->next;
    timer->next = *link;
    *link = timer;
    timer->queued = true;
}

void vtimer_arm(struct vtimer *timer, int64_t deadline_ns)
{
    struct vclock *clock = timer->clock;
    bool first;

    iolock_enter(clock->lock);
    if (timer->queued)
        unlink_timer(clock, timer);
    timer->deadline_ns = deadline_ns < 0 ? 0 : deadline_ns;
    link_timer(clock, timer);
    first = clock->queue == timer;
    iolock_leave(clock->lock);
    if (first && clock->kick)
        clock->kick(clock->kick_opaque);
}

void vtimer_cancel(struct vtimer *timer)
{
    struct vclock *clock = timer->clock;

    if (!clock)
        return;
    iolock_enter(clock->lock);
    if (timer->queued)
        unlink_timer(clock, timer);
    timer->deadline_ns = -1;
    iolock_leave(clock->lock);
}

/* The first timer due at `now`, taken off the queue (its deadline still set); NULL: none. */
static struct vtimer *take_due(struct vclock *clock, int64_t now)
{
    struct vtimer *timer = clock->queue;

    if (!timer || timer->deadline_ns > now)
        return NULL;
    clock->queue = timer->next;
    timer->queued = false;
    return timer;
}

/*
 * Between the queue's lock and the device's lock the device may have cancelled or re-armed it; both
 * show under the device's lock.
 */
static void fire(struct vtimer *timer, int64_t now)
{
    bool due;

    iolock_enter(timer->lock);
    iolock_enter(timer->clock->lock);
    due = !timer->queued && timer->deadline_ns >= 0 && timer->deadline_ns <= now;
    if (due)
        timer->deadline_ns = -1;
    iolock_leave(timer->clock->lock);
    if (due)
        timer->fire(timer->opaque);
    iolock_leave(timer->lock);
}

/* A timer that re-arms itself in the past may fire this often in one run; then others get a turn. */
#define MAX_FIRES_PER_RUN 1000

void vclock_run(struct vclock *clock)
{
    if (clock->stepped)
        return;
    for (unsigned i = 0; i < MAX_FIRES_PER_RUN; i++) {
        struct vtimer *timer;
        int64_t now;

        iolock_enter(clock->lock);
        now = now_locked(clock);
        timer = clock->running ? take_due(clock, now) : NULL;
        iolock_leave(clock->lock);
        if (!timer)
            return;
        fire(timer, now);
    }
}

void vclock_step(struct vclock *clock, int64_t to_ns)
{
    unsigned at_once = 0;

    while (clock->stepped) {
        struct vtimer *timer;
        int64_t at, before;

        iolock_enter(clock->lock);
        before = clock->stopped_at_ns;
        timer = at_once < MAX_FIRES_PER_RUN ? take_due(clock, to_ns) : NULL;
        if (timer && timer->deadline_ns > clock->stopped_at_ns)
            clock->stopped_at_ns = timer->deadline_ns;
        else if (!timer && to_ns > clock->stopped_at_ns)
            clock->stopped_at_ns = to_ns;
        at = clock->stopped_at_ns;
        iolock_leave(clock->lock);
        if (!timer)
            return;
        at_once = at == before ? at_once + 1 : 0;
        fire(timer, at);
    }
}
