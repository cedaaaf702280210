/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The window at 0xa0000 as the guest has it: trapped, an access at a time, or mapped as memory while the
 * registers make it such (vga_mem_view()). All with the device's lock held.
 *
 *   trapped --- a synchronous access, if the state has earned it ---> mapped
 *      ^                                                                |
 *      +------ a register write that makes the window another ----------+
 *
 * Linear views are video memory itself. The text view is a block of its own, since the characters and attributes of
 * a text screen are two bytes of each doubleword there: it is filled when it is mapped, and what the guest
 * changes in it is brought home by vga_window_settle(). Until then the linear frame buffer's BAR shows text
 * as it was; no driver looks there in a text mode.
 *
 * Mapping and unmapping make the hypervisor rebuild its tables. So a state earns its mapping: a counter
 * goes down when a mapped one ends soon (a program that switches banks for each pixel), and up when one stays,
 * or when a trapped one has seen many accesses.
 *
 * What KVM collects (posted writes) must not come after what the guest wrote through a mapping later. So the
 * window is mapped only in accesses that are never posted: then nothing is in the ring. And while it is
 * mapped, the sequencer's and graphics controller's data registers are not posted, since they unmap it.
 * With several vCPUs another one may be posting meanwhile: so the window is mapped only by the register write
 * that begins the state (who draws across that has no order on hardware either), and these are never posted.
 */
#ifndef HW_VGA_WINDOW_H
#define HW_VGA_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct vga;

/* What answers in the regions `window`, `seq_ports` and `gr_ports`; the owner adds them to the tables. */
void vga_window_init(struct vga *v);

/* A register of any kind was written: what the window is may have changed. `synchronous`: not posted. */
void vga_window_follow(struct vga *v, bool synchronous);
/* Before video memory is looked at or changed by others than the window: the text view's changes go there. */
void vga_window_settle(struct vga *v);
/* After the registers were reset. */
void vga_window_reset(struct vga *v);
/* Unmaps, for good. */
void vga_window_fini(struct vga *v);

#endif
