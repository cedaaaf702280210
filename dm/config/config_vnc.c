/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -vnc: where viewers may connect, and on what terms. -k: the keyboard layout. */
#include <string.h>

#include "dm/config/options.h"
#include "ui/layout.h"
#include "ui/vnc.h"

#define PORT_MAX 65535u

const struct opt_desc vnc_subs[] = {
    {.name = "vnc", .type = OPT_STRING, .help = "[HOST]:DISPLAY, unix:PATH, or none"},
    {.name = "to", .type = OPT_NUMBER, .max = PORT_MAX - VNC_PORT_BASE,
     .help = "where the display is taken, try the next, up to this one"},
    {.name = "password", .type = OPT_BOOL,
     .help = "nobody gets in before QMP's set_password has set one", .fallback = "off"},
    {.name = "share", .type = OPT_ENUM, .values = "allow-exclusive|force-shared|ignore",
     .help = "what becomes of a viewer that asks to be alone", .fallback = "allow-exclusive"},
    {.name = "websocket", .type = OPT_STRING, .values = "on|off",
     .help = "on (port 5700 + DISPLAY) or a port: for viewers in browsers", .fallback = "off"},
    {.name = "connections", .type = OPT_NUMBER, .min = 1, .max = VNC_MAX_VIEWERS,
     .help = "viewers at once", .fallback = "32"},
    {.name = "ipv4", .type = OPT_BOOL, .help = "IPv4 addresses of HOST only"},
    {.name = "ipv6", .type = OPT_BOOL, .help = "IPv6 addresses of HOST only"},
    {.name = "lossy", .type = OPT_BOOL, .help = "JPEG for viewers that ask for it",
     .fallback = "off"},
    {.name = "non-adaptive", .type = OPT_BOOL,
     .help = "either: encodings are the viewer's choice anyway"},
    {.name = "lock-key-sync", .type = OPT_ENUM, .values = "on",
     .help = "caps lock is taken into account for characters"},
    {.name = "key-delay-ms", .type = OPT_NUMBER, .max = 10000,
     .help = "any: a key goes when the guest has read the last"},
    {.name = "id", .type = OPT_STRING, .help = "its name", .fallback = "default"},
    {.name = "audiodev", .type = OPT_STRING, .help = "the id of an -audiodev; there is no sound"},
    {.name = "power-control", .type = OPT_ENUM, .values = "off",
     .help = "viewers cannot switch the machine off"},
    {.name = "reverse", .type = OPT_BOOL, .refusal = "viewers connect to us; there is no other way"},
    {.name = "password-secret", .type = OPT_STRING, .refusal = "use password=on and QMP set_password"},
    {.name = "tls-creds", .type = OPT_STRING,
     .refusal = "there is no TLS; listen on 127.0.0.1 or a unix socket, and go through ssh"},
    {.name = "tls-authz", .type = OPT_STRING, .refusal = "there is no TLS"},
    {.name = "sasl", .type = OPT_BOOL, .refusal = "use password=on"},
    {.name = "sasl-authz", .type = OPT_STRING, .refusal = "use password=on"},
    {.name = "acl", .type = OPT_BOOL, .refusal = "use password=on"},
    {.name = "display", .type = OPT_STRING, .refusal = "there is one display"},
    {.name = "head", .type = OPT_NUMBER, .refusal = "there is one display"},
    OPT_END,
};

void vnc_config_free(struct vnc_config *config)
{
    if (!config)
        return;
    g_free(config->host);
    g_free(config->path);
    g_free(config);
}

/* "HOST:DISPLAY", "[IPV6]:DISPLAY", ":DISPLAY". */
static bool parse_tcp(struct vnc_config *c, const char *what, const char *text, uint64_t *display,
                      GError **error)
{
    const char *colon = strrchr(text, ':');
    int64_t negative;

    if (!colon || !opt_parse_number(colon + 1, &negative, display) || negative ||
        *display > PORT_MAX - VNC_PORT_BASE)
        return opt_error(error, "%s %s: expected HOST:DISPLAY (0 to %u), :DISPLAY, unix:PATH or none",
                         what, text, PORT_MAX - VNC_PORT_BASE);
    if (*text == '[' && colon > text + 1 && colon[-1] == ']')
        c->host = g_strndup(text + 1, (gsize)(colon - text - 2));
    else
        c->host = g_strndup(text, (gsize)(colon - text));
    return true;
}

static bool parse_websocket(struct vnc_config *c, const char *what, const char *text,
                            uint64_t display, GError **error)
{
    uint64_t port;
    int64_t negative;

    if (!text || !strcmp(text, "off"))
        return true;
    if (c->path)
        return opt_error(error, "%s: websocket= goes with HOST:DISPLAY, not with unix:", what);
    if (!strcmp(text, "on"))
        port = VNC_WEBSOCKET_BASE + display;
    else if (!opt_parse_number(text, &negative, &port) || negative || port < 1)
        return opt_error(error, "%s: websocket=%s: expected on, off or a port", what, text);
    if (port > PORT_MAX)
        return opt_error(error, "%s: websocket=%s: ports end at %u", what, text, PORT_MAX);
    c->websocket = (unsigned)port;
    return true;
}

static enum vnc_share parse_share(const char *word)
{
    if (word && !strcmp(word, "force-shared"))
        return VNC_SHARE_FORCE_SHARED;
    return word && !strcmp(word, "ignore") ? VNC_SHARE_IGNORE : VNC_SHARE_ALLOW_EXCLUSIVE;
}

static bool fill(struct vnc_config *c, const char *what, GHashTable *opts, const char *address,
                 GError **error)
{
    uint64_t display = 0;

    if (g_str_has_prefix(address, "unix:"))
        c->path = g_strdup(address + 5);
    else if (!parse_tcp(c, what, address, &display, error))
        return false;
    if (c->path && !*c->path)
        return opt_error(error, "%s %s: the path is missing", what, address);
    c->port = VNC_PORT_BASE + (unsigned)display;
    c->port_last = VNC_PORT_BASE + (unsigned)MAX(display, opts_number(opts, "to", 0));
    c->connections = (unsigned)opts_number(opts, "connections", VNC_MAX_VIEWERS);
    c->password = opts_bool(opts, "password", false);
    c->lossy = opts_bool(opts, "lossy", false);
    c->ipv4 = opts_bool(opts, "ipv4", false);
    c->ipv6 = opts_bool(opts, "ipv6", false);
    c->share = parse_share(opts_get(opts, "share"));
    return parse_websocket(c, what, opts_get(opts, "websocket"), display, error);
}

static bool add(struct parser *p, const char *what, GHashTable *opts, GError **error)
{
    const char *address = opts_get(opts, "vnc");
    struct vnc_config *c;

    if (!address || !*address)
        return opt_error(error, "%s: where? HOST:DISPLAY, :DISPLAY, unix:PATH or none", what);
    if (!strcmp(address, "none")) {
        vnc_config_free(p->config->vnc);
        p->config->vnc = NULL;
        g_clear_pointer(&p->vnc_audiodev, g_free);
        return true;
    }
#ifndef CONFIG_VNC
    return opt_error(error, "%s %s: this build has no VNC (libvncserver was left out); use -display "
                     "text", what, address);
#endif
    if (p->config->vnc)
        return opt_error(error, "%s %s: there is one VNC server, and it has been given", what, address);
    c = g_new0(struct vnc_config, 1);
    if (!fill(c, what, opts, address, error)) {
        vnc_config_free(c);
        return false;
    }
    p->config->vnc = c;
    p->vnc_audiodev = g_strdup(opts_get(opts, "audiodev"));
    return true;
}

bool apply_vnc(struct parser *p, const struct option_use *use, GError **error)
{
    return add(p, use->what, use->opts, error);
}

/* -display vnc=ADDRESS,...: the same. */
bool apply_display_vnc(struct parser *p, const struct option_use *use, GError **error)
{
    const char *what = "-display vnc";
    GPtrArray *pairs = opt_pairs_from_text(what, use->arg, "vnc", error);
    GHashTable *opts = pairs ? opt_check(what, pairs, vnc_subs, error) : NULL;
    bool ok = opts && add(p, what, opts, error);

    if (opts)
        g_hash_table_unref(opts);
    if (pairs)
        g_ptr_array_unref(pairs);
    return ok;
}

bool apply_layout(struct parser *p, const struct option_use *use, GError **error)
{
    p->config->layout = layout_by_name(use->arg);
    if (p->config->layout)
        return true;
    return opt_error(error, "%s %s: no such keyboard layout; there are %s", use->what, use->arg,
                     layout_names());
}

static bool has_audiodev(const struct parser *p, const char *id)
{
    return g_ptr_array_find_with_equal_func(p->audiodevs, id, g_str_equal, NULL);
}

bool apply_audiodev(struct parser *p, const struct option_use *use, GError **error)
{
    const char *id = opts_get(use->opts, "id");

    if (!id || !*id)
        return opt_error(error, "%s: id= is missing", use->what);
    if (has_audiodev(p, id))
        return opt_error(error, "%s id=%s: taken", use->what, id);
    g_ptr_array_add(p->audiodevs, g_strdup(id));
    return true;
}

/* The option that it names may come after -vnc. */
bool finish_vnc(struct parser *p, GError **error)
{
    if (!p->vnc_audiodev || has_audiodev(p, p->vnc_audiodev))
        return true;
    return opt_error(error, "-vnc audiodev=%s: no -audiodev has this id; leave it out", p->vnc_audiodev);
}
