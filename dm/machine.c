/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block/block.h"
#include "chardev/chardev.h"
#include "dm/backends.h"
#include "dm/firmware.h"
#include "dm/irq.h"
#include "dm/memory.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/device.h"
#include "hw/dma/i8237.h"
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
#include "hw/pci/pci.h"
#include "hw/pci/piix3.h"
#include "hw/serial/serial_isa.h"
#include "hw/timer/mc146818.h"
#include "hw/timer/port61.h"
#include "hw/vga/vga.h"

#define SERIAL_PORTS 4
#define DEFAULT_VRAM_BYTES (16u * 1024 * 1024)

struct machine {
    struct machine_parts parts;
    bool pci;
    GPtrArray *devices; /* struct device *, in order of making; freed in reverse */
    struct pci_bus *bus;
    struct device *pm, *keyboard, *vga;
    struct firmware firmware;
    char why[200]; /* of the constructor that failed */
};

/* Keeps a new device; false (with m->why set) if its constructor failed. */
static bool keep(struct machine *m, struct device *dev)
{
    if (dev)
        g_ptr_array_add(m->devices, dev);
    return dev != NULL;
}

#define WHY m->why, sizeof(m->why)

/* ---- what -device and -drive ask for ---- */

static const char *prop(const struct device_config *d, const char *name)
{
    return g_hash_table_lookup(d->props, name);
}

/* -device first, then -global, then the default. */
static const char *device_prop(const struct machine *m, const struct device_config *d,
                               const char *name)
{
    const char *value = prop(d, name);
    GPtrArray *globals = m->parts.config->globals;

    for (guint i = 0; !value && i < globals->len; i++) {
        const struct device_config *g = g_ptr_array_index(globals, i);

        if (!strcmp(g->driver, d->driver))
            value = prop(g, name);
    }
    return value;
}

static uint64_t device_number(const struct machine *m, const struct device_config *d,
                              const char *name, uint64_t otherwise)
{
    const char *value = device_prop(m, d, name);

    return value ? g_ascii_strtoull(value, NULL, 0) : otherwise;
}

static bool device_error(const struct device_config *d, GError **error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool device_error(const struct device_config *d, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "-device %s: %s", d->driver, text);
    return false;
}

static bool find_chardev(struct machine *m, const struct device_config *d, struct chardev **chr,
                         GError **error)
{
    const char *id = device_prop(m, d, "chardev");

    *chr = id ? backends_chardev(m->parts.backends, id) : NULL;
    if (id && !*chr)
        return device_error(d, error, "no -chardev has the id '%s'", id);
    return true;
}

/* ---- IDE positions ---- */

struct ide_slots {
    struct ide_drive_config drive[FIRMWARE_DISKS];
    bool taken[FIRMWARE_DISKS];
};

static void default_geometry(uint64_t sectors, struct ide_drive_config *c)
{
    uint64_t cyls = sectors / (16 * 63);

    if (c->cyls)
        return;
    c->cyls = (uint32_t)CLAMP(cyls, 2, 16383); /* ATA-6: words 1, 3, 6 of IDENTIFY DEVICE */
    c->heads = 16;
    c->secs = 63;
}

static bool put_drive(struct machine *m, struct ide_slots *s, unsigned slot,
                      const struct ide_drive_config *c, int bootindex, const char *what,
                      GError **error)
{
    struct firmware_disk *d = &m->firmware.disks[slot];

    if (s->taken[slot]) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: ide.%u unit %u has a drive already", what, slot / 2, slot % 2);
        return false;
    }
    s->taken[slot] = true;
    s->drive[slot] = *c;
    default_geometry(block_sectors(c->blk), &s->drive[slot]);
    d->present = true;
    d->cyls = s->drive[slot].cyls;
    d->heads = s->drive[slot].heads;
    d->secs = s->drive[slot].secs;
    d->bootindex = bootindex;
    if (m->pci)
        g_snprintf(d->boot_path, sizeof(d->boot_path), "/pci@i0cf8/ide@1,1/drive@%x/disk@%x",
                   slot / 2, slot % 2);
    else
        g_snprintf(d->boot_path, sizeof(d->boot_path), "/isa/ide@%04x/drive@0/disk@%x",
                   slot / 2 ? 0x170 : 0x1f0, slot % 2);
    return true;
}

static bool put_config_drives(struct machine *m, struct ide_slots *s, GError **error)
{
    GPtrArray *drives = m->parts.config->drives;

    for (guint i = 0; i < drives->len; i++) {
        const struct drive_config *d = g_ptr_array_index(drives, i);
        struct ide_drive_config c = {.serial = d->serial, .write_cache = d->cache_writeback};
        g_autofree char *what = g_strdup_printf("-drive %s", d->id);

        if (d->interface != DRIVE_IF_IDE)
            continue;
        c.blk = backends_drive(m->parts.backends, d->id);
        if (d->bus > 1 || d->unit > 1) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "%s: only ide.0 and ide.1 exist, with two drives each", what);
            return false;
        }
        if (c.blk && !put_drive(m, s, (unsigned)(d->bus * 2 + d->unit), &c, -1, what, error))
            return false;
    }
    return true;
}

static int free_slot(const struct ide_slots *s, int bus, int unit)
{
    for (int slot = 0; slot < FIRMWARE_DISKS; slot++) {
        if (!s->taken[slot] && (bus < 0 || slot / 2 == bus) && (unit < 0 || slot % 2 == unit))
            return slot;
    }
    return -1;
}

static bool put_ide_hd(struct machine *m, struct ide_slots *s, const struct device_config *d,
                       GError **error)
{
    const char *drive = device_prop(m, d, "drive"), *bus = device_prop(m, d, "bus");
    const char *cache = device_prop(m, d, "write-cache");
    struct ide_drive_config c = {
        .blk = drive ? backends_drive(m->parts.backends, drive) : NULL,
        .serial = device_prop(m, d, "serial"),
        .model = device_prop(m, d, "model"),
        .version = device_prop(m, d, "ver"),
        .cyls = (uint32_t)device_number(m, d, "cyls", 0),
        .heads = (uint32_t)device_number(m, d, "heads", 0),
        .secs = (uint32_t)device_number(m, d, "secs", 0),
        .wwn = device_number(m, d, "wwn", 0),
    };
    int slot;

    if (!drive)
        return device_error(d, error, "drive= is missing");
    if (!c.blk)
        return device_error(d, error, "no -drive has the id '%s'", drive);
    if (bus && strcmp(bus, "ide.0") && strcmp(bus, "ide.1"))
        return device_error(d, error, "there is no bus '%s'; there are ide.0 and ide.1", bus);
    slot = free_slot(s, bus ? bus[4] - '0' : -1, (int)device_number(m, d, "unit", (uint64_t)-1));
    if (slot < 0)
        return device_error(d, error, "no free place on %s", bus ? bus : "ide.0 and ide.1");
    if (cache && strcmp(cache, "auto"))
        block_set_write_cache(c.blk, !strcmp(cache, "on"));
    c.write_cache = block_write_cache(c.blk);
    return put_drive(m, s, (unsigned)slot, &c, (int)device_number(m, d, "bootindex", (uint64_t)-1),
                     "-device ide-hd", error);
}

static bool collect_drives(struct machine *m, struct ide_slots *s, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    memset(s, 0, sizeof(*s));
    if (!put_config_drives(m, s, error))
        return false;
    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (!strcmp(d->driver, "ide-hd") && !put_ide_hd(m, s, d, error))
            return false;
    }
    return true;
}

/* ---- VGA ---- */

static const struct device_config *find_vga_device(const struct machine *m)
{
    GPtrArray *devices = m->parts.config->devices;

    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (!strcmp(d->driver, "VGA") || !strcmp(d->driver, "isa-vga"))
            return d;
    }
    return NULL;
}

/* "0x3" or "3.0" or "0x1.0x2": slot and function. */
static int parse_devfn(const char *addr)
{
    char *end;
    uint64_t slot = g_ascii_strtoull(addr, &end, 16), function = 0;

    if (*end == '.')
        function = g_ascii_strtoull(end + 1, &end, 16);
    return *end || slot > 31 || function > 7 ? -2 : (int)PCI_DEVFN(slot, function);
}

static bool rom_block(struct machine *m, const char *name, struct ram_block **block, GError **error)
{
    g_autofree uint8_t *data = NULL;
    size_t size, bytes = 4096;

    if (!firmware_read_rom("-vga", name, 1024 * 1024, &data, &size, error))
        return false;
    while (bytes < size)
        bytes *= 2; /* a BAR is a power of two */
    *block = memory_block_new(m->parts.memory, name, bytes, true);
    memcpy((*block)->host, data, size);
    return true;
}

static bool add_isa_vga_rom(struct machine *m, GError **error)
{
    g_autofree uint8_t *data = NULL;
    size_t size;

    if (!firmware_read_rom("-vga", "vgabios-stdvga.bin", 1024 * 1024, &data, &size, error))
        return false;
    fw_cfg_add_file(m->firmware.fw_cfg, "vgaroms/vgabios.bin", data, size);
    return true;
}

static bool add_vga(struct machine *m, GError **error)
{
    const struct device_config *d = find_vga_device(m);
    uint64_t mib = d ? device_number(m, d, "vgamem_mb", 16) : DEFAULT_VRAM_BYTES >> 20;
    const char *addr = d ? device_prop(m, d, "addr") : NULL;
    int devfn = addr ? parse_devfn(addr) : (int)PCI_DEVFN(2, 0);
    struct vga_config c = {0};
    bool isa = !m->pci || (d && !strcmp(d->driver, "isa-vga"));

    if (!d && (m->parts.config->vga == VGA_NONE))
        return true;
    if (mib < 1 || mib > 256 || (mib & (mib - 1)))
        return device_error(d, error, "vgamem_mb is a power of two from 1 to 256");
    if (devfn < 0)
        return device_error(d, error, "addr '%s' is not a slot, or slot.function", addr);
    if (d && !m->pci && !isa)
        return device_error(d, error, "No PCI buses available; use isa-vga");
    c.vram = memory_block_new(m->parts.memory, "vga.vram", mib << 20, false);
    if (!isa && !rom_block(m, "vgabios-stdvga.bin", &c.rom, error))
        return false;
    if (isa && !add_isa_vga_rom(m, error))
        return false;
    m->vga = isa ? isa_vga_new(m->parts.env, "vga", &c, WHY)
                 : pci_vga_new(m->bus, devfn, m->parts.env, d && d->id ? d->id : "vga", &c, WHY);
    return keep(m, m->vga);
}

/* ---- serial ports and debug devices ---- */

static const struct {
    uint16_t iobase;
    unsigned irq;
} serial_places[SERIAL_PORTS] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

static bool add_serial(struct machine *m, unsigned index, uint16_t iobase, unsigned irq,
                       const char *id, struct chardev *chr)
{
    g_autofree char *name = id ? g_strdup(id) : g_strdup_printf("serial%u", index);
    const struct isa_serial_config c = {
        .iobase = iobase, .irq = irq_fabric_pin(m->parts.irq, irq), .chr = chr,
        .out2_ignored = true /* as QEMU: xv6 and its like never set it */};

    return keep(m, isa_serial_new(m->parts.env, name, &c, WHY));
}

static bool add_serials(struct machine *m)
{
    GPtrArray *serials = m->parts.config->serials;

    for (guint i = 0; i < serials->len && i < SERIAL_PORTS; i++) {
        const char *id = g_ptr_array_index(serials, i);

        if (id && !add_serial(m, i, serial_places[i].iobase, serial_places[i].irq, NULL,
                              backends_chardev(m->parts.backends, id)))
            return false;
    }
    return true;
}

static bool add_serial_device(struct machine *m, const struct device_config *d, unsigned *next,
                              GError **error)
{
    uint64_t index = device_number(m, d, "index", *next);
    struct chardev *chr;
    uint64_t iobase, irq;

    if (!find_chardev(m, d, &chr, error))
        return false;
    if (index >= SERIAL_PORTS)
        return device_error(d, error, "index is 0 to 3");
    iobase = device_number(m, d, "iobase", serial_places[index].iobase);
    irq = device_number(m, d, "irq", serial_places[index].irq);
    if (iobase > 0xfff8 || irq > 15)
        return device_error(d, error, "iobase is at most 0xfff8, irq at most 15");
    *next = (unsigned)index + 1;
    return add_serial(m, (unsigned)index, (uint16_t)iobase, (unsigned)irq, d->id, chr);
}

static bool add_debug_device(struct machine *m, const struct device_config *d, GError **error)
{
    const struct dev_env *env = m->parts.env;
    const char *id = d->id ? d->id : d->driver;

    if (!strcmp(d->driver, "isa-debug-exit")) {
        const struct isa_debug_exit_config c = {
            .iobase = (uint16_t)device_number(m, d, "iobase", 0x501),
            .iosize = (uint16_t)device_number(m, d, "iosize", 2)};

        return keep(m, isa_debug_exit_new(env, id, &c, WHY));
    }
    if (!strcmp(d->driver, "isa-debugcon")) {
        struct isa_debugcon_config c = {.iobase = (uint16_t)device_number(m, d, "iobase", 0xe9),
                                    .readback = (uint8_t)device_number(m, d, "readback", 0xe9)};

        return find_chardev(m, d, &c.chr, error) && keep(m, isa_debugcon_new(env, id, &c, WHY));
    }
    return true; /* the others have been placed by their own rules */
}

static bool add_isa_devices(struct machine *m, GError **error)
{
    const struct vm_config *config = m->parts.config;
    unsigned next_serial = config->serials->len;

    for (guint i = 0; i < config->devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(config->devices, i);
        bool ok = strcmp(d->driver, "isa-serial") ? add_debug_device(m, d, error)
                                                  : add_serial_device(m, d, &next_serial, error);

        if (!ok && !*error)
            return device_error(d, error, "%s", m->why);
        if (!ok)
            return false;
    }
    if (config->debugcon) {
        const struct isa_debugcon_config c = {
            .iobase = 0xe9, .readback = 0xe9,
            .chr = backends_chardev(m->parts.backends, config->debugcon)};

        return keep(m, isa_debugcon_new(m->parts.env, "debugcon", &c, WHY));
    }
    return true;
}

/* ---- the boards ---- */

static void set_pam(void *opaque, unsigned segment, bool readable, bool writable)
{
    struct machine *m = opaque;

    memory_set_pam(m->parts.memory, segment, readable, writable);
}

static void route_pirq(void *opaque, unsigned pirq, int irq)
{
    struct machine *m = opaque;

    irq_fabric_route_pirq(m->parts.irq, pirq, irq);
}

static int64_t rtc_base(const struct vm_config *c)
{
    time_t now = time(NULL);
    struct tm local;

    if (c->rtc_start_s >= 0)
        return c->rtc_start_s;
    if (!c->rtc_localtime)
        return now;
    localtime_r(&now, &local);
    return now + local.tm_gmtoff;
}

/*
 * The address map, ISA part: what every PC has, where it has been since 1984.
 *
 *   port          device                       line    memory           what
 *   000-00f,0c0-0df  i8237, pages 081-08f      -       00000-9ffff      RAM
 *   020,0a0       8259 (in KVM)                -       a0000-bffff      VGA window
 *   040-043,061   8254, port B (in KVM)        0       c0000-fffff      shadow RAM or ROM (PAM)
 *   060,064       i8042                        1, 12   100000-          RAM up to 3.5 GiB, or 3 GiB
 *   070,071       RTC and CMOS                 8       febXXXXX         BARs, where the firmware puts them
 *   080           POST codes                   -       fec00000         I/O APIC (in KVM)
 *   092           port A: A20, fast reset      -       fee00000         local APICs (in KVM)
 *   0b2,0b3       APM control (PIIX4 PM)       -       fffc0000-        firmware
 *   0e9           debug console, if asked for  -       100000000-       RAM above 4 GiB
 *   170-177,376   IDE channel 1                15
 *   1f0-1f7,3f6   IDE channel 0                14
 *   1ce,1cf       Bochs VBE                    -
 *   2e8 2f8 3e8 3f8  UARTs                     3 3 4 4
 *   3b0-3df       VGA                          -
 *   4d0,4d1       ELCR (in KVM)                -
 *   510-51b       fw_cfg                       -
 *   cf8-cff       PCI configuration, reset at cf9
 */
static bool build_isa(struct machine *m)
{
    const struct dev_env *env = m->parts.env;
    struct irq_fabric *irq = m->parts.irq;
    const struct rtc_config rtc = {0x70, rtc_base(m->parts.config), irq_fabric_pin(irq, 8)};
    const struct i8042_config kbc = {irq_fabric_pin(irq, 1), irq_fabric_pin(irq, 12)};
    const struct i8237_config dma = {0x00, 0xc0, 0x81};
    const struct port92_config port92 = {0x92};
    const struct fw_cfg_config fw_cfg = {0x510};

    m->firmware.rtc = mc146818_new(env, "rtc", &rtc, WHY);
    if (!keep(m, m->firmware.rtc))
        return false;
    m->firmware.fw_cfg = fw_cfg_new(env, "fw_cfg", &fw_cfg, WHY);
    if (!keep(m, m->firmware.fw_cfg))
        return false;
    m->keyboard = i8042_new(env, "i8042", &kbc, WHY);
    return keep(m, m->keyboard) && keep(m, i8237_new(env, "dma", &dma, WHY)) &&
           keep(m, post_port_new(env, "post", WHY)) &&
           keep(m, port92_new(env, "port92", &port92, WHY)) && add_serials(m);
}

/* What KVM has inside, for a machine without it (qtest): as far as there is a model of our own. */
static bool build_instead_of_kvm(struct machine *m)
{
    const struct port61_config port61 = {0x61};
    const struct elcr_config elcr = {.port = 0x4d0};

    return m->parts.kernel_irqchip ||
           (keep(m, port61_new(m->parts.env, "port61", &port61, WHY)) &&
            (!m->pci || keep(m, elcr_new(m->parts.env, "elcr", &elcr, WHY))));
}

static bool has_serial(const struct machine *m, unsigned index)
{
    GPtrArray *serials = m->parts.config->serials;

    return index < serials->len && g_ptr_array_index(serials, index);
}

/* The PCI part: 440FX host bridge at 00.0, PIIX3 at 01.0 (ISA), 01.1 (IDE), 01.3 (PM), VGA at 02.0. */
static bool build_pci(struct machine *m, const struct ide_slots *s)
{
    const struct dev_env *env = m->parts.env;
    struct irq_fabric *irq = m->parts.irq;
    struct irq_pin intx[4];
    const struct i440fx_config host = {0xcf8, {set_pam, m}, m->parts.config->ram_bytes};
    const struct piix3_config isa = {.pirq = {route_pirq, m}};
    const struct piix4_pm_config pm = {
        .sci = irq_fabric_pin(irq, 9),
        .apm_port = 0xb2,
        .gpe_port = 0xafe0,
        .com1 = has_serial(m, 0),
        .com2 = has_serial(m, 1),
    };
    struct piix3_ide_config ide = {.irq = {irq_fabric_pin(irq, 14), irq_fabric_pin(irq, 15)}};

    for (unsigned i = 0; i < 4; i++)
        intx[i] = irq_fabric_pirq(irq, i);
    memcpy(ide.drive, s->drive, sizeof(ide.drive));
    m->bus = pci_bus_new(env, intx);
    if (!keep(m, i440fx_new(m->bus, env, "i440fx", &host, WHY)) ||
        !keep(m, piix3_new(m->bus, env, "piix3", &isa, WHY)) ||
        !keep(m, piix3_ide_new(m->bus, PCI_DEVFN(1, 1), env, "ide", &ide, WHY)))
        return false;
    m->pm = piix4_pm_new(m->bus, env, "pm", &pm, WHY);
    return keep(m, m->pm);
}

static bool build_isa_ide(struct machine *m, const struct ide_slots *s)
{
    static const struct {
        uint16_t iobase, ctlbase;
        unsigned irq;
        const char *id;
    } places[2] = {{0x1f0, 0x3f6, 14, "ide0"}, {0x170, 0x376, 15, "ide1"}};

    for (unsigned i = 0; i < 2; i++) {
        const struct isa_ide_config c = {
            .iobase = places[i].iobase,
            .ctlbase = places[i].ctlbase,
            .irq = irq_fabric_pin(m->parts.irq, places[i].irq),
            .drive = {s->drive[2 * i], s->drive[2 * i + 1]},
        };

        if (!keep(m, isa_ide_new(m->parts.env, places[i].id, &c, WHY)))
            return false;
    }
    return true;
}

static bool build(struct machine *m, GError **error)
{
    struct ide_slots slots;

    if (!firmware_load(m->parts.memory, m->parts.config, error) || !collect_drives(m, &slots, error))
        return false;
    if (!m->pci)
        memory_set_isa(m->parts.memory);
    return build_isa(m) && build_instead_of_kvm(m) &&
           (m->pci ? build_pci(m, &slots) : build_isa_ide(m, &slots)) &&
           add_vga(m, error) && add_isa_devices(m, error) &&
           firmware_describe(&m->firmware, error);
}

struct machine *machine_new(const struct machine_parts *parts, GError **error)
{
    struct machine *m = g_new0(struct machine, 1);
    GError *local = NULL;

    m->parts = *parts;
    m->pci = strcmp(parts->config->machine, "isapc") != 0;
    m->devices = g_ptr_array_new();
    m->firmware.config = parts->config;
    m->firmware.memory = parts->memory;
    m->firmware.pci = m->pci;
    if (build(m, &local))
        return m;
    if (local)
        g_propagate_error(error, local);
    else
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "-machine %s: %s",
                    parts->config->machine, m->why);
    machine_free(m);
    return NULL;
}

void machine_free(struct machine *m)
{
    if (!m)
        return;
    for (guint i = m->devices->len; i-- > 0;)
        device_free(g_ptr_array_index(m->devices, i));
    if (m->bus)
        pci_bus_free(m->bus);
    kernel_clear(&m->firmware.kernel);
    g_ptr_array_free(m->devices, TRUE);
    g_free(m);
}

void machine_reset(struct machine *m)
{
    memory_reset(m->parts.memory);
    for (guint i = 0; i < m->devices->len; i++)
        device_reset(g_ptr_array_index(m->devices, i));
    firmware_reset(&m->firmware);
}

bool machine_power_button(struct machine *m)
{
    if (!m || !m->pm)
        return false;
    device_enter(m->pm);
    piix4_pm_power_button(m->pm);
    device_leave(m->pm);
    return true;
}

struct display_source *machine_display(struct machine *m)
{
    return m && m->vga ? vga_display(m->vga) : NULL;
}

void machine_key(struct machine *m, unsigned scancode, bool down)
{
    device_enter(m->keyboard);
    i8042_key(m->keyboard, scancode, down);
    device_leave(m->keyboard);
}

void machine_foreach_device(struct machine *m, void (*fn)(void *opaque, struct device *dev),
                            void *opaque)
{
    for (guint i = 0; m && i < m->devices->len; i++)
        fn(opaque, g_ptr_array_index(m->devices, i));
}
