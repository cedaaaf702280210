/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Worker threads for host calls that block: started when there is work, ended when there is none.
 */
#include <errno.h>
#include <time.h>

#include "block/internal.h"
#include "host/thread.h"

#define THREADS_MAX 32
#define IDLE_SECONDS 5
#define STACK_BYTES (256u << 10)
#define END_WAIT_MS 200

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t work, ended;
    bool ready; /* the conditions are set up, with the monotonic clock */
    STAILQ_HEAD(, pool_job) jobs;
    unsigned queued, threads, idle, users;
} pool = { .mutex = PTHREAD_MUTEX_INITIALIZER, .jobs = STAILQ_HEAD_INITIALIZER(pool.jobs) };

static struct timespec after_ms(unsigned ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* The next job; NULL when this thread is to end. Mutex held. */
static struct pool_job *next_job(void)
{
    struct timespec deadline = after_ms(IDLE_SECONDS * 1000);
    struct pool_job *job;
    int rc = 0;

    pool.idle++;
    while (STAILQ_EMPTY(&pool.jobs) && pool.users > 0 && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&pool.work, &pool.mutex, &deadline);
    pool.idle--;
    job = STAILQ_FIRST(&pool.jobs);
    if (job) {
        STAILQ_REMOVE_HEAD(&pool.jobs, link);
        pool.queued--;
    }
    return job;
}

static void *worker(void *unused)
{
    struct pool_job *job;

    pthread_mutex_lock(&pool.mutex);
    while ((job = next_job())) {
        pthread_mutex_unlock(&pool.mutex);
        job->run(job);
        pthread_mutex_lock(&pool.mutex);
    }
    pool.threads--;
    pthread_cond_broadcast(&pool.ended);
    pthread_mutex_unlock(&pool.mutex);
    return unused;
}

static bool start_thread(void)
{
    if (thread_start_detached(worker, NULL, STACK_BYTES))
        return false;
    pool.threads++;
    return true;
}

static void set_up(void)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool.work, &attr);
    pthread_cond_init(&pool.ended, &attr);
    pthread_condattr_destroy(&attr);
    pool.ready = true;
}

void pool_ref(void)
{
    pthread_mutex_lock(&pool.mutex);
    if (!pool.ready)
        set_up();
    pool.users++;
    pthread_mutex_unlock(&pool.mutex);
}

void pool_unref(void)
{
    struct timespec deadline = after_ms(END_WAIT_MS);

    pthread_mutex_lock(&pool.mutex);
    if (--pool.users == 0) {
        pthread_cond_broadcast(&pool.work);
        while (pool.threads > 0 && pool.users == 0 &&
               pthread_cond_timedwait(&pool.ended, &pool.mutex, &deadline) != ETIMEDOUT)
            ;
    }
    pthread_mutex_unlock(&pool.mutex);
}

bool pool_submit(struct pool_job *job)
{
    bool taken = true, wake;

    pthread_mutex_lock(&pool.mutex);
    /* Those that were woken but have not got the mutex yet still count as idle. */
    if (pool.queued >= pool.idle && pool.threads < THREADS_MAX)
        taken = start_thread() || pool.threads > 0;
    if (taken) {
        STAILQ_INSERT_TAIL(&pool.jobs, job, link);
        pool.queued++;
    }
    wake = taken && pool.idle > 0;
    pthread_mutex_unlock(&pool.mutex);
    if (wake) /* not before: it would wake up only to wait for the mutex */
        pthread_cond_signal(&pool.work);
    return taken;
}
