/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dispatch tables and the width rules. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ioreq/iolock.h"
#include "tests/fakes/fake_env.h"

struct probe {
    struct io_region region;
    struct iolock *lock;
    unsigned calls, last_size, strings;
    uint64_t last_off, last_value;
    bool lock_held;
    uint8_t bytes[64];
};

static uint64_t probe_read(void *chip, uint64_t off, unsigned size)
{
    struct probe *p = chip;
    uint64_t v = 0;

    p->calls++;
    p->last_off = off;
    p->last_size = size;
    p->lock_held = iolock_held(p->lock);
    memcpy(&v, p->bytes + off % sizeof(p->bytes), size);
    return v;
}

static void probe_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct probe *p = chip;

    p->calls++;
    p->last_off = off;
    p->last_size = size;
    p->last_value = value;
    memcpy(p->bytes + off % sizeof(p->bytes), &value, size);
}

static uint32_t probe_read_string(void *chip, uint64_t off, unsigned size, void *buf, uint32_t count)
{
    struct probe *p = chip;

    (void)off;
    p->strings++;
    if (count > 4)
        count = 4; /* serves only part: the rest must come one by one */
    memset(buf, 0x77, (size_t)count * size);
    return count;
}

static const struct io_ops byte_ops = {probe_read, probe_write, .widths = IO_W1};
static const struct io_ops word_ops = {probe_read, probe_write, .widths = IO_W2};
static const struct io_ops all_ops = {probe_read, probe_write,
                                      .widths = IO_W1 | IO_W2 | IO_W4 | IO_W8};
static const uint8_t data_widths[8] = {IO_W2 | IO_W4, IO_W1, IO_W1, IO_W1,
                                       IO_W1, IO_W1, IO_W1, IO_W1};
static const struct io_ops ide_like_ops = {probe_read, probe_write, probe_read_string, NULL,
                                           .widths_at = data_widths};

static void probe_init(struct probe *p, const char *name, enum io_space space, uint64_t base,
                       uint64_t size, const struct io_ops *ops)
{
    memset(p, 0, sizeof(*p));
    p->lock = iolock_new();
    for (unsigned i = 0; i < sizeof(p->bytes); i++)
        p->bytes[i] = (uint8_t)(0x10 + i);
    p->region = (struct io_region){.name = name, .space = space, .base = base, .size = size,
                                   .ops = ops, .chip = p, .lock = p->lock};
}

static void add(struct fake_env *fe, struct probe *p)
{
    char why[160] = "";

    if (!iomap_add(fe->env.iomap, &p->region, why, sizeof(why)))
        fail_msg("%s", why);
}

static void test_unclaimed_reads_ones(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    uint8_t buf[6] = {0};

    (void)state;
    assert_int_equal(fake_in(fe, 0x1234, 1), 0xff);
    assert_int_equal(fake_in(fe, 0xffff, 4), 0xffffffff);
    assert_true(fake_readmem(fe, 0xfee00000, 8) == UINT64_MAX);
    assert_true(fake_readmem(fe, UINT64_MAX - 2, 8) == UINT64_MAX);
    fake_ins(fe, 0x10, 2, buf, 3);
    assert_memory_equal(buf, "\xff\xff\xff\xff\xff\xff", 6);
    fake_out(fe, 0xffff, 4, 0);
    fake_env_free(fe);
}

static void test_split_and_merge(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct probe b, w, a;

    (void)state;
    probe_init(&b, "bytes", IO_PORT, 0x100, 8, &byte_ops);
    probe_init(&w, "words", IO_PORT, 0x200, 8, &word_ops);
    probe_init(&a, "all", IO_MEM, 0x10000, 64, &all_ops);
    add(fe, &b);
    add(fe, &w);
    add(fe, &a);

    assert_int_equal(fake_in(fe, 0x100, 4), 0x13121110);
    assert_int_equal(b.calls, 4);
    assert_true(b.lock_held);
    assert_int_equal(fake_in(fe, 0x106, 4), 0xffff1716); /* runs off the end */
    assert_int_equal(fake_in(fe, 0xff, 2), 0x10ff);      /* begins before the start */

    assert_int_equal(fake_in(fe, 0x202, 1), 0x12); /* byte of a word register */
    assert_int_equal(w.last_size, 2);
    assert_int_equal(fake_in(fe, 0x203, 1), 0x13);
    assert_int_equal(fake_in(fe, 0x201, 2), 0x1211); /* unaligned: two containers */
    w.calls = 0;
    fake_out(fe, 0x202, 1, 0xee);
    assert_int_equal(w.calls, 0); /* narrower write: dropped ... */
    assert_int_equal(w.region.stat.refused, 1); /* ... and counted */
    fake_out(fe, 0x200, 4, 0xaabbccdd);
    assert_int_equal(w.calls, 2);
    assert_int_equal(fake_in(fe, 0x200, 4), 0xaabbccdd);

    assert_true(fake_readmem(fe, 0x10000, 8) == 0x1716151413121110ull);
    assert_int_equal(a.calls, 1);
    assert_true(fake_readmem(fe, 0x10001, 8) == 0x1817161514131211ull); /* natural pieces */
    assert_int_equal(fake_readmem(fe, 0x10000 + 62, 4), 0xffff4f4e);
    fake_env_free(fe);
    iolock_free(b.lock);
    iolock_free(w.lock);
    iolock_free(a.lock);
}

static void test_widths_per_offset_and_strings(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct probe p;
    uint8_t buf[24];

    (void)state;
    probe_init(&p, "ide", IO_PORT, 0x1f0, 8, &ide_like_ops);
    add(fe, &p);
    fake_in(fe, 0x1f0, 4);
    assert_int_equal(p.calls, 1);
    assert_int_equal(p.last_size, 4);
    fake_in(fe, 0x1f1, 2);
    assert_int_equal(p.calls, 3);
    assert_int_equal(p.last_size, 1);
    p.calls = 0;
    fake_ins(fe, 0x1f0, 2, buf, 6);
    assert_int_equal(p.strings, 1);
    assert_int_equal(p.calls, 2); /* 4 at once, 2 one by one */
    assert_memory_equal(buf, "\x77\x77\x77\x77\x77\x77\x77\x77\x10\x11\x10\x11", 12);
    assert_int_equal(p.region.stat.reads, 1 + 1 + 6);
    assert_int_equal(p.region.stat.read_bytes, 4 + 2 + 12);
    fake_env_free(fe);
    iolock_free(p.lock);
}

static void test_overlap_names_both(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct probe a, b, c;
    char why[160] = "";

    (void)state;
    probe_init(&a, "first", IO_PORT, 0x100, 8, &byte_ops);
    probe_init(&b, "second", IO_PORT, 0x107, 1, &byte_ops);
    probe_init(&c, "third", IO_PORT, 0xffff, 2, &byte_ops);
    add(fe, &a);
    assert_false(iomap_add(fe->env.iomap, &b.region, why, sizeof(why)));
    assert_non_null(strstr(why, "first"));
    assert_non_null(strstr(why, "second"));
    assert_false(iomap_add(fe->env.iomap, &c.region, why, sizeof(why)));
    iomap_remove(fe->env.iomap, &a.region);
    assert_int_equal(fake_in(fe, 0x100, 1), 0xff);
    add(fe, &b);
    assert_int_equal(fake_in(fe, 0x107, 1), 0x10);
    iomap_remove(fe->env.iomap, &a.region); /* not mapped: nothing */
    fake_env_free(fe);
    iolock_free(a.lock);
    iolock_free(b.lock);
    iolock_free(c.lock);
}

static void test_transaction_and_move(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct probe p;

    (void)state;
    probe_init(&p, "bar", IO_MEM, 0x20000, 16, &all_ops);
    add(fe, &p);
    assert_int_equal(fake_readmem(fe, 0x20000, 1), 0x10);
    iomap_begin(fe->env.iomap);
    iomap_remove(fe->env.iomap, &p.region);
    p.region.base = 0x30000;
    assert_int_equal(fake_readmem(fe, 0x20001, 1), 0x11); /* the old table still holds */
    assert_int_equal(fake_readmem(fe, 0x30000, 1), 0xff);
    add(fe, &p);
    iomap_commit(fe->env.iomap);
    assert_int_equal(fake_readmem(fe, 0x20000, 1), 0xff);
    assert_int_equal(fake_readmem(fe, 0x30000, 1), 0x10);
    iomap_synchronize(fe->env.iomap);
    fake_env_free(fe);
    iolock_free(p.lock);
}

static void test_ram_behind_regions(void **state)
{
    struct fake_env *fe = fake_env_new(0x1000);
    struct probe p;

    (void)state;
    probe_init(&p, "hole", IO_MEM, 0x802, 2, &byte_ops);
    add(fe, &p);
    fake_writemem(fe, 0x800, 8, 0x8877665544332211ull);
    assert_int_equal(fe->ram[0x801], 0x22);
    assert_int_equal(fe->ram[0x802], 0); /* went to the region */
    assert_int_equal(p.bytes[0], 0x33);
    assert_int_equal(fe->ram[0x807], 0x88);
    assert_true(fake_readmem(fe, 0x800, 8) == 0x8877665544332211ull);
    assert_int_equal(fake_readmem(fe, 0xffe, 4) & 0xffff0000u, 0xffff0000u);
    fake_env_free(fe);
    iolock_free(p.lock);
}

/* Every port, every width, against a byte-by-byte model of what is mapped. */
static void test_all_ports_all_widths(void **state)
{
    struct fake_env *fe = fake_env_new(0);
    struct probe p[3];

    (void)state;
    probe_init(&p[0], "a", IO_PORT, 0, 3, &byte_ops);
    probe_init(&p[1], "b", IO_PORT, 0x8001, 64, &all_ops);
    probe_init(&p[2], "c", IO_PORT, 0xfffe, 2, &word_ops);
    for (unsigned i = 0; i < 3; i++)
        add(fe, &p[i]);
    for (uint32_t port = 0; port < 0x10000; port++) {
        for (unsigned size = 1; size <= 4; size <<= 1) {
            uint64_t got = fake_in(fe, (uint16_t)port, size);

            for (unsigned i = 0; i < size; i++) {
                uint32_t at = port + i;
                uint8_t want = 0xff;

                for (unsigned n = 0; n < 3; n++) {
                    if (at >= p[n].region.base && at - p[n].region.base < p[n].region.size)
                        want = p[n].bytes[at - p[n].region.base];
                }
                if ((uint8_t)(got >> i * 8) != want)
                    fail_msg("port %x size %u byte %u: %x", port, size, i, (unsigned)got);
            }
        }
    }
    fake_env_free(fe);
    for (unsigned i = 0; i < 3; i++)
        iolock_free(p[i].lock);
}

/* ---- doorbells ---- */

static unsigned told;

static void listen(void *opaque, struct io_region *region)
{
    assert_ptr_equal(opaque, region);
    told++;
}

static void test_doorbells(void **state)
{
    static const struct io_doorbell bells[] = {{4, 0x1234, 2, true}, {8, 7, 4, false}};
    struct fake_env *fe = fake_env_new(0);
    struct iomap *map = fe->env.iomap;
    struct probe p;
    uint64_t base;

    (void)state;
    told = 0;
    probe_init(&p, "bells", IO_MEM, 0x20000, 16, &all_ops);
    p.region.doorbells = bells;
    p.region.doorbell_count = 2;
    iomap_set_doorbell_listener(map, listen, &p.region);
    add(fe, &p);
    assert_int_equal(told, 1);
    assert_int_equal(iomap_doorbells(map, &p.region, &base), IO_DOORBELLS_OFF);
    assert_false(iomap_ring(map, &fe->reader, &p.region, 0));
    iomap_set_doorbells(map, &p.region, true);
    iomap_set_doorbells(map, &p.region, true); /* no change */
    assert_int_equal(told, 2);
    assert_int_equal(iomap_doorbells(map, &p.region, &base), IO_DOORBELLS_ON);
    assert_true(base == 0x20000);
    assert_true(iomap_ring(map, &fe->reader, &p.region, 0));
    assert_true(p.last_off == 4 && p.last_size == 2 && p.last_value == 0x1234);
    assert_true(iomap_ring(map, &fe->reader, &p.region, 1));
    assert_true(p.last_off == 8 && p.last_size == 4 && p.last_value == 7);
    assert_true(p.region.stat.writes == 2 && p.region.stat.write_bytes == 6); /* counted and noted as any other */
    assert_int_equal(p.region.last_writes[1].source, IOREQ_SOURCE_DOORBELL);
    assert_true(p.region.last_writes[1].addr == 0x20008 && p.region.last_writes[1].value == 7);
    fake_writemem(fe, 0x20004, 2, 5); /* the ordinary way is there, too */
    assert_true(p.last_value == 5 && p.calls == 3);
    iomap_remove(map, &p.region);
    assert_int_equal(iomap_doorbells(map, &p.region, &base), IO_DOORBELLS_UNMAPPED);
    assert_false(iomap_ring(map, &fe->reader, &p.region, 0));
    p.region.base = 0x30000;
    add(fe, &p);
    assert_int_equal(told, 4);
    assert_true(iomap_ring(map, &fe->reader, &p.region, 0));
    assert_true(p.region.last_writes[3].addr == 0x30004);
    iomap_set_doorbells(map, &p.region, false);
    assert_false(iomap_ring(map, &fe->reader, &p.region, 0));
    assert_true(told == 5 && p.calls == 4 && fe->reader.epoch == 0);
    fake_env_free(fe);
    iolock_free(p.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unclaimed_reads_ones),
        cmocka_unit_test(test_split_and_merge),
        cmocka_unit_test(test_widths_per_offset_and_strings),
        cmocka_unit_test(test_overlap_names_both),
        cmocka_unit_test(test_transaction_and_move),
        cmocka_unit_test(test_ram_behind_regions),
        cmocka_unit_test(test_all_ports_all_widths),
        cmocka_unit_test(test_doorbells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
