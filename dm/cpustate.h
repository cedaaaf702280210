/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registers of one vCPU: CPUID, the power-on state that a reset restores, and reports. */
#ifndef DM_CPUSTATE_H
#define DM_CPUSTATE_H

#include <glib.h>
#include <linux/kvm.h>
#include <stdbool.h>

struct cpu_state;

struct cpu_topology {
    unsigned sockets, cores, threads; /* cores of a socket, threads of a core; none is 0 */
};

/*
 * The APIC ID of processor `index`: bit fields of thread, core and socket, each as wide as needed
 * (Intel SDM volume 3, 9.9), so with gaps where a count is no power of two. KVM's vCPU number, too.
 */
unsigned cpu_apic_id(const struct cpu_topology *t, unsigned index);

/* What the guest's CPUID shows: these leaves, with this vCPU's APIC ID and the topology. */
bool cpu_set_cpuid(int vcpu_fd, const struct kvm_cpuid2 *leaves, unsigned index,
                   const struct cpu_topology *t, GError **error);

/* Without a local APIC (-cpu 486, -apic) interrupts come from the PICs alone: it is switched off before the guest starts. */
void cpu_set_no_apic(int vcpu_fd);

/* Takes all registers that KVM knows of, right after creation. */
struct cpu_state *cpu_state_new(int kvm_fd, int vcpu_fd);
void cpu_state_free(struct cpu_state *state);
/* Puts them back; the boot processor is made runnable, others wait for INIT and SIPI. */
void cpu_state_restore(const struct cpu_state *state, int vcpu_fd, bool boot_processor);

/* In HLT with interrupts off and no NMI or SMI pending; any but the boot processor also where it was never started. */
bool cpu_halted_for_ever(int vcpu_fd, bool boot_processor);

/* The main registers as lines of text; g_free. */
char *cpu_registers_text(int vcpu_fd);

/* Writes to stderr why vCPU `index` cannot go on: the exit, registers, instruction bytes. */
void cpu_report(int vcpu_fd, const struct kvm_run *run, unsigned index, const char *what);

#endif
