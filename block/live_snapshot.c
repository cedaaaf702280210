/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/live_snapshot.h"

#include <errno.h>
#include <string.h>

#include "block/internal.h"

bool live_snapshot_check(struct block *blk, GError **error)
{
    if (!blk->image)
        return block_fail(error, ENOMEDIUM, "Device '%s' has no medium", blk->name);
    if (!strcmp(blk->image->ops->kind, "snapshot"))
        return block_fail(error, ENOTSUP, "Device '%s' was opened with snapshot=on: its writes are in a "
                    "temporary file, which no image can stand on", blk->name);
    return block_check_no_job(blk, error);
}

static bool check_overlay(struct block *blk, const struct image *overlay, GError **error)
{
    const struct node_driver *driver = node_driver_find(overlay->ops->kind);

    if (overlay->users)
        return block_fail(error, EBUSY, "The overlay is already in use");
    if (overlay->backing)
        return block_fail(error, EINVAL, "The overlay already has a backing image");
    if (!driver || !driver->has_backing)
        return block_fail(error, ENOTSUP, "The overlay does not support backing images");
    if (overlay->bytes != (blk->image->bytes + 511) / 512 * 512)
        return block_fail(error, EINVAL, "The overlay has %" G_GUINT64_FORMAT " bytes, the disk %"
                    G_GUINT64_FORMAT, overlay->bytes, blk->image->bytes);
    return true;
}

bool image_use_file(struct image *img, bool write, GError **error)
{
    struct image *file = img->file;

    if (!file || img->writes_file == write)
        return true;
    image_unuse(file, !write);
    if (!image_use(file, write, error)) {
        image_use(file, !write, NULL);
        return false;
    }
    img->writes_file = write;
    return image_use_file(file, write, error);
}

static void writable_again(struct image *old, bool write)
{
    image_use_file(old, write, NULL);
    image_use(old, write, NULL);
}

static bool attach(struct live_snapshot *s, bool write, GError **error)
{
    image_unuse(s->old, write);
    if (!image_use_file(s->old, false, error) || !image_use(s->old, false, error)) {
        writable_again(s->old, write);
        return false;
    }
    s->overlay->backing = image_ref(s->old);
    s->old->readonly = true;
    return true;
}

static void detach(struct live_snapshot *s, bool write)
{
    s->old->readonly = s->was_readonly;
    s->overlay->backing = NULL;
    image_unuse(s->old, false);
    writable_again(s->old, write);
    image_unref(s->old);
}

bool live_snapshot_take(struct live_snapshot *s, struct block *blk, struct image *overlay,
                        int timeout_ms, GError **error)
{
    bool write = blk->writes;
    int err;

    *s = (struct live_snapshot){ blk, blk->image, overlay, false };
    if (!live_snapshot_check(blk, error) || !check_overlay(blk, overlay, error))
        return false;
    err = blk->readonly || blk->no_flush ? 0 : s->old->ops->flush(s->old);
    if (err)
        return block_fail(error, err, "%s: cannot be flushed: %s", image_filename(s->old), g_strerror(err));
    s->was_readonly = s->old->readonly;
    if (!attach(s, write, error))
        return false;
    if (!image_use(overlay, write, error)) {
        detach(s, write);
        return false;
    }
    if (!block_swap_root(blk, overlay, timeout_ms, error)) {
        image_unuse(overlay, write);
        detach(s, write);
        return false;
    }
    return true;
}

void live_snapshot_undo(struct live_snapshot *s, int timeout_ms)
{
    bool write = s->blk->writes;

    if (!block_swap_root(s->blk, s->old, timeout_ms, NULL))
        return; /* cannot be: it is paused */
    image_unuse(s->overlay, write);
    detach(s, write);
}

/* A format on a file as a whole: what its name and format say all about. */
static bool is_plain(const struct image *root, bool raw)
{
    const struct node_driver *driver = node_driver_find(root->ops->kind);
    const char *path = image_filename(root);

    if (!raw && !(driver && driver->has_file && !driver->child_name))
        return false;
    if (raw && root->file && root->bytes != root->file->bytes) /* a window: raw's offset=, size= */
        return false;
    return *path && g_file_test(path, G_FILE_TEST_EXISTS);
}

/* -drive file=a,format=raw and -blockdev driver=file both are "raw" to an overlay. */
bool live_snapshot_names(struct image *root, char **file, const char **format, GError **error)
{
    const char *path = image_filename(root);
    bool raw = !strcmp(root->ops->kind, "file") || !strcmp(root->ops->kind, "host_device") ||
               !strcmp(root->ops->kind, "raw");

    *format = raw ? "raw" : root->ops->kind;
    if (!is_plain(root, raw))
        return block_fail(error, ENOTSUP, "'%s' is no plain image file that an overlay could name; make the "
                    "overlay yourself, and use blockdev-add and blockdev-snapshot",
                    *path ? path : root->node_name);
    *file = g_canonicalize_filename(path, NULL);
    return true;
}
