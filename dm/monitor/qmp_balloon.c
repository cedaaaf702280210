/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: balloon, query-balloon, event BALLOON_CHANGE, and what qom-get and qom-set reach of the balloon. */
#include "dm/monitor/qmp_balloon.h"

#include <string.h>

#include "dm/json.h"
#include "dm/machine/machine.h"
#include "dm/monitor/monitor.h"
#include "dm/monitor/qmp.h"
#include "dm/vm_build.h"
#include "hw/virtio/balloon.h"

#define STATS "guest-stats"
#define INTERVAL "guest-stats-polling-interval"

/* libvirt asks for it also where there is none; the class tells it, which is no fault. */
static bool need_balloon(struct vm *vm, GError **error)
{
    if (machine_balloon(vm_machine(vm)))
        return true;
    g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_ACTIVE, "No balloon device has been activated");
    return false;
}

static JsonNode *balloon(struct vm *vm, JsonObject *args, GError **error)
{
    gint64 bytes = json_object_get_int_member(args, "value");

    if (!need_balloon(vm, error))
        return NULL;
    if (bytes <= 0)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Parameter 'target' expects a size");
    else
        machine_balloon_set(vm_machine(vm), (uint64_t)bytes);
    return NULL;
}

static JsonNode *query_balloon(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o;

    (void)args;
    if (!need_balloon(vm, error))
        return NULL;
    o = json_object_new();
    json_object_set_int_member(o, "actual", (gint64)machine_balloon_actual(vm_machine(vm)));
    return json_node_of_object(o);
}

void qmp_balloon_changed(struct vm *vm, uint64_t actual_bytes)
{
    JsonObject *data = json_object_new();

    json_object_set_int_member(data, "actual", (gint64)actual_bytes);
    monitor_event(vm, "BALLOON_CHANGE", json_node_of_object(data));
}

/* ---- properties ---- */

bool qmp_is_balloon_property(const char *type, const char *name)
{
    return type && !strcmp(type, "virtio-balloon-pci") && (!strcmp(name, STATS) || !strcmp(name, INTERVAL));
}

/* What the guest does not tell is all ones, which as a JSON integer of json-glib is -1; libvirt takes either. */
static JsonNode *stats_node(const struct virtio_balloon_stats *stats)
{
    static const char *const names[BALLOON_STATS] = {
        [BALLOON_SWAP_IN] = "stat-swap-in",
        [BALLOON_SWAP_OUT] = "stat-swap-out",
        [BALLOON_MAJOR_FAULTS] = "stat-major-faults",
        [BALLOON_MINOR_FAULTS] = "stat-minor-faults",
        [BALLOON_FREE_MEMORY] = "stat-free-memory",
        [BALLOON_TOTAL_MEMORY] = "stat-total-memory",
        [BALLOON_AVAILABLE_MEMORY] = "stat-available-memory",
        [BALLOON_DISK_CACHES] = "stat-disk-caches",
        [BALLOON_HTLB_PGALLOC] = "stat-htlb-pgalloc",
        [BALLOON_HTLB_PGFAIL] = "stat-htlb-pgfail",
    };
    JsonObject *o = json_object_new(), *values = json_object_new();

    for (unsigned i = 0; i < BALLOON_STATS; i++)
        json_object_set_int_member(values, names[i], (gint64)stats->value[i]);
    json_object_set_object_member(o, "stats", values);
    json_object_set_int_member(o, "last-update", stats->updated_s);
    return json_node_of_object(o);
}

JsonNode *qmp_get_balloon_property(struct vm *vm, const char *name)
{
    struct device *dev = machine_balloon(vm_machine(vm));
    struct virtio_balloon_stats stats;
    uint32_t seconds;

    device_enter(dev);
    virtio_balloon_get_stats(dev, &stats);
    seconds = virtio_balloon_poll(dev);
    device_leave(dev);
    return strcmp(name, STATS) ? json_node_init_int(json_node_alloc(), seconds) : stats_node(&stats);
}

bool qmp_set_balloon_property(struct vm *vm, const char *name, JsonNode *value, GError **error)
{
    struct device *dev = machine_balloon(vm_machine(vm));
    bool number = value && JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_INT64;
    gint64 seconds = number ? json_node_get_int(value) : 0;

    if (!strcmp(name, STATS))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Property 'virtio-balloon-pci.%s' is not writable", name);
    else if (!number)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Invalid parameter type for '%s', expected: integer", name);
    else if (seconds < 0)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "timer value must be greater than zero");
    else if (seconds > UINT32_MAX)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "timer value is too big");
    if (!number || seconds < 0 || seconds > UINT32_MAX || !strcmp(name, STATS))
        return false;
    device_enter(dev);
    virtio_balloon_set_poll(dev, (uint32_t)seconds);
    device_leave(dev);
    return true;
}

/* ---- the table ---- */

static const struct qmp_arg balloon_args[] = {{"value", QMP_INT, false, NULL}, {0}};

static const struct qmp_command rows[] = {
    {"balloon", balloon, balloon_args, true, false},
    {"query-balloon", query_balloon, NULL, true, false},
};
const struct qmp_table qmp_balloon_table = {rows, G_N_ELEMENTS(rows)};
