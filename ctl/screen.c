/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subcommands: the guest's screen and keyboard. */
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "dm/json.h"

#define MAX_TEXT_BYTES (512u * 1024) /* the monitor takes commands up to 1 MiB, escapes counted */
#define TYPE_LIMIT_S 86400.0
#define GRACE_S 5.0                  /* what an answer may take beyond the time that was asked for */

/* ---- screen ---- */

static void print_line(FILE *out, const char *line)
{
    g_autofree char *text = g_strchomp(g_strdup(line));

    out_text(out, text);
    fputc('\n', out);
}

/* The lines, without the empty ones at the end. */
static void print_screen(FILE *out, JsonObject *screen)
{
    JsonArray *lines = json_arr(screen, "lines");
    guint n = json_count(lines);

    while (n) {
        JsonNode *last = json_array_get_element(lines, n - 1);
        const char *text = JSON_NODE_HOLDS_VALUE(last) ? json_node_get_string(last) : NULL;

        if (text && text[strspn(text, " ")])
            break;
        n--;
    }
    for (guint i = 0; i < n; i++) {
        JsonNode *line = json_array_get_element(lines, i);

        print_line(out, JSON_NODE_HOLDS_VALUE(line) && json_node_get_string(line)
                            ? json_node_get_string(line) : "");
    }
}

bool cmd_screen(struct ctl *ctl, GError **error)
{
    g_autoptr(JsonNode) answer = ctl_ask(ctl, "query-screen-text", NULL, error);
    JsonObject *screen = answer && JSON_NODE_HOLDS_OBJECT(answer) ? json_node_get_object(answer) : NULL;

    if (!answer)
        return false;
    if (ctl->json) {
        out_json(answer);
        return true;
    }
    print_screen(stdout, screen);
    if (!json_count(json_arr(screen, "lines")))
        return ctl_fail(error, CTL_REFUSED, "a graphics mode of %lld by %lld, with no text that is "
                        "recognised; see screenshot", (long long)json_num(screen, "width"),
                        (long long)json_num(screen, "height"));
    return true;
}

bool cmd_screenshot(struct ctl *ctl, GError **error)
{
    const char *format = ctl_option(ctl, "format");
    g_autofree char *file = g_canonicalize_filename(ctl_operand(ctl, 0), NULL);

    if (!format)
        format = g_str_has_suffix(file, ".png") ? "png" : "ppm";
    return ctl_do(ctl, "screendump", ctl_args("filename", file, "format", format, NULL), error);
}

/* ---- wait ---- */

static bool wait_args(struct ctl *ctl, double timeout_s, JsonObject *args, GError **error)
{
    const char *text = ctl_option(ctl, "text"), *hash = ctl_option(ctl, "hash");
    double stable_s = 0;

    if (!ctl_seconds(ctl, "stable", &stable_s, error))
        return false;
    if (!!text + !!hash + !!ctl_option(ctl, "stable") != 1)
        return ctl_fail(error, CTL_USAGE, "wait for what? one of --text REGEX, --hash HASH and "
                        "--stable SECONDS");
    if (text) {
        g_autofree char *regex = g_strconcat(ctl_option(ctl, "ignore-case") ? "(?i)" : "", text, NULL);

        json_object_set_string_member(args, "text", regex);
    }
    if (hash)
        json_object_set_string_member(args, "hash", hash);
    if (ctl_option(ctl, "stable"))
        json_object_set_int_member(args, "stable-ms", (gint64)(stable_s * 1000));
    json_object_set_int_member(args, "timeout-ms", (gint64)(timeout_s * 1000));
    return true;
}

/* What there was instead, so that whoever reads a log sees why. */
static void show_screen(struct ctl *ctl)
{
    g_autoptr(JsonNode) answer = ctl_ask(ctl, "query-screen-text", NULL, NULL);

    if (!answer || !JSON_NODE_HOLDS_OBJECT(answer))
        return;
    fputs("---- the screen ----\n", stderr);
    print_screen(stderr, json_node_get_object(answer));
    fputs("--------------------\n", stderr);
}

/* A command's own time limit has no error class of its own. */
static bool pass_on(GError *why, GError **error)
{
    if (why->code == CTL_REFUSED && g_str_has_prefix(why->message, "timed out"))
        why->code = CTL_TIMEOUT;
    g_propagate_error(error, why);
    return false;
}

bool cmd_wait(struct ctl *ctl, GError **error)
{
    JsonObject *args = json_object_new();
    g_autoptr(JsonNode) answer = NULL;
    double timeout_s = 30;
    GError *why = NULL, *why_not = NULL;

    if (!ctl_seconds(ctl, "timeout", &timeout_s, error) || !wait_args(ctl, timeout_s, args, error)) {
        json_object_unref(args);
        return false;
    }
    answer = client_call(ctl->client, "wait-screen", args, timeout_s + GRACE_S, &why);
    if (!answer) {
        pass_on(why, &why_not);
        if (why_not->code == CTL_TIMEOUT && !ctl_option(ctl, "quiet"))
            show_screen(ctl);
        g_propagate_error(error, why_not);
        return false;
    }
    if (ctl->json)
        out_json(answer);
    else if (JSON_NODE_HOLDS_OBJECT(answer) && json_str(json_node_get_object(answer), "line"))
        print_line(stdout, json_str(json_node_get_object(answer), "line"));
    return true;
}

/* ---- type ---- */

static char *read_input(GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char bytes[4096];
    ssize_t n;

    while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0 && text->len <= MAX_TEXT_BYTES)
        g_string_append_len(text, bytes, n);
    if (g_utf8_validate(text->str, (gssize)text->len, NULL))
        return g_string_free(g_steal_pointer(&text), FALSE);
    ctl_fail(error, CTL_USAGE, "standard input is not UTF-8 text");
    return NULL;
}

static char *text_to_type(struct ctl *ctl, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (ctl->operands->len == 1 && !strcmp(ctl_operand(ctl, 0), "-")) {
        g_autofree char *input = read_input(error);

        if (!input)
            return NULL;
        g_string_append(text, input);
    } else {
        for (guint i = 0; i < ctl->operands->len; i++)
            g_string_append_printf(text, "%s%s", i ? " " : "", ctl_operand(ctl, i));
    }
    if (ctl_option(ctl, "enter"))
        g_string_append_c(text, '\n');
    if (text->len <= MAX_TEXT_BYTES)
        return g_string_free(g_steal_pointer(&text), FALSE);
    ctl_fail(error, CTL_USAGE, "more than %u bytes of text: type it in parts", MAX_TEXT_BYTES);
    return NULL;
}

/* On a terminal: how far it is. */
static void show_progress(void *opaque, JsonObject *event)
{
    JsonObject *data = json_obj(event, "data");

    (void)opaque;
    if (g_strcmp0(json_str(event, "event"), "TYPE_PROGRESS"))
        return;
    fprintf(stderr, "\r\033[K%lld of %lld characters", (long long)json_num(data, "typed"),
            (long long)json_num(data, "characters"));
    fflush(stderr);
}

static JsonObject *type_args(struct ctl *ctl, GError **error)
{
    g_autofree char *text = text_to_type(ctl, error);
    double timeout_s = -1, interval_ms = -1;
    JsonObject *args;

    if (!text || !ctl_seconds(ctl, "timeout", &timeout_s, error) ||
        !ctl_seconds(ctl, "interval", &interval_ms, error))
        return NULL;
    args = ctl_args("text", text, "layout", ctl_option(ctl, "layout"), NULL);
    if (timeout_s >= 0)
        json_object_set_int_member(args, "timeout-ms", (gint64)(timeout_s * 1000));
    if (interval_ms >= 0)
        json_object_set_int_member(args, "interval-ms", (gint64)interval_ms);
    if (ctl_option(ctl, "skip"))
        json_object_set_boolean_member(args, "skip", TRUE);
    return args;
}

bool cmd_type(struct ctl *ctl, GError **error)
{
    bool live = isatty(STDERR_FILENO) && !ctl->json;
    JsonObject *args = type_args(ctl, error);
    g_autoptr(JsonNode) answer = NULL;
    GError *why = NULL;
    const char *no_key;

    if (!args)
        return false;
    if (live)
        client_watch(ctl->client, show_progress, NULL);
    /* The VM gives up when the guest has not read for a time; all together may take as long as it takes. */
    answer = client_call(ctl->client, "type-text", args, TYPE_LIMIT_S, &why);
    if (live)
        fputs("\r\033[K", stderr);
    if (!answer)
        return pass_on(why, error);
    if (ctl->json)
        out_json(answer);
    no_key = JSON_NODE_HOLDS_OBJECT(answer) ? json_str(json_node_get_object(answer), "no-key") : NULL;
    if (no_key) {
        fputs("kvm-dm-ctl: left out, for the layout has no key for it: ", stderr);
        out_text(stderr, no_key);
        fputc('\n', stderr);
    }
    return true;
}

/* ---- key ---- */

/* "ctrl-alt-delete" as the array of KeyValues that send-key takes. */
static JsonArray *keys_of(const char *text, GError **error)
{
    g_auto(GStrv) names = g_strsplit_set(text, "-+", -1);
    JsonArray *keys = json_array_new();

    for (char **name = names; *name; name++) {
        JsonObject *key;

        if (!**name) {
            json_array_unref(keys);
            ctl_fail(error, CTL_USAGE, "'%s': an empty key name; the keys - and + are minus and "
                     "shift-equal", text);
            return NULL;
        }
        key = ctl_args("type", "qcode", "data", *name, NULL);
        json_array_add_object_element(keys, key);
    }
    return keys;
}

static bool press(struct ctl *ctl, const char *text, double hold_ms, GError **error)
{
    JsonArray *keys = keys_of(text, error);
    JsonObject *args;

    if (!keys)
        return false;
    args = json_object_new();
    json_object_set_array_member(args, "keys", keys);
    if (hold_ms >= 0)
        json_object_set_int_member(args, "hold-time", (gint64)hold_ms);
    return ctl_do(ctl, "send-key", args, error);
}

bool cmd_key(struct ctl *ctl, GError **error)
{
    double hold_ms = -1;

    if (!ctl_seconds(ctl, "hold", &hold_ms, error))
        return false;
    for (guint i = 0; i < ctl->operands->len; i++) {
        /* send-key answers at once; the next keys are for when these are up again. */
        if (i)
            g_usleep((gulong)((hold_ms >= 0 ? hold_ms : 100) * 1000 + 20000));
        if (!press(ctl, ctl_operand(ctl, i), hold_ms, error))
            return false;
    }
    return true;
}
