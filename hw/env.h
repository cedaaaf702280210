/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a device is given of the world, and all that it can reach: interrupt pins, guest memory,
 * the clock, requests to the machine, the registers of who asks, and a place to report guest mistakes. Injected as small
 * tables of functions, so that a test makes its own (tests/fakes).
 */
#ifndef HW_ENV_H
#define HW_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioreq/iomap.h"
#include "ioreq/vclock.h"

struct device;

/* An output line. Setting a level that it already has is free; the receiver compares. */
struct irq_pin {
    void (*set)(void *opaque, unsigned line, bool level); /* NULL: not connected */
    void *opaque;
    unsigned line;
};

static inline void irq_pin_set(const struct irq_pin *pin, bool level)
{
    if (pin->set)
        pin->set(pin->opaque, pin->line, level);
}

/*
 * Guest memory as a bus master sees it: RAM and RAM-backed frame buffers; ROM reads as its content
 * and takes no write. Never a register, so a device cannot re-enter itself or another.
 */
struct dma_ops {
    /* Whole range or nothing reached: false if any byte is not memory (then buf is all zero). */
    bool (*read)(void *opaque, uint64_t gpa, void *buf, size_t len);
    bool (*write)(void *opaque, uint64_t gpa, const void *buf, size_t len);
    /*
     * The host address of [gpa, gpa + *len), *len cut to what is contiguous; NULL where there is no
     * memory, or for_write into ROM. Every map ends with one unmap; both are cheap.
     */
    void *(*map)(void *opaque, uint64_t gpa, size_t *len, bool for_write);
    /* `written`: bytes from the start that were stored (0 for a read-only mapping). */
    void (*unmap)(void *opaque, uint64_t gpa, void *host, size_t written);
    /*
     * The guest does without [gpa, gpa + len) for now, both multiples of 4096: the host may have the memory back, and
     * what is read there next is zero, or what was there. False, and nothing is done: a part of it is not RAM (ROM,
     * a frame buffer, nothing at all). Optional; it may take as long as a system call over that much memory does.
     */
    bool (*discard)(void *opaque, uint64_t gpa, size_t len);
};

struct dma_port {
    const struct dma_ops *ops; /* NULL: bus master not connected, every transfer fails */
    void *opaque;
};

static inline bool dma_read(const struct dma_port *dma, uint64_t gpa, void *buf, size_t len)
{
    return dma->ops && dma->ops->read(dma->opaque, gpa, buf, len);
}

static inline bool dma_write(const struct dma_port *dma, uint64_t gpa, const void *buf, size_t len)
{
    return dma->ops && dma->ops->write(dma->opaque, gpa, buf, len);
}

static inline void *dma_map(const struct dma_port *dma, uint64_t gpa, size_t *len, bool for_write)
{
    return dma->ops ? dma->ops->map(dma->opaque, gpa, len, for_write) : NULL;
}

static inline void dma_unmap(const struct dma_port *dma, uint64_t gpa, void *host, size_t written)
{
    dma->ops->unmap(dma->opaque, gpa, host, written);
}

static inline bool dma_discard(const struct dma_port *dma, uint64_t gpa, size_t len)
{
    return dma->ops && dma->ops->discard && dma->ops->discard(dma->opaque, gpa, len);
}

/*
 * A block of host memory that the guest can have mapped as RAM (a frame buffer) or ROM (an option
 * ROM): no exits. Made by the machine, given to the device, freed by the machine.
 */
struct ram_block {
    const char *name;
    uint8_t *host;
    uint64_t size; /* bytes, a multiple of 4096 */
    bool readonly; /* for the guest */
    /* Maps it at gpa, or takes it away (gpa = RAM_UNMAPPED). False: the place is taken. */
    bool (*map)(struct ram_block *ram, uint64_t gpa);
    /*
     * Adds a bit per 4 KiB page written by the guest since the last call to bitmap[] (size / 4096
     * bits, bit 0 of word 0 first) and forgets them. Without hardware logging: every bit.
     */
    void (*take_dirty)(struct ram_block *ram, uint64_t *bitmap);
    /*
     * A second place for a part of it: [off, off + size), both multiples of 4096, at gpa inside of the
     * legacy window (0xa0000-0xbffff); size 0 takes it away. One at a time. False: it is not there now.
     */
    bool (*map_view)(struct ram_block *ram, uint64_t gpa, uint64_t off, uint64_t size);
    uint64_t gpa; /* where it is now */
    void *opaque; /* the machine's */
};
#define RAM_UNMAPPED UINT64_MAX

/* What a chip may ask of the machine. Never done inside the call: the main loop does it later. */
enum machine_request {
    MACHINE_RESET,      /* keyboard controller pulse, port 92, 0xcf9 */
    MACHINE_POWEROFF,   /* ACPI S5 */
    MACHINE_SUSPEND,    /* ACPI S3 */
    MACHINE_EXIT,       /* isa-debug-exit; arg is the process exit code */
    MACHINE_EJECT,      /* a PCI card: the power management function knows which */
    MACHINE_PANICKED,   /* pvpanic: the guest's kernel has crashed */
    MACHINE_CRASHLOADED, /* pvpanic: it has, and looks after itself */
    MACHINE_WATCHDOG,   /* a watchdog ran out */
    MACHINE_REQUESTS
};

struct machine_port {
    void (*request)(void *opaque, enum machine_request what, unsigned arg);
    void *opaque;
};

static inline void machine_request(const struct machine_port *port, enum machine_request what,
                                   unsigned arg)
{
    if (port->request)
        port->request(port->opaque, what, arg);
}

/* The lower halves of a processor's general registers. */
struct cpu_regs {
    uint32_t eax, ebx, ecx, edx, esi, edi;
};

/*
 * The registers of the processor whose access is being carried out: for the one device that takes its
 * arguments and leaves its results there (hw/input/vmport.h). Both say false, and do nothing, for an access
 * that no processor makes (a qtest client's). What set() changes it extends with zeros to 64 bits, as a 32-bit
 * instruction does; of an `in`, eax becomes what the access reads.
 */
struct cpu_port {
    bool (*get)(void *opaque, struct cpu_regs *regs);
    bool (*set)(void *opaque, const struct cpu_regs *regs);
    void *opaque;
};

static inline bool cpu_get_regs(const struct cpu_port *port, struct cpu_regs *regs)
{
    return port->get && port->get(port->opaque, regs);
}

static inline bool cpu_set_regs(const struct cpu_port *port, const struct cpu_regs *regs)
{
    return port->set && port->set(port->opaque, regs);
}

/* Message-signalled interrupts: a write of `data` to `address`, which the interrupt controllers take. */
struct msi_port {
    void (*send)(void *opaque, uint64_t address, uint32_t data); /* NULL: nobody is there */
    void *opaque;
};

static inline void msi_send(const struct msi_port *port, uint64_t address, uint32_t data)
{
    if (port->send)
        port->send(port->opaque, address, data);
}

/* Everything together; each machine has one, and a device keeps a pointer to it. */
struct dev_env {
    struct iomap *iomap;
    struct vclock *clock;
    struct dma_port dma;
    struct machine_port machine;
    struct cpu_port cpu;
    struct msi_port msi;
    /* A line about a mistake of the guest or a notable event; rate-limited and counted by the receiver. */
    void (*guest_error)(void *opaque, struct device *dev, const char *text);
    void *guest_error_opaque;
};

#endif
