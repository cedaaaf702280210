/* SPDX-License-Identifier: GPL-2.0-or-later */
#define NBD_LIB_OWN_NAMES
#include "block/nbd_lib.h"

#include <dlfcn.h>
#include <errno.h>

#include "block/image.h"

#define LIBRARY "libnbd.so.0"

struct nbd_lib nbd_lib;

static bool find(void *library, const char *name, void *place, GError **error)
{
    void *symbol = dlsym(library, name);

    if (!symbol) {
        block_error(error, ENOSYS, LIBRARY, "it has no %s; a newer one is needed", name);
        return false;
    }
    *(void **)place = symbol;
    return true;
}

bool nbd_lib_load(GError **error)
{
    static bool loaded;
    void *library;

    if (loaded)
        return true;
    library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        block_error(error, ENOENT, "nbd", "libnbd cannot be loaded (Debian package libnbd0): %s", dlerror());
        return false;
    }
#define NBD_LIB_FIND(name)                                                                         \
    if (!find(library, #name, &nbd_lib.name##_, error))                                            \
        return false;
    NBD_LIB_FUNCTIONS(NBD_LIB_FIND)
    loaded = true;
    return true;
}
