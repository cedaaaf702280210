/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primary channel of PIIX3's IDE function with one disk, set up as firmware would. ATA/ATAPI-6,
 * 6.2 (Command Block registers), 8.34, 8.47; 82371SB, 2.3 (function 1).
 */
#define IDE PCI_FUNCTION(1, 1)
#define BM 0xc000
#define TF 0x1f0
#define CONTROL 0x3f6

        .macro ide_on
        pci_write32 IDE, 0x20, (BM + 1)
        pci_write32 IDE, 0x40, 0x80008000 /* decode both channels */
        pci_write32 IDE, 0x04, 5        /* ports, bus master */
        .endm

/* Waits until BSY is clear and the bits of `mask` are set. Spoils al and dx. */
        .macro ide_wait mask
        movw $TF + 7, %dx
9:      inb %dx, %al
        andb $(0x80 | \mask), %al
        cmpb $\mask, %al
        jne 9b
        .endm

/* A 28-bit command at LBA 0. */
        .macro ide_command command, sectors
        out8 TF + 6, 0xe0
        out8 TF + 2, (\sectors & 0xff)
        out8 TF + 3, 0
        out8 TF + 4, 0
        out8 TF + 5, 0
        out8 TF + 7, \command
        .endm
