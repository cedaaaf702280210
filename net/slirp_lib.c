/* SPDX-License-Identifier: GPL-2.0-or-later */
#define SLIRP_LIB_OWN_NAMES
#include "net/slirp_lib.h"

#include <dlfcn.h>

#define LIBRARY "libslirp.so.0"

struct slirp_lib slirp_lib;

static bool find(void *library, const char *name, void *place, GError **error)
{
    void *symbol = dlsym(library, name);

    if (!symbol) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS, "%s has no %s; a newer one is needed", LIBRARY, name);
        return false;
    }
    *(void **)place = symbol;
    return true;
}

bool slirp_lib_load(GError **error)
{
    static bool loaded;
    void *library;

    if (loaded)
        return true;
    library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "libslirp cannot be loaded (Debian package libslirp0): %s", dlerror());
        return false;
    }
#define SLIRP_LIB_FIND(name)                                                                       \
    if (!find(library, #name, &slirp_lib.name##_, error))                                          \
        return false;
    SLIRP_LIB_FUNCTIONS(SLIRP_LIB_FIND)
    loaded = true;
    return true;
}
