/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done when the guest resets, powers off, panics, lets its watchdog run out, or halts for ever. */
#ifndef DM_ACTIONS_H
#define DM_ACTIONS_H

#include <stdbool.h>

enum action_event { ACTION_REBOOT, ACTION_SHUTDOWN, ACTION_PANIC, ACTION_WATCHDOG, ACTION_HALT, ACTION_EVENTS };

enum action {
    ACTION_NONE,         /* go on */
    ACTION_RESET,
    ACTION_POWEROFF,     /* the end of the process */
    ACTION_PAUSE,
    ACTION_END,          /* "shutdown": of a reset, a panic or a halt the end; of a watchdog the ACPI button */
    ACTION_EXIT_FAILURE, /* the end, and certainly with a code other than 0 */
    ACTION_INJECT_NMI,
    ACTION_DEBUG,        /* a line on stderr */
};

struct actions {
    enum action of[ACTION_EVENTS];
};

/* The words that an event takes, "reset|shutdown", for tables of options and commands. */
#define ACTION_REBOOT_WORDS "reset|shutdown"
#define ACTION_SHUTDOWN_WORDS "poweroff|pause"
#define ACTION_PANIC_WORDS "pause|shutdown|exit-failure|none"
#define ACTION_WATCHDOG_WORDS "reset|shutdown|poweroff|pause|inject-nmi|debug|none"
#define ACTION_HALT_WORDS "none|pause|shutdown"

extern const struct actions actions_default;
const char *action_event_name(enum action_event event); /* "reboot" ... */
const char *action_word(enum action action);            /* "reset" ... */
/* By an event's name and one of its words, both checked already; NULL word: nothing. */
void actions_set(struct actions *actions, const char *event, const char *word);

#endif
