/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network block devices, with nbdkit and qemu-nbd as servers that do what they should. */
#include "nbd_util.h"

#ifdef CONFIG_NBD

#include "block/block.h"
#include "block/open.h"

#define BYTES (8 * MIB)

static char *sock;

static int set_up(void **state)
{
    if (make_dir(state))
        return -1;
    sock = in_dir("s");
    return 0;
}

static int tear_down(void **state)
{
    g_free(sock);
    return remove_dir(state);
}

/* ---- data against a twin ------------------------------------------------------------------- */

struct worker {
    struct image *img;
    uint8_t *twin;
    uint64_t from, bytes; /* its own part of the disk */
    unsigned seed, grain;
    char wrong[200]; /* cmocka's own words work on the first thread only */
};

/* A random list of pieces over the range; one of them mostly, as guests do. */
static int scatter(GRand *rand, uint8_t *buf, uint64_t n, struct iovec *iov, int most)
{
    int count = 0;

    while (n > 0) {
        uint64_t piece = n;

        if (count < most - 1 && g_rand_boolean(rand))
            piece = 1 + g_rand_int(rand) % n;
        iov[count++] = (struct iovec){ buf, piece };
        buf += piece;
        n -= piece;
    }
    return count;
}

static void one_transfer(struct worker *w, GRand *rand, uint8_t *buf)
{
    uint64_t off = g_rand_int(rand) % w->bytes / w->grain * w->grain;
    uint64_t most = g_rand_int_range(rand, 0, 8) ? 40000u : 3u * MIB;
    uint64_t left = w->bytes - off;
    uint64_t n = (1 + g_rand_int(rand) % (most < left ? most : left) + w->grain - 1) / w->grain * w->grain;
    uint8_t *twin = w->twin + w->from + off;
    struct iovec iov[20];
    int count = scatter(rand, buf, n, iov, 20), err;

    if (g_rand_boolean(rand)) {
        for (uint64_t i = 0; i < n; i += 8)
            *(uint64_t *)(buf + i) = g_rand_int(rand) * 0x100000001ull;
        err = w->img->ops->write(w->img, w->from + off, iov, count, g_rand_boolean(rand));
        memcpy(twin, buf, n);
    } else {
        memset(buf, 0x5c, n);
        err = w->img->ops->read(w->img, w->from + off, iov, count);
    }
    if (err || memcmp(buf, twin, n))
        g_snprintf(w->wrong, sizeof(w->wrong), "seed %u, %llu bytes at %llu: %s", w->seed,
                   (unsigned long long)n, (unsigned long long)off, err ? g_strerror(err) : "wrong data");
}

static void *work(void *opaque)
{
    struct worker *w = opaque;
    g_autoptr(GRand) rand = g_rand_new_with_seed(w->seed);
    uint8_t *buf = g_malloc(4 * MIB);

    for (int i = 0; i < 150 && !*w->wrong; i++)
        one_transfer(w, rand, buf);
    g_free(buf);
    return NULL;
}

/* Eight threads, each in its own eighth. grain 1: pieces of any length, as formats write them. */
static void exercise(struct image *img, uint8_t *twin, unsigned grain)
{
    struct worker workers[8];
    pthread_t threads[8];

    for (unsigned i = 0; i < 8; i++) {
        workers[i] = (struct worker){ img, twin, i * (BYTES / 8), BYTES / 8, 100 + i, grain, "" };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 8; i++)
        assert_string_equal(workers[i].wrong, "");
    assert_int_equal(img->ops->flush(img), 0);
}

static uint8_t *contents(const char *path)
{
    char *data;

    assert_true(g_file_get_contents(path, &data, NULL, NULL));
    return (uint8_t *)data;
}

static void round_trip(const char *text, const char *file, unsigned grain)
{
    uint8_t *twin = contents(file), *all = g_malloc(BYTES);
    unsigned fds = open_fds(), threads = entries("/proc/self/task");
    struct image *img = open_node(text);

    assert_int_equal(img->bytes, BYTES);
    exercise(img, twin, grain);
    assert_int_equal(image_read(img, 0, all, BYTES), 0);
    assert_memory_equal(all, twin, BYTES);
    image_unref(img);
    same_as_file(file, twin, BYTES);
    wait_threads(threads);
    assert_int_equal(open_fds(), fds);
    g_free(all);
    g_free(twin);
}

static void test_nbdkit_unix(void **state)
{
    g_autofree char *file = random_file("a", BYTES, 1);
    g_autofree char *plugin = g_strdup_printf("file %s", file);
    g_autofree char *text = g_strdup_printf("server.type=unix,server.path=%s", sock);
    GPid pid = nbdkit(sock, "", plugin);

    (void)state;
    round_trip(text, file, 512);
    round_trip(text, file, 8);
    end_server(pid, SIGTERM);
    pid = nbdkit(sock, "--no-sr", plugin); /* simple replies, as old servers give them */
    round_trip(text, file, 512);
    end_server(pid, SIGTERM);
}

static void test_qemu_nbd_tcp(void **state)
{
    g_autofree char *file = random_file("b", BYTES, 2);
    int port = free_port();
    g_autofree char *line = g_strdup_printf("qemu-nbd -t -e 8 -b 127.0.0.1 -p %d -f raw -x disk %s",
                                            port, file);
    g_autofree char *text = g_strdup_printf(
        "server.type=inet,server.host=localhost,server.port=%d,server.keep-alive=on,export=disk", port);
    g_autofree char *legacy = g_strdup_printf("host=127.0.0.1,port=%d,export=disk", port);
    GPid pid = spawn_line(line);

    (void)state;
    wait_server(NULL, port);
    round_trip(text, file, 512);
    round_trip(legacy, file, 512);
    end_server(pid, SIGTERM);
}

/* What the block layer makes of a name on the command line; a format that the server knows. */
static void test_qcow2_by_server(void **state)
{
    g_autofree char *file = random_file("c", BYTES, 3), *qcow2 = in_dir("c.qcow2"), *back = in_dir("c2");
    g_autofree char *make = g_strdup_printf("qemu-img convert -q -O qcow2 %s %s", file, qcow2);
    g_autofree char *restore = g_strdup_printf("qemu-img convert -q -O raw %s %s", qcow2, back);
    g_autofree char *name = g_strdup_printf("nbd:unix:%s", sock);
    struct block_options opt = { .name = "hd0", .file = name, .format = "raw" };
    uint8_t *twin = contents(file);
    GError *error = NULL;
    struct block *blk;
    int status;
    GPid pid;

    (void)state;
    assert_true(g_spawn_command_line_sync(make, NULL, NULL, &status, NULL) && status == 0);
    pid = qemu_nbd(sock, "-f qcow2", qcow2);
    blk = block_open(&opt, &error);
    if (!blk)
        fail_msg("%s", error->message);
    assert_int_equal(block_sectors(blk), BYTES / 512);
    block_close(blk);

    g_autofree char *text = g_strdup_printf("server.type=unix,server.path=%s", sock);
    struct image *img = open_node(text);
    exercise(img, twin, 512);
    image_unref(img);
    end_server(pid, SIGTERM);
    assert_true(g_spawn_command_line_sync(restore, NULL, NULL, &status, NULL) && status == 0);
    same_as_file(back, twin, BYTES);
    g_free(twin);
}

/* The server takes whole blocks of 4096 bytes, and at most 64 KiB at once, and says so. */
static void test_block_sizes(void **state)
{
    g_autofree char *file = random_file("d", BYTES, 4);
    g_autofree char *rest = g_strdup_printf("file %s blocksize-minimum=4096 blocksize-preferred=4096 "
                                            "blocksize-maximum=65536 blocksize-error-policy=error",
                                            file);
    g_autofree char *text = g_strdup_printf("server.type=unix,server.path=%s", sock);
    GPid pid = nbdkit(sock, "--filter=blocksize-policy", rest);
    struct image *img = open_node(text);

    (void)state;
    assert_int_equal(img->grain_bytes, 4096);
    image_unref(img);
    round_trip(text, file, 512);
    round_trip(text, file, 8);
    end_server(pid, SIGTERM);
}

/* A disk whose last sector is not whole. */
static void test_odd_size(void **state)
{
    struct image *img;
    uint8_t buf[1024];
    GPid pid = nbdkit(sock, "", "memory 10300");

    (void)state;
    img = open_unix(sock, "");
    assert_int_equal(img->bytes, 10300);
    memset(buf, 1, sizeof(buf));
    assert_int_equal(image_read(img, 9728, buf, 1024), 0);
    for (unsigned i = 0; i < 1024; i++)
        assert_int_equal(buf[i], 0);
    memset(buf, 1, 572);
    assert_int_equal(image_write(img, 9728, buf, 1024), 0);
    buf[600] = 1;
    assert_int_equal(image_write(img, 9728, buf, 1024), EIO);
    memset(buf, 2, sizeof(buf));
    assert_int_equal(image_read(img, 9728, buf, 1024), 0);
    assert_int_equal(buf[571], 1);
    assert_int_equal(buf[572], 0);
    img->flags.growable = true;
    assert_int_equal(image_write(img, 10300, "x", 1), ENOSPC);
    image_unref(img);
    end_server(pid, SIGTERM);
}

/* ---- commands ------------------------------------------------------------------------------ */

static unsigned lines_with(const char *log, const char *what, const char *what2)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    unsigned n = 0;

    assert_true(g_file_get_contents(log, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", 0);
    for (char **l = lines; *l; l++)
        n += strstr(*l, what) && strstr(*l, what2);
    return n;
}

static void stable_writes(const char *filter, unsigned fua, unsigned flushes)
{
    g_autofree char *log = in_dir("log"), *file = random_file("e", MIB, 5);
    g_autofree char *rest = g_strdup_printf("file %s logfile=%s", file, log);
    struct image *img;
    GPid pid;

    unlink(log);
    pid = nbdkit(sock, filter, rest);
    img = open_unix(sock, "");
    assert_int_equal(write_at(img, 0, dir, 6, false), 0);
    assert_int_equal(lines_with(log, " Flush", ""), 0);
    assert_int_equal(write_at(img, 0, dir, 6, true), 0);
    assert_int_equal(lines_with(log, " Write", "fua=1"), fua);
    assert_int_equal(lines_with(log, " Flush", ""), flushes);
    assert_int_equal(img->ops->flush(img), 0);
    assert_int_equal(lines_with(log, " Flush", ""), flushes + 1);
    image_unref(img);
    end_server(pid, SIGTERM);
}

static void test_stable(void **state)
{
    (void)state;
    stable_writes("--filter=log", 1, 0);
    stable_writes("--filter=log --filter=fua", 0, 1); /* which hides what the plugin can do */
}

static void zeroes_with(const char *filter, const char *flags, const char *want, unsigned count)
{
    g_autofree char *log = in_dir("log"), *file = random_file("f", MIB, 6);
    g_autofree char *rest = g_strdup_printf("file %s logfile=%s", file, log);
    uint8_t *twin = contents(file);
    struct image *img;
    GPid pid;

    unlink(log);
    pid = nbdkit(sock, filter, rest);
    img = open_unix(sock, flags);
    assert_int_equal(image_write_zeroes(img, 5000, 300001, true), 0);
    memset(twin + 5000, 0, 300001);
    assert_int_equal(image_write_zeroes(img, 600000, 3, false), 0);
    memset(twin + 600000, 0, 3);
    assert_int_equal(lines_with(log, " Zero", want), count);
    image_unref(img);
    end_server(pid, SIGTERM);
    same_as_file(file, twin, MIB);
    g_free(twin);
}

static void test_zeroes(void **state)
{
    (void)state;
    zeroes_with("--filter=log", "discard=unmap", "trim=1 ", 1);
    zeroes_with("--filter=log", "discard=unmap", "trim=0 ", 1);
    zeroes_with("--filter=log", "discard=ignore", "trim=0 ", 2);
    zeroes_with("--filter=log --filter=nozero", "discard=unmap", "trim", 0);
}

static void test_discard(void **state)
{
    g_autofree char *file = random_file("g", 4 * MIB, 7);
    struct stat before, after;
    enum image_status status;
    struct image *img;
    uint64_t run;
    uint8_t byte;
    GPid pid = qemu_nbd(sock, "-f raw --discard=unmap", file);

    (void)state;
    stat(file, &before);
    img = open_unix(sock, "discard=ignore");
    assert_int_equal(img->ops->discard(img, 0, 4 * MIB), 0);
    assert_int_equal(image_status(img, 0, 4 * MIB, &status, &run), 0);
    assert_int_equal(status, IMAGE_DATA);
    assert_int_equal(run, 4 * MIB);
    image_unref(img);
    stat(file, &after);
    assert_int_equal(before.st_blocks, after.st_blocks);

    img = open_unix(sock, "discard=unmap");
    assert_int_equal(img->ops->discard(img, MIB, 2 * MIB), 0);
    image_unref(img);
    stat(file, &after);
    if (after.st_blocks == before.st_blocks)
        skip(); /* no holes on this file system */
    img = open_unix(sock, "");
    assert_int_equal(image_status(img, 512, 4 * MIB - 512, &status, &run), 0);
    assert_int_equal(status, IMAGE_DATA);
    assert_int_equal(run, MIB - 512);
    assert_int_equal(image_status(img, MIB + 3, 5, &status, &run), 0);
    assert_int_equal(status, IMAGE_ZERO);
    assert_int_equal(run, 5);
    assert_int_equal(image_status(img, MIB, 3 * MIB, &status, &run), 0);
    assert_int_equal(run, 2 * MIB);
    assert_int_equal(image_read(img, 2 * MIB, &byte, 1), 0);
    assert_int_equal(byte, 0);
    image_unref(img);
    end_server(pid, SIGTERM);
}

/* More than fits one command's 32 bits. */
static void test_large(void **state)
{
    uint64_t bytes = 6ull << 30, run, off = 0;
    enum image_status status;
    struct image *img;
    uint8_t byte = 1;
    GPid pid = nbdkit(sock, "", "memory 6G");

    (void)state;
    img = open_unix(sock, "discard=unmap");
    assert_int_equal(img->bytes, bytes);
    assert_int_equal(image_write(img, bytes - 1, &byte, 1), 0);
    assert_int_equal(image_write_zeroes(img, 0, bytes, true), 0);
    assert_int_equal(image_read(img, bytes - 1, &byte, 1), 0);
    assert_int_equal(byte, 0);
    assert_int_equal(img->ops->discard(img, 0, bytes), 0);
    while (off < bytes) {
        assert_int_equal(image_status(img, off, bytes - off, &status, &run), 0);
        assert_int_equal(status, IMAGE_ZERO);
        assert_in_range(run, 1, bytes - off);
        off += run;
    }
    image_unref(img);
    end_server(pid, SIGTERM);
}

/* ---- what a server refuses ----------------------------------------------------------------- */

static void test_readonly(void **state)
{
    g_autofree char *file = random_file("h", MIB, 8);
    g_autofree char *options = g_strdup_printf("server.type=unix,server.path=%s", sock);
    GPid pid = qemu_nbd(sock, "-r -f raw", file);
    struct image *img;
    uint8_t buf[16];

    (void)state;
    refused(options, "exports it read-only", 1000);
    img = open_unix(sock, "read-only=on");
    assert_true(img->readonly);
    assert_int_equal(image_read(img, 0, buf, 16), 0);
    assert_int_equal(img->ops->flush(img), 0);
    image_unref(img);
    img = open_unix(sock, "auto-read-only=on");
    assert_true(img->readonly);
    image_unref(img);
    end_server(pid, SIGTERM);
}

static void test_server_errors(void **state)
{
    GPid pid = nbdkit(sock, "--filter=error",
                      "memory 1M error=ENOSPC error-pwrite-rate=100% error-pread-rate=0");
    struct image *img = open_unix(sock, "reconnect-delay=5");
    uint8_t buf[512] = { 0 };

    (void)state;
    assert_int_equal(image_write(img, 0, buf, 512), ENOSPC);
    assert_int_equal(image_read(img, 0, buf, 512), 0);
    image_unref(img);
    end_server(pid, SIGTERM);
    pid = nbdkit(sock, "--filter=error", "memory 1M error=EIO error-rate=100%");
    img = open_unix(sock, "discard=unmap");
    assert_int_equal(image_read(img, 0, buf, 512), EIO);
    assert_int_equal(image_write_zeroes(img, 0, 512, false), EIO);
    image_unref(img);
    end_server(pid, SIGTERM);
}

static void test_cannot_open(void **state)
{
    g_autofree char *good = g_strdup_printf("server.type=unix,server.path=%s,export=nothing", sock);
    g_autofree char *dead = g_strdup_printf("server.type=unix,server.path=%s.not", sock);
    g_autofree char *tls = g_strdup_printf("server.type=unix,server.path=%s,tls=on", sock);
    g_autofree char *file = random_file("i", MIB, 9);
    g_autofree char *closed = g_strdup_printf("server.type=inet,server.host=127.0.0.1,server.port=%d",
                                              free_port());
    GPid pid = qemu_nbd(sock, "-f raw -x disk", file);
    unsigned fds = open_fds(), threads = entries("/proc/self/task");

    (void)state;
    refused(good, "nothing", 1000);
    refused(dead, "s.not: ", 500);
    refused(dead, "No such file", 500);
    refused(closed, "refused", 1000);
    refused(closed, "nbd://127.0.0.1:", 1000);
    refused("server.type=inet,server.host=no.such.host.invalid,server.port=1", "no.such.host", 6000);
    refused(tls, "TLS", 1000);
    end_server(pid, SIGKILL);
    refused(good, "refused", 500);
    wait_threads(threads);
    assert_int_equal(open_fds(), fds);
}

static void test_bad_options(void **state)
{
    static const char *const rows[][2] = {
        { "", "server.type" },
        { "server.type=vsock,server.cid=1", "" },
        { "server.type=unix", "server.path is missing" },
        { "server.type=inet", "server.host is missing" },
        { "server.type=inet,server.path=/x", "server.type=unix" },
        { "server.type=unix,server.path=/x,server.host=y", "server.type=inet" },
        { "path=/x,host=y", "one of" },
        { "path=/x,port=1", "port goes with host" },
        { "server.type=unix,server.path=/x,x-dirty-bitmap=b", "dirty bitmaps" },
        { "server.type=unix,server.path=/x,tls-creds=none", "tls-creds=none" },
        { "server.type=unix,server.path=/x,tls-hostname=h", "certificate" },
        { "server.type=unix,server.path=/x,reconnect-delay=-1", "reconnect-delay" },
        { "server.type=unix,server.path=/x,reconnect-delay=99999999999", "32 bits" },
        { "server.type=inet,server.host=h,server.to=5", "server.to" },
        { "server.type=fd,server.str=monitor", "number" },
        { "server.type=fd,server.str=2000000000", "not a stream socket" },
        { "server.type=unix,server.path=/x,export=\xff", "UTF-8" },
        { "server.type=unix,server.path="
          "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxxxxxxxxxxxxxxxxxx",
          "107" },
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        refused(rows[i][0], rows[i][1], 500);
}

/* A socket that somebody else has connected. */
static void test_given_socket(void **state)
{
    GPid pid = nbdkit(sock, "", "pattern 1M");
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_autofree char *text = g_strdup_printf("server.type=fd,server.str=%d,read-only=on", fd);
    struct image *img;
    uint8_t buf[16];

    (void)state;
    g_strlcpy(un.sun_path, sock, sizeof(un.sun_path));
    assert_int_equal(connect(fd, (void *)&un, sizeof(un)), 0);
    img = open_node(text);
    close(fd);
    assert_int_equal(image_read(img, 0x1230, buf, 16), 0);
    assert_int_equal(buf[6], 0x12);
    assert_int_equal(buf[7], 0x30);
    image_unref(img);
    end_server(pid, SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nbdkit_unix), cmocka_unit_test(test_qemu_nbd_tcp),
        cmocka_unit_test(test_qcow2_by_server), cmocka_unit_test(test_block_sizes),
        cmocka_unit_test(test_odd_size), cmocka_unit_test(test_stable),
        cmocka_unit_test(test_zeroes), cmocka_unit_test(test_discard),
        cmocka_unit_test(test_large), cmocka_unit_test(test_readonly),
        cmocka_unit_test(test_server_errors), cmocka_unit_test(test_cannot_open),
        cmocka_unit_test(test_bad_options), cmocka_unit_test(test_given_socket),
    };

    if (!have("nbdkit") || !have("qemu-nbd")) {
        puts("needs nbdkit and qemu-nbd: apt-get install nbdkit qemu-utils");
        return 77;
    }
    alarm(300);
    return cmocka_run_group_tests_name("nbd", tests, set_up, tear_down);
}

#else

int main(void)
{
    puts("built without libnbd");
    return 77;
}

#endif
