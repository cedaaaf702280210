/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -blockdev: block nodes by name, checked here, opened by backends.c. */
#include <string.h>

#include "block/node.h"
#include "dm/config/options.h"

static bool json_type_ok(const struct node_option *o, const struct opt_pair *pair)
{
    if (pair->json_type == G_TYPE_INVALID || pair->json_type == G_TYPE_NONE)
        return true;
    switch (o->type) {
    case NODE_OPT_BOOL:
        return pair->json_type == G_TYPE_BOOLEAN;
    case NODE_OPT_NUMBER:
    case NODE_OPT_SIZE:
        return pair->json_type == G_TYPE_INT64;
    case NODE_OPT_STRING:
        break;
    }
    /* "x.*": what is in there is the driver's to judge. */
    return pair->json_type == G_TYPE_STRING || g_str_has_suffix(o->name, ".*");
}

static bool check_json_types(const char *what, GPtrArray *pairs, GHashTable *opts, GError **error)
{
    for (guint i = 0; i < pairs->len; i++) {
        const struct opt_pair *pair = g_ptr_array_index(pairs, i);
        const struct node_option *o = node_option_find(opts, pair->name);

        if (o && !json_type_ok(o, pair))
            return opt_error(error, "%s: member '%s' has to be a JSON %s", what, pair->name,
                             o->type == NODE_OPT_BOOL     ? "boolean"
                             : o->type == NODE_OPT_STRING ? "string"
                                                          : "number");
    }
    return true;
}

GHashTable *blockdev_options(const char *what, GPtrArray *pairs, GError **error)
{
    g_autoptr(GHashTable) opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GError) why = NULL;

    for (guint i = 0; i < pairs->len; i++) {
        const struct opt_pair *pair = g_ptr_array_index(pairs, i);

        g_hash_table_replace(opts, g_strdup(pair->name), g_strdup(pair->value ? pair->value : "on"));
    }
    if (!node_check_options(opts, &why)) {
        opt_error(error, "%s %s", what, why->message);
        return NULL;
    }
    return check_json_types(what, pairs, opts, error) ? g_steal_pointer(&opts) : NULL;
}

struct blockdev_config *find_blockdev(struct parser *p, const char *name)
{
    for (guint i = 0; i < p->config->blockdevs->len; i++) {
        struct blockdev_config *b = g_ptr_array_index(p->config->blockdevs, i);

        if (!strcmp(b->name, name))
            return b;
    }
    return NULL;
}

static bool has_pair(const GPtrArray *pairs, const char *name)
{
    for (guint i = 0; i < pairs->len; i++) {
        if (!strcmp(((struct opt_pair *)g_ptr_array_index(pairs, i))->name, name))
            return true;
    }
    return false;
}

bool apply_blockdev(struct parser *p, const struct option_use *use, GError **error)
{
    g_autoptr(GHashTable) opts = NULL;
    const char *name;
    struct blockdev_config *b;

    if (!use->pairs->len)
        return opt_error(error, "-blockdev: driver is missing");
    if (!has_pair(use->pairs, "driver"))
        return opt_missing(use->pairs, error, "-blockdev driver: is missing");
    if (!has_pair(use->pairs, "node-name"))
        return opt_missing(use->pairs, error, "-blockdev: node-name is missing");
    opts = blockdev_options(use->what, use->pairs, error);
    name = opts ? g_hash_table_lookup(opts, "node-name") : NULL;
    if (!opts)
        return false;
    if (find_blockdev(p, name))
        return opt_error(error, "-blockdev node-name=%s: the name is taken", name);
    b = g_new0(struct blockdev_config, 1);
    b->name = g_strdup(name);
    b->opts = g_steal_pointer(&opts);
    g_ptr_array_add(p->config->blockdevs, b);
    return true;
}

/* ---- order: a node after those that it names ---- */

/* A name of a node in one of its options, that is not open yet: "file", "backing", "x.file" ... */
static const char *missing_name(GHashTable *opts, GHashTable *ready)
{
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, opts);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const char *last = strrchr(key, '.');

        last = last ? last + 1 : key;
        if ((!strcmp(last, "file") || !strcmp(last, "backing") || !strcmp(last, "image")) &&
            *(char *)value && !g_hash_table_contains(ready, value))
            return value;
    }
    return NULL;
}

static bool explain(struct parser *p, const struct blockdev_config *b, const char *missing,
                    GError **error)
{
    if (find_blockdev(p, missing))
        return opt_error(error, "-blockdev %s: it stands on '%s', and the nodes stand on each other "
                         "in a ring", b->name, missing);
    return opt_error(error, "-blockdev %s: there is no node '%s'", b->name, missing);
}

bool finish_blockdevs(struct parser *p, GError **error)
{
    GPtrArray *all = p->config->blockdevs;
    g_autoptr(GHashTable) ready = g_hash_table_new(g_str_hash, g_str_equal);

    if (p->snapshot_all && all->len)
        return opt_error(error, "-snapshot: it cannot be had with -blockdev; use -drive");
    for (guint done = 0; done < all->len; done++) {
        struct blockdev_config *b = NULL;
        const char *missing = NULL;
        guint i = done;

        for (; i < all->len; i++) {
            b = g_ptr_array_index(all, i);
            missing = missing_name(b->opts, ready);
            if (!missing)
                break;
        }
        if (missing)
            return explain(p, b, missing, error);
        all->pdata[i] = all->pdata[done];
        all->pdata[done] = b;
        g_hash_table_add(ready, b->name);
    }
    return true;
}

/* ---- help ---- */

void list_node_drivers(FILE *out)
{
    unsigned count;
    const struct node_driver *const *drivers = node_drivers(&count);

    fprintf(out, "Drivers (-blockdev driver=NAME, -drive format=NAME):\n");
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, "  %-12s %s\n", drivers[i]->name, drivers[i]->help);
        for (const struct node_option *o = drivers[i]->options; o && o->name; o++) {
            if (!o->refusal)
                fprintf(out, "    %s=%s  %s%s\n", o->name, o->values ? o->values : "...",
                        o->help ? o->help : "", o->required ? " (required)" : "");
        }
    }
    fprintf(out, "Every node:\n");
    for (const struct node_option *o = node_common_options; o->name; o++) {
        if (!o->refusal)
            fprintf(out, "    %s=%s  %s\n", o->name, o->values ? o->values : "...", o->help);
    }
}
