/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups under a guest that writes: the copy is the disk as it was at the start, and the guest's disk
 * is what it wrote, whatever becomes of the target. */
#include "block_util.h"

#include "block/backup.h"
#include "block/commit.h"
#include "block/copy_before_write.h"
#include "block/create.h"
#include "block/drivers.h"
#include "block/live_snapshot.h"

#define BYTES ((4u << 20) + 3 * 512)
#define SECTORS (BYTES / 512)
#define IN_FLIGHT 8

static char *target_path;
static uint8_t *twin, *at_start;
static unsigned fds;

/* ---- the guest ---- */

struct guest {
    struct block *blk;
    struct probe probes[IN_FLIGHT];
    GRand *rng;
    unsigned writes;
};

static void one_write(struct guest *g, struct probe *p)
{
    uint32_t sectors = (uint32_t)g_rand_int_range(g->rng, 1, g_rand_boolean(g->rng) ? 9 : 300);
    uint64_t sector = (uint64_t)g_rand_int_range(g->rng, 0, (gint32)(SECTORS - sectors + 1));
    g_autofree uint8_t *data = g_malloc(sectors * 512u);
    bool zeroes = g_rand_int_range(g->rng, 0, 8) == 0;

    memset(data, zeroes ? 0 : g_rand_int_range(g->rng, 1, 256), sectors * 512u);
    memcpy(twin + sector * 512, data, sectors * 512u);
    probe_start(p, g->blk, zeroes ? BLOCK_WRITE_ZEROES : BLOCK_WRITE, sector, sectors, data);
    g->writes++;
}

static void keep_writing(struct guest *g)
{
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        struct probe *p = &g->probes[i];

        if (p->req && !p->done)
            continue;
        if (p->req) {
            assert_int_equal(p->err, 0); /* never the guest's trouble */
            block_req_free(p->req);
        }
        one_write(g, p);
    }
}

static void stop_writing(struct guest *g)
{
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        if (!g->probes[i].req)
            continue;
        wait_until(g->probes[i].done);
        assert_int_equal(g->probes[i].err, 0);
        block_req_free(g->probes[i].req);
        g->probes[i].req = NULL;
    }
}

static void write_for(struct guest *g, int ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000ll;

    while (g_get_monotonic_time() < end) {
        keep_writing(g);
        g_main_context_iteration(NULL, FALSE);
    }
}

static void guest_open(struct guest *g, struct block_options *opt, guint32 seed)
{
    size_t n;

    make_image(BYTES);
    g_free(twin);
    twin = image_bytes(&n);
    memset(g, 0, sizeof(*g));
    g->rng = g_rand_new_with_seed(seed);
    g->blk = open_block(opt);
}

static void check_file(const char *path, const uint8_t *expected)
{
    g_autofree char *bytes = NULL;
    gsize n;

    assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    assert_int_equal(n, BYTES);
    for (unsigned i = 0; i < SECTORS; i++) {
        if (memcmp(bytes + i * 512, expected + i * 512, 512))
            fail_msg("%s: sector %u differs", path, i);
    }
}

static void guest_close(struct guest *g)
{
    struct image *root = block_root(g->blk);

    stop_writing(g);
    assert_false(image_is_cbw(root));
    block_close(g->blk);
    check_file(image_path, twin);
    g_rand_free(g->rng);
}

/* ---- the backup ---- */

static unsigned errors_told, completed, cancelled;

static void hook(void *opaque, struct job *job, enum job_event event, bool read, const char *action)
{
    (void)opaque, (void)job, (void)read, (void)action;
    errors_told += event == JOB_EVENT_ERROR;
    completed += event == JOB_EVENT_COMPLETED;
    cancelled += event == JOB_EVENT_CANCELLED;
}

static struct image *open_target(const char *faults)
{
    const struct create_options size = { .bytes = BYTES };
    struct image_flags flags = { .locking = true, .discard = true };
    GError *error = NULL;
    struct image *img;

    assert_true(create_at(target_path, "raw", &size, NULL));
    img = create_open(target_path, "raw", NULL, false, &flags, &error);
    if (!img)
        fail_msg("%s", error->message);
    return faults ? fault_open(img, faults, NULL) : img;
}

static struct job *start(struct guest *g, struct image *target, struct backup_options opt)
{
    GError *error = NULL;
    struct job *job;

    opt.blk = g->blk;
    opt.target = target;
    opt.job_id = "b";
    opt.manual_dismiss = true;
    stop_writing(g); /* one that is under way may come to lie before the moment or after it */
    job = backup_new(&opt, &error);
    if (!job || !backup_place(job, 5000, &error))
        fail_msg("%s", error->message);
    g_free(at_start);
    at_start = g_memdup2(twin, BYTES);
    errors_told = completed = cancelled = 0;
    job_start(job);
    return job;
}

static void finish(struct job *job, const char *expected_error)
{
    struct job_view v;

    job_look(job, &v);
    if (!expected_error && v.error)
        fail_msg("the backup failed: %s", v.error);
    if (expected_error && (!v.error || !strstr(v.error, expected_error)))
        fail_msg("'%s' does not say '%s'", v.error ? v.error : "", expected_error);
    g_free(v.error);
    assert_true(job_dismiss(job, NULL));
    assert_null(job_find("b"));
}

static void run_to_end(struct guest *g, struct job *job)
{
    gint64 end = g_get_monotonic_time() + WAIT_LIMIT_MS * 1000ll;

    while (job->status != JOB_CONCLUDED) {
        keep_writing(g);
        g_main_context_iteration(NULL, FALSE);
        assert_true(g_get_monotonic_time() < end);
    }
}

static void one_case(struct block_options opt, guint32 seed, uint64_t speed, const char *faults)
{
    struct guest g;
    struct image *target;
    struct job *job;

    guest_open(&g, &opt, seed);
    write_for(&g, 20);
    target = open_target(faults);
    job = start(&g, target, (struct backup_options){ .speed = speed });
    image_unref(target);
    run_to_end(&g, job);
    finish(job, NULL);
    assert_int_equal(completed, 1);
    write_for(&g, 10);
    check_file(target_path, at_start);
    assert_true(g.writes > 50);
    guest_close(&g);
}

static void random_writes(void **state)
{
    (void)state;
    for (guint32 seed = 1; seed <= 4; seed++)
        one_case(plain_options(), seed, 8 << 20, NULL);
    one_case(plain_options(), 5, 0, NULL);
}

/* Writes go by the kernel's AIO once their clusters are copied, by the filter before. */
static void native_aio(void **state)
{
    struct block_options opt = plain_options();
    struct block *blk;

    (void)state;
    opt.cache_direct = opt.aio_native = true;
    blk = block_open(&opt, NULL);
    if (!blk)
        skip(); /* this file system's O_DIRECT wants 4096 bytes: not this size (tmpfs) */
    block_close(blk);
    for (guint32 seed = 1; seed <= 2; seed++)
        one_case(opt, seed, 8 << 20, NULL);
}

static void slow_target(void **state)
{
    (void)state;
    one_case(plain_options(), 9, 0, "write:*:delay=5");
}

static void cancel_anywhere(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        struct block_options opt = plain_options();
        struct image *target;
        struct guest g;
        struct job *job;

        guest_open(&g, &opt, (guint32)i);
        target = open_target(i & 1 ? "write:*:delay=3" : NULL);
        job = start(&g, target, (struct backup_options){ .speed = i & 2 ? 4 << 20 : 0 });
        write_for(&g, i * i / 2);
        if (job->status == JOB_RUNNING) {
            gint64 begin = g_get_monotonic_time();

            assert_true(job_cancel(job, NULL));
            run_to_end(&g, job);
            assert_int_equal(cancelled, 1);
            assert_true(g_get_monotonic_time() - begin < 2000000);
        }
        finish(job, NULL);
        assert_int_equal(target->users, 0);
        image_unref(target);
        write_for(&g, 5);
        guest_close(&g);
    }
}

/* The target fails: the job does, the guest does not. */
static void failing_target(void **state)
{
    static const struct {
        const char *faults;
        enum job_on_error policy;
        bool good, stops;
    } cases[] = {
        { "write:2:EIO", JOB_ON_ERROR_REPORT, false, false },
        { "write:3:EIO", JOB_ON_ERROR_IGNORE, true, false },
        { "write:2:ENOSPC", JOB_ON_ERROR_ENOSPC, true, true },
        { "write:2:EIO", JOB_ON_ERROR_ENOSPC, false, false },
        { "write:1:EIO", JOB_ON_ERROR_STOP, true, true },
        { "flush:1:ENOSPC", JOB_ON_ERROR_REPORT, false, false },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct block_options opt = plain_options();
        struct image *target;
        struct guest g;
        struct job *job;

        guest_open(&g, &opt, (guint32)i);
        target = open_target(cases[i].faults);
        job = start(&g, target, (struct backup_options){ .on_target_error = cases[i].policy });
        image_unref(target);
        if (cases[i].stops) {
            wait_until(job->status == JOB_PAUSED);
            write_for(&g, 10);
            assert_int_equal(job->status, JOB_PAUSED);
            assert_true(job_user_resume(job, NULL));
        }
        run_to_end(&g, job);
        assert_int_equal(errors_told, 1);
        finish(job, cases[i].good ? NULL : target_path);
        if (cases[i].good)
            check_file(target_path, at_start);
        guest_close(&g);
    }
}

/* What the guest overwrites cannot be read: the same. */
static void failing_source(void **state)
{
    struct block_options opt = plain_options();
    struct image *target = NULL;
    struct guest g;
    struct job *job;

    (void)state;
    opt.fault = "read:1:EIO";
    guest_open(&g, &opt, 1);
    target = open_target(NULL);
    job = start(&g, target, (struct backup_options){ .on_source_error = JOB_ON_ERROR_IGNORE });
    image_unref(target);
    run_to_end(&g, job);
    /* The job's own reading is tried again; a guest's write cannot wait for that. */
    assert_int_equal(errors_told, 1);
    if (job->error) {
        finish(job, "overwrites");
    } else {
        finish(job, NULL);
        check_file(target_path, at_start);
    }
    guest_close(&g);
}

/* The target's host hangs: the guest goes on until the queue is full, then for CBW_WAIT_MS at most
 * waits; cancelled, at once. */
static void hanging_target(void **state)
{
    struct block_options opt = plain_options();
    struct image *target;
    struct guest g;
    struct job *job;
    gint64 begin;

    (void)state;
    guest_open(&g, &opt, 1);
    target = open_target("write:*:hold");
    job = start(&g, target, (struct backup_options){0});
    write_for(&g, 30);
    begin = g_get_monotonic_time();
    assert_true(job_cancel(job, NULL));
    stop_writing(&g);
    assert_true(g_get_monotonic_time() - begin < 1000000);
    assert_int_equal(job->status, JOB_ABORTING);
    assert_true(block_check_no_job(g.blk, NULL)); /* the disk is free of it already */
    write_for(&g, 10);
    guest_close(&g);
    assert_true(fault_release(target));
    wait_until(job->status == JOB_CONCLUDED);
    finish(job, NULL);
    image_unref(target);
}

/* The disk is closed with a job at work, one that can be stopped and one that cannot. */
static void closed_under_it(void **state)
{
    (void)state;
    for (int hang = 0; hang < 2; hang++) {
        struct block_options opt = plain_options();
        struct image *target;
        struct guest g;
        struct job *job;

        guest_open(&g, &opt, 1);
        target = open_target(hang ? "write:*:hold" : "write:*:delay=2");
        job = start(&g, target, (struct backup_options){0});
        write_for(&g, 5);
        guest_close(&g);
        if (hang)
            fault_release(target);
        wait_until(job->status == JOB_CONCLUDED);
        finish(job, NULL);
        image_unref(target);
    }
}

static void modes(void **state)
{
    struct block_options opt = plain_options();
    uint8_t old[512];
    struct image *target;
    struct guest g;
    struct job *job;
    GError *error = NULL;

    (void)state;
    guest_open(&g, &opt, 1);
    memcpy(old, twin + 100 * 512, 512);
    target = open_target(NULL);
    job = start(&g, target, (struct backup_options){ .sync = BACKUP_NONE });
    assert_false(block_set_root(g.blk, NULL, false, 100, &error));
    assert_non_null(strstr(error->message, "in use by block job: backup"));
    g_clear_error(&error);
    assert_int_equal(block_resize(g.blk, BYTES * 2, 100), EBUSY);
    memset(twin + 100 * 512, 7, 512);
    assert_int_equal(transfer(g.blk, BLOCK_WRITE, 100, 1, twin + 100 * 512), 0);
    run_for(50);
    assert_int_equal(job->status, JOB_RUNNING); /* it has no end of its own */
    job_cancel(job, NULL);
    wait_until(job->status == JOB_CONCLUDED);
    finish(job, NULL);
    uint8_t copied[1024];
    assert_int_equal(image_read(target, 100 * 512, copied, 512), 0);
    assert_memory_equal(copied, old, 512);
    assert_int_equal(image_read(target, 1 << 20, copied, 512), 0);
    for (int i = 0; i < 512; i++)
        assert_int_equal(copied[i], 0);
    image_unref(target);
    guest_close(&g);
}

/* The overlay goes back into its base under a guest that writes; completed, given up, or failing. */
static void commit_case(guint32 seed, bool complete, const char *faults)
{
    const struct create_options size = { .bytes = BYTES };
    struct commit_options c = { .job_id = "b", .manual_dismiss = true };
    struct block_options opt = plain_options();
    struct image *overlay, *base;
    struct image_flags flags = { .locking = true };
    struct live_snapshot s;
    struct guest g;
    struct job *job;

    opt.fault = faults;
    guest_open(&g, &opt, seed);
    base = block_root(g.blk);
    assert_true(create_at(target_path, "qcow2", &size, NULL));
    overlay = create_open(target_path, "qcow2", NULL, true, &flags, NULL);
    assert_true(live_snapshot_take(&s, g.blk, overlay, 1000, NULL));
    image_unref(overlay);
    write_for(&g, 30);
    c.blk = g.blk;
    errors_told = completed = cancelled = 0;
    job = commit_start(&c, 1000, NULL);
    assert_non_null(job);
    while (job->status == JOB_RUNNING) {
        keep_writing(&g);
        g_main_context_iteration(NULL, FALSE);
    }
    if (faults) {
        run_to_end(&g, job);
        finish(job, g_strerror(EIO));
        assert_ptr_equal(block_root(g.blk), overlay);
    } else {
        assert_int_equal(job->status, JOB_READY);
        write_for(&g, 20);
        assert_true(complete ? job_complete(job, NULL) : job_cancel(job, NULL));
        run_to_end(&g, job);
        finish(job, NULL);
        assert_ptr_equal(block_root(g.blk), complete ? base : overlay);
    }
    assert_int_equal(base->readonly, block_root(g.blk) != base);
    write_for(&g, 10);
    if (!complete) { /* what the guest wrote is in the overlay */
        g_autofree uint8_t *data = g_malloc(BYTES);

        stop_writing(&g);
        for (uint32_t at = 0; at < SECTORS; at += 1024) {
            uint32_t n = MIN(1024, SECTORS - at);

            assert_int_equal(transfer(g.blk, BLOCK_READ, at, n, data), 0);
            assert_memory_equal(data, twin + at * 512, n * 512);
        }
        block_close(g.blk);
        g_rand_free(g.rng);
    } else {
        guest_close(&g);
    }
}

static void commit_back(void **state)
{
    (void)state;
    for (guint32 seed = 1; seed <= 4; seed++)
        commit_case(seed, true, NULL);
    commit_case(5, false, NULL);
    commit_case(6, false, "write:3:EIO");
}

static int set_up(void **state)
{
    int fd;

    group_set_up(state);
    target_path = g_strdup("/tmp/kvm-dm-test-backup-XXXXXX");
    fd = g_mkstemp(target_path);
    assert_true(fd >= 0);
    close(fd);
    job_set_hook(hook, NULL);
    g_main_context_default(); /* has a descriptor of its own */
    fds = open_fds();
    return 0;
}

static int tear_down(void **state)
{
    unlink(target_path);
    g_free(target_path);
    g_free(twin);
    g_free(at_start);
    return group_tear_down(state);
}

static void nothing_left(void **state)
{
    (void)state;
    assert_int_equal(open_fds(), fds);
    wait_until(threads() <= threads_at_start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_writes),  cmocka_unit_test(native_aio),
        cmocka_unit_test(slow_target),    cmocka_unit_test(cancel_anywhere),
        cmocka_unit_test(failing_target), cmocka_unit_test(failing_source),
        cmocka_unit_test(hanging_target), cmocka_unit_test(closed_under_it),
        cmocka_unit_test(modes),          cmocka_unit_test(commit_back),
        cmocka_unit_test(nothing_left),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
