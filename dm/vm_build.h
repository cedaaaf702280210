/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making, running and ending a VM; for main(). vm.h is what controllers of a running one see. */
#ifndef DM_VM_BUILD_H
#define DM_VM_BUILD_H

#include "dm/vm.h"

struct backends;
struct cpu_spec;
struct dev_env;
struct irq_fabric;
struct kvm_cpuid2;
struct machine;
struct memory;
struct vcpu_group;

/* Opens, builds and resets everything; the guest does not run yet. NULL with one-line error. */
struct vm *vm_new(const struct vm_config *config, GError **error);
/* Runs the main loop (and the guest, unless -S) until vm_quit(); returns the exit code. */
int vm_run(struct vm *vm);
void vm_free(struct vm *vm);

struct machine *vm_machine(struct vm *vm);       /* NULL: -machine none */
bool vm_uses_kvm(const struct vm *vm);           /* else a qtest client is the processor */
const struct dev_env *vm_env(struct vm *vm);
struct vcpu_group *vm_vcpus(struct vm *vm);      /* NULL: none */
const struct cpu_spec *vm_cpu(const struct vm *vm); /* the processors' kind; NULL: none */
struct kvm_cpuid2 *vm_host_cpuid(const struct vm *vm); /* what KVM offers; NULL: there is no KVM. g_free */
struct memory *vm_memory(struct vm *vm);
struct irq_fabric *vm_irq(struct vm *vm);
struct backends *vm_backends(struct vm *vm);

#endif
