/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP, the protocol: greeting, negotiation, framing, replies, events (QEMU docs/interop/qmp-spec). */
#include "dm/monitor/monitor.h"

#include <stdio.h>
#include <string.h>

#include "chardev/chardev.h"
#include "chardev/chardev_backends.h"
#include "dm/json.h"
#include "dm/log.h"
#include "dm/monitor/qmp.h"
#include "dm/vm.h"

#define MAX_COMMAND_BYTES (1024u * 1024)
/*
 * A peer that does not read: no further command is read while a reply waits, so only events can
 * add; one that lets them come to this much is disconnected.
 */
#define MAX_OUTPUT_BYTES (1024u * 1024)
#define READ_BYTES 4096u
/*
 * While an answer is still to come, later commands are kept so far, unread: the peer's going away is
 * seen behind them.
 */
#define MAX_WAITING_BYTES (64u * 1024)

struct qmp_later {
    struct monitor *mon;
    JsonNode *id; /* NULL: none */
    void (*cancel)(void *opaque);
    void *opaque;
};

struct monitor {
    struct vm *vm;
    struct chardev *chr;
    bool pretty, negotiated, dead;
    struct json_framer framer;
    GString *output;
    GString *input; /* what came with a command whose answer has to be read first */
    struct qmp_later *later; /* the answer that is still to come, or NULL */
    guint go_on_source;
    struct monitor *next;
};

/* All monitors of this process, for events. */
static struct monitor *monitors;

/* Whose command is running now, and its id; for qmp_defer(). */
static struct monitor *serving;
static JsonNode *serving_id;

/* ---- output ---- */

static void flush_output(struct monitor *mon)
{
    size_t n = chardev_write(mon->chr, mon->output->str, mon->output->len);

    g_string_erase(mon->output, 0, (gssize)n);
}

static void send_node(struct monitor *mon, JsonNode *node)
{
    g_autofree char *text = json_write(node, mon->pretty);

    json_node_unref(node);
    if (mon->dead)
        return;
    g_string_append(mon->output, text);
    g_string_append(mon->output, "\r\n"); /* libvirt ends a reply there */
    flush_output(mon);
    if (mon->output->len > MAX_OUTPUT_BYTES) {
        log_warning("monitor %s: the peer does not read; disconnected", chardev_label(mon->chr));
        mon->dead = true; /* nothing more until the next peer */
        g_string_truncate(mon->output, 0);
        chardev_disconnect(mon->chr);
    }
}

static JsonNode *version_node(void)
{
    JsonObject *o = json_object_new(), *q = json_object_new();

    /* The QEMU whose protocol this is; who it really is stands in "package". */
    json_object_set_int_member(q, "major", 7);
    json_object_set_int_member(q, "minor", 2);
    json_object_set_int_member(q, "micro", 0);
    json_object_set_object_member(o, "qemu", q);
    json_object_set_string_member(o, "package", "kvm-dm " KVM_DM_VERSION);
    return json_node_of_object(o);
}

JsonNode *monitor_version(void)
{
    return version_node();
}

static void greet(struct monitor *mon)
{
    JsonObject *o = json_object_new(), *q = json_object_new();

    json_object_set_member(q, "version", version_node());
    json_object_set_array_member(q, "capabilities", json_array_new());
    json_object_set_object_member(o, "QMP", q);
    send_node(mon, json_node_of_object(o));
}

/* ---- one command ---- */

static void add_id(JsonObject *reply, JsonNode *id)
{
    if (id)
        json_object_set_member(reply, "id", json_node_copy(id));
}

static void send_error(struct monitor *mon, const GError *error, JsonNode *id)
{
    JsonObject *reply = json_object_new(), *e = json_object_new();

    json_object_set_string_member(e, "class", qmp_error_class(error));
    json_object_set_string_member(e, "desc", error->message);
    json_object_set_object_member(reply, "error", e);
    add_id(reply, id);
    send_node(mon, json_node_of_object(reply));
}

/* Members of a command: "execute", "arguments", "id". NULL with error if it is not one. */
static const char *check_envelope(JsonNode *node, JsonNode **arguments, GError **error)
{
    JsonObject *o;
    JsonNode *name;
    GList *members, *m;
    const char *unknown = NULL;

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "QMP input must be a JSON object");
        return NULL;
    }
    o = json_node_get_object(node);
    members = json_object_get_members(o);
    for (m = members; m && !unknown; m = m->next) {
        const char *s = m->data;

        if (strcmp(s, "execute") && strcmp(s, "arguments") && strcmp(s, "id"))
            unknown = s;
    }
    g_list_free(members);
    if (unknown) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "QMP input member '%.60s' is unexpected",
                    unknown);
        return NULL;
    }
    name = json_object_get_member(o, "execute");
    if (!name || json_node_get_value_type(name) != G_TYPE_STRING) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    name ? "QMP input member 'execute' must be a string"
                         : "QMP input lacks member 'execute'");
        return NULL;
    }
    *arguments = json_object_get_member(o, "arguments");
    return json_node_get_string(name);
}

static JsonNode *negotiate(struct monitor *mon, JsonNode *arguments, GError **error)
{
    JsonObject *o = arguments && JSON_NODE_HOLDS_OBJECT(arguments) ? json_node_get_object(arguments)
                                                                    : NULL;
    JsonNode *enable = o ? json_object_get_member(o, "enable") : NULL;

    if (enable && (!JSON_NODE_HOLDS_ARRAY(enable) ||
                   json_array_get_length(json_node_get_array(enable)))) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    "Parameter 'enable': no capability is offered");
        return NULL;
    }
    if (mon->negotiated) {
        g_set_error(error, QMP_ERROR, QMP_COMMAND_NOT_FOUND,
                    "Capabilities negotiation is already complete, command ignored");
        return NULL;
    }
    mon->negotiated = true;
    return NULL;
}

static JsonNode *run(struct monitor *mon, const char *name, JsonNode *arguments, GError **error)
{
    if (!strcmp(name, "qmp_capabilities"))
        return negotiate(mon, arguments, error);
    if (!mon->negotiated) {
        g_set_error(error, QMP_ERROR, QMP_COMMAND_NOT_FOUND,
                    "Expecting capabilities negotiation with 'qmp_capabilities'");
        return NULL;
    }
    return qmp_run(mon->vm, name, arguments, error);
}

static void send_result(struct monitor *mon, JsonNode *result, JsonNode *id)
{
    JsonObject *reply = json_object_new();

    json_object_set_member(reply, "return",
                           result ? result : json_node_of_object(json_object_new()));
    add_id(reply, id);
    send_node(mon, json_node_of_object(reply));
}

/* ---- answers that come later ---- */

struct qmp_later *qmp_defer(void (*cancel)(void *opaque), void *opaque, GError **error)
{
    struct qmp_later *later;

    if (!serving || serving->later) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "there is nobody to wait for the answer");
        return NULL;
    }
    later = g_new0(struct qmp_later, 1);
    later->mon = serving;
    later->id = serving_id ? json_node_copy(serving_id) : NULL;
    later->cancel = cancel;
    later->opaque = opaque;
    serving->later = later;
    return later;
}

static void later_free(struct qmp_later *later)
{
    if (later->id)
        json_node_unref(later->id);
    g_free(later);
}

static gboolean go_on(gpointer opaque);

void qmp_later_answer(struct qmp_later *later, JsonNode *result, const GError *error)
{
    struct monitor *mon = later->mon;

    mon->later = NULL; /* before sending: that may end the connection */
    if (error && result)
        json_node_unref(result);
    if (error)
        send_error(mon, error, later->id);
    else
        send_result(mon, result, later->id);
    later_free(later);
    /* Not from here: the next command may be one that ends what this answer came from. */
    if (!mon->go_on_source)
        mon->go_on_source = g_idle_add(go_on, mon);
}

/* Nobody is there any more to whom it could be said. */
static void cancel_later(struct monitor *mon)
{
    struct qmp_later *later = mon->later;

    if (!later)
        return;
    mon->later = NULL;
    later->cancel(later->opaque);
    later_free(later);
}

int monitor_take_fd(void)
{
    return serving ? chardev_take_fd(serving->chr) : -1;
}

static void serve(struct monitor *mon, const char *text, size_t len)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_read(text, len, &error);
    JsonNode *arguments = NULL, *id = NULL, *result = NULL;
    const char *name = NULL;

    if (node && JSON_NODE_HOLDS_OBJECT(node))
        id = json_object_get_member(json_node_get_object(node), "id");
    if (node)
        name = check_envelope(node, &arguments, &error);
    if (name) {
        serving = mon;
        serving_id = id;
        result = run(mon, name, arguments, &error);
        serving = NULL;
    }
    chardev_drop_fd(mon->chr); /* what a failed command leaves open keeps its peer waiting */
    if (!error && !mon->later) {
        send_result(mon, result, id);
        return;
    }
    if (result)
        json_node_unref(result);
    if (error)
        send_error(mon, error, id);
}

/* ---- input ---- */

static size_t can_receive(void *opaque)
{
    struct monitor *mon = opaque;

    if (mon->later && !mon->dead && mon->input->len < MAX_WAITING_BYTES)
        return READ_BYTES;
    return mon->output->len || mon->input->len || mon->dead ? 0 : READ_BYTES;
}

static void syntax_error(struct monitor *mon, const char *what)
{
    GError error = {QMP_ERROR, QMP_GENERIC_ERROR, (char *)what};

    send_error(mon, &error, NULL);
}

/* Carries out what has come, as long as the peer takes the answers: a few bytes may ask for much. */
static void run_input(struct monitor *mon)
{
    size_t i = 0;

    while (i < mon->input->len && !mon->dead && !mon->output->len && !mon->later) {
        bool again = false;
        enum json_frame frame = json_framer_feed(&mon->framer, mon->input->str[i], &again);

        if (!again)
            i++;
        if (frame == JSON_FRAME_VALUE) {
            g_autofree char *text = g_strndup(mon->framer.text->str, mon->framer.text->len);
            size_t n = mon->framer.text->len;

            json_framer_reset(&mon->framer);
            serve(mon, text, n);
        } else if (frame == JSON_FRAME_ERROR) {
            syntax_error(mon, "JSON parse error: too long, too deep, or not JSON");
        }
    }
    g_string_erase(mon->input, 0, (gssize)MIN(i, mon->input->len)); /* empty: the peer has gone */
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct monitor *mon = opaque;

    g_string_append_len(mon->input, (const char *)buf, (gssize)len);
    run_input(mon);
}

static void event(void *opaque, enum chardev_event what)
{
    struct monitor *mon = opaque;

    if (what == CHARDEV_BREAK || what == CHARDEV_FOCUSED)
        return;
    mon->negotiated = false;
    mon->dead = what == CHARDEV_CLOSED;
    cancel_later(mon);
    g_string_truncate(mon->output, 0);
    g_string_truncate(mon->input, 0);
    json_framer_reset(&mon->framer);
    if (what == CHARDEV_OPENED)
        greet(mon);
}

static void writable(void *opaque)
{
    struct monitor *mon = opaque;

    flush_output(mon);
    run_input(mon);
    if (!mon->output->len)
        chardev_accept_input(mon->chr);
}

static gboolean go_on(gpointer opaque)
{
    struct monitor *mon = opaque;

    mon->go_on_source = 0;
    run_input(mon);
    if (!mon->output->len)
        chardev_accept_input(mon->chr);
    return G_SOURCE_REMOVE;
}

/* ---- life ---- */

struct monitor *monitor_new(struct vm *vm, struct chardev *chr, bool pretty)
{
    static const struct chardev_fe_ops ops = {can_receive, receive, event, writable};
    struct monitor *mon = g_new0(struct monitor, 1);

    mon->vm = vm;
    mon->chr = chr;
    mon->pretty = pretty;
    mon->output = g_string_new(NULL);
    mon->input = g_string_new(NULL);
    json_framer_init(&mon->framer, MAX_COMMAND_BYTES);
    mon->next = monitors;
    monitors = mon;
    chardev_attach(chr, &ops, mon, NULL);
    return mon;
}

void monitor_free(struct monitor *mon)
{
    if (!mon)
        return;
    cancel_later(mon);
    if (mon->go_on_source)
        g_source_remove(mon->go_on_source);
    flush_output(mon);
    chardev_attach(mon->chr, NULL, NULL, NULL);
    for (struct monitor **link = &monitors; *link; link = &(*link)->next) {
        if (*link == mon) {
            *link = mon->next;
            break;
        }
    }
    json_framer_clear(&mon->framer);
    g_string_free(mon->output, TRUE);
    g_string_free(mon->input, TRUE);
    g_free(mon);
}

static JsonNode *event_node(const char *name, JsonNode *data)
{
    JsonObject *o = json_object_new(), *stamp = json_object_new();
    gint64 now = g_get_real_time();

    json_object_set_int_member(stamp, "seconds", now / 1000000);
    json_object_set_int_member(stamp, "microseconds", now % 1000000);
    json_object_set_object_member(o, "timestamp", stamp);
    json_object_set_string_member(o, "event", name);
    if (data)
        json_object_set_member(o, "data", json_node_copy(data));
    return json_node_of_object(o);
}

void monitor_event(struct vm *vm, const char *name, JsonNode *data)
{
    for (struct monitor *mon = monitors, *next; mon; mon = next) {
        next = mon->next;
        if (mon->vm == vm && mon->negotiated)
            send_node(mon, event_node(name, data));
    }
    if (data)
        json_node_unref(data);
}
