/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: send-key, type-text, cancel-type. */
#include "dm/monitor/qmp_input.h"

#include <string.h>

#include "dm/json.h"
#include "dm/machine/machine.h"
#include "dm/monitor/monitor.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_jobs.h"
#include "dm/vm_build.h"
#include "hw/input/ps2_keys.h"
#include "ui/layout.h"
#include "ui/typist.h"

#define MAX_TEXT_BYTES  (256u * 1024)
#define MAX_TIME_MS     60000u
#define MAX_KEYS        16   /* that send-key holds at once */
#define HOLD_MS         100  /* of send-key, as QEMU */
#define INTERVAL_MS     10   /* of type-text: a BIOS keeps no more than 15 keys for its caller */
#define PATIENCE_MS     60000
#define PRESS_ANYWAY_MS 2000 /* send-key: as a person who presses keys of a machine that hangs */
#define PROGRESS_US     (250 * 1000)
#define MAX_NO_KEY      32   /* characters named in one answer */
#define LED_CAPS        4

/* One machine per process, and one keyboard. */
static struct typist *typist;

/* ---- keys ---- */

/* QKeyCode's names that are not those of ps2_keys.c: of the same keys. */
static const struct {
    const char *name;
    uint8_t key;
} key_aliases[] = {{"asterisk", 0x37}, {"compose", 0xdd}};

static bool keyboard_ready(void *opaque)
{
    return machine_keyboard_ready(vm_machine(opaque));
}

static void press_key(void *opaque, unsigned key, bool down)
{
    machine_key(vm_machine(opaque), key, down);
}

static struct typist *get_typist(struct vm *vm)
{
    const struct typist_keyboard keyboard = {keyboard_ready, press_key, vm};

    if (!typist)
        typist = typist_new(&keyboard);
    return typist;
}

void qmp_input_close(struct vm *vm)
{
    (void)vm;
    typist_free(typist);
    typist = NULL;
}

static unsigned key_by_name(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(key_aliases); i++) {
        if (!strcmp(name, key_aliases[i].name))
            return key_aliases[i].key;
    }
    for (unsigned n = 0; ps2_key_at(n); n++) {
        if (!strcmp(name, ps2_key_at(n)->name))
            return ps2_key_at(n)->key;
    }
    return 0;
}

unsigned qmp_parse_key(JsonNode *node, GError **error)
{
    static const struct qmp_arg qcode[] = {{"type", QMP_STRING, false, "qcode|number"},
                                           {"data", QMP_STRING, false, NULL}, {0}};
    static const struct qmp_arg number[] = {{"type", QMP_STRING, false, "qcode|number"},
                                            {"data", QMP_INT, false, NULL}, {0}};
    JsonObject *o = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    JsonNode *data = o ? json_object_get_member(o, "data") : NULL;
    bool by_number = data && json_node_get_value_type(data) == G_TYPE_INT64;
    unsigned key;

    if (!o) {
        qmp_fail(error, "a key is {\"type\": \"qcode\", \"data\": NAME} or {\"type\": \"number\", "
                        "\"data\": N}");
        return 0;
    }
    if (!qmp_check_args(by_number ? number : qcode, o, error))
        return 0;
    if (by_number != !strcmp(qmp_string(o, "type"), "number")) {
        qmp_fail(error, "Invalid parameter type for 'data' of a key of type '%s'",
                 qmp_string(o, "type"));
        return 0;
    }
    if (by_number) {
        gint64 n = json_node_get_int(data);

        key = n > 0 && n < PS2_KEYS && ps2_key_find((unsigned)n) ? (unsigned)n : 0;
        if (!key)
            qmp_fail(error, "the PS/2 keyboard has no key with the number %" G_GINT64_FORMAT, n);
        return key;
    }
    key = key_by_name(json_node_get_string(data));
    if (!key)
        qmp_fail(error, "the PS/2 keyboard has no key '%.40s'", json_node_get_string(data));
    return key;
}

void qmp_add_key(GArray *events, unsigned key, bool down, uint64_t then_ms, uint32_t number)
{
    struct typist_event e = {.then_ms = (uint32_t)then_ms, .number = number, .key = (uint8_t)key,
                             .down = down};

    g_array_append_val(events, e);
}

bool qmp_press_keys(struct vm *vm, GArray *events, GError **error)
{
    const struct typist_job job = {.events = events, .patience_ms = PRESS_ANYWAY_MS,
                                   .insist = true};

    if (typist_add(get_typist(vm), &job))
        return true;
    qmp_fail(error, "too many keys wait for the guest to read them: cancel-type forgets them");
    return false;
}

static bool parse_time(JsonObject *args, const char *name, uint64_t *ms, GError **error)
{
    if (!qmp_size(args, name, ms, error))
        return false;
    if (*ms <= MAX_TIME_MS)
        return true;
    qmp_fail(error, "Parameter '%s': more than %u ms", name, MAX_TIME_MS);
    return false;
}

static JsonNode *send_key(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *keys = json_object_get_array_member(args, "keys");
    unsigned count = json_array_get_length(keys), pressed[MAX_KEYS];
    uint64_t hold_ms = HOLD_MS;
    GArray *events;

    if (!parse_time(args, "hold-time", &hold_ms, error))
        return NULL;
    if (count > MAX_KEYS)
        return qmp_fail(error, "Parameter 'keys': more than %d keys at once", MAX_KEYS);
    for (unsigned i = 0; i < count; i++) {
        pressed[i] = qmp_parse_key(json_array_get_element(keys, i), error);
        if (!pressed[i])
            return NULL;
    }
    events = g_array_new(FALSE, FALSE, sizeof(struct typist_event));
    for (unsigned i = 0; i < count; i++)
        qmp_add_key(events, pressed[i], true, i + 1 == count ? hold_ms : 0, 0);
    for (unsigned i = count; i > 0; i--)
        qmp_add_key(events, pressed[i - 1], false, 0, 0);
    qmp_press_keys(vm, events, error);
    return NULL;
}

/* ---- type-text ---- */

struct typing {
    struct vm *vm;
    struct qmp_later *later; /* NULL: nobody waits, or no longer */
    uint32_t characters;
    GString *no_key; /* left out */
    gint64 told_us;
};

static JsonNode *typing_node(const struct typing *t, uint32_t typed)
{
    JsonObject *o = json_object_new();

    json_object_set_int_member(o, "typed", typed);
    json_object_set_int_member(o, "characters", t->characters);
    if (t->no_key->len)
        json_object_set_string_member(o, "no-key", t->no_key->str);
    return json_node_of_object(o);
}

static void typing_progress(void *opaque, uint32_t number)
{
    struct typing *t = opaque;
    gint64 now_us = g_get_monotonic_time();

    if (now_us - t->told_us < PROGRESS_US)
        return;
    t->told_us = now_us;
    monitor_event(t->vm, "TYPE_PROGRESS", typing_node(t, number));
}

static void typing_end(void *opaque, enum typist_end end, uint32_t number)
{
    static const char *const results[] = {"done", "cancelled", "not-read"};
    struct typing *t = opaque;
    g_autoptr(GError) error = NULL;
    JsonNode *data;
    uint32_t typed;

    /* What the last key does may be the end of who read it (a boot menu): its release stays unread. */
    if (end == TYPIST_NOT_READ && number >= t->characters)
        end = TYPIST_DONE;
    typed = end == TYPIST_DONE ? t->characters : number;
    data = typing_node(t, typed);
    json_object_set_string_member(json_node_get_object(data), "result", results[end]);
    monitor_event(t->vm, "TYPE_COMPLETED", data);
    if (end == TYPIST_CANCELLED)
        qmp_fail(&error, "typing was cancelled after %u of %u characters", typed, t->characters);
    else if (end == TYPIST_NOT_READ)
        qmp_fail(&error, "timed out: the guest does not read its keyboard, after %u of %u characters",
                 typed, t->characters);
    if (t->later)
        qmp_later_answer(t->later, error ? NULL : typing_node(t, typed), error);
    g_string_free(t->no_key, TRUE);
    g_free(t);
}

/* Who asked has gone: nobody could stop it any more, so it stops. */
static void asker_gone(void *opaque)
{
    struct typing *t = opaque;

    t->later = NULL;
    typist_cancel(typist, t);
}

static void add_stroke(GArray *events, struct layout_stroke s, uint64_t hold_ms,
                       uint64_t interval_ms, uint32_t number)
{
    if (s.modifiers & LAYOUT_SHIFT)
        qmp_add_key(events, PS2_KEY_SHIFT_LEFT, true, 0, number);
    if (s.modifiers & LAYOUT_ALTGR)
        qmp_add_key(events, PS2_KEY_ALT_RIGHT, true, 0, number);
    qmp_add_key(events, s.key, true, hold_ms, number);
    qmp_add_key(events, s.key, false, s.modifiers ? 0 : interval_ms, number);
    if (s.modifiers & LAYOUT_ALTGR)
        qmp_add_key(events, PS2_KEY_ALT_RIGHT, false, s.modifiers & LAYOUT_SHIFT ? 0 : interval_ms,
                  number);
    if (s.modifiers & LAYOUT_SHIFT)
        qmp_add_key(events, PS2_KEY_SHIFT_LEFT, false, interval_ms, number);
}

/* The strokes of a text; a character that no key types goes to t->no_key. */
static GArray *strokes_of(struct typing *t, const struct layout *layout, const char *text,
                          uint64_t hold_ms, uint64_t interval_ms)
{
    GArray *events = g_array_new(FALSE, FALSE, sizeof(struct typist_event));

    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        struct layout_stroke strokes[LAYOUT_STROKES];
        gunichar c = g_utf8_get_char(p);
        unsigned count = layout_find(layout, c, strokes);

        /* A line end of two characters is one key. */
        if (c == '\r' && p[1] == '\n')
            continue;
        if (!count && g_utf8_strlen(t->no_key->str, -1) < MAX_NO_KEY &&
            !g_utf8_strchr(t->no_key->str, -1, c))
            g_string_append_unichar(t->no_key, c);
        t->characters += count > 0;
        for (unsigned i = 0; i < count; i++)
            add_stroke(events, strokes[i], hold_ms, interval_ms, t->characters);
    }
    return events;
}

static bool begin_typing(struct typing *t, GArray *events, JsonObject *args, uint64_t patience_ms,
                         GError **error)
{
    const struct typist_job job = {.events = events, .patience_ms = (uint32_t)patience_ms,
                                   .progress = typing_progress, .end = typing_end, .opaque = t};

    if (!typist_add(get_typist(t->vm), &job)) {
        qmp_fail(error, "too much waits to be typed: wait for it, or cancel-type");
        return false;
    }
    if (!qmp_bool(args, "wait", true))
        return true;
    t->later = qmp_defer(asker_gone, t, error);
    if (!t->later)
        typist_cancel(typist, t); /* frees t */
    return true;
}

static const struct layout *default_layout(struct vm *vm)
{
    const struct layout *given = vm_config(vm)->layout;

    return given ? given : layout_by_name("us");
}

static JsonNode *start_typing(struct typing *t, JsonObject *args, GError **error)
{
    const char *text = qmp_string(args, "text");
    const char *name = qmp_string(args, "layout");
    const struct layout *layout = name ? layout_by_name(name) : default_layout(t->vm);
    uint64_t hold_ms = 0, interval_ms = INTERVAL_MS, patience_ms = PATIENCE_MS;
    GArray *events;

    if (!layout)
        return qmp_fail(error, "Parameter 'layout': '%.40s' is not among %s", name, layout_names());
    if (!parse_time(args, "hold-ms", &hold_ms, error) ||
        !parse_time(args, "interval-ms", &interval_ms, error) ||
        !qmp_size(args, "timeout-ms", &patience_ms, error))
        return NULL;
    if (strlen(text) > MAX_TEXT_BYTES)
        return qmp_fail(error, "Parameter 'text': more than %u bytes", MAX_TEXT_BYTES);
    if (machine_keyboard_leds(vm_machine(t->vm)) & LED_CAPS)
        return qmp_fail(error, "caps lock is on in the guest, letters would come out wrong: send-key "
                               "caps_lock first");
    events = strokes_of(t, layout, text, hold_ms, interval_ms);
    if (t->no_key->len && !qmp_bool(args, "skip", false)) {
        g_array_unref(events);
        if (!name)
            return qmp_fail(error, "the guest's layout has no key for: %s", t->no_key->str);
        return qmp_fail(error, "layout '%s' has no key for: %s", name, t->no_key->str);
    }
    return begin_typing(t, events, args, MIN(patience_ms, G_MAXINT32), error) ? qmp_nothing() : NULL;
}

static JsonNode *type_text(struct vm *vm, JsonObject *args, GError **error)
{
    struct typing *t = g_new0(struct typing, 1);
    JsonNode *started;

    t->vm = vm;
    t->no_key = g_string_new(NULL);
    t->told_us = g_get_monotonic_time();
    started = start_typing(t, args, error);
    if (!started) {
        g_string_free(t->no_key, TRUE);
        g_free(t);
    }
    return started;
}

static JsonNode *cancel_type(struct vm *vm, JsonObject *args, GError **error)
{
    JsonObject *o = json_object_new();

    (void)args, (void)error;
    json_object_set_int_member(o, "cancelled", typist_cancel(get_typist(vm), NULL));
    return json_node_of_object(o);
}

static const struct qmp_arg send_key_args[] = {{"keys", QMP_ARRAY, false, NULL},
                                               {"hold-time", QMP_INT, true, NULL}, {0}};
static const struct qmp_arg type_args[] = {
    {"text", QMP_STRING, false, NULL},     {"layout", QMP_STRING, true, NULL},
    {"hold-ms", QMP_INT, true, NULL},      {"interval-ms", QMP_INT, true, NULL},
    {"timeout-ms", QMP_INT, true, NULL},   {"wait", QMP_BOOL, true, NULL},
    {"skip", QMP_BOOL, true, NULL},        {0}};

static const struct qmp_command commands[] = {
    {"send-key", send_key, send_key_args, true, false},
    {"type-text", type_text, type_args, true, false},
    {"cancel-type", cancel_type, NULL, true, false},
};

const struct qmp_table qmp_input_table = {commands, G_N_ELEMENTS(commands)};
