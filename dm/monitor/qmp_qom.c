/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: types, and the tree of objects as QEMU names its places. There is no object model behind it: types are the
 * rows of dm/config/devprops.c, and the tree is what the machine has.
 *
 *   /machine/peripheral/ID              a -device with an id
 *   /machine/peripheral-anon/device[N]  one without
 *   /machine/unattached/device[N]       the processors, then the devices that belong to the machine
 *
 * libvirt asks for types and properties before it uses an emulator (a wrong error class ends it), and looks for its
 * devices in /machine/peripheral whenever a VM starts.
 */
#include <string.h>

#include "dm/config/devprops.h"
#include "dm/cpu/cpu_spec.h"
#include "dm/json.h"
#include "dm/machine/machine.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_balloon.h"
#include "dm/monitor/qmp_cpus.h"
#include "dm/vcpu.h"
#include "dm/vm_build.h"
#include "hw/device.h"

/* ---- types ---- */

/* What is not a device and yet has a name by which it is asked for. */
static const struct opt_desc qom_cpu_props[] = {
    {.name = "migratable", .type = OPT_BOOL, .help = "accepted: VMs cannot be moved anyway", .fallback = "on"},
    {.name = "unavailable-features", .type = OPT_STRING, .help = "features asked for that this KVM does not have"},
    OPT_END,
};

static const struct {
    const char *name, *parent;
    const struct opt_desc *props;
} objects[] = {
    {"memory-backend-file", "memory-backend", NULL},
    {"memory-backend-ram", "memory-backend", NULL},
    {"rng-builtin", "rng-backend", NULL},
    {"rng-random", "rng-backend", NULL},
    {"secret", "secret_common", NULL},
    {"none-machine", "machine", NULL},
    {"isapc-machine", "machine", NULL},
    {"pc-i440fx-7.2-machine", "machine", NULL},
    {"host-x86_64-cpu", "max-x86_64-cpu", qom_cpu_props},
    {"max-x86_64-cpu", "x86_64-cpu", qom_cpu_props},
};

/* The class of processors with that name; g_intern_string()'s. */
static const char *cpu_type(const char *name)
{
    g_autofree char *type = g_strdup_printf("%s-x86_64-cpu", name);

    return g_intern_string(type);
}

/* host and max are rows above. */
static bool is_named_cpu(const char *type)
{
    unsigned count;
    const struct cpu_model *m = cpu_models(&count);
    bool found = false;

    for (unsigned i = 0; i < count && !found; i++)
        found = !cpu_model_is_host(&m[i]) &&
                (!strcmp(cpu_type(m[i].name), type) || (m[i].versioned && !strcmp(cpu_type(m[i].versioned), type)));
    return found;
}

static void add_type(JsonArray *array, const char *implements, const char *name, const char *parent)
{
    if (!strcmp(implements, "object") || !strcmp(implements, parent) || !strcmp(implements, name))
        json_object_set_string_member(qmp_add_named(array, name), "parent", parent);
}

static void add_cpu_types(JsonArray *array, const char *implements)
{
    unsigned count;
    const struct cpu_model *m = cpu_models(&count);

    for (unsigned i = 0; i < count; i++) {
        if (cpu_model_is_host(&m[i]))
            continue;
        add_type(array, implements, cpu_type(m[i].name), "x86_64-cpu");
        if (m[i].versioned)
            add_type(array, implements, cpu_type(m[i].versioned), "x86_64-cpu");
    }
}

static JsonNode *qom_list_types(struct vm *vm, JsonObject *args, GError **error)
{
    const char *implements = json_object_get_string_member_with_default(args, "implements", "object");
    JsonArray *array = json_array_new();
    unsigned count;
    const struct device_desc *d = device_descs(&count);

    (void)vm, (void)error;
    for (unsigned i = 0; i < count; i++) {
        if (!strcmp(implements, "device"))
            json_object_set_string_member(qmp_add_named(array, d[i].name), "parent", d[i].parent);
        else
            add_type(array, implements, d[i].name, d[i].parent);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(objects); i++)
        add_type(array, implements, objects[i].name, objects[i].parent);
    add_cpu_types(array, implements);
    return json_node_of_array(array);
}

static JsonNode *properties_node(const struct opt_desc *props)
{
    JsonArray *array = json_array_new();

    for (const struct opt_desc *p = props; p && p->name; p++) {
        JsonObject *o;

        if (p->refusal || p->alias_of)
            continue;
        o = qmp_add_named(array, p->name);
        json_object_set_string_member(o, "type", opt_type_name(p->type));
        if (p->help)
            json_object_set_string_member(o, "description", p->help);
    }
    return json_node_of_array(array);
}

static JsonNode *device_list_properties(struct vm *vm, JsonObject *args, GError **error)
{
    const char *name = json_object_get_string_member(args, "typename");
    const struct device_desc *d = device_desc_find(name);

    (void)vm;
    if (d)
        return properties_node(d->props);
    g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_FOUND, "Device '%.60s' not found", name);
    return NULL;
}

static JsonNode *qom_list_properties(struct vm *vm, JsonObject *args, GError **error)
{
    const char *name = json_object_get_string_member(args, "typename");
    const struct device_desc *d = device_desc_find(name);

    (void)vm;
    if (d)
        return properties_node(d->props);
    for (unsigned i = 0; i < G_N_ELEMENTS(objects); i++) {
        if (!strcmp(objects[i].name, name))
            return properties_node(objects[i].props);
    }
    if (is_named_cpu(name))
        return properties_node(qom_cpu_props);
    g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_FOUND, "Class '%.60s' not found", name);
    return NULL;
}

/* ---- places in the tree ---- */

/* A place: a branch, or a leaf, which is a -device, a processor, or a device of the machine's own. */
struct place {
    enum { PLACE_ROOT, PLACE_MACHINE, PLACE_PERIPHERAL, PLACE_ANON, PLACE_UNATTACHED, PLACE_LEAF } kind;
    const char *type;
    const struct device_config *config; /* of a -device; else NULL */
    bool cpu;                           /* a processor */
};

static bool is_config(struct vm *vm, const char *id)
{
    GPtrArray *devices = vm_config(vm)->devices;

    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (d->id && !strcmp(d->id, id))
            return true;
    }
    return false;
}

static void add_own(void *opaque, struct device *dev)
{
    g_ptr_array_add(opaque, dev);
}

static unsigned cpu_count(struct vm *vm)
{
    return vm_vcpus(vm) ? vcpus_count(vm_vcpus(vm)) : 0;
}

/* The types in /machine/unattached, in their order; g_ptr_array_unref(). */
static GPtrArray *unattached(struct vm *vm)
{
    g_autoptr(GPtrArray) own = g_ptr_array_new();
    GPtrArray *types = g_ptr_array_new();

    for (unsigned i = 0; i < cpu_count(vm); i++)
        g_ptr_array_add(types, (gpointer)cpu_type(vm_cpu(vm)->model->name));
    if (vm_machine(vm))
        machine_foreach_device(vm_machine(vm), add_own, own);
    for (guint i = 0; i < own->len; i++) {
        const struct device *dev = g_ptr_array_index(own, i);

        if (!is_config(vm, dev->id))
            g_ptr_array_add(types, (gpointer)dev->cls->name);
    }
    return types;
}

/* The -device with this id, or (id NULL) the n-th of those without. */
static const struct device_config *find_config(struct vm *vm, const char *id, guint64 n)
{
    GPtrArray *devices = vm_config(vm)->devices;

    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (id ? d->id && !strcmp(d->id, id) : !d->id && !n--)
            return d;
    }
    return NULL;
}

static bool device_index(const char *text, guint64 *n)
{
    char *end;

    if (!g_str_has_prefix(text, "device[") || !g_ascii_isdigit(text[7]))
        return false;
    *n = g_ascii_strtoull(text + 7, &end, 10);
    return !strcmp(end, "]");
}

static bool find_leaf(struct vm *vm, const char *branch, const char *leaf, struct place *place)
{
    guint64 n = 0;

    place->kind = PLACE_LEAF;
    if (!strcmp(branch, "peripheral")) {
        place->config = find_config(vm, leaf, 0);
    } else if (!device_index(leaf, &n)) {
        return false;
    } else if (!strcmp(branch, "peripheral-anon")) {
        place->config = find_config(vm, NULL, n);
    } else if (!strcmp(branch, "unattached")) {
        g_autoptr(GPtrArray) types = unattached(vm);

        place->type = n < types->len ? g_ptr_array_index(types, n) : NULL;
        place->cpu = n < cpu_count(vm);
        return place->type;
    }
    place->type = place->config ? place->config->driver : NULL;
    return place->type;
}

static bool find_branch(const char *name, struct place *place)
{
    static const char *const names[] = {[PLACE_PERIPHERAL] = "peripheral", [PLACE_ANON] = "peripheral-anon",
                                        [PLACE_UNATTACHED] = "unattached"};

    for (unsigned i = PLACE_PERIPHERAL; i <= PLACE_UNATTACHED; i++) {
        if (!strcmp(name, names[i])) {
            place->kind = i;
            return true;
        }
    }
    return false;
}

/* Absolute paths only; a bare id is taken for a -device's, as QEMU's partial paths are mostly used. */
static bool find_place(struct vm *vm, const char *path, struct place *place, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", 6);
    guint count = g_strv_length(parts);
    bool found = false;

    memset(place, 0, sizeof(*place));
    if (!strcmp(path, "/"))
        return true;
    if (count == 1)
        found = find_leaf(vm, "peripheral", path, place);
    else if (*parts[0] || strcmp(parts[1], "machine") || count > 4)
        found = false;
    else if (count == 2)
        found = (place->kind = PLACE_MACHINE);
    else
        found = count == 3 ? find_branch(parts[2], place) : find_leaf(vm, parts[2], parts[3], place);
    if (!found)
        g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_FOUND, "Device '%.80s' not found", path);
    return found;
}

const struct device_config *qmp_find_device(struct vm *vm, const char *path)
{
    g_autoptr(GError) error = NULL;
    struct place place;

    return find_place(vm, path, &place, &error) ? place.config : NULL;
}

/* ---- qom-list ---- */

static void add_child(JsonArray *array, const char *name, const char *type)
{
    g_autofree char *text = g_strdup_printf("child<%s>", type);

    json_object_set_string_member(qmp_add_named(array, name), "type", text);
}

static void add_numbered(JsonArray *array, unsigned n, const char *type)
{
    g_autofree char *name = g_strdup_printf("device[%u]", n);

    add_child(array, name, type);
}

static void list_configs(struct vm *vm, JsonArray *array, bool named)
{
    GPtrArray *devices = vm_config(vm)->devices;
    unsigned n = 0;

    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (named && d->id)
            add_child(array, d->id, d->driver);
        else if (!named && !d->id)
            add_numbered(array, n++, d->driver);
    }
}

static void list_leaf(JsonArray *array, const struct place *place)
{
    const struct device_desc *d = device_desc_find(place->type);

    json_object_set_string_member(qmp_add_named(array, "type"), "type", "string");
    if (place->cpu)
        qmp_cpu_list_props(array);
    for (const struct opt_desc *p = d ? d->props : NULL; p && p->name; p++) {
        if (!p->refusal && !p->alias_of)
            json_object_set_string_member(qmp_add_named(array, p->name), "type", opt_type_name(p->type));
    }
    if (qmp_is_balloon_property(place->type, "guest-stats"))
        json_object_set_string_member(qmp_add_named(array, "guest-stats"), "type", "guest statistics");
}

static JsonNode *qom_list(struct vm *vm, JsonObject *args, GError **error)
{
    struct place place;
    JsonArray *array;

    if (!find_place(vm, json_object_get_string_member(args, "path"), &place, error))
        return NULL;
    array = json_array_new();
    if (place.kind == PLACE_ROOT)
        add_child(array, "machine", "container");
    if (place.kind == PLACE_MACHINE) {
        add_child(array, "peripheral", "container");
        add_child(array, "peripheral-anon", "container");
        add_child(array, "unattached", "container");
    }
    if (place.kind == PLACE_PERIPHERAL || place.kind == PLACE_ANON)
        list_configs(vm, array, place.kind == PLACE_PERIPHERAL);
    if (place.kind == PLACE_UNATTACHED) {
        g_autoptr(GPtrArray) types = unattached(vm);

        for (guint i = 0; i < types->len; i++)
            add_numbered(array, i, g_ptr_array_index(types, i));
    }
    if (place.kind == PLACE_LEAF)
        list_leaf(array, &place);
    return json_node_of_array(array);
}

/* ---- qom-get, qom-set ---- */

static JsonNode *value_node(const struct opt_desc *p, const char *text)
{
    JsonNode *node = json_node_new(JSON_NODE_VALUE);

    if (p->type == OPT_BOOL)
        json_node_set_boolean(node, text && !strcmp(text, "on"));
    else if (p->type == OPT_NUMBER || p->type == OPT_SIZE)
        json_node_set_int(node, text ? g_ascii_strtoll(text, NULL, 0) : 0);
    else
        json_node_set_string(node, text ? text : "");
    return node;
}

static JsonNode *qom_get(struct vm *vm, JsonObject *args, GError **error)
{
    const char *path = json_object_get_string_member(args, "path");
    const char *name = json_object_get_string_member(args, "property"), *text = NULL;
    const struct opt_desc type_row = {.type = OPT_STRING};
    const struct device_desc *d;
    const struct opt_desc *p;
    struct place place;
    JsonNode *node;

    if (!find_place(vm, path, &place, error))
        return NULL;
    if (!strcmp(name, "type"))
        return value_node(&type_row, place.type ? place.type : "container");
    if (qmp_is_balloon_property(place.type, name))
        return qmp_get_balloon_property(vm, name);
    node = place.cpu ? qmp_cpu_get_prop(vm_cpu(vm), name) : NULL;
    if (node)
        return node;
    d = place.type ? device_desc_find(place.type) : NULL;
    p = d && d->props ? opt_desc_find(d->props, name) : NULL;
    if (!p || p->refusal) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Property '%.60s.%.60s' not found",
                    place.type ? place.type : "container", name);
        return NULL;
    }
    if (place.config)
        text = device_prop(vm_machine(vm), place.config, name);
    return value_node(p, text ? text : p->fallback);
}

/* Properties are chosen at start; the balloon has one that changes later. */
static JsonNode *qom_set(struct vm *vm, JsonObject *args, GError **error)
{
    const char *name = json_object_get_string_member(args, "property");
    const struct device_desc *d;
    struct place place;

    if (!find_place(vm, json_object_get_string_member(args, "path"), &place, error))
        return NULL;
    d = place.type ? device_desc_find(place.type) : NULL;
    if (qmp_is_balloon_property(place.type, name))
        qmp_set_balloon_property(vm, name, json_object_get_member(args, "value"), error);
    else if (d && d->props && opt_desc_find(d->props, name))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    "Attempt to set property '%.60s' on device '%.60s' (type '%.60s') after it was realized", name,
                    place.config && place.config->id ? place.config->id : "", place.type);
    else
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Property '%.60s.%.60s' not found",
                    place.type ? place.type : "container", name);
    return NULL;
}

static const struct qmp_arg typename_args[] = {{"typename", QMP_STRING, false, NULL}, {0}};
static const struct qmp_arg types_args[] = {{"implements", QMP_STRING, true, NULL},
                                            {"abstract", QMP_BOOL, true, NULL},
                                            {0}};
static const struct qmp_arg path_args[] = {{"path", QMP_STRING, false, NULL}, {0}};
static const struct qmp_arg get_args[] = {{"path", QMP_STRING, false, NULL},
                                          {"property", QMP_STRING, false, NULL},
                                          {0}};

static const struct qmp_command rows[] = {
    {"qom-list-types", qom_list_types, types_args, false, false},
    {"qom-list-properties", qom_list_properties, typename_args, false, false},
    {"device-list-properties", device_list_properties, typename_args, false, false},
    {"qom-list", qom_list, path_args, false, false},
    {"qom-get", qom_get, get_args, false, false},
    {"qom-set", qom_set, get_args, false, true},
};
const struct qmp_table qmp_qom_table = {rows, G_N_ELEMENTS(rows)};
