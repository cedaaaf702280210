/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One memory-mapped byte, read (-DREAD) or written, 256 times a batch: at the start of the VGA
 * window, which the adapter's planar mode makes trap, or (-DBAR) a register in its BAR 2.
 */
#include "bench.h"

#define VGA PCI_FUNCTION(2, 0)
#define BAR2 0xfebf0000
#ifdef BAR
#define ADDRESS (BAR2 + 0x408)          /* port 0x3c8: the palette's write index */
#else
#define ADDRESS 0xa0000
#endif

        .macro vga_index port, index, value
        out16 \port, (\value << 8 | \index)
        .endm

start:  cli
        pci_write32 VGA, 0x18, BAR2
        pci_write32 VGA, 0x04, 3        /* decode ports and memory */
        out8 0x3c2, 0x63                /* memory on, colour ports */
        vga_index 0x3c4, 2, 0x0f        /* all planes */
        vga_index 0x3c4, 4, 0x06        /* planar */
        vga_index 0x3ce, 5, 0x00        /* write mode 0, read mode 0 */
        vga_index 0x3ce, 6, 0x05        /* graphics, 64 KiB at a0000 */
        vga_index 0x3ce, 8, 0xff
        lgdtl %cs:gdt_pointer
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $8, $0xf0000 + flat
        .code32
flat:   movw $16, %ax
        movw %ax, %ds
1:      mark
        movl $ADDRESS, %ebx
        movl $256 / 16, %ecx
2:      .rept 16
#ifdef READ
        movb (%ebx), %al
#else
        movb %al, (%ebx)
#endif
        .endr
        decl %ecx
        jnz 2b
        jmp 1b

        .balign 8
gdt:    .quad 0                         /* "accessed" is set: the processor cannot write it to ROM */
        .quad 0x00cf9b000000ffff
        .quad 0x00cf93000000ffff
gdt_pointer:
        .word . - gdt - 1
        .long 0xf0000 + gdt
