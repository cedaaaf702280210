/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/monitor/qmp.h"

#include <string.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "chardev/chardev_backends.h"
#include "dm/backends.h"
#include "dm/json.h"
#include "dm/monitor/monitor.h"
#include "dm/config/options.h"
#include "dm/monitor/qmp_input.h"
#include "dm/vm_build.h"

#define MAX_CPUS 255

GQuark qmp_error_quark(void)
{
    return g_quark_from_static_string("qmp-error");
}

const char *qmp_error_class(const GError *error)
{
    static const char *const names[] = {"GenericError", "CommandNotFound", "DeviceNotFound",
                                        "DeviceNotActive", "KVMMissingCap"};

    return error->domain == QMP_ERROR ? names[error->code] : names[0];
}

JsonObject *qmp_add_named(JsonArray *array, const char *name)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "name", name);
    json_array_add_object_element(array, o);
    return o;
}

/* ---- the process ---- */

static JsonNode *query_version(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm, (void)args, (void)error;
    return monitor_version();
}

static JsonNode *query_status(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o = json_object_new();

    (void)args, (void)error;
    json_object_set_boolean_member(o, "running", vm_run_state(vm) == RUN_RUNNING);
    json_object_set_boolean_member(o, "singlestep", FALSE);
    json_object_set_string_member(o, "status", run_state_name(vm_run_state(vm)));
    return json_node_of_object(o);
}

static JsonNode *query_name(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o = json_object_new();

    (void)args, (void)error;
    if (vm_config(vm)->name)
        json_object_set_string_member(o, "name", vm_config(vm)->name);
    return json_node_of_object(o);
}

static JsonNode *query_uuid(struct vm *vm, JsonObject *args, GError **error)
{
    const char *uuid = vm_config(vm)->uuid;
    JsonObject *o = json_object_new();

    (void)args, (void)error;
    json_object_set_string_member(o, "UUID", uuid ? uuid : "00000000-0000-0000-0000-000000000000");
    return json_node_of_object(o);
}

static JsonNode *query_kvm(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o = json_object_new();

    (void)args, (void)error;
    json_object_set_boolean_member(o, "enabled", vm_uses_kvm(vm));
    json_object_set_boolean_member(o, "present", access("/dev/kvm", R_OK | W_OK) == 0);
    return json_node_of_object(o);
}

static JsonNode *query_target(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o = json_object_new();

    (void)vm, (void)args, (void)error;
    json_object_set_string_member(o, "arch", "x86_64");
    return json_node_of_object(o);
}

static void add_machine(JsonArray *array, const char *name, const char *alias, bool is_default,
                        unsigned cpus)
{
    JsonObject *o = qmp_add_named(array, name);

    if (alias)
        json_object_set_string_member(o, "alias", alias);
    if (is_default)
        json_object_set_boolean_member(o, "is-default", TRUE);
    json_object_set_int_member(o, "cpu-max", cpus);
    json_object_set_boolean_member(o, "hotpluggable-cpus", FALSE);
    json_object_set_boolean_member(o, "numa-mem-supported", FALSE);
    json_object_set_boolean_member(o, "deprecated", FALSE);
    json_object_set_string_member(o, "default-cpu-type", "host-x86_64-cpu");
    if (strcmp(name, "none"))
        json_object_set_string_member(o, "default-ram-id", "pc.ram");
}

static JsonNode *query_machines(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();

    (void)vm, (void)args, (void)error;
    add_machine(array, MACHINE_PC_NAME, "pc", true, MAX_CPUS);
    add_machine(array, "isapc", NULL, false, 1);
    add_machine(array, "none", NULL, false, 1);
    return json_node_of_array(array);
}

/* ---- what is in the machine ---- */

static void add_chardev(void *opaque, struct chardev *chr)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "label", chardev_label(chr));
    json_object_set_string_member(o, "filename", chardev_filename(chr));
    json_object_set_boolean_member(o, "frontend-open", chardev_is_open(chr));
    json_object_set_int_member(o, "dropped", (gint64)chardev_dropped(chr)); /* bytes; our own member */
    json_array_add_object_element(opaque, o);
}

static JsonNode *query_chardev(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();

    (void)args, (void)error;
    backends_foreach_chardev(vm_backends(vm), add_chardev, array);
    return json_node_of_array(array);
}

static JsonNode *query_iothreads(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm, (void)args, (void)error;
    return json_node_of_array(json_array_new()); /* there are none that a user can name */
}

static JsonNode *query_command_line_options(struct vm *vm, JsonObject *args, GError **error)
{
    const char *wanted = json_object_get_string_member_with_default(args, "option", NULL);
    JsonArray *array = json_array_new();
    unsigned count;
    const struct option_spec *o = option_specs(&count);

    (void)vm;
    for (unsigned i = 0; i < count; i++) {
        JsonObject *entry;
        JsonArray *parameters;

        if (!o[i].qmp_name || (wanted && strcmp(wanted, o[i].qmp_name)))
            continue;
        entry = json_object_new();
        parameters = json_array_new();
        for (const struct opt_desc *s = o[i].subs; s && s->name; s++) {
            if (!s->refusal)
                json_object_set_string_member(qmp_add_named(parameters, s->name), "type",
                                              opt_type_name(s->type == OPT_ENUM ? OPT_STRING : s->type));
        }
        json_object_set_string_member(entry, "option", o[i].qmp_name);
        json_object_set_array_member(entry, "parameters", parameters);
        json_array_add_object_element(array, entry);
    }
    if (wanted && !json_array_get_length(array)) {
        json_array_unref(array);
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "invalid option name: %.60s", wanted);
        return NULL;
    }
    return json_node_of_array(array);
}

/* The events that dm/vm.c, dm/hotplug.c and this folder's balloon, jobs, net, input and chardev send. */
static const char *const events[] = {
    "BALLOON_CHANGE", "BLOCK_IO_ERROR", "BLOCK_JOB_CANCELLED", "BLOCK_JOB_COMPLETED", "BLOCK_JOB_ERROR",
    "BLOCK_JOB_PENDING", "BLOCK_JOB_READY", "CHARDEV_DROPPED", "DEVICE_DELETED", "DEVICE_TRAY_MOVED", "GUEST_CRASHLOADED",
    "GUEST_PANICKED", "JOB_STATUS_CHANGE", "NETDEV_STREAM_CONNECTED", "NETDEV_STREAM_DISCONNECTED",
    "NIC_RX_FILTER_CHANGED", "POWERDOWN",
    "RESET", "RESUME", "SCREEN_RECORD_STOPPED", "SHUTDOWN", "STOP", "TYPE_COMPLETED", "TYPE_PROGRESS",
#ifdef CONFIG_VNC
    "VNC_CONNECTED", "VNC_DISCONNECTED", "VNC_INITIALIZED",
#endif
    "VSERPORT_CHANGE",
    "WATCHDOG",
};

static JsonNode *query_events(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();

    (void)vm, (void)args, (void)error;
    for (unsigned i = 0; i < G_N_ELEMENTS(events); i++)
        qmp_add_named(array, events[i]);
    return json_node_of_array(array);
}

/* ---- control ---- */

static JsonNode *do_stop(struct vm *vm, JsonObject *args, GError **error)
{
    (void)args, (void)error;
    vm_stop(vm, RUN_PAUSED);
    return NULL;
}

static JsonNode *do_cont(struct vm *vm, JsonObject *args, GError **error)
{
    (void)args;
    vm_cont(vm, error);
    return NULL;
}

static JsonNode *do_quit(struct vm *vm, JsonObject *args, GError **error)
{
    (void)args, (void)error;
    vm_quit(vm, EXIT_OK, "host-qmp-quit");
    return NULL;
}

static JsonNode *do_reset(struct vm *vm, JsonObject *args, GError **error)
{
    (void)args, (void)error;
    vm_system_reset(vm);
    return NULL;
}

static JsonNode *do_powerdown(struct vm *vm, JsonObject *args, GError **error)
{
    (void)args, (void)error;
    vm_system_powerdown(vm);
    return NULL;
}

static JsonNode *do_screendump(struct vm *vm, JsonObject *args, GError **error)
{
    const char *format = json_object_get_string_member_with_default(args, "format", "ppm");

    if (!qmp_check_display(vm, args, error))
        return NULL;
    vm_screendump(vm, json_object_get_string_member(args, "filename"), !strcmp(format, "png"), error);
    return NULL;
}

static JsonNode *set_action(struct vm *vm, JsonObject *args, GError **error)
{
    (void)error;
    for (unsigned e = 0; e < ACTION_EVENTS; e++) {
        const char *name = action_event_name((enum action_event)e);

        actions_set(vm_actions(vm), name, json_object_get_string_member_with_default(args, name, NULL));
    }
    vm_actions_changed(vm);
    return NULL;
}

static JsonNode *watchdog_set_action(struct vm *vm, JsonObject *args, GError **error)
{
    (void)error;
    actions_set(vm_actions(vm), "watchdog", json_object_get_string_member(args, "action"));
    return NULL;
}

/* ---- the table, and what is made of it ---- */

static JsonNode *query_commands(struct vm *vm, JsonObject *args, GError **error);
static JsonNode *query_qmp_schema(struct vm *vm, JsonObject *args, GError **error);

static const struct qmp_arg capabilities_args[] = {{"enable", QMP_ARRAY, true, NULL}, {0}};
static const struct qmp_arg screendump_args[] = {{"filename", QMP_STRING, false, NULL},
                                                 {"device", QMP_STRING, true, NULL},
                                                 {"head", QMP_INT, true, NULL},
                                                 {"format", QMP_STRING, true, "ppm|png"},
                                                 {0}};
static const struct qmp_arg action_args[] = {{"reboot", QMP_STRING, true, ACTION_REBOOT_WORDS},
                                             {"shutdown", QMP_STRING, true, ACTION_SHUTDOWN_WORDS},
                                             {"panic", QMP_STRING, true, ACTION_PANIC_WORDS},
                                             {"watchdog", QMP_STRING, true, ACTION_WATCHDOG_WORDS},
                                             {"halt", QMP_STRING, true, ACTION_HALT_WORDS}, /* our own */
                                             {0}};
static const struct qmp_arg watchdog_args[] = {{"action", QMP_STRING, false, ACTION_WATCHDOG_WORDS}, {0}};
static const struct qmp_arg option_args[] = {{"option", QMP_STRING, true, NULL}, {0}};

static const struct qmp_command commands[] = {
    {"qmp_capabilities", NULL, capabilities_args, false, false}, /* run by the monitor itself */
    {"query-version", query_version, NULL, false, false},
    {"query-commands", query_commands, NULL, false, false},
    {"query-events", query_events, NULL, false, false},
    {"query-qmp-schema", query_qmp_schema, NULL, false, false},
    {"query-command-line-options", query_command_line_options, option_args, false, false},
    {"query-status", query_status, NULL, false, false},
    {"query-name", query_name, NULL, false, false},
    {"query-uuid", query_uuid, NULL, false, false},
    {"query-kvm", query_kvm, NULL, false, false},
    {"query-target", query_target, NULL, false, false},
    {"query-machines", query_machines, NULL, false, false},
    {"query-chardev", query_chardev, NULL, false, false},
    {"query-iothreads", query_iothreads, NULL, false, false},
    {"stop", do_stop, NULL, true, false},
    {"cont", do_cont, NULL, true, false},
    {"system_reset", do_reset, NULL, true, false},
    {"system_powerdown", do_powerdown, NULL, true, false},
    {"screendump", do_screendump, screendump_args, true, false},
    {"set-action", set_action, action_args, false, false},
    {"watchdog-set-action", watchdog_set_action, watchdog_args, false, false},
    {"quit", do_quit, NULL, false, false},
};

const struct qmp_command *qmp_commands(unsigned *count)
{
    static const struct qmp_table base = {commands, G_N_ELEMENTS(commands)};
    static const struct qmp_table *const tables[] = {&base, &qmp_block_table, &qmp_jobs_table,
                                                    &qmp_backup_table, &qmp_devices_table,
                                                    &qmp_screen_table, &qmp_input_table,
                                                    &qmp_qom_table, &qmp_cpus_table, &qmp_migrate_table,
                                                    &qmp_fds_table, &qmp_hmp_table, &qmp_vnc_table,
                                                    &qmp_events_table, &qmp_net_table, &qmp_web_table,
                                                    &qmp_record_table, &qmp_chardev_table, &qmp_balloon_table,
                                                    &qmp_hotplug_table, &qmp_chardev_add_table};
    static GArray *all;

    if (!all) {
        all = g_array_new(FALSE, FALSE, sizeof(struct qmp_command));
        for (unsigned i = 0; i < G_N_ELEMENTS(tables); i++)
            g_array_append_vals(all, tables[i]->rows, tables[i]->count);
    }
    *count = all->len;
    return (const struct qmp_command *)(void *)all->data;
}

static JsonNode *query_commands(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    unsigned count;
    const struct qmp_command *c = qmp_commands(&count);

    (void)vm, (void)args, (void)error;
    for (unsigned i = 0; i < count; i++)
        qmp_add_named(array, c[i].name);
    return json_node_of_array(array);
}

static const char *schema_type(enum qmp_type type)
{
    static const char *const names[] = {"str", "int", "bool", "object-any", "[any]"};

    return names[type];
}

static JsonObject *add_schema(JsonArray *array, const char *name, const char *meta)
{
    JsonObject *o = qmp_add_named(array, name);

    json_object_set_string_member(o, "meta-type", meta);
    return o;
}

/* The object type of a command's arguments, and the enums in it. */
static void add_argument_types(JsonArray *schema, const struct qmp_command *c, const char *type_name)
{
    JsonArray *members = json_array_new();

    for (const struct qmp_arg *a = c->args; a && a->name; a++) {
        JsonObject *m = qmp_add_named(members, a->name);
        g_autofree char *enum_name = g_strdup_printf("%s-%s", c->name, a->name);

        json_object_set_string_member(m, "type", a->values ? enum_name : schema_type(a->type));
        if (a->optional)
            json_object_set_null_member(m, "default");
        if (a->values) {
            JsonObject *e = add_schema(schema, enum_name, "enum");
            JsonArray *values = json_array_new();
            g_auto(GStrv) words = g_strsplit(a->values, "|", -1);

            for (unsigned i = 0; words[i]; i++)
                json_array_add_string_element(values, words[i]);
            json_object_set_array_member(e, "values", values);
        }
    }
    json_object_set_array_member(add_schema(schema, type_name, "object"), "members", members);
}

static JsonNode *query_qmp_schema(struct vm *vm, JsonObject *args, GError **error)
{
    static const char *const builtins[][2] = {
        {"str", "string"}, {"int", "int"}, {"bool", "boolean"}, {"any", "value"}};
    JsonArray *schema = json_array_new();
    unsigned count;
    const struct qmp_command *c = qmp_commands(&count);

    (void)vm, (void)args, (void)error;
    for (unsigned i = 0; i < G_N_ELEMENTS(builtins); i++)
        json_object_set_string_member(add_schema(schema, builtins[i][0], "builtin"), "json-type",
                                      builtins[i][1]);
    json_object_set_string_member(add_schema(schema, "[any]", "array"), "element-type", "any");
    json_object_set_array_member(add_schema(schema, "object-any", "object"), "members",
                                 json_array_new());
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *type = g_strdup_printf("%s-arg", c[i].name);
        JsonObject *o = add_schema(schema, c[i].name, "command");

        json_object_set_string_member(o, "arg-type", c[i].args ? type : "object-any");
        json_object_set_string_member(o, "ret-type", "any");
        if (c[i].args)
            add_argument_types(schema, &c[i], type);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(events); i++)
        json_object_set_string_member(add_schema(schema, events[i], "event"), "arg-type",
                                      "object-any");
    return json_node_of_array(schema);
}

/* ---- checks ---- */

static bool type_fits(enum qmp_type type, JsonNode *node)
{
    switch (type) {
    case QMP_STRING:
        return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
    case QMP_INT:
        return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64;
    case QMP_BOOL:
        return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN;
    case QMP_OBJECT:
        return JSON_NODE_HOLDS_OBJECT(node);
    case QMP_ARRAY:
        return JSON_NODE_HOLDS_ARRAY(node);
    }
    return false;
}

static bool check_argument(const struct qmp_arg *a, JsonNode *node, GError **error)
{
    static const char *const words[] = {"string", "integer", "boolean", "object", "array"};

    if (!node && a->optional)
        return true;
    if (!node)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Parameter '%s' is missing", a->name);
    else if (!type_fits(a->type, node))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    "Invalid parameter type for '%s', expected: %s", a->name, words[a->type]);
    else if (a->values && !opt_word_among(a->values, json_node_get_string(node)))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    "Parameter '%s' does not accept value '%.60s'", a->name,
                    json_node_get_string(node));
    else
        return true;
    return false;
}

static bool check_members(const struct qmp_arg *rows, JsonObject *args, bool open, GError **error)
{
    g_autoptr(GList) members = json_object_get_members(args);

    for (GList *m = members; m && !open; m = m->next) {
        const struct qmp_arg *a = rows;

        while (a && a->name && strcmp(a->name, m->data))
            a++;
        if (!a || !a->name) {
            g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Parameter '%.60s' is unexpected",
                        (const char *)m->data);
            return false;
        }
    }
    for (const struct qmp_arg *a = rows; a && a->name; a++) {
        if (!check_argument(a, json_object_get_member(args, a->name), error))
            return false;
    }
    return true;
}

bool qmp_check_args(const struct qmp_arg *args, JsonObject *object, GError **error)
{
    return check_members(args, object, false, error);
}

JsonNode *qmp_run(struct vm *vm, const char *name, JsonNode *arguments, GError **error)
{
    g_autoptr(JsonObject) empty = json_object_new();
    JsonObject *args = empty;
    unsigned count;
    const struct qmp_command *all = qmp_commands(&count);

    if (arguments && !JSON_NODE_HOLDS_OBJECT(arguments)) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    "QMP input member 'arguments' must be an object");
        return NULL;
    }
    if (arguments)
        args = json_node_get_object(arguments);
    for (unsigned i = 0; i < count; i++) {
        const struct qmp_command *c = &all[i];

        if (strcmp(c->name, name) || !c->run)
            continue;
        if (!check_members(c->args, args, c->open_args, error))
            return NULL;
        if (c->needs_machine && !vm_machine(vm)) {
            g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "'%s' needs a machine", name);
            return NULL;
        }
        return c->run(vm, args, error);
    }
    g_set_error(error, QMP_ERROR, QMP_COMMAND_NOT_FOUND, "The command %.60s has not been found", name);
    return NULL;
}
