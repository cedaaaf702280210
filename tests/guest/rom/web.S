/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector for the web console's test. Keys go to the screen as they are typed; the digits 1, 2 and 3 set
 * modes 03h, 12h and 13h. What comes on the first serial port goes back in angle brackets.
 */
#define COM 0x3f8
    .code16
    .globl _start
_start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    movw $COM + 3, %dx /* 115200 baud, 8 bits */
    movb $0x80, %al
    outb %al, %dx
    movw $COM, %dx
    movw $1, %ax
    outb %al, %dx
    incw %dx
    movb $0, %al
    outb %al, %dx
    movw $COM + 3, %dx
    movb $3, %al
    outb %al, %dx
    sti
    movw $0x0003, %ax
    int $0x10
    movw $hello, %si
    call print
    movw $hello, %si
1:  lodsb
    testb %al, %al
    jz again
    call put_serial
    jmp 1b

again:
    movw $COM + 5, %dx
    inb %dx, %al
    testb $1, %al
    jz 1f
    movw $COM, %dx
    inb %dx, %al
    movb %al, %bl
    movb $'<', %al
    call put_serial
    movb %bl, %al
    call put_serial
    movb $'>', %al
    call put_serial
1:  movb $1, %ah
    int $0x16
    jz again
    movb $0, %ah
    int $0x16
    cmpb $'1', %al
    jb 2f
    cmpb $'3', %al
    ja 2f
    movzbw %al, %bx
    movzbw modes - '1'(%bx), %ax
    int $0x10
    movw $hello, %si
    call print
    jmp again
2:  call put_screen
    jmp again

print:
    lodsb
    testb %al, %al
    jz 1f
    call put_screen
    jmp print
1:  ret

put_screen:
    movb $0x0e, %ah
    movw $0x000f, %bx
    int $0x10
    ret

put_serial:
    movb %al, %cl
    movw $COM + 5, %dx
1:  inb %dx, %al
    testb $0x20, %al
    jz 1b
    movw $COM, %dx
    movb %cl, %al
    outb %al, %dx
    ret

modes:
    .byte 0x03, 0x12, 0x13
hello:
    .asciz "the web guest is here\r\n"
    .org 510
    .word 0xaa55
