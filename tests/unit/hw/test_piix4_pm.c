/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX4 power management: PM1 widths, timer, SCI, sleep, APM, GPE0, SMBus, window moves,
 * save/load.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi/piix4_pm.h"
#include "tests/fakes/fake_env.h"

#define PM 0x600
#define SMB 0xb100
#define GPE 0xafe0
#define HOTPLUG 0xae00
#define APM 0xb2
#define SCI 9
#define S 1000000000ll

struct world {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct device *dev;
};

static void conf(struct world *w, unsigned off, unsigned size, uint32_t v)
{
    pci_config_write(w->bus, PCI_DEVFN(1, 3), off, size, v);
}

static uint32_t conf_get(struct world *w, unsigned off, unsigned size)
{
    return pci_config_read(w->bus, PCI_DEVFN(1, 3), off, size);
}

/* As SeaBIOS does. */
static void enable(struct world *w)
{
    conf(w, 0x40, 4, PM | 1);
    conf(w, 0x80, 1, 1);
    conf(w, 0x90, 4, SMB | 1);
    conf(w, 0xd2, 1, 9);
    conf(w, 0x04, 2, 1);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct irq_pin pins[4] = {{0}};
    struct piix4_pm_config cfg;
    char why[160];

    w->fe = fake_env_new(4096);
    w->bus = pci_bus_new(&w->fe->env, pins);
    cfg = (struct piix4_pm_config){.sci = fake_irq(w->fe, SCI), .apm_port = APM, .gpe_port = GPE,
                                   .hotplug_port = HOTPLUG,
                                   .com1 = true};
    w->dev = piix4_pm_new(w->bus, &w->fe->env, "pm", &cfg, why, sizeof(why));
    assert_non_null(w->dev);
    enable(w);
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

static void press(struct world *w)
{
    device_enter(w->dev);
    piix4_pm_power_button(w->dev);
    device_leave(w->dev);
}

static void test_config(void **state)
{
    struct world *w = *state;

    assert_int_equal(conf_get(w, 0, 4), 0x71138086);
    assert_int_equal(conf_get(w, 8, 4), 0x06800003);
    assert_true(conf_get(w, 0x58, 4) & 1u << 25); /* APMC_EN: SMM set-up is skipped */
    conf(w, 0x58, 4, 0);
    assert_int_equal(conf_get(w, 0x58, 4), 1u << 25);
    assert_int_equal(conf_get(w, 0x67, 1), 0x08); /* COM1 there, COM2 not */
    assert_int_equal(conf_get(w, 0x5f, 1), 0x10);
    assert_int_equal(conf_get(w, 0x40, 4), 0x601);
    assert_int_equal(conf_get(w, 0x3d, 1), 1);
}

static void test_windows(void **state)
{
    struct world *w = *state;

    assert_int_equal(fake_in(w->fe, PM + 2, 2), 0);
    conf(w, 0x40, 4, 0x700);
    assert_int_equal(fake_in(w->fe, PM + 2, 2), 0xffff);
    assert_int_equal(fake_in(w->fe, 0x702, 2), 0);
    conf(w, 0x80, 1, 0);
    assert_int_equal(fake_in(w->fe, 0x702, 2), 0xffff);
    conf(w, 0x80, 1, 1);
    /* Over its own GPE block: refused, counted, and free again when it moves on. */
    conf(w, 0x40, 4, GPE & 0xffc0);
    assert_int_equal(w->fe->guest_errors, 1);
    assert_int_equal(fake_in(w->fe, GPE + 2, 2), 0);
    conf(w, 0x40, 4, PM);
    assert_int_equal(fake_in(w->fe, PM + 2, 2), 0);
    /* SMBus swapped with PM1. */
    conf(w, 0x90, 4, PM);
    assert_int_equal(w->fe->guest_errors, 2);
    conf(w, 0x40, 4, SMB);
    assert_int_equal(fake_in(w->fe, PM + 3, 1), 0); /* SMBHSTCMD */
    fake_out(w->fe, PM + 3, 1, 0x5a);
    assert_int_equal(fake_in(w->fe, PM + 3, 1), 0x5a);
    fake_out(w->fe, SMB + 2, 2, 0x100);
    assert_int_equal(fake_in(w->fe, SMB + 2, 2), 0x100);
}

/* D-06 companion: PM1 event, control and timer take 1, 2 and 4 byte accesses. */
static void test_widths(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;
    uint32_t timer;

    fake_out(fe, PM + 2, 1, 0x21);
    fake_out(fe, PM + 3, 1, 0x05);
    assert_int_equal(fake_in(fe, PM + 2, 2), 0x0521);
    assert_int_equal(fake_in(fe, PM + 0, 4), 0x05210000);
    fake_out(fe, PM + 2, 2, 0xffff);
    assert_int_equal(fake_in(fe, PM + 2, 2), 0x0521);
    press(w);
    fake_out(fe, PM + 0, 4, 0x01000000); /* enable the button, clear nothing */
    assert_int_equal(fake_in(fe, PM + 0, 4), 0x01000100);
    fake_out(fe, PM + 1, 1, 0x01);
    assert_int_equal(fake_in(fe, PM + 0, 2), 0);
    fake_out(fe, PM + 4, 1, 0x01);
    fake_out(fe, PM + 5, 1, 0x04);
    assert_int_equal(fake_in(fe, PM + 4, 4), 0x0401);
    fake_out(fe, PM + 4, 4, 0x0001);
    assert_int_equal(fake_in(fe, PM + 5, 1), 0);
    fake_step(fe, 3 * S);
    timer = (uint32_t)fake_in(fe, PM + 8, 4);
    assert_int_equal(timer, 10738635); /* 3 s of 3.579545 MHz, below 2^24 */
    assert_int_equal(fake_in(fe, PM + 8, 1), timer & 0xff);
    assert_int_equal(fake_in(fe, PM + 9, 1), timer >> 8 & 0xff);
    assert_int_equal(fake_in(fe, PM + 10, 2), timer >> 16);
    fake_out(fe, PM + 8, 4, 0); /* read-only */
    assert_int_equal(fake_in(fe, PM + 8, 4), timer);
    fake_step(fe, 2 * S);
    assert_int_equal(fake_in(fe, PM + 8, 4), 17897725 & 0xffffff);
}

static void test_all_accesses(void **state)
{
    struct world *w = *state;
    static const uint32_t values[] = {0, 0xffffffff, 0xffffdfff};
    static const uint16_t bases[] = {PM, SMB, GPE, APM};

    for (unsigned v = 0; v < 3; v++) {
        for (unsigned b = 0; b < 4; b++) {
            for (unsigned off = 0; off < 70; off++) {
                for (unsigned size = 1; size <= 4; size *= 2) {
                    uint16_t port = (uint16_t)(bases[b] - 3 + off);

                    fake_in(w->fe, port, size);
                    fake_out(w->fe, port, size, values[v]);
                    fake_in(w->fe, port, size);
                }
            }
        }
        for (unsigned off = 0; off < 256; off++)
            conf(w, off, 1, values[v]);
    }
    device_reset(w->dev);
    enable(w);
    assert_int_equal(fake_in(w->fe, PM, 4), 0);
    assert_int_equal(fake_in(w->fe, PM + 4, 4), 0);
    assert_int_equal(fake_in(w->fe, GPE, 4), 0);
}

static void test_timer_overflow(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;
    /* 2^23 and 2^24 ticks of 3579545 Hz, rounded up */
    int64_t toggle_ns = 2343484438, second_ns = 4686968875;

    fake_out(fe, APM, 1, 0xf1);
    fake_step(fe, toggle_ns - 1);
    assert_int_equal(fake_in(fe, PM, 2), 0);
    fake_step(fe, 1);
    assert_int_equal(fake_in(fe, PM, 2), 1); /* also without a host timer */
    assert_false(fe->irq_level[SCI]);
    fake_out(fe, PM, 2, 1);
    assert_int_equal(fake_in(fe, PM, 2), 0);
    fake_out(fe, PM + 2, 2, 1);
    fake_step(fe, second_ns - toggle_ns - 1);
    assert_false(fe->irq_level[SCI]);
    fake_step(fe, 1);
    assert_true(fe->irq_level[SCI]); /* the timer did it, nobody read */
    fake_out(fe, PM, 2, 1);
    assert_false(fe->irq_level[SCI]);
    fake_step(fe, 10 * toggle_ns);
    assert_int_equal(fe->irq_raised[SCI], 2); /* once more, then stays up until cleared */
}

static void test_sci_matrix(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;

    for (unsigned bits = 0; bits < 8; bits++) {
        device_reset(w->dev);
        enable(w);
        if (bits & 1)
            press(w);
        if (bits & 2)
            fake_out(fe, PM + 2, 2, 0x100);
        if (bits & 4)
            fake_out(fe, APM, 1, 0xf1);
        assert_int_equal(fe->irq_level[SCI], bits == 7);
        assert_int_equal(fake_in(fe, PM + 4, 2) & 1, bits >> 2);
    }
    fake_out(fe, APM, 1, 0xf0);
    assert_int_equal(fake_in(fe, PM + 4, 2) & 1, 0);
    assert_false(fe->irq_level[SCI]);
    assert_int_equal(fake_in(fe, APM, 1), 0xf0);
    fake_out(fe, APM + 1, 1, 0x77);
    assert_int_equal(fake_in(fe, APM + 1, 1), 0x77);
}

static void test_sleep(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;

    for (unsigned type = 0; type < 8; type++) {
        memset(fe->requests, 0, sizeof(fe->requests));
        fe->guest_errors = 0;
        fake_out(fe, PM + 4, 2, type << 10); /* no SLP_EN: nothing */
        assert_int_equal(fe->requests[MACHINE_POWEROFF] + fe->requests[MACHINE_SUSPEND], 0);
        fake_out(fe, PM + 4, 2, type << 10 | 1u << 13);
        assert_int_equal(fe->requests[MACHINE_POWEROFF], type == 0 || type == 2);
        assert_int_equal(fe->requests[MACHINE_SUSPEND], type == 1);
        assert_int_equal(fe->guest_errors, type > 2);
        assert_int_equal(fake_in(fe, PM + 4, 2), type << 10); /* SLP_EN is write-only */
    }
    /* A byte write of the upper half alone is enough. */
    memset(fe->requests, 0, sizeof(fe->requests));
    fake_out(fe, PM + 5, 1, 0x20);
    assert_int_equal(fe->requests[MACHINE_POWEROFF], 1);
    device_enter(w->dev);
    piix4_pm_wake(w->dev);
    device_leave(w->dev);
    assert_int_equal(fake_in(fe, PM, 2), 0x8000);
    fake_out(fe, PM, 2, 0x8000);
    assert_int_equal(fake_in(fe, PM, 2), 0);
}

static void test_gpe(void **state)
{
    struct world *w = *state;

    fake_out(w->fe, GPE + 2, 1, 0x12);
    fake_out(w->fe, GPE + 3, 1, 0x34);
    assert_int_equal(fake_in(w->fe, GPE, 4), 0x34120000);
    fake_out(w->fe, GPE, 2, 0xffff);
    assert_int_equal(fake_in(w->fe, GPE, 2), 0);
}

static void test_smbus(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;

    /* i2c-piix4: idle, then a quick command to an address nobody has. */
    assert_int_equal(fake_in(fe, SMB, 1), 0);
    fake_out(fe, SMB + 4, 1, 0xa1);
    fake_out(fe, SMB + 2, 1, 0x40);
    assert_int_equal(fake_in(fe, SMB, 1), 0x04); /* DEV_ERR, not busy */
    assert_int_equal(fake_in(fe, SMB + 2, 1), 0);
    fake_out(fe, SMB, 1, 0xff);
    assert_int_equal(fake_in(fe, SMB, 1), 0);
    fake_out(fe, SMB + 2, 1, 0x42);
    assert_int_equal(fake_in(fe, SMB, 1), 0x10); /* killed */
    fake_out(fe, SMB, 1, 0x10);
    /* The block buffer wraps at 32 and restarts at a read of the control register. */
    fake_in(fe, SMB + 2, 1);
    for (unsigned i = 0; i < 34; i++)
        fake_out(fe, SMB + 7, 1, i);
    fake_in(fe, SMB + 2, 1);
    assert_int_equal(fake_in(fe, SMB + 7, 1), 32);
    assert_int_equal(fake_in(fe, SMB + 7, 1), 33);
    assert_int_equal(fake_in(fe, SMB + 7, 1), 2);
    /* Its interrupt by IRQ 9. */
    fake_out(fe, SMB + 2, 1, 0x41);
    assert_true(fe->irq_level[SCI]);
    fake_out(fe, SMB, 1, 0x04);
    assert_false(fe->irq_level[SCI]);
}

static void test_save_load(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;
    uint8_t saved[2048], bad[2048], *at;
    char why[160];
    size_t n;

    fake_out(fe, APM, 1, 0xf1);
    fake_out(fe, PM + 2, 2, 0x101);
    press(w);
    fake_out(fe, SMB + 5, 1, 0x42);
    device_enter(w->dev);
    n = device_save(w->dev, saved, sizeof(saved));
    device_leave(w->dev);
    assert_in_range(n, 256, sizeof(saved));
    device_reset(w->dev);
    assert_false(fe->irq_level[SCI]);
    assert_int_equal(fake_in(fe, PM, 2), 0xffff); /* decoding off */
    device_enter(w->dev);
    assert_true(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
    assert_true(fe->irq_level[SCI]);
    assert_int_equal(fake_in(fe, PM, 4), 0x01010100);
    assert_int_equal(fake_in(fe, SMB + 5, 1), 0x42);
    fake_out(fe, PM, 2, 0x100);
    fake_step(fe, 3 * S);
    assert_true(fe->irq_level[SCI]); /* the timer was armed again */

    memcpy(bad, saved, n);
    at = memmem(bad, n, "control", 7);
    assert_non_null(at);
    at[7 + 5] |= 0x80; /* name, type, count, value */
    device_enter(w->dev);
    assert_false(device_load(w->dev, bad, n, why, sizeof(why)));
    assert_non_null(strstr(why, "reserved"));
    memcpy(bad, saved, n);
    at = memmem(bad, n, "toggle_ticks", 12);
    assert_non_null(at);
    at[12 + 5 + 7] = 0x7f;
    assert_false(device_load(w->dev, bad, n, why, sizeof(why)));
    device_leave(w->dev);
}

static void test_place_taken(void **state)
{
    struct world *w = *state;
    struct piix4_pm_config cfg = {.apm_port = APM, .gpe_port = GPE, .hotplug_port = HOTPLUG};
    char why[160] = "";

    assert_null(piix4_pm_new(w->bus, &w->fe->env, "pm2", &cfg, why, sizeof(why)));
    assert_non_null(strstr(why, "01.3 is taken by pm"));
    assert_int_equal(conf_get(w, 0, 4), 0x71138086);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_config),     T(test_windows), T(test_widths), T(test_all_accesses),
        T(test_timer_overflow), T(test_sci_matrix), T(test_sleep), T(test_gpe),
        T(test_smbus),      T(test_save_load), T(test_place_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
