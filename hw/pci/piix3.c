/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/pci/piix3.h"

#include <stdlib.h>

#include "hw/pci/pci_regs.h"

enum {
    REG_PIRQ_ROUTE = 0x60,
    PIRQ_DISABLE = 0x80,
    PIRQ_IRQ = 0x0f,
    /* Interrupts 0, 1, 2, 8 and 13 belong to the board: reserved values. */
    IRQS_RESERVED = 0x2107,
};

struct piix3 {
    struct pci_device pci;
    struct pirq_port pirq;
    int8_t routed[PIRQ_LINES]; /* what pirq.route was last told; derived */
};

/* 290550, table 4: the registers beyond the header, those that software finds. */
static const struct {
    uint8_t off, reset, writable;
} registers[] = {
    {0x4c, 0x4d, 0x7f},                       /* IORT */
    {0x4e, 0x03, 0xff},                       /* XBCS */
    {0x4f, 0x00, 0x01},
    {REG_PIRQ_ROUTE + 0, PIRQ_DISABLE, 0x8f},
    {REG_PIRQ_ROUTE + 1, PIRQ_DISABLE, 0x8f},
    {REG_PIRQ_ROUTE + 2, PIRQ_DISABLE, 0x8f},
    {REG_PIRQ_ROUTE + 3, PIRQ_DISABLE, 0x8f},
    {0x69, 0x02, 0xfe},                       /* TOM */
    {0x6a, 0x00, 0x80},                       /* MSTAT */
    {0x6b, 0x00, 0x80},
    {0x70, 0x80, 0xef},                       /* MBIRQ0 */
    {0x76, 0x0c, 0x8f},                       /* MBDMA */
    {0x77, 0x0c, 0x8f},
    {0x78, 0x02, 0xff},                       /* PCSC */
    {0x79, 0x00, 0xff},
    {0x80, 0x00, 0x7f},                       /* APICBASE */
    {0x82, 0x00, 0x0f},                       /* DLC */
    {0xa0, 0x08, 0x1f},                       /* SMICNTL */
    {0xa2, 0x00, 0xff},                       /* SMIEN */
    {0xa3, 0x00, 0xff},
    {0xa4, 0x00, 0xff},                       /* SEE */
    {0xa5, 0x00, 0xff},
    {0xa6, 0x00, 0xff},
    {0xa7, 0x00, 0xe0},
    {0xa8, 0x0f, 0xff},                       /* FTMR */
    {0xac, 0x00, 0xff},                       /* CTLTMR */
    {0xae, 0x00, 0xff},                       /* CTHTMR */
};

static int route_of(const struct piix3 *p, unsigned pirq)
{
    uint8_t reg = p->pci.config[REG_PIRQ_ROUTE + pirq];
    unsigned irq = reg & PIRQ_IRQ;

    return (reg & PIRQ_DISABLE) || (IRQS_RESERVED >> irq & 1) ? -1 : (int)irq;
}

static void derive_routes(struct piix3 *p)
{
    for (unsigned pirq = 0; pirq < PIRQ_LINES; pirq++) {
        int irq = route_of(p, pirq);

        if (irq == p->routed[pirq])
            continue;
        p->routed[pirq] = (int8_t)irq;
        if (p->pirq.route)
            p->pirq.route(p->pirq.opaque, pirq, irq);
    }
}

static void report_reserved(struct piix3 *p, unsigned off, unsigned size)
{
    for (unsigned i = off; i < off + size; i++) {
        uint8_t reg = p->pci.config[i];

        if (i >= REG_PIRQ_ROUTE && i < REG_PIRQ_ROUTE + PIRQ_LINES && !(reg & PIRQ_DISABLE) &&
            route_of(p, i - REG_PIRQ_ROUTE) < 0)
            device_guest_error(&p->pci.dev, "PIRQ%c routed to reserved IRQ %u",
                               'A' + i - REG_PIRQ_ROUTE, reg & PIRQ_IRQ);
    }
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    struct piix3 *p = (struct piix3 *)pci;

    report_reserved(p, off, size);
    derive_routes(p);
}

static void reset(struct device *dev)
{
    struct piix3 *p = (struct piix3 *)dev;

    pci_device_reset(&p->pci);
    derive_routes(p);
}

static const char *post_load(struct device *dev)
{
    struct piix3 *p = (struct piix3 *)dev;
    const char *fault = pci_device_post_load(&p->pci);

    if (!fault)
        derive_routes(p);
    return fault;
}

static void piix3_free(struct device *dev)
{
    struct piix3 *p = (struct piix3 *)dev;

    pci_device_fini(&p->pci);
    free(p);
}

static const struct dev_field fields[] = {PCI_DEVICE_FIELDS(struct piix3, pci)};

static const struct device_class piix3_class = {
    .name = "PIIX3",
    .title = "Intel 82371SB PCI to ISA bridge",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = piix3_free,
};

static void init_registers(struct pci_device *pci)
{
    /* Decoding and mastering are always on; only special cycles can be chosen (2.2.3). */
    pci_set_word(pci->config + PCI_COMMAND,
                 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_set_word(pci->wmask + PCI_COMMAND, 0x0008);
    pci_set_word(pci->config + PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    pci->wmask[PCI_CACHE_LINE] = 0;
    pci->wmask[PCI_INTERRUPT_LINE] = 0;
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        pci->config[registers[i].off] = registers[i].reset;
        pci->wmask[registers[i].off] = registers[i].writable;
    }
}

struct device *piix3_new(struct pci_bus *bus, const struct dev_env *env, const char *id,
                         const struct piix3_config *cfg, char *why, size_t why_size)
{
    static const struct pci_ids ids = {.vendor = 0x8086, .device = 0x7000,
                                       .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
                                       .class_code = 0x060100, .multifunction = true};
    struct piix3 *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    pci_device_init(&p->pci, &piix3_class, env, id, &ids);
    init_registers(&p->pci);
    p->pci.config_written = config_written;
    p->pirq = cfg->pirq;
    for (unsigned pirq = 0; pirq < PIRQ_LINES; pirq++)
        p->routed[pirq] = -1;
    if (!pci_bus_add(bus, &p->pci, PCI_DEVFN(1, 0), why, why_size)) {
        device_free(&p->pci.dev);
        return NULL;
    }
    device_reset(&p->pci.dev);
    return &p->pci.dev;
}
