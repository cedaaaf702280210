/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/ide/piix_ide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/ide/channel.h"
#include "hw/pci/pci_regs.h"

enum { IDETIM = 0x40, SIDETIM = 0x44 };
#define IDETIM_DECODE 0x8000
#define IDETIM_RESET IDETIM_DECODE /* not the data sheet's 0: see piix_ide.h */
#define BUS_MASTER_BAR 4

static const uint16_t legacy_io[2] = { 0x1f0, 0x170 };
static const uint16_t legacy_control[2] = { 0x3f6, 0x376 };

struct piix_ide {
    struct pci_device pci;
    struct ide_channel channel[2];
    struct bmdma bm[2];
    struct io_region bm_region;
    char bm_name[56];
    bool load_refused; /* the next post_load is of the old state, which never stopped to hold */
};

static const struct dev_field piix_ide_fields[] = {
    PCI_DEVICE_FIELDS(struct piix_ide, pci),
    IDE_CHANNEL_FIELDS(struct piix_ide, channel[0], "ide0."),
    IDE_CHANNEL_FIELDS(struct piix_ide, channel[1], "ide1."),
    BMDMA_FIELDS(struct piix_ide, bm[0], "bm0."),
    BMDMA_FIELDS(struct piix_ide, bm[1], "bm1."),
};

/* ---- the ports ---- */

static uint64_t bm_read(void *chip, uint64_t off, unsigned size)
{
    struct piix_ide *ide = chip;

    return ide_channel_bm_read(&ide->channel[off / BMDMA_REGS], off % BMDMA_REGS, size);
}

static void bm_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct piix_ide *ide = chip;

    ide_channel_bm_write(&ide->channel[off / BMDMA_REGS], off % BMDMA_REGS, size, (uint32_t)value);
}

static const uint8_t bm_widths[2 * BMDMA_REGS] = {
    IO_W1, IO_W1, IO_W1, IO_W1, IO_W1 | IO_W4, IO_W1, IO_W1, IO_W1,
    IO_W1, IO_W1, IO_W1, IO_W1, IO_W1 | IO_W4, IO_W1, IO_W1, IO_W1,
};

/* The table's address has no effect before the start bit, and is always set up just before it. */
static const struct io_span bm_posted[] = { { 4, 4 }, { 12, 4 } };

static const struct io_ops bm_ops = {
    .read = bm_read,
    .write = bm_write,
    .widths_at = bm_widths,
    .posted = bm_posted,
    .posted_count = 2,
};

/* The legacy ports follow the decode bits. */
static void place_ports(struct piix_ide *ide)
{
    bool io = ide->pci.config[PCI_COMMAND] & PCI_COMMAND_IO;

    for (unsigned i = 0; i < 2; i++) {
        uint16_t timing = pci_get_word(ide->pci.config + IDETIM + 2 * i);
        bool decode = io && timing & IDETIM_DECODE;

        pci_place_fixed(&ide->pci, 2 * i, decode, legacy_io[i]);
        pci_place_fixed(&ide->pci, 2 * i + 1, decode, legacy_control[i]);
    }
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    if (off < PCI_COMMAND + 2 && off + size > PCI_COMMAND)
        place_ports((struct piix_ide *)pci);
    else if (off < IDETIM + 4 && off + size > IDETIM)
        place_ports((struct piix_ide *)pci);
}

/* ---- class ---- */

static void piix_ide_reset(struct device *dev)
{
    struct piix_ide *ide = (struct piix_ide *)dev;

    pci_device_reset(&ide->pci);
    for (unsigned i = 0; i < 2; i++)
        ide_channel_reset(&ide->channel[i]);
}

const char *piix3_ide_check(const struct device *dev)
{
    const struct piix_ide *ide = (const struct piix_ide *)dev;
    const char *why = ide_channel_check(&ide->channel[0]);

    return why ? why : ide_channel_check(&ide->channel[1]);
}

static const char *piix_ide_post_load(struct device *dev)
{
    struct piix_ide *ide = (struct piix_ide *)dev;
    const char *why = piix3_ide_check(dev);

    if (!why)
        why = pci_device_post_load(&ide->pci);
    if (!why) {
        place_ports(ide);
        for (unsigned i = 0; i < 2 && !ide->load_refused; i++)
            ide_channel_loaded(&ide->channel[i]);
    }
    ide->load_refused = why != NULL;
    return why;
}

static void piix_ide_free(struct device *dev)
{
    struct piix_ide *ide = (struct piix_ide *)dev;

    device_enter(dev);
    for (unsigned i = 0; i < 2; i++)
        ide_channel_fini(&ide->channel[i]);
    device_leave(dev);
    pci_device_fini(&ide->pci);
    free(ide);
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

static bool init_channels(struct piix_ide *ide, const char *id, const struct piix3_ide_config *cfg,
                          char *why, size_t why_size)
{
    for (unsigned i = 0; i < 2; i++) {
        char name[40];
        struct ide_channel_config channel = {
            .name = name,
            .number = i,
            .iobase = legacy_io[i],
            .ctlbase = legacy_control[i],
            .irq = cfg->irq[i],
            .bm = &ide->bm[i],
            .drive = { &cfg->drive[2 * i], &cfg->drive[2 * i + 1] },
        };

        snprintf(name, sizeof(name), "%.30s.%u", id, i);
        bmdma_init(&ide->bm[i], &ide->pci.dma);
        if (!ide_channel_init(&ide->channel[i], &ide->pci.dev, &channel, why, why_size))
            return false;
    }
    return true;
}

static void init_config_space(struct piix_ide *ide)
{
    struct pci_device *pci = &ide->pci;

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

static void add_windows(struct piix_ide *ide)
{
    snprintf(ide->bm_name, sizeof(ide->bm_name), "%s.bm", ide->pci.dev.id);
    ide->bm_region = (struct io_region){
        .name = ide->bm_name,
        .space = IO_PORT,
        .size = 2 * BMDMA_REGS,
        .ops = &bm_ops,
        .chip = ide,
        .lock = ide->pci.dev.lock,
    };
    pci_add_io(&ide->pci, BUS_MASTER_BAR, &ide->bm_region);
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
    struct piix_ide *ide = calloc(1, sizeof(*ide));

    if (!ide) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    pci_device_init(&ide->pci, &piix_ide_class, env, id, &ids);
    if (!init_channels(ide, id, cfg, why, why_size)) {
        piix_ide_free(&ide->pci.dev);
        return NULL;
    }
    init_config_space(ide);
    add_windows(ide);
    if (!pci_bus_add(bus, &ide->pci, devfn, why, why_size)) {
        piix_ide_free(&ide->pci.dev);
        return NULL;
    }
    device_reset(&ide->pci.dev);
    return &ide->pci.dev;
}
