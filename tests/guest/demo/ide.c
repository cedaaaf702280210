/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A polling driver for the primary channel's master. Bus-master transfers also look at the slave
 * 8259A by its poll command (82C59A, "Poll Command"), which shows that the interrupt line arrives
 * without taking an interrupt: KVM that interprets guest code cannot return from one in
 * protected mode.
 */
#include "demo.h"

#define PIIX3_IDE_ID 0x70108086

enum { DATA = 0x1f0, ERROR = 0x1f1, COUNT = 0x1f2, LBA_LOW = 0x1f3, LBA_MID = 0x1f4,
       LBA_HIGH = 0x1f5, DEVICE = 0x1f6, COMMAND = 0x1f7, CONTROL = 0x3f6 };
enum { ERR = 0x01, DRQ = 0x08, DF = 0x20, DRDY = 0x40, BSY = 0x80 };
enum { READ_SECTORS = 0x20, WRITE_SECTORS = 0x30, READ_DMA = 0xc8, WRITE_DMA = 0xca,
       FLUSH_CACHE = 0xe7, IDENTIFY_DEVICE = 0xec };
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_PRD = 4 };
enum { BM_START = 0x01, BM_TO_MEMORY = 0x08 };
enum { BM_ACTIVE = 0x01, BM_ERROR = 0x02, BM_INTERRUPT = 0x04 };
enum { PIC2_COMMAND = 0xa0, PIC2_MASK = 0xa1, PIC_POLL = 0x0c, PIC_EOI = 0x20 };

#define TIMEOUT_TICKS (3u * 3579545)
#define MAX_COMMAND_SECTORS 256
#define MAX_PRDS 2 /* of 64 KiB: 256 sectors */

static uint16_t bus_master;
static unsigned interrupts_seen;

/* Waits until (status & mask) == value. NULL, or what went wrong. */
static const char *wait_status(uint8_t mask, uint8_t value)
{
    uint32_t start = acpi_timer();

    for (uint32_t spin = 0; spin < 5000000; spin++) {
        uint8_t status = inb(CONTROL);
        if (!(status & BSY) && status & (ERR | DF)) {
            return "the drive reports an error";
        }
        if ((status & mask) == value) {
            return NULL;
        }
        if ((spin & 63) == 63 && acpi_ticks_since(start) > TIMEOUT_TICKS) {
            break;
        }
    }
    return "the drive does not answer";
}

/* ATA/ATAPI-6, 6.2: 28-bit addresses. sectors 1..256. */
static const char *start_command(uint8_t command, uint32_t lba, uint32_t sectors)
{
    outb(DEVICE, 0xe0 | (lba >> 24 & 0x0f));
    const char *wrong = wait_status(BSY | DRQ, 0);
    if (wrong) {
        return wrong;
    }
    outb(COUNT, sectors); /* 256 is written as 0 */
    outb(LBA_LOW, lba);
    outb(LBA_MID, lba >> 8);
    outb(LBA_HIGH, lba >> 16);
    outb(COMMAND, command);
    for (int i = 0; i < 4; i++) {
        inb(CONTROL); /* 400 ns */
    }
    return NULL;
}

uint32_t ide_find(void)
{
    uint32_t function = pci_find(PIIX3_IDE_ID);

    if (function != PCI_NONE) {
        pci_write16(function, 4, 5); /* I/O space, bus master */
        bus_master = pci_read(function, 0x20) & 0xfff0;
    }
    outb(CONTROL, 0); /* interrupts on */
    return function;
}

uint16_t ide_bus_master_port(void)
{
    return bus_master;
}

unsigned ide_interrupts_seen(void)
{
    return interrupts_seen;
}

static void copy_text(char *to, const uint16_t *words, int count)
{
    int length = 0;

    for (int i = 0; i < count; i++) {
        *to++ = words[i] >> 8; /* first character in the high byte */
        *to++ = words[i];
        if (to[-1] != ' ') {
            length = i * 2 + 2;
        } else if (to[-2] != ' ') {
            length = i * 2 + 1;
        }
    }
    to[length - count * 2] = 0;
}

const char *ide_identify(struct ide_identity *identity)
{
    uint16_t words[256];
    const char *wrong = start_command(IDENTIFY_DEVICE, 0, 1);

    if (!wrong) {
        wrong = wait_status(BSY | DRQ, DRQ);
    }
    if (wrong) {
        return wrong;
    }
    insw(DATA, words, 256);
    inb(COMMAND);
    copy_text(identity->serial, words + 10, 10);
    copy_text(identity->firmware, words + 23, 4);
    copy_text(identity->model, words + 27, 20);
    identity->sectors = words[60] | (uint32_t)words[61] << 16;
    return words[49] & 0x0200 ? NULL : "the drive knows no LBA";
}

static const char *transfer_pio(bool write, uint32_t lba, uint32_t sectors, uint8_t *buf)
{
    const char *wrong = start_command(write ? WRITE_SECTORS : READ_SECTORS, lba, sectors);

    for (; !wrong && sectors; sectors--, buf += 512) {
        wrong = wait_status(BSY | DRQ, DRQ);
        if (wrong) {
            break;
        }
        if (write) {
            outsw(DATA, buf, 256);
        } else {
            insw(DATA, buf, 256);
        }
        inb(COMMAND); /* the main status register takes the interrupt back */
    }
    return wrong ? wrong : wait_status(BSY | DRQ, 0);
}

/* Only IRQ 14 let through, nothing waiting from before. */
static void watch_interrupt(void)
{
    outb(PIC2_MASK, 0xbf);
    for (int i = 0; i < 8; i++) {
        outb(PIC2_COMMAND, PIC_POLL);
        if (!(inb(PIC2_COMMAND) & 0x80)) {
            break;
        }
        outb(PIC2_COMMAND, PIC_EOI);
    }
}

static void look_for_interrupt(void)
{
    outb(PIC2_COMMAND, PIC_POLL);
    if (inb(PIC2_COMMAND) == 0x86) { /* waiting, level 6 of the slave: IRQ 14 */
        interrupts_seen++;
        outb(PIC2_COMMAND, PIC_EOI);
    }
}

static const char *wait_bus_master(void)
{
    uint32_t start = acpi_timer();

    for (uint32_t spin = 0; spin < 5000000; spin++) {
        uint8_t status = inb(bus_master + BM_STATUS);
        if (status & BM_ERROR) {
            return "the bus master reports an error";
        }
        if (status & BM_INTERRUPT) {
            return NULL;
        }
        if ((spin & 63) == 63 && acpi_ticks_since(start) > TIMEOUT_TICKS) {
            break;
        }
    }
    return "no interrupt from the drive";
}

/* 82371SB, 2.7 and "Programming Interface for Bus Master IDE Controller" 3.1. */
static const char *transfer_dma(bool write, uint32_t lba, uint32_t sectors, uint8_t *buf)
{
    volatile uint32_t *prd = (volatile uint32_t *)PRD_ADDR;
    uint32_t bytes = sectors * 512, address = (uint32_t)buf;
    uint8_t direction = write ? 0 : BM_TO_MEMORY;

    for (int i = 0; bytes && i < MAX_PRDS; i++) {
        uint32_t part = bytes > 0x10000 ? 0x10000 : bytes;
        bytes -= part;
        prd[i * 2] = address;
        prd[i * 2 + 1] = (part & 0xffff) | (bytes ? 0 : 0x80000000u);
        address += part;
    }
    watch_interrupt();
    outb(bus_master + BM_COMMAND, 0);
    outb(bus_master + BM_STATUS, BM_INTERRUPT | BM_ERROR);
    outl(bus_master + BM_PRD, PRD_ADDR);
    outb(bus_master + BM_COMMAND, direction);
    const char *wrong = start_command(write ? WRITE_DMA : READ_DMA, lba, sectors);
    if (wrong) {
        return wrong;
    }
    outb(bus_master + BM_COMMAND, direction | BM_START);
    wrong = wait_bus_master();
    outb(bus_master + BM_COMMAND, direction);
    look_for_interrupt();
    inb(COMMAND);
    outb(bus_master + BM_STATUS, BM_INTERRUPT | BM_ERROR);
    return wrong ? wrong : wait_status(BSY | DRQ, 0);
}

typedef const char *transfer_fn(bool write, uint32_t lba, uint32_t sectors, uint8_t *buf);

static const char *in_parts(transfer_fn *transfer, bool write, uint32_t lba, uint32_t sectors,
                            uint8_t *buf)
{
    const char *wrong = NULL;

    while (!wrong && sectors) {
        uint32_t part = sectors > MAX_COMMAND_SECTORS ? MAX_COMMAND_SECTORS : sectors;
        wrong = transfer(write, lba, part, buf);
        lba += part;
        sectors -= part;
        buf += part * 512;
    }
    return wrong;
}

const char *ide_read_pio(uint32_t lba, uint32_t sectors, void *buf)
{
    return in_parts(transfer_pio, false, lba, sectors, buf);
}

const char *ide_write_pio(uint32_t lba, uint32_t sectors, const void *buf)
{
    return in_parts(transfer_pio, true, lba, sectors, (uint8_t *)buf);
}

const char *ide_read_dma(uint32_t lba, uint32_t sectors, void *buf)
{
    return in_parts(transfer_dma, false, lba, sectors, buf);
}

const char *ide_write_dma(uint32_t lba, uint32_t sectors, void *buf)
{
    return in_parts(transfer_dma, true, lba, sectors, buf);
}

const char *ide_flush(void)
{
    const char *wrong = start_command(FLUSH_CACHE, 0, 0);

    wrong = wrong ? wrong : wait_status(BSY | DRQ, 0);
    inb(COMMAND);
    return wrong;
}
