/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The drivers of the table in node_drivers.c, each in the file of its name, and nodes that only code
 * makes. */
#ifndef BLOCK_DRIVERS_H
#define BLOCK_DRIVERS_H

#include "block/node.h"

extern const struct node_driver file_driver, host_device_driver, host_cdrom_driver; /* file.c */
extern const struct node_driver null_co_driver, null_aio_driver; /* null.c */
extern const struct node_driver raw_driver;
extern const struct node_driver vdi_driver, vpc_driver, vmdk_driver;
extern const struct node_driver blkdebug_driver;

/*
 * An overlay in a temporary file that dies with the process (snapshot=on). Takes the caller's
 * reference to `base`, which it only reads, also on failure; uses it (image_use).
 */
struct image *snapshot_open(struct image *base, const struct image_flags *flags, GError **error);
/* Takes the reference to `below`, also on failure. `spec`: see fault.h. */
struct image *fault_open(struct image *below, const char *spec, GError **error);

#endif
