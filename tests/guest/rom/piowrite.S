/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes by PIO as a driver with interrupts does: after the last word of each block it sleeps until the
 * interrupt, and touches no port before that. Three WRITE MULTIPLE commands (ATA/ATAPI-6, 8.62) of two
 * blocks of two sectors, at sectors 0, 4 and 8: by rep outsw, rep outsl, and outw one by one with feature
 * writes between. The n-th word of command m is m * 1000h + n.
 */
#include "rom.h"

#define TF 0x1f0
#define CONTROL 0x3f6
#define FLAG 0x500
#define METHOD 0x502
#define BUFFER 0x8000
#define BLOCK_BYTES 1024

        .macro out8 port, value
        movw $\port, %dx
        movb $\value, %al
        outb %al, %dx
        .endm
        .macro out32 port, value
        movw $\port, %dx
        movl $\value, %eax
        outl %eax, %dx
        .endm

start:  cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x6000, %sp
        movl $0x1b, %ecx                /* local APIC off: the 8259A reaches the processor */
        movl $0xfee00100, %eax
        xorl %edx, %edx
        wrmsr
        out8 0x20, 0x11                 /* 8259A pair: vectors 08h and 70h, only IRQ 2 and 14 */
        out8 0x21, 0x08
        out8 0x21, 0x04
        out8 0x21, 0x01
        out8 0xa0, 0x11
        out8 0xa1, 0x70
        out8 0xa1, 0x02
        out8 0xa1, 0x01
        out8 0x21, 0xfb
        out8 0xa1, 0xbf
        movw $irq14, 0x76 * 4
        movw $0xf000, 0x76 * 4 + 2
        out32 0xcf8, 0x80000940         /* PIIX3's IDE: decode both channels */
        out32 0xcfc, 0x80008000
        out32 0xcf8, 0x80000904
        out32 0xcfc, 1
        cld
        out8 CONTROL, 0x02              /* nIEN */
        out8 TF + 6, 0xe0
        out8 TF + 2, 2
        out8 TF + 7, 0xc6               /* SET MULTIPLE MODE */
1:      inb %dx, %al
        testb $0x80, %al
        jnz 1b
        out8 CONTROL, 0
        movb $0, METHOD

next:   movw $BUFFER, %di
        movb METHOD, %ah
        shlb $4, %ah
        xorb %al, %al
        movw $BLOCK_BYTES, %cx          /* two blocks of words */
1:      stosw
        incw %ax
        loop 1b
        movb $0, FLAG
        out8 TF + 6, 0xe0
        out8 TF + 2, 4
        movb METHOD, %al
        shlb $2, %al
        movw $TF + 3, %dx
        outb %al, %dx
        out8 TF + 4, 0
        out8 TF + 5, 0
        out8 TF + 7, 0xc5
        movw $CONTROL, %dx
2:      inb %dx, %al
        testb $0x08, %al
        jz 2b
        movw $BUFFER, %si
        call block
        call block
        incb METHOD
        cmpb $3, METHOD
        jb next
        debug_exit 0x10

/* One block from si, then its interrupt. */
block:  movw $TF, %dx
        movb METHOD, %al
        cmpb $1, %al
        je 3f
        ja 4f
        movw $BLOCK_BYTES / 2, %cx
        rep outsw
        jmp 6f
3:      movw $BLOCK_BYTES / 4, %cx
        rep outsl
        jmp 6f
4:      movw $BLOCK_BYTES / 2, %cx
5:      movw $TF + 1, %dx               /* ignored while the drive wants data */
        outb %al, %dx
        movw $TF, %dx
        lodsw
        outw %ax, %dx
        loop 5b
6:      cli
        testb $1, FLAG
        jnz 7f
        sti
        hlt
        jmp 6b
7:      movb $0, FLAG
        ret

irq14:  pushw %ax
        pushw %dx
        movw $TF + 7, %dx
        inb %dx, %al
        testb $0x21, %al                /* device fault, error */
        jz 8f
        debug_exit 0x11
8:      movb $1, FLAG
        out8 0xa0, 0x20
        out8 0x20, 0x20
        popw %dx
        popw %ax
        iretw
