/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The card on bus 0 (PCI 2.1, 3.7.4.1, mechanism 1; 6.2.5), its pin by PIIX3 to IRQ 11 (82371SB, 2.1.5). */
#include "net.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define FUNCTION(slot) (0x80000000u | (uint32_t)(slot) << 11)
#define NO_FUNCTION 0xffffffffu
#define PIIX3 FUNCTION(1)
#define ELCR2 0x4d1
#define BARS 6

uint32_t nic_function;

uint32_t pci_read(uint32_t function, unsigned offset)
{
    outl(CONFIG_ADDRESS, function | offset);
    return inl(CONFIG_DATA);
}

static void pci_write(uint32_t function, unsigned offset, uint32_t value)
{
    outl(CONFIG_ADDRESS, function | offset);
    outl(CONFIG_DATA, value);
}

/* Ports from IO_BASE, memory from MMIO_BASE, each BAR at a multiple of 64 KiB (256 ports); upper halves 0. */
static void place_bars(uint32_t function)
{
    uint32_t io = IO_BASE, mmio = MMIO_BASE;

    for (unsigned bar = 0; bar < BARS; bar++) {
        unsigned at = 0x10 + bar * 4;
        uint32_t kind = pci_read(function, at), mask;

        pci_write(function, at, 0xffffffff);
        mask = pci_read(function, at);
        if (!mask)
            continue;
        pci_write(function, at, kind & 1 ? io : mmio);
        if (kind & 1)
            io += 0x100;
        else
            mmio += 0x1000000; /* none of these cards has a larger one */
        if ((kind & 7) == 4)
            pci_write(function, 0x10 + ++bar * 4, 0);
    }
    pci_write(function, 0x04, 7); /* ports, memory, bus master */
}

static void route_interrupts(void)
{
    pci_write(PIIX3, 0x60, 0x0b0b0b0b);
    outb(ELCR2, 1 << (11 - 8)); /* level */
}

static const struct nic *driver_for(uint32_t id, bool c_mode)
{
    static const struct nic *const all[] = {&nic_e1000, &nic_rtl8139cp, &nic_pcnet, &nic_ne2k_pci, &nic_virtio};

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i]->pci_id == id)
            return c_mode && all[i] == &nic_rtl8139cp ? &nic_rtl8139c : all[i];
    }
    return NULL;
}

const struct nic *find_nic(bool c_mode, uint16_t *io, uint32_t *mmio)
{
    route_interrupts();
    for (unsigned slot = 2; slot < 32; slot++) {
        uint32_t id = pci_read(FUNCTION(slot), 0);
        const struct nic *nic = id == NO_FUNCTION ? NULL : driver_for(id, c_mode);

        if (!nic)
            continue;
        nic_function = FUNCTION(slot);
        place_bars(nic_function);
        *io = IO_BASE;
        *mmio = MMIO_BASE;
        return nic;
    }
    *io = NE2000_ISA;
    return inb(NE2000_ISA) == 0xff ? NULL : &nic_ne2k_isa;
}
