/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk under load: BATCH commands of 1 << SHIFT sectors between two marks, one after the other (an
 * IDE channel has no queue), over the first 1 << SPAN bytes of the primary master. With -DRANDOM the
 * places come from a generator that bench/hostaio.c has too, else each follows the one before.
 * -DWRITE writes. By bus-master DMA with its interrupt, or -DBLOCK=n by PIO with polling: READ or WRITE
 * SECTORS (n = 1), MULTIPLE (n > 1). 48-bit commands: ATA/ATAPI-6, 8.25, 8.28, 8.36, 8.54, 8.56, 8.62.
 */
#include "bench.h"
#include "ide.h"

#define PRD_TABLE 0x7000
#define BUFFER 0x8000                   /* of PIO: one block */
#define FLAG 0x6000                     /* above the tables of enter_long */
#define PLACE 0x6004                    /* sequential: the next one; random: the generator's state */
#define LEFT 0x6008
#define SECTORS (1 << SHIFT)
#define PLACE_BITS (SPAN - 9 - SHIFT)
#define BYTES (SECTORS * 512)
#if BYTES > 65536
#define PIECE_BYTES 65536
#else
#define PIECE_BYTES BYTES
#endif
#define PIECES (BYTES / PIECE_BYTES)

#ifndef BLOCK
#ifdef WRITE
#define COMMAND 0x35                    /* DMA EXT */
#define DIRECTION 0
#else
#define COMMAND 0x25
#define DIRECTION 8
#endif
#elif defined(WRITE)
#if BLOCK > 1
#define COMMAND 0x39                    /* MULTIPLE EXT */
#else
#define COMMAND 0x34                    /* SECTORS EXT */
#endif
#elif BLOCK > 1
#define COMMAND 0x29
#else
#define COMMAND 0x24
#endif
#define APIC_BASE 0x1b                  /* MSR */

/* The next place's first sector in eax. */
        .macro next_sector
        movl PLACE, %eax
#ifdef RANDOM
        imull $1664525, %eax, %eax
        addl $1013904223, %eax
        movl %eax, PLACE
        shrl $(32 - PLACE_BITS), %eax   /* the lower bits have short periods */
#else
        incl PLACE
        andl $((1 << PLACE_BITS) - 1), %eax
#endif
        shll $SHIFT, %eax
        .endm

/* Sector (below 1 << 24) and count for a 48-bit command; spoils ebx. */
        .macro task_file
        movl %eax, %ebx
        out8 TF + 6, 0xe0
        out8 TF + 2, (SECTORS >> 8)
        out8 TF + 3, 0
        out8 TF + 4, 0
        out8 TF + 5, 0
        out8 TF + 2, (SECTORS & 0xff)
        movb %bl, %al
        movw $TF + 3, %dx
        outb %al, %dx
        movb %bh, %al
        incw %dx
        outb %al, %dx
        shrl $16, %ebx
        movb %bl, %al
        incw %dx
        outb %al, %dx
        .endm

start:  enter_low
        enter_long
        movl $0, PLACE
        ide_on
#ifdef BLOCK
        out8 CONTROL, 0x02              /* nIEN */
        ide_wait 0x40
        ide_command 0xc6, BLOCK         /* SET MULTIPLE MODE */
        ide_wait 0x40
        cld

1:      mark
        movw $BATCH, LEFT
2:      next_sector
        task_file
        out8 TF + 7, COMMAND
        movw $SECTORS / BLOCK, %bx
3:      ide_wait 0x08
        movw $TF, %dx
        movl $BLOCK * 256, %ecx
#ifdef WRITE
        movl $BUFFER, %esi
        rep outsw
#else
        movl $BUFFER, %edi
        rep insw
#endif
        decw %bx
        jnz 3b
        movw $TF + 7, %dx
4:      inb %dx, %al
        testb $0x80, %al
        jnz 4b
        testb $0x21, %al                /* device fault, error: stay, so that the host notices */
        jnz 5f
        decw LEFT
        jnz 2b
        jmp 1b
5:      hlt
        jmp 5b
irq14:                                  /* no interrupts */
#else
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
        movl $PRD_TABLE, %edi
        movl $0x100000, %eax
        movw $PIECES, %cx
1:      movl %eax, (%rdi)
        movl $(PIECE_BYTES & 0xffff), 4(%rdi) /* 0: 64 KiB */
        addl $PIECE_BYTES, %eax
        addl $8, %edi
        decw %cx
        jnz 1b
        movb $0x80, -1(%rdi)             /* end of table */
        out8 CONTROL, 0
        ide_wait 0x40

2:      mark
        movw $BATCH, LEFT
3:      movb $0, FLAG
        out32 BM + 4, PRD_TABLE
        out8 BM + 0, DIRECTION
        out8 BM + 2, 0x06               /* clears interrupt and error */
        next_sector
        task_file
        out8 TF + 7, COMMAND
        out8 BM + 0, (DIRECTION | 1)
4:      cli
        testb $1, FLAG
        jnz 5f
        sti
        hlt
        jmp 4b
5:      decw LEFT
        jnz 3b
        jmp 2b

irq14:  pushq %rax
        pushq %rdx
        movw $BM + 2, %dx
        inb %dx, %al
        testb $4, %al
        jz 6f
        out8 BM + 0, DIRECTION          /* stop */
        movw $TF + 7, %dx
        inb %dx, %al
        testb $0x21, %al                /* device fault, error: stay, so that the host notices */
        jnz 7f
        out8 BM + 2, 0x06
        movb $1, FLAG
6:      out8 0xa0, 0x20
        out8 0x20, 0x20
        popq %rdx
        popq %rax
        iretq
7:      hlt
        jmp 7b
#endif
