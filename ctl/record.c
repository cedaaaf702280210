/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording the screen, and where the web console is. */
#include <stdio.h>

#include "ctl/ctl.h"

static void print_recording(JsonObject *o)
{
    double seconds = json_object_get_double_member_with_default(o, "seconds", 0);

    out_text(stdout, json_str(o, "filename") ? json_str(o, "filename") : "?");
    printf(": %lld bytes, %lld events in %.1f s\n", (long long)json_num(o, "bytes"),
           (long long)json_num(o, "events"), seconds);
}

static bool record_start(struct ctl *ctl, GError **error)
{
    g_autofree char *file = g_canonicalize_filename(ctl_operand(ctl, 0), NULL);
    JsonObject *args = ctl_args("filename", file, NULL);
    gint64 max_bytes = -1;

    if (!ctl_size(ctl, "max", &max_bytes, error)) {
        json_object_unref(args);
        return false;
    }
    if (max_bytes >= 0)
        json_object_set_int_member(args, "max-bytes", max_bytes);
    return ctl_do(ctl, "screen-record-start", args, error);
}

/* Ends it, or says how far it is. */
bool cmd_record(struct ctl *ctl, GError **error)
{
    bool stop = ctl_option(ctl, "stop");
    g_autoptr(JsonNode) answer = NULL;
    JsonObject *o;

    if (ctl_operand(ctl, 0) && stop)
        return ctl_fail(error, CTL_USAGE, "record FILE begins, record --stop ends: one of them");
    if (ctl_operand(ctl, 0))
        return record_start(ctl, error);
    answer = ctl_ask(ctl, stop ? "screen-record-stop" : "query-screen-record", NULL, error);
    if (!answer)
        return false;
    o = JSON_NODE_HOLDS_OBJECT(answer) ? json_node_get_object(answer) : NULL;
    if (ctl->json)
        out_json(answer);
    else if (o && (stop || json_flag(o, "recording")))
        print_recording(o);
    else
        puts("nothing is being recorded");
    return true;
}

bool cmd_web(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonNode) answer = ctl_ask(ctl, "query-web", NULL, error);
    JsonObject *o = answer && JSON_NODE_HOLDS_OBJECT(answer) ? json_node_get_object(answer) : NULL;
    const char *url = o ? json_str(o, "url") : NULL;

    if (!answer)
        return false;
    if (ctl->json)
        out_json(answer);
    if (!url)
        return ctl_fail(error, CTL_REFUSED, "the VM has no web console (-display web)");
    if (!ctl->json) {
        out_text(stdout, url);
        putchar('\n');
    }
    return true;
}
