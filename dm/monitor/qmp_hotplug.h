/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DM_QMP_HOTPLUG_H
#define DM_QMP_HOTPLUG_H

#include <glib.h>

struct vm;

/* device_add with its arguments as pairs (dm/config/optlist.h), which are used up. */
void qmp_device_add(struct vm *vm, GPtrArray *pairs, GError **error);

#endif
