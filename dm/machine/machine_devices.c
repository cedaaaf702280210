/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "chardev/chardev.h"
#include "dm/backends.h"
#include "dm/irq.h"
#include "dm/machine/machine_int.h"
#include "dm/memory.h"
#include "hw/misc/debug_exit.h"
#include "hw/misc/debugcon.h"
#include "hw/misc/fw_cfg.h"
#include "hw/misc/pc_testdev.h"
#include "hw/misc/pvpanic.h"
#include "hw/pci/pci.h"
#include "hw/serial/serial_isa.h"
#include "hw/vga/vga.h"
#include "hw/watchdog/ib700.h"

#define SERIAL_PORTS 4
#define DEFAULT_VRAM_BYTES (16u * 1024 * 1024)

/* ---- properties ---- */

static const char *prop(const struct device_config *d, const char *name)
{
    return g_hash_table_lookup(d->props, name);
}

const char *device_prop(const struct machine *m, const struct device_config *d,
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

uint64_t device_number(const struct machine *m, const struct device_config *d,
                              const char *name, uint64_t otherwise)
{
    const char *value = device_prop(m, d, name);

    return value ? g_ascii_strtoull(value, NULL, 0) : otherwise;
}

bool device_error(const struct device_config *d, GError **error, const char *format, ...)
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

int machine_parse_devfn(const char *addr)
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
    if (!*block) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "-vga: out of memory for %s", name);
        return false;
    }
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

bool machine_add_vga(struct machine *m, GError **error)
{
    const struct device_config *d = find_vga_device(m);
    uint64_t mib = d ? device_number(m, d, "vgamem_mb", 16) : DEFAULT_VRAM_BYTES >> 20;
    const char *addr = d ? device_prop(m, d, "addr") : NULL;
    int devfn = addr ? machine_parse_devfn(addr) : (int)PCI_DEVFN(2, 0);
    struct vga_config c = {.several_vcpus = m->parts.config->cpus > 1};
    bool isa = !m->pci || (d && !strcmp(d->driver, "isa-vga"));

    if (!d && (m->parts.config->vga == VGA_NONE))
        return true;
    if (mib < 1 || mib > 512 || (mib & (mib - 1)))
        return device_error(d, error, "vgamem_mb is a power of two from 1 to 512");
    if (devfn < 0)
        return device_error(d, error, "addr '%s' is not a slot, or slot.function", addr);
    if (d && !m->pci && !isa)
        return device_error(d, error, "No PCI buses available; use isa-vga");
    c.vram = memory_block_new(m->parts.memory, "vga.vram", mib << 20, false);
    c.text = memory_block_new(m->parts.memory, "vga.text", VGA_TEXT_BYTES, false);
    if (!c.vram || !c.text) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "-vga: out of memory for video memory");
        return false;
    }
    if (!isa && !rom_block(m, "vgabios-stdvga.bin", &c.rom, error))
        return false;
    if (isa && !add_isa_vga_rom(m, error))
        return false;
    m->vga = isa ? isa_vga_new(m->parts.env, "vga", &c, WHY)
                 : pci_vga_new(m->bus, devfn, m->parts.env, d && d->id ? d->id : "vga", &c, WHY);
    return machine_keep(m, m->vga);
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

    return machine_keep_irq(m, isa_serial_new(m->parts.env, name, &c, WHY), irq);
}

bool machine_add_serials(struct machine *m)
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

/* The firmware's tables name the port that fw_cfg tells it. */
static bool add_pvpanic(struct machine *m, const struct device_config *d, const char *id)
{
    const struct pvpanic_isa_config c = {
        .iobase = (uint16_t)device_number(m, d, "ioport", PVPANIC_IOBASE),
        .events = (uint8_t)device_number(m, d, "events", PVPANIC_PANICKED | PVPANIC_CRASHLOADED)};
    const uint8_t port[2] = {(uint8_t)c.iobase, (uint8_t)(c.iobase >> 8)};

    if (!machine_keep(m, pvpanic_isa_new(m->parts.env, id, &c, WHY)))
        return false;
    fw_cfg_add_file(m->firmware.fw_cfg, "etc/pvpanic-port", port, sizeof(port));
    return true;
}

static bool add_testdev(struct machine *m, const char *id)
{
    struct pc_testdev_config c;

    for (unsigned gsi = 0; gsi < PC_TESTDEV_LINES; gsi++)
        c.line[gsi] = irq_fabric_pin(m->parts.irq, gsi);
    return machine_keep(m, pc_testdev_new(m->parts.env, id, &c, WHY));
}

static bool add_debug_device(struct machine *m, const struct device_config *d, GError **error)
{
    const struct dev_env *env = m->parts.env;
    const char *id = d->id ? d->id : d->driver;

    if (!strcmp(d->driver, "isa-debug-exit")) {
        const struct isa_debug_exit_config c = {
            .iobase = (uint16_t)device_number(m, d, "iobase", 0x501),
            .iosize = (uint16_t)device_number(m, d, "iosize", 2)};

        return machine_keep(m, isa_debug_exit_new(env, id, &c, WHY));
    }
    if (!strcmp(d->driver, "isa-debugcon")) {
        struct isa_debugcon_config c = {.iobase = (uint16_t)device_number(m, d, "iobase", 0xe9),
                                    .readback = (uint8_t)device_number(m, d, "readback", 0xe9)};

        return find_chardev(m, d, &c.chr, error) && machine_keep(m, isa_debugcon_new(env, id, &c, WHY));
    }
    if (!strcmp(d->driver, "pvpanic"))
        return add_pvpanic(m, d, id);
    if (!strcmp(d->driver, "pc-testdev"))
        return add_testdev(m, id);
    if (!strcmp(d->driver, "ib700"))
        return machine_keep(m, ib700_new(env, id, WHY));
    return true; /* the others have been placed by their own rules */
}

bool machine_add_isa_devices(struct machine *m, GError **error)
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

        return machine_keep(m, isa_debugcon_new(m->parts.env, "debugcon", &c, WHY));
    }
    return true;
}

bool machine_has_serial(const struct machine *m, unsigned index)
{
    GPtrArray *serials = m->parts.config->serials;

    return index < serials->len && g_ptr_array_index(serials, index);
}
