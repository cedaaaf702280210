/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character back ends on real sockets, pseudo terminals, files and a main loop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "chardev/telnet.h"
#include "hw/serial/serial_isa.h"
#include "ioreq/iolock.h"

static char *dir;
static GString *logged;
static unsigned log_lines;

static void log_line(const char *line)
{
    g_string_append_printf(logged, "%s\n", line);
    log_lines++;
}

/* ---- helpers ---- */

struct front {
    struct iolock *lock;
    size_t room; /* what can_receive() says */
    GString *got;
    unsigned opened, closed, breaks, writables;
    bool unlocked; /* ever called without the lock */
};

static void check_lock(struct front *f)
{
    if (f->lock && !iolock_held(f->lock))
        f->unlocked = true;
}

static size_t can_receive(void *opaque)
{
    struct front *f = opaque;

    check_lock(f);
    return f->room;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct front *f = opaque;

    check_lock(f);
    assert_true(len <= f->room);
    f->room -= len;
    g_string_append_len(f->got, (const char *)buf, (gssize)len);
}

static void event(void *opaque, enum chardev_event what)
{
    struct front *f = opaque;

    check_lock(f);
    f->opened += what == CHARDEV_OPENED;
    f->closed += what == CHARDEV_CLOSED;
    f->breaks += what == CHARDEV_BREAK;
}

static void writable(void *opaque)
{
    check_lock(opaque);
    ((struct front *)opaque)->writables++;
}

static const struct chardev_fe_ops front_ops = {can_receive, receive, event, writable};

static struct front *front_new(struct chardev *chr)
{
    struct front *f = g_new0(struct front, 1);

    f->lock = iolock_new();
    f->room = 1 << 20;
    f->got = g_string_new(NULL);
    chardev_attach(chr, &front_ops, f, f->lock);
    return f;
}

static void front_free(struct front *f)
{
    assert_false(f->unlocked);
    iolock_free(f->lock);
    g_string_free(f->got, TRUE);
    g_free(f);
}

static void done(struct chardev *chr, struct front *f)
{
    chardev_attach(chr, NULL, NULL, NULL);
    chardev_free(chr);
    front_free(f);
}

/* Runs the main loop until the condition holds; 5 s are a failure. */
#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        gint64 end_ = g_get_monotonic_time() + 5000000;                                            \
        while (!(condition)) {                                                                     \
            assert_true(g_get_monotonic_time() < end_);                                            \
            if (!g_main_context_iteration(NULL, FALSE))                                            \
                g_usleep(500);                                                                     \
        }                                                                                          \
    } while (0)

static void run_ms(unsigned ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;

    while (g_get_monotonic_time() < end) {
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(500);
    }
}

static struct chardev *try_open(const char *backend, GError **error, const char *key, ...)
{
    g_autoptr(GHashTable) opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    va_list args;

    va_start(args, key);
    for (; key; key = va_arg(args, const char *))
        g_hash_table_replace(opts, g_strdup(key), g_strdup(va_arg(args, const char *)));
    va_end(args);
    return chardev_open(backend, "serial0", opts, error);
}

#define OPEN(backend, ...) try_open(backend, &error, ##__VA_ARGS__, NULL)

static struct chardev *opened(struct chardev *chr, GError *error)
{
    if (error)
        print_message("%s\n", error->message);
    assert_non_null(chr);
    return chr;
}

#define OPENED(backend, ...)                                                                       \
    ({                                                                                             \
        GError *error = NULL;                                                                      \
        struct chardev *chr_ = OPEN(backend, ##__VA_ARGS__);                                       \
        opened(chr_, error);                                                                       \
    })

#define EXPECT_ERROR(text, backend, ...)                                                           \
    do {                                                                                           \
        GError *error = NULL;                                                                      \
        assert_null(OPEN(backend, ##__VA_ARGS__));                                                 \
        assert_non_null(error);                                                                    \
        if (!strstr(error->message, text))                                                         \
            fail_msg("\"%s\" is not in \"%s\"", text, error->message);                             \
        assert_true(g_str_has_prefix(error->message, "chardev serial0: "));                        \
        assert_null(strchr(error->message, '\n'));                                                 \
        g_error_free(error);                                                                       \
    } while (0)

static char *in_dir(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static void put(struct chardev *chr, const char *text)
{
    assert_int_equal(chardev_write(chr, text, strlen(text)), strlen(text));
}

static int unix_connect(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(a.sun_path, path);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* What has arrived at fd, appended. False at the end of the stream. */
static bool drain(int fd, GString *to, size_t max)
{
    char buf[4096];
    ssize_t n = read(fd, buf, MIN(max, sizeof(buf)));

    if (n > 0)
        g_string_append_len(to, buf, n);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void expect_arrives(int fd, const char *text)
{
    g_autoptr(GString) got = g_string_new(NULL);

    WAIT_FOR(!drain(fd, got, 4096) || got->len >= strlen(text));
    assert_string_equal(got->str, text);
}

static char *pattern(size_t len)
{
    char *p = g_malloc(len);

    for (size_t i = 0; i < len; i++)
        p[i] = (char)(i * 7 + i / 251);
    return p;
}

/* ---- the core, on the memory back end ---- */

static void test_null(void **state)
{
    struct chardev *chr = OPENED("null");
    struct front *f = front_new(chr);

    (void)state;
    assert_true(chardev_connected(chr));
    assert_string_equal(chardev_filename(chr), "null");
    assert_string_equal(chardev_label(chr), "serial0");
    for (int i = 0; i < 100000; i++)
        put(chr, "0123456789");
    WAIT_FOR(f->opened == 1);
    done(chr, f);
}

static void test_bounded_output(void **state)
{
    struct chardev *chr = OPENED("memory");
    struct front *f = front_new(chr);
    g_autofree char *data = pattern(200000);
    char *back = g_malloc0(200000);
    size_t taken, got = 0;

    (void)state;
    chardev_memory_set_room(chr, 1000);
    taken = chardev_write(chr, data, 200000);
    assert_int_equal(taken, 1000 + 65536); /* the peer's room, and ours */
    assert_int_equal(chardev_write(chr, data, 1), 0);
    run_ms(5);
    assert_int_equal(f->writables, 0);
    got += chardev_memory_take(chr, back, 200000);
    run_ms(5);
    assert_int_equal(f->writables, 0); /* not for each byte of room */
    chardev_memory_set_room(chr, 1 << 20);
    WAIT_FOR(f->writables == 1);
    taken += chardev_write(chr, data + taken, 200000 - taken);
    assert_int_equal(taken, 200000);
    WAIT_FOR(chardev_queued(chr) == 0);
    while (got < 200000)
        got += chardev_memory_take(chr, back + got, 200000 - got);
    assert_memory_equal(data, back, 200000);
    assert_int_equal(chardev_dropped(chr), 0);
    run_ms(5);
    assert_int_equal(f->writables, 1);
    g_free(back);
    done(chr, f);
}

static void test_absent_peer(void **state)
{
    struct chardev *chr = OPENED("memory");
    struct front *f = front_new(chr);
    char buf[10];

    (void)state;
    WAIT_FOR(f->opened == 1);
    chardev_memory_set_room(chr, 0);
    for (int i = 0; i < 70000; i++)
        chardev_write(chr, "x", 1);
    chardev_memory_connect(chr, false); /* what waited is dropped, and who waited is told */
    WAIT_FOR(f->closed == 1 && f->writables == 1);
    assert_int_equal(chardev_dropped(chr), 65536);
    for (int i = 0; i < 1000; i++)
        put(chr, "0123456789");
    assert_int_equal(chardev_dropped(chr), 65536 + 10000);
    assert_int_equal(chardev_queued(chr), 0);
    chardev_memory_connect(chr, true);
    chardev_memory_set_room(chr, 1000);
    WAIT_FOR(f->opened == 2);
    put(chr, "new");
    WAIT_FOR(chardev_queued(chr) == 0);
    assert_int_equal(chardev_memory_take(chr, buf, 10), 3);
    assert_memory_equal(buf, "new", 3);
    done(chr, f);
}

static void test_input_flow(void **state)
{
    struct chardev *chr = OPENED("memory");
    struct front *f = front_new(chr);
    g_autofree char *data = pattern(10000);
    size_t fed = 0;

    (void)state;
    f->room = 0;
    fed += chardev_memory_feed(chr, data, 10000);
    assert_int_equal(fed, 4096); /* bounded */
    run_ms(5);
    assert_int_equal(f->got->len, 0);
    while (f->got->len < 10000) {
        size_t before = f->got->len;

        iolock_enter(f->lock);
        f->room = 16;
        chardev_accept_input(chr);
        iolock_leave(f->lock);
        WAIT_FOR(f->got->len > before);
        assert_true(f->got->len - before <= 16);
        fed += chardev_memory_feed(chr, data + fed, 10000 - fed);
    }
    assert_memory_equal(f->got->str, data, 10000);
    done(chr, f);
}

static void test_old_input_is_not_for_a_new_peer(void **state)
{
    struct chardev *chr = OPENED("memory");
    struct front *f = front_new(chr);

    (void)state;
    WAIT_FOR(f->opened == 1);
    f->room = 0;
    chardev_memory_feed(chr, "old", 3);
    chardev_memory_connect(chr, false);
    chardev_memory_connect(chr, true);
    f->room = 100;
    chardev_memory_feed(chr, "new", 3);
    WAIT_FOR(f->got->len == 3);
    assert_string_equal(f->got->str, "new");
    done(chr, f);
}

struct writer {
    struct chardev *chr;
    const char *data;
    size_t len;
    bool ended;
};

static void *write_all(void *opaque)
{
    struct writer *w = opaque;

    for (size_t i = 0; i < w->len;) {
        size_t n = chardev_write(w->chr, w->data + i, MIN(3, w->len - i));

        i += n;
        if (!n)
            g_usleep(100);
    }
    __atomic_store_n(&w->ended, true, __ATOMIC_RELEASE);
    return NULL;
}

/* A vCPU's writes reach the peer in order, without the main loop being asked for each. */
static void test_writes_from_a_thread(void **state)
{
    struct chardev *chr = OPENED("memory");
    struct front *f = front_new(chr);
    g_autofree char *data = pattern(1000000), *back = g_malloc(1000000);
    struct writer w = {chr, data, 1000000, false};
    pthread_t thread;
    size_t got = 0;

    (void)state;
    chardev_memory_set_room(chr, 5000);
    pthread_create(&thread, NULL, write_all, &w);
    WAIT_FOR((got += chardev_memory_take(chr, back + got, 1000000 - got)) == 1000000);
    pthread_join(thread, NULL);
    assert_memory_equal(data, back, 1000000);
    done(chr, f);
}

/* ---- file ---- */

static void expect_content(const char *path, const char *text)
{
    g_autofree char *content = NULL;

    assert_true(g_file_get_contents(path, &content, NULL, NULL));
    assert_string_equal(content, text);
}

static void test_file(void **state)
{
    g_autofree char *path = in_dir("log");
    struct chardev *chr;

    (void)state;
    g_file_set_contents(path, "old", 3, NULL);
    chr = OPENED("file", "path", path);
    put(chr, "hello");
    expect_content(path, "hello");
    chardev_free(chr);
    chr = OPENED("file", "path", path, "append", "on");
    put(chr, "+more");
    chardev_free(chr);
    expect_content(path, "hello+more");
    EXPECT_ERROR("Is a directory", "file", "path", dir);
    EXPECT_ERROR("path= is missing", "file");
    EXPECT_ERROR("limit=x must be a size", "file", "path", path, "limit", "x");
}

/* What a vCPU wrote just before the end is not lost. */
static void test_file_flushed_at_the_end(void **state)
{
    g_autofree char *path = in_dir("end");
    struct chardev *chr = OPENED("file", "path", path);
    struct writer w = {chr, "last words", 10, false};
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, write_all, &w);
    pthread_join(thread, NULL);
    chardev_free(chr);
    expect_content(path, "last words");
}

/* U-06: a flood stays within the limit, with one line of log. */
static void test_file_limit(void **state)
{
    g_autofree char *path = in_dir("flood");
    struct chardev *chr = OPENED("file", "path", path, "limit", "1M");
    g_autofree char *block = pattern(65536);
    struct stat st;

    (void)state;
    log_lines = 0;
    for (int i = 0; i < 1600; i++) /* 100 MiB */
        assert_int_equal(chardev_write(chr, block, 65536), 65536);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    assert_int_equal(log_lines, 1);
    assert_int_equal(chardev_dropped(chr), (99 << 20));
    chardev_free(chr);
}

static void test_file_full_disk(void **state)
{
    struct chardev *chr = OPENED("file", "path", "/dev/full");

    (void)state;
    log_lines = 0;
    g_string_truncate(logged, 0);
    for (int i = 0; i < 100; i++)
        put(chr, "abc");
    assert_int_equal(log_lines, 1);
    assert_non_null(strstr(logged->str, "chardev serial0: writing /dev/full: No space left"));
    assert_int_equal(chardev_dropped(chr), 300);
    chardev_free(chr);
}

/* X-07: main ignores SIGXFSZ; then the limit is an error as any. */
static void test_file_size_limit(void **state)
{
    g_autofree char *path = in_dir("rlimit");
    struct chardev *chr = OPENED("file", "path", path);
    struct rlimit old, small;
    struct stat st;

    (void)state;
    log_lines = 0;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 1000;
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 300; i++)
        put(chr, "0123456789");
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1000);
    assert_int_equal(chardev_dropped(chr), 2000);
    assert_int_equal(log_lines, 1);
    chardev_free(chr);
}

/* ---- pty ---- */

static void test_pty(void **state)
{
    struct chardev *chr = OPENED("pty");
    struct front *f = front_new(chr);
    const char *name = chardev_filename(chr);
    struct termios modes;
    int fd;

    (void)state;
    assert_true(g_str_has_prefix(name, "pty:/dev/pts/"));
    put(chr, "nobody there");
    run_ms(300);
    assert_false(chardev_connected(chr));
    assert_int_equal(f->opened, 0);
    fd = open(name + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(fd >= 0);
    tcgetattr(fd, &modes);
    assert_int_equal(modes.c_lflag & (ECHO | ICANON), 0);
    WAIT_FOR(f->opened == 1);
    put(chr, "login: ");
    expect_arrives(fd, "login: ");
    assert_int_equal(write(fd, "root\x01x\xff", 7), 7);
    WAIT_FOR(f->got->len == 7);
    assert_memory_equal(f->got->str, "root\x01x\xff", 7);
    close(fd);
    WAIT_FOR(f->closed == 1);
    put(chr, "dropped");
    fd = open(name + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
    WAIT_FOR(f->opened == 2);
    put(chr, "again");
    expect_arrives(fd, "again");
    close(fd);
    done(chr, f);
}

/* U-05: connected and not reading; then it goes away. */
static void test_pty_stuck_reader(void **state)
{
    struct chardev *chr = OPENED("pty");
    struct front *f = front_new(chr);
    int fd = open(chardev_filename(chr) + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
    g_autofree char *data = pattern(1 << 20);
    clock_t cpu;

    (void)state;
    WAIT_FOR(f->opened == 1);
    assert_true(chardev_write(chr, data, 1 << 20) < 1 << 20);
    assert_int_equal(chardev_queued(chr), 65536);
    cpu = clock();
    run_ms(50);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 20); /* and nobody spins */
    close(fd);
    WAIT_FOR(f->closed == 1 && f->writables == 1);
    assert_int_equal(chardev_write(chr, data, 1 << 20), 1 << 20);
    done(chr, f);
}

/* ---- unix sockets ---- */

static void test_unix_server(void **state)
{
    g_autofree char *path = in_dir("sock"),
                    *idle = g_strdup_printf("disconnected:unix:%s,server=on", path);
    struct chardev *chr = OPENED("socket", "path", path, "server", "on", "wait", "off");
    struct front *f = front_new(chr);
    int a, b;

    (void)state;
    assert_string_equal(chardev_filename(chr), idle);
    put(chr, "dropped");
    a = unix_connect(path);
    WAIT_FOR(f->opened == 1);
    assert_string_equal(chardev_filename(chr), idle + strlen("disconnected:"));
    put(chr, "one");
    expect_arrives(a, "one");
    assert_int_equal(write(a, "in", 2), 2);
    WAIT_FOR(f->got->len == 2);
    /* A second one waits until the first has gone. */
    b = unix_connect(path);
    run_ms(20);
    assert_int_equal(f->opened, 1);
    put(chr, "two");
    expect_arrives(a, "two");
    close(a);
    WAIT_FOR(f->closed == 1 && f->opened == 2);
    put(chr, "three");
    expect_arrives(b, "three");
    close(b);
    WAIT_FOR(f->closed == 2);
    assert_string_equal(chardev_filename(chr), idle);
    done(chr, f);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* The bytes of a peer that wrote and left at once still arrive. */
static void test_unix_write_and_leave(void **state)
{
    g_autofree char *path = in_dir("leave");
    struct chardev *chr = OPENED("socket", "path", path, "server", "on", "wait", "off");
    struct front *f = front_new(chr);
    int fd = unix_connect(path);

    (void)state;
    f->room = 2;
    assert_int_equal(write(fd, "hello", 5), 5);
    close(fd);
    WAIT_FOR(f->opened == 1 && f->closed == 1);
    assert_string_equal(f->got->str, "he");
    f->room = 10;
    chardev_accept_input(chr);
    WAIT_FOR(f->got->len == 5);
    done(chr, f);
}

static void test_unix_names(void **state)
{
    g_autofree char *path = in_dir("name"), *text = g_strdup_printf(
        "cannot listen on %s: Address already in use", path);
    g_autofree char *gone = in_dir("gone/x"), *lost = in_dir("lost");
    struct chardev *chr = OPENED("socket", "path", path, "server", "on", "wait", "off");
    char longer[200];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd;

    (void)state;
    EXPECT_ERROR(text, "socket", "path", path, "server", "on", "wait", "off");
    fd = unix_connect(path); /* and the first one still listens */
    assert_true(fd >= 0);
    close(fd);
    chardev_free(chr);
    EXPECT_ERROR("No such file", "socket", "path", path);
    EXPECT_ERROR("cannot listen on", "socket", "path", gone, "server", "on", "wait", "off");
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    EXPECT_ERROR("longer than", "socket", "path", longer, "server", "on");
    /* A dead socket is replaced, a file is not. */
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(a.sun_path, lost);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    close(fd);
    chr = OPENED("socket", "path", lost, "server", "on", "wait", "off");
    chardev_free(chr);
    g_file_set_contents(lost, "data", 4, NULL);
    EXPECT_ERROR("Address already in use", "socket", "path", lost, "server", "on", "wait", "off");
    expect_content(lost, "data");
}

static void test_socket_options(void **state)
{
    (void)state;
    EXPECT_ERROR("needs one of", "socket", "server", "on");
    EXPECT_ERROR("needs one of", "socket", "path", "/x", "port", "1");
    EXPECT_ERROR("no option 'colour'", "socket", "path", "/x", "colour", "red");
    EXPECT_ERROR("must be on or off", "socket", "path", "/x", "server", "maybe");
    EXPECT_ERROR("must be a number", "socket", "fd", "three");
    EXPECT_ERROR("reconnect=", "socket", "path", "/x", "server", "on", "reconnect", "1");
    EXPECT_ERROR("no back end 'tape'; there are: null, stdio", "tape");
    EXPECT_ERROR("cannot find address", "socket", "host", "no.such.host.invalid", "port", "1");
}

/* U-05 on a socket, and a peer that dies with output queued: no SIGPIPE, no growth. */
static void test_socket_never_reads(void **state)
{
    g_autofree char *path = in_dir("stuck");
    struct chardev *chr = OPENED("socket", "path", path, "server", "on", "wait", "off");
    struct front *f = front_new(chr);
    int fd = unix_connect(path);
    g_autofree char *data = pattern(4 << 20);
    gint64 start;
    size_t n;

    (void)state;
    WAIT_FOR(f->opened == 1);
    start = g_get_monotonic_time();
    n = chardev_write(chr, data, 4 << 20);
    assert_true(n < 4 << 20);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(chardev_write(chr, data, 100), 0);
    assert_true(g_get_monotonic_time() - start < 1000000);
    assert_int_equal(chardev_queued(chr), 65536);
    run_ms(20);
    assert_int_equal(f->writables, 0);
    close(fd);
    WAIT_FOR(f->closed == 1 && f->writables == 1);
    for (int i = 0; i < 5000; i++)
        put(chr, "x");
    assert_int_equal(chardev_queued(chr), 0);
    done(chr, f);
}

/* ---- U-04: a UART, a guest that writes as fast as it can, a slow peer ---- */

struct guest {
    struct dev_env env;
    struct io_reader reader;
    const char *data;
    size_t len;
    bool ended;
};

static uint8_t guest_io(struct guest *g, uint16_t port, enum io_dir way, uint8_t value)
{
    struct ioreq req = {.addr = port, .data = &value, .count = 1, .size = 1, .space = IO_PORT,
                        .dir = way};

    iomap_dispatch(g->env.iomap, &g->reader, &req);
    return value;
}

static void *guest_main(void *opaque)
{
    struct guest *g = opaque;

    guest_io(g, 0x3f8 + 2, IO_WRITE, 1);
    for (size_t i = 0; i < g->len;) {
        if (!(guest_io(g, 0x3f8 + 5, IO_READ, 0) & 0x20)) {
            g_usleep(100);
            continue;
        }
        for (unsigned burst = 0; burst < 16 && i < g->len; burst++)
            guest_io(g, 0x3f8, IO_WRITE, (uint8_t)g->data[i++]);
    }
    __atomic_store_n(&g->ended, true, __ATOMIC_RELEASE);
    return NULL;
}

static void slow_peer(size_t len, int sndbuf, size_t step_bytes)
{
    int pair[2];
    g_autofree char *data = pattern(len), *fd = NULL;
    g_autoptr(GString) got = g_string_new(NULL);
    struct guest g = {.data = data, .len = len};
    struct isa_serial_config cfg = {.iobase = 0x3f8};
    struct device *dev;
    pthread_t thread;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    fd = g_strdup_printf("%d", pair[0]);
    cfg.chr = OPENED("socket", "fd", fd);
    g.env.iomap = iomap_new();
    g.env.clock = vclock_new_stepped();
    iomap_reader_add(g.env.iomap, &g.reader);
    dev = isa_serial_new(&g.env, "serial0", &cfg, NULL, 0);
    pthread_create(&thread, NULL, guest_main, &g);
    WAIT_FOR((drain(pair[1], got, step_bytes), got->len == len));
    pthread_join(thread, NULL);
    assert_memory_equal(got->str, data, len);
    assert_int_equal(dev->guest_errors, 0);
    assert_int_equal(chardev_dropped(cfg.chr), 0);
    device_free(dev);
    chardev_free(cfg.chr);
    close(pair[1]);
    iomap_reader_remove(g.env.iomap, &g.reader);
    iomap_free(g.env.iomap);
    vclock_free(g.env.clock);
}

static void test_slow_peer(void **state)
{
    (void)state;
    slow_peer(10240, 2048, 64);     /* the ring takes it all, the peer takes its time */
    slow_peer(200000, 4096, 4096); /* the guest has to wait for the peer */
}

/* ---- TCP, telnet, descriptors, clients ---- */

static unsigned port_of(struct chardev *chr)
{
    const char *name = chardev_filename(chr), *at = strstr(name, "127.0.0.1:");

    assert_non_null(at);
    return (unsigned)strtoul(at + strlen("127.0.0.1:"), NULL, 10);
}

static int tcp_connect(unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void test_tcp_server_and_client(void **state)
{
    struct chardev *server = OPENED("socket", "host", "127.0.0.1", "port", "0", "server", "on",
                                    "wait", "off", "nodelay", "on");
    g_autofree char *port = g_strdup_printf("%u", port_of(server));
    struct front *f = front_new(server), *g;
    struct chardev *client;

    (void)state;
    assert_true(g_str_has_prefix(chardev_filename(server), "disconnected:tcp:127.0.0.1:"));
    client = OPENED("socket", "host", "localhost", "port", port, "ipv4", "on");
    g = front_new(client);
    WAIT_FOR(f->opened && g->opened);
    assert_non_null(strstr(chardev_filename(server), ",server=on <-> 127.0.0.1:"));
    put(client, "to server\xff");
    put(server, "to client");
    WAIT_FOR(f->got->len == 10 && g->got->len == 9);
    done(server, f);
    WAIT_FOR(g->closed == 1);
    assert_false(chardev_connected(client));
    put(client, "dropped");
    done(client, g);
    EXPECT_ERROR("Connection refused", "socket", "host", "127.0.0.1", "port", port);
}

static void test_telnet(void **state)
{
    struct chardev *chr = OPENED("socket", "host", "127.0.0.1", "port", "0", "server", "on", "wait",
                                 "off", "telnet", "on");
    struct front *f = front_new(chr);
    g_autoptr(GString) got = g_string_new(NULL);
    int fd = tcp_connect(port_of(chr));
    static const char typed[] = "a\xff\xfd\x01"
                                "b\xff\xff"
                                "c\xff\xf3"
                                "d\xff\xfa\x18\x00vt\xff\xf0"
                                "e\r\0f\r\n";

    (void)state;
    WAIT_FOR(drain(fd, got, 100) && got->len >= 12);
    assert_memory_equal(got->str, telnet_greeting, 12);
    put(chr, "x\xff\xff");
    g_string_truncate(got, 0);
    WAIT_FOR(drain(fd, got, 100) && got->len >= 5);
    assert_string_equal(got->str, "x\xff\xff\xff\xff");
    for (size_t i = 0; i < sizeof(typed) - 1; i++) { /* every possible cut */
        assert_int_equal(write(fd, typed + i, 1), 1);
        run_ms(2);
    }
    WAIT_FOR(f->got->len >= 10);
    assert_memory_equal(f->got->str, "ab\xff" "cde\rf\r\n", 10);
    assert_int_equal(f->got->len, 10);
    assert_int_equal(f->breaks, 1);
    close(fd);
    done(chr, f);
}

/* Every state with every byte: inside the table, and output never longer than input. */
static void test_telnet_walk(void **state)
{
    (void)state;
    for (unsigned s = 0; s < TELNET_STATES; s++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            enum telnet_state st = (enum telnet_state)s;
            uint8_t buf[1] = {(uint8_t)byte};
            unsigned breaks = 0;
            size_t n = telnet_filter(&st, buf, 1, &breaks);

            assert_in_range(st, 0, TELNET_STATES - 1);
            assert_in_range(n, 0, 1);
            assert_int_equal(breaks, s == TELNET_COMMAND && byte == 243);
            if (s == TELNET_OPTION)
                assert_true(n == 0 && st == TELNET_DATA);
            if (s == TELNET_SUB)
                assert_true(n == 0 && st == (byte == 255 ? TELNET_SUB_ESCAPE : TELNET_SUB));
        }
    }
}

static void test_reconnect(void **state)
{
    g_autofree char *path = in_dir("reconnect");
    struct chardev *client = OPENED("socket", "path", path, "reconnect", "1"), *server;
    struct front *f = front_new(client);

    (void)state;
    assert_true(g_str_has_prefix(chardev_filename(client), "disconnected:unix:"));
    put(client, "dropped");
    server = OPENED("socket", "path", path, "server", "on", "wait", "off");
    WAIT_FOR(f->opened == 1);
    chardev_free(server);
    WAIT_FOR(f->closed == 1);
    server = OPENED("socket", "path", path, "server", "on", "wait", "off");
    WAIT_FOR(f->opened == 2);
    chardev_free(server);
    done(client, f);
}

static void test_passed_listener(void **state)
{
    g_autofree char *path = in_dir("passed"), *word = NULL;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;
    struct chardev *chr;
    struct front *f;

    (void)state;
    strcpy(a.sun_path, path);
    bind(fd, (struct sockaddr *)&a, sizeof(a));
    listen(fd, 1);
    word = g_strdup_printf("%d", fd);
    EXPECT_ERROR("is a listening socket", "socket", "fd", word);
    EXPECT_ERROR("Bad file descriptor", "socket", "fd", "999", "server", "on");
    chr = OPENED("socket", "fd", word, "server", "on", "wait", "off");
    f = front_new(chr);
    assert_true(g_str_has_prefix(chardev_filename(chr), "disconnected:unix:/"));
    peer = unix_connect(path);
    WAIT_FOR(f->opened == 1);
    close(peer);
    done(chr, f);
    assert_int_equal(access(path, F_OK), 0); /* not ours to remove */
}

static void *connect_later(void *path)
{
    int fd;

    for (int i = 0; i < 500; i++) {
        g_usleep(2000);
        fd = unix_connect(path);
        if (fd >= 0)
            return GINT_TO_POINTER(fd);
    }
    return GINT_TO_POINTER(-1);
}

static void test_wait_for_client(void **state)
{
    g_autofree char *path = in_dir("wait");
    pthread_t thread;
    struct chardev *chr;
    void *fd;

    (void)state;
    log_lines = 0;
    pthread_create(&thread, NULL, connect_later, path);
    chr = OPENED("socket", "path", path, "server", "on");
    assert_true(chardev_connected(chr));
    assert_int_equal(log_lines, 1);
    pthread_join(thread, &fd);
    close(GPOINTER_TO_INT(fd));
    chardev_free(chr);
}

/* Hundreds of peers come and go: no descriptor is left. */
static void test_no_leak_of_descriptors(void **state)
{
    g_autofree char *path = in_dir("many");
    struct chardev *chr = OPENED("socket", "path", path, "server", "on", "wait", "off");
    struct front *f = front_new(chr);
    int first = dup(0), last;

    (void)state;
    close(first);
    for (unsigned i = 1; i <= 300; i++) {
        int fd = unix_connect(path);

        close(fd);
        put(chr, "x");
        WAIT_FOR(f->closed == i);
        assert_int_equal(f->opened, i);
    }
    last = dup(0);
    close(last);
    assert_int_equal(first, last);
    done(chr, f);
}

/* ---- mux ---- */

static unsigned quits;

static void count_quit(void *opaque)
{
    (void)opaque;
    quits++;
}

static void test_mux(void **state)
{
    struct chardev *backend = OPENED("memory"), *mux = chardev_mux_new(backend);
    struct chardev *serial = chardev_mux_add_front(mux, "serial0");
    struct chardev *mon = chardev_mux_add_front(mux, "monitor");
    struct front *s = front_new(serial), *m = front_new(mon);
    char buf[1000] = "";

    (void)state;
    assert_true(chardev_is_mux(mux));
    assert_false(chardev_is_mux(backend));
    assert_true(chardev_connected(serial));
    WAIT_FOR(s->opened == 1 && m->opened == 1);
    put(serial, "out1 ");
    put(mon, "out2");
    WAIT_FOR(chardev_queued(backend) == 0);
    chardev_memory_take(backend, buf, sizeof(buf));
    assert_string_equal(buf, "out1 out2");
    chardev_memory_feed(backend, "abc\x01\x01", 5);
    WAIT_FOR(s->got->len == 4);
    assert_string_equal(s->got->str, "abc\x01");
    chardev_memory_feed(backend, "\x01", 1);
    chardev_memory_feed(backend, "cinfo", 5);
    WAIT_FOR(m->got->len == 4);
    assert_string_equal(m->got->str, "info");
    assert_int_equal(s->got->len, 4);
    chardev_memory_feed(backend, "\x01" "c\x01" "bX", 5);
    WAIT_FOR(s->got->len == 5 && s->breaks == 1);
    assert_int_equal(m->breaks, 0);
    quits = 0;
    chardev_set_quit_hook(count_quit, NULL);
    chardev_memory_feed(backend, "\x01xx", 3);
    WAIT_FOR(quits == 1 && s->got->len == 6);
    chardev_memory_feed(backend, "\x01h", 2);
    WAIT_FOR(chardev_queued(backend) == 0);
    run_ms(5);
    memset(buf, 0, sizeof(buf));
    chardev_memory_take(backend, buf, sizeof(buf) - 1);
    assert_non_null(strstr(buf, "Ctrl-A x"));
    chardev_memory_connect(backend, false);
    WAIT_FOR(s->closed == 1 && m->closed == 1);
    assert_false(chardev_connected(serial));
    chardev_attach(serial, NULL, NULL, NULL);
    chardev_attach(mon, NULL, NULL, NULL);
    chardev_free(mux);
    front_free(s);
    front_free(m);
}

static void test_mux_flow(void **state)
{
    struct chardev *backend = OPENED("memory"), *mux = chardev_mux_new(backend);
    struct chardev *serial = chardev_mux_add_front(mux, "serial0");
    struct front *s = front_new(serial);
    g_autofree char *data = pattern(100000);

    (void)state;
    for (int i = 0; i < 100000; i++) {
        if (data[i] == 1)
            data[i] = 2;
    }
    /* A guest that reads nothing: bounded, and the escape still works until then. */
    s->room = 0;
    quits = 0;
    chardev_memory_feed(backend, data, 4000);
    chardev_memory_feed(backend, "\x01x", 2);
    WAIT_FOR(quits == 1);
    assert_int_equal(chardev_memory_feed(backend, data + 4000, 10000), 96 + 4000);
    s->room = 100000;
    chardev_accept_input(serial);
    WAIT_FOR(s->got->len == 8096);
    assert_memory_equal(s->got->str, data, 8096);
    /* Output that the back end does not take: told when it does. */
    chardev_memory_set_room(backend, 0);
    assert_int_equal(chardev_write(serial, data, 100000), 65536);
    run_ms(5);
    s->writables = 0;
    chardev_memory_set_room(backend, 1 << 20);
    WAIT_FOR(s->writables == 1);
    chardev_attach(serial, NULL, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_non_null(chardev_mux_add_front(mux, "more"));
    assert_null(chardev_mux_add_front(mux, "too many"));
    chardev_free(mux);
    front_free(s);
}

/* ---- stdio, in a child on a terminal of its own ---- */

static void exit_now(void *opaque)
{
    (void)opaque;
    exit(0);
}

static pid_t start_child(int slave, const char *signals, const char *backend)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    setsid();
    dup2(slave, 0);
    dup2(slave, 1);
    signal(SIGTERM, SIG_DFL);
    chardev_set_quit_hook(exit_now, NULL);
    {
        struct chardev *chr = try_open(backend, NULL, "signal", signals, NULL);
        struct chardev *end = chr && chardev_is_mux(chr) ? chardev_mux_add_front(chr, "s") : chr;
        struct front *f = end ? front_new(end) : NULL;
        size_t sent = 0;

        if (!end || try_open("stdio", NULL, NULL))
            _exit(9); /* the second one must be refused */
        chardev_write(end, "ready", 5);
        for (;;) {
            g_main_context_iteration(NULL, TRUE);
            sent += chardev_write(end, f->got->str + sent, f->got->len - sent); /* echo */
        }
    }
}

static void open_terminal(int *master, int *slave)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    grantpt(*master);
    unlockpt(*master);
    *slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
    assert_true(*slave >= 0);
}

static void stdio_case(const char *backend, const char *signals, bool kill_it)
{
    struct termios before, now;
    int master, slave, status;
    pid_t pid;

    open_terminal(&master, &slave);
    tcgetattr(slave, &before);
    pid = start_child(slave, signals, backend);
    expect_arrives(master, "ready");
    tcgetattr(slave, &now);
    assert_int_equal(now.c_lflag & (ECHO | ICANON), 0);
    assert_int_equal(!!(now.c_lflag & ISIG), !strcmp(signals, "on"));
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0); /* ours alone, not the shell's */
    if (!strcmp(signals, "off")) {
        assert_int_equal(write(master, "a\x03z\x01\x01", 5), 5);
        expect_arrives(master, "a\x03z\x01");
    }
    if (kill_it)
        kill(pid, SIGTERM);
    else
        assert_int_equal(write(master, "\x01x", 2), 2);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (kill_it)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    else
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 9);
    tcgetattr(slave, &now);
    assert_int_equal(now.c_lflag, before.c_lflag);
    assert_int_equal(now.c_iflag, before.c_iflag);
    close(master);
    close(slave);
}

static void test_stdio(void **state)
{
    (void)state;
    stdio_case("stdio", "off", false);
    stdio_case("stdio", "on", false);
    stdio_case("stdio", "on", true);
    stdio_case("mux-stdio", "off", false);
}

/* "</dev/null | reader that leaves": the end of input is told, the end of output is survived. */
static void test_stdio_pipe(void **state)
{
    int out[2], saved[2] = {dup(0), dup(1)}, null = open("/dev/null", O_RDONLY);
    struct chardev *chr;
    struct front *f;

    (void)state;
    assert_int_equal(pipe(out), 0);
    fflush(stdout);
    dup2(null, 0);
    dup2(out[1], 1);
    close(out[1]);
    chr = OPENED("stdio");
    dup2(saved[0], 0);
    dup2(saved[1], 1);
    f = front_new(chr);
    WAIT_FOR(f->closed == 1);
    assert_true(chardev_connected(chr)); /* output goes on */
    put(chr, "still\x01printing");
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    expect_arrives(out[0], "still\x01printing");
    close(out[0]);
    put(chr, "x");
    WAIT_FOR(!chardev_connected(chr));
    put(chr, "dropped");
    done(chr, f);
    close(saved[0]);
    close(saved[1]);
    close(null);
}

/* ---- legacy words ---- */

static char *options_text(GHashTable *opts)
{
    GList *keys = g_list_sort(g_hash_table_get_keys(opts), (GCompareFunc)strcmp);
    GString *s = g_string_new(NULL);

    for (GList *k = keys; k; k = k->next)
        g_string_append_printf(s, "%s=%s ", (char *)k->data,
                               (char *)g_hash_table_lookup(opts, k->data));
    g_list_free(keys);
    return g_string_free(s, FALSE);
}

static void test_legacy(void **state)
{
    static const struct {
        const char *word, *backend, *opts;
    } cases[] = {
        {"stdio", "stdio", ""},
        {"mon:stdio", "mux-stdio", ""},
        {"null", "null", ""},
        {"pty", "pty", ""},
        {"vc", "vc", ""},
        {"vc:800x600", "vc", "height=600 width=800 "},
        {"vc:80Cx24C", "vc", "cols=80 rows=24 "},
        {"file:/tmp/a,b", "file", "path=/tmp/a,b "},
        {"unix:/run/x", "socket", "path=/run/x "},
        {"unix:/run/x,server,nowait", "socket", "path=/run/x server=on wait=off "},
        {"unix:/run/x,server=on,wait=off", "socket", "path=/run/x server=on wait=off "},
        {"unix:/run/a,,b,server", "socket", "path=/run/a,b server=on "},
        {"tcp::4444,server", "socket", "port=4444 server=on "},
        {"tcp:host:4444", "socket", "host=host port=4444 "},
        {"tcp:[::1]:4444,nodelay,reconnect=5", "socket",
         "host=::1 nodelay=on port=4444 reconnect=5 "},
        {"telnet:localhost:23,server,nowait", "socket",
         "host=localhost port=23 server=on telnet=on wait=off "},
        {"mon:telnet::23,server", "mux-socket", "port=23 server=on telnet=on "},
        {"chardev:char0", "ref", "id=char0 "},
        {"pipe:/run/p", "pipe", "path=/run/p "},
        {"udp::4555", "udp", "port=4555 "},
        {"udp:host:4555@:4556", "udp", "host=host localport=4556 port=4555 "},
        {"udp:[::1]:1@[::1]:2", "udp", "host=::1 localaddr=::1 localport=2 port=1 "},
    };
    static const char *const bad[] = {
        "",      "none",  "stdi0",    "file:", "unix:",  "tcp:",
        "tcp:x", "tcp::", "chardev:", "mon:",  "vc:800", "tty:/dev/x", "pipe:", "udp:", "udp:x",
        "udp:x:1@", "udp:x:1@y", "udp::", "tcp:]:"};

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *backend = NULL, *text = NULL;
        g_autoptr(GHashTable) opts = NULL;

        assert_true(chardev_parse_legacy(cases[i].word, &backend, &opts, NULL));
        text = options_text(opts);
        assert_string_equal(backend, cases[i].backend);
        assert_string_equal(text, cases[i].opts);
        if (chardev_driver_find(backend)) { /* and the table knows these options */
            g_autofree char *fault = chardev_check_options(chardev_driver_find(backend), opts);

            assert_null(fault);
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        char *backend = NULL;
        GHashTable *opts = NULL;
        GError *error = NULL;

        assert_false(chardev_parse_legacy(bad[i], &backend, &opts, &error));
        assert_non_null(error);
        assert_null(strchr(error->message, '\n'));
        g_error_free(error);
    }
}

static struct chardev *open_console(const char *label, GHashTable *opts, GError **error)
{
    (void)opts;
    return chardev_open("memory", label, NULL, error);
}

static void test_vc_and_mux_names(void **state)
{
    struct chardev *chr = OPENED("vc");

    (void)state;
    assert_string_equal(chardev_filename(chr), "null");
    chardev_free(chr);
    chardev_register_vc(open_console);
    chr = OPENED("vc", "cols", "80", "rows", "24");
    assert_string_equal(chardev_filename(chr), "memory");
    chardev_free(chr);
    chardev_register_vc(NULL);
    chr = OPENED("mux-null");
    assert_true(chardev_is_mux(chr));
    chardev_free(chr);
    chr = OPENED("null", "mux", "on");
    assert_true(chardev_is_mux(chr));
    chardev_free(chr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_bounded_output),
        cmocka_unit_test(test_absent_peer),
        cmocka_unit_test(test_input_flow),
        cmocka_unit_test(test_old_input_is_not_for_a_new_peer),
        cmocka_unit_test(test_writes_from_a_thread),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_flushed_at_the_end),
        cmocka_unit_test(test_file_limit),
        cmocka_unit_test(test_file_full_disk),
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_pty),
        cmocka_unit_test(test_pty_stuck_reader),
        cmocka_unit_test(test_unix_server),
        cmocka_unit_test(test_unix_write_and_leave),
        cmocka_unit_test(test_unix_names),
        cmocka_unit_test(test_socket_options),
        cmocka_unit_test(test_socket_never_reads),
        cmocka_unit_test(test_slow_peer),
        cmocka_unit_test(test_tcp_server_and_client),
        cmocka_unit_test(test_telnet),
        cmocka_unit_test(test_telnet_walk),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_passed_listener),
        cmocka_unit_test(test_wait_for_client),
        cmocka_unit_test(test_no_leak_of_descriptors),
        cmocka_unit_test(test_mux),
        cmocka_unit_test(test_mux_flow),
        cmocka_unit_test(test_stdio),
        cmocka_unit_test(test_stdio_pipe),
        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_vc_and_mux_names),
    };
    g_autofree char *command = NULL;
    int rc;

    dir = g_dir_make_tmp("kvm-dm-chardev-XXXXXX", NULL);
    logged = g_string_new(NULL);
    chardev_set_log_hook(log_line);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    command = g_strdup_printf("rm -rf '%s'", dir);
    if (system(command))
        rc++;
    g_free(dir);
    g_string_free(logged, TRUE);
    return rc;
}
