/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets the machine once, by METHOD, and ends by the debug port when it comes up again. RAM keeps
 * its contents over a reset, so a mark there tells the second start from the first.
 */
#include "rom.h"

#define KEYBOARD 1
#define PORT_92 2
#define PORT_CF9 3
#define TRIPLE_FAULT 4
#define BEYOND_KVM 5

#define MARK_ADDR 0x500
#define MARK 0x72657365

start:  cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7000, %sp
        cmpl $MARK, MARK_ADDR
        je again
        movl $MARK, MARK_ADDR
        print first
#if METHOD == KEYBOARD
1:      inb $0x64, %al                  /* until the controller takes commands */
        testb $2, %al
        jnz 1b
        movb $0xfe, %al                 /* pulse output line 0 */
        outb %al, $0x64
#elif METHOD == PORT_92
        inb $0x92, %al
        andb $0xfe, %al
        outb %al, $0x92
        orb $1, %al
        outb %al, $0x92
#elif METHOD == PORT_CF9
        movw $0xcf9, %dx
        movb $0x02, %al                 /* hard reset ... */
        outb %al, %dx
        movb $0x06, %al                 /* ... now */
        outb %al, %dx
#elif METHOD == TRIPLE_FAULT || METHOD == BEYOND_KVM
        lidtl %cs:no_idt                /* no exception can be delivered */
        lgdtl %cs:gdt_pointer
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $8, $0xf0000 + fault
        .code32
fault:
#if METHOD == BEYOND_KVM
        int3                            /* a KVM that interprets guest code lacks this */
#endif
        movw $0x7777, %ax               /* beyond the GDT: #GP, #DF, shutdown */
        movw %ax, %ds
        ud2
        .code16
#endif
2:      hlt
        jmp 2b

again:  print second
        debug_exit 0x10

first:  .asciz "reset: first start\r\n"
second: .asciz "reset: second start\r\n"
#if METHOD == TRIPLE_FAULT || METHOD == BEYOND_KVM
        .balign 8
no_idt: .word 0
        .long 0
        .balign 8
gdt:    .quad 0                         /* "accessed" is set: the processor cannot write it to ROM */
        .quad 0x00cf9b000000ffff
gdt_pointer:
        .word . - gdt - 1
        .long 0xf0000 + gdt
#endif
