/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 under the request queue: many requests at once, overlapping ones in the order of their submission,
 * by worker threads and by Linux AIO straight on the file. The oracle compares the end.
 */
#include "block_util.h"

#define DISK_BYTES (8u << 20)
#define DEPTH 48
#define SECTORS_MAX 300

struct slot {
    struct probe p;
    bool busy, read;
    uint8_t *expected; /* of a read, as it was when it was submitted */
};

static uint8_t *model;
static uint64_t rng;

static uint64_t draw(uint64_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % n;
}

static int run(const char *format, ...) G_GNUC_PRINTF(1, 2);
static int run(const char *format, ...)
{
    g_autofree char *line = NULL;
    int status = -1;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    return g_spawn_command_line_sync(line, NULL, NULL, &status, NULL) ? status : -1;
}

static void submit_random(struct slot *s, struct block *blk)
{
    uint32_t n = (uint32_t)(1 + draw(draw(4) ? 32 : SECTORS_MAX));
    uint64_t first = draw(DISK_BYTES / 512 - n);
    unsigned what = (unsigned)draw(16);
    uint8_t *at = model + first * 512;

    if (draw(2)) { /* as most guests do, and as O_DIRECT likes it */
        first &= ~7ull;
        n = (n + 7) & ~7u;
        n = first + n > DISK_BYTES / 512 ? 8 : n;
        at = model + first * 512;
    }
    s->busy = true;
    s->read = what >= 10;
    if (what == 0) {
        probe_start(&s->p, blk, BLOCK_FLUSH, 0, 0, NULL);
    } else if (what == 1) {
        memset(at, 0, n * 512ull);
        probe_start(&s->p, blk, BLOCK_WRITE_ZEROES, first, n, NULL);
    } else if (what < 10) {
        for (uint32_t i = 0; i < n * 512; i += 8) {
            uint64_t v = draw(UINT64_MAX);

            memcpy(at + i, &v, 8);
        }
        probe_make(&s->p, blk, BLOCK_WRITE, first, n, at);
        s->p.req->fua = draw(8) == 0;
        probe_submit(&s->p, blk);
    } else {
        memcpy(s->expected, at, n * 512ull);
        probe_start(&s->p, blk, BLOCK_READ, first, n, NULL);
    }
}

static void collect(struct slot *s)
{
    if (!s->busy || !s->p.done)
        return;
    assert_int_equal(s->p.err, 0);
    if (s->read)
        assert_memory_equal(s->p.data, s->expected, s->p.req->sectors * 512ull);
    block_req_free(s->p.req);
    s->busy = false;
}

static unsigned busy(const struct slot *slots)
{
    unsigned n = 0;

    for (unsigned i = 0; i < DEPTH; i++)
        n += slots[i].busy && !slots[i].p.done;
    return n;
}

static void load(struct block *blk, unsigned count)
{
    static struct slot slots[DEPTH];

    for (unsigned i = 0; i < DEPTH; i++) {
        slots[i] = (struct slot){ .p.lock = iolock_new() };
        slots[i].expected = g_malloc((SECTORS_MAX + 8) * 512);
    }
    for (unsigned i = 0; i < count; i++) {
        struct slot *s = &slots[i % DEPTH];

        if (s->busy)
            wait_until(s->p.done);
        collect(s);
        submit_random(s, blk);
    }
    wait_until(busy(slots) == 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        collect(&slots[i]);
        iolock_free(slots[i].p.lock);
        g_free(slots[i].expected);
    }
}

static void run_block(unsigned cluster, bool direct, bool native, bool writethrough)
{
    struct block_options opt = plain_options();
    GError *error = NULL;
    struct block *blk;

    opt.format = "qcow2";
    opt.cache_direct = direct;
    opt.aio_native = native;
    opt.writethrough = writethrough;
    assert_int_equal(run("qemu-img create -q -f qcow2 -o cluster_size=%u %s %u", cluster, image_path,
                         DISK_BYTES), 0);
    model = g_malloc0(DISK_BYTES);
    rng = 88172645463325252ull + cluster;
    blk = block_open(&opt, &error);
    if (!blk && direct && strstr(error->message, "O_DIRECT")) {
        g_clear_error(&error);
        g_free(model);
        skip();
    }
    if (!blk)
        fail_msg("%s", error->message);
    load(blk, writethrough ? 300 : 1500);
    block_close(blk);
    {
        g_autofree char *raw = g_strconcat(image_path, ".raw", NULL);

        assert_int_equal(run("qemu-img check -q -f qcow2 %s", image_path), 0);
        assert_true(g_file_set_contents(raw, (char *)model, DISK_BYTES, NULL));
        assert_int_equal(run("qemu-img compare -q -f raw -F qcow2 %s %s", raw, image_path), 0);
        unlink(raw);
    }
    g_free(model);
}

static void test_threads(void **state)
{
    (void)state;
    run_block(512, false, false, false);
    run_block(4096, false, false, false);
    run_block(65536, false, false, false);
}

static void test_direct(void **state)
{
    (void)state;
    run_block(512, true, false, false);
    run_block(65536, true, false, false);
}

static void test_native(void **state)
{
    (void)state;
    run_block(512, true, true, false);
    run_block(4096, true, true, false);
    run_block(65536, true, true, false);
    run_block(2u << 20, true, true, false);
}

static void test_writethrough(void **state)
{
    (void)state;
    run_block(65536, true, true, true);
    run_block(4096, false, false, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_native),
        cmocka_unit_test(test_writethrough),
    };
    g_autofree char *oracle = g_find_program_in_path("qemu-img");

    if (!oracle) {
        puts("no qemu-img: apt-get install qemu-utils");
        return 77;
    }
    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
