/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends CPUID as it shows itself to COM1, in binary: for each leaf and subleaf 24 bytes, leaf, subleaf, EAX, EBX, ECX,
 * EDX, each with its lowest byte first; then it ends. The stack is in RAM; nothing else is.
 */
#include "rom.h"

start:  cli
        xorw %ax, %ax
        movw %ax, %ss
        movw $0x7000, %sp
        movw $ranges, %di
1:      movl %cs:(%di), %esi            /* the first leaf, how many, and subleaves of each */
        movw %cs:4(%di), %bp
        testw %bp, %bp
        jz 4f
2:      xorl %ecx, %ecx
3:      pushl %ecx
        call leaf
        popl %ecx
        incl %ecx
        cmpw %cs:6(%di), %cx
        jb 3b
        incl %esi
        decw %bp
        jnz 2b
        addw $8, %di
        jmp 1b
4:      debug_exit 0x10

/* Leaf ESI, subleaf ECX. */
leaf:   movl %esi, %eax
        call dword
        movl %ecx, %eax
        call dword
        movl %esi, %eax
        cpuid
        pushl %edx
        pushl %ecx
        pushl %ebx
        call dword
        popl %eax
        call dword
        popl %eax
        call dword
        popl %eax
/* EAX to COM1; keeps all but EAX and EDX. */
dword:  pushw %cx
        movw $4, %cx
1:      pushl %eax
        movw $COM1 + 5, %dx
2:      inb %dx, %al
        testb $0x20, %al
        jz 2b
        popl %eax
        movw $COM1, %dx
        outb %al, %dx
        shrl $8, %eax
        loop 1b
        popw %cx
        ret

ranges: .long 0
        .word 14, 4
        .long 0x40000000
        .word 2, 1
        .long 0x80000000
        .word 9, 1
        .long 0x8000000a
        .word 1, 1
        .long 0x8000001d
        .word 2, 1
        .long 0
        .word 0, 0
