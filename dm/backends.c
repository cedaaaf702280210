/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/backends.h"

#include <string.h>

#include "block/node.h"
#include "block/open.h"
#include "block/tlscreds.h"
#include "block/throttle.h"
#include "chardev/chardev.h"
#include "chardev/chardev_backends.h"
#include "dm/fds.h"
#include "net/netdev.h"

struct named_drive {
    char *id;
    struct block *block;
};

struct backends {
    GPtrArray *chardevs; /* struct chardev *, in order of opening */
    GPtrArray *drives;   /* struct named_drive * */
    struct net *net;
};

static void free_drive(void *opaque)
{
    struct named_drive *d = opaque;

    block_close(d->block);
    g_free(d->id);
    g_free(d);
}

static bool open_chardevs(struct backends *b, const struct vm_config *config, GError **error)
{
    for (guint i = 0; i < config->chardevs->len; i++) {
        const struct chardev_config *c = g_ptr_array_index(config->chardevs, i);
        struct chardev *chr = chardev_open(c->backend, c->id, c->opts, error);

        if (!chr)
            return false;
        g_ptr_array_add(b->chardevs, chr);
    }
    return true;
}

static bool set_policy(const struct drive_config *d, struct block_options *options, GError **error)
{
    if (d->werror && !block_on_error_parse(d->werror, &options->werror)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "-drive %s: werror=%s: it is one of "
                    "report, stop, ignore, enospc", d->id, d->werror);
        return false;
    }
    if (d->rerror && !block_on_error_parse(d->rerror, &options->rerror)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "-drive %s: rerror=%s: it is one of "
                    "report, stop, ignore", d->id, d->rerror);
        return false;
    }
    return true;
}

/* -drive throttling.NAME=VALUE, one of them. */
static bool set_limit(struct throttle_config *cfg, const char *name, const char *value,
                      const char *id, GError **error)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(value, 10, 0, THROTTLE_VALUE_MAX, &number, NULL)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "-drive %s: throttling.%s=%s: it is a "
                    "number from 0 to %llu", id, name, value, THROTTLE_VALUE_MAX);
        return false;
    }
    if (throttle_config_set(cfg, name, number))
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "-drive %s: throttling.%s: there is no such "
                "limit; iops-total, iops-read, iops-write, bps-total, ..., each with -max and "
                "-max-length, iops-size and group are", id, name);
    return false;
}

static bool set_limits(const struct drive_config *d, struct block *block, GError **error)
{
    struct throttle_config cfg = { 0 };
    GHashTableIter iter;
    gpointer name, value;

    if (!d->throttle)
        return true;
    g_hash_table_iter_init(&iter, d->throttle);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        if (strcmp(name, "group") && !set_limit(&cfg, name, value, d->id, error))
            return false;
    }
    if (block_set_throttle(block, &cfg, g_hash_table_lookup(d->throttle, "group"), error))
        return true;
    g_prefix_error(error, "-drive %s: ", d->id);
    return false;
}

static bool open_drive(struct backends *b, const struct drive_config *d, GError **error)
{
    struct block_options options = {
        .name = d->node || *d->id == '#' ? "" : d->id, /* a -device's own disk has none, as in QEMU */
        .node = d->node,
        .node_options = d->node_options,
        .file = d->file,
        .format = d->format,
        .readonly = d->readonly,
        .snapshot = d->snapshot,
        .cache_direct = d->cache_direct,
        .cache_no_flush = d->cache_no_flush,
        .writethrough = !d->cache_writeback,
        .aio_native = d->aio_native,
        .locking = d->locking,
        .discard = d->discard,
        .auto_read_only = d->auto_read_only,
        .size_bytes = d->size_bytes,
    };
    struct named_drive *named;
    struct block *block;

    if (!set_policy(d, &options, error))
        return false;
    block = block_open(&options, error);
    if (!block)
        return false;
    if (!set_limits(d, block, error)) {
        block_close(block);
        return false;
    }
    named = g_new(struct named_drive, 1);
    named->id = g_strdup(d->id);
    named->block = block;
    g_ptr_array_add(b->drives, named);
    return true;
}

static bool add_credentials(const struct vm_config *config, GError **error)
{
    for (guint i = 0; i < config->tls_creds->len; i++) {
        if (!tls_creds_add(g_ptr_array_index(config->tls_creds, i), error)) {
            g_prefix_error(error, "-object tls-creds: ");
            return false;
        }
    }
    return true;
}

static bool open_nodes(const struct vm_config *config, GError **error)
{
    for (guint i = 0; i < config->blockdevs->len; i++) {
        const struct blockdev_config *c = g_ptr_array_index(config->blockdevs, i);

        if (!node_open(c->opts, NULL, error)) {
            g_prefix_error(error, "-blockdev %s: ", c->name);
            return false;
        }
    }
    return true;
}

static void find_unused(void *opaque, struct image *img)
{
    struct image **found = opaque;

    if (img->user_named && img->users == 0)
        *found = img;
}

/* From the top down: a node that stands on another goes first. One at a time: what it stands on may go
 * with it. */
static void close_nodes(void)
{
    struct image *found;

    do {
        found = NULL;
        node_foreach(find_unused, &found);
    } while (found && node_delete(found->node_name, NULL));
}

static bool open_drives(struct backends *b, const struct vm_config *config, GError **error)
{
    for (guint i = 0; i < config->drives->len; i++) {
        if (!open_drive(b, g_ptr_array_index(config->drives, i), error))
            return false;
    }
    return true;
}

static bool open_netdevs(struct backends *b, const struct vm_config *config, GError **error)
{
    for (guint i = 0; i < config->netdevs->len; i++) {
        const struct netdev_config *n = g_ptr_array_index(config->netdevs, i);

        if (!netdev_open(b->net, n->type, n->id, n->opts, error))
            return false;
    }
    for (guint i = 0; i < config->captures->len; i++) {
        const struct capture_config *c = g_ptr_array_index(config->captures, i);
        const struct netdev_capture_options options = {c->file, c->maxlen, c->limit, c->to_guest, c->from_guest};

        if (!netdev_add_capture(netdev_find(b->net, c->netdev), &options, error)) {
            g_prefix_error(error, "-object filter-dump,id=%s: ", c->id);
            return false;
        }
    }
    return true;
}

struct backends *backends_open(const struct vm_config *config, GError **error)
{
    struct backends *b = g_new0(struct backends, 1);

    b->chardevs = g_ptr_array_new_with_free_func((GDestroyNotify)chardev_free);
    b->drives = g_ptr_array_new_with_free_func(free_drive);
    b->net = net_new();
    net_set_fd_source(b->net, fds_take);
    if (add_credentials(config, error) && open_nodes(config, error) && open_drives(b, config, error) &&
        open_netdevs(b, config, error) && open_chardevs(b, config, error))
        return b;
    backends_close(b);
    return NULL;
}

void backends_close(struct backends *b)
{
    if (!b)
        return;
    net_free(b->net);
    g_ptr_array_free(b->drives, TRUE);
    close_nodes();
    tls_creds_clear();
    g_ptr_array_free(b->chardevs, TRUE);
    g_free(b);
}

static struct chardev *find_chardev(struct backends *b, const char *id)
{
    for (guint i = 0; id && i < b->chardevs->len; i++) {
        struct chardev *chr = g_ptr_array_index(b->chardevs, i);

        if (!strcmp(chardev_label(chr), id))
            return chr;
    }
    return NULL;
}

/* What attaches to a multiplexer itself can send, but the input goes to fronts only. */
struct chardev *backends_chardev(struct backends *b, const char *id)
{
    struct chardev *chr = find_chardev(b, id);

    return chr && chardev_is_mux(chr) ? chardev_mux_add_front(chr, id) : chr;
}

struct block *backends_drive(struct backends *b, const char *id)
{
    for (guint i = 0; id && i < b->drives->len; i++) {
        struct named_drive *d = g_ptr_array_index(b->drives, i);

        if (!strcmp(d->id, id))
            return d->block;
    }
    return NULL;
}

bool backends_add_drive(struct backends *b, const struct drive_config *config, GError **error)
{
    return open_drive(b, config, error);
}

void backends_remove_drive(struct backends *b, const char *id)
{
    for (guint i = 0; i < b->drives->len; i++) {
        struct named_drive *d = g_ptr_array_index(b->drives, i);

        if (!strcmp(d->id, id)) {
            g_ptr_array_remove_index(b->drives, i);
            return;
        }
    }
}

struct net *backends_net(struct backends *b)
{
    return b->net;
}

void backends_add_chardev(struct backends *b, struct chardev *chr)
{
    g_ptr_array_add(b->chardevs, chr);
}

void backends_remove_chardev(struct backends *b, struct chardev *chr)
{
    g_ptr_array_remove(b->chardevs, chr);
}

void backends_foreach_chardev(struct backends *b, void (*fn)(void *opaque, struct chardev *chr),
                              void *opaque)
{
    for (guint i = 0; i < b->chardevs->len; i++)
        fn(opaque, g_ptr_array_index(b->chardevs, i));
}
