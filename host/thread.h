/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that do work for the back ends. */
#ifndef HOST_THREAD_H
#define HOST_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * A thread that runs run(arg), with every signal blocked, SIGPIPE too: signals are for the main thread. Any thread may
 * call it. 0, or pthread_create(3)'s errno value; run() is not called then. The first is to be joined by its number, the
 * second goes by itself and has a stack of so many bytes.
 */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);
int thread_start_detached(void *(*run)(void *), void *arg, size_t stack_bytes);

#endif
