/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packed virtqueues: chains, wrap counters, order of completion, event suppression, and rings of guests that lie. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/virtio/virtio.h"
#include "tests/fakes/fake_packed.h"

#define RAM (1u << 20)
#define RING 0x1000
#define DATA 0x40000
#define TABLE 0x80000

struct bench {
    struct fake_env *fe;
    struct virtq q;
    struct fake_packed p;
    struct virtq_chain chain;
};

static struct bench *bench(uint16_t size)
{
    struct bench *b = calloc(1, sizeof(*b));

    b->fe = fake_env_new(RAM);
    b->q.dma = &b->fe->env.dma;
    b->q.max_size = 256;
    virtq_reset(&b->q);
    fp_init(&b->p, b->fe, RING, size);
    b->q.size = size;
    b->q.packed = b->q.indirect = true;
    b->q.desc = b->p.ring;
    b->q.avail = b->p.driver;
    b->q.used = b->p.device;
    virtq_start(&b->q);
    assert_int_equal(b->q.state, VIRTQ_READY);
    return b;
}

static void unbench(struct bench *b)
{
    assert_int_equal(b->fe->maps_open, 0);
    fake_env_free(b->fe);
    free(b);
}

static void pop(struct bench *b)
{
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
}

static void use(struct bench *b, uint32_t head, uint32_t written)
{
    assert_true(virtq_push(&b->q, 0, head, written));
    virtq_publish(&b->q, 1);
}

static void expect_used(struct bench *b, uint16_t id, uint32_t written)
{
    uint32_t got_written;
    uint16_t got_id;

    assert_true(fp_used(&b->p, &got_id, &got_written));
    assert_int_equal(got_id, id);
    assert_int_equal(got_written, written);
}

static void expect_fault(struct bench *b, const char *text)
{
    uint32_t written;
    uint16_t id;

    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_FAULT);
    assert_int_equal(b->q.state, VIRTQ_BROKEN);
    assert_non_null(strstr(b->q.fault, text));
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_FAULT);
    assert_false(virtq_push(&b->q, 0, 0, 0));
    assert_false(virtq_wants_interrupt(&b->q));
    assert_false(fp_used(&b->p, &id, &written));
    unbench(b);
}

/* ---- what a driver does ---- */

static void chains_both_ways(void **state)
{
    const struct fv_buf bufs[] = {{DATA, 16, false}, {DATA + 100, 5, false}, {DATA + 0x200, 7, true}, {DATA + 0x300, 1, true}};
    char text[32];

    (void)state;
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        struct bench *b = bench(8);

        memcpy(b->fe->ram + DATA, "0123456789abcdef", 16);
        memcpy(b->fe->ram + DATA + 100, "ghijk", 5);
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY);
        fp_add(&b->p, bufs, 4, 0xfedc, indirect ? TABLE : 0);
        pop(b);
        assert_true(b->chain.out == 2 && b->chain.in == 2 && b->chain.out_bytes == 21 && b->chain.in_bytes == 8);
        assert_true(virtq_read(&b->q, &b->chain, 14, text, 7));
        assert_memory_equal(text, "efghijk", 7);
        assert_true(virtq_write(&b->q, &b->chain, 6, "XY", 2));
        assert_true(b->fe->ram[DATA + 0x206] == 'X' && b->fe->ram[DATA + 0x300] == 'Y');
        use(b, b->chain.head, 8);
        assert_true(fp_flags(&b->p, 0) & FV_WRITE);
        expect_used(b, 0xfedc, 8);
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY);
        unbench(b);
    }
}

/* Sizes that are no powers of two, chains across the end, many rounds. */
static void wraps(void **state)
{
    static const uint16_t sizes[] = {1, 2, 3, 5, 8, 200, 256};

    (void)state;
    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct bench *b = bench(sizes[s]);

        for (unsigned i = 0; i < 5000; i++) {
            const struct fv_buf bufs[3] = {{DATA + i % 1000, 1 + i % 77, false}, {DATA, 2, true}, {DATA, 3, true}};
            unsigned count = 1 + i % 3;

            count = count > sizes[s] ? sizes[s] : count;
            fp_add(&b->p, bufs, count, (uint16_t)(i * 7), 0);
            pop(b);
            assert_int_equal(b->chain.out + b->chain.in, count);
            assert_int_equal(b->chain.out_bytes, 1 + i % 77);
            use(b, b->chain.head, i);
            expect_used(b, (uint16_t)(i * 7), i);
            assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY);
        }
        unbench(b);
    }
}

/* Requests end in another order than they came in; each takes its own number of descriptors of the ring. */
static void out_of_order(void **state)
{
    const struct fv_buf bufs[3] = {{DATA, 1, true}, {DATA, 2, true}, {DATA, 3, true}};
    struct bench *b = bench(6);
    uint32_t head[3];

    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        for (uint16_t n = 0; n < 3; n++) {
            fp_add(&b->p, bufs, n + 1u, n, 0);
            pop(b);
            head[n] = b->chain.head;
        }
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY); /* the ring is full */
        use(b, head[2], 12);
        expect_used(b, 2, 12);
        use(b, head[0], 10);
        use(b, head[1], 11);
        expect_used(b, 0, 10);
        expect_used(b, 1, 11);
    }
    unbench(b);
}

/* Several at once are seen when they are published; what is put back instead is as it was. */
static void published_together(void **state)
{
    const struct fv_buf bufs[2] = {{DATA, 5, true}, {DATA + 16, 5, true}};
    struct bench *b = bench(7);
    uint32_t head[3], written;
    uint8_t ring[7 * 16];
    uint16_t id;

    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        bool in_vain = round & 1;

        for (uint16_t n = 0; n < 3; n++)
            fp_add(&b->p, bufs, 1 + n % 2u, n, 0);
        memcpy(ring, b->fe->ram + RING, sizeof(ring));
        for (unsigned again = 0; again <= in_vain; again++) {
            for (unsigned n = 0; n < 3; n++) {
                pop(b);
                head[n] = b->chain.head;
                assert_true(virtq_push(&b->q, n, head[n], 100 + n));
            }
            assert_memory_equal(ring, b->fe->ram + RING, sizeof(ring));
            if (in_vain && !again)
                virtq_unpop(&b->q, 3);
        }
        assert_false(fp_used(&b->p, &id, &written));
        virtq_publish(&b->q, 3);
        for (uint16_t n = 0; n < 3; n++)
            expect_used(b, n, 100 + n);
        assert_int_equal(b->q.in_flight, 0);
    }
    unbench(b);
}

/* ---- event suppression ---- */

static void interrupts_by_flag(void **state)
{
    const struct fv_buf buf = {DATA, 1, true};
    struct bench *b = bench(4);

    (void)state;
    for (uint16_t flags = 0; flags < 4; flags++) {
        fp_set_event(&b->p, 0x8001, flags);
        fp_add(&b->p, &buf, 1, 1, 0);
        pop(b);
        use(b, b->chain.head, 1);
        assert_int_equal(virtq_wants_interrupt(&b->q), flags != 1); /* 2 and 3 are not negotiated: as enabled */
    }
    unbench(b);
}

/* The driver names a descriptor; it is told once, when what is used passes that, in whatever batches. */
static void interrupts_by_event(void **state)
{
    const struct fv_buf bufs[3] = {{DATA, 1, true}, {DATA, 1, true}, {DATA, 1, true}};

    (void)state;
    for (unsigned batch = 1; batch <= 3; batch++) {
        struct bench *b = bench(5);
        unsigned at = 0, told_at = 0; /* descriptors used so far, over all rounds; and when it was last asked */

        b->q.event_idx = true;
        for (unsigned i = 0; i < 2000; i++) {
            unsigned event = told_at + i % 7, count = 0; /* the next one, or one that is not used yet */

            fp_set_event(&b->p, (uint16_t)(event % 5 | (event / 5 & 1 ? 0 : 0x8000)), 2);
            for (unsigned n = 0; n < batch && count + 1 + (i + n) % 2 <= 5; n++) {
                unsigned descs = 1 + (i + n) % 2;

                fp_add(&b->p, bufs, descs, (uint16_t)n, 0);
                pop(b);
                use(b, b->chain.head, 1);
                expect_used(b, (uint16_t)n, 1);
                count += descs;
            }
            at += count;
            /* An event of the round before is the same place; the model knows those ahead only. */
            if (event < at + 5)
                assert_int_equal(virtq_wants_interrupt(&b->q), !i || (event >= told_at && event < at));
            else
                virtq_wants_interrupt(&b->q);
            told_at = at;
        }
        unbench(b);
    }
}

static void kicks(void **state)
{
    const struct fv_buf buf = {DATA, 1, true};
    struct bench *b = bench(3);
    uint16_t off_wrap, flags;

    (void)state;
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY);
    fp_event(&b->p, &off_wrap, &flags);
    assert_true(off_wrap == 0 && flags == 0); /* always */
    b->q.event_idx = true;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY);
        fp_event(&b->p, &off_wrap, &flags);
        assert_int_equal(flags, 2);
        assert_int_equal(off_wrap, i % 3 | (i / 3 & 1 ? 0 : 0x8000));
        fp_add(&b->p, &buf, 1, 0, 0);
        pop(b);
        use(b, b->chain.head, 1);
        expect_used(b, 0, 1);
    }
    unbench(b);
}

/* ---- hostile ---- */

static void bad_chains(void **state)
{
    static const struct {
        struct {
            uint64_t gpa;
            uint32_t bytes;
            uint16_t flags;
        } d[2];
        const char *fault;
    } bad[] = {
        {{{DATA, 0, 0}}, "no bytes"},
        {{{UINT64_MAX - 3, 8, 0}}, "wraps"},
        {{{DATA, 1, FV_WRITE | FV_NEXT}, {DATA, 1, 0}}, "follows one to write"},
        {{{DATA, 1, FV_NEXT}, {TABLE, 16, FV_INDIRECT}}, "after others"},
        {{{TABLE, 16, FV_INDIRECT | FV_NEXT}}, "with a next one"},
        {{{TABLE, 0, FV_INDIRECT}}, "number of descriptors"},
        {{{TABLE, 24, FV_INDIRECT}}, "number of descriptors"},
        {{{TABLE, 16 * 257, FV_INDIRECT}}, "longer than a queue"},
        {{{TABLE, 0xfffffff0, FV_INDIRECT}}, "longer than a queue"},
        {{{RAM, 16, FV_INDIRECT}}, "not memory"},
        {{{UINT64_MAX - 15, 32, FV_INDIRECT}}, ""},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bench *b = bench(4);

        for (unsigned n = 0; n < 257; n++)
            fp_desc(&b->p, TABLE, n, DATA, 1, 0, 0);
        for (unsigned n = 0; n < 2; n++)
            fp_desc(&b->p, 0, n, bad[i].d[n].gpa, bad[i].d[n].bytes, 0, bad[i].d[n].flags | FP_AVAIL);
        expect_fault(b, bad[i].fault);
    }
}

static void endless_and_not_negotiated(void **state)
{
    struct bench *b = bench(4);

    (void)state;
    for (unsigned n = 0; n < 4; n++)
        fp_desc(&b->p, 0, n, DATA, 1, 0, FV_NEXT | FP_AVAIL);
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_FAULT);
    assert_true(b->chain.out == 4 && strstr(b->q.fault, "loops")); /* once round, not twice */
    unbench(b);
    b = bench(4);
    b->q.indirect = false;
    fp_desc(&b->p, 0, 0, TABLE, 16, 0, FV_INDIRECT | FP_AVAIL);
    expect_fault(b, "not negotiated");
}

/* What was used is made available again before it was used: bounded by the ring. */
static void too_many_in_flight(void **state)
{
    const struct fv_buf buf = {DATA, 1, true};
    struct bench *b = bench(4);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        fp_add(&b->p, &buf, 1, 0, 0);
        pop(b);
    }
    fp_add(&b->p, &buf, 1, 0, 0);
    expect_fault(b, "in flight");
}

static void misplaced_or_not_memory(void **state)
{
    static const struct {
        unsigned what;
        uint64_t at;
        const char *fault;
    } bad[] = {{0, RING + 8, "aligned"}, {0, 0ull - 16, "aligned"}, {1, RING + 2, "aligned"}, {1, 0ull - 4, "aligned"},
               {2, RING + 2, "aligned"}, {0, RAM, "not memory"},    {0, 1ull << 63, "not memory"}};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bench *b = bench(4);

        *(bad[i].what == 0 ? &b->q.desc : bad[i].what == 1 ? &b->q.avail : &b->q.used) = bad[i].at;
        virtq_start(&b->q);
        expect_fault(b, bad[i].fault);
    }
    for (unsigned what = 0; what < 2; what++) {
        struct bench *b = bench(4);
        const struct fv_buf buf = {DATA, 1, true};

        fp_add(&b->p, &buf, 1, 0, 0);
        pop(b);
        use(b, b->chain.head, 1);
        b->q.event_idx = true;
        *(what ? &b->q.avail : &b->q.used) = RAM;
        if (what)
            assert_false(virtq_wants_interrupt(&b->q));
        else
            assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_FAULT);
        assert_int_equal(b->q.state, VIRTQ_BROKEN);
        unbench(b);
    }
}

/* Descriptors of all kinds: nothing leaves the RAM, nothing hangs, the places stay inside of the ring. */
static void random_rings(void **state)
{
    uint64_t x = 88172645463325252ull;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct bench *b = bench((uint16_t)(1 + round % 9));

        b->q.event_idx = round & 2;
        for (unsigned i = 0; i < 20; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            if ((round & 1) && (i & 1))
                x &= 0x8087000700000fffull; /* small numbers, which are believed longer */
            memcpy(b->fe->ram + RING + 8 * i, &x, 8);
        }
        for (unsigned i = 0; i < 300 && virtq_pop(&b->q, &b->chain) == VIRTQ_GOT; i++) {
            assert_true(b->chain.out + b->chain.in <= VIRTQ_MAX);
            virtq_write(&b->q, &b->chain, 0, "text", 4);
            if (i % 3)
                use(b, b->chain.head, 4);
            else
                virtq_unpop(&b->q, 1);
            virtq_wants_interrupt(&b->q);
            assert_true(b->q.next_avail < b->q.size && b->q.next_used < b->q.size);
        }
        unbench(b);
    }
}

/* A saved state names places outside of its ring. */
static void bad_state(void **state)
{
    struct bench *b = bench(5);

    (void)state;
    assert_null(virtq_check(&b->q, true));
    assert_non_null(virtq_check(&b->q, false)); /* 5 entries */
    b->q.next_avail = 5;
    assert_non_null(virtq_check(&b->q, true));
    b->q.next_avail = 4;
    b->q.next_used = 5;
    assert_non_null(virtq_check(&b->q, true));
    b->q.next_used = 0;
    b->q.size = 257;
    assert_non_null(virtq_check(&b->q, true));
    unbench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_both_ways),
        cmocka_unit_test(wraps),
        cmocka_unit_test(out_of_order),
        cmocka_unit_test(published_together),
        cmocka_unit_test(interrupts_by_flag),
        cmocka_unit_test(interrupts_by_event),
        cmocka_unit_test(kicks),
        cmocka_unit_test(bad_chains),
        cmocka_unit_test(endless_and_not_negotiated),
        cmocka_unit_test(too_many_in_flight),
        cmocka_unit_test(misplaced_or_not_memory),
        cmocka_unit_test(random_rings),
        cmocka_unit_test(bad_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
