/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debug console, the debug exit and the POST port. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hw/misc/debug_exit.h"
#include "hw/misc/debugcon.h"
#include "hw/misc/pc_testdev.h"
#include "hw/misc/post_port.h"
#include "tests/fakes/fake_chardev.h"
#include "tests/fakes/fake_env.h"

static size_t save(struct device *dev, void *buf, size_t size)
{
    size_t n;

    device_enter(dev);
    n = device_save(dev, buf, size);
    device_leave(dev);
    return n;
}

static bool load(struct device *dev, const void *buf, size_t size)
{
    char why[200];
    bool ok;

    device_enter(dev);
    ok = device_load(dev, buf, size, why, sizeof(why));
    device_leave(dev);
    return ok;
}

/* ---- debugcon ---- */

static void test_debugcon(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct chardev *chr = fake_chardev_new("debug", true);
    struct isa_debugcon_config cfg = {DEBUGCON_IOBASE, DEBUGCON_READBACK, chr};
    struct device *dev = isa_debugcon_new(&fe->env, "debugcon0", &cfg, NULL, 0);
    char big[4096];
    size_t len;

    (void)state;
    assert_non_null(dev);
    assert_int_equal(fake_in(fe, 0xe9, 1), 0xe9);
    fake_out(fe, 0xe9, 1, 'a');
    fake_outs(fe, 0xe9, 1, "bcd", 3);
    assert_string_equal(fake_chardev_written(chr, NULL), "abcd");
    memset(big, 'x', sizeof(big));
    fake_outs(fe, 0xe9, 1, big, sizeof(big));
    fake_chardev_written(chr, &len);
    assert_int_equal(len, 4 + sizeof(big));
    assert_int_equal(fake_in(fe, 0xe9, 2), 0xffe9); /* one port wide */
    assert_int_equal(fake_chardev_feed(chr, "typed", 5), 5); /* thrown away */
    device_free(dev);
    assert_false(fake_chardev_attached(chr));
    assert_int_equal(fake_in(fe, 0xe9, 1), 0xff);
    fake_chardev_free(chr);
    fake_env_free(fe);
}

static void find_dropped(void *opaque, const char *name, uint64_t value, const char *text)
{
    (void)text;
    if (!strcmp(name, "dropped"))
        *(uint64_t *)opaque = value;
}

static uint64_t dropped(struct device *dev)
{
    uint64_t n = UINT64_MAX;

    device_enter(dev);
    device_dump(dev, find_dropped, &n);
    device_leave(dev);
    return n;
}

static void test_debugcon_never_blocks(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct chardev *chr = fake_chardev_new("debug", true);
    struct isa_debugcon_config cfg = {0x402, 0xe9, chr};
    struct device *dev = isa_debugcon_new(&fe->env, "debugcon0", &cfg, NULL, 0);
    uint8_t buf[256];
    size_t n;

    (void)state;
    fake_chardev_set_room(chr, 3);
    fake_outs(fe, 0x402, 1, "abcdef", 6);
    fake_out(fe, 0x402, 1, 'g');
    assert_string_equal(fake_chardev_written(chr, NULL), "abc");
    assert_int_equal(dropped(dev), 4);
    n = save(dev, buf, sizeof(buf));
    device_reset(dev);
    assert_int_equal(dropped(dev), 0);
    assert_true(load(dev, buf, n));
    assert_int_equal(dropped(dev), 4);
    device_free(dev);
    fake_chardev_free(chr);
    fake_env_free(fe);
}

static void test_debugcon_overlap_and_nobody(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct isa_debugcon_config cfg = {0xe9, 0x55, NULL};
    struct device *dev = isa_debugcon_new(&fe->env, "debugcon0", &cfg, NULL, 0);
    char why[200] = "";

    (void)state;
    fake_out(fe, 0xe9, 1, 'x');
    assert_int_equal(fake_in(fe, 0xe9, 1), 0x55);
    assert_int_equal(dropped(dev), 0); /* nobody is no loss */
    assert_null(isa_debugcon_new(&fe->env, "debugcon1", &cfg, why, sizeof(why)));
    assert_non_null(strstr(why, "debugcon0"));
    device_free(dev);
    fake_env_free(fe);
}

/* ---- debug exit ---- */

static void expect_exit(uint16_t iobase, uint16_t iosize, uint16_t port, unsigned size,
                        uint32_t value, unsigned code)
{
    struct fake_env *fe = fake_env_new(0);
    struct isa_debug_exit_config cfg = {iobase, iosize};
    struct device *dev = isa_debug_exit_new(&fe->env, "exit0", &cfg, NULL, 0);

    assert_non_null(dev);
    assert_int_equal(fake_in(fe, iobase, 1), 0);
    assert_int_equal(fe->requests[MACHINE_EXIT], 0);
    fake_out(fe, port, size, value);
    assert_int_equal(fe->requests[MACHINE_EXIT], 1);
    assert_int_equal(fe->request_arg, code);
    fake_out(fe, port, size, value + 1); /* the first one counts ... */
    assert_int_equal(fe->requests[MACHINE_EXIT], 1);
    device_reset(dev); /* ... until a reset */
    fake_out(fe, port, size, value);
    assert_int_equal(fe->requests[MACHINE_EXIT], 2);
    device_free(dev);
    fake_env_free(fe);
}

static void test_debug_exit(void **state)
{
    (void)state;
    expect_exit(0x501, 2, 0x501, 1, 0, 1);
    expect_exit(0x501, 2, 0x501, 1, 0x10, 0x21);
    expect_exit(0x501, 2, 0x502, 1, 0x10, 0x21);
    expect_exit(0x501, 2, 0x501, 2, 0x31, 0x63); /* arrives as two bytes: the low one first */
    expect_exit(0x501, 2, 0x501, 4, 0x31, 0x63);
    expect_exit(0xf4, 4, 0xf4, 4, 0x12345678, 0x2468acf1); /* kvm-unit-tests: whole */
    expect_exit(0xf4, 4, 0xf4, 4, 0xffffffff, 0xffffffff);
    expect_exit(0xf4, 1, 0xf4, 1, 3, 7);
}

static void test_debug_exit_bad(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct isa_debug_exit_config cfg = {0x501, 0};
    char why[200] = "";

    (void)state;
    assert_null(isa_debug_exit_new(&fe->env, "exit0", &cfg, why, sizeof(why)));
    assert_string_not_equal(why, "");
    cfg = (struct isa_debug_exit_config){0xffff, 2};
    assert_null(isa_debug_exit_new(&fe->env, "exit0", &cfg, why, sizeof(why)));
    fake_env_free(fe);
}

/* ---- POST port ---- */

static void find_post_span(void *opaque, const struct io_region *region)
{
    if (region->base == POST_PORT)
        *(const struct io_region **)opaque = region;
}

static void test_post_port(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct device *dev = post_port_new(&fe->env, "post", NULL, 0);
    const struct io_region *region = NULL;
    uint8_t buf[256];
    char why[200] = "";
    size_t n;

    (void)state;
    assert_non_null(dev);
    assert_int_equal(fake_in(fe, 0x80, 1), 0);
    fake_out(fe, 0x80, 1, 0x42);
    assert_int_equal(fake_in(fe, 0x80, 1), 0x42);
    fake_outs(fe, 0x80, 1, "\x01\x02\x03", 3);
    assert_int_equal(fake_in(fe, 0x80, 1), 0x03);
    n = save(dev, buf, sizeof(buf));
    fake_out(fe, 0x80, 1, 0x55);
    device_reset(dev);
    assert_int_equal(fake_in(fe, 0x80, 1), 0x55); /* where did it hang before the reset? */
    assert_true(load(dev, buf, n));
    assert_int_equal(fake_in(fe, 0x80, 1), 0x03);
    /* KVM is told that it may collect the writes. */
    iomap_foreach(fe->env.iomap, find_post_span, &region);
    assert_non_null(region);
    assert_int_equal(region->ops->posted_count, 1);
    assert_int_equal(region->ops->posted[0].off, 0);
    assert_int_equal(region->ops->posted[0].size, 1);
    assert_null(post_port_new(&fe->env, "other", why, sizeof(why)));
    assert_non_null(strstr(why, "post"));
    device_free(dev);
    fake_env_free(fe);
}

/* ---- pc-testdev ---- */

static void test_testdev(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct pc_testdev_config cfg;
    struct device *dev;
    char why[100];

    (void)state;
    for (unsigned i = 0; i < PC_TESTDEV_LINES; i++)
        cfg.line[i] = fake_irq(fe, i);
    dev = pc_testdev_new(&fe->env, "testdev", &cfg, why, sizeof(why));
    assert_non_null(dev);
    /* One register, whole and in parts, by both of its places. */
    fake_out(fe, 0xe0, 4, 0x11223344);
    assert_int_equal(fake_in(fe, 0xe0, 4), 0x11223344);
    assert_int_equal(fake_in(fe, 0xe2, 2), 0x1122);
    assert_int_equal(fake_in(fe, 0xe8, 4), 0x11223344);
    fake_out(fe, 0xe1, 1, 0xaa);
    fake_out(fe, 0xea, 2, 0xccbb);
    assert_int_equal(fake_in(fe, 0xe0, 4), 0xccbbaa44);
    /* Lines. */
    for (unsigned i = 0; i < PC_TESTDEV_LINES; i++) {
        fake_out(fe, (uint16_t)(0x2000 + i), 1, 0x80);
        assert_true(fe->irq_level[i]);
        assert_int_equal(fake_in(fe, (uint16_t)(0x2000 + i), 1), 1);
        fake_out(fe, (uint16_t)(0x2000 + i), 1, 0);
        assert_false(fe->irq_level[i]);
    }
    /* Memory, to its last byte. */
    fake_writemem(fe, 0xff000000, 8, 0x1122334455667788);
    assert_int_equal(fake_readmem(fe, 0xff000004, 4), 0x11223344);
    fake_writemem(fe, 0xff00ffff, 1, 0x5a);
    assert_int_equal(fake_readmem(fe, 0xff00ffff, 1), 0x5a);
    /* A reset lowers the lines. */
    fake_out(fe, 0x2005, 1, 1);
    device_reset(dev);
    assert_false(fe->irq_level[5]);
    assert_int_equal(fake_in(fe, 0xe0, 4), 0);
    assert_null(pc_testdev_new(&fe->env, "second", &cfg, why, sizeof(why)));
    device_free(dev);
    assert_int_equal(fake_in(fe, 0xe0, 1), 0xff);
    fake_env_free(fe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_testdev),
        cmocka_unit_test(test_debugcon),
        cmocka_unit_test(test_debugcon_never_blocks),
        cmocka_unit_test(test_debugcon_overlap_and_nobody),
        cmocka_unit_test(test_debug_exit),
        cmocka_unit_test(test_debug_exit_bad),
        cmocka_unit_test(test_post_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
