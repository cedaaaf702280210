/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers of a request for the web console: who is let in has the token, and comes from here. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/web_check.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_host(const char *text)
{
    g_autofree char *with = g_strdup_printf("http://%s", text);

    if (web_host_ok(text, "vm.example") && strcspn(text, "/@ \t") != strlen(text))
        abort();
    if (!web_origin_ok(with, text) && strlen(text))
        abort();
    if (web_origin_ok(text, "localhost:6080") && g_ascii_strcasecmp(text, "http://localhost:6080") &&
        g_ascii_strcasecmp(text, "https://localhost:6080"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *offered = g_strdup_printf("kvm-dm, token.%s", text);
    g_autofree char *accept = web_accept_key(text);

    check_host(text);
    if (web_protocols_ok(text, TOKEN) && !strstr(text, "token." TOKEN))
        abort();
    if (web_protocols_ok(offered, TOKEN) && !strstr(offered, TOKEN))
        abort();
    if (accept && (strlen(text) != 24 || strlen(accept) != 28))
        abort();
    web_header_has(text, "upgrade");
    web_is_loopback(text);
    return 0;
}
