/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nbd driver's options, as QMP's BlockdevOptionsNbd has them, into a target. */
#include "block/nbd_options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

const struct node_option nbd_options[] = {
    { "server.type", NODE_OPT_STRING, "unix|inet|fd", "how the server is reached", false, NULL },
    { "server.path", NODE_OPT_STRING, NULL, "unix: path of its socket", false, NULL },
    { "server.host", NODE_OPT_STRING, NULL, "inet: host name or address", false, NULL },
    { "server.port", NODE_OPT_STRING, NULL, "inet: port (10809)", false, NULL },
    { "server.str", NODE_OPT_STRING, NULL, "fd: number of an open, connected socket", false, NULL },
    { "server.keep-alive", NODE_OPT_BOOL, NULL, "inet: look for a dead host", false, NULL },
    { "server.numeric", NODE_OPT_BOOL, NULL, "inet: host is an address, not a name", false, NULL },
    { "server.to", NODE_OPT_NUMBER, NULL, NULL, false, "a client needs one port" },
    { "server.ipv4", NODE_OPT_BOOL, NULL, NULL, false, "give an address of the kind as host" },
    { "server.ipv6", NODE_OPT_BOOL, NULL, NULL, false, "give an address of the kind as host" },
    { "server.mptcp", NODE_OPT_BOOL, NULL, NULL, false, "libnbd has no multipath TCP" },
    { "server.cid", NODE_OPT_STRING, NULL, NULL, false, "vsock is not supported; unix and inet are" },
    { "path", NODE_OPT_STRING, NULL, "the same as server.type=unix,server.path", false, NULL },
    { "host", NODE_OPT_STRING, NULL, "the same as server.type=inet,server.host", false, NULL },
    { "port", NODE_OPT_STRING, NULL, "the same as server.port, with host", false, NULL },
    { "export", NODE_OPT_STRING, NULL, "name of the export (the default one)", false, NULL },
    { "tls", NODE_OPT_BOOL, NULL, "TLS, verified by the host's authorities", false, NULL },
    { "tls-creds", NODE_OPT_STRING, NULL, "TLS with this -object tls-creds-x509 or -psk", false, NULL },
    { "tls-hostname", NODE_OPT_STRING, NULL, NULL, false,
      "libnbd verifies the name it connects to; use that in the certificate" },
    { "reconnect-delay", NODE_OPT_NUMBER, NULL,
      "seconds for which requests wait for a lost server (0)", false, NULL },
    { "open-timeout", NODE_OPT_NUMBER, NULL, "seconds to go on trying at start (0: one try)", false,
      NULL },
    { "x-dirty-bitmap", NODE_OPT_STRING, NULL, NULL, false, "dirty bitmaps are not supported" },
    { NULL, 0, NULL, NULL, false, NULL },
};

static bool bad(GError **error, const char *what)
{
    block_error(error, EINVAL, "nbd", "%s", what);
    return false;
}

static bool unix_target(struct nbd_target *t, const char *path, GError **error)
{
    if (!path || !*path)
        return bad(error, "server.path is missing");
    if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return bad(error, "server.path is longer than the kernel takes (107 bytes)");
    t->transport = NBD_UNIX;
    t->path = g_strdup(path);
    return true;
}

static bool inet_target(struct nbd_target *t, const char *host, const char *port, GError **error)
{
    if (!host || !*host)
        return bad(error, "server.host is missing");
    t->transport = NBD_INET;
    t->host = g_strdup(host);
    t->port = g_strdup(port && *port ? port : "10809");
    return true;
}

static bool fd_target(struct nbd_target *t, const char *str, GError **error)
{
    guint64 fd;
    int type;
    socklen_t n = sizeof(type);

    if (!str || !g_ascii_string_to_unsigned(str, 10, 3, INT32_MAX, &fd, NULL))
        return bad(error, "server.str is not the number of an open descriptor");
    if (getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_STREAM)
        return bad(error, "server.str: the descriptor is not a stream socket");
    t->transport = NBD_FD;
    t->fd = fcntl((int)fd, F_DUPFD_CLOEXEC, 3);
    return t->fd >= 0 || bad(error, "server.str: the descriptor cannot be duplicated");
}

/* Which option goes with which kind of server; the others may not be there. */
static bool check_server(const struct node_args *args, const char *type, GError **error)
{
    static const struct {
        const char *option, *type;
    } rules[] = {
        { "server.path", "unix" }, { "server.host", "inet" },       { "server.port", "inet" },
        { "server.str", "fd" },    { "server.keep-alive", "inet" }, { "server.numeric", "inet" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (node_opt(args, rules[i].option) && (!type || strcmp(type, rules[i].type))) {
            block_error(error, EINVAL, "nbd", "%s goes with server.type=%s", rules[i].option,
                        rules[i].type);
            return false;
        }
    }
    return true;
}

static bool where(const struct node_args *args, struct nbd_target *t, GError **error)
{
    const char *type = node_opt(args, "server.type");
    const char *path = node_opt(args, "path"), *host = node_opt(args, "host");

    if (!type && !path && !host)
        return bad(error, "server.type (unix, inet) is missing");
    if (!!type + !!path + !!host != 1)
        return bad(error, "give one of server.type, path and host");
    if (!host && node_opt(args, "port"))
        return bad(error, "port goes with host");
    if (!check_server(args, type, error))
        return false;
    t->keep_alive = node_opt_bool(args, "server.keep-alive", false);
    if (path || !g_strcmp0(type, "unix"))
        return unix_target(t, path ? path : node_opt(args, "server.path"), error);
    if (host)
        return inet_target(t, host, node_opt(args, "port"), error);
    if (!g_strcmp0(type, "inet"))
        return inet_target(t, node_opt(args, "server.host"), node_opt(args, "server.port"), error);
    return fd_target(t, node_opt(args, "server.str"), error);
}

static bool how(const struct node_args *args, struct nbd_target *t, GError **error)
{
    const char *creds = node_opt(args, "tls-creds");
    const struct tls_creds *found = creds ? tls_creds_find(creds) : NULL;

    t->export = g_strdup(node_opt(args, "export") ? node_opt(args, "export") : "");
    if (strlen(t->export) > 4096 || !g_utf8_validate(t->export, -1, NULL))
        return bad(error, "the export's name is not UTF-8 of at most 4096 bytes");
    if (creds && !found) {
        block_error(error, EINVAL, "nbd", "tls-creds=%s: there is no -object tls-creds-x509 or "
                    "tls-creds-psk of this id", creds);
        return false;
    }
    t->tls = found || node_opt_bool(args, "tls", false);
    t->creds = found ? tls_creds_copy(found) : NULL;
    return true;
}

/* Its URI; what a user wrote may be anything, so it is escaped. */
static char *shown(const struct nbd_target *t)
{
    g_autofree char *export = g_uri_escape_string(t->export, "/", FALSE);
    g_autofree char *path = g_uri_escape_string(t->path ? t->path : "", "/", FALSE);
    g_autofree char *host = g_strescape(t->host ? t->host : "", NULL);
    g_autofree char *port = g_strescape(t->port ? t->port : "", NULL);
    const char *s = t->tls ? "s" : "";
    bool v6 = strchr(host, ':') != NULL;

    if (t->transport == NBD_UNIX)
        return g_strdup_printf("nbd%s+unix:///%s?socket=%s", s, export, path);
    if (t->transport == NBD_FD)
        return g_strdup_printf("nbd%s:fd %d/%s", s, t->fd, export);
    return g_strdup_printf("nbd%s://%s%s%s:%s/%s", s, v6 ? "[" : "", host, v6 ? "]" : "", port,
                           export);
}

struct nbd_target *nbd_target_new(const struct node_args *args, GError **error)
{
    struct nbd_target *t = g_new0(struct nbd_target, 1);

    t->fd = -1;
    if (!where(args, t, error) || !how(args, t, error)) {
        nbd_target_free(t);
        return NULL;
    }
    t->shown = shown(t);
    if (t->tls && !nbd_conn_has_tls()) {
        block_error(error, ENOTSUP, t->shown, "the libnbd of this host has no TLS");
        nbd_target_free(t);
        return NULL;
    }
    return t;
}
