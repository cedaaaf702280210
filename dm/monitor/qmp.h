/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP's commands: one table row each, from which dispatch, argument checks, query-commands and
 * query-qmp-schema are made. monitor.c does the protocol around them.
 */
#ifndef DM_QMP_H
#define DM_QMP_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

struct vm;

enum qmp_type { QMP_STRING, QMP_INT, QMP_BOOL, QMP_OBJECT, QMP_ARRAY };

struct qmp_arg {
    const char *name; /* NULL ends the list */
    enum qmp_type type;
    bool optional;
    const char *values; /* of a string with fixed words: "ppm|png" */
};

/* Error classes; the desc goes into the GError's message. */
enum qmp_error {
    QMP_GENERIC_ERROR,
    QMP_COMMAND_NOT_FOUND,
    QMP_DEVICE_NOT_FOUND,
    QMP_DEVICE_NOT_ACTIVE,
    QMP_KVM_MISSING_CAP,
};
#define QMP_ERROR (qmp_error_quark())
GQuark qmp_error_quark(void);
const char *qmp_error_class(const GError *error); /* any GError: its class, else GenericError */

struct qmp_command {
    const char *name;
    /* Returns the value of "return" (NULL stands for {}), or NULL with *error set. args: never NULL. */
    JsonNode *(*run)(struct vm *vm, JsonObject *args, GError **error);
    const struct qmp_arg *args; /* NULL: none */
    bool needs_machine;         /* refused under -machine none */
    bool open_args;             /* members beside those of args are run()'s to judge */
};

/*
 * An answer that comes later. A command's run() that cannot answer yet calls qmp_defer(), returns
 * NULL without error, and answers with qmp_later_answer() when it can. Until then its monitor carries
 * out no other command (the answers keep their order); the other monitors go on. So there are never
 * more of them than monitors. If the peer goes away first, cancel() is called instead: there is no
 * answer then. Main loop's thread.
 */
struct qmp_later;
/* Inside run() only. NULL with error: nobody waits (the command did not come from a monitor). */
struct qmp_later *qmp_defer(void (*cancel)(void *opaque), void *opaque, GError **error);
/* Sends the answer: the error, or else `result` (taken; NULL stands for {}). Ends `later`. */
void qmp_later_answer(struct qmp_later *later, JsonNode *result, const GError *error);

/* A file's rows. */
struct qmp_table {
    const struct qmp_command *rows;
    unsigned count;
};
extern const struct qmp_table qmp_block_table; /* qmp_block.c */
extern const struct qmp_table qmp_jobs_table, qmp_backup_table;
extern const struct qmp_table qmp_devices_table; /* qmp_devices.c */
extern const struct qmp_table qmp_hotplug_table; /* qmp_hotplug.c */
extern const struct qmp_table qmp_screen_table, qmp_input_table, qmp_events_table;
extern const struct qmp_table qmp_qom_table, qmp_cpus_table, qmp_migrate_table, qmp_fds_table, qmp_hmp_table;
extern const struct qmp_table qmp_vnc_table; /* qmp_vnc.c */
extern const struct qmp_table qmp_net_table; /* qmp_net.c */
extern const struct qmp_table qmp_balloon_table; /* qmp_balloon.c */
extern const struct qmp_table qmp_web_table; /* qmp_web.c */
extern const struct qmp_table qmp_record_table; /* qmp_record.c */
extern const struct qmp_table qmp_chardev_add_table; /* qmp_chardev_add.c */
extern const struct qmp_table qmp_chardev_table; /* qmp_chardev.c */

/* A new object {"name": name} at the end of an array; the array's. */
JsonObject *qmp_add_named(JsonArray *array, const char *name);

/* All rows of all tables. */
const struct qmp_command *qmp_commands(unsigned *count);

/* Checks an object's members against rows as a command's arguments are; NULL: none are allowed. */
bool qmp_check_args(const struct qmp_arg *args, JsonObject *object, GError **error);

struct device_config;
/* A -device by its id, or by its place in the tree of objects; NULL: there is none there. */
const struct device_config *qmp_find_device(struct vm *vm, const char *path);

/* Looks the command up, checks its arguments (may be NULL) against the table, runs it. */
JsonNode *qmp_run(struct vm *vm, const char *name, JsonNode *arguments, GError **error);

#endif
