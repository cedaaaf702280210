/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/node_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>


static LIST_HEAD(, image) nodes = LIST_HEAD_INITIALIZER(nodes);
static unsigned generated;

/* ---- names and references ---- */

struct image *node_find(const char *name)
{
    struct image *img;

    LIST_FOREACH(img, &nodes, link) {
        if (!strcmp(img->node_name, name))
            return img;
    }
    return NULL;
}

void node_foreach(void (*fn)(void *opaque, struct image *img), void *opaque)
{
    struct image *img, *next;

    for (img = LIST_FIRST(&nodes); img; img = next) {
        next = LIST_NEXT(img, link);
        fn(opaque, img);
    }
}

void node_register(struct image *img, const char *name)
{
    img->user_named = name != NULL;
    if (name)
        img->node_name = g_strdup(name);
    else
        img->node_name = g_strdup_printf("#block%03u", generated++);
    LIST_INSERT_HEAD(&nodes, img, link);
}

struct image *image_ref(struct image *img)
{
    img->refs++;
    return img;
}

void image_unref(struct image *img)
{
    struct image *file, *backing;
    bool wrote;

    if (!img || --img->refs > 0)
        return;
    file = img->file;
    backing = img->backing;
    wrote = img->writes_file;
    if (img->node_name)
        LIST_REMOVE(img, link);
    g_free(img->node_name);
    g_free(img->filename);
    img->ops->close(img);
    image_release(file, wrote);
    image_release(backing, false);
}

/* ---- who uses it ---- */

static bool check_use(const struct image *img, bool write, GError **error)
{
    const char *name = img->node_name ? img->node_name : image_filename(img);

    if (write && img->readonly) {
        block_error(error, EROFS, name, "is read-only");
        return false;
    }
    if (img->writers || (write && img->users)) {
        block_error(error, EBUSY, name, "is in use%s", write ? "" : " by a writer");
        return false;
    }
    return true;
}

bool image_use(struct image *img, bool write, GError **error)
{
    if (!check_use(img, write, error))
        return false;
    if (img->ops->permit && !img->ops->permit(img, write, error))
        return false;
    img->users++;
    img->writers += write;
    return true;
}

void image_unuse(struct image *img, bool wrote)
{
    img->users--;
    img->writers -= wrote;
}

void image_release(struct image *img, bool wrote)
{
    if (!img)
        return;
    image_unuse(img, wrote);
    image_unref(img);
}

bool node_delete(const char *name, GError **error)
{
    struct image *img = node_find(name);

    if (!img) {
        block_error(error, ENOENT, name, "there is no node of this name");
        return false;
    }
    if (!img->user_named || img->users > 0) {
        block_error(error, EBUSY, name, img->users ? "Node is in use" : "was not made by blockdev-add");
        return false;
    }
    img->user_named = false;
    image_unref(img);
    return true;
}

/* ---- opening ---- */

static void set_flags(struct node_args *args, const struct image_flags *inherit)
{
    static const struct image_flags plain = { .locking = true };
    const char *discard = node_opt(args, "discard"), *zeroes = node_opt(args, "detect-zeroes");
    struct image_flags *f = &args->flags;

    *f = inherit ? *inherit : plain;
    f->growable = false;
    f->readonly = node_opt_bool(args, "read-only", f->readonly);
    f->auto_read_only = node_opt_bool(args, "auto-read-only", f->auto_read_only);
    f->direct = node_opt_bool(args, "cache.direct", f->direct);
    f->no_flush = node_opt_bool(args, "cache.no-flush", f->no_flush);
    if (discard)
        f->discard = !strcmp(discard, "unmap") || !strcmp(discard, "on");
    f->detect_zeroes = !zeroes || !strcmp(zeroes, "off") ? DETECT_ZEROES_OFF
                       : !strcmp(zeroes, "on")           ? DETECT_ZEROES_ON
                                                         : DETECT_ZEROES_UNMAP;
}

static struct image *open_at(GHashTable *opts, const struct image_flags *inherit, unsigned depth,
                             GError **error);

/* A child inside its parent: a format sends down only the discards that it was allowed. */
static struct image *open_inside(GHashTable *opts, const char *prefix, struct image_flags flags,
                                 unsigned depth, GError **error)
{
    g_autoptr(GHashTable) sub = node_sub_options(opts, prefix);

    flags.discard = true;
    flags.detect_zeroes = DETECT_ZEROES_OFF;
    return open_at(sub, &flags, depth, error);
}

static struct image *find_child(const char *name, GError **error)
{
    struct image *img = node_find(name);

    if (!img)
        block_error(error, ENOENT, name, "there is no node of this name");
    return img ? image_ref(img) : NULL;
}

/* Takes a child into use; where it cannot be written and that is allowed, read-only. */
static bool use_child(struct node_args *args, struct image *child, GError **error)
{
    GError *why = NULL;

    if (image_use(child, !args->flags.readonly, &why))
        return true;
    if (!args->flags.readonly && args->flags.auto_read_only &&
        (why->code == EACCES || why->code == EROFS || why->code == EPERM)) {
        g_clear_error(&why);
        args->flags.readonly = true;
        if (image_use(child, false, &why))
            return true;
    }
    g_propagate_error(error, why);
    return false;
}

static bool open_file_child(const struct node_driver *driver, struct node_args *args,
                            GHashTable *opts, GError **error)
{
    const char *child = node_child_name(driver), *name = g_hash_table_lookup(opts, child);
    g_autofree char *prefix = g_strconcat(child, ".", NULL);
    struct image *img = name ? find_child(name, error)
                             : open_inside(opts, prefix, args->flags, args->depth + 1, error);

    if (!img)
        return false;
    img->flags.growable |= driver->file_growable;
    if (!use_child(args, img, error)) {
        image_unref(img);
        return false;
    }
    args->file = img;
    return true;
}

static bool open_backing_child(struct node_args *args, GHashTable *opts, GError **error)
{
    const char *name = g_hash_table_lookup(opts, "backing");
    struct image_flags flags = args->flags;
    struct image *img;

    args->backing_given = name || node_has_prefix(opts, "backing.");
    if (!args->backing_given || (name && !*name))
        return true;
    flags.readonly = true;
    flags.auto_read_only = false;
    img = name ? find_child(name, error)
               : open_inside(opts, "backing.", flags, args->depth + 1, error);
    if (img && !image_use(img, false, error)) {
        image_unref(img);
        img = NULL;
    }
    args->backing = img;
    return img != NULL;
}

static bool open_children(const struct node_driver *driver, struct node_args *args,
                          GHashTable *opts, GError **error)
{
    if (driver->has_file && !open_file_child(driver, args, opts, error))
        return false;
    if (!driver->has_backing || open_backing_child(args, opts, error))
        return true;
    image_release(args->file, !args->flags.readonly);
    return false;
}

static struct image *open_checked(const struct node_driver *driver, GHashTable *opts,
                                  struct node_args *args, GError **error)
{
    struct image *img;
    bool write;

    if (!open_children(driver, args, opts, error))
        return NULL;
    args->shown = args->file            ? image_filename(args->file)
                  : node_opt(args, "filename") ? node_opt(args, "filename")
                                               : driver->name;
    write = !args->flags.readonly;
    img = driver->open(args, error);
    if (!img) {
        image_release(args->file, write);
        image_release(args->backing, false);
        return NULL;
    }
    img->writes_file = write;
    node_register(img, node_opt(args, "node-name"));
    return img;
}

/* Before its file is opened, so that this is not written to either. */
static bool set_read_only(const struct node_driver *driver, struct node_args *args,
                          GHashTable *opts, GError **error)
{
    const char *path = g_hash_table_lookup(opts, "file.filename");

    if (!args->flags.readonly && !args->flags.auto_read_only) {
        block_error(error, EROFS, path ? path : "drive",
                    "%s is read-only here; give readonly=on or snapshot=on", driver->name);
        return false;
    }
    args->flags.readonly = true;
    return true;
}

static struct image *open_at(GHashTable *opts, const struct image_flags *inherit, unsigned depth,
                             GError **error)
{
    const struct node_driver *driver = node_driver_must(node_driver_name(opts, ""), error);
    g_autoptr(GHashTable) own = driver ? node_own_options(driver, opts, error) : NULL;
    struct node_args args = { .opts = own, .depth = depth };
    const char *name = own ? node_opt(&args, "node-name") : NULL;

    if (!own)
        return NULL;
    if (name && node_find(name)) {
        block_error(error, EEXIST, "node-name", "'%s' is taken", name);
        return NULL;
    }
    set_flags(&args, inherit);
    if (driver->read_only && !set_read_only(driver, &args, opts, error))
        return NULL;
    return open_checked(driver, opts, &args, error);
}

struct image *node_open(GHashTable *opts, const struct image_flags *inherit, GError **error)
{
    return node_check_options(opts, error) ? open_at(opts, inherit, 0, error) : NULL;
}

/* ---- what an image says is behind it ---- */

static bool is_protocol(const char *name)
{
    size_t word = strspn(name,
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._");

    return word > 0 && name[word] == ':';
}

/* Only what a disk can be; not /proc/self/mem, a FIFO, a terminal. */
static bool is_disk(const char *path, const char *of, GError **error)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        block_error(error, errno, path, "%s (behind %s)", g_strerror(errno), of);
        return false;
    }
    if (S_ISBLK(st.st_mode) || (S_ISREG(st.st_mode) && !g_str_has_prefix(path, "/proc/")))
        return true;
    block_error(error, EINVAL, path, "is no disk image (behind %s)", of);
    return false;
}

static char *beside(const char *of, const char *name)
{
    g_autofree char *dir = g_path_get_dirname(of);

    return g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(dir, name, NULL);
}

struct image *node_open_backing(const struct node_args *args, const char *of, const char *name,
                                const char *format, GError **error)
{
    g_autofree char *path = beside(of, name);
    g_autoptr(GHashTable) opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const struct node_driver *driver;
    struct image_flags flags = args->flags;
    struct image *img;

    if (is_protocol(name)) {
        block_error(error, ENOTSUP, of, "the image names '%.100s' behind it: only plain files are "
                    "followed; give it by -blockdev, or backing=", name);
        return NULL;
    }
    if (!format) {
        block_error(error, EINVAL, of, "the image does not state the format of its backing file "
                    "'%.100s', and it is not guessed; qemu-img rebase -u -F FORMAT -b FILE states it",
                    name);
        return NULL;
    }
    driver = node_driver_must(format, error);
    if (!driver || !is_disk(path, of, error))
        return NULL;
    if (args->depth >= NODE_DEPTH_MAX) {
        block_error(error, ELOOP, of, "more than %d backing files", NODE_DEPTH_MAX);
        return NULL;
    }
    g_hash_table_insert(opts, g_strdup("driver"), g_strdup(format));
    g_hash_table_insert(opts, g_strdup("file.driver"), g_strdup("file"));
    g_hash_table_insert(opts, g_strdup("file.filename"), g_steal_pointer(&path));
    flags.readonly = true;
    flags.auto_read_only = false;
    flags.detect_zeroes = DETECT_ZEROES_OFF;
    if (!node_check_at(opts, args->depth, error))
        return NULL;
    img = open_at(opts, &flags, args->depth + 1, error);
    if (img && !image_use(img, false, error)) {
        image_unref(img);
        return NULL;
    }
    return img;
}
