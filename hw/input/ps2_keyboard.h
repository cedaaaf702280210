/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyboard on the PS/2 cable: scan code sets, commands, key presses. It knows bytes to and from
 * its controller, nothing of ports, interrupts or translation.
 * IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard (101- and 102-key)".
 *
 * A byte from the host is a command, or a parameter where the last command asked for one:
 *
 *   IDLE --ED--> LEDS --00..07--> IDLE                 (likewise F0 -> SCAN_SET, F3 -> RATE)
 *   IDLE --FB/FC/FD--> a LIST --set-3 code--> the same --any command--> what the command says
 *   a command byte (ED .. FF) in place of a parameter ends the waiting; any other byte that fits
 *   nowhere is answered with FE (resend) and changes nothing.
 *
 * Replies have a queue of their own and go before scan codes, but never between the bytes of one
 * key. A command ends the reply to the one before it, as it does on the cable.
 *
 * Keys that find the scan code queue full are lost as in hardware, with an overrun code in the
 * queue, and counted; but a lost release is made good when the guest has caught up, so that no key
 * stays down for ever.
 *
 * A held key does not repeat by itself: who calls ps2_keyboard_key() repeats. Viewers have the repetitions of a real
 * keyboard to pass on, and one that a busy host made too late, while the release was on its way, would be a
 * character that nobody typed. Rate and delay are kept for whoever looks.
 */
#ifndef HW_INPUT_PS2_KEYBOARD_H
#define HW_INPUT_PS2_KEYBOARD_H

#include "hw/device.h"
#include "hw/input/ps2_keys.h"
#include "hw/input/ps2_queue.h"

/*
 * Drivers empty the controller with at most 16 reads before they give it up (Linux's i8042), so
 * what waits here plus the byte in the controller must not be more.
 */
#define PS2_KEYBOARD_SCAN_BYTES 15

enum ps2_keyboard_state {
    KBD_IDLE,
    KBD_LEDS,
    KBD_SCAN_SET,
    KBD_RATE,
    KBD_LIST_TYPEMATIC,
    KBD_LIST_MAKE_BREAK,
    KBD_LIST_MAKE,
    KBD_STATES
};
extern const char *const ps2_keyboard_state_names[KBD_STATES];

struct ps2_keyboard {
    struct ps2_queue scan;  /* scan codes, at most PS2_KEYBOARD_SCAN_BYTES */
    struct ps2_queue reply; /* to the last command */
    uint8_t state;          /* enum ps2_keyboard_state */
    uint8_t set;            /* scan code set: 1, 2 or 3 */
    bool scanning;
    uint8_t leds; /* bit 0 scroll, 1 num, 2 caps lock */
    uint8_t rate; /* as written with F3 */
    uint8_t last_sent;
    bool mid_code; /* the last byte sent was a prefix: more of this key follows */
    bool overrun;  /* an overrun code is in the queue */
    bool releases_due;
    uint8_t key_type[PS2_KEYS];      /* enum ps2_key_type, by set-3 code */
    uint8_t down[PS2_KEYS / 8];      /* keys that are held, a bit each */
    uint8_t told[PS2_KEYS / 8];      /* keys that the guest was told are down */
    uint64_t dropped;                /* presses and releases that found the queue full */
};

/* The fields, for the table of the device `s` that has the keyboard as member `kbd`. */
#define PS2_KEYBOARD_FIELDS(s, kbd)                                                                \
    PS2_QUEUE_FIELDS(s, kbd.scan),                                                                 \
    PS2_QUEUE_FIELDS(s, kbd.reply),                                                                \
    DEV_FIELD_ENUM(s, U8, kbd.state, KBD_IDLE, ps2_keyboard_state_names),                         \
    {.name = #kbd ".set", .type = FIELD_U8, .offset = offsetof(s, kbd.set), .count = 1,            \
     .reset = 2, .min = 1, .max = 3},                                                              \
    DEV_FIELD(s, BOOL, kbd.scanning, 1, 1),                                                        \
    DEV_FIELD(s, U8, kbd.leds, 0, 7),                                                              \
    DEV_FIELD(s, U8, kbd.rate, PS2_KEYBOARD_RATE_DEFAULT, 0x7f),                                   \
    DEV_FIELD(s, U8, kbd.last_sent, 0, 0),                                                         \
    DEV_FIELD(s, BOOL, kbd.mid_code, 0, 1),                                                        \
    DEV_FIELD(s, BOOL, kbd.overrun, 0, 1),                                                         \
    DEV_FIELD(s, BOOL, kbd.releases_due, 0, 1),                                                    \
    DEV_FIELD_ARRAY(s, U8, kbd.key_type, 0, PS2_KEY_TYPEMATIC_BREAK),                              \
    DEV_FIELD_BYTES(s, kbd.down),                                                                  \
    DEV_FIELD_BYTES(s, kbd.told),                                                                  \
    DEV_FIELD(s, U64, kbd.dropped, 0, 0)

#define PS2_KEYBOARD_RATE_DEFAULT 0x2b /* 10.9 characters a second after half a second */

/* After the fields have their reset values: what they cannot say (types of the keys). */
void ps2_keyboard_power_on(struct ps2_keyboard *kbd);

/* A byte from the host. NULL, or what was wrong with it (it has been answered with FE then). */
const char *ps2_keyboard_write(struct ps2_keyboard *kbd, uint8_t byte);

/* The next byte to the host, as on the cable; false if there is none. */
bool ps2_keyboard_send(struct ps2_keyboard *kbd, uint8_t *byte);

/* A key goes down (again: repeats) or up. Named as in ps2_keys.h; others are ignored. */
void ps2_keyboard_key(struct ps2_keyboard *kbd, unsigned key, bool down);

/* Whether the host has taken everything. */
bool ps2_keyboard_empty(const struct ps2_keyboard *kbd);

/* Whether a key would be sent: scanning is on, and the host is not in the middle of a command. */
bool ps2_keyboard_listens(const struct ps2_keyboard *kbd);

#endif
