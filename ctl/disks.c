/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subcommands: disks and their media. */
#include <string.h>

#include "ctl/ctl.h"
#include "dm/json.h"

/* ---- finding one ---- */

const char *disk_name(JsonObject *disk)
{
    const char *name = json_str(disk, "device");

    if (!name || !*name)
        name = json_str(disk, "qdev");
    if (!name || !*name)
        name = json_str(json_obj(disk, "inserted"), "node-name");
    return name ? name : "";
}

static bool is_called(JsonObject *disk, const char *name)
{
    return *name && (!g_strcmp0(json_str(disk, "device"), name) ||
                     !g_strcmp0(json_str(disk, "qdev"), name) ||
                     !g_strcmp0(json_str(json_obj(disk, "inserted"), "node-name"), name));
}

JsonObject *disk_find(struct ctl *ctl, const char *name, GError **error)
{
    g_autoptr(JsonNode) node = ctl_ask(ctl, "query-block", NULL, error);
    g_autoptr(GString) names = g_string_new(NULL);
    JsonArray *list;

    if (!node)
        return NULL;
    list = json_list(node);
    for (guint i = 0; i < json_count(list); i++) {
        if (is_called(json_item(list, i), name))
            return json_object_ref(json_item(list, i));
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", disk_name(json_item(list, i)));
    }
    ctl_fail(error, CTL_NOT_FOUND, "there is no disk '%s'; there %s %s", name,
             json_count(list) == 1 ? "is" : "are", names->len ? names->str : "none");
    return NULL;
}

/* Arguments that name a drive to the commands about media: by -device's id, else by -drive's. */
static JsonObject *medium_args(JsonObject *disk)
{
    const char *device = json_str(disk, "device"), *qdev = json_str(disk, "qdev");

    return device && *device ? ctl_args("device", device, NULL) : ctl_args("id", qdev, NULL);
}

char *absolute_file(const char *name)
{
    const char *colon = strchr(name, ':'), *slash = strchr(name, '/');

    /* "nbd://host", "json:{...}": not a file of this directory. A slash before the colon says it is. */
    if (colon && (!slash || colon < slash))
        return g_strdup(name);
    return g_canonicalize_filename(name, NULL);
}

/* ---- disks ---- */

/* Adds each disk's counters, as "stats", to query-block's answer. */
static void add_stats(JsonArray *disks, JsonArray *stats)
{
    for (guint i = 0; i < json_count(disks) && i < json_count(stats); i++) {
        JsonObject *disk = json_item(disks, i), *entry = json_item(stats, i);
        JsonObject *values = json_obj(entry, "stats");

        /* Both are lists of the same disks in the same order; what is not so is left out. */
        if (values && !g_strcmp0(json_str(disk, "device"), json_str(entry, "device")) &&
            !g_strcmp0(json_str(disk, "qdev"), json_str(entry, "qdev")))
            json_object_set_object_member(disk, "stats", json_object_ref(values));
    }
}

static char *state_of(JsonObject *disk)
{
    GString *s = g_string_new(json_flag(json_obj(disk, "inserted"), "ro") ? "ro" : "rw");
    const char *io = json_str(disk, "io-status");

    if (!json_obj(disk, "inserted"))
        g_string_assign(s, "empty");
    if (json_flag(disk, "tray_open"))
        g_string_append(s, ",open");
    if (json_flag(disk, "locked"))
        g_string_append(s, ",locked");
    if (io && strcmp(io, "ok"))
        g_string_append_printf(s, ",%s", io);
    return g_string_free(s, FALSE);
}

static void print_disk(struct out_table *table, JsonObject *disk)
{
    JsonObject *inserted = json_obj(disk, "inserted"), *stats = json_obj(disk, "stats");
    g_autofree char *state = state_of(disk), *read = out_bytes(json_num(stats, "rd_bytes"));
    g_autofree char *written = out_bytes(json_num(stats, "wr_bytes")), *errors = NULL;
    g_autofree char *size = inserted ? out_bytes(json_num(json_obj(inserted, "image"), "virtual-size"))
                                     : NULL;

    errors = g_strdup_printf("%lld", (long long)(json_num(stats, "failed_rd_operations") +
                                                 json_num(stats, "failed_wr_operations") +
                                                 json_num(stats, "failed_flush_operations")));
    out_table_row(table, disk_name(disk), json_str(inserted, "drv"), size, state, read, written, errors,
                  json_str(inserted, "file"));
}

bool cmd_disks(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonNode) disks = ctl_ask(ctl, "query-block", NULL, error), stats = NULL;
    struct out_table *table;

    if (!disks)
        return false;
    stats = ctl_ask(ctl, "query-blockstats", NULL, error);
    if (!stats)
        return false;
    add_stats(json_list(disks), json_list(stats));
    if (ctl->json) {
        out_json(disks);
        return true;
    }
    table = out_table_new(8, "llrlrrrl");
    out_table_row(table, "DISK", "FORMAT", "SIZE", "STATE", "READ", "WRITTEN", "ERRORS", "FILE");
    for (guint i = 0; i < json_count(json_list(disks)); i++)
        print_disk(table, json_item(json_list(disks), i));
    out_table_print(table);
    return true;
}

/* ---- media ---- */

bool cmd_eject(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonObject) disk = disk_find(ctl, ctl_operand(ctl, 0), error);
    JsonObject *args;

    if (!disk)
        return false;
    args = medium_args(disk);
    if (ctl_option(ctl, "force"))
        json_object_set_boolean_member(args, "force", TRUE);
    return ctl_do(ctl, "eject", args, error);
}

bool cmd_change(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonObject) disk = disk_find(ctl, ctl_operand(ctl, 0), error);
    g_autofree char *file = absolute_file(ctl_operand(ctl, 1));
    JsonObject *args;

    if (!disk)
        return false;
    args = medium_args(disk);
    json_object_set_string_member(args, "filename", file);
    if (ctl_option(ctl, "format"))
        json_object_set_string_member(args, "format", ctl_option(ctl, "format"));
    if (ctl_option(ctl, "mode"))
        json_object_set_string_member(args, "read-only-mode", ctl_option(ctl, "mode"));
    if (ctl_option(ctl, "force"))
        json_object_set_boolean_member(args, "force", TRUE);
    return ctl_do(ctl, "blockdev-change-medium", args, error);
}

bool cmd_snapshot(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonObject) disk = disk_find(ctl, ctl_operand(ctl, 0), error);
    g_autofree char *file = absolute_file(ctl_operand(ctl, 1));

    return disk && ctl_do(ctl, "blockdev-snapshot-sync",
                          ctl_args("device", disk_name(disk), "snapshot-file", file, "snapshot-node-name",
                                   ctl_option(ctl, "node"), "format", "qcow2", "mode",
                                   ctl_option(ctl, "existing") ? "existing" : "absolute-paths", NULL),
                          error);
}
