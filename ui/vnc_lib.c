/* SPDX-License-Identifier: GPL-2.0-or-later */
#define VNC_LIB_OWN_NAMES
#include "ui/vnc_lib.h"

#include <dlfcn.h>

#define LIBRARY "libvncserver.so.1"

struct vnc_lib vnc_lib;

static bool find(void *library, const char *name, void *place, GError **error)
{
    void *symbol = dlsym(library, name);

    if (!symbol) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                    "-vnc: %s has no %s; a newer one is needed", LIBRARY, name);
        return false;
    }
    *(void **)place = symbol;
    return true;
}

bool vnc_lib_load(GError **error)
{
    static bool loaded;
    void *library;

    if (loaded)
        return true;
    library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "-vnc: libvncserver cannot be loaded (Debian package libvncserver1): %s",
                    dlerror());
        return false;
    }
#define VNC_LIB_FIND(name)                                                                         \
    if (!find(library, #name, &vnc_lib.name##_, error))                                            \
        return false;
    VNC_LIB_FUNCTIONS(VNC_LIB_FIND)
    loaded = true;
    return true;
}
