/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/machine/machine.h"

#include <string.h>
#include <time.h>

#include "dm/irq.h"
#include "dm/machine/machine_int.h"
#include "dm/memory.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/device.h"
#include "hw/dma/i8237.h"
#include "hw/ide/piix_ide.h"
#include "hw/input/i8042.h"
#include "hw/input/vmport.h"
#include "hw/misc/elcr.h"
#include "hw/misc/fw_cfg.h"
#include "hw/misc/port92.h"
#include "hw/misc/post_port.h"
#include "hw/pci/i440fx.h"
#include "hw/pci/pci.h"
#include "hw/pci/piix3.h"
#include "hw/timer/mc146818.h"
#include "hw/timer/port61.h"
#include "hw/vga/vga.h"

bool machine_keep(struct machine *m, struct device *dev)
{
    if (dev)
        g_ptr_array_add(m->devices, dev);
    return dev != NULL;
}

void machine_note_irq(struct machine *m, struct device *dev, unsigned irq)
{
    guint mask = GPOINTER_TO_UINT(g_hash_table_lookup(m->irqs, dev)) | 1u << irq;

    g_hash_table_insert(m->irqs, dev, GUINT_TO_POINTER(mask));
}

void machine_note_card(struct machine *m, struct device *dev, const struct device_config *d)
{
    g_hash_table_insert(m->cards, dev, (gpointer)d);
}

bool machine_keep_irq(struct machine *m, struct device *dev, unsigned irq)
{
    if (dev)
        machine_note_irq(m, dev, irq);
    return machine_keep(m, dev);
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
 *   168-16f,36e   IDE, if asked for            10
 *   1e8-1ef,3ee   IDE, if asked for            11
 *   1ce,1cf       Bochs VBE                    -
 *   2e8 2f8 3e8 3f8  UARTs                     3 3 4 4
 *   3b0-3df       VGA                          -
 *   3f0-3f5,3f7   floppy controller            6, DMA 2
 *   4d0,4d1       ELCR (in KVM)                -
 *   510-51b       fw_cfg                       -
 *   cf8-cff       PCI configuration, reset at cf9
 *   5658-565b     VMware's port: the absolute pointer
 *   ae00-ae0f     PCI hotplug
 *   afe0-afe3     GPE block
 */
static bool build_isa(struct machine *m)
{
    const struct dev_env *env = m->parts.env;
    struct irq_fabric *irq = m->parts.irq;
    const struct rtc_config rtc = {0x70, rtc_base(m->parts.config), irq_fabric_pin(irq, 8),
                                   m->parts.config->rtc_slew};
    const struct i8042_config kbc = {irq_fabric_pin(irq, 1), irq_fabric_pin(irq, 12)};
    const struct i8237_config dma = {0x00, 0xc0, 0x81};
    const struct port92_config port92 = {0x92};
    const struct fw_cfg_config fw_cfg = {0x510};
    const struct vmport_config vmport = {0x5658};

    m->firmware.rtc = mc146818_new(env, "rtc", &rtc, WHY);
    if (!machine_keep_irq(m, m->firmware.rtc, 8))
        return false;
    m->firmware.fw_cfg = fw_cfg_new(env, "fw_cfg", &fw_cfg, WHY);
    if (!machine_keep(m, m->firmware.fw_cfg))
        return false;
    m->keyboard = i8042_new(env, "i8042", &kbc, WHY);
    m->dma = i8237_new(env, "dma", &dma, WHY);
    if (!machine_keep_irq(m, m->keyboard, 1))
        return false;
    machine_note_irq(m, m->keyboard, 12);
    if (m->parts.config->vmport) {
        m->vmmouse = vmport_new(env, "vmmouse", &vmport, WHY);
        if (!machine_keep(m, m->vmmouse))
            return false;
    }
    return machine_keep(m, m->dma) &&
           machine_keep(m, post_port_new(env, "post", WHY)) &&
           machine_keep(m, port92_new(env, "port92", &port92, WHY)) && machine_add_serials(m);
}

/* What KVM has inside, for a machine without it (qtest): as far as there is a model of our own. */
static bool build_instead_of_kvm(struct machine *m)
{
    const struct port61_config port61 = {0x61};
    const struct elcr_config elcr = {.port = 0x4d0};

    return m->parts.kernel_irqchip ||
           (machine_keep(m, port61_new(m->parts.env, "port61", &port61, WHY)) &&
            (!m->pci || machine_keep(m, elcr_new(m->parts.env, "elcr", &elcr, WHY))));
}

/* The PCI part: 440FX host bridge at 00.0, PIIX3 at 01.0 (ISA), 01.1 (IDE), 01.3 (PM), VGA at 02.0. */
static bool build_pci(struct machine *m)
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
        .hotplug_port = 0xae00,
        .com1 = machine_has_serial(m, 0),
        .com2 = machine_has_serial(m, 1),
    };
    struct piix3_ide_config ide = {.irq = {irq_fabric_pin(irq, 14), irq_fabric_pin(irq, 15)}};
    struct ide_controller *own = g_ptr_array_index(m->ide, 0);

    for (unsigned i = 0; i < 4; i++) {
        intx[i] = irq_fabric_pirq(irq, i);
        ide.drive[i] = own->bus[i / 2].drive[i % 2];
    }
    m->bus = pci_bus_new(env, intx);
    if (!machine_keep(m, i440fx_new(m->bus, env, "i440fx", &host, WHY)) ||
        !machine_keep(m, piix3_new(m->bus, env, "piix3", &isa, WHY)))
        return false;
    own->dev = piix3_ide_new(m->bus, PCI_DEVFN(1, 1), env, own->id, &ide, WHY);
    if (!machine_keep_irq(m, own->dev, 14))
        return false;
    machine_note_irq(m, own->dev, 15);
    if (m->parts.config->no_acpi)
        return true; /* the firmware finds no function to make tables for */
    m->pm = piix4_pm_new(m->bus, env, "pm", &pm, WHY);
    return machine_keep_irq(m, m->pm, 9);
}

static bool build_isa_ide(struct machine *m)
{
    return machine_make_isa_ide(m, g_ptr_array_index(m->ide, 0)) &&
           machine_make_isa_ide(m, g_ptr_array_index(m->ide, 1));
}

static bool build(struct machine *m, GError **error)
{
    if (!firmware_load(m->parts.memory, m->parts.config, error) || !machine_collect_ide(m, error) ||
        !machine_collect_drives(m, error))
        return false;
    if (!m->pci)
        memory_set_isa(m->parts.memory);
    return build_isa(m) && machine_add_floppies(m, error) && build_instead_of_kvm(m) &&
           (m->pci ? build_pci(m) : build_isa_ide(m)) && machine_add_vga(m, error) &&
           machine_add_virtio(m, true, error) && machine_add_ide(m, error) && machine_add_nics(m, error) &&
           machine_add_virtio(m, false, error) && machine_add_isa_devices(m, error) &&
           machine_describe_disks(m, error) && firmware_describe(&m->firmware, error);
}

struct machine *machine_new(const struct machine_parts *parts, GError **error)
{
    struct machine *m = g_new0(struct machine, 1);
    GError *local = NULL;

    m->parts = *parts;
    m->pci = strcmp(parts->config->machine, "isapc") != 0;
    m->devices = g_ptr_array_new();
    m->irqs = g_hash_table_new(NULL, NULL);
    m->cards = g_hash_table_new(NULL, NULL);
    firmware_init(&m->firmware);
    m->firmware.config = parts->config;
    m->firmware.memory = parts->memory;
    if (build(m, &local)) {
        machine_describe_slots(m);
        return m;
    }
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
    machine_free_ide(m);
    machine_free_nics(m);
    machine_free_balloon(m);
    machine_free_serial(m);
    machine_free_entropy(m);
    firmware_clear(&m->firmware);
    g_ptr_array_free(m->devices, TRUE);
    g_hash_table_destroy(m->irqs);
    g_hash_table_destroy(m->cards);
    g_free(m);
}

void machine_set_hooks(struct machine *m, const struct machine_hooks *hooks)
{
    m->hooks = hooks;
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

const char *machine_display_id(struct machine *m)
{
    return m && m->vga ? m->vga->id : NULL;
}

void machine_key(struct machine *m, unsigned scancode, bool down)
{
    device_enter(m->keyboard);
    i8042_key(m->keyboard, scancode, down);
    device_leave(m->keyboard);
}

bool machine_keyboard_ready(struct machine *m)
{
    bool ready;

    device_enter(m->keyboard);
    ready = i8042_kbd_ready(m->keyboard);
    device_leave(m->keyboard);
    return ready;
}

unsigned machine_keyboard_leds(struct machine *m)
{
    unsigned leds;

    device_enter(m->keyboard);
    leds = i8042_leds(m->keyboard);
    device_leave(m->keyboard);
    return leds;
}

void machine_foreach_device(struct machine *m, void (*fn)(void *opaque, struct device *dev),
                            void *opaque)
{
    for (guint i = 0; m && i < m->devices->len; i++)
        fn(opaque, g_ptr_array_index(m->devices, i));
}

uint32_t machine_device_irqs(const struct machine *m, const struct device *dev)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(m->irqs, dev));
}

struct pci_bus *machine_pci_bus(struct machine *m)
{
    return m->bus;
}
