/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main loop's part of the clock: timers fire on its thread, woken by a timerfd. */
#ifndef DM_LOOP_H
#define DM_LOOP_H

#include <glib.h>

#include "ioreq/vclock.h"

struct clock_source;

/* A running clock (stopped at first) whose timers fire in the default main context. NULL with error. */
struct clock_source *clock_source_new(GError **error);
void clock_source_free(struct clock_source *source);
struct vclock *clock_source_clock(struct clock_source *source);

#endif
