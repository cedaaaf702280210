/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any -blockdev, as JSON or with dots: refused in one printable line, or opened, used and closed. Names of
 * files are replaced by one of ours, and nothing that speaks to a network is opened.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "block/node.h"
#include "dm/config/optlist.h"
#include "dm/config/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK_BYTES (64 << 10)

static void judge(const GError *error)
{
    if (!error || !*error->message)
        abort();
    for (const char *c = error->message; *c; c++) {
        if (g_ascii_iscntrl(*c))
            abort();
    }
}

static GHashTable *parse(const uint8_t *data, size_t size, GError **error)
{
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    g_autoptr(GPtrArray) pairs = data[0] & 1
                                     ? opt_pairs_from_json("-blockdev", text, error)
                                     : opt_pairs_from_text("-blockdev", text, "driver", error);

    return pairs ? blockdev_options("-blockdev", pairs, error) : NULL;
}

static bool is_file_name(const char *key)
{
    return g_str_has_suffix(key, "filename") || g_str_has_suffix(key, "config");
}

/* A copy that can do no harm, or NULL. */
static GHashTable *tamed(GHashTable *opts, const char *path)
{
    GHashTable *to = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, opts);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (!strncmp(value, "nbd", 3)) {
            g_hash_table_destroy(to);
            return NULL;
        }
        g_hash_table_insert(to, g_strdup(key), g_strdup(is_file_name(key) ? path : value));
    }
    return to;
}

static void use(struct image *img)
{
    static char sector[512];
    uint64_t last = img->bytes / 512 * 512;

    image_read(img, 0, sector, img->bytes < 512 ? img->bytes : 512);
    if (last >= 512)
        image_read(img, last - 512, sector, 512);
    if (!*img->node_name || strlen(img->node_name) > 31 || node_find(img->node_name) != img)
        abort();
}

static const char *our_file(void)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("disk", MFD_CLOEXEC);
        g_snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
    }
    if (ftruncate(fd, 0) || ftruncate(fd, DISK_BYTES))
        abort();
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GHashTable) opts = NULL, safe = NULL;
    g_autoptr(GError) error = NULL, why = NULL;
    struct image *img;

    if (size < 2)
        return 0;
    opts = parse(data, size, &error);
    if (!opts) {
        judge(error);
        return 0;
    }
    safe = tamed(opts, our_file());
    img = safe ? node_open(safe, NULL, &why) : NULL;
    if (img)
        use(img);
    else if (safe)
        judge(why);
    image_unref(img);
    return 0;
}
