/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VMware disk from its extents; vmdk.h has the parts. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "block/drivers.h"
#include "block/vmdk.h"

struct extent {
    uint64_t first, end; /* bytes of the disk */
    struct image *file;  /* NULL: zeroes */
    bool owned;          /* file was opened here */
    uint64_t off;        /* flat */
    struct vmdk_sparse *sparse;
};

struct vmdk {
    struct rofmt ro;
    unsigned extents;
    struct extent *extent;
};

/* ---- reading ------------------------------------------------------------------------------- */

static struct extent *extent_at(struct vmdk *v, uint64_t off)
{
    unsigned low = 0, high = v->extents - 1;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (off < v->extent[middle].end)
            high = middle;
        else
            low = middle + 1;
    }
    return &v->extent[low];
}

static int vmdk_locate(struct rofmt *ro, uint64_t off, uint64_t *run, struct rofmt_piece *piece)
{
    struct extent *x = extent_at((struct vmdk *)ro, off);

    if (*run > x->end - off)
        *run = x->end - off;
    if (!x->file)
        return 0;
    if (x->sparse)
        return vmdk_sparse_locate(x->sparse, x->file, off - x->first, run, piece);
    piece->in = x->file;
    piece->off = x->off + (off - x->first);
    return rofmt_inside(x->file, piece->off, *run) ? 0 : EIO;
}

static int vmdk_fetch(struct rofmt *ro, const struct rofmt_piece *piece, uint64_t off, uint64_t run,
                      struct iov_cursor *cur)
{
    struct extent *x = extent_at((struct vmdk *)ro, off);

    return vmdk_sparse_fetch(x->sparse, piece, off - x->first, run, cur);
}

static void vmdk_fini(struct rofmt *ro)
{
    struct vmdk *v = (struct vmdk *)ro;

    for (unsigned i = 0; i < v->extents; i++) {
        vmdk_sparse_close(v->extent[i].sparse);
        if (v->extent[i].owned)
            image_release(v->extent[i].file, false);
    }
    g_free(v->extent);
}

/* ---- opening ------------------------------------------------------------------------------- */

static char *load_text(struct image *file, uint64_t off, uint64_t bytes, const char *shown,
                       GError **error)
{
    char *text = g_malloc0(bytes + 1);

    if (rofmt_load(file, off, text, bytes, shown, "vmdk descriptor", error))
        return text;
    g_free(text);
    return NULL;
}

/* All in one file: header, descriptor, grains. */
static bool open_embedded(struct vmdk *v, struct node_args *args, GError **error)
{
    struct vmdk_sparse *s = vmdk_sparse_open(args->file, args->shown, error);
    struct vmdk_descriptor d;
    char *text;
    bool good;

    if (!s)
        return false;
    v->extents = 1;
    v->extent = g_new0(struct extent, 1);
    *v->extent = (struct extent){ .end = s->sectors * VMDK_SECTOR, .file = args->file, .sparse = s };
    v->ro.img.bytes = v->extent->end;
    text = s->desc_off ? load_text(args->file, s->desc_off, s->desc_bytes, args->shown, error)
                       : g_strdup("");
    if (!text)
        return false;
    good = *text != '\0'; /* of several files only the one that describes them has it filled in */
    if (!good)
        block_error(error, EINVAL, args->shown,
                    "is one extent of a vmdk image; give the file that describes it");
    good = good && vmdk_descriptor_parse(text, args->shown, &d, error);
    g_free(text);
    if (!good)
        return false;
    good = d.embedded;
    if (!good)
        block_error(error, EINVAL, args->shown, "is damaged: a vmdk of type %s is not in one file",
                    d.create_type);
    vmdk_descriptor_clear(&d);
    return good;
}

static struct image *open_file(const char *path, const struct node_args *args, GError **error)
{
    GHashTable *opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct image_flags flags = args->flags;
    struct image *file;

    g_hash_table_insert(opts, g_strdup("driver"), g_strdup("file"));
    g_hash_table_insert(opts, g_strdup("filename"), g_strdup(path));
    flags.readonly = true;
    flags.growable = false;
    file = node_open(opts, &flags, error);
    g_hash_table_unref(opts);
    if (file && !image_use(file, false, error)) {
        image_unref(file);
        return NULL;
    }
    return file;
}

static bool check_size(const struct extent *x, const char *path, GError **error)
{
    uint64_t bytes = x->end - x->first;

    if (x->sparse ? x->sparse->sectors >= bytes / VMDK_SECTOR
                  : rofmt_inside(x->file, x->off, bytes))
        return true;
    block_error(error, EINVAL, path, "is shorter than the %" PRIu64 " bytes that its vmdk descriptor says",
                bytes);
    return false;
}

static bool open_extent(struct extent *x, const struct vmdk_extent_line *line,
                        const struct node_args *args, GError **error)
{
    g_autofree char *dir = NULL, *path = NULL;

    if (line->type == VMDK_ZERO)
        return true;
    dir = g_path_get_dirname(image_filename(args->file));
    path = g_build_filename(dir, line->name, NULL);
    x->file = open_file(path, args, error);
    x->owned = true;
    if (!x->file)
        return false;
    x->off = line->off_sectors * VMDK_SECTOR;
    if (line->type == VMDK_SPARSE) {
        x->sparse = vmdk_sparse_open(x->file, path, error);
        if (!x->sparse)
            return false;
    }
    return check_size(x, path, error);
}

static bool open_extents(struct vmdk *v, const struct vmdk_descriptor *d, struct node_args *args,
                         GError **error)
{
    uint64_t at = 0;

    v->extent = g_new0(struct extent, d->extents);
    for (unsigned i = 0; i < d->extents; i++) {
        struct extent *x = &v->extent[i];

        x->first = at;
        at += d->extent[i].sectors * VMDK_SECTOR; /* 512 times 2^49 at most */
        x->end = at;
        v->extents = i + 1;
        if (!open_extent(x, &d->extent[i], args, error))
            return false;
    }
    v->ro.img.bytes = at;
    return true;
}

/* The file is a descriptor that names others. */
static bool open_described(struct vmdk *v, struct node_args *args, GError **error)
{
    struct vmdk_descriptor d;
    char *text;
    bool good;

    if (args->file->bytes > VMDK_DESCRIPTOR_MAX || args->file->bytes == 0) {
        block_error(error, EINVAL, args->shown, "is not a vmdk image: neither sparse nor a descriptor");
        return false;
    }
    text = load_text(args->file, 0, args->file->bytes, args->shown, error);
    if (!text)
        return false;
    good = g_str_has_prefix(text, "# Disk DescriptorFile");
    if (!good)
        block_error(error, EINVAL, args->shown, "is not a vmdk image: neither sparse nor a descriptor");
    good = good && vmdk_descriptor_parse(text, args->shown, &d, error);
    g_free(text);
    if (!good)
        return false;
    good = open_extents(v, &d, args, error);
    vmdk_descriptor_clear(&d);
    return good;
}

static const struct image_ops vmdk_ops = ROFMT_OPS("vmdk");

static struct image *vmdk_open(struct node_args *args, GError **error)
{
    struct vmdk *v;
    bool good;

    v = g_new0(struct vmdk, 1);
    rofmt_init(&v->ro, &vmdk_ops, args);
    v->ro.locate = vmdk_locate;
    v->ro.fetch = vmdk_fetch;
    v->ro.fini = vmdk_fini;
    good = vmdk_is_sparse(args->file) ? open_embedded(v, args, error)
                                      : open_described(v, args, error);
    return good ? &v->ro.img : rofmt_fail(&v->ro);
}

const struct node_driver vmdk_driver = {
    .name = "vmdk",
    .help = "VMware disk image, read-only",
    .has_file = true,
    .read_only = true,
    .open = vmdk_open,
};
