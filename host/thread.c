/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/thread.h"

#include <signal.h>

static int start(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* a new thread inherits the mask */
    err = pthread_create(thread, attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    return start(thread, NULL, run, arg);
}

int thread_start_detached(void *(*run)(void *), void *arg, size_t stack_bytes)
{
    pthread_attr_t attr;
    pthread_t thread;
    int err;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, stack_bytes);
    err = start(&thread, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return err;
}
