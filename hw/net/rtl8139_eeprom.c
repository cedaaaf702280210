/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/rtl8139_eeprom.h"

#include <string.h>

#include "hw/net/rtl8139_int.h"

#define OPCODE_BITS  2
#define ADDRESS_BITS 6
#define WORD_BITS    16

enum { OP_EXTENDED, OP_WRITE, OP_READ, OP_ERASE };
enum { EXT_DISABLE, EXT_WRITE_ALL, EXT_ERASE_ALL, EXT_ENABLE }; /* the address's upper two bits */

/* Offsets in bytes; DS "EEPROM (93C46) contents". */
enum { EE_CHECKSUM_WORD = 0x19 };

static uint16_t checksum(const struct rtl8139_eeprom *e)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < EE_CHECKSUM_WORD; i++)
        sum += e->word[i];
    return (uint16_t)-sum; /* so that the words up to it add up to 0 */
}

void rtl8139_eeprom_program(struct rtl8139_eeprom *e, const uint8_t mac[6])
{
    memset(e, 0, sizeof(*e));
    e->word[0x00] = 0x8129; /* without it the chip takes nothing from here */
    e->word[0x01] = RTL_VENDOR;
    e->word[0x02] = RTL_DEVICE;
    e->word[0x03] = RTL_SUBSYSTEM_VENDOR;
    e->word[0x04] = RTL_SUBSYSTEM;
    e->word[0x05] = RTL_MIN_GRANT | RTL_MAX_LATENCY << 8;
    e->word[0x06] = 0xd0 | CONFIG3_RESET << 8; /* MSR and BMCR: flow control, auto-negotiation; CONFIG3 */
    for (unsigned i = 0; i < 3; i++)
        e->word[0x07 + i] = (uint16_t)(mac[2 * i] | mac[2 * i + 1] << 8);
    e->word[0x0a] = CONFIG0_RESET | CONFIG1_RESET << 8;
    e->word[0x0b] = RTL_PMC;
    e->word[0x0c] = CONFIG4_RESET << 8;
    e->word[0x0d] = PHY1_PARM_RESET & 0xffff;
    e->word[0x0e] = PHY1_PARM_RESET >> 16;
    e->word[0x0f] = PHY2_PARM_RESET | CONFIG5_RESET << 8;
    e->word[0x10] = TW_PARM_RESET & 0xffff;
    e->word[0x11] = TW_PARM_RESET >> 16;
    e->word[EE_CHECKSUM_WORD] = checksum(e);
    e->out = true;
}

void rtl8139_eeprom_power_on(struct rtl8139_eeprom *e)
{
    e->state = EEPROM_STANDBY;
    e->pending = EEPROM_NOTHING;
    e->clock = e->writable = false;
    e->out = true;
    e->address = e->bits = 0;
    e->shift = 0;
}

static void enter(struct rtl8139_eeprom *e, enum eeprom_state state)
{
    e->state = (uint8_t)state;
    e->bits = 0;
    e->shift = 0;
}

static void extended(struct rtl8139_eeprom *e)
{
    switch (e->address >> (ADDRESS_BITS - 2)) {
    case EXT_WRITE_ALL: enter(e, EEPROM_WRITE_ALL); return;
    case EXT_ERASE_ALL: e->pending = EEPROM_ERASE_ALL; break;
    case EXT_ENABLE: e->writable = true; break;
    default: e->writable = false; break;
    }
    enter(e, EEPROM_DONE);
}

static void start_command(struct rtl8139_eeprom *e)
{
    unsigned opcode = e->shift >> ADDRESS_BITS;

    e->address = (uint8_t)(e->shift & (EEPROM_WORDS - 1));
    switch (opcode) {
    case OP_EXTENDED: extended(e); return;
    case OP_WRITE: enter(e, EEPROM_WRITE); return;
    case OP_READ:
        enter(e, EEPROM_READ);
        e->shift = e->word[e->address];
        e->out = false; /* the dummy bit */
        return;
    default:
        e->pending = EEPROM_ERASE_WORD;
        enter(e, EEPROM_DONE);
        return;
    }
}

static void shift_out(struct rtl8139_eeprom *e)
{
    e->out = e->shift >> (WORD_BITS - 1) & 1;
    e->shift = (uint16_t)(e->shift << 1);
    if (++e->bits < WORD_BITS)
        return;
    e->bits = 0;
    e->address = (e->address + 1) & (EEPROM_WORDS - 1);
    e->shift = e->word[e->address];
}

static void shift_in(struct rtl8139_eeprom *e, bool in)
{
    unsigned want = e->state == EEPROM_OPCODE ? OPCODE_BITS + ADDRESS_BITS : WORD_BITS;

    e->shift = (uint16_t)(e->shift << 1 | in);
    if (++e->bits < want)
        return;
    if (e->state == EEPROM_OPCODE) {
        start_command(e);
        return;
    }
    e->pending = e->state == EEPROM_WRITE ? EEPROM_STORE_WORD : EEPROM_STORE_ALL;
    e->state = EEPROM_DONE; /* the word stays in `shift` */
    e->bits = 0;
}

static void rising_edge(struct rtl8139_eeprom *e, bool in)
{
    switch (e->state) {
    case EEPROM_START:
        if (in)
            enter(e, EEPROM_OPCODE);
        break;
    case EEPROM_OPCODE:
    case EEPROM_WRITE:
    case EEPROM_WRITE_ALL: shift_in(e, in); break;
    case EEPROM_READ: shift_out(e); break;
    default: break;
    }
}

/* DO tells afterwards that it is ready (1); it always is. */
static void carry_out(struct rtl8139_eeprom *e)
{
    bool all = e->pending == EEPROM_ERASE_ALL || e->pending == EEPROM_STORE_ALL;
    bool erase = e->pending == EEPROM_ERASE_ALL || e->pending == EEPROM_ERASE_WORD;

    for (unsigned i = 0; e->writable && e->pending && i < EEPROM_WORDS; i++) {
        if (all || i == e->address)
            e->word[i] = erase ? 0xffff : e->shift;
    }
    e->pending = EEPROM_NOTHING;
    e->out = true;
}

void rtl8139_eeprom_pins(struct rtl8139_eeprom *e, bool select, bool clock, bool in)
{
    bool rises = clock && !e->clock;

    e->clock = clock;
    if (!select) {
        if (e->state != EEPROM_STANDBY)
            carry_out(e);
        enter(e, EEPROM_STANDBY);
        return;
    }
    if (e->state == EEPROM_STANDBY)
        enter(e, EEPROM_START);
    if (rises)
        rising_edge(e, in);
}

uint8_t rtl8139_eeprom_byte(const struct rtl8139_eeprom *e, unsigned offset)
{
    return (uint8_t)(e->word[offset / 2 % EEPROM_WORDS] >> offset % 2 * 8);
}
