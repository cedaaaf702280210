/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/lock.h"
#include "block/qcow2.h"

#define FULL_BYTES (1u << 20)

/* ---- files ---- */

/* "full": written, so that the space is there whatever the file system makes of fallocate(). */
static int write_full(int fd, uint64_t bytes)
{
    g_autofree char *zeroes = g_malloc0(FULL_BYTES);
    uint64_t off = 0;

    while (off < bytes) {
        ssize_t n = pwrite(fd, zeroes, MIN(bytes - off, FULL_BYTES), (off_t)off);

        if (n < 0 && errno != EINTR)
            return errno;
        off += n > 0 ? (uint64_t)n : 0;
    }
    return fdatasync(fd) < 0 ? errno : 0;
}

static int give_size(int fd, const struct create_options *opt)
{
    const char *how = opt->preallocation ? opt->preallocation : "off";

    if (opt->bytes > INT64_MAX)
        return EFBIG;
    if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)opt->bytes) < 0)
        return errno;
    if (!strcmp(how, "falloc") && opt->bytes > 0)
        return posix_fallocate(fd, 0, (off_t)opt->bytes);
    return !strcmp(how, "full") ? write_full(fd, opt->bytes) : 0;
}

static bool check_file(int fd, const char *filename, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return true;
    block_error(error, EINVAL, filename, "is not a regular file");
    return false;
}

bool create_file(const char *filename, const struct create_options *opt, bool *existed,
                 GError **error)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(filename, flags | O_CREAT | O_EXCL, 0644), err;
    bool was_there = fd < 0 && errno == EEXIST, good;

    if (was_there)
        fd = open(filename, flags);
    if (existed)
        *existed = was_there;
    if (fd < 0) {
        block_error(error, errno, filename, "%s", g_strerror(errno));
        return false;
    }
    good = check_file(fd, filename, error) && image_lock(fd, true, filename, error);
    err = good ? give_size(fd, opt) : EINVAL;
    if (good && err)
        block_error(error, err, filename, "%s", g_strerror(err));
    close(fd);
    if (err && !was_there)
        unlink(filename);
    return err == 0;
}

/* ---- formats ---- */

static bool create_raw(struct image *file, const struct create_options *opt, GError **error)
{
    int err;

    if (opt->backing_file || opt->cluster_bytes || opt->version || opt->refcount_bits) {
        block_error(error, EINVAL, image_filename(file), "raw has no backing file, clusters or "
                    "versions; qcow2 does");
        return false;
    }
    err = image_truncate(file, 0);
    err = err ? err : image_truncate(file, opt->bytes);
    if (err)
        block_error(error, err, image_filename(file), "%s", g_strerror(err));
    return !err;
}

static bool create_qcow2(struct image *file, const struct create_options *opt, GError **error)
{
    struct qcow2_create_options q = {
        .bytes = opt->bytes,
        .cluster_bytes = (uint32_t)opt->cluster_bytes,
        .version = opt->version,
        .refcount_bits = opt->refcount_bits,
        .backing_file = opt->backing_file,
        .backing_format = opt->backing_format,
        .lazy_refcounts = opt->lazy_refcounts,
        .preallocate_metadata = opt->preallocation && !strcmp(opt->preallocation, "metadata"),
    };

    if (opt->cluster_bytes > UINT32_MAX) {
        block_error(error, EINVAL, image_filename(file), "cluster-size is at most 2 MiB");
        return false;
    }
    return qcow2_create(file, &q, error);
}

static const struct {
    const char *format;
    bool (*create)(struct image *file, const struct create_options *opt, GError **error);
    const char *preallocations;
} formats[] = {
    { "raw", create_raw, "off" },
    { "qcow2", create_qcow2, "off|metadata" },
};

bool create_known(const char *format)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (!strcmp(formats[i].format, format))
            return true;
    }
    return false;
}

static bool check_preallocation(const char *words, const char *word, struct image *file,
                                GError **error)
{
    g_auto(GStrv) list = g_strsplit(words, "|", 0);

    if (!word || g_strv_contains((const char *const *)list, word))
        return true;
    block_error(error, ENOTSUP, image_filename(file), "preallocation=%s is not supported here, only %s;"
                " the driver file has falloc and full", word, words);
    return false;
}

bool create_image(const char *format, struct image *file, const struct create_options *opt,
                  GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (!strcmp(formats[i].format, format))
            return check_preallocation(formats[i].preallocations, opt->preallocation, file, error) &&
                   formats[i].create(file, opt, error);
    }
    block_error(error, ENOTSUP, format, "images of this format are not created here, only raw and "
                "qcow2; qemu-img create may");
    return false;
}

bool create_begin(struct image *file, GError **error)
{
    if (!image_use(file, true, error))
        return false;
    file->flags.growable = true;
    return true;
}

void create_end(struct image *file)
{
    image_unuse(file, true);
}

/* ---- together ---- */

static GHashTable *new_options(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static void put(GHashTable *opts, const char *name, const char *value)
{
    g_hash_table_insert(opts, g_strdup(name), g_strdup(value));
}

static bool create_in(const char *filename, const char *format, const struct create_options *opt,
                      GError **error)
{
    g_autoptr(GHashTable) opts = new_options();
    struct image *file;
    bool good;

    put(opts, "driver", "file");
    put(opts, "filename", filename);
    file = node_open(opts, NULL, error);
    if (!file)
        return false;
    good = create_begin(file, error);
    if (good) {
        good = create_image(format, file, opt, error);
        create_end(file);
    }
    image_unref(file);
    return good;
}

bool create_at(const char *filename, const char *format, const struct create_options *opt,
               GError **error)
{
    const struct create_options empty = {0};
    bool existed = true;

    if (!create_known(format)) /* says so */
        return create_image(format, NULL, opt, error);
    if (!create_file(filename, &empty, &existed, error))
        return false;
    if (create_in(filename, format, opt, error))
        return true;
    if (!existed)
        unlink(filename);
    return false;
}

struct image *create_open(const char *filename, const char *format, const char *name,
                          bool no_backing, const struct image_flags *flags, GError **error)
{
    g_autoptr(GHashTable) opts = new_options();
    const struct node_driver *driver = node_driver_find(format);

    put(opts, "driver", format);
    put(opts, "file.driver", "file");
    put(opts, "file.filename", filename);
    if (name)
        put(opts, "node-name", name);
    if (no_backing && driver && driver->has_backing)
        put(opts, "backing", "");
    return node_open(opts, flags, error);
}
