/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor on a character back end: a prompt, a line with backspace, the answer of hmp_run(). */
#ifndef DM_HMP_MONITOR_H
#define DM_HMP_MONITOR_H

struct vm;
struct chardev;
struct hmp_monitor;

/* Attaches to chr. Main loop's thread, as everything here. */
struct hmp_monitor *hmp_monitor_new(struct vm *vm, struct chardev *chr);
void hmp_monitor_free(struct hmp_monitor *mon);

#endif
