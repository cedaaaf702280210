/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 128 bytes a batch to COM1: one by one after a look at the line status, or (-DSTRING) by rep outsb. */
#include "bench.h"

#define COM1 0x3f8

start:  enter_low
        out8 COM1 + 3, 0x80             /* 115200 8n1 */
        out8 COM1 + 0, 1
        out8 COM1 + 1, 0
        out8 COM1 + 3, 0x03
        out8 COM1 + 2, 0x07             /* FIFOs on, empty */
        cld
1:      mark
        movw $128, %cx
#ifdef STRING
        movw $0x8000, %si
        movw $COM1, %dx
        rep outsb
#else
        movb $'U', %bl
2:      movw $COM1 + 5, %dx
3:      inb %dx, %al
        testb $0x20, %al
        jz 3b
        movw $COM1, %dx
        movb %bl, %al
        outb %al, %dx
        decw %cx
        jnz 2b
#endif
        jmp 1b
