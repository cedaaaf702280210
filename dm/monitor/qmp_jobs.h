/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs as QMP shows them: events, and what several commands share. */
#ifndef DM_QMP_JOBS_H
#define DM_QMP_JOBS_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Sends the events of jobs to the monitors of vm. */
void qmp_jobs_follow(struct vm *vm);

/* GenericError with that text; returns NULL. */
void *qmp_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
const char *qmp_string(JsonObject *args, const char *name); /* NULL: not given */
bool qmp_bool(JsonObject *args, const char *name, bool otherwise);
/* A number that is not negative; false with *error. *value stays if it is not given. */
bool qmp_size(JsonObject *args, const char *name, uint64_t *value, GError **error);
JsonNode *qmp_nothing(void); /* {} */

#endif
