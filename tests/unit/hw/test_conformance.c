/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conformance suite over all devices: each is a row here, or in test_conformance_disks.c or
 * test_conformance_net.c. The devices of the first part are broken on purpose and show that each check can fail.
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
#include "hw/input/i8042.h"
#include "hw/input/vmport.h"
#include "hw/misc/debug_exit.h"
#include "hw/misc/debugcon.h"
#include "hw/misc/elcr.h"
#include "hw/misc/fw_cfg.h"
#include "hw/misc/port92.h"
#include "hw/misc/post_port.h"
#include "hw/misc/pc_testdev.h"
#include "hw/misc/pvpanic.h"
#include "hw/pci/i440fx.h"
#include "hw/pci/piix3.h"
#include "hw/serial/serial_isa.h"
#include "hw/timer/mc146818.h"
#include "hw/timer/port61.h"
#include "hw/vga/vga.h"
#include "hw/watchdog/ib700.h"
#include "tests/fakes/conform_rig.h"
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

static void expect_fault(struct device *(*make)(struct rig *rig), const char *(*check)(const struct conform_row *row),
                         const char *text)
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
    for (unsigned n = 0; n < CONFORM_CHECKS; n++) {
        const char *fault = conform_checks[n].run(&row);

        if (fault)
            fail_msg("%s: %s", conform_checks[n].name, fault);
    }
}

/* ---- the devices ---- */

static struct device *make_i8042(struct rig *rig)
{
    struct i8042_config cfg = {rig_irq(rig, 1), rig_irq(rig, 12)};

    return i8042_new(&rig->fe->env, "i8042", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_vmmouse(struct rig *rig)
{
    const struct vmport_config cfg = {0x5658};

    rig->fe->has_cpu = true;
    return vmport_new(&rig->fe->env, "vmmouse", &cfg, rig_why, sizeof(rig_why));
}

/* A call, with registers that are often those of one; or the pointer moves. */
static void event_vmmouse(struct rig *rig, struct rng *rng)
{
    static const uint32_t words[] = {0x45414552, 0xf5, 0x4c455252, 0x53424152, 1, 4, 6, 0};
    uint64_t v = rng_next(rng);

    if (v & 1) {
        rig->fe->regs = (struct cpu_regs){.eax = VMPORT_MAGIC, .ebx = words[v >> 8 & 7],
                                          .ecx = 39 + (uint32_t)(v >> 16) % 3};
        fake_in(rig->fe, 0x5658, 4);
        return;
    }
    device_enter(rig->dev);
    if (v & 2)
        vmport_point(rig->dev, (uint16_t)(v >> 8), (uint16_t)(v >> 24), (int)(v >> 40 & 3) - 1, v >> 48 & 7);
    else
        vmport_move(rig->dev, (int)(v >> 8 & 255) - 128, (int)(v >> 16 & 255) - 128, 0, v >> 48 & 7);
    device_leave(rig->dev);
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

    return port61_new(&rig->fe->env, "port61", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_port92(struct rig *rig)
{
    struct port92_config cfg = {.port = 0x92};

    return port92_new(&rig->fe->env, "port92", &cfg, rig_why, sizeof(rig_why));
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

    return elcr_new(&rig->fe->env, "elcr", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_rtc(struct rig *rig)
{
    struct rtc_config cfg = {.port = 0x70, .base_unix_s = 1767323045, .irq = rig_irq(rig, 8)};

    return mc146818_new(&rig->fe->env, "rtc", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_dma(struct rig *rig)
{
    struct i8237_config cfg = {.port_bytes = 0x00, .port_words = 0xc0, .port_pages = 0x81};

    return i8237_new(&rig->fe->env, "dma", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_fw_cfg(struct rig *rig)
{
    struct fw_cfg_config cfg = {.port = 0x510};
    struct device *dev = fw_cfg_new(&rig->fe->env, "fw_cfg", &cfg, rig_why, sizeof(rig_why));
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

    return isa_debug_exit_new(&rig->fe->env, "exit", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_testdev(struct rig *rig)
{
    struct pc_testdev_config cfg;

    for (unsigned i = 0; i < PC_TESTDEV_LINES; i++)
        cfg.line[i] = fake_irq(rig->fe, i);
    return pc_testdev_new(&rig->fe->env, "testdev", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_pvpanic(struct rig *rig)
{
    struct pvpanic_isa_config cfg = {.iobase = PVPANIC_IOBASE, .events = 3};

    return pvpanic_isa_new(&rig->fe->env, "panic", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_ib700(struct rig *rig)
{
    return ib700_new(&rig->fe->env, "watchdog", rig_why, sizeof(rig_why));
}

static struct device *make_post_port(struct rig *rig)
{
    return post_port_new(&rig->fe->env, "post", rig_why, sizeof(rig_why));
}

/* ---- what has a character back end: this one takes what its room allows ---- */

struct chardev {
    const struct chardev_fe_ops *ops;
    void *opaque;
    struct iolock *lock;
    size_t room;
    bool connected;
};

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
    return rig->extra[EXTRA_FIRST] = chr;
}

static void unmake_chardev(struct rig *rig)
{
    free(rig->extra[EXTRA_FIRST]);
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
    struct chardev *chr = rig->extra[EXTRA_FIRST];
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
    struct chardev *src = from->extra[EXTRA_FIRST], *dst = to->extra[EXTRA_FIRST];

    device_enter(to->dev);
    chardev_tell(dst, src->connected ? CHARDEV_OPENED : CHARDEV_CLOSED);
    dst->room = src->room;
    device_leave(to->dev);
}

static struct device *make_serial(struct rig *rig)
{
    struct isa_serial_config cfg = {
        .iobase = 0x3f8, .irq = rig_irq(rig, 4), .chr = make_chardev(rig)};

    return isa_serial_new(&rig->fe->env, "serial0", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_debugcon(struct rig *rig)
{
    struct isa_debugcon_config cfg = {
        .iobase = 0xe9, .readback = 0xe9, .chr = make_chardev(rig)};

    return isa_debugcon_new(&rig->fe->env, "debugcon", &cfg, rig_why, sizeof(rig_why));
}

/* Functions on a PCI bus. */

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

    return piix3_new(rig_make_bridge(rig), &rig->fe->env, "piix3", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_piix4_pm(struct rig *rig)
{
    struct piix4_pm_config cfg = {
        .sci = rig_irq(rig, 9), .apm_port = 0xb2, .gpe_port = 0xafe0, .hotplug_port = 0xae00,
        .com1 = true};
    struct device *dev = piix4_pm_new(rig_make_bridge(rig), &rig->fe->env, "pm", &cfg, rig_why, sizeof(rig_why));

    if (dev) {
        device_enter(dev);
        piix4_pm_set_slot(dev, 5, PCI_SLOT_CARD);
        device_leave(dev);
    }
    return dev;
}

static void prepare_pm(struct rig *rig)
{
    rig_config_write(rig, PCI_DEVFN(1, 3), 0x40, 0xb001);
    rig_config_write(rig, PCI_DEVFN(1, 3), 0x80, 1);
}

static void event_pm(struct rig *rig, struct rng *rng)
{
    if (rng_below(rng, 3)) {
        rig_event_pci(rig, rng);
        return;
    }
    device_enter(rig->dev);
    switch (rng_below(rng, 3)) {
    case 0: piix4_pm_power_button(rig->dev); break;
    case 1: piix4_pm_card_added(rig->dev, 5); break;
    case 2: piix4_pm_ask_for_card(rig->dev, 5); break;
    }
    device_leave(rig->dev);
}

/* VGA: its memory is the machine's, beside the device. */

static void unmake_vga(struct rig *rig)
{
    fake_ram_block_free(rig->extra[EXTRA_FIRST]);
    rig_unmake_pci(rig);
}

static void copy_vga(struct rig *to, struct rig *from)
{
    struct ram_block *src = from->extra[EXTRA_FIRST], *dst = to->extra[EXTRA_FIRST];

    memcpy(dst->host, src->host, src->size);
    rig_copy_bridge(to, from);
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
    if (what >= 100)
        rig_event_pci(rig, rng);
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

    return isa_vga_new(&rig->fe->env, "vga", &cfg, rig_why, sizeof(rig_why));
}

static struct device *make_pci_vga(struct rig *rig)
{
    struct vga_config cfg = vga_config(rig);

    return pci_vga_new(rig_make_bridge(rig), PCI_DEVFN(2, 0), &rig->fe->env, "vga", &cfg, rig_why,
                       sizeof(rig_why));
}

static void prepare_pci_vga(struct rig *rig)
{
    rig_config_write(rig, PCI_DEVFN(2, 0), 0x18, 0xe8000000);
    rig_config_write(rig, PCI_DEVFN(2, 0), 0x04, 3);
}

static const struct conform_row rows[] = {
    {.name = "i8042", .make = make_i8042, .event = event_i8042},
    {.name = "vmmouse", .make = make_vmmouse, .event = event_vmmouse},
    {.name = "port61", .make = make_port61},
    {.name = "port92", .make = make_port92},
    {.name = "elcr", .make = make_elcr},
    {.name = "mc146818", .make = make_rtc},
    {.name = "i8237", .make = make_dma},
    {.name = "fw_cfg", .make = make_fw_cfg},
    {.name = "isa-debug-exit", .make = make_debug_exit},
    {.name = "pc-testdev", .make = make_testdev},
    {.name = "pvpanic", .make = make_pvpanic},
    {.name = "ib700", .make = make_ib700},
    {.name = "post-port", .make = make_post_port},
    {.name = "isa-serial", .make = make_serial, .unmake = unmake_chardev, .event = event_chardev,
     .copy_outside = copy_chardev},
    {.name = "isa-debugcon", .make = make_debugcon, .unmake = unmake_chardev,
     .event = event_chardev, .copy_outside = copy_chardev},
    {.name = "i440fx", .make = rig_make_i440fx, .unmake = rig_unmake_pci, .event = rig_event_pci},
    {.name = "piix3", .make = make_piix3, .unmake = rig_unmake_pci, .event = rig_event_pci,
     .copy_outside = rig_copy_bridge},
    {.name = "piix4-pm", .make = make_piix4_pm, .prepare = prepare_pm, .unmake = rig_unmake_pci,
     .event = event_pm, .copy_outside = rig_copy_bridge},
    {.name = "isa-vga", .make = make_isa_vga, .unmake = unmake_vga, .event = event_vga,
     .copy_outside = copy_vga},
    {.name = "pci-vga", .make = make_pci_vga, .prepare = prepare_pci_vga, .unmake = unmake_vga,
     .event = event_vga, .copy_outside = copy_vga},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

int main(void)
{
    const struct CMUnitTest broken[] = {
        cmocka_unit_test(test_every_check_can_fail),
        cmocka_unit_test(test_a_right_device_passes),
    };
    int failed = cmocka_run_group_tests_name("broken devices", broken, NULL, NULL);

    return failed + conform_run(rows, ROWS);
}
