/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wires and cards: -netdev, the short forms -nic and -net, captures, and what ties cards to wires. */
#include <string.h>

#include "dm/devprops.h"
#include "dm/options.h"
#include "net/netdev.h"

#define MAX_NICS 32
#define DEFAULT_MODEL "e1000"
#define DEFAULT_ISA_MODEL "ne2k_isa"

/* A -net nic, or a -net TYPE: they come together in finish_net(). */
struct nic_word {
    bool card;
    char *model, *mac, *netdev, *name, *addr; /* of a card; netdev: NULL means the hub */
    char *wire;                               /* id of a -net TYPE's netdev */
};

static void free_nic_word(struct nic_word *w)
{
    g_free(w->model);
    g_free(w->mac);
    g_free(w->netdev);
    g_free(w->name);
    g_free(w->addr);
    g_free(w->wire);
    g_free(w);
}

void parser_free_nics(struct parser *p)
{
    for (guint i = 0; i < p->nics->len; i++)
        free_nic_word(g_ptr_array_index(p->nics, i));
    g_ptr_array_free(p->nics, TRUE);
}

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

static struct netdev_config *find_netdev(struct parser *p, const char *id)
{
    for (guint i = 0; i < p->config->netdevs->len; i++) {
        struct netdev_config *n = g_ptr_array_index(p->config->netdevs, i);

        if (!strcmp(n->id, id))
            return n;
    }
    return NULL;
}

/* Takes opts. */
static bool add_netdev(struct parser *p, const char *what, const char *id, const char *type, GHashTable *opts,
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

static bool asks_for_help(struct parser *p, const struct option_use *use, const char *type)
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
        return opt_error(error, "%s: a type is missing; -netdev help lists them", use->what);
    if (asks_for_help(p, use, type))
        return true;
    if (!id && netdev_driver_find(type))
        return opt_error(error, "%s %s: id= is missing", use->what, type);
    opts = netdev_options(use->what, type, use->pairs, error);
    if (!opts)
        return false;
    if (!opt_check_id(use->what, id, error)) {
        g_hash_table_unref(opts);
        return false;
    }
    return add_netdev(p, use->what, id, type, opts, error);
}

/* ---- cards of the short forms ---- */

/* "virtio" is the one name that differs between the short forms and -device. */
static const char *model_driver(const char *model)
{
    return !strcmp(model, "virtio") ? "virtio-net-pci" : model;
}

static bool is_card(const struct device_desc *desc)
{
    return desc && desc->user_creatable && opt_desc_find(desc->props, "netdev");
}

static char *model_names(void)
{
    GString *names = g_string_new(NULL);
    unsigned count;
    const struct device_desc *d = device_descs(&count);

    for (unsigned i = 0; i < count; i++) {
        if (is_card(&d[i]))
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", d[i].name);
    }
    return g_string_free(names, FALSE);
}

static void set_prop(GHashTable *props, const char *name, const char *value)
{
    if (value)
        g_hash_table_replace(props, g_strdup(name), g_strdup(value));
}

static bool add_card(struct parser *p, const char *what, const struct nic_word *w, const char *netdev, GError **error)
{
    bool isa = !strcmp(p->config->machine, "isapc");
    const char *driver = model_driver(w->model ? w->model : isa ? DEFAULT_ISA_MODEL : DEFAULT_MODEL);
    const struct device_desc *desc = device_desc_find(driver);
    struct device_config *d;

    if (!is_card(desc)) {
        g_autofree char *names = model_names();

        return opt_error(error, "%s model=%s: not supported; there are %s", what, driver, *names ? names : "none yet");
    }
    if (w->addr && !opt_desc_find(desc->props, "addr"))
        return opt_error(error, "%s addr=%s: %s is no PCI card", what, w->addr, driver);
    d = g_new0(struct device_config, 1);
    d->driver = g_strdup(driver);
    d->id = g_strdup(w->name);
    d->props = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    set_prop(d->props, "netdev", netdev);
    set_prop(d->props, "mac", w->mac);
    set_prop(d->props, "addr", w->addr);
    g_ptr_array_add(p->config->devices, d);
    return true;
}

/* ---- -nic ---- */

static bool model_help(struct parser *p, const char *model)
{
    g_autofree char *names = NULL;

    if (!model || (strcmp(model, "help") && strcmp(model, "?")))
        return false;
    names = model_names();
    printf("Cards: %s\n", names);
    p->done = true;
    return true;
}

bool apply_nic(struct parser *p, const struct option_use *use, GError **error)
{
    g_autofree char *type = opt_pairs_steal(use->pairs, "type"), *id = opt_pairs_steal(use->pairs, "id");
    struct nic_word w = {.card = true};
    GHashTable *opts;
    bool ok;

    if (type && !strcmp(type, "none"))
        return true;
    if (type && asks_for_help(p, use, type))
        return true;
    if (!id)
        id = g_strdup_printf("nic%u", p->nic_words);
    p->nic_words++;
    w.model = opt_pairs_steal(use->pairs, "model");
    w.mac = opt_pairs_steal(use->pairs, "macaddr");
    if (!w.mac)
        w.mac = opt_pairs_steal(use->pairs, "mac");
    w.addr = opt_pairs_steal(use->pairs, "addr");
    if (model_help(p, w.model)) {
        ok = true;
    } else if (!type || !*type) {
        ok = opt_error(error, "%s: a type is missing: user, tap ... (-netdev help lists them), or none", use->what);
    } else {
        opts = netdev_options(use->what, type, use->pairs, error);
        ok = opts && opt_check_id(use->what, id, error);
        if (opts && !ok)
            g_hash_table_unref(opts);
        ok = ok && add_netdev(p, use->what, id, type, opts, error) && add_card(p, use->what, &w, id, error);
    }
    g_free(w.model);
    g_free(w.mac);
    g_free(w.addr);
    return ok;
}

/* ---- -net ---- */

static const struct opt_desc net_nic_subs[] = {
    {.name = "netdev", .type = OPT_STRING}, {.name = "macaddr", .type = OPT_STRING},
    {.name = "mac", .type = OPT_STRING, .alias_of = "macaddr"}, {.name = "model", .type = OPT_STRING},
    {.name = "name", .type = OPT_STRING}, {.name = "id", .type = OPT_STRING, .alias_of = "name"},
    {.name = "addr", .type = OPT_STRING},
    {.name = "vectors", .type = OPT_NUMBER, .refusal = "give -device CARD,vectors=... instead"},
    OPT_END,
};

static bool apply_net_nic(struct parser *p, const struct option_use *use, GError **error)
{
    g_autoptr(GHashTable) opts = opt_check("-net nic", use->pairs, net_nic_subs, error);
    struct nic_word *w;

    if (!opts || !opt_check_id("-net nic", opts_get(opts, "name"), error))
        return false;
    if (model_help(p, opts_get(opts, "model")))
        return true;
    w = g_new0(struct nic_word, 1);
    w->card = true;
    w->model = g_strdup(opts_get(opts, "model"));
    w->mac = g_strdup(opts_get(opts, "macaddr"));
    w->netdev = g_strdup(opts_get(opts, "netdev"));
    w->name = g_strdup(opts_get(opts, "name"));
    w->addr = g_strdup(opts_get(opts, "addr"));
    g_ptr_array_add(p->nics, w);
    return true;
}

bool apply_net(struct parser *p, const struct option_use *use, GError **error)
{
    g_autofree char *type = opt_pairs_steal(use->pairs, "type"), *id = NULL, *name = NULL;
    struct nic_word *w;
    GHashTable *opts;

    if (!type || !*type)
        return opt_error(error, "%s: a type is missing: nic, user, tap ..., or none", use->what);
    if (!strcmp(type, "none"))
        return true;
    if (!strcmp(type, "nic"))
        return apply_net_nic(p, use, error);
    if (asks_for_help(p, use, type))
        return true;
    id = opt_pairs_steal(use->pairs, "id");
    name = opt_pairs_steal(use->pairs, "name");
    if (!id)
        id = name ? g_steal_pointer(&name) : g_strdup_printf("net%u", p->nics->len);
    opts = netdev_options(use->what, type, use->pairs, error);
    if (!opts || !opt_check_id(use->what, id, error)) {
        if (opts)
            g_hash_table_unref(opts);
        return false;
    }
    if (!add_netdev(p, use->what, id, type, opts, error))
        return false;
    w = g_new0(struct nic_word, 1);
    w->wire = g_steal_pointer(&id);
    g_ptr_array_add(p->nics, w);
    return true;
}

/* ---- the hub of -net ---- */

static bool add_hub_port(struct parser *p, const char *behind, char **id, GError **error)
{
    GHashTable *opts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    *id = g_strdup_printf("hub0port%u", p->hub_ports++);
    set_prop(opts, "hubid", "0");
    set_prop(opts, "netdev", behind);
    return add_netdev(p, "-net", *id, "hubport", opts, error);
}

/* One card and one wire need no hub between them. */
static const char *only_wire(const struct parser *p)
{
    const char *wire = NULL;
    unsigned cards = 0, wires = 0;

    for (guint i = 0; i < p->nics->len; i++) {
        const struct nic_word *w = g_ptr_array_index(p->nics, i);

        cards += w->card && !w->netdev;
        wires += !w->card;
        if (!w->card)
            wire = w->wire;
    }
    return cards == 1 && wires == 1 ? wire : NULL;
}

static bool finish_words(struct parser *p, GError **error)
{
    const char *wire = only_wire(p);

    for (guint i = 0; i < p->nics->len; i++) {
        const struct nic_word *w = g_ptr_array_index(p->nics, i);
        g_autofree char *port = NULL;
        const char *netdev = w->netdev ? w->netdev : wire;

        if (!w->card && wire)
            continue;
        if (!netdev && !add_hub_port(p, w->wire, &port, error))
            return false;
        if (w->card && !add_card(p, "-net nic", w, netdev ? netdev : port, error))
            return false;
    }
    return true;
}

/* ---- the last step ---- */

bool net_parse_mac(const char *text, uint8_t mac[6])
{
    for (unsigned i = 0; i < 6; i++, text += 2) {
        if (i && *text != ':' && *text != '-')
            return false;
        text += i > 0;
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]))
            return false;
        mac[i] = (uint8_t)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]));
    }
    return !*text;
}

static bool check_mac(const char *what, const char *text, GHashTable *macs, GError **error)
{
    uint8_t mac[6];
    char *key;

    if (!net_parse_mac(text, mac))
        return opt_error(error, "%s mac=%s: six bytes like 52:54:00:12:34:56 are expected", what, text);
    if (mac[0] & 1)
        return opt_error(error, "%s mac=%s: that is a multicast address (its first byte is odd)", what, text);
    key = g_strdup_printf("%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    if (g_hash_table_add(macs, key))
        return true;
    return opt_error(error, "%s mac=%s: another card has the address", what, text);
}

static bool check_card(struct parser *p, const struct device_config *d, GHashTable *used, GHashTable *macs,
                       GError **error)
{
    const char *netdev = g_hash_table_lookup(d->props, "netdev"), *mac = g_hash_table_lookup(d->props, "mac");
    g_autofree char *what = g_strdup_printf("-device %s", d->driver);

    if (netdev && !find_netdev(p, netdev))
        return opt_error(error, "%s netdev=%s: there is no -netdev with that id", what, netdev);
    if (netdev && !g_hash_table_add(used, (gpointer)netdev))
        return opt_error(error, "%s netdev=%s: another card has it", what, netdev);
    return !mac || check_mac(what, mac, macs, error);
}

static bool check_cards(struct parser *p, GError **error)
{
    g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) macs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    unsigned count = 0;

    for (guint i = 0; i < p->config->devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(p->config->devices, i);

        if (!is_card(device_desc_find(d->driver)))
            continue;
        if (++count > MAX_NICS)
            return opt_error(error, "-device %s: there can be %d cards", d->driver, MAX_NICS);
        if (!check_card(p, d, used, macs, error))
            return false;
    }
    return true;
}

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
    if (!finish_words(p, error) || !check_cards(p, error) || !check_captures(p, error))
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

void list_nics(FILE *out)
{
    g_autofree char *names = model_names();

    fprintf(out, "Cards (model=): %s\n", names);
    list_netdevs(out);
}
