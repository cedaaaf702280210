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

#include "dm/config/config.h"
#include "dm/machine/kernel.h"

struct device;
struct memory;

/* How a BIOS makes a geometry for INT 13h out of a disk's own; numbered as in CMOS. */
enum firmware_translation { FIRMWARE_CHS_NONE, FIRMWARE_CHS_LBA, FIRMWARE_CHS_LARGE, FIRMWARE_CHS_RECHS };

/* A disk or CD drive on an IDE controller that the BIOS finds. */
struct firmware_disk {
    unsigned position; /* SeaBIOS counts two per channel, in the order in which it finds controllers */
    bool cd;
    uint64_t sectors;
    uint32_t cyls, heads, secs;    /* of IDENTIFY DEVICE */
    bool auto_translation;         /* none where the geometry allows it, else LBA */
    enum firmware_translation translation;
    uint32_t lcyls, lheads, lsecs; /* for INT 13h, whatever the translation; 0: by translation */
    char boot_path[80];            /* in SeaBIOS's bootorder syntax; "": it cannot be named */
};

struct firmware {
    const struct vm_config *config;
    struct memory *memory;
    struct device *fw_cfg, *rtc;
    unsigned floppy_types[2]; /* as CMOS has them, drive A first; 0: none */
    GArray *disks; /* struct firmware_disk */
    GArray *boot;  /* what has a bootindex */
    struct kernel_image kernel; /* lent to fw_cfg */
    bool boot_described, boot_changed; /* fw_cfg has been told of `boot`; not of what it is now */
    bool booted_once; /* -boot once= has been used */
};

void firmware_init(struct firmware *fw); /* in zeroed memory */
void firmware_clear(struct firmware *fw);

/* Each disk once; copied. False with error: the BIOS cannot be told what is asked for. */
bool firmware_add_disk(struct firmware *fw, const struct firmware_disk *disk, GError **error);
/* A place (>= 0) in the boot order for the device with this path; false with error: it is taken. */
bool firmware_add_boot(struct firmware *fw, const char *path, int bootindex, GError **error);

/* The device with that bootindex is gone. What changes in a running machine holds from the next reset. */
void firmware_remove_boot(struct firmware *fw, int bootindex);

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
