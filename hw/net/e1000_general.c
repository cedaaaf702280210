/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control and status, the EEPROM by its lines and by EERD (317453, 5.3), and the PHY by MDIC (13.4.7). */
#include "hw/net/e1000_int.h"

#define EEPROM_SUM_AT 0x3f
#define EEPROM_SUM    0xbaba

/* ---- EEPROM ---- */

/* Words of table 5-2 that are not erased (0xffff), besides address and checksum. */
static const struct {
    uint8_t at;
    uint16_t value;
} eeprom_words[] = {
    {0x03, 0x0000}, {0x04, 0xffff}, {0x05, 0x0000}, {0x06, 0x0000}, {0x07, 0x0000},
    {0x08, 0x3000}, {0x09, 0x1000}, /* printed board assembly */
    {0x0a, 0x6403},                 /* initialization control 1: signature, IDs are loaded */
    {0x0b, 0x1100}, {0x0c, 0x1af4}, /* subsystem */
    {0x0d, 0x100e}, {0x0e, 0x8086},
    {0x0f, 0x3040}, /* initialization control 2 */
    {0x10, 0x0008}, {0x11, 0x2000}, {0x12, 0x7e14}, {0x13, 0x0048},
    {0x14, 0x1000}, {0x15, 0x00d8}, /* ... 3: software defined pins */
    {0x16, 0x0000}, {0x17, 0x2700},
    {0x1f, 0x0706}, /* LEDs */
    {0x20, 0x1008}, {0x21, 0x0000}, {0x22, 0x0f04}, {0x23, 0x7fff}, {0x24, 0x4d01},
};

void e1000_fill_eeprom(struct e1000 *c)
{
    uint16_t *word = c->eeprom.word, sum = 0;

    for (unsigned i = 0; i < MICROWIRE_WORDS; i++)
        word[i] = 0xffff;
    for (unsigned i = 0; i < sizeof(eeprom_words) / sizeof(eeprom_words[0]); i++)
        word[eeprom_words[i].at] = eeprom_words[i].value;
    for (unsigned i = 0; i < 3; i++)
        word[i] = (uint16_t)(c->mac[2 * i] | c->mac[2 * i + 1] << 8);
    for (unsigned i = 0; i < EEPROM_SUM_AT; i++)
        sum = (uint16_t)(sum + word[i]);
    word[EEPROM_SUM_AT] = (uint16_t)(EEPROM_SUM - sum);
}

void e1000_load_address(struct e1000 *c)
{
    const uint16_t *word = c->eeprom.word;

    c->reg[E1000_RA] = word[0] | (uint32_t)word[1] << 16;
    c->reg[E1000_RA + 1] = word[2] | RAH_VALID;
}

E1000_GET(get_eecd)
{
    uint32_t v = c->reg[place] | EECD_PRESENT;

    if (c->eeprom.out)
        v |= EECD_DATA_OUT;
    if (v & EECD_REQUEST)
        v |= EECD_GRANT; /* nobody else wants it */
    return v;
}

E1000_SET(set_eecd)
{
    (void)row;
    c->reg[place] = value & (EECD_CLOCK | EECD_SELECT | EECD_DATA_IN | EECD_FLASH_WRITE | EECD_REQUEST);
    microwire_lines(&c->eeprom, value & EECD_SELECT, value & EECD_CLOCK, value & EECD_DATA_IN);
}

E1000_SET(set_eerd)
{
    unsigned address = value >> EERD_ADDRESS_SHIFT & 0xff;
    uint32_t word = c->eeprom.word[address % MICROWIRE_WORDS];

    (void)row;
    if (value & EERD_START)
        c->reg[place] = EERD_DONE | address << EERD_ADDRESS_SHIFT | word << EERD_DATA_SHIFT;
    else
        c->reg[place] = value & ~(uint32_t)EERD_DONE;
}

/* ---- PHY ---- */

void e1000_phy_changed(struct e1000 *c, bool link_was_up)
{
    if (!phy_waits(&c->phy)) {
        c->phy_due_ns = -1;
        vtimer_cancel(&c->phy_timer);
    } else if (c->phy_due_ns < 0) {
        c->phy_due_ns = vclock_now_ns(c->pci.dev.env->clock) + PHY_NEGOTIATION_NS;
        vtimer_arm(&c->phy_timer, c->phy_due_ns);
    }
    if (phy_link(&c->phy) != link_was_up)
        e1000_raise(c, INT_LSC);
}

void e1000_phy_timer(void *opaque)
{
    struct e1000 *c = opaque;
    bool was = phy_link(&c->phy);

    phy_negotiated(&c->phy);
    if (phy_link(&c->phy))
        e1000_phy_changed(c, was);
}

E1000_SET(set_mdic)
{
    unsigned reg = value >> MDIC_REG_SHIFT & 31;
    bool was = phy_link(&c->phy);

    (void)row;
    value = (value & ~(uint32_t)(MDIC_ERROR | 0x80000000)) | MDIC_READY;
    if ((value >> MDIC_PHY_SHIFT & 31) != PHY_ADDRESS)
        value |= MDIC_ERROR | 0xffff;
    else if ((value & MDIC_OP_MASK) == MDIC_OP_READ)
        value = (value & ~0xffffu) | phy_read(&c->phy, reg);
    else if ((value & MDIC_OP_MASK) == MDIC_OP_WRITE)
        phy_write(&c->phy, reg, (uint16_t)value);
    else
        value |= MDIC_ERROR;
    c->reg[place] = value;
    e1000_phy_changed(c, was);
    if (value & MDIC_INTERRUPT)
        e1000_raise(c, INT_MDAC);
}

/* ---- control and status ---- */

E1000_GET(get_status)
{
    uint32_t control = c->reg[E1000_CTRL], speed = c->phy.speed, v = 0;
    bool full = c->phy.full_duplex;

    (void)place;
    if (control & CTRL_FORCE_SPEED)
        speed = control >> CTRL_SPEED_SHIFT & 3;
    if (control & CTRL_FORCE_DUPLEX)
        full = control & CTRL_FULL_DUPLEX;
    v = speed << STATUS_SPEED_SHIFT | (uint32_t)c->phy.speed << STATUS_ASDV_SHIFT;
    if (full)
        v |= STATUS_FULL_DUPLEX;
    if (phy_link(&c->phy))
        v |= STATUS_LINK_UP;
    return v;
}

/* CTRL.RST (13.4.1): everything of the MAC as after power-on; the PHY and PCI registers stay. */
static void software_reset(struct e1000 *c)
{
    unsigned count;
    const struct e1000_row *rows = e1000_rows(&count);

    for (unsigned n = 0; n < count; n++) {
        for (unsigned i = 0; i < rows[n].words; i++)
            c->reg[rows[n].place + i] = rows[n].reset;
    }
    microwire_lines(&c->eeprom, false, false, false);
    e1000_irq_reset(c);
    e1000_tx_reset(c);
    e1000_rx_reset(c);
    e1000_load_address(c);
}

E1000_SET(set_ctrl)
{
    bool was = phy_link(&c->phy);

    if (value & CTRL_RESET) {
        software_reset(c);
        net_receive_ready(c->port); /* what waits for descriptors is dropped now */
    } else {
        e1000_store(c, row, place, value);
    }
    if (value & CTRL_PHY_RESET) {
        phy_reset(&c->phy);
        e1000_phy_changed(c, was);
    }
}

E1000_SET(set_ctrl_ext)
{
    e1000_store(c, row, place, value & ~(uint32_t)CTRL_EXT_EEPROM_RESET);
    if (value & CTRL_EXT_EEPROM_RESET)
        e1000_load_address(c);
}

/* What receive does not have of the 64 KiB belongs to transmit. */
E1000_SET(set_pba)
{
    uint32_t rx = value & 0x7f;

    (void)row;
    c->reg[place] = rx | (rx < 0x40 ? 0x40 - rx : 0) << 16;
}
