/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recording of the text screen. */
#ifndef DM_QMP_RECORD_H
#define DM_QMP_RECORD_H

struct vm;

/* Ends it; before the machine goes away. */
void qmp_record_close(struct vm *vm);

#endif
