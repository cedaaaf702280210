/* SPDX-License-Identifier: GPL-2.0-or-later */
#define VNC_LIB_OWN_NAMES
#include "ui/vnc_lib.h"

#include "host/lazy_lib.h"

struct vnc_lib vnc_lib;

bool vnc_lib_load(GError **error)
{
#define SYMBOL(name) {#name, &vnc_lib.name##_},
    static const struct lazy_symbol symbols[] = {VNC_LIB_FUNCTIONS(SYMBOL){0}};
    static struct lazy_lib lib = {
        .file = "libvncserver.so.1", .name = "libvncserver", .package = "libvncserver1"};

    if (lazy_lib_load(&lib, symbols, error))
        return true;
    g_prefix_error(error, "-vnc: ");
    return false;
}
