/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network cards: which -device makes which chip, its place, address, wire and option ROM. */
#include <string.h>

#include "dm/backends.h"
#include "dm/irq.h"
#include "dm/machine/machine_int.h"
#include "dm/memory.h"
#include "dm/config/options.h"
#include "hw/net/e1000.h"
#include "hw/net/ne2k_isa.h"
#include "hw/net/ne2k_pci.h"
#include "hw/net/pcnet_pci.h"
#include "hw/net/rtl8139.h"
#include "hw/pci/pci.h"
#include "hw/virtio/net.h"
#include "net/netdev.h"

#define MAX_ROM_BYTES (1024 * 1024)

/*
 * One card: its constructor gets nic->port, nic->mac and its place, and returns NULL with m->why. A PCI card's
 * ROM and its boot path are added here; an ISA card's constructor notes its line with machine_note_irq().
 */
struct nic_driver {
    const char *name;
    const char *rom; /* option ROM by default; NULL: an ISA card */
    struct device *(*make)(struct machine *m, const struct nic *nic);
};

/* Where boards that name no place go, in their order: the usual jumper settings, as QEMU has them. */
static const struct {
    uint16_t iobase;
    uint8_t irq;
} ne2k_places[] = {{NE2K_ISA_IOBASE, NE2K_ISA_IRQ}, {0x320, 10}, {0x340, 11}, {0x360, 3}, {0x280, 4}, {0x380, 5}};

static unsigned count_before(const struct machine *m, const struct nic *n)
{
    unsigned count = 0;

    for (guint i = 0; g_ptr_array_index(m->nics, i) != n; i++)
        count += !strcmp(((const struct nic *)g_ptr_array_index(m->nics, i))->driver, n->driver);
    return count;
}

static struct device *make_ne2k_isa(struct machine *m, const struct nic *n)
{
    unsigned place = count_before(m, n) % G_N_ELEMENTS(ne2k_places);
    unsigned irq = (unsigned)device_number(m, n->config, "irq", ne2k_places[place].irq);
    uint64_t iobase = device_number(m, n->config, "iobase", ne2k_places[place].iobase);
    struct ne2k_isa_config cfg = {
        .iobase = (uint16_t)iobase, .irq = irq_fabric_pin(m->parts.irq, irq), .port = n->port};
    struct device *dev;

    memcpy(cfg.mac, n->mac, sizeof(cfg.mac));
    dev = ne2k_isa_new(m->parts.env, n->id, &cfg, WHY);
    if (dev)
        machine_note_irq(m, dev, irq);
    return dev;
}

static struct device *make_ne2k_pci(struct machine *m, const struct nic *n)
{
    struct ne2k_pci_config cfg = {.port = n->port};

    memcpy(cfg.mac, n->mac, sizeof(cfg.mac));
    return ne2k_pci_new(m->bus, n->devfn, m->parts.env, n->id, &cfg, WHY);
}

static struct device *make_pcnet(struct machine *m, const struct nic *n)
{
    const char *chip = device_prop(m, n->config, "chip");
    struct pcnet_config cfg = {.port = n->port,
                               .variant = chip && !strcmp(chip, "am79c973") ? PCNET_AM79C973 : PCNET_AM79C970A};

    memcpy(cfg.mac, n->mac, sizeof(cfg.mac));
    return pcnet_new(m->bus, n->devfn, m->parts.env, n->id, &cfg, WHY);
}

static struct device *make_e1000(struct machine *m, const struct nic *nic)
{
    struct e1000_config cfg = {.port = nic->port};

    memcpy(cfg.mac, nic->mac, sizeof(cfg.mac));
    return e1000_new(m->bus, nic->devfn, m->parts.env, nic->id, &cfg, WHY);
}

static struct device *make_rtl8139(struct machine *m, const struct nic *nic)
{
    const char *chip = device_prop(m, nic->config, "chip");
    struct rtl8139_config cfg = {.port = nic->port, .c_only = chip && !strcmp(chip, "rtl8139c")};

    memcpy(cfg.mac, nic->mac, sizeof(cfg.mac));
    return rtl8139_new(m->bus, nic->devfn, m->parts.env, nic->id, &cfg, m->why, sizeof(m->why));
}

static const struct virtio_feature net_features[] = {
    {"csum", NET_F_CSUM},
    {"host_tso4", NET_F_HOST_TSO4},
    {"host_tso6", NET_F_HOST_TSO6},
    {"host_ecn", NET_F_HOST_ECN},
    {"guest_csum", NET_F_GUEST_CSUM},
    {"guest_tso4", NET_F_GUEST_TSO4},
    {"guest_tso6", NET_F_GUEST_TSO6},
    {"guest_ecn", NET_F_GUEST_ECN},
    {"mrg_rxbuf", NET_F_MRG_RXBUF},
    {"status", NET_F_STATUS},
    {"ctrl_vq", NET_F_CTRL_VQ},
    {"ctrl_rx", NET_F_CTRL_RX},
    {"ctrl_rx_extra", NET_F_CTRL_RX_EXTRA},
    {"ctrl_vlan", NET_F_CTRL_VLAN},
    {"ctrl_mac_addr", NET_F_CTRL_MAC},
    {"ctrl_guest_offloads", NET_F_GUEST_OFFLOADS},
    {"guest_announce", NET_F_GUEST_ANNOUNCE},
};

static struct device *make_virtio_net(struct machine *m, const struct nic *nic)
{
    struct virtio_net_config cfg = {
        .port = nic->port,
        .pairs = machine_virtio_on(m, nic->config, "mq") && nic->port ? net_queues(nic->port) : 1,
        .options = machine_virtio_options(m, nic->config, false),
    };

    memcpy(cfg.mac, nic->mac, sizeof(cfg.mac));
    cfg.options.without |= machine_virtio_without(m, nic->config, net_features, G_N_ELEMENTS(net_features));
    if (cfg.pairs > VIRTIO_NET_PAIRS)
        g_snprintf(WHY, "mq=on: the netdev has %u queues; %d at most", cfg.pairs, VIRTIO_NET_PAIRS);
    else if (cfg.pairs > 1 && cfg.options.without & NET_F_CTRL_VQ)
        g_snprintf(WHY, "mq=on and ctrl_vq=off: several queues need the control queue");
    else
        return virtio_net_new(m->bus, nic->devfn, m->parts.env, nic->id, &cfg, WHY);
    return NULL;
}

static const struct nic_driver drivers[] = {
    {"ne2k_isa", NULL, make_ne2k_isa},
    {"ne2k_pci", "pxe-ne2k_pci.rom", make_ne2k_pci},
    {"pcnet", "pxe-pcnet.rom", make_pcnet},
    {"e1000", "pxe-e1000.rom", make_e1000},
    {"rtl8139", "pxe-rtl8139.rom", make_rtl8139},
    {"virtio-net-pci", "pxe-virtio.rom", make_virtio_net},
    {NULL, NULL, NULL}, /* the end */
};

static const struct nic_driver *find_driver(const char *name)
{
    for (const struct nic_driver *d = drivers; d->name; d++) {
        if (!strcmp(d->name, name))
            return d;
    }
    return NULL;
}

/* ---- addresses ---- */

static bool mac_taken(const struct machine *m, const uint8_t mac[6])
{
    for (guint i = 0; i < m->nics->len; i++) {
        const struct nic *n = g_ptr_array_index(m->nics, i);

        if (!memcmp(n->mac, mac, 6))
            return true;
    }
    return false;
}

/* What the user gave has been checked, also for doubles. */
static void set_given_macs(struct machine *m)
{
    for (guint i = 0; i < m->nics->len; i++) {
        struct nic *n = g_ptr_array_index(m->nics, i);
        const char *mac = device_prop(m, n->config, "mac");

        if (mac)
            net_parse_mac(mac, n->mac);
    }
}

/* QEMU's first address, counted on; those that a user gave to another card are left out. */
static void set_other_macs(struct machine *m)
{
    uint8_t next[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

    for (guint i = 0; i < m->nics->len; i++) {
        struct nic *n = g_ptr_array_index(m->nics, i);

        if (device_prop(m, n->config, "mac"))
            continue;
        while (mac_taken(m, next))
            next[5]++;
        memcpy(n->mac, next, 6);
    }
}

/* ---- collecting ---- */

static void free_nic(void *opaque)
{
    struct nic *n = opaque;

    g_free(n->own_id);
    g_free(n);
}

void machine_free_nics(struct machine *m)
{
    if (m->nics)
        g_ptr_array_free(m->nics, TRUE);
    m->nics = NULL;
}

static unsigned count_kind(const struct machine *m, const char *driver)
{
    unsigned count = 0;

    for (guint i = 0; i < m->nics->len; i++)
        count += !strcmp(((const struct nic *)g_ptr_array_index(m->nics, i))->driver, driver);
    return count;
}

static bool collect_nic(struct machine *m, const struct device_config *d, GError **error)
{
    struct nic *n = g_new0(struct nic, 1);
    g_autoptr(GError) why = NULL;
    const char *addr;

    n->config = d;
    n->driver = d->driver;
    n->own_id = d->id ? NULL : g_strdup_printf("%s.%u", d->driver, count_kind(m, d->driver));
    n->id = d->id ? d->id : n->own_id;
    n->netdev = device_prop(m, d, "netdev");
    n->devfn = -1;
    g_ptr_array_add(m->nics, n);
    addr = device_prop(m, d, "addr");
    if (addr) {
        n->devfn = machine_parse_devfn(addr);
        if (n->devfn < 0 || n->devfn % 8)
            return device_error(d, error, "addr '%s' is not a slot", addr);
    }
    if (find_driver(d->driver)->rom && !m->pci)
        return device_error(d, error, "No PCI buses available; use ne2k_isa");
    return !n->netdev || netdev_use(backends_net(m->parts.backends), n->netdev, &n->port, &why) ||
           device_error(d, error, "%s", why->message);
}

static bool collect(struct machine *m, GError **error)
{
    GPtrArray *devices = m->parts.config->devices;

    m->nics = g_ptr_array_new_with_free_func(free_nic);
    for (guint i = 0; i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (find_driver(d->driver) && !collect_nic(m, d, error))
            return false;
    }
    set_given_macs(m);
    set_other_macs(m);
    return true;
}

/* ---- option ROMs ---- */

/*
 * A ROM says its own vendor and device, and SeaBIOS runs it only where they are the card's. Debian's for ne2k_pci
 * says none, as it serves many cards: the machine's own ROM gets those of its card, and byte 6, which is
 * for that, keeps the sum of all bytes zero. PCI Firmware Specification 3.0, 5.1.2.
 */
static void set_rom_ids(uint8_t *rom, size_t size, const struct pci_device *card)
{
    size_t at = size >= 0x1a ? pci_get_word(rom + 0x18) : size;

    if (size < 0x1a || pci_get_word(rom) != 0xaa55 || at + 8 > size || memcmp(rom + at, "PCIR", 4))
        return;
    for (unsigned i = 0; i < 4; i++) {
        rom[6] = (uint8_t)(rom[6] + rom[at + 4 + i] - card->config[i]);
        rom[at + 4 + i] = card->config[i];
    }
}

static struct ram_block *rom_block(struct machine *m, const struct nic *n, const uint8_t *data, size_t size,
                                   GError **error)
{
    g_autofree char *name = g_strdup_printf("%s.rom", n->id);
    struct ram_block *block;
    size_t bytes = 4096;

    while (bytes < size)
        bytes *= 2; /* a BAR is a power of two */
    block = memory_block_new(m->parts.memory, name, bytes, true);
    if (!block)
        device_error(n->config, error, "out of memory for the option ROM");
    else
        memcpy(block->host, data, size);
    return block;
}

static bool add_rom(struct machine *m, const struct nic *n, GError **error)
{
    const char *given = device_prop(m, n->config, "romfile"), *usual = find_driver(n->driver)->rom;
    g_autoptr(GError) why = NULL;
    g_autofree uint8_t *data = NULL;
    struct ram_block *block;
    size_t size;

    if ((given && !*given) || !device_number(m, n->config, "rombar", 1))
        return true;
    if (!firmware_read_rom("romfile", given ? given : usual, MAX_ROM_BYTES, &data, &size, &why)) {
        if (given)
            return device_error(n->config, error, "romfile=%s: %s", given,
                                g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT)
                                    ? "there is no such file, nor in /usr/lib/ipxe/qemu" : why->message);
        g_warning("-device %s: no option ROM (apt-get install ipxe-qemu): it cannot be booted from; romfile= "
                  "(empty) says that this is meant", n->driver);
        return true;
    }
    if (!given)
        set_rom_ids(data, size, (const struct pci_device *)n->dev);
    block = rom_block(m, n, data, size, error);
    if (block)
        pci_add_rom((struct pci_device *)n->dev, block);
    return block != NULL;
}

/* ---- making ---- */

static bool add_boot(struct machine *m, const struct nic *n, GError **error)
{
    const char *index = device_prop(m, n->config, "bootindex");
    unsigned devfn = ((const struct pci_device *)n->dev)->devfn;
    g_autofree char *path = g_strdup_printf("/pci@i0cf8/ethernet@%x/ethernet-phy@0", devfn / 8);

    return !index || *index == '-' || firmware_add_boot(&m->firmware, path, atoi(index), error);
}

static bool make_nic(struct machine *m, struct nic *n, GError **error)
{
    const struct nic_driver *driver = find_driver(n->driver);

    n->dev = driver->make(m, n);
    if (!machine_keep(m, n->dev))
        return device_error(n->config, error, "%s", m->why);
    if (driver->rom)
        machine_note_card(m, n->dev, n->config);
    return !driver->rom || (add_rom(m, n, error) && add_boot(m, n, error));
}

/* As QEMU warns of it: a mistake, or a wire for later. */
static void warn_unused(void *opaque, struct netdev *dev)
{
    (void)opaque;
    if (!netdev_used(dev))
        g_warning("netdev %s has no peer: no card is plugged into it", netdev_id(dev));
}

/* Those that have an address first, so that none of the others takes it. */
bool machine_add_nics(struct machine *m, GError **error)
{
    if (!collect(m, error))
        return false;
    netdev_foreach(backends_net(m->parts.backends), warn_unused, NULL);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < m->nics->len; i++) {
            struct nic *n = g_ptr_array_index(m->nics, i);

            if ((n->devfn >= 0) == (pass == 0) && !make_nic(m, n, error))
                return false;
        }
    }
    return true;
}

/* ---- while the machine runs ---- */

bool machine_is_pci_nic(const char *driver)
{
    const struct nic_driver *d = find_driver(driver);

    return d && d->rom;
}

/* "e1000.N" by count may still be there when an earlier one has gone. */
static void choose_id(const struct machine *m, struct nic *n)
{
    for (unsigned i = 0; n->own_id && machine_has_device(m, n->own_id); i++) {
        g_free(n->own_id);
        n->own_id = g_strdup_printf("%s.%u", n->driver, i);
        n->id = n->own_id;
    }
}

static bool choose_mac(struct machine *m, struct nic *n, GError **error)
{
    const char *given = device_prop(m, n->config, "mac");
    uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

    if (given && !net_parse_mac(given, mac))
        return device_error(n->config, error, "mac=%s: six bytes like 52:54:00:12:34:56 are expected", given);
    if (mac[0] & 1)
        return device_error(n->config, error, "mac=%s: that is a multicast address", given);
    if (given && mac_taken(m, mac))
        return device_error(n->config, error, "mac=%s: another card has the address", given);
    while (!given && mac_taken(m, mac))
        mac[5]++;
    memcpy(n->mac, mac, 6);
    return true;
}

static bool plug(struct machine *m, const struct device_config *d, GError **error)
{
    struct nic *n;

    if (!collect_nic(m, d, error))
        return false;
    n = g_ptr_array_index(m->nics, m->nics->len - 1);
    choose_id(m, n);
    return choose_mac(m, n, error) && make_nic(m, n, error);
}

bool machine_plug_nic(struct machine *m, const struct device_config *d, GError **error)
{
    guint before = m->devices->len;

    if (plug(m, d, error))
        return true;
    machine_discard_from(m, before);
    machine_unplug_nic(m, d);
    return false;
}

void machine_unplug_nic(struct machine *m, const struct device_config *d)
{
    for (guint i = 0; i < m->nics->len; i++) {
        struct nic *n = g_ptr_array_index(m->nics, i);

        if (n->config != d)
            continue;
        if (n->port)
            netdev_release(backends_net(m->parts.backends), n->netdev);
        g_ptr_array_remove_index(m->nics, i);
        return;
    }
}

bool machine_nic(const struct machine *m, unsigned n, const char **id, const char **netdev)
{
    const struct nic *nic = m && m->nics && n < m->nics->len ? g_ptr_array_index(m->nics, n) : NULL;

    if (!nic)
        return false;
    *id = nic->id;
    *netdev = nic->netdev;
    return true;
}

bool machine_nic_kind(const struct machine *m, unsigned n, const char **driver, uint8_t mac[6])
{
    const struct nic *nic = m && m->nics && n < m->nics->len ? g_ptr_array_index(m->nics, n) : NULL;

    if (!nic)
        return false;
    *driver = nic->driver;
    memcpy(mac, nic->mac, 6);
    return true;
}
