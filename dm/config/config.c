/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks the command line by the table of options, then ties the loose ends. */
#include "dm/config/config_file.h"
#include "dm/config/config.h"

#include <string.h>

#include "block/tlscreds.h"
#include "dm/config/options.h"

#define DEFAULT_RAM_BYTES (128ull << 20)

/* ---- memory ---- */

static void free_drive(void *opaque)
{
    struct drive_config *d = opaque;

    g_free(d->id);
    g_free(d->node);
    g_free(d->file);
    g_free(d->format);
    g_free(d->werror);
    g_free(d->rerror);
    g_free(d->serial);
    g_clear_pointer(&d->node_options, g_hash_table_unref);
    g_clear_pointer(&d->throttle, g_hash_table_unref);
    g_free(d);
}

static void free_blockdev(void *opaque)
{
    struct blockdev_config *b = opaque;

    g_free(b->name);
    g_hash_table_unref(b->opts);
    g_free(b);
}

static void free_chardev(void *opaque)
{
    struct chardev_config *c = opaque;

    g_free(c->id);
    g_free(c->backend);
    if (c->opts)
        g_hash_table_unref(c->opts);
    g_free(c);
}

static void free_rng(void *opaque)
{
    struct rng_config *r = opaque;

    g_free(r->id);
    g_free(r->path);
    g_free(r);
}

void device_config_free(struct device_config *d)
{
    g_free(d->driver);
    g_free(d->id);
    if (d->props)
        g_hash_table_unref(d->props);
    g_free(d);
}

static void free_netdev(void *opaque)
{
    struct netdev_config *n = opaque;

    g_free(n->id);
    g_free(n->type);
    if (n->opts)
        g_hash_table_unref(n->opts);
    g_free(n);
}

static void free_capture(void *opaque)
{
    struct capture_config *c = opaque;

    g_free(c->id);
    g_free(c->netdev);
    g_free(c->file);
    g_free(c);
}

static void free_monitor(void *opaque)
{
    struct monitor_config *m = opaque;

    g_free(m->chardev);
    g_free(m);
}

static void config_init(struct vm_config *c)
{
    memset(c, 0, sizeof(*c));
    c->machine = g_strdup("pc");
    c->machine_name = g_strdup(MACHINE_PC_NAME);
    c->ram_bytes = DEFAULT_RAM_BYTES;
    c->boot_splash_time_ms = c->boot_reboot_timeout_ms = -1;
    c->rtc_start_s = -1;
    c->vmport = true;
    c->accels = g_ptr_array_new_with_free_func(g_free);
    c->actions = actions_default;
    c->cpu_features = g_ptr_array_new_with_free_func(g_free);
    c->blockdevs = g_ptr_array_new_with_free_func(free_blockdev);
    c->tls_creds = g_ptr_array_new_with_free_func((GDestroyNotify)tls_creds_free);
    c->rngs = g_ptr_array_new_with_free_func(free_rng);
    c->drives = g_ptr_array_new_with_free_func(free_drive);
    c->chardevs = g_ptr_array_new_with_free_func(free_chardev);
    c->netdevs = g_ptr_array_new_with_free_func(free_netdev);
    c->captures = g_ptr_array_new_with_free_func(free_capture);
    c->devices = g_ptr_array_new_with_free_func((GDestroyNotify)device_config_free);
    c->globals = g_ptr_array_new_with_free_func((GDestroyNotify)device_config_free);
    c->monitors = g_ptr_array_new_with_free_func(free_monitor);
    c->serials = g_ptr_array_new_with_free_func(g_free);
}

void config_clear(struct vm_config *c)
{
    GPtrArray *const arrays[] = {c->accels, c->cpu_features, c->drives, c->blockdevs, c->tls_creds, c->rngs, c->chardevs,
                                 c->netdevs, c->captures, c->devices, c->globals, c->monitors, c->serials,
                                 c->fw_cfg_files};
    char *const texts[] = {c->machine, c->machine_name, c->cpu_model, c->name, c->process_name,
                           c->uuid, c->bios, c->kernel, c->initrd, c->append, c->boot_order,
                           c->boot_once, c->ram.path, c->debugcon, c->qtest, c->qtest_log, c->pidfile};

    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++) {
        if (arrays[i])
            g_ptr_array_free(arrays[i], TRUE);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    privileges_clear(&c->privileges);
    if (c->smbios)
        g_byte_array_unref(c->smbios);
    vnc_config_free(c->vnc);
    web_config_free(c->web);
    memset(c, 0, sizeof(*c));
}

/* ---- one option ---- */

static bool apply_list(struct parser *p, const struct option_spec *spec, struct option_use *use,
                       GError **error)
{
    bool json = spec->arg == ARG_JSON && *use->arg == '{', ok;

    use->pairs = json ? opt_pairs_from_json(use->what, use->arg, error)
                      : opt_pairs_from_text(use->what, use->arg, spec->implied, error);
    if (!use->pairs)
        return false;
    if (!json && opt_pairs_want_help(use->pairs, spec->implied) && use->pairs->len == 1 &&
        (spec->list || spec->subs)) {
        if (spec->list)
            spec->list(stdout);
        else
            options_print_subs(stdout, use->what, spec->subs);
        p->done = true;
        return true;
    }
    if (spec->subs && spec->arg != ARG_PAIRS) {
        use->opts = opt_check(use->what, use->pairs, spec->subs, error);
        if (!use->opts)
            return false;
    }
    ok = spec->apply(p, use, error);
    return ok;
}

static bool apply_option(struct parser *p, const struct option_spec *spec, const char *arg,
                         GError **error)
{
    g_autofree char *what = g_strdup_printf("-%s", spec->name);
    struct option_use use = {.spec = spec, .what = what, .arg = arg};
    bool ok;

    if (spec->arg == ARG_NONE || spec->arg == ARG_WORD)
        return spec->apply(p, &use, error);
    ok = apply_list(p, spec, &use, error);
    if (use.opts)
        g_hash_table_unref(use.opts);
    if (use.pairs)
        g_ptr_array_free(use.pairs, TRUE);
    return ok;
}

static bool refuse_unknown(const char *name, GError **error)
{
    bool takes_arg;
    const char *hint = option_refusal(name, &takes_arg), *nearest = option_nearest(name);

    if (hint)
        return opt_error(error, "-%s: %s", name, hint);
    if (nearest)
        return opt_error(error, "-%s: unknown option; is -%s meant?", name, nearest);
    return opt_error(error, "-%s: unknown option; -help lists them", name);
}

static bool apply_image(struct parser *p, const char *file, GError **error)
{
    const struct option_use use = {.what = "disk image", .arg = file};

    return apply_hd(p, &use, error);
}

static bool apply_from_file(void *opaque, const char *name, const char *arg, GError **error)
{
    const struct option_spec *spec = option_find(name);

    return apply_option(opaque, spec, arg, error);
}

bool apply_readconfig(struct parser *p, const struct option_use *use, GError **error)
{
    return config_file_read(use->arg, apply_from_file, p, error);
}

bool apply_writeconfig(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    g_free(p->write_config);
    p->write_config = g_strdup(use->arg);
    return true;
}

static bool walk(struct parser *p, int argc, char **argv, GError **error)
{
    for (int i = 1; i < argc && !p->done; i++) {
        const struct option_spec *spec;
        const char *name = argv[i], *arg = NULL;

        if (*name != '-') {
            if (!apply_image(p, name, error))
                return false;
            continue;
        }
        name += name[1] == '-' ? 2 : 1;
        spec = option_find(name);
        if (!spec)
            return refuse_unknown(name, error);
        if (spec->arg != ARG_NONE) {
            arg = argv[++i];
            if (i >= argc || !arg)
                return opt_error(error, "-%s: an argument is missing: -%s %s", name, name,
                                 spec->arg_text);
        }
        if (!apply_option(p, spec, arg, error))
            return false;
    }
    return true;
}

bool config_parse(int argc, char **argv, struct vm_config *config, bool *done, GError **error)
{
    struct parser p = {.config = config};
    bool ok;

    config_init(config);
    p.objects = g_ptr_array_new_with_free_func(g_free);
    p.audiodevs = g_ptr_array_new_with_free_func(g_free);
    p.nics = g_ptr_array_new();
    ok = walk(&p, argc, argv, error);
    if (ok && !p.done)
        ok = finish_machine(&p, error) && finish_net(&p, error) && finish_devices(&p, error) &&
             finish_drives(&p, error) && finish_vnc(&p, error);
    if (ok && !p.done && p.write_config)
        ok = config_file_write(p.write_config, argc, argv, error);
    g_free(p.write_config);
    *done = ok && p.done;
    parser_free_drives(&p);
    parser_free_memory(&p);
    g_ptr_array_free(p.objects, TRUE);
    g_ptr_array_free(p.audiodevs, TRUE);
    g_free(p.vnc_audiodev);
    parser_free_nics(&p);
    if (!ok || p.done)
        config_clear(config);
    return ok;
}
