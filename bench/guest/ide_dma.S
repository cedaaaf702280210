/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command of SECTORS sectors (a multiple of 128) by bus-master DMA a batch, its end by interrupt
 * as operating systems do it. -DWRITE writes. The data is at 1 MiB in pieces of 64 KiB. Programming
 * Interface for Bus Master IDE Controller 1.0, 3.1; 48-bit commands: ATA/ATAPI-6, 8.25, 8.54.
 */
#include "bench.h"
#include "ide.h"

#define PRD_TABLE 0x7000
#define FLAG 0x500
#define PIECES (SECTORS / 128)
#ifdef WRITE
#define COMMAND 0x35                    /* WRITE DMA EXT */
#define DIRECTION 0
#else
#define COMMAND 0x25                    /* READ DMA EXT */
#define DIRECTION 8
#endif

#define APIC_BASE 0x1b                  /* MSR */

start:  enter_low
        movl $APIC_BASE, %ecx           /* local APIC off: the 8259A reaches the processor */
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
        movw $PRD_TABLE, %di
        movl $0x100000, %eax
        movw $PIECES, %cx
1:      movl %eax, (%di)
        movl $0, 4(%di)                 /* 0: 64 KiB */
        addl $0x10000, %eax
        addw $8, %di
        decw %cx
        jnz 1b
        movb $0x80, -1(%di)             /* end of table */
        ide_on
        out8 CONTROL, 0
        ide_wait 0x40

2:      mark
        movb $0, FLAG
        out32 BM + 4, PRD_TABLE
        out8 BM + 0, DIRECTION
        out8 BM + 2, 0x06               /* clears interrupt and error */
        out8 TF + 6, 0xe0
        out8 TF + 2, (SECTORS >> 8)
        out8 TF + 3, 0
        out8 TF + 4, 0
        out8 TF + 5, 0
        out8 TF + 2, (SECTORS & 0xff)
        out8 TF + 3, 0
        out8 TF + 4, 0
        out8 TF + 5, 0
        out8 TF + 7, COMMAND
        out8 BM + 0, (DIRECTION | 1)
3:      cli
        testb $1, FLAG
        jnz 4f
        sti
        hlt
        jmp 3b
4:      jmp 2b

irq14:  pushw %ax
        pushw %dx
        movw $BM + 2, %dx
        inb %dx, %al
        testb $4, %al
        jz 5f
        out8 BM + 0, DIRECTION          /* stop */
        movw $TF + 7, %dx
        inb %dx, %al
        testb $0x21, %al                /* device fault, error: stay, so that the host notices */
        jnz 6f
        out8 BM + 2, 0x06
        movb $1, FLAG
5:      out8 0xa0, 0x20
        out8 0x20, 0x20
        popw %dx
        popw %ax
        iretw
6:      hlt
        jmp 6b
