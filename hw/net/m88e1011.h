/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gigabit copper PHY inside of the 82540EM, a Marvell 88E1011 to its drivers (Intel 317453, section 8 and
 * chapter 13 "PHY registers"; IEEE 802.3 clauses 22, 28 and 40). The partner at the other end of the cable can do
 * everything.
 *
 *   DOWN --cable, power--> NEGOTIATING --time--> UP      (UP at once if autonegotiation is off)
 *     ^-- no cable, power down, isolated --'-----'
 *
 * Outputs: phy_link(), speed and duplex; the owner asks after each call. The owner keeps the time: it calls
 * phy_negotiated() PHY_NEGOTIATION_NS after phy_write() or phy_cable() have said that they wait for it.
 */
#ifndef HW_NET_M88E1011_H
#define HW_NET_M88E1011_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/device.h"

#define PHY_ADDRESS 1
#define PHY_REGS    32
/* Real ones take two to three seconds; guests wait for it at every boot. */
#define PHY_NEGOTIATION_NS 100000000

enum phy_state { PHY_DOWN, PHY_NEGOTIATING, PHY_UP };
extern const char *const phy_states[3];

enum { PHY_SPEED_10, PHY_SPEED_100, PHY_SPEED_1000 };

struct phy {
    uint8_t state; /* enum phy_state */
    bool cable;
    bool link_lost; /* since the status register was read */
    uint8_t speed;  /* of the link, or of the last one */
    bool full_duplex;
    uint16_t reg[PHY_REGS];
};

#define PHY_FIELDS(s, m)                                                                           \
    DEV_FIELD_ENUM(s, U8, m.state, PHY_DOWN, phy_states), DEV_FIELD(s, BOOL, m.cable, 0, 1),       \
        DEV_FIELD(s, BOOL, m.link_lost, 0, 1), DEV_FIELD(s, U8, m.speed, PHY_SPEED_1000, PHY_SPEED_1000), \
        DEV_FIELD(s, BOOL, m.full_duplex, 1, 1), DEV_FIELD_ARRAY(s, U16, m.reg, 0, 0)

/* As after power has come up a while ago: negotiated, if there is a cable. */
void phy_power_on(struct phy *p, bool cable);
/* The hardware reset pin (CTRL.PHY_RST): registers as new, negotiation begins. */
void phy_reset(struct phy *p);
void phy_cable(struct phy *p, bool present);
void phy_negotiated(struct phy *p);
uint16_t phy_read(struct phy *p, unsigned reg);
void phy_write(struct phy *p, unsigned reg, uint16_t value);

static inline bool phy_link(const struct phy *p) { return p->state == PHY_UP; }
static inline bool phy_waits(const struct phy *p) { return p->state == PHY_NEGOTIATING; }
bool phy_loopback(const struct phy *p); /* what the MAC sends comes back to it */

#endif
