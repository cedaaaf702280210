/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words for the shell's completion. */
#include <string.h>

#include "ctl/ctl.h"

/* What a query's answer calls its entries. */
static const struct {
    const char *what, *query, *member;
} lists[] = {
    {"device", "query-devices", "id"}, {"job", "query-jobs", "id"},
    {"event", "query-events", "name"}, {"qmp", "query-commands", "name"},
};

static const struct {
    const char *what, *words;
} fixed[] = {
    {"job-action", "pause resume cancel complete finalize dismiss"},
    {"key", "ret esc tab spc backspace up down left right home end pgup pgdn insert delete f1 f2 f3 f4 f5 "
            "f6 f7 f8 f9 f10 f11 f12 ctrl-alt-delete ctrl-c ctrl-d"},
};

static void print_disks(struct ctl *ctl)
{
    g_autoptr(JsonNode) disks = ctl_ask(ctl, "query-block", NULL, NULL);
    JsonArray *list = json_list(disks);

    for (guint i = 0; i < json_count(list); i++)
        puts(disk_name(json_item(list, i)));
}

void complete_words(struct ctl *ctl, const char *what)
{
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        if (!strcmp(fixed[i].what, what))
            puts(fixed[i].words);
    }
    if (ctl->client && !strcmp(what, "disk"))
        print_disks(ctl);
    for (size_t i = 0; ctl->client && i < G_N_ELEMENTS(lists); i++) {
        g_autoptr(JsonNode) answer = NULL;

        if (strcmp(lists[i].what, what))
            continue;
        answer = ctl_ask(ctl, lists[i].query, NULL, NULL);
        for (guint k = 0; k < json_count(json_list(answer)); k++) {
            const char *name = json_str(json_item(json_list(answer), k), lists[i].member);

            if (name)
                puts(name);
        }
    }
}
