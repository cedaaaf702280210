/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor's `info`: what QMP's queries answer, as text in QEMU's layout. */
#include <string.h>

#include "dm/cpustate.h"
#include "dm/monitor/hmp.h"
#include "dm/irq.h"
#include "dm/machine/machine.h"
#include "dm/vcpu.h"
#include "dm/vm_build.h"

static const char *text_of(JsonObject *o, const char *name)
{
    return json_object_get_string_member_with_default(o, name, "");
}

static gint64 number_of(JsonObject *o, const char *name)
{
    return json_object_get_int_member_with_default(o, name, 0);
}

static JsonObject *object_in(JsonObject *o, const char *name)
{
    JsonNode *node = o ? json_object_get_member(o, name) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* Calls fn for each object of the list that a QMP query answers. */
static void each(struct hmp *h, const char *query, void (*fn)(struct hmp *h, JsonObject *o))
{
    g_autoptr(JsonNode) node = hmp_qmp(h, query, NULL);
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (guint i = 0; array && i < json_array_get_length(array); i++)
        fn(h, json_array_get_object_element(array, i));
}

/* ---- the process and its processors ---- */

static void info_status(struct hmp *h)
{
    enum run_state state = vm_run_state(h->vm);

    g_string_append_printf(h->out, "VM status: %s", state == RUN_RUNNING ? "running" : "paused");
    if (state != RUN_RUNNING && state != RUN_PAUSED)
        g_string_append_printf(h->out, " (%s)", run_state_name(state));
    g_string_append_c(h->out, '\n');
}

static void info_name(struct hmp *h)
{
    const char *name = vm_config(h->vm)->name;

    g_string_append_printf(h->out, "%s\n", name ? name : "");
}

static void info_uuid(struct hmp *h)
{
    const char *uuid = vm_config(h->vm)->uuid;

    g_string_append_printf(h->out, "%s\n", uuid ? uuid : "00000000-0000-0000-0000-000000000000");
}

static void info_version(struct hmp *h)
{
    g_string_append(h->out, "7.2.0 (kvm-dm " KVM_DM_VERSION ")\n");
}

static void info_kvm(struct hmp *h)
{
    g_string_append_printf(h->out, "kvm support: %s\n", vm_uses_kvm(h->vm) ? "enabled" : "disabled");
}

static void one_cpu(struct hmp *h, JsonObject *o)
{
    gint64 n = number_of(o, "cpu-index");

    g_string_append_printf(h->out, "%c CPU #%" G_GINT64_FORMAT ": thread_id=%" G_GINT64_FORMAT "\n", n ? ' ' : '*', n,
                           number_of(o, "thread-id"));
}

static void info_cpus(struct hmp *h)
{
    each(h, "query-cpus-fast", one_cpu);
}

static void one_processor(struct hmp *h, unsigned cpu)
{
    g_autofree char *text = vcpu_registers(vm_vcpus(h->vm), cpu);

    g_string_append_printf(h->out, "\nCPU#%u\n%s", cpu, text);
}

/* [-a|CPU] */
static void info_registers(struct hmp *h)
{
    struct vcpu_group *cpus = vm_vcpus(h->vm);
    bool all = h->argc > 1 && h->argv[1][0] == '-';
    uint64_t cpu = h->cpu;

    if (!cpus) {
        g_string_append(h->out, "there is no processor (-accel qtest)\n");
        return;
    }
    if (h->argc > 1 && !all && !hmp_number(h, h->argv[1], &cpu))
        return;
    for (unsigned i = 0; i < vcpus_count(cpus); i++) {
        if (all || i == cpu)
            one_processor(h, i);
    }
    if (cpu >= vcpus_count(cpus))
        g_string_append_printf(h->out, "CPU#%" G_GUINT64_FORMAT " not available\n", cpu);
}

/* ---- back ends ---- */

static void one_block(struct hmp *h, JsonObject *o)
{
    JsonObject *inserted = object_in(o, "inserted"), *cache = object_in(inserted, "cache");

    g_string_append(h->out, text_of(o, "device"));
    if (!inserted) {
        g_string_append(h->out, ": [not inserted]\n");
    } else {
        g_string_append_printf(h->out, " (%s): %s (%s%s)\n", text_of(inserted, "node-name"), text_of(inserted, "file"),
                               text_of(inserted, "drv"),
                               json_object_get_boolean_member_with_default(inserted, "ro", FALSE) ? ", read-only" : "");
    }
    if (*text_of(o, "qdev"))
        g_string_append_printf(h->out, "    Attached to:      %s\n", text_of(o, "qdev"));
    if (json_object_get_boolean_member_with_default(o, "removable", FALSE))
        g_string_append_printf(h->out, "    Removable device: %slocked, tray %s\n",
                               json_object_get_boolean_member_with_default(o, "locked", FALSE) ? "" : "not ",
                               json_object_get_boolean_member_with_default(o, "tray_open", FALSE) ? "open" : "closed");
    if (cache)
        g_string_append_printf(h->out, "    Cache mode:       %s%s\n",
                               json_object_get_boolean_member_with_default(cache, "writeback", TRUE) ? "writeback"
                                                                                                     : "writethrough",
                               json_object_get_boolean_member_with_default(cache, "direct", FALSE) ? ", direct" : "");
    if (inserted && *text_of(inserted, "backing_file"))
        g_string_append_printf(h->out, "    Backing file:     %s\n", text_of(inserted, "backing_file"));
}

static void info_block(struct hmp *h)
{
    each(h, "query-block", one_block);
}

static void one_blockstat(struct hmp *h, JsonObject *o)
{
    static const char *const names[] = {"rd_bytes", "wr_bytes", "rd_operations", "wr_operations", "flush_operations",
                                        "rd_total_time_ns", "wr_total_time_ns", "flush_total_time_ns"};
    JsonObject *stats = object_in(o, "stats");

    g_string_append_printf(h->out, "%s:", text_of(o, "device"));
    for (unsigned i = 0; stats && i < G_N_ELEMENTS(names); i++)
        g_string_append_printf(h->out, " %s=%" G_GINT64_FORMAT, names[i], number_of(stats, names[i]));
    g_string_append_c(h->out, '\n');
}

static void info_blockstats(struct hmp *h)
{
    each(h, "query-blockstats", one_blockstat);
}

static void one_job(struct hmp *h, JsonObject *o)
{
    g_string_append_printf(h->out, "%s: %s, %s, %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT "\n", text_of(o, "id"),
                           text_of(o, "type"), text_of(o, "status"), number_of(o, "current-progress"),
                           number_of(o, "total-progress"));
}

static void info_jobs(struct hmp *h)
{
    each(h, "query-jobs", one_job);
}

static void one_chardev(struct hmp *h, JsonObject *o)
{
    g_string_append_printf(h->out, "%s: filename=%s\n", text_of(o, "label"), text_of(o, "filename"));
}

static void info_chardev(struct hmp *h)
{
    each(h, "query-chardev", one_chardev);
}

static void info_vnc(struct hmp *h)
{
    g_autoptr(JsonNode) node = hmp_qmp(h, "query-vnc", NULL);
    JsonObject *o = node ? json_node_get_object(node) : NULL;

    if (o && !json_object_get_boolean_member_with_default(o, "enabled", FALSE))
        g_string_append(h->out, "Server: disabled\n");
    else if (o)
        g_string_append_printf(h->out, "Server:\n     address: %s:%s\n        auth: %s\n", text_of(o, "host"),
                               text_of(o, "service"), text_of(o, "auth"));
}

/* ---- networks: cards with their wires, then wires without a card ---- */

static void print_wire(struct hmp *h, JsonObject *wire, const char *before)
{
    g_string_append_printf(h->out, "%s%s: index=0,type=%s%s%s\n", before, text_of(wire, "id"), text_of(wire, "type"),
                           *text_of(wire, "info") ? "," : "", text_of(wire, "info"));
}

static void wire_without_card(struct hmp *h, JsonObject *wire)
{
    if (!json_object_has_member(wire, "device"))
        print_wire(h, wire, "");
}

static void info_network(struct hmp *h)
{
    g_autoptr(JsonNode) node = hmp_qmp(h, "query-netdevs", NULL);
    JsonArray *wires = node ? json_node_get_array(node) : NULL;
    const char *id, *netdev, *driver;
    uint8_t mac[6];

    each(h, "query-netdevs", wire_without_card);
    for (unsigned i = 0; wires && machine_nic(vm_machine(h->vm), i, &id, &netdev); i++) {
        machine_nic_kind(vm_machine(h->vm), i, &driver, mac);
        g_string_append_printf(h->out, "%s: index=0,type=nic,model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x\n", id,
                               driver, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        for (guint w = 0; netdev && w < json_array_get_length(wires); w++) {
            JsonObject *wire = json_array_get_object_element(wires, w);

            if (!strcmp(text_of(wire, "id"), netdev))
                print_wire(h, wire, " \\ ");
        }
    }
}

static void one_mouse(struct hmp *h, JsonObject *o)
{
    g_string_append_printf(h->out, "%c Mouse #%" G_GINT64_FORMAT ": %s%s\n",
                           json_object_get_boolean_member_with_default(o, "current", FALSE) ? '*' : ' ',
                           number_of(o, "index"), text_of(o, "name"),
                           json_object_get_boolean_member_with_default(o, "absolute", FALSE) ? " (absolute)" : "");
}

static void info_mice(struct hmp *h)
{
    each(h, "query-mice", one_mouse);
}

/* ---- the machine ---- */

static void print_regions(struct hmp *h, JsonObject *dev, const char *before)
{
    JsonArray *array = json_object_get_array_member(dev, "regions");

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *r = json_array_get_object_element(array, i);
        gint64 base = number_of(r, "base"), size = number_of(r, "size");

        g_string_append_printf(h->out, "%s%s at 0x%04" G_GINT64_MODIFIER "x [0x%04" G_GINT64_MODIFIER "x] %s\n", before,
                               strcmp(text_of(r, "space"), "io") ? "Memory" : "I/O", base, base + size - 1,
                               text_of(r, "name"));
    }
}

static void one_function(struct hmp *h, JsonObject *o)
{
    JsonObject *pci = object_in(o, "pci"), *id = object_in(pci, "id");

    if (!pci)
        return;
    g_string_append_printf(h->out, "  Bus %2d, device %3d, function %d:\n    %s: PCI device %04x:%04x\n",
                           (int)number_of(pci, "bus"), (int)number_of(pci, "slot"), (int)number_of(pci, "function"),
                           text_of(o, "description"), (unsigned)number_of(id, "vendor"),
                           (unsigned)number_of(id, "device"));
    if (number_of(pci, "irq_pin"))
        g_string_append_printf(h->out, "      IRQ %d, pin %c\n", (int)number_of(pci, "irq"),
                               (int)number_of(pci, "irq_pin") + 'A' - 1);
    print_regions(h, o, "      ");
    g_string_append_printf(h->out, "      id \"%s\"\n", text_of(o, "id"));
}

static void info_pci(struct hmp *h)
{
    each(h, "query-devices", one_function);
}

static void one_device(struct hmp *h, JsonObject *o)
{
    g_string_append_printf(h->out, "  dev: %s, id \"%s\"\n    %s\n", text_of(o, "type"), text_of(o, "id"),
                           text_of(o, "description"));
    print_regions(h, o, "    ");
}

static void info_qtree(struct hmp *h)
{
    g_string_append(h->out, "bus: main-system-bus\n");
    each(h, "query-devices", one_device);
}

static void one_range(struct hmp *h, JsonObject *o)
{
    gint64 base = number_of(o, "base");

    g_string_append_printf(h->out, "  %016" G_GINT64_MODIFIER "x-%016" G_GINT64_MODIFIER "x (%s): %s%s%s\n", base,
                           base + number_of(o, "size") - 1, text_of(o, "space"), text_of(o, "name"),
                           *text_of(o, "device") ? " of " : "", text_of(o, "device"));
}

static void info_mtree(struct hmp *h)
{
    if (h->argc > 1 && h->argv[1][0] != '-') {
        g_string_append_printf(h->out, "mtree: unknown word '%s'\n", h->argv[1]);
        return;
    }
    each(h, "query-region-stats", one_range);
}

static void one_count(struct hmp *h, JsonObject *o)
{
    g_string_append_printf(h->out, "%-20s %-20s %10" G_GINT64_FORMAT " reads %10" G_GINT64_FORMAT " writes\n",
                           text_of(o, "device"), text_of(o, "name"), number_of(o, "reads"), number_of(o, "writes"));
}

static void info_accesses(struct hmp *h)
{
    each(h, "query-region-stats", one_count);
}

static void info_irq(struct hmp *h)
{
    struct irq_fabric *fabric = vm_irq(h->vm);

    for (unsigned i = 0; fabric && i < IRQ_GSIS; i++) {
        if (irq_fabric_level(fabric, i))
            g_string_append_printf(h->out, "GSI %u: high\n", i);
    }
    g_string_append(h->out, "all other lines: low\n");
}

static void info_balloon(struct hmp *h)
{
    g_autoptr(JsonNode) node = hmp_qmp(h, "query-balloon", NULL);

    if (node)
        g_string_append_printf(h->out, "balloon: actual=%" G_GINT64_FORMAT "\n",
                               number_of(json_node_get_object(node), "actual") >> 20);
}

static const struct hmp_command subjects[] = {
    {"status", "", "whether the guest runs", 0, 0, info_status, NULL},
    {"name", "", "the VM's name", 0, 0, info_name, NULL},
    {"uuid", "", "the VM's UUID", 0, 0, info_uuid, NULL},
    {"version", "", "version", 0, 0, info_version, NULL},
    {"kvm", "", "whether KVM runs the guest", 0, 0, info_kvm, NULL},
    {"cpus", "", "processors and their threads", 0, 0, info_cpus, NULL},
    {"registers", "[-a|CPU]", "registers of a processor, or of all", 0, 1, info_registers, "a"},
    {"block", "", "drives and their media", 0, 0, info_block, NULL},
    {"blockstats", "", "what they have done", 0, 0, info_blockstats, NULL},
    {"jobs|block-jobs", "", "backups, commits and the like", 0, 0, info_jobs, NULL},
    {"chardev", "", "character back ends", 0, 0, info_chardev, NULL},
    {"balloon", "", "how much memory the guest has, in MiB", 0, 0, info_balloon, NULL},
    {"network", "", "network cards and wires", 0, 0, info_network, NULL},
    {"vnc", "", "the VNC server", 0, 0, info_vnc, NULL},
    {"mice", "", "pointing devices", 0, 0, info_mice, NULL},
    {"pci", "", "PCI functions", 0, 0, info_pci, NULL},
    {"qtree", "", "devices", 0, 0, info_qtree, NULL},
    {"mtree", "[-f]", "where registers are mapped", 0, 1, info_mtree, "f"},
    {"accesses", "", "how often each region was read and written", 0, 0, info_accesses, NULL},
    {"irq|pic", "", "interrupt lines that are high", 0, 0, info_irq, NULL},
};

const struct hmp_command *hmp_info_commands(unsigned *count)
{
    *count = G_N_ELEMENTS(subjects);
    return subjects;
}
