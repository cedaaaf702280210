/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/config/config_file.h"

#include <errno.h>
#include <string.h>

#include "dm/config/options.h"

#define OWN_GROUP "kvm-dm"

/* ---- reading ---- */

struct reader {
    const char *path;
    unsigned line;
    char *group, *id; /* of the group at hand; NULL: none yet */
    GString *arg;     /* its sub-options so far */
    bool (*option)(void *opaque, const char *name, const char *arg, GError **error);
    void *opaque;
};

static bool bad(struct reader *r, GError **error, const char *text)
{
    return opt_error(error, "%s:%u: %s", r->path, r->line, text);
}

static const struct option_spec *spec_of_group(const char *group)
{
    unsigned count;
    const struct option_spec *all = option_specs(&count);

    for (unsigned i = 0; i < count; i++) {
        if (all[i].qmp_name && !strcmp(all[i].qmp_name, group))
            return &all[i];
    }
    return NULL;
}

static bool call(struct reader *r, const char *name, const char *arg, GError **error)
{
    GError *why = NULL;

    if (r->option(r->opaque, name, arg, &why))
        return true;
    opt_error(error, "%s:%u: %s", r->path, r->line, why->message);
    g_error_free(why);
    return false;
}

static bool end_group(struct reader *r, GError **error)
{
    const struct option_spec *spec = r->group ? spec_of_group(r->group) : NULL;

    return !spec || call(r, spec->name, r->arg->str, error);
}

static void append(GString *arg, const char *name, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_autofree char *doubled = g_strjoinv(",,", parts);

    g_string_append_printf(arg, "%s%s=%s", arg->len ? "," : "", name, doubled);
}

/* [group] or [group "id"] */
static bool begin_group(struct reader *r, char *text, GError **error)
{
    char *end = strrchr(text, ']'), *quote;

    if (!end || end[1 + strspn(end + 1, " \t")])
        return bad(r, error, "a group is [NAME] or [NAME \"ID\"]");
    *end = '\0';
    if (!end_group(r, error))
        return false;
    g_clear_pointer(&r->id, g_free);
    g_free(r->group);
    g_string_truncate(r->arg, 0);
    quote = strchr(text, '"');
    if (quote) {
        size_t n = strcspn(quote + 1, "\"");

        r->id = g_strndup(quote + 1, n);
        append(r->arg, "id", r->id);
        *quote = '\0';
    }
    r->group = g_strdup(g_strstrip(text + 1));
    if (strcmp(r->group, OWN_GROUP) && !spec_of_group(r->group))
        return opt_error(error, "%s:%u: there is no group '%s'", r->path, r->line, r->group);
    return true;
}

/* name = "value" */
static bool take_value(struct reader *r, char *text, GError **error)
{
    char *equals = strchr(text, '='), *value, *end;
    const struct option_spec *spec;

    if (!r->group)
        return bad(r, error, "a [GROUP] comes first");
    if (!equals)
        return bad(r, error, "NAME = \"VALUE\" is expected");
    *equals = '\0';
    value = g_strstrip(equals + 1);
    end = *value == '"' ? strrchr(value, '"') : NULL;
    if (!end || end == value || end[1])
        return bad(r, error, "the value has to stand in double quotes");
    *end = '\0';
    text = g_strstrip(text);
    if (strcmp(r->group, OWN_GROUP)) {
        append(r->arg, text, value + 1);
        return true;
    }
    spec = option_find(text);
    if (!spec || !strcmp(text, "readconfig") || !strcmp(text, "writeconfig"))
        return opt_error(error, "%s:%u: -%s is no option that can stand there", r->path, r->line, text);
    return call(r, text, spec->arg == ARG_NONE ? NULL : value + 1, error);
}

static bool take_line(struct reader *r, char *line, GError **error)
{
    g_strstrip(line);
    if (!*line || *line == '#')
        return true;
    return *line == '[' ? begin_group(r, line, error) : take_value(r, line, error);
}

static char *read_text(const char *path, GError **error)
{
    g_autoptr(GError) why = NULL;
    char *text = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, &why)) {
        opt_error(error, "-readconfig: %s", why->message);
        return NULL;
    }
    if (len <= CONFIG_FILE_MAX_BYTES && g_utf8_validate(text, (gssize)len, NULL))
        return text;
    opt_error(error, "-readconfig %s: no text of at most %u bytes", path, CONFIG_FILE_MAX_BYTES);
    g_free(text);
    return NULL;
}

bool config_file_read(const char *path, bool (*option)(void *opaque, const char *name, const char *arg, GError **error),
                      void *opaque, GError **error)
{
    struct reader r = {.path = path, .arg = g_string_new(NULL), .option = option, .opaque = opaque};
    g_autofree char *text = read_text(path, error);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
    bool ok = text;

    for (char **line = lines; ok && *line; line++) {
        r.line++;
        ok = take_line(&r, *line, error);
    }
    ok = ok && end_group(&r, error);
    g_string_free(r.arg, TRUE);
    g_free(r.group);
    g_free(r.id);
    return ok;
}

/* ---- writing ---- */

/* In a group that QEMU knows, a value ends at the next quote; ours ends at the last of the line. */
static bool writable(const char *value)
{
    return !strpbrk(value, "\"\n");
}

/* A list option as a group of its own. False: it cannot be said so. */
static bool write_group(GString *out, const struct option_spec *spec, const char *arg)
{
    g_autoptr(GPtrArray) pairs = opt_pairs_from_text("", arg, spec->implied, NULL);
    const char *id = NULL;

    for (guint i = 0; pairs && i < pairs->len; i++) {
        const struct opt_pair *p = g_ptr_array_index(pairs, i);

        if (p->value && !writable(p->value))
            return false;
        if (!strcmp(p->name, "id"))
            id = p->value;
    }
    if (!pairs)
        return false;
    g_string_append_printf(out, id ? "[%s \"%s\"]\n" : "[%s]\n", spec->qmp_name, id);
    for (guint i = 0; i < pairs->len; i++) {
        const struct opt_pair *p = g_ptr_array_index(pairs, i);
        bool off = !p->value && g_str_has_prefix(p->name, "no");

        if (strcmp(p->name, "id"))
            g_string_append_printf(out, "  %s = \"%s\"\n", off ? p->name + 2 : p->name,
                                   p->value ? p->value : off ? "off" : "on");
    }
    return true;
}

static bool write_own(GString *out, const char *name, const char *arg, GError **error)
{
    if (strchr(arg, '\n'))
        return opt_error(error, "-writeconfig: -%s: a line end cannot be written", name);
    g_string_append_printf(out, "[" OWN_GROUP "]\n  %s = \"%s\"\n", name, arg);
    return true;
}

static bool write_option(GString *out, const struct option_spec *spec, const char *arg, GError **error)
{
    bool list = spec->arg == ARG_LIST || spec->arg == ARG_PAIRS || spec->arg == ARG_JSON;

    if (list && *arg != '{' && spec->qmp_name && write_group(out, spec, arg))
        return true;
    return write_own(out, spec->name, arg ? arg : "", error);
}

bool config_file_write(const char *path, int argc, char **argv, GError **error)
{
    GString *out = g_string_new("# kvm-dm -readconfig FILE\n");
    bool ok = true;

    for (int i = 1; i < argc && ok; i++) {
        bool image = *argv[i] != '-';
        const char *name = argv[i] + strspn(argv[i], "-");
        const struct option_spec *spec = option_find(image ? "hda" : name);
        const char *arg = image ? argv[i] : spec && spec->arg != ARG_NONE && i + 1 < argc ? argv[++i] : "";

        if (spec && strcmp(spec->name, "writeconfig"))
            ok = write_option(out, spec, arg, error);
    }
    if (ok && !strcmp(path, "-"))
        fputs(out->str, stdout);
    else if (ok)
        ok = g_file_set_contents(path, out->str, (gssize)out->len, error);
    g_string_free(out, TRUE);
    return ok;
}
