/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-debug-exit: a write ends the process with exit code (value << 1) | 1, so that test guests
 * (kvm-unit-tests, kernels in CI) can report a result. Never 0, which means a normal power-off.
 */
#ifndef HW_MISC_DEBUG_EXIT_H
#define HW_MISC_DEBUG_EXIT_H

#include "hw/device.h"

#define DEBUG_EXIT_IOBASE 0x501
#define DEBUG_EXIT_IOSIZE 2

struct isa_debug_exit_config {
    uint16_t iobase; /* DEBUG_EXIT_IOBASE unless configured */
    uint16_t iosize; /* ports, at least 1: DEBUG_EXIT_IOSIZE */
};

/* NULL and why[] when the ports are taken or iosize is 0. Freed with device_free(). */
struct device *isa_debug_exit_new(const struct dev_env *env, const char *id,
                                  const struct isa_debug_exit_config *cfg, char *why,
                                  size_t why_size);

#endif
