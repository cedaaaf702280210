/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: what management daemons ask of migration in every session. There is none: no capability is offered, no
 * migration has taken place, and each request for one is refused, which leaves the guest as it is. (libvirt uses
 * these for save and managedsave too, and takes their being unknown for a broken emulator.)
 */
#include <string.h>

#include "dm/json.h"
#include "dm/monitor/qmp.h"

/* "events" asks for MIGRATION events, of which there will be none: always on. */
static JsonNode *query_capabilities(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    JsonObject *o = json_object_new();

    (void)vm, (void)args, (void)error;
    json_object_set_string_member(o, "capability", "events");
    json_object_set_boolean_member(o, "state", TRUE);
    json_array_add_object_element(array, o);
    return json_node_of_array(array);
}

/* As QEMU answers when nothing has been moved: no status. */
static JsonNode *query_migrate(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm, (void)args, (void)error;
    return NULL;
}

static JsonNode *refuse(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm, (void)args;
    g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                "kvm-dm cannot save or move a running machine yet; the guest goes on");
    return NULL;
}

static const struct qmp_arg capability_args[] = {{"capability", QMP_STRING, false, NULL},
                                                 {"state", QMP_BOOL, false, NULL},
                                                 {0}};

/* What is off can be switched off, and "events" on; libvirt does both at each start. */
static bool check_capability(JsonNode *node, GError **error)
{
    JsonObject *o = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *name;

    if (!o) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "'capabilities' is a list of objects");
        return false;
    }
    if (!qmp_check_args(capability_args, o, error))
        return false;
    name = json_object_get_string_member(o, "capability");
    if (!json_object_get_boolean_member(o, "state") || !strcmp(name, "events"))
        return true;
    g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "migration capability '%.60s' is not supported", name);
    return false;
}

static JsonNode *set_capabilities(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_object_get_array_member(args, "capabilities");

    (void)vm;
    for (guint i = 0; i < json_array_get_length(array); i++) {
        if (!check_capability(json_array_get_element(array, i), error))
            break;
    }
    return NULL;
}

static const struct qmp_arg capabilities_args[] = {{"capabilities", QMP_ARRAY, false, NULL}, {0}};

static const struct qmp_command rows[] = {
    {"query-migrate-capabilities", query_capabilities, NULL, false, false},
    {"migrate-set-capabilities", set_capabilities, capabilities_args, false, false},
    {"query-migrate", query_migrate, NULL, false, false},
    {"migrate-set-parameters", refuse, NULL, true, true},
    {"migrate", refuse, NULL, true, true},
    {"dump-guest-memory", refuse, NULL, true, true},
};
const struct qmp_table qmp_migrate_table = {rows, G_N_ELEMENTS(rows)};
