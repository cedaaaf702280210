/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conformance suite over all devices: each is a row here. The devices of the first part are
 * broken on purpose and show that each check can fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chardev/chardev.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/dma/i8237.h"
#include "hw/ide/cmd646.h"
#include "hw/floppy/fdc.h"
#include "hw/ide/isa_ide.h"
#include "hw/ide/piix_ide.h"
#include "hw/input/i8042.h"
#include "hw/misc/debug_exit.h"
#include "hw/misc/debugcon.h"
#include "hw/misc/elcr.h"
#include "hw/misc/fw_cfg.h"
#include "hw/misc/port92.h"
#include "hw/misc/post_port.h"
#include "hw/pci/i440fx.h"
#include "hw/pci/piix3.h"
#include "hw/serial/serial_isa.h"
#include "hw/timer/mc146818.h"
#include "hw/timer/port61.h"
#include "hw/vga/vga.h"
#include "hw/virtio/blk.h"
#include "hw/virtio/net.h"
#include "hw/virtio/rng.h"
#include "tests/fakes/conformance.h"
#include "tests/fakes/fake_block.h"
#include "tests/fakes/fake_net.h"
#include "tests/fakes/fake_surface.h"

/* ---- a device with one register of each kind, right or broken in one way ---- */

enum breakage {
    RIGHT,
    UNSET_RESULT,    /* a string read that fills nothing */
    OVERSIZE,        /* serves more elements than asked for */
    FORGETS_RESET,   /* a field that reset sets to something else */
    HIDDEN_STATE,    /* state that neither reset nor save knows */
    DROPS_LOCK,      /* leaves the lock inside a callback */
    KEEPS_LOCK,      /* enters another lock and does not leave it */
    LOOSE_LOAD,      /* its table lets a value in that it cannot live with */
    CHANGES_REFUSED, /* a load that it refuses leaves a trace */
    PIN_UNTOLD,      /* an output that a load does not derive again */
    LEAKS_MAP,
    BREAKAGES
};

struct toy {
    struct device dev;
    struct io_region region, second;
    struct iolock *second_lock;
    struct irq_pin pin;
    enum breakage breakage;
    uint8_t index;    /* 0 .. 3 */
    uint8_t data[4];
    bool pending;
    uint32_t hidden;  /* only HIDDEN_STATE uses it */
};

static const struct dev_field toy_fields[] = {
    DEV_FIELD(struct toy, U8, index, 1, 3),
    DEV_FIELD_BYTES(struct toy, data),
    DEV_FIELD(struct toy, BOOL, pending, 0, 1),
};

/* The same, without the range of the index. */
static const struct dev_field loose_fields[] = {
    DEV_FIELD(struct toy, U8, index, 1, 0),
    DEV_FIELD_BYTES(struct toy, data),
    DEV_FIELD(struct toy, BOOL, pending, 0, 1),
};

static void toy_pins(struct toy *t)
{
    irq_pin_set(&t->pin, t->pending);
}

static uint64_t toy_read(void *chip, uint64_t off, unsigned size)
{
    struct toy *t = chip;

    if (t->breakage == DROPS_LOCK) {
        device_leave(&t->dev);
        toy_pins(t);
        device_enter(&t->dev);
    }
    if (t->breakage == KEEPS_LOCK && !iolock_held(t->second_lock))
        iolock_enter(t->second_lock);
    if (off == 0)
        return t->index;
    if (off == 1)
        return t->data[t->index & 3];
    if (off == 2)
        return t->pending | (t->breakage == HIDDEN_STATE ? (t->hidden & 1) << 1 : 0);
    (void)size;
    return 0;
}

static void toy_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct toy *t = chip;
    size_t len = 16;

    (void)size;
    t->hidden++;
    if (off == 0)
        t->index = value & 3;
    if (off == 1)
        t->data[t->index & 3] = (uint8_t)value;
    if (off == 2)
        t->pending = value & 1;
    if (off == 3 && t->breakage == LEAKS_MAP)
        dma_map(&t->dev.env->dma, 0, &len, false);
    toy_pins(t);
}

static uint32_t toy_read_string(void *chip, uint64_t off, unsigned size, void *buf, uint32_t count)
{
    struct toy *t = chip;

    if (t->breakage == UNSET_RESULT && off == 3)
        return count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t v = toy_read(t, off, size);

        memcpy((uint8_t *)buf + (size_t)i * size, &v, size);
    }
    if (t->breakage == OVERSIZE || t->index > 3)
        return count + 1; /* stands for an index that leaves its array */
    return count;
}

static const struct io_ops toy_ops = {
    .read = toy_read, .write = toy_write, .read_string = toy_read_string, .widths = IO_W1};

static uint64_t second_read(void *chip, uint64_t off, unsigned size)
{
    (void)chip;
    (void)off;
    (void)size;
    return 0x42;
}

static void second_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)chip;
    (void)off;
    (void)size;
    (void)value;
}

static const struct io_ops second_ops = {
    .read = second_read, .write = second_write, .widths = IO_W1};

static void toy_reset(struct device *dev)
{
    struct toy *t = (struct toy *)dev;

    if (t->breakage == FORGETS_RESET && t->hidden)
        t->data[2] = 7;
    toy_pins(t);
}

static const char *toy_post_load(struct device *dev)
{
    struct toy *t = (struct toy *)dev;

    if (t->breakage != PIN_UNTOLD)
        toy_pins(t);
    if (t->breakage == CHANGES_REFUSED)
        t->data[0]++;
    return t->breakage == CHANGES_REFUSED && t->pending ? "cannot be pending" : NULL;
}

static void toy_free(struct device *dev)
{
    struct toy *t = (struct toy *)dev;

    iomap_remove(dev->env->iomap, &t->region);
    iomap_remove(dev->env->iomap, &t->second);
    iomap_synchronize(dev->env->iomap);
    if (iolock_held(t->second_lock))
        iolock_leave(t->second_lock);
    iolock_free(t->second_lock);
    device_fini(dev);
    free(t);
}

static const struct device_class toy_class = {
    "toy", "a toy", toy_fields, 3, toy_reset, toy_post_load, toy_free};
static const struct device_class loose_class = {
    "loose-toy", "a toy", loose_fields, 3, toy_reset, toy_post_load, toy_free};

static struct device *toy_make(struct rig *rig, enum breakage breakage)
{
    struct toy *t = calloc(1, sizeof(*t));
    char text[200];

    assert_non_null(t);
    device_init(&t->dev, breakage == LOOSE_LOAD ? &loose_class : &toy_class, &rig->fe->env, "toy");
    t->breakage = breakage;
    t->pin = rig_irq(rig, 5);
    t->region = (struct io_region){.name = "toy", .space = IO_PORT, .base = 0x100, .size = 4,
                                   .ops = &toy_ops, .chip = t, .lock = t->dev.lock};
    assert_true(iomap_add(rig->fe->env.iomap, &t->region, text, sizeof(text)));
    t->second = (struct io_region){.name = "toy.second", .space = IO_PORT, .base = 0x200, .size = 1,
                                   .ops = &second_ops, .chip = t};
    t->second.lock = t->second_lock = iolock_new();
    assert_true(iomap_add(rig->fe->env.iomap, &t->second, text, sizeof(text)));
    device_reset(&t->dev);
    return &t->dev;
}

#define TOY(kind) \
    static struct device *make_##kind(struct rig *rig) { return toy_make(rig, kind); }
TOY(RIGHT)
TOY(UNSET_RESULT)
TOY(OVERSIZE)
TOY(FORGETS_RESET)
TOY(HIDDEN_STATE)
TOY(DROPS_LOCK)
TOY(KEEPS_LOCK)
TOY(LOOSE_LOAD)
TOY(CHANGES_REFUSED)
TOY(PIN_UNTOLD)
TOY(LEAKS_MAP)

typedef const char *(*check_fn)(const struct conform_row *row);

struct conform_check {
    const char *name;
    check_fn run;
};

static const struct conform_check checks[] = {
    {"no result unset", check_no_result_unset}, {"all ports", check_all_ports},
    {"reset is new", check_reset_is_new},       {"save and load", check_save_load},
    {"load rejects", check_load_rejects},       {"random accesses", check_random_accesses},
};
#define CHECKS (sizeof(checks) / sizeof(checks[0]))

static void expect_fault(struct device *(*make)(struct rig *rig), check_fn check, const char *text)
{
    struct conform_row row = {.name = "toy", .make = make};
    const char *fault = check(&row);

    if (!fault || !strstr(fault, text))
        fail_msg("wanted a fault with '%s', got: %s", text, fault ? fault : "none");
}

static void test_every_check_can_fail(void **state)
{
    (void)state;
    expect_fault(make_UNSET_RESULT, check_no_result_unset, "left unset");
    expect_fault(make_OVERSIZE, check_no_result_unset, "more elements served");
    expect_fault(make_OVERSIZE, check_random_accesses, "more elements served");
    expect_fault(make_DROPS_LOCK, check_all_ports, "without the lock");
    expect_fault(make_FORGETS_RESET, check_reset_is_new, "field data[2]");
    expect_fault(make_HIDDEN_STATE, check_reset_is_new, "after a reset: read");
    expect_fault(make_HIDDEN_STATE, check_save_load, "loaded elsewhere: read");
    expect_fault(make_PIN_UNTOLD, check_save_load, "line 5");
    expect_fault(make_KEEPS_LOCK, check_all_ports, "still held");
    expect_fault(make_LOOSE_LOAD, check_load_rejects, "after a changed state");
    expect_fault(make_CHANGES_REFUSED, check_load_rejects, "a refused load changed it");
    expect_fault(make_LEAKS_MAP, check_random_accesses, "mappings");
}

static void test_a_right_device_passes(void **state)
{
    const struct conform_row row = {.name = "toy", .make = make_RIGHT};

    (void)state;
    for (unsigned n = 0; n < CHECKS; n++) {
        const char *fault = checks[n].run(&row);

        if (fault)
            fail_msg("%s: %s", checks[n].name, fault);
    }
}

/* ---- the devices ---- */

static char why[200];

static struct device *make_i8042(struct rig *rig)
{
    struct i8042_config cfg = {rig_irq(rig, 1), rig_irq(rig, 12)};

    return i8042_new(&rig->fe->env, "i8042", &cfg, why, sizeof(why));
}

static void event_i8042(struct rig *rig, struct rng *rng)
{
    uint64_t v = rng_next(rng);

    device_enter(rig->dev);
    if (v & 1)
        i8042_key(rig->dev, v >> 8 & 0x1ff, v & 2);
    else
        i8042_mouse(rig->dev, (int)(v >> 8 & 0x3ff) - 512, (int)(v >> 20 & 0x3ff) - 512,
                    (int)(v >> 32 & 15) - 8, (unsigned)(v >> 40));
    device_leave(rig->dev);
}

/* Chips that take nothing but ports and lines. */

static struct device *make_port61(struct rig *rig)
{
    struct port61_config cfg = {.port = 0x61};

    return port61_new(&rig->fe->env, "port61", &cfg, why, sizeof(why));
}

static struct device *make_port92(struct rig *rig)
{
    struct port92_config cfg = {.port = 0x92};

    return port92_new(&rig->fe->env, "port92", &cfg, why, sizeof(why));
}

static void elcr_level(void *opaque, uint16_t level)
{
    struct rig *rig = opaque;

    for (unsigned line = 0; line < 16; line++)
        irq_pin_set(&(struct irq_pin){rig_irq(rig, 0).set, rig, line}, level >> line & 1);
}

static struct device *make_elcr(struct rig *rig)
{
    struct elcr_config cfg = {.port = 0x4d0, .out = {elcr_level, rig}};

    return elcr_new(&rig->fe->env, "elcr", &cfg, why, sizeof(why));
}

static struct device *make_rtc(struct rig *rig)
{
    struct rtc_config cfg = {.port = 0x70, .base_unix_s = 1767323045, .irq = rig_irq(rig, 8)};

    return mc146818_new(&rig->fe->env, "rtc", &cfg, why, sizeof(why));
}

static struct device *make_dma(struct rig *rig)
{
    struct i8237_config cfg = {.port_bytes = 0x00, .port_words = 0xc0, .port_pages = 0x81};

    return i8237_new(&rig->fe->env, "dma", &cfg, why, sizeof(why));
}

static struct device *make_fw_cfg(struct rig *rig)
{
    struct fw_cfg_config cfg = {.port = 0x510};
    struct device *dev = fw_cfg_new(&rig->fe->env, "fw_cfg", &cfg, why, sizeof(why));
    static const char text[] = "a file of some length";

    assert_non_null(dev);
    fw_cfg_add_u64(dev, FW_CFG_RAM_SIZE, 1 << 20);
    assert_true(fw_cfg_add_file(dev, "etc/one", text, sizeof(text)));
    assert_true(fw_cfg_add_file(dev, "etc/two", text, 3));
    return dev;
}

static struct device *make_debug_exit(struct rig *rig)
{
    struct isa_debug_exit_config cfg = {.iobase = 0xf4, .iosize = 4};

    return isa_debug_exit_new(&rig->fe->env, "exit", &cfg, why, sizeof(why));
}

static struct device *make_post_port(struct rig *rig)
{
    return post_port_new(&rig->fe->env, "post", why, sizeof(why));
}

/* ---- what has a character back end: this one takes what its room allows ---- */

struct chardev {
    const struct chardev_fe_ops *ops;
    void *opaque;
    struct iolock *lock;
    size_t room;
    bool connected;
};

enum { EXTRA_CHARDEV };

void chardev_attach(struct chardev *chr, const struct chardev_fe_ops *ops, void *opaque,
                    struct iolock *lock)
{
    chr->ops = ops;
    chr->opaque = opaque;
    chr->lock = lock;
}

size_t chardev_write(struct chardev *chr, const void *buf, size_t len)
{
    size_t taken = len < chr->room ? len : chr->room;

    (void)buf;
    chr->room -= taken;
    return taken;
}

void chardev_accept_input(struct chardev *chr)
{
    (void)chr;
}

bool chardev_connected(struct chardev *chr)
{
    return chr->connected;
}

void chardev_send_break(struct chardev *chr)
{
    (void)chr;
}

static struct chardev *make_chardev(struct rig *rig)
{
    struct chardev *chr = calloc(1, sizeof(*chr));

    assert_non_null(chr);
    return rig->extra[EXTRA_CHARDEV] = chr;
}

static void unmake_chardev(struct rig *rig)
{
    free(rig->extra[EXTRA_CHARDEV]);
}

static void chardev_tell(struct chardev *chr, enum chardev_event event)
{
    if (event != CHARDEV_BREAK)
        chr->connected = event == CHARDEV_OPENED;
    if (chr->ops && chr->ops->event)
        chr->ops->event(chr->opaque, event);
}

static void event_chardev(struct rig *rig, struct rng *rng)
{
    struct chardev *chr = rig->extra[EXTRA_CHARDEV];
    uint64_t v = rng_next(rng);
    uint8_t data[16];

    memset(data, (int)(v >> 8), sizeof(data));
    device_enter(rig->dev);
    if (v & 0x10000) {
        size_t room = chr->ops->can_receive(chr->opaque), n = v >> 20 & 15;

        if (room && n)
            chr->ops->receive(chr->opaque, data, n < room ? n : room);
    } else if (v & 0x20000) {
        chardev_tell(chr, (enum chardev_event)((v >> 24) % 3));
    } else {
        chr->room = v >> 24 & 31;
        if (chr->ops->writable)
            chr->ops->writable(chr->opaque);
    }
    device_leave(rig->dev);
}

static void copy_chardev(struct rig *to, struct rig *from)
{
    struct chardev *src = from->extra[EXTRA_CHARDEV], *dst = to->extra[EXTRA_CHARDEV];

    device_enter(to->dev);
    chardev_tell(dst, src->connected ? CHARDEV_OPENED : CHARDEV_CLOSED);
    dst->room = src->room;
    device_leave(to->dev);
}

static struct device *make_serial(struct rig *rig)
{
    struct isa_serial_config cfg = {
        .iobase = 0x3f8, .irq = rig_irq(rig, 4), .chr = make_chardev(rig)};

    return isa_serial_new(&rig->fe->env, "serial0", &cfg, why, sizeof(why));
}

static struct device *make_debugcon(struct rig *rig)
{
    struct isa_debugcon_config cfg = {
        .iobase = 0xe9, .readback = 0xe9, .chr = make_chardev(rig)};

    return isa_debugcon_new(&rig->fe->env, "debugcon", &cfg, why, sizeof(why));
}

/* Functions on a PCI bus, behind a host bridge. */

enum { EXTRA_BUS = EXTRA_CHARDEV + 1, EXTRA_BRIDGE, EXTRA_FIRST };

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

static struct device *make_i440fx(struct rig *rig)
{
    struct i440fx_config cfg = {
        .port = 0xcf8, .pam = {pam_lines, rig}, .ram_bytes = 128 << 20};

    return i440fx_new(make_bus(rig), &rig->fe->env, "i440fx", &cfg, why, sizeof(why));
}

static struct pci_bus *make_bridge(struct rig *rig)
{
    rig->extra[EXTRA_BRIDGE] = make_i440fx(rig);
    assert_non_null(rig->extra[EXTRA_BRIDGE]);
    return rig->extra[EXTRA_BUS];
}

static void unmake_pci(struct rig *rig)
{
    device_free(rig->extra[EXTRA_BRIDGE]);
    pci_bus_free(rig->extra[EXTRA_BUS]);
}

/* The bridge's state goes along: it holds the address of the next configuration access. */
static void copy_bridge(struct rig *to, struct rig *from)
{
    static uint8_t state[16384];
    struct device *src = from->extra[EXTRA_BRIDGE], *dst = to->extra[EXTRA_BRIDGE];
    size_t size;

    if (!src)
        return;
    device_enter(src);
    size = device_save(src, state, sizeof(state));
    device_leave(src);
    assert_true(size <= sizeof(state));
    device_enter(dst);
    assert_true(device_load(dst, state, size, why, sizeof(why)));
    device_leave(dst);
}

/* A driver's configuration write to PCI_DEVFN(slot, function). */
static void config_write(struct rig *rig, unsigned devfn, unsigned off, uint32_t value)
{
    fake_out(rig->fe, 0xcf8, 4, 0x80000000u | devfn << 8 | off);
    fake_out(rig->fe, 0xcfc, 4, value);
    fake_out(rig->fe, 0xcf8, 4, 0);
}

/*
 * A configuration write as a driver or an enemy makes it. BARs get places that do not clash: who
 * wins a clash depends on who came first, which no saved state can say.
 */
static void event_pci(struct rig *rig, struct rng *rng)
{
    const struct pci_device *pci = (const struct pci_device *)rig->dev;
    unsigned off = rng_below(rng, 256) & ~3u, bar = (off - 0x10) / 4;
    uint32_t value = (uint32_t)rng_next(rng);

    if (rng_below(rng, 4) == 0)
        off = 0x04;
    if (off >= 0x10 && off < 0x28) {
        value = value & 3 ? 0xe0000000 + bar * 0x04000000 : 0xffffffff;
        if (pci->windows[bar].io)
            value = 0xc000 + bar * 0x400;
    }
    if (off == 0x30)
        value = 0xfb000000 | (value & 1);
    config_write(rig, pci->devfn, off, value);
}

static void piix3_lines(void *opaque, unsigned pirq, int irq)
{
    for (unsigned n = 0; n < 4; n++) {
        struct irq_pin pin = rig_irq(opaque, 20 + pirq * 4 + n);

        irq_pin_set(&pin, irq >= 0 && irq >> n & 1);
    }
}

static struct device *make_piix3(struct rig *rig)
{
    struct piix3_config cfg = {.pirq = {piix3_lines, rig}};

    return piix3_new(make_bridge(rig), &rig->fe->env, "piix3", &cfg, why, sizeof(why));
}

static struct device *make_piix4_pm(struct rig *rig)
{
    struct piix4_pm_config cfg = {
        .sci = rig_irq(rig, 9), .apm_port = 0xb2, .gpe_port = 0xafe0, .com1 = true};

    return piix4_pm_new(make_bridge(rig), &rig->fe->env, "pm", &cfg, why, sizeof(why));
}

static void prepare_pm(struct rig *rig)
{
    config_write(rig, PCI_DEVFN(1, 3), 0x40, 0xb001);
    config_write(rig, PCI_DEVFN(1, 3), 0x80, 1);
}

static void event_pm(struct rig *rig, struct rng *rng)
{
    if (rng_below(rng, 3)) {
        event_pci(rig, rng);
        return;
    }
    device_enter(rig->dev);
    piix4_pm_power_button(rig->dev);
    device_leave(rig->dev);
}

/* IDE, with a disk and a small read-only one whose requests end when the events say so. */

static struct block *make_disk(struct rig *rig, unsigned n, uint64_t sectors)
{
    struct block *blk = fake_block_new(sectors);

    fake_block_fill(blk, n);
    return rig->extra[EXTRA_FIRST + n] = blk;
}

static void free_disks(struct rig *rig)
{
    for (unsigned n = 0; n < 2; n++)
        fake_block_free(rig->extra[EXTRA_FIRST + n]);
}

static void unmake_isa_ide(struct rig *rig)
{
    free_disks(rig);
}

static void unmake_piix_ide(struct rig *rig)
{
    free_disks(rig);
    unmake_pci(rig);
}

static void event_ide(struct rig *rig, struct rng *rng)
{
    unsigned what = rng_below(rng, 8);
    struct block *blk = rig->extra[EXTRA_FIRST + (what & 1)];

    if (what == 7 && rig->extra[EXTRA_BUS])
        event_pci(rig, rng);
    else
        fake_block_complete(blk);
}

static void settle_ide(struct rig *rig)
{
    while (fake_block_run(rig->extra[EXTRA_FIRST]) + fake_block_run(rig->extra[EXTRA_FIRST + 1]))
        ;
}

static void copy_disks(struct rig *to, struct rig *from)
{
    static const uint64_t sectors[2] = {8192, 100};
    uint8_t data[BLOCK_SECTOR_BYTES];

    for (unsigned n = 0; n < 2; n++) {
        for (uint64_t sector = 0; sector < sectors[n]; sector++) {
            fake_block_peek(from->extra[EXTRA_FIRST + n], sector, data);
            fake_block_poke(to->extra[EXTRA_FIRST + n], sector, data);
        }
    }
    copy_bridge(to, from);
}

static struct device *make_isa_ide(struct rig *rig)
{
    struct isa_ide_config cfg = {.iobase = 0x1f0, .ctlbase = 0x3f6, .irq = rig_irq(rig, 14)};

    cfg.drive[0] = (struct ide_drive_config){.blk = make_disk(rig, 0, 8192), .write_cache = true};
    cfg.drive[1] = (struct ide_drive_config){.blk = make_disk(rig, 1, 100)};
    return isa_ide_new(&rig->fe->env, "ide", &cfg, why, sizeof(why));
}

/* A disc drive whose tray and media the events move, and a disk. */
static struct device *make_isa_cd(struct rig *rig)
{
    struct isa_ide_config cfg = {.iobase = 0x1f0, .ctlbase = 0x3f6, .irq = rig_irq(rig, 14)};

    cfg.drive[0] = (struct ide_drive_config){.blk = make_disk(rig, 0, 400), .cd = true};
    cfg.drive[1] = (struct ide_drive_config){.blk = make_disk(rig, 1, 100)};
    return isa_ide_new(&rig->fe->env, "ide", &cfg, why, sizeof(why));
}

static void event_cd(struct rig *rig, struct rng *rng)
{
    struct block *blk = rig->extra[EXTRA_FIRST];

    switch (rng_below(rng, 8)) {
    case 0:
        fake_block_tray_request(blk, rng_below(rng, 2), rng_below(rng, 2));
        break;
    case 1:
        while (fake_block_complete(blk)) /* a medium changes when nothing is under way */
            ;
        fake_block_set_medium(blk, rng_below(rng, 3), 100 + rng_below(rng, 300));
        break;
    default:
        event_ide(rig, rng);
    }
}

static void copy_disc(struct rig *to, struct rig *from)
{
    struct block *a = to->extra[EXTRA_FIRST], *b = from->extra[EXTRA_FIRST];
    uint8_t data[BLOCK_SECTOR_BYTES];

    if (block_has_medium(a) != block_has_medium(b) || block_sectors(a) != block_sectors(b))
        fake_block_set_medium(a, block_has_medium(b), block_sectors(b));
    for (unsigned n = 0; n < 2; n++) {
        a = to->extra[EXTRA_FIRST + n];
        b = from->extra[EXTRA_FIRST + n];
        for (uint64_t sector = 0; sector < block_sectors(b); sector++) {
            fake_block_peek(b, sector, data);
            fake_block_poke(a, sector, data);
        }
    }
}

static struct device *make_piix_ide(struct rig *rig)
{
    struct piix3_ide_config cfg = {.irq = {rig_irq(rig, 14), rig_irq(rig, 15)}};

    cfg.drive[0] = (struct ide_drive_config){.blk = make_disk(rig, 0, 8192), .write_cache = true};
    cfg.drive[3] = (struct ide_drive_config){.blk = make_disk(rig, 1, 100)};
    return piix3_ide_new(make_bridge(rig), PCI_DEVFN(1, 1), &rig->fe->env, "ide", &cfg, why,
                         sizeof(why));
}

static void prepare_piix_ide(struct rig *rig)
{
    config_write(rig, PCI_DEVFN(1, 1), 0x20, 0xc001);
    config_write(rig, PCI_DEVFN(1, 1), 0x40, 0x80008000);
    config_write(rig, PCI_DEVFN(1, 1), 0x04, 5);
}

#define CMD646_DEVFN PCI_DEVFN(3, 0)

static struct device *make_cmd646(struct rig *rig)
{
    struct cmd646_config cfg = {.secondary = true, .first_channel = 2};

    cfg.drive[1] = (struct ide_drive_config){.blk = make_disk(rig, 0, 8192), .write_cache = true};
    cfg.drive[2] = (struct ide_drive_config){.blk = make_disk(rig, 1, 100)};
    return cmd646_new(make_bridge(rig), CMD646_DEVFN, &rig->fe->env, "ctl", &cfg, why, sizeof(why));
}

static void prepare_cmd646(struct rig *rig)
{
    for (unsigned bar = 0; bar < 5; bar++)
        config_write(rig, CMD646_DEVFN, 0x10 + 4 * bar, 0xc001 + bar * 0x400);
    config_write(rig, CMD646_DEVFN, 0x04, 5);
}

/* virtio: by both transports' registers, with rings that the events put into memory and doorbells they ring. */

#define VIRTIO_DEVFN PCI_DEVFN(3, 0)

static bool constant_entropy(void *opaque, void *buf, size_t bytes)
{
    (void)opaque;
    memset(buf, 0x5a, bytes);
    return true;
}

static struct device *make_virtio_rng(struct rig *rig)
{
    struct virtio_rng_config cfg = {.entropy = {constant_entropy, NULL}};

    return virtio_rng_new(make_bridge(rig), VIRTIO_DEVFN, &rig->fe->env, "rng", &cfg, why, sizeof(why));
}

static struct device *make_virtio_blk(struct rig *rig)
{
    struct virtio_blk_config cfg = {
        .blk = make_disk(rig, 0, 8192), .write_cache = true, .discard = true, .write_zeroes = true, .queues = 2};

    make_disk(rig, 1, 100); /* for what the IDE rows share */
    return virtio_blk_new(make_bridge(rig), VIRTIO_DEVFN, &rig->fe->env, "vd", &cfg, why, sizeof(why));
}

static struct device *make_virtio_net(struct rig *rig)
{
    struct virtio_net_config cfg = {.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}};

    cfg.port = rig->extra[EXTRA_FIRST] = fake_net_new();
    return virtio_net_new(make_bridge(rig), VIRTIO_DEVFN, &rig->fe->env, "net", &cfg, why, sizeof(why));
}

static void unmake_virtio_net(struct rig *rig)
{
    fake_net_free(rig->extra[EXTRA_FIRST]);
    unmake_pci(rig);
}

static void prepare_virtio(struct rig *rig)
{
    config_write(rig, VIRTIO_DEVFN, 0x10, 0xc000);
    config_write(rig, VIRTIO_DEVFN, 0x14, 0xe4000000);
    config_write(rig, VIRTIO_DEVFN, 0x20, 0xf0000000);
    config_write(rig, VIRTIO_DEVFN, 0x24, 0);
    config_write(rig, VIRTIO_DEVFN, 0x04, 7);
}

/* A ring at 4096 with a request of three descriptors of random kinds, brought up the legacy way, and a kick. */
static void event_virtio(struct rig *rig, struct rng *rng)
{
    uint8_t *ring = rig->fe->ram + 4096;
    uint16_t idx;

    if (rng_below(rng, 4) == 0 || rig->fe->ram_bytes < 65536) {
        event_pci(rig, rng);
        return;
    }
    for (uint16_t i = 0; i < 3; i++) {
        uint64_t gpa = 0x8000 + 512 * rng_below(rng, 32);
        uint32_t bytes = i == 1 ? 512 * (1 + rng_below(rng, 4)) : i == 0 ? 16 : 1;
        uint16_t flags = (uint16_t)((i < 2) | (i == 2 || (i && rng_below(rng, 2)) ? 2 : 0)), next = (uint16_t)(i + 1);

        memcpy(ring + 16 * i, &gpa, 8);
        memcpy(ring + 16 * i + 8, &bytes, 4);
        memcpy(ring + 16 * i + 12, &flags, 2);
        memcpy(ring + 16 * i + 14, &next, 2);
    }
    if (rng_below(rng, 8) == 0) {
        fake_out(rig->fe, 0xc012, 1, 0);
        fake_out(rig->fe, 0xc012, 1, 3);
        fake_out(rig->fe, 0xc00e, 2, rng_below(rng, 3));
        fake_out(rig->fe, 0xc008, 4, 1);
        fake_out(rig->fe, 0xc012, 1, 7);
    }
    memcpy(&idx, ring + 16 * fake_in(rig->fe, 0xc00c, 2) % 4096 + 2, 2);
    idx++;
    memcpy(ring + 16 * fake_in(rig->fe, 0xc00c, 2) % 4096 + 2, &idx, 2);
    fake_out(rig->fe, 0xc010, 2, rng_below(rng, 3));
}

static void event_virtio_net(struct rig *rig, struct rng *rng)
{
    uint8_t frame[256];
    size_t len = rng_below(rng, sizeof(frame));

    memset(frame, (int)len, sizeof(frame));
    if (rng_below(rng, 2))
        event_virtio(rig, rng);
    else
        fake_net_feed(rig->extra[EXTRA_FIRST], frame, len);
}

static void event_virtio_blk(struct rig *rig, struct rng *rng)
{
    if (rng_below(rng, 2))
        event_virtio(rig, rng);
    else
        fake_block_complete(rig->extra[EXTRA_FIRST]);
}

/* The floppy controller, with two disks and a DMA controller beside it. */

#define EXTRA_DMA (EXTRA_FIRST + 2)

static struct device *make_fdc(struct rig *rig)
{
    struct fdc_config cfg = {.iobase = 0x3f0, .irq = rig_irq(rig, 6)};

    rig->extra[EXTRA_DMA] = make_dma(rig);
    cfg.dma = (struct dma8237_channel){rig->extra[EXTRA_DMA], 2};
    cfg.drive[0] = (struct fdc_drive_config){FDC_DRIVE_AUTO, FDC_DRIVE_288, make_disk(rig, 0, 2880)};
    cfg.drive[1] = (struct fdc_drive_config){FDC_DRIVE_120, FDC_DRIVE_288, make_disk(rig, 1, 720)};
    return isa_fdc_new(&rig->fe->env, "fdc", &cfg, why, sizeof(why));
}

static void unmake_fdc(struct rig *rig)
{
    free_disks(rig);
    device_free(rig->extra[EXTRA_DMA]);
}

/* What random bytes seldom are: a command that moves data, with its channel programmed. */
static void event_fdc(struct rig *rig, struct rng *rng)
{
    static const uint8_t opcodes[8] = {0xe6, 0x45, 0x42, 0x4d, 0x51, 0x4a, 0x0f, 0x56};
    unsigned what = rng_below(rng, 12);
    uint8_t command[9] = {opcodes[what & 7], 0, (uint8_t)rng_below(rng, 80), 0,
                          (uint8_t)(1 + rng_below(rng, 18)), 2, 18, 0x1b, 0xff};

    if (what > 7) {
        fake_block_complete(rig->extra[EXTRA_FIRST + (what & 1)]);
        return;
    }
    fake_out(rig->fe, 0x0b, 1, what & 1 ? 0x4a : 0x46);
    fake_out(rig->fe, 0x0e, 1, 0);
    for (unsigned i = 0; i < 16 && !(fake_in(rig->fe, 0x3f4, 1) & 0x80); i++)
        fake_step(rig->fe, 1000000);
    for (unsigned i = 0; i < 9 && (fake_in(rig->fe, 0x3f4, 1) & 0xc0) == 0x80; i++)
        fake_out(rig->fe, 0x3f5, 1, command[i]);
}

static void copy_fdc(struct rig *to, struct rig *from)
{
    static const uint64_t sectors[2] = {2880, 720};
    static uint8_t state[4096];
    struct device *dma = from->extra[EXTRA_DMA], *copy = to->extra[EXTRA_DMA];
    uint8_t data[BLOCK_SECTOR_BYTES];
    size_t size;

    for (unsigned n = 0; n < 2; n++) {
        for (uint64_t sector = 0; sector < sectors[n]; sector++) {
            fake_block_peek(from->extra[EXTRA_FIRST + n], sector, data);
            fake_block_poke(to->extra[EXTRA_FIRST + n], sector, data);
        }
    }
    device_enter(dma);
    size = device_save(dma, state, sizeof(state));
    device_leave(dma);
    device_enter(copy);
    assert_true(size <= sizeof(state) && device_load(copy, state, size, why, sizeof(why)));
    device_leave(copy);
}

/* VGA: its memory is the machine's, beside the device. */

static void unmake_vga(struct rig *rig)
{
    fake_ram_block_free(rig->extra[EXTRA_FIRST]);
    if (rig->extra[EXTRA_BUS])
        unmake_pci(rig);
}

static void copy_vga(struct rig *to, struct rig *from)
{
    struct ram_block *src = from->extra[EXTRA_FIRST], *dst = to->extra[EXTRA_FIRST];

    memcpy(dst->host, src->host, src->size);
    copy_bridge(to, from);
}

/* A viewer looks. */
static void event_vga(struct rig *rig, struct rng *rng)
{
    struct display_source *display = vga_display(rig->dev);
    struct surface surface = {0};
    unsigned what = rng_below(rng, 200);

    device_enter(rig->dev);
    if (what == 0)
        display->render(display->chip, &surface);
    else if (what < 50)
        display->changed(display->chip);
    device_leave(rig->dev);
    surface_free(&surface);
    if (what >= 100 && rig->extra[EXTRA_BUS])
        event_pci(rig, rng);
}

static struct vga_config vga_config(struct rig *rig)
{
    struct ram_block *vram = fake_ram_block_new("vram", 1 << 20, false);

    rig->extra[EXTRA_FIRST] = vram;
    return (struct vga_config){.vram = vram};
}

static struct device *make_isa_vga(struct rig *rig)
{
    struct vga_config cfg = vga_config(rig);

    return isa_vga_new(&rig->fe->env, "vga", &cfg, why, sizeof(why));
}

static struct device *make_pci_vga(struct rig *rig)
{
    struct vga_config cfg = vga_config(rig);

    return pci_vga_new(make_bridge(rig), PCI_DEVFN(2, 0), &rig->fe->env, "vga", &cfg, why,
                       sizeof(why));
}

static void prepare_pci_vga(struct rig *rig)
{
    config_write(rig, PCI_DEVFN(2, 0), 0x18, 0xe8000000);
    config_write(rig, PCI_DEVFN(2, 0), 0x04, 3);
}

static const struct conform_row rows[] = {
    {.name = "i8042", .make = make_i8042, .event = event_i8042},
    {.name = "port61", .make = make_port61},
    {.name = "port92", .make = make_port92},
    {.name = "elcr", .make = make_elcr},
    {.name = "mc146818", .make = make_rtc},
    {.name = "i8237", .make = make_dma},
    {.name = "fw_cfg", .make = make_fw_cfg},
    {.name = "isa-debug-exit", .make = make_debug_exit},
    {.name = "post-port", .make = make_post_port},
    {.name = "isa-serial", .make = make_serial, .unmake = unmake_chardev, .event = event_chardev,
     .copy_outside = copy_chardev},
    {.name = "isa-debugcon", .make = make_debugcon, .unmake = unmake_chardev,
     .event = event_chardev, .copy_outside = copy_chardev},
    {.name = "i440fx", .make = make_i440fx, .unmake = unmake_pci, .event = event_pci},
    {.name = "piix3", .make = make_piix3, .unmake = unmake_pci, .event = event_pci,
     .copy_outside = copy_bridge},
    {.name = "piix4-pm", .make = make_piix4_pm, .prepare = prepare_pm, .unmake = unmake_pci,
     .event = event_pm, .copy_outside = copy_bridge},
    {.name = "isa-ide", .make = make_isa_ide, .unmake = unmake_isa_ide, .event = event_ide,
     .settle = settle_ide, .copy_outside = copy_disks},
    {.name = "isa-ide with a CD drive", .make = make_isa_cd, .unmake = unmake_isa_ide,
     .event = event_cd, .settle = settle_ide, .copy_outside = copy_disc},
    {.name = "piix3-ide", .make = make_piix_ide, .prepare = prepare_piix_ide,
     .unmake = unmake_piix_ide, .event = event_ide, .settle = settle_ide,
     .copy_outside = copy_disks},
    {.name = "cmd646-ide", .make = make_cmd646, .prepare = prepare_cmd646,
     .unmake = unmake_piix_ide, .event = event_ide, .settle = settle_ide,
     .copy_outside = copy_disks},
    {.name = "virtio-rng-pci", .make = make_virtio_rng, .prepare = prepare_virtio, .unmake = unmake_pci,
     .event = event_virtio, .copy_outside = copy_bridge},
    {.name = "virtio-blk-pci", .make = make_virtio_blk, .prepare = prepare_virtio, .unmake = unmake_piix_ide,
     .event = event_virtio_blk, .settle = settle_ide, .copy_outside = copy_disks},
    {.name = "virtio-net-pci", .make = make_virtio_net, .prepare = prepare_virtio, .unmake = unmake_virtio_net,
     .event = event_virtio_net, .copy_outside = copy_bridge},
    {.name = "isa-fdc", .make = make_fdc, .unmake = unmake_fdc, .event = event_fdc,
     .settle = settle_ide, .copy_outside = copy_fdc},
    {.name = "isa-vga", .make = make_isa_vga, .unmake = unmake_vga, .event = event_vga,
     .copy_outside = copy_vga},
    {.name = "pci-vga", .make = make_pci_vga, .prepare = prepare_pci_vga, .unmake = unmake_vga,
     .event = event_vga, .copy_outside = copy_vga},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

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

static int run_rows(void)
{
    struct conform_case cases[ROWS * CHECKS];
    struct CMUnitTest tests[ROWS * CHECKS];

    for (unsigned n = 0; n < ROWS * CHECKS; n++) {
        cases[n].row = &rows[n / CHECKS];
        cases[n].check = &checks[n % CHECKS];
        snprintf(cases[n].name, sizeof(cases[n].name), "%s: %s", cases[n].row->name,
                 cases[n].check->name);
        tests[n] = (struct CMUnitTest){cases[n].name, run_case, NULL, NULL, &cases[n]};
    }
    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest broken[] = {
        cmocka_unit_test(test_every_check_can_fail),
        cmocka_unit_test(test_a_right_device_passes),
    };
    int failed = cmocka_run_group_tests_name("broken devices", broken, NULL, NULL);

    return failed + run_rows();
}
