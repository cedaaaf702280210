/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the machine share: machine.c has the boards, machine_drives.c who sits at which IDE
 * place, machine_devices.c what -device adds.
 */
#ifndef DM_MACHINE_INT_H
#define DM_MACHINE_INT_H

#include "dm/firmware.h"
#include "dm/machine.h"
#include "hw/ide/ata.h"

struct device;
struct pci_bus;

struct machine {
    struct machine_parts parts;
    bool pci;
    GPtrArray *devices; /* struct device *, in order of making; freed in reverse */
    struct pci_bus *bus;
    struct device *pm, *keyboard, *vga;
    struct firmware firmware;
    char why[200]; /* of the constructor that failed */
};

#define WHY m->why, sizeof(m->why)

/* Keeps a new device; false (with m->why set) if its constructor failed. */
bool machine_keep(struct machine *m, struct device *dev);

/* A property: -device first, then -global; NULL, or `otherwise`, if neither says. */
const char *device_prop(const struct machine *m, const struct device_config *d, const char *name);
uint64_t device_number(const struct machine *m, const struct device_config *d, const char *name,
                       uint64_t otherwise);
/* "-device DRIVER: ..."; returns false. */
bool device_error(const struct device_config *d, GError **error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The drives of the two channels, by bus * 2 + unit. */
struct ide_slots {
    struct ide_drive_config drive[FIRMWARE_DISKS];
    bool taken[FIRMWARE_DISKS];
};

/* Places what -drive if=ide and -device ide-hd ask for, also for the firmware to know. */
bool machine_collect_drives(struct machine *m, struct ide_slots *slots, GError **error);

/* The display adapter, the -serial ports, and what -device and -debugcon add on the ISA bus. */
bool machine_add_vga(struct machine *m, GError **error);
bool machine_add_serials(struct machine *m);
bool machine_add_isa_devices(struct machine *m, GError **error);
/* -serial has a port `index`; the PM function tells a DSDT. */
bool machine_has_serial(const struct machine *m, unsigned index);

#endif
