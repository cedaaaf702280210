/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys of a PC keyboard and the codes they send in scan code sets 1, 2 and 3.
 * IBM Personal System/2 Hardware Interface Technical Reference, "Keyboards", scan code tables;
 * Microsoft "Keyboard Scan Code Specification" 1.3a for the Windows, application and media keys, and its
 * "USB HID to PS/2 Scan Code Translation Table" for F13 to F24 (which have no code in set 3).
 */
#ifndef HW_INPUT_PS2_KEYS_H
#define HW_INPUT_PS2_KEYS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A key is named by its set-1 ("XT") make code; 0x80 is added for the keys that send e0 first. So
 * do QMP's send-key numbers: Delete is 0xd3. Print Screen is 0xb7 and Pause 0xc6.
 */
#define PS2_KEYS 256
#define PS2_KEY_E0 0x80
#define PS2_KEY_CTRL_LEFT 0x1d
#define PS2_KEY_CTRL_RIGHT 0x9d
#define PS2_KEY_SHIFT_LEFT 0x2a
#define PS2_KEY_SHIFT_RIGHT 0x36
#define PS2_KEY_ALT_LEFT 0x38
#define PS2_KEY_ALT_RIGHT 0xb8
#define PS2_KEY_SYSRQ 0x54
#define PS2_KEY_PRINT 0xb7
#define PS2_KEY_PAUSE 0xc6

/* What a key does in set 3, where it can be chosen. */
enum ps2_key_type {
    PS2_KEY_TYPEMATIC,      /* repeats, no break code */
    PS2_KEY_MAKE_BREAK,     /* does not repeat, break code */
    PS2_KEY_MAKE_ONLY,      /* does not repeat, no break code */
    PS2_KEY_TYPEMATIC_BREAK /* repeats, break code */
};

struct ps2_key {
    uint8_t key;  /* the name above */
    uint8_t set2; /* make code, without the e0 that the name asks for */
    uint8_t set3; /* make code; 0: the key sends nothing in set 3 */
    uint8_t type; /* enum ps2_key_type that set 3 starts with */
    const char *name;
};

/* The row of a key, or NULL: no such key. */
const struct ps2_key *ps2_key_find(unsigned key);

/* The n-th row, or NULL past the end; for walking the table. */
const struct ps2_key *ps2_key_at(unsigned n);

#endif
