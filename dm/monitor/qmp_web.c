/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: query-web, our own. */
#include "dm/json.h"
#include "dm/monitor/qmp.h"
#include "dm/web_display.h"

static JsonNode *query_web(struct vm *vm, JsonObject *args, GError **error)
{
    const char *url = web_display_url();
    JsonObject *o = json_object_new();

    (void)vm, (void)args, (void)error;
    json_object_set_boolean_member(o, "enabled", url != NULL);
    if (url) {
        json_object_set_string_member(o, "url", url);
        json_object_set_int_member(o, "pages", web_display_pages());
    }
    return json_node_of_object(o);
}

static const struct qmp_command rows[] = {{"query-web", query_web, NULL, false, false}};

const struct qmp_table qmp_web_table = {rows, G_N_ELEMENTS(rows)};
