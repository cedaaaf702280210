/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the reset vector to C in ring 3 of 64-bit mode (Intel SDM volume 3, 9.8.5). Memory below 1 MiB:
 *
 *   1000 PML4   2000 PDPT   4000 IDT   7000 top of ring 0's stack   8000 TSS with its map of ports (all open)
 *   10000 four page directories, 4 GiB   80000 top of ring 3's stack   f0000 this image
 */
#define PML4 0x1000
#define PDPT 0x2000
#define IDT 0x4000
#define STACK0 0x7000
#define TSS 0x8000
#define TSS_MAP 0x68
#define TSS_LIMIT (TSS_MAP + 0x2000)
#define PD 0x10000
#define STACK3 0x80000
#define CODE0 0x08
#define TASK 0x10
#define DATA3 0x2b
#define CODE3 0x33
#define GP 13
#define VECTORS 0x20                    /* of the 8259A pair: IRQ 0 and 8 */
#define SLAVE_DATA 0xa1
#define LINES 0xf5                      /* IRQ 9 and 11 open */
#define APIC_BASE 0x1b

        .code16
        .section .reset, "ax"
        jmp start16
        .section .entry, "ax"

        .macro gate vector, label
        movl $(IDT + (\vector) * 16), %edi
        movl $(\label - 0xf0000), %eax
        movw %ax, (%di)
        movw $CODE0, 2(%di)
        movw $0x8e00, 4(%di)
        movw $0xf, 6(%di)
        .endm
        .macro out8 port, value
        movb $\value, %al
        outb %al, $\port
        .endm

start16:
        cli
        cld
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $STACK0, %sp
        ljmp $0xf000, $1f - 0xf0000
1:      movl $(PDPT + 7), PML4          /* present, writable, for ring 3 */
        movl $(PD + 0x0007), PDPT
        movl $(PD + 0x1007), PDPT + 8
        movl $(PD + 0x2007), PDPT + 16
        movl $(PD + 0x3007), PDPT + 24
        movw $(PD >> 4), %ax
        movw %ax, %es
        xorw %di, %di
        movl $0x87, %eax                /* and 2 MiB large */
        movw $2048, %cx
2:      movl %eax, %es:(%di)
        movl $0, %es:4(%di)
        addl $0x200000, %eax
        addw $8, %di
        decw %cx
        jnz 2b
        gate GP, wait0
        gate VECTORS + 7, spurious
        gate VECTORS + 9, interrupt0
        gate VECTORS + 11, interrupt0
        gate VECTORS + 15, spurious
        movl $STACK0, TSS + 4           /* RSP0 */
        movw $TSS_MAP, TSS + 0x66
        movb $0xff, TSS + TSS_LIMIT
        lgdtl %cs:gdt_pointer - 0xf0000
        lidtl %cs:idt_pointer - 0xf0000
        movl %cr4, %eax
        orl $0x20, %eax                 /* PAE */
        movl %eax, %cr4
        movl $PML4, %eax
        movl %eax, %cr3
        movl $0xc0000080, %ecx          /* EFER: LME */
        rdmsr
        orl $0x100, %eax
        wrmsr
        movl $APIC_BASE, %ecx           /* local APIC off: the 8259A reaches the processor */
        movl $0xfee00100, %eax
        xorl %edx, %edx
        wrmsr
        movl %cr0, %eax
        orl $0x80000001, %eax
        movl %eax, %cr0
        ljmpl $CODE0, $start64

        .balign 8
gdt:    .quad 0
        .quad 0x00af9b000000ffff
        .quad 0x0000890000000000 + (TSS << 16) + TSS_LIMIT
        .quad 0
        .quad 0
        .quad 0x00cff3000000ffff        /* "accessed" is set: the processor cannot write it to ROM */
        .quad 0x00affb000000ffff
gdt_end:
gdt_pointer:
        .word gdt_end - gdt - 1
        .long gdt
idt_pointer:
        .word 0x30 * 16 - 1
        .long IDT

        .code64
start64:
        movw $TASK, %ax
        movl $0x8b00, %edx              /* busy, since LTR would write that to ROM: the table is copied to RAM */
        movl $gdt, %esi
        movl $0x6000, %edi
        movl $(gdt_end - gdt), %ecx
        rep movsb
        movw $(gdt_end - gdt - 1), 0x6100
        movq $0x6000, 0x6102
        lgdt 0x6100
        ltr %ax
        out8 0x20, 0x11                 /* 8259A pair (8259A data sheet, initialization words) */
        out8 0x21, VECTORS
        out8 0x21, 0x04
        out8 0x21, 0x03                 /* end of interrupt by itself: two accesses less in the handler */
        out8 0xa0, 0x11
        out8 0xa1, VECTORS + 8
        out8 0xa1, 0x02
        out8 0xa1, 0x03
        out8 0x21, 0xfb
        out8 SLAVE_DATA, LINES
        pushq $DATA3
        pushq $STACK3
        pushq $0x202                    /* interrupts on */
        pushq $CODE3
        pushq $main
        iretq

/* The card's line: masked until the driver opens it, so that the handler need not know the card. */
interrupt0:
        pushq %rax
        out8 SLAVE_DATA, 0xff
        movb $1, interrupt_seen
        popq %rax
spurious:                               /* the card let go of its line in time */
        iretq

/*
 * HLT of ring 3 comes here, as a general protection fault. Interrupts are off: none gets lost between the look
 * and the sleep.
 */
wait0:  testb $1, interrupt_seen
        jnz 1f
        sti
        hlt
        cli
1:      addq $8, %rsp                   /* the error code */
        incq (%rsp)                     /* HLT is one byte */
        iretq

        .text
        .globl interrupt_wait, interrupt_open
interrupt_wait:
        hlt
        testb $1, interrupt_seen        /* a spurious one? */
        jz interrupt_wait
        ret

interrupt_open:
        movb $LINES, %al
        outb %al, $SLAVE_DATA
        ret
