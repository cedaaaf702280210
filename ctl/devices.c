/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subcommands: the devices, their state, and what the guest does with them. */
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "dm/json.h"

#define LINE_ELEMENTS 16u /* of an array in a device's state */

/* ---- devices ---- */

static char *place_of(JsonObject *device)
{
    JsonObject *pci = json_obj(device, "pci");

    return pci ? g_strdup_printf("pci %02llx.%llx", (long long)json_num(pci, "slot"),
                                 (long long)json_num(pci, "function"))
               : g_strdup("isa");
}

static char *irqs_of(JsonObject *device)
{
    JsonArray *irqs = json_arr(device, "irqs");
    JsonObject *pci = json_obj(device, "pci");
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < json_count(irqs); i++)
        g_string_append_printf(s, "%s%lld", s->len ? "," : "",
                               (long long)json_array_get_int_element(irqs, i));
    if (!s->len && json_num(pci, "irq_pin") >= 1 && json_num(pci, "irq_pin") <= 4)
        g_string_append_printf(s, "INT%c>%lld", 'A' + (int)json_num(pci, "irq_pin") - 1,
                               (long long)json_num(pci, "irq"));
    return g_string_free(s, FALSE);
}

static char *range_of(JsonObject *region)
{
    guint64 base = (guint64)json_num(region, "base"), size = (guint64)json_num(region, "size");

    const char *space = g_strcmp0(json_str(region, "space"), "io") ? "mem " : "";

    if (size <= 1)
        return g_strdup_printf("%s%llx", space, (unsigned long long)base);
    return g_strdup_printf("%s%llx-%llx", space, (unsigned long long)base,
                           (unsigned long long)(base + size - 1));
}

static void print_device(struct out_table *table, JsonObject *device)
{
    JsonArray *regions = json_arr(device, "regions");
    g_autofree char *place = place_of(device), *irqs = irqs_of(device);
    g_autofree char *errors = json_num(device, "guest-errors")
                                  ? g_strdup_printf("%lld", (long long)json_num(device, "guest-errors"))
                                  : g_strdup("");
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < json_count(regions); i++) {
        g_autofree char *range = range_of(json_item(regions, i));

        g_string_append_printf(s, "%s%s", i ? ", " : "", range);
    }
    out_table_row(table, json_str(device, "id"), json_str(device, "type"), place, irqs, errors, s->str);
    g_string_free(s, TRUE);
}

static bool print_devices(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonNode) devices = ctl_ask(ctl, "query-devices", NULL, error);
    struct out_table *table;

    if (!devices)
        return false;
    if (ctl->json) {
        out_json(devices);
        return true;
    }
    table = out_table_new(6, "llllrl");
    out_table_row(table, "ID", "TYPE", "PLACE", "IRQ", "ERRORS", "PORTS AND MEMORY");
    for (guint i = 0; i < json_count(json_list(devices)); i++)
        print_device(table, json_item(json_list(devices), i));
    out_table_print(table);
    return true;
}

/* ---- the state of one ---- */

static void print_value(const char *name, guint64 value, const char *text)
{
    printf("%-28s 0x%llx", name, (unsigned long long)value);
    if (value > 9)
        printf(" (%lld)", (long long)value);
    if (text) {
        fputs("  ", stdout);
        out_text(stdout, text);
    }
    putchar('\n');
}

/* A buffer or an array, so many elements a line; lines like the one before are one "*". */
static void print_lines(const char *name, GPtrArray *cells)
{
    g_autofree char *last = NULL;
    bool starred = false;

    printf("%s:\n", name);
    for (guint i = 0; i < cells->len; i += LINE_ELEMENTS) {
        GString *line = g_string_new(NULL);

        for (guint k = i; k < cells->len && k < i + LINE_ELEMENTS; k++)
            g_string_append_printf(line, " %s", (char *)g_ptr_array_index(cells, k));
        if (!g_strcmp0(line->str, last)) {
            if (!starred)
                puts("  *");
            starred = true;
            g_string_free(line, TRUE);
            continue;
        }
        starred = false;
        printf("  %04x ", i);
        out_text(stdout, line->str);
        putchar('\n');
        g_free(last);
        last = g_string_free(line, FALSE);
    }
}

static void print_field(JsonObject *names, const char *name, JsonNode *value)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);

    if (JSON_NODE_HOLDS_ARRAY(value)) {
        JsonArray *array = json_node_get_array(value);

        for (guint i = 0; i < json_count(array); i++)
            g_ptr_array_add(cells, g_strdup_printf("%llx",
                                                   (long long)json_array_get_int_element(array, i)));
        print_lines(name, cells);
    } else if (JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING) {
        const char *hex = json_node_get_string(value);

        for (size_t i = 0; hex[i] && hex[i + 1]; i += 2)
            g_ptr_array_add(cells, g_strndup(hex + i, 2));
        print_lines(name, cells);
    } else if (JSON_NODE_HOLDS_VALUE(value)) {
        print_value(name, (guint64)json_node_get_int(value), json_str(names, name));
    }
}

/* Newest first: what was written to its registers, by whom and how long ago. */
static void print_writes(JsonArray *writes)
{
    for (guint i = 0; i < json_count(writes); i++) {
        JsonObject *w = json_item(writes, i);
        const char *source = json_str(w, "source");
        g_autofree char *who = source ? g_strdup(source) : g_strdup_printf("vCPU %lld", (long long)json_num(w, "vcpu"));

        printf("written: 0x%04llx = 0x%llx, %lld bytes", (unsigned long long)json_num(w, "address"),
               (unsigned long long)json_num(w, "value"), (long long)json_num(w, "size"));
        if (json_num(w, "count") > 1)
            printf(" %lld times, the last", (long long)json_num(w, "count"));
        printf(", by %s, %.6f s ago\n", who, (double)json_num(w, "ago-ns") / 1e9);
    }
}

static bool print_state(struct ctl *ctl, const char *id, GError **error)
{
    g_autoptr(JsonNode) state = ctl_ask(ctl, "query-device-state", ctl_args("id", id, NULL), error);
    JsonObject *o = state && JSON_NODE_HOLDS_OBJECT(state) ? json_node_get_object(state) : NULL;
    g_autoptr(GList) fields = NULL;

    if (!state)
        return false;
    if (ctl->json) {
        out_json(state);
        return true;
    }
    if (json_obj(o, "fields"))
        fields = json_object_get_members(json_obj(o, "fields"));
    for (GList *f = fields; f; f = f->next)
        print_field(json_obj(o, "names"), f->data, json_object_get_member(json_obj(o, "fields"), f->data));
    print_writes(json_arr(o, "last-writes"));
    return true;
}

bool cmd_devices(struct ctl *ctl, GError **error)
{
    return ctl_operand(ctl, 0) ? print_state(ctl, ctl_operand(ctl, 0), error) : print_devices(ctl, error);
}

/* ---- top ---- */

struct rate {
    JsonObject *region;
    double reads, writes, bytes; /* per second */
};

static JsonObject *find_region(JsonArray *list, const char *name)
{
    for (guint i = 0; i < json_count(list); i++) {
        if (!g_strcmp0(json_str(json_item(list, i), "name"), name))
            return json_item(list, i);
    }
    return NULL;
}

/* A region that was mapped meanwhile has its counters since ever: no rate of that interval. */
static double per_second(JsonObject *now, JsonObject *before, const char *name, double seconds)
{
    gint64 n = before ? json_num(now, name) - json_num(before, name) : 0;

    return n > 0 ? (double)n / seconds : 0;
}

static gint by_rate(gconstpointer a, gconstpointer b)
{
    const struct rate *x = a, *y = b;
    double d = y->reads + y->writes - x->reads - x->writes;

    return d > 0 ? 1 : d < 0 ? -1 : 0;
}

static GArray *rates_of(JsonArray *now, JsonArray *before, double seconds, bool all)
{
    GArray *rates = g_array_new(FALSE, FALSE, sizeof(struct rate));

    for (guint i = 0; i < json_count(now); i++) {
        JsonObject *r = json_item(now, i), *old = find_region(before, json_str(r, "name"));
        struct rate rate = {r, per_second(r, old, "reads", seconds), per_second(r, old, "writes", seconds),
                            per_second(r, old, "read-bytes", seconds) +
                                per_second(r, old, "write-bytes", seconds)};

        if (all || rate.reads > 0 || rate.writes > 0)
            g_array_append_val(rates, rate);
    }
    g_array_sort(rates, by_rate);
    return rates;
}

static void print_rates_json(GArray *rates, double seconds)
{
    JsonArray *array = json_array_new();
    JsonObject *o = json_object_new();
    g_autoptr(JsonNode) node = json_node_of_object(o);
    g_autofree char *text = NULL;

    for (guint i = 0; i < rates->len; i++) {
        const struct rate *r = &g_array_index(rates, struct rate, i);
        JsonObject *e = json_object_new();

        json_object_set_string_member(e, "name", json_str(r->region, "name"));
        if (json_str(r->region, "device"))
            json_object_set_string_member(e, "device", json_str(r->region, "device"));
        json_object_set_double_member(e, "reads-per-second", r->reads);
        json_object_set_double_member(e, "writes-per-second", r->writes);
        json_object_set_double_member(e, "bytes-per-second", r->bytes);
        json_array_add_object_element(array, e);
    }
    json_object_set_double_member(o, "seconds", seconds);
    json_object_set_array_member(o, "regions", array);
    text = json_write(node, false); /* a line for each look */
    puts(text);
    fflush(stdout);
}

static void print_rates(GArray *rates, double seconds, bool screen)
{
    struct out_table *table = out_table_new(6, "rrrlll");
    double reads = 0, writes = 0;

    for (guint i = 0; i < rates->len; i++) {
        reads += g_array_index(rates, struct rate, i).reads;
        writes += g_array_index(rates, struct rate, i).writes;
    }
    printf("%s%.0f reads/s, %.0f writes/s, in %.1f s\n", screen ? "\033[H\033[2J" : "", reads, writes,
           seconds);
    out_table_row(table, "READS/S", "WRITES/S", "BYTES/S", "REGION", "DEVICE", "AT");
    for (guint i = 0; i < rates->len; i++) {
        const struct rate *r = &g_array_index(rates, struct rate, i);
        g_autofree char *a = g_strdup_printf("%.0f", r->reads), *b = g_strdup_printf("%.0f", r->writes);
        g_autofree char *c = g_strdup_printf("%.0f", r->bytes), *range = range_of(r->region);

        out_table_row(table, a, b, c, json_str(r->region, "name"), json_str(r->region, "device"), range);
    }
    out_table_print(table);
}

bool cmd_top(struct ctl *ctl, GError **error)
{
    bool screen = isatty(STDOUT_FILENO) && !ctl->json;
    double interval_s = 1, count = isatty(STDOUT_FILENO) ? 0 : 1, seen = 0;
    g_autoptr(JsonNode) before = NULL;
    gint64 then, now;

    if (!ctl_seconds(ctl, "interval", &interval_s, error) || !ctl_seconds(ctl, "count", &count, error))
        return false;
    before = ctl_ask(ctl, "query-region-stats", NULL, error);
    for (then = g_get_monotonic_time(); before && (!count || seen < count); seen++, then = now) {
        g_autoptr(JsonNode) after = NULL;
        g_autoptr(GArray) rates = NULL;
        double seconds;

        g_usleep((gulong)(MAX(interval_s, 0.05) * 1e6));
        after = ctl_ask(ctl, "query-region-stats", NULL, error);
        if (!after)
            return false;
        now = g_get_monotonic_time();
        seconds = (double)(now - then) / 1e6;
        rates = rates_of(json_list(after), json_list(before), seconds, ctl_option(ctl, "all") != NULL);
        if (ctl->json)
            print_rates_json(rates, seconds);
        else
            print_rates(rates, seconds, screen);
        json_node_unref(before);
        before = g_steal_pointer(&after);
    }
    return before != NULL;
}
