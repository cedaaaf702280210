/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command of SECTORS sectors a batch, by PIO, without interrupts: READ or WRITE SECTORS, or with
 * BLOCK > 1 READ or WRITE MULTIPLE. -DWRITE writes. SECTORS is a multiple of BLOCK.
 */
#include "bench.h"
#include "ide.h"

#if defined(WRITE) && BLOCK > 1
#define COMMAND 0xc5
#elif defined(WRITE)
#define COMMAND 0x30
#elif BLOCK > 1
#define COMMAND 0xc4
#else
#define COMMAND 0x20
#endif

start:  enter_low
        ide_on
        out8 CONTROL, 0x02              /* nIEN */
        ide_wait 0x40
        ide_command 0xc6, BLOCK         /* SET MULTIPLE MODE */
        ide_wait 0x40
        movw $0x1000, %ax
        movw %ax, %ds
        movw %ax, %es
        cld
1:      mark
        ide_command COMMAND, SECTORS
        movw $SECTORS / BLOCK, %bx
2:      ide_wait 0x08
        movw $TF, %dx
        movw $BLOCK * 256, %cx
#ifdef WRITE
        xorw %si, %si
        rep outsw
#else
        xorw %di, %di
        rep insw
#endif
        decw %bx
        jnz 2b
        ide_wait 0x40
        jmp 1b
