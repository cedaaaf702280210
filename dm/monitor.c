/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A QMP peer: framing, negotiation, replies and events. Memory per peer is bounded whatever it does
 * (HAZARDS M-03, M-04): input waits in IN_BYTES and is not worked on while output waits, so replies
 * cannot pile up; events can, up to OUT_MAX_BYTES, then the peer is cut off.
 */
#include "dm/monitor.h"

#include <string.h>

#include "chardev/chardev.h"
#include "chardev/disconnect.h"
#include "dm/json.h"
#include "dm/log.h"
#include "dm/qmp.h"
#include "dm/vm.h"

#define IN_BYTES          4096u
#define COMMAND_MAX_BYTES (256u << 10)
#define OUT_MAX_BYTES     (1u << 20)
#define THROTTLE_MS       1000

enum monitor_state {
    MONITOR_ABSENT,      /* nobody there */
    MONITOR_NEGOTIATING, /* greeted; only qmp_capabilities works */
    MONITOR_READY,
    MONITOR_CUT,         /* did not read: nothing more for it until it connects again */
};

struct monitor {
    struct vm *vm;
    struct chardev *chr;
    bool pretty, working;
    enum monitor_state state;
    struct json_framer framer;
    uint8_t in[IN_BYTES];
    size_t in_used, in_at;
    GString *out; /* waits for the peer */
    size_t out_at;
    guint cut_source;
};

static GPtrArray *monitors; /* all of the process; main loop's thread only */

/* ---- output ---- */

static size_t pending(const struct monitor *mon)
{
    return mon->out->len - mon->out_at;
}

static void flush(struct monitor *mon)
{
    mon->out_at += chardev_write(mon->chr, mon->out->str + mon->out_at, pending(mon));
    if (pending(mon))
        return;
    /* What a burst took is given back. */
    if (mon->out->allocated_len > 65536) {
        g_string_free(mon->out, TRUE);
        mon->out = g_string_new(NULL);
    }
    g_string_truncate(mon->out, 0);
    mon->out_at = 0;
}

static void drop_buffers(struct monitor *mon)
{
    g_string_free(mon->out, TRUE);
    mon->out = g_string_new(NULL);
    mon->out_at = mon->in_at = mon->in_used = 0;
    json_framer_reset(&mon->framer);
}

/* From the main loop, not from inside a write or a callback of the back end. */
static gboolean disconnect(gpointer opaque)
{
    struct monitor *mon = opaque;

    mon->cut_source = 0;
    chardev_disconnect(mon->chr);
    return G_SOURCE_REMOVE;
}

static void cut(struct monitor *mon)
{
    log_warning("monitor %s: the peer does not read: disconnected", chardev_label(mon->chr));
    mon->state = MONITOR_CUT;
    drop_buffers(mon);
    if (!mon->cut_source)
        mon->cut_source = g_idle_add(disconnect, mon);
}

static void send_text(struct monitor *mon, const char *text)
{
    size_t len = strlen(text);

    if (mon->state == MONITOR_ABSENT || mon->state == MONITOR_CUT)
        return;
    if (mon->out_at > OUT_MAX_BYTES / 2) {
        g_string_erase(mon->out, 0, (gssize)mon->out_at);
        mon->out_at = 0;
    }
    if (pending(mon) + len + 2 > OUT_MAX_BYTES) {
        cut(mon);
        return;
    }
    g_string_append_len(mon->out, text, (gssize)len);
    g_string_append(mon->out, "\r\n");
    flush(mon);
}

static void send_node(struct monitor *mon, JsonNode *node)
{
    g_autofree char *text = json_write(node, mon->pretty);

    send_text(mon, text);
}

/* ---- replies ---- */

static void reply(struct monitor *mon, const char *kind, JsonNode *value, JsonNode *id)
{
    g_autoptr(JsonNode) node = NULL;
    JsonObject *object = json_object_new();

    json_object_set_member(object, kind, value);
    if (id)
        json_object_set_member(object, "id", json_node_copy(id));
    node = json_node_of_object(object);
    send_node(mon, node);
}

static void reply_error(struct monitor *mon, const char *class, const char *text, JsonNode *id)
{
    JsonObject *error = json_object_new();

    json_object_set_string_member(error, "class", class);
    json_object_set_string_member(error, "desc", text);
    reply(mon, "error", json_node_of_object(error), id);
}

static void greet(struct monitor *mon)
{
    g_autoptr(JsonNode) node = NULL;
    JsonObject *greeting = json_object_new(), *object = json_object_new();

    json_object_set_member(greeting, "version", qmp_version());
    json_object_set_array_member(greeting, "capabilities", json_array_new());
    json_object_set_object_member(object, "QMP", greeting);
    node = json_node_of_object(object);
    send_node(mon, node);
}

/* ---- requests ---- */

/* The form of a request; NULL: fine, else what is wrong with it (g_free). */
static char *request_error(JsonObject *request)
{
    g_autoptr(GList) names = json_object_get_members(request);
    JsonNode *execute, *arguments;

    for (GList *l = names; l; l = l->next) {
        const char *name = l->data;

        if (strcmp(name, "execute") && strcmp(name, "arguments") && strcmp(name, "id"))
            return g_strdup_printf("QMP input member '%.64s' is unexpected", name);
    }
    execute = json_object_get_member(request, "execute");
    if (!execute)
        return g_strdup("QMP input lacks member 'execute'");
    if (!JSON_NODE_HOLDS_VALUE(execute) || json_node_get_value_type(execute) != G_TYPE_STRING)
        return g_strdup("QMP input member 'execute' must be a string");
    arguments = json_object_get_member(request, "arguments");
    if (arguments && !JSON_NODE_HOLDS_OBJECT(arguments))
        return g_strdup("QMP input member 'arguments' must be an object");
    return NULL;
}

static void run(struct monitor *mon, const struct qmp_command *command, JsonObject *request,
                JsonNode *id)
{
    struct qmp_call call = {.vm = mon->vm};

    if (json_object_has_member(request, "arguments"))
        call.args = json_object_get_object_member(request, "arguments");
    qmp_run(command, &call);
    if (call.error_class) {
        reply_error(mon, call.error_class, call.error_text, id);
        g_clear_pointer(&call.result, json_node_unref);
    } else {
        if (!strcmp(command->name, "qmp_capabilities"))
            mon->state = MONITOR_READY;
        reply(mon, "return", call.result ? call.result : json_node_of_object(json_object_new()), id);
    }
    g_free(call.error_text);
    if (!call.error_class && call.after)
        call.after(mon->vm);
}

static void serve(struct monitor *mon, JsonNode *node)
{
    JsonObject *request = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    JsonNode *id = request ? json_object_get_member(request, "id") : NULL;
    g_autofree char *bad = request ? request_error(request)
                                   : g_strdup("QMP input must be a JSON object");
    const struct qmp_command *command;
    const char *name;
    bool negotiation;

    if (bad) {
        reply_error(mon, "GenericError", bad, id);
        return;
    }
    name = json_object_get_string_member(request, "execute");
    command = qmp_command_find(name);
    negotiation = !strcmp(name, "qmp_capabilities");
    if (mon->state == MONITOR_NEGOTIATING && !negotiation) {
        reply_error(mon, "CommandNotFound",
                    "Expecting capabilities negotiation with 'qmp_capabilities'", id);
    } else if (mon->state == MONITOR_READY && negotiation) {
        reply_error(mon, "CommandNotFound",
                    "Capabilities negotiation is already complete, command ignored", id);
    } else if (!command) {
        g_autofree char *text = g_strdup_printf("The command %.128s has not been found", name);
        g_autofree char *valid = g_utf8_make_valid(text, -1);

        reply_error(mon, "CommandNotFound", valid, id);
    } else {
        run(mon, command, request, id);
    }
}

static void serve_text(struct monitor *mon)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_read(mon->framer.text->str, mon->framer.text->len, &error);

    json_framer_reset(&mon->framer);
    if (node)
        serve(mon, node);
    else
        reply_error(mon, "GenericError", error->message, NULL);
}

/* ---- input ---- */

static bool can_work(const struct monitor *mon)
{
    return mon->in_at < mon->in_used && !pending(mon) &&
           (mon->state == MONITOR_NEGOTIATING || mon->state == MONITOR_READY);
}

static void feed(struct monitor *mon, char byte)
{
    bool again = true;

    while (again) {
        switch (json_framer_feed(&mon->framer, byte, &again)) {
        case JSON_FRAME_MORE:
            break;
        case JSON_FRAME_VALUE:
            serve_text(mon);
            break;
        case JSON_FRAME_ERROR:
            reply_error(mon, "GenericError",
                        "JSON parse error: too long, too deep or not JSON; skipping to the line's end",
                        NULL);
            break;
        }
    }
}

static void work(struct monitor *mon)
{
    if (mon->working)
        return; /* called from inside a command; the loop below goes on */
    mon->working = true;
    while (can_work(mon))
        feed(mon, (char)mon->in[mon->in_at++]);
    mon->working = false;
    if (mon->in_at == mon->in_used)
        mon->in_at = mon->in_used = 0;
    if (!mon->in_used && !pending(mon))
        chardev_accept_input(mon->chr);
}

static size_t can_receive(void *opaque)
{
    const struct monitor *mon = opaque;

    return mon->in_used || pending(mon) ? 0 : IN_BYTES;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct monitor *mon = opaque;

    if (mon->state == MONITOR_CUT || mon->state == MONITOR_ABSENT)
        return;
    len = MIN(len, IN_BYTES - mon->in_used);
    memcpy(mon->in + mon->in_used, buf, len);
    mon->in_used += len;
    work(mon);
}

static void writable(void *opaque)
{
    struct monitor *mon = opaque;

    if (pending(mon))
        flush(mon);
    if (!pending(mon))
        work(mon);
}

static void peer_event(void *opaque, enum chardev_event event)
{
    struct monitor *mon = opaque;

    /* End of input with the output still open (stdio): what has come is served to its end. */
    if (event == CHARDEV_BREAK || (event == CHARDEV_CLOSED && chardev_connected(mon->chr)))
        return;
    drop_buffers(mon);
    mon->state = event == CHARDEV_OPENED ? MONITOR_NEGOTIATING : MONITOR_ABSENT;
    if (event == CHARDEV_OPENED)
        greet(mon);
}

static const struct chardev_fe_ops fe_ops = {can_receive, receive, peer_event, writable};

struct monitor *monitor_new(struct vm *vm, struct chardev *chr, bool pretty)
{
    struct monitor *mon = g_new0(struct monitor, 1);

    mon->vm = vm;
    mon->chr = chr;
    mon->pretty = pretty;
    mon->out = g_string_new(NULL);
    json_framer_init(&mon->framer, COMMAND_MAX_BYTES);
    if (!monitors)
        monitors = g_ptr_array_new();
    g_ptr_array_add(monitors, mon);
    chardev_attach(chr, &fe_ops, mon, NULL); /* OPENED follows if a peer is there already */
    return mon;
}

/* ---- events ---- */

/* A throttled event that was sent less than THROTTLE_MS ago. */
struct throttle {
    struct vm *vm;
    char *key, *name;
    JsonNode *event; /* the last of the burst; NULL: none came */
    guint timer;
};

static GPtrArray *throttles;

static void free_throttle(void *opaque)
{
    struct throttle *t = opaque;

    g_clear_pointer(&t->event, json_node_unref);
    if (t->timer)
        g_source_remove(t->timer);
    g_free(t->key);
    g_free(t->name);
    g_free(t);
}

static JsonNode *make_event(const char *name, JsonNode *data)
{
    JsonObject *event = json_object_new(), *stamp = json_object_new();
    gint64 now_us = g_get_real_time();

    json_object_set_int_member(stamp, "seconds", now_us / G_USEC_PER_SEC);
    json_object_set_int_member(stamp, "microseconds", now_us % G_USEC_PER_SEC);
    json_object_set_object_member(event, "timestamp", stamp);
    json_object_set_string_member(event, "event", name);
    if (data)
        json_object_set_member(event, "data", data);
    return json_node_of_object(event);
}

static void broadcast(struct vm *vm, JsonNode *event)
{
    for (guint i = 0; monitors && i < monitors->len; i++) {
        struct monitor *mon = g_ptr_array_index(monitors, i);

        if (mon->vm == vm && mon->state == MONITOR_READY)
            send_node(mon, event);
    }
}

static gboolean throttle_over(gpointer opaque)
{
    struct throttle *t = opaque;
    g_autoptr(JsonNode) event = g_steal_pointer(&t->event);

    if (event) {
        broadcast(t->vm, event);
        return G_SOURCE_CONTINUE;
    }
    t->timer = 0;
    g_ptr_array_remove(throttles, t);
    return G_SOURCE_REMOVE;
}

static struct throttle *find_throttle(struct vm *vm, const char *key)
{
    for (guint i = 0; throttles && i < throttles->len; i++) {
        struct throttle *t = g_ptr_array_index(throttles, i);

        if (t->vm == vm && !strcmp(t->key, key))
            return t;
    }
    return NULL;
}

static void start_throttle(struct vm *vm, const char *key, const char *name)
{
    struct throttle *t = g_new0(struct throttle, 1);

    if (!throttles)
        throttles = g_ptr_array_new_with_free_func(free_throttle);
    t->vm = vm;
    t->key = g_strdup(key);
    t->name = g_strdup(name);
    t->timer = g_timeout_add(THROTTLE_MS, throttle_over, t);
    g_ptr_array_add(throttles, t);
}

static const char *text_member(JsonNode *data, const char *name)
{
    JsonObject *o = data && JSON_NODE_HOLDS_OBJECT(data) ? json_node_get_object(data) : NULL;

    return o && json_object_has_member(o, name) ? json_object_get_string_member(o, name) : "";
}

void monitor_event(struct vm *vm, const char *name, JsonNode *data)
{
    const struct qmp_event *known = qmp_event_find(name);
    /* An error that stops the VM explains the STOP behind it; only the others come in floods. */
    bool throttled = known && known->throttled && g_strcmp0(text_member(data, "action"), "stop");
    g_autofree char *key = g_strdup_printf("%s %s", name, text_member(data, "device"));
    struct throttle *t = throttled ? find_throttle(vm, key) : NULL;
    g_autoptr(JsonNode) event = make_event(name, data);

    if (t) {
        g_clear_pointer(&t->event, json_node_unref);
        t->event = g_steal_pointer(&event);
        return;
    }
    if (throttled)
        start_throttle(vm, key, name);
    broadcast(vm, event);
}

static void drop_throttles(struct vm *vm)
{
    for (guint i = throttles ? throttles->len : 0; i-- > 0;) {
        struct throttle *t = g_ptr_array_index(throttles, i);

        if (t->vm == vm)
            g_ptr_array_remove_index(throttles, i);
    }
}

void monitor_free(struct monitor *mon)
{
    bool last = true;

    if (!mon)
        return;
    chardev_attach(mon->chr, NULL, NULL, NULL);
    if (mon->cut_source)
        g_source_remove(mon->cut_source);
    g_ptr_array_remove(monitors, mon);
    for (guint i = 0; i < monitors->len; i++)
        last = last && ((struct monitor *)g_ptr_array_index(monitors, i))->vm != mon->vm;
    if (last)
        drop_throttles(mon->vm);
    if (!monitors->len)
        g_clear_pointer(&monitors, g_ptr_array_unref);
    json_framer_clear(&mon->framer);
    g_string_free(mon->out, TRUE);
    g_free(mon);
}
