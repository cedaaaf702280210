/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transmitter: its states, what both modes do with a frame, and C mode. DS "TSD", "TSAD", "TCR". */
#include "hw/net/rtl8139_int.h"
#include "hw/pci/pci_regs.h"

static void set_state(struct rtl8139 *r, enum rtl8139_tx_state state)
{
    r->tx_state = (uint8_t)state;
    rtl8139_poll_update(r);
}

/* ---- what both modes do ---- */

enum rtl8139_sent rtl8139_put_on_wire(struct rtl8139 *r, const struct iovec *iov, int iovcnt,
                                      const struct net_offload *off)
{
    if ((r->tcr & TCR_LBK) == TCR_LBK) { /* independent of the cable; comes back from the main loop (N-30) */
        net_loop(r->port, iov, iovcnt);
        return RTL_SENT;
    }
    switch (net_send(r->port, iov, iovcnt, off)) {
    case NET_BUSY: return RTL_SENT_BUSY;
    case NET_SENT: return RTL_SENT;
    default: return net_link_up(r->port) ? RTL_SENT : RTL_SENT_NO_CARRIER;
    }
}

void rtl8139_tx_count(struct rtl8139 *r, enum rtl8139_sent how)
{
    if (how == RTL_SENT)
        r->tally.tx_ok++;
    else
        r->tally.tx_err++;
}

void rtl8139_tx_enable(struct rtl8139 *r, bool on)
{
    if (on == (r->tx_state != RTL_TX_OFF))
        return;
    r->tx_next = 0;
    r->tx_index[RTL_NORMAL] = r->tx_index[RTL_HIGH] = 0;
    r->tx_poll = 0;
    set_state(r, on ? RTL_TX_IDLE : RTL_TX_OFF);
}

/* TCR.CRC: the guest brings the FCS. A wrong one would be found by whoever gets the frame, so nobody does. */
bool rtl8139_strip_fcs(const struct rtl8139 *r, size_t *len)
{
    if (!(r->tcr & TCR_CRC))
        return true;
    if (*len <= ETHER_FCS_BYTES || !ether_fcs_ends(r->frame, *len))
        return false;
    *len -= ETHER_FCS_BYTES;
    return true;
}

/* ---- C mode: four descriptors, sent in turn ---- */

static void done(struct rtl8139 *r, unsigned n, uint32_t status, unsigned cause)
{
    r->tsd[n] = (r->tsd[n] & TSD_WRITABLE) | TSD_OWN | status;
    rtl8139_raise(r, cause);
}

/* False: the wire is full, and the descriptor keeps its frame. */
static bool send_descriptor(struct rtl8139 *r, unsigned n)
{
    size_t len = r->tsd[n] & TSD_SIZE;
    enum rtl8139_sent how = RTL_SENT;

    if (!dma_read(&r->pci.dma, r->tsad[n], r->frame, len)) {
        r->tally.tx_err++;
        r->tally.tx_undrn++;
        rtl8139_dma_failed(r, "a frame to be sent", r->tsad[n]);
        done(r, n, TSD_TUN, INT_TER);
        return true;
    }
    if (len && rtl8139_strip_fcs(r, &len))
        how = rtl8139_put_on_wire(r, &(struct iovec){ r->frame, len }, 1, NULL);
    if (how == RTL_SENT_BUSY)
        return false;
    rtl8139_tx_count(r, how);
    done(r, n, how == RTL_SENT_NO_CARRIER ? TSD_TOK | TSD_CRS : TSD_TOK, INT_TOK);
    return true;
}

static bool ctx_run(struct rtl8139 *r)
{
    for (unsigned lap = 0; lap < RTL_TX_REGS && !(r->tsd[r->tx_next] & TSD_OWN); lap++) {
        if (!send_descriptor(r, r->tx_next))
            return false;
        r->tx_next = (r->tx_next + 1) % RTL_TX_REGS;
    }
    return true;
}

void rtl8139_tx_run(struct rtl8139 *r)
{
    bool room;

    if (r->tx_state != RTL_TX_IDLE || !rtl8139_running(r) || !(r->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER))
        return; /* what is there is sent when that changes */
    net_send_begin(r->port);
    room = r->cpcr & CPCR_TX ? rtl8139_cptx_run(r) : ctx_run(r);
    net_send_end(r->port);
    if (!room)
        set_state(r, RTL_TX_WIRE_BUSY);
}

void rtl8139_tx_wire_ready(void *opaque)
{
    struct rtl8139 *r = opaque;

    if (r->tx_state != RTL_TX_WIRE_BUSY)
        return;
    set_state(r, RTL_TX_IDLE);
    rtl8139_tx_run(r);
}

void rtl8139_write_tsd(struct rtl8139 *r, unsigned n, uint32_t value)
{
    r->tsd[n] = value & TSD_WRITABLE;
    rtl8139_tx_run(r);
}

/* TSAD: one bit of each kind per descriptor. */
uint32_t rtl8139_tsad_summary(const struct rtl8139 *r)
{
    uint32_t v = 0;

    for (unsigned n = 0; n < RTL_TX_REGS; n++) {
        v |= (r->tsd[n] & TSD_OWN ? 1u : 0) << n;
        v |= (r->tsd[n] & TSD_TABT ? 1u : 0) << (4 + n);
        v |= (r->tsd[n] & TSD_TUN ? 1u : 0) << (8 + n);
        v |= (r->tsd[n] & TSD_TOK ? 1u : 0) << (12 + n);
    }
    return v;
}
