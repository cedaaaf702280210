/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/monitor/hmp.h"

#include <string.h>

#include "dm/json.h"
#include "dm/config/optlist.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_chardev.h"
#include "dm/monitor/qmp_hotplug.h"
#include "dm/monitor/qmp_net.h"
#include "dm/vcpu.h"
#include "dm/vm_build.h"

#define MAX_WORDS 32
#define MAX_KEYS 16

/* ---- running QMP's commands ---- */

JsonNode *hmp_qmp(struct hmp *h, const char *name, JsonObject *args)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) arguments = args ? json_node_of_object(args) : NULL;
    JsonNode *result = qmp_run(h->vm, name, arguments, &error);

    if (error) {
        if (result)
            json_node_unref(result);
        g_string_append_printf(h->out, "Error: %s\n", error->message);
        return NULL;
    }
    return result ? result : json_node_of_object(json_object_new());
}

void hmp_do(struct hmp *h, const char *name, JsonObject *args)
{
    JsonNode *result = hmp_qmp(h, name, args);

    if (result)
        json_node_unref(result);
}

static JsonObject *object_of(const char *name, const char *value)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, name, value);
    return o;
}

/* ---- commands ---- */

static void do_stop(struct hmp *h) { hmp_do(h, "stop", NULL); }
static void do_cont(struct hmp *h) { hmp_do(h, "cont", NULL); }
static void do_reset(struct hmp *h) { hmp_do(h, "system_reset", NULL); }
static void do_powerdown(struct hmp *h) { hmp_do(h, "system_powerdown", NULL); }
static void do_quit(struct hmp *h) { hmp_do(h, "quit", NULL); }
static void do_nmi(struct hmp *h) { hmp_do(h, "inject-nmi", NULL); }

static void do_screendump(struct hmp *h)
{
    JsonObject *args = object_of("filename", h->argv[1]);

    if (h->argc > 3 && !strcmp(h->argv[2], "-f"))
        json_object_set_string_member(args, "format", h->argv[3]);
    else if (h->argc > 2) {
        json_object_unref(args);
        g_string_append(h->out, "Error: screendump FILE [-f ppm|png]\n");
        return;
    }
    hmp_do(h, "screendump", args);
}

bool hmp_on_off(struct hmp *h, const char *word, bool *on)
{
    *on = !strcmp(word, "on");
    if (!*on && strcmp(word, "off"))
        g_string_append(h->out, "Expected 'on' or 'off'\n");
    return *on || !strcmp(word, "off");
}

bool hmp_number(struct hmp *h, const char *word, uint64_t *value)
{
    char *end;

    *value = g_ascii_isdigit(*word) ? g_ascii_strtoull(word, &end, 0) : 0;
    if (g_ascii_isdigit(*word) && !*end)
        return true;
    g_string_append_printf(h->out, "Error: '%s' is not a number\n", word);
    return false;
}

/* "ctrl-alt-f1", "0x1d": names of QKeyCode, or numbers. */
static void do_sendkey(struct hmp *h)
{
    g_auto(GStrv) words = g_strsplit(h->argv[1], "-", MAX_KEYS);
    JsonObject *args = json_object_new();
    JsonArray *keys = json_array_new();
    uint64_t hold_ms = 0;

    for (char **w = words; *w; w++) {
        JsonObject *key = json_object_new();
        bool number = g_str_has_prefix(*w, "0x");

        json_object_set_string_member(key, "type", number ? "number" : "qcode");
        if (number)
            json_object_set_int_member(key, "data", (gint64)g_ascii_strtoull(*w, NULL, 16));
        else
            json_object_set_string_member(key, "data", strcmp(*w, "enter") ? *w : "ret");
        json_array_add_object_element(keys, key);
    }
    json_object_set_array_member(args, "keys", keys);
    if (h->argc > 2 && !hmp_number(h, h->argv[2], &hold_ms)) {
        json_object_unref(args);
        return;
    }
    if (h->argc > 2)
        json_object_set_int_member(args, "hold-time", (gint64)MIN(hold_ms, G_MAXINT64));
    hmp_do(h, "send-key", args);
}

static void do_eject(struct hmp *h)
{
    bool force = !strcmp(h->argv[1], "-f");
    JsonObject *args;

    if (force && h->argc < 3) {
        g_string_append(h->out, "Error: eject [-f] DEVICE\n");
        return;
    }
    args = object_of("device", h->argv[force ? 2 : 1]);
    json_object_set_boolean_member(args, "force", force);
    hmp_do(h, "eject", args);
}

static void do_change(struct hmp *h)
{
    JsonObject *args;

    if (!strcmp(h->argv[1], "vnc")) {
        if (h->argc == 4 && (!strcmp(h->argv[2], "password") || !strcmp(h->argv[2], "passwd")))
            hmp_do(h, "change-vnc-password", object_of("password", h->argv[3]));
        else
            g_string_append(h->out, "Error: change vnc password PASSWORD\n");
        return;
    }
    args = object_of("device", h->argv[1]);
    json_object_set_string_member(args, "filename", h->argv[2]);
    if (h->argc > 3)
        json_object_set_string_member(args, "format", h->argv[3]);
    if (h->argc > 4)
        json_object_set_string_member(args, "read-only-mode", h->argv[4]);
    hmp_do(h, "blockdev-change-medium", args);
}

static void do_set_link(struct hmp *h)
{
    JsonObject *args;
    bool up;

    if (!hmp_on_off(h, h->argv[2], &up))
        return;
    args = object_of("name", h->argv[1]);
    json_object_set_boolean_member(args, "up", up);
    hmp_do(h, "set_link", args);
}

/* "e1000,id=net1,netdev=n1"; its first word is the value of `implied`. */
static void add_by_options(struct hmp *h, const char *implied,
                           void (*add)(struct vm *vm, GPtrArray *pairs, GError **error))
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pairs = opt_pairs_from_text(h->argv[0], h->argv[1], implied, &error);

    if (pairs)
        add(h->vm, pairs, &error);
    if (error)
        g_string_append_printf(h->out, "Error: %s\n", error->message);
}

static void do_device_add(struct hmp *h) { add_by_options(h, "driver", qmp_device_add); }
static void do_device_del(struct hmp *h) { hmp_do(h, "device_del", object_of("id", h->argv[1])); }
static void do_netdev_add(struct hmp *h) { add_by_options(h, "type", qmp_netdev_add); }
static void do_netdev_del(struct hmp *h) { hmp_do(h, "netdev_del", object_of("id", h->argv[1])); }

static void do_resize(struct hmp *h)
{
    JsonObject *args = object_of("device", h->argv[1]);
    uint64_t bytes = 0;

    if (!opt_parse_size(h->argv[2], 1024 * 1024, &bytes) || bytes > G_MAXINT64) {
        g_string_append_printf(h->out, "Error: '%s' is not a size\n", h->argv[2]);
        json_object_unref(args);
        return;
    }
    json_object_set_int_member(args, "size", (gint64)bytes);
    hmp_do(h, "block_resize", args);
}

static void do_balloon(struct hmp *h)
{
    JsonObject *args;
    uint64_t bytes = 0;

    if (!opt_parse_size(h->argv[1], 1024 * 1024, &bytes) || bytes > G_MAXINT64) {
        g_string_append_printf(h->out, "Error: '%s' is not a size\n", h->argv[1]);
        return;
    }
    args = json_object_new();
    json_object_set_int_member(args, "value", (gint64)bytes);
    hmp_do(h, "balloon", args);
}

static void do_chardev_add(struct hmp *h)
{
    g_autoptr(GError) error = NULL;

    if (!qmp_chardev_add_text(h->vm, h->argv[1], &error))
        g_string_append_printf(h->out, "Error: %s\n", error->message);
}

static void do_chardev_remove(struct hmp *h) { hmp_do(h, "chardev-remove", object_of("id", h->argv[1])); }
static void do_chardev_break(struct hmp *h) { hmp_do(h, "chardev-send-break", object_of("id", h->argv[1])); }

static void do_watchdog_action(struct hmp *h)
{
    hmp_do(h, "watchdog-set-action", object_of("action", h->argv[1]));
}

/* What QEMU has and this program cannot do, said as an error and not as an unknown word. */
static void do_refuse(struct hmp *h)
{
    g_string_append_printf(h->out, "Error: %s: kvm-dm cannot save or move a running machine yet\n", h->argv[0]);
}

static void do_info(struct hmp *h);
static void do_help(struct hmp *h);

static const struct hmp_command commands[] = {
    {"help|?", "[COMMAND]", "this list, or one line of it", 0, 1, do_help, NULL},
    {"info", "[SUBJECT]", "show something; without a subject, the list of them", 0, 2, do_info, NULL},
    {"stop|s", "", "stop the guest", 0, 0, do_stop, NULL},
    {"cont|c", "", "let the guest go on", 0, 0, do_cont, NULL},
    {"system_reset", "", "reset the machine", 0, 0, do_reset, NULL},
    {"system_powerdown", "", "press the ACPI power button", 0, 0, do_powerdown, NULL},
    {"quit|q", "", "end the process; the guest's power is cut", 0, 0, do_quit, NULL},
    {"nmi", "", "a non-maskable interrupt to each processor", 0, 0, do_nmi, NULL},
    {"sendkey", "KEYS [HOLD_MS]", "press keys together: ctrl-alt-f1", 1, 2, do_sendkey, NULL},
    {"screendump", "FILE [-f ppm|png]", "write the screen to a file", 1, 3, do_screendump, "f"},
    {"eject", "[-f] DEVICE", "take the medium out (-f: also against the guest's lock)", 1, 2, do_eject, "f"},
    {"change", "DEVICE FILE [FORMAT [retain|read-only|read-write]] | vnc password PASSWORD",
     "put another medium in; give VNC's viewers another password", 2, 4, do_change, NULL},
    {"block_resize", "DEVICE SIZE", "give an image another size (a bare number: MiB)", 2, 2, do_resize, NULL},
    {"balloon", "SIZE", "how much memory the guest is to have (a bare number: MiB)", 1, 1, do_balloon, NULL},
    {"set_link", "NAME on|off", "plug a network cable in or out", 2, 2, do_set_link, NULL},
    {"device_add", "DRIVER[,PROP=VALUE...]", "put a PCI card in", 1, 1, do_device_add, NULL},
    {"device_del", "ID", "ask the guest for a PCI card; it is taken out when the guest has let it go", 1, 1, do_device_del, NULL},
    {"netdev_add", "TYPE,id=ID[,PROP=VALUE...]", "add a network back end", 1, 1, do_netdev_add, NULL},
    {"netdev_del", "ID", "remove a network back end that no card uses", 1, 1, do_netdev_del, NULL},
    {"chardev-add", "BACKEND,id=ID[,NAME=VALUE...]", "open a character back end, as -chardev does", 1, 1, do_chardev_add,
     NULL},
    {"chardev-remove", "ID", "close a character back end that nobody uses", 1, 1, do_chardev_remove, NULL},
    {"chardev-send-break", "ID", "a break on a serial line", 1, 1, do_chardev_break, NULL},
    {"watchdog_action", "ACTION", "what happens when the guest's watchdog runs out", 1, 1, do_watchdog_action, NULL},
    {"savevm", "NAME", "refused", 0, 9, do_refuse, NULL},
    {"loadvm", "NAME", "refused", 0, 9, do_refuse, NULL},
    {"delvm", "NAME", "refused", 0, 9, do_refuse, NULL},
    {"migrate", "URI", "refused", 0, 9, do_refuse, NULL},
};

/* ---- the line ---- */

/* Finds a word among "long|short" names. */
static const struct hmp_command *find(const struct hmp_command *table, unsigned count, const char *word)
{
    for (unsigned i = 0; i < count; i++) {
        if (opt_word_among(table[i].name, word))
            return &table[i];
    }
    return NULL;
}

static void list(struct hmp *h, const struct hmp_command *table, unsigned count, const char *before)
{
    for (unsigned i = 0; i < count; i++) {
        if (table[i].run != do_refuse)
            g_string_append_printf(h->out, "%s%s%s%s -- %s\n", before, table[i].name, *table[i].args ? " " : "",
                                   table[i].args, table[i].help);
    }
}

static void do_help(struct hmp *h)
{
    const struct hmp_command *one = h->argc > 1 ? find(commands, G_N_ELEMENTS(commands), h->argv[1]) : NULL;

    if (h->argc > 1 && one)
        list(h, one, 1, "");
    else if (h->argc > 1)
        g_string_append_printf(h->out, "unknown command: '%s'\n", h->argv[1]);
    else
        list(h, commands, G_N_ELEMENTS(commands), "");
}

/* A word that begins with '-' is taken for options; false: the command has not all of them. */
static bool flags_known(struct hmp *h, const struct hmp_command *c)
{
    for (int i = 1; i < h->argc && c->flags; i++) {
        const char *word = h->argv[i];

        if (*word != '-' || (word[1] && strspn(word + 1, c->flags) == strlen(word + 1)))
            continue;
        g_string_append_printf(h->out, "%s: unsupported option %s\n", h->argv[0], word);
        return false;
    }
    return true;
}

static void call(struct hmp *h, const struct hmp_command *c)
{
    if (!flags_known(h, c))
        return;
    if (h->argc - 1 < c->min || h->argc - 1 > c->max)
        g_string_append_printf(h->out, "%s: %s arguments; it takes: %s %s\n", h->argv[0],
                               h->argc - 1 < c->min ? "missing" : "too many", h->argv[0], c->args);
    else
        c->run(h);
}

static void do_info(struct hmp *h)
{
    unsigned count;
    const struct hmp_command *table = hmp_info_commands(&count), *c;
    struct hmp subject = {h->vm, h->out, h->argv + 1, h->argc - 1, h->cpu};

    if (h->argc < 2) {
        list(h, table, count, "info ");
        return;
    }
    c = find(table, count, h->argv[1]);
    if (c)
        call(&subject, c);
    else
        g_string_append_printf(h->out, "unknown command: 'info %s'; info lists what there is\n", h->argv[1]);
}

char *hmp_run(struct vm *vm, const char *line, unsigned cpu)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;
    struct hmp h = {vm, g_string_new(NULL), NULL, 0, cpu};
    const struct hmp_command *c;

    if (!line[strspn(line, " \t\r\n")])
        return g_string_free(h.out, FALSE);
    if (!g_shell_parse_argv(line, &h.argc, &argv, &error) || h.argc > MAX_WORDS) {
        g_string_append_printf(h.out, "%s\n", error ? error->message : "too many words");
        return g_string_free(h.out, FALSE);
    }
    h.argv = argv;
    c = find(commands, G_N_ELEMENTS(commands), argv[0]);
    if (c)
        call(&h, c);
    else
        g_string_append_printf(h.out, "unknown command: '%s'\n", argv[0]);
    return g_string_free(h.out, FALSE);
}

/* ---- through QMP ---- */

static JsonNode *human_monitor_command(struct vm *vm, JsonObject *args, GError **error)
{
    gint64 cpu = json_object_get_int_member_with_default(args, "cpu-index", 0);
    unsigned count = vm_vcpus(vm) ? vcpus_count(vm_vcpus(vm)) : 0;
    g_autofree char *text = NULL;

    if (json_object_has_member(args, "cpu-index") && (cpu < 0 || cpu >= count)) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    text = hmp_run(vm, json_object_get_string_member(args, "command-line"), (unsigned)cpu);
    return json_node_of_string(text);
}

static const struct qmp_arg hmp_args[] = {{"command-line", QMP_STRING, false, NULL},
                                          {"cpu-index", QMP_INT, true, NULL},
                                          {0}};
static const struct qmp_command rows[] = {
    {"human-monitor-command", human_monitor_command, hmp_args, false, false},
};
const struct qmp_table qmp_hmp_table = {rows, G_N_ELEMENTS(rows)};
