/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver of the absolute pointer, in little: asks the VMware port what it is, switches the PS/2 mouse and the
 * pointer on, and prints each packet when the mouse has sent something. It ends by a click of the right button.
 *
 *   version 00000006 564d5868 00000002
 *   without ffffffff
 *   enabled 00000001 3442554a
 *   packet 00000020 00001234 00005678 00000000
 *   off ffff0000
 */
#include "rom.h"

#define PORT 0x5658
#define MAGIC 0x564d5868
#define STACK 0x6000

        .macro call_vmware command, argument
        movl $MAGIC, %eax
        movl $\argument, %ebx
        movl $\command, %ecx
        movw $PORT, %dx
        inl %dx, %eax
        .endm

start:  cli
        xorw %ax, %ax
        movw %ax, %ss
        movw %ax, %ds
        movw $STACK, %sp

        print version
        call_vmware 10, 0
        call print3
        print ones
        movw $PORT, %dx
        movl $0, %eax                   /* without the magic number: nobody is there */
        inl %dx, %eax
        call print_eax
        call end_line

        movb $0xa8, %al                 /* the mouse's interface on, no interrupts */
        outb %al, $0x64
        movb $0x60, %al
        outb %al, $0x64
        call wait_ready
        movb $0x00, %al
        outb %al, $0x60
        movb $0xd4, %al                 /* reporting on */
        outb %al, $0x64
        call wait_ready
        movb $0xf4, %al
        outb %al, $0x60
        call get                        /* the acknowledgement */

        call_vmware 41, 0x45414552
        print enabled
        call_vmware 40, 0
        call print_eax
        call_vmware 39, 1
        call print_eax
        call_vmware 41, 0x53424152
        call end_line

        /* Until the right button goes down. */
next:   call get
        call get
        call get
1:      call_vmware 40, 0
        cmpl $4, %eax
        jb next
        call_vmware 39, 4
        pushl %eax
        pushl %edx
        pushl %ecx
        pushl %ebx
        pushl %eax
        print packet
        popl %eax
        call print_eax
        popl %eax
        call print_eax
        popl %eax
        call print_eax
        popl %eax
        call print_eax
        call end_line
        popl %eax
        testb $0x10, %al
        jz 1b

        call_vmware 41, 0xf5
        print off
        call_vmware 40, 0
        call print_eax
        call end_line
        debug_exit 0x10

version: .asciz "version"
ones:    .asciz "without"
enabled: .asciz "enabled"
packet:  .asciz "packet"
off:     .asciz "off"

/* A byte of the mouse in al. */
get:    inb $0x64, %al
        testb $1, %al
        jz get
        inb $0x60, %al
        ret

wait_ready:
        inb $0x64, %al
        testb $2, %al
        jnz wait_ready
        ret

/* " eax ebx ecx" and a line end. */
print3: pushl %ecx
        pushl %ebx
        call print_eax
        popl %eax
        call print_eax
        popl %eax
        call print_eax
        jmp end_line

print_eax:
        movl %eax, %ebx
        movb $' ', %al
        call put
        movw $8, %cx
1:      roll $4, %ebx
        movb %bl, %al
        andb $15, %al
        addb $'0', %al
        cmpb $'9', %al
        jbe 2f
        addb $'a' - '9' - 1, %al
2:      call put
        loop 1b
        ret

end_line:
        movb $10, %al
put:    pushw %dx
        movb %al, %ah
        movw $COM1 + 5, %dx
1:      inb %dx, %al
        testb $0x20, %al
        jz 1b
        movb %ah, %al
        movw $COM1, %dx
        outb %al, %dx
        popw %dx
        ret
