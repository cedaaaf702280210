/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processors: a thread each, inside KVM_RUN or carrying out an access. The group pauses and goes
 * on as one. All calls on the main loop's thread, except vcpus_hold().
 */
#ifndef DM_VCPU_H
#define DM_VCPU_H

#include <glib.h>
#include <stdbool.h>

#include "dm/cpustate.h"
#include "ioreq/iomap.h"

struct cpu_regs;
struct kvm;
struct vcpu_group;

/* What a vCPU could not go on after. */
enum vcpu_stop {
    VCPU_STOP_TRIPLE_FAULT,   /* KVM_EXIT_SHUTDOWN: as on a PC, the machine resets */
    VCPU_STOP_INTERNAL_ERROR, /* reported in full on stderr already */
};

struct vcpu_hooks {
    /* From a vCPU's thread, which has been held: the main loop has to be woken. */
    void (*stopped)(void *opaque, unsigned cpu, enum vcpu_stop why);
    void *opaque;
};

/*
 * Makes `count` vCPUs, paused, in the state after power-on. Takes kvm's ring mapping from the first.
 * NULL with error.
 */
struct vcpu_group *vcpus_new(struct kvm *kvm, struct iomap *map, unsigned count,
                             const struct cpu_topology *topology, const struct vcpu_hooks *hooks,
                             GError **error);
void vcpus_free(struct vcpu_group *group); /* ends the threads */

void vcpus_pause(struct vcpu_group *group);  /* returns when none is in the guest or in an access */
void vcpus_resume(struct vcpu_group *group);
void vcpus_reset(struct vcpu_group *group);  /* paused: all registers as after power-on */

/*
 * Any thread, also from inside a device: no vCPU goes back into the guest until vcpus_resume().
 * Does not wait. A reset or power-off thus takes effect with the access that asked for it.
 */
void vcpus_hold(struct vcpu_group *group);

/*
 * For what cannot be done while a vCPU runs or is inside an access: between the two, which nest, all of them are
 * parked. Whether they go on then is left as it was, whoever has asked for something else meanwhile.
 */
void vcpus_freeze(struct vcpu_group *group);
void vcpus_thaw(struct vcpu_group *group);

void vcpus_nmi(struct vcpu_group *group);    /* a non-maskable interrupt to each; running or paused */
bool vcpus_held(const struct vcpu_group *group);
int64_t vcpus_cpu_ns(struct vcpu_group *group); /* processor time that their threads have used */
/*
 * Every processor is in HLT with interrupts off and nothing pending, or waits to be started by one that is. Takes them out
 * of the guest for a moment.
 */
bool vcpus_halted_for_ever(struct vcpu_group *group);
/* The registers as lines of text (g_free); of a running one, as they are at this moment. */
char *vcpu_registers(struct vcpu_group *group, unsigned cpu);
/*
 * The registers of the vCPU whose access the calling thread is carrying out; false on any other thread. set:
 * registers that keep their lower half keep the upper one, too.
 */
bool vcpu_get_regs(struct cpu_regs *regs);
bool vcpu_set_regs(const struct cpu_regs *regs);

unsigned vcpus_count(const struct vcpu_group *group);
int vcpu_thread_id(struct vcpu_group *group, unsigned cpu); /* as gettid(); waits until it has one */

#endif
