/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot header and entry (Multiboot Specification 0.6.96, 3.1 and 3.2). */
#define MAGIC 0x1badb002
#define FLAGS 3                         /* modules page-aligned, memory information wanted */

        .section .multiboot, "a"
        .balign 4
        .long MAGIC, FLAGS, -(MAGIC + FLAGS)

        .text
        .globl _start
_start: movl $stack_top, %esp
        cld
        pushl %ebx
        pushl %eax
        call mb_main
1:      cli
        hlt
        jmp 1b

        .bss
        .balign 16
        .skip 8192
stack_top:
