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

struct iolock *iolock_new(void)
{
    struct iolock *lock = calloc(1, sizeof(*lock));

    if (!lock || pthread_mutex_init(&lock->mutex, NULL))
        abort();
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
