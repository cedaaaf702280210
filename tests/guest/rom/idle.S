/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest to be controlled from outside: sends a dot every few thousand rounds for as long as it
 * runs, and when the ACPI power button is pressed says so and turns the machine off by PIIX4's
 * registers (82371AB, 7.1 and 7.2: PMBA 40h, PMREGMISC 80h; PM1 status, control).
 */
#include "rom.h"

#define PM_FUNCTION 0x80000b00          /* bus 0, slot 1, function 3 */
#define PM_BASE 0xb000

        .macro config_write offset, value
        movw $0xcf8, %dx
        movl $PM_FUNCTION + \offset, %eax
        outl %eax, %dx
        movw $0xcfc, %dx
        movl $\value, %eax
        outl %eax, %dx
        .endm

start:  cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7000, %sp
        config_write 0x40, PM_BASE + 1
        config_write 0x80, 1
        movw $PM_BASE + 2, %dx          /* PM1 enable: power button */
        movw $0x0100, %ax
        outw %ax, %dx
        print hello
1:      movw $2000, %cx
2:      decw %cx
        jnz 2b
        movw $COM1, %dx
        movb $'.', %al
        outb %al, %dx
        movw $PM_BASE, %dx
        inw %dx, %ax
        testw $0x0100, %ax
        jz 1b
        movw $0x0100, %ax               /* write 1 to clear */
        outw %ax, %dx
        print button
        movw $PM_BASE + 4, %dx
        movw $0x2000, %ax               /* soft off: type 0, enable */
        outw %ax, %dx
3:      hlt
        jmp 3b

hello:  .asciz "idle: running\r\n"
button: .asciz "\r\nidle: power button\r\n"
