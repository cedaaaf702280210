/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The adapter on PCI, as Bochs and QEMU have it, which vgabios and the guests' drivers know:
 * BAR 0 video memory, BAR 2 registers (QEMU, docs/specs/standard-vga).
 */
#include <stdio.h>
#include <stdlib.h>

#include "hw/vga/vga.h"

#define MMIO_BYTES     4096
#define MMIO_VGA       0x400 /* ports 0x3c0-0x3df as bytes */
#define MMIO_VGA_END   0x420
#define MMIO_DISPI     0x500 /* DISPI registers as words, by index */
#define MMIO_DISPI_END 0x516
#define MMIO_QEXT      0x600 /* size of this block, byte order of the frame buffer */
#define MMIO_QEXT_END  0x608
#define QEXT_LITTLE    0x1e1e1e1e

static const struct dev_field pci_vga_fields[] = {PCI_DEVICE_FIELDS(struct vga, pci), VGA_FIELDS};

static const struct pci_ids pci_vga_ids = {
    .vendor = 0x1234,
    .device = 0x1111,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .revision = 2, /* has the registers in BAR 2 */
    .class_code = 0x030000,
};

/* Each register has one width there; the dispatcher makes the others of it. */
static const uint8_t mmio_widths[MMIO_BYTES] = {
    [0 ... MMIO_DISPI - 1] = IO_W1,
    [MMIO_DISPI ... MMIO_DISPI_END - 1] = IO_W2,
    [MMIO_DISPI_END ... MMIO_QEXT - 1] = IO_W1,
    [MMIO_QEXT ... MMIO_QEXT_END - 1] = IO_W4,
    [MMIO_QEXT_END ... MMIO_BYTES - 1] = IO_W1,
};

static uint64_t mmio_read(void *chip, uint64_t off, unsigned size)
{
    struct vga *v = chip;

    (void)size;
    if (off < EDID_BYTES)
        return v->edid[off];
    if (off < MMIO_VGA)
        return 0; /* no further EDID blocks */
    if (off < MMIO_VGA_END)
        return vga_port_read(v, 0x3c0 + (off - MMIO_VGA));
    if (off >= MMIO_DISPI && off < MMIO_DISPI_END)
        return vga_dispi_read(v, (off - MMIO_DISPI) / 2);
    if (off == MMIO_QEXT)
        return MMIO_QEXT_END - MMIO_QEXT;
    if (off == MMIO_QEXT + 4)
        return QEXT_LITTLE;
    return UINT64_MAX;
}

static void mmio_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct vga *v = chip;

    (void)size;
    if (off >= MMIO_VGA && off < MMIO_VGA_END)
        vga_port_write(v, 0x3c0 + (off - MMIO_VGA), value);
    else if (off >= MMIO_DISPI && off < MMIO_DISPI_END)
        vga_dispi_write(v, (off - MMIO_DISPI) / 2, value);
    else if (off == MMIO_QEXT + 4 && value != QEXT_LITTLE)
        device_guest_error(&v->dev, "frame buffer byte order 0x%08x is not there", (unsigned)value);
}

static const struct io_ops mmio_ops = {
    .read = mmio_read, .write = mmio_write, .widths_at = mmio_widths};

static void pci_vga_reset(struct device *dev)
{
    struct vga *v = (struct vga *)dev;

    pci_device_reset(&v->pci);
    vga_reset(v);
}

static const char *pci_vga_post_load(struct device *dev)
{
    struct vga *v = (struct vga *)dev;
    const char *why = vga_post_load(v);

    return why ? why : pci_device_post_load(&v->pci);
}

static void pci_vga_free(struct device *dev)
{
    struct vga *v = (struct vga *)dev;

    vga_fini(v);
    pci_device_fini(&v->pci);
    free(v);
}

static const struct device_class pci_vga_class = {
    .name = "VGA",
    .title = "VGA with Bochs DISPI on the PCI bus",
    .fields = pci_vga_fields,
    .field_count = sizeof(pci_vga_fields) / sizeof(pci_vga_fields[0]),
    .reset = pci_vga_reset,
    .post_load = pci_vga_post_load,
    .free = pci_vga_free,
};

static void add_windows(struct vga *v, const struct vga_config *cfg)
{
    v->mmio = (struct io_region){.name = "vga.mmio", .space = IO_MEM, .size = MMIO_BYTES,
                                 .ops = &mmio_ops, .chip = v, .lock = v->dev.lock};
    pci_add_ram(&v->pci, 0, cfg->vram, true);
    pci_add_mem(&v->pci, 2, &v->mmio, false);
    if (cfg->rom)
        pci_add_rom(&v->pci, cfg->rom);
    edid_make(v->edid, 1280, 800);
}

struct device *pci_vga_new(struct pci_bus *bus, int devfn, const struct dev_env *env,
                           const char *id, const struct vga_config *cfg, char *why, size_t size)
{
    struct vga *v;

    if (!vga_config_ok(cfg, why, size))
        return NULL;
    v = calloc(1, sizeof(*v));
    if (!v) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    pci_device_init(&v->pci, &pci_vga_class, env, id, &pci_vga_ids);
    add_windows(v, cfg);
    if (!vga_init(v, cfg, why, size)) {
        pci_device_fini(&v->pci);
        free(v);
        return NULL;
    }
    if (!pci_bus_add(bus, &v->pci, devfn, why, size)) {
        pci_vga_free(&v->dev);
        return NULL;
    }
    device_reset(&v->dev);
    return &v->dev;
}
