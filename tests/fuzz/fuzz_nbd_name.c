/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any file name of a disk, as the nbd driver takes it apart. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "block/nbd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const starts[] = { "", "nbd:", "nbd://", "nbd+unix://", "nbd:unix:", "nbds://" };
    g_autofree char *rest = size ? g_strndup((const char *)data + 1, size - 1) : NULL;
    g_autofree char *name =
        size ? g_strconcat(starts[data[0] % G_N_ELEMENTS(starts)], rest, NULL) : NULL;
    g_autoptr(GHashTable) opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GError) error = NULL;
    const char *path, *port;

    if (!name)
        return 0;
    if (!nbd_parse_filename(name, "file.", opts, &error)) {
        if (!error || strchr(error->message, '\n') || g_hash_table_size(opts))
            abort();
        return 0;
    }
    path = g_hash_table_lookup(opts, "file.server.path");
    port = g_hash_table_lookup(opts, "file.server.port");
    if (error || !!path == !!port || (path && !*path) || (port && atoi(port) < 1))
        abort();
    return 0;
}
