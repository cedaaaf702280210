/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The card on its bus: windows, fields, life. */
#include "hw/net/e1000.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/net/e1000_int.h"
#include "hw/pci/pci_regs.h"

static const char *const tx_states[] = {"idle", "gather", "skip", "sending"};

#define REGISTER_FIELD(name_, off, words, reset_, ...)                                             \
    {.name = #name_, .type = FIELD_U32, .offset = offsetof(struct e1000, reg) + 4 * E1000_##name_, \
     .count = (words), .reset = (reset_)},
#define TIME_FIELD(member) DEV_FIELD(struct e1000, I64, member, UINT64_MAX, 0)

static const struct dev_field e1000_fields[] = {
    PCI_DEVICE_FIELDS(struct e1000, pci),
    E1000_REGISTERS(REGISTER_FIELD)
    DEV_FIELD(struct e1000, U32, ioaddr, 0, 0),
    MICROWIRE_FIELDS(struct e1000, eeprom),
    PHY_FIELDS(struct e1000, phy),
    TIME_FIELD(phy_due_ns),
    DEV_FIELD(struct e1000, I64, irq_allowed_ns, 0, 0),
    TIME_FIELD(rx_delay.due_ns),
    TIME_FIELD(rx_delay.limit_ns),
    TIME_FIELD(tx_delay.due_ns),
    TIME_FIELD(tx_delay.limit_ns),
    DEV_FIELD_ENUM(struct e1000, U8, tx.state, TX_IDLE, tx_states),
    TIME_FIELD(tx.more_ns),
    DEV_FIELD(struct e1000, BOOL, tx.extended, 0, 1),
    DEV_FIELD(struct e1000, BOOL, tx.cut, 0, 1),
    DEV_FIELD(struct e1000, U8, tx.command, 0, 0),
    DEV_FIELD(struct e1000, U8, tx.popts, 0, 0),
    DEV_FIELD(struct e1000, U8, tx.css, 0, 0),
    DEV_FIELD(struct e1000, U8, tx.cso, 0, 0),
    DEV_FIELD(struct e1000, U16, tx.special, 0, 0),
    DEV_FIELD(struct e1000, U32, tx.bytes, 0, NET_MAX_FRAME_BYTES),
    DEV_FIELD(struct e1000, U32, tx.seg_at, 0, NET_MAX_FRAME_BYTES),
    DEV_FIELD(struct e1000, U32, tx.segments, 0, NET_MAX_FRAME_BYTES),
    DEV_FIELD(struct e1000, BOOL, tx.off_csum, 0, 1),
    DEV_FIELD(struct e1000, U8, tx.off_gso, NET_GSO_NONE, NET_GSO_TCPV6),
    DEV_FIELD(struct e1000, U16, tx.off_start, 0, 0),
    DEV_FIELD(struct e1000, U16, tx.off_offset, 0, 0),
    DEV_FIELD(struct e1000, U16, tx.off_gso_bytes, 0, 0),
    DEV_FIELD(struct e1000, U16, tx.off_header, 0, 0),
    DEV_FIELD_BYTES(struct e1000, tx.context),
    DEV_FIELD_BYTES(struct e1000, tx.used),
    DEV_FIELD_BYTES(struct e1000, tx.data),
    DEV_FIELD(struct e1000, U8, rx_first, 0, E1000_RX_CACHE),
    DEV_FIELD(struct e1000, U8, rx_cached, 0, E1000_RX_CACHE),
    DEV_FIELD_BYTES(struct e1000, rx_cache),
};

/* ---- BAR 0 and BAR 1 ---- */

static uint64_t mmio_read(void *chip, uint64_t off, unsigned size)
{
    (void)size;
    return e1000_reg_read(chip, (uint32_t)off);
}

static void mmio_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    (void)size;
    e1000_reg_write(chip, (uint32_t)off, (uint32_t)value);
}

enum { IOADDR = 0, IODATA = 4 };

static uint64_t io_read(void *chip, uint64_t off, unsigned size)
{
    struct e1000 *c = chip;

    (void)size;
    if (off == IOADDR)
        return c->ioaddr;
    if (off == IODATA && c->ioaddr < E1000_MMIO_BYTES)
        return e1000_reg_read(c, c->ioaddr & ~3u);
    return 0;
}

static void io_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct e1000 *c = chip;

    (void)size;
    if (off == IOADDR)
        c->ioaddr = (uint32_t)value;
    else if (off == IODATA && c->ioaddr < E1000_MMIO_BYTES)
        e1000_reg_write(c, c->ioaddr & ~3u, (uint32_t)value);
}

static const struct io_ops io_ops = {.read = io_read, .write = io_write, .widths = IO_W4};

/* ---- the wire ---- */

static void wire_sent(void *opaque) { e1000_tx_room(opaque); }

static void wire_link(void *opaque, bool up)
{
    struct e1000 *c = opaque;
    bool was = phy_link(&c->phy);

    phy_cable(&c->phy, up);
    e1000_phy_changed(c, was);
}

static const struct netport_ops wire_ops = {
    .receive = e1000_receive, .sent = wire_sent, .link_changed = wire_link, .rx_filter = e1000_rx_filter};

/* ---- class ---- */

static void e1000_reset(struct device *dev)
{
    struct e1000 *c = (struct e1000 *)dev;

    pci_device_reset(&c->pci);
    e1000_irq_reset(c);
    e1000_tx_reset(c);
    e1000_rx_reset(c);
    vtimer_cancel(&c->phy_timer);
    phy_power_on(&c->phy, net_link_up(c->port));
    e1000_load_address(c);
    net_receive_ready(c->port);
}

static const char *check(const struct e1000 *c)
{
    const char *why = e1000_tx_check(c);
    struct e1000_ring r;

    if (why)
        return why;
    if (c->rx_first + c->rx_cached > E1000_RX_CACHE)
        return "receive: more descriptors fetched than there is room for";
    if (c->rx_cached && (!e1000_ring_get(c, E1000_RDBAL, &r) || e1000_ring_used(&r) < c->rx_cached))
        return "receive: descriptors fetched that are not the card's";
    if ((c->phy_due_ns >= 0) != phy_waits(&c->phy))
        return "the PHY's negotiation and its end disagree";
    if (c->pci.intx_level && !(c->reg[E1000_ICR] & c->reg[E1000_IMS]))
        return "the interrupt pin is up without a cause";
    return NULL;
}

static void arm(struct vtimer *timer, int64_t due_ns)
{
    if (due_ns >= 0)
        vtimer_arm(timer, due_ns);
    else
        vtimer_cancel(timer);
}

static const char *e1000_post_load(struct device *dev)
{
    struct e1000 *c = (struct e1000 *)dev;
    const char *why = check(c);
    bool up = net_link_up(c->port), was = phy_link(&c->phy);

    if (why)
        return why;
    why = pci_device_post_load(&c->pci);
    if (why)
        return why;
    e1000_irq_load(c);
    arm(&c->phy_timer, c->phy_due_ns);
    arm(&c->more_timer, c->tx.more_ns);
    if (c->tx.state == TX_SENDING && c->tx.more_ns < 0) /* this wire has not been asked yet, and will not call */
        vtimer_arm(&c->more_timer, vclock_now_ns(dev->env->clock));
    phy_cable(&c->phy, up); /* the wire that is here now */
    e1000_phy_changed(c, was);
    net_receive_ready(c->port);
    return NULL;
}

static void e1000_free(struct device *dev)
{
    struct e1000 *c = (struct e1000 *)dev;

    if (c->port)
        netport_attach(c->port, NULL, NULL, NULL, NULL);
    device_enter(dev);
    e1000_irq_fini(c);
    vtimer_cancel(&c->phy_timer);
    vtimer_cancel(&c->more_timer);
    device_leave(dev);
    pci_device_fini(&c->pci);
    free(c);
}

static const struct device_class e1000_class = {
    .name = "e1000",
    .title = "Intel 82540EM Gigabit Ethernet",
    .fields = e1000_fields,
    .field_count = sizeof(e1000_fields) / sizeof(e1000_fields[0]),
    .reset = e1000_reset,
    .post_load = e1000_post_load,
    .free = e1000_free,
};

/* ---- set-up ---- */

static const struct pci_ids e1000_ids = {
    .vendor = 0x8086,
    .device = 0x100e,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .revision = 3,
    .class_code = 0x020000, /* Ethernet controller */
    .interrupt_pin = 1,
};

static void add_windows(struct e1000 *c)
{
    static const struct io_ops mmio_ops = {.read = mmio_read, .write = mmio_write, .widths = IO_W4,
                                           .posted = e1000_posted, .posted_count = E1000_POSTED};

    c->mmio = (struct io_region){.name = "e1000.mmio", .space = IO_MEM, .size = E1000_MMIO_BYTES,
                                 .ops = &mmio_ops, .chip = c, .lock = c->pci.dev.lock};
    c->io = (struct io_region){.name = "e1000.io", .space = IO_PORT, .size = E1000_IO_BYTES,
                               .ops = &io_ops, .chip = c, .lock = c->pci.dev.lock};
    pci_add_mem(&c->pci, 0, &c->mmio, false);
    pci_add_io(&c->pci, 1, &c->io);
}

static void init_config_space(struct pci_device *pci)
{
    pci_set_word(pci->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
}

struct device *e1000_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                         const struct e1000_config *cfg, char *why, size_t why_size)
{
    struct e1000 *c = calloc(1, sizeof(*c));

    if (!c) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    pci_device_init(&c->pci, &e1000_class, env, id, &e1000_ids);
    init_config_space(&c->pci);
    add_windows(c);
    memcpy(c->mac, cfg->mac, sizeof(c->mac));
    c->port = cfg->port;
    e1000_init_decode(c);
    e1000_fill_eeprom(c);
    e1000_irq_init(c);
    vtimer_init(&c->phy_timer, env->clock, c->pci.dev.lock, e1000_phy_timer, c);
    vtimer_init(&c->more_timer, env->clock, c->pci.dev.lock, e1000_tx_more, c);
    if (!pci_bus_add(bus, &c->pci, devfn, why, why_size)) {
        c->port = NULL;
        e1000_free(&c->pci.dev);
        return NULL;
    }
    if (c->port) {
        netport_attach(c->port, &wire_ops, c, c->pci.dev.lock, c->mac);
        net_accept_offload(c->port, true, false, false, false);
    }
    device_reset(&c->pci.dev);
    return &c->pci.dev;
}
