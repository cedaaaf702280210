/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The drivers that there are, what every node may be told, and file names in their short forms. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "block/drivers.h"
#include "block/nbd.h"
#include "block/qcow2.h"
#include "host/fdset.h"

static const struct node_driver *const drivers[] = {
    &file_driver,    &host_device_driver, &host_cdrom_driver,
    &null_co_driver, &null_aio_driver,    &raw_driver,
    &vdi_driver,     &vpc_driver,         &vmdk_driver,
    &blkdebug_driver,    &qcow2_driver,
#ifdef CONFIG_NBD
    &nbd_driver,
#endif
};

const struct node_driver *const *node_drivers(unsigned *count)
{
    *count = G_N_ELEMENTS(drivers);
    return drivers;
}

const struct node_driver *node_driver_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (!strcmp(drivers[i]->name, name))
            return drivers[i];
    }
    return NULL;
}

const struct node_option node_common_options[] = {
    { .name = "node-name", .help = "name of the node" },
    { .name = "read-only", .type = NODE_OPT_BOOL, .help = "never written; off" },
    { .name = "auto-read-only", .type = NODE_OPT_BOOL, .help = "read-only where writing is not permitted" },
    { .name = "discard", .values = "ignore|off|unmap|on", .help = "what a discard does" },
    { .name = "detect-zeroes", .values = "off|on|unmap", .help = "written zeroes are stored as such" },
    { .name = "cache.direct", .type = NODE_OPT_BOOL, .help = "past the host's page cache" },
    { .name = "cache.no-flush", .type = NODE_OPT_BOOL, .help = "a flush does nothing" },
    { .name = "force-share", .type = NODE_OPT_BOOL, .refusal = "use locking=off on the file" },
    { .name = NULL },
};

/* ---- those of QEMU's that are not here ---- */

static const struct {
    const char *name, *why;
} refusals[] = {
    { "qcow", "qemu-img convert makes qcow2 of it" },
    { "qed", "qemu-img convert makes qcow2 of it" },
    { "vhdx", "qemu-img convert makes qcow2 of it" },
    { "luks", "no encryption here; let the host's dm-crypt open it" },
    { "parallels", "qemu-img convert makes qcow2 of it" },
    { "bochs", "qemu-img convert makes qcow2 of it" },
    { "cloop", "qemu-img convert makes qcow2 of it" },
    { "dmg", "qemu-img convert makes qcow2 of it" },
#ifndef CONFIG_NBD
    { "nbd", "built without libnbd (configure --disable-nbd)" },
#endif
    { "rbd", "map it by the kernel's rbd, or export it by nbdkit" },
    { "iscsi", "let the host's initiator make a block device of it" },
    { "nfs", "mount it" },
    { "ssh", "export it by nbdkit" },
    { "http", "export it by nbdkit's curl plugin" },
    { "https", "export it by nbdkit's curl plugin" },
    { "ftp", "export it by nbdkit's curl plugin" },
    { "ftps", "export it by nbdkit's curl plugin" },
    { "gluster", "mount it" },
    { "vvfat", "make an image by mtools" },
    { "fat", "make an image by mtools" },
    { "blkverify", "there is no such filter here" },
    { "blklogwrites", "there is no such filter here" },
    { "blkreplay", "there is no such filter here" },
    { "quorum", "let the host's md do it" },
    { "replication", "there is no such filter here" },
    { "copy-on-read", "there is no such filter here" },
    { "throttle", "use -drive throttling.*, or block_set_io_throttle" },
    { "compress", "qemu-img convert -c compresses" },
    { "preallocate", "use fallocate on the file" },
    { "nvme", "the host's driver makes a block device of it" },
    { "io_uring", "use file with aio=native" },
};

const char *node_driver_refusal(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (!strcmp(refusals[i].name, name))
            return refusals[i].why;
    }
    return NULL;
}

/* ---- file names ---- */

static void put(GHashTable *opts, const char *prefix, const char *name, const char *value)
{
    g_hash_table_insert(opts, g_strconcat(prefix, name, NULL), g_strdup(value));
}

static void put_path(GHashTable *opts, const char *prefix, const char *driver, const char *path)
{
    put(opts, prefix, "driver", driver);
    put(opts, prefix, "filename", path);
}

/* "word:" before the first slash: its length with the colon, or 0. */
static size_t protocol_bytes(const char *name)
{
    size_t word = strspn(name,
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._");

    return word > 0 && name[word] == ':' ? word + 1 : 0;
}

static const char *driver_for_path(const char *path)
{
    struct stat st;

    return host_stat(path, &st) == 0 && S_ISBLK(st.st_mode) ? "host_device" : "file";
}

static bool refuse_protocol(const char *filename, size_t bytes, GError **error)
{
    g_autofree char *word = g_strndup(filename, bytes - 1);
    const char *why = node_driver_refusal(word);

    if (why)
        block_error(error, ENOTSUP, filename, "protocol '%s:' is not supported: %s", word, why);
    else
        block_error(error, ENOTSUP, filename,
                    "protocol '%s:' is not supported; give a path (./%s for a file of this name)",
                    word, filename);
    return false;
}

/* blkdebug:CONFIG:FILENAME; the first may be empty. */
static bool parse_blkdebug(const char *filename, const char *prefix, GHashTable *opts,
                           GError **error)
{
    const char *config = filename + strlen("blkdebug:"), *image = strchr(config, ':');
    g_autofree char *below = g_strconcat(prefix, "image.", NULL), *path = NULL;

    if (!image || !image[1]) {
        block_error(error, EINVAL, filename, "is not blkdebug:CONFIG:FILENAME");
        return false;
    }
    put(opts, prefix, "driver", "blkdebug");
    path = g_strndup(config, (gsize)(image - config));
    if (*path)
        put(opts, prefix, "config", path);
    return node_parse_filename(image + 1, below, opts, error);
}

bool node_parse_filename(const char *filename, const char *prefix, GHashTable *opts, GError **error)
{
    static const char *const path_protocols[] = { "file", "host_device", "host_cdrom" };
    size_t word = protocol_bytes(filename);

    if (!word) {
        put_path(opts, prefix, driver_for_path(filename), filename);
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(path_protocols); i++) {
        if (strlen(path_protocols[i]) + 1 == word && !strncmp(filename, path_protocols[i], word - 1)) {
            put_path(opts, prefix, path_protocols[i], filename + word);
            return true;
        }
    }
    if (!strcmp(filename, "null-co://") || !strcmp(filename, "null-aio://")) {
        g_autofree char *driver = g_strndup(filename, word - 1);

        put(opts, prefix, "driver", driver);
        return true;
    }
    if (nbd_is_filename(filename))
        return nbd_parse_filename(filename, prefix, opts, error);
    if (g_str_has_prefix(filename, "blkdebug:"))
        return parse_blkdebug(filename, prefix, opts, error);
    return refuse_protocol(filename, word, error);
}
