/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arithmetic of I/O limits on made-up time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "block/throttle.h"

#define SECOND 1000000000ll

/* A configuration from "name=value,..." */
static struct throttle_config config(const char *text)
{
    struct throttle_config cfg = { 0 };
    char **pairs = g_strsplit(text, ",", 0);

    for (char **p = pairs; *p; p++) {
        char *eq = strchr(*p, '=');

        *eq = '\0';
        if (!throttle_config_set(&cfg, *p, g_ascii_strtoull(eq + 1, NULL, 10)))
            fail_msg("no such limit: %s", *p);
    }
    g_strfreev(pairs);
    return cfg;
}

/* ---- configuration ------------------------------------------------------------------------- */

static void test_names(void **state)
{
    static const char *const both[][2] = {
        { "bps-total", "bps" },
        { "bps-read", "bps_rd" },
        { "bps-write", "bps_wr" },
        { "iops-total", "iops" },
        { "iops-read", "iops_rd" },
        { "iops-write", "iops_wr" },
        { "bps-total-max", "bps_max" },
        { "bps-read-max", "bps_rd_max" },
        { "bps-write-max", "bps_wr_max" },
        { "iops-total-max", "iops_max" },
        { "iops-read-max", "iops_rd_max" },
        { "iops-write-max", "iops_wr_max" },
        { "bps-total-max-length", "bps_max_length" },
        { "bps-read-max-length", "bps_rd_max_length" },
        { "bps-write-max-length", "bps_wr_max_length" },
        { "iops-total-max-length", "iops_max_length" },
        { "iops-read-max-length", "iops_rd_max_length" },
        { "iops-write-max-length", "iops_wr_max_length" },
        { "iops-size", "iops_size" },
    };
    struct throttle_config a = { 0 }, b = { 0 };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(both); i++) {
        assert_true(throttle_config_set(&a, both[i][0], i + 100));
        assert_true(throttle_config_set(&b, both[i][1], i + 100));
    }
    assert_memory_equal(&a, &b, sizeof(a));
    for (unsigned i = 0; i < G_N_ELEMENTS(both); i++)
        assert_int_equal(throttle_config_get(&a, both[i][1]), i + 100);
    memset(&a, 0, sizeof(a));
    assert_false(throttle_enabled(&a));
    assert_int_equal(throttle_config_get(&a, "iops_rd_max_length"), 1);
    assert_int_equal(throttle_config_get(&a, "iops_rd_max"), 0);
    assert_false(throttle_config_set(&a, "iops-foo", 1));
    assert_false(throttle_config_set(&a, "iops-total-max-foo", 1));
    assert_false(throttle_config_set(&a, "iopsx", 1));
    assert_false(throttle_config_set(&a, "", 1));
    assert_false(throttle_enabled(&a));
}

static void refused(const char *text, const char *why)
{
    struct throttle_config cfg = config(text);
    GError *error = NULL;

    if (throttle_config_check(&cfg, &error))
        fail_msg("'%s' was accepted", text);
    if (!strstr(error->message, why) || strchr(error->message, '\n'))
        fail_msg("'%s': %s", text, error->message);
    g_error_free(error);
}

static void accepted(const char *text)
{
    struct throttle_config cfg = config(text);
    GError *error = NULL;

    if (!throttle_config_check(&cfg, &error))
        fail_msg("'%s': %s", text, error->message);
    assert_true(throttle_enabled(&cfg));
}

static void test_check(void **state)
{
    (void)state;
    accepted("iops-total=1");
    accepted("iops-read=10,iops-write=20,bps-total=1000,iops-size=4096");
    accepted("bps-read=1000000000000000,bps-read-max=1000000000000000");
    accepted("bps-write=10,bps-write-max=10,bps-write-max-length=1");
    accepted("iops-total=5,iops-total-max-length=1");
    accepted("iops-total=5,iops-total-max=1000000,iops-total-max-length=1000000000");
    refused("iops-total=5,iops-total-max=1000001,iops-total-max-length=1000000000", "too long");
    refused("iops-total=5,iops-total-max=1,iops-total-max-length=0", "lower than");
    refused("iops-total=5,iops-read=4", "at the same time");
    refused("iops-total=5,iops-total-max=6,iops-write=4", "at the same time");
    refused("bps-total=5,bps-write=4", "at the same time");
    refused("bps-total=5,bps-total-max=9,bps-write-max=9", "at the same time");
    refused("iops-total=1000000000000001", "iops-total");
    refused("iops-read=5,iops-read-max=1000000000000001", "iops-read-max");
    refused("iops-total=18446744073709551615", "within");
    refused("bps-read-max=7", "needs bps-read");
    refused("bps-read=7,bps-read-max-length=2", "needs bps-read-max");
    refused("bps-read=7,iops-size=4096", "iops-size needs");
    refused("iops-read=7,iops-size=1000000000000001", "iops-size");
    refused("bps-read=7,bps-read-max=9,bps-read-max-length=18446744073709551615", "too long");
}

/* ---- time ---------------------------------------------------------------------------------- */

/* A guest that never rests: how many requests start within [from, until). */
static unsigned run(struct throttle *t, bool write, uint64_t bytes, int64_t *now, int64_t until)
{
    unsigned started = 0;

    for (;;) {
        int64_t wait = throttle_wait_ns(t, write, *now);

        assert_true(wait >= 0);
        if (wait >= until - *now)
            break;
        *now += wait;
        /* The answer was exact: not a nanosecond earlier, and then indeed. */
        assert_int_equal(throttle_wait_ns(t, write, *now), 0);
        throttle_account(t, write, bytes);
        started++;
    }
    *now = until;
    return started;
}

static struct throttle at_zero(const char *text)
{
    struct throttle_config cfg = config(text);
    struct throttle t;

    assert_true(throttle_config_check(&cfg, NULL));
    throttle_init(&t, &cfg, 0);
    return t;
}

static void test_steady_iops(void **state)
{
    struct throttle t = at_zero("iops-total=100");
    int64_t now = 0;
    unsigned n;

    (void)state;
    n = run(&t, false, 4096, &now, 10 * SECOND);
    assert_in_range(n, 1000, 1012); /* and what the bucket holds: 100 ms */
    n = run(&t, true, 512, &now, 20 * SECOND);
    assert_in_range(n, 999, 1001);
    now += 1000 * SECOND; /* a rest does not save up more than the bucket */
    n = run(&t, true, 512, &now, now + SECOND);
    assert_in_range(n, 100, 112);
}

static void test_one_a_second(void **state)
{
    struct throttle t = at_zero("iops-total=1");

    (void)state;
    assert_int_equal(throttle_wait_ns(&t, false, 5), 0);
    throttle_account(&t, false, 512);
    assert_int_equal(throttle_wait_ns(&t, false, 5), SECOND * 9 / 10);
    assert_int_equal(throttle_wait_ns(&t, true, 5 + SECOND / 2), SECOND * 4 / 10);
    assert_int_equal(throttle_wait_ns(&t, true, 4 + SECOND * 9 / 10), 1);
    assert_int_equal(throttle_wait_ns(&t, true, 5 + SECOND * 9 / 10), 0);
}

static void test_directions(void **state)
{
    struct throttle t = at_zero("iops-read=10,bps-write=1000000");
    int64_t now = 0;

    (void)state;
    assert_in_range(run(&t, false, 1 << 20, &now, SECOND), 10, 12);
    assert_int_equal(throttle_wait_ns(&t, true, now), 0); /* reads are no writes */
    assert_in_range(run(&t, true, 10000, &now, 2 * SECOND), 100, 112);
    t = at_zero("bps-read=5");
    throttle_account(&t, true, 1 << 30);
    assert_int_equal(throttle_wait_ns(&t, true, 0), 0);
    assert_int_equal(throttle_wait_ns(&t, false, 0), 0);
}

/* A request above the bucket starts, and the next one waits for all of it. */
static void test_large_request(void **state)
{
    struct throttle t = at_zero("bps-total=1000");

    (void)state;
    assert_int_equal(throttle_wait_ns(&t, false, 0), 0);
    throttle_account(&t, false, 60000);
    assert_int_equal(throttle_wait_ns(&t, false, 0), 59900000000ll);
}

static void test_iops_size(void **state)
{
    struct throttle t = at_zero("iops-total=10,iops-size=4096");
    int64_t now = 0;

    (void)state;
    assert_in_range(run(&t, false, 16384, &now, 40 * SECOND), 100, 101); /* each counts as four */
    assert_in_range(run(&t, false, 512, &now, 80 * SECOND), 395, 401);
    t = at_zero("iops-total=10,iops-size=4096");
    throttle_account(&t, false, 6144); /* one and a half */
    assert_int_equal(throttle_wait_ns(&t, false, 0), 50000000);
}

/* The documentation's example: 100 iops, bursts of 2000. */
static void test_burst(void **state)
{
    struct throttle t = at_zero("iops-total=100,iops-total-max=2000");
    int64_t now = 0;

    (void)state;
    assert_in_range(run(&t, false, 512, &now, SECOND / 100), 2000, 2003); /* all at once */
    assert_in_range(run(&t, false, 512, &now, now + 10 * SECOND), 999, 1001);
    now += 5 * SECOND; /* 500 leak meanwhile */
    assert_in_range(run(&t, false, 512, &now, now + SECOND / 100), 500, 503);
    now += 20 * SECOND;
    assert_in_range(run(&t, false, 512, &now, now + SECOND / 100), 2000, 2003);
}

/* And with 60 s of it: at 2000 a second, not all at once. */
static void test_long_burst(void **state)
{
    struct throttle t = at_zero("iops-total=100,iops-total-max=2000,iops-total-max-length=60");
    int64_t now = 0;
    unsigned n;

    (void)state;
    assert_in_range(run(&t, false, 512, &now, SECOND), 2000, 2202);
    n = run(&t, false, 512, &now, 59 * SECOND);
    assert_in_range(n, 2000 * 58 - 1, 2000 * 58 + 1);
    run(&t, false, 512, &now, 70 * SECOND); /* 120000 and what leaked: the burst is over */
    n = run(&t, false, 512, &now, 80 * SECOND);
    assert_in_range(n, 999, 1001);
}

/* ---- the ends of the numbers --------------------------------------------------------------- */

static void test_extremes(void **state)
{
    struct throttle t = at_zero("bps-total=1");
    int64_t now = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) /* a drain lets all through and still counts */
        throttle_account(&t, true, UINT64_MAX);
    assert_int_equal(throttle_wait_ns(&t, true, 0), INT64_MAX);
    assert_int_equal(throttle_wait_ns(&t, true, INT64_MAX), INT64_MAX);

    t = at_zero("bps-total=1000000000000000");
    throttle_account(&t, true, 1ull << 62);
    assert_in_range(throttle_wait_ns(&t, true, 0), 4611 * SECOND, 4612 * SECOND);
    assert_int_equal(throttle_wait_ns(&t, true, INT64_MAX), 0);
    assert_int_equal(throttle_wait_ns(&t, true, INT64_MIN), 0); /* a clock that goes back */

    t = at_zero("iops-read=1000000000000000,iops-size=1");
    throttle_account(&t, false, UINT64_MAX);
    assert_true(throttle_wait_ns(&t, false, 0) > 0);
    t = at_zero("bps-read=999999937,bps-read-max=1000000007,bps-read-max-length=3");
    /* The burst's rate for 100 s, and its 100 ms. */
    assert_in_range(run(&t, false, 65536, &now, 100 * SECOND), 1527403, 1527407);
}

/* The clock that goes back neither leaks twice nor stops. */
static void test_clock_back(void **state)
{
    struct throttle t = at_zero("iops-total=10");

    (void)state;
    for (unsigned i = 0; i < 12; i++)
        throttle_account(&t, false, 1);
    assert_int_equal(throttle_wait_ns(&t, false, 0), SECOND * 11 / 10);
    assert_int_equal(throttle_wait_ns(&t, false, SECOND), SECOND / 10);
    assert_int_equal(throttle_wait_ns(&t, false, 0), SECOND / 10);
    assert_int_equal(throttle_wait_ns(&t, false, SECOND), SECOND / 10);
    assert_int_equal(throttle_wait_ns(&t, false, SECOND * 11 / 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_check),
        cmocka_unit_test(test_steady_iops),   cmocka_unit_test(test_one_a_second),
        cmocka_unit_test(test_directions),    cmocka_unit_test(test_large_request),
        cmocka_unit_test(test_iops_size),     cmocka_unit_test(test_burst),
        cmocka_unit_test(test_long_burst),    cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_clock_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
