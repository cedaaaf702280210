/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks whether the guest has halted for ever: every processor in HLT with interrupts off. KVM does not tell, since its
 * interrupt controllers are in the kernel and HLT waits there; so twice a second the threads' processor time is compared,
 * and where none has passed the processors are taken out of the guest for a moment and looked at, once until they run again.
 */
#ifndef DM_HALT_H
#define DM_HALT_H

struct halt_watch;
struct vcpu_group;

/* dead(): main loop, once each time that the guest has halted so. */
struct halt_watch *halt_watch_new(struct vcpu_group *vcpus, void (*dead)(void *opaque), void *opaque);
void halt_watch_free(struct halt_watch *watch); /* NULL: nothing */

#endif
