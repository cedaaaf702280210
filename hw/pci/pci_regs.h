/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsets and bits of the configuration header. PCI Local Bus Specification 3.0, 6.1 and 6.2. */
#ifndef HW_PCI_PCI_REGS_H
#define HW_PCI_PCI_REGS_H

enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS = 0x09, /* programming interface, subclass, class */
    PCI_CACHE_LINE = 0x0c,
    PCI_LATENCY = 0x0d,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM = 0x2e,
    PCI_ROM = 0x30,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
};

enum {
    PCI_COMMAND_IO = 0x0001,
    PCI_COMMAND_MEMORY = 0x0002,
    PCI_COMMAND_MASTER = 0x0004,
    PCI_COMMAND_SERR = 0x0100,
    PCI_COMMAND_INTX_DISABLE = 0x0400,
};

enum {
    PCI_STATUS_INTX = 0x0008,
    PCI_STATUS_CAPABILITIES = 0x0010,
    PCI_STATUS_FAST_BACK = 0x0080,
    PCI_STATUS_DEVSEL_MEDIUM = 0x0200,
    PCI_STATUS_W1C = 0xf900, /* the five error bits and detected parity error */
};

enum {
    PCI_BAR_IO = 0x1,
    PCI_BAR_64 = 0x4,
    PCI_BAR_PREFETCH = 0x8,
    PCI_ROM_ENABLE = 0x1,
    PCI_HEADER_MULTIFUNCTION = 0x80,
};

#endif
