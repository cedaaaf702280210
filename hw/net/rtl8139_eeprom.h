/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 93C46 beside the card's chip: 64 words of 16 bits behind three wires (Microwire). Pins in, pin out; it
 * knows no time: a write is done when it is asked for.
 *
 * States, by rising edges of the clock while selected:
 *
 *   STANDBY --select--> START --1--> OPCODE --2 bits, 6 of address--> READ (dummy 0, then words without end)
 *                                                                     WRITE, WRITE_ALL --16 bits--> DONE
 *                                                                     DONE (erase, erase all, enable, disable)
 *   any --deselect--> STANDBY; it is then that a write or an erase is carried out
 */
#ifndef HW_NET_RTL8139_EEPROM_H
#define HW_NET_RTL8139_EEPROM_H

#include <stdbool.h>
#include <stdint.h>

#define EEPROM_WORDS 64

enum eeprom_state { EEPROM_STANDBY, EEPROM_START, EEPROM_OPCODE, EEPROM_READ, EEPROM_WRITE, EEPROM_WRITE_ALL,
                    EEPROM_DONE };
enum eeprom_pending { EEPROM_NOTHING, EEPROM_ERASE_WORD, EEPROM_ERASE_ALL, EEPROM_STORE_WORD, EEPROM_STORE_ALL };

struct rtl8139_eeprom {
    uint16_t word[EEPROM_WORDS];
    uint8_t state;       /* enum eeprom_state */
    uint8_t pending;     /* enum eeprom_pending: at the end of the selection */
    bool clock, out;     /* the last level of SK, the level of DO */
    bool writable;       /* after "write enable" */
    uint8_t address;     /* 0 .. 63 */
    uint8_t bits;        /* shifted in or out in this state */
    uint16_t shift;
};

/* As bought and programmed by the card's maker: ids, the address, configuration, a checksum. */
void rtl8139_eeprom_program(struct rtl8139_eeprom *e, const uint8_t mac[6]);
/* Power comes back: the words stay. */
void rtl8139_eeprom_power_on(struct rtl8139_eeprom *e);
/* New levels of chip select, clock and data in. */
void rtl8139_eeprom_pins(struct rtl8139_eeprom *e, bool select, bool clock, bool in);
uint8_t rtl8139_eeprom_byte(const struct rtl8139_eeprom *e, unsigned offset);

#endif
