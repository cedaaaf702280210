/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/actions.h"

#include <glib.h>
#include <string.h>

const struct actions actions_default = {{
    [ACTION_REBOOT] = ACTION_RESET,
    [ACTION_SHUTDOWN] = ACTION_POWEROFF,
    [ACTION_PANIC] = ACTION_END,
    [ACTION_WATCHDOG] = ACTION_RESET,
    [ACTION_HALT] = ACTION_NONE,
}};

const char *action_event_name(enum action_event event)
{
    static const char *const names[] = {"reboot", "shutdown", "panic", "watchdog", "halt"};

    return names[event];
}

const char *action_word(enum action action)
{
    static const char *const words[] = {"none", "reset", "poweroff", "pause", "shutdown", "exit-failure", "inject-nmi",
                                        "debug"};

    return words[action];
}

void actions_set(struct actions *actions, const char *event, const char *word)
{
    for (unsigned e = 0; word && e < ACTION_EVENTS; e++) {
        if (strcmp(action_event_name((enum action_event)e), event))
            continue;
        for (unsigned a = 0; a <= ACTION_DEBUG; a++) {
            if (!strcmp(action_word((enum action)a), word))
                actions->of[e] = (enum action)a;
        }
    }
}
