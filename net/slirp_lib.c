/* SPDX-License-Identifier: GPL-2.0-or-later */
#define SLIRP_LIB_OWN_NAMES
#include "net/slirp_lib.h"

#include "host/lazy_lib.h"

struct slirp_lib slirp_lib;

bool slirp_lib_load(GError **error)
{
#define SYMBOL(name) {#name, &slirp_lib.name##_},
    static const struct lazy_symbol symbols[] = {SLIRP_LIB_FUNCTIONS(SYMBOL){0}};
    static struct lazy_lib lib = {.file = "libslirp.so.0", .name = "libslirp", .package = "libslirp0"};

    return lazy_lib_load(&lib, symbols, error);
}
