/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-serial-pci with its ports, which are -devices of their own: which port sits on which bus, with what number.
 * A controller with id=X has the bus X.0, one without virtio-serial-bus.N.
 */
#include <string.h>

#include "dm/backends.h"
#include "dm/machine/machine_int.h"
#include "dm/notice.h"
#include "hw/virtio/serial.h"

/* A port with an id, of which monitors are told. */
struct line {
    struct serial_bus *bus;
    unsigned nr;
    const char *id; /* the configuration's */
    struct notice *notice;
};

struct serial_bus {
    struct machine *m;
    struct device *dev;
    struct line line[VIRTIO_SERIAL_PORTS];
};

static bool is_port(const struct device_config *d)
{
    return !strcmp(d->driver, "virtserialport") || !strcmp(d->driver, "virtconsole");
}

/* ---- buses ---- */

/* The bus of the n-th -device; NULL: it has none. */
static char *bus_name(const struct machine *m, guint n)
{
    GPtrArray *devices = m->parts.config->devices;
    const struct device_config *d = g_ptr_array_index(devices, n);
    unsigned nameless = 0;

    if (strcmp(d->driver, "virtio-serial-pci"))
        return NULL;
    if (d->id)
        return g_strdup_printf("%s.0", d->id);
    for (guint i = 0; i < n; i++) {
        const struct device_config *before = g_ptr_array_index(devices, i);

        nameless += !strcmp(before->driver, "virtio-serial-pci") && !before->id;
    }
    return g_strdup_printf("virtio-serial-bus.%u", nameless);
}

/* The controller that a port belongs to: by its bus=, else the first. */
static const struct device_config *controller_of(const struct machine *m, const struct device_config *port)
{
    const char *wanted = device_prop(m, port, "bus");
    GPtrArray *devices = m->parts.config->devices;

    for (guint i = 0; i < devices->len; i++) {
        g_autofree char *name = bus_name(m, i);

        if (name && (!wanted || !strcmp(name, wanted)))
            return g_ptr_array_index(devices, i);
    }
    return NULL;
}

bool machine_check_ports(struct machine *m, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);
        const char *bus = device_prop(m, d, "bus");

        if (!is_port(d) || controller_of(m, d))
            continue;
        return bus ? device_error(d, error, "Bus '%s' not found", bus)
                   : device_error(d, error, "No 'virtio-serial-bus' bus found; a -device virtio-serial-pci has one");
    }
    return true;
}

/* ---- ports ---- */

static bool name_is_free(const struct virtio_serial_config *cfg, const char *name)
{
    for (unsigned nr = 0; nr < cfg->ports; nr++) {
        if (cfg->port[nr].present && !strcmp(cfg->port[nr].name, name))
            return false;
    }
    return true;
}

/* Number 0 is a console's, if one comes without a number; the first free of the others else. */
static unsigned free_number(const struct virtio_serial_config *cfg, bool console)
{
    unsigned nr = 1;

    if (console && !cfg->port[0].present)
        return 0;
    while (nr < cfg->ports && cfg->port[nr].present)
        nr++;
    return nr;
}

static bool choose_number(struct machine *m, const struct device_config *d, const struct virtio_serial_config *cfg,
                          unsigned *nr, GError **error)
{
    bool console = !strcmp(d->driver, "virtconsole");
    bool given = device_prop(m, d, "nr") != NULL;

    *nr = given ? (unsigned)device_number(m, d, "nr", 0) : free_number(cfg, console);
    if (!given && *nr >= cfg->ports)
        return device_error(d, error, "the bus is full: it has %u ports", cfg->ports);
    if (*nr >= cfg->ports)
        return device_error(d, error, "nr=%u: Out-of-range port id specified, max. allowed: %u", *nr, cfg->ports - 1);
    if (!*nr && !console)
        return device_error(d, error, "nr=0: Port number 0 is reserved for virtconsole devices");
    if (cfg->port[*nr].present)
        return device_error(d, error, "nr=%u: A port already exists at id %u", *nr, *nr);
    return true;
}

static bool add_port(struct machine *m, const struct device_config *d, struct virtio_serial_config *cfg,
                     struct serial_bus *bus, GError **error)
{
    const char *name = device_prop(m, d, "name"), *chardev = device_prop(m, d, "chardev");
    struct virtio_serial_port_config *port;
    unsigned nr;

    if (name && *name && !name_is_free(cfg, name))
        return device_error(d, error, "name=%s: A port already exists by name %s", name, name);
    if (!choose_number(m, d, cfg, &nr, error))
        return false;
    port = &cfg->port[nr];
    port->present = true;
    port->console = !strcmp(d->driver, "virtconsole");
    g_strlcpy(port->name, name ? name : "", sizeof(port->name));
    port->chr = chardev ? backends_chardev(m->parts.backends, chardev) : NULL;
    if (chardev && !port->chr)
        return device_error(d, error, "no -chardev has the id '%s'", chardev);
    bus->line[nr] = (struct line){bus, nr, d->id, NULL};
    return true;
}

static bool collect_ports(struct machine *m, const struct device_config *controller, struct virtio_serial_config *cfg,
                          struct serial_bus *bus, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (is_port(d) && controller_of(m, d) == controller && !add_port(m, d, cfg, bus, error))
            return false;
    }
    return true;
}

/* ---- what monitors are told ---- */

static void port_changed(void *opaque, unsigned nr)
{
    struct serial_bus *bus = opaque;

    if (bus->line[nr].notice)
        notice_raise(bus->line[nr].notice);
}

static void tell(void *opaque)
{
    struct line *line = opaque;
    const struct machine_hooks *hooks = line->bus->m->hooks;
    bool open;

    device_enter(line->bus->dev);
    open = virtio_serial_open(line->bus->dev, line->nr);
    device_leave(line->bus->dev);
    if (hooks)
        hooks->port_changed(hooks->opaque, line->id, open);
}

/* ---- life ---- */

static void free_bus(void *opaque)
{
    struct serial_bus *bus = opaque;

    for (unsigned nr = 0; nr < VIRTIO_SERIAL_PORTS; nr++)
        notice_free(bus->line[nr].notice);
    g_free(bus);
}

struct device *machine_make_serial(struct machine *m, const struct device_config *d, const char *id, int devfn,
                                   GError **error)
{
    const char *emergency = device_prop(m, d, "emergency-write");
    struct serial_bus *bus = g_new0(struct serial_bus, 1);
    struct virtio_serial_config cfg = {
        .ports = (unsigned)device_number(m, d, "max_ports", VIRTIO_SERIAL_PORTS),
        .emergency_write = !emergency || !strcmp(emergency, "on"),
        .options = machine_virtio_options(m, d, true),
        .changed = port_changed,
        .opaque = bus,
    };

    if (!m->serial_buses)
        m->serial_buses = g_ptr_array_new_with_free_func(free_bus);
    g_ptr_array_add(m->serial_buses, bus);
    bus->m = m;
    if (!collect_ports(m, d, &cfg, bus, error))
        return NULL;
    bus->dev = virtio_serial_new(m->bus, devfn, m->parts.env, id, &cfg, WHY);
    if (!machine_keep(m, bus->dev)) {
        device_error(d, error, "%s", m->why);
        return NULL;
    }
    for (unsigned nr = 0; nr < VIRTIO_SERIAL_PORTS; nr++) {
        if (bus->line[nr].id)
            bus->line[nr].notice = notice_new(tell, &bus->line[nr]);
    }
    return bus->dev;
}

void machine_free_serial(struct machine *m)
{
    if (m->serial_buses)
        g_ptr_array_unref(m->serial_buses);
}
