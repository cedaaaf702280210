/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network cards: the short forms -nic and -net, which make a wire and a card, and what every card is checked for. */
#include <string.h>

#include "dm/config/devprops.h"
#include "dm/config/options.h"

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

        return opt_error(error, "%s model=%s: not supported; there are %s", what, driver,
                         *names ? names : "none yet");
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
    if (type && netdev_help(p, use, type))
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
    if (netdev_help(p, use, type))
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

/* One card and one wire need no hub between them; neither do wires without a card. */
static const char *only_wire(const struct parser *p, bool *no_card)
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
    *no_card = !cards;
    return cards == 1 && wires == 1 ? wire : NULL;
}

static bool finish_words(struct parser *p, GError **error)
{
    bool no_card;
    const char *wire = only_wire(p, &no_card);

    for (guint i = 0; i < p->nics->len; i++) {
        const struct nic_word *w = g_ptr_array_index(p->nics, i);
        g_autofree char *port = NULL;
        const char *netdev = w->netdev ? w->netdev : wire;

        if (!w->card && (wire || no_card))
            continue;
        if (!netdev && !add_hub_port(p, w->wire, &port, error))
            return false;
        if (w->card && !add_card(p, "-net nic", w, netdev ? netdev : port, error))
            return false;
    }
    return true;
}

/* ---- every card ---- */

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

bool finish_nics(struct parser *p, GError **error)
{
    return finish_words(p, error) && check_cards(p, error);
}

/* ---- help ---- */

void list_nics(FILE *out)
{
    g_autofree char *names = model_names();

    fprintf(out, "Cards (model=): %s\n", names);
    list_netdevs(out);
}
