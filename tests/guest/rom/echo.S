/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that shows what is typed, by the BIOS alone: INT 16h to INT 10h. Tab goes to mode 12h
 * (640 x 480 in 16 colours) and on.
 */
    .code16
    .globl _start
_start:
    xorw %ax, %ax
    movw %ax, %ds
    cld
    movw $banner, %si
say:
    lodsb
    testb %al, %al
    jz read
    call put
    jmp say
read:
    xorb %ah, %ah
    int $0x16
    testb %al, %al              /* a key without a character */
    jz read
    cmpb $9, %al
    je graphics
    cmpb $13, %al
    jne show
    call put
    movb $10, %al
show:
    call put
    jmp read
graphics:
    movw $0x12, %ax
    int $0x10
    jmp read

put:                            /* al */
    movb $0x0e, %ah
    movw $0x000a, %bx           /* light green in graphics modes */
    int $0x10
    ret

banner:
    .asciz "Type away:\r\n"
    .org 510
    .word 0xaa55
