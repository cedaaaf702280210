/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which frames the card takes (317453, 3.2.1): VLAN table, exact addresses, hash table, and the bits that open it. */
#include "hw/net/e1000_int.h"

#include <string.h>

#define ADDRESSES 16

static bool test_bit(const uint32_t *table, unsigned n) { return table[n / 32] >> n % 32 & 1; }

/* RCTL.VFE: tagged frames of the VLANs in the table; CFIEN: with the CFI bit as CFI says. */
static bool vlan_passes(const struct e1000 *c, const uint8_t *frame, size_t len)
{
    uint32_t control = c->reg[E1000_RCTL];
    unsigned tag;

    if (!(control & RCTL_VFE) || !e1000_is_tagged(c, frame, len))
        return true;
    tag = ether_get16(frame + ETHER_TAG_AT + 2);
    if (control & RCTL_CFIEN && !(tag & 0x1000) != !(control & RCTL_CFI))
        return false;
    return test_bit(&c->reg[E1000_VFTA], tag & 0xfff);
}

static bool exact(const struct e1000 *c, const uint8_t *frame)
{
    uint32_t low, high;

    memcpy(&low, frame, 4);
    high = (uint32_t)(frame[4] | frame[5] << 8);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        const uint32_t *ra = &c->reg[E1000_RA + 2 * i];

        /* Address select 0: the destination; others compare the source or are reserved. */
        if (ra[1] & RAH_VALID && ra[0] == low && (ra[1] & 0x3ffff) == high)
            return true;
    }
    return false;
}

/* 12 bits of the last two bytes, which ones RCTL.MO says. */
static bool hashed(const struct e1000 *c, const uint8_t *frame)
{
    static const uint8_t shift[4] = {4, 3, 2, 0};
    unsigned bits = (unsigned)(frame[4] | frame[5] << 8) >> shift[c->reg[E1000_RCTL] >> RCTL_MO_SHIFT & 3];

    return test_bit(&c->reg[E1000_MTA], bits & 0xfff);
}

enum e1000_match e1000_rx_match(const struct e1000 *c, const uint8_t *frame, size_t len)
{
    uint32_t control = c->reg[E1000_RCTL];

    if (!vlan_passes(c, frame, len))
        return MATCH_NONE;
    if (exact(c, frame))
        return MATCH_EXACT;
    if (ether_is_broadcast(frame))
        return control & (RCTL_BAM | RCTL_MPE) || hashed(c, frame) ? MATCH_EXACT : MATCH_NONE;
    if (control & (frame[0] & 1 ? RCTL_MPE : RCTL_UPE))
        return MATCH_EXACT;
    return frame[0] & 1 && hashed(c, frame) ? MATCH_HASH : MATCH_NONE;
}

static void add_address(struct net_rx_filter *f, const uint32_t *ra)
{
    uint8_t address[ETHER_ADDRESS_BYTES];

    memcpy(address, &ra[0], 4);
    memcpy(address + 4, &ra[1], 2);
    if (ether_is_group(address))
        memcpy(f->multicast_table[f->multicast_count++], address, sizeof(address));
    else
        memcpy(f->unicast_table[f->unicast_count++], address, sizeof(address));
}

void e1000_rx_filter(void *opaque, struct net_rx_filter *filter)
{
    const struct e1000 *c = opaque;
    uint32_t control = c->reg[E1000_RCTL];

    memset(filter, 0, sizeof(*filter));
    filter->promiscuous = control & RCTL_UPE;
    filter->broadcast_allowed = control & RCTL_BAM;
    filter->unicast = NET_RX_NORMAL;
    filter->multicast = control & RCTL_MPE ? NET_RX_ALL : NET_RX_NORMAL;
    filter->vlan = control & RCTL_VFE ? NET_RX_NORMAL : NET_RX_ALL;
    for (unsigned i = 0; i < ADDRESSES; i++) {
        if (c->reg[E1000_RA + 2 * i + 1] & RAH_VALID)
            add_address(filter, &c->reg[E1000_RA + 2 * i]);
    }
    for (unsigned i = E1000_MTA; i <= E1000_MTA_END; i++) /* no list: a hash stands for many */
        filter->multicast_overflow |= c->reg[i] != 0;
    memcpy(filter->mac, &c->reg[E1000_RA], 4);
    memcpy(filter->mac + 4, &c->reg[E1000_RA + 1], 2);
}
