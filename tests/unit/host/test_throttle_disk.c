/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits on disks at work: how many requests end in a time, in groups too, and what does not wait. */
#include "tests/unit/host/block_util.h"

#include "block/throttle.h"

#define MANY 400

static struct block *open_null(const char *name)
{
    struct block_options opt = { .name = name, .format = "null-co" };

    return open_block(&opt);
}

static void limit(struct block *blk, const char *name, uint64_t value, const char *group)
{
    struct throttle_config cfg = { 0 };
    GError *error = NULL;

    assert_true(throttle_config_set(&cfg, name, value));
    if (!block_set_throttle(blk, &cfg, group, &error))
        fail_msg("%s", error->message);
}

static void start(struct probe *p, unsigned n, struct block *blk, enum block_op op)
{
    memset(p, 0, n * sizeof(*p));
    for (unsigned i = 0; i < n; i++)
        probe_start(&p[i], blk, op, op == BLOCK_FLUSH ? 0 : i * 8, op == BLOCK_FLUSH ? 0 : 8, NULL);
}

static unsigned done(const struct probe *p, unsigned n)
{
    unsigned count = 0;

    for (unsigned i = 0; i < n; i++)
        count += p[i].done;
    return count;
}

/* Gives up what is not done, frees the rest. */
static void finish(struct probe *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (p[i].done)
            block_req_free(p[i].req);
        else
            probe_abandon(&p[i]);
    }
}

/* Wide bounds: a busy machine serves less in its time, never more. */
static void test_rate(void **state)
{
    unsigned fds = open_fds();
    struct block *blk = open_null("hd0");
    struct probe p[MANY];
    gint64 begin = g_get_monotonic_time();
    unsigned n;

    (void)state;
    limit(blk, "iops-total", 100, NULL);
    start(p, MANY, blk, BLOCK_READ);
    run_for(500);
    n = done(p, MANY);
    assert_in_range(n, 20, (g_get_monotonic_time() - begin) / 10000 + 12);
    finish(p, MANY);
    block_close(blk);
    assert_int_equal(open_fds(), fds);
}

static void test_bytes(void **state)
{
    struct block *blk = open_null("hd0");
    struct probe p[MANY];
    gint64 begin = g_get_monotonic_time();

    (void)state;
    limit(blk, "bps-write", 409600, NULL); /* 100 of 4096 a second */
    start(p, MANY, blk, BLOCK_WRITE);
    run_for(300);
    assert_in_range(done(p, MANY), 12, (g_get_monotonic_time() - begin) / 10000 + 12);
    finish(p, MANY);
    start(p, MANY, blk, BLOCK_READ); /* reads have no limit */
    wait_until(done(p, MANY) == MANY);
    finish(p, MANY);
    block_close(blk);
}

/* A read that waits holds up neither a write without limit, nor a flush, nor a discard. */
static void test_others_pass(void **state)
{
    struct block *blk = open_null("hd0");
    struct probe reads[20], p[3] = { 0 };

    (void)state;
    limit(blk, "iops-read", 1, NULL);
    start(reads, 20, blk, BLOCK_READ);
    start(&p[0], 1, blk, BLOCK_WRITE);
    start(&p[1], 1, blk, BLOCK_FLUSH);
    probe_start(&p[2], blk, BLOCK_DISCARD, 1000, 8, NULL);
    wait_until(done(p, 3) == 3);
    assert_in_range(done(reads, 20), 0, 3);
    finish(p, 3);
    finish(reads, 20);
    block_close(blk);
}

/* Nothing gets past a limit by reading at once. */
static void test_no_try_read(void **state)
{
    struct block *blk = open_null("hd0");
    uint8_t sector[512];
    struct iovec iov = { sector, 512 };

    (void)state;
    assert_int_equal(block_try_read(blk, 0, &iov, 1), 0);
    limit(blk, "iops-total", 1, NULL);
    assert_int_equal(block_try_read(blk, 0, &iov, 1), EAGAIN);
    assert_true(block_set_throttle(blk, NULL, NULL, NULL));
    assert_int_equal(block_try_read(blk, 0, &iov, 1), 0);
    block_close(blk);
}

/* A drain waits for none of it, a close neither, and what is taken back goes at once. */
static void test_drain_and_close(void **state)
{
    struct block *blk = open_null("hd0");
    struct probe p[50];
    gint64 begin;

    (void)state;
    limit(blk, "iops-total", 1, NULL);
    start(p, 50, blk, BLOCK_WRITE);
    run_for(30);
    assert_in_range(done(p, 50), 0, 3);
    begin = g_get_monotonic_time();
    assert_true(block_drain_all(10000));
    assert_in_range(g_get_monotonic_time() - begin, 0, 5000000);
    assert_int_equal(done(p, 50), 50);
    finish(p, 50);

    start(p, 50, blk, BLOCK_READ); /* the drain was counted: they wait long */
    run_for(30);
    assert_int_equal(done(p, 50), 0);
    assert_true(block_set_throttle(blk, NULL, NULL, NULL));
    wait_until(done(p, 50) == 50);
    finish(p, 50);

    limit(blk, "iops-total", 1, NULL);
    start(p, 50, blk, BLOCK_READ);
    begin = g_get_monotonic_time();
    block_close(blk);
    assert_in_range(g_get_monotonic_time() - begin, 0, BLOCK_CLOSE_WAIT_MS * 1000);
}

/* A higher limit is in force for those that wait. */
static void test_change(void **state)
{
    struct block *blk = open_null("hd0");
    struct probe p[100];

    (void)state;
    limit(blk, "iops-total", 1, NULL);
    start(p, 100, blk, BLOCK_READ);
    run_for(20);
    assert_in_range(done(p, 100), 0, 3);
    limit(blk, "iops-total", 1000, NULL);
    wait_until(done(p, 100) == 100);
    finish(p, 100);
    block_close(blk);
}

/* Three disks, one of which asks for much more: all move on, together within the limit. */
static void test_group(void **state)
{
    unsigned fds = open_fds();
    struct block *a = open_null("a"), *b = open_null("b"), *c = open_null("c");
    struct probe pa[MANY], pb[20], pc[20];
    gint64 begin = g_get_monotonic_time();
    unsigned n;

    (void)state;
    limit(a, "iops-total", 100, "shared");
    limit(b, "iops-total", 100, "shared");
    limit(c, "iops-total", 100, "shared");
    start(pa, MANY, a, BLOCK_READ);
    start(pb, 20, b, BLOCK_READ);
    start(pc, 20, c, BLOCK_WRITE);
    wait_until(done(pb, 20) == 20 && done(pc, 20) == 20);
    n = done(pa, MANY);
    assert_in_range(n, 5, 110); /* about as many as each other one, not all of its own first */
    assert_in_range(n + 40, 0, (g_get_monotonic_time() - begin) / 10000 + 40);
    finish(pa, MANY);
    finish(pb, 20);
    finish(pc, 20);
    block_close(a);
    block_close(b);
    block_close(c);
    assert_int_equal(open_fds(), fds);
}

/* The head of the line gives its requests up, or is closed: the others still get their turn. */
static void test_group_loses_head(void **state)
{
    struct block *a = open_null("a"), *b = open_null("b"), *c = open_null("c");
    struct probe pa[10], pb[10], pc[3];

    (void)state;
    limit(a, "iops-total", 10, "shared");
    limit(b, "iops-total", 10, "shared");
    limit(c, "iops-total", 10, "shared");
    start(pa, 10, a, BLOCK_READ);
    start(pb, 10, b, BLOCK_READ);
    start(pc, 3, c, BLOCK_READ);
    finish(pa, 10);
    block_close(b);
    wait_until(done(pc, 3) == 3);
    finish(pc, 3);
    for (unsigned i = 0; i < 10; i++) {
        if (pb[i].done)
            block_req_free(pb[i].req);
    }
    block_close(a);
    block_close(c);
}

static void test_get(void **state)
{
    struct block *a = open_null("a"), *b = open_null("b");
    struct throttle_config cfg = { 0 }, got;
    const char *group;
    GError *error = NULL;

    (void)state;
    assert_false(block_get_throttle(a, &got, &group));
    assert_null(group);
    limit(a, "iops-total", 7, NULL);
    assert_true(block_get_throttle(a, &got, &group));
    assert_string_equal(group, "a");
    assert_int_equal(throttle_config_get(&got, "iops"), 7);
    limit(b, "bps-read", 9, "a"); /* for all of the group */
    assert_true(block_get_throttle(a, &got, &group));
    assert_int_equal(throttle_config_get(&got, "bps_rd"), 9);
    assert_int_equal(throttle_config_get(&got, "iops"), 0);
    limit(a, "iops-total", 8, "other");
    assert_true(block_get_throttle(a, &got, &group));
    assert_string_equal(group, "other");
    limit(a, "iops-total", 3, NULL); /* stays where it is */
    assert_true(block_get_throttle(a, &got, &group));
    assert_string_equal(group, "other");
    assert_true(block_get_throttle(b, &got, &group));
    assert_int_equal(throttle_config_get(&got, "bps_rd"), 9);
    throttle_config_set(&cfg, "iops-total-max", 5);
    assert_false(block_set_throttle(a, &cfg, NULL, &error));
    g_clear_error(&error);
    assert_true(block_get_throttle(a, &got, &group));
    assert_int_equal(throttle_config_get(&got, "iops"), 3);
    block_close(a);
    block_close(b);
}

/* Limits that change while requests come, are given up and end: nothing is lost, nothing hangs. */
static void test_chaos(void **state)
{
    static const char *const groups[] = { NULL, "x", "y" };
    unsigned fds = open_fds();
    struct block *blk[3] = { open_null("a"), open_null("b"), open_null("c") };
    struct probe p[48] = { 0 };
    GRand *rand = g_rand_new_with_seed(7);

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct probe *at = &p[g_rand_int_range(rand, 0, 48)];
        struct block *any = blk[g_rand_int_range(rand, 0, 3)];

        if (!at->req) {
            enum block_op op = (enum block_op)g_rand_int_range(rand, 0, 5);

            memset(at, 0, sizeof(*at));
            probe_start(at, any, op, (uint64_t)g_rand_int_range(rand, 0, 30),
                        op == BLOCK_FLUSH ? 0 : 3, NULL);
        } else if (at->done) {
            block_req_free(at->req);
            at->req = NULL;
        } else if (g_rand_int_range(rand, 0, 4) == 0) {
            probe_abandon(at);
        }
        if (g_rand_int_range(rand, 0, 20) == 0)
            limit(any, g_rand_boolean(rand) ? "iops-total" : "iops-read",
                  (uint64_t)g_rand_int_range(rand, 0, 5000), groups[g_rand_int_range(rand, 0, 3)]);
        if (g_rand_int_range(rand, 0, 60) == 0)
            assert_true(block_drain_all(10000));
        if (g_rand_boolean(rand))
            g_main_context_iteration(NULL, FALSE);
    }
    for (unsigned i = 0; i < 3; i++)
        limit(blk[i], "iops-total", 2000, NULL);
    for (unsigned i = 0; i < 48; i++) {
        if (!p[i].req)
            continue;
        wait_until(p[i].done);
        block_req_free(p[i].req);
    }
    for (unsigned i = 0; i < 3; i++)
        block_close(blk[i]);
    g_rand_free(rand);
    assert_int_equal(open_fds(), fds);
}

/* GLib's own descriptors are there before any is counted. */
static int set_up(void **state)
{
    g_main_context_iteration(NULL, FALSE);
    return group_set_up(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_others_pass), cmocka_unit_test(test_no_try_read),
        cmocka_unit_test(test_drain_and_close), cmocka_unit_test(test_change),
        cmocka_unit_test(test_group),       cmocka_unit_test(test_group_loses_head),
        cmocka_unit_test(test_get),         cmocka_unit_test(test_chaos),
    };

    return cmocka_run_group_tests(tests, set_up, group_tear_down);
}
