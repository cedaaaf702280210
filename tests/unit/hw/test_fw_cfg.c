/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg: ports, directory, DMA, and HAZARDS P-14 (no work or bytes beyond the item). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/misc/fw_cfg.h"
#include "tests/fakes/fake_env.h"

#define PORT 0x510
#define RAM 0x40000
#define BUF 0x10000 /* where DMA goes */
#define ST 0x1000   /* where its structure is */

enum { ERROR = 1, READ = 2, SKIP = 4, SELECT = 8, WRITE = 16 };

struct world {
    struct fake_env *fe;
    struct device *dev;
    uint8_t big[20000];
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct fw_cfg_config cfg = {.port = PORT};
    char why[160];

    w->fe = fake_env_new(RAM);
    w->dev = fw_cfg_new(&w->fe->env, "fw_cfg", &cfg, why, sizeof(why));
    assert_non_null(w->dev);
    for (unsigned i = 0; i < sizeof(w->big); i++)
        w->big[i] = (uint8_t)(i * 13 + (i >> 8) + 1);
    fw_cfg_borrow(w->dev, FW_CFG_KERNEL_DATA, w->big, sizeof(w->big));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    device_free(w->dev);
    fake_env_free(w->fe);
    free(w);
    return 0;
}

static void put_be(uint8_t *p, uint64_t v, unsigned n)
{
    while (n--) {
        p[n] = (uint8_t)v;
        v >>= 8;
    }
}

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void select_key(struct world *w, unsigned key)
{
    fake_out(w->fe, PORT, 2, key);
}

static void kick(struct world *w, uint64_t structure)
{
    fake_out(w->fe, PORT + 4, 4, __builtin_bswap32((uint32_t)(structure >> 32)));
    fake_out(w->fe, PORT + 8, 4, __builtin_bswap32((uint32_t)structure));
}

/* Runs one transfer; returns the control word afterwards. */
static uint32_t dma(struct world *w, uint32_t control, uint32_t length, uint64_t address)
{
    put_be(w->fe->ram + ST, control, 4);
    put_be(w->fe->ram + ST + 4, length, 4);
    put_be(w->fe->ram + ST + 8, address, 8);
    kick(w, ST);
    return get_be32(w->fe->ram + ST);
}

static void test_ports(void **state)
{
    struct world *w = *state;
    uint8_t buf[8];

    select_key(w, FW_CFG_SIGNATURE);
    fake_ins(w->fe, PORT + 1, 1, buf, 6);
    assert_memory_equal(buf, "QEMU\0\0", 6);
    select_key(w, FW_CFG_ID);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 3);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 0);
    fw_cfg_add_u16(w->dev, FW_CFG_NB_CPUS, 0x1234);
    fw_cfg_add_u32(w->dev, FW_CFG_KERNEL_ADDR, 0x11223344);
    fw_cfg_add_u64(w->dev, FW_CFG_RAM_SIZE, 0x1122334455667788);
    select_key(w, FW_CFG_RAM_SIZE);
    fake_ins(w->fe, PORT + 1, 1, buf, 8);
    assert_memory_equal(buf, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    select_key(w, FW_CFG_NB_CPUS);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 0x34);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 0x12);
    fw_cfg_add_bytes(w->dev, FW_CFG_E820_TABLE, "abc", 3);
    fw_cfg_add_bytes(w->dev, FW_CFG_E820_TABLE, "xy", 2); /* replaced */
    select_key(w, FW_CFG_E820_TABLE);
    fake_ins(w->fe, PORT + 1, 1, buf, 3);
    assert_memory_equal(buf, "xy\0", 3);
    select_key(w, 0xbeef); /* no such item: zeros */
    fake_ins(w->fe, PORT + 1, 1, buf, 8);
    assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(fake_in(w->fe, PORT + 4, 4), 0x554d4551); /* "QEMU" */
    assert_int_equal(fake_in(w->fe, PORT + 8, 4), 0x47464320); /* " CFG" */
    assert_int_equal(fake_in(w->fe, PORT + 5, 1), 'E');
}

static void test_string(void **state)
{
    struct world *w = *state;
    uint8_t buf[20002];

    select_key(w, FW_CFG_KERNEL_DATA);
    fake_ins(w->fe, PORT + 1, 1, buf, sizeof(buf));
    assert_memory_equal(buf, w->big, sizeof(w->big));
    assert_int_equal(buf[20000] | buf[20001], 0);
}

static void test_directory(void **state)
{
    struct world *w = *state;
    static const char *const names[] = {"etc/b", "etc/a", "bootorder", "etc/system-states"};
    uint8_t dir[4 + 4 * 64], one[2];
    char name[80];

    for (unsigned i = 0; i < 4; i++)
        assert_true(fw_cfg_add_file(w->dev, names[i], &(uint8_t){(uint8_t)(i + 1)}, 1));
    assert_true(fw_cfg_add_file(w->dev, "etc/a", "zz", 2)); /* replaced */
    select_key(w, FW_CFG_FILE_DIR);
    fake_ins(w->fe, PORT + 1, 1, dir, sizeof(dir));
    assert_int_equal(get_be32(dir), 4);
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *e = dir + 4 + i * 64;

        assert_int_equal(e[4] << 8 | e[5], 0x20 + i);
        assert_int_equal(e[6] | e[7], 0);
        if (i)
            assert_true(strcmp((const char *)e - 64 + 8, (const char *)e + 8) < 0);
    }
    assert_string_equal((char *)dir + 4 + 8, "bootorder");
    assert_int_equal(get_be32(dir + 4 + 64), 2);
    select_key(w, 0x21); /* etc/a */
    fake_ins(w->fe, PORT + 1, 1, one, 2);
    assert_memory_equal(one, "zz", 2);
    memset(name, 'n', sizeof(name));
    name[55] = 0;
    assert_true(fw_cfg_add_file(w->dev, name, "", 0));
    name[55] = 'n';
    name[56] = 0;
    assert_false(fw_cfg_add_file(w->dev, name, "", 0));
    assert_false(fw_cfg_add_file(w->dev, "", "", 0));
    for (unsigned i = 5; i < FW_CFG_FILES_MAX; i++) {
        snprintf(name, sizeof(name), "f%u", i);
        assert_true(fw_cfg_add_file(w->dev, name, "", 0));
    }
    assert_false(fw_cfg_add_file(w->dev, "one more", "", 0));
    select_key(w, 0x20 + FW_CFG_FILES_MAX);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 0);
}

static void test_dma_read(void **state)
{
    struct world *w = *state;
    uint32_t kernel = FW_CFG_KERNEL_DATA << 16;

    memset(w->fe->ram + BUF, 0xee, 0x20000);
    assert_int_equal(dma(w, kernel | SELECT | READ, 5000, BUF), 0);
    assert_memory_equal(w->fe->ram + BUF, w->big, 5000);
    assert_int_equal(w->fe->ram[BUF + 5000], 0xee);
    assert_int_equal(dma(w, SKIP, 1000, 0), 0);
    assert_int_equal(dma(w, READ, 14000, BUF), 0);
    assert_memory_equal(w->fe->ram + BUF, w->big + 6000, 14000);
    assert_int_equal(dma(w, READ, 8, BUF), 0); /* at its end: zeros */
    assert_memory_equal(w->fe->ram + BUF, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(w->fe->ram[BUF + 8], w->big[6008]);
    assert_int_equal(dma(w, 0xbeef0000 | SELECT | READ, 4, BUF + 8), 0); /* absent: zeros */
    assert_int_equal(get_be32(w->fe->ram + BUF + 8), 0);
    assert_int_equal(w->fe->guest_errors, 0);
    /* Select by port, then by DMA; the ports go on where DMA stopped. */
    select_key(w, FW_CFG_SIGNATURE);
    assert_int_equal(dma(w, READ, 2, BUF), 0);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 'M');
    /* The high half is forgotten after each transfer. */
    fake_out(w->fe, PORT + 4, 4, 0x01000000);
    fake_out(w->fe, PORT + 8, 4, __builtin_bswap32(ST));
    assert_int_equal(w->fe->guest_errors, 1);
    put_be(w->fe->ram + ST, kernel | SELECT | READ, 4);
    w->fe->ram[BUF] = 0;
    fake_out(w->fe, PORT + 8, 4, __builtin_bswap32(ST));
    assert_int_equal(get_be32(w->fe->ram + ST), 0);
    assert_int_equal(w->fe->guest_errors, 1);
}

/* P-14: all combinations of control bits x lengths x addresses. */
static void test_p14_matrix(void **state)
{
    struct world *w = *state;
    static const uint32_t lengths[] = {0, 1, 20000, 20001, 24096, 24097, 0x80000000, 0xffffffff};
    static const uint64_t addresses[] = {BUF, 0, RAM - 1, RAM, 0xb8000, 1ull << 40, UINT64_MAX - 3,
                                         ST};
    const unsigned length_count = sizeof(lengths) / sizeof(lengths[0]);
    uint8_t *after = w->fe->ram + BUF + 20000 + FW_CFG_ZERO_BYTES;

    for (unsigned control = 0; control < 32; control++) {
        for (unsigned l = 0; l < length_count; l++) {
            for (unsigned a = 0; a < sizeof(addresses) / sizeof(addresses[0]); a++) {
                uint32_t n = lengths[l], result;
                bool ok = true;

                memset(after, 0xee, 16);
                select_key(w, FW_CFG_KERNEL_DATA);
                result = dma(w, (uint32_t)FW_CFG_KERNEL_DATA << 16 | control, n, addresses[a]);
                if (control & READ)
                    ok = n <= 24096 && (!n || (addresses[a] < RAM && n <= RAM - addresses[a]));
                else if (control & WRITE)
                    ok = false;
                assert_int_equal(result, ok ? 0 : ERROR);
                assert_int_equal(after[0], 0xee); /* nothing beyond item and bounded zeros */
            }
        }
    }
    /* Skips end at the item's end. */
    assert_int_equal(dma(w, (uint32_t)FW_CFG_KERNEL_DATA << 16 | SELECT | SKIP, 0xffffffff, 0), 0);
    assert_int_equal(dma(w, SKIP, 0xffffffff, 0), 0);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 0);
    for (unsigned i = 0; i < sizeof(w->big); i++)
        assert_int_equal(w->big[i], (uint8_t)(i * 13 + (i >> 8) + 1)); /* items are read-only */
}

/* The structure itself at the end of RAM, past it, wrapping, over the ports' own address. */
static void test_p14_structure(void **state)
{
    struct world *w = *state;
    static const uint64_t bad[] = {RAM - 15, RAM - 4, RAM - 1, RAM, 0xb8000, UINT64_MAX - 7,
                                   UINT64_MAX};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        kick(w, bad[i]);
        assert_int_equal(w->fe->guest_errors, i + 1);
    }
    put_be(w->fe->ram + RAM - 16, FW_CFG_SIGNATURE << 16 | SELECT | READ, 4);
    put_be(w->fe->ram + RAM - 12, 4, 4);
    put_be(w->fe->ram + RAM - 8, BUF, 8);
    kick(w, RAM - 16); /* just fits */
    assert_memory_equal(w->fe->ram + BUF, "QEMU", 4);
    assert_int_equal(get_be32(w->fe->ram + RAM - 16), 0);
    /* A transfer over its own structure: the copy counts. */
    assert_int_equal(dma(w, (uint32_t)FW_CFG_KERNEL_DATA << 16 | SELECT | READ, 64, ST - 16), 0);
    assert_memory_equal(w->fe->ram + ST - 16, w->big, 16);
    assert_memory_equal(w->fe->ram + ST + 4, w->big + 20, 44);
}

static void test_all_accesses(void **state)
{
    struct world *w = *state;
    uint8_t fresh[128], saved[128];
    char why[160];
    size_t n;

    device_enter(w->dev);
    n = device_save(w->dev, fresh, sizeof(fresh));
    device_leave(w->dev);
    for (unsigned p = PORT - 4; p < PORT + 16; p++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            fake_in(w->fe, (uint16_t)p, size);
            fake_out(w->fe, (uint16_t)p, size, 0);
            fake_out(w->fe, (uint16_t)p, size, 0xffffffff);
        }
    }
    assert_int_equal(fake_in(w->fe, PORT, 2), 0xffff);
    select_key(w, FW_CFG_SIGNATURE);
    fake_in(w->fe, PORT + 1, 1);
    fake_out(w->fe, PORT + 4, 4, 0x12345678);
    device_enter(w->dev);
    device_save(w->dev, saved, sizeof(saved));
    device_leave(w->dev);
    device_reset(w->dev);
    device_enter(w->dev);
    assert_true(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 'E');
    /* An offset beyond any item is harmless. */
    memset((uint8_t *)memmem(saved, n, "offset", 6) + 6 + 5, 0xff, 4);
    device_enter(w->dev);
    assert_true(device_load(w->dev, saved, n, why, sizeof(why)));
    device_leave(w->dev);
    assert_int_equal(fake_in(w->fe, PORT + 1, 1), 0);
    assert_int_equal(dma(w, READ, 4, BUF), 0);
    device_reset(w->dev);
    device_enter(w->dev);
    device_save(w->dev, saved, sizeof(saved));
    device_leave(w->dev);
    assert_memory_equal(saved, fresh, n);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_ports),    T(test_string),        T(test_directory),    T(test_dma_read),
        T(test_p14_matrix), T(test_p14_structure), T(test_all_accesses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
