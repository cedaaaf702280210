/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says at once that it runs, then ends the process (-DEXIT) or sleeps. */
#include "bench.h"

start:  cli
        movw $MARK_PORT, %dx
        outb %al, %dx
#ifdef EXIT
        movb $0, %al
        outb %al, $DEBUG_EXIT
#endif
1:      hlt
        jmp 1b
