/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pointer's way to the device that the guest uses: places to the vmmouse, pixels of movement to the PS/2 mouse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dm/machine/machine_int.h"
#include "hw/device.h"
#include "hw/input/i8042.h"
#include "hw/input/ps2_mouse.h"
#include "hw/input/vmport.h"
#include "ui/surface.h"

#define PORT     0x5658
#define ENABLE   0x45414552u
#define DISABLE  0x000000f5u
#define ABSOLUTE 0x53424152u

static struct dev_env env;
static struct io_reader reader;
static struct cpu_regs regs;
static struct machine m;

static bool get_regs(void *opaque, struct cpu_regs *r)
{
    (void)opaque;
    *r = regs;
    return true;
}

static bool set_regs(void *opaque, const struct cpu_regs *r)
{
    (void)opaque;
    regs = *r;
    return true;
}

static uint32_t port_access(unsigned dir, uint16_t port, uint8_t size, uint32_t value)
{
    struct ioreq req = {.addr = port, .data = &value, .count = 1, .size = size, .space = IO_PORT,
                        .dir = (uint8_t)dir};

    iomap_dispatch(env.iomap, &reader, &req);
    return value;
}

static uint32_t call(uint32_t command, uint32_t argument)
{
    regs = (struct cpu_regs){.eax = VMPORT_MAGIC, .ebx = argument, .ecx = command};
    return port_access(IO_READ, PORT, 4, 0);
}

static int setup(void **state)
{
    const struct i8042_config kbc = {{0}, {0}};
    const struct vmport_config vmport = {PORT};
    char why[200];

    (void)state;
    env = (struct dev_env){.iomap = iomap_new(), .clock = vclock_new_stepped(), .cpu = {get_regs, set_regs, NULL}};
    iomap_reader_add(env.iomap, &reader);
    m = (struct machine){.keyboard = i8042_new(&env, "i8042", &kbc, why, sizeof(why)),
                         .vmmouse = vmport_new(&env, "vmmouse", &vmport, why, sizeof(why))};
    port_access(IO_WRITE, 0x64, 1, 0xd4);
    port_access(IO_WRITE, 0x60, 1, 0xf4);
    return port_access(IO_READ, 0x60, 1, 0) != 0xfa;
}

static int teardown(void **state)
{
    (void)state;
    device_free(m.keyboard);
    device_free(m.vmmouse);
    iomap_reader_remove(env.iomap, &reader);
    iomap_free(env.iomap);
    vclock_free(env.clock);
    return 0;
}

static bool mouse_waits(void)
{
    return port_access(IO_READ, 0x64, 1, 0) & 1;
}

/* The PS/2 mouse's packets until there are none, added up. */
static void expect_ps2(int dx, int dy, unsigned buttons)
{
    unsigned last = 0x100;

    while (mouse_waits()) {
        int flags = (int)port_access(IO_READ, 0x60, 1, 0), x = (int)port_access(IO_READ, 0x60, 1, 0);
        int y = (int)port_access(IO_READ, 0x60, 1, 0);

        last = (unsigned)flags & 7;
        dx -= x - (flags & 0x10 ? 256 : 0);
        dy += y - (flags & 0x20 ? 256 : 0);
    }
    assert_int_equal(last, buttons);
    assert_int_equal(dx, 0);
    assert_int_equal(dy, 0);
}

static void expect_packet(uint32_t flags, uint32_t x, uint32_t y)
{
    assert_true(mouse_waits()); /* the guest was told to look */
    assert_true(call(40, 0) >= 4);
    call(39, 4);
    assert_int_equal(regs.eax, flags);
    assert_int_equal(regs.ebx, x);
    assert_int_equal(regs.ecx, y);
}

static void test_guest_that_knows_movement(void **state)
{
    (void)state;
    assert_false(machine_pointer_is_absolute(&m));
    machine_pointer(&m, 0x4000, 0x4000, 0, 0); /* from nowhere to there is no movement */
    assert_false(mouse_waits());
    machine_pointer(&m, 0x4000 + 0x7fff * 100 / 639 + 1, 0x4000, 0, PS2_BUTTON_LEFT);
    expect_ps2(100, 0, 1);
    machine_pointer(&m, 0, 0, 0, PS2_BUTTON_LEFT);
    machine_pointer(&m, MACHINE_POINTER_MAX, MACHINE_POINTER_MAX, 0, 0);
    expect_ps2(-319 - 100 + 639, -239 + 479, 0);
    machine_pointer(&m, 0xffffffff, 0xffffffff, 0, PS2_BUTTON_RIGHT); /* no farther than the edge */
    expect_ps2(0, 0, 2);
    machine_mouse(&m, 5, -6, 0, 0);
    expect_ps2(5, -6, 0);
}

static void test_guest_that_follows(void **state)
{
    (void)state;
    call(41, ENABLE);
    call(39, 1);
    machine_pointer(&m, 1, 1, 0, 0); /* not yet: as movement */
    call(41, ABSOLUTE);
    assert_true(machine_pointer_is_absolute(&m));
    assert_int_equal(call(40, 0), 0);
    machine_mouse(&m, 0, 0, 0, 0); /* at the last place, though it was told to the other mouse */
    expect_packet(0, 2, 2);
    machine_pointer(&m, MACHINE_POINTER_MAX, 0, 0, PS2_BUTTON_LEFT);
    expect_packet(0x20, 0xffff, 0);
    machine_mouse(&m, 0, 0, 0, 0);
    expect_packet(0, 0xffff, 0);
    machine_mouse(&m, -3, 4, 0, PS2_BUTTON_LEFT);
    expect_packet(0x10020, (uint32_t)-3, (uint32_t)-4);
    machine_mouse(&m, 0, 0, 0, 0); /* not at the last place any more */
    expect_packet(0x10000, 0, 0);
    while (mouse_waits())
        port_access(IO_READ, 0x60, 1, 0);
    call(41, DISABLE);
    assert_false(machine_pointer_is_absolute(&m));
    machine_pointer(&m, 0, 0, 0, PS2_BUTTON_LEFT);
    machine_pointer(&m, 0, MACHINE_POINTER_MAX, 0, 0);
    expect_ps2(0, 479, 0);
}

/* A button that went down at the PS/2 mouse comes up there when the guest turns to the other one. */
static void test_button_held_over_the_change(void **state)
{
    (void)state;
    machine_mouse(&m, 0, 0, 0, PS2_BUTTON_LEFT);
    expect_ps2(0, 0, 1);
    call(41, ENABLE);
    call(39, 1);
    call(41, ABSOLUTE);
    machine_pointer(&m, 5, 5, 0, PS2_BUTTON_LEFT);
    expect_packet(0x20, 10, 10);
    expect_ps2(1, 0, 0);
}

static void test_machine_without_vmmouse(void **state)
{
    struct device *vmmouse = m.vmmouse;

    (void)state;
    m.vmmouse = NULL;
    assert_false(machine_has_vmmouse(&m));
    assert_false(machine_pointer_is_absolute(&m));
    machine_pointer(&m, 0, 0, 0, 0);
    machine_pointer(&m, MACHINE_POINTER_MAX, 0, 0, 0);
    expect_ps2(639, 0, 0);
    m.vmmouse = vmmouse;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_guest_that_knows_movement), TEST(test_guest_that_follows),
        TEST(test_button_held_over_the_change), TEST(test_machine_without_vmmouse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
