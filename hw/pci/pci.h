/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI function: configuration space, base address registers that move, and the INTx pin.
 * PCI Local Bus Specification 3.0, chapter 6. A PCI device embeds `struct pci_device` first.
 *
 * Configuration accesses enter through the host bridge (hw/pci/i440fx), which holds its own lock and
 * then takes the function's. So a function never calls the bridge; what its registers move (BARs,
 * interrupt routes) goes to the dispatch tables and the interrupt fabric, which are leaves.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/device.h"

#define PCI_CONFIG_BYTES 256
#define PCI_DEVFN(slot, function) ((uint8_t)((slot) << 3 | (function)))
#define PCI_BARS 6
#define PCI_ROM_SLOT 6 /* index of the expansion ROM among a function's windows */

struct pci_bus;
struct pci_device;

struct pci_ids {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint8_t revision;
    uint32_t class_code; /* 24 bits: class, subclass, programming interface */
    bool multifunction;
    uint8_t interrupt_pin; /* 0: none, 1 .. 4: INTA .. INTD */
};

/* One window of a function: an I/O region with registers, or RAM/ROM that is mapped. */
struct pci_window {
    uint64_t size;            /* bytes, a power of two; 0: not there */
    bool io, prefetch, is_64; /* else 32-bit memory */
    struct io_region *region; /* either registers ... */
    struct ram_block *ram;    /* ... or memory */
    bool mapped;
    uint64_t mapped_at;
};

struct pci_device {
    struct device dev;
    struct pci_bus *bus;
    uint8_t devfn;
    uint8_t config[PCI_CONFIG_BYTES];
    uint8_t wmask[PCI_CONFIG_BYTES];   /* bits that the guest can write */
    uint8_t w1cmask[PCI_CONFIG_BYTES]; /* bits that it clears by writing 1 */
    uint8_t config_reset[PCI_CONFIG_BYTES];
    struct pci_window windows[PCI_BARS + 1];
    bool intx_level; /* what the function asks for, before the disable bit of the command register */
    struct dma_port dma; /* env->dma, gated by the bus master bit of the command register */
    /* Optional: after [off, off+size) was written and the common part has been done. Lock held. */
    void (*config_written)(struct pci_device *pci, unsigned off, unsigned size);
};

/*
 * Sets up the device and its standard header; then the owner adjusts config/wmask/w1cmask, adds its
 * windows, and puts it on a bus. config_reset is taken by pci_bus_add().
 */
void pci_device_init(struct pci_device *pci, const struct device_class *cls,
                     const struct dev_env *env, const char *id, const struct pci_ids *ids);
void pci_device_fini(struct pci_device *pci); /* unmaps the windows, leaves the bus */

void pci_add_io(struct pci_device *pci, unsigned bar, struct io_region *region);
void pci_add_mem(struct pci_device *pci, unsigned bar, struct io_region *region, bool prefetch);
void pci_add_ram(struct pci_device *pci, unsigned bar, struct ram_block *ram, bool prefetch);
void pci_add_rom(struct pci_device *pci, struct ram_block *rom);

/* To be called from the class's reset: configuration space as new, windows unmapped, pin low. */
void pci_device_reset(struct pci_device *pci);

/* The INTx pin. Honours the disable bit, shows in the status register. Lock held. */
void pci_set_intx(struct pci_device *pci, bool level);

/* Re-derives mapped windows from config; also for post_load and for devices with odd decode bits. */
void pci_update_windows(struct pci_device *pci);

static inline uint16_t pci_get_word(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline void pci_set_word(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }
static inline uint32_t pci_get_long(const uint8_t *p)
{
    return pci_get_word(p) | (uint32_t)pci_get_word(p + 2) << 16;
}
static inline void pci_set_long(uint8_t *p, uint32_t v)
{
    pci_set_word(p, (uint16_t)v);
    pci_set_word(p + 2, (uint16_t)(v >> 16));
}

/* ---- the bus ---- */

/* intx(opaque, line, level): line = (slot - 1 + pin) & 3 as the PC's slots are wired, counted by the
 * bus over all functions that share it. */
struct pci_bus *pci_bus_new(const struct dev_env *env, struct irq_pin intx[4]);
void pci_bus_free(struct pci_bus *bus); /* no function left on it */

/* Puts a function at devfn, or at the first free slot >= 2 for devfn < 0. False: taken (why[]). */
bool pci_bus_add(struct pci_bus *bus, struct pci_device *pci, int devfn, char *why, size_t why_size);
struct pci_device *pci_bus_get(struct pci_bus *bus, uint8_t devfn); /* NULL: empty */
/* One configuration access, of 1, 2 or 4 bytes; takes the function's lock. Empty: ones. */
uint32_t pci_config_read(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size);
void pci_config_write(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size, uint32_t value);
void pci_bus_foreach(struct pci_bus *bus, void (*fn)(void *opaque, struct pci_device *pci), void *opaque);

#endif
