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

/*
 * From real mode with all segments at 0 (enter_low) to 64-bit mode with the first 64 MiB mapped to themselves,
 * and vector 76h at the label irq14. Where KVM emulates other modes instruction by instruction, a guest that
 * is to measure a device has to be here. Intel SDM volume 3, 9.8.5; the tables are at 1000h .. 5fffh.
 */
        .macro enter_long
        movl $0x2003, 0x1000            /* PML4, PDPT: present, writable */
        movl $0x3003, 0x2000
        movl $0x83, %eax                /* and 2 MiB large */
        movw $0x3000, %di
        movw $32, %cx
1:      movl %eax, (%di)
        addl $0x200000, %eax
        addw $8, %di
        decw %cx
        jnz 1b
        movw $irq14, 0x4000 + 0x76 * 16 /* an interrupt gate */
        movw $8, 0x4002 + 0x76 * 16
        movw $0x8e00, 0x4004 + 0x76 * 16
        movw $0xf, 0x4006 + 0x76 * 16
        lgdtl %cs:gdt_pointer
        lidtl %cs:idt_pointer
        movl %cr4, %eax
        orl $0x20, %eax                 /* PAE */
        movl %eax, %cr4
        movl $0x1000, %eax
        movl %eax, %cr3
        movl $0xc0000080, %ecx          /* EFER: LME */
        rdmsr
        orl $0x100, %eax
        wrmsr
        movl %cr0, %eax
        orl $0x80000001, %eax
        movl %eax, %cr0
        ljmpl $8, $0xf0000 + in_long_mode
        .balign 8
gdt:    .quad 0
        .quad 0x00af9b000000ffff
        .quad 0x00cf93000000ffff
gdt_pointer:
        .word . - gdt - 1
        .long 0xf0000 + gdt
idt_pointer:
        .word 0x77 * 16 - 1
        .long 0x4000
        .code64
in_long_mode:
        movl $16, %eax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $0x7000, %esp
        .endm
