/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One byte port, read (-DREAD) or written, 256 times a batch. PORT: its number. */
#include "bench.h"

start:  cli
1:      mark
        movw $PORT, %dx
        movw $256 / 16, %cx
2:      .rept 16
#ifdef READ
        inb %dx, %al
#else
        outb %al, %dx
#endif
        .endr
        decw %cx
        jnz 2b
        jmp 1b
