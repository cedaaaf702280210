/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a drive: its node, changed while the VM runs, and the tray that the drive itself keeps. */
#include <errno.h>
#include <string.h>

#include "block/copy_before_write.h"
#include "block/internal.h"
#include "block/job.h"
#include "ioreq/iolock.h"

static struct {
    void (*fn)(void *opaque, struct block *blk);
    void *opaque;
} tray_hook;

/* ---- the device model's side ---- */

void block_attach(struct block *blk, const struct block_drive_ops *ops, void *opaque,
                  struct iolock *lock, bool removable)
{
    blk->drive_ops = ops;
    blk->drive = opaque;
    blk->drive_lock = lock;
    blk->removable = removable;
}

void block_detach(struct block *blk)
{
    blk->drive_ops = NULL;
    blk->drive = NULL;
    blk->drive_lock = NULL;
}

bool block_has_medium(const struct block *blk)
{
    return blk->image != NULL;
}

void block_tray_moved(struct block *blk)
{
    __atomic_store_n(&blk->tray_moved, 1, __ATOMIC_RELEASE);
    completions_wake();
}

/* ---- the tray, for the process ---- */

static void enter_drive(struct block *blk)
{
    if (blk->drive_lock)
        iolock_enter(blk->drive_lock);
}

static void leave_drive(struct block *blk)
{
    if (blk->drive_lock)
        iolock_leave(blk->drive_lock);
}

void block_set_tray_hook(void (*fn)(void *opaque, struct block *blk), void *opaque)
{
    tray_hook.fn = fn;
    tray_hook.opaque = opaque;
}

static void tray_notice(void *opaque, struct block *blk)
{
    (void)opaque;
    if (__atomic_exchange_n(&blk->tray_moved, 0, __ATOMIC_ACQ_REL) && tray_hook.fn)
        tray_hook.fn(tray_hook.opaque, blk);
}

void block_tray_notices(void)
{
    block_foreach(tray_notice, NULL);
}

bool block_has_drive(struct block *blk)
{
    return blk->drive_ops != NULL;
}

bool block_is_removable(struct block *blk)
{
    return blk->removable;
}

bool block_has_tray(struct block *blk)
{
    return blk->drive_ops && blk->drive_ops->tray_is_open;
}

bool block_tray_open(struct block *blk)
{
    bool open;

    if (!block_has_tray(blk))
        return false;
    enter_drive(blk);
    open = blk->drive_ops->tray_is_open(blk->drive);
    leave_drive(blk);
    return open;
}

bool block_tray_locked(struct block *blk)
{
    bool locked;

    if (!blk->drive_ops || !blk->drive_ops->tray_is_locked)
        return false;
    enter_drive(blk);
    locked = blk->drive_ops->tray_is_locked(blk->drive);
    leave_drive(blk);
    return locked;
}

bool block_tray_request(struct block *blk, bool open, bool force)
{
    bool done;

    if (!blk->drive_ops || !blk->drive_ops->tray_request)
        return true;
    enter_drive(blk);
    done = blk->drive_ops->tray_request(blk->drive, open, force);
    leave_drive(blk);
    tray_notice(NULL, blk); /* now: the next request may move it back */
    return done;
}

/* ---- the node ---- */

struct image *block_root(struct block *blk)
{
    return cbw_skip(blk->image);
}

bool block_check_no_job(struct block *blk, GError **error)
{
    if (!blk->job)
        return true;
    g_set_error(error, block_error_quark(), EBUSY,
                "Node '%s' is busy: block device is in use by block job: %s",
                blk->image ? block_root(blk)->node_name : blk->name, blk->job->ops->type);
    return false;
}

bool block_pause(struct block *blk, int timeout_ms)
{
    pthread_mutex_lock(&blk->mutex);
    blk->paused++;
    pthread_mutex_unlock(&blk->mutex);
    if (block_wait_not_running(blk, timeout_ms))
        return true;
    block_unpause(blk);
    return false;
}

void block_unpause(struct block *blk)
{
    pthread_mutex_lock(&blk->mutex);
    blk->paused--;
    pthread_mutex_unlock(&blk->mutex);
    block_pump(blk);
}

/* A native node has to be driven by a Linux AIO context; others may have one without harm. */
static bool prepare_aio(struct block *blk, const struct image *root, GError **error)
{
    if (root && root->native && !blk->aio && !(blk->aio = aio_open(error)))
        return false;
    blk->depth = blk->aio ? AIO_DEPTH : THREADS_DEPTH;
    return true;
}

static void put_image(struct block *blk, struct image *root, bool tell)
{
    enter_drive(blk);
    pthread_mutex_lock(&blk->mutex);
    blk->image = root;
    block_image_changed(blk);
    pthread_mutex_unlock(&blk->mutex);
    if (tell && blk->drive_ops && blk->drive_ops->medium_changed)
        blk->drive_ops->medium_changed(blk->drive);
    leave_drive(blk);
}

static bool busy(GError **error, struct block *blk)
{
    block_error(error, EBUSY, blk->name, "I/O is under way and does not end");
    return false;
}

static bool can_be_written(struct block *blk, const struct image *root, bool readonly,
                           GError **error)
{
    if (readonly || !root || !root->odd_size || root->readonly)
        return true;
    block_error(error, EINVAL, image_filename(root),
                "its size, %" G_GUINT64_FORMAT " bytes, is not a multiple of %u, which cache=none "
                "needs for writing; use cache=writeback",
                root->bytes, root->off_align);
    (void)blk;
    return false;
}

static bool use_root(struct block *blk, struct image *root, bool readonly, bool *writes,
                     GError **error)
{
    *writes = root && !readonly && !root->readonly;
    return !root || (can_be_written(blk, root, readonly, error) && image_use(root, *writes, error) &&
                     prepare_aio(blk, root, error));
}

bool block_set_root(struct block *blk, struct image *root, bool readonly, int timeout_ms,
                    GError **error)
{
    struct image *old = blk->image;
    bool writes, wrote = blk->writes;

    if (!block_check_no_job(blk, error))
        return false;
    if (!block_wait_quiet(blk, timeout_ms) || block_held_count(blk) > 0)
        return busy(error, blk);
    if (!use_root(blk, root, readonly, &writes, error))
        return false;
    if (old && wrote && old->ops->flush(old))
        g_printerr("kvm-dm: %s: flush failed as its medium was taken out\n", blk->name);
    blk->readonly = readonly;
    blk->writes = writes;
    put_image(blk, root ? image_ref(root) : NULL, true);
    image_release(old, wrote);
    return true;
}

bool block_swap_root(struct block *blk, struct image *root, int timeout_ms, GError **error)
{
    struct image *old = blk->image;

    if (!block_pause(blk, timeout_ms))
        return busy(error, blk);
    if (!prepare_aio(blk, root, error)) {
        block_unpause(blk);
        return false;
    }
    put_image(blk, image_ref(root), false);
    block_unpause(blk);
    image_unref(old);
    return true;
}

int block_resize(struct block *blk, uint64_t bytes, int timeout_ms)
{
    int err;

    if (!blk->image)
        return ENOMEDIUM;
    if (bytes % BLOCK_SECTOR_BYTES || bytes > INT64_MAX)
        return EINVAL;
    if (blk->job)
        return EBUSY;
    if (!block_wait_quiet(blk, timeout_ms) || block_held_count(blk) > 0)
        return EBUSY;
    err = blk->readonly ? EROFS : image_truncate(blk->image, bytes);
    if (!err)
        put_image(blk, blk->image, true);
    return err;
}

/* ---- names, policy ---- */

void block_set_device_id(struct block *blk, const char *id)
{
    g_free(blk->device_id);
    blk->device_id = g_strdup(id ? id : "");
}

const char *block_device_id(const struct block *blk)
{
    return blk->device_id;
}

void block_set_device_path(struct block *blk, const char *path)
{
    g_free(blk->device_path);
    blk->device_path = g_strdup(path);
}

const char *block_device_path(const struct block *blk)
{
    return blk->device_path ? blk->device_path : blk->device_id;
}

void block_set_on_error(struct block *blk, enum block_on_error werror, enum block_on_error rerror)
{
    blk->on_error[true] = werror;
    blk->on_error[false] = rerror;
}

enum block_on_error block_on_error_of(struct block *blk, bool write)
{
    return blk->on_error[write];
}

struct block *block_lookup(const char *name)
{
    struct block *blk;

    TAILQ_FOREACH(blk, &block_all, link) {
        if (blk->closed || !*name)
            continue;
        if (!strcmp(blk->name, name) || !strcmp(blk->device_id, name) ||
            (blk->device_path && !strcmp(blk->device_path, name)) ||
            (blk->image && !strcmp(block_root(blk)->node_name, name)))
            return blk;
    }
    return NULL;
}
