/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/ide/cmd646.h"

#include <stdio.h>
#include <stdlib.h>

#include "hw/ide/pci_ide.h"
#include "hw/pci/pci_regs.h"

enum {
    CFR = 0x50,
    CNTRL = 0x51,
    CMDTIM = 0x52,
    ARTTIM0 = 0x53,
    DRWTIM0 = 0x54,
    ARTTIM1 = 0x55,
    DRWTIM1 = 0x56,
    ARTTIM23 = 0x57,
    DRWTIM2 = 0x58,
    BRST = 0x59,
    DRWTIM3 = 0x5b,
    BUS_MASTERS = 0x70, /* what follows is there and in BAR 4 */
    MRDMODE = 0x71,
    UDIDETCR0 = 0x73,
    BMIDECSR = 0x79, /* cable bits of later chips */
    UDIDETCR1 = 0x7b,
};
enum { CFR_BARS = 0x40, CFR_INT0 = 0x04 };
enum { CNTRL_CHANNEL0 = 0x04, CNTRL_CHANNEL1 = 0x08, CNTRL_READ_AHEAD_OFF = 0xc0 };
enum { ARTTIM23_INT1 = 0x10, ARTTIM23_TIMING = 0xcc };
enum { MRDMODE_INT = 0x0c, MRDMODE_INT_SHIFT = 2, MRDMODE_BLOCK_SHIFT = 4, MRDMODE_KEPT = 0x33 };
#define PORT_BARS 4

static const uint16_t legacy_ports[PORT_BARS] = { 0x1f0, 0x3f4, 0x170, 0x374 };

struct cmd646 {
    struct pci_ide ide;
    bool line[2]; /* of the channels, for its edges */
    uint32_t bar[PORT_BARS]; /* derived: what the BARs held before the write under way */
};

static const struct dev_field cmd646_fields[] = {
    PCI_IDE_FIELDS(struct cmd646, ide),
    DEV_FIELD_ARRAY(struct cmd646, BOOL, line, 0, 1),
};

static bool is_bm_register(unsigned reg)
{
    return reg >= BUS_MASTERS && reg < BUS_MASTERS + PCI_IDE_BM_PORTS && reg != MRDMODE &&
           reg != UDIDETCR0 && reg != BMIDECSR && reg != UDIDETCR1;
}

/* ---- interrupts: a bit per channel ---- */

static unsigned pending(const struct cmd646 *c)
{
    return c->ide.pci.config[MRDMODE] >> MRDMODE_INT_SHIFT & 3;
}

static unsigned blocked(const struct cmd646 *c)
{
    return c->ide.pci.config[MRDMODE] >> MRDMODE_BLOCK_SHIFT & 3;
}

/* The one place where what is pending goes to its registers, and on to the pin. */
static void set_pending(struct cmd646 *c, unsigned bits)
{
    uint8_t *config = c->ide.pci.config;

    config[MRDMODE] = (uint8_t)((config[MRDMODE] & ~MRDMODE_INT) | bits << MRDMODE_INT_SHIFT);
    config[CFR] = (uint8_t)(CFR_BARS | (bits & 1 ? CFR_INT0 : 0));
    config[ARTTIM23] = (uint8_t)((config[ARTTIM23] & ARTTIM23_TIMING) | (bits & 2 ? ARTTIM23_INT1 : 0));
    pci_set_intx(&c->ide.pci, bits & ~blocked(c));
}

/* After a write: what was cleared in one place is cleared in both. */
static void take_acknowledges(struct cmd646 *c)
{
    const uint8_t *config = c->ide.pci.config;
    unsigned elsewhere = (config[CFR] & CFR_INT0 ? 1 : 0) | (config[ARTTIM23] & ARTTIM23_INT1 ? 2 : 0);

    set_pending(c, pending(c) & elsewhere);
}

static void channel_line(void *opaque, unsigned channel, bool level)
{
    struct cmd646 *c = opaque;
    unsigned bit = 1u << channel;

    if (c->line[channel] == level)
        return;
    c->line[channel] = level;
    set_pending(c, level ? pending(c) | bit : pending(c) & ~bit);
}

/* ---- BAR 4 ---- */

static uint64_t bar4_read(void *chip, uint64_t off, unsigned size)
{
    const struct cmd646 *c = chip;
    unsigned reg = BUS_MASTERS + (unsigned)off;

    return is_bm_register(reg) ? pci_ide_bm_read(chip, off, size) : c->ide.pci.config[reg];
}

static void bar4_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct cmd646 *c = chip;
    unsigned reg = BUS_MASTERS + (unsigned)off;

    if (is_bm_register(reg))
        pci_ide_bm_write(chip, off, size, value);
    else
        pci_function_write(&c->ide.pci, reg, 1, (uint32_t)value);
}

static const struct io_ops bar4_ops = {
    .read = bar4_read,
    .write = bar4_write,
    .widths_at = pci_ide_bm_widths,
    .posted = pci_ide_bm_posted,
    .posted_count = 2,
    .counted = pci_ide_bm_counted,
    .counted_count = 2,
};

/* ---- configuration space ---- */

static bool touches(unsigned off, unsigned size, unsigned first, unsigned bytes)
{
    return off < first + bytes && first < off + size;
}

static void note_bars(struct cmd646 *c)
{
    for (unsigned i = 0; i < PORT_BARS; i++)
        c->bar[i] = pci_get_long(c->ide.pci.config + PCI_BAR0 + 4 * i);
}

/* See cmd646.h: the legacy ports are not for a BAR. */
static void refuse_legacy_ports(struct cmd646 *c)
{
    struct pci_device *pci = &c->ide.pci;
    bool refused = false;

    for (unsigned i = 0; i < PORT_BARS; i++) {
        uint8_t *bar = pci->config + PCI_BAR0 + 4 * i;

        if ((pci_get_long(bar) & ~3u) != legacy_ports[i])
            continue;
        pci_set_long(bar, c->bar[i]);
        refused = true;
    }
    note_bars(c);
    if (refused)
        pci_update_windows(pci);
}

/* The bytes stand in config as they were written; they belong to the bus masters. */
static void pass_to_bus_masters(struct cmd646 *c, unsigned off, unsigned size)
{
    for (unsigned reg = off; reg < off + size; reg++) {
        if (is_bm_register(reg))
            pci_ide_bm_write(c, reg - BUS_MASTERS, 1, c->ide.pci.config[reg]);
    }
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    struct cmd646 *c = (struct cmd646 *)pci;

    if (touches(off, size, PCI_BAR0, 4 * PORT_BARS))
        refuse_legacy_ports(c);
    pass_to_bus_masters(c, off, size);
    if (touches(off, size, CFR, 1) || touches(off, size, ARTTIM23, 1) || touches(off, size, MRDMODE, 1))
        take_acknowledges(c);
}

static void config_reading(struct pci_device *pci, unsigned off, unsigned size)
{
    for (unsigned reg = off; reg < off + size; reg++) {
        if (is_bm_register(reg))
            pci->config[reg] = (uint8_t)pci_ide_bm_read(pci, reg - BUS_MASTERS, 1);
    }
}

/* ---- class ---- */

static void cmd646_reset(struct device *dev)
{
    struct cmd646 *c = (struct cmd646 *)dev;

    pci_ide_reset(&c->ide);
    note_bars(c);
}

static const char *check_interrupts(const struct cmd646 *c)
{
    const uint8_t *config = c->ide.pci.config;
    unsigned bits = pending(c);

    for (unsigned i = 0; i < 2; i++) {
        if (c->line[i] != ide_channel_line(&c->ide.channel[i]))
            return "a channel's line is not as its drives have it";
        if (!c->line[i] && bits & 1u << i)
            return "an interrupt is pending without its line";
    }
    if (config[CFR] != (CFR_BARS | (bits & 1 ? CFR_INT0 : 0)) ||
        (config[ARTTIM23] & ~ARTTIM23_TIMING) != (bits & 2 ? ARTTIM23_INT1 : 0))
        return "the two places of an interrupt bit disagree";
    if (c->ide.pci.intx_level != ((bits & ~blocked(c)) != 0))
        return "INTA is not as the interrupt bits have it";
    return NULL;
}

const char *cmd646_check(const struct device *dev)
{
    const char *why = pci_ide_check((const struct pci_ide *)dev);

    return why ? why : check_interrupts((const struct cmd646 *)dev);
}

static const char *cmd646_post_load(struct device *dev)
{
    struct cmd646 *c = (struct cmd646 *)dev;
    const struct pci_device *pci = &c->ide.pci;
    const char *fault = cmd646_check(dev);

    if (!fault && (pci->config[CNTRL] ^ pci->config_reset[CNTRL]) & ~CNTRL_READ_AHEAD_OFF)
        fault = "saved channel enable bits are those of another controller";
    fault = pci_ide_post_load(&c->ide, fault);
    if (!fault)
        note_bars(c);
    return fault;
}

static void cmd646_free(struct device *dev)
{
    pci_ide_fini((struct pci_ide *)dev);
    free(dev);
}

static const struct device_class cmd646_class = {
    .name = "cmd646-ide",
    .title = "CMD PCI-0646: two more IDE channels, in PCI native mode",
    .fields = cmd646_fields,
    .field_count = sizeof(cmd646_fields) / sizeof(cmd646_fields[0]),
    .reset = cmd646_reset,
    .post_load = cmd646_post_load,
    .free = cmd646_free,
};

/* ---- set-up ---- */

static const struct {
    uint8_t off, reset, writable, clear_by_1;
} registers[] = {
    { CFR, CFR_BARS, 0, CFR_INT0 },
    { CMDTIM, 0, 0xff, 0 },
    { ARTTIM0, 0, 0xc0, 0 },
    { DRWTIM0, 0, 0xff, 0 },
    { ARTTIM1, 0, 0xc0, 0 },
    { DRWTIM1, 0, 0xff, 0 },
    { ARTTIM23, 0x0c, ARTTIM23_TIMING, ARTTIM23_INT1 },
    { DRWTIM2, 0, 0xff, 0 },
    { BRST, 0x40, 0xff, 0 },
    { DRWTIM3, 0, 0xff, 0 },
    { MRDMODE, 0, MRDMODE_KEPT, MRDMODE_INT },
    { UDIDETCR0, 0, 0xff, 0 },
    { UDIDETCR1, 0, 0xff, 0 },
};

static void init_config_space(struct pci_device *pci, bool secondary)
{
    pci_set_word(pci->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci_set_word(pci->wmask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    pci->wmask[PCI_LATENCY] = 0xff;
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        pci->config[registers[i].off] = registers[i].reset;
        pci->wmask[registers[i].off] = registers[i].writable;
        pci->w1cmask[registers[i].off] = registers[i].clear_by_1;
    }
    pci->config[CNTRL] = (uint8_t)(CNTRL_CHANNEL0 | (secondary ? CNTRL_CHANNEL1 : 0));
    pci->wmask[CNTRL] = CNTRL_READ_AHEAD_OFF;
    for (unsigned reg = BUS_MASTERS; reg < BUS_MASTERS + PCI_IDE_BM_PORTS; reg++) {
        if (is_bm_register(reg))
            pci->wmask[reg] = 0xff; /* so that config_written() sees what was written */
    }
    pci->config_written = config_written;
    pci->config_reading = config_reading;
}

static void add_windows(struct pci_ide *ide, bool secondary)
{
    for (unsigned i = 0; i < (secondary ? 2 : 1); i++) {
        pci_add_io(&ide->pci, 2 * i, &ide->channel[i].command_block);
        pci_add_io(&ide->pci, 2 * i + 1, &ide->channel[i].control_block);
    }
    pci_ide_add_bus_master(ide, &bar4_ops);
}

struct device *cmd646_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                          const struct cmd646_config *cfg, char *why, size_t why_size)
{
    static const struct pci_ids ids = {
        .vendor = 0x1095,
        .device = 0x0646,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .revision = 7, /* U2: its Ultra DMA is trusted by drivers */
        .class_code = 0x01018f, /* IDE, both channels native, bus master */
        .interrupt_pin = 1,
    };
    struct ide_drive_config drive[4] = { cfg->drive[0], cfg->drive[1] };
    struct pci_ide_config common = {
        .ids = &ids, .first_channel = cfg->first_channel, .native = true, .drive = drive };
    struct cmd646 *c = calloc(1, sizeof(*c));

    if (!c) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    for (unsigned i = 0; i < 2; i++) {
        common.irq[i] = (struct irq_pin){ channel_line, c, i };
        if (cfg->secondary)
            drive[2 + i] = cfg->drive[2 + i];
    }
    if (!pci_ide_init(&c->ide, &cmd646_class, env, id, &common, why, why_size)) {
        cmd646_free(&c->ide.pci.dev);
        return NULL;
    }
    init_config_space(&c->ide.pci, cfg->secondary);
    add_windows(&c->ide, cfg->secondary);
    if (!pci_ide_attach(&c->ide, bus, devfn, why, why_size)) {
        cmd646_free(&c->ide.pci.dev);
        return NULL;
    }
    return &c->ide.pci.dev;
}
