/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network block devices against a server that lies: a small one of our own, which follows the
 * protocol (proto.md of the NetworkBlockDevice project) up to the point where it does not.
 */
#include "nbd_util.h"

#ifdef CONFIG_NBD

#include <arpa/inet.h>
#include <sys/time.h>

#define EXPORT_BYTES (1u << 20)
#define OPTION_GO 7u
#define OPTION_STRUCTURED 8u
#define OPTION_SET_CONTEXT 10u
#define REPLY_ACK 1u
#define REPLY_INFO 3u
#define REPLY_CONTEXT 4u
#define REPLY_UNSUPPORTED 0x80000001u
#define COMMAND_READ 0
#define COMMAND_STATUS 7

enum lie {
    HONEST,
    /* while negotiating */
    CLOSES_AT_ONCE,
    GARBAGE,
    WRONG_MAGIC,
    HALF_MAGIC_THEN_SILENCE,
    ONE_BYTE_A_SECOND,
    HUGE_OPTION_REPLY,
    ERROR_WITH_ESCAPES,
    SIZE_NEGATIVE,
    NO_SIZE,
    WRONG_OPTION,
    ENDLESS_INFO,
    SIZE_NOT_OF_BLOCKS,
    /* answering a command */
    WRONG_REPLY_MAGIC,
    WRONG_COOKIE,
    HALF_HEADER_THEN_SILENCE,
    HALF_HEADER_THEN_CLOSES,
    HUGE_CHUNK,
    CHUNK_OUTSIDE,
    CHUNK_OVERFLOWS,
    HOLE_OUTSIDE,
    NO_CHUNK,
    HALF_THE_DATA,
    STRANGE_ERROR,
    ZERO_ERROR,
    NO_EXTENT,
    EMPTY_EXTENT,
    HUGE_EXTENT,
    OTHER_CONTEXT,
    TWO_REPLIES,
};

static struct {
    char *path;
    int listener;
    pthread_t thread;
    enum lie lie;
    int stop;        /* atomic */
    int connections; /* atomic */
} peer;

/* ---- the server ---------------------------------------------------------------------------- */

struct out {
    uint8_t bytes[8192];
    size_t n;
};

static void put(struct out *out, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        out->bytes[out->n++] = (uint8_t)(value >> (8 * bytes));
}

static bool push(int fd, struct out *out)
{
    bool good = send(fd, out->bytes, out->n, MSG_NOSIGNAL) == (ssize_t)out->n;

    out->n = 0;
    return good;
}

static bool stopping(void)
{
    return __atomic_load_n(&peer.stop, __ATOMIC_SEQ_CST);
}

/* All of it; looks up every 100 ms whether the test is over. */
static bool take(int fd, void *buf, size_t n)
{
    size_t got = 0;

    while (got < n && !stopping()) {
        ssize_t rc = recv(fd, (char *)buf + got, n - got, 0);

        if (rc == 0 || (rc < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        got += rc > 0 ? (size_t)rc : 0;
    }
    return got == n;
}

static uint64_t number(const uint8_t *bytes, unsigned n)
{
    uint64_t value = 0;

    while (n-- > 0)
        value = value << 8 | *bytes++;
    return value;
}

static void silence(int fd)
{
    char byte;

    while (take(fd, &byte, 1))
        ;
}

static void option_reply(struct out *out, uint32_t option, uint32_t type, uint32_t bytes)
{
    put(out, 0x0003e889045565a9, 8);
    put(out, option, 4);
    put(out, type, 4);
    put(out, bytes, 4);
}

static bool answer_go(int fd, struct out *out)
{
    uint64_t size = peer.lie == SIZE_NEGATIVE ? UINT64_MAX - 511 : EXPORT_BYTES;

    for (int i = 0; peer.lie == ENDLESS_INFO && i < 1000000 && !stopping(); i++) {
        option_reply(out, OPTION_GO, REPLY_INFO, 2);
        put(out, 0x1234, 2);
        if (!push(fd, out))
            return false;
    }
    if (peer.lie == SIZE_NOT_OF_BLOCKS) {
        option_reply(out, OPTION_GO, REPLY_INFO, 14);
        put(out, 3, 2);
        put(out, 4096, 4);
        put(out, 4096, 4);
        put(out, 65536, 4);
        size = 5000;
    }
    if (peer.lie != NO_SIZE) {
        option_reply(out, peer.lie == WRONG_OPTION ? 99 : OPTION_GO, REPLY_INFO, 12);
        put(out, 0, 2);
        put(out, size, 8);
        put(out, 1 | 4, 2); /* flags are there; flush */
    }
    option_reply(out, OPTION_GO, REPLY_ACK, 0);
    return push(fd, out);
}

static bool answer_option(int fd, uint32_t option)
{
    static const char rude[] = "no\n\x1b[31mred\x1b[0m\r%s";
    struct out out = { .n = 0 };

    if (peer.lie == HUGE_OPTION_REPLY) {
        option_reply(&out, option, REPLY_ACK, UINT32_MAX);
        return push(fd, &out);
    }
    if (peer.lie == ERROR_WITH_ESCAPES) {
        option_reply(&out, option, 0x80000000u + 6, sizeof(rude) - 1);
        for (size_t i = 0; i < sizeof(rude) - 1; i++)
            put(&out, (uint8_t)rude[i], 1);
        return push(fd, &out);
    }
    if (option == OPTION_SET_CONTEXT) {
        option_reply(&out, option, REPLY_CONTEXT, 4 + 15);
        put(&out, 77, 4);
        for (const char *c = "base:allocation"; *c; c++)
            put(&out, (uint8_t)*c, 1);
    }
    if (option == OPTION_GO)
        return answer_go(fd, &out);
    option_reply(&out, option,
                 option == OPTION_STRUCTURED || option == OPTION_SET_CONTEXT ? REPLY_ACK
                                                                             : REPLY_UNSUPPORTED, 0);
    return push(fd, &out);
}

static void chunk(struct out *out, bool last, uint16_t type, const uint8_t *cookie, uint32_t bytes)
{
    put(out, 0x668e33ef, 4);
    put(out, last, 2);
    put(out, type, 2);
    put(out, number(cookie, 8), 8);
    put(out, bytes, 4);
}

static void data_chunk(struct out *out, bool last, const uint8_t *cookie, uint64_t off, uint32_t n)
{
    chunk(out, last, 1, cookie, 8 + n);
    put(out, off, 8);
    for (uint32_t i = 0; i < n; i++)
        put(out, 0xd7, 1);
}

static void extents(struct out *out, const uint8_t *cookie, uint32_t context, int count, uint32_t run)
{
    chunk(out, true, 5, cookie, 4 + 8 * (uint32_t)count);
    put(out, context, 4);
    for (int i = 0; i < count; i++) {
        put(out, run, 4);
        put(out, 3, 4);
    }
}

/* The lie itself, in answer to a command of 512 bytes at most. */
static bool answer(int fd, const uint8_t *request)
{
    uint16_t type = (uint16_t)number(request + 6, 2);
    const uint8_t *cookie = request + 8;
    uint64_t off = number(request + 16, 8);
    uint32_t n = (uint32_t)number(request + 24, 4);
    struct out out = { .n = 0 };
    bool on = true;

    switch (peer.lie) {
    case WRONG_REPLY_MAGIC:
        put(&out, 0x12345678, 4);
        put(&out, 0, 8);
        put(&out, 0, 8);
        break;
    case WRONG_COOKIE:
        chunk(&out, true, 0, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff", 0);
        break;
    case HALF_HEADER_THEN_SILENCE:
    case HALF_HEADER_THEN_CLOSES:
        put(&out, 0x668e33ef0001, 6);
        on = push(fd, &out);
        if (peer.lie == HALF_HEADER_THEN_SILENCE)
            silence(fd);
        return false;
    case HUGE_CHUNK:
        chunk(&out, true, 1, cookie, UINT32_MAX);
        put(&out, off, 8);
        break;
    case CHUNK_OUTSIDE:
        data_chunk(&out, true, cookie, off + n, n);
        break;
    case CHUNK_OVERFLOWS:
        data_chunk(&out, true, cookie, off + n / 2, n);
        break;
    case HOLE_OUTSIDE:
        chunk(&out, true, 2, cookie, 12);
        put(&out, off, 8);
        put(&out, UINT32_MAX, 4);
        break;
    case NO_CHUNK:
        chunk(&out, true, 0, cookie, 0);
        break;
    case HALF_THE_DATA:
        data_chunk(&out, true, cookie, off, n / 2);
        break;
    case STRANGE_ERROR:
    case ZERO_ERROR:
        chunk(&out, true, 0x8001, cookie, 6);
        put(&out, peer.lie == ZERO_ERROR ? 0 : 107 /* ENOTCONN here */, 4);
        put(&out, 0, 2);
        break;
    case NO_EXTENT:
        extents(&out, cookie, 77, 0, 0);
        break;
    case EMPTY_EXTENT:
        extents(&out, cookie, 77, 1, 0);
        break;
    case HUGE_EXTENT:
        extents(&out, cookie, 77, 1, UINT32_MAX);
        break;
    case OTHER_CONTEXT:
        extents(&out, cookie, 78, 1, 512);
        break;
    default:
        if (type == COMMAND_READ)
            data_chunk(&out, true, cookie, off, n);
        else if (type == COMMAND_STATUS)
            extents(&out, cookie, 77, 1, n);
        else
            chunk(&out, true, 0, cookie, 0);
        if (peer.lie == TWO_REPLIES)
            data_chunk(&out, true, cookie, off, n);
    }
    return push(fd, &out) && on;
}

static bool negotiate(int fd)
{
    struct out out = { .n = 0 };
    uint8_t head[16], data[4096];
    uint32_t option = 0;

    for (int i = 0; peer.lie == GARBAGE && i < 4000; i++)
        put(&out, (uint64_t)i * 41 + 7, 1);
    if (peer.lie == CLOSES_AT_ONCE || peer.lie == GARBAGE)
        return push(fd, &out) && false;
    put(&out, peer.lie == WRONG_MAGIC ? 0x4e42444d41474944 : 0x4e42444d41474943, 8);
    if (peer.lie == HALF_MAGIC_THEN_SILENCE)
        out.n = 5;
    for (size_t i = 0; peer.lie == ONE_BYTE_A_SECOND && i < out.n && !stopping(); i++) {
        if (send(fd, out.bytes + i, 1, MSG_NOSIGNAL) < 0)
            return false;
        g_usleep(1000000);
    }
    if (peer.lie == HALF_MAGIC_THEN_SILENCE)
        return push(fd, &out) && (silence(fd), false);
    put(&out, 0x49484156454f5054, 8);
    put(&out, 3, 2);
    if (!push(fd, &out) || !take(fd, head, 4))
        return false;
    while (option != OPTION_GO) {
        uint32_t bytes;

        if (!take(fd, head, 16))
            return false;
        option = (uint32_t)number(head + 8, 4);
        bytes = (uint32_t)number(head + 12, 4);
        if (bytes > sizeof(data) || !take(fd, data, bytes) || !answer_option(fd, option))
            return false;
    }
    return true;
}

static void *serve(void *unused)
{
    struct timeval short_time = { .tv_usec = 100000 };

    while (!stopping()) {
        int fd = accept4(peer.listener, NULL, NULL, SOCK_CLOEXEC);
        uint8_t request[28];

        if (fd < 0)
            continue;
        __atomic_add_fetch(&peer.connections, 1, __ATOMIC_SEQ_CST);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time));
        if (negotiate(fd)) {
            while (take(fd, request, sizeof(request)) && number(request + 6, 2) != 2 &&
                   answer(fd, request))
                ;
        }
        close(fd);
    }
    return unused;
}

static void start(enum lie lie)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct timeval short_time = { .tv_usec = 100000 };

    unlink(peer.path);
    g_strlcpy(un.sun_path, peer.path, sizeof(un.sun_path));
    peer.lie = lie;
    peer.stop = 0;
    peer.connections = 0;
    peer.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(peer.listener, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time));
    assert_int_equal(bind(peer.listener, (void *)&un, sizeof(un)), 0);
    assert_int_equal(listen(peer.listener, 4), 0);
    assert_int_equal(pthread_create(&peer.thread, NULL, serve, NULL), 0);
}

static void stop(void)
{
    __atomic_store_n(&peer.stop, 1, __ATOMIC_SEQ_CST);
    pthread_join(peer.thread, NULL);
    close(peer.listener);
}

/* ---- the tests ----------------------------------------------------------------------------- */

/* The server is right: then these tests are about its lies. */
static void test_honest(void **state)
{
    enum image_status status;
    struct image *img;
    uint8_t buf[512];
    uint64_t run;

    (void)state;
    start(HONEST);
    img = open_unix(peer.path, "read-only=off");
    assert_int_equal(img->bytes, EXPORT_BYTES);
    assert_int_equal(image_read(img, 512, buf, 512), 0);
    assert_int_equal(buf[0], 0xd7);
    assert_int_equal(buf[511], 0xd7);
    assert_int_equal(image_status(img, 0, 4096, &status, &run), 0);
    assert_int_equal(status, IMAGE_ZERO);
    assert_int_equal(run, 4096);
    image_unref(img);
    stop();
}

static void test_negotiation(void **state)
{
    static const enum lie lies[] = {
        CLOSES_AT_ONCE, GARBAGE, WRONG_MAGIC, HALF_MAGIC_THEN_SILENCE, ONE_BYTE_A_SECOND,
        HUGE_OPTION_REPLY, ERROR_WITH_ESCAPES, SIZE_NEGATIVE, NO_SIZE, WRONG_OPTION, ENDLESS_INFO,
        SIZE_NOT_OF_BLOCKS,
    };
    g_autofree char *text = g_strdup_printf("server.type=unix,server.path=%s,open-timeout=1", peer.path);
    unsigned fds = open_fds(), threads = entries("/proc/self/task");

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(lies); i++) {
        GError *error = NULL;
        int64_t begin = ms_now();
        struct image *img;

        start(lies[i]);
        img = try_open(text, &error);
        if (img)
            fail_msg("lie %d was believed", lies[i]);
        assert_true(ms_now() - begin < 2500);
        assert_non_null(strstr(error->message, peer.path));
        for (const char *c = error->message; *c; c++)
            assert_in_range(*c, 32, 126);
        print_message("%s\n", error->message);
        g_error_free(error);
        stop();
        wait_threads(threads);
        assert_int_equal(open_fds(), fds);
    }
}

struct reader {
    struct image *img;
    bool status;
    int err; /* atomic */
    uint64_t run;
    uint8_t buf[512];
};

static void *read_one(void *opaque)
{
    struct reader *r = opaque;
    enum image_status status;
    int err;

    memset(r->buf, 0x5c, sizeof(r->buf));
    if (r->status)
        err = image_status(r->img, 512, 512, &status, &r->run);
    else
        err = image_read(r->img, 512, r->buf, 512);
    __atomic_store_n(&r->err, err, __ATOMIC_SEQ_CST);
    return NULL;
}

static void lie_to_reader(enum lie lie, const char *options, int64_t most_ms)
{
    struct reader r = { .status = lie >= NO_EXTENT && lie <= OTHER_CONTEXT };
    int64_t begin;

    start(lie);
    r.img = open_unix(peer.path, options);
    begin = ms_now();
    read_one(&r);
    if (!r.status && !r.err)
        fail_msg("lie %d was believed: %02x %02x", lie, r.buf[0], r.buf[511]);
    if (r.status && !r.err)
        assert_in_range(r.run, 1, 512);
    if (ms_now() - begin > most_ms)
        fail_msg("lie %d: %lld ms", lie, (long long)(ms_now() - begin));
    image_unref(r.img);
    stop();
}

static const enum lie answers[] = {
    WRONG_REPLY_MAGIC, WRONG_COOKIE, HALF_HEADER_THEN_CLOSES, HUGE_CHUNK, CHUNK_OUTSIDE,
    CHUNK_OVERFLOWS, HOLE_OUTSIDE, NO_CHUNK, HALF_THE_DATA, STRANGE_ERROR, ZERO_ERROR,
    NO_EXTENT, EMPTY_EXTENT, HUGE_EXTENT, OTHER_CONTEXT,
};

static void test_answers(void **state)
{
    unsigned fds = open_fds(), threads = entries("/proc/self/task");

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        lie_to_reader(answers[i], "", 500);
    wait_threads(threads);
    assert_int_equal(open_fds(), fds);
}

/* It lies on each connection anew: a request is not sent for ever. */
static void test_answers_with_reconnect(void **state)
{
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        lie_to_reader(answers[i], "reconnect-delay=1", 2500);
        assert_true(peer.connections < 30);
    }
}

/* The first reply is good; the second is for nobody. */
static void test_two_replies(void **state)
{
    struct image *img;
    uint8_t buf[512];

    (void)state;
    start(TWO_REPLIES);
    img = open_unix(peer.path, "reconnect-delay=1");
    assert_int_equal(image_read(img, 0, buf, 512), 0);
    g_usleep(100000);
    image_read(img, 0, buf, 512);
    image_unref(img);
    stop();
}

static void test_silence(void **state)
{
    unsigned threads = entries("/proc/self/task");
    struct reader r = { .status = false };
    pthread_t thread;

    (void)state;
    start(HALF_HEADER_THEN_SILENCE);
    r.img = open_unix(peer.path, "");
    r.err = -1;
    pthread_create(&thread, NULL, read_one, &r);
    g_usleep(500000);
    assert_int_equal(__atomic_load_n(&r.err, __ATOMIC_SEQ_CST), -1); /* it waits, as a disk does; closing is test_nbd_lost's */
    stop();
    pthread_join(thread, NULL);
    assert_int_equal(r.err, EIO);
    image_unref(r.img);
    wait_threads(threads);
}

static int set_up(void **state)
{
    if (make_dir(state))
        return -1;
    peer.path = in_dir("s");
    return 0;
}

static int tear_down(void **state)
{
    g_free(peer.path);
    return remove_dir(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest),
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answers_with_reconnect),
        cmocka_unit_test(test_two_replies),
        cmocka_unit_test(test_silence),
    };

    alarm(300);
    return cmocka_run_group_tests_name("nbd_hostile", tests, set_up, tear_down);
}

#else

int main(void)
{
    puts("built without libnbd");
    return 77;
}

#endif
