/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP's table of commands and events; the monitor checks calls against it, the schema is made of it. */
#ifndef DM_QMP_H
#define DM_QMP_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

struct vm;

enum qmp_type { QMP_STR, QMP_INT, QMP_BOOL, QMP_ENUM };

struct qmp_arg {
    const char *name; /* NULL ends a table */
    enum qmp_type type;
    bool optional;
    const char *values; /* QMP_ENUM: "a|b" */
};

/* One call. A handler leaves result (NULL: {}), or fails with qmp_fail(). */
struct qmp_call {
    struct vm *vm;
    JsonObject *args; /* checked; NULL: none given */
    JsonNode *result;
    const char *error_class; /* NULL: success */
    char *error_text;
    void (*after)(struct vm *vm); /* runs when the reply is on its way */
};

struct qmp_command {
    const char *name;
    void (*handle)(struct qmp_call *call);
    const struct qmp_arg *args; /* NULL: none */
    const char *returns;        /* for the schema: "object", "array", NULL: nothing */
};

const struct qmp_command *qmp_commands(unsigned *count);
const struct qmp_command *qmp_command_find(const char *name);

struct qmp_event {
    const char *name;
    bool throttled; /* at most one a second; the last of a burst is sent late */
};
const struct qmp_event *qmp_events(unsigned *count);
const struct qmp_event *qmp_event_find(const char *name);

void qmp_fail(struct qmp_call *call, const char *error_class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Runs a command: checks the arguments first. The caller frees call->result and error_text. */
void qmp_run(const struct qmp_command *command, struct qmp_call *call);

JsonNode *qmp_schema(void); /* what query-qmp-schema returns */
JsonNode *qmp_version(void);

#endif
