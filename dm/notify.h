/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notices to a service manager, by the protocol of sd_notify(3): datagrams to the socket that $NOTIFY_SOCKET names.
 * Without that variable nothing is done. Main loop's thread.
 */
#ifndef DM_NOTIFY_H
#define DM_NOTIFY_H

/* The machine is built and the monitors listen: READY=1. From here on the main loop says every half of $WATCHDOG_USEC
 * that it still turns: a process whose main loop hangs is ended by the manager. */
void notify_ready(void);
void notify_stopping(void);
void notify_status(const char *text); /* one line for `systemctl status` */

#endif
