/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/hotplug.h"

#include "block/open.h"
#include "dm/json.h"
#include "dm/machine/machine.h"
#include "dm/monitor/monitor.h"
#include "dm/vcpu.h"
#include "dm/vm_build.h"

/* How long a card waits for its I/O before that is abandoned. */
#define DRAIN_MS 2000

static void freeze(struct vm *vm)
{
    if (vm_vcpus(vm))
        vcpus_freeze(vm_vcpus(vm));
}

static void thaw(struct vm *vm)
{
    if (vm_vcpus(vm))
        vcpus_thaw(vm_vcpus(vm));
}

bool hotplug_add(struct vm *vm, struct device_config *d, GError **error)
{
    bool ok;

    freeze(vm);
    ok = machine_plug(vm_machine(vm), d, error);
    thaw(vm);
    return ok;
}

/* Where dm/monitor/qmp_qom.c has it. */
static char *path_of(struct vm *vm, const struct device_config *d)
{
    GPtrArray *devices = vm_config(vm)->devices;
    unsigned n = 0;

    if (d->id)
        return g_strdup_printf("/machine/peripheral/%s", d->id);
    for (guint i = 0; g_ptr_array_index(devices, i) != d; i++)
        n += !((const struct device_config *)g_ptr_array_index(devices, i))->id;
    return g_strdup_printf("/machine/peripheral-anon/device[%u]", n);
}

static void gone(void *opaque, const struct device_config *d)
{
    JsonObject *data = json_object_new();
    g_autofree char *path = path_of(opaque, d);

    if (d->id)
        json_object_set_string_member(data, "device", d->id);
    json_object_set_string_member(data, "path", path);
    monitor_event(opaque, "DEVICE_DELETED", json_node_of_object(data));
}

void hotplug_take_out(struct vm *vm, bool asked)
{
    struct machine *m = vm_machine(vm);

    if (!m || !machine_has_cards_to_go(m, asked))
        return;
    freeze(vm);
    machine_take_out(m, asked, block_drain_all(DRAIN_MS), gone, vm);
    thaw(vm);
}
