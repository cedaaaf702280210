/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, and the outcome as an exit code. */
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "ctl/ctl.h"
#include "dm/json.h"

#define ANSWER_LIMIT_S 30.0
#define CONNECT_LIMIT_S 5.0
#define MAX_LIMIT_S 1e6

GQuark ctl_error_quark(void)
{
    return g_quark_from_static_string("ctl-error");
}

bool ctl_fail(GError **error, enum ctl_exit code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, CTL_ERROR, (gint)code, text);
    return false;
}

/* ---- what the subcommands ask of the command line ---- */

const char *ctl_operand(const struct ctl *ctl, unsigned i)
{
    return i < ctl->operands->len ? g_ptr_array_index(ctl->operands, i) : NULL;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
    return g_hash_table_lookup(ctl->options, name);
}

static bool parse_number(const char *name, const char *text, double *value, GError **error)
{
    char *end;
    double v = g_ascii_strtod(text, &end);

    if (!*text || *end || !isfinite(v) || v < 0 || v > MAX_LIMIT_S)
        return ctl_fail(error, CTL_USAGE, "--%s: '%s' is not a number from 0 to %.0f", name, text,
                        MAX_LIMIT_S);
    *value = v;
    return true;
}

static bool parse_size(const char *name, const char *text, gint64 *value, GError **error)
{
    static const char suffixes[] = "kmgt";
    char *end;
    guint64 v = g_ascii_strtoull(text, &end, 10);
    const char *suffix = *end ? strchr(suffixes, g_ascii_tolower(*end)) : NULL;
    unsigned shift = 0;

    if (suffix) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        end++;
    }
    if (!g_ascii_isdigit(*text) || *end || v > (guint64)G_MAXINT64 >> shift)
        return ctl_fail(error, CTL_USAGE, "--%s: '%s' is not a size", name, text);
    *value = (gint64)(v << shift);
    return true;
}

static bool opt_among(const char *words, const char *value)
{
    g_auto(GStrv) list = g_strsplit(words, "|", -1);

    return g_strv_contains((const char *const *)list, value);
}

/* By what the help calls the value; so nothing is done before all of the command line is known to be good. */
static bool check_value(const struct ctl_option *o, const char *value, GError **error)
{
    static const char *const numbers[] = {"SECONDS", "MS", "N", NULL};
    double number;
    gint64 size;

    if (o->words && !opt_among(o->words, value))
        return ctl_fail(error, CTL_USAGE, "--%s: one of %s", o->name, o->words);
    if (g_strv_contains(numbers, o->arg))
        return parse_number(o->name, value, &number, error);
    return strcmp(o->arg, "BYTES") || parse_size(o->name, value, &size, error);
}

bool ctl_seconds(const struct ctl *ctl, const char *name, double *value, GError **error)
{
    const char *text = ctl_option(ctl, name);

    return !text || parse_number(name, text, value, error);
}

bool ctl_size(const struct ctl *ctl, const char *name, gint64 *value, GError **error)
{
    const char *text = ctl_option(ctl, name);

    return !text || parse_size(name, text, value, error);
}

/* ---- asking ---- */

JsonObject *ctl_args(const char *name, ...)
{
    JsonObject *o = json_object_new();
    va_list pairs;

    va_start(pairs, name);
    for (; name; name = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);

        if (value)
            json_object_set_string_member(o, name, value);
    }
    va_end(pairs);
    return o;
}

JsonNode *ctl_ask(struct ctl *ctl, const char *command, JsonObject *args, GError **error)
{
    return client_call(ctl->client, command, args, ctl->limit_s, error);
}

bool ctl_do(struct ctl *ctl, const char *command, JsonObject *args, GError **error)
{
    g_autoptr(JsonNode) answer = ctl_ask(ctl, command, args, error);

    if (answer && ctl->json)
        out_json(answer);
    return answer != NULL;
}

/* ---- the command line ---- */

/* Options that are not shown: for make and for the shell. */
static const struct ctl_option hidden_options[] = {
    {"complete", "WHAT", NULL, NULL}, {"completion", NULL, NULL, NULL}, {"help-man", NULL, NULL, NULL}, {0}};

static const struct ctl_option *find_option(const struct ctl_option *options, const char *name, size_t len)
{
    for (; options && options->name; options++) {
        if (strlen(options->name) == len && !memcmp(options->name, name, len))
            return options;
    }
    return NULL;
}

static const struct ctl_command *find_command(const char *name)
{
    unsigned count;
    const struct ctl_command *c = ctl_commands(&count);

    for (unsigned i = 0; i < count; i++) {
        if (!strcmp(c[i].name, name))
            return &c[i];
    }
    return NULL;
}

static const char *long_name(const char *arg)
{
    if (!strcmp(arg, "-s"))
        return "socket";
    if (!strcmp(arg, "-j"))
        return "json";
    if (!strcmp(arg, "-h"))
        return "help";
    return arg[1] == '-' ? arg + 2 : arg + 1; /* -help-man, as kvm-dm has it */
}

/* The option at argv[*i], and its value, which may be the next argument. */
static bool take_option(struct ctl *ctl, char **argv, int *i, GError **error)
{
    const char *name = long_name(argv[*i]), *value = strchr(name, '=');
    size_t len = value ? (size_t)(value - name) : strlen(name);
    const struct ctl_option *o = find_option(ctl_global_options, name, len);

    if (!o && ctl->command)
        o = find_option(ctl->command->options, name, len);
    if (!o)
        o = find_option(hidden_options, name, len);
    if (!o)
        return ctl_fail(error, CTL_USAGE, "no such option: %s%s%s", argv[*i],
                        ctl->command ? "; see kvm-dm-ctl --help, or for " : "",
                        ctl->command ? ctl->command->name : "");
    if (!o->arg && value)
        return ctl_fail(error, CTL_USAGE, "--%s takes no value", o->name);
    if (o->arg && !value && !argv[*i + 1])
        return ctl_fail(error, CTL_USAGE, "--%s needs a value: %s", o->name, o->arg);
    if (o->arg)
        value = value ? value + 1 : argv[++*i];
    if (o->arg && !check_value(o, value, error))
        return false;
    g_hash_table_insert(ctl->options, (char *)o->name, (char *)(o->arg ? value : ""));
    return true;
}

static bool take_operand(struct ctl *ctl, char *arg, GError **error)
{
    if (ctl->command) {
        g_ptr_array_add(ctl->operands, arg);
        return true;
    }
    ctl->command = find_command(arg);
    return ctl->command || ctl_fail(error, CTL_USAGE, "no such subcommand: %s; see kvm-dm-ctl --help", arg);
}

static bool parse(struct ctl *ctl, char **argv, GError **error)
{
    bool only_operands = false;

    for (int i = 1; argv[i]; i++) {
        if (!only_operands && !strcmp(argv[i], "--")) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
            if (!take_option(ctl, argv, &i, error))
                return false;
        } else if (!g_utf8_validate(argv[i], -1, NULL)) {
            return ctl_fail(error, CTL_USAGE, "argument %d is not UTF-8", i);
        } else if (!take_operand(ctl, argv[i], error)) {
            return false;
        }
    }
    ctl->socket = ctl_option(ctl, "socket");
    ctl->json = ctl_option(ctl, "json") != NULL;
    return ctl_seconds(ctl, "limit", &ctl->limit_s, error);
}

static bool check_operands(const struct ctl *ctl, GError **error)
{
    g_autofree char *synopsis = NULL;

    if (!ctl->command)
        return ctl_fail(error, CTL_USAGE, "which subcommand? see kvm-dm-ctl --help");
    if (ctl->operands->len >= ctl->command->min && ctl->operands->len <= ctl->command->max)
        return true;
    synopsis = help_synopsis(ctl->command);
    return ctl_fail(error, CTL_USAGE, "usage: kvm-dm-ctl %s", synopsis);
}

/* What needs no VM. True: it was that. */
static bool print_help(const struct ctl *ctl)
{
    if (ctl_option(ctl, "help") && ctl->command)
        help_print_command(stdout, ctl->command);
    else if (ctl_option(ctl, "help"))
        help_print(stdout);
    else if (ctl_option(ctl, "version"))
        printf("kvm-dm-ctl %s\n", KVM_DM_VERSION);
    else if (ctl_option(ctl, "help-man"))
        help_print_man(stdout);
    else if (ctl_option(ctl, "completion"))
        help_print_bash(stdout);
    else
        return false;
    return true;
}

static bool open_client(struct ctl *ctl, GError **error)
{
    g_autofree char *path = socket_find(ctl->socket, error);

    ctl->client = path ? client_open(path, MIN(ctl->limit_s, CONNECT_LIMIT_S), error) : NULL;
    return ctl->client != NULL;
}

static bool run(struct ctl *ctl, char **argv, GError **error)
{
    const char *what;

    if (!parse(ctl, argv, error))
        return false;
    if (print_help(ctl))
        return true;
    what = ctl_option(ctl, "complete");
    if (what) {
        open_client(ctl, NULL); /* some words are known without a VM */
        complete_words(ctl, what);
        return true;
    }
    return check_operands(ctl, error) && open_client(ctl, error) && ctl->command->run(ctl, error);
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.limit_s = ANSWER_LIMIT_S};
    g_autoptr(GError) error = NULL;
    int code = CTL_OK;

    (void)argc;
    setlocale(LC_CTYPE, "");
    ctl.operands = g_ptr_array_new();
    ctl.options = g_hash_table_new(g_str_hash, g_str_equal);
    if (!run(&ctl, argv, &error)) {
        code = error->domain == CTL_ERROR ? error->code : CTL_REFUSED;
        fputs("kvm-dm-ctl: ", stderr);
        out_text(stderr, error->message);
        fputc('\n', stderr);
    }
    client_close(ctl.client);
    g_ptr_array_free(ctl.operands, TRUE);
    g_hash_table_destroy(ctl.options);
    return fflush(stdout) ? CTL_REFUSED : code;
}
