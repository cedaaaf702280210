/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: disks, their nodes and their media. Members and texts as QEMU's block-core.json documents them. */
#include <string.h>

#include "block/node.h"
#include "block/open.h"
#include "block/throttle.h"
#include "dm/json.h"
#include "dm/config/options.h"
#include "dm/monitor/qmp.h"

#define WAIT_MS 2000 /* for I/O under way before a medium changes */

static const char *string_arg(JsonObject *args, const char *name)
{
    return json_object_get_string_member_with_default(args, name, NULL);
}

static bool bool_arg(JsonObject *args, const char *name)
{
    return json_object_get_boolean_member_with_default(args, name, FALSE);
}

static JsonNode *fail(GError **error, enum qmp_error code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static JsonNode *fail(GError **error, enum qmp_error code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, QMP_ERROR, code, text);
    return NULL;
}

static JsonNode *nothing(void)
{
    return json_node_of_object(json_object_new());
}

/* The disk that "id" (a -device's) or "device" (a -drive's) names. */
static struct block *find_disk(JsonObject *args, GError **error)
{
    const char *id = string_arg(args, "id"), *device = string_arg(args, "device");
    struct block *blk;

    if (!id == !device) {
        fail(error, QMP_GENERIC_ERROR, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    blk = block_lookup(id ? id : device);
    if (!blk)
        fail(error, id ? QMP_GENERIC_ERROR : QMP_DEVICE_NOT_FOUND, "Device '%.60s' not found",
             id ? id : device);
    return blk;
}

/* ---- what a node is ---- */

static void add_image_details(JsonObject *o, struct image *img)
{
    struct image_info info = {0};

    if (img->ops->info)
        img->ops->info(img, &info);
    json_object_set_int_member(o, "actual-size", (gint64)info.actual_bytes);
    json_object_set_boolean_member(o, "dirty-flag", info.dirty);
    if (info.cluster_bytes)
        json_object_set_int_member(o, "cluster-size", (gint64)info.cluster_bytes);
    if (info.compressed)
        json_object_set_boolean_member(o, "compressed", TRUE);
    if (info.backing_file) {
        json_object_set_string_member(o, "backing-filename", info.backing_file);
        if (img->backing)
            json_object_set_string_member(o, "full-backing-filename", image_filename(img->backing));
    }
    if (info.backing_format)
        json_object_set_string_member(o, "backing-filename-format", info.backing_format);
    g_free(info.backing_file);
    g_free(info.backing_format);
}

static JsonObject *image_object(struct image *img, bool flat)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "filename", image_filename(img));
    json_object_set_string_member(o, "format", img->ops->kind);
    json_object_set_int_member(o, "virtual-size", (gint64)img->bytes);
    add_image_details(o, img);
    if (img->backing && !flat)
        json_object_set_object_member(o, "backing-image", image_object(img->backing, false));
    return o;
}

static int backing_depth(const struct image *img)
{
    int depth = 0;

    while (img->backing) {
        depth++;
        img = img->backing;
    }
    return depth;
}

/* The limits of block_set_io_throttle and query-block, by their names there. */
static const char *const rates[] = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};

static void add_limits(JsonObject *o, struct block *blk)
{
    struct throttle_config cfg = {0};
    const char *group = NULL;
    bool limited = blk && block_get_throttle(blk, &cfg, &group);

    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        g_autofree char *max = g_strconcat(rates[i], "_max", NULL);
        g_autofree char *length = g_strconcat(rates[i], "_max_length", NULL);

        json_object_set_int_member(o, rates[i], (gint64)throttle_config_get(&cfg, rates[i]));
        if (!limited || !throttle_config_get(&cfg, max))
            continue;
        json_object_set_int_member(o, max, (gint64)throttle_config_get(&cfg, max));
        json_object_set_int_member(o, length, (gint64)throttle_config_get(&cfg, length));
    }
    if (limited && cfg.iops_size)
        json_object_set_int_member(o, "iops_size", (gint64)cfg.iops_size);
    if (limited && group)
        json_object_set_string_member(o, "group", group);
}

/* BlockDeviceInfo. */
static JsonObject *node_object(struct image *img, struct block *blk, bool flat)
{
    static const char *const zeroes[] = {"off", "on", "unmap"};
    JsonObject *o = json_object_new(), *cache = json_object_new();

    json_object_set_string_member(o, "file", image_filename(img));
    json_object_set_string_member(o, "node-name", img->node_name);
    json_object_set_boolean_member(o, "ro", blk ? block_readonly(blk) : img->readonly);
    json_object_set_string_member(o, "drv", img->ops->kind);
    json_object_set_int_member(o, "backing_file_depth", backing_depth(img));
    if (img->backing)
        json_object_set_string_member(o, "backing_file", image_filename(img->backing));
    json_object_set_boolean_member(o, "encrypted", FALSE);
    json_object_set_string_member(o, "detect_zeroes", zeroes[img->flags.detect_zeroes]);
    add_limits(o, blk);
    json_object_set_int_member(o, "write_threshold", 0);
    json_object_set_boolean_member(cache, "writeback", !blk || block_write_cache(blk));
    json_object_set_boolean_member(cache, "direct", img->flags.direct);
    json_object_set_boolean_member(cache, "no-flush", img->flags.no_flush);
    json_object_set_object_member(o, "cache", cache);
    json_object_set_object_member(o, "image", image_object(img, flat));
    return o;
}

/* ---- queries ---- */

static bool can_stop(struct block *blk)
{
    enum block_on_error w = block_on_error_of(blk, true), r = block_on_error_of(blk, false);

    return w == BLOCK_ON_ERROR_DEFAULT || w == BLOCK_ON_ERROR_STOP || w == BLOCK_ON_ERROR_ENOSPC ||
           r == BLOCK_ON_ERROR_STOP;
}

static const char *io_status(struct block *blk)
{
    return !block_held_count(blk) ? "ok" : block_held_for_space(blk) ? "nospace" : "failed";
}

static void add_disk(void *opaque, struct block *blk)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "device", block_name(blk));
    if (*block_device_id(blk))
        json_object_set_string_member(o, "qdev", block_device_path(blk));
    json_object_set_string_member(o, "type", "unknown");
    json_object_set_boolean_member(o, "removable", block_is_removable(blk));
    json_object_set_boolean_member(o, "locked", block_tray_locked(blk));
    if (block_has_tray(blk))
        json_object_set_boolean_member(o, "tray_open", block_tray_open(blk));
    if (can_stop(blk))
        json_object_set_string_member(o, "io-status", io_status(blk));
    if (block_root(blk))
        json_object_set_object_member(o, "inserted", node_object(block_root(blk), blk, false));
    json_array_add_object_element(opaque, o);
}

static JsonNode *query_block(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();

    (void)vm, (void)args, (void)error;
    block_foreach(add_disk, array);
    return json_node_of_array(array);
}

struct node_list {
    JsonArray *array;
    bool flat;
};

static void add_node(void *opaque, struct image *img)
{
    struct node_list *list = opaque;

    json_array_add_object_element(list->array, node_object(img, NULL, list->flat));
}

static JsonNode *query_named_block_nodes(struct vm *vm, JsonObject *args, GError **error)
{
    struct node_list list = {json_array_new(), bool_arg(args, "flat")};

    (void)vm, (void)error;
    node_foreach(add_node, &list);
    return json_node_of_array(list.array);
}

static JsonObject *stats_object(const struct block_stats *s)
{
    const struct {
        const char *name;
        uint64_t value;
    } values[] = {
        {"rd_bytes", s->rd_bytes}, {"wr_bytes", s->wr_bytes}, {"unmap_bytes", s->discard_bytes},
        {"rd_operations", s->rd_ops}, {"wr_operations", s->wr_ops},
        {"flush_operations", s->flush_ops}, {"unmap_operations", s->discard_ops},
        {"rd_total_time_ns", s->rd_ns}, {"wr_total_time_ns", s->wr_ns},
        {"flush_total_time_ns", s->flush_ns}, {"unmap_total_time_ns", s->discard_ns},
        {"rd_merged", 0}, {"wr_merged", 0}, {"unmap_merged", 0},
        {"failed_rd_operations", s->rd_errors}, {"failed_wr_operations", s->wr_errors},
        {"failed_flush_operations", s->flush_errors},
        {"failed_unmap_operations", s->discard_errors},
        {"invalid_rd_operations", s->refused}, {"invalid_wr_operations", 0},
        {"invalid_flush_operations", 0}, {"invalid_unmap_operations", 0},
        {"wr_highest_offset", s->wr_highest_bytes},
    };
    JsonObject *o = json_object_new();

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
        json_object_set_int_member(o, values[i].name, (gint64)values[i].value);
    json_object_set_boolean_member(o, "account_invalid", FALSE);
    json_object_set_boolean_member(o, "account_failed", TRUE);
    json_object_set_array_member(o, "timed_stats", json_array_new());
    return o;
}

struct highest {
    const struct image *img;
    uint64_t bytes;
};

static void look_at_disk(void *opaque, struct block *blk)
{
    struct highest *h = opaque;
    struct image *root = block_root(blk);
    struct block_stats stats;

    if (!root || (root != h->img && root->file != h->img))
        return;
    block_get_stats(blk, &stats);
    h->bytes = MAX(h->bytes, stats.wr_highest_bytes);
}

/* Where the highest write to a node ended: the disk above has counted it; a file that grows under a
 * format ends there. */
static uint64_t highest_write(const struct image *img)
{
    struct highest h = {img, 0};

    if (img->flags.growable)
        return img->bytes;
    block_foreach(look_at_disk, &h);
    return h.bytes;
}

/* What libvirt asks of a node is its highest write; the rest is counted for disks. */
static JsonObject *node_stats_object(struct image *img)
{
    struct block *blk = block_lookup(img->node_name);
    struct block_stats stats = {0};
    JsonObject *o = json_object_new();

    if (blk)
        block_get_stats(blk, &stats);
    stats.wr_highest_bytes = highest_write(img);
    json_object_set_string_member(o, "node-name", img->node_name);
    json_object_set_object_member(o, "stats", stats_object(&stats));
    return o;
}

static void add_disk_stats(void *opaque, struct block *blk)
{
    JsonObject *o = json_object_new();
    struct image *root = block_root(blk);
    struct block_stats stats;

    block_get_stats(blk, &stats);
    json_object_set_string_member(o, "device", block_name(blk));
    if (*block_device_id(blk))
        json_object_set_string_member(o, "qdev", block_device_path(blk));
    if (root)
        json_object_set_string_member(o, "node-name", root->node_name);
    json_object_set_object_member(o, "stats", stats_object(&stats));
    if (root && root->file)
        json_object_set_object_member(o, "parent", node_stats_object(root->file));
    json_array_add_object_element(opaque, o);
}

static void add_node_stats(void *opaque, struct image *img)
{
    json_array_add_object_element(opaque, node_stats_object(img));
}

static JsonNode *query_blockstats(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();

    (void)vm, (void)error;
    if (bool_arg(args, "query-nodes"))
        node_foreach(add_node_stats, array);
    else
        block_foreach(add_disk_stats, array);
    return json_node_of_array(array);
}

/* ---- nodes ---- */

static JsonNode *blockdev_add(struct vm *vm, JsonObject *args, GError **error)
{
    g_autoptr(GPtrArray) pairs = opt_pairs_from_object("blockdev-add", args, error);
    g_autoptr(GHashTable) opts = pairs ? blockdev_options("blockdev-add", pairs, error) : NULL;
    const char *name = opts ? g_hash_table_lookup(opts, "node-name") : NULL;

    (void)vm;
    if (!opts)
        return NULL;
    if (!name)
        return fail(error, QMP_GENERIC_ERROR, "'node-name' must be specified for the root node");
    return node_open(opts, NULL, error) ? nothing() : NULL;
}

static JsonNode *blockdev_del(struct vm *vm, JsonObject *args, GError **error)
{
    const char *name = string_arg(args, "node-name");

    (void)vm;
    if (!node_find(name))
        return fail(error, QMP_GENERIC_ERROR, "Failed to find node with node-name='%.60s'", name);
    return node_delete(name, error) ? nothing() : NULL;
}

/* ---- media ---- */

static bool check_removable(struct block *blk, GError **error)
{
    if (block_is_removable(blk))
        return true;
    fail(error, QMP_GENERIC_ERROR, "Device '%s' is not removable",
         *block_name(blk) ? block_name(blk) : block_device_id(blk));
    return false;
}

static const char *shown(struct block *blk)
{
    return *block_name(blk) ? block_name(blk) : block_device_id(blk);
}

/* Opens the tray. *locked: the guest has been asked instead. */
static bool open_tray(struct block *blk, bool force, bool *locked, GError **error)
{
    *locked = false;
    if (!check_removable(blk, error))
        return false;
    if (!block_has_tray(blk) || block_tray_open(blk))
        return true;
    *locked = !block_tray_request(blk, true, force);
    if (*locked)
        fail(error, QMP_GENERIC_ERROR, "Device '%s' is locked and force was not specified, wait for "
             "tray to open and try again", shown(blk));
    return !*locked;
}

static bool remove_medium(struct block *blk, GError **error)
{
    if (!check_removable(blk, error))
        return false;
    if (block_has_tray(blk) && !block_tray_open(blk)) {
        fail(error, QMP_GENERIC_ERROR, "Tray of device '%s' is not open", shown(blk));
        return false;
    }
    return !block_root(blk) || block_set_root(blk, NULL, block_readonly(blk), WAIT_MS, error);
}

static bool insert_medium(struct block *blk, struct image *root, bool readonly, GError **error)
{
    if (!check_removable(blk, error))
        return false;
    if (block_has_tray(blk) && !block_tray_open(blk)) {
        fail(error, QMP_GENERIC_ERROR, "Tray of device '%s' is not open", shown(blk));
        return false;
    }
    if (block_root(blk)) {
        fail(error, QMP_GENERIC_ERROR, "There already is a medium in device '%s'", shown(blk));
        return false;
    }
    return block_set_root(blk, root, readonly, WAIT_MS, error);
}

static void close_tray(struct block *blk)
{
    if (block_has_tray(blk) && block_tray_open(blk))
        block_tray_request(blk, false, false);
}

static JsonNode *do_open_tray(struct vm *vm, JsonObject *args, GError **error)
{
    struct block *blk = find_disk(args, error);
    GError *why = NULL;
    bool locked;

    (void)vm;
    if (!blk)
        return NULL;
    if (open_tray(blk, bool_arg(args, "force"), &locked, &why))
        return nothing();
    if (locked) { /* documented as success: the guest was asked, DEVICE_TRAY_MOVED will tell */
        g_clear_error(&why);
        return nothing();
    }
    g_propagate_error(error, why);
    return NULL;
}

static JsonNode *do_close_tray(struct vm *vm, JsonObject *args, GError **error)
{
    struct block *blk = find_disk(args, error);

    (void)vm;
    if (!blk || !check_removable(blk, error))
        return NULL;
    close_tray(blk);
    return nothing();
}

static JsonNode *do_remove_medium(struct vm *vm, JsonObject *args, GError **error)
{
    struct block *blk = find_disk(args, error);

    (void)vm;
    return blk && remove_medium(blk, error) ? nothing() : NULL;
}

/* A CD stays one that cannot be written; a floppy is as writable as its node. */
static bool medium_readonly(struct block *blk, const struct image *root)
{
    return block_has_tray(blk) || root->readonly;
}

static JsonNode *do_insert_medium(struct vm *vm, JsonObject *args, GError **error)
{
    struct block *blk = find_disk(args, error);
    const char *name = string_arg(args, "node-name");
    struct image *root = node_find(name);

    (void)vm;
    if (!blk)
        return NULL;
    if (!root)
        return fail(error, QMP_GENERIC_ERROR, "Node '%.60s' not found", name);
    return insert_medium(blk, root, medium_readonly(blk, root), error) ? nothing() : NULL;
}

static JsonNode *do_eject(struct vm *vm, JsonObject *args, GError **error)
{
    struct block *blk = find_disk(args, error);
    bool locked;

    (void)vm;
    if (!blk || !open_tray(blk, bool_arg(args, "force"), &locked, error))
        return NULL;
    return remove_medium(blk, error) ? nothing() : NULL;
}

static GHashTable *file_options(const char *filename, const char *format, GError **error)
{
    g_autoptr(GHashTable) opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    g_hash_table_insert(opts, g_strdup("driver"), g_strdup(format ? format : "raw"));
    return node_parse_filename(filename, "file.", opts, error) ? g_steal_pointer(&opts) : NULL;
}

static bool new_medium_readonly(struct block *blk, const char *mode)
{
    if (mode && strcmp(mode, "retain"))
        return !strcmp(mode, "read-only");
    return block_has_tray(blk) || (block_root(blk) && block_readonly(blk));
}

static JsonNode *do_change_medium(struct vm *vm, JsonObject *args, GError **error)
{
    struct block *blk = find_disk(args, error);
    struct image_flags flags = {.locking = true, .auto_read_only = true};
    g_autoptr(GHashTable) opts = NULL;
    struct image *root;
    bool locked, ok;

    (void)vm;
    if (!blk || !check_removable(blk, error))
        return NULL;
    flags.readonly = new_medium_readonly(blk, string_arg(args, "read-only-mode"));
    opts = file_options(string_arg(args, "filename"), string_arg(args, "format"), error);
    root = opts ? node_open(opts, &flags, error) : NULL;
    if (!root)
        return NULL;
    ok = open_tray(blk, bool_arg(args, "force"), &locked, error) && remove_medium(blk, error) &&
         insert_medium(blk, root, flags.readonly, error);
    image_unref(root);
    if (ok)
        close_tray(blk);
    return ok ? nothing() : NULL;
}

/* ---- the rest ---- */

static JsonNode *do_resize(struct vm *vm, JsonObject *args, GError **error)
{
    const char *device = string_arg(args, "device"), *node = string_arg(args, "node-name");
    gint64 size = json_object_get_int_member(args, "size");
    struct block *blk;
    int err;

    (void)vm;
    if (!device == !node)
        return fail(error, QMP_GENERIC_ERROR, "Need exactly one of 'device' and 'node-name'");
    blk = block_lookup(device ? device : node);
    if (!blk)
        return fail(error, QMP_GENERIC_ERROR, "Cannot find device='%.60s' nor node-name='%.60s'",
                    device ? device : "", node ? node : "");
    if (size < 0)
        return fail(error, QMP_GENERIC_ERROR, "Parameter 'size' expects a >0 size");
    err = block_resize(blk, (uint64_t)size, WAIT_MS);
    return err ? fail(error, QMP_GENERIC_ERROR, "Cannot resize '%s': %s", shown(blk), g_strerror(err))
               : nothing();
}

static JsonNode *do_throttle(struct vm *vm, JsonObject *args, GError **error)
{
    struct block *blk = find_disk(args, error);
    g_autoptr(GList) names = json_object_get_members(args);
    struct throttle_config cfg = {0};

    (void)vm;
    if (!blk)
        return NULL;
    for (GList *l = names; l; l = l->next) {
        const char *name = l->data;
        gint64 value;

        if (!strcmp(name, "device") || !strcmp(name, "id") || !strcmp(name, "group"))
            continue;
        value = json_object_get_int_member(args, name);
        if (value < 0)
            return fail(error, QMP_GENERIC_ERROR, "%s value must be within [0, %llu]", name,
                        THROTTLE_VALUE_MAX);
        throttle_config_set(&cfg, name, (uint64_t)value);
    }
    return block_set_throttle(blk, &cfg, string_arg(args, "group"), error) ? nothing() : NULL;
}

/* ---- the table ---- */

#define RATE(name)                                                                                 \
    {name, QMP_INT, false, NULL}, {name "_max", QMP_INT, true, NULL},                              \
        {name "_max_length", QMP_INT, true, NULL}
#define DISK_ARGS {"device", QMP_STRING, true, NULL}, {"id", QMP_STRING, true, NULL}

static const struct qmp_arg flat_args[] = {{"flat", QMP_BOOL, true, NULL}, {0}};
static const struct qmp_arg stats_args[] = {{"query-nodes", QMP_BOOL, true, NULL}, {0}};
static const struct qmp_arg add_args[] = {{"driver", QMP_STRING, false, NULL},
                                          {"node-name", QMP_STRING, true, NULL},
                                          {0}};
static const struct qmp_arg del_args[] = {{"node-name", QMP_STRING, false, NULL}, {0}};
static const struct qmp_arg disk_args[] = {DISK_ARGS, {0}};
static const struct qmp_arg force_args[] = {DISK_ARGS, {"force", QMP_BOOL, true, NULL}, {0}};
static const struct qmp_arg insert_args[] = {{"id", QMP_STRING, false, NULL},
                                             {"node-name", QMP_STRING, false, NULL},
                                             {0}};
static const struct qmp_arg change_args[] = {DISK_ARGS,
                                             {"filename", QMP_STRING, false, NULL},
                                             {"format", QMP_STRING, true, NULL},
                                             {"force", QMP_BOOL, true, NULL},
                                             {"read-only-mode", QMP_STRING, true,
                                              "retain|read-only|read-write"},
                                             {0}};
static const struct qmp_arg resize_args[] = {{"device", QMP_STRING, true, NULL},
                                             {"node-name", QMP_STRING, true, NULL},
                                             {"size", QMP_INT, false, NULL},
                                             {0}};

static const struct qmp_arg throttle_args[] = {DISK_ARGS,
                                               RATE("bps"), RATE("bps_rd"), RATE("bps_wr"),
                                               RATE("iops"), RATE("iops_rd"), RATE("iops_wr"),
                                               {"iops_size", QMP_INT, true, NULL},
                                               {"group", QMP_STRING, true, NULL},
                                               {0}};

static const struct qmp_command commands[] = {
    {"query-block", query_block, NULL, false, false},
    {"query-blockstats", query_blockstats, stats_args, false, false},
    {"query-named-block-nodes", query_named_block_nodes, flat_args, false, false},
    {"blockdev-add", blockdev_add, add_args, false, true},
    {"blockdev-del", blockdev_del, del_args, false, false},
    {"blockdev-open-tray", do_open_tray, force_args, true, false},
    {"blockdev-close-tray", do_close_tray, disk_args, true, false},
    {"blockdev-remove-medium", do_remove_medium, disk_args, true, false},
    {"blockdev-insert-medium", do_insert_medium, insert_args, true, false},
    {"blockdev-change-medium", do_change_medium, change_args, true, false},
    {"eject", do_eject, force_args, true, false},
    {"block_resize", do_resize, resize_args, false, false},
    {"block_set_io_throttle", do_throttle, throttle_args, false, false},
};

const struct qmp_table qmp_block_table = {commands, G_N_ELEMENTS(commands)};
