/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: the processors. */
#include "dm/json.h"
#include "dm/monitor/qmp.h"
#include "dm/vcpu.h"
#include "dm/vm_build.h"

static JsonNode *query_cpus_fast(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    struct vcpu_group *cpus = vm_vcpus(vm);

    (void)args, (void)error;
    for (unsigned i = 0; cpus && i < vcpus_count(cpus); i++) {
        JsonObject *o = json_object_new();
        g_autofree char *path = g_strdup_printf("/machine/unattached/device[%u]", i);

        json_object_set_int_member(o, "cpu-index", i);
        json_object_set_string_member(o, "qom-path", path);
        json_object_set_int_member(o, "thread-id", vcpu_thread_id(cpus, i));
        json_object_set_string_member(o, "target", "x86_64");
        json_array_add_object_element(array, o);
    }
    return json_node_of_array(array);
}

static void add_definition(JsonArray *array, const char *name)
{
    JsonObject *o = json_object_new();
    g_autofree char *type = g_strdup_printf("%s-x86_64-cpu", name);

    json_object_set_string_member(o, "name", name);
    json_object_set_string_member(o, "typename", type);
    json_object_set_boolean_member(o, "migration-safe", FALSE);
    json_object_set_boolean_member(o, "static", FALSE);
    json_object_set_boolean_member(o, "deprecated", FALSE);
    json_object_set_array_member(o, "unavailable-features", json_array_new());
    json_array_add_object_element(array, o);
}

static JsonNode *query_cpu_definitions(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();

    (void)vm, (void)args, (void)error;
    add_definition(array, "host");
    add_definition(array, "max");
    return json_node_of_array(array);
}

/* Each processor gets a non-maskable interrupt, as the button on old servers gave it. */
static JsonNode *inject_nmi(struct vm *vm, JsonObject *args, GError **error)
{
    struct vcpu_group *cpus = vm_vcpus(vm);

    (void)args;
    if (!cpus)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "there is no processor (-accel qtest)");
    else
        vcpus_nmi(cpus);
    return NULL;
}

static const struct qmp_command rows[] = {
    {"query-cpus-fast", query_cpus_fast, NULL, false, false},
    {"query-cpu-definitions", query_cpu_definitions, NULL, false, false},
    {"inject-nmi", inject_nmi, NULL, true, false},
};
const struct qmp_table qmp_cpus_table = {rows, G_N_ELEMENTS(rows)};
