/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests: files of a table, and handshakes of WebSockets. Driven by the main loop through one epoll descriptor. */
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/web_check.h"
#include "ui/web_files.h"
#include "ui/web_int.h"

#define HEAD_BYTES     8192 /* of a request, and what answers it */
#define IDLE_TIMEOUT_S 10
#define SEND_BYTES     (256 * 1024) /* of a WebSocket, in the kernel: what is sent late is stale */

/* For every answer. noVNC sets styles of elements; all else comes from here and nowhere else. */
static const struct {
    const char *name, *value;
} safety[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
     "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cache-Control", "no-cache"},
};

/* ---- a request's headers ---- */

struct headers {
    const char *host, *origin, *upgrade, *connection, *key, *protocols, *version;
    bool twice; /* one of them is there more than once */
};

static enum MHD_Result note_header(void *opaque, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct headers *h = opaque;
    const struct {
        const char *name;
        const char **place;
    } wanted[] = {
        {"Host", &h->host},           {"Origin", &h->origin},
        {"Upgrade", &h->upgrade},     {"Connection", &h->connection},
        {"Sec-WebSocket-Key", &h->key}, {"Sec-WebSocket-Protocol", &h->protocols},
        {"Sec-WebSocket-Version", &h->version},
    };

    (void)kind;
    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        if (g_ascii_strcasecmp(name, wanted[i].name))
            continue;
        h->twice |= *wanted[i].place != NULL;
        *wanted[i].place = value ? value : "";
    }
    return MHD_YES;
}

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct MHD_Response *response)
{
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    for (unsigned i = 0; i < G_N_ELEMENTS(safety); i++)
        MHD_add_response_header(response, safety[i].name, safety[i].value);
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* text: constant. */
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);

    if (response)
        MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    if (response && status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    return answer(connection, status, response);
}

static struct MHD_Response *open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        struct MHD_Response *response = MHD_create_response_from_fd((size_t)st.st_size, fd);

        if (response)
            return response;
    }
    close(fd);
    return NULL;
}

static enum MHD_Result send_file(struct MHD_Connection *connection, const struct web_file *file)
{
    struct MHD_Response *response =
        file->data ? MHD_create_response_from_buffer(file->size, (void *)file->data,
                                                     MHD_RESPMEM_PERSISTENT)
                   : open_file(file->path);

    if (!response)
        return refuse(connection, MHD_HTTP_NOT_FOUND, "that file is gone\n");
    MHD_add_response_header(response, "Content-Type", file->type);
    return answer(connection, MHD_HTTP_OK, response);
}

/* ---- WebSockets ---- */

static void upgraded(void *opaque, struct MHD_Connection *connection, void *request,
                     const char *early, size_t early_len, MHD_socket fd,
                     struct MHD_UpgradeResponseHandle *upgrade)
{
    int room = SEND_BYTES;

    (void)connection;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    channel_start(opaque, request, fd, early, early_len, upgrade);
}

static enum MHD_Result handshake(struct web *web, struct MHD_Connection *connection,
                                 const struct channel_name *channel, const struct headers *h)
{
    g_autofree char *accept = web_accept_key(h->key);
    struct MHD_Response *response;

    if (channel->kind == CHANNEL_SERIAL && !web->serial[channel->port].open)
        return refuse(connection, MHD_HTTP_NOT_FOUND, "there is no such serial port\n");
    if (!web_header_has(h->upgrade, "websocket") || !web_header_has(h->connection, "upgrade") || !accept)
        return refuse(connection, MHD_HTTP_BAD_REQUEST, "this is a WebSocket\n");
    if (g_strcmp0(h->version, "13"))
        return refuse(connection, MHD_HTTP_UPGRADE_REQUIRED, "version 13 of WebSocket is spoken here\n");
    if (!web_origin_ok(h->origin, h->host))
        return refuse(connection, MHD_HTTP_FORBIDDEN, "pages of other origins have no access\n");
    if (!web_protocols_ok(h->protocols, web->token))
        return refuse(connection, MHD_HTTP_FORBIDDEN, "the token is missing or wrong\n");
    if (web->channels->len >= WEB_SOCKETS)
        return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many WebSockets\n");
    response = MHD_create_response_for_upgrade(upgraded, web);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Upgrade", "websocket");
    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    MHD_add_response_header(response, "Sec-WebSocket-Protocol", WEB_PROTOCOL);
    return answer(connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
}

/* ---- requests ---- */

/* Answers at the first call, when the headers are there: a body is never read, the connection ends instead. */
static enum MHD_Result handle(void *opaque, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **request)
{
    struct web *web = opaque;
    const struct channel_name *channel = channel_find(url);
    const struct web_file *file = web_files_find(web->files, url);
    struct headers h = {0};

    (void)version, (void)upload, (void)upload_len;
    *request = (void *)channel;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_header, &h);
    if (h.twice || !web_host_ok(h.host, web->host_name))
        return refuse(connection, MHD_HTTP_FORBIDDEN,
                      "this host is called by an address, by localhost, or as it was told\n");
    if (strcmp(method, "GET") && (channel || strcmp(method, "HEAD")))
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "there is GET only\n");
    if (channel)
        return handshake(web, connection, channel, &h);
    return file ? send_file(connection, file)
                : refuse(connection, MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

/* ---- connections ---- */

static void connection_moved(void *opaque, struct MHD_Connection *connection, void **slot,
                             enum MHD_ConnectionNotificationCode code)
{
    struct web *web = opaque;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    gint64 *started_us;

    (void)slot;
    if (!info)
        return;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        g_hash_table_remove(web->started_us, GINT_TO_POINTER(info->connect_fd));
        web_http_run_soon(web); /* at the limit, the library accepts again only when it is called again */
        return;
    }
    started_us = g_new(gint64, 1);
    *started_us = g_get_monotonic_time();
    g_hash_table_insert(web->started_us, GINT_TO_POINTER(info->connect_fd), started_us);
}

static bool is_channel(const struct web *web, int fd)
{
    for (guint i = 0; i < web->channels->len; i++) {
        const struct channel *c = g_ptr_array_index(web->channels, i);

        if (c->socket_fd == fd)
            return true;
    }
    return false;
}

/* libmicrohttpd knows idle time only: a byte now and then would keep a connection for ever. */
void web_http_watch(struct web *web, int64_t now_us)
{
    GHashTableIter it;
    gpointer fd, started_us;

    g_hash_table_iter_init(&it, web->started_us);
    while (g_hash_table_iter_next(&it, &fd, &started_us)) {
        if (now_us - *(gint64 *)started_us > WEB_REQUEST_S * G_USEC_PER_SEC &&
            !is_channel(web, GPOINTER_TO_INT(fd)))
            shutdown(GPOINTER_TO_INT(fd), SHUT_RDWR); /* the library sees its end */
    }
}

/* ---- the daemon on our main loop ---- */

static gboolean timeout_over(gpointer opaque);

static void run_http(struct web *web)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    MHD_run(web->daemon);
    if (web->timeout)
        g_source_remove(web->timeout);
    web->timeout = 0;
    if (MHD_get_timeout(web->daemon, &wait_ms) == MHD_YES)
        web->timeout = g_timeout_add((guint)MIN(wait_ms, 60000), timeout_over, web);
}

static gboolean timeout_over(gpointer opaque)
{
    struct web *web = opaque;

    web->timeout = 0;
    run_http(web);
    return G_SOURCE_REMOVE;
}

static gboolean epoll_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    (void)fd, (void)condition;
    run_http(opaque);
    return G_SOURCE_CONTINUE;
}

static gboolean run_now(gpointer opaque)
{
    struct web *web = opaque;

    web->soon = 0;
    run_http(web);
    return G_SOURCE_REMOVE;
}

void web_http_run_soon(struct web *web)
{
    if (!web->soon && web->epoll_watch)
        web->soon = g_idle_add(run_now, web);
}

bool web_http_start(struct web *web, GError **error)
{
    const union MHD_DaemonInfo *info;

    web->started_us = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    web->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_UPGRADE, 0, NULL, NULL, handle, web, MHD_OPTION_LISTEN_SOCKET, web->fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)WEB_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
        MHD_OPTION_NOTIFY_CONNECTION, connection_moved, web, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    info = web->daemon ? MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "-display web: libmicrohttpd does not start");
        return false;
    }
    web->fd = -1; /* the daemon's now */
    web->epoll_watch = g_unix_fd_add(info->epoll_fd, G_IO_IN, epoll_ready, web);
    return true;
}

/* After all channels are freed. */
void web_http_stop(struct web *web)
{
    guint *const sources[] = {&web->epoll_watch, &web->timeout, &web->soon};

    for (unsigned i = 0; i < G_N_ELEMENTS(sources); i++) {
        if (*sources[i])
            g_source_remove(*sources[i]);
        *sources[i] = 0;
    }
    if (web->daemon) {
        MHD_run(web->daemon); /* lets go of what was upgraded */
        MHD_stop_daemon(web->daemon);
    }
    g_clear_pointer(&web->started_us, g_hash_table_unref);
}
