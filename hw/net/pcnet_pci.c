/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/pcnet_pci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci/pci_regs.h"

#define REG_BYTES 32
enum { APROM_END = 0x10 };
#define PCI_STATUS_MASTER_ABORT 0x2000

struct pcnet_pci {
    struct pci_device pci;
    struct pcnet chip;
    int64_t tx_due_ns, rx_due_ns; /* of the timers, while they are armed */
    struct netport *port;
    char names[2][64];
    struct io_region regions[2]; /* ports, memory */
    struct vtimer tx_timer, rx_timer;
};

#define DUE_FIELD(member)                                                                                     \
    { .name = #member, .type = FIELD_I64, .offset = offsetof(struct pcnet_pci, member), .count = 1,           \
      .min = (uint64_t)-1, .max = INT64_MAX, .reset = (uint64_t)-1 }

static const struct dev_field fields[] = {
    PCI_DEVICE_FIELDS(struct pcnet_pci, pci),
    PCNET_FIELDS(struct pcnet_pci, chip),
    DUE_FIELD(tx_due_ns),
    DUE_FIELD(rx_due_ns),
};

/* ---- what the chip reaches ---- */

static enum net_result send_frame(void *opaque, const uint8_t *frame, size_t len)
{
    struct pcnet_pci *p = opaque;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)frame, .iov_len = len};

    return net_send(p->port, &iov, 1, NULL);
}

static void row(void *opaque, bool begins)
{
    struct netport *port = ((struct pcnet_pci *)opaque)->port;

    if (begins)
        net_send_begin(port);
    else
        net_send_end(port);
}

static bool link_up(void *opaque) { return net_link_up(((struct pcnet_pci *)opaque)->port); }

static void room(void *opaque)
{
    struct pcnet_pci *p = opaque;

    if (p->port)
        net_receive_ready(p->port);
}

static void arm(struct pcnet_pci *p, struct vtimer *timer, int64_t *due_ns, int64_t delay_ns)
{
    *due_ns = delay_ns < 0 ? -1 : vclock_now_ns(p->pci.dev.env->clock) + delay_ns;
    if (delay_ns < 0)
        vtimer_cancel(timer);
    else
        vtimer_arm(timer, *due_ns);
}

static void tx_timer(void *opaque, int64_t delay_ns)
{
    struct pcnet_pci *p = opaque;

    arm(p, &p->tx_timer, &p->tx_due_ns, delay_ns);
}

static void rx_timer(void *opaque, int64_t delay_ns)
{
    struct pcnet_pci *p = opaque;

    arm(p, &p->rx_timer, &p->rx_due_ns, delay_ns);
}

static void pin(void *opaque, bool level) { pci_set_intx(&((struct pcnet_pci *)opaque)->pci, level); }

static void mistake(void *opaque, const char *what)
{
    struct pcnet_pci *p = opaque;

    device_guest_error(&p->pci.dev, "%s", what);
}

static void bus_error(void *opaque)
{
    struct pcnet_pci *p = opaque;
    uint8_t *status = p->pci.config + PCI_STATUS;

    pci_set_word(status, pci_get_word(status) | PCI_STATUS_MASTER_ABORT);
}

static void filter_changed(void *opaque)
{
    struct pcnet_pci *p = opaque;

    if (p->port)
        net_rx_filter_changed(p->port);
}

static const struct pcnet_port chip_port = {send_frame, link_up,   room,           tx_timer, rx_timer, pin,
                                            mistake,    bus_error, filter_changed, row};

static void tx_fired(void *opaque)
{
    struct pcnet_pci *p = opaque;

    p->tx_due_ns = -1;
    pcnet_tx_timer(&p->chip);
}

static void rx_fired(void *opaque)
{
    struct pcnet_pci *p = opaque;

    p->rx_due_ns = -1;
    pcnet_rx_timer(&p->chip);
}

/* ---- the wire ---- */

static bool receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    (void)off; /* not asked for */
    return pcnet_receive(&((struct pcnet_pci *)opaque)->chip, frame, len);
}

static void sent(void *opaque) { pcnet_sent(&((struct pcnet_pci *)opaque)->chip); }

static void link_changed(void *opaque, bool up)
{
    (void)up;
    pcnet_link_changed(&((struct pcnet_pci *)opaque)->chip);
}

static void rx_filter(void *opaque, struct net_rx_filter *filter)
{
    pcnet_rx_filter(&((struct pcnet_pci *)opaque)->chip, filter);
}

static const struct netport_ops wire_ops = {receive, sent, link_changed, rx_filter};

/* ---- registers ---- */

enum reg { RDP, RAP, RESET, BDP, NO_REGISTER };

/* Which register an access means, in the mode that the chip is in. */
static enum reg decode(const struct pcnet *c, uint64_t off, unsigned size)
{
    unsigned width = c->dwio ? 4 : 2;

    if (size != width || off % width || off >= APROM_END + 4 * width)
        return NO_REGISTER;
    return (enum reg)((off - APROM_END) / width);
}

static uint64_t aprom_read(const struct pcnet *c, uint64_t off, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, c->aprom + off, size);
    return value;
}

static uint64_t regs_read(void *opaque, uint64_t off, unsigned size)
{
    struct pcnet *c = &((struct pcnet_pci *)opaque)->chip;

    if (off < APROM_END)
        return aprom_read(c, off, size);
    switch (decode(c, off, size)) {
    case RDP: return pcnet_read_csr(c);
    case RAP: return c->rap;
    case BDP: return pcnet_read_bcr(c);
    case RESET: pcnet_soft_reset(c); return 0;
    case NO_REGISTER: break;
    }
    return UINT64_MAX;
}

static void regs_write(void *opaque, uint64_t off, unsigned size, uint64_t value)
{
    struct pcnet *c = &((struct pcnet_pci *)opaque)->chip;

    if (off < APROM_END) {
        if (pcnet_aprom_open(c))
            memcpy(c->aprom + off, &value, size);
        return;
    }
    if (off == APROM_END && size == 4 && !c->dwio) {
        c->dwio = true;
        return;
    }
    switch (decode(c, off, size)) {
    case RDP: pcnet_write_csr(c, (uint16_t)value); break;
    case RAP: c->rap = (uint8_t)value; break;
    case BDP: pcnet_write_bcr(c, (uint16_t)value); break;
    case RESET:
    case NO_REGISTER: break;
    }
}

/* All but RDP: no BCR has an effect before something else is accessed. */
static const struct io_span posted[] = {{0x12, REG_BYTES - 0x12}};

static const struct io_ops reg_ops = {.read = regs_read, .write = regs_write, .widths = IO_W1 | IO_W2 | IO_W4,
                                      .posted = posted, .posted_count = 1};

/* ---- life ---- */

static void pcnet_pci_reset(struct device *dev)
{
    struct pcnet_pci *p = (struct pcnet_pci *)dev;

    pci_device_reset(&p->pci);
    pcnet_reset(&p->chip);
}

const char *pcnet_pci_check(const struct device *dev) { return pcnet_check(&((const struct pcnet_pci *)dev)->chip); }

static void arm_again(struct vtimer *timer, bool armed, int64_t due_ns)
{
    vtimer_cancel(timer);
    if (armed)
        vtimer_arm(timer, due_ns);
}

static const char *check_timers(const struct pcnet_pci *p)
{
    if ((p->tx_due_ns >= 0) != (p->chip.tx_timer != PCNET_TIMER_OFF))
        return "tx_due_ns is not as the chip has it";
    if ((p->rx_due_ns >= 0) != (p->chip.rx_state == PCNET_RX_WAITING))
        return "rx_due_ns is not as the chip has it";
    return NULL;
}

static const char *pcnet_pci_post_load(struct device *dev)
{
    struct pcnet_pci *p = (struct pcnet_pci *)dev;
    const char *why = pci_device_post_load(&p->pci);

    why = why ? why : check_timers(p);
    if (why)
        return why;
    arm_again(&p->tx_timer, p->tx_due_ns >= 0, p->tx_due_ns);
    arm_again(&p->rx_timer, p->rx_due_ns >= 0, p->rx_due_ns);
    return pcnet_post_load(&p->chip);
}

static void pcnet_pci_free(struct device *dev)
{
    struct pcnet_pci *p = (struct pcnet_pci *)dev;

    if (p->port)
        netport_attach(p->port, NULL, NULL, NULL, p->chip.mac);
    device_enter(dev);
    vtimer_cancel(&p->tx_timer);
    vtimer_cancel(&p->rx_timer);
    device_leave(dev);
    pci_device_fini(&p->pci);
    free(p);
}

static const struct device_class pcnet_class = {
    .name = "pcnet",
    .title = "AMD PCnet network card on the PCI bus",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = pcnet_pci_reset,
    .post_load = pcnet_pci_post_load,
    .free = pcnet_pci_free,
};

static void init_config_space(struct pci_device *pci, enum pcnet_variant variant)
{
    pci_set_word(pci->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci->config[PCI_REVISION] = variant == PCNET_AM79C973 ? 0x40 : 0x10;
    pci->wmask[PCI_LATENCY] = 0xff;
    pci->config[0x3e] = 0x06; /* MIN_GNT, MAX_LAT: in units of 250 ns */
    pci->config[0x3f] = 0xff;
}

static void init_regions(struct pcnet_pci *p, const char *id)
{
    static const char *const suffix[2] = {"io", "mem"};

    for (unsigned i = 0; i < 2; i++) {
        snprintf(p->names[i], sizeof(p->names[i]), "%s.%s", id, suffix[i]);
        p->regions[i] = (struct io_region){.name = p->names[i], .space = i ? IO_MEM : IO_PORT, .size = REG_BYTES,
                                           .ops = &reg_ops, .chip = p, .lock = p->pci.dev.lock};
    }
    pci_add_io(&p->pci, 0, &p->regions[0]);
    pci_add_mem(&p->pci, 1, &p->regions[1], false);
}

struct device *pcnet_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                         const struct pcnet_config *cfg, char *why, size_t why_size)
{
    static const struct pci_ids ids = {
        .vendor = 0x1022, .device = 0x2000, .class_code = 0x020000, .interrupt_pin = 1};
    struct pcnet_pci *p = calloc(1, sizeof(*p));

    if (!p) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    pci_device_init(&p->pci, &pcnet_class, env, id, &ids);
    init_config_space(&p->pci, cfg->variant);
    init_regions(p, id);
    p->chip.variant = cfg->variant;
    p->chip.dma = &p->pci.dma;
    p->chip.port = &chip_port;
    p->chip.opaque = p;
    memcpy(p->chip.mac, cfg->mac, sizeof(p->chip.mac));
    vtimer_init(&p->tx_timer, env->clock, p->pci.dev.lock, tx_fired, p);
    vtimer_init(&p->rx_timer, env->clock, p->pci.dev.lock, rx_fired, p);
    if (!pci_bus_add(bus, &p->pci, devfn, why, why_size)) {
        pcnet_pci_free(&p->pci.dev);
        return NULL;
    }
    p->port = cfg->port;
    device_reset(&p->pci.dev);
    if (p->port)
        netport_attach(p->port, &wire_ops, p, p->pci.dev.lock, cfg->mac);
    return &p->pci.dev;
}
