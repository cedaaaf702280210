/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the machine share: machine.c has the boards, machine_ide.c the IDE controllers and
 * their buses, machine_drives.c who sits at which IDE place,
 * machine_floppy.c the floppy drives, machine_net.c the network cards, machine_virtio.c virtio (machine_balloon.c,
 * machine_serial.c), machine_hotplug.c what comes and goes while it runs, machine_devices.c what -device adds,
 * machine_input.c the pointer.
 */
#ifndef DM_MACHINE_INT_H
#define DM_MACHINE_INT_H

#include "dm/machine/firmware.h"
#include "dm/machine/machine.h"
#include "hw/ide/ata.h"
#include "hw/virtio/options.h"

struct device;
struct notice;
struct pci_bus;

/* Where machine_pointer() was last; not known before, and after movement. */
struct machine_pointer {
    bool known;
    unsigned x, y;
};

struct machine {
    struct machine_parts parts;
    bool pci;
    GPtrArray *devices; /* struct device *, in order of making; freed in reverse */
    GHashTable *irqs;   /* struct device * -> mask of ISA lines, for whoever looks at the machine */
    struct pci_bus *bus;
    struct device *pm, *keyboard, *vga, *dma;
    struct device *vmmouse; /* NULL: vmport=off */
    struct machine_pointer pointer;
    GHashTable *cards; /* struct device * that can be taken out -> its struct device_config * */
    GPtrArray *nics; /* struct nic *, in the order of -device */
    GPtrArray *entropy; /* machine_virtio.c's: sources of random bytes */
    GPtrArray *ide; /* struct ide_controller *: the machine's own, then -device's in their order */
    struct device *balloon; /* NULL: none */
    struct notice *balloon_notice;
    GPtrArray *serial_buses; /* NULL: none */
    const struct machine_hooks *hooks; /* NULL: nobody listens yet */
    struct firmware firmware;
    char why[200]; /* of the constructor that failed */
};

#define WHY m->why, sizeof(m->why)

/* Keeps a new device; false (with m->why set) if its constructor failed. */
bool machine_keep(struct machine *m, struct device *dev);
/* The same, of a device that drives that ISA line (a device may be kept once, and have several). */
bool machine_keep_irq(struct machine *m, struct device *dev, unsigned irq);
void machine_note_irq(struct machine *m, struct device *dev, unsigned irq);

/* The device of a -device that can be taken out while the machine runs: PCI, one function, nothing hangs on it. */
void machine_note_card(struct machine *m, struct device *dev, const struct device_config *d);

uint64_t device_number(const struct machine *m, const struct device_config *d, const char *name,
                       uint64_t otherwise);
/* The disk takes over the -device's id, werror= and rerror=, which go before those of its -drive. */
void machine_name_disk(struct machine *m, const struct device_config *d, struct block *blk);
/* "-device DRIVER: ..."; returns false. */
bool device_error(const struct device_config *d, GError **error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "0x3" or "3.0" or "0x1.0x2": slot and function as devfn; -2: not an address. */
int machine_parse_devfn(const char *addr);

/* ---- IDE ---- */

/* A channel that -device can name, and what was placed on it. */
struct ide_bus {
    char *name; /* "ide.0"; "ctl.1" of a controller with id=ctl */
    bool taken[2];
    struct ide_drive_config drive[2];
    struct firmware_disk disk[2]; /* what the BIOS is to be told of it; its place comes last */
    int bootindex[2];             /* -1: none */
};

enum ide_kind { IDE_KIND_PIIX3, IDE_KIND_ISA, IDE_KIND_CMD646 };

struct ide_controller {
    enum ide_kind kind;
    const struct device_config *config; /* NULL: the machine's own */
    char *id;
    struct device *dev;     /* NULL: not made yet */
    unsigned first_channel; /* number of its first bus among all channels of the machine */
    unsigned bus_count;     /* 1 or 2 */
    struct ide_bus bus[2];
    uint16_t iobase, iobase2; /* ISA only */
    unsigned irq;
};

/*
 * The steps, in order: buses get their names; drives their places; the boards make their own
 * controllers; -device's are made; the firmware is told of the disks.
 */
bool machine_collect_ide(struct machine *m, GError **error);
bool machine_collect_drives(struct machine *m, GError **error);
bool machine_add_ide(struct machine *m, GError **error);
bool machine_describe_disks(struct machine *m, GError **error);
void machine_free_ide(struct machine *m);

struct ide_bus *machine_ide_bus(const struct machine *m, const char *name); /* NULL: there is none */
char *machine_ide_bus_names(const struct machine *m); /* "ide.0, ide.1"; g_free */
/* The bus's controller is one that the BIOS can boot from by bootindex. */
bool machine_ide_bootable(const struct machine *m, const struct ide_bus *bus);
/* Makes an ISA channel's controller; false with m->why. */
bool machine_make_isa_ide(struct machine *m, struct ide_controller *c);

/* The floppy controller with its drives, which the firmware is told of. After the 8237. */
bool machine_add_floppies(struct machine *m, GError **error);

/* ---- network cards ---- */

struct netport;

/* A -device that is a network card: what its constructor is given. */
struct nic {
    const struct device_config *config;
    const char *driver, *id; /* id: "net0", or without the user's "e1000.0" */
    const char *netdev;      /* id; NULL: no cable */
    struct netport *port;    /* NULL: no cable */
    uint8_t mac[6];
    int devfn;               /* PCI: -1: the first free */
    struct device *dev;
    char *own_id;
};

/* Cards with an address first; then the firmware is told what can be booted from. */
bool machine_add_nics(struct machine *m, GError **error);
void machine_free_nics(struct machine *m);

/*
 * PCI cards while the machine runs. ..._is_...: the table here has this driver. plug: made and noted as a card; false
 * with error: all is as before. unplug: the card has been freed; what it had of others is given back.
 */
bool machine_is_pci_nic(const char *driver);
bool machine_plug_nic(struct machine *m, const struct device_config *d, GError **error);
void machine_unplug_nic(struct machine *m, const struct device_config *d);
bool machine_is_virtio_card(const char *driver);
bool machine_plug_virtio(struct machine *m, const struct device_config *d, GError **error);
void machine_unplug_virtio(struct machine *m, const struct device_config *d);
bool machine_has_device(const struct machine *m, const char *id);
/* Frees the devices that were made since there were so many. */
void machine_discard_from(struct machine *m, guint count);
/* Which slots have cards, told to the power management function once all devices are there. */
void machine_describe_slots(struct machine *m);

/* Those of machine_virtio.c that have a file of their own. NULL with error. */
struct device *machine_make_balloon(struct machine *m, const struct device_config *d, const char *id, int devfn,
                                    GError **error);
void machine_free_balloon(struct machine *m);
struct device *machine_make_serial(struct machine *m, const struct device_config *d, const char *id, int devfn,
                                   GError **error);
bool machine_check_ports(struct machine *m, GError **error); /* each virtserialport and virtconsole has a bus */
void machine_free_serial(struct machine *m);

/* virtio devices but the network cards: first those with an address, so that nothing else takes it; then the others. */
bool machine_add_virtio(struct machine *m, bool with_addr, GError **error);
void machine_free_entropy(struct machine *m);
/* A feature that a property of this name, "off", takes away. */
struct virtio_feature {
    const char *name;
    uint64_t bit;
};
uint64_t machine_virtio_without(const struct machine *m, const struct device_config *d,
                                const struct virtio_feature *features, unsigned count);
/* What a -device says of PROP_VIRTIO (dm/config/devprops.c), where few_kicks is its "off". */
struct virtio_options machine_virtio_options(const struct machine *m, const struct device_config *d, bool few_kicks);
/* A property of theirs that is on or off, and off if not said. */
bool machine_virtio_on(const struct machine *m, const struct device_config *d, const char *name);

/* The display adapter, the -serial ports, and what -device and -debugcon add on the ISA bus. */
bool machine_add_vga(struct machine *m, GError **error);
bool machine_add_serials(struct machine *m);
bool machine_add_isa_devices(struct machine *m, GError **error);
/* -serial has a port `index`; the PM function tells a DSDT. */
bool machine_has_serial(const struct machine *m, unsigned index);

#endif
