/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks: -drive and its short forms, -blockdev nodes, and where each drive sits. */
#include <string.h>

#include "block/node.h"
#include "dm/config/options.h"

#define IDE_BUSES 2
#define IDE_UNITS 2
#define FLOPPY_UNITS 2

/* Where a drive was asked to sit; -1: not said. Same order as config->drives. */
struct drive_place {
    int index, bus, unit;
    bool snapshot_given;
};

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
}

/* ---- -drive ---- */

static const char *pair_value(const GPtrArray *pairs, const char *name)
{
    for (guint i = pairs->len; i-- > 0;) {
        const struct opt_pair *pair = g_ptr_array_index(pairs, i);

        if (pair->value && !strcmp(pair->name, name))
            return pair->value;
    }
    return NULL;
}

static bool is_option_of(const struct node_driver *driver, const char *name)
{
    size_t child = driver && driver->has_file ? strlen(node_child_name(driver)) : 0;

    if (child && !strncmp(name, node_child_name(driver), child) && name[child] == '.')
        return true;
    for (const struct node_option *o = driver ? driver->options : NULL; o && o->name; o++) {
        size_t len = strlen(o->name);
        bool open = len > 2 && !strcmp(o->name + len - 2, ".*"); /* "inject-error.*" */

        if ((open ? !strncmp(o->name, name, len - 1) : !strcmp(o->name, name)) && !o->refusal)
            return true;
    }
    return false;
}

/* What is for the nodes rather than for the drive, and so judged by node.c. */
static bool is_node_option(const struct opt_desc *subs, const char *format, const char *name)
{
    if (opt_desc_find(subs, name))
        return false;
    return g_str_has_prefix(name, "file.") || g_str_has_prefix(name, "backing.") ||
           !strcmp(name, "backing") ||
           is_option_of(format ? node_driver_find(format) : NULL, name);
}

static GHashTable *text_table(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* Moves pairs into a table; false if a name has no value. */
static bool move_pair(GPtrArray *pairs, guint i, const char *name, GHashTable *to, const char *what,
                      GError **error)
{
    const struct opt_pair *pair = g_ptr_array_index(pairs, i);

    if (!pair->value)
        return opt_error(error, "%s %s: a value is missing: %s=...", what, pair->name, pair->name);
    g_hash_table_replace(to, g_strdup(name), g_strdup(pair->value));
    g_ptr_array_remove_index(pairs, i);
    return true;
}

static bool take_node_options(struct drive_config *d, const struct option_use *use, GError **error)
{
    const char *format = pair_value(use->pairs, "format");

    if (!format)
        format = pair_value(use->pairs, "driver");
    for (guint i = 0; i < use->pairs->len;) {
        const struct opt_pair *pair = g_ptr_array_index(use->pairs, i);

        if (!is_node_option(use->spec->subs, format, pair->name)) {
            i++;
            continue;
        }
        if (!d->node_options)
            d->node_options = text_table();
        if (!move_pair(use->pairs, i, pair->name, d->node_options, use->what, error))
            return false;
    }
    return true;
}

/* Throttling's names of old, as QEMU still takes them. */
static const struct {
    const char *old, *name;
} throttle_aliases[] = {
    { "iops", "iops-total" }, { "iops_rd", "iops-read" }, { "iops_wr", "iops-write" },
    { "bps", "bps-total" }, { "bps_rd", "bps-read" }, { "bps_wr", "bps-write" },
    { "iops_max", "iops-total-max" }, { "iops_rd_max", "iops-read-max" },
    { "iops_wr_max", "iops-write-max" }, { "bps_max", "bps-total-max" },
    { "bps_rd_max", "bps-read-max" }, { "bps_wr_max", "bps-write-max" },
    { "iops_size", "iops-size" }, { "group", "group" },
};

static const char *throttle_name(const char *name)
{
    if (g_str_has_prefix(name, "throttling."))
        return name + strlen("throttling.");
    for (size_t i = 0; i < G_N_ELEMENTS(throttle_aliases); i++) {
        if (!strcmp(throttle_aliases[i].old, name))
            return throttle_aliases[i].name;
    }
    return NULL;
}

static bool take_throttling(struct drive_config *d, const struct option_use *use, GError **error)
{
    for (guint i = 0; i < use->pairs->len;) {
        const struct opt_pair *pair = g_ptr_array_index(use->pairs, i);
        const char *name = throttle_name(pair->name);

        if (!name) {
            i++;
            continue;
        }
        if (!d->throttle)
            d->throttle = text_table();
        if (!move_pair(use->pairs, i, name, d->throttle, use->what, error))
            return false;
    }
    return true;
}

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

static enum drive_if interface_of(const char *word)
{
    if (word && !strcmp(word, "none"))
        return DRIVE_IF_NONE;
    if (word && !strcmp(word, "virtio"))
        return DRIVE_IF_VIRTIO;
    return word && !strcmp(word, "floppy") ? DRIVE_IF_FLOPPY : DRIVE_IF_IDE;
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
    d->interface = interface_of(word);
    word = opts_get(opts, "media");
    d->cd = word && !strcmp(word, "cdrom");
}

static void set_drive_flags(struct drive_config *d, GHashTable *opts)
{
    const char *locking = opts_get(opts, "file.locking"), *discard = opts_get(opts, "discard");

    d->readonly = opts_bool(opts, "readonly", d->cd);
    /* A floppy that cannot be written has its tab shut; install media often lie so. */
    d->auto_read_only = opts_bool(opts, "auto-read-only", d->interface == DRIVE_IF_FLOPPY &&
                                  !opts_get(opts, "readonly"));
    d->locking = !locking || strcmp(locking, "off");
    d->discard = discard && (!strcmp(discard, "unmap") || !strcmp(discard, "on"));
    d->size_bytes = opts_number(opts, "size", 0);
    d->snapshot = opts_bool(opts, "snapshot", false);
}

static bool has_file_options(const struct drive_config *d)
{
    const struct node_driver *driver = d->format ? node_driver_find(d->format) : NULL;
    const char *child = driver ? node_child_name(driver) : "file";
    g_autofree char *below = g_strconcat(child, ".driver", NULL);
    g_autofree char *path = g_strconcat(child, ".filename", NULL);

    return d->node_options && (g_hash_table_contains(d->node_options, below) ||
                               g_hash_table_contains(d->node_options, path));
}

/* Known, a protocol of its own that needs no file name, or -- a CD, a floppy -- nothing at all. */
static bool check_drive(struct drive_config *d, const char *what, GError **error)
{
    const struct node_driver *driver = d->format ? node_driver_find(d->format) : NULL;
    const char *why = d->format ? node_driver_refusal(d->format) : NULL;
    bool null = driver && g_str_has_prefix(driver->name, "null-"), alone = driver && !driver->has_file;

    if (!opt_check_id(what, d->id, error))
        return false;
    if (d->format && !driver)
        return opt_error(error, "%s format=%s: not supported: %s", what, d->format,
                         why ? why : "there is no such format; raw works");
    if ((d->cd || d->interface == DRIVE_IF_FLOPPY) && !alone && (!d->file || !*d->file) &&
        !has_file_options(d)) {
        g_clear_pointer(&d->file, g_free); /* -cdrom "", -fda "": the drive is empty */
        g_clear_pointer(&d->format, g_free);
        return true;
    }
    if (!alone && (!d->file || !*d->file) && !has_file_options(d))
        return opt_error(error, "%s: file= is missing: -drive file=disk.img,format=raw", what);
    if (!null && d->size_bytes)
        return opt_error(error, "%s size: it belongs to format=null-co and null-aio only", what);
    return true;
}

static struct drive_place *last_place(struct parser *p)
{
    return g_ptr_array_index(p->places, p->places->len - 1);
}

static bool fill_drive(struct parser *p, struct drive_config *d, const struct option_use *use,
                       GHashTable *o, GError **error)
{
    const char *zeroes = opts_get(o, "detect-zeroes");

    set_drive_names(d, o);
    set_drive_flags(d, o);
    set_cache(d, o);
    last_place(p)->snapshot_given = opts_get(o, "snapshot") != NULL;
    if (zeroes) {
        if (!d->node_options)
            d->node_options = text_table();
        g_hash_table_insert(d->node_options, g_strdup("detect-zeroes"), g_strdup(zeroes));
    }
    return set_aio(d, use->what, o, error) && check_drive(d, use->what, error);
}

bool apply_drive(struct parser *p, const struct option_use *use, GError **error)
{
    struct drive_config *d = add_drive(p, -1, -1, -1);
    struct drive_place *place = last_place(p);
    g_autoptr(GHashTable) o = NULL;

    if (!take_node_options(d, use, error) || !take_throttling(d, use, error))
        return false;
    o = opt_check(use->what, use->pairs, use->spec->subs, error);
    if (!o)
        return false;
    place->index = (int)opts_number(o, "index", (uint64_t)-1);
    place->bus = (int)opts_number(o, "bus", (uint64_t)-1);
    place->unit = (int)opts_number(o, "unit", (uint64_t)-1);
    if (place->index >= 0 && (place->bus >= 0 || place->unit >= 0))
        return opt_error(error, "%s index=%d: give either index, or bus and unit", use->what,
                         place->index);
    return fill_drive(p, d, use, o, error);
}

/* -cdrom FILE: index 2, as QEMU's; "" is an empty drive. */
bool apply_cdrom(struct parser *p, const struct option_use *use, GError **error)
{
    struct drive_config *d = add_drive(p, 2, -1, -1);

    d->file = g_strdup(use->arg);
    d->cd = d->readonly = true;
    return check_drive(d, use->what, error);
}

/* -fda FILE, -fdb FILE; "" is an empty drive. */
bool apply_fd(struct parser *p, const struct option_use *use, GError **error)
{
    struct drive_config *d = add_drive(p, use->spec->name[2] - 'a', -1, -1);

    d->interface = DRIVE_IF_FLOPPY;
    d->file = g_strdup(use->arg);
    d->auto_read_only = true;
    return check_drive(d, use->what, error);
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
        d->id = g_strdup_printf("ide%d-%s%d", bus, d->cd ? "cd" : "hd", unit);
    return true;
}

static bool place_floppy(struct parser *p, guint i, GError **error)
{
    struct drive_config *d = g_ptr_array_index(p->config->drives, i);
    const struct drive_place *at = g_ptr_array_index(p->places, i);
    int unit = at->index >= 0 ? at->index : at->unit;

    if (unit < 0) {
        for (unit = 0; taken(p, i, DRIVE_IF_FLOPPY, 0, unit);)
            unit++;
    }
    if (unit >= FLOPPY_UNITS || at->bus > 0)
        return opt_error(error, "-drive if=floppy: two floppy drives at most, index 0 (A) and 1 (B)");
    if (taken(p, i, DRIVE_IF_FLOPPY, 0, unit))
        return opt_error(error, "-drive if=floppy: index %d is there already", unit);
    d->unit = unit;
    if (!d->id)
        d->id = g_strdup_printf("floppy%d", unit);
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

/* As QEMU has it: short for if=none with a -device virtio-blk-pci, which comes after those that were given. */
static bool place_virtio(struct parser *p, guint i, GError **error)
{
    struct drive_config *d = g_ptr_array_index(p->config->drives, i);
    const struct drive_place *at = g_ptr_array_index(p->places, i);
    struct device_config *dev;

    if (at->bus >= 0 || at->unit >= 0 || d->cd)
        return opt_error(error, "-drive if=virtio: it is a disk without bus= and unit=");
    d->unit = MAX(at->index, 0);
    while (at->index < 0 && taken(p, i, DRIVE_IF_VIRTIO, 0, d->unit))
        d->unit++;
    if (!d->id)
        d->id = g_strdup_printf("virtio%d", d->unit);
    dev = g_new0(struct device_config, 1);
    dev->driver = g_strdup("virtio-blk-pci");
    dev->props = text_table();
    g_hash_table_insert(dev->props, g_strdup("drive"), g_strdup(d->id));
    g_ptr_array_add(p->config->devices, dev);
    return true;
}

static bool place_drive(struct parser *p, guint i, GError **error)
{
    const struct drive_config *d = g_ptr_array_index(p->config->drives, i);

    if (d->interface == DRIVE_IF_FLOPPY)
        return place_floppy(p, i, error);
    if (d->interface == DRIVE_IF_IDE)
        return place_ide(p, i, error);
    if (d->interface == DRIVE_IF_VIRTIO)
        return place_virtio(p, i, error);
    place_none(p, i);
    return true;
}

static bool place_drives(struct parser *p, GError **error)
{
    GPtrArray *drives = p->config->drives;
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < drives->len; i++) {
        struct drive_config *d = g_ptr_array_index(drives, i);

        if (d->interface != DRIVE_IF_NONE && !strcmp(p->config->machine, "none"))
            return opt_error(error, "-drive file=%s: machine none has no IDE and no floppy drives; use "
                             "if=none", d->file ? d->file : "");
        if (!place_drive(p, i, error))
            return false;
        if (!g_hash_table_add(ids, d->id))
            return opt_error(error, "-drive id=%s: the id is taken", d->id);
    }
    return true;
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

/* A -blockdev node becomes a drive when a device takes it. */
static struct drive_config *drive_of_node(struct parser *p, const char *name)
{
    struct drive_config *d;

    if (!find_blockdev(p, name))
        return NULL;
    d = add_drive(p, -1, -1, -1);
    last_place(p)->snapshot_given = true;
    d->interface = DRIVE_IF_NONE;
    d->id = g_strdup(name);
    d->node = g_strdup(name);
    return d;
}

static bool takes_drive(const struct device_config *dev, bool *needs_one)
{
    *needs_one = !strcmp(dev->driver, "ide-hd") || !strcmp(dev->driver, "virtio-blk-pci");
    return *needs_one || !strcmp(dev->driver, "ide-cd") || !strcmp(dev->driver, "floppy");
}

/* A drive without a medium still has a disk to its name, for QMP to put one in. */
static void add_empty_drive(struct parser *p, const struct device_config *dev)
{
    struct drive_config *d = add_drive(p, -1, -1, -1);

    last_place(p)->snapshot_given = true;
    d->interface = DRIVE_IF_NONE;
    d->id = g_strdup_printf("#%s%u", dev->driver, p->config->drives->len); /* no id begins so */
    d->cd = d->readonly = !strcmp(dev->driver, "ide-cd");
    d->used_by_device = true;
    g_hash_table_insert(dev->props, g_strdup("drive"), g_strdup(d->id));
}

/* QEMU's machines have a CD drive at the secondary master, unless somebody spoke of drives there. */
static void add_default_cd(struct parser *p)
{
    struct vm_config *c = p->config;
    struct drive_config *d;

    if (c->nodefaults || !strcmp(c->machine, "none"))
        return;
    for (guint i = 0; i < c->drives->len; i++) {
        d = g_ptr_array_index(c->drives, i);
        if (d->cd || (d->interface == DRIVE_IF_IDE && d->bus == 1 && d->unit == 0))
            return;
    }
    for (guint i = 0; i < c->devices->len; i++) {
        const struct device_config *dev = g_ptr_array_index(c->devices, i);

        if (!strcmp(dev->driver, "ide-cd") || !strcmp(dev->driver, "ide-hd"))
            return;
    }
    d = add_drive(p, 2, 1, 0);
    d->id = g_strdup("ide1-cd0");
    d->interface = DRIVE_IF_IDE;
    d->bus = 1;
    d->cd = d->readonly = true;
}

static bool join_device(struct parser *p, const struct device_config *dev, GError **error)
{
    const char *id = g_hash_table_lookup(dev->props, "drive");
    struct drive_config *d;
    bool needs_one;

    if (!takes_drive(dev, &needs_one))
        return true;
    if (!id && !needs_one) {
        add_empty_drive(p, dev);
        return true;
    }
    if (!id)
        return opt_error(error, "-device %s: drive= is missing", dev->driver);
    d = find_drive(p, id);
    if (!d)
        d = drive_of_node(p, id);
    if (!d)
        return opt_error(error, "-device %s,drive=%s: no -drive or -blockdev has that id",
                         dev->driver, id);
    if ((d->interface != DRIVE_IF_NONE && d->interface != DRIVE_IF_VIRTIO) || d->used_by_device)
        return opt_error(error, "-device %s,drive=%s: that drive is in use%s", dev->driver, id,
                         d->used_by_device ? "" : "; give it if=none");
    if (!strcmp(dev->driver, "ide-cd"))
        d->cd = d->readonly = true;
    else if (d->cd)
        return opt_error(error, "-device %s,drive=%s: that is a CD; use ide-cd", dev->driver, id);
    d->used_by_device = true;
    return true;
}

/* Drive A is there, empty, unless something else was said about floppy drives. */
static bool add_default_floppy(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;
    bool said = c->nodefaults || !strcmp(c->machine, "none");

    for (guint i = 0; i < c->devices->len; i++) {
        const struct device_config *dev = g_ptr_array_index(c->devices, i);

        said |= !strcmp(dev->driver, "floppy");
    }
    for (guint i = 0; i < c->drives->len; i++) {
        const struct drive_config *d = g_ptr_array_index(c->drives, i);
        const struct drive_place *at = g_ptr_array_index(p->places, i);

        said |= d->interface == DRIVE_IF_FLOPPY && at->index <= 0 && at->unit <= 0;
    }
    if (said)
        return true;
    if (find_drive(p, "floppy0"))
        return opt_error(error, "-drive id=floppy0: drive A has that name; another, or -nodefaults");
    add_drive(p, 0, -1, -1)->interface = DRIVE_IF_FLOPPY;
    return place_floppy(p, c->drives->len - 1, error);
}

bool finish_drives(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;

    if (!finish_blockdevs(p, error) || !place_drives(p, error))
        return false;
    for (guint i = 0; i < c->drives->len; i++) {
        struct drive_config *d = g_ptr_array_index(c->drives, i);
        const struct drive_place *place = g_ptr_array_index(p->places, i);

        if (p->snapshot_all && !place->snapshot_given && !d->cd)
            d->snapshot = true;
    }
    for (guint i = 0; i < c->devices->len; i++) {
        if (!join_device(p, g_ptr_array_index(c->devices, i), error))
            return false;
    }
    add_default_cd(p);
    return add_default_floppy(p, error);
}
