/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers of the running clock, armed from other threads while the main loop re-arms its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <glib.h>
#include <cmocka.h>

#include "dm/loop.h"
#include "ioreq/iolock.h"

#define THREADS 3
#define ROUNDS 2000
#define PATIENCE_US (20 * G_USEC_PER_SEC)

struct armer {
    struct vclock *clock;
    struct iolock *lock;
    struct vtimer timer;
    unsigned fired; /* atomic */
    bool failed; /* atomic */
};

static void fire(void *opaque)
{
    struct armer *a = opaque;

    __atomic_add_fetch(&a->fired, 1, __ATOMIC_RELEASE);
}

static bool failed(const struct armer *a)
{
    return __atomic_load_n(&a->failed, __ATOMIC_ACQUIRE);
}

/* As a vCPU does: arms a short timer, and arms the next when that one has fired. */
static void *arm_again_and_again(void *opaque)
{
    struct armer *a = opaque;

    for (unsigned i = 0; i < ROUNDS && !failed(a); i++) {
        gint64 end = g_get_monotonic_time() + PATIENCE_US;

        iolock_enter(a->lock);
        vtimer_arm(&a->timer, vclock_now_ns(a->clock) + 1000);
        iolock_leave(a->lock);
        while (__atomic_load_n(&a->fired, __ATOMIC_ACQUIRE) <= i && !failed(a)) {
            __atomic_store_n(&a->failed, g_get_monotonic_time() > end, __ATOMIC_RELEASE);
            g_thread_yield();
        }
    }
    return NULL;
}

static void test_no_timer_is_lost(void **state)
{
    struct clock_source *source = clock_source_new(NULL);
    struct armer armers[THREADS] = {0};
    GThread *threads[THREADS];
    unsigned left = THREADS * ROUNDS;

    (void)state;
    vclock_start(clock_source_clock(source));
    for (unsigned i = 0; i < THREADS; i++) {
        armers[i].clock = clock_source_clock(source);
        armers[i].lock = iolock_new();
        vtimer_init(&armers[i].timer, armers[i].clock, armers[i].lock, fire, &armers[i]);
        threads[i] = g_thread_new("armer", arm_again_and_again, &armers[i]);
    }
    for (gint64 end = g_get_monotonic_time() + 3 * PATIENCE_US; left && g_get_monotonic_time() < end;) {
        g_main_context_iteration(NULL, FALSE);
        left = THREADS * ROUNDS;
        for (unsigned i = 0; i < THREADS; i++)
            left -= __atomic_load_n(&armers[i].fired, __ATOMIC_ACQUIRE);
        for (unsigned i = 0; i < THREADS; i++)
            left = failed(&armers[i]) ? 0 : left;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
        assert_false(armers[i].failed);
        assert_int_equal(armers[i].fired, ROUNDS);
        iolock_free(armers[i].lock);
    }
    clock_source_free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_timer_is_lost)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
