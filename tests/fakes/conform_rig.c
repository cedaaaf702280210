/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/conform_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hw/pci/i440fx.h"

char rig_why[200];

/* ---- PCI ---- */

static void pam_lines(void *opaque, unsigned segment, bool readable, bool writable)
{
    struct irq_pin r = rig_irq(opaque, 20 + segment), w = rig_irq(opaque, 36 + segment);

    irq_pin_set(&r, readable);
    irq_pin_set(&w, writable);
}

static struct pci_bus *make_bus(struct rig *rig)
{
    struct irq_pin intx[4];

    for (unsigned n = 0; n < 4; n++)
        intx[n] = rig_irq(rig, 16 + n);
    return rig->extra[EXTRA_BUS] = pci_bus_new(&rig->fe->env, intx);
}

struct device *rig_make_i440fx(struct rig *rig)
{
    struct i440fx_config cfg = {
        .port = 0xcf8, .pam = {pam_lines, rig}, .ram_bytes = 128 << 20};

    return i440fx_new(make_bus(rig), &rig->fe->env, "i440fx", &cfg, rig_why, sizeof(rig_why));
}

struct pci_bus *rig_make_bridge(struct rig *rig)
{
    rig->extra[EXTRA_BRIDGE] = rig_make_i440fx(rig);
    assert_non_null(rig->extra[EXTRA_BRIDGE]);
    return rig->extra[EXTRA_BUS];
}

void rig_unmake_pci(struct rig *rig)
{
    if (!rig->extra[EXTRA_BUS])
        return;
    device_free(rig->extra[EXTRA_BRIDGE]);
    pci_bus_free(rig->extra[EXTRA_BUS]);
}

void rig_copy_device(struct device *to, struct device *from)
{
    static uint8_t state[16384];
    size_t size;

    device_enter(from);
    size = device_save(from, state, sizeof(state));
    device_leave(from);
    assert_true(size <= sizeof(state));
    device_enter(to);
    assert_true(device_load(to, state, size, rig_why, sizeof(rig_why)));
    device_leave(to);
}

void rig_copy_bridge(struct rig *to, struct rig *from)
{
    if (from->extra[EXTRA_BRIDGE])
        rig_copy_device(to->extra[EXTRA_BRIDGE], from->extra[EXTRA_BRIDGE]);
}

void rig_config_write(struct rig *rig, unsigned devfn, unsigned off, uint32_t value)
{
    fake_out(rig->fe, 0xcf8, 4, 0x80000000u | devfn << 8 | off);
    fake_out(rig->fe, 0xcfc, 4, value);
    fake_out(rig->fe, 0xcf8, 4, 0);
}

/* Windows get places that do not clash: who wins a clash depends on who came first, which no saved state can say. */
static uint32_t place(const struct pci_device *pci, unsigned bar)
{
    return pci->windows[bar].io ? 0xc000 + bar * 0x400 : 0xe0000000 + bar * 0x04000000;
}

void rig_open_windows(struct rig *rig)
{
    const struct pci_device *pci = (const struct pci_device *)rig->dev;

    for (unsigned bar = 0; bar < PCI_ROM_SLOT; bar++)
        rig_config_write(rig, pci->devfn, 0x10 + 4 * bar, place(pci, bar));
    rig_config_write(rig, pci->devfn, 0x04, 7);
}

void rig_event_pci(struct rig *rig, struct rng *rng)
{
    const struct pci_device *pci = (const struct pci_device *)rig->dev;
    unsigned off = rng_below(rng, 256) & ~3u, bar = (off - 0x10) / 4;
    uint32_t value = (uint32_t)rng_next(rng);

    if (!rig->extra[EXTRA_BUS])
        return;
    if (rng_below(rng, 4) == 0)
        off = 0x04;
    if (off >= 0x10 && off < 0x28)
        value = value & 3 || pci->windows[bar].io ? place(pci, bar) : 0xffffffff;
    if (off == 0x30)
        value = 0xfb000000 | (value & 1);
    rig_config_write(rig, pci->devfn, off, value);
}

/* ---- the run ---- */

const struct conform_check conform_checks[CONFORM_CHECKS] = {
    {"no result unset", check_no_result_unset}, {"all ports", check_all_ports},
    {"reset is new", check_reset_is_new},       {"save and load", check_save_load},
    {"load rejects", check_load_rejects},       {"random accesses", check_random_accesses},
};

struct conform_case {
    const struct conform_row *row;
    const struct conform_check *check;
    char name[80];
};

static void run_case(void **state)
{
    const struct conform_case *c = *state;
    const char *fault = c->check->run(c->row);

    if (fault)
        fail_msg("%s", fault);
}

int conform_run(const struct conform_row *rows, unsigned count)
{
    struct conform_case *cases = calloc(count * CONFORM_CHECKS, sizeof(*cases));
    struct CMUnitTest *tests = calloc(count * CONFORM_CHECKS, sizeof(*tests));
    int failed;

    if (!cases || !tests)
        abort();
    for (unsigned n = 0; n < count * CONFORM_CHECKS; n++) {
        cases[n].row = &rows[n / CONFORM_CHECKS];
        cases[n].check = &conform_checks[n % CONFORM_CHECKS];
        snprintf(cases[n].name, sizeof(cases[n].name), "%s: %s", cases[n].row->name, cases[n].check->name);
        tests[n] = (struct CMUnitTest){cases[n].name, run_case, NULL, NULL, &cases[n]};
    }
    failed = _cmocka_run_group_tests("devices", tests, count * CONFORM_CHECKS, NULL, NULL);
    free(tests);
    free(cases);
    return failed;
}
