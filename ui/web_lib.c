/* SPDX-License-Identifier: GPL-2.0-or-later */
#define WEB_LIB_OWN_NAMES
#include "ui/web_lib.h"

#include "host/lazy_lib.h"

struct web_lib web_lib;

bool web_lib_load(GError **error)
{
#define SYMBOL(name) {#name, &web_lib.name##_},
    static const struct lazy_symbol http[] = {WEB_HTTP_FUNCTIONS(SYMBOL){0}};
    static const struct lazy_symbol socket[] = {WEB_SOCKET_FUNCTIONS(SYMBOL){0}};
    static struct lazy_lib http_lib = {
        .file = "libmicrohttpd.so.12", .name = "libmicrohttpd.so.12", .package = "libmicrohttpd12"};
    static struct lazy_lib socket_lib = {.file = "libwslay.so.1", .name = "libwslay.so.1", .package = "libwslay1"};

    if (lazy_lib_load(&http_lib, http, error) && lazy_lib_load(&socket_lib, socket, error))
        return true;
    g_prefix_error(error, "-display web: ");
    return false;
}
