/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP's commands about VNC, as QEMU 7.2 has them (docs/interop, "ui" and "VNC"). */
#include <string.h>

#include "dm/json.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_jobs.h"
#include "dm/vm.h"
#include "dm/vnc_display.h"
#include "ui/vnc.h"

#ifdef CONFIG_VNC

/* That of -vnc; NULL: there is none, or it is for the web console alone. */
static struct vnc *listening(void)
{
    struct vnc *vnc = vnc_display();

    return vnc && vnc_server_count(vnc) ? vnc : NULL;
}

static void add_client(void *array, const struct vnc_address *client)
{
    json_array_add_object_element(array, vnc_address_object(client));
}

static JsonArray *client_array(struct vnc *vnc)
{
    JsonArray *array = json_array_new();

    vnc_foreach_client(vnc, add_client, array);
    return array;
}

static JsonNode *query_vnc(struct vm *vm, JsonObject *args, GError **error)
{
    struct vnc *vnc = listening();
    JsonObject *o;

    (void)vm, (void)args, (void)error;
    o = vnc ? vnc_address_object(vnc_server_address(vnc, 0)) : json_object_new();
    json_object_set_boolean_member(o, "enabled", vnc != NULL);
    if (vnc) {
        json_object_remove_member(o, "websocket");
        json_object_set_string_member(o, "auth", vnc_auth_name(vnc));
        json_object_set_array_member(o, "clients", client_array(vnc));
    }
    return json_node_of_object(o);
}

static JsonNode *query_vnc_servers(struct vm *vm, JsonObject *args, GError **error)
{
    struct vnc *vnc = listening();
    JsonArray *array = json_array_new(), *servers = json_array_new();
    JsonObject *o;

    (void)vm, (void)args, (void)error;
    for (unsigned i = 0; vnc && i < vnc_server_count(vnc); i++) {
        JsonObject *server = vnc_address_object(vnc_server_address(vnc, i));

        json_object_set_string_member(server, "auth", vnc_auth_name(vnc));
        json_array_add_object_element(servers, server);
    }
    if (!vnc) {
        json_array_unref(servers);
        return json_node_of_array(array);
    }
    o = json_object_new();
    json_object_set_string_member(o, "id", "default");
    json_object_set_array_member(o, "server", servers);
    json_object_set_array_member(o, "clients", client_array(vnc));
    json_object_set_string_member(o, "auth", vnc_auth_name(vnc));
    json_array_add_object_element(array, o);
    return json_node_of_array(array);
}

/* ---- the password ---- */

/* The server that a command with "protocol" and "display" is about; NULL with error. */
static struct vnc *named_server(JsonObject *args, GError **error)
{
    const char *protocol = qmp_string(args, "protocol"), *display = qmp_string(args, "display");

    if (protocol && strcmp(protocol, "vnc"))
        return qmp_fail(error, "Parameter 'protocol' does not accept value '%.60s': there is vnc",
                        protocol);
    if (display && strcmp(display, "default"))
        return qmp_fail(error, "There is no VNC display '%.60s'; it is called default", display);
    if (!listening())
        return qmp_fail(error, "There is no VNC server (-vnc was not given)");
    return listening();
}

static JsonNode *set_password(struct vm *vm, JsonObject *args, GError **error)
{
    const char *connected = qmp_string(args, "connected");
    struct vnc *vnc = named_server(args, error);

    (void)vm;
    if (!vnc)
        return NULL;
    if (connected && strcmp(connected, "keep"))
        return qmp_fail(error, "Parameter 'connected' must be 'keep' when 'protocol' is 'vnc'");
    if (!vnc_set_password(vnc, qmp_string(args, "password")))
        return qmp_fail(error, "Could not set password: -vnc was given without password=on");
    return qmp_nothing();
}

static JsonNode *change_vnc_password(struct vm *vm, JsonObject *args, GError **error)
{
    return set_password(vm, args, error);
}

/* "now", "never", "+SECONDS" from now, or seconds since 1970. */
static bool parse_time(const char *text, int64_t *time_s)
{
    int64_t now_s = g_get_real_time() / G_USEC_PER_SEC;
    guint64 value;

    if (!strcmp(text, "now")) {
        *time_s = 0;
    } else if (!strcmp(text, "never")) {
        *time_s = INT64_MAX;
    } else {
        if (!g_ascii_string_to_unsigned(text + (*text == '+'), 10, 0, INT64_MAX / 2, &value, NULL))
            return false;
        *time_s = (int64_t)value + (*text == '+' ? now_s : 0);
    }
    return true;
}

static JsonNode *expire_password(struct vm *vm, JsonObject *args, GError **error)
{
    struct vnc *vnc = named_server(args, error);
    int64_t time_s;

    (void)vm;
    if (!vnc)
        return NULL;
    if (!parse_time(qmp_string(args, "time"), &time_s))
        return qmp_fail(error, "Parameter 'time' expects now, never, +SECONDS or SECONDS since 1970");
    if (!vnc_expire_password(vnc, time_s))
        return qmp_fail(error, "Could not set password expire time: -vnc was given without password=on");
    return qmp_nothing();
}

static const struct qmp_arg password_args[] = {
    {"protocol", QMP_STRING, false, NULL}, {"password", QMP_STRING, false, NULL},
    {"connected", QMP_STRING, true, "fail|disconnect|keep"}, {"display", QMP_STRING, true, NULL},
    {NULL, 0, false, NULL},
};
static const struct qmp_arg change_args[] = {
    {"password", QMP_STRING, false, NULL},
    {NULL, 0, false, NULL},
};
static const struct qmp_arg expire_args[] = {
    {"protocol", QMP_STRING, false, NULL}, {"time", QMP_STRING, false, NULL},
    {"display", QMP_STRING, true, NULL},
    {NULL, 0, false, NULL},
};

static const struct qmp_command rows[] = {
    {"query-vnc", query_vnc, NULL, false, false},
    {"query-vnc-servers", query_vnc_servers, NULL, false, false},
    {"set_password", set_password, password_args, false, false},
    {"change-vnc-password", change_vnc_password, change_args, false, false},
    {"expire_password", expire_password, expire_args, false, false},
};
const struct qmp_table qmp_vnc_table = {rows, G_N_ELEMENTS(rows)};

#else

const struct qmp_table qmp_vnc_table = {NULL, 0};

#endif
