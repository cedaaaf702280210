/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Doorbells by KVM_IOEVENTFD: a real vCPU rings, and the write arrives on another thread, or here where KVM has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "dm/doorbell.h"
#include "dm/kvm.h"
#include "dm/kvmexit.h"
#include "ioreq/iolock.h"

#define PORT 0x500
#define STOP 0xf0 /* the guest writes there when it is through */
#define GPA 0xd0000ull
#define CODE 0x1000u
#define WAIT_MS 60000

static const struct io_doorbell port_bells[] = {{0, 3, 2, true}, {0, 4, 2, true}};
static const struct io_doorbell mem_bells[] = {{8, 9, 2, false}};

struct bench {
    struct kvm *kvm;
    int vcpu;
    struct kvm_run *run;
    uint8_t *ram;
    struct iomap *map;
    struct io_reader reader;
    struct iolock *lock;
    struct io_region port, mem;
    struct doorbells *bells;
    /* Under the lock. */
    unsigned calls, elsewhere; /* ... of them on another thread than the test's */
    uint64_t last_off, last_value;
    pthread_t own;
};

static void note(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct bench *b = chip;

    (void)size;
    b->calls++;
    b->elsewhere += !pthread_equal(pthread_self(), b->own);
    b->last_off = off;
    b->last_value = value;
}

static const struct io_ops ops = {.write = note, .widths = IO_W1 | IO_W2 | IO_W4};

static bool open_kvm(struct bench *b)
{
    g_autoptr(GError) error = NULL;
    struct kvm_userspace_memory_region slot = {.memory_size = 0x10000};

    b->kvm = kvm_new(&error);
    if (!b->kvm) {
        print_message("%s\n", error->message);
        return false;
    }
    b->ram = mmap(NULL, slot.memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(b->ram != MAP_FAILED);
    slot.userspace_addr = (uintptr_t)b->ram;
    assert_int_equal(ioctl(b->kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot), 0);
    assert_true(kvm_create_chips(b->kvm, &error));
    b->vcpu = ioctl(b->kvm->vm_fd, KVM_CREATE_VCPU, 0);
    assert_true(b->vcpu >= 0);
    b->run = mmap(NULL, b->kvm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->vcpu, 0);
    assert_true(b->run != MAP_FAILED);
    return true;
}

static bool set_up(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    b->own = pthread_self();
    if (!open_kvm(b))
        return false;
    b->map = iomap_new();
    b->lock = iolock_new();
    iomap_reader_add(b->map, &b->reader);
    b->port = (struct io_region){.name = "port", .space = IO_PORT, .base = PORT, .size = 8, .ops = &ops, .chip = b,
                                 .lock = b->lock, .doorbells = port_bells, .doorbell_count = 2};
    b->mem = (struct io_region){.name = "mem", .space = IO_MEM, .base = GPA, .size = 64, .ops = &ops, .chip = b,
                                .lock = b->lock, .doorbells = mem_bells, .doorbell_count = 1};
    b->bells = doorbells_new(b->kvm, b->map);
    if (!b->bells)
        print_message("this KVM has no ioeventfd\n");
    return b->bells != NULL;
}

static void tear_down(struct bench *b)
{
    doorbells_free(b->bells);
    if (b->map) {
        iomap_reader_remove(b->map, &b->reader);
        iomap_free(b->map);
        iolock_free(b->lock);
    }
    if (b->kvm) {
        munmap(b->run, b->kvm->run_bytes);
        munmap(b->ram, 0x10000);
        close(b->vcpu);
    }
    kvm_free(b->kvm);
}

static void map_region(struct bench *b, struct io_region *r, bool mapped)
{
    char why[200];

    if (mapped)
        assert_true(iomap_add(b->map, r, why, sizeof(why)));
    else
        iomap_remove(b->map, r);
}

/* Real mode: the same word to port and memory, by each width in turn, then the end. How many exits that took. */
static unsigned run(struct bench *b, uint16_t value, uint16_t port, uint16_t segment)
{
    const uint8_t code[] = {
        0xb8, (uint8_t)segment, (uint8_t)(segment >> 8), 0x8e, 0xd8,                      /* mov ds, segment */
        0xb8, (uint8_t)value, (uint8_t)(value >> 8), 0xba, (uint8_t)port, (uint8_t)(port >> 8), /* mov ax, dx */
        0xef,             /* out dx, ax */
        0xa3, 8, 0,       /* mov [8], ax */
        0xe6, STOP, 0xf4, /* out STOP, al; hlt */
    };
    struct kvm_sregs sregs;
    struct kvm_regs regs = {.rip = CODE, .rflags = 2, .rsp = 0x8000};
    unsigned exits = 0;
    const char *why;

    memcpy(b->ram + CODE, code, sizeof(code));
    assert_int_equal(ioctl(b->vcpu, KVM_GET_SREGS, &sregs), 0);
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    assert_int_equal(ioctl(b->vcpu, KVM_SET_SREGS, &sregs), 0);
    assert_int_equal(ioctl(b->vcpu, KVM_SET_REGS, &regs), 0);
    for (;;) {
        assert_int_equal(ioctl(b->vcpu, KVM_RUN, 0), 0);
        if (b->run->exit_reason == KVM_EXIT_IO && b->run->io.port == STOP)
            break;
        exits++;
        assert_true(exits < 10);
        assert_int_equal(kvm_exit_handle(b->run, b->kvm->run_bytes, 0, b->map, &b->reader, &why), KVM_EXIT_GO_ON);
    }
    b->run->immediate_exit = 1;
    ioctl(b->vcpu, KVM_RUN, 0); /* the last instruction is completed */
    b->run->immediate_exit = 0;
    return exits;
}

static unsigned calls(struct bench *b, unsigned *elsewhere)
{
    unsigned n;

    iolock_enter(b->lock);
    n = b->calls;
    *elsewhere = b->elsewhere;
    iolock_leave(b->lock);
    return n;
}

/* So many writes have arrived, that many of them on the doorbells' thread. */
static void expect(struct bench *b, unsigned wanted, unsigned wanted_elsewhere)
{
    unsigned elsewhere = 0;

    for (unsigned ms = 0; ms < WAIT_MS && calls(b, &elsewhere) < wanted; ms++)
        usleep(1000);
    assert_int_equal(calls(b, &elsewhere), wanted);
    assert_int_equal(elsewhere, wanted_elsewhere);
}

static void switch_bells(struct bench *b, bool on)
{
    iolock_enter(b->lock);
    iomap_set_doorbells(b->map, &b->port, on);
    iomap_set_doorbells(b->map, &b->mem, on);
    iolock_leave(b->lock);
}

static void rung_from_a_vcpu(void **state)
{
    struct bench b;

    (void)state;
    if (!set_up(&b)) {
        tear_down(&b);
        skip();
    }
    map_region(&b, &b.port, true);
    map_region(&b, &b.mem, true);
    assert_int_equal(run(&b, 3, PORT, GPA >> 4), 2); /* off: ordinary accesses */
    expect(&b, 2, 0);
    switch_bells(&b, true);
    assert_int_equal(run(&b, 3, PORT, GPA >> 4), 0);
    expect(&b, 4, 2);
    assert_true(b.port.last_writes[1].value == 3 && b.port.last_writes[1].source == IOREQ_SOURCE_DOORBELL);
    assert_true(b.mem.last_writes[1].value == 9 && b.mem.last_writes[1].addr == GPA + 8); /* whatever was written */
    assert_int_equal(run(&b, 4, PORT, GPA >> 4), 0);
    expect(&b, 6, 4);
    assert_int_equal(run(&b, 5, PORT, GPA >> 4), 1); /* no doorbell of that port has this value */
    expect(&b, 8, 5);
    assert_int_equal(b.port.last_writes[3].source, 0);
    switch_bells(&b, false);
    assert_int_equal(run(&b, 3, PORT, GPA >> 4), 2);
    expect(&b, 10, 5);
    tear_down(&b);
}

static void follow_a_bar(void **state)
{
    struct bench b;

    (void)state;
    if (!set_up(&b)) {
        tear_down(&b);
        skip();
    }
    switch_bells(&b, true);
    map_region(&b, &b.port, true);
    map_region(&b, &b.mem, true);
    assert_int_equal(run(&b, 3, PORT, GPA >> 4), 0);
    expect(&b, 2, 2);
    map_region(&b, &b.port, false);
    map_region(&b, &b.mem, false);
    assert_int_equal(run(&b, 3, PORT, GPA >> 4), 2); /* nobody is there */
    expect(&b, 2, 2);
    b.port.base += 0x40;
    b.mem.base += 0x1000;
    map_region(&b, &b.port, true);
    map_region(&b, &b.mem, true);
    expect(&b, 5, 5); /* a look at each, since a kick may have been lost in between */
    assert_int_equal(run(&b, 3, PORT, GPA >> 4), 2);
    assert_int_equal(run(&b, 3, PORT + 0x40, (GPA + 0x1000) >> 4), 0);
    expect(&b, 7, 7);
    switch_bells(&b, false);
    tear_down(&b);
}

/* When the guest has been stopped, all that it rang has been carried out. */
static void drained(void **state)
{
    struct bench b;
    unsigned elsewhere;

    (void)state;
    if (!set_up(&b)) {
        tear_down(&b);
        skip();
    }
    map_region(&b, &b.port, true);
    map_region(&b, &b.mem, true);
    switch_bells(&b, true);
    for (unsigned n = 1; n <= 50; n++) {
        run(&b, 4, PORT, GPA >> 4);
        doorbells_drain(b.bells, &b.reader);
        assert_int_equal(calls(&b, &elsewhere), 2 * n);
    }
    switch_bells(&b, false);
    tear_down(&b);
}

/* A region goes while its doorbells are being rung: no call comes after iomap_synchronize(). */
static void gone_while_rung(void **state)
{
    struct bench b;
    unsigned elsewhere;

    (void)state;
    if (!set_up(&b)) {
        tear_down(&b);
        skip();
    }
    for (unsigned n = 0; n < 50; n++) {
        unsigned before;

        map_region(&b, &b.port, true);
        map_region(&b, &b.mem, true);
        switch_bells(&b, true);
        run(&b, 4, PORT, GPA >> 4);
        switch_bells(&b, false);
        map_region(&b, &b.port, false);
        map_region(&b, &b.mem, false);
        iomap_synchronize(b.map);
        before = calls(&b, &elsewhere);
        assert_true(before <= 2 * (n + 1));
        usleep(200);
        assert_int_equal(calls(&b, &elsewhere), before);
    }
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rung_from_a_vcpu), cmocka_unit_test(follow_a_bar),
                                       cmocka_unit_test(drained), cmocka_unit_test(gone_while_rung)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
