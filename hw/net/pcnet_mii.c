/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PHY of the Am79C973 as BCR33 and BCR34 reach it, at address 30, with the identity of AMD's NetPHY
 * (Am79C874); IEEE 802.3-2018, 22.2.4. Auto-negotiation with a peer of all abilities ends at once.
 */
#include "hw/net/pcnet_internal.h"

enum { BMCR, BMSR, PHYID1, PHYID2, ANAR, ANLPAR, ANER, PHY_REGS = 32 };
enum { MIIADDR = 33, PHY_ADDRESS = 30 };
enum { BMCR_RESET = 0x8000, BMCR_RESTART = 0x0200, BMCR_KEPT = 0x7d80, BMCR_RESET_VALUE = 0x3100 };
enum { BMSR_ABILITIES = 0x7849, BMSR_DONE = 0x0020, BMSR_LINK = 0x0004 };
enum { ALL_MODES = 0x01e1, ACKNOWLEDGED = 0x4000, NO_PHY = 0xffff };

void pcnet_mii_reset(struct pcnet *c)
{
    c->mii[BMCR] = BMCR_RESET_VALUE;
    c->mii[ANAR] = ALL_MODES;
    c->mii_link = c->port->link(c->opaque);
}

void pcnet_link_changed(struct pcnet *c)
{
    if (!c->port->link(c->opaque))
        c->mii_link = false;
}

/* The link bit tells of a loss until it has been read once. */
static uint16_t read_bmsr(struct pcnet *c)
{
    bool up = c->mii_link;

    c->mii_link = c->port->link(c->opaque);
    return (uint16_t)(BMSR_ABILITIES | (up ? BMSR_LINK | BMSR_DONE : 0));
}

uint16_t pcnet_mii_read(struct pcnet *c)
{
    unsigned reg = c->bcr[MIIADDR] & 0x1f;
    bool up = c->port->link(c->opaque);

    if (c->bcr[MIIADDR] >> 5 != PHY_ADDRESS)
        return NO_PHY;
    switch (reg) {
    case BMSR: return read_bmsr(c);
    case PHYID1: return 0x0022;
    case PHYID2: return 0x561b;
    case ANLPAR: return up ? ALL_MODES | ACKNOWLEDGED : 0;
    case ANER: return up ? 1 : 0;
    default: return c->mii[reg];
    }
}

void pcnet_mii_write(struct pcnet *c, uint16_t value)
{
    unsigned reg = c->bcr[MIIADDR] & 0x1f;

    if (c->bcr[MIIADDR] >> 5 != PHY_ADDRESS)
        return;
    if (reg == BMCR && (value & BMCR_RESET))
        pcnet_mii_reset(c);
    else if (reg == BMCR)
        c->mii[BMCR] = value & BMCR_KEPT;
    else if (reg == ANAR)
        c->mii[ANAR] = (value & 0x0fff) | 1;
}
