/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The QMP monitor: JSON commands and events over a character back end. COMPAT.md names the peers. */
#ifndef DM_MONITOR_H
#define DM_MONITOR_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

struct vm;
struct chardev;
struct monitor;

/* Serves QMP on chr (which it attaches to). Several may exist. */
struct monitor *monitor_new(struct vm *vm, struct chardev *chr, bool pretty);
void monitor_free(struct monitor *mon);

/*
 * Sends an event to every monitor past negotiation, with time stamp. `data` (may be NULL) is taken.
 * Main loop's thread. Output is capped: a peer that does not read is disconnected.
 */
void monitor_event(struct vm *vm, const char *name, JsonNode *data);

/* Inside a command's run(): the descriptor that came with it, the caller's from now on; -1: none. */
int monitor_take_fd(void);

/* The value of query-version, also in the greeting. */
JsonNode *monitor_version(void);

#endif
