/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's terminal as the guest's console: -display text, and the "vc" character back end that
 * shows a serial port beside the screen (in the web console, too).
 */
#ifndef DM_CONSOLE_H
#define DM_CONSOLE_H

#include <glib.h>
#include <stdbool.h>

#include "dm/config/config.h"

struct chardev;
struct console;
struct vm;

/* Decides what the terminal shows; before the back ends are opened (it provides "vc"). */
struct console *console_new(const struct vm_config *config);
/* Starts showing; false with error. Nothing if the configuration wants no display. */
bool console_show(struct console *console, struct vm *vm, GError **error);
struct chardev *console_vc(struct console *console, unsigned i); /* the i-th that was opened; NULL: no more */
void console_hide(struct console *console); /* the terminal is as it was; the last screen stays on it */
void console_free(struct console *console);

#endif
