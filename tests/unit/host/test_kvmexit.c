/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every exit reason, on a kvm_run page of our own (HAZARDS X-10). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dm/kvmexit.h"
#include "ioreq/iolock.h"

#define RUN_BYTES (3 * 4096)

struct world {
    struct kvm_run *run;
    struct iomap *map;
    struct io_reader reader;
    struct iolock *lock;
    struct io_region ports, memory;
    uint64_t value;
    unsigned reads, writes, size;
};

static uint64_t on_read(void *chip, uint64_t off, unsigned size)
{
    struct world *w = chip;

    (void)off;
    w->reads++;
    w->size = size;
    return 0x8877665544332211ull;
}

static void on_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct world *w = chip;

    (void)off;
    w->writes++;
    w->size = size;
    w->value = value;
}

static int setup(void **state)
{
    static const struct io_ops ops = {on_read, on_write, .widths = IO_W1 | IO_W2 | IO_W4 | IO_W8};
    struct world *w = calloc(1, sizeof(*w));
    char why[100];

    w->run = calloc(1, RUN_BYTES);
    w->map = iomap_new();
    w->lock = iolock_new();
    iomap_reader_add(w->map, &w->reader);
    w->ports = (struct io_region){.name = "p", .space = IO_PORT, .base = 0x100, .size = 16,
                                  .ops = &ops, .chip = w, .lock = w->lock};
    w->memory = (struct io_region){.name = "m", .space = IO_MEM, .base = 0xa0000, .size = 4096,
                                   .ops = &ops, .chip = w, .lock = w->lock};
    iomap_add(w->map, &w->ports, why, sizeof(why));
    iomap_add(w->map, &w->memory, why, sizeof(why));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    iomap_reader_remove(w->map, &w->reader);
    iomap_free(w->map);
    iolock_free(w->lock);
    free(w->run);
    free(w);
    return 0;
}

static enum kvm_exit_action handle(struct world *w)
{
    const char *why = NULL;
    enum kvm_exit_action a = kvm_exit_handle(w->run, RUN_BYTES, 0, w->map, &w->reader, &why);

    if (a == KVM_EXIT_CANNOT_GO_ON)
        assert_non_null(why);
    return a;
}

static void port(struct world *w, unsigned dir, unsigned size, uint32_t count, uint64_t offset)
{
    w->run->exit_reason = KVM_EXIT_IO;
    w->run->io.direction = (uint8_t)dir;
    w->run->io.size = (uint8_t)size;
    w->run->io.port = 0x100;
    w->run->io.count = count;
    w->run->io.data_offset = offset;
}

static void test_ports(void **state)
{
    struct world *w = *state;
    uint8_t *data = (uint8_t *)w->run + 4096;

    port(w, KVM_EXIT_IO_IN, 2, 3, 4096);
    assert_int_equal(handle(w), KVM_EXIT_GO_ON);
    assert_int_equal(w->reads, 3);
    assert_memory_equal(data, "\x11\x22\x11\x22\x11\x22", 6);
    assert_int_equal(data[6], 0);
    data[0] = 0x5a;
    port(w, KVM_EXIT_IO_OUT, 1, 1, 4096);
    assert_int_equal(handle(w), KVM_EXIT_GO_ON);
    assert_int_equal(w->value, 0x5a);
    port(w, KVM_EXIT_IO_IN, 1, 0, 4096);
    assert_int_equal(handle(w), KVM_EXIT_GO_ON);
}

static void test_nonsense_is_refused(void **state)
{
    struct world *w = *state;

    port(w, KVM_EXIT_IO_IN, 4, 4096, 4096); /* past the page */
    assert_int_equal(handle(w), KVM_EXIT_CANNOT_GO_ON);
    port(w, KVM_EXIT_IO_IN, 4, 0xffffffff, 4096);
    assert_int_equal(handle(w), KVM_EXIT_CANNOT_GO_ON);
    port(w, KVM_EXIT_IO_IN, 1, 1, RUN_BYTES);
    assert_int_equal(handle(w), KVM_EXIT_CANNOT_GO_ON);
    port(w, KVM_EXIT_IO_IN, 1, 1, UINT64_MAX);
    assert_int_equal(handle(w), KVM_EXIT_CANNOT_GO_ON);
    port(w, KVM_EXIT_IO_IN, 3, 1, 4096);
    assert_int_equal(handle(w), KVM_EXIT_CANNOT_GO_ON);
    assert_int_equal(w->reads, 0);
    w->run->exit_reason = KVM_EXIT_MMIO;
    w->run->mmio.len = 9;
    assert_int_equal(handle(w), KVM_EXIT_CANNOT_GO_ON);
    w->run->mmio.len = 0;
    assert_int_equal(handle(w), KVM_EXIT_CANNOT_GO_ON);
}

static void test_memory(void **state)
{
    struct world *w = *state;

    w->run->exit_reason = KVM_EXIT_MMIO;
    w->run->mmio.phys_addr = 0xa0000;
    for (unsigned len = 1; len <= 8; len++) {
        memset(w->run->mmio.data, 0xcc, 8);
        w->run->mmio.len = len;
        w->run->mmio.is_write = 0;
        assert_int_equal(handle(w), KVM_EXIT_GO_ON);
        for (unsigned i = len; i < 8; i++)
            assert_int_equal(w->run->mmio.data[i], 0xcc);
        if (len == 1 || len == 2 || len == 4 || len == 8)
            assert_int_equal(w->size, len);
        else
            assert_int_equal(w->size, 1);
    }
    w->run->mmio.phys_addr = UINT64_MAX - 1; /* wraps: ones, nothing else */
    assert_int_equal(handle(w), KVM_EXIT_GO_ON);
    assert_int_equal(w->run->mmio.data[7], 0xff);
}

/* Each reason has one of the three stated policies; none spins or ends the process. */
static void test_all_reasons(void **state)
{
    struct world *w = *state;

    for (uint32_t reason = 0; reason < 64; reason++) {
        enum kvm_exit_action want = KVM_EXIT_CANNOT_GO_ON;

        if (reason == KVM_EXIT_IO || reason == KVM_EXIT_MMIO)
            continue;
        memset(w->run, 0, sizeof(*w->run));
        w->run->exit_reason = reason;
        if (reason == KVM_EXIT_INTR || reason == KVM_EXIT_IRQ_WINDOW_OPEN || reason == KVM_EXIT_HLT ||
            reason == KVM_EXIT_SET_TPR || reason == KVM_EXIT_IOAPIC_EOI)
            want = KVM_EXIT_GO_ON;
        if (reason == KVM_EXIT_SHUTDOWN || reason == KVM_EXIT_SYSTEM_EVENT)
            want = KVM_EXIT_RESET;
        assert_int_equal(handle(w), want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_reasons, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
