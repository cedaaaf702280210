/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "dm/json.h"

#define MAX_VALUE_BYTES (16u * 1024 * 1024)
#define MAX_EVENTS 4096u
#define READ_BYTES 65536u

struct client {
    int fd;
    struct json_framer framer;
    char buffer[READ_BYTES];
    size_t at, len; /* of what was read and not yet taken */
    GQueue events;  /* JsonObject * */
    JsonNode *greeting;
    gint64 last_id;
    void (*watch)(void *opaque, JsonObject *event);
    void *watch_opaque;
};

/* ---- bytes, with a limit of time ---- */

static gint64 deadline_of(double limit_s)
{
    return g_get_monotonic_time() + (gint64)(limit_s * 1e6);
}

/* Waits until the socket is ready; false with CTL_TIMEOUT. */
static bool wait_ready(struct client *c, short what, gint64 deadline, GError **error)
{
    struct pollfd p = {c->fd, what, 0};

    for (;;) {
        gint64 left = deadline - g_get_monotonic_time();
        int n = poll(&p, 1, (int)CLAMP(left / 1000 + 1, 0, 1000 * 1000));

        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return ctl_fail(error, CTL_NO_VM, "poll: %s", g_strerror(errno));
        /* A signal comes back as if time were up: who handles one looks why. */
        if (n < 0 || left <= 0)
            return ctl_fail(error, CTL_TIMEOUT, "no answer in time");
    }
}

static bool lost(GError **error)
{
    return ctl_fail(error, CTL_NO_VM, "the VM has closed the connection");
}

static bool fill(struct client *c, gint64 deadline, GError **error)
{
    ssize_t n;

    do {
        if (!wait_ready(c, POLLIN, deadline, error))
            return false;
        n = recv(c->fd, c->buffer, sizeof(c->buffer), 0);
    } while (n < 0 && (errno == EAGAIN || errno == EINTR));
    if (n <= 0)
        return lost(error);
    c->at = 0;
    c->len = (size_t)n;
    return true;
}

static bool send_all(struct client *c, const char *text, size_t len, gint64 deadline, GError **error)
{
    while (len) {
        ssize_t n = send(c->fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            if (!wait_ready(c, POLLOUT, deadline, error))
                return false;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lost(error);
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* ---- values ---- */

/* The next JSON object that the peer sends. */
static JsonNode *read_value(struct client *c, gint64 deadline, GError **error)
{
    for (;;) {
        while (c->at < c->len) {
            bool again = false;
            enum json_frame frame = json_framer_feed(&c->framer, c->buffer[c->at], &again);
            JsonNode *node;

            c->at += !again;
            if (frame == JSON_FRAME_MORE)
                continue;
            node = frame == JSON_FRAME_VALUE
                       ? json_read(c->framer.text->str, c->framer.text->len, NULL) : NULL;
            json_framer_reset(&c->framer);
            if (node && JSON_NODE_HOLDS_OBJECT(node))
                return node;
            g_clear_pointer(&node, json_node_unref);
            ctl_fail(error, CTL_NO_VM, "what answers there does not speak QMP");
            return NULL;
        }
        if (!fill(c, deadline, error))
            return NULL;
    }
}

static void keep_event(struct client *c, JsonObject *event)
{
    if (c->events.length >= MAX_EVENTS)
        json_object_unref(g_queue_pop_head(&c->events));
    g_queue_push_tail(&c->events, json_object_ref(event));
}

static enum ctl_exit exit_of_class(const char *class)
{
    if (!g_strcmp0(class, "CommandNotFound"))
        return CTL_UNSUPPORTED;
    if (!g_strcmp0(class, "DeviceNotFound") || !g_strcmp0(class, "DeviceNotActive"))
        return CTL_NOT_FOUND;
    return CTL_REFUSED;
}

static void refused(struct client *c, const char *command, JsonObject *e, GError **error)
{
    enum ctl_exit code = exit_of_class(json_str(e, "class"));
    const char *desc = json_str(e, "desc"), *package = NULL;

    if (code == CTL_UNSUPPORTED && client_version(c))
        package = json_str(client_version(c), "package");
    if (code == CTL_UNSUPPORTED)
        ctl_fail(error, code, "the VM's program (%s) does not have the command '%s'",
                 package && *package ? package : "no kvm-dm", command);
    else
        ctl_fail(error, code, "%s", desc ? desc : "refused");
}

/* Reads until the answer with this id; what comes before it are events. */
static JsonNode *read_answer(struct client *c, const char *command, gint64 deadline, GError **error)
{
    for (;;) {
        g_autoptr(JsonNode) node = read_value(c, deadline, error);
        JsonObject *o;
        JsonNode *value;

        if (!node)
            return NULL;
        o = json_node_get_object(node);
        if (json_str(o, "event")) {
            if (c->watch)
                c->watch(c->watch_opaque, o);
            keep_event(c, o);
            continue;
        }
        if (json_num(o, "id") != c->last_id)
            continue; /* of a command that was given up */
        value = json_object_get_member(o, "return");
        if (value)
            return json_node_copy(value);
        refused(c, command, json_obj(o, "error"), error);
        return NULL;
    }
}

JsonNode *client_call(struct client *c, const char *command, JsonObject *args, double limit_s,
                      GError **error)
{
    gint64 deadline = deadline_of(limit_s);
    g_autoptr(JsonObject) request = json_object_new();
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    g_autofree char *text = NULL, *line = NULL;

    json_object_set_string_member(request, "execute", command);
    if (args)
        json_object_set_object_member(request, "arguments", args);
    json_object_set_int_member(request, "id", ++c->last_id);
    json_node_set_object(node, request);
    text = json_write(node, false);
    line = g_strconcat(text, "\n", NULL);
    if (!send_all(c, line, strlen(line), deadline, error))
        return NULL;
    return read_answer(c, command, deadline, error);
}

void client_watch(struct client *c, void (*fn)(void *opaque, JsonObject *event), void *opaque)
{
    c->watch = fn;
    c->watch_opaque = opaque;
}

JsonObject *client_event(struct client *c, double limit_s, GError **error)
{
    gint64 deadline = deadline_of(limit_s);

    while (!c->events.length) {
        g_autoptr(JsonNode) node = read_value(c, deadline, error);

        if (!node)
            return NULL;
        if (json_str(json_node_get_object(node), "event"))
            keep_event(c, json_node_get_object(node));
    }
    return g_queue_pop_head(&c->events);
}

JsonObject *client_version(struct client *c)
{
    return json_obj(json_obj(json_node_get_object(c->greeting), "QMP"), "version");
}

/* ---- connecting ---- */

static bool connect_to(struct client *c, const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return ctl_fail(error, CTL_USAGE, "%s: longer than a socket's name may be", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return ctl_fail(error, CTL_NO_VM, "socket: %s", g_strerror(errno));
    if (!connect(c->fd, (struct sockaddr *)&address, sizeof(address)))
        return true;
    if (errno == ENOENT)
        return ctl_fail(error, CTL_NO_VM, "%s: there is no such socket", path);
    if (errno == ECONNREFUSED)
        return ctl_fail(error, CTL_NO_VM, "%s: no VM is running there", path);
    if (errno == EAGAIN)
        return ctl_fail(error, CTL_NO_VM, "%s: too many programs wait for this monitor", path);
    return ctl_fail(error, CTL_NO_VM, "%s: %s", path, g_strerror(errno));
}

static bool negotiate(struct client *c, const char *path, double limit_s, GError **error)
{
    g_autoptr(JsonNode) answer = NULL;

    c->greeting = read_value(c, deadline_of(limit_s), error);
    if (!c->greeting && error && (*error)->code == CTL_TIMEOUT) {
        /* A monitor serves one peer at a time; the next waits until the first has gone. */
        g_clear_error(error);
        return ctl_fail(error, CTL_NO_VM, "%s: no greeting within %g s: another program is connected "
                        "to this monitor, or it does not speak QMP (-qmp)", path, limit_s);
    }
    if (!c->greeting)
        return false;
    if (!json_obj(json_node_get_object(c->greeting), "QMP"))
        return ctl_fail(error, CTL_NO_VM, "%s: what answers there does not speak QMP", path);
    answer = client_call(c, "qmp_capabilities", NULL, limit_s, error);
    return answer != NULL;
}

struct client *client_open(const char *path, double limit_s, GError **error)
{
    struct client *c = g_new0(struct client, 1);

    c->fd = -1;
    g_queue_init(&c->events);
    json_framer_init(&c->framer, MAX_VALUE_BYTES);
    if (connect_to(c, path, error) && negotiate(c, path, limit_s, error))
        return c;
    client_close(c);
    return NULL;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    while (c->events.length)
        json_object_unref(g_queue_pop_head(&c->events));
    g_clear_pointer(&c->greeting, json_node_unref);
    json_framer_clear(&c->framer);
    g_free(c);
}
