/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From options to a disk: which format, which file, which filters. */
#include "block/open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "block/internal.h"

#define NULL_DEFAULT_BYTES (1ull << 30)

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
static bool stated_or_plain(const struct block_options *opt, struct image *img, const char *path,
                            GError **error)
{
    const char *format = opt->format ? NULL : looks_like(img);

    if (!format)
        return true;
    block_error(
        error, EINVAL, path,
        "looks like %s; give format=raw to use its bytes as they are (%s is not supported yet)",
        format, format);
    return false;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool is_null_name(const char *file)
{
    return g_str_has_prefix(file, "null-co:");
}

static bool check_format(const char *format, GError **error)
{
    static const char *const good[] = { "raw", "null-co", "file", "host_device" };
    static const char *const later[] = { "qcow2", "qcow", "vmdk",      "vdi",   "vpc",   "vhdx",
                                         "qed",   "luks", "parallels", "bochs", "cloop", "dmg",
                                         "nbd",   "vvfat", "blkdebug" };

    if (!format)
        return true;
    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        if (!strcmp(format, good[i]))
            return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(later); i++) {
        if (!strcmp(format, later[i])) {
            block_error(error, ENOTSUP, "format", "%s is not supported yet; raw is", format);
            return false;
        }
    }
    block_error(error, EINVAL, "format", "'%s' is unknown; raw works", format);
    return false;
}

/* The path in opt->file, or NULL: a protocol. */
static const char *bare_path(const char *file, GError **error)
{
    size_t word =
        strspn(file, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._");

    if (g_str_has_prefix(file, "file:"))
        return file + strlen("file:");
    if (g_str_has_prefix(file, "host_device:"))
        return file + strlen("host_device:");
    if (word == 0 || file[word] != ':')
        return file;
    block_error(error, ENOTSUP, file,
                "protocol '%.*s:' is not supported; give a path (./%s for a file of this name)",
                (int)word, file, file);
    return NULL;
}

/* ---- opening ------------------------------------------------------------------------------- */

static struct image *open_bottom(const struct block_options *opt, GError **error)
{
    const char *path;
    struct image *img;

    if ((opt->format && !strcmp(opt->format, "null-co")) ||
        (opt->file && is_null_name(opt->file))) {
        img = null_open(opt->size_bytes ? opt->size_bytes : NULL_DEFAULT_BYTES);
        img->readonly = opt->readonly;
        return img;
    }
    if (!opt->file || !*opt->file) {
        block_error(error, EINVAL, opt->name ? opt->name : "disk", "no file given");
        return NULL;
    }
    path = bare_path(opt->file, error);
    img = path ? raw_open(opt, path, error) : NULL;
    if (img && !stated_or_plain(opt, img, path, error)) {
        img->ops->close(img);
        return NULL;
    }
    return img;
}

static bool check_options(const struct block_options *opt, GError **error)
{
    const char *who = opt->name ? opt->name : "disk";

    if (!check_format(opt->format, error))
        return false;
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
    return true;
}

struct block *block_open(const struct block_options *opt, GError **error)
{
    struct image *img;

    if (!check_options(opt, error))
        return NULL;
    img = open_bottom(opt, error);
    if (img && opt->snapshot) {
        img = snapshot_open(img, error);
        if (img)
            img->readonly = opt->readonly;
    }
    if (img && opt->fault)
        img = fault_open(img, opt->fault, error);
    return img ? block_new(opt, img, error) : NULL;
}
