/* SPDX-License-Identifier: GPL-2.0-or-later */
#define NBD_LIB_OWN_NAMES
#include "block/nbd_lib.h"

#include <errno.h>

#include "block/image.h"
#include "host/lazy_lib.h"

struct nbd_lib nbd_lib;

bool nbd_lib_load(GError **error)
{
#define SYMBOL(name) {#name, &nbd_lib.name##_},
    static const struct lazy_symbol symbols[] = {NBD_LIB_FUNCTIONS(SYMBOL){0}};
    static struct lazy_lib lib = {.file = "libnbd.so.0", .name = "libnbd", .package = "libnbd0"};
    g_autoptr(GError) why = NULL;

    if (lazy_lib_load(&lib, symbols, &why))
        return true;
    block_error(error, why->code == G_FILE_ERROR_NOENT ? ENOENT : ENOSYS, "nbd", "%s", why->message);
    return false;
}
