/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A serial EEPROM of 64 words of 16 bits with a Microwire interface, as beside many Ethernet controllers
 * (93C46; National Semiconductor NM93C46 data sheet, "Functional description"). The chip sees three lines and
 * drives one; who turns them is the controller's register.
 *
 *   STANDBY --start bit--> COMMAND --READ--> READING --deselect--> STANDBY
 *                                  --WRITE, WRAL--> DATA --16 bits--> DONE
 *                                  --ERASE, ERAL, EWEN, EWDS--> DONE
 *
 * Programming takes effect at once: DONE answers "ready" as soon as it is asked.
 */
#ifndef HW_NET_MICROWIRE_H
#define HW_NET_MICROWIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/device.h"

#define MICROWIRE_WORDS 64

enum microwire_state { MICROWIRE_STANDBY, MICROWIRE_COMMAND, MICROWIRE_READING, MICROWIRE_DATA, MICROWIRE_DONE };
extern const char *const microwire_states[5];

struct microwire {
    uint16_t word[MICROWIRE_WORDS]; /* contents: kept by a reset */
    uint8_t state;                  /* enum microwire_state */
    uint8_t bits;                   /* shifted in or out in this state */
    uint16_t shift;
    uint8_t command;                /* opcode and address, 8 bits */
    bool write_enabled, selected, clock, out;
};

#define MICROWIRE_FIELDS(s, m)                                                                     \
    {.name = "eeprom", .type = FIELD_U16, .offset = offsetof(s, m.word), .count = MICROWIRE_WORDS, .keep = true}, \
        DEV_FIELD_ENUM(s, U8, m.state, MICROWIRE_STANDBY, microwire_states),                       \
        DEV_FIELD(s, U8, m.bits, 0, 16), DEV_FIELD(s, U16, m.shift, 0, 0),                         \
        DEV_FIELD(s, U8, m.command, 0, 0), DEV_FIELD(s, BOOL, m.write_enabled, 0, 1),              \
        DEV_FIELD(s, BOOL, m.selected, 0, 1), DEV_FIELD(s, BOOL, m.clock, 0, 1),                   \
        DEV_FIELD(s, BOOL, m.out, 1, 1)

/* The lines as the controller drives them now. The output is in m->out: high when not driven. */
void microwire_lines(struct microwire *m, bool selected, bool clock, bool in);

#endif
