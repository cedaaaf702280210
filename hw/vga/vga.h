/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The display adapter as a device: VGA registers, the window at 0xa0000, the DISPI ports and the
 * picture. vga_pci.c and vga_isa.c put it on a bus.
 *
 * Video memory is a RAM block of the machine's: it is not among the fields, but belongs to whoever saves
 * the machine's memory (after vga_window_settle(), since a mapped text screen is elsewhere); a reset leaves
 * it alone.
 *
 * The VGA ports and the window answer always, also on PCI with decoding switched off in the command
 * register: firmware and boot loaders print before anyone has enabled anything.
 */
#ifndef HW_VGA_VGA_H
#define HW_VGA_VGA_H

#include "hw/device.h"
#include "hw/pci/pci.h"
#include "hw/vga/edid.h"
#include "hw/vga/planes.h"
#include "hw/vga/regs.h"
#include "hw/vga/vbe.h"
#include "hw/vga/window.h"
#include "ui/surface.h"

struct vga_config {
    struct ram_block *vram; /* a power of two of bytes, 256 KiB .. 512 MiB; the machine's */
    struct ram_block *rom;  /* PCI only, may be NULL: the option ROM */
    bool several_vcpus;     /* fewer writes can be posted: see window.h */
    struct ram_block *text; /* VGA_TEXT_BYTES for text modes' window as memory; NULL: it stays trapped */
};

/* PCI 1234:1111 at devfn (-1: the first free slot). NULL with the reason in why[]. */
struct device *pci_vga_new(struct pci_bus *bus, int devfn, const struct dev_env *env,
                           const char *id, const struct vga_config *cfg, char *why, size_t size);
/* On ISA: the same without BARs; its ROM is the machine's to map. NULL with the reason in why[]. */
struct device *isa_vga_new(const struct dev_env *env, const char *id, const struct vga_config *cfg,
                           char *why, size_t size);
/* For a device of the two above. Lives as long as the device. */
struct display_source *vga_display(struct device *dev);

/* ---- inside hw/vga ---- */

enum vga_port_range { VGA_PORTS_MONO, VGA_PORTS_ATTR, VGA_PORTS_DAC, VGA_PORTS_COLOUR, VGA_PORT_RANGES };

struct vga {
    union { /* first, for the device's table of fields */
        struct device dev;
        struct pci_device pci;
    };
    struct vga_regs regs;
    struct vbe vbe;
    struct vga_mem mem;
    struct ram_block *vram;
    struct vga_watch watch;
    uint64_t *dirty_pages;  /* room for take_dirty() */
    uint64_t changed_stamp; /* of the last changed(), and the blink phases then */
    unsigned shown_phase;
    struct display_source display;
    struct io_region ports[VGA_PORT_RANGES], dispi, window;
    struct io_region seq_ports[2], gr_ports[2]; /* [1]: data is not posted; one of the two is there */
    struct io_region mmio; /* PCI: BAR 2 */
    uint8_t edid[EDID_BYTES];
    /* The window as memory (window.h): what it is, what of it is mapped since when. */
    struct ram_block *text;
    struct vga_view view, mapped;
    int64_t view_since_ns;
    uint32_t trapped;    /* accesses to the window that were carried out in this state */
    uint8_t view_credit; /* above 0: the next state that can be mapped is */
    bool view_refused;   /* by the machine */
    bool several_vcpus;
};

#define VGA_FIELDS                                                                                 \
    VGA_REGS_FIELDS(struct vga, regs), VBE_FIELDS(struct vga, vbe),                                \
    DEV_FIELD(struct vga, U32, mem.latch, 0, 0)

bool vga_config_ok(const struct vga_config *cfg, char *why, size_t size);
/* After device_init(): all but the bus; regions added. False with why[], nothing left behind. */
bool vga_init(struct vga *v, const struct vga_config *cfg, char *why, size_t size);
void vga_fini(struct vga *v); /* regions gone; lock not held */
void vga_reset(struct vga *v);
const char *vga_post_load(struct vga *v);

/* One register, however it was addressed; _posted: by a write that may have been. Lock held. */
uint8_t vga_port_read(struct vga *v, unsigned port);
void vga_port_write(struct vga *v, unsigned port, uint8_t value);
void vga_port_write_posted(struct vga *v, unsigned port, uint8_t value);
uint16_t vga_dispi_read(struct vga *v, unsigned index);
void vga_dispi_write(struct vga *v, unsigned index, uint16_t value);

#endif
