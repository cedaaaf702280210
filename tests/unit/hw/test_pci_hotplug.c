/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI hotplug: each slot's states, the event and its SCI, what a hostile guest writes; and a bus that changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi/piix4_pm.h"
#include "hw/net/e1000.h"
#include "tests/fakes/fake_env.h"

#define GPE 0xafe0
#define UP 0xae00
#define DOWN 0xae04
#define EJECT 0xae08
#define REMOVABLE 0xae0c
#define APM 0xb2
#define SCI 9
#define INTX_LINE 20

struct world {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct device *dev;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct irq_pin pins[4];
    struct piix4_pm_config cfg;
    char why[160];

    w->fe = fake_env_new(1 << 20);
    for (unsigned i = 0; i < 4; i++)
        pins[i] = fake_irq(w->fe, INTX_LINE + i);
    w->bus = pci_bus_new(&w->fe->env, pins);
    cfg = (struct piix4_pm_config){.sci = fake_irq(w->fe, SCI), .apm_port = APM, .gpe_port = GPE, .hotplug_port = UP};
    w->dev = piix4_pm_new(w->bus, &w->fe->env, "pm", &cfg, why, sizeof(why));
    assert_non_null(w->dev);
    device_enter(w->dev);
    piix4_pm_set_slot(w->dev, 0, PCI_SLOT_FIXED);
    piix4_pm_set_slot(w->dev, 1, PCI_SLOT_FIXED);
    piix4_pm_set_slot(w->dev, 3, PCI_SLOT_CARD);
    device_leave(w->dev);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    device_free(w->dev);
    pci_bus_free(w->bus);
    fake_env_free(w->fe);
    free(w);
    return 0;
}

static void set_slot(struct world *w, unsigned slot, enum pci_slot_use use)
{
    device_enter(w->dev);
    piix4_pm_set_slot(w->dev, slot, use);
    device_leave(w->dev);
}

static void added(struct world *w, unsigned slot)
{
    device_enter(w->dev);
    piix4_pm_card_added(w->dev, slot);
    device_leave(w->dev);
}

static bool ask(struct world *w, unsigned slot)
{
    bool asked;

    device_enter(w->dev);
    asked = piix4_pm_ask_for_card(w->dev, slot);
    device_leave(w->dev);
    return asked;
}

static uint32_t to_go(struct world *w, bool with_asked)
{
    uint32_t slots;

    device_enter(w->dev);
    slots = piix4_pm_cards_to_go(w->dev, with_asked);
    device_leave(w->dev);
    return slots;
}

static void check_registers(struct world *w, uint32_t up, uint32_t down)
{
    assert_int_equal(fake_in(w->fe, UP, 4), up);
    assert_int_equal(fake_in(w->fe, DOWN, 4), down);
    assert_int_equal(fake_in(w->fe, UP, 4), up); /* reading changes nothing: _E01 reads it slot by slot */
}

static void test_at_first(void **state)
{
    struct world *w = *state;

    check_registers(w, 0, 0);
    assert_int_equal(fake_in(w->fe, EJECT, 4), 0);
    assert_int_equal(fake_in(w->fe, REMOVABLE, 4), 0xfffffffc);
    assert_int_equal(fake_in(w->fe, REMOVABLE, 1), 0xfc);
    assert_int_equal(fake_in(w->fe, GPE, 2), 0);
    assert_int_equal(to_go(w, true), 0);
}

/* A card comes, is asked for, ejected and taken out; the machine hears of the ejection once. */
static void test_life_of_a_card(void **state)
{
    struct world *w = *state;

    added(w, 5);
    check_registers(w, 1 << 5, 0);
    assert_int_equal(fake_in(w->fe, GPE, 2), 2);
    fake_out(w->fe, GPE, 2, 2);
    assert_int_equal(fake_in(w->fe, GPE, 2), 0);
    assert_true(ask(w, 5));
    check_registers(w, 1 << 5, 1 << 5);
    assert_int_equal(fake_in(w->fe, GPE, 2), 2);
    assert_int_equal(to_go(w, false), 0);
    assert_int_equal(to_go(w, true), 1 << 5); /* a reset would take it */
    fake_out(w->fe, EJECT, 4, 1 << 5);
    check_registers(w, 0, 0);
    assert_int_equal(w->fe->requests[MACHINE_EJECT], 1);
    assert_int_equal(to_go(w, false), 1 << 5);
    fake_out(w->fe, EJECT, 4, 1 << 5);
    assert_int_equal(w->fe->requests[MACHINE_EJECT], 1);
    assert_true(ask(w, 5)); /* the monitor a moment too late: it goes anyway */
    check_registers(w, 0, 0);
    set_slot(w, 5, PCI_SLOT_EMPTY);
    assert_int_equal(to_go(w, true), 0);
    assert_false(ask(w, 5));
    assert_int_equal(w->fe->guest_errors, 0);
}

/* Asked for again, since a guest may have cleared the event before it listened. */
static void test_asked_twice(void **state)
{
    struct world *w = *state;

    assert_true(ask(w, 3));
    fake_out(w->fe, GPE, 2, 0xffff);
    assert_true(ask(w, 3));
    assert_int_equal(fake_in(w->fe, GPE, 2), 2);
    check_registers(w, 0, 1 << 3);
}

static void test_guest_lets_go_by_itself(void **state)
{
    struct world *w = *state;

    fake_out(w->fe, EJECT, 4, 1 << 3);
    assert_int_equal(w->fe->requests[MACHINE_EJECT], 1);
    assert_int_equal(to_go(w, false), 1 << 3);
}

/* The SCI: the event, enabled, with SCI_EN, which the APM port sets. */
static void test_sci(void **state)
{
    struct world *w = *state;

    added(w, 9);
    assert_false(w->fe->irq_level[SCI]);
    fake_out(w->fe, GPE + 2, 1, 2);
    assert_false(w->fe->irq_level[SCI]);
    fake_out(w->fe, APM, 1, 0xf1);
    assert_true(w->fe->irq_level[SCI]);
    fake_out(w->fe, GPE, 1, 2);
    assert_false(w->fe->irq_level[SCI]);
    assert_true(ask(w, 9));
    assert_true(w->fe->irq_level[SCI]);
    fake_out(w->fe, GPE + 2, 1, 0);
    assert_false(w->fe->irq_level[SCI]);
}

/* Only the lowest slot of a write is meant; the machine's own functions and empty slots stay. */
static void test_which_slots(void **state)
{
    struct world *w = *state;

    added(w, 5);
    added(w, 31);
    fake_out(w->fe, EJECT, 4, 1u << 31 | 1 << 5);
    assert_int_equal(to_go(w, false), 1 << 5);
    fake_out(w->fe, EJECT, 4, 1u << 31);
    assert_int_equal(to_go(w, false), 1u << 31 | 1 << 5);
    assert_int_equal(w->fe->guest_errors, 0);
    fake_out(w->fe, EJECT, 4, 1 << 1);
    fake_out(w->fe, EJECT, 4, 1 << 20);
    fake_out(w->fe, EJECT, 4, 0);
    fake_out(w->fe, UP, 4, ~0u);
    fake_out(w->fe, REMOVABLE, 4, 0);
    assert_int_equal(w->fe->guest_errors, 5);
    assert_int_equal(to_go(w, false), 1u << 31 | 1 << 5);
    assert_int_equal(w->fe->requests[MACHINE_EJECT], 2);
    assert_int_equal(fake_in(w->fe, REMOVABLE, 4), 0xfffffffc);
}

/* Narrow and misaligned writes do nothing; a million of all kinds ask the machine once per card. */
static void test_hostile(void **state)
{
    struct world *w = *state;
    uint32_t x = 1;

    for (unsigned off = 0; off < PCI_HOTPLUG_BYTES; off++) {
        fake_out(w->fe, (uint16_t)(UP + off), 1, 0xff);
        fake_out(w->fe, (uint16_t)(UP + off), 2, 0xffff);
    }
    assert_int_equal(w->fe->requests[MACHINE_EJECT], 0);
    added(w, 4);
    assert_true(ask(w, 4));
    for (unsigned i = 0; i < 1000000; i++) {
        x = x * 1664525 + 1013904223;
        if (x & 1 << 20)
            fake_out(w->fe, (uint16_t)(UP + (x >> 28)), 1u << (x >> 24 & 3) % 3, x);
        else
            fake_in(w->fe, (uint16_t)(UP + (x >> 28)), 4);
    }
    assert_true(w->fe->requests[MACHINE_EJECT] <= 2);
    assert_int_equal(to_go(w, true) & ~(1u << 3 | 1u << 4), 0);
    assert_int_equal(fake_in(w->fe, REMOVABLE, 4), 0xfffffffc);
}

static void test_reset_and_load(void **state)
{
    struct world *w = *state;
    uint8_t saved[4096];
    char why[160];
    size_t n;

    added(w, 5);
    assert_true(ask(w, 3));
    device_enter(w->dev);
    n = device_save(w->dev, saved, sizeof(saved));
    device_leave(w->dev);
    device_reset(w->dev);
    check_registers(w, 0, 0);
    assert_int_equal(fake_in(w->fe, REMOVABLE, 4), 0xfffffffc); /* the cards are still there */
    assert_true(ask(w, 5));
    device_enter(w->dev);
    assert_true(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
    check_registers(w, 1 << 5, 1 << 3);
    /* Into a machine without that card. */
    set_slot(w, 5, PCI_SLOT_EMPTY);
    device_enter(w->dev);
    assert_false(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
    assert_non_null(strstr(why, "not there"));
    check_registers(w, 0, 1 << 3);
}

/* An ejection that was under way when the state was saved is carried out where it is loaded. */
static void test_load_ejected(void **state)
{
    struct world *w = *state;
    uint8_t saved[4096];
    char why[160];
    size_t n;

    fake_out(w->fe, EJECT, 4, 1 << 3);
    device_enter(w->dev);
    n = device_save(w->dev, saved, sizeof(saved));
    device_leave(w->dev);
    device_reset(w->dev);
    assert_int_equal(to_go(w, false), 0);
    device_enter(w->dev);
    assert_true(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
    assert_int_equal(to_go(w, false), 1 << 3);
    assert_int_equal(w->fe->requests[MACHINE_EJECT], 2);
}

/* ---- a bus that changes while the machine runs ---- */

static struct device *card(struct world *w, int devfn, const char *id)
{
    const struct e1000_config cfg = {.mac = {0x52, 0x54, 0, 1, 2, 3}};
    char why[160];

    return e1000_new(w->bus, devfn, &w->fe->env, id, &cfg, why, sizeof(why));
}

static void conf(struct world *w, unsigned off, unsigned size, uint32_t v)
{
    pci_config_write(w->bus, PCI_DEVFN(6, 0), off, size, v);
}

/*
 * A card in use goes: its windows answer no more, its place is free for one that waited, its line falls, its timers
 * are gone; and the next card in the slot is as new.
 */
static void test_bus(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < 100; i++) {
        struct device *first = card(w, PCI_DEVFN(6, 0), "first"), *second = card(w, PCI_DEVFN(7, 0), "second");

        assert_non_null(first);
        assert_non_null(second);
        assert_null(card(w, PCI_DEVFN(6, 0), "third"));
        assert_int_equal(pci_config_read(w->bus, PCI_DEVFN(6, 0), 0, 4), 0x100e8086);
        assert_int_equal(pci_config_read(w->bus, PCI_DEVFN(6, 0), 0x10, 4), 0);
        conf(w, 0x10, 4, 0xfeb00000);
        conf(w, 0x04, 2, 7);
        pci_config_write(w->bus, PCI_DEVFN(7, 0), 0x10, 4, 0xfeb00000);
        pci_config_write(w->bus, PCI_DEVFN(7, 0), 0x04, 2, 7);
        fake_writemem(w->fe, 0xfeb00000 + 0xd0, 4, 4); /* IMS: link */
        fake_writemem(w->fe, 0xfeb00000 + 0xc8, 4, 4); /* ICS */
        fake_step(w->fe, 1000000000);
        assert_true(w->fe->irq_level[INTX_LINE + 5 % 4]);
        fake_writemem(w->fe, 0xfeb00000, 4, 1 << 26); /* a reset of the card starts its PHY's timer */
        device_free(first);
        assert_false(w->fe->irq_level[INTX_LINE + 5 % 4]);
        assert_int_equal(pci_config_read(w->bus, PCI_DEVFN(6, 0), 0, 4), 0xffffffff);
        conf(w, 0x04, 2, 7);
        assert_int_equal(fake_readmem(w->fe, 0xfeb00000 + 0xd0, 4), 0); /* the second one's */
        fake_step(w->fe, 10000000000);
        device_free(second);
        assert_int_equal(fake_readmem(w->fe, 0xfeb00000 + 0xd0, 4), 0xffffffff);
        assert_int_equal(vclock_next_ns(w->fe->env.clock), -1);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_at_first),   T(test_life_of_a_card),          T(test_asked_twice),
        T(test_sci),        T(test_guest_lets_go_by_itself), T(test_which_slots),
        T(test_hostile),    T(test_reset_and_load),          T(test_load_ejected),
        T(test_bus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
