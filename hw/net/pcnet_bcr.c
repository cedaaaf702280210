/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus configuration registers; "Bus Configuration Registers". */
#include "hw/net/pcnet_internal.h"

enum { MSRDA = 0, MSWRA = 1, MC = 2, FDC = 9, BSBC = 18, EECAS = 19, INTCON = 21, PCILAT = 22, MIICAS = 32,
       MIIADDR = 33, MIIMDR = 34 };
enum { MC_APROMWE = 0x0100, BSBC_DWIO = 0x0080, LED_OUT = 0x8000, LED_LINK = 0x0040, SWS_APERREN = 0x0400 };

static const struct bcr_row {
    uint8_t number;
    bool only_973;
    uint16_t mask, reset;
} bcr_rows[] = {
    {MSRDA, false, 0, 0x0005},        {MSWRA, false, 0, 0x0005},  {MC, false, 0xffff, 0x0002},
    {BCR_LNKST, false, 0x7fff, 0xc0}, {5, false, 0x7fff, 0x0084}, {6, false, 0x7fff, 0x0088},
    {7, false, 0x7fff, 0x0090},       {FDC, false, 0x0007, 0},    {16, false, 0xffe0, 0},
    {17, false, 0xffff, 0},           {BSBC, false, 0xff7f, 0x9001}, {EECAS, false, 0x0017, 0x0002},
    {INTCON, false, 0xffff, 0},       {PCILAT, false, 0xffff, 0xff06}, {MIICAS, true, 0x7fff, 0x0000},
    {MIIADDR, true, 0x03ff, 0x0000},
};
#define BCR_ROWS (sizeof(bcr_rows) / sizeof(bcr_rows[0]))

/* Styles above 3 are reserved; SSIZE32 and CSRPCNET follow from the style. */
void pcnet_write_style(struct pcnet *c, uint16_t v)
{
    static const uint16_t follow[4] = {0x0200, 0x0100, 0x0300, 0x0300};
    unsigned style = v & 0xff;

    if (!pcnet_may_set_up(c))
        return;
    if (style > 3) {
        c->port->mistake(c->opaque, "a reserved software style");
        style = pcnet_style(c);
    }
    c->bcr[BCR_SWS] = (uint16_t)((v & SWS_APERREN) | follow[style] | style);
}

static void write_bcr(struct pcnet *c, unsigned n, uint16_t v)
{
    if (n == BCR_SWS)
        pcnet_write_style(c, v);
    else if (n == MIIMDR && c->variant == PCNET_AM79C973)
        pcnet_mii_write(c, v);
    for (unsigned i = 0; i < BCR_ROWS; i++) {
        const struct bcr_row *row = &bcr_rows[i];

        if (row->number == n && (!row->only_973 || c->variant == PCNET_AM79C973))
            c->bcr[n] = (uint16_t)((c->bcr[n] & ~row->mask) | (v & row->mask));
    }
}

/* The LED registers show whether one of the events that they are set to lights it; there is only the link. */
static uint16_t read_led(struct pcnet *c, unsigned n)
{
    bool lit = (c->bcr[n] & LED_LINK) && c->port->link(c->opaque);

    return (uint16_t)(c->bcr[n] | (lit ? LED_OUT : 0));
}

static uint16_t read_bcr(struct pcnet *c, unsigned n)
{
    if (n >= BCR_LNKST && n <= 7)
        return read_led(c, n);
    if (n == BSBC)
        return (uint16_t)(c->bcr[n] | (c->dwio ? BSBC_DWIO : 0));
    if (n == MIIMDR && c->variant == PCNET_AM79C973)
        return pcnet_mii_read(c);
    return n < PCNET_BCRS ? c->bcr[n] : 0;
}

uint16_t pcnet_read_bcr(struct pcnet *c) { return read_bcr(c, c->rap); }

void pcnet_write_bcr(struct pcnet *c, uint16_t value)
{
    write_bcr(c, c->rap, value);
    pcnet_update(c);
}

void pcnet_reset_bcrs(struct pcnet *c)
{
    for (unsigned i = 0; i < BCR_ROWS; i++) {
        if (!bcr_rows[i].only_973 || c->variant == PCNET_AM79C973)
            c->bcr[bcr_rows[i].number] = bcr_rows[i].reset;
    }
    c->bcr[BCR_SWS] = 0x0200;
}

bool pcnet_aprom_open(const struct pcnet *c) { return c->bcr[MC] & MC_APROMWE; }
