/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks: -drive and its short forms, -blockdev nodes, and where each drive sits. */
#include <string.h>

#include "dm/options.h"

#define IDE_BUSES 2
#define IDE_UNITS 2

/* Where a drive was asked to sit; -1: not said. Same order as config->drives. */
struct drive_place {
    int index, bus, unit;
    bool snapshot_given;
};

/* A -blockdev node. */
struct blockdev_node {
    char *name, *driver;
    char *file;       /* raw: the node below; else NULL */
    GHashTable *opts; /* checked */
    bool referenced;  /* by a node above */
};

static void free_node(void *opaque)
{
    struct blockdev_node *n = opaque;

    g_free(n->name);
    g_free(n->driver);
    g_free(n->file);
    if (n->opts)
        g_hash_table_unref(n->opts);
    g_free(n);
}

static struct drive_config *add_drive(struct parser *p, int index, int bus, int unit)
{
    struct drive_config *d = g_new0(struct drive_config, 1);
    struct drive_place *place = g_new(struct drive_place, 1);

    if (!p->places)
        p->places = g_ptr_array_new_with_free_func(g_free);
    d->cache_writeback = d->locking = true;
    *place = (struct drive_place){index, bus, unit, false};
    g_ptr_array_add(p->config->drives, d);
    g_ptr_array_add(p->places, place);
    return d;
}

void parser_free_drives(struct parser *p)
{
    if (p->places)
        g_ptr_array_free(p->places, TRUE);
    if (p->nodes)
        g_ptr_array_free(p->nodes, TRUE);
}

/* ---- -drive ---- */

static void set_cache(struct drive_config *d, GHashTable *opts)
{
    static const struct {
        const char *name;
        bool direct, writeback, no_flush;
    } modes[] = {
        {"none", true, true, false},       {"writeback", false, true, false},
        {"writethrough", false, false, false}, {"directsync", true, false, false},
        {"unsafe", false, true, true},
    };
    const char *mode = opts_get(opts, "cache");

    for (size_t i = 0; mode && i < G_N_ELEMENTS(modes); i++) {
        if (strcmp(mode, modes[i].name))
            continue;
        d->cache_direct = modes[i].direct;
        d->cache_writeback = modes[i].writeback;
        d->cache_no_flush = modes[i].no_flush;
    }
    d->cache_direct = opts_bool(opts, "cache.direct", d->cache_direct);
    d->cache_writeback = opts_bool(opts, "cache.writeback", d->cache_writeback);
    d->cache_no_flush = opts_bool(opts, "cache.no-flush", d->cache_no_flush);
}

static bool set_aio(struct drive_config *d, const char *what, GHashTable *opts, GError **error)
{
    const char *aio = opts_get(opts, "aio");

    d->aio_native = aio && !strcmp(aio, "native");
    if (d->aio_native && !d->cache_direct)
        return opt_error(error, "%s aio=native: it needs cache=none (or cache.direct=on)", what);
    return true;
}

static void set_drive_names(struct drive_config *d, GHashTable *opts)
{
    const char *word = opts_get(opts, "if");

    d->id = g_strdup(opts_get(opts, "id"));
    d->file = g_strdup(opts_get(opts, "file"));
    d->format = g_strdup(opts_get(opts, "format"));
    d->serial = g_strdup(opts_get(opts, "serial"));
    d->werror = g_strdup(opts_get(opts, "werror"));
    d->rerror = g_strdup(opts_get(opts, "rerror"));
    d->interface = word && !strcmp(word, "none") ? DRIVE_IF_NONE : DRIVE_IF_IDE;
}

static void set_drive_flags(struct drive_config *d, GHashTable *opts)
{
    const char *locking = opts_get(opts, "file.locking"), *discard = opts_get(opts, "discard");

    d->readonly = opts_bool(opts, "readonly", false);
    d->auto_read_only = opts_bool(opts, "auto-read-only", false);
    d->locking = !locking || strcmp(locking, "off");
    d->discard = discard && (!strcmp(discard, "unmap") || !strcmp(discard, "on"));
    d->size_bytes = opts_number(opts, "size", 0);
    d->snapshot = opts_bool(opts, "snapshot", false);
}

static bool check_drive(const struct drive_config *d, const char *what, GHashTable *opts,
                        GError **error)
{
    bool null = d->format && !strcmp(d->format, "null-co");

    if (!opt_check_id(what, d->id, error))
        return false;
    if (!null && (!d->file || !*d->file))
        return opt_error(error, "%s: file= is missing: -drive file=disk.img,format=raw", what);
    if (!null && (d->size_bytes || opts_get(opts, "read-zeroes")))
        return opt_error(error, "%s %s: it belongs to format=null-co only", what,
                         d->size_bytes ? "size" : "read-zeroes");
    if (null && opts_get(opts, "read-zeroes") && !opts_bool(opts, "read-zeroes", true))
        return opt_error(error, "%s read-zeroes=off: not supported: null-co reads as zeroes", what);
    return true;
}

static struct drive_place *last_place(struct parser *p)
{
    return g_ptr_array_index(p->places, p->places->len - 1);
}

bool apply_drive(struct parser *p, const struct option_use *use, GError **error)
{
    GHashTable *o = use->opts;
    int index = (int)opts_number(o, "index", (uint64_t)-1);
    int bus = (int)opts_number(o, "bus", (uint64_t)-1);
    int unit = (int)opts_number(o, "unit", (uint64_t)-1);
    struct drive_config *d;

    if (index >= 0 && (bus >= 0 || unit >= 0))
        return opt_error(error, "%s index=%d: give either index, or bus and unit", use->what,
                         index);
    d = add_drive(p, index, bus, unit);
    set_drive_names(d, o);
    set_drive_flags(d, o);
    set_cache(d, o);
    last_place(p)->snapshot_given = opts_get(o, "snapshot") != NULL;
    if (!d->file && d->format && !strcmp(d->format, "null-co"))
        d->file = g_strdup("null-co://");
    return set_aio(d, use->what, o, error) && check_drive(d, use->what, o, error);
}

/* -hda FILE .. -hdd FILE, and the image without an option, which is -hda. */
bool apply_hd(struct parser *p, const struct option_use *use, GError **error)
{
    const char *name = use->spec ? use->spec->name : "hda";
    struct drive_config *d;

    if (!*use->arg)
        return opt_error(error, "%s: the name of a disk image is missing", use->what);
    d = add_drive(p, name[2] - 'a', -1, -1);
    d->file = g_strdup(use->arg);
    return true;
}

bool apply_snapshot(struct parser *p, const struct option_use *use, GError **error)
{
    (void)use;
    (void)error;
    p->snapshot_all = true;
    return true;
}

/* ---- places ---- */

static bool taken(struct parser *p, guint upto, enum drive_if interface, int bus, int unit)
{
    for (guint i = 0; i < upto; i++) {
        const struct drive_config *d = g_ptr_array_index(p->config->drives, i);

        if (d->interface == interface && d->bus == bus && d->unit == unit)
            return true;
    }
    return false;
}

/* QEMU's rule: index counts through the buses; else the first free unit, on later buses if need be. */
static bool place_ide(struct parser *p, guint i, GError **error)
{
    struct drive_config *d = g_ptr_array_index(p->config->drives, i);
    const struct drive_place *at = g_ptr_array_index(p->places, i);
    int bus = at->index >= 0 ? at->index / IDE_UNITS : MAX(at->bus, 0);
    int unit = at->index >= 0 ? at->index % IDE_UNITS : at->unit;

    if (unit < 0) {
        for (unit = 0; taken(p, i, DRIVE_IF_IDE, bus, unit);) {
            if (++unit == IDE_UNITS) {
                unit = 0;
                bus++;
            }
        }
    }
    if (bus >= IDE_BUSES || unit >= IDE_UNITS)
        return opt_error(error, "-drive file=%s: there is no place bus=%d,unit=%d: four IDE drives "
                         "at most, index 0 to 3", d->file, bus, unit);
    if (taken(p, i, DRIVE_IF_IDE, bus, unit))
        return opt_error(error, "-drive file=%s: index %d (bus=%d,unit=%d) has a drive already",
                         d->file, bus * IDE_UNITS + unit, bus, unit);
    d->bus = bus;
    d->unit = unit;
    if (!d->id)
        d->id = g_strdup_printf("ide%d-hd%d", bus, unit);
    return true;
}

static void place_none(struct parser *p, guint i)
{
    struct drive_config *d = g_ptr_array_index(p->config->drives, i);

    while (taken(p, i, DRIVE_IF_NONE, 0, d->unit))
        d->unit++;
    if (!d->id)
        d->id = g_strdup_printf("none%d", d->unit);
}

static bool place_drives(struct parser *p, GError **error)
{
    GPtrArray *drives = p->config->drives;
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < drives->len; i++) {
        struct drive_config *d = g_ptr_array_index(drives, i);

        if (d->interface == DRIVE_IF_IDE && !strcmp(p->config->machine, "none"))
            return opt_error(error, "-drive file=%s: machine none has no IDE; use if=none",
                             d->file);
        if (d->interface == DRIVE_IF_NONE)
            place_none(p, i);
        else if (!place_ide(p, i, error))
            return false;
        if (!g_hash_table_add(ids, d->id))
            return opt_error(error, "-drive id=%s: the id is taken", d->id);
    }
    return true;
}

/* ---- -blockdev ---- */

#define NODE_COMMON                                                                                \
    {.name = "node-name", .type = OPT_STRING}, {.name = "read-only", .type = OPT_BOOL},            \
    {.name = "auto-read-only", .type = OPT_BOOL},                                                  \
    {.name = "discard", .type = OPT_ENUM, .values = "ignore|unmap"},                               \
    {.name = "detect-zeroes", .type = OPT_ENUM, .values = "off"},                                  \
    {.name = "cache.direct", .type = OPT_BOOL}, {.name = "cache.no-flush", .type = OPT_BOOL}

static const struct opt_desc file_node[] = {
    NODE_COMMON,
    {.name = "filename", .type = OPT_STRING},
    {.name = "aio", .type = OPT_ENUM, .values = "threads|native"},
    {.name = "locking", .type = OPT_ENUM, .values = "auto|on|off"},
    OPT_END,
};

static const struct opt_desc raw_node[] = {
    NODE_COMMON,
    {.name = "file", .type = OPT_STRING},
    {.name = "offset", .type = OPT_SIZE, .refusal = "the whole file is the disk"},
    {.name = "size", .type = OPT_SIZE, .refusal = "the whole file is the disk"},
    OPT_END,
};

static const struct opt_desc null_node[] = {
    NODE_COMMON,
    {.name = "size", .type = OPT_SIZE},
    {.name = "read-zeroes", .type = OPT_BOOL},
    OPT_END,
};

static const struct {
    const char *driver;
    const struct opt_desc *descs;
    const char *required;
} node_drivers[] = {
    {"raw", raw_node, "file"},
    {"file", file_node, "filename"},
    {"host_device", file_node, "filename"},
    {"null-co", null_node, NULL},
};

static struct blockdev_node *find_node(struct parser *p, const char *name)
{
    for (guint i = 0; i < p->nodes->len; i++) {
        struct blockdev_node *n = g_ptr_array_index(p->nodes, i);

        if (!strcmp(n->name, name))
            return n;
    }
    return NULL;
}

static bool node_checked(struct blockdev_node *n, GPtrArray *pairs, bool has_file, GError **error)
{
    g_autofree char *names = NULL, *what = g_strdup_printf("-blockdev %s", n->driver);
    const char *required = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(node_drivers); i++) {
        if (strcmp(n->driver, node_drivers[i].driver))
            continue;
        n->opts = opt_check(what, pairs, node_drivers[i].descs, error);
        if (!n->opts)
            return false;
        required = node_drivers[i].required;
        if (required && !has_file && !opts_get(n->opts, required))
            return opt_error(error, "%s: %s is missing", what, required);
        if (opts_get(n->opts, "aio") && !strcmp(opts_get(n->opts, "aio"), "native") &&
            !opts_bool(n->opts, "cache.direct", false))
            return opt_error(error, "%s aio=native: it needs cache.direct=on", what);
        return true;
    }
    return opt_error(error, "%s: not supported yet; there are raw, file, host_device, null-co",
                     what);
}

static bool add_node(struct parser *p, GPtrArray *pairs, const char *inner_of, char **name_out,
                     GError **error);

/* The node of one option, with the one inside "file": {...} if there is one. */
static bool fill_node(struct parser *p, struct blockdev_node *n, GPtrArray *pairs, GError **error)
{
    g_autoptr(GPtrArray) inner = opt_pairs_steal_prefix(pairs, "file.");

    if (inner && strcmp(n->driver, "raw"))
        return opt_error(error, "-blockdev %s: only raw has a file below it", n->driver);
    if (inner && !add_node(p, inner, n->name, &n->file, error))
        return false;
    if (!node_checked(n, pairs, inner != NULL, error))
        return false;
    if (inner && opts_get(n->opts, "file"))
        return opt_error(error, "-blockdev raw: file is given twice");
    if (!inner)
        n->file = g_strdup(opts_get(n->opts, "file"));
    return true;
}

static bool add_node(struct parser *p, GPtrArray *pairs, const char *inner_of, char **name_out,
                     GError **error)
{
    struct blockdev_node *n = g_new0(struct blockdev_node, 1);

    n->driver = opt_pairs_steal(pairs, "driver");
    n->name = opt_pairs_steal(pairs, "node-name");
    if (!n->name && inner_of)
        n->name = g_strdup_printf("#%s", inner_of); /* no id can begin so */
    else if (n->name && !opt_check_id("-blockdev", n->name, error))
        goto fail;
    if (!n->driver || !n->name) {
        opt_error(error, "-blockdev: %s is missing", n->driver ? "node-name" : "driver");
        goto fail;
    }
    if (find_node(p, n->name)) {
        opt_error(error, "-blockdev node-name=%s: the name is taken", n->name);
        goto fail;
    }
    if (!fill_node(p, n, pairs, error))
        goto fail;
    g_ptr_array_add(p->nodes, n);
    if (name_out)
        *name_out = g_strdup(n->name);
    return true;
fail:
    free_node(n);
    return false;
}

bool apply_blockdev(struct parser *p, const struct option_use *use, GError **error)
{
    if (!p->nodes)
        p->nodes = g_ptr_array_new_with_free_func(free_node);
    return add_node(p, use->pairs, NULL, NULL, error);
}

/* raw over raw over file ... : a chain, each node used once. The last is where the bytes are. */
static struct blockdev_node *bottom_node(struct parser *p, struct blockdev_node *top,
                                         GError **error)
{
    struct blockdev_node *n = top;

    for (guint steps = 0; n->file; steps++) {
        struct blockdev_node *below = find_node(p, n->file);

        if (!below || steps > p->nodes->len) {
            opt_error(error, "-blockdev %s: there is no node '%s' below it", n->name, n->file);
            return NULL;
        }
        n = below;
    }
    return n;
}

static bool mark_references(struct parser *p, GError **error)
{
    for (guint i = 0; i < p->nodes->len; i++) {
        struct blockdev_node *n = g_ptr_array_index(p->nodes, i), *below;

        below = n->file ? find_node(p, n->file) : NULL;
        if (n->file && !below)
            return opt_error(error, "-blockdev %s: there is no node '%s'", n->name, n->file);
        if (below && below->referenced)
            return opt_error(error, "-blockdev %s: node '%s' is in use", n->name, n->file);
        if (below)
            below->referenced = true;
    }
    return true;
}

static bool unmaps(const struct blockdev_node *n)
{
    const char *discard = opts_get(n->opts, "discard");

    return discard && !strcmp(discard, "unmap");
}

static void drive_of_node(struct parser *p, const struct blockdev_node *top,
                          const struct blockdev_node *bottom)
{
    struct drive_config *d = add_drive(p, -1, -1, -1);
    const char *aio = opts_get(bottom->opts, "aio"), *locking = opts_get(bottom->opts, "locking");

    last_place(p)->snapshot_given = true;
    d->interface = DRIVE_IF_NONE;
    d->id = g_strdup(top->name);
    if (!strcmp(bottom->driver, "null-co")) {
        d->file = g_strdup("null-co://");
        d->format = g_strdup("null-co");
    } else {
        /* A name, not a "protocol:" prefix, whatever it looks like. */
        d->file = g_strdup_printf("%s:%s", bottom->driver, opts_get(bottom->opts, "filename"));
        d->format = g_strdup("raw");
    }
    d->size_bytes = opts_number(bottom->opts, "size", 0);
    d->readonly = opts_bool(top->opts, "read-only", false) ||
                  opts_bool(bottom->opts, "read-only", false);
    d->auto_read_only = opts_bool(top->opts, "auto-read-only", false);
    d->cache_direct = opts_bool(bottom->opts, "cache.direct", false);
    d->cache_no_flush = opts_bool(top->opts, "cache.no-flush", false) ||
                        opts_bool(bottom->opts, "cache.no-flush", false);
    d->aio_native = aio && !strcmp(aio, "native");
    d->locking = !locking || strcmp(locking, "off");
    d->discard = unmaps(top) && unmaps(bottom);
}

/* Nodes that no other node stands on are drives, with the node's name for id. */
static bool finish_nodes(struct parser *p, GError **error)
{
    guint tops = 0;

    if (!p->nodes)
        return true;
    if (p->snapshot_all)
        return opt_error(error, "-snapshot: it cannot be had with -blockdev; use -drive");
    if (!mark_references(p, error))
        return false;
    for (guint i = 0; i < p->nodes->len; i++) {
        struct blockdev_node *n = g_ptr_array_index(p->nodes, i), *bottom;

        if (n->referenced)
            continue;
        bottom = bottom_node(p, n, error);
        if (!bottom)
            return false;
        drive_of_node(p, n, bottom);
        tops++;
    }
    return tops || opt_error(error, "-blockdev: the nodes stand on each other in a ring");
}

/* ---- which device has which drive ---- */

static struct drive_config *find_drive(struct parser *p, const char *id)
{
    for (guint i = 0; i < p->config->drives->len; i++) {
        struct drive_config *d = g_ptr_array_index(p->config->drives, i);

        if (!strcmp(d->id, id))
            return d;
    }
    return NULL;
}

static bool join_device(struct parser *p, const struct device_config *dev, GError **error)
{
    const char *id = g_hash_table_lookup(dev->props, "drive");
    struct drive_config *d;

    if (strcmp(dev->driver, "ide-hd"))
        return true;
    if (!id)
        return opt_error(error, "-device %s: drive= is missing", dev->driver);
    d = find_drive(p, id);
    if (!d && p->nodes && find_node(p, id))
        return opt_error(error, "-device %s,drive=%s: another node stands on that one", dev->driver,
                         id);
    if (!d)
        return opt_error(error, "-device %s,drive=%s: no -drive or -blockdev has that id",
                         dev->driver, id);
    if (d->interface != DRIVE_IF_NONE || d->used_by_device)
        return opt_error(error, "-device %s,drive=%s: that drive is in use%s", dev->driver, id,
                         d->used_by_device ? "" : "; give it if=none");
    d->used_by_device = true;
    return true;
}

bool finish_drives(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;

    if (!finish_nodes(p, error) || !place_drives(p, error))
        return false;
    for (guint i = 0; i < c->drives->len; i++) {
        struct drive_config *d = g_ptr_array_index(c->drives, i);
        const struct drive_place *place = g_ptr_array_index(p->places, i);

        if (p->snapshot_all && !place->snapshot_given)
            d->snapshot = true;
    }
    for (guint i = 0; i < c->devices->len; i++) {
        if (!join_device(p, g_ptr_array_index(c->devices, i), error))
            return false;
    }
    return true;
}
