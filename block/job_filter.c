/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/job_filter.h"

#include <errno.h>

#include "block/internal.h"

void job_filter_init(struct image *img, const struct image_ops *ops, struct image *below)
{
    image_init(img, ops, &below->flags);
    img->bytes = below->bytes;
    img->grain_bytes = below->grain_bytes;
    img->readonly = below->readonly;
    img->native = below->native;
    img->mem_align = below->mem_align;
    img->off_align = below->off_align;
    img->odd_size = below->odd_size;
    img->job_filter = true;
    img->file = image_ref(below);
}

void job_filter_unlink(struct image *img)
{
    image_unref(img->file);
    img->file = NULL;
}

bool job_filter_place(struct block *blk, struct image *filter, int timeout_ms, GError **error)
{
    if (blk->image != filter->file) {
        block_error(error, EBUSY, blk->name, "its root has changed");
        return false;
    }
    if (!block_swap_root(blk, filter, timeout_ms, error))
        return false;
    /* The disk's use of its root is the filter's now. */
    filter->writes_file = blk->writes;
    return image_use(filter, blk->writes, error); /* cannot fail: it is new */
}

bool job_filter_remove(struct block *blk, struct image *filter, int timeout_ms)
{
    if (!block_swap_root(blk, filter->file, timeout_ms, NULL))
        return false;
    image_unuse(filter, blk->writes);
    filter->writes_file = false;
    job_filter_unlink(filter);
    return true;
}
