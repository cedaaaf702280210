/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port 0x80: firmware writes its progress code there, and old drivers write it for a short delay.
 * The write is posted (KVM collects it): nothing happens until the code is read, so a delay loop
 * costs the guest no exit.
 */
#ifndef HW_MISC_POST_PORT_H
#define HW_MISC_POST_PORT_H

#include "hw/device.h"

#define POST_PORT 0x80

/* NULL and why[] when the port is taken. Freed with device_free(). */
struct device *post_port_new(const struct dev_env *env, const char *id, char *why, size_t why_size);

#endif
