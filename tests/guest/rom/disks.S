/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that says on COM1 how many disks the BIOS has and which they are: the boot drive, the
 * count at 40:75, then for each drive the first byte of its second sector (by EDD) and the heads of its
 * geometry by INT 13h, or "--" for one that cannot be read. Ends by the debug port.
 */
#define COM1 0x3f8
#define DEBUG_EXIT 0xf4
#define BUFFER 0x8000

        .code16
        .globl _start
_start: ljmp $0, $1f
1:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x7c00, %sp
        cld
        movb %dl, %al
        movw $text, %si
        call show
        movb 0x475, %al
        movw $count, %si
        call show
        movb $0x80, drive
2:      movb drive, %al
        subb $0x80, %al
        cmpb 0x475, %al
        jae 5f
        movb $' ', %al
        call send
        movb $0x42, %ah
        movb drive, %dl
        movw $packet, %si
        int $0x13
        jc 3f
        movb BUFFER, %al
        call hex
        movb $':', %al
        call send
        movb $8, %ah
        movb drive, %dl
        xorw %di, %di
        int $0x13
        jc 3f
        xorw %ax, %ax
        movw %ax, %es
        movb %dh, %al
        call hex
        jmp 4f
3:      movw $bad, %si
        call print
4:      incb drive
        jmp 2b
5:      movw $end, %si
        call print
        movb $0x31, %al
        outb %al, $DEBUG_EXIT
6:      cli
        hlt
        jmp 6b

/* the text at %si, then %al */
show:   pushw %ax
        call print
        popw %ax
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

print:  lodsb
        testb %al, %al
        jz 7f
        call send
        jmp print
7:      ret

drive:  .byte 0
packet: .byte 16, 0
        .word 1, BUFFER, 0
        .long 1, 0
text:   .asciz "disks: boot "
count:  .asciz " count "
bad:    .asciz "--"
end:    .asciz "\r\n"
        .org 510
        .word 0xaa55
