/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the qcow2 tests share: images in files and in memory, the oracle (qemu-img), random numbers. */
#ifndef TESTS_QCOW2_UTIL_H
#define TESTS_QCOW2_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/iov.h"
#include "block/node.h"
#include "block/qcow2.h"

static char *dir; /* of this test's own */

/* ---- the oracle ---- */

static inline bool have_oracle(void)
{
    g_autofree char *path = g_find_program_in_path("qemu-img");

    return path != NULL;
}

/* A shell command in the test's directory; its exit status. Output is kept for messages. */
static char *shell_output;

static inline int shell(const char *format, ...) G_GNUC_PRINTF(1, 2);
static inline int shell(const char *format, ...)
{
    g_autofree char *line = NULL, *all = NULL;
    char *argv[] = { "sh", "-c", NULL, NULL };
    int status = -1;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    all = g_strdup_printf("cd %s && { %s ; } 2>&1", dir, line);
    argv[2] = all;
    g_free(shell_output);
    shell_output = NULL;
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &shell_output, NULL,
                      &status, NULL))
        fail_msg("cannot run %s", line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

#define must(...)                                                                                  \
    do {                                                                                           \
        int must_rc = shell(__VA_ARGS__);                                                          \
        if (must_rc)                                                                               \
            fail_msg("%s:%d: exit %d: %s", __FILE__, __LINE__, must_rc, shell_output);             \
    } while (0)

static inline char *path_of(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

/* qemu-img check: 0 is clean, 3 leaks only, 2 corruptions. */
static inline void expect_clean(const char *name)
{
    must("qemu-img check -q -f qcow2 %s", name);
}

static inline void expect_no_corruption(const char *name)
{
    int rc = shell("qemu-img check -f qcow2 %s", name);

    if (rc != 0 && rc != 3)
        fail_msg("%s: exit %d: %s", name, rc, shell_output);
}

/* ---- nodes ---- */

static inline GHashTable *new_options(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* more: "name=value", ..., NULL */
static inline struct image *try_open_v(const char *name, GError **error, va_list args)
{
    g_autoptr(GHashTable) opts = new_options();
    const char *pair;

    g_hash_table_insert(opts, g_strdup("driver"), g_strdup("qcow2"));
    g_hash_table_insert(opts, g_strdup("file.driver"), g_strdup("file"));
    g_hash_table_insert(opts, g_strdup("file.filename"), path_of(name));
    while ((pair = va_arg(args, const char *))) {
        const char *eq = strchr(pair, '=');

        g_hash_table_insert(opts, g_strndup(pair, (gsize)(eq - pair)), g_strdup(eq + 1));
    }
    return node_open(opts, NULL, error);
}

static inline struct image *try_open(const char *name, GError **error, ...)
{
    struct image *img;
    va_list args;

    va_start(args, error);
    img = try_open_v(name, error, args);
    va_end(args);
    return img;
}

static inline struct image *open_image(const char *name, ...)
{
    GError *error = NULL;
    struct image *img;
    va_list args;

    va_start(args, name);
    img = try_open_v(name, &error, args);
    va_end(args);
    if (!img)
        fail_msg("%s", error->message);
    return img;
}

static inline void make_image(const char *name, const struct qcow2_create_options *opt)
{
    g_autoptr(GHashTable) opts = new_options();
    g_autofree char *path = path_of(name);
    GError *error = NULL;
    struct image *file;

    assert_true(g_file_set_contents(path, "", 0, NULL));
    g_hash_table_insert(opts, g_strdup("driver"), g_strdup("file"));
    g_hash_table_insert(opts, g_strdup("filename"), g_strdup(path));
    file = node_open(opts, NULL, &error);
    if (!file || !image_use(file, true, &error))
        fail_msg("%s", error->message);
    if (!qcow2_create(file, opt, &error))
        fail_msg("%s", error->message);
    image_release(file, true);
}

/* MIN() would draw twice. */
static inline uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- a file in memory, which remembers what was done to it ---- */

#define MEM_MAX (64u << 20)

struct mem_op {
    uint64_t off, bytes; /* bytes 0: a flush */
    uint8_t *data;
};

struct mem {
    struct image img;
    pthread_mutex_t lock;
    uint8_t *data;
    uint64_t room;
    bool record;
    GArray *log; /* of struct mem_op */
    uint64_t ops, fail_at; /* the fail_at-th write or flush fails; 0: none */
};

static inline struct mem *mem_of(struct image *img)
{
    return (struct mem *)img;
}

static inline int mem_room(struct mem *m, uint64_t end)
{
    if (end > MEM_MAX)
        return EFBIG;
    if (end > m->room) {
        uint64_t room = MAX(end, m->room * 2);

        m->data = g_realloc(m->data, room);
        memset(m->data + m->room, 0, room - m->room);
        m->room = room;
    }
    return 0;
}

static inline int mem_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct mem *m = mem_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes, there;

    if (!iov_bytes(iov, iovcnt, &bytes))
        return EINVAL;
    pthread_mutex_lock(&m->lock);
    there = off < img->bytes ? MIN(bytes, img->bytes - off) : 0;
    if (there)
        iov_put(&cur, m->data + off, there);
    iov_zero(&cur, bytes - there);
    pthread_mutex_unlock(&m->lock);
    return 0;
}

static inline int mem_fault(struct mem *m)
{
    return m->fail_at && ++m->ops == m->fail_at ? EIO : 0;
}

static inline int mem_flush_op(struct image *img)
{
    struct mem *m = mem_of(img);
    struct mem_op op = { 0 };
    int err;

    pthread_mutex_lock(&m->lock);
    err = mem_fault(m);
    if (m->record && !err)
        g_array_append_val(m->log, op);
    pthread_mutex_unlock(&m->lock);
    return err;
}

static inline int mem_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                            bool stable)
{
    struct mem *m = mem_of(img);
    struct iov_cursor cur = iov_start(iov, iovcnt);
    uint64_t bytes;
    int err;

    if (!iov_bytes(iov, iovcnt, &bytes) || off > MEM_MAX || bytes > MEM_MAX)
        return EFBIG;
    pthread_mutex_lock(&m->lock);
    err = mem_fault(m);
    if (!err)
        err = mem_room(m, off + bytes);
    if (!err) {
        iov_get(&cur, m->data + off, bytes);
        img->bytes = MAX(img->bytes, off + bytes);
    }
    /* A sector is written whole or not at all; more than that no disk promises. */
    for (uint64_t at = off; !err && m->record && at < off + bytes;) {
        struct mem_op op = { at, at_most(off + bytes - at, 512 - at % 512), NULL };

        op.data = g_memdup2(m->data + at, op.bytes);
        g_array_append_val(m->log, op);
        at += op.bytes;
    }
    pthread_mutex_unlock(&m->lock);
    return err || !stable ? err : mem_flush_op(img);
}

static inline int mem_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    (void)img, (void)off, (void)bytes;
    return 0;
}

static inline void mem_close(struct image *img)
{
    struct mem *m = mem_of(img);

    for (guint i = 0; i < m->log->len; i++)
        g_free(g_array_index(m->log, struct mem_op, i).data);
    g_array_free(m->log, TRUE);
    pthread_mutex_destroy(&m->lock);
    g_free(m->data);
    g_free(m);
}

static inline int mem_truncate(struct image *img, uint64_t bytes)
{
    struct mem *m = mem_of(img);
    int err = mem_room(m, bytes);

    if (!err && bytes < img->bytes)
        memset(m->data + bytes, 0, img->bytes - bytes);
    if (!err)
        img->bytes = bytes;
    return err;
}

static const struct image_ops mem_ops = {
    .kind = "memory",
    .read = mem_read,
    .write = mem_write,
    .flush = mem_flush_op,
    .discard = mem_discard,
    .truncate = mem_truncate,
    .close = mem_close,
};

static inline struct mem *mem_new(const void *data, uint64_t bytes)
{
    static const struct image_flags flags = { .growable = true };
    struct mem *m = g_new0(struct mem, 1);

    image_init(&m->img, &mem_ops, &flags);
    m->img.filename = g_strdup("memory");
    pthread_mutex_init(&m->lock, NULL);
    m->log = g_array_new(FALSE, FALSE, sizeof(struct mem_op));
    m->data = g_malloc0(MAX(bytes, 512));
    m->room = MAX(bytes, 512);
    if (bytes)
        memcpy(m->data, data, bytes);
    m->img.bytes = bytes;
    return m;
}

/* A node on it; the reference to m goes along, also on failure. */
static inline struct image *mem_open(struct mem *m, bool readonly, bool discard,
                                     struct image *backing, GError **error)
{
    g_autoptr(GHashTable) none = new_options();
    struct node_args args = { .opts = none, .file = &m->img, .backing = backing,
                              .backing_given = true, .shown = "memory" };
    struct image *img;

    args.flags.readonly = readonly;
    args.flags.discard = discard;
    assert_true(image_use(&m->img, !readonly, NULL));
    if (backing)
        assert_true(image_use(image_ref(backing), false, NULL));
    img = qcow2_driver.open(&args, error);
    if (!img) {
        image_release(&m->img, !readonly);
        image_release(backing, false);
        return NULL;
    }
    img->writes_file = !readonly;
    node_register(img, NULL);
    return img;
}

/* ---- random ---- */

static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static inline uint64_t below(uint64_t *state, uint64_t n)
{
    return n ? next_random(state) % n : 0;
}

static inline void fill_random(uint64_t *state, uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t v = next_random(state);

        memcpy(p + i, &v, 8);
    }
}

static inline unsigned from_env(const char *name, unsigned otherwise)
{
    const char *value = g_getenv(name);

    return value ? (unsigned)strtoul(value, NULL, 0) : otherwise;
}

static inline int make_dir(void **state)
{
    (void)state;
    dir = g_dir_make_tmp("kvm-dm-qcow2-XXXXXX", NULL);
    return dir ? 0 : -1;
}

/* A test that failed may have left an image open, and locked. */
static inline int empty_dir(void **state)
{
    (void)state;
    return shell("rm -rf ./*");
}

static inline int remove_dir(void **state)
{
    (void)state;
    if (dir)
        shell("rm -rf %s", dir);
    g_free(shell_output);
    g_free(dir);
    return 0;
}

#endif
