/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that says on COM1 that it was reached, with what BIOS tells of the machine (boot
 * drive, KiB of base memory by INT 12h, CMOS's processors less one), and ends by the debug port.
 */
#define COM1 0x3f8
#define DEBUG_EXIT 0xf4

        .code16
        .globl _start
_start: ljmp $0, $1f
1:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7c00, %sp
        movb %dl, drive
        movw $text, %si
        call print
        movb drive, %al
        call hex
        movw $base, %si
        call print
        int $0x12
        movw %ax, %bx
        movb %bh, %al
        call hex
        movb %bl, %al
        call hex
        movw $cpus, %si
        call print
        movb $0x5f, %al
        outb %al, $0x70
        inb $0x71, %al
        call hex
        movw $end, %si
        call print
        movb $0x31, %al
        outb %al, $DEBUG_EXIT
2:      cli
        hlt
        jmp 2b

print:  lodsb
        testb %al, %al
        jz 3f
        call send
        jmp print
3:      ret

hex:    pushw %ax
        shrb $4, %al
        call digit
        popw %ax
        andb $15, %al
digit:  addb $'0', %al
        cmpb $'9', %al
        jbe send
        addb $'a' - '9' - 1, %al
send:   movw $COM1, %dx
        outb %al, %dx
        ret

drive:  .byte 0
text:   .asciz "bootsect: drive "
base:   .asciz " base "
cpus:   .asciz " cpus-1 "
end:    .asciz "\r\n"
        .org 510
        .word 0xaa55
