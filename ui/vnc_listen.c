/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets on which viewers are awaited. */
#include <errno.h>
#include <glib-unix.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ui/vnc_int.h"

#define BACKLOG         16
#define ACCEPT_AGAIN_MS 1000

static void describe(const struct sockaddr_storage *a, socklen_t len, struct vnc_address *out)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)a;

    out->host[0] = out->service[0] = '\0';
    if (a->ss_family == AF_UNIX) {
        size_t room = len > offsetof(struct sockaddr_un, sun_path)
                          ? len - offsetof(struct sockaddr_un, sun_path) : 0;

        out->family = "unix";
        snprintf(out->host, sizeof(out->host), "%.*s", (int)room, un->sun_path);
        return;
    }
    out->family = a->ss_family == AF_INET6 ? "ipv6" : "ipv4";
    getnameinfo((const struct sockaddr *)a, len, out->host, sizeof(out->host), out->service,
                sizeof(out->service), NI_NUMERICHOST | NI_NUMERICSERV);
}

void vnc_socket_addresses(int fd, bool websocket, struct vnc_address *server,
                          struct vnc_address *client)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof(a);

    server->websocket = client->websocket = websocket;
    server->family = client->family = "unknown";
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        describe(&a, len, server);
    len = sizeof(a);
    a = (struct sockaddr_storage){0};
    if (getpeername(fd, (struct sockaddr *)&a, &len) == 0)
        describe(&a, len, client);
}

static bool keep(struct vnc *vnc, int fd, bool websocket)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof(a);
    struct vnc_listener *l = &vnc->listeners[vnc->listener_count];

    if (vnc->listener_count == VNC_LISTENERS || listen(fd, BACKLOG) < 0)
        return false;
    *l = (struct vnc_listener){.vnc = vnc, .fd = fd};
    l->address.websocket = websocket;
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        describe(&a, len, &l->address);
    vnc->listener_count++;
    return true;
}

static void drop(struct vnc *vnc, unsigned from)
{
    while (vnc->listener_count > from)
        close(vnc->listeners[--vnc->listener_count].fd);
}

/* -1 with errno. */
static int bind_tcp(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, err;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

/* All addresses of the host at this port, or none: 0, or an errno. */
static int listen_port(struct vnc *vnc, const struct addrinfo *list, bool websocket)
{
    unsigned before = vnc->listener_count;
    int err = 0;

    for (const struct addrinfo *a = list; a && err != EADDRINUSE; a = a->ai_next) {
        int fd = bind_tcp(a);

        if (fd >= 0 && keep(vnc, fd, websocket))
            continue;
        err = errno; /* a host without IPv6 still has the other address */
        if (fd >= 0)
            close(fd);
    }
    if (err == EADDRINUSE)
        drop(vnc, before);
    return vnc->listener_count > before ? 0 : err;
}

static struct addrinfo *resolve(const struct vnc_config *c, unsigned port, GError **error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    const char *host = c->host && *c->host ? c->host : NULL;
    char service[12];
    int rc;

    hints.ai_family = c->ipv4 == c->ipv6 ? AF_UNSPEC : c->ipv4 ? AF_INET : AF_INET6;
    snprintf(service, sizeof(service), "%u", port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "-vnc: no address for '%s': %s",
                    host ? host : "", gai_strerror(rc));
    return rc ? NULL : list;
}

static bool listen_tcp(struct vnc *vnc, unsigned first, unsigned last, bool websocket, GError **error)
{
    int err = EADDRINUSE;

    for (unsigned port = first; err == EADDRINUSE && port <= last; port++) {
        struct addrinfo *list = resolve(vnc->config, port, error);

        if (!list)
            return false;
        err = listen_port(vnc, list, websocket);
        freeaddrinfo(list);
    }
    if (!err)
        return true;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err),
                "-vnc: cannot listen on %s:%u%s: %s", vnc->config->host ? vnc->config->host : "",
                first, last > first ? " and those after it" : "", g_strerror(err));
    return false;
}

/* A socket that a process before us left. */
static void unlink_stale(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
}

static bool listen_unix(struct vnc *vnc, GError **error)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = vnc->config->path;
    int fd, err;

    if (strlen(path) >= sizeof(a.sun_path)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NAMETOOLONG,
                    "-vnc unix:%s: a socket's path has at most %zu characters", path,
                    sizeof(a.sun_path) - 1);
        return false;
    }
    memcpy(a.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink_stale(path);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
        vnc->made_path = realpath(path, NULL); /* -daemonize goes to another directory */
        if (keep(vnc, fd, false))
            return true;
    }
    err = errno;
    if (fd >= 0)
        close(fd);
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "-vnc unix:%s: cannot listen: %s",
                path, g_strerror(err));
    return false;
}

static gboolean listen_again(gpointer opaque)
{
    struct vnc_listener *l = opaque;

    l->watch = g_unix_fd_add(l->fd, G_IO_IN, vnc_accept, l);
    return G_SOURCE_REMOVE;
}

/* Out of descriptors or memory: whoever waits to be accepted would wake the main loop for ever. */
gboolean vnc_listen_later(struct vnc_listener *l)
{
    l->watch = g_timeout_add(ACCEPT_AGAIN_MS, listen_again, l);
    return G_SOURCE_REMOVE;
}

bool vnc_listen(struct vnc *vnc, GError **error)
{
    const struct vnc_config *c = vnc->config;

    if (c->no_sockets)
        return true;
    if (c->path ? !listen_unix(vnc, error) : !listen_tcp(vnc, c->port, c->port_last, false, error))
        return false;
    if (c->websocket && !listen_tcp(vnc, c->websocket, c->websocket, true, error))
        return false;
    for (unsigned i = 0; i < vnc->listener_count; i++) {
        struct vnc_listener *l = &vnc->listeners[i];

        l->watch = g_unix_fd_add(l->fd, G_IO_IN, vnc_accept, l);
    }
    return true;
}

void vnc_unlisten(struct vnc *vnc)
{
    for (unsigned i = 0; i < vnc->listener_count; i++) {
        if (vnc->listeners[i].watch)
            g_source_remove(vnc->listeners[i].watch);
    }
    drop(vnc, 0);
    if (vnc->made_path)
        unlink(vnc->made_path);
    free(vnc->made_path);
    vnc->made_path = NULL;
}
