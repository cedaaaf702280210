/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drawing on the VGA, one kind of it (-DKIND) between two marks:
 *   PLANES    640 pixels of a 16-colour bitmap: map mask, then 80 bytes, for each plane
 *   FILL      640 pixels of one colour by set/reset: 80 bytes to all planes
 *   DOTS      32 pixels: bit mask, latches loaded, one byte in write mode 2
 *   XLINES    320 pixels in mode X: map mask, then 80 bytes, for each plane
 *   XDOTS     32 pixels in mode X: map mask, one byte
 *   CHAIN4    64000 bytes to the window at a0000 in mode 13h
 *   SCROLL    a text screen of 80 x 25 moves up by a row, in dwords
 *   BANKS     64 KiB to each of four banks of a DISPI mode
 *   LINEAR    64 KiB to the linear frame buffer
 *   STILL     nothing: a text screen, and the processor sleeps
 * IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem".
 */
#include "bench.h"

#define PLANES 1
#define FILL 2
#define DOTS 3
#define XLINES 4
#define XDOTS 5
#define CHAIN4 6
#define SCROLL 7
#define BANKS 8
#define LINEAR 9
#define STILL 10

#define VGA PCI_FUNCTION(2, 0)
#define BAR0 0xe0000000
#define BAR0_SEEN_AT 0x4000000          /* behind what enter_long maps */
#define ENTRY_OF_IT 0x3100

#if KIND == SCROLL || KIND == STILL
#define MASK 3
#define MEMORY 2                        /* odd/even */
#define MODE 0x10
#define MISC 0x0e                       /* 32 KiB at b8000 */
#elif KIND == CHAIN4
#define MASK 15
#define MEMORY 14
#define MODE 0x40
#define MISC 5
#elif KIND == DOTS
#define MASK 15
#define MEMORY 6
#define MODE 2
#define MISC 5
#else
#define MASK 15
#define MEMORY 6
#define MODE 0
#define MISC 5
#endif

#if KIND == FILL
#define SET 15                          /* planes that take set/reset */
#else
#define SET 0
#endif

        .macro indexed port, index, value
        out16 \port, ((\value) << 8 | \index)
        .endm
        .macro dispi index, value
        out16 0x1ce, \index
        out16 0x1cf, \value
        .endm
        .macro to address, count
        movl $\address, %edi
        movl $\count, %ecx
        .endm

start:  enter_low
        pci_write32 VGA, 0x10, BAR0
        pci_write32 VGA, 0x04, 3
        out8 0x3c2, 0x67
        indexed 0x3c4, 2, MASK
        indexed 0x3c4, 4, MEMORY
        indexed 0x3ce, 0, 5
        indexed 0x3ce, 1, SET
        indexed 0x3ce, 3, 0
        indexed 0x3ce, 4, 0
        indexed 0x3ce, 5, MODE
        indexed 0x3ce, 6, MISC
        indexed 0x3ce, 8, 0xff
#if KIND == BANKS || KIND == LINEAR
        dispi 1, 640
        dispi 2, 400
        dispi 3, 8
        dispi 4, 0x41
#endif
        movl $(BAR0 | 0x83), ENTRY_OF_IT
        enter_long
        cld
        movw $0x3da, %dx
        inb %dx, %al                    /* as a program does that waits for the retrace */
1:      mark
        movw $0x3da, %dx
        inb %dx, %al

#if KIND == PLANES || KIND == XLINES
        movl $0x0102, %eax
2:      movw $0x3c4, %dx
        outw %ax, %dx
        movl $0x1000, %esi
        to 0xa0000, 80
        rep movsb
        addb %ah, %ah
        cmpb $16, %ah
        jne 2b
#elif KIND == FILL
        to 0xa0000, 80
        rep stosb
#elif KIND == DOTS
        to 0xa0000, 32
        movl $0x8008, %eax
        movw $0x3ce, %dx
2:      outw %ax, %dx
        movb (%rdi), %bl
        movb $9, (%rdi)
        rorb $1, %ah
        adcl $0, %edi                   /* eight pixels a byte */
        decl %ecx
        jnz 2b
#elif KIND == XDOTS
        to 0xa0000, 32
        movl $0x0102, %eax
        movw $0x3c4, %dx
2:      outw %ax, %dx
        movb $9, (%rdi)
        addb %ah, %ah
        testb $15, %ah
        jnz 3f
        movb $1, %ah
        incl %edi                       /* four pixels an address */
3:      decl %ecx
        jnz 2b
#elif KIND == CHAIN4
        to 0xa0000, 16000
        rep stosl
#elif KIND == SCROLL
        movl $(0xb8000 + 160), %esi
        to 0xb8000, 960                /* 24 rows */
        rep movsl
        movl $0x07200720, %eax
        movl $40, %ecx
        rep stosl
#elif KIND == BANKS
        xorl %ebx, %ebx
2:      out16 0x1ce, 5
        movl %ebx, %eax
        movw $0x1cf, %dx
        outw %ax, %dx
        to 0xa0000, 16384
        rep stosl
        incl %ebx
        cmpl $4, %ebx
        jne 2b
#elif KIND == LINEAR
        to BAR0_SEEN_AT, 8192
        rep stosq
#else
        to 0xb8000, 1000
        movl $0x07410741, %eax
        rep stosl
2:      cli
        hlt
        jmp 2b
#endif
        jmp 1b
irq14:                                  /* no interrupts */
