/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ROM guests of bench.py: each does one thing ROUNDS times and ends by the debug port. The number
 * of rounds is a dword at ROUNDS_OFFSET of the image, patched by bench.py (0: only start and end).
 */
#include "../../tests/guest/rom/rom.h"

#define START 0
#define PIO_READ 1
#define PIO_WRITE 2
#define MMIO_READ 3
#define MMIO_WRITE 4
#define UART 5
#define IDE_PIO 6
#define IDE_DMA 7

#define SCRATCH 0x3ff                   /* COM1's scratch register: a register without effects */
#define IDE_FUNCTION 0x80000900         /* bus 0, slot 1, function 1 */
#define BUS_MASTER 0xc000
#define PRD_ADDR 0x1000
#define BUFFER_ADDR 0x20000             /* 128 KiB */

        .macro config_write offset, value
        movw $0xcf8, %dx
        movl $IDE_FUNCTION + \offset, %eax
        outl %eax, %dx
        movw $0xcfc, %dx
        movl $\value, %eax
        outl %eax, %dx
        .endm
        .macro port_out port, value
        movw $\port, %dx
        movb $\value, %al
        outb %al, %dx
        .endm

start:
#if KIND == START
        debug_exit 0x10
#else
        cli
        cld
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7000, %sp
        movl %cs:rounds, %ebp
#if KIND == MMIO_READ || KIND == MMIO_WRITE
        movw $0xa000, %ax
        movw %ax, %ds
#elif KIND == IDE_PIO || KIND == IDE_DMA
        config_write 0x04, 5            /* I/O space, bus master */
        config_write 0x20, BUS_MASTER
        config_write 0x40, 0x80008000   /* both channels decode */
        movl $BUFFER_ADDR, PRD_ADDR
        movl $0x00000000, PRD_ADDR + 4  /* 64 KiB */
        movl $BUFFER_ADDR + 0x10000, PRD_ADDR + 8
        movl $0x80000000, PRD_ADDR + 12
        port_out 0x3f6, 2               /* no interrupts */
#endif
        testl %ebp, %ebp
        jz finish

round:
#if KIND == PIO_READ
        movw $SCRATCH, %dx
        inb %dx, %al
#elif KIND == PIO_WRITE
        movw $SCRATCH, %dx
        outb %al, %dx
#elif KIND == MMIO_READ
        movb 0x100, %al
#elif KIND == MMIO_WRITE
        movb %al, 0x100
#elif KIND == UART
        movw $COM1 + 5, %dx
1:      inb %dx, %al
        testb $0x20, %al
        jz 1b
        movw $COM1, %dx
        movb $'u', %al
        outb %al, %dx
#elif KIND == IDE_PIO
        call address
        port_out 0x1f7, 0x20            /* READ SECTORS, 256 of them */
        movw $256, %bx
2:      movw $0x1f7, %dx
3:      inb %dx, %al
        testb $0x80, %al
        jnz 3b
        testb $0x08, %al
        jz 3b
        movw $BUFFER_ADDR >> 4, %ax
        movw %ax, %es
        xorw %di, %di
        movw $256, %cx
        movw $0x1f0, %dx
        rep insw
        decw %bx
        jnz 2b
#elif KIND == IDE_DMA
        port_out BUS_MASTER, 0
        port_out BUS_MASTER + 2, 6
        movw $BUS_MASTER + 4, %dx
        movl $PRD_ADDR, %eax
        outl %eax, %dx
        call address
        port_out 0x1f7, 0xc8            /* READ DMA */
        port_out BUS_MASTER, 9
        movw $BUS_MASTER + 2, %dx
4:      inb %dx, %al                    /* until the active bit falls or the interrupt bit rises */
        testb $4, %al
        jnz 5f
        testb $1, %al
        jnz 4b
5:      port_out BUS_MASTER, 8
        movw $0x1f7, %dx
        inb %dx, %al
#endif
        decl %ebp
        jnz round
finish: debug_exit 0x10

address:                                /* LBA 0, 256 sectors, master */
        port_out 0x1f6, 0xe0
        port_out 0x1f2, 0
        port_out 0x1f3, 0
        port_out 0x1f4, 0
        port_out 0x1f5, 0
        ret
#endif
        .org 0x8000
rounds: .long 0
