/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: the processors. */
#include <string.h>

#include "dm/cpu/cpu_spec.h"
#include "dm/json.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_cpus.h"
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

/* Names of the bits, each once. */
static JsonArray *feature_names(const uint32_t words[CPU_WORDS])
{
    JsonArray *array = json_array_new();
    const char *last = NULL;

    for (unsigned w = 0; w < CPU_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            const char *name = words[w] >> b & 1 ? cpu_word_place((enum cpu_word)w)->bits[b] : NULL;

            if (name && (!last || strcmp(name, last)))
                json_array_add_string_element(array, name);
            last = name ? name : last;
        }
    }
    return array;
}

static void add_definition(JsonArray *array, const struct cpu_model *model, const char *name, const char *alias_of,
                           const struct kvm_cpuid2 *host)
{
    struct cpu_spec *spec = cpu_spec_new("-cpu", name, NULL, host, NULL);
    bool fixed = !cpu_model_is_host(model);
    JsonObject *o = json_object_new();
    g_autofree char *type = g_strdup_printf("%s-x86_64-cpu", name);

    json_object_set_string_member(o, "name", name);
    json_object_set_string_member(o, "typename", type);
    json_object_set_boolean_member(o, "migration-safe", fixed);
    json_object_set_boolean_member(o, "static", !strcmp(name, "base"));
    json_object_set_boolean_member(o, "deprecated", FALSE);
    json_object_set_array_member(o, "unavailable-features", feature_names(spec->missing));
    if (alias_of)
        json_object_set_string_member(o, "alias-of", alias_of);
    json_array_add_object_element(array, o);
    cpu_spec_free(spec);
}

static JsonNode *query_cpu_definitions(struct vm *vm, JsonObject *args, GError **error)
{
    g_autofree struct kvm_cpuid2 *host = vm_host_cpuid(vm);
    JsonArray *array = json_array_new();
    unsigned count;
    const struct cpu_model *m = cpu_models(&count);

    (void)args, (void)error;
    for (unsigned i = 0; i < count; i++) {
        if (m[i].versioned)
            add_definition(array, &m[i], m[i].versioned, NULL, host);
        add_definition(array, &m[i], m[i].name, m[i].versioned, host);
    }
    return json_node_of_array(array);
}

/* ---- query-cpu-model-expansion ---- */

#define INVTSC_BIT 8 /* of CPU_AMD_7_EDX */

/*
 * As QEMU answers, all that the model has, whether or not this KVM does: query-cpu-definitions tells what it lacks. And of
 * the host's own what could move to another: libvirt asks so for host-model, and could not save a domain that has invtsc.
 */
static bool wanted(const struct cpu_spec *spec, unsigned word, unsigned bit)
{
    if (word == CPU_AMD_7_EDX && bit == INVTSC_BIT && cpu_model_is_host(spec->model) && spec->migratable)
        return false;
    return (spec->words[word] | spec->missing[word]) >> bit & 1;
}

static const struct qmp_arg model_members[] = {{"name", QMP_STRING, false, NULL},
                                               {"props", QMP_OBJECT, true, NULL},
                                               {0}};

/* {"aes": true, "family": 6} as "aes=on", "family=6"; NULL with error. */
static GPtrArray *props_list(JsonObject *props, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) pairs = NULL;

    if (props) {
        pairs = opt_pairs_from_object("'props'", props, error);
        if (!pairs)
            return NULL;
    }
    for (guint i = 0; pairs && i < pairs->len; i++) {
        const struct opt_pair *p = g_ptr_array_index(pairs, i);
        g_auto(GStrv) parts = g_strsplit(p->value ? p->value : "", ",", -1);
        g_autofree char *value = g_strjoinv(",,", parts);

        g_ptr_array_add(list, g_strdup_printf("%s=%s", p->name, value));
    }
    return g_steal_pointer(&list);
}

static void add_feature_props(JsonObject *props, const struct cpu_spec *spec)
{
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        const struct cpu_word_place *place = cpu_word_place((enum cpu_word)w);

        for (unsigned b = 0; b < 32; b++) {
            if (place->bits[b])
                json_object_set_boolean_member(props, place->bits[b], wanted(spec, w, b));
        }
    }
}

static void add_identity_props(JsonObject *props, const struct cpu_spec *spec)
{
    json_object_set_string_member(props, "vendor", spec->vendor);
    json_object_set_string_member(props, "model-id", spec->model_id);
    json_object_set_int_member(props, "family", spec->family);
    json_object_set_int_member(props, "model", spec->model_number);
    json_object_set_int_member(props, "stepping", spec->stepping);
    json_object_set_int_member(props, "min-level", spec->level);
    json_object_set_int_member(props, "min-xlevel", spec->xlevel);
}

/* What "full" tells and "static" leaves out, since a model of the same features need not have it. */
static void add_full_props(JsonObject *props, const struct cpu_spec *spec)
{
    json_object_set_int_member(props, "level", spec->level);
    json_object_set_int_member(props, "xlevel", spec->xlevel);
    json_object_set_int_member(props, "phys-bits", spec->phys_bits);
    json_object_set_boolean_member(props, "check", spec->check);
    json_object_set_boolean_member(props, "enforce", spec->enforce);
    json_object_set_boolean_member(props, "kvm", spec->kvm);
    json_object_set_boolean_member(props, "pmu", spec->pmu);
}

static JsonNode *expansion_node(const struct cpu_spec *spec, const char *name, bool full)
{
    JsonObject *answer = json_object_new(), *model = json_object_new(), *props = json_object_new();

    add_feature_props(props, spec);
    add_identity_props(props, spec);
    if (full)
        add_full_props(props, spec);
    json_object_set_string_member(model, "name", full ? name : "base");
    json_object_set_object_member(model, "props", props);
    json_object_set_object_member(answer, "model", model);
    return json_node_of_object(answer);
}

static JsonNode *query_cpu_model_expansion(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *model = json_object_get_object_member(args, "model");
    g_autofree struct kvm_cpuid2 *host = vm_host_cpuid(vm);
    g_autoptr(GPtrArray) props = NULL;
    struct cpu_spec *spec;
    const char *name;
    JsonNode *node;

    if (!qmp_check_args(model_members, model, error))
        return NULL;
    name = json_object_get_string_member(model, "name");
    if (!cpu_model_find(name)) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "CPU model '%.60s' not found", name);
        return NULL;
    }
    props = props_list(json_object_has_member(model, "props") ? json_object_get_object_member(model, "props") : NULL,
                       error);
    spec = props ? cpu_spec_new("'props'", name, props, host, error) : NULL;
    if (!spec)
        return NULL;
    node = expansion_node(spec, name, !strcmp(json_object_get_string_member(args, "type"), "full"));
    cpu_spec_free(spec);
    return node;
}

/* ---- a processor as an object ---- */

void qmp_cpu_list_props(JsonArray *array)
{
    json_object_set_string_member(qmp_add_named(array, "unavailable-features"), "type", "strList");
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            const char *name = cpu_word_place((enum cpu_word)w)->bits[b];

            if (name && !(w == CPU_KVM_EAX && b == KVM_FEATURE_CLOCKSOURCE2)) /* kvmclock's second bit */
                json_object_set_string_member(qmp_add_named(array, name), "type", "bool");
        }
    }
}

JsonNode *qmp_cpu_get_prop(const struct cpu_spec *spec, const char *name)
{
    JsonNode *node;
    enum cpu_word word;
    unsigned bit;

    if (!strcmp(name, "unavailable-features"))
        return json_node_of_array(feature_names(spec->missing));
    if (!cpu_feature_find(name, &word, &bit))
        return NULL;
    node = json_node_new(JSON_NODE_VALUE);
    json_node_set_boolean(node, spec->words[word] >> bit & 1);
    return node;
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

static const struct qmp_arg expansion_args[] = {{"type", QMP_STRING, false, "static|full"},
                                                {"model", QMP_OBJECT, false, NULL},
                                                {0}};
static const struct qmp_command rows[] = {
    {"query-cpus-fast", query_cpus_fast, NULL, false, false},
    {"query-cpu-definitions", query_cpu_definitions, NULL, false, false},
    {"query-cpu-model-expansion", query_cpu_model_expansion, expansion_args, false, false},
    {"inject-nmi", inject_nmi, NULL, true, false},
};
const struct qmp_table qmp_cpus_table = {rows, G_N_ELEMENTS(rows)};
