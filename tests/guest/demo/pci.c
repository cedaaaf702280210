/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demo.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc

static const struct {
    uint32_t id; /* device << 16 | vendor */
    const char *name;
} known[] = {
    {0x12378086, "i440FX host bridge"},
    {0x70008086, "PIIX3 ISA bridge"},
    {0x70108086, "PIIX3 IDE"},
    {0x70208086, "PIIX3 USB"},
    {0x71138086, "PIIX4 ACPI power"},
    {0x11111234, "VGA (Bochs DISPI)"},
    {0x00b81013, "VGA (Cirrus)"},
    {0x100e8086, "e1000 network"},
    {0x813910ec, "RTL8139 network"},
    {0x802910ec, "NE2000 network"},
    {0x20001022, "PCnet network"},
    {0x10001af4, "virtio network"},
    {0x10011af4, "virtio disk"},
};

static const char *const classes[] = {
    "unclassified", "storage", "network", "display", "multimedia", "memory", "bridge",
    "communication", "system", "input",
};

uint32_t pci_address(int bus, int slot, int function)
{
    return 0x80000000u | bus << 16 | slot << 11 | function << 8;
}

uint32_t pci_read(uint32_t function, int offset)
{
    outl(CONFIG_ADDRESS, function | (offset & 0xfc));
    return inl(CONFIG_DATA);
}

void pci_write16(uint32_t function, int offset, uint16_t value)
{
    outl(CONFIG_ADDRESS, function | (offset & 0xfc));
    outw(CONFIG_DATA + (offset & 2), value);
}

uint32_t pci_find(uint32_t id)
{
    for (int slot = 0; slot < 32; slot++) {
        for (int function = 0; function < 8; function++) {
            uint32_t address = pci_address(0, slot, function);
            uint32_t found = pci_read(address, 0);
            if (found == id) {
                return address;
            }
            /* Functions above 0 exist only if header type bit 7 of function 0 says so. */
            if (function == 0 && (found == PCI_NONE || !(pci_read(address, 0x0c) & 0x800000))) {
                break;
            }
        }
    }
    return PCI_NONE;
}

const char *pci_name(uint32_t id, uint32_t class_revision)
{
    uint32_t class = class_revision >> 24;

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].id == id) {
            return known[i].name;
        }
    }
    return class < sizeof(classes) / sizeof(classes[0]) ? classes[class] : "other";
}
