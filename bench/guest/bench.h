/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the benchmarks' ROM guests (-bios FILE of 64 KiB): entry by the reset vector, in real mode with
 * cs.base ffff0000. A guest does its work in batches for ever and writes four bytes to a debug console
 * before each: the low half of its time stamp counter, least byte first, so that neither the start nor the
 * host's schedule of whoever reads it is in what a batch takes.
 */
#define MARK_PORT 0x402
#define DEBUG_EXIT 0xf4

        .code16
        .section .reset, "ax"
        jmp start
        .text

/* The start of a batch. Spoils eax and edx. */
        .macro mark
        rdtsc
        movw $MARK_PORT, %dx
        .rept 4
        outb %al, %dx
        shrl $8, %eax
        .endr
        .endm

        .macro out8 port, value
        movw $\port, %dx
        movb $\value, %al
        outb %al, %dx
        .endm

        .macro out16 port, value
        movw $\port, %dx
        movw $\value, %ax
        outw %ax, %dx
        .endm

        .macro out32 port, value
        movw $\port, %dx
        movl $\value, %eax
        outl %eax, %dx
        .endm

/* A dword of the configuration space of bus 0 (PCI 2.1, 3.7.4.1, mechanism 1). */
#define PCI_FUNCTION(slot, function) (0x80000000 | (slot) << 11 | (function) << 8)
        .macro pci_write32 function, offset, value
        out32 0xcf8, (\function + \offset)
        out32 0xcfc, \value
        .endm

/* Real mode with all segments at 0 and the code in the copy below 1 MiB. */
        .macro enter_low
        cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x6000, %sp
        ljmp $0xf000, $1f
1:
        .endm
