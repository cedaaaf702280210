/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the firmware finds: its own image, CMOS contents and fw_cfg items as SeaBIOS reads them
 * (SeaBIOS docs/Runtime_config.md; QEMU docs/specs/fw_cfg.rst for the keys).
 */
#ifndef DM_FIRMWARE_H
#define DM_FIRMWARE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm/config.h"
#include "dm/kernel.h"

struct device;
struct memory;

/* A disk as the BIOS will see it, per IDE position (bus * 2 + unit). */
struct firmware_disk {
    bool present;
    uint32_t cyls, heads, secs;
    int bootindex;      /* -1: none */
    char boot_path[80]; /* in SeaBIOS's bootorder syntax */
};
#define FIRMWARE_DISKS 4

struct firmware {
    const struct vm_config *config;
    struct memory *memory;
    struct device *fw_cfg, *rtc;
    struct firmware_disk disks[FIRMWARE_DISKS];
    struct kernel_image kernel; /* lent to fw_cfg */
    bool booted_once; /* -boot once= has been used */
};

/* Reads `-bios` (or the default) and places it below 4 GiB. */
bool firmware_load(struct memory *memory, const struct vm_config *config, GError **error);

/* Reads a ROM of at most max bytes from a firmware directory (or a path with a slash). */
bool firmware_read_rom(const char *option, const char *name, size_t max, uint8_t **data,
                       size_t *size, GError **error);

/* Fills fw_cfg (incl. -kernel) once, when all devices are there. */
bool firmware_describe(struct firmware *fw, GError **error);
/* At each reset: CMOS as the BIOS expects it, -boot once= the first time. */
void firmware_reset(struct firmware *fw);

#endif
