/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IDE controllers of the machine, its own and those of -device, and the names of their buses. */
#include <string.h>

#include "dm/irq.h"
#include "dm/machine/machine_int.h"
#include "hw/ide/cmd646.h"
#include "hw/ide/isa_ide.h"
#include "hw/pci/pci.h"

#define MAX_ISA_IDE 8 /* each has an input of the interrupt fabric for itself */

/* Where ISA channels have always been. The first two are the machine's own, also on PCI. */
static const struct isa_place {
    uint16_t iobase, iobase2;
    unsigned irq;
} isa_places[] = {{0x1f0, 0x3f6, 14}, {0x170, 0x376, 15}, {0x1e8, 0x3ee, 11}, {0x168, 0x36e, 10}};
#define OWN_PLACES 2

/* ---- who there is ---- */

static void free_controller(void *opaque)
{
    struct ide_controller *c = opaque;

    g_free(c->id);
    for (unsigned i = 0; i < c->bus_count; i++)
        g_free(c->bus[i].name);
    g_free(c);
}

void machine_free_ide(struct machine *m)
{
    if (m->ide)
        g_ptr_array_free(m->ide, TRUE);
    m->ide = NULL;
}

static unsigned count_channels(const struct machine *m)
{
    const struct ide_controller *last = m->ide->len ? g_ptr_array_index(m->ide, m->ide->len - 1) : NULL;

    return last ? last->first_channel + last->bus_count : 0;
}

static struct ide_controller *new_controller(struct machine *m, enum ide_kind kind, const char *id,
                                             unsigned bus_count)
{
    struct ide_controller *c = g_new0(struct ide_controller, 1);

    c->kind = kind;
    c->id = g_strdup(id);
    c->first_channel = count_channels(m);
    c->bus_count = bus_count;
    for (unsigned i = 0; i < bus_count; i++)
        c->bus[i].bootindex[0] = c->bus[i].bootindex[1] = -1;
    g_ptr_array_add(m->ide, c);
    return c;
}

static void use_place(struct ide_controller *c, const struct isa_place *place)
{
    c->iobase = place->iobase;
    c->iobase2 = place->iobase2;
    c->irq = place->irq;
}

static void add_own(struct machine *m)
{
    if (m->pci) {
        struct ide_controller *c = new_controller(m, IDE_KIND_PIIX3, "ide", 2);

        c->bus[0].name = g_strdup("ide.0");
        c->bus[1].name = g_strdup("ide.1");
        return;
    }
    for (unsigned i = 0; i < OWN_PLACES; i++) {
        g_autofree char *id = g_strdup_printf("ide%u", i);
        struct ide_controller *c = new_controller(m, IDE_KIND_ISA, id, 1);

        use_place(c, &isa_places[i]);
        c->bus[0].name = g_strdup_printf("ide.%u", i);
    }
}

/* As QEMU names them: after the id; without one, counted on from the machine's own ide.0 and ide.1. */
static void name_buses(struct ide_controller *c, unsigned *anonymous)
{
    if (!c->id)
        c->id = g_strdup_printf("ide%u", *anonymous);
    for (unsigned i = 0; i < c->bus_count; i++)
        c->bus[i].name = c->config->id ? g_strdup_printf("%s.%u", c->config->id, i)
                                       : g_strdup_printf("ide.%u", (*anonymous)++);
}

/* ---- -device isa-ide ---- */

static bool place_is_free(const struct machine *m, uint16_t iobase)
{
    for (guint i = 0; i < m->ide->len; i++) {
        const struct ide_controller *c = g_ptr_array_index(m->ide, i);

        if (c->kind == IDE_KIND_ISA && c->iobase == iobase)
            return false;
    }
    return true;
}

static const struct isa_place *next_place(const struct machine *m)
{
    for (unsigned i = OWN_PLACES; i < G_N_ELEMENTS(isa_places); i++) {
        if (place_is_free(m, isa_places[i].iobase))
            return &isa_places[i];
    }
    return NULL;
}

/* PCI's windows come and go, so the dispatch table cannot tell who will be there. */
static bool takes_own_ports(uint64_t iobase, uint64_t iobase2)
{
    for (unsigned i = 0; i < OWN_PLACES; i++) {
        const struct isa_place *own = &isa_places[i];

        if ((iobase < own->iobase + 8u && own->iobase < iobase + 8) || iobase2 == own->iobase2 ||
            (iobase2 >= own->iobase && iobase2 < own->iobase + 8u) ||
            (own->iobase2 >= iobase && own->iobase2 < iobase + 8))
            return true;
    }
    return false;
}

static uint64_t usual_irq(uint64_t iobase)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(isa_places); i++) {
        if (isa_places[i].iobase == iobase)
            return isa_places[i].irq;
    }
    return 0;
}

static bool place_isa(struct machine *m, struct ide_controller *c, const struct isa_place *next,
                      GError **error)
{
    const struct device_config *d = c->config;
    uint64_t iobase = device_number(m, d, "iobase", next ? next->iobase : 0), iobase2, irq;

    if (!iobase)
        return device_error(d, error, "iobase= is missing: 0x1e8 and 0x168 are in use");
    iobase2 = device_number(m, d, "iobase2", iobase + 0x206);
    irq = device_number(m, d, "irq", usual_irq(iobase));
    if (iobase % 8 || iobase > 0xfff8 || iobase2 > 0xffff || (iobase2 >= iobase && iobase2 < iobase + 8))
        return device_error(d, error, "iobase is a multiple of 8 up to 0xfff8, iobase2 a port beside it");
    if (takes_own_ports(iobase, iobase2))
        return device_error(d, error, "the ports 0x1f0 and 0x170 are those of the machine's own ide.0 and "
                            "ide.1; iobase=0x1e8 and iobase=0x168 are usual");
    if (!irq)
        return device_error(d, error, "irq= is missing: iobase 0x%x has no usual one", (unsigned)iobase);
    if (irq < 3 || irq > 15 || irq == 8 || irq == 13)
        return device_error(d, error, "irq %u is not to be had; 3 to 15, but 8 and 13",
                            (unsigned)irq);
    c->iobase = (uint16_t)iobase;
    c->iobase2 = (uint16_t)iobase2;
    c->irq = (unsigned)irq;
    return true;
}

static bool add_isa(struct machine *m, const struct device_config *d, struct ide_controller **added,
                    GError **error)
{
    const struct isa_place *next = next_place(m);
    unsigned count = 0;

    for (guint i = 0; i < m->ide->len; i++)
        count += ((struct ide_controller *)g_ptr_array_index(m->ide, i))->kind == IDE_KIND_ISA;
    if (count >= MAX_ISA_IDE)
        return device_error(d, error, "there can be %d of them; use cmd646-ide", MAX_ISA_IDE);
    *added = new_controller(m, IDE_KIND_ISA, d->id, 1);
    (*added)->config = d;
    return place_isa(m, *added, next, error);
}

/* ---- -device cmd646-ide ---- */

static bool add_cmd646(struct machine *m, const struct device_config *d,
                       struct ide_controller **added, GError **error)
{
    bool both = device_number(m, d, "secondary", 1);

    if (!m->pci)
        return device_error(d, error, "No PCI buses available; use isa-ide");
    *added = new_controller(m, IDE_KIND_CMD646, d->id, both ? 2 : 1);
    (*added)->config = d;
    return true;
}

bool machine_collect_ide(struct machine *m, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;
    unsigned anonymous = 2;

    m->ide = g_ptr_array_new_with_free_func(free_controller);
    add_own(m);
    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);
        bool isa = !strcmp(d->driver, "isa-ide");
        struct ide_controller *c;

        if (!isa && strcmp(d->driver, "cmd646-ide"))
            continue;
        if (d->id && !strcmp(d->id, "ide"))
            return device_error(d, error, "id=ide: ide.0 and ide.1 are the machine's own buses");
        if (!(isa ? add_isa : add_cmd646)(m, d, &c, error))
            return false;
        name_buses(c, &anonymous);
    }
    return true;
}

/* ---- making them ---- */

bool machine_make_isa_ide(struct machine *m, struct ide_controller *c)
{
    const struct isa_ide_config config = {
        .iobase = c->iobase,
        .ctlbase = c->iobase2,
        .number = c->first_channel,
        .irq = irq_fabric_pin(m->parts.irq, c->irq),
        .drive = {c->bus[0].drive[0], c->bus[0].drive[1]},
    };

    c->dev = isa_ide_new(m->parts.env, c->id, &config, WHY);
    return machine_keep_irq(m, c->dev, c->irq);
}

static bool make_cmd646(struct machine *m, struct ide_controller *c, GError **error)
{
    const char *addr = device_prop(m, c->config, "addr");
    int devfn = addr ? machine_parse_devfn(addr) : -1;
    struct cmd646_config config = {
        .secondary = c->bus_count == 2, .first_channel = c->first_channel};

    if (addr && devfn < 0)
        return device_error(c->config, error, "addr '%s' is not a slot", addr);
    if (addr && devfn % 8) /* a guest asks for other functions only where function 0 says so */
        return device_error(c->config, error, "addr '%s': it is function 0 of its slot", addr);
    for (unsigned i = 0; i < 4; i++)
        config.drive[i] = c->bus[i / 2].drive[i % 2];
    c->dev = cmd646_new(m->bus, devfn, m->parts.env, c->id, &config, WHY);
    return machine_keep(m, c->dev) || device_error(c->config, error, "%s", m->why);
}

/* Those that have an address first, so that none of the others takes it. */
bool machine_add_ide(struct machine *m, GError **error)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < m->ide->len; i++) {
            struct ide_controller *c = g_ptr_array_index(m->ide, i);

            if (c->dev || (pass == 0 && !device_prop(m, c->config, "addr")))
                continue;
            if (c->kind == IDE_KIND_CMD646 && !make_cmd646(m, c, error))
                return false;
            if (c->kind == IDE_KIND_ISA && !machine_make_isa_ide(m, c))
                return device_error(c->config, error, "%s", m->why);
        }
    }
    return true;
}

/* ---- buses ---- */

struct ide_bus *machine_ide_bus(const struct machine *m, const char *name)
{
    for (guint i = 0; i < m->ide->len; i++) {
        struct ide_controller *c = g_ptr_array_index(m->ide, i);

        for (unsigned n = 0; n < c->bus_count; n++) {
            if (!strcmp(c->bus[n].name, name))
                return &c->bus[n];
        }
    }
    return NULL;
}

char *machine_ide_bus_names(const struct machine *m)
{
    GString *names = g_string_new(NULL);

    for (guint i = 0; i < m->ide->len; i++) {
        const struct ide_controller *c = g_ptr_array_index(m->ide, i);

        for (unsigned n = 0; n < c->bus_count; n++)
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", c->bus[n].name);
    }
    return g_string_free(names, FALSE);
}

bool machine_ide_bootable(const struct machine *m, const struct ide_bus *bus)
{
    for (guint i = 0; i < m->ide->len; i++) {
        const struct ide_controller *c = g_ptr_array_index(m->ide, i);

        if (bus == &c->bus[0] || bus == &c->bus[1])
            return c->kind != IDE_KIND_ISA;
    }
    return false;
}

/* ---- what the BIOS is told ---- */

static int by_slot(const void *a, const void *b)
{
    const struct ide_controller *x = *(const void *const *)a, *y = *(const void *const *)b;

    return ((const struct pci_device *)x->dev)->devfn - ((const struct pci_device *)y->dev)->devfn;
}

/* The controllers that SeaBIOS finds, in its order: on PCI those on the bus, else the two usual ones. */
static GPtrArray *in_bios_order(const struct machine *m)
{
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < m->ide->len; i++) {
        struct ide_controller *c = g_ptr_array_index(m->ide, i);

        if (m->pci ? c->kind != IDE_KIND_ISA : i < OWN_PLACES)
            g_ptr_array_add(list, c);
    }
    if (m->pci)
        g_ptr_array_sort(list, by_slot);
    return list;
}

static void set_boot_path(const struct ide_controller *c, unsigned channel, unsigned unit,
                          struct firmware_disk *disk)
{
    unsigned devfn = ((const struct pci_device *)c->dev)->devfn;
    g_autofree char *function = devfn % 8 ? g_strdup_printf(",%x", devfn % 8) : g_strdup("");

    g_snprintf(disk->boot_path, sizeof(disk->boot_path), "/pci@i0cf8/ide@%x%s/drive@%x/disk@%x",
               devfn / 8, function, channel, unit);
}

static bool describe_bus(struct machine *m, struct ide_controller *c, unsigned channel,
                         unsigned position, GError **error)
{
    struct ide_bus *bus = &c->bus[channel];

    for (unsigned unit = 0; unit < 2; unit++) {
        struct firmware_disk *disk = &bus->disk[unit];

        if (!bus->taken[unit])
            continue;
        disk->position = position + unit;
        if (m->pci)
            set_boot_path(c, channel, unit, disk);
        if (!firmware_add_disk(&m->firmware, disk, error) ||
            (bus->bootindex[unit] >= 0 &&
             !firmware_add_boot(&m->firmware, disk->boot_path, bus->bootindex[unit], error)))
            return false;
    }
    return true;
}

bool machine_describe_disks(struct machine *m, GError **error)
{
    g_autoptr(GPtrArray) list = in_bios_order(m);
    unsigned position = 0;

    for (guint i = 0; i < list->len; i++) {
        struct ide_controller *c = g_ptr_array_index(list, i);

        for (unsigned channel = 0; channel < c->bus_count; channel++, position += 2) {
            if (!describe_bus(m, c, channel, position, error))
                return false;
        }
    }
    return true;
}

void machine_foreach_disk(const struct machine *m, void (*fn)(void *opaque, const struct machine_disk *disk), void *opaque)
{
    for (guint i = 0; i < m->ide->len; i++) {
        const struct ide_controller *c = g_ptr_array_index(m->ide, i);

        for (unsigned n = 0; n < 2 * c->bus_count; n++) {
            const struct ide_bus *bus = &c->bus[n / 2];
            const struct ide_drive_config *drive = &bus->drive[n % 2];
            struct machine_disk d = {bus->name, n % 2, drive->cd, drive->blk, drive->cyls, drive->heads, drive->secs,
                                     bus->bootindex[n % 2]};

            if (bus->taken[n % 2])
                fn(opaque, &d);
        }
    }
}
