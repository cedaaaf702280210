/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: backups and live snapshots. Each is an action of a transaction; the single commands are
 * transactions of one. An action is prepared while its disk goes on (files are made and opened), acts
 * while all disks of the transaction are paused, and then stays or is undone, all alike.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/backup.h"
#include "block/commit.h"
#include "block/create.h"
#include "block/live_snapshot.h"
#include "dm/json.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_jobs.h"

#define PAUSE_MS 5000 /* for I/O under way */
#define ACTIONS_MAX 64

struct action;
struct action_kind {
    const char *name;
    const struct qmp_arg *args;
    bool (*prepare)(struct action *a, GError **error);
    bool (*act)(struct action *a, GError **error); /* disks paused */
    void (*undo)(struct action *a);                /* disks paused; only after act() */
    void (*finish)(struct action *a);              /* all have acted; NULL: nothing */
};

struct action {
    const struct action_kind *kind;
    JsonObject *args;
    struct block *blk; /* NULL: none is concerned */
    bool paused;
    struct image *node; /* a reference: overlay or target */
    char *created;      /* a file that goes again if this comes to nothing */
    struct job *job;
    struct live_snapshot snapshot;
};

/* ---- what they share ---- */

static struct block *find_disk(const char *device, const char *node, GError **error)
{
    const char *name = device ? device : node;
    struct block *blk = name ? block_lookup(name) : NULL;

    if (!blk)
        return qmp_fail(error, "Cannot find device='%.60s' nor node-name='%.60s'",
                        device ? device : "", node ? node : device ? device : "");
    if (!block_root(blk))
        return qmp_fail(error, "Device '%s' has no medium", block_name(blk));
    return blk;
}

static uint64_t disk_bytes(struct block *blk)
{
    return block_sectors(blk) * BLOCK_SECTOR_BYTES;
}

/* Also where locks do not tell (locking=off, a link): it would be emptied under the guest. */
static bool is_part_of_disk(struct block *blk, const char *filename)
{
    struct stat a, b;

    if (stat(filename, &a) < 0)
        return false;
    for (struct image *img = block_root(blk); img; img = img->backing) {
        if (stat(image_filename(img), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
            return true;
    }
    return false;
}

/* A file for the action, with an image in it; gone again if the action comes to nothing. */
static bool create(struct action *a, const char *filename, const char *format,
                   const struct create_options *opt, GError **error)
{
    bool existed = access(filename, F_OK) == 0;

    if (is_part_of_disk(a->blk, filename))
        return qmp_fail(error, "%s: is what the disk itself stands on", filename);
    if (!create_at(filename, format, opt, error))
        return false;
    if (!existed)
        a->created = g_strdup(filename);
    return true;
}

/* As the disk's own image is opened. */
static struct image_flags flags_like(struct block *blk)
{
    struct image_flags f = block_root(blk)->flags;

    f.readonly = f.growable = false;
    f.auto_read_only = false;
    f.detect_zeroes = DETECT_ZEROES_OFF;
    return f;
}

/* ---- snapshots ---- */

static bool prepare_snapshot_sync(struct action *a, GError **error)
{
    const char *file = qmp_string(a->args, "snapshot-file");
    const char *format = qmp_string(a->args, "format"), *mode = qmp_string(a->args, "mode");
    const char *name = qmp_string(a->args, "snapshot-node-name");
    struct create_options opt = {0};
    struct image_flags flags;
    g_autofree char *backing = NULL;

    a->blk = find_disk(qmp_string(a->args, "device"), qmp_string(a->args, "node-name"), error);
    if (!a->blk || !live_snapshot_check(a->blk, error))
        return false;
    if (name && node_find(name))
        return qmp_fail(error, "New overlay node-name already in use");
    format = format ? format : "qcow2";
    opt.bytes = disk_bytes(a->blk);
    if (strcmp(format, "qcow2"))
        return qmp_fail(error, "Image format '%.60s' has no backing files here; qcow2 has", format);
    if (!mode || !strcmp(mode, "absolute-paths")) {
        if (!live_snapshot_names(block_root(a->blk), &backing, &opt.backing_format, error))
            return false;
        opt.backing_file = backing;
        if (!create(a, file, format, &opt, error))
            return false;
    }
    flags = flags_like(a->blk);
    flags.readonly = block_readonly(a->blk);
    a->node = create_open(file, format, name, true, &flags, error);
    if (a->node)
        a->node->user_named = false; /* it lives with the disk, not until blockdev-del */
    return a->node != NULL;
}

static bool prepare_snapshot(struct action *a, GError **error)
{
    const char *overlay = qmp_string(a->args, "overlay");
    struct image *img = node_find(overlay);

    a->blk = find_disk(qmp_string(a->args, "node"), NULL, error);
    if (!a->blk)
        return false;
    if (!img)
        return qmp_fail(error, "Cannot find device='%.60s' nor node-name='%.60s'", overlay, overlay);
    a->node = image_ref(img);
    return true;
}

static bool act_snapshot(struct action *a, GError **error)
{
    return live_snapshot_take(&a->snapshot, a->blk, a->node, PAUSE_MS, error);
}

static void undo_snapshot(struct action *a)
{
    live_snapshot_undo(&a->snapshot, PAUSE_MS);
}

/* ---- backups ---- */

static bool read_errors(struct action *a, struct backup_options *o, GError **error)
{
    const char *source = qmp_string(a->args, "on-source-error");
    const char *target = qmp_string(a->args, "on-target-error");

    (void)error; /* the words are checked with the arguments */
    if (source)
        job_on_error_parse(source, &o->on_source_error);
    if (target)
        job_on_error_parse(target, &o->on_target_error);
    return true;
}

static bool read_sync(struct action *a, struct backup_options *o, GError **error)
{
    const char *sync = qmp_string(a->args, "sync");

    if (!strcmp(sync, "incremental") || !strcmp(sync, "bitmap") ||
        json_object_has_member(a->args, "bitmap"))
        return qmp_fail(error, "sync=%s is not supported: there are no dirty bitmaps here; full, top "
                        "and none are", strcmp(sync, "full") ? sync : "bitmap");
    if (qmp_bool(a->args, "compress", false))
        return qmp_fail(error, "compress is not supported; qemu-img convert -c compresses the result");
    o->sync = !strcmp(sync, "full") ? BACKUP_FULL : !strcmp(sync, "top") ? BACKUP_TOP : BACKUP_NONE;
    return true;
}

static bool new_backup(struct action *a, GError **error)
{
    struct backup_options o = {
        .job_id = qmp_string(a->args, "job-id"),
        .filter_name = qmp_string(a->args, "filter-node-name"),
        .blk = a->blk,
        .target = a->node,
        .manual_finalize = !qmp_bool(a->args, "auto-finalize", true),
        .manual_dismiss = !qmp_bool(a->args, "auto-dismiss", true),
    };

    if (!o.job_id && !*block_name(a->blk))
        return qmp_fail(error, "An explicit job ID is required for this node");
    if (!read_sync(a, &o, error) || !read_errors(a, &o, error) ||
        !qmp_size(a->args, "speed", &o.speed, error))
        return false;
    a->job = backup_new(&o, error);
    return a->job != NULL;
}

static bool prepare_blockdev_backup(struct action *a, GError **error)
{
    const char *device = qmp_string(a->args, "device"), *target = qmp_string(a->args, "target");
    struct image *img = node_find(target);

    a->blk = find_disk(device, device, error);
    if (!a->blk)
        return false;
    if (!img)
        return qmp_fail(error, "Cannot find device='%.60s' nor node-name='%.60s'", target, target);
    a->node = image_ref(img);
    return new_backup(a, error);
}

/* What is behind the disk's image is behind a copy of only that image, too. */
static bool name_backing(struct action *a, struct create_options *opt, char **file, GError **error)
{
    struct image *backing = block_root(a->blk)->backing;

    if (strcmp(qmp_string(a->args, "sync"), "top") || !backing)
        return true;
    if (!live_snapshot_names(backing, file, &opt->backing_format, error))
        return false;
    opt->backing_file = *file;
    return true;
}

static const char *target_format(struct action *a, bool existing, GError **error)
{
    const char *format = qmp_string(a->args, "format"), *kind = block_root(a->blk)->ops->kind;

    if (format)
        return format;
    if (existing)
        return qmp_fail(error, "Parameter 'format' is missing: the format of an existing file is not "
                        "guessed");
    return create_known(kind) ? kind : "raw";
}

static bool prepare_drive_backup(struct action *a, GError **error)
{
    const char *device = qmp_string(a->args, "device"), *target = qmp_string(a->args, "target");
    const char *mode = qmp_string(a->args, "mode"), *format;
    bool existing = mode && !strcmp(mode, "existing");
    struct create_options opt = {0};
    struct image_flags flags;
    g_autofree char *backing = NULL;

    a->blk = find_disk(device, device, error);
    if (!a->blk || !block_check_no_job(a->blk, error))
        return false;
    format = target_format(a, existing, error);
    opt.bytes = disk_bytes(a->blk);
    if (!format || !name_backing(a, &opt, &backing, error))
        return false;
    if (!existing && !create(a, target, format, &opt, error))
        return false;
    flags = flags_like(a->blk);
    flags.discard = true; /* so that what is zero takes no space */
    a->node = create_open(target, format, NULL, false, &flags, error);
    return a->node && new_backup(a, error);
}

static bool act_backup(struct action *a, GError **error)
{
    return backup_place(a->job, PAUSE_MS, error);
}

/* Also for one that has not acted: see clean(). */
static void undo_backup(struct action *a)
{
    job_discard(a->job);
    a->job = NULL;
}

static void finish_backup(struct action *a)
{
    job_start(a->job);
    a->job = NULL;
}

/* ---- transactions ---- */

static bool prepare_abort(struct action *a, GError **error)
{
    (void)a, (void)error;
    return true;
}

static bool act_abort(struct action *a, GError **error)
{
    (void)a;
    return qmp_fail(error, "Transaction aborted using Abort action");
}

#define ON_ERROR "report|ignore|stop|enospc|auto"
#define BACKUP_ARGS                                                                                \
    {"job-id", QMP_STRING, true, NULL}, {"device", QMP_STRING, false, NULL},                       \
        {"target", QMP_STRING, false, NULL},                                                       \
        {"sync", QMP_STRING, false, "full|top|none|incremental|bitmap"},                           \
        {"speed", QMP_INT, true, NULL}, {"bitmap", QMP_STRING, true, NULL},                        \
        {"compress", QMP_BOOL, true, NULL}, {"on-source-error", QMP_STRING, true, ON_ERROR},       \
        {"on-target-error", QMP_STRING, true, ON_ERROR}, {"auto-finalize", QMP_BOOL, true, NULL},  \
        {"auto-dismiss", QMP_BOOL, true, NULL}, {"filter-node-name", QMP_STRING, true, NULL}

static const struct qmp_arg blockdev_backup_args[] = {BACKUP_ARGS, {0}};
static const struct qmp_arg drive_backup_args[] = {
    BACKUP_ARGS,
    {"format", QMP_STRING, true, NULL},
    {"mode", QMP_STRING, true, "existing|absolute-paths"},
    {0}};
static const struct qmp_arg snapshot_sync_args[] = {
    {"device", QMP_STRING, true, NULL},
    {"node-name", QMP_STRING, true, NULL},
    {"snapshot-file", QMP_STRING, false, NULL},
    {"snapshot-node-name", QMP_STRING, true, NULL},
    {"format", QMP_STRING, true, NULL},
    {"mode", QMP_STRING, true, "existing|absolute-paths"},
    {0}};
static const struct qmp_arg snapshot_args[] = {{"node", QMP_STRING, false, NULL},
                                               {"overlay", QMP_STRING, false, NULL},
                                               {0}};
static const struct qmp_arg transaction_args[] = {{"actions", QMP_ARRAY, false, NULL},
                                                  {"properties", QMP_OBJECT, true, NULL},
                                                  {0}};

enum { BLOCKDEV_BACKUP, DRIVE_BACKUP, SNAPSHOT_SYNC, SNAPSHOT, ABORT };
static const struct action_kind kinds[] = {
    [BLOCKDEV_BACKUP] = {"blockdev-backup", blockdev_backup_args, prepare_blockdev_backup, act_backup,
                         undo_backup, finish_backup},
    [DRIVE_BACKUP] = {"drive-backup", drive_backup_args, prepare_drive_backup, act_backup, undo_backup,
                      finish_backup},
    [SNAPSHOT_SYNC] = {"blockdev-snapshot-sync", snapshot_sync_args, prepare_snapshot_sync,
                       act_snapshot, undo_snapshot, NULL},
    [SNAPSHOT] = {"blockdev-snapshot", snapshot_args, prepare_snapshot, act_snapshot, undo_snapshot,
                  NULL},
    [ABORT] = {"abort", NULL, prepare_abort, act_abort, NULL, NULL},
};

static void clean(struct action *a, bool good)
{
    if (a->job)
        undo_backup(a);
    image_unref(a->node);
    if (a->created && !good)
        unlink(a->created);
    g_free(a->created);
}

/* Paused in the order given; a disk twice would have to be changed on top of its own change. */
static bool pause_all(struct action *actions, unsigned n, GError **error)
{
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (actions[i].blk && actions[k].blk == actions[i].blk)
                return qmp_fail(error, "Device '%s' is in two actions of the transaction",
                                block_name(actions[i].blk));
        }
        if (actions[i].blk && !block_pause(actions[i].blk, PAUSE_MS))
            return qmp_fail(error, "Device '%s': I/O is under way and does not end",
                            block_name(actions[i].blk));
        actions[i].paused = actions[i].blk != NULL;
    }
    return true;
}

static void unpause_all(struct action *actions, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (actions[i].paused)
            block_unpause(actions[i].blk);
    }
}

static bool act_all(struct action *actions, unsigned n, GError **error)
{
    for (unsigned i = 0; i < n; i++) {
        if (actions[i].kind->act(&actions[i], error))
            continue;
        while (i-- > 0) {
            if (actions[i].kind->undo)
                actions[i].kind->undo(&actions[i]);
        }
        return false;
    }
    return true;
}

static bool run_actions(struct action *actions, unsigned n, GError **error)
{
    unsigned prepared = 0;
    bool good = true;

    while (good && prepared < n) {
        struct action *a = &actions[prepared++];

        good = qmp_check_args(a->kind->args, a->args, error) && a->kind->prepare(a, error);
    }
    good = good && pause_all(actions, n, error) && act_all(actions, n, error);
    unpause_all(actions, n);
    for (unsigned i = 0; i < prepared; i++) {
        if (good && actions[i].kind->finish)
            actions[i].kind->finish(&actions[i]);
        clean(&actions[i], good);
    }
    return good;
}

static JsonNode *run_one(unsigned kind, JsonObject *args, GError **error)
{
    struct action a = {.kind = &kinds[kind], .args = args};

    return run_actions(&a, 1, error) ? qmp_nothing() : NULL;
}

static JsonNode *blockdev_backup(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm;
    return run_one(BLOCKDEV_BACKUP, args, error);
}

static JsonNode *drive_backup(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm;
    return run_one(DRIVE_BACKUP, args, error);
}

static JsonNode *snapshot_sync(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm;
    return run_one(SNAPSHOT_SYNC, args, error);
}

static JsonNode *snapshot(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm;
    return run_one(SNAPSHOT, args, error);
}

static const struct qmp_arg action_args[] = {{"type", QMP_STRING, false, NULL},
                                             {"data", QMP_OBJECT, false, NULL},
                                             {0}};

static bool read_action(JsonNode *node, struct action *a, GError **error)
{
    JsonObject *o;
    const char *type;

    if (!JSON_NODE_HOLDS_OBJECT(node))
        return qmp_fail(error, "Invalid parameter type for 'actions', expected: objects");
    o = json_node_get_object(node);
    if (!qmp_check_args(action_args, o, error))
        return false;
    type = qmp_string(o, "type");
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!strcmp(kinds[i].name, type)) {
            a->kind = &kinds[i];
            a->args = json_object_get_object_member(o, "data");
            return true;
        }
    }
    return qmp_fail(error, "Action '%.60s' is not supported in a transaction; blockdev-backup, "
                    "drive-backup, blockdev-snapshot, blockdev-snapshot-sync and abort are", type);
}

static const struct qmp_arg property_args[] = {
    {"completion-mode", QMP_STRING, true, "individual|grouped"}, {0}};

static bool check_properties(JsonObject *args, GError **error)
{
    JsonObject *o;
    const char *mode;

    if (!json_object_has_member(args, "properties"))
        return true;
    o = json_object_get_object_member(args, "properties");
    if (!qmp_check_args(property_args, o, error))
        return false;
    mode = qmp_string(o, "completion-mode");
    if (mode && !strcmp(mode, "grouped"))
        return qmp_fail(error, "completion-mode=grouped is not supported; individual is");
    return true;
}

static JsonNode *transaction(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *array = json_object_get_array_member(args, "actions");
    guint n = json_array_get_length(array);
    g_autofree struct action *actions = NULL;

    (void)vm;
    if (!check_properties(args, error))
        return NULL;
    if (n > ACTIONS_MAX)
        return qmp_fail(error, "A transaction has at most %d actions", ACTIONS_MAX);
    actions = g_new0(struct action, MAX(n, 1));
    for (guint i = 0; i < n; i++) {
        if (!read_action(json_array_get_element(array, i), &actions[i], error))
            return NULL;
    }
    return run_actions(actions, n, error) ? qmp_nothing() : NULL;
}

/* ---- block-commit ---- */

/* A node of the disk's chain by "X-node" (its name) or "X" (its file); NULL is none given. */
static bool find_in_chain(struct block *blk, JsonObject *args, const char *by_node,
                          const char *by_file, struct image **found, GError **error)
{
    const char *node = qmp_string(args, by_node), *file = qmp_string(args, by_file);

    *found = NULL;
    if (!node && !file)
        return true;
    if (node && file)
        return qmp_fail(error, "'%s' and '%s' are mutually exclusive", by_node, by_file);
    for (struct image *img = block_root(blk); img && !*found; img = img->backing) {
        if (node ? !strcmp(img->node_name, node) : !strcmp(image_filename(img), file))
            *found = img;
    }
    return *found || qmp_fail(error, "'%.200s' is not in this backing file chain", node ? node : file);
}

static JsonNode *block_commit(struct vm *vm, JsonObject *args, GError **error)
{
    const char *device = qmp_string(args, "device"), *on_error = qmp_string(args, "on-error");
    struct commit_options o = {
        .job_id = qmp_string(args, "job-id"),
        .filter_name = qmp_string(args, "filter-node-name"),
        .blk = find_disk(device, device, error),
        .manual_finalize = !qmp_bool(args, "auto-finalize", true),
        .manual_dismiss = !qmp_bool(args, "auto-dismiss", true),
    };
    struct image *top;

    (void)vm;
    if (!o.blk || !find_in_chain(o.blk, args, "base-node", "base", &o.base, error) ||
        !find_in_chain(o.blk, args, "top-node", "top", &top, error) ||
        !qmp_size(args, "speed", &o.speed, error))
        return NULL;
    if (top && top != block_root(o.blk))
        return qmp_fail(error, "Only the active layer can be committed here; leave 'top' out, or use "
                        "qemu-img commit while the VM is off");
    if (qmp_string(args, "backing-file"))
        return qmp_fail(error, "'backing-file' specified, but 'top' is the active layer");
    if (!o.job_id && !*block_name(o.blk))
        return qmp_fail(error, "An explicit job ID is required for this node");
    if (on_error)
        job_on_error_parse(on_error, &o.on_error);
    return commit_start(&o, PAUSE_MS, error) ? qmp_nothing() : NULL;
}

static const struct qmp_arg commit_args[] = {
    {"job-id", QMP_STRING, true, NULL},        {"device", QMP_STRING, false, NULL},
    {"base-node", QMP_STRING, true, NULL},     {"base", QMP_STRING, true, NULL},
    {"top-node", QMP_STRING, true, NULL},      {"top", QMP_STRING, true, NULL},
    {"speed", QMP_INT, true, NULL},            {"on-error", QMP_STRING, true, ON_ERROR},
    {"auto-finalize", QMP_BOOL, true, NULL},   {"auto-dismiss", QMP_BOOL, true, NULL},
    {"filter-node-name", QMP_STRING, true, NULL}, {"backing-file", QMP_STRING, true, NULL},
    {0}};

static const struct qmp_command rows[] = {
    {"block-commit", block_commit, commit_args, false, false},
    {"blockdev-backup", blockdev_backup, blockdev_backup_args, false, false},
    {"drive-backup", drive_backup, drive_backup_args, false, false},
    {"blockdev-snapshot-sync", snapshot_sync, snapshot_sync_args, false, false},
    {"blockdev-snapshot", snapshot, snapshot_args, false, false},
    {"transaction", transaction, transaction_args, false, false},
};
const struct qmp_table qmp_backup_table = {rows, G_N_ELEMENTS(rows)};
