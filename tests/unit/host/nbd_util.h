/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real NBD servers for a test, each a child process that can be killed and started again. */
#ifndef TESTS_NBD_UTIL_H
#define TESTS_NBD_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block/node.h"

#define MIB (1u << 20)

static char *dir; /* of the test; gone afterwards */

static inline char *in_dir(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static inline int64_t ms_now(void)
{
    return g_get_monotonic_time() / 1000;
}

static inline bool have(const char *program)
{
    g_autofree char *path = g_find_program_in_path(program);

    return path != NULL;
}

/* ---- servers ------------------------------------------------------------------------------- */

static inline void die_with_parent(gpointer unused)
{
    (void)unused;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline GPid spawn(char **argv)
{
    GError *error = NULL;
    GPid pid;

    if (!g_spawn_async(NULL, argv, NULL,
                       G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                           (g_getenv("NBD_SERVER_MESSAGES") ? 0 : G_SPAWN_STDERR_TO_DEV_NULL),
                       die_with_parent, NULL, &pid, &error))
        fail_msg("%s", error->message);
    return pid;
}

/* Words separated by blanks. */
static inline GPid spawn_line(const char *line)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", 0);

    return spawn(argv);
}

static inline void end_server(GPid pid, int sig)
{
    kill(pid, sig);
    waitpid(pid, NULL, 0);
    g_spawn_close_pid(pid);
}

static inline bool can_connect(const char *path, int port)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (path)
        g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    rc = path ? connect(fd, (void *)&un, sizeof(un)) : connect(fd, (void *)&in, sizeof(in));
    close(fd);
    return rc == 0;
}

static inline void wait_server(const char *path, int port)
{
    int64_t end = ms_now() + 10000;

    while (!can_connect(path, port)) {
        if (ms_now() > end)
            fail_msg("no server at %s:%d", path ? path : "", port);
        g_usleep(5000);
    }
}

/* nbdkit on the socket; `rest`: filters, plugin and its parameters. */
static inline GPid nbdkit(const char *sock, const char *options, const char *rest)
{
    g_autofree char *line = g_strdup_printf("nbdkit -f --exit-with-parent -t 16 -U %s%s%s %s", sock,
                                            *options ? " " : "", options, rest);
    GPid pid;

    unlink(sock);
    pid = spawn_line(line);
    wait_server(sock, 0);
    return pid;
}

static inline GPid qemu_nbd(const char *sock, const char *options, const char *file)
{
    g_autofree char *line = g_strdup_printf("qemu-nbd -t -e 16 -k %s %s %s", sock, options, file);
    GPid pid;

    unlink(sock);
    pid = spawn_line(line);
    wait_server(sock, 0);
    return pid;
}

static inline int free_port(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t n = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (void *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(fd, (void *)&in, &n), 0);
    close(fd);
    return ntohs(in.sin_port);
}

/* ---- nodes --------------------------------------------------------------------------------- */

/* "key=value,key=value", with the driver given. */
static inline GHashTable *options_of(const char *text)
{
    GHashTable *opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) pairs = g_strsplit(text, ",", 0);

    g_hash_table_insert(opts, g_strdup("driver"), g_strdup("nbd"));
    for (char **p = pairs; *p; p++) {
        char *eq = strchr(*p, '=');

        if (eq)
            g_hash_table_insert(opts, g_strndup(*p, (gsize)(eq - *p)), g_strdup(eq + 1));
    }
    return opts;
}

static inline struct image *try_open(const char *text, GError **error)
{
    g_autoptr(GHashTable) opts = options_of(text);

    return node_open(opts, NULL, error);
}

static inline struct image *open_node(const char *text)
{
    GError *error = NULL;
    struct image *img = try_open(text, &error);

    if (!img)
        fail_msg("%s: %s", text, error->message);
    return img;
}

static inline struct image *open_unix(const char *sock, const char *more)
{
    g_autofree char *text = g_strdup_printf("server.type=unix,server.path=%s,%s", sock, more);

    return open_node(text);
}

/* Has to fail, with these words in one line, within ms. */
static inline void refused(const char *text, const char *what, int64_t ms)
{
    int64_t start = ms_now();
    GError *error = NULL;
    struct image *img = try_open(text, &error);

    if (img)
        fail_msg("opened %s, but expected: %s", text, what);
    if (!strstr(error->message, what) || strchr(error->message, '\n'))
        fail_msg("%s: '%s' does not say '%s'", text, error->message, what);
    if (ms_now() - start > ms)
        fail_msg("%s: refused after %lld ms", text, (long long)(ms_now() - start));
    g_error_free(error);
}

static inline int write_at(struct image *img, uint64_t off, const void *buf, uint64_t n, bool stable)
{
    struct iovec iov = { (void *)buf, n };

    return img->ops->write(img, off, &iov, 1, stable);
}

static inline unsigned entries(const char *path)
{
    DIR *d = opendir(path);
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static inline unsigned open_fds(void)
{
    return entries("/proc/self/fd");
}

/* Threads end a moment after they have said so. */
static inline void wait_threads(unsigned count)
{
    int64_t end = ms_now() + 5000;

    while (entries("/proc/self/task") > count) {
        if (ms_now() > end)
            fail_msg("%u threads are left, %u were there", entries("/proc/self/task"), count);
        g_usleep(5000);
    }
}

static inline char *random_file(const char *name, size_t bytes, unsigned seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    char *path = in_dir(name);
    uint8_t *data = g_malloc(bytes);

    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)g_rand_int(rand);
    assert_true(g_file_set_contents(path, (char *)data, (gssize)bytes, NULL));
    g_free(data);
    return path;
}

static inline void same_as_file(const char *path, const uint8_t *twin, size_t bytes)
{
    char *data;
    size_t n;

    assert_true(g_file_get_contents(path, &data, &n, NULL));
    assert_int_equal(n, bytes);
    if (memcmp(data, twin, bytes))
        fail_msg("%s is not what was written", path);
    g_free(data);
}

static inline void *no_work(void *opaque)
{
    return opaque;
}

static inline int make_dir(void **state)
{
    pthread_t first;

    (void)state;
    /* The thread sanitizer makes a thread of its own beside the first one. */
    if (pthread_create(&first, NULL, no_work, NULL))
        return -1;
    pthread_join(first, NULL);
    g_usleep(50000);
    dir = g_dir_make_tmp("kvm-dm-nbd-XXXXXX", NULL);
    return dir ? 0 : -1;
}

static inline int remove_dir(void **state)
{
    const char *name;
    GDir *d = g_dir_open(dir, 0, NULL);

    (void)state;
    while (d && (name = g_dir_read_name(d))) {
        g_autofree char *path = in_dir(name);

        if (g_unlink(path) < 0) { /* a directory of certificates */
            g_autofree char *line = g_strdup_printf("rm -rf %s", path);

            g_spawn_command_line_sync(line, NULL, NULL, NULL, NULL);
        }
    }
    g_dir_close(d);
    g_rmdir(dir);
    g_free(dir);
    return 0;
}

#endif
