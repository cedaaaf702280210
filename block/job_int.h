/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a job's files share: job.c has its states and its end, job_verbs.c what is asked of it. */
#ifndef BLOCK_JOB_INT_H
#define BLOCK_JOB_INT_H

#include "block/job.h"

struct job *job_first(void); /* of the list; NULL: none */
void job_move(struct job *job, enum job_status to); /* the only one that assigns a status */
void job_leave_pause(struct job *job); /* without the thread being asked: it is to end, or has */
void job_abort(struct job *job);
void job_finish(struct job *job); /* from pending or aborting, the thread has ended */
void job_follow(struct job *job); /* catches up with what the thread has said */
void job_gone(struct job *job);
void job_unref(struct job *job);  /* any thread */
void job_notify(struct job *job); /* any thread: job_follow() soon */

#endif
