/* SPDX-License-Identifier: GPL-2.0-or-later */
    .section .rodata
    .globl rom_linuxboot, rom_linuxboot_end, rom_multiboot, rom_multiboot_end
rom_linuxboot:
    .incbin "linuxboot.bin"
rom_linuxboot_end:
rom_multiboot:
    .incbin "multiboot.bin"
rom_multiboot_end:
    .section .note.GNU-stack, "", @progbits
