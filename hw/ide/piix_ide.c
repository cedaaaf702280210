/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/ide/piix_ide.h"

#include <stdio.h>
#include <stdlib.h>

#include "hw/ide/pci_ide.h"
#include "hw/pci/pci_regs.h"

enum { IDETIM = 0x40, SIDETIM = 0x44 };
#define IDETIM_DECODE 0x8000
#define IDETIM_RESET IDETIM_DECODE /* not the data sheet's 0: see piix_ide.h */

static const uint16_t legacy_io[2] = { 0x1f0, 0x170 };
static const uint16_t legacy_control[2] = { 0x3f6, 0x376 };

struct piix_ide {
    struct pci_ide ide;
};

static const struct dev_field piix_ide_fields[] = { PCI_IDE_FIELDS(struct piix_ide, ide) };

static const struct io_ops bm_ops = {
    .read = pci_ide_bm_read,
    .write = pci_ide_bm_write,
    .widths_at = pci_ide_bm_widths,
    .posted = pci_ide_bm_posted,
    .posted_count = 2,
    .counted = pci_ide_bm_counted,
    .counted_count = 2,
};

/* The legacy ports follow the decode bits. */
static void place_ports(struct pci_device *pci)
{
    bool io = pci->config[PCI_COMMAND] & PCI_COMMAND_IO;

    for (unsigned i = 0; i < 2; i++) {
        uint16_t timing = pci_get_word(pci->config + IDETIM + 2 * i);
        bool decode = io && timing & IDETIM_DECODE;

        pci_place_fixed(pci, 2 * i, decode, legacy_io[i]);
        pci_place_fixed(pci, 2 * i + 1, decode, legacy_control[i]);
    }
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    if (off < PCI_COMMAND + 2 && off + size > PCI_COMMAND)
        place_ports(pci);
    else if (off < IDETIM + 4 && off + size > IDETIM)
        place_ports(pci);
}

/* ---- class ---- */

static void piix_ide_reset(struct device *dev)
{
    pci_ide_reset((struct pci_ide *)dev);
}

const char *piix3_ide_check(const struct device *dev)
{
    return pci_ide_check((const struct pci_ide *)dev);
}

static const char *piix_ide_post_load(struct device *dev)
{
    struct pci_ide *ide = (struct pci_ide *)dev;
    const char *why = pci_ide_post_load(ide, NULL);

    if (!why)
        place_ports(&ide->pci);
    return why;
}

static void piix_ide_free(struct device *dev)
{
    pci_ide_fini((struct pci_ide *)dev);
    free(dev);
}

static const struct device_class piix_ide_class = {
    .name = "piix3-ide",
    .title = "IDE of PIIX3: two channels with bus-master DMA",
    .fields = piix_ide_fields,
    .field_count = sizeof(piix_ide_fields) / sizeof(piix_ide_fields[0]),
    .reset = piix_ide_reset,
    .post_load = piix_ide_post_load,
    .free = piix_ide_free,
};

/* ---- set-up ---- */

static void init_config_space(struct pci_device *pci)
{
    pci_set_word(pci->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci->wmask[PCI_LATENCY] = 0xf0;
    for (unsigned i = 0; i < 4; i++)
        pci->wmask[IDETIM + i] = 0xff;
    for (unsigned i = 0; i < 2; i++)
        pci_set_word(pci->config + IDETIM + 2 * i, IDETIM_RESET);
    pci->wmask[SIDETIM] = 0xff;
    /* Neither registers in memory nor an INTx pin. */
    pci_set_word(pci->wmask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    pci->config_written = config_written;
}

static void add_windows(struct pci_ide *ide)
{
    pci_ide_add_bus_master(ide, &bm_ops);
    for (unsigned i = 0; i < 2; i++) {
        pci_add_fixed(&ide->pci, 2 * i, &ide->channel[i].command_block);
        pci_add_fixed(&ide->pci, 2 * i + 1, &ide->channel[i].control_block);
    }
}

struct device *piix3_ide_new(struct pci_bus *bus, uint8_t devfn, const struct dev_env *env,
                             const char *id, const struct piix3_ide_config *cfg, char *why,
                             size_t why_size)
{
    static const struct pci_ids ids = {
        .vendor = 0x8086,
        .device = 0x7010,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x010180, /* IDE, legacy ports on both channels, bus master */
    };
    const struct pci_ide_config common = {
        .ids = &ids, .irq = { cfg->irq[0], cfg->irq[1] }, .drive = cfg->drive };
    struct pci_ide *ide = calloc(1, sizeof(struct piix_ide));

    if (!ide) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    if (!pci_ide_init(ide, &piix_ide_class, env, id, &common, why, why_size)) {
        piix_ide_free(&ide->pci.dev);
        return NULL;
    }
    init_config_space(&ide->pci);
    add_windows(ide);
    if (!pci_ide_attach(ide, bus, devfn, why, why_size)) {
        piix_ide_free(&ide->pci.dev);
        return NULL;
    }
    return &ide->pci.dev;
}
