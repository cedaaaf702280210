/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/pci/i440fx.h"

#include <stdlib.h>
#include <string.h>

#include "hw/pci/pci_regs.h"

enum {
    CONFADD = 0,
    RESET_CONTROL = 1,
    CONFDATA = 4,
    HOST_PORTS = 8,
};

enum {
    CONFADD_ENABLE = 0x80000000,
    CONFADD_BITS = 0x80fffffc, /* enable, bus, device, function, register */
    RC_RESET_CPU = 0x04,       /* its rising edge resets */
    RC_BITS = 0x06,
};

enum {
    REG_PAM0 = 0x59,
    REG_SMRAM = 0x72,
    PAM_READ = 1,
    PAM_WRITE = 2,
    SMRAM_D_OPEN = 0x40,
    SMRAM_D_LCK = 0x10,
    SMRAM_BITS = 0x78, /* D_OPEN, D_CLS, D_LCK, G_SMRAME; the base segment is fixed */
    DRB_ROWS = 8,
};

struct i440fx {
    struct pci_device pci;
    uint32_t confadd;
    uint8_t reset_control;
    struct pam_port pam;
    uint8_t pam_set[PAM_SEGMENTS]; /* what pam.set was last told; derived */
    struct io_region region;
};

/* 82441FX, 3.2: the registers beyond the header that software finds. */
static const struct {
    uint8_t off, reset, writable;
} registers[] = {
    {PCI_LATENCY, 0x00, 0xf8},
    {0x50, 0x00, 0x77},       /* PMCCFG */
    {0x51, 0x00, 0xff},
    {0x52, 0x00, 0xff},       /* DETURBO */
    {0x53, 0x80, 0xff},       /* DBC */
    {0x54, 0x00, 0xff},       /* AXC */
    {0x55, 0x00, 0xff},       /* DRT */
    {0x56, 0x00, 0xff},
    {0x57, 0x01, 0xff},       /* DRAMC */
    {0x58, 0x00, 0xff},       /* DRAMT */
    {REG_PAM0, 0x00, 0x70},   /* its low half is reserved */
    {REG_PAM0 + 1, 0x00, 0x77},
    {REG_PAM0 + 2, 0x00, 0x77},
    {REG_PAM0 + 3, 0x00, 0x77},
    {REG_PAM0 + 4, 0x00, 0x77},
    {REG_PAM0 + 5, 0x00, 0x77},
    {REG_PAM0 + 6, 0x00, 0x77},
    {0x68, 0x00, 0xc0},       /* FDHC */
    {0x70, 0x00, 0xf8},       /* MTT */
    {0x71, 0x10, 0xf8},       /* CLT */
    {REG_SMRAM, 0x02, SMRAM_BITS},
    {0x90, 0x00, 0xff},       /* ERRCMD */
};

/* ---- what follows from the registers ---- */

static unsigned pam_bits(const struct i440fx *b, unsigned segment)
{
    unsigned nibble = segment ? segment + 1 : 1; /* from the low half of PAM0 on */

    return b->pci.config[REG_PAM0 + nibble / 2] >> (nibble & 1) * 4 & (PAM_READ | PAM_WRITE);
}

static void derive_pam(struct i440fx *b)
{
    for (unsigned segment = 0; segment < PAM_SEGMENTS; segment++) {
        uint8_t bits = (uint8_t)pam_bits(b, segment);

        if (bits == b->pam_set[segment])
            continue;
        b->pam_set[segment] = bits;
        if (b->pam.set)
            b->pam.set(b->pam.opaque, segment, bits & PAM_READ, bits & PAM_WRITE);
    }
}

/* Once locked, SMRAM stays closed, and lock and D_OPEN read-only, until reset (3.2.19). */
static void derive_smram_lock(struct i440fx *b)
{
    bool locked = b->pci.config[REG_SMRAM] & SMRAM_D_LCK;

    b->pci.wmask[REG_SMRAM] = SMRAM_BITS;
    if (locked) {
        b->pci.config[REG_SMRAM] &= (uint8_t)~SMRAM_D_OPEN;
        b->pci.wmask[REG_SMRAM] &= (uint8_t)~(SMRAM_D_OPEN | SMRAM_D_LCK);
    }
}

static void derive(struct i440fx *b)
{
    derive_pam(b);
    derive_smram_lock(b);
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    (void)off;
    (void)size;
    derive((struct i440fx *)pci);
}

/* ---- ports ---- */

static uint32_t config_data_read(struct i440fx *b, unsigned byte, unsigned size)
{
    unsigned off = (b->confadd & 0xfc) + byte;
    uint8_t devfn = (uint8_t)(b->confadd >> 8);

    if (!(b->confadd & CONFADD_ENABLE) || (b->confadd >> 16 & 0xff) != 0)
        return UINT32_MAX; /* off, or a bus that is not there: master abort */
    if (devfn == b->pci.devfn)
        return pci_function_read(&b->pci, off, size);
    return pci_config_read(b->pci.bus, devfn, off, size);
}

static void config_data_write(struct i440fx *b, unsigned byte, unsigned size, uint32_t value)
{
    unsigned off = (b->confadd & 0xfc) + byte;
    uint8_t devfn = (uint8_t)(b->confadd >> 8);

    if (!(b->confadd & CONFADD_ENABLE) || (b->confadd >> 16 & 0xff) != 0)
        return;
    if (devfn == b->pci.devfn)
        pci_function_write(&b->pci, off, size, value);
    else
        pci_config_write(b->pci.bus, devfn, off, size, value);
}

static void reset_control_write(struct i440fx *b, uint8_t value)
{
    bool rises = (value & RC_RESET_CPU) && !(b->reset_control & RC_RESET_CPU);

    b->reset_control = value & RC_BITS;
    if (rises)
        machine_request(&b->pci.dev.env->machine, MACHINE_RESET, 0);
}

static uint64_t port_read(void *chip, uint64_t off, unsigned size)
{
    struct i440fx *b = chip;

    if (off == CONFADD)
        return b->confadd;
    if (off == RESET_CONTROL)
        return b->reset_control;
    return config_data_read(b, (unsigned)off - CONFDATA, size);
}

static void port_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct i440fx *b = chip;

    if (off == CONFADD)
        b->confadd = (uint32_t)value & CONFADD_BITS;
    else if (off == RESET_CONTROL)
        reset_control_write(b, (uint8_t)value);
    else
        config_data_write(b, (unsigned)off - CONFDATA, size, (uint32_t)value);
}

static const uint8_t port_widths[HOST_PORTS] = {
    IO_W4, IO_W1, 0, 0, IO_W1 | IO_W2 | IO_W4, IO_W1, IO_W1 | IO_W2, IO_W1,
};

/*
 * CONFADD's write has no effect by itself, but is not posted: a zone that holds the dword would
 * hold 0xcf9 too, and a guest that resets itself and halts would make no further exit.
 */
static const struct io_ops port_ops = {
    .read = port_read,
    .write = port_write,
    .widths_at = port_widths,
};

/* ---- life ---- */

static void reset(struct device *dev)
{
    struct i440fx *b = (struct i440fx *)dev;

    pci_device_reset(&b->pci);
    derive(b);
}

static const char *post_load(struct device *dev)
{
    struct i440fx *b = (struct i440fx *)dev;
    const char *fault = pci_device_post_load(&b->pci);

    if (!fault)
        derive(b);
    return fault;
}

static void bridge_free(struct device *dev)
{
    struct i440fx *b = (struct i440fx *)dev;

    iomap_remove(dev->env->iomap, &b->region);
    pci_device_fini(&b->pci);
    free(b);
}

static const struct dev_field fields[] = {
    PCI_DEVICE_FIELDS(struct i440fx, pci),
    DEV_FIELD(struct i440fx, U32, confadd, 0, CONFADD_BITS),
    DEV_FIELD(struct i440fx, U8, reset_control, 0, RC_BITS),
};

static const struct device_class i440fx_class = {
    .name = "i440FX",
    .title = "Intel 82441FX host bridge",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = bridge_free,
};

/* All memory is in row 0; the boundary counts 8 MiB units (3.2.14). */
static void init_row_boundaries(struct pci_device *pci, uint64_t ram_bytes)
{
    uint64_t units = ram_bytes >> 23;

    for (unsigned row = 0; row < DRB_ROWS; row++) {
        pci->config[0x60 + row] = (uint8_t)(units > 0xff ? 0xff : units);
        pci->wmask[0x60 + row] = 0xff;
    }
}

static void init_registers(struct pci_device *pci, uint64_t ram_bytes)
{
    /* Memory space and bus master are always on; no I/O space, no INTx (3.2.3). */
    pci_set_word(pci->config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_set_word(pci->wmask + PCI_COMMAND, PCI_COMMAND_SERR | 0x40);
    pci_set_word(pci->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci->wmask[PCI_CACHE_LINE] = 0;
    pci->wmask[PCI_INTERRUPT_LINE] = 0;
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        pci->config[registers[i].off] = registers[i].reset;
        pci->wmask[registers[i].off] = registers[i].writable;
    }
    pci->w1cmask[0x91] = 0x11; /* ERRSTS */
    init_row_boundaries(pci, ram_bytes);
}

struct device *i440fx_new(struct pci_bus *bus, const struct dev_env *env, const char *id,
                          const struct i440fx_config *cfg, char *why, size_t why_size)
{
    static const struct pci_ids ids = {.vendor = 0x8086, .device = 0x1237, .revision = 2,
                                       .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
                                       .class_code = 0x060000};
    struct i440fx *b = calloc(1, sizeof(*b));

    if (!b)
        abort();
    pci_device_init(&b->pci, &i440fx_class, env, id, &ids);
    init_registers(&b->pci, cfg->ram_bytes);
    b->pci.config_written = config_written;
    b->pam = cfg->pam;
    b->region = (struct io_region){.name = b->pci.dev.id, .space = IO_PORT, .base = cfg->port,
                                   .size = HOST_PORTS, .ops = &port_ops, .chip = b,
                                   .lock = b->pci.dev.lock};
    if (!pci_bus_add(bus, &b->pci, PCI_DEVFN(0, 0), why, why_size) ||
        !iomap_add(env->iomap, &b->region, why, why_size)) {
        device_free(&b->pci.dev);
        return NULL;
    }
    device_reset(&b->pci.dev);
    return &b->pci.dev;
}
