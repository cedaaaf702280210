/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/lazy_lib.h"

#include <dlfcn.h>

bool lazy_lib_load(struct lazy_lib *lib, const struct lazy_symbol *symbols, GError **error)
{
    void *library;

    if (lib->loaded)
        return true;
    library = dlopen(lib->file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s cannot be loaded (Debian package %s): %s", lib->name,
                    lib->package, dlerror());
        return false;
    }
    for (; symbols->name; symbols++) {
        void *symbol = dlsym(library, symbols->name);

        if (!symbol) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS, "%s has no %s; a newer one is needed", lib->file,
                        symbols->name);
            return false;
        }
        *(void **)symbols->place = symbol;
    }
    lib->loaded = true;
    return true;
}
