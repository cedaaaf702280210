/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ioreq/iolock.h"

#include <pthread.h>
#include <stdlib.h>

struct iolock {
    pthread_mutex_t mutex;
    unsigned long owner; /* pthread_self() of who is inside; 0: nobody */
};

static unsigned long self(void)
{
    return (unsigned long)pthread_self();
}

/*
 * Adaptive: it looks a hundred times before it sleeps. Who delivers a completion holds the device's lock while
 * it raises the interrupt, and the vCPU that this wakes comes for the same lock a moment later.
 */
struct iolock *iolock_new(void)
{
    struct iolock *lock = calloc(1, sizeof(*lock));
    pthread_mutexattr_t attr;

    if (!lock || pthread_mutexattr_init(&attr))
        abort();
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
    if (pthread_mutex_init(&lock->mutex, &attr))
        abort();
    pthread_mutexattr_destroy(&attr);
    return lock;
}

void iolock_free(struct iolock *lock)
{
    if (!lock)
        return;
    pthread_mutex_destroy(&lock->mutex);
    free(lock);
}

bool iolock_held(const struct iolock *lock)
{
    return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == self();
}

void iolock_enter(struct iolock *lock)
{
    if (iolock_held(lock))
        abort(); /* our own bug: no guest can choose who enters */
    pthread_mutex_lock(&lock->mutex);
    __atomic_store_n(&lock->owner, self(), __ATOMIC_RELAXED);
}

void iolock_leave(struct iolock *lock)
{
    __atomic_store_n(&lock->owner, 0, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&lock->mutex);
}
