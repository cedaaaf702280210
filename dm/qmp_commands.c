/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each QMP command does. Names, arguments and answers are QEMU's; see COMPAT.md for the peers. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "dm/devprops.h"
#include "dm/json.h"
#include "dm/options.h"
#include "dm/qmp.h"
#include "dm/vcpu.h"
#include "dm/vm.h"
#include "dm/vm_build.h"

void qmp_fail(struct qmp_call *call, const char *error_class, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    call->error_class = error_class;
    g_free(call->error_text);
    call->error_text = g_strdup_vprintf(format, args);
    va_end(args);
}

static const char *arg_text(const struct qmp_call *call, const char *name)
{
    if (!call->args || !json_object_has_member(call->args, name))
        return NULL;
    return json_object_get_string_member(call->args, name);
}

static void return_array(struct qmp_call *call, JsonArray *array)
{
    call->result = json_node_of_array(array);
}

static void return_object(struct qmp_call *call, JsonObject *object)
{
    call->result = json_node_of_object(object);
}

static JsonObject *named(JsonArray *array, const char *name)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "name", name);
    json_array_add_object_element(array, o);
    return o;
}

/* ---- the monitor and the process ---- */

static void do_capabilities(struct qmp_call *call)
{
    (void)call; /* the monitor acts */
}

JsonNode *qmp_version(void)
{
    JsonObject *numbers = json_object_new(), *version = json_object_new();

    json_object_set_int_member(numbers, "major", 7);
    json_object_set_int_member(numbers, "minor", 2);
    json_object_set_int_member(numbers, "micro", 0);
    json_object_set_object_member(version, "qemu", numbers);
    json_object_set_string_member(version, "package", "kvm-dm " KVM_DM_VERSION);
    return json_node_of_object(version);
}

static void do_query_version(struct qmp_call *call)
{
    call->result = qmp_version();
}

static void do_query_commands(struct qmp_call *call)
{
    unsigned count;
    const struct qmp_command *c = qmp_commands(&count);
    JsonArray *array = json_array_new();

    for (unsigned i = 0; i < count; i++)
        named(array, c[i].name);
    return_array(call, array);
}

static void do_query_events(struct qmp_call *call)
{
    unsigned count;
    const struct qmp_event *e = qmp_events(&count);
    JsonArray *array = json_array_new();

    for (unsigned i = 0; i < count; i++)
        named(array, e[i].name);
    return_array(call, array);
}

static void do_query_qmp_schema(struct qmp_call *call)
{
    call->result = qmp_schema();
}

static void do_quit(struct vm *vm)
{
    vm_quit(vm, EXIT_OK, "host-qmp-quit");
}

/* The reply first: after the SHUTDOWN event nobody may be there to send it. */
static void do_quit_command(struct qmp_call *call)
{
    call->after = do_quit;
}

/* ---- running ---- */

static void do_query_status(struct qmp_call *call)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "status", run_state_name(vm_run_state(call->vm)));
    json_object_set_boolean_member(o, "singlestep", FALSE);
    json_object_set_boolean_member(o, "running", vm_run_state(call->vm) == RUN_RUNNING);
    return_object(call, o);
}

static void do_stop(struct qmp_call *call)
{
    vm_stop(call->vm, RUN_PAUSED);
}

static bool empty_machine(struct qmp_call *call)
{
    if (strcmp(vm_config(call->vm)->machine, "none"))
        return false;
    qmp_fail(call, "GenericError", "machine none has no devices");
    return true;
}

static void do_cont(struct qmp_call *call)
{
    g_autoptr(GError) error = NULL;

    if (!vm_cont(call->vm, &error))
        qmp_fail(call, "GenericError", "%s", error ? error->message : "the VM cannot go on");
}

static void do_system_reset(struct qmp_call *call)
{
    if (!empty_machine(call))
        vm_system_reset(call->vm);
}

static void do_system_powerdown(struct qmp_call *call)
{
    if (!empty_machine(call))
        vm_system_powerdown(call->vm);
}

static void do_screendump(struct qmp_call *call)
{
    const char *format = arg_text(call, "format");
    g_autoptr(GError) error = NULL;

    if (empty_machine(call))
        return;
    if (!vm_screendump(call->vm, arg_text(call, "filename"), format && !strcmp(format, "png"),
                       &error))
        qmp_fail(call, "GenericError", "%s", error ? error->message : "no picture");
}

/* ---- what the VM is ---- */

static void do_query_name(struct qmp_call *call)
{
    JsonObject *o = json_object_new();

    if (vm_config(call->vm)->name)
        json_object_set_string_member(o, "name", vm_config(call->vm)->name);
    return_object(call, o);
}

static void do_query_uuid(struct qmp_call *call)
{
    const char *uuid = vm_config(call->vm)->uuid;
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "UUID", uuid ? uuid : "00000000-0000-0000-0000-000000000000");
    return_object(call, o);
}

static void do_query_kvm(struct qmp_call *call)
{
    const GPtrArray *accels = vm_config(call->vm)->accels;
    bool present = access("/dev/kvm", R_OK | W_OK) == 0;
    JsonObject *o = json_object_new();

    json_object_set_boolean_member(
        o, "enabled", present && accels->len && !strcmp(g_ptr_array_index(accels, 0), "kvm"));
    json_object_set_boolean_member(o, "present", present);
    return_object(call, o);
}

static void do_query_target(struct qmp_call *call)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "arch", "x86_64");
    return_object(call, o);
}

static JsonObject *add_machine(JsonArray *array, const char *name)
{
    JsonObject *o = named(array, name);

    json_object_set_boolean_member(o, "hotpluggable-cpus", FALSE);
    json_object_set_boolean_member(o, "numa-mem-supported", FALSE);
    json_object_set_boolean_member(o, "deprecated", FALSE);
    json_object_set_int_member(o, "cpu-max", 255);
    return o;
}

static void do_query_machines(struct qmp_call *call)
{
    JsonArray *array = json_array_new();
    JsonObject *pc = add_machine(array, MACHINE_PC_NAME);

    json_object_set_string_member(pc, "alias", "pc");
    json_object_set_boolean_member(pc, "is-default", TRUE);
    add_machine(array, "isapc");
    json_object_set_int_member(add_machine(array, "none"), "cpu-max", 1);
    return_array(call, array);
}

static void do_query_cpus_fast(struct qmp_call *call)
{
    struct vcpu_group *group = vm_vcpus(call->vm);
    JsonArray *array = json_array_new();

    for (unsigned i = 0; group && i < vcpus_count(group); i++) {
        JsonObject *o = json_object_new();
        g_autofree char *path = g_strdup_printf("/machine/unattached/device[%u]", i);

        json_object_set_int_member(o, "cpu-index", i);
        json_object_set_string_member(o, "qom-path", path);
        json_object_set_int_member(o, "thread-id", vcpu_thread_id(group, i));
        json_object_set_string_member(o, "target", "x86_64");
        json_array_add_object_element(array, o);
    }
    return_array(call, array);
}

static void do_query_memory_size_summary(struct qmp_call *call)
{
    JsonObject *o = json_object_new();

    json_object_set_int_member(o, "base-memory", (gint64)vm_config(call->vm)->ram_bytes);
    json_object_set_int_member(o, "plugged-memory", 0);
    return_object(call, o);
}

static void do_query_chardev(struct qmp_call *call)
{
    const GPtrArray *chardevs = vm_config(call->vm)->chardevs;
    JsonArray *array = json_array_new();

    for (guint i = 0; i < chardevs->len; i++) {
        const struct chardev_config *c = g_ptr_array_index(chardevs, i);
        struct chardev *chr = vm_chardev(call->vm, c->id);
        JsonObject *o = json_object_new();

        json_object_set_string_member(o, "label", c->id);
        json_object_set_string_member(o, "filename", chr ? chardev_filename(chr) : c->backend);
        json_object_set_boolean_member(o, "frontend-open", c->used);
        json_array_add_object_element(array, o);
    }
    return_array(call, array);
}

/* Whose id is the one of the device that a drive belongs to: "qdev". */
static const struct device_config *device_of_drive(const struct vm_config *c, const char *drive)
{
    for (guint i = 0; i < c->devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(c->devices, i);
        const char *id = g_hash_table_lookup(d->props, "drive");

        if (id && !strcmp(id, drive))
            return d;
    }
    return NULL;
}

static void do_query_block(struct qmp_call *call)
{
    const struct vm_config *c = vm_config(call->vm);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < c->drives->len; i++) {
        const struct drive_config *d = g_ptr_array_index(c->drives, i);
        const struct device_config *dev = device_of_drive(c, d->id);
        JsonObject *o = json_object_new(), *inserted = json_object_new();

        json_object_set_string_member(o, "device", d->id);
        if (dev && dev->id)
            json_object_set_string_member(o, "qdev", dev->id);
        json_object_set_string_member(o, "type", "unknown");
        json_object_set_boolean_member(o, "removable", FALSE);
        json_object_set_boolean_member(o, "locked", FALSE);
        json_object_set_string_member(inserted, "file", d->file);
        json_object_set_string_member(inserted, "drv", d->format ? d->format : "raw");
        json_object_set_boolean_member(inserted, "ro", d->readonly);
        json_object_set_object_member(o, "inserted", inserted);
        json_array_add_object_element(array, o);
    }
    return_array(call, array);
}

/* What there is none of. */
static void do_empty_list(struct qmp_call *call)
{
    return_array(call, json_array_new());
}

/* ---- types and properties ---- */

static bool is_a_device(const char *implements, const struct device_desc *d)
{
    return !implements || !strcmp(implements, "device") || !strcmp(implements, d->parent) ||
           !strcmp(implements, d->name);
}

static void do_qom_list_types(struct qmp_call *call)
{
    unsigned count;
    const struct device_desc *d = device_descs(&count);
    const char *implements = arg_text(call, "implements");
    JsonArray *array = json_array_new();

    for (unsigned i = 0; i < count; i++) {
        if (is_a_device(implements, &d[i]))
            json_object_set_string_member(named(array, d[i].name), "parent", d[i].parent);
    }
    return_array(call, array);
}

static const char *prop_type(const struct opt_desc *d)
{
    static const char *const names[] = {
        [OPT_STRING] = "str", [OPT_BOOL] = "bool", [OPT_NUMBER] = "uint64", [OPT_SIZE] = "size",
        [OPT_ENUM] = "str",
    };

    return names[d->type];
}

static void list_props(struct qmp_call *call, const struct device_desc *device)
{
    JsonArray *array = json_array_new();

    for (const struct opt_desc *d = device ? device->props : NULL; d && d->name; d++) {
        JsonObject *o;

        if (d->refusal || d->alias_of)
            continue;
        o = named(array, d->name);
        json_object_set_string_member(o, "type", prop_type(d));
        if (d->help)
            json_object_set_string_member(o, "description", d->help);
    }
    return_array(call, array);
}

static void do_device_list_properties(struct qmp_call *call)
{
    const char *name = arg_text(call, "typename");
    const struct device_desc *device = device_desc_find(name);

    if (device)
        list_props(call, device);
    else
        qmp_fail(call, "DeviceNotFound", "Device '%.128s' not found", name);
}

/* A type that is not there has no properties: an error here ends libvirt's daemon. */
static void do_qom_list_properties(struct qmp_call *call)
{
    list_props(call, device_desc_find(arg_text(call, "typename")));
}

#define PERIPHERAL "/machine/peripheral"

static const struct device_config *device_at(const struct vm_config *c, const char *path)
{
    if (!g_str_has_prefix(path, PERIPHERAL "/"))
        return NULL;
    for (guint i = 0; i < c->devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(c->devices, i);

        if (d->id && !strcmp(d->id, path + strlen(PERIPHERAL "/")))
            return d;
    }
    return NULL;
}

static JsonArray *list_peripherals(const struct vm_config *c, bool with_id)
{
    JsonArray *array = json_array_new();
    unsigned unnamed = 0;

    for (guint i = 0; i < c->devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(c->devices, i);
        g_autofree char *type = g_strdup_printf("child<%s>", d->driver), *name = NULL;

        if ((d->id != NULL) != with_id)
            continue;
        name = d->id ? g_strdup(d->id) : g_strdup_printf("device[%u]", unnamed++);
        json_object_set_string_member(named(array, name), "type", type);
    }
    return array;
}

/* The part of the tree that users name things in; the rest is not shown. */
static void do_qom_list(struct qmp_call *call)
{
    const struct vm_config *c = vm_config(call->vm);
    const char *path = arg_text(call, "path");
    const struct device_config *d = device_at(c, path);
    JsonArray *array;

    if (!strcmp(path, PERIPHERAL)) {
        return_array(call, list_peripherals(c, true));
    } else if (!strcmp(path, "/machine/peripheral-anon")) {
        return_array(call, list_peripherals(c, false));
    } else if (d) {
        list_props(call, device_desc_find(d->driver));
    } else if (!strcmp(path, "/machine") || !strcmp(path, "/")) {
        bool root = path[1] == 0;

        array = json_array_new();
        json_object_set_string_member(named(array, root ? "machine" : "peripheral"), "type",
                                      root ? "child<machine>" : "child<container>");
        if (!root)
            json_object_set_string_member(named(array, "peripheral-anon"), "type",
                                          "child<container>");
        return_array(call, array);
    } else {
        qmp_fail(call, "DeviceNotFound", "Device '%.128s' not found", path);
    }
}

static JsonNode *typed_value(const struct opt_desc *prop, const char *value)
{
    JsonNode *node = json_node_new(JSON_NODE_VALUE);
    int64_t negative;
    uint64_t number;

    if (prop->type == OPT_BOOL)
        json_node_set_boolean(node, !strcmp(value, "on"));
    else if (prop->type != OPT_STRING && prop->type != OPT_ENUM &&
             opt_parse_number(value, &negative, &number))
        json_node_set_int(node, negative < 0 ? -(gint64)number : (gint64)number);
    else
        json_node_set_string(node, value);
    return node;
}

static void do_qom_get(struct qmp_call *call)
{
    const char *path = arg_text(call, "path"), *name = arg_text(call, "property");
    const struct device_config *d = device_at(vm_config(call->vm), path);
    const struct opt_desc *prop;
    const char *value;

    if (!d) {
        qmp_fail(call, "DeviceNotFound", "Device '%.128s' not found", path);
        return;
    }
    prop = opt_desc_find(device_desc_find(d->driver)->props, name);
    if (!prop || prop->refusal) {
        qmp_fail(call, "GenericError", "Property '%s.%.64s' not found", d->driver, name);
        return;
    }
    value = g_hash_table_lookup(d->props, name);
    if (!value)
        value = prop->fallback ? prop->fallback : "";
    call->result = typed_value(prop, value);
}

/* ---- options ---- */

static JsonArray *option_parameters(const struct opt_desc *subs)
{
    JsonArray *array = json_array_new();

    for (const struct opt_desc *d = subs; d && d->name; d++) {
        JsonObject *o;

        if (d->refusal)
            continue;
        o = named(array, d->name);
        json_object_set_string_member(o, "type", opt_type_name(d->type));
        if (d->help)
            json_object_set_string_member(o, "help", d->help);
        if (d->fallback)
            json_object_set_string_member(o, "default", d->fallback);
    }
    return array;
}

static void do_query_command_line_options(struct qmp_call *call)
{
    unsigned count;
    const struct option_spec *specs = option_specs(&count);
    const char *only = arg_text(call, "option");
    JsonArray *array = json_array_new();

    for (unsigned i = 0; i < count; i++) {
        JsonObject *o;

        if (!specs[i].qmp_name || (only && strcmp(only, specs[i].qmp_name)))
            continue;
        o = json_object_new();
        json_object_set_string_member(o, "option", specs[i].qmp_name);
        json_object_set_array_member(o, "parameters", option_parameters(specs[i].subs));
        json_array_add_object_element(array, o);
    }
    if (only && !json_array_get_length(array)) {
        json_array_unref(array);
        qmp_fail(call, "GenericError", "invalid option name: %.128s", only);
        return;
    }
    return_array(call, array);
}

/* ---- the table ---- */

static const struct qmp_arg screendump_args[] = {
    {"filename", QMP_STR, false, NULL},
    {"format", QMP_ENUM, true, "ppm|png"},
    {NULL, 0, false, NULL},
};
static const struct qmp_arg list_types_args[] = {
    {"implements", QMP_STR, true, NULL},
    {"abstract", QMP_BOOL, true, NULL},
    {NULL, 0, false, NULL},
};
static const struct qmp_arg typename_args[] = {{"typename", QMP_STR, false, NULL}, {NULL, 0, false, NULL}};
static const struct qmp_arg path_args[] = {{"path", QMP_STR, false, NULL}, {NULL, 0, false, NULL}};
static const struct qmp_arg qom_get_args[] = {
    {"path", QMP_STR, false, NULL}, {"property", QMP_STR, false, NULL}, {NULL, 0, false, NULL}};
static const struct qmp_arg option_args[] = {{"option", QMP_STR, true, NULL}, {NULL, 0, false, NULL}};

static const struct qmp_command commands[] = {
    {"qmp_capabilities", do_capabilities, NULL, NULL},
    {"query-version", do_query_version, NULL, "object"},
    {"query-commands", do_query_commands, NULL, "array"},
    {"query-events", do_query_events, NULL, "array"},
    {"query-qmp-schema", do_query_qmp_schema, NULL, "array"},
    {"query-status", do_query_status, NULL, "object"},
    {"query-name", do_query_name, NULL, "object"},
    {"query-uuid", do_query_uuid, NULL, "object"},
    {"query-kvm", do_query_kvm, NULL, "object"},
    {"query-target", do_query_target, NULL, "object"},
    {"query-machines", do_query_machines, NULL, "array"},
    {"query-cpus-fast", do_query_cpus_fast, NULL, "array"},
    {"query-memory-size-summary", do_query_memory_size_summary, NULL, "object"},
    {"query-chardev", do_query_chardev, NULL, "array"},
    {"query-block", do_query_block, NULL, "array"},
    {"query-iothreads", do_empty_list, NULL, "array"},
    {"query-jobs", do_empty_list, NULL, "array"},
    {"query-migrate-capabilities", do_empty_list, NULL, "array"},
    {"query-command-line-options", do_query_command_line_options, option_args, "array"},
    {"qom-list-types", do_qom_list_types, list_types_args, "array"},
    {"qom-list-properties", do_qom_list_properties, typename_args, "array"},
    {"qom-list", do_qom_list, path_args, "array"},
    {"qom-get", do_qom_get, qom_get_args, "value"},
    {"device-list-properties", do_device_list_properties, typename_args, "array"},
    {"stop", do_stop, NULL, NULL},
    {"cont", do_cont, NULL, NULL},
    {"system_reset", do_system_reset, NULL, NULL},
    {"system_powerdown", do_system_powerdown, NULL, NULL},
    {"screendump", do_screendump, screendump_args, NULL},
    {"quit", do_quit_command, NULL, NULL},
};

const struct qmp_command *qmp_commands(unsigned *count)
{
    *count = G_N_ELEMENTS(commands);
    return commands;
}

const struct qmp_command *qmp_command_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}
