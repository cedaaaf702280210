/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI function: configuration space, base address registers that move, and the INTx pin.
 * PCI Local Bus Specification 3.0, chapter 6. A PCI device embeds `struct pci_device` first.
 *
 * Configuration accesses enter through the host bridge (hw/pci/i440fx), which holds its own lock
 * and then takes the function's. So a function never calls the bridge; what its registers move
 * (BARs, interrupt routes) goes to the dispatch tables and the interrupt fabric, which are leaves.
 *
 * What protects what:
 *   a function's configuration space, masks and intx_level    the function's lock
 *   wanted, mapped and their addresses in every pci_window    the bus's window lock
 *   the bus's counts of asserted pins, and `intx_counted`     the bus's INTx lock
 *   which function sits where                                 nothing: it changes while no processor runs
 *                                                             (the wiring; hotplug, with all of them parked)
 * Both bus locks come after any device's lock and before the leaf locks (dispatch tables, memory
 * map, interrupt fabric), which are taken inside them; no device code runs under them.
 *
 * Windows. A window is mapped when its decoding is enabled and its place is free. Where the place
 * is taken, the window stays unmapped, the function counts a guest error, and the wish is kept:
 * each later change of any window on the bus tries it again, so that two BARs can swap places. Not
 * decoded at all, and no error: address 0 (never programmed), a window that wraps, and one that
 * ends at the top of its address space (the all-ones pattern of BAR sizing).
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/device.h"

#define PCI_CONFIG_BYTES 256
#define PCI_DEVFN(slot, function) ((uint8_t)((slot) << 3 | (function)))
#define PCI_BARS 6
#define PCI_ROM_SLOT 6 /* index of the expansion ROM among a function's windows */
/*
 * Windows that registers of the function's own place (PIIX4's PMBA and SMBBA; the two channels' legacy
 * ports of PIIX3 IDE), not a BAR. They take part in the same game of unmapping and retrying.
 */
#define PCI_FIXED_SLOT 7
#define PCI_FIXED 4
#define PCI_WINDOWS (PCI_FIXED_SLOT + PCI_FIXED)

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
    bool wanted; /* enabled by the registers, at: */
    uint64_t wanted_at;
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
    struct pci_window windows[PCI_WINDOWS];
    bool intx_level; /* what the function asks for, before the disable bit of the command register */
    bool intx_counted; /* the bus counts it: derived from intx_level and the command register */
    struct dma_port dma; /* env->dma, gated by the bus master bit of the command register */
    /* Optional: after [off, off+size) was written and the common part has been done. Lock held. */
    void (*config_written)(struct pci_device *pci, unsigned off, unsigned size);
    /* Optional: [off, off+size) is about to be read; brings config up to date where it shows registers
     * that live elsewhere. Lock held. */
    void (*config_reading)(struct pci_device *pci, unsigned off, unsigned size);
};

/* For the class's table of fields; `member` is the struct pci_device inside struct s. */
#define PCI_DEVICE_FIELDS(s, member)                                                               \
    DEV_FIELD_BYTES(s, member.config), DEV_FIELD(s, BOOL, member.intx_level, 0, 1)

/*
 * Sets up the device and its standard header; then the owner adjusts config/wmask/w1cmask, adds its
 * windows, and puts it on a bus. config_reset is taken by pci_bus_add().
 */
void pci_device_init(struct pci_device *pci, const struct device_class *cls,
                     const struct dev_env *env, const char *id, const struct pci_ids *ids);
void pci_device_fini(struct pci_device *pci); /* unmaps the windows, leaves the bus */

/*
 * Give the function a window. The BAR is as large as the region, rounded up to a power of two. The
 * region's base is the PCI code's from now on; its lock must be the function's.
 */
void pci_add_io(struct pci_device *pci, unsigned bar, struct io_region *region);
void pci_add_mem(struct pci_device *pci, unsigned bar, struct io_region *region, bool prefetch);
void pci_add_ram(struct pci_device *pci, unsigned bar, struct ram_block *ram, bool prefetch);
void pci_add_rom(struct pci_device *pci, struct ram_block *rom);
/* Makes an added memory BAR a 64-bit one, which takes the next BAR's register too. */
void pci_make_64(struct pci_device *pci, unsigned bar);
/* The n-th window outside the BARs; not decoded until pci_place_fixed() says where. */
void pci_add_fixed(struct pci_device *pci, unsigned n, struct io_region *region);
/* Wants fixed window n at `at`, or nowhere. Lock held. */
void pci_place_fixed(struct pci_device *pci, unsigned n, bool wanted, uint64_t at);

/* To be called from the class's reset: configuration space as new, windows unmapped, pin low. */
void pci_device_reset(struct pci_device *pci);

/* The INTx pin. Honours the disable bit, shows in the status register. Lock held. */
void pci_set_intx(struct pci_device *pci, bool level);

/* Re-derives the mapped windows from config; for devices with odd decode bits. Lock held. */
void pci_update_windows(struct pci_device *pci);

/*
 * To be called from the class's post_load: checks that config is that of such a function, then
 * derives windows and pin from it. NULL, or why not. Lock held.
 */
const char *pci_device_post_load(struct pci_device *pci);

/* One configuration access of 1, 2 or 4 bytes with the function's lock held. */
uint32_t pci_function_read(struct pci_device *pci, unsigned off, unsigned size);
void pci_function_write(struct pci_device *pci, unsigned off, unsigned size, uint32_t value);

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

/* intx(opaque, line, level): line = (slot - 1 + pin) & 3 as the PC's slots are wired, counted by
 * the bus over all functions that share it. */
struct pci_bus *pci_bus_new(const struct dev_env *env, struct irq_pin intx[4]);
void pci_bus_free(struct pci_bus *bus); /* no function left on it */

/* Puts a function at devfn, or at the first free slot >= 2 for devfn < 0. False: taken (why[]). */
bool pci_bus_add(struct pci_bus *bus, struct pci_device *pci, int devfn, char *why, size_t why_size);
struct pci_device *pci_bus_get(struct pci_bus *bus, uint8_t devfn); /* NULL: empty */
/*
 * One configuration access, of 1, 2 or 4 bytes; takes the function's lock. Empty: ones. For the
 * host bridge, which reaches itself by pci_function_read() since it holds its own lock.
 */
uint32_t pci_config_read(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size);
void pci_config_write(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size, uint32_t value);
void pci_bus_foreach(struct pci_bus *bus, void (*fn)(void *opaque, struct pci_device *pci), void *opaque);

#endif
