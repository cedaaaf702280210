/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network block devices whose server dies in mid-write, hangs, or comes back as another. */
#include "nbd_util.h"

#ifdef CONFIG_NBD

#include "block/block.h"
#include "block/open.h"

#define BYTES (8 * MIB)
#define WRITERS 8

static char *sock, *file;
static unsigned threads_at_start;

static int set_up(void **state)
{
    if (make_dir(state))
        return -1;
    sock = in_dir("s");
    file = random_file("disk", BYTES, 1);
    threads_at_start = entries("/proc/self/task");
    return 0;
}

static int tear_down(void **state)
{
    g_free(sock);
    g_free(file);
    return remove_dir(state);
}

/* A server that takes its time, so that there is always something under way. */
static GPid slow_server(void)
{
    g_autofree char *rest = g_strdup_printf("file %s delay-write=3ms delay-read=1ms", file);

    return nbdkit(sock, "--filter=delay", rest);
}

/* ---- writers ------------------------------------------------------------------------------- */

struct writer {
    pthread_t thread;
    struct image *img;
    uint8_t *twin;
    unsigned n;
    bool stable;
    int stop, writes; /* atomic */
    int err;
};

/* Each has 64 KiB pieces of its own; ends with the first error. */
static void *write_on(void *opaque)
{
    struct writer *w = opaque;
    g_autoptr(GRand) rand = g_rand_new_with_seed(w->n);
    uint64_t pieces = BYTES / WRITERS / 65536;
    uint8_t *buf = g_malloc(65536);

    while (!w->err && !__atomic_load_n(&w->stop, __ATOMIC_SEQ_CST)) {
        uint64_t off = w->n * (BYTES / WRITERS) + g_rand_int(rand) % pieces * 65536;

        memset(buf, (int)g_rand_int(rand), 65536);
        w->err = write_at(w->img, off, buf, 65536, w->stable);
        if (!w->err) {
            memcpy(w->twin + off, buf, 65536);
            __atomic_add_fetch(&w->writes, 1, __ATOMIC_SEQ_CST);
        }
    }
    g_free(buf);
    return NULL;
}

static void start_writers(struct writer *w, struct image *img, uint8_t *twin, bool stable)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){ .img = img, .twin = twin, .n = i, .stable = stable };
        assert_int_equal(pthread_create(&w[i].thread, NULL, write_on, &w[i]), 0);
    }
}

static void stop_writers(struct writer *w)
{
    for (unsigned i = 0; i < WRITERS; i++)
        __atomic_store_n(&w[i].stop, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(w[i].thread, NULL);
}

static int written(struct writer *w)
{
    int sum = 0;

    for (unsigned i = 0; i < WRITERS; i++)
        sum += __atomic_load_n(&w[i].writes, __ATOMIC_SEQ_CST);
    return sum;
}

/* Until there were so many more. */
static void wait_written(struct writer *w, int more)
{
    int64_t end = ms_now() + 20000;
    int want = written(w) + more;

    while (written(w) < want) {
        if (ms_now() > end)
            fail_msg("%d writes, not %d", written(w), want);
        g_usleep(2000);
    }
}

static uint8_t *contents(void)
{
    char *data;

    assert_true(g_file_get_contents(file, &data, NULL, NULL));
    return (uint8_t *)data;
}

/* ---- a server that dies -------------------------------------------------------------------- */

static void test_killed_in_mid_write(void **state)
{
    uint8_t *twin = contents(), byte;
    struct writer w[WRITERS];
    GPid pid = slow_server();
    struct image *img = open_unix(sock, "");
    int64_t killed, end;

    (void)state;
    start_writers(w, img, twin, false);
    wait_written(w, 50);
    end_server(pid, SIGKILL);
    killed = ms_now();
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(w[i].thread, NULL);
        assert_int_equal(w[i].err, EIO);
    }
    assert_true(ms_now() - killed < 1000);
    assert_int_equal(image_read(img, 0, &byte, 1), EIO);

    /* It looks for the server all the same. */
    pid = slow_server();
    end = ms_now() + 10000;
    while (image_read(img, 0, &byte, 1)) {
        assert_true(ms_now() < end);
        g_usleep(10000);
    }
    assert_int_equal(image_write(img, 0, "x", 1), 0);
    /* Acknowledged, never flushed, and the server died: no flush may be called good any more. */
    assert_int_equal(img->ops->flush(img), EIO);
    assert_int_equal(img->ops->flush(img), EIO);
    image_unref(img);
    end_server(pid, SIGTERM);
    g_free(twin);
    wait_threads(threads_at_start);
}

/* Killed and started again, three times, under load. */
static void survives(bool stable, int sig)
{
    uint8_t *twin = contents(), *all = g_malloc(BYTES);
    struct writer w[WRITERS];
    GPid pid = slow_server();
    struct image *img = open_unix(sock, "reconnect-delay=20");

    start_writers(w, img, twin, stable);
    for (int i = 0; i < 3; i++) {
        wait_written(w, 40);
        end_server(pid, sig);
        g_usleep(150000);
        pid = slow_server();
    }
    wait_written(w, 40);
    stop_writers(w);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(w[i].err, 0);
    assert_int_equal(image_read(img, 0, all, BYTES), 0);
    assert_memory_equal(all, twin, BYTES);
    assert_int_equal(img->ops->flush(img), stable ? 0 : EIO);
    image_unref(img);
    end_server(pid, SIGTERM);
    same_as_file(file, twin, BYTES);
    g_free(all);
    g_free(twin);
    wait_threads(threads_at_start);
}

static void test_killed_and_back(void **state)
{
    (void)state;
    survives(false, SIGKILL);
}

static void test_killed_and_back_stable(void **state)
{
    (void)state;
    survives(true, SIGKILL);
}

/* A server that is told to end answers what it has with "shutting down". */
static void test_ended_and_back(void **state)
{
    (void)state;
    survives(true, SIGTERM);
}

/* Flushed before the server was lost: nothing to worry about. */
static void test_flushed_before(void **state)
{
    GPid pid = slow_server();
    struct image *img = open_unix(sock, "reconnect-delay=20");
    uint8_t byte;

    (void)state;
    assert_int_equal(image_write(img, 0, "abc", 3), 0);
    assert_int_equal(img->ops->flush(img), 0);
    end_server(pid, SIGKILL);
    pid = slow_server();
    assert_int_equal(image_read(img, 0, &byte, 1), 0);
    assert_int_equal(img->ops->flush(img), 0);
    assert_int_equal(image_write(img, 0, "abc", 3), 0);
    assert_int_equal(img->ops->flush(img), 0);
    assert_int_equal(image_write(img, 0, "abc", 3), 0);
    end_server(pid, SIGKILL);
    pid = slow_server();
    assert_int_equal(image_read(img, 0, &byte, 1), 0);
    assert_int_equal(img->ops->flush(img), EIO);
    image_unref(img);
    end_server(pid, SIGTERM);
}

static void test_waited_in_vain(void **state)
{
    GPid pid = slow_server();
    struct image *img = open_unix(sock, "reconnect-delay=1");
    int64_t start;
    uint8_t byte;

    (void)state;
    assert_int_equal(image_read(img, 0, &byte, 1), 0);
    end_server(pid, SIGKILL);
    start = ms_now();
    assert_int_equal(image_read(img, 0, &byte, 1), EIO);
    assert_in_range(ms_now() - start, 700, 1600);
    start = ms_now();
    assert_int_equal(image_read(img, 0, &byte, 1), EIO); /* at once: the second is over */
    assert_in_range(ms_now() - start, 0, 200);
    start = ms_now();
    image_unref(img);
    assert_in_range(ms_now() - start, 0, 400);
    wait_threads(threads_at_start);
}

static void back_as(GPid pid, const char *options, const char *rest)
{
    struct image *img = open_unix(sock, "reconnect-delay=20");
    int64_t start = ms_now();
    uint8_t byte;

    end_server(pid, SIGKILL);
    pid = nbdkit(sock, options, rest);
    assert_int_equal(image_read(img, 0, &byte, 1), EIO);
    assert_true(ms_now() - start < 5000);
    end_server(pid, SIGTERM);
    /* And so it stays, even if the right one comes back. */
    pid = nbdkit(sock, "", "memory 1M");
    g_usleep(1500000);
    assert_int_equal(image_read(img, 0, &byte, 1), EIO);
    image_unref(img);
    end_server(pid, SIGTERM);
    wait_threads(threads_at_start);
}

static void test_back_as_another(void **state)
{
    (void)state;
    back_as(nbdkit(sock, "", "memory 1M"), "", "memory 2M");
    back_as(nbdkit(sock, "", "memory 1M"), "-r", "memory 1M");
}

/* open-timeout: a server that comes late is waited for. */
static void test_late_server(void **state)
{
    g_autofree char *late = g_strdup_printf("sleep 0.7; exec nbdkit -f --exit-with-parent -U %s memory 1M",
                                            sock);
    g_autofree char *text = g_strdup_printf("server.type=unix,server.path=%s,open-timeout=1", sock);
    char *argv[] = { "sh", "-c", late, NULL };
    struct image *img;
    GPid pid;

    (void)state;
    unlink(sock);
    refused(text, "No such file", 1700);
    pid = spawn(argv);
    img = open_unix(sock, "open-timeout=10");
    image_unref(img);
    end_server(pid, SIGTERM);
    wait_threads(threads_at_start);
}

/* ---- a server that hangs ------------------------------------------------------------------- */

static void read_done(struct block_req *req, int err)
{
    *(int *)req->opaque = err + 1000;
    block_req_free(req);
}

/* A guest's read hangs; the disk is closed nevertheless, at once as far as a user can tell. */
static void test_hung_and_closed(void **state)
{
    g_autofree char *name = g_strdup_printf("nbd:unix:%s", sock);
    struct block_options opt = { .name = "hd0", .file = name, .format = "raw" };
    GPid pid = slow_server();
    GError *error = NULL;
    struct block *blk = block_open(&opt, &error);
    struct block_req *req;
    int64_t start, end;
    int result = 0;
    void *buf;

    (void)state;
    assert_non_null(blk);
    kill(pid, SIGSTOP);
    req = block_req_new(blk, 1);
    buf = block_req_alloc_buffer(req, 4096);
    req->op = BLOCK_READ;
    req->sectors = 8;
    req->iov[0] = (struct iovec){ buf, 4096 };
    req->iovcnt = 1;
    req->done = read_done;
    req->opaque = &result;
    block_submit(blk, req);
    for (int i = 0; i < 20; i++) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(10000);
    }
    assert_int_equal(result, 0);
    start = ms_now();
    block_close(blk);
    assert_true(ms_now() - start < 2500);
    /* Its memory and its thread go when the server is gone. */
    end_server(pid, SIGKILL);
    end = ms_now() + 12000;
    while (entries("/proc/self/task") > threads_at_start) {
        assert_true(ms_now() < end);
        g_main_context_iteration(NULL, FALSE);
        g_usleep(10000);
    }
    assert_int_equal(result, 0); /* it was abandoned */
}

/* Nothing is under way, but the server does not even take leave. */
static void test_hung_and_idle(void **state)
{
    GPid pid = slow_server();
    struct image *img = open_unix(sock, "");
    int64_t start = ms_now();

    (void)state;
    kill(pid, SIGSTOP);
    image_unref(img);
    assert_true(ms_now() - start < 500);
    end_server(pid, SIGKILL);
    wait_threads(threads_at_start);
}

static void test_hung_at_open(void **state)
{
    g_autofree char *text = g_strdup_printf("server.type=unix,server.path=%s,open-timeout=1", sock);
    GPid pid = slow_server();

    (void)state;
    kill(pid, SIGSTOP);
    refused(text, "does not answer", 2000);
    end_server(pid, SIGKILL);
    wait_threads(threads_at_start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_in_mid_write), cmocka_unit_test(test_killed_and_back),
        cmocka_unit_test(test_killed_and_back_stable), cmocka_unit_test(test_ended_and_back),
        cmocka_unit_test(test_flushed_before), cmocka_unit_test(test_waited_in_vain),
        cmocka_unit_test(test_back_as_another), cmocka_unit_test(test_late_server),
        cmocka_unit_test(test_hung_and_closed), cmocka_unit_test(test_hung_and_idle),
        cmocka_unit_test(test_hung_at_open),
    };

    if (!have("nbdkit")) {
        puts("needs nbdkit: apt-get install nbdkit");
        return 77;
    }
    alarm(300);
    return cmocka_run_group_tests_name("nbd_lost", tests, set_up, tear_down);
}

#else

int main(void)
{
    puts("built without libnbd");
    return 77;
}

#endif
