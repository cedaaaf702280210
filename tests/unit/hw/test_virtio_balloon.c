/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The balloon: pages, reports, statistics, its size; and guests that lie. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/virtio/balloon.h"
#include "tests/fakes/fake_virtio.h"

enum { INFLATE, DEFLATE, STATS, REPORTING };
#define F_STATS (1ull << 1)
#define F_OOM (1ull << 2)
#define F_POISON (1ull << 4)
#define F_REPORTING (1ull << 5)
#define LIST FVD_DATA            /* page numbers, statistics */
#define PAGES (FVD_DATA + 0x10000) /* what is put into the balloon */
#define SECOND 1000000000ll

struct world {
    struct fake_virtio f;
    unsigned changes;
    int64_t wall_s;
};

static void changed(void *opaque)
{
    ((struct world *)opaque)->changes++;
}

static int64_t wall(void *opaque)
{
    return ((struct world *)opaque)->wall_s;
}

static struct world *make(bool reporting, bool poison)
{
    struct world *w = calloc(1, sizeof(*w));
    struct virtio_balloon_config cfg = {
        .port = {changed, wall, w}, .deflate_on_oom = true, .free_page_reporting = reporting, .page_poison = poison};
    char why[200];

    w->wall_s = 1000;
    fvd_init(&w->f);
    w->f.dev = virtio_balloon_new(w->f.bus, FVD_DEVFN, &w->f.fe->env, "balloon0", &cfg, why, sizeof(why));
    assert_non_null(w->f.dev);
    fvd_open(&w->f);
    return w;
}

static struct world *start(bool modern, uint64_t features)
{
    struct world *w = make(features & F_REPORTING, true);

    fvd_start(&w->f, modern, features, features & F_REPORTING ? 4 : 3, 32);
    return w;
}

static void unmake(struct world *w)
{
    fvd_free(&w->f);
    free(w);
}

static uint8_t *ram(struct world *w, uint64_t gpa)
{
    return w->f.fe->ram + gpa;
}

/* A request with page numbers; whether it came back. */
static bool request(struct world *w, unsigned queue, const uint32_t *pfn, uint32_t count)
{
    const struct fv_buf buf = {LIST, 4 * count, false};
    uint32_t head, written;

    memcpy(ram(w, LIST), pfn, 4 * count);
    fv_add(&w->f.q[queue], &buf, 1, 0);
    fvd_kick(&w->f, queue);
    return fv_used(&w->f.q[queue], &head, &written) && written == 0;
}

static uint32_t page(unsigned n)
{
    return PAGES / 4096 + n;
}

/* ---- the function ---- */

static void ids_and_features(void **state)
{
    struct world *w = make(false, false);

    (void)state;
    assert_int_equal(fvd_config(&w->f, 0, 4), 0x10021af4);
    assert_int_equal(fvd_config(&w->f, 0x2c, 4), 0x00051af4);
    assert_int_equal(fvd_config(&w->f, 8, 4) >> 8, 0x00ff00);
    w->f.modern = true;
    assert_int_equal(fvd_offered(&w->f) & 0x3f, F_STATS | F_OOM);
    assert_int_equal(fvd_common(&w->f, 0x12, 2), 3);
    unmake(w);
    w = make(true, true);
    w->f.modern = true;
    assert_int_equal(fvd_offered(&w->f) & 0x3f, F_STATS | F_OOM | F_POISON | F_REPORTING);
    assert_int_equal(fvd_common(&w->f, 0x12, 2), 4);
    unmake(w);
}

/* ---- pages ---- */

/* Upwards, downwards, scattered; what is not named stays. */
static void inflate(void **state)
{
    static const uint32_t up[] = {0, 1, 2, 3}, down[] = {9, 8, 7}, mixed[] = {12, 14, 13, 20};

    for (unsigned modern = 0; modern < 2; modern++) {
        struct world *w = start(modern, F_STATS);
        uint32_t pfn[4];

        (void)state;
        memset(ram(w, PAGES), 0xaa, 32 * 4096);
        for (unsigned i = 0; i < 4; i++)
            pfn[i] = page(up[i]);
        assert_true(request(w, INFLATE, pfn, 4));
        assert_int_equal(w->f.fe->discarded, 4 * 4096);
        assert_int_equal(w->f.fe->discards, 1);
        for (unsigned i = 0; i < 3; i++)
            pfn[i] = page(down[i]);
        assert_true(request(w, INFLATE, pfn, 3));
        assert_int_equal(w->f.fe->discards, 2);
        for (unsigned i = 0; i < 4; i++)
            pfn[i] = page(mixed[i]);
        assert_true(request(w, INFLATE, pfn, 4));
        assert_int_equal(w->f.fe->discarded, 11 * 4096);
        for (unsigned i = 0; i < 32; i++) {
            bool gone = i < 4 || (i >= 7 && i <= 9) || (i >= 12 && i <= 14) || i == 20;

            assert_int_equal(*ram(w, PAGES + 4096 * i), gone ? 0 : 0xaa);
            assert_int_equal(*ram(w, PAGES + 4096 * i + 4095), gone ? 0 : 0xaa);
        }
        assert_int_equal(w->f.fe->guest_errors, 0);
        unmake(w);
    }
}

/* Pages come back by being used: nothing is touched. */
static void deflate(void **state)
{
    struct world *w = start(true, F_STATS);
    uint32_t pfn = page(3);

    (void)state;
    *ram(w, PAGES + 3 * 4096) = 0x55;
    assert_true(request(w, DEFLATE, &pfn, 1));
    assert_int_equal(w->f.fe->discards, 0);
    assert_int_equal(*ram(w, PAGES + 3 * 4096), 0x55);
    unmake(w);
}

/* Numbers of pages that are no RAM, up to the last one there is, do nothing but be counted. */
static void pages_that_are_not_there(void **state)
{
    static const uint32_t pfn[] = {FVD_RAM / 4096, 0xfffff, 0x100000, UINT32_MAX, UINT32_MAX - 1, FVD_MODERN / 4096};
    struct world *w = start(true, F_STATS);

    (void)state;
    assert_true(request(w, INFLATE, pfn, 6));
    assert_int_equal(w->f.fe->discarded, 0);
    assert_true(w->f.fe->guest_errors >= 4);
    assert_int_equal(fvd_status(&w->f) & VIRTIO_NEEDS_RESET, 0);
    unmake(w);
}

/* A request can be far larger than any driver's: it is cut, and a kick ends. */
static void a_request_without_end(void **state)
{
    struct world *w = start(true, F_STATS);
    const struct fv_buf buf = {0, FVD_RAM, false};
    uint32_t head, written;

    (void)state;
    for (unsigned i = 0; i < FVD_RAM / 4; i += 4096 / 4)
        memset(ram(w, 4ull * i), 0, 0); /* the rings are part of the list: whatever is there are page numbers */
    fv_add(&w->f.q[INFLATE], &buf, 1, 0);
    fvd_kick(&w->f, INFLATE);
    assert_true(w->f.fe->discards <= 16384);
    (void)fv_used(&w->f.q[INFLATE], &head, &written);
    unmake(w);
}

/* The list is not in memory, or no list at all. */
static void lists_that_are_not_there(void **state)
{
    struct world *w = start(true, F_STATS);
    const struct fv_buf bufs[] = {{FVD_RAM - 4, 64, false}, {LIST, 3, false}, {LIST, 8, true}};
    uint32_t head, written;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fv_add(&w->f.q[INFLATE], &bufs[i], 1, 0);
        fvd_kick(&w->f, INFLATE);
        assert_true(fv_used(&w->f.q[INFLATE], &head, &written));
        assert_int_equal(written, 0);
    }
    assert_int_equal(w->f.fe->discards, 0);
    assert_true(w->f.fe->guest_errors >= 1);
    unmake(w);
}

/* The balloon takes the page that its own ring is in: a guest's own loss. */
static void a_balloon_of_its_own_rings(void **state)
{
    struct world *w = start(true, F_STATS);
    const uint32_t pfn[] = {FVD_RING(0) >> 12, (FVD_RING(0) >> 12) + 1, LIST >> 12};

    (void)state;
    request(w, INFLATE, pfn, 3);
    fvd_kick(&w->f, INFLATE);
    fvd_start(&w->f, true, F_STATS, 3, 32);
    assert_true(request(w, INFLATE, pfn + 2, 1));
    unmake(w);
}

/* ---- reports ---- */

static bool report(struct world *w, const struct fv_buf *bufs, unsigned count)
{
    uint32_t head, written;

    fv_add(&w->f.q[REPORTING], bufs, count, 0);
    fvd_kick(&w->f, REPORTING);
    return fv_used(&w->f.q[REPORTING], &head, &written) && written == 0;
}

static void free_pages(void **state)
{
    struct world *w = start(true, F_STATS | F_REPORTING);
    const struct fv_buf whole[] = {{PAGES, 8192, true}, {PAGES + 4 * 4096, 4096, true}};
    const struct fv_buf parts[] = {{PAGES + 8 * 4096 + 1, 3 * 4096, true}, {PAGES + 12 * 4096, 4095, true},
                                   {PAGES + 16 * 4096 - 1, 2, true}};
    const struct fv_buf beyond[] = {{FVD_RAM - 4096, 8192, true}, {FVD_MODERN, 4096, true}, {~0xfffull, 4096, true}};

    (void)state;
    memset(ram(w, PAGES), 0xaa, 32 * 4096);
    assert_true(report(w, whole, 2));
    assert_int_equal(w->f.fe->discarded, 3 * 4096);
    assert_int_equal(*ram(w, PAGES + 2 * 4096), 0xaa);
    assert_true(report(w, parts, 3)); /* of parts of pages only what is whole inside */
    assert_int_equal(w->f.fe->discarded, 5 * 4096);
    assert_int_equal(*ram(w, PAGES + 8 * 4096 + 4095), 0xaa);
    assert_int_equal(*ram(w, PAGES + 11 * 4096), 0xaa);
    assert_int_equal(w->f.fe->guest_errors, 0);
    assert_true(report(w, beyond, 3));
    assert_int_equal(w->f.fe->discarded, 5 * 4096);
    assert_int_equal(w->f.fe->guest_errors, 3);
    unmake(w);
}

/* What has to keep its content is not given back. */
static void poison(void **state)
{
    struct world *w = start(true, F_STATS | F_REPORTING | F_POISON);
    const struct fv_buf buf = {PAGES, 8192, true};

    (void)state;
    fvd_set_device_config(&w->f, 12, 4, 0x5a5a5a5a);
    assert_int_equal(fvd_device_config(&w->f, 12, 4), 0x5a5a5a5a);
    assert_true(report(w, &buf, 1));
    assert_int_equal(w->f.fe->discards, 0);
    fvd_set_device_config(&w->f, 12, 4, 0);
    assert_true(report(w, &buf, 1));
    assert_int_equal(w->f.fe->discarded, 8192);
    fvd_set_device_config(&w->f, 12, 4, 1);
    fvd_start(&w->f, true, F_STATS | F_REPORTING, 4, 32); /* without the feature it is no register */
    assert_int_equal(fvd_device_config(&w->f, 12, 4), 0);
    fvd_set_device_config(&w->f, 12, 4, 1);
    assert_int_equal(fvd_device_config(&w->f, 12, 4), 0);
    unmake(w);
}

/* ---- its size ---- */

static void set_target(struct world *w, uint32_t pages)
{
    device_enter(w->f.dev);
    virtio_balloon_set_target(w->f.dev, pages);
    device_leave(w->f.dev);
}

static void size(void **state)
{
    for (unsigned modern = 0; modern < 2; modern++) {
        struct world *w = start(modern, F_STATS);

        (void)state;
        set_target(w, 100);
        assert_int_equal(fvd_isr(&w->f) & 2, 2);
        assert_int_equal(fvd_device_config(&w->f, 0, 4), 100);
        fvd_set_device_config(&w->f, 0, 4, 7); /* the host's to say */
        assert_int_equal(fvd_device_config(&w->f, 0, 4), 100);
        fvd_set_device_config(&w->f, 4, 4, 60);
        assert_int_equal(virtio_balloon_pages(w->f.dev), 60);
        assert_true(w->changes > 0);
        w->changes = 0;
        fvd_set_device_config(&w->f, 4, 4, 60); /* the same again is no news */
        assert_int_equal(w->changes, 0);
        fvd_set_status(&w->f, 0); /* the driver goes: its memory is its own again; the wish stays */
        assert_int_equal(virtio_balloon_pages(w->f.dev), 0);
        assert_int_equal(w->changes, 1);
        assert_int_equal(fvd_device_config(&w->f, 0, 4), 100);
        device_reset(w->f.dev);
        fvd_open(&w->f);
        assert_int_equal(fvd_device_config(&w->f, 0, 4), 100);
        unmake(w);
    }
}

/* ---- statistics ---- */

static void put_stat(struct world *w, unsigned n, uint16_t tag, uint64_t value)
{
    memcpy(ram(w, LIST + 10 * n), &tag, 2);
    memcpy(ram(w, LIST + 10 * n + 2), &value, 8);
}

static void offer_stats(struct world *w, uint32_t bytes)
{
    const struct fv_buf buf = {LIST, bytes, false};

    fv_add(&w->f.q[STATS], &buf, 1, 0);
    fvd_kick(&w->f, STATS);
}

static void stats(void **state)
{
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        struct world *w = start(true, F_STATS | (event_idx ? VIRTIO_F_EVENT_IDX : 0));
        struct virtio_balloon_stats s;
        uint32_t head, written;

        (void)state;
        virtio_balloon_get_stats(w->f.dev, &s);
        assert_true(s.value[BALLOON_FREE_MEMORY] == BALLOON_UNKNOWN && s.updated_s == 0);
        put_stat(w, 0, BALLOON_FREE_MEMORY, 5ull << 40);
        put_stat(w, 1, 99, 1); /* of a newer driver */
        put_stat(w, 2, BALLOON_MAJOR_FAULTS, 7);
        offer_stats(w, 30);
        virtio_balloon_get_stats(w->f.dev, &s);
        assert_true(s.value[BALLOON_FREE_MEMORY] == 5ull << 40);
        assert_int_equal(s.value[BALLOON_MAJOR_FAULTS], 7);
        assert_true(s.value[BALLOON_SWAP_IN] == BALLOON_UNKNOWN);
        assert_int_equal(s.updated_s, 1000);
        assert_false(fv_used(&w->f.q[STATS], &head, &written)); /* it is kept ... */
        fake_step(w->f.fe, 10 * SECOND);
        assert_false(fv_used(&w->f.q[STATS], &head, &written)); /* ... while nobody asks */

        device_enter(w->f.dev);
        virtio_balloon_set_poll(w->f.dev, 2);
        device_leave(w->f.dev);
        for (unsigned round = 0; round < 3; round++) {
            fake_step(w->f.fe, 2 * SECOND);
            assert_true(fv_used(&w->f.q[STATS], &head, &written));
            assert_int_equal(written, 0);
            if (event_idx)
                assert_int_equal(fv_avail_event(&w->f.q[STATS]), w->f.q[STATS].avail_idx);
            w->wall_s++;
            put_stat(w, 0, BALLOON_FREE_MEMORY, round);
            offer_stats(w, 20);
            virtio_balloon_get_stats(w->f.dev, &s);
            assert_int_equal(s.value[BALLOON_FREE_MEMORY], round);
            assert_true(s.value[BALLOON_MAJOR_FAULTS] == BALLOON_UNKNOWN);
            assert_int_equal(s.updated_s, w->wall_s);
        }
        fvd_set_status(&w->f, 0);
        fake_step(w->f.fe, 20 * SECOND);
        virtio_balloon_get_stats(w->f.dev, &s);
        assert_int_equal(s.updated_s, 0);
        unmake(w);
    }
}

/* Reports of no entry, of very many, of half of one, from nowhere; several at once. */
static void stats_that_lie(void **state)
{
    struct world *w = start(true, F_STATS);
    struct virtio_balloon_stats s;
    uint32_t head, written;

    (void)state;
    memset(ram(w, LIST), 0, 0x10000);
    put_stat(w, 0, BALLOON_SWAP_OUT, 3);
    offer_stats(w, 19); /* one and nearly another */
    virtio_balloon_get_stats(w->f.dev, &s);
    assert_int_equal(s.value[BALLOON_SWAP_OUT], 3);
    assert_true(s.value[BALLOON_SWAP_IN] == BALLOON_UNKNOWN);
    device_enter(w->f.dev);
    virtio_balloon_set_poll(w->f.dev, 1);
    device_leave(w->f.dev);
    offer_stats(w, 9);
    offer_stats(w, 0x10000);
    offer_stats(w, 0x7fffffff);
    for (unsigned i = 0; i < 4; i++) {
        fake_step(w->f.fe, SECOND);
        assert_true(fv_used(&w->f.q[STATS], &head, &written));
    }
    fake_step(w->f.fe, SECOND);
    assert_false(fv_used(&w->f.q[STATS], &head, &written));
    fv_desc(&w->f.q[STATS], w->f.q[STATS].desc, 0, LIST, 10, FV_NEXT, 0); /* a chain that loops */
    fv_avail(&w->f.q[STATS], 0);
    fake_step(w->f.fe, SECOND);
    assert_true(fvd_status(&w->f) & VIRTIO_NEEDS_RESET);
    unmake(w);
}

/* Each queue, in each state of the device, with each kind of chain: nothing but the guest's own memory changes. */
static void walk(void **state)
{
    static const struct fv_buf chains[][2] = {{{LIST, 64, false}, {PAGES, 4096, true}},
                                              {{LIST, 1, false}, {PAGES + 1, 1, true}},
                                              {{FVD_RAM, 4096, false}, {FVD_RAM, 4096, true}},
                                              {{0, FVD_RAM, false}, {0, UINT32_MAX, true}}};
    static const uint8_t statuses[] = {0, 3, 11, 15, 0x8f};
    struct world *w = make(true, true);

    (void)state;
    for (unsigned s = 0; s < sizeof(statuses); s++) {
        for (unsigned n = 0; n < 5; n++) {
            for (unsigned c = 0; c < 4; c++) {
                for (unsigned len = 1; len <= 2; len++) {
                    fvd_start(&w->f, true, F_STATS | F_REPORTING | F_POISON, 4, 32);
                    if (!statuses[s])
                        fvd_set_status(&w->f, 0);
                    if (n < 4)
                        fv_add(&w->f.q[n], chains[c], len, 0);
                    if (statuses[s])
                        fvd_set_status(&w->f, statuses[s]);
                    fvd_kick(&w->f, n);
                    fake_step(w->f.fe, SECOND);
                    assert_int_equal(w->f.fe->maps_open, 0);
                }
            }
        }
    }
    unmake(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_features),
        cmocka_unit_test(inflate),
        cmocka_unit_test(deflate),
        cmocka_unit_test(pages_that_are_not_there),
        cmocka_unit_test(a_request_without_end),
        cmocka_unit_test(lists_that_are_not_there),
        cmocka_unit_test(a_balloon_of_its_own_rings),
        cmocka_unit_test(free_pages),
        cmocka_unit_test(poison),
        cmocka_unit_test(size),
        cmocka_unit_test(stats),
        cmocka_unit_test(stats_that_lie),
        cmocka_unit_test(walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
