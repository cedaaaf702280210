/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From options to a disk: which format, which file, which filters. */
#include "block/open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "block/drivers.h"
#include "block/internal.h"

/* ---- what looks like a format that nobody stated ------------------------------------------- */

/* First bytes, as their formats' specifications give them. */
static const struct {
    const char *format;
    unsigned off;
    const char *magic;
    unsigned bytes;
} magics[] = {
    { "qcow2", 0, "QFI\xfb\0\0\0\2", 8 },
    { "qcow2", 0, "QFI\xfb\0\0\0\3", 8 },
    { "qcow", 0, "QFI\xfb", 4 },
    { "vmdk", 0, "KDMV", 4 },
    { "vmdk", 0, "COWD", 4 },
    { "vmdk", 0, "# Disk DescriptorFile", 21 },
    { "vdi", 64, "\x7f\x10\xda\xbe", 4 },
    { "vpc", 0, "conectix", 8 },
    { "vhdx", 0, "vhdxfile", 8 },
    { "qed", 0, "QED\0", 4 },
    { "luks", 0, "LUKS\xba\xbe", 6 },
    { "parallels", 0, "WithoutFreeSpace", 16 },
    { "parallels", 0, "WithouFreSpacExt", 16 },
    { "bochs", 0, "Bochs Virtual HD Image", 22 },
};

static const char *looks_like(struct image *img)
{
    unsigned char head[512] = { 0 };
    struct iovec iov = { head, sizeof(head) };

    if (img->ops->read(img, 0, &iov, 1))
        return NULL; /* then it cannot be told; the guest will see the error */
    for (unsigned i = 0; i < G_N_ELEMENTS(magics); i++) {
        if (!memcmp(head + magics[i].off, magics[i].magic, magics[i].bytes))
            return magics[i].format;
    }
    return NULL;
}

/* Not even this chooses a format: it only asks for one to be stated. */
static bool stated_or_plain(const struct block_options *opt, struct image *img, GError **error)
{
    const char *format = opt->format ? NULL : looks_like(img);
    const char *path = image_filename(img);

    if (!format)
        return true;
    if (node_driver_find(format))
        block_error(error, EINVAL, path, "looks like %s; use -drive file=FILE,format=%s, or format=raw "
                    "for its bytes as they are", format, format);
    else
        block_error(error, EINVAL, path, "looks like %s; give format=raw to use its bytes as they are "
                    "(%s is not supported)", format, format);
    return false;
}

/*
 * The name that the operator gave says the format: a guest cannot change it. What is called .qcow2 is
 * never opened as anything else, so that no raw disk of that name can become one later.
 */
const char *block_format_by_name(const char *file)
{
    static const struct {
        const char *suffix, *format;
    } names[] = { { ".qcow2", "qcow2" }, { ".vmdk", "vmdk" }, { ".vdi", "vdi" }, { ".vhd", "vpc" } };

    for (unsigned i = 0; file && i < G_N_ELEMENTS(names); i++) {
        if (g_str_has_suffix(file, names[i].suffix) && node_driver_find(names[i].format))
            return names[i].format;
    }
    return NULL;
}

/* ---- options of a node ---- */

static void put(GHashTable *opts, const char *name, const char *value)
{
    if (!g_hash_table_contains(opts, name))
        g_hash_table_insert(opts, g_strdup(name), g_strdup(value));
}

static GHashTable *copy_options(GHashTable *from)
{
    GHashTable *to = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer key, value;

    if (!from)
        return to;
    g_hash_table_iter_init(&iter, from);
    while (g_hash_table_iter_next(&iter, &key, &value))
        g_hash_table_insert(to, g_strdup(key), g_strdup(value));
    return to;
}

/* A protocol stands for itself: -drive driver=nbd,... or format=null-co. */
static bool is_protocol(const char *format)
{
    const struct node_driver *driver = format ? node_driver_find(format) : NULL;

    return driver && !driver->has_file;
}

/* The options of the whole chain; NULL with *error. */
static GHashTable *all_options(const struct block_options *opt, GError **error)
{
    g_autoptr(GHashTable) opts = copy_options(opt->node_options);
    bool alone = is_protocol(opt->format);

    if (opt->file && !(alone && g_str_has_prefix(opt->format, "null-")) &&
        !node_parse_filename(opt->file, alone ? "" : "file.", opts, error))
        return NULL;
    if (alone)
        g_hash_table_insert(opts, g_strdup("driver"), g_strdup(opt->format));
    put(opts, "driver", opt->format ? opt->format : "raw");
    if (opt->size_bytes) {
        g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, opt->size_bytes);

        put(opts, alone ? "size" : "file.size", size);
    }
    return g_steal_pointer(&opts);
}

/* ---- opening ------------------------------------------------------------------------------- */

static struct image *open_named(const char *name, GError **error)
{
    struct image *img = node_find(name);

    if (!img)
        block_error(error, ENOENT, name, "there is no node of this name");
    return img ? image_ref(img) : NULL;
}

static struct image *open_new(const struct block_options *opt, GError **error)
{
    struct image_flags flags = {
        .readonly = opt->readonly || opt->snapshot,
        .auto_read_only = opt->auto_read_only,
        .direct = opt->cache_direct,
        .no_flush = opt->cache_no_flush,
        .discard = opt->discard,
        .native = opt->aio_native,
        .locking = opt->locking,
    };
    g_autoptr(GHashTable) opts = all_options(opt, error);
    struct image *img = opts ? node_open(opts, &flags, error) : NULL;

    if (img && !stated_or_plain(opt, img, error)) {
        image_unref(img);
        return NULL;
    }
    return img;
}

static bool check_options(const struct block_options *opt, GError **error)
{
    const char *who = opt->name ? opt->name : "disk";

    if (opt->aio_native && !opt->cache_direct) {
        block_error(error, EINVAL, who, "aio=native needs cache=none (cache.direct=on)");
        return false;
    }
    if (opt->rerror == BLOCK_ON_ERROR_ENOSPC) {
        block_error(error, EINVAL, who, "rerror=enospc makes no sense; use report, stop or ignore");
        return false;
    }
    if (opt->size_bytes > INT64_MAX) {
        block_error(error, EINVAL, who, "size is too large");
        return false;
    }
    if (opt->file && !*opt->file) {
        block_error(error, EINVAL, who, "no file given");
        return false;
    }
    return true;
}

static struct image *add_filters(const struct block_options *opt, struct image *img, GError **error)
{
    struct image_flags flags = { .readonly = opt->readonly };

    if (img && opt->snapshot)
        img = snapshot_open(img, &flags, error);
    if (img && opt->fault)
        img = fault_open(img, opt->fault, error);
    return img;
}

struct block *block_open(const struct block_options *given, GError **error)
{
    struct block_options options = *given, *opt = &options;
    struct image *img = NULL;

    if (!check_options(opt, error))
        return NULL;
    if (!opt->format && !opt->node_options)
        opt->format = block_format_by_name(opt->file);
    if (!opt->node && !opt->file && !opt->node_options && !opt->format)
        return block_new(opt, NULL, error);
    img = opt->node ? open_named(opt->node, error) : open_new(opt, error);
    img = add_filters(opt, img, error);
    return img ? block_new(opt, img, error) : NULL;
}
