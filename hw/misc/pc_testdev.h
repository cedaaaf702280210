/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc-testdev, for kvm-unit-tests: registers that keep what is written at several widths, memory-mapped memory, interrupt
 * lines to raise at will. Source: kvm-unit-tests x86 (lib/x86, ioapic.c, realmode.c), which drives it; there is no data
 * book. Its fourth part is left out: a port, 0xe4, that has the host unmap a page of the guest's for a moment. A process
 * whose other threads write into that memory cannot do so safely; only the test "emulator" needs it.
 */
#ifndef HW_MISC_PC_TESTDEV_H
#define HW_MISC_PC_TESTDEV_H

#include "hw/device.h"

#define PC_TESTDEV_PORT 0xe0       /* four ports: one 32-bit register, in parts as well */
#define PC_TESTDEV_BYTES 0xe8      /* the register, byte by byte only */
#define PC_TESTDEV_IRQ 0x2000      /* port n: the level of interrupt line n */
#define PC_TESTDEV_LINES 24
#define PC_TESTDEV_MEM 0xff000000u /* 64 KiB that keep what is written */
#define PC_TESTDEV_MEM_BYTES 0x10000u

struct pc_testdev_config {
    struct irq_pin line[PC_TESTDEV_LINES];
};

/* NULL and why[] when a place is taken. Freed with device_free(). */
struct device *pc_testdev_new(const struct dev_env *env, const char *id, const struct pc_testdev_config *cfg, char *why,
                              size_t why_size);

#endif
