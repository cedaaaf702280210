/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: which devices there are, and where. The one place with port, address and interrupt
 * numbers. Built once, before the guest runs; main loop's thread.
 */
#ifndef DM_MACHINE_H
#define DM_MACHINE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm/config/config.h"
#include "hw/env.h"

struct backends;
struct block;
struct device;
struct display_source;
struct irq_fabric;
struct machine;
struct memory;

struct machine_parts {
    const struct vm_config *config;
    const struct dev_env *env;
    struct memory *memory;
    struct irq_fabric *irq;
    struct backends *backends;
    bool kernel_irqchip; /* KVM has the PICs, the PIT and port 0x61 */
};

/* Builds "pc" or "isapc". NULL with error: what option or device it was, and why. */
struct machine *machine_new(const struct machine_parts *parts, GError **error);
void machine_free(struct machine *machine);

/* What monitors are told of what the guest does; main loop's thread, no lock held. */
struct machine_hooks {
    void (*balloon_changed)(void *opaque, uint64_t actual_bytes);
    void (*port_changed)(void *opaque, const char *id, bool open); /* a virtserialport or virtconsole, by the guest */
    void *opaque;
};
void machine_set_hooks(struct machine *machine, const struct machine_hooks *hooks); /* outlives the machine */

/* All devices and the memory map as after power-on; the vCPUs are stopped. */
void machine_reset(struct machine *machine);
/*
 * PCI hotplug; no vCPU runs, and no host I/O is under way (or `drained` is false: then memory that it may still use
 * is kept). A card is put into the machine by its configuration, which has been checked, and is the machine's from then
 * on: in config->devices, and gone with the card. False with error: nothing has changed, and it is the caller's.
 */
bool machine_can_plug(const struct machine *machine, const char *driver);
bool machine_plug(struct machine *machine, struct device_config *d, GError **error);
/* Asks the guest for a card. False: it is not one that can be taken out. */
bool machine_ask_for_card(struct machine *machine, const struct device_config *d);
/*
 * Takes out the cards that the guest has let go, and with `asked` (before a reset) those that it has been asked for;
 * gone() is called for each when its back ends are free.
 */
bool machine_has_cards_to_go(const struct machine *machine, bool asked);
typedef void machine_gone_fn(void *opaque, const struct device_config *d);
void machine_take_out(struct machine *machine, bool asked, bool drained, machine_gone_fn *gone, void *opaque);

/* The ACPI power button; false: the machine has none (isapc). */
bool machine_power_button(struct machine *machine);
struct display_source *machine_display(struct machine *machine); /* NULL: -vga none */
const char *machine_display_id(struct machine *machine); /* its device's; NULL: -vga none */
/* A key by its XT number (bit 7: the e0 keys), as QMP's send-key numbers them. */
void machine_key(struct machine *machine, unsigned scancode, bool down);
/* The guest has read all that was typed and listens: the next key will not be lost. */
bool machine_keyboard_ready(struct machine *machine);
unsigned machine_keyboard_leds(struct machine *machine); /* bit 0 scroll, 1 num, 2 caps lock */
/*
 * The mouse or the pointer, whichever of its devices the guest uses: movement since the last call (right, down,
 * wheel towards the user) and the buttons held (PS2_BUTTON_* of hw/input/ps2_mouse.h).
 */
void machine_mouse(struct machine *machine, int dx, int dy, int dz, unsigned buttons);
/*
 * The same by the place on the screen, 0 .. MACHINE_POINTER_MAX from its left and its top edge. A guest that does
 * not use the absolute device gets the movement since the last place, in pixels.
 */
#define MACHINE_POINTER_MAX 0x7fff
void machine_pointer(struct machine *machine, unsigned x, unsigned y, int dz, unsigned buttons);
/* Whether the guest follows places now; it has no side buttons then. */
bool machine_pointer_is_absolute(struct machine *machine);
bool machine_has_vmmouse(const struct machine *machine); /* vmport=on */

void machine_foreach_device(struct machine *machine,
                            void (*fn)(void *opaque, struct device *dev), void *opaque);
/* A drive at its place on an IDE bus. */
struct machine_disk {
    const char *bus; /* "ide.0" */
    unsigned unit;
    bool cd;
    struct block *block;
    uint32_t cyls, heads, secs; /* disks: of IDENTIFY DEVICE */
    int bootindex;              /* -1: none */
};
void machine_foreach_disk(const struct machine *machine, void (*fn)(void *opaque, const struct machine_disk *disk),
                          void *opaque);

/* The ISA interrupt lines that a device drives, a bit each. */
uint32_t machine_device_irqs(const struct machine *machine, const struct device *dev);
/* A property of a -device as it holds: by -device, else by -global; NULL: neither says. */
const char *device_prop(const struct machine *machine, const struct device_config *d, const char *name);
/*
 * The network cards by number, in their order: id, and id of the wire (*netdev NULL: none). False: no such number.
 */
bool machine_nic(const struct machine *machine, unsigned n, const char **id, const char **netdev);
/* The balloon, for hw/virtio/balloon.h; NULL: there is none. The others need one. */
struct device *machine_balloon(struct machine *machine);
void machine_balloon_set(struct machine *machine, uint64_t bytes);  /* what the guest is to have of its RAM */
uint64_t machine_balloon_actual(struct machine *machine);           /* what it has, as it says */
/* The same card's driver ("e1000") and its address as the machine gave it. */
bool machine_nic_kind(const struct machine *machine, unsigned n, const char **driver, uint8_t mac[6]);
struct pci_bus *machine_pci_bus(struct machine *machine); /* NULL: there is none (isapc) */

#endif
