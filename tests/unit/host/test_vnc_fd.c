/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Viewers on given sockets: let in without a password, named as the caller says, bounded, told of the pointer's mode. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ui/vnc.h"

#ifdef CONFIG_VNC

#define LIMIT_S 20

static GString *events; /* "+HOST ", "=HOST ", "-HOST " */
static struct vnc_pointer last;
static unsigned moves;
static bool follows;

static void on_key(void *opaque, unsigned xt, bool down)
{
    (void)opaque, (void)xt, (void)down;
}

static bool on_ready(void *opaque)
{
    (void)opaque;
    return true;
}

static unsigned on_leds(void *opaque)
{
    (void)opaque;
    return 0;
}

static void on_pointer(void *opaque, const struct vnc_pointer *pointer)
{
    (void)opaque;
    last = *pointer;
    moves++;
}

static bool is_absolute(void *opaque)
{
    (void)opaque;
    return follows;
}

static void on_event(void *opaque, enum vnc_event event, const struct vnc_address *server,
                     const struct vnc_address *client)
{
    (void)opaque, (void)server;
    g_string_append_printf(events, "%c%s ", "+=-"[event], client->host);
}

static struct vnc *make(unsigned connections)
{
    static const struct vnc_hooks hooks = {.key = on_key, .key_ready = on_ready, .leds = on_leds,
                                           .pointer = on_pointer, .absolute = is_absolute, .event = on_event};
    static struct vnc_config config;
    GError *error = NULL;
    struct vnc *vnc;

    config = (struct vnc_config){.no_sockets = true, .password = true, .connections = connections};
    events = g_string_new(NULL);
    follows = false;
    moves = 0;
    vnc = vnc_new(&config, NULL, &hooks, "fd", &error);
    if (!vnc)
        fail_msg("%s", error->message);
    return vnc;
}

static void finish(struct vnc *vnc)
{
    vnc_free(vnc);
    g_string_free(events, TRUE);
}

static int connect_viewer(struct vnc *vnc, bool *ok)
{
    static const struct vnc_address server = {.host = "s", .service = "1", .family = "ipv4"},
                                    client = {.host = "c", .service = "2", .family = "ipv4"};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    *ok = vnc_add_viewer_fd(vnc, pair[1], &server, &client);
    return pair[0];
}

/* Reads just so many bytes while the main loop runs; false: the end. */
static bool take(int fd, void *to, size_t count)
{
    int64_t end_us = g_get_monotonic_time() + LIMIT_S * G_USEC_PER_SEC;

    for (size_t at = 0; at < count;) {
        struct pollfd p = {fd, POLLIN, 0};
        ssize_t n;

        while (g_main_context_iteration(NULL, FALSE))
            ;
        assert_true(g_get_monotonic_time() < end_us);
        if (poll(&p, 1, 5) <= 0)
            continue;
        n = recv(fd, (char *)to + at, count - at, 0);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static void put(int fd, const void *data, size_t size)
{
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

static void come_in(int fd)
{
    uint8_t b[64];

    assert_true(take(fd, b, 12));
    put(fd, "RFB 003.008\n", 12);
    assert_true(take(fd, b, 2));
    assert_memory_equal(b, "\1\1", 2); /* one kind of authentication: none */
    put(fd, "\1", 1);
    assert_true(take(fd, b, 4));
    assert_memory_equal(b, "\0\0\0\0", 4);
    put(fd, "\1", 1);
    assert_true(take(fd, b, 26));
    assert_memory_equal(b, "\x02\x80\x01\xe0", 4); /* 640 x 480: there is no display */
    assert_memory_equal(b + 20, "\0\0\0\2fd", 6);
}

static void until(const char *what)
{
    int64_t end_us = g_get_monotonic_time() + LIMIT_S * G_USEC_PER_SEC;

    while (strcmp(events->str, what)) {
        g_main_context_iteration(NULL, FALSE);
        if (g_get_monotonic_time() > end_us)
            fail_msg("events: %s", events->str);
        g_usleep(1000);
    }
}

static void count(void *opaque, const struct vnc_address *client)
{
    assert_string_equal(client->service, "2");
    ++*(unsigned *)opaque;
}

static void let_in(void **state)
{
    struct vnc *vnc = make(2);
    unsigned n = 0;
    uint8_t head[16];
    bool ok;
    int fd = connect_viewer(vnc, &ok);

    (void)state;
    assert_true(ok);
    assert_int_equal(vnc_server_count(vnc), 0);
    come_in(fd);
    until("+c =c ");
    vnc_foreach_client(vnc, count, &n);
    assert_int_equal(n, 1);
    put(fd, "\3\0\0\0\0\0\0\x08\0\x02", 10);
    assert_true(take(fd, head, 16));
    assert_memory_equal(head, "\0\0\0\1\0\0\0\0\0\x08\0\x02\0\0\0\0", 16); /* raw, 8 x 2 */
    close(fd);
    until("+c =c -c ");
    finish(vnc);
}

static void bounded(void **state)
{
    struct vnc *vnc = make(1);
    uint8_t b[16];
    bool ok;
    int first = connect_viewer(vnc, &ok), second;

    (void)state;
    assert_true(ok);
    come_in(first);
    second = connect_viewer(vnc, &ok);
    assert_false(ok);
    assert_false(take(second, b, 1));
    close(second);
    vnc_disconnect_all(vnc);
    assert_false(take(first, b, 1));
    until("+c =c -c ");
    close(first);
    second = connect_viewer(vnc, &ok);
    assert_true(ok);
    assert_true(take(second, b, 12));
    finish(vnc); /* with a viewer in its handshake */
    assert_false(take(second, b, 1));
    close(second);
}

static void pointer_mode(void **state)
{
    static const uint8_t knows[] = {2, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xfe, 0xff}; /* raw, -257 */
    static const uint8_t middle[] = {5, 1, 1, 0x40, 0, 0xf0}, corner[] = {5, 0, 2, 0x7f, 1, 0xdf};
    static const uint8_t relative[] = {0, 0, 0, 1, 0, 0}, absolute[] = {0, 0, 0, 1, 0, 1};
    struct vnc *vnc = make(1);
    uint8_t b[16];
    bool ok;
    int fd = connect_viewer(vnc, &ok);

    (void)state;
    come_in(fd);
    put(fd, knows, sizeof(knows));
    assert_true(take(fd, b, 16));
    assert_memory_equal(b, relative, sizeof(relative));
    assert_memory_equal(b + 12, "\xff\xff\xfe\xff", 4);
    follows = true;
    put(fd, middle, sizeof(middle));
    assert_true(take(fd, b, 16)); /* told as soon as it moves */
    assert_memory_equal(b, absolute, sizeof(absolute));
    assert_true(last.absolute && last.x == 320 * 0x7fff / 639 && last.y == 240 * 0x7fff / 479);
    assert_int_equal(last.buttons, 1);
    follows = false;
    put(fd, corner, sizeof(corner));
    assert_true(take(fd, b, 16));
    assert_memory_equal(b, relative, sizeof(relative));
    assert_true(last.absolute && last.x == VNC_POINTER_MAX && last.y == VNC_POINTER_MAX);
    assert_true(last.dx == 319 && last.dy == 239 && moves == 2);
    finish(vnc);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(let_in),
        cmocka_unit_test(bounded),
        cmocka_unit_test(pointer_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    print_message("built without VNC\n");
    return 77;
}

#endif
