/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The events of wires and network cards. */
#ifndef DM_QMP_NET_H
#define DM_QMP_NET_H

struct vm;

/* From now on the monitors are told; once, when the back ends are open. */
void qmp_net_follow(struct vm *vm);

#endif
