/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of ACPI as turning the machine off takes: RSDP -> RSDT -> FADT for the ports, the DSDT's
 * \_S5 package for the sleep type (ACPI 1.0b, 5.2 and 7.5). A machine whose firmware made no tables
 * is served through PIIX4's power management base (82371AB, 7.3), where soft-off is type 0.
 */
#include "demo.h"

#define PIIX4_PM_ID 0x71138086
#define SLEEP_ENABLE 0x2000
#define SCI_ENABLE 1

static struct {
    const char *source;
    uint16_t control_port, timer_port; /* PM1a_CNT, PM_TMR; 0: none */
    uint16_t smi_port;
    uint8_t enable_value;
    uint16_t sleep_type;
} acpi = {.source = "none"};

static uint32_t read32(uint32_t address)
{
    return *(const volatile uint32_t *)address;
}

static uint8_t read8(uint32_t address)
{
    return *(const volatile uint8_t *)address;
}

static uint32_t find_table(uint32_t rsdt, uint32_t signature)
{
    uint32_t length = read32(rsdt + 4);

    for (uint32_t entry = rsdt + 36; entry + 4 <= rsdt + length && entry < rsdt + 1024; entry += 4) {
        if (read32(read32(entry)) == signature) {
            return read32(entry);
        }
    }
    return 0;
}

static uint32_t find_rsdp(void)
{
    for (uint32_t at = 0xe0000; at < 0x100000; at += 16) {
        if (read32(at) == 0x20445352 && read32(at + 4) == 0x20525450) { /* "RSD PTR " */
            return at;
        }
    }
    return 0;
}

/* The first element of Name(_S5_, Package {...}): a small integer in AML (16.2.2, 16.2.3). */
static uint16_t find_sleep_type(uint32_t dsdt)
{
    uint32_t end = dsdt + read32(dsdt + 4);

    for (uint32_t at = dsdt + 36; at + 12 < end; at++) {
        if (read32(at) != 0x5f35535f || read8(at + 4) != 0x12) { /* "_S5_", PackageOp */
            continue;
        }
        uint32_t element = at + 5 + (read8(at + 5) >> 6) + 2; /* PkgLength, NumElements */
        uint8_t opcode = read8(element);
        return opcode == 0x0a ? read8(element + 1) : opcode; /* BytePrefix, or Zero, One */
    }
    return 0;
}

static bool find_by_tables(void)
{
    uint32_t rsdp = find_rsdp();
    uint32_t fadt = rsdp ? find_table(read32(rsdp + 16), 0x50434146) : 0; /* "FACP" */

    if (!fadt || !read32(fadt + 64)) {
        return false;
    }
    acpi.source = "ACPI tables";
    acpi.smi_port = read32(fadt + 48);
    acpi.enable_value = read8(fadt + 52);
    acpi.control_port = read32(fadt + 64);
    acpi.timer_port = read32(fadt + 76);
    acpi.sleep_type = find_sleep_type(read32(fadt + 40));
    return true;
}

static bool find_by_chip(void)
{
    uint32_t function = pci_find(PIIX4_PM_ID);
    uint32_t base = function == PCI_NONE ? 0 : pci_read(function, 0x40) & 0xffc0;

    if (!base) {
        return false;
    }
    acpi.source = "PIIX4 registers";
    acpi.control_port = base + 4;
    acpi.timer_port = base + 8;
    return true;
}

bool acpi_find(void)
{
    return find_by_tables() || find_by_chip();
}

const char *acpi_source(void)
{
    return acpi.source;
}

uint32_t acpi_timer(void)
{
    return acpi.timer_port ? inl(acpi.timer_port) & 0xffffff : 0;
}

uint32_t acpi_ticks_since(uint32_t start)
{
    return (acpi_timer() - start) & 0xffffff;
}

void acpi_power_off(void)
{
    if (!acpi.control_port) {
        return;
    }
    if (acpi.smi_port && acpi.enable_value && !(inw(acpi.control_port) & SCI_ENABLE)) {
        outb(acpi.smi_port, acpi.enable_value);
        for (int i = 0; i < 1000 && !(inw(acpi.control_port) & SCI_ENABLE); i++) {
        }
    }
    outw(acpi.control_port, acpi.sleep_type << 10 | SLEEP_ENABLE);
    for (uint32_t start = acpi_timer(), i = 0; i < 100000 && acpi_ticks_since(start) < 3579545; i++) {
    }
}
