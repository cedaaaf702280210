/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: what management daemons ask of migration in every session. There is none: no capability is offered, no
 * migration has taken place, and each request for one is refused, which leaves the guest as it is. (libvirt uses
 * these for save and managedsave too, and takes their being unknown for a broken emulator.)
 */
#include "dm/json.h"
#include "dm/qmp.h"

static JsonNode *query_capabilities(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm, (void)args, (void)error;
    return json_node_of_array(json_array_new());
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

static JsonNode *set_capabilities(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_object_get_array_member(args, "capabilities");

    return json_array_get_length(array) ? refuse(vm, args, error) : NULL;
}

static const struct qmp_arg capabilities_args[] = {{"capabilities", QMP_ARRAY, false, NULL}, {0}};

static const struct qmp_command rows[] = {
    {"query-migrate-capabilities", query_capabilities, NULL, false, false},
    {"migrate-set-capabilities", set_capabilities, capabilities_args, false, false},
    {"query-migrate", query_migrate, NULL, false, false},
    {"migrate", refuse, NULL, true, true},
    {"dump-guest-memory", refuse, NULL, true, true},
};
const struct qmp_table qmp_migrate_table = {rows, G_N_ELEMENTS(rows)};
