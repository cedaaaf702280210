/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The events of character back ends. */
#ifndef DM_QMP_CHARDEV_H
#define DM_QMP_CHARDEV_H

#include <stdbool.h>

struct vm;

/* From now on the monitors are told of lost bytes; once, when the monitors are there. */
void qmp_chardev_follow(struct vm *vm);
/* VSERPORT_CHANGE: the guest has opened or closed a port of virtio-serial. */
void qmp_port_changed(struct vm *vm, const char *id, bool open);

#endif
