/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's port, by which a guest talks to its hypervisor, with the absolute pointer behind it (vmmouse.h).
 * Source: as vmmouse.h; Linux arch/x86/include/asm/vmware.h, "Low bandwidth hypercall".
 *
 * A call is a 32-bit access to the port with arguments in registers: eax VMPORT_MAGIC, cx the command, ebx its
 * argument. The answer is in eax (what the `in` reads), ebx, ecx ... Without the magic number, with a command
 * that does not exist here, in another width, or without a processor (qtest), the port reads as ones, as an
 * empty one does. Whether a program may call at all is for the processor to say (IOPL): so the command that
 * restricts it to the kernel (ABSPOINTER_RESTRICT) has nothing to do and is one that does not exist.
 */
#ifndef HW_INPUT_VMPORT_H
#define HW_INPUT_VMPORT_H

#include "hw/device.h"

#define VMPORT_MAGIC 0x564d5868u /* "VMXh" */
#define VMPORT_VERSION 6         /* of the calls */
#define VMPORT_PRODUCT 2         /* what a VMware GSX server says, and QEMU */

struct vmport_config {
    uint16_t port; /* 0x5658; the four ports from there are taken */
};

/* The device "vmmouse". NULL with the reason in why[] if a port is taken. */
struct device *vmport_new(const struct dev_env *env, const char *id, const struct vmport_config *cfg,
                          char *why, size_t why_size);

/* ---- what is done with the pointer; lock held ---- */

/*
 * As vmmouse_point() and vmmouse_move(): x, y 0 .. VMMOUSE_MAX; right, down; dz towards the user; PS2_BUTTON_*.
 * True: queued, and the caller sends i8042_mouse_wake() when it has left this device. False: the guest does not
 * use this device (for positions, or at all); nothing was done.
 */
bool vmport_point(struct device *dev, uint16_t x, uint16_t y, int dz, unsigned buttons);
bool vmport_move(struct device *dev, int dx, int dy, int dz, unsigned buttons);

/* Whether vmport_point() would be true. */
bool vmport_is_absolute(struct device *dev);

#endif
