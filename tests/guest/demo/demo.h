/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The demo guest: a freestanding 32-bit program that exercises what a PC's BIOS-booting guest needs
 * and says on screen and serial line what it found. No interrupts, no libc: it must also run where
 * KVM interprets guest code at a few million instructions a second, so loops are short and sector
 * data moves by string instructions.
 */
#ifndef DEMO_H
#define DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline void outw(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint16_t inw(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint32_t inl(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline void insw(uint16_t port, void *buf, uint32_t words)
{
    __asm__ volatile("rep insw" : "+D"(buf), "+c"(words) : "d"(port) : "memory");
}
static inline void outsw(uint16_t port, const void *buf, uint32_t words)
{
    __asm__ volatile("rep outsw" : "+S"(buf), "+c"(words) : "d"(port) : "memory");
}

/* ---- console.c: VGA text memory and COM1 ---------------------------------------------------- */

enum colour {
    ON_BLUE = 0x1f,
    FRAME = 0x03,
    HEADING = 0x0b,
    PLAIN = 0x07,
    BRIGHT = 0x0f,
    GOOD = 0x0a,
    BAD = 0x0c,
    ON_GREEN = 0x2f,
    ON_RED = 0x4f,
};

void console_init(void);
/* Prints one line on COM1; %s %c %u %x %% with an optional 0 and width. */
void serial_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints at (row, column) on the screen, clipped at the row's end. */
void screen_at(int row, int column, uint8_t colour, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Fills a row's `width` cells with spaces of a colour. */
void screen_bar(int row, int column, int width, uint8_t colour);
/* A frame of single lines with a heading in its upper edge. */
void screen_box(int row, int column, int height, int width, const char *heading);
/* Where the hardware cursor blinks. */
void screen_cursor(int row, int column);

/* ---- pci.c: configuration mechanism 1 (PCI Local Bus 2.1, 3.2.2.3.2) ------------------------ */

#define PCI_NONE 0xffffffffu /* no such function */

uint32_t pci_address(int bus, int slot, int function);
uint32_t pci_read(uint32_t function, int offset); /* dword */
void pci_write16(uint32_t function, int offset, uint16_t value);
/* The first function on bus 0 with this vendor (low half) and device (high half), or PCI_NONE. */
uint32_t pci_find(uint32_t id);
/* Short name of an id, or of a class code if the id is not known. */
const char *pci_name(uint32_t id, uint32_t class_revision);

/* ---- acpi.c: tables, PM timer, power-off (ACPI 1.0b) ----------------------------------------- */

/* Finds the tables or, without them, PIIX4's power management function. False: no ACPI at all. */
bool acpi_find(void);
const char *acpi_source(void);
/* 24-bit counter at 3.579545 MHz; 0 for ever if there is none. */
uint32_t acpi_timer(void);
uint32_t acpi_ticks_since(uint32_t start);
/* Turns the machine off; returns only if that did not work. */
void acpi_power_off(void);

/* ---- ide.c: primary channel, master (ATA/ATAPI-6; Intel 82371SB for bus mastering) ----------- */

struct ide_identity {
    char model[41], serial[21], firmware[9]; /* trailing spaces cut */
    uint32_t sectors;                        /* as words 60-61 say */
};

/* Finds PIIX's IDE function, turns bus mastering on. Returns its PCI address or PCI_NONE. */
uint32_t ide_find(void);
uint16_t ide_bus_master_port(void);
/* Each returns NULL, or what went wrong. `sectors` is 1..512. */
const char *ide_identify(struct ide_identity *identity);
const char *ide_read_pio(uint32_t lba, uint32_t sectors, void *buf);
const char *ide_write_pio(uint32_t lba, uint32_t sectors, const void *buf);
/* buf begins on a 64 KiB boundary, or the transfer does not cross one. */
const char *ide_read_dma(uint32_t lba, uint32_t sectors, void *buf);
const char *ide_write_dma(uint32_t lba, uint32_t sectors, void *buf);
const char *ide_flush(void);
/* How often IRQ 14 was seen waiting at the slave interrupt controller after DMA. */
unsigned ide_interrupts_seen(void);

/* ---- crc32.c --------------------------------------------------------------------------------- */

/* CRC-32 of IEEE 802.3. */
uint32_t crc32(const void *data, uint32_t bytes);

#endif
