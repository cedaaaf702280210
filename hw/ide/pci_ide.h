/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PCI IDE functions have in common: two channels with a bus master each, the bus masters' 16 ports
 * in BAR 4, and the life of it all. What differs (who decodes the channels' ports, where interrupts go,
 * registers of its own) is the function's: piix_ide, cmd646.
 * Source: PCI IDE Controller Specification 1.0; Intel, "Programming Interface for Bus Master IDE
 * Controller" rev. 1.0.
 */
#ifndef HW_IDE_PCI_IDE_H
#define HW_IDE_PCI_IDE_H

#include "hw/ide/channel.h"
#include "hw/pci/pci.h"

#define PCI_IDE_BM_BAR 4
#define PCI_IDE_BM_PORTS (2 * BMDMA_REGS)

/* First member of the function's own struct. */
struct pci_ide {
    struct pci_device pci;
    struct ide_channel channel[2];
    struct bmdma bm[2];
    struct io_region bm_region;
    char bm_name[56];
    bool load_refused; /* the next post_load is of the old state, which never stopped to hold */
};

/* The part of the function's field table for its struct pci_ide, which is `member` of struct s. */
#define PCI_IDE_FIELDS(s, member)                                                                  \
    PCI_DEVICE_FIELDS(s, member.pci), IDE_CHANNEL_FIELDS(s, member.channel[0], "ide0."),           \
        IDE_CHANNEL_FIELDS(s, member.channel[1], "ide1."), BMDMA_FIELDS(s, member.bm[0], "bm0."),  \
        BMDMA_FIELDS(s, member.bm[1], "bm1.")

struct pci_ide_config {
    const struct pci_ids *ids;
    unsigned first_channel; /* number of channel 0 in the machine: for default serial numbers */
    bool native;            /* the function's BARs 0 to 3 place the ports; else fixed windows do */
    struct irq_pin irq[2];
    const struct ide_drive_config *drive; /* four: channel * 2 + unit */
};

/*
 * Sets it up in zeroed memory, with the header of ids; the caller adds windows, registers and the bus
 * master's BAR. False with why[] for a bad drive configuration; the class's free then cleans up.
 */
bool pci_ide_init(struct pci_ide *ide, const struct device_class *cls, const struct dev_env *env,
                  const char *id, const struct pci_ide_config *cfg, char *why, size_t why_size);
/* BAR 4 with these ops; the chip that they get is the struct pci_ide. */
void pci_ide_add_bus_master(struct pci_ide *ide, const struct io_ops *ops);
/* Puts it on the bus (devfn < 0: first free slot) and resets it. False with why[]. */
bool pci_ide_attach(struct pci_ide *ide, struct pci_bus *bus, int devfn, char *why, size_t why_size);

/* For the ops of BAR 4: the bus masters' registers, and the rules of access to the window. */
uint64_t pci_ide_bm_read(void *chip, uint64_t off, unsigned size);
void pci_ide_bm_write(void *chip, uint64_t off, unsigned size, uint64_t value);
extern const uint8_t pci_ide_bm_widths[PCI_IDE_BM_PORTS];
extern const struct io_span pci_ide_bm_posted[2];
extern const struct io_span pci_ide_bm_counted[2]; /* by the posted_limit of the command blocks */

/* Parts of the class functions. post_load: NULL, or what does not hold; the caller then looks at its own. */
void pci_ide_reset(struct pci_ide *ide);
const char *pci_ide_check(const struct pci_ide *ide);
const char *pci_ide_post_load(struct pci_ide *ide, const char *own_fault);
void pci_ide_fini(struct pci_ide *ide); /* lock not held; the caller frees the memory */

#endif
