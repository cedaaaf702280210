/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a blkdebug configuration: its rules at work, or refused in one line. */
#include <stdlib.h>
#include <string.h>

#include "block/blkdebug_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    struct blkdebug_rules *rules = blkdebug_rules_new();

    if (blkdebug_rules_read(rules, text, "fuzz", &error)) {
        for (unsigned event = 0; event < 3 * BLKDEBUG_EVENTS; event++) {
            blkdebug_rules_event(rules, event % BLKDEBUG_EVENTS);
            blkdebug_rules_check(rules, event % BLKDEBUG_IOS, event * 512ull, 4096);
        }
    } else if (!error || strchr(error->message, '\n')) {
        abort();
    }
    blkdebug_rules_free(rules);
    return 0;
}
