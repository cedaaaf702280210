/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For ROM guests (-bios FILE of 64 KiB): entry by the reset vector, in real mode with cs.base
 * ffff0000. Macros keep to cs: for data, since nothing is in RAM.
 */
#define COM1 0x3f8
#define DEBUG_EXIT 0xf4

        .code16
        .section .reset, "ax"
        jmp start
        .text

/* Sends the NUL-terminated text at cs:label; spoils ax, dx, si. */
        .macro print label
        movw $\label, %si
        call print_text
        .endm

/* Ends the emulator with exit code (value << 1) | 1. */
        .macro debug_exit value
        movb $\value, %al
        outb %al, $DEBUG_EXIT
        cli
        hlt
        .endm

print_text:
        movw $COM1 + 5, %dx
1:      inb %dx, %al
        testb $0x20, %al
        jz 1b
        movb %cs:(%si), %al
        incw %si
        testb %al, %al
        jz 2f
        movw $COM1, %dx
        outb %al, %dx
        jmp print_text
2:      ret
