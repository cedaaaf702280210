/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a multiboot kernel that dm/machine/kernel.c has put into fw_cfg: the image, the modules, and an
 * information block whose memory map is filled in here, from the BIOS. Then protected mode as the
 * Multiboot Specification 0.6.96, section 3.2, has it.
 */
#include "fwcfg.inc"

/* The information block: at most 32 KiB, then the memory map. As in dm/machine/kernel.c. */
#define INFO_SEGMENT 0x1000
#define INFO_ADDR 0x10000
#define MAP_OFFSET 0x8000
#define MAP_END 0x9800 /* 256 entries */
#define MBI_MMAP_LENGTH 44
#define MBI_MMAP_ADDR 48

    rom_head "Multiboot loader"

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
    load KEY_KERNEL_ADDR, KEY_KERNEL_SIZE, KEY_KERNEL_DATA
    load KEY_INITRD_ADDR, KEY_INITRD_SIZE, KEY_INITRD_DATA

    /* Entries: u32 size (of what follows), then as INT 15h E820 gives them. */
    movw $INFO_SEGMENT, %ax
    movw %ax, %es
    movw $MAP_OFFSET, %di
    xorl %ebx, %ebx
next:
    movl $20, %es:(%di)
    addw $4, %di
    movl $0xe820, %eax
    movl $20, %ecx
    movl $0x534d4150, %edx
    int $0x15
    jc last
    addw $20, %di
    testl %ebx, %ebx
    jz done
    cmpw $MAP_END, %di
    jb next
    jmp done
last:
    subw $4, %di
done:
    subw $MAP_OFFSET, %di
    movzwl %di, %edi
    movl %edi, %es:MBI_MMAP_LENGTH
    movl $INFO_ADDR + MAP_OFFSET, %es:MBI_MMAP_ADDR

    movw $KEY_KERNEL_ENTRY, %ax
    call read_number
    movl %eax, %ebp

    /* The descriptor table is copied out of the ROM, whose segment is not known here. */
    movw $gdt, %si
    movw $0x7e00, %di
    xorw %ax, %ax
    movw %ax, %es
    movw $(gdt_end - gdt) / 2, %cx
1:  movw %cs:(%si), %ax
    movw %ax, %es:(%di)
    addw $2, %si
    addw $2, %di
    loop 1b
    cli
    lgdtl 0x7e00
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    /* The jump into 32-bit code below 1 MiB: its address is this ROM's segment times 16. */
    xorl %eax, %eax
    movw %cs, %ax
    shll $4, %eax
    addl $flat, %eax
    pushl $8
    pushl %eax
    lretl

    .code32
flat:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl %ebp, %ecx
    movl $0x2badb002, %eax
    movl $INFO_ADDR, %ebx
    xorl %ebp, %ebp
    jmp *%ecx
    .code16

    .align 8
gdt:                    /* the first entry, never used by the processor, is the table's own address */
    .short gdt_end - gdt - 1
    .long 0x7e00
    .short 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
gdt_end:

    fwcfg_routines
    .org 1023
    .byte 0             /* checksum */
