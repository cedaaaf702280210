/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what a terminal sends when a key is pressed to the key on a US keyboard: ASCII, control
 * characters, and the escape sequences of xterm and the Linux console. Ctrl-A is our own prefix:
 * Ctrl-A x quits, Ctrl-A a (or Ctrl-A Ctrl-A) types a Ctrl-A, Ctrl-A d Ctrl-Alt-Delete, Ctrl-A 1 to 0
 * Ctrl-Alt-F1 to F10; Ctrl-A h (or ?) asks for help, Ctrl-A l to paint anew.
 */
#ifndef UI_KEYS_H
#define UI_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum { KEYS_SHIFT = 1, KEYS_ALT = 2, KEYS_CTRL = 4 };

/* Set-1 scan codes, with bit 7 for keys that have the prefix 0xe0 (as QMP's "number" form). */
#define XT_CTRL  0x1d
#define XT_SHIFT 0x2a
#define XT_ALT   0x38

struct key_stroke {
    uint8_t code;
    uint8_t modifiers; /* KEYS_* to be held around it */
};

enum key_state { KEY_GROUND, KEY_ESCAPE, KEY_CSI, KEY_SS3, KEY_CONSOLE, KEY_PREFIX };

struct key_parser { /* all zero at first */
    enum key_state state;
    unsigned params[2], count;
};

enum key_result { KEYS_NOTHING, KEYS_STROKE, KEYS_QUIT, KEYS_HELP, KEYS_REDRAW };

/* One byte from the terminal; *stroke is set for KEYS_STROKE. */
enum key_result keys_feed(struct key_parser *p, uint8_t byte, struct key_stroke *stroke);

/* The terminal fell silent: an escape that began no sequence was the Esc key. */
enum key_result keys_idle(struct key_parser *p, struct key_stroke *stroke);

#endif
