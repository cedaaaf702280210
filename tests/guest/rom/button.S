/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector for management tests: says "button: ready" on COM1 and on the screen, shows each key as
 * "key XX" (its character) on COM1, and switches the machine off (S5) at the ACPI power button, as an operating system
 * does, or three seconds after the key q. PM registers at b000h, where SeaBIOS has put
 * PIIX4's (PIIX4 data book 290562, 7.2: PM1_STS at 0, PM1_CNT at 4).
 *
 * PCI hotplug, as _E01 and _EJ0 of SeaBIOS's DSDT do it: each card that is there by hotplug is shown as "card SLOT ID"
 * at each event, and one that is asked for is let go at once: "gone SLOT ID", with what configuration space reads as
 * by the next instruction.
 */
#define COM1 0x3f8
#define PM1_STS 0xb000
#define PM1_CNT 0xb004
#define PWRBTN_STS (1 << 8)
#define GPE_STS 0xafe0
#define GPE_PCI 2
#define PCI_UP 0xae00
#define PCI_DOWN 0xae04
#define PCI_EJECT 0xae08
#define SLP_EN (1 << 13) /* SLP_TYP 0: soft off */

        .code16
        .globl _start
_start: ljmp $0, $1f
1:      xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7c00, %sp
        cld
        movw $PM1_STS, %dx
        movw $0xffff, %ax
        outw %ax, %dx
        movw $ready, %si
        call print
2:      movw $PM1_STS, %dx
        inw %dx, %ax
        testw $PWRBTN_STS, %ax
        jnz off
        movw $GPE_STS, %dx
        inw %dx, %ax
        testb $GPE_PCI, %al
        jz 9f
        outw %ax, %dx
        call cards
9:      movb $1, %ah
        int $0x16
        jz 3f
        movb $0, %ah
        int $0x16
        movb %al, last
        pushw %ax
        movw $key, %si
        call print
        popw %ax
        call hex
        movw $newline, %si
        call print
        cmpb $'q', last
        jne 3f
        movw 0x46c, %bx /* the BIOS's count of ticks: three seconds, so that whoever typed sees it through */
        addw $55, %bx
8:      sti
        hlt
        cmpw %bx, 0x46c
        jne 8b
        jmp off
3:      sti
        hlt             /* the timer's interrupt at the latest */
        jmp 2b

off:    movw $bye, %si
        call print
        movw $PM1_CNT, %dx
        movw $SLP_EN, %ax
        outw %ax, %dx
4:      hlt
        jmp 4b

cards:  movb $0, slot
1:      movb slot, %cl
        movl $1, %ebp
        shll %cl, %ebp
        movw $PCI_DOWN, %dx
        inl %dx, %eax
        testl %ebp, %eax
        jz 2f
        movl %ebp, %eax
        movw $PCI_EJECT, %dx
        outl %eax, %dx
        movw $gone, %si
        call tell
        jmp 3f
2:      movw $PCI_UP, %dx
        inl %dx, %eax
        testl %ebp, %eax
        jz 3f
        movw $card, %si
        call tell
3:      incb slot
        cmpb $32, slot
        jb 1b
        ret

tell:   movzbl slot, %eax
        shll $11, %eax
        orl $0x80000000, %eax
        movw $0xcf8, %dx
        outl %eax, %dx
        movw $0xcfc, %dx
        inl %dx, %eax
        pushl %eax
        call print
        movb slot, %al
        call hex
        movb $' ', %al
        call put
        popl %eax
        movw $4, %cx
4:      roll $8, %eax
        pushl %eax
        pushw %cx
        call hex
        popw %cx
        popl %eax
        loop 4b
        movw $newline, %si

print:  lodsb
        testb %al, %al
        jz 5f
        call put
        jmp print
5:      ret

hex:    pushw %ax
        shrb $4, %al
        call 6f
        popw %ax
        andb $15, %al
6:      addb $'0', %al
        cmpb $'9', %al
        jbe put
        addb $39, %al

put:    pushw %ax
        movw $COM1 + 5, %dx
7:      inb %dx, %al
        testb $0x20, %al
        jz 7b
        popw %ax
        pushw %ax
        movw $COM1, %dx
        outb %al, %dx
        movb $0xe, %ah
        movw $7, %bx
        int $0x10
        popw %ax
        ret

ready:  .asciz "button: ready\r\n"
key:    .asciz "key "
newline: .asciz "\r\n"
bye:    .asciz "button: off\r\n"
card:   .asciz "card "
gone:   .asciz "gone "
last:   .byte 0
slot:   .byte 0

        .org 510
        .word 0xaa55
