/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: PCI cards that come and go, device_add and device_del. What cannot is refused in QEMU's words where its users
 * look for them. device_del is done when the guest has let the card go: the event DEVICE_DELETED tells.
 */
#include <string.h>

#include "dm/config/devprops.h"
#include "dm/config/options.h"
#include "dm/hotplug.h"
#include "dm/machine/machine.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_hotplug.h"
#include "dm/vm_build.h"

static void fail(GError **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_clear_error(error);
    *error = g_error_new_valist(QMP_ERROR, QMP_GENERIC_ERROR, format, args);
    va_end(args);
}

/* Where a device of the kind hangs, for devices on a bus that cannot do this. NULL: PCI. */
static const char *fixed_bus(const struct device_desc *d, const char *given)
{
    if (!strcmp(d->bus, "PCI"))
        return NULL;
    if (given)
        return given;
    return !strcmp(d->bus, "IDE") ? "ide.0" : !strcmp(d->bus, "ISA") ? "isa.0" :
           !strcmp(d->bus, "virtio-serial-bus") ? d->bus : "floppy-bus.0";
}

/* ---- device_add ---- */

static bool may_add(struct vm *vm, const char *driver, const char *bus, GError **error)
{
    const struct device_desc *d = device_desc_find(driver);

    if (!d) {
        fail(error, "'%.60s' is not a valid device model name", driver);
        return false;
    }
    bus = fixed_bus(d, bus);
    if (!d->user_creatable)
        fail(error, "Parameter 'driver' expects a pluggable device type: '%s' is a part of the machine", driver);
    else if (bus)
        fail(error, "Bus '%.60s' does not support hotplugging", bus);
    else if (!strcmp(vm_config(vm)->machine, "isapc"))
        fail(error, "No 'PCI' bus found for device '%s'", driver);
    else if (!machine_can_plug(vm_machine(vm), driver))
        fail(error, "Parameter 'driver' expects a pluggable device type: '%s' cannot be added to a running machine",
             driver);
    else
        return true;
    return false;
}

static bool id_is_taken(struct vm *vm, const char *id)
{
    GPtrArray *devices = vm_config(vm)->devices;

    for (guint i = 0; id && i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (d->id && !strcmp(d->id, id))
            return true;
    }
    return false;
}

/* The machine's errors begin as those of the command line. */
static void as_qmp(GError **error)
{
    static const char option[] = "-device ";
    const char *text = (*error)->message;
    g_autofree char *copy = g_strdup(g_str_has_prefix(text, option) ? text + strlen(option) : text);

    fail(error, "%s", copy);
}

/* The last one of the name that has a value; NULL: none. */
static const char *value_of(const GPtrArray *pairs, const char *name)
{
    for (guint i = pairs->len; i-- > 0;) {
        const struct opt_pair *pair = g_ptr_array_index(pairs, i);

        if (pair->value && !strcmp(pair->name, name))
            return pair->value;
    }
    return NULL;
}

void qmp_device_add(struct vm *vm, GPtrArray *pairs, GError **error)
{
    const char *driver = value_of(pairs, "driver");
    struct device_config *d;

    if (!vm_machine(vm) || !driver) {
        fail(error, vm_machine(vm) ? "Parameter 'driver' is missing" : "there is no machine (-machine none)");
        return;
    }
    if (!may_add(vm, driver, value_of(pairs, "bus"), error))
        return;
    d = device_config_new("device_add", pairs, error);
    if (!d)
        return;
    if (id_is_taken(vm, d->id))
        fail(error, "Duplicate device ID '%s'", d->id);
    else if (hotplug_add(vm, d, error))
        return;
    else
        as_qmp(error);
    device_config_free(d);
}

static JsonNode *device_add(struct vm *vm, JsonObject *args, GError **error)
{
    g_autoptr(GPtrArray) pairs = opt_pairs_from_object("device_add", args, error);

    /* QEMU 7.2 takes "1" for 1 here, and here only. */
    for (guint i = 0; pairs && i < pairs->len; i++)
        ((struct opt_pair *)g_ptr_array_index(pairs, i))->json_type = G_TYPE_INVALID;
    if (pairs)
        qmp_device_add(vm, pairs, error);
    return NULL;
}

/* ---- device_del ---- */

static JsonNode *device_del(struct vm *vm, JsonObject *args, GError **error)
{
    const char *id = json_object_get_string_member(args, "id");
    const struct device_config *d = qmp_find_device(vm, id);
    const char *bus;

    if (!d) {
        g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_FOUND, "Device '%.80s' not found", id);
        return NULL;
    }
    bus = fixed_bus(device_desc_find(d->driver), device_prop(vm_machine(vm), d, "bus"));
    if (bus)
        fail(error, "Bus '%.60s' does not support hotplugging", bus);
    else if (!machine_ask_for_card(vm_machine(vm), d))
        fail(error, "Device '%.60s' does not support hotplugging", d->id ? d->id : d->driver);
    return NULL;
}

/* ---- the table ---- */

static const struct qmp_arg add_args[] = {{"driver", QMP_STRING, false, NULL},
                                          {"id", QMP_STRING, true, NULL},
                                          {"bus", QMP_STRING, true, NULL},
                                          {0}};
static const struct qmp_arg del_args[] = {{"id", QMP_STRING, false, NULL}, {0}};

static const struct qmp_command rows[] = {
    {"device_add", device_add, add_args, true, true},
    {"device_del", device_del, del_args, true, false},
};
const struct qmp_table qmp_hotplug_table = {rows, G_N_ELEMENTS(rows)};
