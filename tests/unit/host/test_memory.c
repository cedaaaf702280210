/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory: the layout, the span function (HAZARDS D-02), PAM, windows; and interrupt lines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <sys/mman.h>

#include "dm/irq.h"
#include "dm/memory.h"

#define MIB (1024u * 1024u)
#define RAM_END (16u * MIB)

static const struct ram_source anonymous;

static struct memory *make(void)
{
    g_autofree uint8_t *rom = g_malloc(256 * 1024);
    struct memory *mem = memory_new(RAM_END, &anonymous, NULL);

    for (unsigned i = 0; i < 256 * 1024; i++)
        rom[i] = (uint8_t)(0x80 | i >> 12);
    memory_set_firmware(mem, rom, 256 * 1024);
    memory_reset(mem);
    return mem;
}

/* Each span against a byte-by-byte look: all or nothing, and nothing outside touched. */
static void test_spans(void **state)
{
    static const uint64_t starts[] = {0, 1, 511, 0x9fdff, 0x9ffff, 0xa0000, 0xa0001, 0xbffff,
                                      0xdffff, 0xe0000, 0xfffff, RAM_END - 512, RAM_END - 511,
                                      RAM_END - 2, RAM_END - 1, RAM_END, 0xfec00000, 0xfee00000,
                                      0xfffbffff, 0xfffc0000, 0xffffff00, 0xffffffff, 1ull << 32,
                                      UINT64_MAX - 1, UINT64_MAX};
    static const size_t sizes[] = {1, 2, 512, 65536};
    struct memory *mem = make();
    struct dma_port dma = memory_dma(mem);
    uint8_t *buf = g_malloc(65536);

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(starts); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(sizes); j++) {
            bool all = true;
            uint8_t byte;

            for (size_t k = 0; k < sizes[j] && all; k++)
                all = starts[i] + k >= starts[i] && dma_read(&dma, starts[i] + k, &byte, 1);
            memset(buf, 0xa5, sizes[j]);
            if (dma_read(&dma, starts[i], buf, sizes[j]) != all)
                fail_msg("read of %zu at %llx", sizes[j], (unsigned long long)starts[i]);
            for (size_t k = 0; k < sizes[j] && !all; k++)
                assert_int_equal(buf[k], 0);
            assert_int_equal(dma_write(&dma, starts[i], buf, sizes[j]), all);
        }
    }
    g_free(buf);
    memory_free(mem);
}

static void test_map_is_cut(void **state)
{
    struct memory *mem = make();
    struct dma_port dma = memory_dma(mem);
    size_t len = 65536;
    uint8_t *host = dma_map(&dma, RAM_END - 511, &len, true);

    (void)state;
    assert_non_null(host);
    assert_int_equal(len, 511);
    memset(host, 1, len);
    dma_unmap(&dma, RAM_END - 511, host, len);
    len = 16;
    assert_null(dma_map(&dma, RAM_END, &len, false));
    assert_null(dma_map(&dma, 0xfffffff0, &len, true)); /* ROM */
    assert_non_null(dma_map(&dma, 0xfffffff0, &len, false));
    len = 0;
    assert_null(dma_map(&dma, 0, &len, false));
    memory_free(mem);
}

static void test_rom_keeps_its_content(void **state)
{
    struct memory *mem = make();
    struct dma_port dma = memory_dma(mem);
    uint8_t before, after, byte = 0x11;

    (void)state;
    assert_true(dma_read(&dma, 0xfffffff0, &before, 1));
    assert_true(dma_write(&dma, 0xfffffff0, &byte, 1)); /* dropped */
    assert_true(dma_read(&dma, 0xfffffff0, &after, 1));
    assert_int_equal(before, after);
    memory_free(mem);
}

static uint8_t peek(struct memory *mem, uint64_t gpa)
{
    uint8_t b;

    memory_peek(mem, gpa, &b, 1);
    return b;
}

static void poke(struct memory *mem, uint64_t gpa, uint8_t b)
{
    memory_poke(mem, gpa, &b, 1);
}

/* 440FX data sheet, PAM: the four combinations of read and write enable. */
static void test_pam(void **state)
{
    struct memory *mem = make();
    uint8_t rom = peek(mem, 0xf1234);

    (void)state;
    assert_int_equal(rom, peek(mem, 0xffff1234));
    poke(mem, 0xf1234, 0x11);
    assert_int_equal(peek(mem, 0xf1234), rom);
    memory_set_pam(mem, 0, false, true); /* writes go to RAM, reads still see the ROM */
    poke(mem, 0xf1234, 0x22);
    assert_int_equal(peek(mem, 0xf1234), rom);
    memory_set_pam(mem, 0, true, false); /* now the RAM, read only */
    assert_int_equal(peek(mem, 0xf1234), 0x22);
    poke(mem, 0xf1234, 0x33);
    assert_int_equal(peek(mem, 0xf1234), 0x22);
    memory_set_pam(mem, 0, true, true);
    poke(mem, 0xf1234, 0x33);
    assert_int_equal(peek(mem, 0xf1234), 0x33);

    assert_int_equal(peek(mem, 0xc0000), 0xff); /* no ROM here: nothing answers */
    memory_set_pam(mem, 1, true, true);
    poke(mem, 0xc3fff, 0x44);
    poke(mem, 0xc4000, 0x55); /* the next segment */
    assert_int_equal(peek(mem, 0xc3fff), 0x44);
    assert_int_equal(peek(mem, 0xc4000), 0xff);
    memory_set_pam(mem, 99, true, true); /* not a segment */
    memory_reset(mem);
    assert_int_equal(peek(mem, 0xf1234), rom);
    memory_free(mem);
}

static void test_windows(void **state)
{
    struct memory *mem = make();
    struct dma_port dma = memory_dma(mem);
    struct ram_block *a = memory_block_new(mem, "vram", 64 * 4096, false);
    struct ram_block *b = memory_block_new(mem, "rom", 4096, true);
    uint64_t dirty[1] = {0};
    uint32_t v = 0x01020304;

    (void)state;
    assert_false(a->map(a, UINT64_MAX - 4095)); /* wraps */
    assert_true(a->map(a, 0xe0000000));
    assert_false(b->map(b, 0xe0001000)); /* inside a */
    assert_false(b->map(b, 0x100000));   /* RAM */
    assert_false(b->map(b, 0xa0000));    /* the ISA hole */
    assert_false(b->map(b, 0xe0000800)); /* not a page */
    assert_false(a->map(a, UINT64_MAX - 4095)); /* wraps */
    assert_true(b->map(b, 0xe0040000));
    a->take_dirty(a, dirty);
    dirty[0] = 0;
    assert_true(dma_write(&dma, 0xe0000000 + 5 * 4096 - 2, &v, 4)); /* spans two pages */
    a->take_dirty(a, dirty);
    assert_int_equal(dirty[0], 1 << 4 | 1 << 5);
    assert_int_equal(a->host[5 * 4096 - 2], 4);
    assert_true(dma_write(&dma, 0xe0040000, &v, 4));
    assert_int_equal(b->host[0], 0); /* a ROM for the guest */
    assert_true(a->map(a, RAM_UNMAPPED));
    assert_false(dma_read(&dma, 0xe0000000, &v, 4));
    assert_true(b->map(b, 0xe0001000));
    memory_free(mem);
}

/* A hypervisor that says which slots it has, and that the guest wrote the n-th page of each. */
struct slots {
    struct memory_section at[8];
    unsigned count, page;
    bool refuse;
};

static bool set_slot(void *opaque, const struct memory_section *section, bool mapped)
{
    struct slots *s = opaque;
    unsigned i = 0;

    if (!section->block)
        return true;
    if (mapped && s->refuse)
        return false;
    while (i < s->count && s->at[i].slot != section->slot)
        i++;
    if (mapped)
        s->at[s->count++] = *section;
    else if (i < s->count)
        s->at[i] = s->at[--s->count];
    return true;
}

static void slot_log(void *opaque, const struct memory_section *section, uint64_t *bitmap)
{
    struct slots *s = opaque;

    if (s->page < section->size / 4096)
        bitmap[s->page / 64] |= 1ull << s->page % 64;
}

/* Blocks come and go with their devices: the slot is taken away before the memory, and there is an end to them. */
static void test_blocks_go(void **state)
{
    struct memory *mem = make();
    struct dma_port dma = memory_dma(mem);
    struct slots slots = {.count = 0};
    const struct memory_listener listener = {set_slot, slot_log, &slots};
    struct ram_block *first = memory_block_new(mem, "first", 4096, true), *b = NULL;
    unsigned count = 0;
    uint32_t v;

    (void)state;
    memory_set_listener(mem, &listener);
    assert_true(first->map(first, 0xe0000000));
    for (unsigned i = 0; i < 1000; i++) {
        char name[] = "mine";

        b = memory_block_new(mem, name, 8192, true);
        name[0] = 0;
        assert_string_equal(b->name, "mine");
        assert_true(b->map(b, 0xe0100000));
        b->host[0] = (uint8_t)i;
        assert_true(dma_read(&dma, 0xe0100000, &v, 4));
        assert_int_equal(v, i & 0xff);
        assert_int_equal(slots.count, 2);
        memory_block_free(mem, b);
        assert_int_equal(slots.count, 1);
        assert_false(dma_read(&dma, 0xe0100000, &v, 4));
    }
    assert_true(dma_read(&dma, 0xe0000000, &v, 4));
    while (memory_block_new(mem, "more", 4096, true))
        count++;
    assert_in_range(count, 33, 64); /* a slot each, and what the display has */
    memory_block_free(mem, first);
    assert_non_null(memory_block_new(mem, "more", 4096, true));
    memory_block_free(mem, NULL);
    memory_set_listener(mem, NULL);
    memory_free(mem);
}

/* A part of a block in the legacy window: the same bytes, one log. */
static void test_views(void **state)
{
    struct memory *mem = make();
    struct dma_port dma = memory_dma(mem);
    struct ram_block *a = memory_block_new(mem, "vram", 128 * 4096, false);
    struct slots slots = {.page = 3};
    const struct memory_listener listener = {set_slot, slot_log, &slots};
    uint64_t dirty[2] = {0};
    uint32_t v = 0x01020304;

    (void)state;
    memory_set_listener(mem, &listener);
    assert_false(a->map_view(a, 0x9f000, 0, 4096));         /* RAM */
    assert_false(a->map_view(a, 0xb8000, 0, 0x9000));       /* beyond the window */
    assert_false(a->map_view(a, 0xa0000, 0x78000, 0x9000)); /* beyond the block */
    assert_false(a->map_view(a, 0xa0800, 0, 4096));         /* no page */
    assert_int_equal(slots.count, 0);
    assert_true(a->map(a, 0xe0000000));
    assert_true(a->map_view(a, 0xa0000, 0x40000, 0x10000));
    assert_int_equal(slots.count, 2);
    assert_ptr_equal(slots.at[1].rd, a->host + 0x40000);
    a->take_dirty(a, dirty);
    assert_int_equal(dirty[0], 1 << 3); /* of the block's own slot */
    assert_int_equal(dirty[1], 1 << 3); /* and of the view's, 64 pages on */
    dirty[0] = dirty[1] = 0;
    slots.page = 100; /* the view has 16 */
    assert_true(dma_write(&dma, 0xa0000 + 4096, &v, 4));
    assert_memory_equal(a->host + 0x41000, &v, 4);
    a->take_dirty(a, dirty);
    assert_int_equal(dirty[1], 1ull << 36 | 1 << 1);
    /* Moved: what the old one's log had is not known. */
    dirty[0] = dirty[1] = 0;
    assert_true(a->map_view(a, 0xa0000, 0x20000, 0x10000));
    a->take_dirty(a, dirty);
    assert_int_equal(dirty[1] & 0xffff, 0xffff);
    assert_int_equal(slots.count, 2);
    slots.refuse = true;
    assert_false(a->map_view(a, 0xb8000, 0, 0x8000));
    assert_int_equal(slots.count, 1);
    assert_false(dma_read(&dma, 0xb8000, &v, 4));
    slots.refuse = false;
    assert_true(a->map_view(a, 0xb8000, 0, 0x8000));
    assert_true(a->map_view(a, 0, 0, 0));
    assert_int_equal(slots.count, 1);
    assert_false(dma_read(&dma, 0xb8000, &v, 4));
    memory_set_listener(mem, NULL);
    memory_free(mem);
}

static void test_big_memory_is_split(void **state)
{
    struct memory *mem = memory_new(4ull << 30, &anonymous, NULL);
    struct dma_port dma = memory_dma(mem);
    uint8_t b = 1;

    (void)state;
    memory_reset(mem);
    assert_true(memory_low_bytes(mem) == 3ull << 30);
    assert_true(memory_high_bytes(mem) == 1ull << 30);
    assert_true(dma_write(&dma, (5ull << 30) - 1, &b, 1));
    assert_false(dma_write(&dma, 5ull << 30, &b, 1));
    assert_false(dma_write(&dma, 3ull << 30, &b, 1));
    memory_free(mem);
}

/* ---- interrupt lines ---- */

struct lines {
    bool level[IRQ_GSIS];
    unsigned changes;
};

static void on_line(void *opaque, unsigned gsi, bool level)
{
    struct lines *l = opaque;

    l->level[gsi] = level;
    l->changes++;
}

static void test_shared_lines(void **state)
{
    struct lines l = {0};
    struct irq_fabric *f = irq_fabric_new(on_line, &l);
    struct irq_pin com1 = irq_fabric_pin(f, 4), com3 = irq_fabric_pin(f, 4);
    struct irq_pin inta = irq_fabric_pirq(f, 0);

    (void)state;
    irq_pin_set(&com1, true);
    irq_pin_set(&com1, true);
    irq_pin_set(&com3, true);
    assert_int_equal(l.changes, 1);
    irq_pin_set(&com1, false);
    assert_true(l.level[4]);
    irq_pin_set(&com3, false);
    assert_false(l.level[4]);

    irq_pin_set(&inta, true); /* routed nowhere yet */
    assert_int_equal(l.changes, 2);
    irq_fabric_route_pirq(f, 0, 11);
    assert_true(l.level[11]);
    irq_fabric_route_pirq(f, 0, 10); /* the level moves with it */
    assert_false(l.level[11]);
    assert_true(l.level[10]);
    irq_fabric_route_pirq(f, 0, -1);
    assert_false(l.level[10]);
    irq_fabric_route_pirq(f, 0, 4);
    irq_pin_set(&com1, true);
    irq_pin_set(&inta, false);
    assert_true(l.level[4]);
    irq_fabric_route_pirq(f, 9, 4);
    irq_fabric_route_pirq(f, 0, 99);
    irq_fabric_free(f);
}

/* Memory in a file: shared with whoever maps it, private otherwise; a directory gives a nameless file. */
static void test_file_memory(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("kvm-dm-test-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "ram", NULL);
    struct ram_source source = {.path = path, .share = true};
    g_autoptr(GError) error = NULL;
    struct memory *mem;
    char *content;
    gsize len;

    (void)state;
    mem = memory_new(MIB, &source, &error);
    assert_non_null(mem);
    memory_reset(mem);
    memory_poke(mem, 0x1234, "abc", 3);
    assert_true(g_file_get_contents(path, &content, &len, NULL));
    assert_int_equal(len, MIB);
    assert_memory_equal(content + 0x1234, "abc", 3);
    g_free(content);
    memory_free(mem);
    source.share = false; /* sees the content, keeps its own writes */
    mem = memory_new(MIB, &source, &error);
    memory_reset(mem);
    memory_poke(mem, 0x1234, "xyz", 3);
    assert_true(g_file_get_contents(path, &content, &len, NULL));
    assert_memory_equal(content + 0x1234, "abc", 3);
    g_free(content);
    memory_free(mem);
    g_unlink(path);
    source = (struct ram_source){.path = dir, .prealloc = true};
    mem = memory_new(MIB, &source, &error);
    assert_non_null(mem);
    assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    memory_free(mem);
    assert_int_equal(g_rmdir(dir), 0); /* nothing left in it */
    source.path = path;
    assert_null(memory_new(MIB, &source, &error)); /* no such directory */
    assert_non_null(strstr(error->message, path));
}

/* Pages of the host that hold [gpa, gpa + len) of the guest. */
static unsigned resident(struct memory *mem, uint64_t gpa, size_t len)
{
    struct dma_port dma = memory_dma(mem);
    size_t n = len;
    uint8_t *host = dma_map(&dma, gpa, &n, false);
    g_autofree unsigned char *pages = g_malloc(len / 4096);
    unsigned count = 0;

    assert_non_null(host);
    assert_int_equal(n, len);
    assert_int_equal(mincore(host, len, pages), 0);
    for (size_t i = 0; i < len / 4096; i++)
        count += pages[i] & 1;
    dma_unmap(&dma, gpa, host, 0);
    return count;
}

/* A balloon gives back RAM and nothing else: not ROM, not what is behind it, not a frame buffer, not a part of a page. */
static void test_discard(void **state)
{
    struct memory *mem = make();
    struct dma_port dma = memory_dma(mem);
    struct ram_block *vram = memory_block_new(mem, "vram", 4 * 4096, false);
    uint8_t rom = peek(mem, 0xf1234), text[4096];

    (void)state;
    memset(text, 0x77, sizeof(text));
    for (uint64_t gpa = 2 * MIB; gpa < 8 * MIB; gpa += sizeof(text))
        assert_true(dma_write(&dma, gpa, text, sizeof(text)));
    assert_int_equal(resident(mem, 2 * MIB, 6 * MIB), 6 * MIB / 4096);
    assert_true(dma_discard(&dma, 4 * MIB, 2 * MIB));
    assert_int_equal(resident(mem, 4 * MIB, 2 * MIB), 0); /* before a look brings pages, maybe huge ones, back */
    assert_int_equal(peek(mem, 4 * MIB), 0);
    assert_int_equal(peek(mem, 6 * MIB - 1), 0);
    assert_int_equal(peek(mem, 4 * MIB - 1), 0x77);
    assert_int_equal(peek(mem, 6 * MIB), 0x77);

    assert_true(vram->map(vram, 0xe0000000));
    memset(vram->host, 0x66, 4096);
    poke(mem, 0xf1234, 1); /* lost: shadow RAM is off */
    for (unsigned i = 0; i < 2; i++) {
        assert_false(dma_discard(&dma, 0xe0000000, 4096));
        assert_false(dma_discard(&dma, 0xf1000, 4096));
        assert_false(dma_discard(&dma, 0xffff0000, 4096));
        assert_false(dma_discard(&dma, 0xa0000, 4096));
        assert_false(dma_discard(&dma, 0x9f000, 8192)); /* half of it is the VGA window */
        assert_false(dma_discard(&dma, RAM_END, 4096));
        assert_false(dma_discard(&dma, RAM_END - 4096, 8192));
        assert_false(dma_discard(&dma, 2 * MIB + 512, 4096));
        assert_false(dma_discard(&dma, 2 * MIB, 100));
        assert_false(dma_discard(&dma, 2 * MIB, 0));
        assert_false(dma_discard(&dma, UINT64_MAX - 4095, 8192));
        memory_set_pam(mem, 0, false, true); /* a second time with the RAM behind the ROM open for writes */
    }
    assert_int_equal(vram->host[0], 0x66);
    assert_int_equal(peek(mem, 0xf1234), rom);
    assert_int_equal(peek(mem, 2 * MIB), 0x77);
    memory_set_pam(mem, 0, true, true);
    poke(mem, 0xf1234, 1);
    assert_true(dma_discard(&dma, 0xf1000, 4096)); /* now it is RAM */
    assert_int_equal(peek(mem, 0xf1234), 0);
    assert_int_equal(peek(mem, 0xffff1234), rom);
    memory_free(mem);
}

/* A shared file loses the pages too. */
static void test_discard_file(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("kvm-dm-test-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "ram", NULL);
    struct ram_source source = {.path = path, .share = true};
    struct memory *mem = memory_new(8 * MIB, &source, NULL);
    struct dma_port dma = memory_dma(mem);
    char *content;
    gsize len;

    (void)state;
    assert_non_null(mem);
    memory_reset(mem);
    poke(mem, 2 * MIB, 0x77);
    poke(mem, 3 * MIB, 0x77);
    assert_true(dma_discard(&dma, 2 * MIB, MIB));
    assert_true(g_file_get_contents(path, &content, &len, NULL));
    assert_int_equal(content[2 * MIB], 0);
    assert_int_equal(content[3 * MIB], 0x77);
    g_free(content);
    memory_free(mem);
    g_unlink(path);
    g_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_map_is_cut),
        cmocka_unit_test(test_rom_keeps_its_content),
        cmocka_unit_test(test_pam),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_blocks_go),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_big_memory_is_split),
        cmocka_unit_test(test_shared_lines),
        cmocka_unit_test(test_file_memory),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_discard_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
