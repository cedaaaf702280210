/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that comes to an end in one way (METHOD), or seems to: 1 halts with interrupts off, 2 halts with interrupts on,
 * which is no end, 3 says by pvpanic that it has crashed, 4 that it has and looks after itself, 5 lets an IB700 watchdog
 * run out at once (again after a reset: the second start is not told from the first).
 */
#include "rom.h"

#define PVPANIC 0x505
#define WATCHDOG_START 0x443

start:  cli
        print hello
#if METHOD == 2
        sti
#elif METHOD == 3 || METHOD == 4
        movw $PVPANIC, %dx
        movb $METHOD - 2, %al
        outb %al, %dx
        print after
#elif METHOD == 5
        movw $WATCHDOG_START, %dx
        movb $15, %al
        outb %al, %dx
1:      jmp 1b
#endif
2:      hlt
        jmp 2b

hello:  .asciz "ends: running\r\n"
after:  .asciz "ends: goes on\r\n"
