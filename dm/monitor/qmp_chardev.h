/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character back ends of a running VM: by name, added, and their events. */
#ifndef DM_QMP_CHARDEV_H
#define DM_QMP_CHARDEV_H

#include <glib.h>
#include <stdbool.h>

struct chardev;
struct vm;

struct chardev *qmp_find_chardev(struct vm *vm, const char *label); /* NULL: none has this id */
/* Opens what the human monitor's chardev-add names, "socket,id=x,path=..."; NULL with error. */
struct chardev *qmp_chardev_add_text(struct vm *vm, const char *text, GError **error);

/* From now on the monitors are told of lost bytes; once, when the monitors are there. */
void qmp_chardev_follow(struct vm *vm);
/* VSERPORT_CHANGE: the guest has opened or closed a port of virtio-serial. */
void qmp_port_changed(struct vm *vm, const char *id, bool open);

#endif
