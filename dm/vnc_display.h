/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -vnc: the VNC server (ui/vnc.h) between the machine and the monitor. */
#ifndef DM_VNC_DISPLAY_H
#define DM_VNC_DISPLAY_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

struct vm;
struct vnc;
struct vnc_address;

/* Listens, if the configuration says so. False with error. */
bool vnc_display_start(struct vm *vm, GError **error);
void vnc_display_stop(void); /* before the machine is freed */
struct vnc *vnc_display(void); /* NULL: there is none */
/*
 * The same, or one that listens nowhere if -vnc was not given: for viewers that come another way
 * (vnc_add_viewer_fd()). After vnc_display_start(); NULL with error.
 */
struct vnc *vnc_display_for_others(struct vm *vm, GError **error);
JsonObject *vnc_address_object(const struct vnc_address *a); /* as events and queries tell it */

#endif
