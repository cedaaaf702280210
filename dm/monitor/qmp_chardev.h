/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The events of character back ends. */
#ifndef DM_QMP_CHARDEV_H
#define DM_QMP_CHARDEV_H

struct vm;

/* From now on the monitors are told of lost bytes; once, when the monitors are there. */
void qmp_chardev_follow(struct vm *vm);

#endif
