/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -display web=[HOST:]PORT: where the web console listens. */
#include <string.h>

#include "dm/config/options.h"
#include "ui/web.h"

#define PORT_MAX 65535u

/* "-display web,help" and the documentation have them, too. */
const struct opt_desc web_subs[] = {
    {.name = "web", .type = OPT_STRING, .help = "[HOST:]PORT, on 127.0.0.1 if there is no HOST; port 0: any free one",
     .fallback = "127.0.0.1:6080"},
    {.name = "remote", .type = OPT_BOOL,
     .help = "HOST may be an address that other hosts reach; there is no TLS", .fallback = "off"},
    {.name = "token-file", .type = OPT_STRING,
     .help = "a file with the token, which is not printed then; else there is a new one at each start"},
    OPT_END,
};

void web_config_free(struct web_config *config)
{
    if (!config)
        return;
    g_free(config->host);
    g_free(config->token_file);
    g_free(config);
}

/* "PORT", "HOST:PORT", "[ADDRESS]:PORT", ":PORT". */
static bool parse_address(struct web_config *c, const char *text, GError **error)
{
    const char *colon = strrchr(text, ':'), *port_text = colon ? colon + 1 : text;
    int64_t negative;
    uint64_t port;

    if (!opt_parse_number(port_text, &negative, &port) || negative || port > PORT_MAX)
        return opt_error(error, "-display web=%s: expected [HOST:]PORT", text);
    if (!colon)
        c->host = g_strdup(WEB_DEFAULT_HOST);
    else if (*text == '[' && colon > text + 1 && colon[-1] == ']')
        c->host = g_strndup(text + 1, (gsize)(colon - text - 2));
    else
        c->host = g_strndup(text, (gsize)(colon - text));
    c->port = (unsigned)port;
    return true;
}

static bool fill(struct web_config *c, GHashTable *opts, GError **error)
{
    const char *address = opts_get(opts, "web");

    c->remote = opts_bool(opts, "remote", false);
    c->token_file = g_strdup(opts_get(opts, "token-file"));
    if (address)
        return parse_address(c, address, error);
    c->host = g_strdup(WEB_DEFAULT_HOST);
    c->port = WEB_DEFAULT_PORT;
    return true;
}

static bool add(struct parser *p, const char *arg, GHashTable *opts, GError **error)
{
    struct web_config *c;

#ifndef CONFIG_WEB
    return opt_error(error, "-display %s: this build has no web console (libmicrohttpd, libwslay or "
                     "libvncserver was left out); use -vnc or -display text", arg);
#endif
    if (p->config->web)
        return opt_error(error, "-display %s: there is one web console, and it has been given", arg);
    c = g_new0(struct web_config, 1);
    if (!fill(c, opts, error)) {
        web_config_free(c);
        return false;
    }
    p->config->web = c;
    return true;
}

/* "web", "web,NAME=VALUE...", "web=ADDRESS,NAME=VALUE...". */
bool apply_display_web(struct parser *p, const struct option_use *use, GError **error)
{
    const char *what = "-display web", *rest = use->arg + strlen("web");
    const char *text = *rest == '=' ? use->arg : *rest == ',' ? rest + 1 : "";
    g_autoptr(GPtrArray) pairs = opt_pairs_from_text(what, text, NULL, error);
    g_autoptr(GHashTable) opts = NULL;

    if (!pairs)
        return false;
    if (opt_pairs_want_help(pairs, NULL)) {
        options_print_subs(stdout, what, web_subs);
        p->done = true;
        return true;
    }
    opts = opt_check(what, pairs, web_subs, error);
    return opts && add(p, use->arg, opts, error);
}
