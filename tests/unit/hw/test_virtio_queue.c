/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split virtqueues: chains, indirect tables, both ways of notification, and rings of guests that lie. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "hw/virtio/queue.h"
#include "tests/fakes/fake_virtq.h"

#define RAM (1u << 20)
#define RING 0x1000
#define DATA 0x40000
#define TABLE 0x80000

struct bench {
    struct fake_env *fe;
    struct virtq q;
    struct fake_virtq v;
    struct virtq_chain chain;
};

static struct bench *bench(uint16_t size)
{
    struct bench *b = calloc(1, sizeof(*b));

    b->fe = fake_env_new(RAM);
    b->q.dma = &b->fe->env.dma;
    b->q.max_size = 256;
    virtq_reset(&b->q);
    b->q.size = size;
    virtq_set_legacy(&b->q, RING);
    virtq_start(&b->q);
    assert_int_equal(b->q.state, VIRTQ_READY);
    b->q.indirect = true;
    fv_init(&b->v, b->fe, RING, size);
    return b;
}

static void unbench(struct bench *b)
{
    assert_int_equal(b->fe->maps_open, 0);
    fake_env_free(b->fe);
    free(b);
}

static void use(struct bench *b, uint32_t written)
{
    assert_true(virtq_push(&b->q, 0, b->chain.head, written));
    virtq_publish(&b->q, 1);
}

static void expect_fault(struct bench *b, const char *text)
{
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_FAULT);
    assert_int_equal(b->q.state, VIRTQ_BROKEN);
    assert_non_null(strstr(b->q.fault, text));
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_FAULT);
    assert_false(virtq_push(&b->q, 0, 0, 0));
    assert_false(virtq_wants_interrupt(&b->q));
    assert_int_equal(fv_used_idx(&b->v), 0);
    unbench(b);
}

/* ---- what a driver does ---- */

static void layout(void **state)
{
    static const uint16_t sizes[] = {1, 2, 8, 64, 128, 256};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct bench *b = bench(sizes[i]);

        assert_int_equal(b->q.desc, b->v.desc);
        assert_int_equal(b->q.avail, b->v.avail);
        assert_int_equal(b->q.used, b->v.used);
        unbench(b);
    }
}

static void chains_both_ways(void **state)
{
    const struct fv_buf bufs[] = {{DATA, 16, false}, {DATA + 100, 5, false}, {DATA + 0x200, 7, true}, {DATA + 0x300, 1, true}};
    char text[32];
    uint32_t head, written;

    (void)state;
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        struct bench *b = bench(8);
        uint16_t expect = fv_add(&b->v, bufs, 4, indirect ? TABLE : 0);

        memcpy(b->fe->ram + DATA, "0123456789abcdef", 16);
        memcpy(b->fe->ram + DATA + 100, "ghijk", 5);
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
        assert_int_equal(b->chain.out, 2);
        assert_int_equal(b->chain.in, 2);
        assert_int_equal(b->chain.out_bytes, 21);
        assert_int_equal(b->chain.in_bytes, 8);
        assert_true(virtq_read(&b->q, &b->chain, 14, text, 7));
        assert_memory_equal(text, "efghijk", 7);
        assert_false(virtq_read(&b->q, &b->chain, 15, text, 7)); /* one too many */
        assert_true(virtq_write(&b->q, &b->chain, 6, "XY", 2));
        assert_int_equal(b->fe->ram[DATA + 0x206], 'X');
        assert_int_equal(b->fe->ram[DATA + 0x300], 'Y');
        assert_false(virtq_write(&b->q, &b->chain, 7, "XY", 2));
        assert_int_equal(b->fe->ram[DATA + 0x301], 0);
        use(b, 8);
        assert_true(fv_used(&b->v, &head, &written));
        assert_int_equal(head, expect);
        assert_int_equal(written, 8);
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY);
        unbench(b);
    }
}

/* The indices pass 65535 and the ring's end many times. */
static void wraps(void **state)
{
    struct bench *b = bench(4);

    (void)state;
    for (unsigned i = 0; i < 70000; i++) {
        const struct fv_buf buf = {DATA + i % 1000, 1 + i % 77, true};
        uint16_t expect = fv_add(&b->v, &buf, 1, 0);
        uint32_t head, written;

        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
        assert_int_equal(b->chain.seg[0].gpa, buf.gpa);
        assert_int_equal(b->chain.in_bytes, buf.bytes);
        use(b, i);
        assert_true(fv_used(&b->v, &head, &written));
        assert_int_equal(head, expect);
        assert_int_equal(written, i);
    }
    unbench(b);
}

static void put_back(void **state)
{
    const struct fv_buf one = {DATA, 1, true}, two = {DATA, 2, true};
    struct bench *b = bench(4);

    (void)state;
    fv_add(&b->v, &one, 1, 0);
    fv_add(&b->v, &two, 1, 0);
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY);
    virtq_unpop(&b->q, 2);
    assert_int_equal(b->q.in_flight, 0);
    assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
    assert_int_equal(b->chain.in_bytes, 1);
    unbench(b);
}

/* Several at once: none is seen before all are. */
static void published_together(void **state)
{
    const struct fv_buf buf = {DATA, 1, true};
    struct bench *b = bench(4);
    uint32_t head, written;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fv_add(&b->v, &buf, 1, 0);
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
        assert_true(virtq_push(&b->q, i, b->chain.head, i));
        assert_false(fv_used(&b->v, &head, &written));
    }
    virtq_publish(&b->q, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(fv_used(&b->v, &head, &written));
        assert_int_equal(written, i);
    }
    unbench(b);
}

static void interrupt_flag(void **state)
{
    struct bench *b = bench(4);

    (void)state;
    assert_true(virtq_wants_interrupt(&b->q));
    fv_set_no_interrupt(&b->v, true);
    assert_false(virtq_wants_interrupt(&b->q));
    unbench(b);
}

/* 2.7.7: an interrupt when the used index passes used_event, over the index's wrap too. */
static void event_index(void **state)
{
    const struct fv_buf buf = {DATA, 1, true};
    struct bench *b = bench(4);
    unsigned interrupts = 0;

    (void)state;
    b->q.event_idx = true;
    assert_true(virtq_wants_interrupt(&b->q)); /* the first is always given */
    for (unsigned i = 0; i < 70000; i++) {
        bool wanted = i % 10 == 9;

        fv_set_used_event(&b->v, (uint16_t)(i / 10 * 10 + 9));
        fv_add(&b->v, &buf, 1, 0);
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
        use(b, 1);
        assert_int_equal(virtq_wants_interrupt(&b->q), wanted);
        interrupts += wanted;
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_EMPTY);
        assert_int_equal(fv_avail_event(&b->v), (uint16_t)(i + 1)); /* kick for the next one, please */
    }
    assert_int_equal(interrupts, 7000);
    unbench(b);
}

/* ---- what a hostile one does ---- */

static void raw_chain(struct bench *b, uint64_t gpa, uint32_t bytes, uint16_t flags, uint16_t next)
{
    fv_desc(&b->v, b->v.desc, 0, gpa, bytes, flags, next);
    fv_avail(&b->v, 0);
}

static void loops(void **state)
{
    struct bench *b = bench(4);

    (void)state;
    fv_desc(&b->v, b->v.desc, 0, DATA, 1, FV_NEXT, 1);
    fv_desc(&b->v, b->v.desc, 1, DATA, 1, FV_NEXT, 0);
    fv_avail(&b->v, 0);
    expect_fault(b, "loops");
    b = bench(4);
    raw_chain(b, DATA, 1, FV_NEXT, 0); /* itself */
    expect_fault(b, "loops");
    b = bench(4);
    fv_desc(&b->v, TABLE, 0, DATA, 1, FV_NEXT | FV_WRITE, 0);
    raw_chain(b, TABLE, 16, FV_INDIRECT, 0);
    expect_fault(b, "loops");
}

static void numbers_outside(void **state)
{
    struct bench *b = bench(4);

    (void)state;
    fv_avail(&b->v, 4);
    expect_fault(b, "outside its table");
    b = bench(4);
    raw_chain(b, DATA, 1, FV_NEXT, 0xffff);
    expect_fault(b, "outside its table");
    b = bench(4);
    fv_desc(&b->v, TABLE, 0, DATA, 1, FV_NEXT, 2); /* the table has 2 */
    raw_chain(b, TABLE, 32, FV_INDIRECT, 0);
    expect_fault(b, "outside its table");
    b = bench(4);
    b->v.avail_idx = 4; /* five more than there were */
    fv_avail(&b->v, 0);
    expect_fault(b, "a ring ahead");
    b = bench(4);
    b->v.avail_idx = 0xfffe; /* backwards */
    fv_avail(&b->v, 0);
    expect_fault(b, "a ring ahead");
}

static void bad_descriptors(void **state)
{
    struct bench *b = bench(4);

    (void)state;
    raw_chain(b, DATA, 0, 0, 0);
    expect_fault(b, "no bytes");
    b = bench(4);
    raw_chain(b, UINT64_MAX - 3, 5, 0, 0);
    expect_fault(b, "wraps");
    b = bench(4);
    fv_desc(&b->v, b->v.desc, 1, DATA, 1, 0, 0);
    raw_chain(b, DATA, 1, FV_NEXT | FV_WRITE, 1);
    expect_fault(b, "follows one to write");
}

static void bad_indirect(void **state)
{
    struct bench *b = bench(4);

    (void)state;
    b->q.indirect = false;
    raw_chain(b, TABLE, 16, FV_INDIRECT, 0);
    expect_fault(b, "not negotiated");
    b = bench(4);
    raw_chain(b, TABLE, 0, FV_INDIRECT, 0);
    expect_fault(b, "number of descriptors");
    b = bench(4);
    raw_chain(b, TABLE, 24, FV_INDIRECT, 0);
    expect_fault(b, "number of descriptors");
    b = bench(4);
    raw_chain(b, TABLE, 16, FV_INDIRECT | FV_NEXT, 1);
    expect_fault(b, "with a next one");
    b = bench(4);
    fv_desc(&b->v, TABLE, 0, TABLE, 16, FV_INDIRECT, 0);
    raw_chain(b, TABLE, 16, FV_INDIRECT, 0);
    expect_fault(b, "inside an indirect table");
    b = bench(4);
    fv_desc(&b->v, b->v.desc, 1, TABLE, 16, FV_INDIRECT, 0);
    raw_chain(b, DATA, 1, FV_NEXT, 1);
    expect_fault(b, "after others");
    b = bench(4);
    raw_chain(b, RAM, 16, FV_INDIRECT, 0);
    expect_fault(b, "not memory");
}

/* Rings that are not (all) memory. */
static void rings_nowhere(void **state)
{
    static const uint64_t places[] = {RAM, RAM - 16, 1ull << 63, UINT64_MAX - 0xfff};

    (void)state;
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct bench *b = bench(4);

        b->q.avail = places[i] + (i == 1 ? 14 : 0);
        virtq_start(&b->q);
        expect_fault(b, "not memory");
        b = bench(4);
        b->q.desc = places[i];
        virtq_start(&b->q);
        fv_avail(&b->v, 3);
        expect_fault(b, "not memory");
        b = bench(4);
        b->q.used = places[i];
        virtq_start(&b->q);
        fv_avail(&b->v, 0);
        fv_desc(&b->v, b->v.desc, 0, DATA, 1, 0, 0);
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
        for (unsigned n = 0; n < 2 && virtq_push(&b->q, 0, 0, 0); n++)
            virtq_publish(&b->q, 1);
        assert_int_equal(b->q.state, VIRTQ_BROKEN);
        unbench(b);
    }
}

/* Places that a ring cannot have. */
static void rings_misplaced(void **state)
{
    static const struct {
        unsigned ring;
        uint64_t at;
    } bad[] = {{0, RING + 8}, {0, 0ull - 16}, {1, RING + 1}, {1, 0ull - 2}, {1, 0ull - 12}, {2, RING + 2}, {2, 0ull - 4}};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bench *b = bench(4);

        *(bad[i].ring == 0 ? &b->q.desc : bad[i].ring == 1 ? &b->q.avail : &b->q.used) = bad[i].at;
        virtq_start(&b->q);
        expect_fault(b, "aligned");
    }
}

/* The same descriptor again and again, none ever used: bounded by the ring. */
static void too_many_in_flight(void **state)
{
    struct bench *b = bench(4);

    (void)state;
    fv_desc(&b->v, b->v.desc, 0, DATA, 1, 0, 0);
    for (unsigned i = 0; i < 4; i++) {
        fv_avail(&b->v, 0);
        assert_int_equal(virtq_pop(&b->q, &b->chain), VIRTQ_GOT);
    }
    fv_avail(&b->v, 0);
    expect_fault(b, "in flight");
}

/* Every way in which 2 descriptors can be: nothing leaves the RAM, and nothing hangs. */
static void random_rings(void **state)
{
    uint64_t x = 88172645463325252ull;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct bench *b = bench(8);

        for (unsigned i = 0; i < 4096 / 8; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            if (round & 1)
                x &= 0x0007000700ffffffull; /* small numbers, which are believed longer */
            memcpy(b->fe->ram + RING + 8 * i, &x, 8);
            x = x * 6364136223846793005ull + 1442695040888963407ull;
        }
        for (unsigned i = 0; i < 300 && virtq_pop(&b->q, &b->chain) == VIRTQ_GOT; i++) {
            assert_true(b->chain.out + b->chain.in <= VIRTQ_MAX);
            virtq_write(&b->q, &b->chain, 0, "text", 4);
            virtq_push(&b->q, 0, b->chain.head, 4);
            virtq_publish(&b->q, 1);
        }
        unbench(b);
    }
}

/* ---- D-08: a second thread changes what the first one reads ---- */

#ifndef __SANITIZE_THREAD__

struct race {
    struct fake_virtq *v;
    int stop;
};

static void *flip(void *opaque)
{
    struct race *r = opaque;
    volatile uint32_t *bytes = (volatile uint32_t *)(r->v->fe->ram + r->v->desc + 8);
    volatile uint16_t *flags = (volatile uint16_t *)(r->v->fe->ram + r->v->desc + 12);
    volatile uint64_t *gpa = (volatile uint64_t *)(r->v->fe->ram + r->v->desc);

    for (uint64_t i = 0; !__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE); i++) {
        *bytes = i & 1 ? 4 : 0xfffffff0;
        *flags = (uint16_t)(i & 2 ? FV_WRITE : FV_NEXT);
        flags[1] = i & 4 ? 1 : 0xffff;
        *gpa = i & 8 ? DATA : UINT64_MAX - 100;
    }
    return NULL;
}

/* Whatever was read, it is one consistent private copy: the sums are those of the parts. */
static void second_thread(void **state)
{
    struct bench *b = bench(4);
    struct race race = {&b->v, 0};
    pthread_t thread;
    unsigned got = 0;

    (void)state;
    fv_desc(&b->v, b->v.desc, 1, DATA, 8, FV_WRITE, 0);
    assert_int_equal(pthread_create(&thread, NULL, flip, &race), 0);
    for (unsigned i = 0; i < 1000000; i++) {
        uint64_t sum[2] = {0, 0};

        fv_avail(&b->v, 0);
        if (virtq_pop(&b->q, &b->chain) == VIRTQ_GOT) {
            for (unsigned n = 0; n < b->chain.out + b->chain.in; n++) {
                const struct virtq_seg *s = &b->chain.seg[n];

                assert_true(s->bytes && s->gpa + (s->bytes - 1) >= s->gpa);
                sum[n >= b->chain.out] += s->bytes;
            }
            assert_int_equal(sum[0], b->chain.out_bytes);
            assert_int_equal(sum[1], b->chain.in_bytes);
            virtq_write(&b->q, &b->chain, 0, "1234", 4);
            use(b, 4);
            got++;
        } else {
            b->q.state = VIRTQ_READY; /* on with it */
            b->q.next_avail++;
            if (b->q.next_used != b->q.next_avail)
                b->q.next_used = b->q.next_avail;
        }
    }
    __atomic_store_n(&race.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_true(got > 0);
    unbench(b);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout),
        cmocka_unit_test(chains_both_ways),
        cmocka_unit_test(wraps),
        cmocka_unit_test(put_back),
        cmocka_unit_test(published_together),
        cmocka_unit_test(interrupt_flag),
        cmocka_unit_test(event_index),
        cmocka_unit_test(loops),
        cmocka_unit_test(numbers_outside),
        cmocka_unit_test(bad_descriptors),
        cmocka_unit_test(bad_indirect),
        cmocka_unit_test(rings_nowhere),
        cmocka_unit_test(rings_misplaced),
        cmocka_unit_test(too_many_in_flight),
        cmocka_unit_test(random_rings),
#ifndef __SANITIZE_THREAD__ /* the race is the test */
        cmocka_unit_test(second_thread),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
