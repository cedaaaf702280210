/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is set up once: the EEPROM's register and what is loaded from it, and the PHY. DS "9346CR", "CONFIG0" to
 * "CONFIG5", "MSR", "BMCR" and those that follow it (IEEE 802.3 clause 22). */
#include <string.h>

#include "hw/net/rtl8139_int.h"

enum { EE_CONFIG3 = 0x0d, EE_IDR = 0x0e, EE_CONFIG1 = 0x15, EE_CONFIG4 = 0x19, EE_CONFIG5 = 0x1f };
enum { EE_MAGIC_LOW = 0x29, EE_MAGIC_HIGH = 0x81 };
enum { BMSR_ABILITIES = 0x7809, BMSR_AN_COMPLETE = 0x0020, BMSR_LINK = 0x0004 };
enum { AN_SELECTOR = 0x0001, AN_ALL = 0x05e0, AN_100 = 0x0180, AN_PARTNER = 0x05e1, AN_ACK = 0x4000 };

/* ---- the EEPROM ---- */

/* An EEPROM without its mark is not believed; the chip's own values stay. */
void rtl8139_autoload(struct rtl8139 *r)
{
    if (rtl8139_eeprom_byte(r, 0) != EE_MAGIC_LOW || rtl8139_eeprom_byte(r, 1) != EE_MAGIC_HIGH)
        return;
    for (unsigned i = 0; i < sizeof(r->idr); i++)
        r->idr[i] = rtl8139_eeprom_byte(r, EE_IDR + i);
    r->config1 = rtl8139_eeprom_byte(r, EE_CONFIG1);
    r->config3 = rtl8139_eeprom_byte(r, EE_CONFIG3);
    r->config4 = rtl8139_eeprom_byte(r, EE_CONFIG4);
    r->config5 = rtl8139_eeprom_byte(r, EE_CONFIG5);
    rtl8139_show_capability(r);
}

static unsigned eem(const struct rtl8139 *r)
{
    return r->cr9346 >> CR9346_EEM_SHIFT;
}

bool rtl8139_unlocked(const struct rtl8139 *r)
{
    return eem(r) == EEM_CONFIG;
}

uint32_t rtl8139_read_9346cr(const struct rtl8139 *r)
{
    return r->cr9346 | (eem(r) == EEM_PROGRAM && r->eeprom.out ? CR9346_EEDO : 0u);
}

void rtl8139_write_9346cr(struct rtl8139 *r, uint32_t value)
{
    bool program;

    r->cr9346 = value & ~(uint32_t)CR9346_EEDO & 0xcf;
    program = eem(r) == EEM_PROGRAM;
    microwire_lines(&r->eeprom, program && value & CR9346_EECS, program && value & CR9346_EESK,
                    value & CR9346_EEDI);
    if (eem(r) == EEM_AUTOLOAD) {
        rtl8139_autoload(r);
        r->cr9346 &= (1 << CR9346_EEM_SHIFT) - 1; /* done: back to normal */
    }
}

/* ---- the PHY ---- */

/*
 * The partner can do all that there is, with PAUSE; so the outcome of auto-negotiation is what the guest
 * advertises, and there is a link whatever it forces. Told at once.
 */
static bool negotiated(const struct rtl8139 *r)
{
    return r->bmcr & BMCR_ANE && net_link_up(r->port);
}

static bool is_100(const struct rtl8139 *r)
{
    return r->bmcr & BMCR_ANE ? r->anar & AN_100 : r->bmcr & BMCR_SPEED;
}

uint32_t rtl8139_msr(const struct rtl8139 *r)
{
    return MSR_FIXED | (net_link_up(r->port) ? 0u : MSR_LINKB) | (is_100(r) ? 0u : MSR_SPEED_10);
}

uint32_t rtl8139_bmsr(const struct rtl8139 *r)
{
    return BMSR_ABILITIES | (net_link_up(r->port) ? BMSR_LINK : 0u) | (negotiated(r) ? BMSR_AN_COMPLETE : 0u);
}

uint32_t rtl8139_anlpar(const struct rtl8139 *r)
{
    return negotiated(r) ? AN_PARTNER | AN_ACK : 0;
}

uint32_t rtl8139_aner(const struct rtl8139 *r)
{
    return negotiated(r);
}

/* The two bits that 8139too reads there are in no data sheet. */
uint32_t rtl8139_cscr(const struct rtl8139 *r)
{
    return r->cscr | (net_link_up(r->port) ? CSCR_LINK : 0u) | (r->link_changed ? CSCR_CHANGED : 0u);
}

void rtl8139_phy_reset(struct rtl8139 *r)
{
    r->bmcr = BMCR_ANE;
    r->anar = AN_ALL | AN_SELECTOR;
}

/* Reset and restart are over before they can be read. */
void rtl8139_write_bmcr(struct rtl8139 *r, uint32_t value)
{
    if (!rtl8139_unlocked(r)) {
        device_guest_error(&r->pci.dev, "BMCR is written without 9346CR's leave");
        return;
    }
    if (value & BMCR_RESET)
        rtl8139_phy_reset(r);
    else
        r->bmcr = value & (BMCR_SPEED | BMCR_ANE | BMCR_DUPLEX);
}

void rtl8139_link_changed(void *opaque, bool up)
{
    struct rtl8139 *r = opaque;

    (void)up;
    r->link_changed = true;
    rtl8139_raise(r, INT_PUN_LINKCHG);
}
