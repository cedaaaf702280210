/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: input-send-event, query-mice. */
#include <string.h>

#include "dm/json.h"
#include "dm/machine/machine.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_input.h"
#include "dm/monitor/qmp_jobs.h"
#include "dm/vm_build.h"
#include "hw/input/ps2_mouse.h"
#include "ui/typist.h"

#define MAX_EVENTS 256
#define MAX_MOVE   32767

/* What input-send-event holds down, and where it has put the pointer; one machine per process. */
static unsigned held;
static unsigned place[2];

enum step_kind { STEP_MOVE, STEP_PLACE };

/* What a list of events asks for: checked whole, then done whole. */
struct input_batch {
    struct vm *vm;
    GArray *keys; /* struct typist_event */
    struct mouse_step {
        enum step_kind kind;
        int axis[2]; /* x, y: movement, or place */
        bool has[2];
        int dz;
        uint8_t press, release; /* PS2_BUTTON_* */
    } steps[MAX_EVENTS];
    unsigned count;
};

static bool add_key(struct input_batch *b, JsonObject *data, GError **error)
{
    static const struct qmp_arg rows[] = {{"key", QMP_OBJECT, false, NULL},
                                          {"down", QMP_BOOL, false, NULL}, {0}};
    unsigned key;

    if (!qmp_check_args(rows, data, error))
        return false;
    key = qmp_parse_key(json_object_get_member(data, "key"), error);
    if (key)
        qmp_add_key(b->keys, key, qmp_bool(data, "down", false), 0, 0);
    return key != 0;
}

struct button {
    const char *name;
    uint8_t bit;
    int8_t dz;
};

static const struct button *find_button(const char *name)
{
    static const struct button buttons[] = {
        {"left", PS2_BUTTON_LEFT, 0}, {"middle", PS2_BUTTON_MIDDLE, 0}, {"right", PS2_BUTTON_RIGHT, 0},
        {"side", PS2_BUTTON_SIDE, 0}, {"extra", PS2_BUTTON_EXTRA, 0},   {"wheel-up", 0, -1},
        {"wheel-down", 0, 1}};

    for (unsigned i = 0; i < G_N_ELEMENTS(buttons); i++) {
        if (!strcmp(name, buttons[i].name))
            return &buttons[i];
    }
    return NULL;
}

static bool add_button(struct input_batch *b, JsonObject *data, GError **error)
{
    static const struct qmp_arg rows[] = {
        {"button", QMP_STRING, false,
         "left|middle|right|wheel-up|wheel-down|side|extra|wheel-left|wheel-right"},
        {"down", QMP_BOOL, false, NULL}, {0}};
    bool absolute = machine_pointer_is_absolute(vm_machine(b->vm));
    const struct button *button;
    const char *name;
    bool down;

    if (!qmp_check_args(rows, data, error))
        return false;
    name = qmp_string(data, "button");
    down = qmp_bool(data, "down", false);
    button = find_button(name);
    if (!button || (absolute && button->bit & PS2_BUTTONS_MORE)) {
        qmp_fail(error, "the %s has no button '%s'", absolute ? "vmmouse" : "PS/2 mouse", name);
        return false;
    }
    b->steps[b->count++] = (struct mouse_step){.dz = down ? button->dz : 0,
                                               .press = down ? button->bit : 0,
                                               .release = down ? 0 : button->bit};
    return true;
}

/* One axis. Both axes, one after the other, are one step. */
static void add_axis(struct input_batch *b, enum step_kind kind, unsigned axis, int value)
{
    struct mouse_step *last = b->count ? &b->steps[b->count - 1] : NULL;

    if (!last || last->kind != kind || !(last->has[0] || last->has[1]) || last->has[axis]) {
        last = &b->steps[b->count++];
        last->kind = kind;
    }
    last->axis[axis] = value;
    last->has[axis] = true;
}

static bool read_axis(JsonObject *data, gint64 low, gint64 high, unsigned *axis, int *value, GError **error)
{
    static const struct qmp_arg rows[] = {{"axis", QMP_STRING, false, "x|y"},
                                          {"value", QMP_INT, false, NULL}, {0}};
    gint64 n;

    if (!qmp_check_args(rows, data, error))
        return false;
    n = json_object_get_int_member(data, "value");
    *axis = *qmp_string(data, "axis") == 'y';
    *value = (int)n;
    if (n >= low && n <= high)
        return true;
    qmp_fail(error, "Parameter 'value': from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, low, high);
    return false;
}

static bool add_move(struct input_batch *b, JsonObject *data, GError **error)
{
    unsigned axis;
    int value;

    if (!read_axis(data, -MAX_MOVE, MAX_MOVE, &axis, &value, error))
        return false;
    add_axis(b, STEP_MOVE, axis, value);
    return true;
}

static bool add_place(struct input_batch *b, JsonObject *data, GError **error)
{
    unsigned axis;
    int value;

    if (!read_axis(data, 0, MACHINE_POINTER_MAX, &axis, &value, error))
        return false;
    if (!machine_pointer_is_absolute(vm_machine(b->vm))) {
        qmp_fail(error, "Input handler not found for event type abs: the guest does not use the vmmouse, "
                        "send rel");
        return false;
    }
    add_axis(b, STEP_PLACE, axis, value);
    return true;
}

static bool add_input(struct input_batch *b, JsonNode *node, GError **error)
{
    static const struct qmp_arg rows[] = {{"type", QMP_STRING, false, "key|btn|rel|abs"},
                                          {"data", QMP_OBJECT, false, NULL}, {0}};
    static const struct {
        const char *type;
        bool (*add)(struct input_batch *b, JsonObject *data, GError **error);
    } types[] = {{"key", add_key}, {"btn", add_button}, {"rel", add_move}, {"abs", add_place}};
    JsonObject *o = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    bool ok = false;

    if (!o) {
        qmp_fail(error, "Parameter 'events': an event is an object");
        return false;
    }
    if (!qmp_check_args(rows, o, error))
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (!strcmp(types[i].type, qmp_string(o, "type")))
            ok = types[i].add(b, json_object_get_object_member(o, "data"), error);
    }
    return ok;
}

static void do_step(struct machine *m, const struct mouse_step *s)
{
    held = (held | s->press) & ~(unsigned)s->release;
    if (s->kind == STEP_MOVE) {
        machine_mouse(m, s->axis[0], s->axis[1], s->dz, held);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (s->has[i])
            place[i] = (unsigned)s->axis[i];
    }
    machine_pointer(m, place[0], place[1], s->dz, held);
}

bool qmp_check_display(struct vm *vm, JsonObject *args, GError **error)
{
    const char *device = qmp_string(args, "device");
    uint64_t head = 0;

    if (!qmp_size(args, "head", &head, error))
        return false;
    if (head && !device) {
        qmp_fail(error, "'head' must be specified together with 'device'");
        return false;
    }
    if (device && g_strcmp0(machine_display_id(vm_machine(vm)), device)) {
        g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_FOUND, "Device '%.60s' not found", device);
        return false;
    }
    if (!head)
        return true;
    qmp_fail(error, "Device '%.60s' has no head %" G_GUINT64_FORMAT ": it has one, 0", device, head);
    return false;
}

static JsonNode *input_send_event(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *events = json_object_get_array_member(args, "events");
    unsigned count = json_array_get_length(events);
    g_autofree struct input_batch *b = g_new0(struct input_batch, 1);
    bool ok = qmp_check_display(vm, args, error);

    if (ok && count > MAX_EVENTS) {
        qmp_fail(error, "Parameter 'events': more than %d events", MAX_EVENTS);
        ok = false;
    }
    b->vm = vm;
    b->keys = g_array_new(FALSE, FALSE, sizeof(struct typist_event));
    for (unsigned i = 0; ok && i < count; i++)
        ok = add_input(b, json_array_get_element(events, i), error);
    if (!ok || !b->keys->len)
        g_array_unref(b->keys);
    else
        ok = qmp_press_keys(vm, b->keys, error);
    for (unsigned i = 0; ok && i < b->count; i++)
        do_step(vm_machine(vm), &b->steps[i]);
    return NULL;
}

static void add_mouse(JsonArray *mice, const char *name, bool current, bool absolute)
{
    JsonObject *mouse = json_object_new();

    json_object_set_string_member(mouse, "name", name);
    json_object_set_int_member(mouse, "index", json_array_get_length(mice));
    json_object_set_boolean_member(mouse, "current", current);
    json_object_set_boolean_member(mouse, "absolute", absolute);
    json_array_add_object_element(mice, mouse);
}

/* Current is the one that the guest listens to. */
static JsonNode *query_mice(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *mice = json_array_new();
    bool absolute = machine_pointer_is_absolute(vm_machine(vm));

    (void)args, (void)error;
    add_mouse(mice, "PS/2 Mouse", !absolute, false);
    if (machine_has_vmmouse(vm_machine(vm)))
        add_mouse(mice, "vmmouse", absolute, true);
    return json_node_of_array(mice);
}

static const struct qmp_arg event_args[] = {{"device", QMP_STRING, true, NULL},
                                            {"head", QMP_INT, true, NULL},
                                            {"events", QMP_ARRAY, false, NULL}, {0}};

static const struct qmp_command commands[] = {
    {"input-send-event", input_send_event, event_args, true, false},
    {"query-mice", query_mice, NULL, true, false},
};

const struct qmp_table qmp_events_table = {commands, G_N_ELEMENTS(commands)};
