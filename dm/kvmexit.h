/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to do about one exit of KVM_RUN. No system call is made here, so that a test can hand in any
 * kvm_run page. Source: Linux Documentation/virt/kvm/api.rst, "The kvm_run structure".
 */
#ifndef DM_KVMEXIT_H
#define DM_KVMEXIT_H

#include <linux/kvm.h>

#include "ioreq/iomap.h"

enum kvm_exit_action {
    KVM_EXIT_GO_ON,       /* done, or nothing to do: back into the guest */
    KVM_EXIT_RESET,       /* the processor shut down (triple fault) or the guest's kernel crashed */
    KVM_EXIT_CANNOT_GO_ON /* *why says what; the vCPU must not be run again before a reset */
};

/*
 * Carries out the access if it is one. `run_bytes`: size of the mapping behind run, which bounds the
 * offset that port data is at. `cpu`: source of the access.
 */
enum kvm_exit_action kvm_exit_handle(struct kvm_run *run, unsigned run_bytes, unsigned cpu,
                                     struct iomap *map, struct io_reader *reader, const char **why);

#endif
