/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/kvmexit.h"

#include <glib.h>

static bool access_port(struct kvm_run *run, unsigned run_bytes, unsigned cpu, struct iomap *map,
                        struct io_reader *reader)
{
    struct ioreq req = {
        .addr = run->io.port,
        .data = (uint8_t *)run + run->io.data_offset,
        .count = run->io.count,
        .size = run->io.size,
        .space = IO_PORT,
        .dir = run->io.direction == KVM_EXIT_IO_IN ? IO_READ : IO_WRITE,
        .source = (uint16_t)cpu,
    };

    if ((req.size != 1 && req.size != 2 && req.size != 4) || run->io.data_offset > run_bytes ||
        (uint64_t)req.count * req.size > run_bytes - run->io.data_offset)
        return false;
    iomap_dispatch(map, reader, &req);
    return true;
}

/* A locked or misaligned access may come with an odd length: bytes then. */
static bool access_memory(struct kvm_run *run, unsigned cpu, struct iomap *map,
                          struct io_reader *reader)
{
    unsigned len = run->mmio.len;
    bool whole = len == 1 || len == 2 || len == 4 || len == 8;

    if (!len || len > sizeof(run->mmio.data))
        return false;
    for (unsigned i = 0; i < len; i += whole ? len : 1) {
        struct ioreq req = {
            .addr = run->mmio.phys_addr + i,
            .data = run->mmio.data + i,
            .count = 1,
            .size = (uint8_t)(whole ? len : 1),
            .space = IO_MEM,
            .dir = run->mmio.is_write ? IO_WRITE : IO_READ,
            .source = (uint16_t)cpu,
        };

        iomap_dispatch(map, reader, &req);
    }
    return true;
}

static const char *internal_error_text(const struct kvm_run *run)
{
    switch (run->internal.suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
        return "KVM cannot emulate this instruction";
    case KVM_INTERNAL_ERROR_SIMUL_EX:
        return "KVM met two exceptions at once";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
        return "KVM could not deliver an event";
    default:
        return "KVM gave up";
    }
}

enum kvm_exit_action kvm_exit_handle(struct kvm_run *run, unsigned run_bytes, unsigned cpu,
                                     struct iomap *map, struct io_reader *reader, const char **why)
{
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        *why = "KVM reports a port access that makes no sense";
        return access_port(run, run_bytes, cpu, map, reader) ? KVM_EXIT_GO_ON
                                                             : KVM_EXIT_CANNOT_GO_ON;
    case KVM_EXIT_MMIO:
        *why = "KVM reports a memory access that makes no sense";
        return access_memory(run, cpu, map, reader) ? KVM_EXIT_GO_ON : KVM_EXIT_CANNOT_GO_ON;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR:
    case KVM_EXIT_IOAPIC_EOI:
    case KVM_EXIT_HLT: /* the interrupt controllers are in the kernel: it waits there */
        return KVM_EXIT_GO_ON;
    case KVM_EXIT_SHUTDOWN:
    case KVM_EXIT_SYSTEM_EVENT: /* Hyper-V crash registers and their like: a PC would reset */
        return KVM_EXIT_RESET;
    case KVM_EXIT_FAIL_ENTRY:
        *why = "the processor refuses the guest's state";
        return KVM_EXIT_CANNOT_GO_ON;
    case KVM_EXIT_INTERNAL_ERROR:
        *why = internal_error_text(run);
        return KVM_EXIT_CANNOT_GO_ON;
    default:
        *why = "unexpected exit of KVM_RUN";
        return KVM_EXIT_CANNOT_GO_ON;
    }
}
