/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a network card's boot ROM loads and starts at 0:7c00. Its file goes on behind it with data of the test's;
 * the sum over all of it goes to COM1, then the debug port ends the VM.
 */
#define COM1 0x3f8
#define DEBUG_EXIT 0xf4

        .code16
        .globl _start
_start: ljmp $0, $1f
        .org 8
length: .long 0 # of the file; the test writes it
1:      cli
        cld
        xorw %ax, %ax
        movw %ax, %ds
        xorl %edx, %edx
        movl $0x7c00, %ebx
        movl length, %ecx
2:      movl %ebx, %eax # byte at the linear address %ebx
        shrl $4, %eax
        movw %ax, %es
        movw %bx, %di
        andw $15, %di
        movzbl %es:(%di), %eax
        roll $1, %edx
        addl %eax, %edx
        incl %ebx
        decl %ecx
        jnz 2b
        movw $text, %si
        call print
        movl %edx, %ebp
        movw $8, %cx
3:      roll $4, %ebp
        movl %ebp, %eax
        andb $15, %al
        call digit
        loop 3b
        movw $end, %si
        call print
        movb $0x31, %al
        outb %al, $DEBUG_EXIT
4:      hlt
        jmp 4b

print:  lodsb
        testb %al, %al
        jz 5f
        call send
        jmp print
5:      ret

digit:  addb $'0', %al
        cmpb $'9', %al
        jbe send
        addb $'a' - '9' - 1, %al
send:   pushw %dx
        movw $COM1, %dx
        outb %al, %dx
        popw %dx
        ret

text:   .asciz "netboot: sum "
end:    .asciz "\r\n"
