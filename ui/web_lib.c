/* SPDX-License-Identifier: GPL-2.0-or-later */
#define WEB_LIB_OWN_NAMES
#include "ui/web_lib.h"

#include <dlfcn.h>

struct web_lib web_lib;

static bool find(void *library, const char *file, const char *name, void *place, GError **error)
{
    void *symbol = dlsym(library, name);

    if (!symbol) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                    "-display web: %s has no %s; a newer one is needed", file, name);
        return false;
    }
    *(void **)place = symbol;
    return true;
}

static void *load(const char *file, const char *package, GError **error)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "-display web: %s cannot be loaded (Debian package %s): %s", file, package,
                    dlerror());
    return library;
}

bool web_lib_load(GError **error)
{
    static const char http[] = "libmicrohttpd.so.12", socket[] = "libwslay.so.1";
    static bool loaded;
    void *library;

    if (loaded)
        return true;
    library = load(http, "libmicrohttpd12", error);
    if (!library)
        return false;
#define WEB_HTTP_FIND(name)                                                                        \
    if (!find(library, http, #name, &web_lib.name##_, error))                                      \
        return false;
    WEB_HTTP_FUNCTIONS(WEB_HTTP_FIND)
    library = load(socket, "libwslay1", error);
    if (!library)
        return false;
#define WEB_SOCKET_FIND(name)                                                                      \
    if (!find(library, socket, #name, &web_lib.name##_, error))                                    \
        return false;
    WEB_SOCKET_FUNCTIONS(WEB_SOCKET_FIND)
    loaded = true;
    return true;
}
