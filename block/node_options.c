/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of nodes: which there are, their types, and what is inside what. Nothing is opened here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/node_int.h"

#define NODE_NAME_MAX 31 /* QEMU's limit; libvirt's names fit */

/* ---- checking options ---- */

const char *node_driver_name(GHashTable *opts, const char *prefix)
{
    g_autofree char *key = g_strconcat(prefix, "driver", NULL);

    return g_hash_table_lookup(opts, key);
}

bool node_has_prefix(GHashTable *opts, const char *prefix)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, opts);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (g_str_has_prefix(key, prefix))
            return true;
    }
    return false;
}

static bool among(const char *words, const char *word)
{
    g_auto(GStrv) list = g_strsplit(words, "|", 0);

    return g_strv_contains((const char *const *)list, word);
}

static char *plain_bool(const char *value)
{
    if (among("on|yes|true|y", value))
        return g_strdup("on");
    return among("off|no|false|n", value) ? g_strdup("off") : NULL;
}

static char *plain_number(const char *value, bool size)
{
    static const char suffixes[] = "kmgtpe";
    char *end;
    guint64 n;
    unsigned shift = 0;

    if (!g_ascii_isdigit(*value))
        return NULL;
    errno = 0;
    n = g_ascii_strtoull(value, &end, 0);
    if (errno)
        return NULL;
    if (size && *end && strchr(suffixes, g_ascii_tolower(*end)))
        shift = 10 * (unsigned)(strchr(suffixes, g_ascii_tolower(*end++)) - suffixes + 1);
    if (*end || (shift && n >> (64 - shift)))
        return NULL;
    return g_strdup_printf("%" G_GUINT64_FORMAT, n << shift);
}

/* The value as args->opts has it, or NULL. */
static char *plain_value(const struct node_option *o, const char *value)
{
    switch (o->type) {
    case NODE_OPT_BOOL:
        return plain_bool(value);
    case NODE_OPT_NUMBER:
    case NODE_OPT_SIZE:
        return plain_number(value, o->type == NODE_OPT_SIZE);
    case NODE_OPT_STRING:
        break;
    }
    return !o->values || among(o->values, value) ? g_strdup(value) : NULL;
}

static const struct node_option *option_in(const struct node_option *table, const char *name)
{
    for (; table && table->name; table++) {
        size_t len = strlen(table->name);
        bool open = len > 2 && !strcmp(table->name + len - 2, ".*");

        if (open ? !strncmp(table->name, name, len - 1) : !strcmp(table->name, name))
            return table;
    }
    return NULL;
}

static bool check_option(const struct node_driver *driver, const char *name, const char *value,
                         GHashTable *out, GError **error)
{
    const struct node_option *o = option_in(node_common_options, name);
    char *plain;

    if (!o)
        o = option_in(driver->options, name);
    if (!o) {
        block_error(error, EINVAL, driver->name, "it has no option '%s'", name);
        return false;
    }
    if (o->refusal) {
        block_error(error, ENOTSUP, driver->name, "%s is not supported: %s", name, o->refusal);
        return false;
    }
    plain = plain_value(o, value);
    if (!plain) {
        block_error(error, EINVAL, driver->name, "%s=%s is not valid%s%s", name, value,
                    o->values ? ", one of: " : "", o->values ? o->values : "");
        return false;
    }
    g_hash_table_insert(out, g_strdup(name), plain);
    return true;
}

const char *node_child_name(const struct node_driver *driver)
{
    return driver->child_name ? driver->child_name : "file";
}

/* "file" of "file.x" or "file" itself, if this driver has such a child; else NULL. */
static const char *child_of(const struct node_driver *driver, const char *name)
{
    const char *file = driver->has_file ? node_child_name(driver) : NULL;
    size_t len = strcspn(name, ".");

    if (file && strlen(file) == len && !strncmp(name, file, len))
        return file;
    if (driver->has_backing && len == strlen("backing") && !strncmp(name, "backing", len))
        return "backing";
    return NULL;
}

static bool check_required(const struct node_driver *driver, GHashTable *own, GError **error)
{
    for (const struct node_option *o = driver->options; o && o->name; o++) {
        if (o->required && !g_hash_table_contains(own, o->name)) {
            block_error(error, EINVAL, driver->name, "%s is missing", o->name);
            return false;
        }
    }
    return true;
}

const struct node_driver *node_driver_must(const char *name, GError **error)
{
    const struct node_driver *driver = name ? node_driver_find(name) : NULL;
    const char *why = name ? node_driver_refusal(name) : NULL;

    if (driver)
        return driver;
    if (!name)
        block_error(error, EINVAL, "driver", "is missing");
    else if (why)
        block_error(error, ENOTSUP, name, "is not supported: %s", why);
    else
        block_error(error, EINVAL, name, "there is no such driver");
    return NULL;
}

/* What of opts begins with prefix, without it. */
GHashTable *node_sub_options(GHashTable *opts, const char *prefix)
{
    GHashTable *out = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, opts);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (g_str_has_prefix(key, prefix))
            g_hash_table_insert(out, g_strdup((char *)key + strlen(prefix)), g_strdup(value));
    }
    return out;
}

/* The driver's own and the common options, checked; children left out. NULL with *error. */
GHashTable *node_own_options(const struct node_driver *driver, GHashTable *opts, GError **error)
{
    g_autoptr(GHashTable) own = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, opts);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (!strcmp(key, "driver") || child_of(driver, key))
            continue;
        if (!check_option(driver, key, value, own, error))
            return NULL;
    }
    return check_required(driver, own, error) ? g_steal_pointer(&own) : NULL;
}

static bool check_name(const char *name, GError **error)
{
    bool good = g_ascii_isalpha(*name) && strlen(name) <= NODE_NAME_MAX;

    for (const char *p = name; *p; p++)
        good &= g_ascii_isalnum(*p) || strchr("-._", *p);
    if (!good)
        block_error(error, EINVAL, "node-name", "'%.40s': a letter, then letters, digits, '-', '.', "
                    "'_', %d characters at most", name, NODE_NAME_MAX);
    return good;
}

static bool check_child(const struct node_driver *driver, GHashTable *opts, const char *child,
                        bool required, unsigned depth, GError **error)
{
    g_autofree char *prefix = g_strconcat(child, ".", NULL);
    bool inside = node_has_prefix(opts, prefix), named = g_hash_table_contains(opts, child);
    g_autoptr(GHashTable) sub = inside ? node_sub_options(opts, prefix) : NULL;

    if (inside && named) {
        block_error(error, EINVAL, driver->name, "%s is given twice", child);
        return false;
    }
    if (required && !inside && (!named || !*(char *)g_hash_table_lookup(opts, child))) {
        block_error(error, EINVAL, driver->name, "%s is missing", child);
        return false;
    }
    /* -drive's backing.driver alone states a format: the image tells the rest. */
    if (!sub || !g_hash_table_contains(sub, "driver"))
        return !sub || node_driver_must(NULL, error);
    return node_check_at(sub, depth + 1, error);
}

bool node_check_at(GHashTable *opts, unsigned depth, GError **error)
{
    const struct node_driver *driver = node_driver_must(node_driver_name(opts, ""), error);
    g_autoptr(GHashTable) own = driver ? node_own_options(driver, opts, error) : NULL;
    const char *name = own ? g_hash_table_lookup(own, "node-name") : NULL;

    if (!own || (name && !check_name(name, error)))
        return false;
    if (depth > NODE_DEPTH_MAX) {
        block_error(error, ELOOP, driver->name, "more than %d nodes inside each other",
                    NODE_DEPTH_MAX);
        return false;
    }
    if (driver->has_file &&
        !check_child(driver, opts, node_child_name(driver), true, depth, error))
        return false;
    return !driver->has_backing || check_child(driver, opts, "backing", false, depth, error);
}

bool node_check_options(GHashTable *opts, GError **error)
{
    return node_check_at(opts, 0, error);
}

const struct node_option *node_option_find(GHashTable *opts, const char *path)
{
    static const struct node_option reference = { .name = "reference", .type = NODE_OPT_STRING };
    g_autofree char *prefix = g_strdup("");

    for (unsigned depth = 0; depth <= NODE_DEPTH_MAX; depth++) {
        const char *rest = path + strlen(prefix), *name = node_driver_name(opts, prefix), *child;
        const struct node_driver *driver = name ? node_driver_find(name) : NULL;
        const struct node_option *o;
        char *deeper;

        if (!driver || !strcmp(rest, "driver"))
            return driver ? &reference : NULL;
        child = child_of(driver, rest);
        if (!child) {
            o = option_in(node_common_options, rest);
            return o ? o : option_in(driver->options, rest);
        }
        if (!strcmp(rest, child))
            return &reference;
        deeper = g_strconcat(prefix, child, ".", NULL);
        g_free(prefix);
        prefix = deeper;
    }
    return NULL;
}

/* ---- values ---- */

const char *node_opt(const struct node_args *args, const char *name)
{
    return g_hash_table_lookup(args->opts, name);
}

bool node_opt_bool(const struct node_args *args, const char *name, bool otherwise)
{
    const char *value = node_opt(args, name);

    return value ? !strcmp(value, "on") : otherwise;
}

uint64_t node_opt_number(const struct node_args *args, const char *name, uint64_t otherwise)
{
    const char *value = node_opt(args, name);

    return value ? g_ascii_strtoull(value, NULL, 10) : otherwise;
}

