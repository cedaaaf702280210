/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring of posted writes (dm/posted.h), with the kernel's side played as virt/kvm/coalesced_mmio.c
 * has it: a write goes to `last` unless `last` would meet `first`. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dm/posted.h"

#define SLOTS 170

struct world {
    struct kvm_coalesced_mmio_ring *ring;
    struct posted_ring posted;
    uint64_t sent, seen; /* number of the next write, in and out */
};

static void set_up(struct world *w, bool limited)
{
    w->ring = calloc(1, sizeof(*w->ring) + SLOTS * sizeof(w->ring->coalesced_mmio[0]));
    w->posted = (struct posted_ring){ .ring = w->ring, .slots = SLOTS, .limited = limited };
    w->sent = w->seen = 0;
    if (limited)
        posted_set_room(&w->posted, UINT32_MAX);
}

/* False: the write comes as an exit. */
static bool kernel_posts(struct world *w)
{
    uint32_t last = w->ring->last;

    if ((last + 1) % SLOTS == w->ring->first)
        return false;
    w->ring->coalesced_mmio[last].phys_addr = w->sent++;
    w->ring->last = (last + 1) % SLOTS;
    return true;
}

static unsigned post_all(struct world *w)
{
    unsigned n = 0;

    while (kernel_posts(w))
        assert_true(++n < SLOTS);
    return n;
}

static void take(struct world *w, unsigned most)
{
    while (most-- && posted_pending(&w->posted)) {
        assert_int_equal(posted_oldest(&w->posted).phys_addr, w->seen++);
        posted_done(&w->posted);
    }
}

static void test_unlimited(void **state)
{
    struct world w;

    (void)state;
    set_up(&w, false);
    assert_false(posted_pending(&w.posted));
    for (unsigned round = 0; round < 7; round++) {
        assert_int_equal(post_all(&w), SLOTS - 1);
        take(&w, 40);
        assert_int_equal(post_all(&w), 40); /* given back one by one, also to other vCPUs */
        take(&w, SLOTS);
        assert_int_equal(w.seen, w.sent);
    }
    free(w.ring);
}

/* At every place of the ring, every room is exact, and what was posted comes out once and in order. */
static void test_room(void **state)
{
    struct world w;

    (void)state;
    set_up(&w, true);
    for (unsigned n = 0; n < 3 * SLOTS; n++) {
        unsigned room = n * 53 % (SLOTS + 20);

        posted_set_room(&w.posted, room);
        assert_false(posted_pending(&w.posted));
        assert_int_equal(post_all(&w), room < SLOTS ? room : SLOTS - 1);
        take(&w, SLOTS);
        assert_int_equal(w.seen, w.sent);
    }
    free(w.ring);
}

/* Another thread carries writes out while the guest runs: that never makes the room larger. */
static void test_room_taken_elsewhere(void **state)
{
    struct world w;

    (void)state;
    set_up(&w, true);
    for (unsigned n = 0; n < 2 * SLOTS; n++) {
        unsigned room = 1 + n % 127, first = n % room;

        posted_set_room(&w.posted, room);
        for (unsigned i = 0; i < first; i++)
            assert_true(kernel_posts(&w));
        take(&w, n % 5);
        assert_int_equal(post_all(&w), room - first);
        take(&w, SLOTS);
        assert_int_equal(post_all(&w), 0); /* until the vCPU gives room again */
    }
    assert_int_equal(w.seen, w.sent);
    free(w.ring);
}

static void test_none(void **state)
{
    struct posted_ring none = { .slots = SLOTS };

    (void)state;
    assert_false(posted_pending(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unlimited),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_room_taken_elsewhere),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
