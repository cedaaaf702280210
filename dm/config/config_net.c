/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wires: -netdev, captures, the order in which they can be opened. config_nic.c has the cards. */
#include <string.h>

#include "dm/config/options.h"
#include "net/netdev.h"

/* ---- options of a back end ---- */

static void add_descs(GArray *descs, const struct netdev_option *o)
{
    static const enum opt_type types[] = {
        [NETDEV_OPT_STRING] = OPT_STRING, [NETDEV_OPT_BOOL] = OPT_BOOL, [NETDEV_OPT_NUMBER] = OPT_NUMBER,
        [NETDEV_OPT_SIZE] = OPT_SIZE,     [NETDEV_OPT_ENUM] = OPT_ENUM, [NETDEV_OPT_LIST] = OPT_STRING};

    for (; o->name; o++) {
        const struct opt_desc d = {.name = o->name, .type = types[o->type], .help = o->help,
                                   .values = o->values, .refusal = o->refusal};

        g_array_append_val(descs, d);
    }
}

struct opt_desc *netdev_descs(const char *type)
{
    const struct netdev_driver *driver = netdev_driver_find(type);
    GArray *descs;

    if (!driver)
        return NULL;
    descs = g_array_new(TRUE, TRUE, sizeof(struct opt_desc));
    add_descs(descs, driver->options);
    add_descs(descs, netdev_common_options);
    return (struct opt_desc *)(void *)g_array_free(descs, FALSE);
}

/* "hostfwd", or JSON's "hostfwd.0.str". */
static const struct netdev_option *find_list(const struct netdev_driver *driver, const char *name)
{
    for (const struct netdev_option *o = driver->options; o->name; o++) {
        size_t len = strlen(o->name);

        if (o->type == NETDEV_OPT_LIST && !strncmp(name, o->name, len) &&
            (!name[len] || (name[len] == '.' && g_ascii_isdigit(name[len + 1]))))
            return o;
    }
    return NULL;
}

/* All values of a list as one, by lines; they leave the pairs. */
static void join_lists(const struct netdev_driver *driver, GPtrArray *pairs, GHashTable *lists)
{
    for (guint i = 0; i < pairs->len;) {
        const struct opt_pair *pair = g_ptr_array_index(pairs, i);
        const struct netdev_option *o = pair->value ? find_list(driver, pair->name) : NULL;
        const char *before;

        if (!o) {
            i++;
            continue;
        }
        before = g_hash_table_lookup(lists, o->name);
        g_hash_table_replace(lists, g_strdup(o->name), before ? g_strconcat(before, "\n", pair->value, NULL)
                                                              : g_strdup(pair->value));
        g_ptr_array_remove_index(pairs, i);
    }
}

static const char *why_not(const char *type)
{
    const char *refusal = netdev_driver_refusal(type);

    return refusal ? refusal : "-netdev help lists the types";
}

GHashTable *netdev_options(const char *what, const char *type, GPtrArray *pairs, GError **error)
{
    const struct netdev_driver *driver = netdev_driver_find(type);
    g_autofree char *begin = g_strdup_printf("%s %s", what, type);
    g_autoptr(GHashTable) lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree struct opt_desc *descs = netdev_descs(type);
    GHashTableIter iter;
    gpointer name, value;
    GHashTable *opts;

    if (!driver) {
        opt_error(error, "%s: not supported: %s", begin, why_not(type));
        return NULL;
    }
    join_lists(driver, pairs, lists);
    opts = opt_check(begin, pairs, descs, error);
    g_hash_table_iter_init(&iter, lists);
    while (opts && g_hash_table_iter_next(&iter, &name, &value))
        g_hash_table_replace(opts, g_strdup(name), g_strdup(value));
    return opts;
}

/* ---- -netdev ---- */

struct netdev_config *find_netdev(struct parser *p, const char *id)
{
    for (guint i = 0; i < p->config->netdevs->len; i++) {
        struct netdev_config *n = g_ptr_array_index(p->config->netdevs, i);

        if (!strcmp(n->id, id))
            return n;
    }
    return NULL;
}

/* Takes opts. */
bool add_netdev(struct parser *p, const char *what, const char *id, const char *type, GHashTable *opts,
                       GError **error)
{
    struct netdev_config *n;

    if (find_netdev(p, id)) {
        g_hash_table_unref(opts);
        return opt_error(error, "%s id=%s: the id is taken", what, id);
    }
    n = g_new0(struct netdev_config, 1);
    *n = (struct netdev_config){g_strdup(id), g_strdup(type), opts};
    g_ptr_array_add(p->config->netdevs, n);
    return true;
}

bool netdev_help(struct parser *p, const struct option_use *use, const char *type)
{
    g_autofree struct opt_desc *descs = netdev_descs(type);

    if (!descs || !opt_pairs_want_help(use->pairs, NULL))
        return false;
    options_print_subs(stdout, type, descs);
    p->done = true;
    return true;
}

bool apply_netdev(struct parser *p, const struct option_use *use, GError **error)
{
    g_autofree char *type = opt_pairs_steal(use->pairs, "type"), *id = opt_pairs_steal(use->pairs, "id");
    GHashTable *opts;

    if (!type || !*type)
        return opt_missing(use->pairs, error, "%s: a type is missing; -netdev help lists them", use->what);
    if (netdev_help(p, use, type))
        return true;
    if (!id && netdev_driver_find(type))
        return opt_missing(use->pairs, error, "%s %s: id= is missing", use->what, type);
    opts = netdev_options(use->what, type, use->pairs, error);
    if (!opts)
        return false;
    if (!opt_check_id(use->what, id, error)) {
        g_hash_table_unref(opts);
        return false;
    }
    return add_netdev(p, use->what, id, type, opts, error);
}

/* ---- the last step ---- */

/* A port of a hub after the wire that it names. */
static void order_netdevs(GPtrArray *all)
{
    guint count = all->len;

    for (guint i = 0, looked = 0; looked < count; looked++) {
        struct netdev_config *n = g_ptr_array_index(all, i);

        if (!opts_get(n->opts, "netdev")) {
            i++;
            continue;
        }
        memmove(&all->pdata[i], &all->pdata[i + 1], (all->len - i - 1) * sizeof(all->pdata[0]));
        all->pdata[all->len - 1] = n;
    }
}

static bool check_captures(struct parser *p, GError **error)
{
    for (guint i = 0; i < p->config->captures->len; i++) {
        const struct capture_config *c = g_ptr_array_index(p->config->captures, i);

        if (!find_netdev(p, c->netdev))
            return opt_error(error, "-object filter-dump netdev=%s: there is no -netdev with that id", c->netdev);
    }
    return true;
}

bool finish_net(struct parser *p, GError **error)
{
    if (!finish_nics(p, error) || !check_captures(p, error))
        return false;
    order_netdevs(p->config->netdevs);
    return true;
}

/* ---- -object filter-dump ---- */

#define DEFAULT_CAPTURE_LIMIT (1ull << 30)
#define DEFAULT_MAXLEN 65536

bool apply_filter_dump(struct parser *p, GHashTable *opts, GError **error)
{
    const char *netdev = opts_get(opts, "netdev"), *file = opts_get(opts, "file"), *queue = opts_get(opts, "queue");
    struct capture_config *c;

    if (!netdev || !file)
        return opt_error(error, "-object filter-dump: %s= is missing", netdev ? "file" : "netdev");
    c = g_new0(struct capture_config, 1);
    c->id = g_strdup(opts_get(opts, "id"));
    c->netdev = g_strdup(netdev);
    c->file = g_strdup(file);
    c->maxlen = (uint32_t)opts_number(opts, "maxlen", DEFAULT_MAXLEN);
    c->limit = opts_number(opts, "limit", DEFAULT_CAPTURE_LIMIT);
    /* As seen from the wire: it receives what the guest sends. */
    c->from_guest = !queue || strcmp(queue, "tx");
    c->to_guest = !queue || strcmp(queue, "rx");
    g_ptr_array_add(p->config->captures, c);
    return true;
}

/* ---- help ---- */

void list_netdevs(FILE *out)
{
    unsigned count;
    const struct netdev_driver *const *drivers = netdev_drivers(&count);

    fprintf(out, "Available netdev backend types:\n");
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "%-10s %s\n", drivers[i]->name, drivers[i]->help);
}
