/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host bridge and ISA bridge: mechanism 1, widths, PAM, SMRAM lock, reset control, PIRQ routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci/i440fx.h"
#include "hw/pci/piix3.h"
#include "tests/fakes/fake_env.h"

#define ADDR(slot, fn, reg) (0x80000000u | (slot) << 11 | (fn) << 8 | (reg))

struct world {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct device *bridge, *isa;
    bool readable[PAM_SEGMENTS], writable[PAM_SEGMENTS];
    unsigned pam_calls;
    int route[PIRQ_LINES];
    unsigned route_calls;
};

static void pam_set(void *opaque, unsigned segment, bool readable, bool writable)
{
    struct world *w = opaque;

    w->readable[segment] = readable;
    w->writable[segment] = writable;
    w->pam_calls++;
}

static void pirq_route(void *opaque, unsigned pirq, int irq)
{
    struct world *w = opaque;

    w->route[pirq] = irq;
    w->route_calls++;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct i440fx_config host = {.port = 0xcf8, .pam = {pam_set, w}, .ram_bytes = 256u << 20};
    struct piix3_config isa = {.pirq = {pirq_route, w}};
    struct irq_pin pins[4] = {{0}};
    char why[160];

    w->fe = fake_env_new(4096);
    w->bus = pci_bus_new(&w->fe->env, pins);
    w->bridge = i440fx_new(w->bus, &w->fe->env, "host", &host, why, sizeof(why));
    w->isa = piix3_new(w->bus, &w->fe->env, "isa", &isa, why, sizeof(why));
    assert_non_null(w->bridge);
    assert_non_null(w->isa);
    for (unsigned i = 0; i < PIRQ_LINES; i++)
        w->route[i] = -1;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    device_free(w->isa);
    device_free(w->bridge);
    pci_bus_free(w->bus);
    fake_env_free(w->fe);
    free(w);
    return 0;
}

static uint64_t get(struct world *w, uint32_t addr, unsigned size)
{
    fake_out(w->fe, 0xcf8, 4, addr & ~3u);
    return fake_in(w->fe, (uint16_t)(0xcfc + (addr & 3)), size);
}

static void put(struct world *w, uint32_t addr, unsigned size, uint32_t v)
{
    fake_out(w->fe, 0xcf8, 4, addr & ~3u);
    fake_out(w->fe, (uint16_t)(0xcfc + (addr & 3)), size, v);
}

static void test_identity(void **state)
{
    struct world *w = *state;

    assert_int_equal(get(w, ADDR(0u, 0u, 0u), 4), 0x12378086);
    assert_int_equal(get(w, ADDR(0u, 0u, 8u), 4), 0x06000002);
    assert_int_equal(get(w, ADDR(0u, 0u, 0x2cu), 4), 0x11001af4);
    assert_int_equal(get(w, ADDR(0u, 0u, 0x67u), 1), 32); /* 256 MiB in units of 8 MiB */
    assert_int_equal(get(w, ADDR(1u, 0u, 0u), 4), 0x70008086);
    assert_int_equal(get(w, ADDR(1u, 0u, 0xau), 2), 0x0601);
    assert_int_equal(get(w, ADDR(1u, 0u, 0xeu), 1), 0x80);
    assert_int_equal(get(w, ADDR(1u, 1u, 0u), 4), 0xffffffff);
    assert_int_equal(get(w, ADDR(31u, 7u, 0u), 2), 0xffff);
}

static void test_mechanism_1(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;

    assert_int_equal(fake_in(fe, 0xcf8, 4), 0);
    assert_int_equal(fake_in(fe, 0xcfc, 4), 0xffffffff); /* not enabled */
    fake_out(fe, 0xcf8, 4, 0xffffffff);
    assert_int_equal(fake_in(fe, 0xcf8, 4), 0x80fffffc);
    assert_int_equal(fake_in(fe, 0xcfc, 4), 0xffffffff); /* no bus 255 */
    /* Linux's probe: a byte write must not change the address register. */
    fake_out(fe, 0xcf8, 4, 0x80000000);
    fake_out(fe, 0xcfb, 1, 1);
    assert_int_equal(fake_in(fe, 0xcf8, 4), 0x80000000);
    fake_out(fe, 0xcf8, 1, 0x44);
    fake_out(fe, 0xcfa, 2, 0x4444);
    assert_int_equal(fake_in(fe, 0xcf8, 4), 0x80000000);
    /* Every byte and word of the data register. */
    assert_int_equal(fake_in(fe, 0xcfd, 1), 0x80);
    assert_int_equal(fake_in(fe, 0xcfe, 2), 0x1237);
    assert_int_equal(fake_in(fe, 0xcfd, 2), 0x3780);
    assert_int_equal(fake_in(fe, 0xcff, 1), 0x12);
    /* Disabled: writes go nowhere. */
    fake_out(fe, 0xcf8, 4, 0x58);
    fake_out(fe, 0xcfd, 1, 0x30);
    assert_int_equal(get(w, ADDR(0u, 0u, 0x59u), 1), 0);
}

static void test_reset_control(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;

    fake_out(fe, 0xcf8, 4, 0x80000044);
    fake_out(fe, 0xcf9, 1, 0x02);
    assert_int_equal(fe->requests[MACHINE_RESET], 0);
    assert_int_equal(fake_in(fe, 0xcf9, 1), 0x02);
    fake_out(fe, 0xcf9, 1, 0x06);
    assert_int_equal(fe->requests[MACHINE_RESET], 1);
    assert_int_equal(fake_in(fe, 0xcf8, 4), 0x80000044);
    fake_out(fe, 0xcf9, 1, 0x06); /* no edge */
    assert_int_equal(fe->requests[MACHINE_RESET], 1);
    device_reset(w->bridge);
    assert_int_equal(fake_in(fe, 0xcf9, 1), 0);
    fake_out(fe, 0xcf9, 1, 0x0e);
    assert_int_equal(fe->requests[MACHINE_RESET], 2);
    /* A dword with that byte set is an address, not a reset. */
    device_reset(w->bridge);
    fake_out(fe, 0xcf8, 4, 0x80000604);
    assert_int_equal(fe->requests[MACHINE_RESET], 2);
}

static void test_pam(void **state)
{
    struct world *w = *state;

    put(w, ADDR(0u, 0u, 0x59u), 1, 0xff);
    assert_int_equal(get(w, ADDR(0u, 0u, 0x59u), 1), 0x70);
    assert_int_equal(w->pam_calls, 1);
    assert_true(w->readable[0] && w->writable[0]);
    for (unsigned s = 1; s < PAM_SEGMENTS; s++) {
        unsigned reg = 0x5a + (s - 1) / 2, shift = (s - 1) % 2 * 4;

        for (unsigned bits = 1; bits < 4; bits++) {
            w->pam_calls = 0;
            put(w, ADDR(0u, 0u, reg), 1, bits << shift);
            assert_int_equal(w->readable[s], bits & 1);
            assert_int_equal(w->writable[s], bits >> 1);
            assert_in_range(w->pam_calls, 1, 2); /* the neighbour at most once, going back */
        }
    }
    assert_int_equal(pam_segment_base(0), 0xf0000);
    assert_int_equal(pam_segment_base(1), 0xc0000);
    assert_int_equal(pam_segment_base(12) + pam_segment_bytes(12), 0xf0000);
    device_reset(w->bridge);
    for (unsigned s = 0; s < PAM_SEGMENTS; s++)
        assert_false(w->readable[s] || w->writable[s]);
}

static void test_smram_lock(void **state)
{
    struct world *w = *state;
    uint32_t smram = ADDR(0u, 0u, 0x72u);

    assert_int_equal(get(w, smram, 1), 0x02);
    put(w, smram, 1, 0x48);
    assert_int_equal(get(w, smram, 1), 0x4a);
    put(w, smram, 1, 0x5f);
    assert_int_equal(get(w, smram, 1), 0x1a);
    put(w, smram, 1, 0x40);
    assert_int_equal(get(w, smram, 1), 0x12);
    device_reset(w->bridge);
    put(w, smram, 1, 0x40);
    assert_int_equal(get(w, smram, 1), 0x42);
}

static void test_pirq_routes(void **state)
{
    struct world *w = *state;
    static const int allowed[16] = {-1, -1, -1, 3, 4, 5, 6, 7, -1, 9, 10, 11, 12, -1, 14, 15};

    assert_int_equal(get(w, ADDR(1u, 0u, 0x60u), 4), 0x80808080);
    for (unsigned pirq = 0; pirq < PIRQ_LINES; pirq++) {
        for (unsigned irq = 0; irq < 16; irq++) {
            unsigned before = w->fe->guest_errors;

            put(w, ADDR(1u, 0u, 0x60u + pirq), 1, irq | 0x70);
            assert_int_equal(get(w, ADDR(1u, 0u, 0x60u + pirq), 1), irq);
            assert_int_equal(w->route[pirq], allowed[irq]);
            assert_int_equal(w->fe->guest_errors - before, allowed[irq] < 0);
        }
    }
    put(w, ADDR(1u, 0u, 0x60u), 4, 0x8b0b0a05);
    assert_int_equal(w->route[0], 5);
    assert_int_equal(w->route[2], 11);
    assert_int_equal(w->route[3], -1);
    device_reset(w->isa);
    for (unsigned pirq = 0; pirq < PIRQ_LINES; pirq++)
        assert_int_equal(w->route[pirq], -1);
}

static void save_load(struct device *dev, uint8_t *buf, size_t *n, bool load)
{
    char why[160];

    device_enter(dev);
    if (load)
        assert_true(device_load(dev, buf, *n, why, sizeof(why)));
    else
        *n = device_save(dev, buf, 2048);
    device_leave(dev);
}

static void test_save_load(void **state)
{
    struct world *w = *state;
    uint8_t host[2048], isa[2048];
    size_t host_n, isa_n;

    put(w, ADDR(0u, 0u, 0x5au), 1, 0x31);
    put(w, ADDR(0u, 0u, 0x72u), 1, 0x18);
    put(w, ADDR(1u, 0u, 0x61u), 1, 10);
    save_load(w->bridge, host, &host_n, false);
    save_load(w->isa, isa, &isa_n, false);
    device_reset(w->bridge);
    device_reset(w->isa);
    assert_false(w->readable[1]);
    save_load(w->bridge, host, &host_n, true);
    save_load(w->isa, isa, &isa_n, true);
    assert_true(w->readable[1] && !w->writable[1] && w->writable[2]);
    assert_int_equal(w->route[1], 10);
    assert_int_equal(fake_in(w->fe, 0xcf8, 4), ADDR(1u, 0u, 0x60u));
    put(w, ADDR(0u, 0u, 0x72u), 1, 0); /* the lock came along */
    assert_int_equal(get(w, ADDR(0u, 0u, 0x72u), 1), 0x12);
}

/* D-06: every port, width, alignment; every configuration byte of both functions. */
static void test_all_accesses(void **state)
{
    struct world *w = *state;
    static const uint32_t values[] = {0, 0xffffffff, 0x80000000, 0x80000058, 0x80000860};

    for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
        for (unsigned port = 0xcf4; port < 0xd04; port++) {
            for (unsigned size = 1; size <= 4; size *= 2) {
                fake_out(w->fe, (uint16_t)port, size, values[v]);
                fake_in(w->fe, (uint16_t)port, size);
            }
        }
    }
    for (unsigned off = 0; off < 512; off++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            put(w, ADDR(0u, 0u, off & 0xff) | (off & 0x100) << 3, size, 0xffffffff);
            get(w, ADDR(0u, 0u, off & 0xff) | (off & 0x100) << 3, size);
        }
    }
    assert_int_equal(get(w, ADDR(0u, 0u, 0u), 4), 0x12378086);
    assert_int_equal(get(w, ADDR(1u, 0u, 0u), 4), 0x70008086);
    device_reset(w->bridge);
    device_reset(w->isa);
    assert_int_equal(get(w, ADDR(0u, 0u, 0x72u), 1), 0x02);
}

static void test_place_taken(void **state)
{
    struct world *w = *state;
    struct i440fx_config host = {.port = 0xcf8};
    struct piix3_config isa = {{0}};
    char why[160] = "";

    assert_null(i440fx_new(w->bus, &w->fe->env, "host2", &host, why, sizeof(why)));
    assert_non_null(strstr(why, "host"));
    assert_null(piix3_new(w->bus, &w->fe->env, "isa2", &isa, why, sizeof(why)));
    assert_int_equal(get(w, ADDR(1u, 0u, 0u), 4), 0x70008086);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_identity),    T(test_mechanism_1), T(test_reset_control), T(test_pam),
        T(test_smram_lock),  T(test_pirq_routes), T(test_save_load),     T(test_all_accesses),
        T(test_place_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
