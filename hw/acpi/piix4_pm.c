/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/acpi/piix4_pm.h"

#include <stdlib.h>
#include <string.h>

#include "hw/acpi/smbus_host.h"
#include "hw/pci/pci_regs.h"

#define PM_TIMER_HZ 3579545u
#define PM_TIMER_BITS 0xffffffu
#define PM_TIMER_TOGGLE 0x800000u /* the top bit changes each so many ticks */
#define NS_PER_S 1000000000u

enum { /* configuration */
    REG_PMBA = 0x40,
    REG_DEVACTB = 0x58,
    REG_DEVRESB = 0x5c,
    REG_DEVRESD = 0x64,
    REG_PMREGMISC = 0x80,
    REG_SMBBA = 0x90,
    REG_SMBHSTCFG = 0xd2,
    PMIOSE = 0x01,
    SMB_HST_EN = 0x01,
    SMB_INTERRUPT = 0x0e,
    SMB_IRQ9 = 0x08,
    DEVACTB_APMC_EN = 0x02000000,
};

enum { /* the I/O block at PMBA, as dwords */
    PM_EVENT = 0x00,
    PM_CONTROL = 0x04,
    PM_TIMER = 0x08,
    PM_BYTES = 64,
};

enum { /* PMSTS and PMEN */
    EVENT_TIMER = 0x0001,
    EVENT_GLOBAL = 0x0020,
    EVENT_BUTTON = 0x0100,
    EVENT_RTC = 0x0400,
    EVENT_WAKE = 0x8000, /* status only */
    ENABLE_BITS = EVENT_TIMER | EVENT_GLOBAL | EVENT_BUTTON | EVENT_RTC,
    STATUS_BITS = ENABLE_BITS | EVENT_WAKE,
};

enum { /* PMCNTRL */
    CONTROL_SCI_EN = 0x0001,
    CONTROL_SUS_TYP = 0x1c00,
    CONTROL_SUS_EN = 0x2000, /* write-only */
    CONTROL_BITS = CONTROL_SCI_EN | 0x0002 | CONTROL_SUS_TYP,
};

/* The sleep types that SeaBIOS's \_Sx objects name. */
enum { SLEEP_S5 = 0, SLEEP_S3 = 1, SLEEP_S4 = 2 };

enum { APM_ENABLE = 0xf1, APM_DISABLE = 0xf0 };
enum { APM_PORTS = 2, GPE_PORTS = 4 };
enum { GPE_PCI_HOTPLUG = 0x0002 }; /* _E01 of SeaBIOS's DSDT */

struct piix4_pm {
    struct pci_device pci;
    uint16_t status, enable, control;
    uint64_t toggle_ticks; /* the first change of the timer's top bit that status does not show */
    uint16_t gpe_status, gpe_enable;
    uint8_t apm_control, apm_status;
    struct smbus_host smbus;
    struct pci_hotplug hotplug;
    struct irq_pin sci;
    struct vtimer timer;
    struct io_region pm_region, smbus_region, apm_region, gpe_region, hotplug_region;
};

/* 290562, 7.1: the registers beyond the header. Device monitors only keep what is written. */
static const struct {
    uint8_t first, last, reset, writable;
} registers[] = {
    {REG_PMBA, REG_PMBA, 0x01, 0xc0},
    {REG_PMBA + 1, REG_PMBA + 1, 0x00, 0xff},
    {0x44, 0x57, 0x00, 0xff},             /* CNTA, CNTB, GPICTL, DEVRESD, DEVACTA */
    {REG_DEVACTB, REG_DEVACTB + 2, 0x00, 0xff},
    {REG_DEVACTB + 3, REG_DEVACTB + 3, DEVACTB_APMC_EN >> 24, 0xfd},
    {REG_DEVRESB, 0x7f, 0x00, 0xff},  /* DEVRESA .. DEVRESJ */
    {REG_PMREGMISC, REG_PMREGMISC, 0x00, PMIOSE},
    {REG_SMBBA, REG_SMBBA, 0x01, 0xf0},
    {REG_SMBBA + 1, REG_SMBBA + 1, 0x00, 0xff},
    {REG_SMBHSTCFG, REG_SMBHSTCFG, 0x00, 0x0f},
    {0xd3, 0xd5, 0x00, 0xff},             /* slave command and shadow addresses */
};

/* ---- the timer ---- */

static uint64_t ticks_now(const struct piix4_pm *pm)
{
    uint64_t now_ns = (uint64_t)vclock_now_ns(pm->pci.dev.env->clock);

    return (uint64_t)((unsigned __int128)now_ns * PM_TIMER_HZ / NS_PER_S);
}

/* The first instant at which ticks_now() is at least `ticks`. */
static int64_t ticks_to_ns(uint64_t ticks)
{
    return (int64_t)(((unsigned __int128)ticks * NS_PER_S + PM_TIMER_HZ - 1) / PM_TIMER_HZ);
}

static uint64_t next_toggle(uint64_t ticks)
{
    return (ticks | (PM_TIMER_TOGGLE - 1)) + 1;
}

static void sync_timer_status(struct piix4_pm *pm)
{
    if (ticks_now(pm) >= pm->toggle_ticks)
        pm->status |= EVENT_TIMER;
}

/* ---- what follows from the registers ---- */

static bool smbus_interrupts(const struct piix4_pm *pm)
{
    return (pm->pci.config[REG_SMBHSTCFG] & SMB_INTERRUPT) == SMB_IRQ9 &&
           smbus_host_interrupt(&pm->smbus);
}

static void derive(struct piix4_pm *pm)
{
    bool event;

    sync_timer_status(pm);
    event = (pm->status & pm->enable) || (pm->gpe_status & pm->gpe_enable);
    irq_pin_set(&pm->sci, (event && (pm->control & CONTROL_SCI_EN)) || smbus_interrupts(pm));
    if ((pm->enable & EVENT_TIMER) && !(pm->status & EVENT_TIMER))
        vtimer_arm(&pm->timer, ticks_to_ns(pm->toggle_ticks));
    else
        vtimer_cancel(&pm->timer);
}

static void timer_fired(void *opaque)
{
    derive(opaque);
}

static void derive_windows(struct piix4_pm *pm)
{
    const uint8_t *c = pm->pci.config;
    bool smbus_on = (c[REG_SMBHSTCFG] & SMB_HST_EN) && (c[PCI_COMMAND] & PCI_COMMAND_IO);

    pci_place_fixed(&pm->pci, 0, c[REG_PMREGMISC] & PMIOSE, pci_get_word(c + REG_PMBA) & 0xffc0);
    pci_place_fixed(&pm->pci, 1, smbus_on, pci_get_word(c + REG_SMBBA) & 0xfff0);
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    struct piix4_pm *pm = (struct piix4_pm *)pci;

    (void)off;
    (void)size;
    derive_windows(pm);
    derive(pm);
}

/* ---- PM1: 1, 2 and 4 byte accesses, each as lanes of the dword that holds them ---- */

static uint32_t lane_mask(uint64_t off, unsigned size)
{
    return (size == 4 ? UINT32_MAX : (1u << size * 8) - 1) << (off & 3) * 8;
}

static uint32_t merge(uint32_t old, uint32_t value, uint32_t mask)
{
    return (old & ~mask) | (value & mask);
}

static uint64_t pm_read(void *chip, uint64_t off, unsigned size)
{
    struct piix4_pm *pm = chip;
    uint32_t v = 0; /* the rest of the block has nothing to say */

    (void)size;
    switch (off & ~3ull) {
    case PM_EVENT:
        sync_timer_status(pm);
        v = pm->status | (uint32_t)pm->enable << 16;
        break;
    case PM_CONTROL: v = pm->control; break;
    case PM_TIMER: v = (uint32_t)ticks_now(pm) & PM_TIMER_BITS; break;
    }
    return v >> (off & 3) * 8;
}

static void event_write(struct piix4_pm *pm, uint32_t value, uint32_t mask)
{
    uint16_t clear = (uint16_t)(value & mask);

    sync_timer_status(pm);
    if (clear & pm->status & EVENT_TIMER)
        pm->toggle_ticks = next_toggle(ticks_now(pm));
    pm->status &= (uint16_t)~clear;
    pm->enable = (uint16_t)(merge(pm->enable, value >> 16, mask >> 16) & ENABLE_BITS);
}

static void enter_sleep(struct piix4_pm *pm)
{
    unsigned type = (pm->control & CONTROL_SUS_TYP) >> 10;
    const struct machine_port *machine = &pm->pci.dev.env->machine;

    if (type == SLEEP_S3)
        machine_request(machine, MACHINE_SUSPEND, 0);
    else if (type == SLEEP_S5 || type == SLEEP_S4)
        machine_request(machine, MACHINE_POWEROFF, 0);
    else
        device_guest_error(&pm->pci.dev, "sleep type %u does not exist", type);
}

static void control_write(struct piix4_pm *pm, uint32_t value, uint32_t mask)
{
    pm->control = (uint16_t)(merge(pm->control, value, mask) & CONTROL_BITS);
    if (value & mask & CONTROL_SUS_EN)
        enter_sleep(pm);
}

static void pm_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct piix4_pm *pm = chip;
    uint32_t lanes = (uint32_t)value << (off & 3) * 8, mask = lane_mask(off, size);

    switch (off & ~3ull) {
    case PM_EVENT: event_write(pm, lanes, mask); break;
    case PM_CONTROL: control_write(pm, lanes, mask); break;
    }
    derive(pm);
}

static const struct io_ops pm_ops = {
    .read = pm_read, .write = pm_write, .widths = IO_W1 | IO_W2 | IO_W4};

/* ---- GPE0 ---- */

static uint64_t gpe_read(void *chip, uint64_t off, unsigned size)
{
    const struct piix4_pm *pm = chip;

    (void)size;
    return (pm->gpe_status | (uint32_t)pm->gpe_enable << 16) >> off * 8;
}

static void gpe_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct piix4_pm *pm = chip;
    uint32_t lanes = (uint32_t)value << off * 8, mask = lane_mask(off, size);

    pm->gpe_status &= (uint16_t)~(lanes & mask);
    pm->gpe_enable = (uint16_t)merge(pm->gpe_enable, lanes >> 16, mask >> 16);
    derive(pm);
}

static const struct io_ops gpe_ops = {
    .read = gpe_read, .write = gpe_write, .widths = IO_W1 | IO_W2 | IO_W4};

/* ---- APM control and status ---- */

static uint64_t apm_read(void *chip, uint64_t off, unsigned size)
{
    const struct piix4_pm *pm = chip;

    (void)size;
    return off ? pm->apm_status : pm->apm_control;
}

static void apm_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct piix4_pm *pm = chip;

    (void)size;
    if (off) {
        pm->apm_status = (uint8_t)value;
        return;
    }
    pm->apm_control = (uint8_t)value;
    if (value == APM_ENABLE)
        pm->control |= CONTROL_SCI_EN;
    else if (value == APM_DISABLE)
        pm->control &= (uint16_t)~CONTROL_SCI_EN;
    derive(pm);
}

static const struct io_ops apm_ops = {.read = apm_read, .write = apm_write, .widths = IO_W1};

/* ---- SMBus ---- */

static uint64_t smbus_read(void *chip, uint64_t off, unsigned size)
{
    struct piix4_pm *pm = chip;

    (void)size;
    return smbus_host_read(&pm->smbus, (unsigned)off);
}

static void smbus_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct piix4_pm *pm = chip;

    (void)size;
    smbus_host_write(&pm->smbus, (unsigned)off, (uint8_t)value);
    derive(pm);
}

static const struct io_ops smbus_ops = {.read = smbus_read, .write = smbus_write, .widths = IO_W1};

/* ---- PCI hotplug ---- */

static uint64_t hotplug_read(void *chip, uint64_t off, unsigned size)
{
    const struct piix4_pm *pm = chip;

    (void)size;
    return pci_hotplug_read(&pm->hotplug, (unsigned)off);
}

static void hotplug_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct piix4_pm *pm = chip;

    (void)size;
    switch (pci_hotplug_write(&pm->hotplug, (unsigned)off, (uint32_t)value)) {
    case PCI_HOTPLUG_NONE:
        break;
    case PCI_HOTPLUG_EJECTED:
        machine_request(&pm->pci.dev.env->machine, MACHINE_EJECT, 0);
        break;
    case PCI_HOTPLUG_REFUSED:
        device_guest_error(&pm->pci.dev, "PCI hotplug: 0x%x written at %u: there is no card to eject",
                           (unsigned)value, (unsigned)off);
        break;
    }
}

static const struct io_ops hotplug_ops = {.read = hotplug_read, .write = hotplug_write, .widths = IO_W4};

static void hotplug_event(struct piix4_pm *pm)
{
    pm->gpe_status |= GPE_PCI_HOTPLUG;
    derive(pm);
}

void piix4_pm_set_slot(struct device *dev, unsigned slot, enum pci_slot_use use)
{
    pci_hotplug_set_slot(&((struct piix4_pm *)dev)->hotplug, slot, use);
}

void piix4_pm_card_added(struct device *dev, unsigned slot)
{
    struct piix4_pm *pm = (struct piix4_pm *)dev;

    pci_hotplug_added(&pm->hotplug, slot);
    hotplug_event(pm);
}

bool piix4_pm_ask_for_card(struct device *dev, unsigned slot)
{
    struct piix4_pm *pm = (struct piix4_pm *)dev;
    bool there = pci_hotplug_ask(&pm->hotplug, slot);

    if (there)
        hotplug_event(pm);
    return there;
}

uint32_t piix4_pm_cards_to_go(const struct device *dev, bool asked)
{
    const struct pci_hotplug *h = &((const struct piix4_pm *)dev)->hotplug;

    return h->ejected | (asked ? h->down : 0);
}

/* ---- from outside ---- */

void piix4_pm_power_button(struct device *dev)
{
    struct piix4_pm *pm = (struct piix4_pm *)dev;

    pm->status |= EVENT_BUTTON;
    derive(pm);
}

void piix4_pm_wake(struct device *dev)
{
    struct piix4_pm *pm = (struct piix4_pm *)dev;

    pm->status |= EVENT_WAKE;
    derive(pm);
}

/* ---- life ---- */

static void reset(struct device *dev)
{
    struct piix4_pm *pm = (struct piix4_pm *)dev;

    pci_device_reset(&pm->pci);
    pm->toggle_ticks = next_toggle(ticks_now(pm));
    derive(pm);
}

static const char *post_load(struct device *dev)
{
    struct piix4_pm *pm = (struct piix4_pm *)dev;
    const char *fault = pci_device_post_load(&pm->pci);

    if (fault)
        return fault;
    if ((pm->status & ~STATUS_BITS) || (pm->enable & ~ENABLE_BITS) ||
        (pm->control & ~CONTROL_BITS))
        return "reserved bits set in the PM1 registers";
    if (!pci_hotplug_sane(&pm->hotplug))
        return "PCI hotplug tells of cards that are not there";
    if (pm->hotplug.ejected)
        machine_request(&dev->env->machine, MACHINE_EJECT, 0);
    derive_windows(pm);
    derive(pm);
    return NULL;
}

static void pm_free(struct device *dev)
{
    struct piix4_pm *pm = (struct piix4_pm *)dev;

    vtimer_cancel(&pm->timer);
    iomap_remove(dev->env->iomap, &pm->apm_region);
    iomap_remove(dev->env->iomap, &pm->gpe_region);
    iomap_remove(dev->env->iomap, &pm->hotplug_region);
    pci_device_fini(&pm->pci);
    free(pm);
}

static const struct dev_field fields[] = {
    PCI_DEVICE_FIELDS(struct piix4_pm, pci),
    DEV_FIELD(struct piix4_pm, U16, status, 0, 0),
    DEV_FIELD(struct piix4_pm, U16, enable, 0, 0),
    DEV_FIELD(struct piix4_pm, U16, control, 0, 0),
    DEV_FIELD(struct piix4_pm, U64, toggle_ticks, 0, 1ull << 54), /* 160 years */
    DEV_FIELD(struct piix4_pm, U16, gpe_status, 0, 0),
    DEV_FIELD(struct piix4_pm, U16, gpe_enable, 0, 0),
    DEV_FIELD(struct piix4_pm, U8, apm_control, 0, 0),
    DEV_FIELD(struct piix4_pm, U8, apm_status, 0, 0),
    SMBUS_HOST_FIELDS(struct piix4_pm, smbus),
    PCI_HOTPLUG_FIELDS(struct piix4_pm, hotplug),
};

static const struct device_class piix4_pm_class = {
    .name = "PIIX4_PM",
    .title = "Intel 82371AB power management",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = pm_free,
};

static void init_registers(struct pci_device *pci, const struct piix4_pm_config *cfg)
{
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        for (unsigned off = registers[i].first; off <= registers[i].last; off++) {
            pci->config[off] = registers[i].reset;
            pci->wmask[off] = registers[i].writable;
        }
    }
    pci_set_word(pci->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci->config[REG_DEVRESB + 3] = cfg->lpt ? 0x90 : 0x10;                       /* DEVRESB */
    pci->config[REG_DEVRESD + 3] = (cfg->com1 ? 0x08 : 0) | (cfg->com2 ? 0x90 : 0); /* DEVRESD */
    pci->config[REG_DEVRESD - 1] = 0x60;
}

static void init_regions(struct piix4_pm *pm, const struct piix4_pm_config *cfg)
{
    struct io_region common = {.space = IO_PORT, .chip = pm, .lock = pm->pci.dev.lock};

    pm->pm_region = pm->smbus_region = pm->apm_region = pm->gpe_region = pm->hotplug_region = common;
    pm->pm_region.name = "acpi.pm1";
    pm->pm_region.size = PM_BYTES;
    pm->pm_region.ops = &pm_ops;
    pm->smbus_region.name = "acpi.smbus";
    pm->smbus_region.size = SMBUS_HOST_BYTES;
    pm->smbus_region.ops = &smbus_ops;
    pm->apm_region.name = "acpi.apm";
    pm->apm_region.base = cfg->apm_port;
    pm->apm_region.size = APM_PORTS;
    pm->apm_region.ops = &apm_ops;
    pm->gpe_region.name = "acpi.gpe0";
    pm->gpe_region.base = cfg->gpe_port;
    pm->gpe_region.size = GPE_PORTS;
    pm->gpe_region.ops = &gpe_ops;
    pm->hotplug_region.name = "acpi.pci-hotplug";
    pm->hotplug_region.base = cfg->hotplug_port;
    pm->hotplug_region.size = PCI_HOTPLUG_BYTES;
    pm->hotplug_region.ops = &hotplug_ops;
    pci_add_fixed(&pm->pci, 0, &pm->pm_region);
    pci_add_fixed(&pm->pci, 1, &pm->smbus_region);
}

struct device *piix4_pm_new(struct pci_bus *bus, const struct dev_env *env, const char *id,
                            const struct piix4_pm_config *cfg, char *why, size_t why_size)
{
    static const struct pci_ids ids = {.vendor = 0x8086, .device = 0x7113, .revision = 3,
                                       .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
                                       .class_code = 0x068000, .interrupt_pin = 1};
    struct piix4_pm *pm = calloc(1, sizeof(*pm));

    if (!pm)
        abort();
    pci_device_init(&pm->pci, &piix4_pm_class, env, id, &ids);
    init_registers(&pm->pci, cfg);
    init_regions(pm, cfg);
    pm->pci.config_written = config_written;
    pm->sci = cfg->sci;
    vtimer_init(&pm->timer, env->clock, pm->pci.dev.lock, timer_fired, pm);
    if (!pci_bus_add(bus, &pm->pci, PCI_DEVFN(1, 3), why, why_size) ||
        !iomap_add(env->iomap, &pm->apm_region, why, why_size) ||
        !iomap_add(env->iomap, &pm->gpe_region, why, why_size) ||
        !iomap_add(env->iomap, &pm->hotplug_region, why, why_size)) {
        device_free(&pm->pci.dev);
        return NULL;
    }
    device_reset(&pm->pci.dev);
    return &pm->pci.dev;
}
