/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block layer on bad hosts: errors by policy, requests given up, hung I/O, order after a reset.
 */
#include "block_util.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#define DISK_SECTORS 256u
#define DISK_BYTES (DISK_SECTORS * 512u)

static struct {
    unsigned calls, stops;
    bool write, nospace;
    char reason[80];
    bool drain; /* the hook drains, as stopping a VM does */
} told;

static void hook(void *opaque, struct block *blk, bool write, bool nospace, const char *reason,
                 bool stopped)
{
    assert_ptr_equal(opaque, &told);
    assert_true(pthread_equal(pthread_self(), main_thread));
    assert_string_equal(block_error_action(blk, write, nospace),
                        stopped ? "stop" : block_error_action(blk, write, nospace));
    told.calls++;
    told.stops += stopped;
    told.write = write;
    told.nospace = nospace;
    g_strlcpy(told.reason, reason, sizeof(told.reason));
    if (told.drain)
        assert_true(block_drain_all(10000));
}

static int refresh(void **state)
{
    (void)state;
    make_image(DISK_BYTES);
    memset(&told, 0, sizeof(told));
    block_set_stop_hook(hook, &told);
    return 0;
}

static struct block *open_faulty(const char *fault, enum block_on_error werror,
                                 enum block_on_error rerror)
{
    struct block_options opt = plain_options();

    opt.fault = fault;
    opt.werror = werror;
    opt.rerror = rerror;
    return open_block(&opt);
}

static const char *const op_names[] = { [BLOCK_READ] = "read",
                                        [BLOCK_WRITE] = "write",
                                        [BLOCK_FLUSH] = "flush",
                                        [BLOCK_DISCARD] = "discard" };

/* ---- the n-th fails, for every n ----------------------------------------------------------- */

static void test_nth_fails(void **state)
{
    enum { N = 12 };

    (void)state;
    for (enum block_op op = BLOCK_READ; op <= BLOCK_DISCARD; op++) {
        for (int n = 1; n <= N; n++) {
            char *fault = g_strdup_printf("%s:%d:EIO", op_names[op], n);
            struct block *blk = open_faulty(fault, 0, 0);

            told.calls = 0;
            for (int i = 1; i <= N; i++) {
                /* A failed flush stays (B-03); everything else is over with the one. */
                bool fails = i == n || (op == BLOCK_FLUSH && i > n);

                assert_int_equal(transfer(blk, op, (uint64_t)i, 1, NULL), fails ? EIO : 0);
                assert_int_equal(told.calls, i < n ? 0 : op == BLOCK_FLUSH ? i - n + 1 : 1);
            }
            assert_int_equal(told.write, op != BLOCK_READ);
            assert_false(told.nospace);
            assert_int_equal(told.stops, 0);
            assert_string_equal(told.reason, g_strerror(EIO));
            told.calls = 0;
            block_close(blk);
            g_free(fault);
        }
    }
}

/* A reopened disk may flush again. */
static void test_flush_failure_ends_with_reopen(void **state)
{
    struct block *blk = open_faulty("flush:1:EIO", 0, 0);

    (void)state;
    assert_int_equal(flush(blk), EIO);
    assert_int_equal(flush(blk), EIO);
    block_close(blk);
    blk = open_faulty(NULL, 0, 0);
    assert_int_equal(flush(blk), 0);
    block_close(blk);
}

/* ---- policy -------------------------------------------------------------------------------- */

static void test_policy_table(void **state)
{
    static const struct {
        bool write;
        const char *error;
        enum block_on_error policy;
        const char *action;
        int seen; /* by the guest, when not stopped */
    } rows[] = {
        { true, "EIO", BLOCK_ON_ERROR_DEFAULT, "report", EIO },
        { true, "ENOSPC", BLOCK_ON_ERROR_DEFAULT, "stop", 0 },
        { true, "EDQUOT", BLOCK_ON_ERROR_DEFAULT, "stop", 0 },
        { true, "EFBIG", BLOCK_ON_ERROR_DEFAULT, "stop", 0 },
        { true, "EIO", BLOCK_ON_ERROR_ENOSPC, "report", EIO },
        { true, "ENOSPC", BLOCK_ON_ERROR_ENOSPC, "stop", 0 },
        { true, "EIO", BLOCK_ON_ERROR_REPORT, "report", EIO },
        { true, "ENOSPC", BLOCK_ON_ERROR_REPORT, "report", ENOSPC },
        { true, "EIO", BLOCK_ON_ERROR_STOP, "stop", 0 },
        { true, "ENOSPC", BLOCK_ON_ERROR_STOP, "stop", 0 },
        { true, "EIO", BLOCK_ON_ERROR_IGNORE, "ignore", 0 },
        { true, "ENOSPC", BLOCK_ON_ERROR_IGNORE, "ignore", 0 },
        { false, "EIO", BLOCK_ON_ERROR_DEFAULT, "report", EIO },
        { false, "EIO", BLOCK_ON_ERROR_REPORT, "report", EIO },
        { false, "EIO", BLOCK_ON_ERROR_STOP, "stop", 0 },
        { false, "EIO", BLOCK_ON_ERROR_IGNORE, "ignore", 0 },
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *fault = g_strdup_printf("%s:1:%s", rows[i].write ? "write" : "read", rows[i].error);
        struct block *blk = rows[i].write ? open_faulty(fault, rows[i].policy, 0)
                                          : open_faulty(fault, 0, rows[i].policy);
        bool nospace = strcmp(rows[i].error, "EIO") != 0;
        bool stops = !strcmp(rows[i].action, "stop");
        uint8_t buf[512];
        struct probe p = { 0 };

        memset(&told, 0, sizeof(told));
        memset(buf, 0xa5, sizeof(buf));
        assert_string_equal(block_error_action(blk, rows[i].write, nospace), rows[i].action);
        probe_start(&p, blk, rows[i].write ? BLOCK_WRITE : BLOCK_READ, rows[i].write, 1, buf);
        wait_until(told.calls);
        assert_int_equal(told.stops, stops);
        assert_int_equal(told.nospace, nospace);
        if (stops) {
            run_for(10);
            assert_int_equal(p.done, 0);
            assert_int_equal(block_held_count(blk), 1);
            assert_true(block_drain_all(100)); /* a held one is not waited for */
            block_resume_all();
            wait_until(p.done);
            assert_int_equal(block_held_count(blk), 0);
        }
        wait_until(p.done);
        assert_int_equal(p.err, rows[i].seen);
        /* Ignored: zeroes, not what was in the buffer. Retried: the file's bytes. */
        if (!rows[i].write && !p.err)
            assert_int_equal(p.data[9], stops ? pattern(9) : 0);
        block_req_free(p.req);
        block_close(blk);
        g_free(fault);
    }
}

static void test_policy_words(void **state)
{
    enum block_on_error e;

    (void)state;
    assert_true(block_on_error_parse("stop", &e) && e == BLOCK_ON_ERROR_STOP);
    assert_true(block_on_error_parse("enospc", &e) && e == BLOCK_ON_ERROR_ENOSPC);
    assert_true(block_on_error_parse("auto", &e) && e == BLOCK_ON_ERROR_DEFAULT);
    assert_false(block_on_error_parse("Stop", &e));
    assert_false(block_on_error_parse("", &e));
}

/* Fails again after each cont, and once it does not any more, ends. */
static void test_cont_repeats(void **state)
{
    struct block *blk = open_faulty("write:1:ENOSPC,write:2:ENOSPC,write:3:ENOSPC", 0, 0);
    uint8_t buf[512] = { 0x77 };
    struct probe p = { .lock = iolock_new() };

    (void)state;
    probe_start(&p, blk, BLOCK_WRITE, 7, 1, buf);
    for (unsigned i = 1; i <= 3; i++) {
        wait_until(told.calls == i);
        assert_int_equal(p.done, 0);
        block_resume_all();
    }
    wait_until(p.done);
    assert_int_equal(p.err, 0);
    assert_int_equal(told.calls, 3);
    block_req_free(p.req);
    iolock_free(p.lock);
    assert_int_equal(transfer(blk, BLOCK_READ, 7, 1, buf), 0);
    assert_int_equal(buf[0], 0x77);
    block_close(blk);
}

/* Requests behind a held one to the same sectors stay behind it; others do not care. */
static void test_held_keeps_order(void **state)
{
    struct block *blk = open_faulty("write:1:ENOSPC", 0, 0);
    uint8_t one[512] = { 1 }, two[512] = { 2 }, buf[512];
    struct probe first = { 0 }, second = { 0 }, reader = { 0 };

    (void)state;
    probe_start(&first, blk, BLOCK_WRITE, 7, 1, one);
    wait_until(told.stops);
    probe_start(&second, blk, BLOCK_WRITE, 7, 1, two);
    probe_start(&reader, blk, BLOCK_READ, 7, 1, NULL);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 9, 1, two), 0);
    run_for(20);
    assert_int_equal(second.done + reader.done, 0);
    block_resume(blk);
    wait_until(first.done && second.done && reader.done);
    assert_true(first.serial < second.serial && second.serial < reader.serial);
    assert_int_equal(reader.data[0], 2);
    assert_int_equal(transfer(blk, BLOCK_READ, 7, 1, buf), 0);
    assert_int_equal(buf[0], 2);
    block_req_free(first.req);
    block_req_free(second.req);
    block_req_free(reader.req);
    block_close(blk);
}

/* Many fail in one batch, and stopping the VM drains from inside the first report. */
static void test_hook_may_drain(void **state)
{
    struct block *blk = open_faulty("write:*:delay=5,write:2+:ENOSPC", 0, 0);
    struct probe p[20] = { 0 };
    unsigned done = 0;

    (void)state;
    told.drain = true;
    for (unsigned i = 0; i < 20; i++)
        probe_start(&p[i], blk, BLOCK_WRITE, i, 1, NULL);
    wait_until(told.stops == 19);
    assert_int_equal(block_held_count(blk), 19);
    for (unsigned i = 0; i < 20; i++)
        done += (unsigned)p[i].done;
    assert_int_equal(done, 1);
    told.drain = false;
    for (unsigned i = 0; i < 20; i++) {
        if (p[i].done)
            block_req_free(p[i].req);
        else
            block_abandon(p[i].req);
    }
    assert_int_equal(block_held_count(blk), 0);
    block_close(blk);
}

/* ---- real errors of the host --------------------------------------------------------------- */

/* B-01 on a file system that is full, and grows. */
static void test_enospc_on_tmpfs(void **state)
{
    char dir[] = "/tmp/kvm-dm-test-tmpfs-XXXXXX";
    struct block_options opt = plain_options();
    struct probe p = { 0 };
    uint8_t *big = g_malloc0(1 << 20);

    (void)state;
    assert_non_null(mkdtemp(dir));
    if (mount("tmpfs", dir, "tmpfs", 0, "size=1m") != 0) {
        rmdir(dir);
        g_free(big);
        print_message("mounting a tmpfs is not permitted here\n");
        skip();
    }
    char *path = g_build_filename(dir, "disk.img", NULL);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 4 << 20), 0);
    close(fd);
    opt.file = path;
    struct block *blk = open_block(&opt);
    memset(big, 0x5a, 1 << 20);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 0, 1024, big), 0);
    probe_start(&p, blk, BLOCK_WRITE, 1024, 2048, big);
    wait_until(told.calls);
    assert_true(told.nospace && told.stops == 1 && !p.done);
    block_resume_all();
    wait_until(told.calls == 2); /* still full */
    assert_int_equal(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=4m"), 0);
    block_resume_all();
    wait_until(p.done);
    assert_int_equal(p.err, 0);
    block_req_free(p.req);
    memset(big, 0, 1 << 20);
    assert_int_equal(transfer(blk, BLOCK_READ, 1024, 2048, big), 0);
    for (int i = 0; i < 1 << 20; i++)
        assert_int_equal(big[i], 0x5a);
    block_close(blk);
    assert_int_equal(umount(dir), 0);
    rmdir(dir);
    g_free(path);
    g_free(big);
}

/* over RLIMIT_FSIZE, by a worker and by AIO. */
static void file_size_limit(struct block_options *opt)
{
    struct rlimit old, small;
    struct block *blk = open_block(opt);
    uint8_t buf[4096] = { 0x3c };
    struct probe p = { 0 };

    memset(&told, 0, sizeof(told));
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = DISK_BYTES / 2;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    probe_start(&p, blk, BLOCK_WRITE, DISK_SECTORS / 2 + 8, 8, buf);
    wait_until(told.calls);
    assert_true(told.nospace && told.stops == 1);
    assert_string_equal(told.reason, g_strerror(EFBIG));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    block_resume_all();
    wait_until(p.done);
    assert_int_equal(p.err, 0);
    block_req_free(p.req);
    assert_int_equal(transfer(blk, BLOCK_READ, DISK_SECTORS / 2 + 8, 1, buf), 0);
    assert_int_equal(buf[0], 0x3c);
    block_close(blk);
}

static void test_file_size_limit(void **state)
{
    struct block_options opt = plain_options();
    GError *error = NULL;

    (void)state;
    file_size_limit(&opt);
    opt.cache_direct = opt.aio_native = true;
    struct block *blk = block_open(&opt, &error);
    g_clear_error(&error);
    if (blk) {
        block_close(blk);
        file_size_limit(&opt);
    }
}

/* ---- giving requests up -------------------------------------------------------------------- */

/* Every state in which a request can be given up: done() never comes, nothing leaks (ASan), order
 * stays. */
static void test_abandon_in_every_state(void **state)
{
    struct block *blk = open_faulty("write:*:hold", BLOCK_ON_ERROR_STOP, BLOCK_ON_ERROR_STOP);
    uint8_t a[512] = { 0xaa }, b[512] = { 0xbb }, buf[512];
    struct probe idle = { 0 }, running = { 0 }, waiting = { 0 }, queued[40] = { 0 }, p = { 0 };

    (void)state;
    probe_make(&idle, blk, BLOCK_WRITE, 1, 1, a);
    probe_abandon(&idle);

    probe_start(&running, blk, BLOCK_WRITE, 7, 1, a);
    wait_until(block_fault_holding(blk) == 1);
    probe_start(&waiting, blk, BLOCK_WRITE, 7, 1, b);
    /* More than a disk may have under way: the last ones are ready, but not started. */
    for (unsigned i = 0; i < 40; i++)
        probe_start(&queued[i], blk, BLOCK_WRITE, 20 + i, 1, b);
    wait_until(block_fault_holding(blk) == 16);
    run_for(20);
    assert_int_equal(block_fault_holding(blk), 16); /* the bound */
    for (int i = 39; i >= 0; i--)
        probe_abandon(&queued[i]);
    probe_abandon(&waiting);
    probe_abandon(&running);
    assert_true(block_fault_release(blk));
    wait_until(block_drain_all(100));
    assert_int_equal(idle.done + running.done + waiting.done + p.done, 0);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(queued[i].done, 0);

    /* What had started landed; what waited or was ready did not. */
    assert_int_equal(transfer(blk, BLOCK_READ, 7, 1, buf), 0);
    assert_int_equal(buf[0], 0xaa);
    assert_int_equal(transfer(blk, BLOCK_READ, 1, 1, buf), 0);
    assert_int_equal(buf[0], pattern(512));
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(transfer(blk, BLOCK_READ, 20 + i, 1, buf), 0);
        assert_int_equal(buf[0], i < 15 ? 0xbb : pattern((20 + i) * 512));
    }

    /* Ended, but not delivered: the main loop does not run between. */
    probe_start(&p, blk, BLOCK_READ, 3, 1, NULL);
    g_usleep(30000);
    probe_abandon(&p);
    run_for(20);
    assert_int_equal(p.done, 0);
    /* A refused one is in that state at once. */
    probe_start(&p, blk, BLOCK_READ, DISK_SECTORS, 1, NULL);
    probe_abandon(&p);
    run_for(20);
    assert_int_equal(p.done, 0);
    block_close(blk);

    /* Held. What waited behind it goes on. */
    blk = open_faulty("write:1:EIO", BLOCK_ON_ERROR_STOP, 0);
    probe_start(&p, blk, BLOCK_WRITE, 7, 1, b);
    wait_until(told.stops == 1);
    probe_start(&waiting, blk, BLOCK_READ, 7, 1, NULL);
    run_for(20);
    assert_int_equal(waiting.done, 0);
    probe_abandon(&p);
    wait_until(waiting.done);
    assert_int_equal(waiting.data[0], 0xaa);
    assert_int_equal(block_held_count(blk), 0);
    block_resume_all();
    run_for(10);
    assert_int_equal(p.done, 0);
    block_req_free(waiting.req);
    block_close(blk);
}

/* I-13, I-15: a write given up by a reset never lands after a newer one to the same sector. */
static void test_abandoned_write_stays_older(void **state)
{
    struct block *blk = open_faulty("write:1:hold", 0, 0);
    uint8_t old[1024], newer[512], buf[1024];
    struct probe p = { .lock = iolock_new() }, q = { 0 }, r = { 0 };

    (void)state;
    memset(old, 0x01, sizeof(old));
    memset(newer, 0x02, sizeof(newer));
    probe_start(&p, blk, BLOCK_WRITE, 100, 2, old);
    wait_until(block_fault_holding(blk) == 1);
    probe_abandon(&p);
    iolock_free(p.lock); /* the device is gone, too */
    probe_start(&q, blk, BLOCK_WRITE, 101, 1, newer);
    probe_start(&r, blk, BLOCK_READ, 100, 2, NULL);
    run_for(30);
    assert_int_equal(q.done + r.done, 0);
    assert_int_equal(block_try_read(blk, 101, q.req->iov, 1), EAGAIN);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 102, 1, newer), 0); /* next to it: free */
    block_fault_release(blk);
    wait_until(q.done && r.done);
    assert_int_equal(q.err + r.err, 0);
    assert_int_equal(r.data[0], 1);
    assert_int_equal(r.data[512], 2);
    assert_int_equal(transfer(blk, BLOCK_READ, 100, 2, buf), 0);
    assert_int_equal(buf[0], 1);
    assert_int_equal(buf[512], 2);
    assert_int_equal(transfer(blk, BLOCK_READ, 0, 1, buf), 0);
    assert_int_equal(buf[0], pattern(0)); /* sector 0 is intact */
    block_req_free(q.req);
    block_req_free(r.req);
    block_close(blk);
}

/* B-11: a guest that resets a hung disk for ever costs a bounded number of requests and threads. */
static void test_hung_disk_is_bounded(void **state)
{
    unsigned fds = open_fds();
    struct block *blk = open_faulty("read:*:hold", 0, 0);
    struct block_options null = { .name = "n", .format = "null-co" };
    struct block *other = open_block(&null);
    struct block_stats st;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct probe p = { 0 };

        probe_start(&p, blk, BLOCK_READ, (uint64_t)i % DISK_SECTORS, 1, NULL);
        probe_abandon(&p);
    }
    assert_true(block_fault_holding(blk) <= 16);
    assert_true(threads() <= threads_at_start + 32);
    assert_int_equal(transfer(other, BLOCK_READ, 0, 8, NULL), 0); /* others are served */
    gint64 start = g_get_monotonic_time();
    if (block_fault_holding(blk) > 0)
        assert_false(block_drain_all(50));
    assert_true(g_get_monotonic_time() - start < 1000000);
    block_get_stats(blk, &st);
    assert_int_equal(st.rd_ops, 0);
    block_fault_release(blk);
    assert_true(block_drain_all(5000));
    assert_int_equal(transfer(blk, BLOCK_READ, 0, 8, NULL), 0);
    block_close(blk);
    block_close(other);
    wait_until(threads() == threads_at_start);
    assert_int_equal(open_fds(), fds);
}

/* All workers hang in other disks: a write given up meanwhile is not started when one comes free.
 */
static void test_abandoned_in_pool_is_not_started(void **state)
{
    struct block_options null = { .name = "n", .format = "null-co", .fault = "write:*:hold" };
    struct block *hung[2] = { open_block(&null), open_block(&null) };
    struct block *blk = open_faulty(NULL, 0, 0);
    struct probe p[2][16] = { 0 }, mine = { 0 }, read = { 0 };

    (void)state;
    for (int d = 0; d < 2; d++)
        for (unsigned i = 0; i < 16; i++)
            probe_start(&p[d][i], hung[d], BLOCK_WRITE, i, 1, NULL);
    wait_until(block_fault_holding(hung[0]) + block_fault_holding(hung[1]) == 32);
    probe_start(&mine, blk, BLOCK_WRITE, 7, 1, NULL);
    probe_start(&read, blk, BLOCK_READ, 9, 1, NULL);
    run_for(10);
    assert_int_equal(mine.done + read.done, 0);
    probe_abandon(&mine);
    block_fault_release(hung[0]);
    block_fault_release(hung[1]);
    wait_until(read.done);
    block_req_free(read.req);
    assert_true(block_drain_all(1000));
    for (int d = 0; d < 2; d++) {
        for (unsigned i = 0; i < 16; i++) {
            assert_int_equal(p[d][i].done, 1);
            block_req_free(p[d][i].req);
        }
        block_close(hung[d]);
    }
    assert_int_equal(transfer(blk, BLOCK_READ, 7, 1, NULL), 0);
    uint8_t buf[512];
    assert_int_equal(transfer(blk, BLOCK_READ, 7, 1, buf), 0);
    assert_int_equal(buf[3], pattern(7 * 512 + 3));
    block_close(blk);
}

/* M-08: closing does not wait for ever; the file stays locked until the I/O has ended. */
static void test_close_of_a_hung_disk(void **state)
{
    unsigned fds = open_fds();
    struct block *blk = open_faulty("write:1:hold", 0, 0);
    struct block_options opt = plain_options();
    GError *error = NULL;
    struct probe p = { 0 };
    gint64 start;

    (void)state;
    probe_start(&p, blk, BLOCK_WRITE, 7, 1, NULL);
    wait_until(block_fault_holding(blk) == 1);
    start = g_get_monotonic_time();
    block_close(blk);
    assert_in_range(g_get_monotonic_time() - start, 0, 2 * BLOCK_CLOSE_WAIT_MS * 1000 + 500000);
    assert_null(block_open(&opt, &error)); /* the write may still land */
    assert_non_null(strstr(error->message, "in use by another process"));
    g_clear_error(&error);
    assert_true(block_drain_all(10)); /* nobody's any more */
    block_fault_release(blk);
    wait_until(open_fds() == fds);
    assert_int_equal(p.done, 0);
    wait_until(threads() == threads_at_start);
    blk = open_block(&opt);
    block_close(blk);
}

/* A flush that hangs at close neither. */
static void test_close_with_hung_flush(void **state)
{
    unsigned fds = open_fds();
    struct block *blk = open_faulty("flush:1:hold", 0, 0);

    (void)state;
    assert_int_equal(transfer(blk, BLOCK_WRITE, 7, 1, NULL), 0);
    block_close(blk);
    assert_int_not_equal(open_fds(), fds);
    block_fault_release(blk);
    wait_until(open_fds() == fds);
}

/* Close abandons what a device forgot. */
static void test_close_with_requests(void **state)
{
    unsigned fds = open_fds();
    struct block *blk = open_faulty("any:*:delay=20", 0, 0);
    struct probe p[40] = { 0 };

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        probe_start(&p[i], blk, i % 2 ? BLOCK_WRITE : BLOCK_READ, i / 4, 1, NULL);
    block_close(blk);
    run_for(10);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(p[i].done, 0);
    assert_int_equal(open_fds(), fds);
}

/* ---- when a write is stable ---------------------------------------------------------------- */

/*
 * What the image is asked to do, seen through the flush rules: with the cache off or fua set, a raw
 * file syncs by itself; `unsafe` never does.
 */
static void test_unsafe_never_flushes(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk;

    (void)state;
    opt.cache_no_flush = true;
    opt.fault = "flush:*:EIO";
    blk = open_block(&opt);
    assert_int_equal(transfer(blk, BLOCK_WRITE, 7, 1, NULL), 0);
    assert_int_equal(flush(blk), 0);
    block_close(blk);
    assert_int_equal(told.calls, 0);
}

/* ---- random faults ------------------------------------------------------------------------- */

enum { CHAOS = 16 };

/*
 * Submit, abandon, resume, fail in random order: each request ends exactly once or never
 * (abandoned), and at the end nothing is left.
 */
static void chaos(uint32_t seed)
{
    GRand *rand = g_rand_new_with_seed(seed);
    char *fault = g_strdup_printf("write:%d+:ENOSPC,read:%d:EIO,any:*:delay=1,flush:2:EIO",
                                  g_rand_int_range(rand, 5, 60), g_rand_int_range(rand, 1, 60));
    struct block *blk = open_faulty(fault, BLOCK_ON_ERROR_STOP, BLOCK_ON_ERROR_STOP);
    struct probe p[CHAOS] = { 0 };

    for (int i = 0; i < 300; i++) {
        struct probe *at = &p[g_rand_int_range(rand, 0, CHAOS)];
        static const enum block_op ops[] = { BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE, BLOCK_FLUSH,
                                             BLOCK_DISCARD };

        if (!at->req) {
            probe_start(at, blk, ops[g_rand_int_range(rand, 0, 5)],
                        (uint64_t)g_rand_int_range(rand, 0, 24), 3, NULL);
        } else if (at->done) {
            assert_int_equal(at->done, 1);
            block_req_free(at->req);
            at->req = NULL;
        } else if (g_rand_int_range(rand, 0, 3) == 0) {
            probe_abandon(at);
            at->done = 0;
        }
        if (g_rand_int_range(rand, 0, 10) == 0)
            block_resume_all();
        if (g_rand_int_range(rand, 0, 3) == 0)
            g_main_context_iteration(NULL, FALSE);
    }
    for (int i = 0; i < CHAOS; i++) {
        if (p[i].req && p[i].done)
            block_req_free(p[i].req);
        else if (p[i].req)
            probe_abandon(&p[i]);
    }
    assert_true(block_drain_all(10000));
    assert_int_equal(block_held_count(blk), 0);
    block_close(blk);
    g_free(fault);
    g_rand_free(rand);
}

static void test_chaos(void **state)
{
    unsigned fds = open_fds();

    (void)state;
    for (uint32_t seed = 1; seed <= 12; seed++)
        chaos(seed);
    assert_int_equal(open_fds(), fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nth_fails, refresh),
        cmocka_unit_test_setup(test_flush_failure_ends_with_reopen, refresh),
        cmocka_unit_test_setup(test_policy_table, refresh),
        cmocka_unit_test_setup(test_policy_words, refresh),
        cmocka_unit_test_setup(test_cont_repeats, refresh),
        cmocka_unit_test_setup(test_held_keeps_order, refresh),
        cmocka_unit_test_setup(test_hook_may_drain, refresh),
        cmocka_unit_test_setup(test_enospc_on_tmpfs, refresh),
        cmocka_unit_test_setup(test_file_size_limit, refresh),
        cmocka_unit_test_setup(test_abandon_in_every_state, refresh),
        cmocka_unit_test_setup(test_abandoned_write_stays_older, refresh),
        cmocka_unit_test_setup(test_hung_disk_is_bounded, refresh),
        cmocka_unit_test_setup(test_abandoned_in_pool_is_not_started, refresh),
        cmocka_unit_test_setup(test_close_of_a_hung_disk, refresh),
        cmocka_unit_test_setup(test_close_with_hung_flush, refresh),
        cmocka_unit_test_setup(test_close_with_requests, refresh),
        cmocka_unit_test_setup(test_unsafe_never_flushes, refresh),
        cmocka_unit_test_setup(test_chaos, refresh),
    };

    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
