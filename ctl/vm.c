/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subcommands: the VM as a whole, its events, and raw QMP. */
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "dm/json.h"

#define MAX_INPUT_BYTES (1024u * 1024)

/* ---- status ---- */

/* One answer that a VM of another make may lack; NULL then. */
static JsonNode *ask_if_known(struct ctl *ctl, const char *command)
{
    return ctl_ask(ctl, command, NULL, NULL);
}

static JsonObject *object_of(JsonNode *node)
{
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static void add_string(JsonObject *to, const char *name, const char *value)
{
    if (value)
        json_object_set_string_member(to, name, value);
}

static JsonObject *collect_status(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonNode) status = ctl_ask(ctl, "query-status", NULL, error);
    g_autoptr(JsonNode) name = NULL, uuid = NULL, kvm = NULL, cpus = NULL;
    JsonObject *o;

    if (!object_of(status))
        return NULL;
    name = ask_if_known(ctl, "query-name");
    uuid = ask_if_known(ctl, "query-uuid");
    kvm = ask_if_known(ctl, "query-kvm");
    cpus = ask_if_known(ctl, "query-cpus-fast");
    o = json_object_new();
    add_string(o, "status", json_str(object_of(status), "status"));
    json_object_set_boolean_member(o, "running", json_flag(object_of(status), "running"));
    add_string(o, "name", json_str(object_of(name), "name"));
    add_string(o, "uuid", json_str(object_of(uuid), "UUID"));
    json_object_set_boolean_member(o, "kvm", json_flag(object_of(kvm), "enabled"));
    json_object_set_int_member(o, "cpus", (gint64)json_count(cpus ? json_list(cpus) : NULL));
    add_string(o, "version", json_str(client_version(ctl->client), "package"));
    return o;
}

static void print_line(const char *name, const char *value)
{
    printf("%-9s ", name);
    out_text(stdout, value);
    putchar('\n');
}

bool cmd_status(struct ctl *ctl, GError **error)
{
    JsonObject *o = collect_status(ctl, error);
    g_autoptr(JsonNode) node = o ? json_node_of_object(o) : NULL;
    static const char *const strings[] = {"status", "name", "uuid", "version"};

    if (!node)
        return error && *error ? false : ctl_fail(error, CTL_REFUSED, "query-status: no object");
    if (ctl->json) {
        out_json(node);
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
        if (json_str(o, strings[i]))
            print_line(strings[i], json_str(o, strings[i]));
    }
    printf("%-9s %lld, %s\n", "cpus", (long long)json_num(o, "cpus"),
           json_flag(o, "kvm") ? "on KVM" : "without KVM");
    return true;
}

/* ---- control ---- */

bool cmd_pause(struct ctl *ctl, GError **error)
{
    return ctl_do(ctl, "stop", NULL, error);
}

bool cmd_resume(struct ctl *ctl, GError **error)
{
    return ctl_do(ctl, "cont", NULL, error);
}

bool cmd_reset(struct ctl *ctl, GError **error)
{
    return ctl_do(ctl, "system_reset", NULL, error);
}

/* Until the event SHUTDOWN, or the end of the process. */
static bool wait_off(struct ctl *ctl, double limit_s, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)(limit_s * 1e6);

    for (;;) {
        double left = (double)(deadline - g_get_monotonic_time()) / 1e6;
        GError *why = NULL;
        g_autoptr(JsonObject) event = client_event(ctl->client, MAX(left, 0), &why);

        if (event && !g_strcmp0(json_str(event, "event"), "SHUTDOWN"))
            return true;
        if (why && why->code == CTL_NO_VM) {
            g_error_free(why);
            return true;
        }
        if (why) {
            g_error_free(why);
            return ctl_fail(error, CTL_TIMEOUT, "the guest is not off after %g s", limit_s);
        }
    }
}

bool cmd_powerdown(struct ctl *ctl, GError **error)
{
    double limit_s = 120;

    if (!ctl_seconds(ctl, "timeout", &limit_s, error) ||
        !ctl_do(ctl, "system_powerdown", NULL, error))
        return false;
    return !ctl_option(ctl, "wait") || wait_off(ctl, limit_s, error);
}

bool cmd_quit(struct ctl *ctl, GError **error)
{
    GError *why = NULL;
    JsonObject *event;

    if (!ctl_do(ctl, "quit", NULL, error))
        return false;
    /* The process is gone when the connection is: whoever comes next may have its files and socket. */
    while ((event = client_event(ctl->client, ctl->limit_s, &why)))
        json_object_unref(event);
    if (why->code != CTL_TIMEOUT) {
        g_error_free(why);
        return true;
    }
    g_propagate_error(error, why);
    return false;
}

/* ---- events ---- */

static void print_event(struct ctl *ctl, JsonObject *event)
{
    JsonObject *stamp = json_obj(event, "timestamp");
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_local(json_num(stamp, "seconds"));
    g_autofree char *time = when ? g_date_time_format(when, "%H:%M:%S") : g_strdup("?");
    JsonNode *data = json_object_get_member(event, "data");
    g_autofree char *text = data ? json_write(data, false) : g_strdup("");

    if (ctl->json) {
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
        g_autofree char *line = NULL;

        json_node_set_object(node, event);
        line = json_write(node, false); /* a line each, on a terminal, too */
        puts(line);
    } else {
        printf("%s.%03d ", time, (int)(json_num(stamp, "microseconds") / 1000));
        out_text(stdout, json_str(event, "event"));
        fputs(*text ? " " : "", stdout);
        out_text(stdout, text);
        putchar('\n');
    }
    fflush(stdout);
}

static bool is_wanted(const struct ctl *ctl, JsonObject *event)
{
    bool wanted = !ctl->operands->len;

    for (guint i = 0; i < ctl->operands->len; i++)
        wanted = wanted || !g_strcmp0(json_str(event, "event"), ctl_operand(ctl, i));
    return wanted;
}

bool cmd_events(struct ctl *ctl, GError **error)
{
    double limit_s = -1, count = 0, seen = 0;
    gint64 start = g_get_monotonic_time();

    if (!ctl_seconds(ctl, "timeout", &limit_s, error) || !ctl_seconds(ctl, "count", &count, error))
        return false;
    while (!count || seen < count) {
        double left = limit_s - (double)(g_get_monotonic_time() - start) / 1e6;
        GError *why = NULL;
        g_autoptr(JsonObject) event = client_event(ctl->client, limit_s < 0 ? 1000 : MAX(left, 0), &why);

        if (event && is_wanted(ctl, event)) {
            print_event(ctl, event);
            seen++;
        }
        if (!why || (why->code == CTL_TIMEOUT && limit_s < 0)) {
            g_clear_error(&why);
            continue;
        }
        if (why->code == CTL_TIMEOUT && seen && !count) {
            g_error_free(why);
            return true;
        }
        if (why->code == CTL_TIMEOUT) {
            g_error_free(why);
            return ctl_fail(error, CTL_TIMEOUT, "%.0f events in %g s", seen, limit_s);
        }
        g_propagate_error(error, why);
        return false;
    }
    return true;
}

/* ---- qmp ---- */

static bool add_argument(JsonObject *args, const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    bool typed = equals && equals > text && equals[-1] == ':';
    g_autofree char *name = equals ? g_strndup(text, (gsize)(equals - text - typed)) : NULL;
    JsonNode *value;

    if (!name || !*name)
        return ctl_fail(error, CTL_USAGE, "'%s' is neither NAME=VALUE nor NAME:=JSON", text);
    if (!typed) {
        json_object_set_string_member(args, name, equals + 1);
        return true;
    }
    value = json_read(equals + 1, strlen(equals + 1), NULL);
    if (!value)
        return ctl_fail(error, CTL_USAGE, "%s: '%s' is not JSON", name, equals + 1);
    json_object_set_member(args, name, value);
    return true;
}

static bool run_one(struct ctl *ctl, const char *command, JsonObject *args, GError **error)
{
    g_autoptr(JsonNode) answer = ctl_ask(ctl, command, args, error);

    if (answer)
        out_json(answer);
    return answer != NULL;
}

/* {"execute":NAME,"arguments":{...}} */
static bool run_object(struct ctl *ctl, const char *text, size_t len, GError **error)
{
    g_autoptr(JsonNode) node = json_read(text, len, NULL);
    JsonObject *args = json_obj(object_of(node), "arguments");
    const char *command = json_str(object_of(node), "execute");

    if (!command)
        return ctl_fail(error, CTL_USAGE, "not a QMP command: {\"execute\":NAME,\"arguments\":{...}}");
    return run_one(ctl, command, args ? json_object_ref(args) : NULL, error);
}

static bool feed(struct ctl *ctl, struct json_framer *f, const char *bytes, size_t len, GError **error)
{
    for (size_t i = 0; i < len;) {
        bool again = false, ok = true;
        enum json_frame frame = json_framer_feed(f, bytes[i], &again);

        i += !again;
        if (frame == JSON_FRAME_ERROR)
            return ctl_fail(error, CTL_USAGE, "standard input: not JSON, or a command too long");
        if (frame == JSON_FRAME_VALUE) {
            ok = run_object(ctl, f->text->str, f->text->len, error);
            json_framer_reset(f);
        }
        if (!ok)
            return false;
    }
    return true;
}

static bool run_input(struct ctl *ctl, GError **error)
{
    struct json_framer f;
    char bytes[4096];
    ssize_t n = 0;
    bool ok = true;

    json_framer_init(&f, MAX_INPUT_BYTES);
    while (ok && (n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0)
        ok = feed(ctl, &f, bytes, (size_t)n, error);
    if (ok && f.text->len)
        ok = ctl_fail(error, CTL_USAGE, "standard input ends within a command");
    json_framer_clear(&f);
    return ok;
}

bool cmd_qmp(struct ctl *ctl, GError **error)
{
    const char *command = ctl_operand(ctl, 0);
    JsonObject *args;

    if (!strcmp(command, "-") && ctl->operands->len == 1)
        return run_input(ctl, error);
    if (*command == '{' && ctl->operands->len == 1)
        return run_object(ctl, command, strlen(command), error);
    if (ctl->operands->len == 1)
        return run_one(ctl, command, NULL, error);
    args = json_object_new();
    for (guint i = 1; i < ctl->operands->len; i++) {
        if (!add_argument(args, ctl_operand(ctl, i), error)) {
            json_object_unref(args);
            return false;
        }
    }
    return run_one(ctl, command, args, error);
}
