/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Life of the web console: where it listens, who is there, what is told to all. */
#include "ui/web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ui/web_check.h"
#include "ui/web_files.h"
#include "ui/web_int.h"

#define BACKLOG 16

/* ---- listening ---- */

static bool fail(GError **error, int err, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool fail(GError **error, int err, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "-display web: %s", text);
    return false;
}

/* IPv4 first, as viewers try it: one address, as the page's own has to be one. */
static const struct addrinfo *choose(const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        if (a->ai_family == AF_INET)
            return a;
    }
    return list;
}

static bool bind_address(struct web *web, const struct addrinfo *a, GError **error)
{
    const struct web_config *c = web->config;
    char address[INET6_ADDRSTRLEN] = "";
    int one = 1;

    getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST);
    if (!c->remote && !web_is_loopback(address))
        return fail(error, EACCES, "other hosts reach %s: say remote=on if that is meant (there is no TLS)",
                    *c->host ? c->host : "all addresses");
    web->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (web->fd >= 0)
        setsockopt(web->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (web->fd >= 0 && bind(web->fd, a->ai_addr, a->ai_addrlen) == 0 && listen(web->fd, BACKLOG) == 0)
        return true;
    return fail(error, errno, "cannot listen on %s port %u: %s", *c->host ? c->host : "all addresses",
                c->port, g_strerror(errno));
}

static bool listen_tcp(struct web *web, GError **error)
{
    const char *host = *web->config->host ? web->config->host : NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    char service[12];
    bool ok;
    int rc;

    snprintf(service, sizeof(service), "%u", web->config->port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc)
        return fail(error, EINVAL, "no address for '%s': %s", host ? host : "", gai_strerror(rc));
    ok = bind_address(web, choose(list), error);
    freeaddrinfo(list);
    return ok;
}

/* What a browser is to be told, and by what name it will call us. */
static void name_it(struct web *web)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof(a);
    char address[INET6_ADDRSTRLEN] = "", port[8] = "", self[256] = "";
    const char *host = web->config->host;
    bool all;

    getsockname(web->fd, (struct sockaddr *)&a, &len);
    getnameinfo((struct sockaddr *)&a, len, address, sizeof(address), port, sizeof(port),
                NI_NUMERICHOST | NI_NUMERICSERV);
    all = !*host || !strcmp(address, "0.0.0.0") || !strcmp(address, "::");
    if (all && gethostname(self, sizeof(self) - 1) == 0)
        host = self;
    web->host_name = g_strdup(host);
    web->url = g_strdup_printf(strchr(host, ':') ? "http://[%s]:%s/#token=%s" : "http://%s:%s/#token=%s",
                               host, port, web->token);
}

/* ---- who is there ---- */

static void reap(struct web *web)
{
    for (guint i = web->channels->len; i-- > 0;) {
        struct channel *c = g_ptr_array_index(web->channels, i);

        if (!c->over)
            continue;
        g_ptr_array_remove_index(web->channels, i);
        channel_free(c);
        web_http_run_soon(web);
    }
}

static gboolean reap_now(gpointer opaque)
{
    reap(opaque);
    return G_SOURCE_REMOVE;
}

void web_reap_soon(struct web *web)
{
    g_idle_add_full(G_PRIORITY_DEFAULT, reap_now, web, NULL);
}

static gboolean tick(gpointer opaque)
{
    struct web *web = opaque;
    int64_t now_us = g_get_monotonic_time();

    web_http_watch(web, now_us);
    for (guint i = 0; i < web->channels->len; i++) {
        struct channel *c = g_ptr_array_index(web->channels, i);

        if (c->ws && !c->over)
            web_socket_watch(c->ws, now_us);
    }
    return G_SOURCE_CONTINUE;
}

unsigned web_page_count(const struct web *web)
{
    unsigned count = 0;

    for (guint i = 0; i < web->channels->len; i++) {
        const struct channel *c = g_ptr_array_index(web->channels, i);

        count += c->name->kind == CHANNEL_CONTROL && !c->over;
    }
    return count;
}

/* ---- the machine's state ---- */

void web_state_changed(struct web *web)
{
    char *state = web->hooks.state(web->hooks.opaque);

    if (g_strcmp0(state, web->state))
        channel_kick_all(web, CHANNEL_CONTROL);
    g_free(web->state);
    web->state = state;
}

static gboolean look_at_state(gpointer opaque)
{
    struct web *web = opaque;

    if (!web_page_count(web)) {
        web->state_tick = 0;
        return G_SOURCE_REMOVE;
    }
    web_state_changed(web);
    return G_SOURCE_CONTINUE;
}

void web_begin_state(struct web *web)
{
    web_state_changed(web);
    if (!web->state_tick)
        web->state_tick = g_timeout_add(WEB_STATE_MS, look_at_state, web);
}

/* ---- serial ports ---- */

void web_serial_open(struct web *web, unsigned port)
{
    web->serial[port].open = true;
}

void web_serial_output(struct web *web, unsigned port, const uint8_t *buf, size_t len)
{
    struct serial_log *log = &web->serial[port];

    pthread_mutex_lock(&web->serial_lock);
    if (!log->ring)
        log->ring = g_malloc(WEB_SERIAL_BYTES);
    for (size_t i = 0; i < len; i++)
        log->ring[(log->end + i) % WEB_SERIAL_BYTES] = buf[i];
    log->end += len;
    pthread_mutex_unlock(&web->serial_lock);
    g_source_set_ready_time(web->wake, 0);
}

void web_serial_more(struct web *web, unsigned port)
{
    (void)port;
    channel_kick_all(web, CHANNEL_SERIAL);
}

static gboolean woken(GSource *source, GSourceFunc fn, gpointer opaque)
{
    (void)fn, (void)opaque;
    g_source_set_ready_time(source, -1);
    channel_kick_all(*(struct web **)(source + 1), CHANNEL_SERIAL);
    return G_SOURCE_CONTINUE;
}

static void make_wake(struct web *web)
{
    static GSourceFuncs functions = {.dispatch = woken};

    web->wake = g_source_new(&functions, sizeof(GSource) + sizeof(struct web *));
    *(struct web **)(web->wake + 1) = web;
    g_source_attach(web->wake, NULL);
}

/* ---- life ---- */

struct web *web_new(const struct web_config *config, const struct web_hooks *hooks, GError **error)
{
    struct web *web;

    if (!web_lib_load(error))
        return NULL;
    web = g_new0(struct web, 1);
    web->config = config;
    web->hooks = *hooks;
    web->fd = -1;
    web->channels = g_ptr_array_new();
    pthread_mutex_init(&web->serial_lock, NULL);
    make_wake(web);
    web->files = web_files_new(error);
    web->token = !web->files ? NULL : config->token_file ? web_token_read(config->token_file, error)
                                                          : web_token_new();
    if (web->token && listen_tcp(web, error)) {
        name_it(web);
        if (web_http_start(web, error)) {
            web->tick = g_timeout_add(WEB_WATCH_MS, tick, web);
            return web;
        }
    }
    web_free(web);
    return NULL;
}

static void remove_source(guint *source)
{
    if (*source)
        g_source_remove(*source);
    *source = 0;
}

void web_free(struct web *web)
{
    if (!web)
        return;
    while (g_idle_remove_by_data(web))
        ;
    for (guint i = 0; i < web->channels->len; i++)
        channel_free(g_ptr_array_index(web->channels, i));
    g_ptr_array_free(web->channels, TRUE);
    web->channels = g_ptr_array_new(); /* the daemon's end looks at it */
    web->soon = 0;
    web_http_stop(web);
    g_ptr_array_free(web->channels, TRUE);
    remove_source(&web->tick);
    remove_source(&web->state_tick);
    g_source_destroy(web->wake);
    g_source_unref(web->wake);
    if (web->fd >= 0)
        close(web->fd);
    g_clear_pointer(&web->files, g_hash_table_unref);
    for (unsigned i = 0; i < WEB_SERIAL_PORTS; i++)
        g_free(web->serial[i].ring);
    pthread_mutex_destroy(&web->serial_lock);
    if (web->token)
        memset(web->token, 0, strlen(web->token));
    g_free(web->token);
    g_free(web->url);
    g_free(web->host_name);
    g_free(web->state);
    g_free(web);
}

const char *web_url(const struct web *web)
{
    return web->url;
}
