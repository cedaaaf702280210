/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watchdog of iBase's IB700 single-board computer: two ports, sixteen periods, no way to read it back. Source: iBase
 * IB700 user's manual, "Watchdog timer"; Linux drivers/watchdog/ib700wdt.c shows what drivers do.
 */
#ifndef HW_WATCHDOG_IB700_H
#define HW_WATCHDOG_IB700_H

#include "hw/device.h"

#define IB700_STOP 0x441  /* any write: off */
#define IB700_START 0x443 /* a write starts it anew: 0 is 30 seconds, each more is 2 fewer, 15 is none */

/* NULL and why[] when the ports are taken. Requests MACHINE_WATCHDOG. Freed with device_free(). */
struct device *ib700_new(const struct dev_env *env, const char *id, char *why, size_t why_size);

#endif
