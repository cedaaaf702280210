/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The demo disk's boot sector: loads the second stage by INT 13h and goes there.
 * BIOS enters at 0:7c00 in real mode with the boot drive's number in %dl.
 */
#include "layout.h"

        .code16
        .globl _start
_start:
        ljmp $0, $1f
1:      cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $BOOT_ADDR, %sp
        sti
        cld
        movw $packet, %si
        movb $0x42, %ah                 /* extended read: LBA, so no geometry is needed */
        int $0x13
        jc failed
        cmpw $STAGE2_MAGIC, STAGE2_ADDR + 2
        jne failed
        ljmp $0, $STAGE2_ADDR

failed: movw $message, %si
2:      lodsb
        testb %al, %al
        jz 3f
        movb $0x0e, %ah
        movw $7, %bx
        int $0x10
        movw $COM1, %dx                 /* the serial line too, where tests look */
        outb %al, %dx
        jmp 2b
3:      cli
        hlt
        jmp 3b

        .balign 4
packet: .byte 16, 0
        .word STAGE2_SECTORS
        .word STAGE2_ADDR, 0            /* offset, segment */
        .quad STAGE2_LBA
message:
        .asciz "demo: FAILED: the boot sector cannot read the second stage\r\n"

        .org 510
        .word 0xaa55
