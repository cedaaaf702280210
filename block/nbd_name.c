/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File names of the nbd driver, into its options. */
#include <errno.h>
#include <string.h>

#include "block/image.h"
#include "block/nbd.h"

#define NAME_MAX_BYTES 8192
#define EXPORT_MAX_BYTES 4096 /* the protocol's limit of a string */
#define EXPORTNAME ":exportname="

static const struct {
    const char *scheme;
    bool unix_socket, tls;
} schemes[] = {
    { "nbd://", false, false },      { "nbd+tcp://", false, false }, { "nbds://", false, true },
    { "nbd+unix://", true, false },  { "nbds+unix://", true, true },
};

/* What a name says; members not said are NULL. */
struct parts {
    char *path, *host, *port, *export;
    bool tls;
};

static void parts_clear(struct parts *p)
{
    g_free(p->path);
    g_free(p->host);
    g_free(p->port);
    g_free(p->export);
}

static bool bad(GError **error, const char *filename, const char *what)
{
    g_autofree char *shown = g_strescape(filename, NULL);

    block_error(error, EINVAL, shown, "%s", what);
    return false;
}

/* ---- pieces -------------------------------------------------------------------------------- */

static bool is_port(const char *s)
{
    size_t n = strspn(s, "0123456789");
    guint64 port = n > 0 && n <= 5 && !s[n] ? g_ascii_strtoull(s, NULL, 10) : 0;

    return port >= 1 && port <= 65535;
}

/* "[::1]" -> "::1"; NULL if it is no host. */
static char *host_of(const char *s, size_t n)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    bool brackets = n > 2 && s[0] == '[' && s[n - 1] == ']';

    if (brackets) {
        s++;
        n -= 2;
    }
    if (n == 0 || n > 255)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!s[i] || !(strchr(plain, s[i]) || (brackets && (s[i] == ':' || s[i] == '%'))))
            return NULL;
    }
    return g_strndup(s, n);
}

/* "%41" -> "A" in the first n bytes; NULL for a bad escape, or one of a zero byte. */
static char *unescape(const char *s, size_t n)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < n; i++) {
        int high, low;

        if (s[i] != '%') {
            g_string_append_c(out, s[i]);
            continue;
        }
        high = i + 2 < n ? g_ascii_xdigit_value(s[i + 1]) : -1;
        low = i + 2 < n ? g_ascii_xdigit_value(s[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0) {
            g_string_free(out, TRUE);
            return NULL;
        }
        g_string_append_c(out, (char)(high * 16 + low));
        i += 2;
    }
    return g_string_free(out, FALSE);
}

static bool check_export(const char *filename, const char *export, GError **error)
{
    if (!export)
        return bad(error, filename, "bad percent escape in the export's name");
    if (strlen(export) > EXPORT_MAX_BYTES)
        return bad(error, filename, "an export's name has at most 4096 bytes");
    if (!g_utf8_validate(export, -1, NULL))
        return bad(error, filename, "the export's name is not UTF-8");
    return true;
}

/* ---- the forms ----------------------------------------------------------------------------- */

/* "HOST:PORT" or less, as a URI has it between // and /. */
static bool parse_authority(const char *filename, const char *s, size_t n, struct parts *p,
                            GError **error)
{
    const char *colon = s[0] == '[' ? memchr(s, ']', n) : s;

    if (memchr(s, '@', n))
        return bad(error, filename, "a user name is not supported; it goes into -object tls-creds-psk");
    colon = colon ? memchr(colon, ':', n - (size_t)(colon - s)) : NULL;
    if (colon) {
        p->port = g_strndup(colon + 1, n - (size_t)(colon + 1 - s));
        if (!is_port(p->port))
            return bad(error, filename, "the port is not a number from 1 to 65535");
        n = (size_t)(colon - s);
    }
    p->host = n ? host_of(s, n) : g_strdup("localhost");
    return p->host || bad(error, filename, "bad host name; an IPv6 address is written [::1]");
}

static bool parse_query(const char *filename, const char *query, struct parts *p, GError **error)
{
    static const char key[] = "socket=";
    size_t n = strlen(key);

    if (!g_str_has_prefix(query, key) || strchr(query, '&'))
        return bad(error, filename, "needs ?socket=PATH and nothing else behind the export's name");
    p->path = unescape(query + n, strlen(query + n));
    return (p->path && *p->path) || bad(error, filename, "bad path of the socket");
}

static bool parse_uri(const char *filename, const char *rest, bool unix_socket, struct parts *p,
                      GError **error)
{
    size_t authority = strcspn(rest, "/?");
    const char *path = rest + authority;
    const char *query = strchr(path, '?');

    if (strchr(rest, '#'))
        return bad(error, filename, "a URI of a disk has no #fragment; write %23 for the character");
    if (unix_socket ? !query : !!query)
        return bad(error, filename, unix_socket ? "needs ?socket=PATH" : "?parameters are not supported");
    if (unix_socket && authority)
        return bad(error, filename, "a socket has no host; write nbd+unix:///EXPORT?socket=PATH");
    if (!unix_socket && !parse_authority(filename, rest, authority, p, error))
        return false;
    if (query && !parse_query(filename, query + 1, p, error))
        return false;
    path += *path == '/';
    p->export = unescape(path, query ? (size_t)(query - path) : strlen(path));
    return check_export(filename, p->export, error);
}

/* Behind "nbd:". Nothing is escaped here, so a socket's path cannot contain ":exportname=". */
static bool parse_colons(const char *filename, const char *rest, struct parts *p, GError **error)
{
    const char *name = strstr(rest, EXPORTNAME);
    size_t n = name ? (size_t)(name - rest) : strlen(rest);
    g_autofree char *server = g_strndup(rest, n);
    char *colon;

    p->export = g_strdup(name ? name + strlen(EXPORTNAME) : "");
    if (!check_export(filename, p->export, error))
        return false;
    if (g_str_has_prefix(server, "unix:")) {
        p->path = g_strdup(server + strlen("unix:"));
        return *p->path || bad(error, filename, "the path of the socket is missing");
    }
    colon = strrchr(server, ':');
    if (!colon || !is_port(colon + 1))
        return bad(error, filename, "is not nbd:HOST:PORT, nbd:unix:PATH or nbd://HOST:PORT/EXPORT");
    p->port = g_strdup(colon + 1);
    p->host = host_of(server, (size_t)(colon - server));
    return p->host || bad(error, filename, "bad host name; an IPv6 address is written [::1]");
}

static bool parse(const char *filename, struct parts *p, GError **error)
{
    if (strlen(filename) > NAME_MAX_BYTES)
        return bad(error, "nbd", "the name is longer than 8192 bytes");
    for (const char *c = filename; *c; c++) {
        if (g_ascii_iscntrl(*c))
            return bad(error, filename, "control characters in a name; write them as %0A");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (g_str_has_prefix(filename, schemes[i].scheme)) {
            p->tls = schemes[i].tls;
            return parse_uri(filename, filename + strlen(schemes[i].scheme), schemes[i].unix_socket,
                             p, error);
        }
    }
    if (g_str_has_prefix(filename, "nbd:"))
        return parse_colons(filename, filename + strlen("nbd:"), p, error);
    return bad(error, filename,
               "is not nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH (nbds: with TLS)");
}

bool nbd_is_filename(const char *filename)
{
    return g_str_has_prefix(filename, "nbd:") || g_str_has_prefix(filename, "nbd+") ||
           g_str_has_prefix(filename, "nbds:") || g_str_has_prefix(filename, "nbds+");
}

bool nbd_parse_filename(const char *filename, const char *prefix, GHashTable *opts, GError **error)
{
    struct parts p = { 0 };
    bool good = parse(filename, &p, error);
    const struct {
        const char *key, *value;
    } pairs[] = {
        { "driver", "nbd" },
        { "server.type", p.path ? "unix" : "inet" },
        { "server.path", p.path },
        { "server.host", p.host },
        { "server.port", p.path ? NULL : p.port ? p.port : "10809" },
        { "export", p.export && *p.export ? p.export : NULL },
        { "tls", p.tls ? "on" : NULL },
    };

    for (unsigned i = 0; good && i < G_N_ELEMENTS(pairs); i++) {
        g_autofree char *key = g_strconcat(prefix, pairs[i].key, NULL);

        if (pairs[i].value && i > 0 && g_hash_table_contains(opts, key)) {
            g_autofree char *what = g_strdup_printf("it says %s, which is also given", key);

            good = bad(error, filename, what);
        }
    }
    for (unsigned i = 0; good && i < G_N_ELEMENTS(pairs); i++) {
        if (pairs[i].value)
            g_hash_table_replace(opts, g_strconcat(prefix, pairs[i].key, NULL),
                                 g_strdup(pairs[i].value));
    }
    parts_clear(&p);
    return good;
}
