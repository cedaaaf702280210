/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character back ends of a running VM: chardev-add, chardev-remove, chardev-change, chardev-send-break. QAPI nests what
 * the command line has flat ({"addr": {"type": "unix", "data": {"path": P}}} is path=P); a table per back end says so.
 */
#include <string.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "dm/backends.h"
#include "dm/config/options.h"
#include "dm/fds.h"
#include "dm/json.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_chardev.h"
#include "dm/vm_build.h"

/* ---- QAPI's words for the options of -chardev ---- */

struct renaming {
    const char *member; /* joined with dots; NULL ends the table */
    const char *option; /* NULL: it must have the value `must` */
    const char *must;
};

static const struct renaming file_members[] = {{"out", "path", NULL}, {"append", "append", NULL}, {0}};
static const struct renaming pipe_members[] = {{"device", "path", NULL}, {0}};
static const struct renaming stdio_members[] = {{"signal", "signal", NULL}, {0}};
static const struct renaming ringbuf_members[] = {{"size", "size", NULL}, {0}};
static const struct renaming no_members[] = {{0}};
static const struct renaming udp_members[] = {{"remote.type", NULL, "inet"}, {"remote.data.host", "host", NULL},
                                              {"remote.data.port", "port", NULL}, {"remote.data.ipv4", "ipv4", NULL},
                                              {"remote.data.ipv6", "ipv6", NULL}, {"local.type", NULL, "inet"},
                                              {"local.data.host", "localaddr", NULL},
                                              {"local.data.port", "localport", NULL}, {0}};
/* addr.type is looked at before. */
static const struct renaming socket_members[] = {{"addr.data.path", "path", NULL}, {"addr.data.host", "host", NULL},
                                                 {"addr.data.port", "port", NULL}, {"addr.data.ipv4", "ipv4", NULL},
                                                 {"addr.data.ipv6", "ipv6", NULL}, {"addr.data.str", "fd", NULL},
                                                 {"server", "server", NULL}, {"wait", NULL, "off"},
                                                 {"nodelay", "nodelay", NULL}, {"telnet", "telnet", NULL},
                                                 {"reconnect", "reconnect", NULL}, {"backlog", "backlog", NULL}, {0}};

static const struct {
    const char *type, *backend;
    const struct renaming *members;
} kinds[] = {
    {"file", "file", file_members},       {"pipe", "pipe", pipe_members},   {"stdio", "stdio", stdio_members},
    {"ringbuf", "ringbuf", ringbuf_members}, {"memory", "ringbuf", ringbuf_members}, {"null", "null", no_members},
    {"pty", "pty", no_members},           {"udp", "udp", udp_members},      {"socket", "socket", socket_members},
};

static const struct renaming *find_renaming(const struct renaming *rows, const char *member)
{
    for (; rows->member; rows++) {
        if (!strcmp(rows->member, member))
            return rows;
    }
    return NULL;
}

static bool is_common(const char *name)
{
    for (const struct chardev_option *o = chardev_common_options(); o->name; o++) {
        if (!strcmp(o->name, name))
            return true;
    }
    return false;
}

/* Renames the pairs in place; what only confirms how things are goes. False with error. */
static bool rename_pairs(GPtrArray *pairs, const struct renaming *rows, GError **error)
{
    for (guint i = pairs->len; i-- > 0;) {
        struct opt_pair *p = g_ptr_array_index(pairs, i);
        const struct renaming *r = find_renaming(rows, p->name);

        if (!r && is_common(p->name))
            continue;
        if (!r)
            return opt_error(error, "Parameter 'backend.data.%s' is unexpected", p->name);
        if (!r->option && strcmp(p->value ? p->value : "on", r->must))
            return opt_error(error, "backend.data.%s: only %s works in a running VM", p->name, r->must);
        if (r->option) {
            g_free(p->name);
            p->name = g_strdup(r->option);
        } else {
            g_ptr_array_remove_index(pairs, i);
        }
    }
    return true;
}

static void add_pair(GPtrArray *pairs, const char *name, const char *value)
{
    struct opt_pair *p = g_new0(struct opt_pair, 1);

    p->name = g_strdup(name);
    p->value = g_strdup(value);
    g_ptr_array_add(pairs, p);
}

/* What a socket is bound or connected to, and QAPI's defaults, which are not those of -chardev. */
static bool prepare_socket(GPtrArray *pairs, int *taken, GError **error)
{
    g_autofree char *type = opt_pairs_steal(pairs, "addr.type"), *fd = opt_pairs_steal(pairs, "addr.data.str");
    g_autofree char *server = opt_pairs_steal(pairs, "server");

    if (!type || !opt_word_among("unix|inet|fd", type))
        return opt_error(error, "backend.data.addr.type is one of unix, inet, fd");
    if (fd) {
        g_autofree char *number = NULL;

        *taken = fds_take(fd);
        if (*taken < 0)
            return opt_error(error, "File descriptor named '%s' not found", fd);
        number = g_strdup_printf("%d", *taken);
        add_pair(pairs, "addr.data.str", number);
    }
    add_pair(pairs, "server", server ? server : "on");
    return true;
}

/* ---- opening ---- */

struct search {
    const char *label;
    struct chardev *found;
};

static void compare(void *opaque, struct chardev *chr)
{
    struct search *s = opaque;

    if (!s->found && !strcmp(chardev_label(chr), s->label))
        s->found = chr;
}

struct chardev *qmp_find_chardev(struct vm *vm, const char *label)
{
    struct search s = {label, NULL};

    backends_foreach_chardev(vm_backends(vm), compare, &s);
    return s.found;
}

/*
 * Checks pairs as of -chardev, without id and back end. In a running VM nobody is waited for. `instead_of`: the one that
 * has the name and will go; NULL: none may have it. NULL with error.
 */
static GHashTable *check_pairs(struct vm *vm, const char *backend, const char *id, GPtrArray *pairs,
                               const struct chardev *instead_of, GError **error)
{
    GHashTable *opts = NULL;

    if (qmp_find_chardev(vm, id) != instead_of)
        return opt_error(error, "Chardev with id '%s' already exists", id), NULL;
    if (!strcmp(backend, "vc"))
        return opt_error(error, "chardev-add: a console in the display is made at the start only"), NULL;
    if (!strcmp(backend, "socket"))
        add_pair(pairs, "wait", "off");
    return chardev_check_pairs(backend, pairs, &opts, error) ? opts : NULL;
}

static struct chardev *open_checked(struct vm *vm, const char *backend, const char *id, GHashTable *opts, GError **error)
{
    struct chardev *chr = chardev_open(backend, id, opts, error);

    if (chr)
        backends_add_chardev(vm_backends(vm), chr);
    return chr;
}

static const struct qmp_arg backend_members[] = {{"type", QMP_STRING, false, NULL},
                                                 {"data", QMP_OBJECT, true, NULL},
                                                 {0}};

/* The options of -chardev for a QAPI back end; *taken: a descriptor that is among them, or -1. NULL with error. */
static GHashTable *options_of(struct vm *vm, const char *id, unsigned kind, JsonObject *data,
                              const struct chardev *instead_of, int *taken, GError **error)
{
    g_autoptr(JsonObject) empty = json_object_new();
    g_autoptr(GPtrArray) pairs = opt_pairs_from_object("backend.data", data ? data : empty, error);

    if (!pairs || (!strcmp(kinds[kind].type, "socket") && !prepare_socket(pairs, taken, error)) ||
        !rename_pairs(pairs, kinds[kind].members, error))
        return NULL;
    return check_pairs(vm, kinds[kind].backend, id, pairs, instead_of, error);
}

static struct chardev *open_backend(struct vm *vm, const char *id, JsonObject *backend,
                                    const struct chardev *instead_of, GError **error)
{
    g_autoptr(GHashTable) opts = NULL;
    struct chardev *chr = NULL;
    JsonObject *data;
    const char *type;
    unsigned kind = 0;
    int taken = -1;

    if (!opt_check_id("chardev-add", id, error) || !qmp_check_args(backend_members, backend, error))
        return NULL;
    type = json_object_get_string_member(backend, "type");
    data = json_object_has_member(backend, "data") ? json_object_get_object_member(backend, "data") : NULL;
    while (kind < G_N_ELEMENTS(kinds) && strcmp(kinds[kind].type, type))
        kind++;
    if (kind == G_N_ELEMENTS(kinds))
        return opt_error(error, "chardev-add: back end '%s' is not supported", type), NULL;
    opts = options_of(vm, id, kind, data, instead_of, &taken, error);
    if (opts && taken >= 0 && g_hash_table_contains(opts, "logfile")) /* whose it is when that fails would not be clear */
        opt_error(error, "chardev-add: no logfile with a descriptor in a running VM");
    else if (opts)
        chr = open_checked(vm, kinds[kind].backend, id, opts, error);
    if (!chr && taken >= 0)
        close(taken); /* one that is refused stays ours */
    return chr;
}

static JsonNode *pty_answer(struct chardev *chr)
{
    JsonObject *o = json_object_new();

    if (g_str_has_prefix(chardev_filename(chr), "pty:"))
        json_object_set_string_member(o, "pty", chardev_filename(chr) + strlen("pty:"));
    return json_node_of_object(o);
}

static JsonNode *chardev_add(struct vm *vm, JsonObject *args, GError **error)
{
    struct chardev *chr = open_backend(vm, json_object_get_string_member(args, "id"),
                                       json_object_get_object_member(args, "backend"), NULL, error);

    return chr ? pty_answer(chr) : NULL;
}

/* "socket,id=x,path=..." */
struct chardev *qmp_chardev_add_text(struct vm *vm, const char *text, GError **error)
{
    g_autoptr(GPtrArray) pairs = opt_pairs_from_text("chardev-add", text, "backend", error);
    g_autofree char *backend = pairs ? opt_pairs_steal(pairs, "backend") : NULL;
    g_autofree char *id = pairs ? opt_pairs_steal(pairs, "id") : NULL;
    g_autoptr(GHashTable) opts = NULL;

    if (!pairs || !opt_check_id("chardev-add", id ? id : "", error))
        return NULL;
    opts = check_pairs(vm, backend ? backend : "", id, pairs, NULL, error);
    return opts ? open_checked(vm, backend, id, opts, error) : NULL;
}

/* ---- the others ---- */

static struct chardev *find(struct vm *vm, JsonObject *args, GError **error)
{
    const char *id = json_object_get_string_member(args, "id");
    struct chardev *chr = qmp_find_chardev(vm, id);

    if (!chr)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Chardev '%.60s' not found", id);
    return chr;
}

static JsonNode *chardev_remove(struct vm *vm, JsonObject *args, GError **error)
{
    struct chardev *chr = find(vm, args, error);

    if (chr && chardev_in_use(chr))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Chardev '%s' is busy", chardev_label(chr));
    else if (chr)
        backends_remove_chardev(vm_backends(vm), chr);
    return NULL;
}

/*
 * A device or monitor keeps the back end that it was made with. One that nobody uses is replaced, and stays if the new one
 * cannot be opened, unless both need the same thing.
 */
static JsonNode *chardev_change(struct vm *vm, JsonObject *args, GError **error)
{
    struct chardev *chr = find(vm, args, error), *changed;

    if (chr && chardev_in_use(chr))
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Chardev '%s': its user does not support another back end",
                    chardev_label(chr));
    if (!chr || chardev_in_use(chr))
        return NULL;
    changed = open_backend(vm, chardev_label(chr), json_object_get_object_member(args, "backend"), chr, error);
    if (!changed)
        return NULL;
    backends_remove_chardev(vm_backends(vm), chr);
    return pty_answer(changed);
}

static JsonNode *send_break(struct vm *vm, JsonObject *args, GError **error)
{
    struct chardev *chr = find(vm, args, error);

    if (chr)
        chardev_tell_break(chr);
    return NULL;
}

static const struct qmp_arg add_args[] = {{"id", QMP_STRING, false, NULL}, {"backend", QMP_OBJECT, false, NULL}, {0}};
static const struct qmp_arg id_args[] = {{"id", QMP_STRING, false, NULL}, {0}};

static const struct qmp_command rows[] = {
    {"chardev-add", chardev_add, add_args, false, false},
    {"chardev-change", chardev_change, add_args, false, false},
    {"chardev-remove", chardev_remove, id_args, false, false},
    {"chardev-send-break", send_break, id_args, false, false},
};
const struct qmp_table qmp_chardev_add_table = {rows, G_N_ELEMENTS(rows)};
