/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyboard controller at ports 0x60 (data) and 0x64 (status, commands), with the keyboard and
 * the mouse on its cables.
 * Intel UPI-41/42 with IBM's firmware: IBM Personal System/2 Hardware Interface Technical
 * Reference, "Keyboard and Auxiliary Device Controller".
 *
 * A byte written to 0x60 goes to the keyboard, or where the last command said (one state each):
 *
 *   IDLE --60..7f--> WRITE_RAM      --byte--> IDLE   command byte, or controller memory
 *   IDLE --D1-----> WRITE_OUTPORT   --byte--> IDLE   A20 gate, processor reset
 *   IDLE --D2/D3--> WRITE_KBD/AUX_OUT --byte--> IDLE   comes back as if the device had sent it
 *   IDLE --D4-----> WRITE_AUX       --byte--> IDLE   goes to the mouse
 *   any command in place of the byte ends the waiting.
 *
 * The output buffer holds one byte. It is filled when it is empty and an enabled device has a byte:
 * replies of the controller first, then the keyboard, then the mouse. Reading 0x60 empties it, the
 * interrupt pin goes low, and the next byte raises it again: an edge for each byte, as the
 * edge-triggered interrupt controller of a PC needs.
 */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/device.h"

struct i8042_config {
    struct irq_pin kbd_irq;   /* ISA 1 */
    struct irq_pin mouse_irq; /* ISA 12 */
};

/* New, reset, with its two ports claimed. NULL: a port is taken, why[] says by whom. */
struct device *i8042_new(const struct dev_env *env, const char *id, const struct i8042_config *cfg,
                         char *why, size_t why_size);

/* ---- what is done at the keyboard and the mouse; lock held ---- */

/*
 * A key goes down or up. `keycode` is the number of QMP's send-key: the set-1 make code, plus 0x80
 * for keys with an e0 prefix (ps2_keys.h). A key that does not exist is ignored.
 */
void i8042_key(struct device *dev, unsigned keycode, bool down);
bool i8042_has_key(unsigned keycode);

/*
 * Movement since the last call (right, down on the screen, wheel towards the user) and the buttons
 * held: bit 0 left, 1 right, 2 middle, 3 and 4 the side ones.
 */
void i8042_mouse(struct device *dev, int dx, int dy, int dz, unsigned buttons);

/* The mouse sends a packet that says nothing: what was done is to be read from the vmmouse. */
void i8042_mouse_wake(struct device *dev);

/*
 * True when the guest has read every byte of the keyboard, has it switched on and is not in the middle
 * of a command to it: what is typed now will not be lost.
 */
bool i8042_kbd_ready(struct device *dev);

/* The keyboard's lamps: bit 0 scroll, 1 num, 2 caps lock. */
unsigned i8042_leds(struct device *dev);

#endif
