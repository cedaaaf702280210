/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI functions: configuration masks, windows that move, clash and swap, INTx sharing, DMA gate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci/pci.h"
#include "hw/pci/pci_regs.h"
#include "tests/fakes/fake_env.h"

struct card {
    struct pci_device pci;
    struct io_region io, mem;
    struct ram_block ram;
    uint8_t value; /* what its registers answer */
    unsigned written;
};

static uint64_t card_read(void *chip, uint64_t off, unsigned size)
{
    const struct card *card = chip;

    (void)size;
    return card->value + off;
}

static void card_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct card *card = chip;

    (void)off;
    (void)size;
    card->value = (uint8_t)value;
}

static const struct io_ops card_ops = {.read = card_read, .write = card_write, .widths = IO_W1};

static const struct dev_field card_fields[] = {
    PCI_DEVICE_FIELDS(struct card, pci),
    DEV_FIELD_KEEP(struct card, U8, value, 0),
};

static void card_reset(struct device *dev)
{
    pci_device_reset((struct pci_device *)dev);
}

static const char *card_post_load(struct device *dev)
{
    return pci_device_post_load((struct pci_device *)dev);
}

static void card_free(struct device *dev)
{
    pci_device_fini((struct pci_device *)dev);
    free(dev);
}

static const struct device_class card_class = {
    .name = "card",
    .fields = card_fields,
    .field_count = sizeof(card_fields) / sizeof(card_fields[0]),
    .reset = card_reset,
    .post_load = card_post_load,
    .free = card_free,
};

static void card_config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    (void)off;
    (void)size;
    ((struct card *)pci)->written++;
}

/* As the machine would: refuses what lies over another block. One place is enough to test with. */
static uint64_t refused_gpa = RAM_UNMAPPED;

static bool ram_map(struct ram_block *ram, uint64_t gpa)
{
    if (gpa != RAM_UNMAPPED && gpa == refused_gpa)
        return false;
    ram->gpa = gpa;
    return true;
}

static struct card *card_new(struct pci_bus *bus, struct fake_env *fe, const char *id, int devfn,
                             uint8_t value)
{
    static const struct pci_ids ids = {.vendor = 0x1af4, .device = 0x1234, .class_code = 0x020304,
                                       .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
                                       .revision = 7, .interrupt_pin = 1};
    struct card *card = calloc(1, sizeof(*card));
    char why[160];

    pci_device_init(&card->pci, &card_class, &fe->env, id, &ids);
    card->value = value;
    card->pci.config_written = card_config_written;
    card->io = (struct io_region){.name = card->pci.dev.id, .space = IO_PORT, .size = 0x20,
                                  .ops = &card_ops, .chip = card, .lock = card->pci.dev.lock};
    card->mem = card->io;
    card->mem.space = IO_MEM;
    card->mem.size = 0x1000;
    card->ram = (struct ram_block){.name = "ram", .size = 0x10000, .map = ram_map,
                                   .gpa = RAM_UNMAPPED};
    pci_add_io(&card->pci, 0, &card->io);
    pci_add_mem(&card->pci, 1, &card->mem, true);
    pci_add_rom(&card->pci, &card->ram);
    assert_true(pci_bus_add(bus, &card->pci, devfn, why, sizeof(why)));
    return card;
}

struct world {
    struct fake_env *fe;
    struct pci_bus *bus;
    struct card *a, *b;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct irq_pin pins[4];

    w->fe = fake_env_new(0x10000);
    for (unsigned i = 0; i < 4; i++)
        pins[i] = fake_irq(w->fe, i);
    w->bus = pci_bus_new(&w->fe->env, pins);
    w->a = card_new(w->bus, w->fe, "a", -1, 0x10);
    w->b = card_new(w->bus, w->fe, "b", PCI_DEVFN(3, 0), 0x80);
    refused_gpa = RAM_UNMAPPED;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    device_free(&w->a->pci.dev);
    device_free(&w->b->pci.dev);
    pci_bus_free(w->bus);
    fake_env_free(w->fe);
    free(w);
    return 0;
}

static uint32_t rd(struct card *c, unsigned off, unsigned size)
{
    return pci_config_read(c->pci.bus, c->pci.devfn, off, size);
}

static void wr(struct card *c, unsigned off, unsigned size, uint32_t v)
{
    pci_config_write(c->pci.bus, c->pci.devfn, off, size, v);
}

static void test_header(void **state)
{
    struct world *w = *state;

    assert_int_equal(w->a->pci.devfn, PCI_DEVFN(2, 0)); /* the first free slot */
    assert_int_equal(rd(w->a, 0, 4), 0x12341af4);
    assert_int_equal(rd(w->a, 8, 4), 0x02030407);
    assert_int_equal(rd(w->a, 0x2c, 4), 0x11001af4);
    assert_int_equal(rd(w->a, 0x3d, 1), 1);
    wr(w->a, 0, 4, 0);
    wr(w->a, 8, 4, 0xffffffff);
    assert_int_equal(rd(w->a, 0, 4), 0x12341af4);
    assert_int_equal(rd(w->a, 8, 4), 0x02030407);
    wr(w->a, PCI_INTERRUPT_LINE, 1, 11);
    assert_int_equal(rd(w->a, PCI_INTERRUPT_LINE, 2), 0x010b);
    assert_int_equal(w->a->written, 3);
    /* An empty place answers ones, and takes writes without effect. */
    assert_int_equal(pci_config_read(w->bus, PCI_DEVFN(9, 0), 0, 2), 0xffff);
    assert_int_equal(pci_config_read(w->bus, PCI_DEVFN(9, 0), 0, 4), 0xffffffff);
    pci_config_write(w->bus, PCI_DEVFN(9, 0), 4, 2, 7);
}

static void test_access_bounds(void **state)
{
    struct world *w = *state;

    for (unsigned size = 0; size <= 8; size++) {
        for (unsigned off = 0; off < 300; off++) {
            wr(w->a, off, size, 0xffffffff);
            rd(w->a, off, size);
        }
    }
    assert_int_equal(rd(w->a, 0xff, 2), 0xffff);
    assert_int_equal(rd(w->a, 0x100, 1), 0xff);
    assert_int_equal(rd(w->a, 0, 4), 0x12341af4);
}

static void test_status_w1c(void **state)
{
    struct world *w = *state;

    pci_set_word(w->a->pci.config + PCI_STATUS, 0xf900 | PCI_STATUS_DEVSEL_MEDIUM);
    wr(w->a, PCI_STATUS, 2, 0x2000);
    assert_int_equal(rd(w->a, PCI_STATUS, 2), 0xd900 | PCI_STATUS_DEVSEL_MEDIUM);
    wr(w->a, PCI_STATUS, 2, 0xffff);
    assert_int_equal(rd(w->a, PCI_STATUS, 2), PCI_STATUS_DEVSEL_MEDIUM);
}

static void test_sizing_and_moving(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;

    assert_int_equal(rd(w->a, 0x10, 4), 1);
    assert_int_equal(rd(w->a, 0x14, 4), 8);
    wr(w->a, PCI_COMMAND, 2, 3);
    wr(w->a, 0x10, 4, 0xffffffff);
    wr(w->a, 0x14, 4, 0xffffffff);
    wr(w->a, 0x18, 4, 0xffffffff);
    assert_int_equal(rd(w->a, 0x10, 4), 0xffffffe1);
    assert_int_equal(rd(w->a, 0x14, 4), 0xfffff008);
    assert_int_equal(rd(w->a, 0x18, 4), 0);
    assert_false(w->a->io.mapped || w->a->mem.mapped);
    assert_int_equal(fe->guest_errors, 0); /* sizing is no mistake */
    wr(w->a, 0x10, 4, 0xc000);
    wr(w->a, 0x14, 4, 0xfe000000);
    assert_int_equal(fake_in(fe, 0xc001, 1), 0x11);
    assert_int_equal(fake_readmem(fe, 0xfe000002, 1), 0x12);
    wr(w->a, 0x11, 1, 0xd0);
    assert_int_equal(fake_in(fe, 0xc001, 1), 0xff);
    assert_int_equal(fake_in(fe, 0xd001, 1), 0x11);
    wr(w->a, PCI_COMMAND, 1, 2);
    assert_int_equal(fake_in(fe, 0xd001, 1), 0xff);
    assert_int_equal(fake_readmem(fe, 0xfe000002, 1), 0x12);
    wr(w->a, PCI_COMMAND, 1, 1);
    assert_int_equal(fake_in(fe, 0xd001, 1), 0x11);
    assert_int_equal(fake_readmem(fe, 0xfe000002, 1), 0xff);
}

static void test_insane_places(void **state)
{
    static const uint32_t io[] = {0, 0xffe0, 0x10000, 0xfffff000, 0x7fffffe0};
    static const uint32_t mem[] = {0, 0xfffff000, 0xfff};
    struct world *w = *state;

    wr(w->a, PCI_COMMAND, 2, 3);
    for (unsigned i = 0; i < sizeof(io) / sizeof(io[0]); i++) {
        wr(w->a, 0x10, 4, io[i]);
        assert_false(w->a->io.mapped);
    }
    for (unsigned i = 0; i < sizeof(mem) / sizeof(mem[0]); i++) {
        wr(w->a, 0x14, 4, mem[i]);
        assert_false(w->a->mem.mapped);
    }
    assert_int_equal(w->fe->guest_errors, 0);
}

static void test_rom_enable(void **state)
{
    struct world *w = *state;

    wr(w->a, PCI_COMMAND, 2, 2);
    wr(w->a, PCI_ROM, 4, 0xffffffff);
    assert_int_equal(rd(w->a, PCI_ROM, 4), 0xffff0001);
    wr(w->a, PCI_ROM, 4, 0xfea00000);
    assert_int_equal(w->a->ram.gpa, RAM_UNMAPPED);
    wr(w->a, PCI_ROM, 4, 0xfea00001);
    assert_int_equal(w->a->ram.gpa, 0xfea00000);
    wr(w->a, PCI_COMMAND, 2, 0);
    assert_int_equal(w->a->ram.gpa, RAM_UNMAPPED);
    /* The machine refuses the place: a guest error, and tried again later. */
    refused_gpa = 0xfea00000;
    wr(w->a, PCI_COMMAND, 2, 2);
    assert_int_equal(w->fe->guest_errors, 1);
    refused_gpa = RAM_UNMAPPED;
    wr(w->b, PCI_COMMAND, 2, 2);
    assert_int_equal(w->a->ram.gpa, 0xfea00000);
    /* RAM and registers cannot share a place either. */
    wr(w->b, 0x14, 4, 0xfea08000);
    assert_false(w->b->mem.mapped);
    assert_int_equal(w->fe->guest_errors, 2);
}

static void test_overlap_and_swap(void **state)
{
    struct world *w = *state;
    struct fake_env *fe = w->fe;

    wr(w->a, PCI_COMMAND, 2, 3);
    wr(w->b, PCI_COMMAND, 2, 3);
    wr(w->a, 0x10, 4, 0xc000);
    wr(w->b, 0x10, 4, 0xc100);
    wr(w->a, 0x10, 4, 0xc100); /* taken by b: waits */
    assert_int_equal(fe->guest_errors, 1);
    assert_int_equal(fake_in(fe, 0xc100, 1), 0x80);
    assert_int_equal(fake_in(fe, 0xc000, 1), 0xff);
    wr(w->b, 0x10, 4, 0xc000); /* b goes to a's old place: a gets its */
    assert_int_equal(fake_in(fe, 0xc100, 1), 0x10);
    assert_int_equal(fake_in(fe, 0xc000, 1), 0x80);
    assert_int_equal(fe->guest_errors, 1);
    /* A waiting window that is withdrawn does not come back. */
    wr(w->a, 0x10, 4, 0xc000);
    wr(w->a, 0x10, 4, 0xe000);
    wr(w->b, 0x10, 4, 0xd000);
    assert_int_equal(fake_in(fe, 0xc000, 1), 0xff);
    assert_int_equal(fake_in(fe, 0xe000, 1), 0x10);
}

static void test_clash_with_the_board(void **state)
{
    struct world *w = *state;
    struct iolock *lock = iolock_new();
    struct io_region fixed = {.name = "fixed", .space = IO_PORT, .base = 0x3f0, .size = 8,
                              .ops = &card_ops, .chip = w->b, .lock = lock};
    char why[160];

    assert_true(iomap_add(w->fe->env.iomap, &fixed, why, sizeof(why)));
    wr(w->a, PCI_COMMAND, 2, 1);
    wr(w->a, 0x10, 4, 0x3e0);
    assert_int_equal(w->fe->guest_errors, 1);
    assert_non_null(strstr(w->fe->last_guest_error, "fixed"));
    assert_int_equal(fake_in(w->fe, 0x3f1, 1), 0x81);
    assert_int_equal(fake_in(w->fe, 0x3e1, 1), 0xff);
    iomap_remove(w->fe->env.iomap, &fixed);
    wr(w->b, PCI_COMMAND, 2, 0); /* any change on the bus */
    assert_int_equal(fake_in(w->fe, 0x3e1, 1), 0x11);
    iolock_free(lock);
}

static void test_intx(void **state)
{
    struct world *w = *state;
    struct card *c = card_new(w->bus, w->fe, "c", PCI_DEVFN(6, 0), 0); /* shares slot 2's line */

    pci_set_intx(&w->a->pci, true);
    assert_true(w->fe->irq_level[1]);
    assert_int_equal(rd(w->a, PCI_STATUS, 2) & 8, 8);
    pci_set_intx(&c->pci, true);
    pci_set_intx(&w->a->pci, false);
    assert_true(w->fe->irq_level[1]);
    pci_set_intx(&c->pci, false);
    assert_false(w->fe->irq_level[1]);
    assert_int_equal(rd(w->a, PCI_STATUS, 2) & 8, 0);
    /* Disabled: status still tells, the pin does not. */
    wr(w->b, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
    pci_set_intx(&w->b->pci, true);
    assert_int_equal(rd(w->b, PCI_STATUS, 2) & 8, 8);
    assert_false(w->fe->irq_level[2]);
    wr(w->b, PCI_COMMAND, 2, 0);
    assert_true(w->fe->irq_level[2]);
    device_reset(&w->b->pci.dev);
    assert_false(w->fe->irq_level[2]);
    pci_set_intx(&c->pci, true);
    device_free(&c->pci.dev); /* what goes away asserts nothing */
    assert_false(w->fe->irq_level[1]);
}

static void test_bus_master_gate(void **state)
{
    struct world *w = *state;
    const struct dma_port *dma = &w->a->pci.dma;
    uint32_t v = 0x11223344;
    size_t len = 4;
    void *host;

    assert_false(dma_write(dma, 0x100, &v, 4));
    assert_false(dma_read(dma, 0x100, &v, 4));
    assert_int_equal(v, 0);
    assert_null(dma_map(dma, 0x100, &len, true));
    wr(w->a, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    v = 0x11223344;
    assert_true(dma_write(dma, 0x100, &v, 4));
    assert_int_equal(w->fe->ram[0x101], 0x33);
    host = dma_map(dma, 0x100, &len, true);
    assert_non_null(host);
    wr(w->a, PCI_COMMAND, 2, 0);
    dma_unmap(dma, 0x100, host, 4);
    assert_int_equal(w->fe->maps_open, 0);
}

static void test_64_bit_bar(void **state)
{
    struct world *w = *state;
    struct card *c = w->a;

    device_enter(&c->pci.dev);
    pci_make_64(&c->pci, 1);
    device_leave(&c->pci.dev);
    wr(c, PCI_COMMAND, 2, 2);
    wr(c, 0x14, 4, 0xffffffff);
    assert_false(c->mem.mapped);
    wr(c, 0x18, 4, 0xffffffff);
    assert_int_equal(rd(c, 0x14, 4), 0xfffff00c);
    assert_int_equal(rd(c, 0x18, 4), 0xffffffff);
    assert_false(c->mem.mapped);
    wr(c, 0x14, 4, 0x12345000);
    wr(c, 0x18, 4, 0x3);
    assert_int_equal(fake_readmem(w->fe, 0x312345001, 1), 0x11);
}

static void test_reset_and_save(void **state)
{
    struct world *w = *state;
    struct device *dev = &w->a->pci.dev;
    uint8_t fresh[PCI_CONFIG_BYTES], saved[1024];
    char why[160];
    size_t n;

    memcpy(fresh, w->a->pci.config, sizeof(fresh));
    wr(w->a, PCI_COMMAND, 2, 7);
    wr(w->a, 0x10, 4, 0xc000);
    wr(w->a, PCI_ROM, 4, 0xfea00001);
    pci_set_intx(&w->a->pci, true);
    device_enter(dev);
    n = device_save(dev, saved, sizeof(saved));
    device_leave(dev);
    assert_in_range(n, PCI_CONFIG_BYTES, sizeof(saved));

    device_reset(dev);
    assert_memory_equal(w->a->pci.config, fresh, sizeof(fresh));
    assert_false(w->a->io.mapped);
    assert_int_equal(w->a->ram.gpa, RAM_UNMAPPED);
    assert_false(w->fe->irq_level[1]);

    device_enter(dev);
    assert_true(device_load(dev, saved, n, why, sizeof(why)));
    device_leave(dev);
    assert_int_equal(fake_in(w->fe, 0xc001, 1), 0x11);
    assert_int_equal(w->a->ram.gpa, 0xfea00000);
    assert_true(w->fe->irq_level[1]);
    assert_int_equal(w->fe->guest_errors, 0);

    /* Another function's identity is refused, and nothing changes. */
    saved[1 + strlen("pci.config") + 1 + 4] ^= 1;
    device_enter(dev);
    assert_false(device_load(dev, saved, n, why, sizeof(why)));
    device_leave(dev);
    assert_int_equal(fake_in(w->fe, 0xc001, 1), 0x11);
    assert_int_equal(rd(w->a, 0, 2), 0x1af4);
}

static void test_slots(void **state)
{
    struct world *w = *state;
    struct card *more[32];
    struct card *extra = w->b;
    unsigned n = 0;
    char why[160], id[16];

    assert_false(pci_bus_add(w->bus, &extra->pci, PCI_DEVFN(2, 0), why, sizeof(why)));
    assert_non_null(strstr(why, "02.0 is taken by a"));
    for (; n < 28; n++) {
        snprintf(id, sizeof(id), "c%u", n);
        more[n] = card_new(w->bus, w->fe, id, -1, 0);
    }
    assert_false(pci_bus_add(w->bus, &extra->pci, -1, why, sizeof(why)));
    assert_non_null(strstr(why, "no free slot"));
    while (n)
        device_free(&more[--n]->pci.dev);
    assert_null(pci_bus_get(w->bus, PCI_DEVFN(31, 0)));
    assert_ptr_equal(pci_bus_get(w->bus, PCI_DEVFN(3, 0)), w->b);
}

/* Two processors move two functions over each other's places, and ring; for the thread sanitizer. */
static void *move_about(void *opaque)
{
    struct card *c = opaque;

    for (unsigned i = 0; i < 2000; i++) {
        wr(c, 0x10, 4, i & 1 ? 0xc000 : 0xc100);
        wr(c, 0x14, 4, i & 2 ? 0xfe000000 : 0xfe001000);
        device_enter(&c->pci.dev);
        pci_set_intx(&c->pci, i & 1);
        device_leave(&c->pci.dev);
    }
    device_enter(&c->pci.dev);
    pci_set_intx(&c->pci, false);
    device_leave(&c->pci.dev);
    return NULL;
}

static void test_concurrent_moves(void **state)
{
    struct world *w = *state;
    struct card *c = card_new(w->bus, w->fe, "c", PCI_DEVFN(6, 0), 0x40); /* shares a's line */
    pthread_t other;

    w->fe->env.guest_error = NULL; /* the recorder is for one thread */
    wr(w->a, PCI_COMMAND, 2, 3);
    wr(c, PCI_COMMAND, 2, 3);
    assert_int_equal(pthread_create(&other, NULL, move_about, c), 0);
    move_about(w->a);
    pthread_join(other, NULL);
    assert_false(w->fe->irq_level[1]);
    wr(c, 0x10, 4, 0xc000);
    wr(w->a, 0x10, 4, 0xc100);
    assert_int_equal(fake_in(w->fe, 0xc000, 1), 0x40);
    assert_int_equal(fake_in(w->fe, 0xc100, 1), 0x10);
    device_free(&c->pci.dev);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_header),           T(test_access_bounds),        T(test_status_w1c),
        T(test_sizing_and_moving), T(test_insane_places),       T(test_rom_enable),
        T(test_overlap_and_swap), T(test_clash_with_the_board), T(test_intx),
        T(test_bus_master_gate),  T(test_64_bit_bar),           T(test_reset_and_save),
        T(test_slots),             T(test_concurrent_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
