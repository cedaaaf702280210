/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text that says of which files a VMware disk consists: "The Descriptor File" of the technote. */
#include <errno.h>
#include <string.h>

#include "block/vmdk.h"

static const struct {
    const char *name;
    bool good, embedded;
} create_types[] = {
    { "monolithicSparse", true, true },
    { "streamOptimized", true, true },
    { "monolithicFlat", true, false },
    { "twoGbMaxExtentSparse", true, false },
    { "twoGbMaxExtentFlat", true, false },
    { "vmfs", true, false }, /* ESX's flat disks, once copied from there */
    { "vmfsThin", true, false },
    { "custom", false, false },
    { "fullDevice", false, false },
    { "partitionedDevice", false, false },
    { "vmfsSparse", false, false },
    { "vmfsRDM", false, false },
    { "vmfsRaw", false, false },
    { "vmfsRDMP", false, false },
    { "seSparse", false, false },
};

static bool fail(const char *shown, GError **error, const char *format, const char *word)
{
    block_error(error, EINVAL, shown, format, word);
    return false;
}

static bool refuse(const char *shown, GError **error, const char *what)
{
    return fail(shown, error, "%s", what);
}

/* "key = value" or key="value": a copy of the value; NULL: the line has another key. */
static char *value_of(const char *line, const char *key)
{
    size_t n = strlen(key);
    char *value;

    if (g_ascii_strncasecmp(line, key, n))
        return NULL;
    for (line += n; *line == ' ' || *line == '\t'; line++)
        ;
    if (*line++ != '=')
        return NULL;
    value = g_strstrip(g_strdup(line));
    n = strlen(value);
    if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
        memmove(value, value + 1, n - 2);
        value[n - 2] = '\0';
    }
    return value;
}

static bool set_create_type(struct vmdk_descriptor *d, const char *word, const char *shown,
                            GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(create_types); i++) {
        if (g_ascii_strcasecmp(word, create_types[i].name))
            continue;
        if (!create_types[i].good)
            return fail(shown, error,
                        "vmdk of type %s is not supported; monolithicSparse and streamOptimized are",
                        create_types[i].name);
        g_free(d->create_type);
        d->create_type = g_strdup(create_types[i].name);
        d->embedded = create_types[i].embedded;
        return true;
    }
    return refuse(shown, error, "is a vmdk image of an unknown createType");
}

/* ---- extents ------------------------------------------------------------------------------- */

/* The next word, or with quotes what is between them; ends it and moves on. NULL: none left. */
static char *next_word(char **at)
{
    char *p = *at + strspn(*at, " \t"), *end;

    if (!*p)
        return NULL;
    if (*p == '"') {
        end = strchr(++p, '"');
        if (!end)
            return NULL;
    } else {
        end = p + strcspn(p, " \t");
    }
    *at = *end ? end + 1 : end;
    *end = '\0';
    return p;
}

static bool parse_number(const char *word, uint64_t max, uint64_t *out)
{
    char *end;

    if (!word || !g_ascii_isdigit(*word))
        return false;
    errno = 0;
    *out = g_ascii_strtoull(word, &end, 10);
    return !errno && !*end && *out <= max;
}

/*
 * Image files are hostile, and a descriptor could name any file of the host: so only names in the
 * descriptor's own directory (HAZARDS Q-02).
 */
static bool is_plain_name(const char *name)
{
    if (!name || !*name || strlen(name) > 255 || !strcmp(name, ".") || !strcmp(name, ".."))
        return false;
    for (; *name; name++) {
        if (*name == '/' || g_ascii_iscntrl(*name)) /* the latter: messages show it */
            return false;
    }
    return true;
}

static bool parse_type(const char *word, struct vmdk_extent_line *x, const char *shown,
                       GError **error)
{
    static const char *const others[] = { "VMFSSPARSE", "VMFSRDM", "VMFSRAW", "SESPARSE" };

    if (word && (!strcmp(word, "FLAT") || !strcmp(word, "VMFS"))) {
        x->type = VMDK_FLAT;
        return true;
    }
    if (word && !strcmp(word, "SPARSE")) {
        x->type = VMDK_SPARSE;
        return true;
    }
    if (word && !strcmp(word, "ZERO")) {
        x->type = VMDK_ZERO;
        return true;
    }
    for (unsigned i = 0; word && i < G_N_ELEMENTS(others); i++) {
        if (!strcmp(word, others[i]))
            return fail(shown, error, "vmdk extents of type %s are not supported; FLAT and SPARSE are",
                        others[i]);
    }
    return refuse(shown, error, "is damaged: a vmdk extent has an unknown type");
}

/* What follows the access word: SECTORS TYPE "NAME" [OFFSET] */
static bool parse_extent(char *rest, struct vmdk_extent_line *x, const char *shown, GError **error)
{
    char *word = next_word(&rest);

    if (!parse_number(word, VMDK_DISK_MAX_SECTORS, &x->sectors) || x->sectors == 0)
        return refuse(shown, error, "is damaged: a vmdk extent has no good size");
    if (!parse_type(next_word(&rest), x, shown, error))
        return false;
    if (x->type == VMDK_ZERO)
        return true;
    word = next_word(&rest);
    if (!is_plain_name(word))
        return refuse(shown, error,
                    "names a vmdk extent that is not a plain file name in its own directory; "
                    "such are not opened");
    x->name = g_strdup(word);
    word = next_word(&rest);
    if (word && !parse_number(word, VMDK_DISK_MAX_SECTORS, &x->off_sectors))
        return refuse(shown, error, "is damaged: a vmdk extent has no good offset");
    return true;
}

static bool add_extent(GArray *extents, const char *line,
                       const char *shown, GError **error)
{
    char *copy = g_strdup(line), *rest = copy;
    struct vmdk_extent_line x = { 0 };
    const char *access = next_word(&rest);
    bool good = false;

    if (!access || (strcmp(access, "RW") && strcmp(access, "RDONLY")))
        refuse(shown, error, "has a vmdk extent that must not be accessed (NOACCESS)");
    else if (extents->len >= VMDK_EXTENTS_MAX)
        refuse(shown, error, "has too many vmdk extents");
    else
        good = parse_extent(rest, &x, shown, error);
    g_free(copy);
    if (good)
        g_array_append_val(extents, x);
    else
        g_free(x.name);
    return good;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static bool is_extent(const char *line)
{
    return g_str_has_prefix(line, "RW ") || g_str_has_prefix(line, "RDONLY ") ||
           g_str_has_prefix(line, "NOACCESS ");
}

static bool take_line(struct vmdk_descriptor *d, GArray *extents, const char *line,
                      const char *shown, GError **error)
{
    g_autofree char *type = value_of(line, "createType");
    g_autofree char *parent = value_of(line, "parentCID");

    if (type)
        return set_create_type(d, type, shown, error);
    if (parent && g_ascii_strcasecmp(parent, "ffffffff"))
        return refuse(shown, error,
                    "is a vmdk image with a parent, which is not supported; merge it first");
    return !is_extent(line) || add_extent(extents, line, shown, error);
}

bool vmdk_descriptor_parse(const char *text, const char *shown, struct vmdk_descriptor *out,
                           GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    GArray *extents = g_array_new(FALSE, TRUE, sizeof(struct vmdk_extent_line));
    bool good = true;

    *out = (struct vmdk_descriptor){ 0 };
    for (char **line = lines; *line && good; line++)
        good = take_line(out, extents, g_strstrip(*line), shown, error);
    out->extents = extents->len;
    out->extent = (struct vmdk_extent_line *)g_array_free(extents, FALSE);
    if (good && !out->create_type)
        good = refuse(shown, error, "is damaged: its vmdk descriptor has no createType");
    if (good && out->extents == 0)
        good = refuse(shown, error, "is damaged: its vmdk descriptor names no extent");
    if (!good)
        vmdk_descriptor_clear(out);
    return good;
}

void vmdk_descriptor_clear(struct vmdk_descriptor *d)
{
    for (unsigned i = 0; i < d->extents; i++)
        g_free(d->extent[i].name);
    g_free(d->extent);
    g_free(d->create_type);
    *d = (struct vmdk_descriptor){ 0 };
}
