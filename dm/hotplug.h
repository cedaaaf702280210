/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cards that come and go in a running VM: parks the processors, waits for host I/O that is under way, changes the
 * machine (dm/machine/machine_hotplug.c), tells the monitors. Main loop's thread.
 */
#ifndef DM_HOTPLUG_H
#define DM_HOTPLUG_H

#include <glib.h>
#include <stdbool.h>

struct device_config;
struct vm;

/* The card is the VM's if it has been put in; false with error: it is still the caller's. */
bool hotplug_add(struct vm *vm, struct device_config *d, GError **error);
/*
 * Takes out what the guest has ejected, and with `asked` (a reset) what it has been asked for: DEVICE_DELETED for each.
 */
void hotplug_take_out(struct vm *vm, bool asked);

#endif
