/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Something that a guest does and a monitor is told of, at most once a second: what comes between is told by the
 * state at the end of that second. So a guest cannot flood the monitors, and no vCPU waits for one.
 */
#ifndef DM_NOTICE_H
#define DM_NOTICE_H

struct notice;

/* tell() runs on the main loop, no lock held. Main loop's thread. */
struct notice *notice_new(void (*tell)(void *opaque), void *opaque);
void notice_raise(struct notice *n); /* any thread, any lock held */
void notice_free(struct notice *n);  /* tell() is not called any more; NULL is nothing */

#endif
