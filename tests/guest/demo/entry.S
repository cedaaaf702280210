/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Second stage, real-mode part: what only BIOS can tell (the memory map), A20, then 32-bit
 * protected mode with flat segments and main(). Loaded at STAGE2_ADDR by boot.S.
 */
#include "layout.h"

        .section .text16, "ax"
        .code16
        .globl entry16
entry16:
        jmp 1f
        .org 2
        .word STAGE2_MAGIC
1:      cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $BOOT_ADDR, %sp
        cld

        /* Memory map: INT 15h, E820h; %ebx carries the place in the list, 0 when it ends. */
        xorl %ebx, %ebx
        xorl %ebp, %ebp
        movw $E820_ADDR, %di
2:      movl $0xe820, %eax
        movl $0x534d4150, %edx
        movl $24, %ecx
        int $0x15
        jc 3f
        cmpl $0x534d4150, %eax
        jne 3f
        incw %bp
        addw $24, %di
        cmpw $E820_MAX, %bp
        jae 3f
        testl %ebx, %ebx
        jnz 2b
3:      movw %bp, E820_COUNT_ADDR

        inb $0x92, %al                  /* A20 on, without the reset bit */
        orb $2, %al
        andb $0xfe, %al
        outb %al, $0x92

        cli
        lgdtl gdt_pointer
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $8, $entry32

        .code32
entry32:
        movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw %ax, %fs
        movw %ax, %gs
        movl $STACK_TOP, %esp
        movl $bss_start, %edi
        movl $bss_end, %ecx
        subl %edi, %ecx
        xorl %eax, %eax
        rep stosb
        call demo_main
4:      cli
        hlt
        jmp 4b

        .balign 8
gdt:    .quad 0
        .quad 0x00cf9a000000ffff        /* 8: code, base 0, 4 GiB, 32 bit */
        .quad 0x00cf92000000ffff        /* 16: data */
gdt_pointer:
        .word . - gdt - 1
        .long gdt
