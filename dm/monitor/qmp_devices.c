/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: what is in the machine and what the guest does with it. These commands are this process's
 * own; QEMU shows the like by `info qtree` and `info mtree`, as text only.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dm/json.h"
#include "dm/machine/machine.h"
#include "dm/memory.h"
#include "dm/monitor/qmp.h"
#include "dm/vm_build.h"
#include "hw/device.h"
#include "hw/pci/pci.h"

/* The bytes of buffers that one answer holds: the monitor drops a peer that 1 MiB waits for. */
#define MAX_STATE_BYTES (384u * 1024)
/* The main loop stands still meanwhile. */
#define MAX_SAVED_BYTES (64ull << 20)

/* ---- regions: copied under the map's lock, which allows no more than that ---- */

static void copy_region(void *opaque, const struct io_region *region)
{
    struct io_region copy = {.name = region->name, .space = region->space, .base = region->base,
                             .size = region->size, .lock = region->lock};

    copy.stat.reads = __atomic_load_n(&region->stat.reads, __ATOMIC_RELAXED);
    copy.stat.writes = __atomic_load_n(&region->stat.writes, __ATOMIC_RELAXED);
    copy.stat.read_bytes = __atomic_load_n(&region->stat.read_bytes, __ATOMIC_RELAXED);
    copy.stat.write_bytes = __atomic_load_n(&region->stat.write_bytes, __ATOMIC_RELAXED);
    copy.stat.refused = __atomic_load_n(&region->stat.refused, __ATOMIC_RELAXED);
    g_array_append_val((GArray *)opaque, copy);
}

static GArray *mapped_regions(struct vm *vm)
{
    GArray *regions = g_array_new(FALSE, FALSE, sizeof(struct io_region));

    iomap_foreach(vm_env(vm)->iomap, copy_region, regions);
    return regions;
}

static JsonObject *region_object(const struct io_region *r)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "name", r->name);
    json_object_set_string_member(o, "space", r->space == IO_PORT ? "io" : "memory");
    json_object_set_int_member(o, "base", (gint64)r->base);
    json_object_set_int_member(o, "size", (gint64)r->size);
    return o;
}

/* ---- query-devices ---- */

struct tree {
    struct vm *vm;
    GArray *regions;
    JsonArray *array;
};

static void add_regions(JsonObject *o, GArray *regions, const struct device *dev)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < regions->len; i++) {
        const struct io_region *r = &g_array_index(regions, struct io_region, i);

        if (r->lock == dev->lock)
            json_array_add_object_element(array, region_object(r));
    }
    json_object_set_array_member(o, "regions", array);
}

static void add_irqs(JsonObject *o, struct machine *m, const struct device *dev)
{
    uint32_t mask = machine_device_irqs(m, dev);
    JsonArray *array;

    if (!mask)
        return;
    array = json_array_new();
    for (unsigned i = 0; i < 32; i++) {
        if (mask >> i & 1)
            json_array_add_int_element(array, i);
    }
    json_object_set_array_member(o, "irqs", array);
}

struct pci_search {
    const struct device *dev;
    struct pci_device *found;
};

static void match_function(void *opaque, struct pci_device *pci)
{
    struct pci_search *s = opaque;

    if (&pci->dev == s->dev)
        s->found = pci;
}

static struct pci_device *pci_function_of(struct machine *m, const struct device *dev)
{
    struct pci_search s = {dev, NULL};

    if (machine_pci_bus(m))
        pci_bus_foreach(machine_pci_bus(m), match_function, &s);
    return s.found;
}

/* The members of query-pci's PciDeviceInfo that tell a function from others. */
static JsonObject *pci_object(struct pci_device *pci)
{
    JsonObject *o = json_object_new(), *id = json_object_new(), *class = json_object_new();
    uint8_t config[0x40];

    device_enter(&pci->dev);
    memcpy(config, pci->config, sizeof(config));
    device_leave(&pci->dev);
    json_object_set_int_member(o, "bus", 0);
    json_object_set_int_member(o, "slot", pci->devfn >> 3);
    json_object_set_int_member(o, "function", pci->devfn & 7);
    json_object_set_int_member(id, "vendor", pci_get_word(config));
    json_object_set_int_member(id, "device", pci_get_word(config + 2));
    json_object_set_object_member(o, "id", id);
    json_object_set_int_member(class, "class", pci_get_word(config + 0x0a));
    json_object_set_object_member(o, "class_info", class);
    json_object_set_int_member(o, "irq", config[0x3c]);
    json_object_set_int_member(o, "irq_pin", config[0x3d]);
    return o;
}

static void add_device(void *opaque, struct device *dev)
{
    struct tree *t = opaque;
    struct machine *m = vm_machine(t->vm);
    struct pci_device *pci = pci_function_of(m, dev);
    JsonObject *o = json_object_new();
    uint64_t errors;

    device_enter(dev);
    errors = dev->guest_errors;
    device_leave(dev);
    json_object_set_string_member(o, "id", dev->id);
    json_object_set_string_member(o, "type", dev->cls->name);
    json_object_set_string_member(o, "description", dev->cls->title);
    if (pci)
        json_object_set_object_member(o, "pci", pci_object(pci));
    add_irqs(o, m, dev);
    add_regions(o, t->regions, dev);
    json_object_set_int_member(o, "guest-errors", (gint64)errors);
    json_array_add_object_element(t->array, o);
}

static JsonNode *query_devices(struct vm *vm, JsonObject *args, GError **error)
{
    struct tree t = {vm, mapped_regions(vm), json_array_new()};

    (void)args, (void)error;
    machine_foreach_device(vm_machine(vm), add_device, &t);
    g_array_free(t.regions, TRUE);
    return json_node_of_array(t.array);
}

/* ---- query-region-stats ---- */

struct owner_search {
    const struct iolock *lock;
    const char *id;
};

static void match_owner(void *opaque, struct device *dev)
{
    struct owner_search *s = opaque;

    if (dev->lock == s->lock)
        s->id = dev->id;
}

static JsonNode *query_region_stats(struct vm *vm, JsonObject *args, GError **error)
{
    g_autoptr(GArray) regions = mapped_regions(vm);
    JsonArray *array = json_array_new();

    (void)args, (void)error;
    for (guint i = 0; i < regions->len; i++) {
        const struct io_region *r = &g_array_index(regions, struct io_region, i);
        struct owner_search owner = {r->lock, NULL};
        JsonObject *o = region_object(r);

        machine_foreach_device(vm_machine(vm), match_owner, &owner);
        if (owner.id)
            json_object_set_string_member(o, "device", owner.id);
        json_object_set_int_member(o, "reads", (gint64)r->stat.reads);
        json_object_set_int_member(o, "writes", (gint64)r->stat.writes);
        json_object_set_int_member(o, "read-bytes", (gint64)r->stat.read_bytes);
        json_object_set_int_member(o, "write-bytes", (gint64)r->stat.write_bytes);
        json_object_set_int_member(o, "refused", (gint64)r->stat.refused);
        json_array_add_object_element(array, o);
    }
    return json_node_of_array(array);
}

/* ---- query-device-state ---- */

/* device_dump() comes element by element, in the order of the table of fields. */
struct state {
    const struct device *dev;
    unsigned field;
    uint32_t element;
    size_t bytes; /* shown so far, of buffers */
    JsonObject *fields, *names;
    JsonArray *cut;
    JsonArray *array; /* of the field at hand */
    GString *hex;
};

static void finish_field(struct state *s, const struct dev_field *f)
{
    if (s->hex) {
        json_object_set_string_member(s->fields, f->name, s->hex->str);
        g_string_free(s->hex, TRUE);
    } else if (s->array) {
        json_object_set_array_member(s->fields, f->name, s->array);
    }
    s->hex = NULL;
    s->array = NULL;
    s->field++;
    s->element = 0;
}

static void add_byte(struct state *s, const struct dev_field *f, uint64_t value)
{
    if (!s->hex)
        s->hex = g_string_new(NULL);
    if (s->bytes < MAX_STATE_BYTES)
        g_string_append_printf(s->hex, "%02x", (unsigned)value & 0xff);
    else if (s->bytes == MAX_STATE_BYTES || s->element == 0)
        json_array_add_string_element(s->cut, f->name);
    s->bytes++;
}

static void add_element(void *opaque, const char *name, uint64_t value, const char *text)
{
    struct state *s = opaque;
    const struct dev_field *f = &s->dev->cls->fields[s->field];

    if (f->type == FIELD_BYTES) {
        add_byte(s, f, value);
    } else if (f->count > 1) {
        if (!s->array)
            s->array = json_array_new();
        json_array_add_int_element(s->array, (gint64)value);
    } else {
        json_object_set_int_member(s->fields, f->name, (gint64)value);
    }
    if (text)
        json_object_set_string_member(s->names, name, text);
    if (++s->element == f->count)
        finish_field(s, f);
}

/* ---- the last writes to a device's registers ---- */

struct write_list {
    const struct device *dev;
    int64_t now_ns;
    JsonArray *array;
};

static void add_source(JsonObject *o, uint16_t source)
{
    if (source == IOREQ_SOURCE_QTEST)
        json_object_set_string_member(o, "source", "qtest");
    else if (source == IOREQ_SOURCE_DOORBELL)
        json_object_set_string_member(o, "source", "doorbell"); /* an ioeventfd: the same holds */
    else if (source == IOREQ_SOURCE_POSTED)
        json_object_set_string_member(o, "source", "posted"); /* KVM collected it; it does not say from which vCPU */
    else
        json_object_set_int_member(o, "vcpu", source);
}

/* Newest first. The device's lock is held, which is the regions' too. */
static void add_writes(void *opaque, const struct io_region *r)
{
    struct write_list *list = opaque;

    if (r->lock != list->dev->lock)
        return;
    for (unsigned n = 1; n <= IO_LAST_WRITES; n++) {
        const struct io_write *w = &r->last_writes[(r->next_write - n) % IO_LAST_WRITES];
        JsonObject *o;

        if (!w->count)
            break;
        o = json_object_new();
        json_object_set_string_member(o, "region", r->name);
        json_object_set_int_member(o, "address", (gint64)w->addr);
        json_object_set_int_member(o, "size", w->size);
        json_object_set_int_member(o, "count", w->count);
        json_object_set_int_member(o, "value", (gint64)w->value);
        add_source(o, w->source);
        json_object_set_int_member(o, "time-ns", w->when_ns);
        json_object_set_int_member(o, "ago-ns", list->now_ns - w->when_ns);
        json_array_add_object_element(list->array, o);
    }
}

static JsonArray *last_writes(struct vm *vm, const struct device *dev)
{
    struct write_list list = {dev, vclock_now_ns(vm_env(vm)->clock), json_array_new()};

    iomap_foreach(vm_env(vm)->iomap, add_writes, &list);
    return list.array;
}

struct id_search {
    const char *id;
    struct device *found;
};

static void match_id(void *opaque, struct device *dev)
{
    struct id_search *s = opaque;

    if (!strcmp(dev->id, s->id))
        s->found = dev;
}

static JsonNode *query_device_state(struct vm *vm, JsonObject *args, GError **error)
{
    struct id_search search = {json_object_get_string_member(args, "id"), NULL};
    struct state s = {0};
    JsonArray *writes;
    JsonObject *o;

    machine_foreach_device(vm_machine(vm), match_id, &search);
    if (!search.found) {
        g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_FOUND, "Device '%.60s' not found", search.id);
        return NULL;
    }
    o = json_object_new();
    s.dev = search.found;
    s.fields = json_object_new();
    s.names = json_object_new();
    s.cut = json_array_new();
    device_enter(search.found);
    device_dump(search.found, add_element, &s);
    writes = last_writes(vm, search.found);
    device_leave(search.found);
    json_object_set_string_member(o, "id", search.found->id);
    json_object_set_string_member(o, "type", search.found->cls->name);
    json_object_set_object_member(o, "fields", s.fields);
    json_object_set_object_member(o, "names", s.names);
    json_object_set_array_member(o, "truncated", s.cut);
    json_object_set_array_member(o, "last-writes", writes);
    return json_node_of_object(o);
}

/* ---- pmemsave: guest memory into a file, as a debugger sees it ---- */

static bool save_memory(struct vm *vm, FILE *file, uint64_t from, uint64_t bytes)
{
    uint8_t buf[65536];

    while (bytes) {
        size_t n = MIN(bytes, sizeof(buf));

        memory_peek(vm_memory(vm), from, buf, n);
        if (fwrite(buf, 1, n, file) != n)
            return false;
        from += n;
        bytes -= n;
    }
    return true;
}

static JsonNode *pmemsave(struct vm *vm, JsonObject *args, GError **error)
{
    gint64 from = json_object_get_int_member(args, "val"), bytes = json_object_get_int_member(args, "size");
    const char *path = json_object_get_string_member(args, "filename");
    FILE *file;
    bool ok;

    if (from < 0 || bytes < 0 || (uint64_t)bytes > MAX_SAVED_BYTES) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "size is from 0 to %llu bytes", MAX_SAVED_BYTES);
        return NULL;
    }
    file = fopen(path, "we");
    ok = file && save_memory(vm, file, (uint64_t)from, (uint64_t)bytes);
    if (file && fclose(file))
        ok = false;
    if (!ok)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "cannot write %s: %s", path, g_strerror(errno));
    return NULL;
}

/* ---- the table ---- */

static const struct qmp_arg id_args[] = {{"id", QMP_STRING, false, NULL}, {0}};

static const struct qmp_arg save_args[] = {{"val", QMP_INT, false, NULL},
                                           {"size", QMP_INT, false, NULL},
                                           {"filename", QMP_STRING, false, NULL},
                                           {0}};

static const struct qmp_command rows[] = {
    {"query-devices", query_devices, NULL, false, false},
    {"query-region-stats", query_region_stats, NULL, false, false},
    {"query-device-state", query_device_state, id_args, false, false},
    {"pmemsave", pmemsave, save_args, true, false},
};
const struct qmp_table qmp_devices_table = {rows, G_N_ELEMENTS(rows)};
