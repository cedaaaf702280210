/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X of a PCI function: the capability, and a 4 KiB memory BAR with the table of vectors and the pending
 * bits. PCI Local Bus Specification 3.0, section 6.8.2. The function's lock is held.
 */
#ifndef HW_PCI_MSIX_H
#define HW_PCI_MSIX_H

#include "hw/pci/pci.h"

#define MSIX_MAX 16 /* vectors */
#define MSIX_CAP_BYTES 12
#define MSIX_BAR_BYTES 4096

struct msix {
    struct pci_device *pci;
    unsigned cap;   /* its offset in configuration space */
    unsigned count; /* vectors; 0: the function has no MSI-X */
    struct io_region region;
    uint32_t table[MSIX_MAX * 4]; /* address, upper address, data, control */
    uint32_t pending;             /* a bit per vector */
};

/* For the table of fields of a device with struct msix `member` in struct s. */
#define MSIX_FIELDS(s, member)                                                                                   \
    DEV_FIELD_ARRAY(s, U32, member.table, 0, 0), DEV_FIELD(s, U32, member.pending, 0, (1u << MSIX_MAX) - 1)

/* Before the function is put on its bus: the capability at `cap` (its link is the caller's), the BAR. */
void msix_init(struct msix *x, struct pci_device *pci, unsigned cap, unsigned bar, unsigned count,
               const char *region_name);
void msix_reset(struct msix *x); /* from the class's reset: all masked, nothing pending */
/* The owner's config_written() passes everything on. */
void msix_config_written(struct msix *x, unsigned off, unsigned size);
bool msix_enabled(const struct msix *x); /* then the function's pin rests */
/* Sends the vector's message, now or when it is unmasked. A vector that is not there: nothing. */
void msix_notify(struct msix *x, unsigned vector);
const char *msix_check(const struct msix *x); /* for post_load */

#endif
