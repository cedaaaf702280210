/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a Linux kernel that dm/machine/kernel.c has put into fw_cfg: copies it to where its header says and
 * jumps to its real-mode part (Linux Documentation/arch/x86/boot.rst, "Running the kernel").
 */
#include "fwcfg.inc"

    rom_head "Linux loader"

boot:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7000, %esp
    sti
    load KEY_SETUP_ADDR, KEY_SETUP_SIZE, KEY_SETUP_DATA
    load KEY_CMDLINE_ADDR, KEY_CMDLINE_SIZE, KEY_CMDLINE_DATA
    load KEY_KERNEL_ADDR, KEY_KERNEL_SIZE, KEY_KERNEL_DATA
    load KEY_INITRD_ADDR, KEY_INITRD_SIZE, KEY_INITRD_DATA

    /* Stack and heap lie between the real-mode part and the command line. */
    movw $KEY_CMDLINE_ADDR, %ax
    call read_number
    movl %eax, %ebx
    movw $KEY_SETUP_ADDR, %ax
    call read_number
    subl %eax, %ebx
    subl $16, %ebx
    shrl $4, %eax
    cli
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl %ebx, %esp
    addw $0x20, %ax
    pushw %ax
    pushw $0
    xorl %ebx, %ebx
    lret

    fwcfg_routines
    .org 1023
    .byte 0             /* checksum */
