/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The events of wires and network cards. */
#ifndef DM_QMP_NET_H
#define DM_QMP_NET_H

#include <glib.h>

struct vm;

/* From now on the monitors are told; once, when the back ends are open. */
void qmp_net_follow(struct vm *vm);

/* netdev_add with its arguments as pairs (dm/config/optlist.h), which are used up. */
void qmp_netdev_add(struct vm *vm, GPtrArray *pairs, GError **error);

#endif
