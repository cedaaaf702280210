/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port B as programs use it to time and to beep: the gate of counter 2 and the speaker's bit read back, the counter's
 * output rises when it has run down; the refresh bit toggles. (KVM's counter runs with its gate shut as well.)
 * Exit code 10h, or 20h and up for what was wrong.
 */
#include "rom.h"

#define CONTROL 0x61
#define GATE 1
#define SPEAKER 2
#define OUTPUT 0x20
#define REFRESH 0x10

        .macro start_counter
        movb $0xb0, %al                 /* counter 2, both bytes, mode 0, binary */
        outb %al, $0x43
        movb $0x00, %al                 /* 100h clocks: 0.2 ms */
        outb %al, $0x42
        movb $0x01, %al
        outb %al, $0x42
        .endm

        /* Ends with the code unless the bits of the mask are what they should be. */
        .macro expect mask, bits, code
        inb $CONTROL, %al
        andb $\mask, %al
        cmpb $\bits, %al
        je 9f
        debug_exit \code
9:
        .endm

start:  cli
        movb $0, %al
        outb %al, $CONTROL
        expect GATE | SPEAKER, 0, 0x20
        movb $GATE | SPEAKER, %al
        outb %al, $CONTROL
        expect GATE | SPEAKER, GATE | SPEAKER, 0x22
        start_counter
        movl $1000000, %ecx
2:      inb $CONTROL, %al
        testb $OUTPUT, %al
        jnz 3f
        decl %ecx
        jnz 2b
        debug_exit 0x23
3:      movb $SPEAKER, %al
        outb %al, $CONTROL
        expect GATE | SPEAKER, SPEAKER, 0x24
        inb $CONTROL, %al
        movb %al, %ah
        movl $1000000, %ecx
4:      inb $CONTROL, %al
        xorb %ah, %al
        testb $REFRESH, %al
        jnz 5f
        decl %ecx
        jnz 4b
        debug_exit 0x25
5:      debug_exit 0x10
