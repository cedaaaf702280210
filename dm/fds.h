/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that a management daemon passed under a name (QMP getfd), for options like fd=NAME. Main loop's thread. */
#ifndef DM_FDS_H
#define DM_FDS_H

/* Takes it over, with what was there before under that name closed. -1: there is none of this name. */
int fds_take(const char *name);
void fds_close_all(void); /* at the end; also those in sets (host/fdset.h) */

#endif
