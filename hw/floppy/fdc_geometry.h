/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy formats: which geometry an image of a size has, in which drive, at which data rates.
 * All have sectors of 512 bytes in MFM. An image of a size that no format has is taken as 1.44 MB
 * (in a 5.25-inch drive 1.2 MB or 360 KB), or 2.88 MB if it is larger and the drive can: short
 * images, a boot sector alone for example, read as zeros behind their end.
 */
#ifndef HW_FLOPPY_FDC_GEOMETRY_H
#define HW_FLOPPY_FDC_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

enum fdc_drive_type {
    FDC_DRIVE_NONE,
    FDC_DRIVE_AUTO,
    FDC_DRIVE_360, /* 5.25 inch, 40 cylinders: what AUTO takes for images up to 360 KB */
    FDC_DRIVE_120, /* 5.25 inch, 1.2 MB */
    FDC_DRIVE_144, /* 3.5 inch */
    FDC_DRIVE_288,
    FDC_DRIVE_TYPES
};

/* Data rates as DSR and CCR code them (290166, 2.1). */
enum { FDC_RATE_500K, FDC_RATE_300K, FDC_RATE_250K, FDC_RATE_1M };

struct fdc_format {
    uint8_t cylinders, heads, sectors; /* sectors per track */
    uint8_t drives;                    /* mask of 1 << enum fdc_drive_type */
    uint8_t rates;                     /* mask of 1 << FDC_RATE_* */
    /* 40 cylinders in a drive of 80: drivers step twice. SeaBIOS does not; both are answered. */
    bool double_step;
};

/*
 * The format of an image of `sectors` in a drive of `type`, which may be AUTO; *drive is then the
 * type of drive for it. False if no drive of that type can have such a medium.
 */
bool fdc_pick_format(enum fdc_drive_type type, uint64_t sectors, struct fdc_format *format,
                     enum fdc_drive_type *drive);

/* CMOS byte 0x10's code of a drive type: 0 none, 1 360 KB, 2 1.2 MB, 4 1.44 MB, 5 2.88 MB. */
unsigned fdc_cmos_type(enum fdc_drive_type type);

/* "144" ...; for messages. And back: false if it is no such word. */
const char *fdc_drive_type_name(enum fdc_drive_type type);
bool fdc_drive_type_parse(const char *word, enum fdc_drive_type *type);

#endif
