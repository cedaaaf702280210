/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: descriptors passed over the monitor's socket, by name (getfd) or in sets (add-fd, host/fdset.h). */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dm/fds.h"
#include "dm/json.h"
#include "dm/monitor/monitor.h"
#include "dm/monitor/qmp.h"
#include "host/fdset.h"

#define MAX_NAMED 256
#define MAX_NAME_BYTES 256

/* char * -> descriptor; the process's, as the descriptors are. */
static GHashTable *named;

static void close_value(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

int fds_take(const char *name)
{
    gpointer key, fd;

    if (!named || !g_hash_table_steal_extended(named, name, &key, &fd))
        return -1;
    g_free(key);
    return GPOINTER_TO_INT(fd);
}

void fds_close_all(void)
{
    if (named)
        g_hash_table_unref(named);
    named = NULL;
    fdset_close_all();
}

/* The descriptor that came with this command; -1 with error. */
static int passed_fd(GError **error)
{
    int fd = monitor_take_fd();

    if (fd < 0)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "No file descriptor supplied via SCM_RIGHTS");
    return fd;
}

static JsonNode *getfd(struct vm *vm, JsonObject *args, GError **error)
{
    const char *name = json_object_get_string_member(args, "fdname");
    int fd = passed_fd(error);

    (void)vm;
    if (fd < 0)
        return NULL;
    if (!named)
        named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_value);
    if (!*name || g_ascii_isdigit(*name) || strlen(name) > MAX_NAME_BYTES)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    "Parameter 'fdname' expects a name not starting with a digit");
    else if (g_hash_table_size(named) >= MAX_NAMED && !g_hash_table_contains(named, name))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "%d descriptors have names already", MAX_NAMED);
    else
        return g_hash_table_replace(named, g_strdup(name), GINT_TO_POINTER(fd)), NULL;
    close(fd);
    return NULL;
}

static JsonNode *closefd(struct vm *vm, JsonObject *args, GError **error)
{
    const char *name = json_object_get_string_member(args, "fdname");
    int fd = fds_take(name);

    (void)vm;
    if (fd < 0)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "File descriptor named '%.60s' not found", name);
    else
        close(fd);
    return NULL;
}

static JsonNode *add_fd(struct vm *vm, JsonObject *args, GError **error)
{
    gint64 wanted = json_object_get_int_member_with_default(args, "fdset-id", -1);
    const char *text = json_object_get_string_member_with_default(args, "opaque", NULL);
    int fd = passed_fd(error), set;
    JsonObject *o;

    (void)vm;
    if (fd < 0)
        return NULL;
    if (json_object_has_member(args, "fdset-id") && (wanted < 0 || wanted > G_MAXINT)) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    "Parameter 'fdset-id' expects a non-negative value");
        close(fd);
        return NULL;
    }
    set = fdset_add((int)wanted, fd, text);
    if (set < 0) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "cannot add it: %s", g_strerror(errno));
        close(fd);
        return NULL;
    }
    o = json_object_new();
    json_object_set_int_member(o, "fdset-id", set);
    json_object_set_int_member(o, "fd", fd);
    return json_node_of_object(o);
}

static JsonNode *remove_fd(struct vm *vm, JsonObject *args, GError **error)
{
    gint64 set = json_object_get_int_member(args, "fdset-id");
    gint64 fd = json_object_get_int_member_with_default(args, "fd", -1);

    (void)vm;
    if (set < 0 || set > G_MAXINT || fd < -1 || fd > G_MAXINT || !fdset_remove((int)set, (int)fd))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR,
                    "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found", set);
    return NULL;
}

/* The set's object in the list, made when it first comes up. */
static JsonArray *fds_of(JsonArray *list, int set)
{
    JsonObject *o;
    JsonArray *fds;

    for (guint i = 0; i < json_array_get_length(list); i++) {
        o = json_array_get_object_element(list, i);
        if (json_object_get_int_member(o, "fdset-id") == set)
            return json_object_get_array_member(o, "fds");
    }
    o = json_object_new();
    fds = json_array_new();
    json_object_set_int_member(o, "fdset-id", set);
    json_object_set_array_member(o, "fds", fds);
    json_array_add_object_element(list, o);
    return fds;
}

static void add_entry(void *opaque, int set, int fd, const char *text)
{
    JsonObject *o = json_object_new();

    json_object_set_int_member(o, "fd", fd);
    if (text)
        json_object_set_string_member(o, "opaque", text);
    json_array_add_object_element(fds_of(opaque, set), o);
}

static JsonNode *query_fdsets(struct vm *vm, JsonObject *args, GError **error)
{
    JsonArray *list = json_array_new();

    (void)vm, (void)args, (void)error;
    fdset_foreach(add_entry, list);
    return json_node_of_array(list);
}

static const struct qmp_arg name_args[] = {{"fdname", QMP_STRING, false, NULL}, {0}};
static const struct qmp_arg add_args[] = {{"fdset-id", QMP_INT, true, NULL},
                                          {"opaque", QMP_STRING, true, NULL},
                                          {0}};
static const struct qmp_arg remove_args[] = {{"fdset-id", QMP_INT, false, NULL},
                                             {"fd", QMP_INT, true, NULL},
                                             {0}};

static const struct qmp_command rows[] = {
    {"getfd", getfd, name_args, false, false},
    {"closefd", closefd, name_args, false, false},
    {"add-fd", add_fd, add_args, false, false},
    {"remove-fd", remove_fd, remove_args, false, false},
    {"query-fdsets", query_fdsets, NULL, false, false},
};
const struct qmp_table qmp_fds_table = {rows, G_N_ELEMENTS(rows)};
