/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -daemonize and -pidfile: the process contract that shells and management daemons rely on. */
#ifndef DM_DAEMON_H
#define DM_DAEMON_H

#include <glib.h>
#include <stdbool.h>

/*
 * Goes into the background: returns in the child. The parent stays until daemon_ready() and then
 * exits 0, or exits 1 when the child ends before; so whoever waited finds sockets and pid file there.
 * False with error: fork failed.
 */
bool daemon_start(GError **error);
void daemon_ready(void); /* nothing if not a daemon */

/* Writes and locks the pid file; it is removed by pidfile_remove(). False with error. */
bool pidfile_write(const char *path, GError **error);
void pidfile_remove(void);

#endif
