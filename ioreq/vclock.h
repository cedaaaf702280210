/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's clock: time is a value that devices ask for, never the host's. It runs (with the
 * host's monotonic clock, minus the time that the VM stood still) or is stepped (qtest, unit tests,
 * replay). One queue of timers; they fire on the thread that calls vclock_run().
 */
#ifndef IOREQ_VCLOCK_H
#define IOREQ_VCLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct iolock;
struct vclock;

/*
 * A timer of a device. Armed and cancelled by the device under its lock; fire() runs with that lock
 * held, never inside vtimer_arm(), and never after a cancel.
 */
struct vtimer {
    struct vclock *clock;
    struct iolock *lock; /* the device's */
    void (*fire)(void *opaque);
    void *opaque;
    int64_t deadline_ns; /* -1: not armed */
    struct vtimer *next; /* the queue's, by deadline */
    bool queued;
};

/* Called (from any thread) when the earliest deadline may have become earlier. */
typedef void (*vclock_kick_fn)(void *opaque);

struct vclock *vclock_new_stepped(void);
struct vclock *vclock_new_running(vclock_kick_fn kick, void *opaque); /* starts stopped, at 0 */
void vclock_free(struct vclock *clock);

int64_t vclock_now_ns(struct vclock *clock); /* never goes back */
void vclock_start(struct vclock *clock);     /* running clock: go on from where it stopped */
void vclock_stop(struct vclock *clock);
bool vclock_is_stepped(const struct vclock *clock);

/* The earliest deadline, or -1 if no timer is armed. */
int64_t vclock_next_ns(struct vclock *clock);

/* Running clock: fires what is due. Stepped clock: nothing. Caller holds no device lock. */
void vclock_run(struct vclock *clock);

/* Stepped clock: goes to `to_ns`, firing each timer at its own deadline, in order of deadlines. */
void vclock_step(struct vclock *clock, int64_t to_ns);

void vtimer_init(struct vtimer *timer, struct vclock *clock, struct iolock *lock,
                 void (*fire)(void *opaque), void *opaque);
void vtimer_arm(struct vtimer *timer, int64_t deadline_ns); /* re-arming replaces the deadline */
void vtimer_cancel(struct vtimer *timer);
static inline bool vtimer_armed(const struct vtimer *timer) { return timer->deadline_ns >= 0; }

#endif
