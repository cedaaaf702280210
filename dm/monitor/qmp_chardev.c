/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: ringbuf-read, ringbuf-write, chardev-reopen-logs; events CHARDEV_DROPPED and VSERPORT_CHANGE. */
#include <string.h>

#include "chardev/chardev_backends.h"
#include "dm/backends.h"
#include "dm/json.h"
#include "dm/monitor/monitor.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_chardev.h"
#include "dm/vm_build.h"

#define MAX_READ_BYTES (1u << 20) /* of one answer */

static struct chardev *ringbuf_of(struct vm *vm, JsonObject *args, GError **error)
{
    const char *label = json_object_get_string_member(args, "device");
    struct chardev *found = qmp_find_chardev(vm, label);

    if (!found)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Device '%s' not found", label);
    else if (!chardev_is_ringbuf(found))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "%s is not a ringbuf device", label);
    else
        return found;
    return NULL;
}

static bool wants_base64(JsonObject *args)
{
    return !strcmp(json_object_get_string_member_with_default(args, "format", "utf8"), "base64");
}

/* JSON holds no bytes that are no text: those, and NUL, become U+FFFD unless base64 is asked for. */
static JsonNode *ringbuf_read(struct vm *vm, JsonObject *args, GError **error)
{
    struct chardev *chr = ringbuf_of(vm, args, error);
    gint64 size = json_object_get_int_member(args, "size");
    g_autofree char *text = NULL;
    g_autofree uint8_t *data = NULL;
    size_t n;

    if (!chr)
        return NULL;
    if (size <= 0) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "size must be greater than zero");
        return NULL;
    }
    n = MIN(MIN((guint64)size, MAX_READ_BYTES), chardev_ringbuf_used(chr));
    data = g_malloc(n + 1);
    n = chardev_ringbuf_take(chr, data, n);
    text = wants_base64(args) ? g_base64_encode(data, n) : g_utf8_make_valid((const char *)data, (gssize)n);
    return json_node_of_string(text);
}

/* g_base64_decode() passes over what does not belong there. */
static bool is_base64(const char *text)
{
    size_t body = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = strspn(text + body, "=");

    return !text[body + padding] && padding <= 2 && (body + padding) % 4 == 0;
}

static JsonNode *ringbuf_write(struct vm *vm, JsonObject *args, GError **error)
{
    struct chardev *chr = ringbuf_of(vm, args, error);
    const char *text = json_object_get_string_member(args, "data");
    g_autofree guchar *data = NULL;
    gsize n = 0;

    if (!chr)
        return NULL;
    if (!wants_base64(args)) {
        chardev_write(chr, text, strlen(text));
        return NULL;
    }
    if (!is_base64(text)) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "data is not valid base64");
        return NULL;
    }
    data = g_base64_decode(text, &n);
    chardev_write(chr, data, n);
    return NULL;
}

/* ---- logs ---- */

static JsonNode *reopen_logs(struct vm *vm, JsonObject *args, GError **error)
{
    (void)vm, (void)args;
    if (!chardev_reopen_logs(false))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "a log cannot be opened anew, and the old one goes on");
    return NULL;
}

static void bytes_lost(void *opaque, struct chardev *chr, uint64_t bytes)
{
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "id", chardev_label(chr));
    json_object_set_int_member(data, "bytes", (gint64)bytes);
    json_object_set_int_member(data, "dropped", (gint64)chardev_dropped(chr));
    monitor_event(opaque, "CHARDEV_DROPPED", json_node_of_object(data));
}

void qmp_port_changed(struct vm *vm, const char *id, bool open)
{
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "id", id);
    json_object_set_boolean_member(data, "open", open);
    monitor_event(vm, "VSERPORT_CHANGE", json_node_of_object(data));
}

void qmp_chardev_follow(struct vm *vm)
{
    chardev_set_lost_hook(bytes_lost, vm);
}

static const struct qmp_arg read_args[] = {{"device", QMP_STRING, false, NULL},
                                           {"size", QMP_INT, false, NULL},
                                           {"format", QMP_STRING, true, "utf8|base64"},
                                           {0}};
static const struct qmp_arg write_args[] = {{"device", QMP_STRING, false, NULL},
                                            {"data", QMP_STRING, false, NULL},
                                            {"format", QMP_STRING, true, "utf8|base64"},
                                            {0}};

static const struct qmp_command rows[] = {
    {"ringbuf-read", ringbuf_read, read_args, false, false},
    {"ringbuf-write", ringbuf_write, write_args, false, false},
    {"chardev-reopen-logs", reopen_logs, NULL, false, false},
};
const struct qmp_table qmp_chardev_table = {rows, G_N_ELEMENTS(rows)};
