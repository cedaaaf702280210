/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words that -serial, -monitor, -qmp and -debugcon take, as back ends with options. */
#include <string.h>

#include "chardev/chardev_backends.h"

struct result {
    const char *backend;
    GHashTable *opts;
};

static void set_opt(struct result *r, const char *key, const char *value)
{
    g_hash_table_replace(r->opts, g_strdup(key), g_strdup(value));
}

static bool fail(GError **error, const char *word, const char *why)
{
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "'%s': %s", word, why);
    return false;
}

/* Up to the next comma; two commas stand for one in the text. Moves *at past it; NULL: the end. */
static char *next_part(const char **at)
{
    GString *part = g_string_new(NULL);
    const char *p = *at;

    for (; *p && (*p != ',' || p[1] == ','); p++) {
        g_string_append_c(part, *p);
        if (*p == ',')
            p++;
    }
    *at = *p ? p + 1 : NULL;
    return g_string_free(part, FALSE);
}

/* ",server,nowait,reconnect=5": a bare word is on, "no" before wait or delay turns it. */
static void parse_flags(struct result *r, const char *at)
{
    while (at) {
        g_autofree char *part = next_part(&at);
        char *equals = strchr(part, '=');

        if (equals) {
            *equals = 0;
            set_opt(r, part, equals + 1);
        } else if (!strcmp(part, "nowait")) {
            set_opt(r, "wait", "off");
        } else if (*part) {
            set_opt(r, part, "on");
        }
    }
}

static bool parse_unix(struct result *r, const char *rest, const char *word, GError **error)
{
    g_autofree char *path = next_part(&rest);

    if (!*path)
        return fail(error, word, "a path is missing: unix:PATH[,server=on][,wait=off]");
    r->backend = "socket";
    set_opt(r, "path", path);
    parse_flags(r, rest);
    return true;
}

/* The last colon parts a port from [HOST]:; an IPv6 address is in brackets. Writes into `address`. */
static bool split_address(char *address, char **host, char **port)
{
    char *colon = strrchr(address, ':');

    if (!colon || !colon[1])
        return false;
    *colon = 0;
    *port = colon + 1;
    *host = address;
    if (address[0] == '[' && colon > address && colon[-1] == ']') {
        ++*host;
        colon[-1] = 0;
    }
    return true;
}

/* [HOST]:PORT, an IPv6 address in brackets. */
static bool parse_tcp(struct result *r, const char *rest, const char *word, GError **error)
{
    g_autofree char *address = next_part(&rest);
    char *host, *port;

    if (!split_address(address, &host, &port))
        return fail(error, word, "a port is missing: tcp:[HOST]:PORT[,server=on][,wait=off]");
    r->backend = "socket";
    if (*host)
        set_opt(r, "host", host);
    set_opt(r, "port", port);
    parse_flags(r, rest);
    return true;
}

static bool parse_telnet(struct result *r, const char *rest, const char *word, GError **error)
{
    set_opt(r, "telnet", "on");
    return parse_tcp(r, rest, word, error);
}

/* [HOST]:PORT[@[LOCALADDR]:LOCALPORT] */
static bool parse_udp(struct result *r, const char *rest, const char *word, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(rest, "@", 2);
    static const char *const names[2][2] = {{"host", "port"}, {"localaddr", "localport"}};
    char *host, *port;

    for (int i = 0; i < 2 && (!i || ends[i]); i++) {
        if (!ends[i] || !split_address(ends[i], &host, &port))
            return fail(error, word, "a port is missing: udp:[HOST]:PORT[@[LOCALADDR]:LOCALPORT]");
        if (*host)
            set_opt(r, names[i][0], host);
        set_opt(r, names[i][1], port);
    }
    r->backend = "udp";
    return true;
}

static bool parse_pipe(struct result *r, const char *rest, const char *word, GError **error)
{
    if (!*rest)
        return fail(error, word, "a path is missing: pipe:PATH");
    r->backend = "pipe";
    set_opt(r, "path", rest);
    return true;
}

static bool parse_file(struct result *r, const char *rest, const char *word, GError **error)
{
    if (!*rest)
        return fail(error, word, "a path is missing: file:PATH");
    r->backend = "file";
    set_opt(r, "path", rest);
    return true;
}

static bool parse_ref(struct result *r, const char *rest, const char *word, GError **error)
{
    if (!*rest)
        return fail(error, word, "an id is missing: chardev:ID");
    r->backend = "ref";
    set_opt(r, "id", rest);
    return true;
}

/* "vc:800x600" in pixels, "vc:80Cx24C" in characters. */
static bool parse_vc(struct result *r, const char *rest, const char *word, GError **error)
{
    g_auto(GStrv) size = g_strsplit(rest, "x", 2);
    bool chars = g_str_has_suffix(rest, "C");

    if (!size[0] || !size[1])
        return fail(error, word, "the size is WIDTHxHEIGHT, or COLSCxROWSC in characters");
    r->backend = "vc";
    for (int i = 0; i < 2; i++) {
        static const char *const names[2][2] = {{"width", "height"}, {"cols", "rows"}};

        if (chars && g_str_has_suffix(size[i], "C"))
            size[i][strlen(size[i]) - 1] = 0;
        set_opt(r, names[chars][i], size[i]);
    }
    return true;
}

static const struct {
    const char *prefix;
    bool (*parse)(struct result *r, const char *rest, const char *word, GError **error);
} prefixes[] = {
    {"unix:", parse_unix}, {"tcp:", parse_tcp},      {"telnet:", parse_telnet},
    {"file:", parse_file}, {"chardev:", parse_ref}, {"vc:", parse_vc},
    {"udp:", parse_udp},   {"pipe:", parse_pipe},
};

static bool parse_word(struct result *r, const char *word, GError **error)
{
    static const char *const plain[] = {"stdio", "null", "pty", "vc"};

    for (unsigned i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (!strcmp(word, plain[i])) {
            r->backend = plain[i];
            return true;
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(word, prefixes[i].prefix))
            return prefixes[i].parse(r, word + strlen(prefixes[i].prefix), word, error);
    }
    return fail(error, word,
                "no such character back end; use stdio, null, pty, vc, file:PATH, unix:PATH, "
                "tcp:HOST:PORT, telnet:HOST:PORT, udp:HOST:PORT, pipe:PATH, chardev:ID, or mon: before one of them");
}

bool chardev_parse_legacy(const char *word, char **backend, GHashTable **opts, GError **error)
{
    bool mux = g_str_has_prefix(word, "mon:");
    struct result r = {NULL, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};

    if (!parse_word(&r, mux ? word + 4 : word, error)) {
        g_hash_table_unref(r.opts);
        return false;
    }
    *backend = g_strdup_printf("%s%s", mux ? "mux-" : "", r.backend);
    *opts = r.opts;
    return true;
}
