/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -kernel: good headers load where they say, hostile ones are refused (HAZARDS P-20, P-21). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dm/machine/kernel.h"

#define MIB (1024u * 1024u)
#define LOW (64u * MIB)

static char path[] = "/tmp/kvm-dm-kernel-XXXXXX";

static void write_file(const uint8_t *data, size_t size)
{
    assert_true(g_file_set_contents(path, (const char *)data, (gssize)size, NULL));
}

/* Loads; true if accepted. A refusal has to be one line that names the file. */
static bool load(struct kernel_image *k, const char *initrd, const char *append)
{
    g_autoptr(GError) error = NULL;
    bool ok = kernel_load(path, initrd, append, LOW, k, &error);

    if (!ok) {
        assert_non_null(error);
        assert_null(strchr(error->message, '\n'));
        assert_null(k->kernel.data);
    }
    return ok;
}

static void make_linux(uint8_t *f, size_t size)
{
    memset(f, 0, size);
    f[0x1f1] = 1;
    put16(f + 0x1fe, 0xaa55);
    memcpy(f + 0x202, "HdrS", 4);
    put16(f + 0x206, 0x20c);
    f[0x211] = 1;
    put32(f + 0x22c, 0x37ffffff);
    put32(f + 0x238, 255);
    put32(f + 0x260, 2 * MIB);
    f[1024] = 0x42;
}

static void test_linux(void **state)
{
    uint8_t f[4096];
    struct kernel_image k;
    char long_line[300];

    (void)state;
    make_linux(f, sizeof(f));
    write_file(f, sizeof(f));
    assert_true(load(&k, path, "console=ttyS0 vga=0x317"));
    assert_false(k.multiboot);
    assert_int_equal(k.kernel.addr, MIB);
    assert_int_equal(k.kernel.size, 4096 - 1024);
    assert_int_equal(k.kernel.data[0], 0x42);
    assert_int_equal(k.setup.size, 1024);
    assert_int_equal(get32(k.setup.data + 0x228), k.cmdline.addr);
    assert_int_equal(get32(k.setup.data + 0x218), k.initrd.addr);
    assert_int_equal(get32(k.setup.data + 0x21c), 4096);
    assert_int_equal(k.initrd.addr % 4096, 0);
    assert_true(k.initrd.addr + k.initrd.size <= LOW - KERNEL_TOP_RESERVED);
    assert_int_equal(get16(k.setup.data + 0x1fa), 0x317);
    assert_string_equal((char *)k.cmdline.data, "console=ttyS0 vga=0x317");
    kernel_clear(&k);

    memset(long_line, 'x', sizeof(long_line));
    long_line[299] = 0;
    assert_false(load(&k, NULL, long_line)); /* longer than this kernel takes */
    put32(f + 0x260, LOW);
    write_file(f, sizeof(f));
    assert_false(load(&k, NULL, NULL)); /* cannot unpack itself here */
    make_linux(f, sizeof(f));
    f[0x1f1] = 200;
    write_file(f, sizeof(f));
    assert_false(load(&k, NULL, NULL)); /* more setup than file */
    make_linux(f, sizeof(f));
    put16(f + 0x206, 0x104);
    write_file(f, sizeof(f));
    assert_false(load(&k, NULL, NULL));
    make_linux(f, sizeof(f));
    put32(f + 0x22c, 0x1000); /* the initrd would have to lie below 4 KiB */
    write_file(f, sizeof(f));
    assert_false(load(&k, path, NULL));
}

static void test_not_a_kernel(void **state)
{
    uint8_t f[16384];
    struct kernel_image k;

    (void)state;
    memset(f, 0, sizeof(f));
    write_file(f, 0);
    assert_false(load(&k, NULL, NULL));
    write_file(f, 1);
    assert_false(load(&k, NULL, NULL));
    write_file(f, sizeof(f));
    assert_false(load(&k, NULL, NULL));
    memset(f, 0xff, sizeof(f));
    write_file(f, sizeof(f));
    assert_false(load(&k, NULL, NULL));
}

static void put_header(uint8_t *f, size_t at, uint32_t flags, uint32_t header, uint32_t load_addr,
                       uint32_t load_end, uint32_t bss_end, uint32_t entry)
{
    uint8_t *h = f + at;

    put32(h, 0x1badb002);
    put32(h + 4, flags);
    put32(h + 8, 0u - 0x1badb002u - flags);
    put32(h + 12, header);
    put32(h + 16, load_addr);
    put32(h + 20, load_end);
    put32(h + 24, bss_end);
    put32(h + 28, entry);
}

static void test_multiboot_addresses(void **state)
{
    static const struct {
        uint32_t at, flags, header, load, load_end, bss_end;
        bool good;
    } cases[] = {
        {0, 0x10003, MIB, MIB, 0, 0, true},
        {64, 0x10000, MIB + 64, MIB, MIB + 8192, MIB + 16384, true},
        {64, 0x10000, MIB, MIB + 1, 0, 0, false},              /* header below load */
        {0, 0x10000, MIB + 64, MIB, 0, 0, false},              /* starts before the file */
        {0, 0x10000, MIB, MIB, MIB - 1, 0, false},             /* load end before load */
        {0, 0x10000, MIB, MIB, MIB + 8193, 0, false},          /* past the file */
        {0, 0x10000, MIB, MIB, MIB + 64, MIB + 32, false},     /* bss before data */
        {0, 0x10000, MIB, MIB, 0, 0xffffffff, false},          /* 4 GiB of bss: P-21 */
        {0, 0x10000, MIB, MIB, 0, LOW, false},                 /* over the BIOS's tables */
        {0, 0x10000, 0x7c00, 0x7c00, 0, 0, false},             /* over the BIOS */
        {0, 0x10000, 0xffffffff, 0xffffffff, 0, 0, false},
        {0, 0x10000, 0, 0, 0, 0, false},
        {8160, 0x10000, MIB + 8160, MIB, 0, 0, true},          /* the last place for a header */
        {0, 0x10008, MIB, MIB, 0, 0, false},                   /* a must that nobody defined */
        {0, 0x00000, 0, 0, 0, 0, false},                       /* no addresses and not ELF */
    };
    uint8_t f[8192];

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct kernel_image k;
        bool ok;

        memset(f, 0, sizeof(f));
        put_header(f, cases[i].at, cases[i].flags, cases[i].header, cases[i].load,
                   cases[i].load_end, cases[i].bss_end, MIB + 4);
        write_file(f, sizeof(f));
        ok = load(&k, NULL, NULL);
        if (ok != cases[i].good)
            fail_msg("case %u: %s", i, ok ? "accepted" : "refused");
        if (ok) {
            assert_true(k.multiboot);
            assert_int_equal(k.entry, MIB + 4);
            assert_int_equal(k.kernel.addr, cases[i].load);
        }
        kernel_clear(&k);
    }
    memset(f, 0, sizeof(f)); /* a header that does not fit in the file */
    put_header(f, 100, 0x10000, MIB, MIB, 0, 0, MIB);
    write_file(f, 120);
    {
        struct kernel_image k;

        assert_false(load(&k, NULL, NULL));
    }
}

static void test_multiboot_modules(void **state)
{
    uint8_t f[8192] = {0};
    struct kernel_image k;
    g_autofree char *two = g_strdup_printf("%s a=1,%s", path, path);

    (void)state;
    put_header(f, 0, 0x10000, MIB, MIB, 0, 0, MIB);
    write_file(f, sizeof(f));
    assert_true(load(&k, two, "one two"));
    assert_int_equal(get32(k.setup.data + 20), 2);
    assert_int_equal(get32(k.setup.data + 128), MIB + 8192);
    assert_int_equal(get32(k.setup.data + 132), MIB + 16384);
    assert_non_null(strstr((char *)k.setup.data + (get32(k.setup.data + 16) - 0x10000), "one two"));
    assert_int_equal(k.initrd.size, 16384);
    kernel_clear(&k);
    assert_false(load(&k, "/nonexistent", NULL));
}

/* Every single-bit change of the headers: accepted or refused, never a crash or a large allocation. */
static void test_bit_flips(void **state)
{
    uint8_t f[4096];

    (void)state;
    for (unsigned bit = 0; bit < 0x270 * 8; bit += 1) {
        struct kernel_image k;

        make_linux(f, sizeof(f));
        put_header(f, 0, 0x10003, MIB, MIB, 0, 0, MIB);
        if (bit < 0x100 * 8)
            f[0x1fe] = 0; /* multiboot only */
        f[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(f, sizeof(f));
        if (load(&k, NULL, "x"))
            assert_true((uint64_t)k.kernel.addr + k.kernel.size <= LOW);
        kernel_clear(&k);
    }
}

static void test_rom_checksum(void **state)
{
    struct kernel_image k = {0};
    uint8_t sum;

    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        size_t size;
        g_autofree uint8_t *rom = NULL;

        k.multiboot = m;
        rom = kernel_boot_rom(&k, &size);
        assert_int_equal(size, rom[2] * 512);
        sum = 0;
        for (size_t i = 0; i < size; i++)
            sum += rom[i];
        assert_int_equal(sum, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux),
        cmocka_unit_test(test_not_a_kernel),
        cmocka_unit_test(test_multiboot_addresses),
        cmocka_unit_test(test_multiboot_modules),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_rom_checksum),
    };
    int rc;

    close(mkstemp(path));
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return rc;
}
