/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector of a floppy, for any format: reads tracks by INT 13h (the rest of the first one, the
 * other side, the next cylinder, the last track of all), adds their bytes, writes its last sector
 * and reads it back, says all that on COM1 and ends by the debug port. The test fills in the format.
 */
#define COM1 0x3f8
#define DEBUG_EXIT 0xf4
#define BUFFER 0x1000 /* segment */

        .code16
        .globl _start
_start: jmp 1f
        .org 0x18
spt:    .word 18
heads:  .word 2
lastcyl: .word 79
1:      ljmp $0, $2f
2:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7c00, %sp
        movb %dl, drive
        movw $text, %si
        call print
        movb drive, %al
        call hex

        movw $type, %si         /* what the BIOS knows of the drive */
        call print
        movb $8, %ah
        movb drive, %dl
        pushw %es
        int $0x13
        popw %es
        movb %bl, %al
        call hex

        movw $0x0002, %cx       /* cylinder 0, from sector 2 */
        movb $0, %dh
        movb spt, %al
        decb %al
        call track
        cmpb $1, heads
        je 3f
        movw $0x0001, %cx
        movb $1, %dh
        call whole
3:      movw $0x0101, %cx
        movb $0, %dh
        call whole
        movb lastcyl, %ch
        movb $1, %cl
        movb heads, %dh
        decb %dh
        call whole
        movw $sumtext, %si
        call print
        movw sum, %ax
        call word

        movw $BUFFER, %ax       /* the last sector, all 5A, and back */
        movw %ax, %es
        xorw %di, %di
        movw $512, %cx
        movb $0x5a, %al
        cld
        rep stosb
        movb lastcyl, %ch
        movb spt, %cl
        movb heads, %dh
        decb %dh
        movw $0x0301, %ax
        call disk
        movw $wrtext, %si
        call print
        movb status, %al
        call hex
        movw $0, sum
        movb lastcyl, %ch
        movb spt, %cl
        movb heads, %dh
        decb %dh
        movb $1, %al
        call track
        movw $backtext, %si
        call print
        movw sum, %ax
        call word
        movw $end, %si
        call print
        movb $0x31, %al
        outb %al, $DEBUG_EXIT
4:      cli
        hlt
        jmp 4b

whole:  movb spt, %al
/* AL sectors from CH, CL, DH: their bytes into sum; an error leaves it odd in a way that shows. */
track:  movb %al, count
        movb $2, %ah
        call disk
        movw $BUFFER, %ax
        movw %ax, %es
        xorw %di, %di
        xorw %ax, %ax
        movb count, %ah
        addw %ax, %ax           /* bytes */
        movw %ax, %cx
        movw sum, %bx
5:      movb %es:(%di), %al
        xorb %ah, %ah
        addw %ax, %bx
        incw %di
        loop 5b
        movw %bx, sum
        ret

disk:   movw $BUFFER, %bx
        movw %bx, %es
        xorw %bx, %bx
        movb drive, %dl
        int $0x13
        movb %ah, status
        jnc 6f
        movw $failed, %si
        call print
        movb status, %al
        call hex
6:      ret

print:  lodsb
        testb %al, %al
        jz 7f
        call send
        jmp print
7:      ret

word:   pushw %ax
        movb %ah, %al
        call hex
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

sum:    .word 0
drive:  .byte 0
status: .byte 0
count:  .byte 0
text:   .asciz "floppy: drive "
type:   .asciz " type "
sumtext: .asciz " sum "
wrtext: .asciz " write "
backtext: .asciz " back "
failed: .asciz " FAILED "
end:    .asciz "\r\n"
        .org 510
        .word 0xaa55
