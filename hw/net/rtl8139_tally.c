/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tally counters' dump. DS "DTCCR: Dump Tally Counter Command". */
#include "hw/net/rtl8139_int.h"

#define DUMP_BYTES 64

static uint8_t *put(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * i);
    return p + bytes;
}

static void dump(const struct rtl8139_tally *t, uint8_t *p)
{
    p = put(p, t->tx_ok, 8);
    p = put(p, t->rx_ok, 8);
    p = put(p, t->tx_err, 8);
    p = put(p, t->rx_err, 4);
    p = put(p, t->missed, 2);
    p = put(p, t->fae, 2);
    p = put(p, t->tx_1col, 4);
    p = put(p, t->tx_mcol, 4);
    p = put(p, t->rx_ok_phy, 8);
    p = put(p, t->rx_ok_brd, 8);
    p = put(p, t->rx_ok_mul, 4);
    p = put(p, t->tx_abt, 2);
    put(p, t->tx_undrn, 2);
}

void rtl8139_write_dtccr(struct rtl8139 *r, uint32_t value)
{
    uint64_t at = rtl8139_address(r, value & ~(uint32_t)(DUMP_BYTES - 1), r->dtccr[1]);
    uint8_t block[DUMP_BYTES];

    r->dtccr[0] = value & ~(uint32_t)(DUMP_BYTES - 1); /* the command reads as done at once */
    if (!(value & DTCCR_CMD))
        return;
    dump(&r->tally, block);
    if (!dma_write(&r->pci.dma, at, block, sizeof(block)))
        rtl8139_dma_failed(r, "the counters' dump", at);
}
