/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/rtl8139.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/net/rtl8139_int.h"
#include "hw/pci/pci_regs.h"

enum { PM_CAP_ID = 1, PM_STATE = 3, PM_ENABLE = 1, PM_PMCSR = RTL_PM_CAP + 4 };
enum { CONFIG_MIN_GRANT = 0x3e, CONFIG_MAX_LATENCY = 0x3f };

static const char *const tx_states[] = { "off", "idle", "wire busy" };
static const char *const rx_states[] = { "off", "on", "held" };

#define R(type, member, reset, max) DEV_FIELD(struct rtl8139, type, member, reset, max)
static const struct dev_field fields[] = {
    PCI_DEVICE_FIELDS(struct rtl8139, pci),
    MICROWIRE_FIELDS(struct rtl8139, eeprom),
    DEV_FIELD_BYTES(struct rtl8139, idr),
    DEV_FIELD_BYTES(struct rtl8139, mar),
    DEV_FIELD_ARRAY(struct rtl8139, U32, tsd, TSD_OWN, 0),
    DEV_FIELD_ARRAY(struct rtl8139, U32, tsad, 0, 0),
    DEV_FIELD_ARRAY(struct rtl8139, U32, dtccr, 0, 0),
    R(U32, rbstart, 0, 0),
    R(U32, tcr, 0, 0),
    R(U32, rcr, 0, 0),
    R(U32, timerint, 0, 0),
    R(U32, mpc, 0, 0xffffff),
    R(U16, erbcr, 0, RTL_MAX_RX_BYTES),
    R(U16, capr, 0xfff0, 0),
    R(U16, cbr, 0, 0),
    R(U16, imr, 0, INT_ALL),
    R(U16, isr, 0, INT_ALL),
    R(U16, multint, 0, 0x0fff),
    R(U8, ersr, 0, 0x0f),
    R(U8, cr, 0, CR_TE | CR_RE),
    R(U8, cr9346, 0, 0),
    R(U8, config1, CONFIG1_RESET, 0),
    R(U8, config3, CONFIG3_RESET, 0),
    R(U8, config4, CONFIG4_RESET, 0),
    R(U8, config5, CONFIG5_RESET, 0),
    R(U16, bmcr, 0, 0),
    R(U16, anar, 0, 0),
    R(U16, nwaytr, 0, 0),
    R(U16, cscr, CSCR_RESET, 0),
    R(U32, phy1_parm, PHY1_PARM_RESET, 0),
    R(U32, tw_parm, TW_PARM_RESET, 0),
    R(U8, phy2_parm, PHY2_PARM_RESET, 0),
    DEV_FIELD_BYTES(struct rtl8139, wake_crc),
    DEV_FIELD_BYTES(struct rtl8139, wake_lsb),
    DEV_FIELD_BYTES(struct rtl8139, wake_mask),
    R(U16, cpcr, 0, CPCR_WRITABLE),
    DEV_FIELD_ARRAY(struct rtl8139, U32, rdsar, 0, 0),
    R(U8, etthr, 0, 0x3f),
    DEV_FIELD_ENUM(struct rtl8139, U8, tx_state, RTL_TX_OFF, tx_states),
    DEV_FIELD_ENUM(struct rtl8139, U8, rx_state, RTL_RX_OFF, rx_states),
    R(U8, tx_next, 0, RTL_TX_REGS - 1),
    DEV_FIELD_ARRAY(struct rtl8139, U8, tx_index, 0, RTL_RING_ENTRIES - 1),
    R(U8, rx_index, 0, RTL_RING_ENTRIES - 1),
    R(U8, tx_poll, 0, TPPOLL_HPQ | TPPOLL_NPQ),
    R(U16, held_bytes, 0, RTL_MAX_RX_BYTES),
    R(BOOL, clock_halted, 0, 1),
    R(BOOL, link_changed, 0, 1),
    R(I64, tctr_zero_ns, 0, INT64_MAX),
    R(I64, poll_ns, (uint64_t)-1, 0),
    R(U64, tally.tx_ok, 0, 0),
    R(U64, tally.rx_ok, 0, 0),
    R(U64, tally.tx_err, 0, 0),
    R(U32, tally.rx_err, 0, 0),
    R(U16, tally.missed, 0, 0),
    R(U64, tally.rx_ok_phy, 0, 0),
    R(U64, tally.rx_ok_brd, 0, 0),
    R(U32, tally.rx_ok_mul, 0, 0),
    R(U16, tally.tx_undrn, 0, 0),
};
#undef R

static const struct netport_ops port_ops = {
    .receive = rtl8139_receive,
    .sent = rtl8139_tx_wire_ready,
    .link_changed = rtl8139_link_changed,
    .rx_filter = rtl8139_rx_filter,
};

/* ---- power ---- */

bool rtl8139_running(const struct rtl8139 *r)
{
    return !r->clock_halted && !(r->pci.config[PM_PMCSR] & PM_STATE);
}

void rtl8139_show_capability(struct rtl8139 *r)
{
    uint8_t *config = r->pci.config;
    bool shown = r->config1 & CONFIG1_PMEN;

    config[PCI_STATUS] = (uint8_t)((config[PCI_STATUS] & ~PCI_STATUS_CAPABILITIES) |
                                   (shown ? PCI_STATUS_CAPABILITIES : 0));
    config[PCI_CAPABILITIES] = shown ? RTL_PM_CAP : 0;
}

/* From D3 the function comes back as after a reset of its own (PCI PM 1.1, 5.4.1). */
static void power_written(struct rtl8139 *r)
{
    uint8_t state = r->pci.config[PM_PMCSR] & PM_STATE;

    if (r->power == PM_STATE && state == 0)
        rtl8139_soft_reset(r);
    r->power = state;
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    struct rtl8139 *r = (struct rtl8139 *)pci;

    if (off <= PM_PMCSR && PM_PMCSR < off + size)
        power_written(r);
    rtl8139_tx_run(r);
    rtl8139_rx_look(r);
}

/* ---- reset ---- */

/* CR.RST: what is not of the MAC's running state stays: IDR, MAR, CONFIGx, the PHY, the counters. */
void rtl8139_soft_reset(struct rtl8139 *r)
{
    r->cr = 0;
    rtl8139_tx_enable(r, false);
    rtl8139_rx_enable(r, false);
    for (unsigned n = 0; n < RTL_TX_REGS; n++) {
        r->tsd[n] = TSD_OWN;
        r->tsad[n] = 0;
    }
    r->dtccr[0] = r->dtccr[1] = r->rdsar[0] = r->rdsar[1] = 0;
    r->rbstart = r->tcr = r->rcr = r->timerint = r->mpc = 0;
    r->erbcr = r->multint = r->imr = r->cpcr = 0;
    r->ersr = r->etthr = 0;
    r->clock_halted = false;
    rtl8139_acknowledge(r, INT_ALL);
}

static void reset(struct device *dev)
{
    struct rtl8139 *r = (struct rtl8139 *)dev;

    pci_device_reset(&r->pci);
    r->power = 0;
    r->tctr_zero_ns = vclock_now_ns(dev->env->clock);
    vtimer_cancel(&r->timer);
    vtimer_cancel(&r->poll);
    rtl8139_phy_reset(r);
    rtl8139_autoload(r);
    rtl8139_show_capability(r);
    if (r->port)
        net_receive_ready(r->port);
}

/* ---- checks ---- */

static const char *check_states(const struct rtl8139 *r)
{
    if ((r->tx_state != RTL_TX_OFF) != ((r->cr & CR_TE) != 0))
        return "the transmitter's state is not as CR.TE has it";
    if ((r->rx_state != RTL_RX_OFF) != ((r->cr & CR_RE) != 0))
        return "the receiver's state is not as CR.RE has it";
    if ((r->rx_state == RTL_RX_HELD) != (r->held_bytes != 0))
        return "a frame is held without a length, or a length without a frame";
    if ((r->tx_state == RTL_TX_WIRE_BUSY || r->rx_state == RTL_RX_HELD) != (r->poll_ns >= 0))
        return "the poll timer is not as the states have it";
    if (r->tx_state == RTL_TX_OFF && r->tx_poll)
        return "a queue is to be sent by a transmitter that is off";
    return NULL;
}

static const char *check_registers(const struct rtl8139 *r)
{
    for (unsigned n = 0; n < RTL_TX_REGS; n++) {
        if (r->tsd[n] & ~TSD_BITS)
            return "a TSD has bits that are not there";
    }
    if (r->tcr & ~TCR_WRITABLE || r->rcr & ~RCR_WRITABLE)
        return "TCR or RCR has bits that are not there";
    if (r->cr & ~(CR_TE | CR_RE) || r->imr & ~INT_ALL || r->isr & ~INT_ALL || r->cpcr & ~CPCR_WRITABLE ||
        r->cr9346 & ~0xce || r->tx_poll & ~(TPPOLL_HPQ | TPPOLL_NPQ))
        return "a register has bits that are not there";
    if (r->c_only && (r->cpcr || r->tx_poll || r->etthr))
        return "an RTL8139C has registers of C+ mode";
    if (r->cr9346 >> CR9346_EEM_SHIFT == EEM_AUTOLOAD)
        return "the EEPROM is being loaded, which takes no time here";
    if (r->pci.intx_level != ((r->isr & r->imr) != 0))
        return "INTA is not as ISR and IMR have it";
    if (((r->config1 & CONFIG1_PMEN) != 0) != ((r->pci.config[PCI_STATUS] & PCI_STATUS_CAPABILITIES) != 0))
        return "the capability list is not as CONFIG1 has it";
    return NULL;
}

const char *rtl8139_check(const struct device *dev)
{
    const struct rtl8139 *r = (const struct rtl8139 *)dev;
    const char *why = check_states(r);

    return why ? why : check_registers(r);
}

static const char *post_load(struct device *dev)
{
    struct rtl8139 *r = (struct rtl8139 *)dev;
    const char *why = rtl8139_check(dev);

    if (!why && (r->poll_ns < -1 || r->tctr_zero_ns > vclock_now_ns(dev->env->clock)))
        why = "a saved time is not in its range";
    if (!why)
        why = pci_device_post_load(&r->pci);
    if (why)
        return why;
    r->power = r->pci.config[PM_PMCSR] & PM_STATE;
    rtl8139_timer_update(r);
    if (r->poll_ns < 0)
        vtimer_cancel(&r->poll);
    else
        vtimer_arm(&r->poll, r->poll_ns);
    return NULL;
}

/* ---- class ---- */

static void free_device(struct device *dev)
{
    struct rtl8139 *r = (struct rtl8139 *)dev;

    if (r->port)
        netport_attach(r->port, NULL, NULL, NULL, NULL);
    device_enter(dev);
    vtimer_cancel(&r->timer);
    vtimer_cancel(&r->poll);
    device_leave(dev);
    pci_device_fini(&r->pci);
    free(r);
}

static const struct device_class class = {
    .name = "rtl8139",
    .title = "Realtek RTL8139C+ Fast Ethernet",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .post_load = post_load,
    .free = free_device,
};

/* ---- set-up ---- */

static void init_config_space(struct pci_device *pci)
{
    uint8_t *cap = pci->config + RTL_PM_CAP;

    pci_set_word(pci->config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci->wmask[PCI_LATENCY] = 0xff;
    pci->wmask[PCI_CACHE_LINE] = 0xff;
    pci->config[CONFIG_MIN_GRANT] = RTL_MIN_GRANT;
    pci->config[CONFIG_MAX_LATENCY] = RTL_MAX_LATENCY;
    cap[0] = PM_CAP_ID;
    pci_set_word(cap + 2, RTL_PMC);
    pci->wmask[PM_PMCSR] = PM_STATE;
    pci->wmask[PM_PMCSR + 1] = PM_ENABLE;
    pci->config_written = config_written;
}

static void add_windows(struct rtl8139 *r)
{
    r->io = (struct io_region){ .name = "rtl8139.io", .space = IO_PORT, .size = RTL_REG_BYTES, .ops = &r->ops,
                                .chip = r, .lock = r->pci.dev.lock };
    r->mmio = (struct io_region){ .name = "rtl8139.mmio", .space = IO_MEM, .size = RTL_REG_BYTES, .ops = &r->ops,
                                  .chip = r, .lock = r->pci.dev.lock };
    pci_add_io(&r->pci, 0, &r->io);
    pci_add_mem(&r->pci, 1, &r->mmio, false);
}

static void init(struct rtl8139 *r, const struct dev_env *env, const char *id, const struct rtl8139_config *cfg)
{
    const struct pci_ids ids = {
        .vendor = RTL_VENDOR,
        .device = RTL_DEVICE,
        .subsystem_vendor = RTL_SUBSYSTEM_VENDOR,
        .subsystem = RTL_SUBSYSTEM,
        .revision = cfg->c_only ? RTL_REVISION_C : RTL_REVISION_CPLUS,
        .class_code = 0x020000,
        .interrupt_pin = 1,
    };

    pci_device_init(&r->pci, &class, env, id, &ids);
    init_config_space(&r->pci);
    rtl8139_regs_init(r);
    rtl8139_eeprom_program(r, cfg->mac);
    add_windows(r);
    vtimer_init(&r->timer, env->clock, r->pci.dev.lock, rtl8139_timer_fired, r);
    vtimer_init(&r->poll, env->clock, r->pci.dev.lock, rtl8139_poll_fired, r);
    r->port = cfg->port;
    r->c_only = cfg->c_only;
    r->poll_ns = -1;
}

struct device *rtl8139_new(struct pci_bus *bus, int devfn, const struct dev_env *env, const char *id,
                           const struct rtl8139_config *cfg, char *why, size_t why_size)
{
    struct rtl8139 *r = calloc(1, sizeof(*r));

    if (!r) {
        snprintf(why, why_size, "%s: out of memory", id);
        return NULL;
    }
    init(r, env, id, cfg);
    if (!pci_bus_add(bus, &r->pci, devfn, why, why_size)) {
        pci_device_fini(&r->pci);
        free(r);
        return NULL;
    }
    device_reset(&r->pci.dev);
    if (r->port)
        netport_attach(r->port, &port_ops, r, r->pci.dev.lock, cfg->mac);
    return &r->pci.dev;
}
