/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/m88e1011.h"

#include <string.h>

enum {
    REG_CONTROL = 0,
    REG_STATUS = 1,
    REG_ID1 = 2,
    REG_ID2 = 3,
    REG_ADVERTISE = 4,
    REG_PARTNER = 5,
    REG_EXPANSION = 6,
    REG_GIGABIT_CONTROL = 9,
    REG_GIGABIT_STATUS = 10,
    REG_EXTENDED_STATUS = 15,
    REG_SPECIFIC_CONTROL = 16,
    REG_SPECIFIC_STATUS = 17,
    REG_INTERRUPT_STATUS = 19,
};

enum {
    CONTROL_SPEED_1000 = 0x0040,
    CONTROL_FULL_DUPLEX = 0x0100,
    CONTROL_RESTART = 0x0200, /* clears itself */
    CONTROL_ISOLATE = 0x0400,
    CONTROL_POWER_DOWN = 0x0800,
    CONTROL_AUTO = 0x1000,
    CONTROL_SPEED_100 = 0x2000,
    CONTROL_LOOPBACK = 0x4000,
    CONTROL_RESET = 0x8000, /* clears itself */
};
enum { STATUS_LINK = 0x0004, STATUS_AUTO_DONE = 0x0020 };
enum { ABILITY_10 = 0x0020, ABILITY_10_FULL = 0x0040, ABILITY_100 = 0x0080, ABILITY_100_FULL = 0x0100 };
enum { PARTNER_ABILITIES = 0x45e1 }; /* acknowledged, pause, all of 10 and 100 Mb/s */
enum { EXPANSION_PARTNER_AUTO = 0x0001, EXPANSION_PAGE = 0x0002 };
enum { GIGABIT_HALF = 0x0100, GIGABIT_FULL = 0x0200 };
enum { GIGABIT_PARTNER = 0x7c00 }; /* we are master, both receivers fine, the partner does both duplexes */
enum {
    SPECIFIC_LINK = 0x0400,
    SPECIFIC_RESOLVED = 0x0800,
    SPECIFIC_FULL = 0x2000,
    SPECIFIC_SPEED_SHIFT = 14,
    SPECIFIC_CABLE = 0x0080, /* 50 m and less */
};
enum { INTERRUPT_LINK = 0x0400, INTERRUPT_AUTO_DONE = 0x0800 };

const char *const phy_states[3] = {"down", "negotiating", "up"};

/* Values after a hardware reset, and what a write can change; what is not here reads as 0. */
static const struct {
    uint8_t reg;
    uint16_t reset, writable;
} registers[] = {
    {REG_CONTROL, 0x1140, 0x7dc0},
    {REG_STATUS, 0x7949, 0}, /* all of 10 and 100 Mb/s, extended status, autonegotiation */
    {REG_ID1, 0x0141, 0},
    {REG_ID2, 0x0c20, 0},
    {REG_ADVERTISE, 0x0de1, 0xffff},
    {7, 0x2001, 0xffff}, /* next page */
    {REG_GIGABIT_CONTROL, 0x0e00, 0xff00},
    {REG_EXTENDED_STATUS, 0x3000, 0}, /* 1000BASE-T, both duplexes */
    {REG_SPECIFIC_CONTROL, 0x0360, 0xffff},
    {18, 0, 0xffff},      /* interrupt enable: its pin is not connected */
    {20, 0x0d60, 0xffff}, /* extended specific control */
    {22, 0, 0xffff},
    {24, 0x4100, 0xffff}, /* LED control */
    {25, 0, 0xffff},      /* LED override */
    {26, 0x000a, 0xffff},
    {27, 0x848b, 0xffff}, /* extended specific status: copper */
    {28, 0, 0xffff},
    {29, 0, 0xffff}, /* page and value of test registers, which drivers write */
    {30, 0, 0xffff},
    {31, 0, 0xffff},
};
#define REGISTERS (sizeof(registers) / sizeof(registers[0]))

static uint16_t writable(unsigned reg)
{
    for (unsigned i = 0; i < REGISTERS; i++) {
        if (registers[i].reg == reg)
            return registers[i].writable;
    }
    return 0;
}

static void load_defaults(struct phy *p)
{
    memset(p->reg, 0, sizeof(p->reg));
    for (unsigned i = 0; i < REGISTERS; i++)
        p->reg[registers[i].reg] = registers[i].reset;
    p->link_lost = false;
}

bool phy_loopback(const struct phy *p)
{
    return (p->reg[REG_CONTROL] & (CONTROL_LOOPBACK | CONTROL_POWER_DOWN)) == CONTROL_LOOPBACK;
}

/* ---- the link ---- */

/* The one place that assigns the state. */
static void enter(struct phy *p, enum phy_state state)
{
    if (p->state == PHY_UP && state != PHY_UP)
        p->link_lost = true;
    if (p->state != state && (state == PHY_UP || p->state == PHY_UP))
        p->reg[REG_INTERRUPT_STATUS] |= INTERRUPT_LINK;
    p->state = (uint8_t)state;
}

/* The best that both ends do (clause 28B.3); false: nothing. */
static bool resolve(struct phy *p)
{
    static const struct {
        uint16_t ability;
        uint8_t speed;
        bool full;
    } order[] = {{ABILITY_100_FULL, PHY_SPEED_100, true},
                 {ABILITY_100, PHY_SPEED_100, false},
                 {ABILITY_10_FULL, PHY_SPEED_10, true},
                 {ABILITY_10, PHY_SPEED_10, false}};
    uint16_t gigabit = p->reg[REG_GIGABIT_CONTROL];

    if (gigabit & (GIGABIT_FULL | GIGABIT_HALF)) {
        p->speed = PHY_SPEED_1000;
        p->full_duplex = gigabit & GIGABIT_FULL;
        return true;
    }
    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (p->reg[REG_ADVERTISE] & PARTNER_ABILITIES & order[i].ability) {
            p->speed = order[i].speed;
            p->full_duplex = order[i].full;
            return true;
        }
    }
    return false;
}

static void force(struct phy *p)
{
    uint16_t control = p->reg[REG_CONTROL];

    p->full_duplex = control & CONTROL_FULL_DUPLEX;
    if (control & CONTROL_SPEED_1000)
        p->speed = PHY_SPEED_1000;
    else
        p->speed = control & CONTROL_SPEED_100 ? PHY_SPEED_100 : PHY_SPEED_10;
}

/* Begins anew after whatever decides over the link has changed. */
static void start(struct phy *p)
{
    bool off = p->reg[REG_CONTROL] & (CONTROL_POWER_DOWN | CONTROL_ISOLATE);

    p->reg[REG_EXPANSION] = 0;
    if (off || !p->cable) {
        enter(p, PHY_DOWN);
    } else if (p->reg[REG_CONTROL] & CONTROL_AUTO) {
        enter(p, PHY_NEGOTIATING);
    } else {
        force(p);
        enter(p, PHY_UP);
    }
}

void phy_negotiated(struct phy *p)
{
    if (p->state != PHY_NEGOTIATING || !resolve(p))
        return;
    p->reg[REG_EXPANSION] = EXPANSION_PARTNER_AUTO | EXPANSION_PAGE;
    p->reg[REG_INTERRUPT_STATUS] |= INTERRUPT_AUTO_DONE;
    enter(p, PHY_UP);
}

void phy_reset(struct phy *p)
{
    load_defaults(p);
    start(p);
}

void phy_power_on(struct phy *p, bool cable)
{
    p->cable = cable;
    p->state = PHY_DOWN;
    phy_reset(p);
    phy_negotiated(p);
    p->link_lost = false;
    p->reg[REG_INTERRUPT_STATUS] = 0;
}

void phy_cable(struct phy *p, bool present)
{
    if (p->cable == present)
        return;
    p->cable = present;
    start(p);
}

/* ---- registers ---- */

/* The link bit stays 0 after a loss until it has been read (clause 22.2.4.2.13). */
static uint16_t read_status(struct phy *p)
{
    uint16_t v = p->reg[REG_STATUS];

    if (phy_link(p) && !p->link_lost)
        v |= STATUS_LINK;
    if (p->state == PHY_UP && p->reg[REG_CONTROL] & CONTROL_AUTO)
        v |= STATUS_AUTO_DONE;
    p->link_lost = false;
    return v;
}

static uint16_t read_specific_status(const struct phy *p)
{
    uint16_t v = (uint16_t)(p->speed << SPECIFIC_SPEED_SHIFT) | SPECIFIC_CABLE;

    if (p->full_duplex)
        v |= SPECIFIC_FULL;
    if (p->state == PHY_UP)
        v |= SPECIFIC_LINK | SPECIFIC_RESOLVED;
    return v;
}

uint16_t phy_read(struct phy *p, unsigned reg)
{
    uint16_t v = p->reg[reg];

    switch (reg) {
    case REG_STATUS: return read_status(p);
    case REG_PARTNER: return p->reg[REG_EXPANSION] ? PARTNER_ABILITIES : 0;
    case REG_EXPANSION:
        p->reg[reg] &= (uint16_t)~EXPANSION_PAGE;
        return v;
    case REG_GIGABIT_STATUS: return p->reg[REG_EXPANSION] ? GIGABIT_PARTNER : 0;
    case REG_SPECIFIC_STATUS: return read_specific_status(p);
    case REG_INTERRUPT_STATUS:
        p->reg[reg] = 0;
        return v;
    default: return v;
    }
}

static void write_control(struct phy *p, uint16_t value)
{
    const uint16_t deciding = CONTROL_AUTO | CONTROL_POWER_DOWN | CONTROL_ISOLATE;
    const uint16_t forced = CONTROL_SPEED_1000 | CONTROL_SPEED_100 | CONTROL_FULL_DUPLEX;
    uint16_t changed = p->reg[REG_CONTROL] ^ value;

    p->reg[REG_CONTROL] = value & writable(REG_CONTROL);
    if (value & (CONTROL_RESET | CONTROL_RESTART) || changed & deciding ||
        (!(value & CONTROL_AUTO) && changed & forced))
        start(p);
}

void phy_write(struct phy *p, unsigned reg, uint16_t value)
{
    if (reg == REG_CONTROL)
        write_control(p, value);
    else if (writable(reg))
        p->reg[reg] = (p->reg[reg] & (uint16_t)~writable(reg)) | (value & writable(reg));
}
