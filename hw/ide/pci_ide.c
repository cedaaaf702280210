/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/ide/pci_ide.h"

#include <stdio.h>

/* ---- the bus masters' window ---- */

uint64_t pci_ide_bm_read(void *chip, uint64_t off, unsigned size)
{
    struct pci_ide *ide = chip;

    return ide_channel_bm_read(&ide->channel[off / BMDMA_REGS], off % BMDMA_REGS, size);
}

void pci_ide_bm_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct pci_ide *ide = chip;

    ide_channel_bm_write(&ide->channel[off / BMDMA_REGS], off % BMDMA_REGS, size, (uint32_t)value);
}

const uint8_t pci_ide_bm_widths[PCI_IDE_BM_PORTS] = {
    IO_W1, IO_W1, IO_W1, IO_W1, IO_W1 | IO_W4, IO_W1, IO_W1, IO_W1,
    IO_W1, IO_W1, IO_W1, IO_W1, IO_W1 | IO_W4, IO_W1, IO_W1, IO_W1,
};

/* The table's address has no effect before the start bit, and is always set up just before it. */
const struct io_span pci_ide_bm_posted[2] = { { 4, 4 }, { 12, 4 } };
/* The status: clearing its bits has no effect but on what is read there, while no new ones can come. */
const struct io_span pci_ide_bm_counted[2] = { { 2, 1 }, { 10, 1 } };

/* ---- class ---- */

void pci_ide_reset(struct pci_ide *ide)
{
    pci_device_reset(&ide->pci);
    for (unsigned i = 0; i < 2; i++)
        ide_channel_reset(&ide->channel[i]);
}

const char *pci_ide_check(const struct pci_ide *ide)
{
    const char *why = ide_channel_check(&ide->channel[0]);

    return why ? why : ide_channel_check(&ide->channel[1]);
}

const char *pci_ide_post_load(struct pci_ide *ide, const char *own_fault)
{
    const char *why = own_fault ? own_fault : pci_ide_check(ide);

    if (!why)
        why = pci_device_post_load(&ide->pci);
    for (unsigned i = 0; i < 2 && !why && !ide->load_refused; i++)
        ide_channel_loaded(&ide->channel[i]);
    ide->load_refused = why != NULL;
    return why;
}

void pci_ide_fini(struct pci_ide *ide)
{
    device_enter(&ide->pci.dev);
    for (unsigned i = 0; i < 2; i++)
        ide_channel_fini(&ide->channel[i]);
    device_leave(&ide->pci.dev);
    pci_device_fini(&ide->pci);
}

/* ---- set-up ---- */

/* Where the ports are unless BARs say so. */
static const uint16_t legacy_io[2] = { 0x1f0, 0x170 };
static const uint16_t legacy_control[2] = { 0x3f6, 0x376 };

static bool init_channel(struct pci_ide *ide, unsigned i, const struct pci_ide_config *cfg,
                         char *why, size_t why_size)
{
    char name[40];
    struct ide_channel_config channel = {
        .name = name,
        .number = cfg->first_channel + i,
        .iobase = legacy_io[i],
        .ctlbase = legacy_control[i],
        .native = cfg->native,
        .irq = cfg->irq[i],
        .bm = &ide->bm[i],
        .drive = { &cfg->drive[2 * i], &cfg->drive[2 * i + 1] },
    };

    snprintf(name, sizeof(name), "%.30s.%u", ide->pci.dev.id, i);
    bmdma_init(&ide->bm[i], &ide->pci.dma);
    return ide_channel_init(&ide->channel[i], &ide->pci.dev, &channel, why, why_size);
}

bool pci_ide_init(struct pci_ide *ide, const struct device_class *cls, const struct dev_env *env,
                  const char *id, const struct pci_ide_config *cfg, char *why, size_t why_size)
{
    pci_device_init(&ide->pci, cls, env, id, cfg->ids);
    return init_channel(ide, 0, cfg, why, why_size) && init_channel(ide, 1, cfg, why, why_size);
}

void pci_ide_add_bus_master(struct pci_ide *ide, const struct io_ops *ops)
{
    snprintf(ide->bm_name, sizeof(ide->bm_name), "%s.bm", ide->pci.dev.id);
    ide->bm_region = (struct io_region){
        .name = ide->bm_name,
        .space = IO_PORT,
        .size = PCI_IDE_BM_PORTS,
        .ops = ops,
        .chip = ide,
        .lock = ide->pci.dev.lock,
    };
    pci_add_io(&ide->pci, PCI_IDE_BM_BAR, &ide->bm_region);
}

bool pci_ide_attach(struct pci_ide *ide, struct pci_bus *bus, int devfn, char *why, size_t why_size)
{
    if (!pci_bus_add(bus, &ide->pci, devfn, why, why_size))
        return false;
    device_reset(&ide->pci.dev);
    return true;
}
