/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices, character back ends with the legacy words for them, monitors and displays. */
#include <string.h>

#include "chardev/chardev_backends.h"
#include "dm/config/devprops.h"
#include "dm/config/options.h"

#define SERIAL_PORTS 4

/* ---- -device and -global ---- */

static struct device_config *new_device(const char *driver)
{
    struct device_config *d = g_new0(struct device_config, 1);

    d->driver = g_strdup(driver);
    return d;
}

static bool no_such_driver(const char *what, const char *driver, GError **error)
{
    return opt_error(error, "%s %s: not supported%s (%s); devices: -device help", what, driver,
                     strstr(device_refusal(driver), "later") ? " yet" : "", device_refusal(driver));
}

static bool device_id_free(struct parser *p, const char *id, GError **error)
{
    GPtrArray *devices = p->config->devices;

    for (guint i = 0; id && i < devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(devices, i);

        if (d->id && !strcmp(d->id, id))
            return opt_error(error, "-device id=%s: the id is taken", id);
    }
    return true;
}

struct device_config *device_config_new(const char *what, GPtrArray *pairs, GError **error)
{
    g_autofree char *driver = opt_pairs_steal(pairs, "driver"), *id = opt_pairs_steal(pairs, "id");
    g_autofree char *prefix = g_strdup_printf("%s %s", what, driver);
    const struct device_desc *desc = device_desc_find(driver);
    g_autoptr(GHashTable) props = opt_check(prefix, pairs, desc->props, error);
    struct device_config *d;

    if (!props || !opt_check_id(prefix, id, error))
        return NULL;
    d = new_device(driver);
    d->id = g_steal_pointer(&id);
    d->props = g_steal_pointer(&props);
    return d;
}

static const char *driver_of(const GPtrArray *pairs)
{
    for (guint i = pairs->len; i-- > 0;) {
        const struct opt_pair *pair = g_ptr_array_index(pairs, i);

        if (pair->value && !strcmp(pair->name, "driver"))
            return pair->value;
    }
    return NULL;
}

bool apply_device(struct parser *p, const struct option_use *use, GError **error)
{
    const char *driver = driver_of(use->pairs);
    const struct device_desc *desc = driver ? device_desc_find(driver) : NULL;
    struct device_config *d;

    if (!driver || !*driver)
        return opt_missing(use->pairs, error, "%s: a driver is missing; devices: -device help", use->what);
    if (!desc || !desc->user_creatable)
        return no_such_driver(use->what, driver, error);
    if (opt_pairs_want_help(use->pairs, NULL)) {
        options_print_subs(stdout, driver, desc->props);
        p->done = true;
        return true;
    }
    d = device_config_new("-device", use->pairs, error);
    if (!d)
        return false;
    if (device_id_free(p, d->id, error)) {
        g_ptr_array_add(p->config->devices, d);
        return true;
    }
    device_config_free(d);
    return false;
}

static bool add_global(struct parser *p, const char *driver, const char *name, const char *value,
                       GError **error)
{
    const struct device_desc *desc = device_desc_find(driver);
    g_autofree char *what = g_strdup_printf("-global %s.%s", driver, name);
    const struct opt_desc *prop;
    struct device_config *d;
    char *plain;

    if (!desc)
        return no_such_driver("-global", driver, error);
    prop = opt_desc_find(desc->props, name);
    if (!prop || prop->refusal) {
        g_autofree char *names = opt_names(desc->props);

        return opt_error(error, "%s: not supported; %s has: %s", what, driver,
                         *names ? names : "no properties");
    }
    what[strlen("-global ") + strlen(driver)] = 0;
    plain = opt_check_value(what, prop, value, error);
    if (!plain)
        return false;
    d = new_device(driver);
    d->props = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(d->props, g_strdup(name), plain);
    g_ptr_array_add(p->config->globals, d);
    return true;
}

/* "DRIVER.PROPERTY=VALUE"; the other form is driver=D,property=P,value=V. */
bool apply_global(struct parser *p, const struct option_use *use, GError **error)
{
    static const struct opt_desc long_form[] = {
        {.name = "driver", .type = OPT_STRING}, {.name = "property", .type = OPT_STRING},
        {.name = "value", .type = OPT_STRING}, OPT_END};
    const char *dot = strchr(use->arg, '.'), *equals = strchr(use->arg, '=');
    g_autoptr(GPtrArray) pairs = NULL;
    g_autoptr(GHashTable) opts = NULL;

    if (dot && equals && dot < equals) {
        g_autofree char *driver = g_strndup(use->arg, (gsize)(dot - use->arg));
        g_autofree char *name = g_strndup(dot + 1, (gsize)(equals - dot - 1));

        return add_global(p, driver, name, equals + 1, error);
    }
    pairs = opt_pairs_from_text(use->what, use->arg, NULL, error);
    opts = pairs ? opt_check(use->what, pairs, long_form, error) : NULL;
    if (!opts)
        return false;
    if (!opts_get(opts, "driver") || !opts_get(opts, "property") || !opts_get(opts, "value"))
        return opt_error(error, "%s %s: DRIVER.PROPERTY=VALUE is expected", use->what, use->arg);
    return add_global(p, opts_get(opts, "driver"), opts_get(opts, "property"),
                      opts_get(opts, "value"), error);
}

/* ---- -chardev ---- */

/* Our types for theirs; the table of a back end is the back end's own. Then come those that all have (NULL: only they). */
struct opt_desc *chardev_descs(const char *backend)
{
    static const enum opt_type types[] = {
        [CHARDEV_OPT_STRING] = OPT_STRING, [CHARDEV_OPT_BOOL] = OPT_BOOL,
        [CHARDEV_OPT_NUMBER] = OPT_NUMBER, [CHARDEV_OPT_SIZE] = OPT_SIZE};
    const struct chardev_driver *driver = backend ? chardev_driver_find(backend) : NULL;
    const struct chardev_option *const tables[] = {driver ? driver->options : NULL, chardev_common_options()};
    GArray *descs;

    if (backend && !driver)
        return NULL;
    descs = g_array_new(TRUE, TRUE, sizeof(struct opt_desc));
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const struct chardev_option *o = tables[i]; o && o->name; o++) {
            struct opt_desc desc = {.name = o->name, .type = types[o->type], .help = o->help};

            g_array_append_val(descs, desc);
        }
    }
    return (struct opt_desc *)(void *)g_array_free(descs, FALSE);
}

static struct chardev_config *find_chardev(struct parser *p, const char *id)
{
    for (guint i = 0; i < p->config->chardevs->len; i++) {
        struct chardev_config *c = g_ptr_array_index(p->config->chardevs, i);

        if (!strcmp(c->id, id))
            return c;
    }
    return NULL;
}

/* Takes all of its arguments, also when it fails. */
static bool add_chardev(struct parser *p, const char *what, char *id, char *backend,
                        GHashTable *opts, GError **error)
{
    struct chardev_config *c = g_new0(struct chardev_config, 1);
    bool ok = !find_chardev(p, id);

    if (!ok)
        opt_error(error, "%s id=%s: the id is taken", what, id);
    *c = (struct chardev_config){id, backend, opts, false};
    g_ptr_array_add(p->config->chardevs, c);
    return ok;
}

bool chardev_check_pairs(const char *backend, GPtrArray *pairs, GHashTable **opts, GError **error)
{
    g_autofree char *what = g_strdup_printf("-chardev %s", backend), *why = NULL;
    g_autofree struct opt_desc *descs = chardev_descs(backend);

    if (!descs)
        return opt_error(error, "%s: not supported; back ends: -chardev help", what);
    *opts = opt_check(what, pairs, descs, error);
    if (!*opts)
        return false;
    why = chardev_check_options(chardev_driver_find(backend), *opts);
    if (!why)
        return true;
    g_clear_pointer(opts, g_hash_table_unref);
    return opt_error(error, "%s: %s", what, why);
}

/* mux=on belongs to no back end: it puts a multiplexer before it. */
static bool take_mux(GPtrArray *pairs, bool *mux, GError **error)
{
    static const struct opt_desc desc = {.name = "mux", .type = OPT_BOOL};
    g_autofree char *value = opt_pairs_steal(pairs, "mux"), *plain = NULL;

    *mux = false;
    if (!value)
        return true;
    plain = opt_check_value("-chardev", &desc, value, error);
    *mux = plain && !strcmp(plain, "on");
    return plain != NULL;
}

bool apply_chardev(struct parser *p, const struct option_use *use, GError **error)
{
    g_autofree char *backend = opt_pairs_steal(use->pairs, "backend");
    g_autofree char *id = opt_pairs_steal(use->pairs, "id");
    GHashTable *opts = NULL;
    bool mux;

    if (!backend || !*backend)
        return opt_missing(use->pairs, error, "%s: a back end is missing; back ends: -chardev help", use->what);
    if (opt_pairs_want_help(use->pairs, NULL) && chardev_driver_find(backend)) {
        g_autofree struct opt_desc *descs = chardev_descs(backend);

        options_print_subs(stdout, backend, descs);
        p->done = true;
        return true;
    }
    if (!id)
        return opt_missing(use->pairs, error, "%s %s: id= is missing", use->what, backend);
    if (!opt_check_id(use->what, id, error) || !take_mux(use->pairs, &mux, error) ||
        !chardev_check_pairs(backend, use->pairs, &opts, error))
        return false;
    return add_chardev(p, use->what, g_steal_pointer(&id),
                       mux ? g_strconcat("mux-", backend, NULL) : g_steal_pointer(&backend), opts,
                       error);
}

/*
 * The word of -serial, -qmp, ... : makes a chardev with the id `id`, or finds the one that
 * "chardev:ID" names. *used gets the id (g_free).
 */
static bool legacy_chardev(struct parser *p, const char *what, const char *word, const char *id,
                           char **used, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autofree char *fault = NULL;
    GHashTable *opts = NULL;
    char *backend = NULL;

    if (!strncmp(word, "chardev:", 8)) {
        *used = g_strdup(word + 8);
        return true;
    }
    if (!chardev_parse_legacy(word, &backend, &opts, &why))
        return opt_error(error, "%s %s: %s", what, word, why ? why->message : "not understood");
    fault = chardev_check_options(chardev_driver_find(backend + (g_str_has_prefix(backend, "mux-") ? 4 : 0)), opts);
    if (fault) {
        g_free(backend);
        g_hash_table_unref(opts);
        return opt_error(error, "%s %s: %s", what, word, fault);
    }
    *used = g_strdup(id);
    return add_chardev(p, what, g_strdup(id), backend, opts, error);
}

/* ---- ports and monitors ---- */

static void add_monitor(struct parser *p, char *chardev, bool control, bool pretty)
{
    struct monitor_config *m = g_new0(struct monitor_config, 1);

    *m = (struct monitor_config){chardev, control, pretty};
    g_ptr_array_add(p->config->monitors, m);
}

bool apply_serial(struct parser *p, const struct option_use *use, GError **error)
{
    GPtrArray *serials = p->config->serials;
    g_autofree char *id = g_strdup_printf("serial%u", serials->len);
    char *used = NULL;

    p->serial_given = true;
    if (serials->len >= SERIAL_PORTS)
        return opt_error(error, "%s: there are %d serial ports", use->what, SERIAL_PORTS);
    if (strcmp(use->arg, "none") && !legacy_chardev(p, use->what, use->arg, id, &used, error)) {
        g_free(used);
        return false;
    }
    g_ptr_array_add(serials, used);
    if (g_str_has_prefix(use->arg, "mon:"))
        add_monitor(p, g_strdup(used), false, false);
    return true;
}

/* The options whose only value is that there is none of it. */
static bool only_none(const struct option_use *use, const char *words, const char *hint,
                      GError **error)
{
    if (opt_word_among(words, use->arg))
        return true;
    return opt_error(error, "%s %s: not supported%s", use->what, use->arg, hint);
}

bool apply_parallel(struct parser *p, const struct option_use *use, GError **error)
{
    (void)p;
    return only_none(use, "none|null", ": there is no parallel port; only none", error);
}

static bool add_legacy_monitor(struct parser *p, const struct option_use *use, bool control, bool pretty,
                               GError **error)
{
    g_autofree char *id = g_strdup_printf("compat_monitor%u", p->monitors++);
    char *used = NULL;

    if (!strcmp(use->arg, "none"))
        return true;
    if (!legacy_chardev(p, use->what, use->arg, id, &used, error)) {
        g_free(used);
        return false;
    }
    add_monitor(p, used, control, pretty);
    return true;
}

bool apply_qmp(struct parser *p, const struct option_use *use, GError **error)
{
    return add_legacy_monitor(p, use, true, false, error);
}

bool apply_qmp_pretty(struct parser *p, const struct option_use *use, GError **error)
{
    return add_legacy_monitor(p, use, true, true, error);
}

bool apply_monitor(struct parser *p, const struct option_use *use, GError **error)
{
    p->monitor_given = true;
    return add_legacy_monitor(p, use, false, false, error);
}

bool apply_mon(struct parser *p, const struct option_use *use, GError **error)
{
    const char *chardev = opts_get(use->opts, "chardev"), *mode = opts_get(use->opts, "mode");

    if (!chardev)
        return opt_error(error, "%s: chardev= is missing", use->what);
    add_monitor(p, g_strdup(chardev), mode && !strcmp(mode, "control"), opts_bool(use->opts, "pretty", false));
    return opt_check_id(use->what, opts_get(use->opts, "id"), error);
}

static bool one_chardev(struct parser *p, const struct option_use *use, char **where,
                        GError **error)
{
    if (*where)
        return opt_error(error, "%s: it is given twice", use->what);
    if (!strcmp(use->arg, "none"))
        return true;
    return legacy_chardev(p, use->what, use->arg, use->spec->name, where, error);
}

bool apply_debugcon(struct parser *p, const struct option_use *use, GError **error)
{
    return one_chardev(p, use, &p->config->debugcon, error);
}

bool apply_qtest(struct parser *p, const struct option_use *use, GError **error)
{
    return one_chardev(p, use, &p->config->qtest, error);
}

bool apply_qtest_log(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    g_free(p->config->qtest_log);
    p->config->qtest_log = strcmp(use->arg, "none") ? g_strdup(use->arg) : NULL;
    return true;
}

/* ---- displays ---- */

bool apply_display(struct parser *p, const struct option_use *use, GError **error)
{
    if (!strcmp(use->arg, "help") || !strcmp(use->arg, "?")) {
        list_displays(stdout);
        p->done = true;
        return true;
    }
    if (g_str_has_prefix(use->arg, "vnc="))
        return apply_display_vnc(p, use, error);
    if (!strcmp(use->arg, "web") || g_str_has_prefix(use->arg, "web=") || g_str_has_prefix(use->arg, "web,"))
        return apply_display_web(p, use, error);
    p->display_given = true;
    if (g_str_has_prefix(use->arg, "curses,") || g_str_has_prefix(use->arg, "text,"))
        return opt_error(error, "%s %s: it takes no options; characters are told by the fonts that the guest "
                         "has loaded", use->what, use->arg);
    if (!strcmp(use->arg, "none"))
        p->config->display = DISPLAY_NONE;
    else if (!strcmp(use->arg, "text") || !strcmp(use->arg, "curses"))
        p->config->display = DISPLAY_TEXT;
    else
        return opt_error(error, "%s %s: not supported; there are text (in this terminal), vnc=:N, web=PORT and none",
                         use->what, use->arg);
    return true;
}

bool apply_nographic(struct parser *p, const struct option_use *use, GError **error)
{
    (void)use;
    (void)error;
    p->config->nographic = p->config->no_graphics = true;
    return true;
}

bool apply_vga(struct parser *p, const struct option_use *use, GError **error)
{
    struct vm_config *c = p->config;

    if (strcmp(use->arg, "std") && strcmp(use->arg, "none"))
        return opt_error(error, "%s %s: not supported; there are std and none", use->what,
                         use->arg);
    c->vga = strcmp(use->arg, "std") ? VGA_NONE : VGA_STD;
    c->vga_given = true;
    return true;
}

/* ---- the last step ---- */

static bool use_chardev(struct parser *p, const char *what, const char *id, GError **error)
{
    struct chardev_config *c = find_chardev(p, id);

    if (!c)
        return opt_error(error, "%s: no -chardev has the id '%s'", what, id);
    if (c->used && !g_str_has_prefix(c->backend, "mux-"))
        return opt_error(error, "%s: -chardev '%s' is in use", what, id);
    c->used = true;
    return true;
}

static unsigned count_devices(struct parser *p, const char *driver)
{
    unsigned count = 0;

    for (guint i = 0; i < p->config->devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(p->config->devices, i);

        count += !strcmp(d->driver, driver);
    }
    return count;
}

/* serial0 on the terminal with -nographic, else a text console of the display. */
static bool add_default_serial(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;
    const char *backend = c->nographic ? "mux-stdio" : "vc";

    if (p->serial_given || c->nodefaults || count_devices(p, "isa-serial") ||
        !strcmp(c->machine, "none"))
        return true;
    if (c->nographic && c->daemonize)
        return opt_error(error, "-nographic: it cannot be had with -daemonize; use -display none");
    g_ptr_array_add(c->serials, g_strdup("serial0"));
    if (c->nographic && !p->monitor_given)
        add_monitor(p, g_strdup("serial0"), false, false);
    return add_chardev(p, "-serial", g_strdup("serial0"), g_strdup(backend),
                       g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free), error);
}

static bool choose_display(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;
    unsigned isa_vga = count_devices(p, "isa-vga"), vga_device = isa_vga + count_devices(p, "VGA");

    if (vga_device > 1)
        return opt_error(error, "-device %s: there is a display adapter already",
                         isa_vga ? "isa-vga" : "VGA");
    if (vga_device && c->vga_given && c->vga != VGA_NONE)
        return opt_error(error,
                         "-vga std: a -device is the display adapter already; leave one out");
    if (!c->vga_given)
        c->vga = c->nodefaults || vga_device || !strcmp(c->machine, "none") ? VGA_NONE : VGA_STD;
    if (c->display == DISPLAY_TEXT && c->daemonize)
        return opt_error(error, "-display text: it cannot be had with -daemonize");
    if (!p->display_given && (c->nographic || c->daemonize || !strcmp(c->machine, "none")))
        c->display = DISPLAY_NONE;
    return true;
}

static bool use_device_chardevs(struct parser *p, GError **error)
{
    for (guint i = 0; i < p->config->devices->len; i++) {
        const struct device_config *d = g_ptr_array_index(p->config->devices, i);
        const char *id = g_hash_table_lookup(d->props, "chardev");
        g_autofree char *what = g_strdup_printf("-device %s", d->driver);

        if (id && !use_chardev(p, what, id, error))
            return false;
        if (!id && !strcmp(d->driver, "isa-debugcon"))
            return opt_error(error, "%s: chardev= is missing", what);
    }
    return true;
}

static bool use_word_chardevs(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;

    for (guint i = 0; i < c->serials->len; i++) {
        const char *id = g_ptr_array_index(c->serials, i);

        if (id && !use_chardev(p, "-serial", id, error))
            return false;
    }
    for (guint i = 0; i < c->monitors->len; i++) {
        const struct monitor_config *m = g_ptr_array_index(c->monitors, i);

        if (!use_chardev(p, "-mon", m->chardev, error))
            return false;
    }
    if (c->debugcon && !use_chardev(p, "-debugcon", c->debugcon, error))
        return false;
    return !c->qtest || use_chardev(p, "-qtest", c->qtest, error);
}

/* One terminal, one user of it. */
static bool check_stdio(struct parser *p, GError **error)
{
    const char *first = NULL;

    for (guint i = 0; i < p->config->chardevs->len; i++) {
        const struct chardev_config *c = g_ptr_array_index(p->config->chardevs, i);

        if (!g_str_has_suffix(c->backend, "stdio"))
            continue;
        if (first)
            return opt_error(error, "stdio is asked for twice: by %s and by %s", first, c->id);
        first = c->id;
    }
    if (first && p->config->display == DISPLAY_TEXT)
        return opt_error(error, "-display text: stdio is asked for by %s too", first);
    if (first && p->config->daemonize)
        return opt_error(error, "-daemonize: %s is on stdio", first);
    return true;
}

bool finish_devices(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;

    if (!strcmp(c->machine, "none") && c->devices->len)
        return opt_error(error, "-device %s: machine none has no bus for it",
                         ((struct device_config *)g_ptr_array_index(c->devices, 0))->driver);
    return add_default_serial(p, error) && choose_display(p, error) &&
           use_device_chardevs(p, error) && use_word_chardevs(p, error) && check_stdio(p, error);
}
