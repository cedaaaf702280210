/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that does what COM1 tells it, so that one guest enters every video mode. It says '!'
 * when it is ready and after each command; a command is a letter and words of its own, low byte first:
 *
 *   I ax bx cx dx es di   INT 10h with these registers; answers AX, BX and CX before the '!'
 *   W es di cx ax bx dx   stores cx words (0: 65536) from es:di: ax, then each bx more, ANDed with dx
 *   R es di               answers the word at es:di
 *   O dx ax               outb of AL to DX
 *   P dx ax               outw of AX to DX
 *   G dx                  answers the byte (as a word) of an inb from DX
 */
#define COM1 0x3f8
#define BUFFER 0x600

        .code16
        .globl _start
_start: ljmp $0, $1f
1:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7c00, %sp
        cld
ready:  movb $'!', %al
        call send
next:   call get
        xorw %bx, %bx
        cmpb $'I', %al
        je bios
        cmpb $'W', %al
        je words
        cmpb $'R', %al
        je read
        cmpb $'O', %al
        je out8
        cmpb $'P', %al
        je out16
        cmpb $'G', %al
        je in8
        jmp next

bios:   movw $6, %cx
        call args
        movw BUFFER, %ax
        movw BUFFER + 2, %bx
        movw BUFFER + 4, %cx
        movw BUFFER + 6, %dx
        movw BUFFER + 8, %es
        movw BUFFER + 10, %di
        int $0x10
        pushw %cx
        pushw %bx
        pushw %ax
        xorw %ax, %ax
        movw %ax, %ds
        cld
        popw %ax
        call word
        popw %ax
        call word
        popw %ax
        call word
        jmp ready

words:  movw $6, %cx
        call args
        movw BUFFER, %es
        movw BUFFER + 2, %di
        movw BUFFER + 4, %cx
        movw BUFFER + 6, %ax
        movw BUFFER + 8, %bx
        movw BUFFER + 10, %dx
        movw %ax, %bp
2:      movw %bp, %ax
        andw %dx, %ax
        stosw
        addw %bx, %bp
        loop 2b
        jmp ready

read:   movw $2, %cx
        call args
        movw BUFFER, %es
        movw BUFFER + 2, %di
        movw %es:(%di), %ax
        call word
        jmp ready

out8:   call port
        outb %al, %dx
        jmp ready
out16:  call port
        outw %ax, %dx
        jmp ready
in8:    movw $1, %cx
        call args
        movw BUFFER, %dx
        inb %dx, %al
        xorb %ah, %ah
        call word
        jmp ready

port:   movw $2, %cx
        call args
        movw BUFFER, %dx
        movw BUFFER + 2, %ax
        ret

/* cx words to BUFFER */
args:   addw %cx, %cx
        movw $BUFFER, %si
3:      call get
        movb %al, (%si)
        incw %si
        loop 3b
        ret

get:    movw $COM1 + 5, %dx
4:      inb %dx, %al
        testb $1, %al
        jz 4b
        movw $COM1, %dx
        inb %dx, %al
        ret

word:   call send
        movb %ah, %al
send:   pushw %dx
        pushw %ax
        movw $COM1 + 5, %dx
5:      inb %dx, %al
        testb $0x20, %al
        jz 5b
        popw %ax
        movw $COM1, %dx
        outb %al, %dx
        popw %dx
        ret

        .org 510
        .word 0xaa55
