/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/nbd_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_BYTES (32u << 20) /* what every server takes, says the protocol */
#define WHY_BYTES 200
#define CLOSED "the server has closed it"

int64_t nbd_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool nbd_conn_has_tls(void)
{
    struct nbd_handle *h;
    bool has;

    if (!nbd_lib_load(NULL))
        return false;
    h = nbd_create();
    has = h && nbd_supports_tls(h) == 1;
    nbd_close(h);
    return has;
}

void nbd_target_free(struct nbd_target *target)
{
    if (!target)
        return;
    if (target->fd >= 0)
        close(target->fd);
    tls_creds_free(target->creds);
    g_free(target->path);
    g_free(target->host);
    g_free(target->port);
    g_free(target->export);
    g_free(target->shown);
    g_free(target);
}

/* libnbd's last word on this thread, in one line: some of it is the server's, so anything. */
static char *last_error(void)
{
    const char *text = nbd_get_error();
    const char *colon = text ? strstr(text, ": ") : NULL;
    char *why;

    if (colon && g_str_has_prefix(text, "nbd_"))
        text = colon + 2; /* the name of a function is nothing to the user */
    why = g_strndup(text ? text : CLOSED, WHY_BYTES);
    for (char *c = why; *c; c++) {
        if (!g_ascii_isprint(*c))
            *c = '?';
    }
    return why;
}

/* ---- turns --------------------------------------------------------------------------------- */

static bool is_lost(struct nbd_handle *h)
{
    return nbd_aio_is_dead(h) == 1 || nbd_aio_is_closed(h) == 1;
}

static void drain(int wake_fd)
{
    uint64_t count;

    while (read(wake_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

bool nbd_conn_turn(struct nbd_handle *h, int wake_fd, int timeout_ms, char **why)
{
    unsigned direction = nbd_aio_get_direction(h);
    struct pollfd fds[2] = { { .fd = wake_fd, .events = POLLIN }, { .fd = nbd_aio_get_fd(h) } };
    int rc = 0;

    if (is_lost(h) || fds[1].fd < 0) {
        *why = g_strdup(CLOSED);
        return false;
    }
    if (direction & LIBNBD_AIO_DIRECTION_READ)
        fds[1].events |= POLLIN;
    if (direction & LIBNBD_AIO_DIRECTION_WRITE)
        fds[1].events |= POLLOUT;
    if (poll(fds, 2, timeout_ms) <= 0)
        return true;
    if (fds[0].revents)
        drain(wake_fd);
    /* One of the two: what it does may change the direction. */
    if ((direction & LIBNBD_AIO_DIRECTION_READ) && (fds[1].revents & (POLLIN | POLLHUP | POLLERR)))
        rc = nbd_aio_notify_read(h);
    else if (fds[1].revents & (POLLOUT | POLLHUP | POLLERR | POLLNVAL))
        rc = nbd_aio_notify_write(h);
    if (rc == 0 && !is_lost(h))
        return true;
    *why = rc < 0 ? last_error() : g_strdup(CLOSED);
    return false;
}

void nbd_conn_bye(struct nbd_handle *h, int wake_fd, int timeout_ms)
{
    int64_t deadline = nbd_now_ms() + timeout_ms;
    int64_t left = timeout_ms;
    char *why = NULL;

    if (nbd_aio_is_ready(h) != 1 || nbd_aio_disconnect(h, 0) < 0)
        return;
    while (left > 0 && nbd_conn_turn(h, wake_fd, (int)left, &why))
        left = deadline - nbd_now_ms();
    g_free(why);
}

/* ---- opening ------------------------------------------------------------------------------- */

/*
 * TLS is asked for or not used at all ("require"): falling back to plain text is what somebody in
 * between would like (NBD's proto.md, "Downgrade attacks").
 */
static bool set_tls(struct nbd_handle *h, const struct nbd_target *target)
{
    const struct tls_creds *creds = target->creds;
    g_autofree char *psk = NULL;

    if (!target->tls)
        return nbd_set_tls(h, LIBNBD_TLS_DISABLE) == 0;
    if (nbd_set_tls(h, LIBNBD_TLS_REQUIRE) < 0)
        return false;
    if (!creds)
        return nbd_set_tls_verify_peer(h, true) == 0;
    if (!creds->psk)
        return nbd_set_tls_certificates(h, creds->dir) == 0 &&
               nbd_set_tls_verify_peer(h, creds->verify_peer) == 0;
    psk = g_build_filename(creds->dir, "keys.psk", NULL);
    return nbd_set_tls_psk_file(h, psk) == 0 &&
           nbd_set_tls_username(h, creds->username ? creds->username : "qemu") == 0;
}

static bool start(struct nbd_handle *h, const struct nbd_target *target)
{
    if (nbd_set_export_name(h, target->export ? target->export : "") < 0 || !set_tls(h, target) ||
        nbd_add_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0)
        return false;
    switch (target->transport) {
    case NBD_UNIX:
        return nbd_aio_connect_unix(h, target->path) == 0;
    case NBD_INET:
        return nbd_aio_connect_tcp(h, target->host, target->port) == 0;
    case NBD_FD:
        break;
    }
    /* libnbd closes what it is given, even if it fails. */
    return nbd_aio_connect_socket(h, fcntl(target->fd, F_DUPFD_CLOEXEC, 3)) == 0;
}

static bool describe(struct nbd_handle *h, struct nbd_export *out, char **why)
{
    int64_t bytes = nbd_get_size(h);
    int64_t min = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM);
    int64_t max = nbd_get_block_size(h, LIBNBD_SIZE_MAXIMUM);

    if (bytes < 0) {
        *why = last_error();
        return false;
    }
    min = min > 0 ? min : 1; /* the server said nothing: QEMU and nbdkit then take any length */
    max = max > 0 && max < PAYLOAD_BYTES ? max : PAYLOAD_BYTES;
    if (min > 65536 || (min & (min - 1)) || max < min) {
        *why = g_strdup("the server's block sizes make no sense");
        return false;
    }
    if (bytes % min) {
        *why = g_strdup_printf("its size, %lld bytes, is not a multiple of the server's smallest "
                               "block, %lld bytes",
                               (long long)bytes, (long long)min);
        return false;
    }
    *out = (struct nbd_export){
        .bytes = (uint64_t)bytes,
        .readonly = nbd_is_read_only(h) != 0,
        .flush = nbd_can_flush(h) == 1,
        .fua = nbd_can_fua(h) == 1,
        .trim = nbd_can_trim(h) == 1,
        .zero = nbd_can_zero(h) == 1,
        .extents = nbd_can_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1,
        .min_block = (uint32_t)min,
        .max_payload = (uint32_t)(max - max % min),
    };
    return true;
}

/* Turns until it is ready, lost or given up. */
static bool negotiate(struct nbd_handle *h, int wake_fd, const int *stop, int64_t deadline_ms,
                      char **why)
{
    while (nbd_aio_is_ready(h) != 1) {
        int64_t left = deadline_ms - nbd_now_ms();

        if (left <= 0 || __atomic_load_n(stop, __ATOMIC_SEQ_CST)) {
            *why = g_strdup("the server does not answer");
            return false;
        }
        if (!nbd_conn_turn(h, wake_fd, left < 1000 ? (int)left : 1000, why))
            return false;
    }
    return true;
}

struct nbd_handle *nbd_conn_open(const struct nbd_target *target, int wake_fd, const int *stop,
                                 int64_t deadline_ms, struct nbd_export *export, char **why)
{
    struct nbd_handle *h = nbd_create();
    static const int on = 1;

    if (!h || !start(h, target)) {
        *why = last_error();
        nbd_close(h);
        return NULL;
    }
    if (!negotiate(h, wake_fd, stop, deadline_ms, why) || !describe(h, export, why)) {
        nbd_close(h);
        return NULL;
    }
    if (target->keep_alive)
        setsockopt(nbd_aio_get_fd(h), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    return h;
}
