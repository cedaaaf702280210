/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/config/explain.h"

#include <stdio.h>
#include <string.h>

#include "block/block.h"
#include "block/open.h"
#include "dm/backends.h"
#include "dm/json.h"
#include "dm/machine/machine.h"
#include "dm/memory.h"
#include "dm/monitor/qmp.h"
#include "dm/vm_build.h"

#define GIB_4 (1ull << 32)

/* ---- before the machine is built: what the host would open ---- */

static void add_strings(JsonObject *o, GHashTable *opts)
{
    GHashTableIter iter;
    gpointer name, value;

    if (!opts)
        return;
    g_hash_table_iter_init(&iter, opts);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        if (value)
            json_object_set_string_member(o, name, value);
    }
}

static JsonArray *describe_chardevs(const struct vm_config *c)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < c->chardevs->len; i++) {
        const struct chardev_config *chr = g_ptr_array_index(c->chardevs, i);
        JsonObject *o = json_object_new(), *options = json_object_new();

        json_object_set_string_member(o, "id", chr->id);
        json_object_set_string_member(o, "backend", chr->backend);
        add_strings(options, chr->opts);
        json_object_set_object_member(o, "options", options);
        json_array_add_object_element(array, o);
    }
    return array;
}

static JsonObject *describe_drive(const struct drive_config *d)
{
    static const char *const buses[] = {[DRIVE_IF_IDE] = "ide", [DRIVE_IF_NONE] = "none", [DRIVE_IF_FLOPPY] = "floppy",
                                        [DRIVE_IF_VIRTIO] = "virtio"};
    const char *name = block_format_by_name(d->file);
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "id", d->id);
    json_object_set_string_member(o, "interface", buses[d->interface]);
    if (d->file)
        json_object_set_string_member(o, "file", d->file);
    if (d->node)
        json_object_set_string_member(o, "node", d->node);
    json_object_set_string_member(o, "format", d->format ? d->format : name ? name : "raw");
    json_object_set_boolean_member(o, "cdrom", d->cd);
    json_object_set_boolean_member(o, "read-only", d->readonly || d->cd);
    json_object_set_boolean_member(o, "snapshot", d->snapshot);
    json_object_set_string_member(o, "cache", d->cache_no_flush ? "unsafe" : d->cache_direct && d->cache_writeback ? "none"
                                  : d->cache_direct ? "directsync" : d->cache_writeback ? "writeback" : "writethrough");
    json_object_set_string_member(o, "aio", d->aio_native ? "native" : "threads");
    return o;
}

static JsonArray *describe_nodes(const struct vm_config *c)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < c->blockdevs->len; i++) {
        const struct blockdev_config *b = g_ptr_array_index(c->blockdevs, i);
        JsonObject *o = json_object_new();

        json_object_set_string_member(o, "node-name", b->name);
        add_strings(o, b->opts);
        json_array_add_object_element(array, o);
    }
    return array;
}

/* Takes out what a review must not touch: sockets, terminals, the images' content and locks, KVM. */
static void make_harmless(struct vm_config *c)
{
    for (guint i = 0; i < c->chardevs->len; i++) {
        struct chardev_config *chr = g_ptr_array_index(c->chardevs, i);
        bool mux = g_str_has_prefix(chr->backend, "mux-");

        g_free(chr->backend);
        chr->backend = g_strdup(mux ? "mux-null" : "null");
        if (chr->opts)
            g_hash_table_remove_all(chr->opts);
    }
    for (guint i = 0; i < c->drives->len; i++) {
        struct drive_config *d = g_ptr_array_index(c->drives, i);

        d->locking = false;
        d->snapshot = d->snapshot || (d->file && !d->cd && !d->readonly);
    }
    g_ptr_array_set_size(c->accels, 0);
    g_ptr_array_add(c->accels, g_strdup("qtest"));
    g_ptr_array_set_size(c->monitors, 0);
    g_clear_pointer(&c->qtest, g_free);
    g_clear_pointer(&c->ram.path, g_free);
    c->ram.prealloc = false;
}

/* ---- of the machine ---- */

static void add_range(JsonArray *array, uint64_t from, uint64_t bytes, const char *what)
{
    JsonObject *o = json_object_new();

    json_object_set_int_member(o, "base", (gint64)from);
    json_object_set_int_member(o, "size", (gint64)bytes);
    json_object_set_string_member(o, "what", what);
    json_array_add_object_element(array, o);
}

static JsonArray *describe_memory(const struct vm_config *c)
{
    JsonArray *array = json_array_new();
    uint64_t low = memory_low_of(c->ram_bytes);

    add_range(array, 0, low, "RAM; from 0xa0000 to 0xfffff also windows and firmware");
    if (c->ram_bytes > low)
        add_range(array, GIB_4, c->ram_bytes - low, "RAM");
    return array;
}

static void add_answer(JsonObject *o, const char *name, struct vm *vm, const char *query)
{
    JsonNode *answer = qmp_run(vm, query, NULL, NULL);

    if (answer)
        json_object_set_member(o, name, answer);
}

static void add_disk(void *opaque, const struct machine_disk *d)
{
    JsonArray *array = opaque;
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "bus", d->bus);
    json_object_set_int_member(o, "unit", d->unit);
    json_object_set_string_member(o, "drive", block_name(d->block));
    json_object_set_boolean_member(o, "cdrom", d->cd);
    json_object_set_int_member(o, "bytes", (gint64)(block_sectors(d->block) * BLOCK_SECTOR_BYTES));
    if (!d->cd) {
        json_object_set_int_member(o, "cyls", d->cyls);
        json_object_set_int_member(o, "heads", d->heads);
        json_object_set_int_member(o, "secs", d->secs);
    }
    if (d->bootindex >= 0)
        json_object_set_int_member(o, "bootindex", d->bootindex);
    json_array_add_object_element(array, o);
}

static JsonObject *describe(const struct vm_config *c)
{
    JsonObject *o = json_object_new();
    JsonArray *drives = json_array_new();

    json_object_set_string_member(o, "version", KVM_DM_VERSION);
    json_object_set_string_member(o, "machine", c->machine_name);
    if (c->name)
        json_object_set_string_member(o, "name", c->name);
    json_object_set_string_member(o, "accelerator", g_ptr_array_index(c->accels, 0));
    json_object_set_int_member(o, "cpus", c->cpus);
    json_object_set_int_member(o, "ram-bytes", (gint64)c->ram_bytes);
    json_object_set_string_member(o, "ram-from", c->ram.path ? c->ram.path : "");
    json_object_set_string_member(o, "firmware", c->bios ? c->bios : "SeaBIOS");
    if (c->kernel)
        json_object_set_string_member(o, "kernel", c->kernel);
    if (c->initrd)
        json_object_set_string_member(o, "initrd", c->initrd);
    for (guint i = 0; i < c->drives->len; i++)
        json_array_add_object_element(drives, describe_drive(g_ptr_array_index(c->drives, i)));
    json_object_set_array_member(o, "drives", drives);
    json_object_set_array_member(o, "block-nodes", describe_nodes(c));
    json_object_set_array_member(o, "chardevs", describe_chardevs(c));
    json_object_set_array_member(o, "memory", describe_memory(c));
    return o;
}

static void describe_machine(JsonObject *o, struct vm *vm)
{
    JsonArray *disks = json_array_new();

    if (vm_machine(vm))
        machine_foreach_disk(vm_machine(vm), add_disk, disks);
    json_object_set_array_member(o, "disks", disks);
    add_answer(o, "devices", vm, "query-devices");
}

/* ---- as text ---- */

static JsonObject *element(JsonArray *array, guint i)
{
    return json_array_get_object_element(array, i);
}

static gint64 number(JsonObject *o, const char *name)
{
    return json_object_get_int_member_with_default(o, name, 0);
}

static const char *word(JsonObject *o, const char *name)
{
    return json_object_get_string_member_with_default(o, name, "");
}

static void print_memory(JsonArray *memory)
{
    printf("memory:\n");
    for (guint i = 0; i < json_array_get_length(memory); i++) {
        JsonObject *o = element(memory, i);

        printf("  %016" G_GINT64_MODIFIER "x-%016" G_GINT64_MODIFIER "x %s\n", number(o, "base"),
               number(o, "base") + number(o, "size") - 1, word(o, "what"));
    }
}

static void print_lines(JsonObject *dev)
{
    JsonArray *irqs = json_object_has_member(dev, "irqs") ? json_object_get_array_member(dev, "irqs") : NULL;

    for (guint i = 0; irqs && i < json_array_get_length(irqs); i++)
        printf("%s %d", i ? "," : "  irq", (int)json_array_get_int_element(irqs, i));
    if (json_object_has_member(dev, "pci")) {
        JsonObject *pci = json_object_get_object_member(dev, "pci");

        printf("  pci %02x.%x", (unsigned)number(pci, "slot"), (unsigned)number(pci, "function"));
        if (number(pci, "irq_pin"))
            printf(" pin %c", (int)number(pci, "irq_pin") + 'A' - 1);
    }
}

static void print_devices(JsonArray *devices)
{
    printf("devices (PCI windows are placed by the firmware):\n");
    for (guint i = 0; i < json_array_get_length(devices); i++) {
        JsonObject *dev = element(devices, i);
        JsonArray *regions = json_object_get_array_member(dev, "regions");

        printf("  %-14s %-16s", word(dev, "id"), word(dev, "type"));
        print_lines(dev);
        printf("\n");
        for (guint j = 0; j < json_array_get_length(regions); j++) {
            JsonObject *r = element(regions, j);

            printf("    %-6s %04" G_GINT64_MODIFIER "x-%04" G_GINT64_MODIFIER "x %s\n", word(r, "space"),
                   number(r, "base"), number(r, "base") + number(r, "size") - 1, word(r, "name"));
        }
    }
}

static void print_disks(JsonArray *disks)
{
    printf("disks:\n");
    for (guint i = 0; i < json_array_get_length(disks); i++) {
        JsonObject *d = element(disks, i);

        printf("  %s unit %d: %s, %s, %" G_GINT64_FORMAT " bytes", word(d, "bus"), (int)number(d, "unit"), word(d, "drive"),
               json_object_get_boolean_member(d, "cdrom") ? "CD" : "disk", number(d, "bytes"));
        if (json_object_has_member(d, "cyls"))
            printf(", %d/%d/%d", (int)number(d, "cyls"), (int)number(d, "heads"), (int)number(d, "secs"));
        if (json_object_has_member(d, "bootindex"))
            printf(", bootindex %d", (int)number(d, "bootindex"));
        printf("\n");
    }
}

/* "name=value" of each string member but those named first. */
static void print_members(JsonObject *o, const char *but)
{
    g_autoptr(GList) names = g_list_sort(json_object_get_members(o), (GCompareFunc)strcmp);

    for (GList *n = names; n; n = n->next) {
        JsonNode *value = json_object_get_member(o, n->data);

        if (strcmp(n->data, but) && JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING)
            printf(" %s=%s", (const char *)n->data, json_node_get_string(value));
        else if (JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_BOOLEAN &&
                 json_node_get_boolean(value))
            printf(" %s", (const char *)n->data);
    }
    printf("\n");
}

static void print_host(JsonObject *o)
{
    static const struct {
        const char *list, *key;
    } lists[] = {{"drives", "id"}, {"block-nodes", "node-name"}};
    JsonArray *chardevs = json_object_get_array_member(o, "chardevs");

    printf("host files:\n  firmware %s\n", word(o, "firmware"));
    if (*word(o, "kernel"))
        printf("  kernel %s\n", word(o, "kernel"));
    if (*word(o, "initrd"))
        printf("  initrd %s\n", word(o, "initrd"));
    for (unsigned l = 0; l < G_N_ELEMENTS(lists); l++) {
        JsonArray *array = json_object_get_array_member(o, lists[l].list);

        for (guint i = 0; i < json_array_get_length(array); i++) {
            printf("  %s %s:", l ? "node" : "drive", word(element(array, i), lists[l].key));
            print_members(element(array, i), lists[l].key);
        }
    }
    for (guint i = 0; i < json_array_get_length(chardevs); i++) {
        JsonObject *chr = element(chardevs, i);

        printf("  chardev %s: %s", word(chr, "id"), word(chr, "backend"));
        print_members(json_object_get_object_member(chr, "options"), "");
    }
}

static void print_text(JsonObject *o)
{
    printf("kvm-dm %s would run %s%s%s: %d CPU(s), %" G_GINT64_FORMAT " MiB, accelerator %s\n", word(o, "version"),
           word(o, "machine"), *word(o, "name") ? " " : "", word(o, "name"), (int)number(o, "cpus"),
           number(o, "ram-bytes") >> 20, word(o, "accelerator"));
    print_memory(json_object_get_array_member(o, "memory"));
    print_disks(json_object_get_array_member(o, "disks"));
    print_host(o);
    if (json_object_has_member(o, "devices"))
        print_devices(json_object_get_array_member(o, "devices"));
}

bool explain(struct vm_config *config, GError **error)
{
    g_autoptr(JsonNode) node = json_node_of_object(describe(config));
    JsonObject *o = json_node_get_object(node);
    bool json = config->explain_json;
    struct vm *vm;

    make_harmless(config);
    vm = vm_new(config, error);
    if (!vm)
        return false;
    describe_machine(o, vm);
    if (json) {
        g_autofree char *text = json_write(node, true);

        printf("%s\n", text);
    } else {
        print_text(o);
    }
    vm_free(vm);
    return true;
}
