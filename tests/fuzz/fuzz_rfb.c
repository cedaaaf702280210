/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes from a viewer: from the first on, or after a good handshake; plain or by WebSocket; with a
 * display whose size and contents change meanwhile. The first byte chooses. Whatever they are, the viewer
 * is gone soon after its end of the connection is shut.
 */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ioreq/iolock.h"
#include "ui/surface.h"
#include "ui/vnc.h"

#ifdef CONFIG_VNC

#define GONE_S 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WAY_FD, WAY_FD_IN, WAY_WEB, WAY_WEB_IN, WAYS };

static const char handshake[] = "RFB 003.008\n\1\1";
static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nOrigin: x\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                              "Sec-WebSocket-Protocol: binary\r\nSec-WebSocket-Version: 13\r\n\r\n";
/* The handshake in frames under a mask of zeros. */
static const char framed[] = "\x82\x8c\0\0\0\0RFB 003.008\n\x82\x81\0\0\0\0\1\x82\x81\0\0\0\0\1";

static unsigned drawn; /* grows with each look */

static bool update(void *chip, struct surface *s, struct display_seen *seen)
{
    uint32_t width = 8 + 8 * (drawn / 3 % 9), height = 1 + drawn / 5 % 40;

    (void)chip;
    if (!surface_resize(s, width, height))
        return false;
    for (uint32_t i = 0; i < width * height; i++)
        s->pixels[i] = i % 3 ? i * 0x010305 : drawn * 0x111;
    memset(seen->lines, 0xff, sizeof(seen->lines));
    drawn++;
    return drawn % 11 != 0;
}

static void key(void *opaque, unsigned xt, bool down)
{
    (void)opaque, (void)down;
    if (xt == 0 || xt > 255)
        abort();
}

static bool key_ready(void *opaque)
{
    (void)opaque;
    return true;
}

static unsigned leds(void *opaque)
{
    (void)opaque;
    return drawn & 4;
}

static void pointer(void *opaque, const struct vnc_pointer *p)
{
    (void)opaque;
    if (p->x > VNC_POINTER_MAX || p->y > VNC_POINTER_MAX || p->buttons > 7)
        abort();
}

static bool absolute(void *opaque)
{
    (void)opaque;
    return drawn & 64;
}

static void event(void *opaque, enum vnc_event what, const struct vnc_address *server,
                  const struct vnc_address *client)
{
    (void)opaque, (void)what, (void)server, (void)client;
}

static struct vnc *get_vnc(void)
{
    static const struct vnc_hooks hooks = {.key = key, .key_ready = key_ready, .leds = leds,
                                           .pointer = pointer, .absolute = absolute, .event = event};
    static struct display_source src = {.update = update};
    static struct vnc_config config = {.host = (char *)"127.0.0.1", .connections = 1, .lossy = true};
    static struct vnc *vnc;
    GError *error = NULL;

    if (vnc)
        return vnc;
    signal(SIGPIPE, SIG_IGN);
    src.lock = iolock_new();
    config.port = VNC_PORT_BASE + 200;
    config.port_last = config.port + 300;
    config.websocket = 7000 + (unsigned)getpid() % 2000;
    vnc = vnc_new(&config, &src, &hooks, "fuzz", &error);
    if (!vnc) {
        fprintf(stderr, "%s\n", error->message);
        exit(1);
    }
    return vnc;
}

static int connect_web(struct vnc *vnc)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    const char *port = vnc_server_address(vnc, vnc_server_count(vnc) - 1)->service;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons((uint16_t)atoi(port));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        abort();
    return fd;
}

static int connect_fd(struct vnc *vnc)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || !vnc_add_viewer_fd(vnc, pair[1], NULL, NULL))
        abort();
    return pair[0];
}

static void count(void *opaque, const struct vnc_address *client)
{
    (void)client;
    ++*(unsigned *)opaque;
}

static unsigned viewers(struct vnc *vnc)
{
    unsigned n = 0;

    vnc_foreach_client(vnc, count, &n);
    return n;
}

/* Takes what comes, lets the main loop run. False: nothing more will come. */
static bool turn(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    char sink[65536];

    while (g_main_context_iteration(NULL, FALSE))
        ;
    if (poll(&p, 1, 1) <= 0)
        return true;
    return recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0;
}

static void put(int fd, const void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, (const char *)data + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0)
            at += (size_t)n;
        else if (!turn(fd))
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vnc *vnc = get_vnc();
    unsigned way = size ? data[0] % WAYS : 0;
    bool web = way >= WAY_WEB;
    int fd = web ? connect_web(vnc) : connect_fd(vnc);
    int64_t end_us = g_get_monotonic_time() + GONE_S * G_USEC_PER_SEC;

    while (web && !viewers(vnc))
        turn(fd);
    if (way == WAY_WEB_IN)
        put(fd, request, sizeof(request) - 1);
    if (way == WAY_WEB_IN || way == WAY_FD_IN)
        put(fd, web ? framed : handshake, web ? sizeof(framed) - 1 : sizeof(handshake) - 1);
    if (size)
        put(fd, data + 1, size - 1);
    shutdown(fd, SHUT_WR);
    while (viewers(vnc)) {
        turn(fd);
        if (g_get_monotonic_time() > end_us)
            abort(); /* it stays although its peer has gone */
    }
    close(fd);
    return 0;
}

#else

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data, (void)size;
    return 0;
}

#endif
