/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the options about the machine itself do: machine, CPU, memory, boot, clock, process. */
#include <errno.h>
#include <string.h>

#include "dm/config/options.h"
#include "dm/cpu/cpu_spec.h"
#include "host/fdset.h"

#define MIB (1024 * 1024ull)
#define MIN_RAM_BYTES MIB
#define MAX_RAM_BYTES (1024 * 1024 * MIB)
#define MAX_CPUS 255

static void set_text(char **where, const char *text)
{
    g_free(*where);
    *where = g_strdup(text);
}

static void set_if_given(char **where, GHashTable *opts, const char *name)
{
    const char *value = opts_get(opts, name);

    if (value)
        set_text(where, value);
}

/* ---- machine and accelerator ---- */

const char *machine_resolve(const char *name)
{
    if (!strcmp(name, "pc") || g_str_has_prefix(name, "pc-i440fx-"))
        return "pc";
    if (!strcmp(name, "isapc") || !strcmp(name, "none"))
        return name;
    return NULL;
}

/* Adds "kvm:tcg" and the like; tcg counts only if nothing else is left, and then is refused. */
static bool add_accels(struct parser *p, const char *what, const char *words, GError **error)
{
    g_auto(GStrv) list = g_strsplit(words, ":", 16);
    bool tcg = false;

    for (char **word = list; *word; word++) {
        if (!strcmp(*word, "kvm") || !strcmp(*word, "qtest")) {
            g_ptr_array_add(p->config->accels, g_strdup(*word));
        } else if (!strcmp(*word, "tcg")) {
            tcg = true;
        } else {
            return opt_error(error, "%s %s: no such accelerator; there are kvm and qtest", what,
                             *word);
        }
    }
    if (tcg && !list[1])
        g_ptr_array_add(p->config->accels, g_strdup("tcg"));
    return true;
}

bool apply_machine(struct parser *p, const struct option_use *use, GError **error)
{
    struct vm_config *c = p->config;
    const char *type = opts_get(use->opts, "type"), *accel = opts_get(use->opts, "accel");
    const char *vmport = opts_get(use->opts, "vmport");

    if (type && !machine_resolve(type))
        return opt_error(error, "%s %s: no such machine; there are pc, isapc and none "
                         "(-machine help)", use->what, type);
    if (type) {
        set_text(&c->machine, machine_resolve(type));
        set_text(&c->machine_name, strcmp(type, "pc") ? type : MACHINE_PC_NAME);
    }
    if (accel) {
        g_ptr_array_set_size(c->accels, 0);
        p->machine_accel = true;
        if (!add_accels(p, "-machine accel", accel, error))
            return false;
    }
    if (vmport)
        c->vmport = strcmp(vmport, "off") != 0;
    c->no_acpi = !opts_bool(use->opts, "acpi", !c->no_acpi);
    c->no_graphics = !opts_bool(use->opts, "graphics", !c->no_graphics);
    set_if_given(&p->memory_backend, use->opts, "memory-backend");
    return true;
}

bool apply_accel(struct parser *p, const struct option_use *use, GError **error)
{
    const char *accel = opts_get(use->opts, "accel");

    if (!accel)
        return opt_error(error, "%s: an accelerator is missing: -accel kvm", use->what);
    p->accel_given = true;
    return add_accels(p, use->what, accel, error);
}

bool apply_enable_kvm(struct parser *p, const struct option_use *use, GError **error)
{
    p->accel_given = true;
    return add_accels(p, use->what, "kvm", error);
}

static void drop_tcg(GPtrArray *accels)
{
    for (guint i = accels->len; i-- > 0;) {
        if (!strcmp(g_ptr_array_index(accels, i), "tcg"))
            g_ptr_array_remove_index(accels, i);
    }
}

static bool finish_accels(struct parser *p, GError **error)
{
    GPtrArray *accels = p->config->accels;

    if (p->machine_accel && p->accel_given)
        return opt_error(error, "-accel: give either -accel or -machine accel=, not both");
    if (!accels->len)
        g_ptr_array_add(accels, g_strdup("kvm"));
    drop_tcg(accels);
    if (!accels->len)
        return opt_error(error,
                         "-accel tcg: not supported: guests run on KVM only; use -accel kvm");
    return true;
}

/* ---- CPU and memory ---- */

bool apply_cpu(struct parser *p, const struct option_use *use, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(use->arg, ",", 512);
    struct cpu_spec *spec;

    if (!strcmp(use->arg, "help") || !strcmp(use->arg, "?")) {
        list_cpus(stdout);
        p->done = true;
        return true;
    }
    if (!parts[0])
        return opt_error(error, "%s: a model is missing; -cpu help lists them", use->what);
    set_text(&p->config->cpu_model, parts[0]);
    g_ptr_array_set_size(p->config->cpu_features, 0);
    for (char **part = parts + 1; *part; part++)
        g_ptr_array_add(p->config->cpu_features, g_strdup(*part));
    /* What KVM has of it shows when there is one; names and values can be checked now. */
    spec = cpu_spec_new(use->what, parts[0], p->config->cpu_features, NULL, error);
    cpu_spec_free(spec);
    return spec != NULL;
}

bool apply_smp(struct parser *p, const struct option_use *use, GError **error)
{
    GHashTable *o = use->opts;

    (void)error;
    p->config->cpus = (unsigned)opts_number(o, "cpus", p->config->cpus);
    p->max_cpus = (unsigned)opts_number(o, "maxcpus", p->max_cpus);
    p->sockets = (unsigned)opts_number(o, "sockets", p->sockets);
    p->cores = (unsigned)opts_number(o, "cores", p->cores);
    p->threads = (unsigned)opts_number(o, "threads", p->threads);
    return true;
}

/*
 * What is not given follows from the rest; cores before sockets before threads, as QEMU since 6.2
 * has it. The product is the number of CPUs there can be.
 */
static bool finish_smp(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;
    unsigned known = (p->sockets ? p->sockets : 1) * (p->cores ? p->cores : 1) *
                     (p->threads ? p->threads : 1);
    unsigned max = p->max_cpus ? p->max_cpus : c->cpus ? c->cpus : known;
    unsigned rest = MAX(max / known, 1);

    c->cores = p->cores ? p->cores : rest;
    c->sockets = p->sockets ? p->sockets : p->cores ? rest : 1;
    c->threads = p->threads ? p->threads : p->cores && p->sockets ? rest : 1;
    c->max_cpus = max;
    if (!c->cpus)
        c->cpus = max;
    if (c->cpus > max)
        return opt_error(error, "-smp cpus=%u: more than maxcpus=%u", c->cpus, max);
    if ((uint64_t)c->cores * c->sockets * c->threads != max)
        return opt_error(error,
                         "-smp: sockets (%u) * cores (%u) * threads (%u) is not maxcpus (%u)",
                         c->sockets, c->cores, c->threads, max);
    if (!strcmp(c->machine, "isapc") && max > 1)
        return opt_error(error, "-smp %u: machine isapc has one CPU", max);
    if (max > MAX_CPUS)
        return opt_error(error, "-smp maxcpus=%u: it is from 1 to %u", max, MAX_CPUS);
    return true;
}

bool ram_size_ok(uint64_t bytes)
{
    return bytes >= MIN_RAM_BYTES && bytes <= MAX_RAM_BYTES && bytes % 4096 == 0;
}

bool apply_memory(struct parser *p, const struct option_use *use, GError **error)
{
    const char *size = opts_get(use->opts, "size");
    uint64_t bytes = 0;

    if (!size || !opt_parse_size(size, MIB, &bytes))
        return opt_error(error, "%s %s: a size is expected: 512, 512M or 2G", use->what,
                         size ? size : "");
    if (!ram_size_ok(bytes))
        return opt_error(error, "%s %s: from 1M to 1T, in steps of 4 KiB", use->what, size);
    p->config->ram_bytes = bytes;
    p->memory_given = true;
    return true;
}

/* ---- firmware and boot ---- */

bool apply_bios(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    set_text(&p->config->bios, use->arg);
    return true;
}

bool apply_kernel(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    set_text(&p->config->kernel, use->arg);
    return true;
}

bool apply_initrd(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    set_text(&p->config->initrd, use->arg);
    return true;
}

bool apply_append(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    set_text(&p->config->append, use->arg);
    return true;
}

static bool check_boot_order(const char *what, const char *order, GError **error)
{
    bool seen[256] = {false};

    if (!*order || strlen(order) > 3)
        return opt_error(error, "%s=%s: one to three letters: a, b (floppy), c (disk), d (CD), n "
                         "(network)", what, order);
    for (const unsigned char *c = (const unsigned char *)order; *c; c++) {
        if (!strchr("abcdn", *c))
            return opt_error(error, "%s=%s: '%c' is not one of a, b, c, d, n", what, order, *c);
        if (seen[*c])
            return opt_error(error, "%s=%s: '%c' stands there twice", what, order, *c);
        seen[*c] = true;
    }
    return true;
}

bool apply_boot(struct parser *p, const struct option_use *use, GError **error)
{
    struct vm_config *c = p->config;
    const char *order = opts_get(use->opts, "order"), *once = opts_get(use->opts, "once");

    if (order && !check_boot_order("-boot order", order, error))
        return false;
    if (once && !check_boot_order("-boot once", once, error))
        return false;
    set_if_given(&c->boot_order, use->opts, "order");
    set_if_given(&c->boot_once, use->opts, "once");
    c->boot_menu = opts_bool(use->opts, "menu", c->boot_menu);
    c->boot_strict = opts_bool(use->opts, "strict", c->boot_strict);
    c->boot_splash_time_ms = (int)opts_number(use->opts, "splash-time",
                                              (uint64_t)c->boot_splash_time_ms);
    if (opts_get(use->opts, "reboot-timeout"))
        c->boot_reboot_timeout_ms = atoi(opts_get(use->opts, "reboot-timeout"));
    return true;
}

/* ---- clock ---- */

/* "2006-06-17T16:01:21" or "2006-06-17", as UTC. */
static bool parse_date(const char *text, int64_t *seconds)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) date = NULL;
    const char *time = strchr(text, 'T') ? "" : "T00:00:00";
    g_autofree char *full = g_strconcat(text, time, NULL);

    if (strlen(full) != strlen("2006-06-17T16:01:21"))
        return false;
    date = g_date_time_new_from_iso8601(full, utc);
    if (!date)
        return false;
    *seconds = g_date_time_to_unix(date);
    return *seconds >= 0;
}

bool apply_rtc(struct parser *p, const struct option_use *use, GError **error)
{
    struct vm_config *c = p->config;
    const char *base = opts_get(use->opts, "base"), *drift = opts_get(use->opts, "driftfix");

    if (drift)
        c->rtc_slew = !strcmp(drift, "slew");
    if (base) {
        c->rtc_localtime = !strcmp(base, "localtime");
        c->rtc_start_s = -1;
        if (!c->rtc_localtime && strcmp(base, "utc") && !parse_date(base, &c->rtc_start_s))
            return opt_error(error,
                             "%s base=%s: utc, localtime, or a date like 2026-01-31T12:00:00",
                             use->what, base);
    }
    return true;
}

/* ---- names and the process ---- */

bool apply_name(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    set_if_given(&p->config->name, use->opts, "guest");
    set_if_given(&p->config->process_name, use->opts, "process");
    return true;
}

bool apply_uuid(struct parser *p, const struct option_use *use, GError **error)
{
    if (!g_uuid_string_is_valid(use->arg))
        return opt_error(error, "%s %s: a UUID looks like 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                         use->what, use->arg);
    set_text(&p->config->uuid, use->arg);
    return true;
}

/* Options without argument that set one flag. */
bool apply_flag(struct parser *p, const struct option_use *use, GError **error)
{
    struct vm_config *c = p->config;
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"S", &c->start_stopped},      {"no-acpi", &c->no_acpi},
        {"no-fd-bootchk", &c->no_fd_bootchk}, {"nodefaults", &c->nodefaults},
        {"no-user-config", &c->no_user_config}, {"daemonize", &c->daemonize},
    };

    (void)error;
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (!strcmp(use->spec->name, flags[i].name))
            *flags[i].flag = true;
    }
    return true;
}

bool apply_action(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    for (unsigned e = 0; e < ACTION_EVENTS; e++) {
        const char *name = action_event_name((enum action_event)e);

        actions_set(&p->config->actions, name, opts_get(use->opts, name));
    }
    return true;
}

bool apply_no_reboot(struct parser *p, const struct option_use *use, GError **error)
{
    (void)use;
    (void)error;
    actions_set(&p->config->actions, "reboot", "shutdown");
    return true;
}

bool apply_no_shutdown(struct parser *p, const struct option_use *use, GError **error)
{
    (void)use;
    (void)error;
    actions_set(&p->config->actions, "shutdown", "pause");
    return true;
}

bool apply_watchdog_action(struct parser *p, const struct option_use *use, GError **error)
{
    if (!opt_word_among(ACTION_WATCHDOG_WORDS, use->arg)) {
        g_autofree char *words = opt_words_text(ACTION_WATCHDOG_WORDS);

        return opt_error(error, "%s %s: it is one of %s", use->what, use->arg, words);
    }
    actions_set(&p->config->actions, "watchdog", use->arg);
    return true;
}

bool apply_pidfile(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    set_text(&p->config->pidfile, use->arg);
    return true;
}

bool apply_msg(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    p->config->msg_timestamp = opts_bool(use->opts, "timestamp", p->config->msg_timestamp);
    return true;
}

bool apply_runas(struct parser *p, const struct option_use *use, GError **error)
{
    return privileges_parse_user(&p->config->privileges, use->arg, error);
}

bool apply_chroot(struct parser *p, const struct option_use *use, GError **error)
{
    if (!g_file_test(use->arg, G_FILE_TEST_IS_DIR))
        return opt_error(error, "%s %s: not a directory", use->what, use->arg);
    set_text(&p->config->privileges.root, use->arg);
    return true;
}

bool apply_explain(struct parser *p, const struct option_use *use, GError **error)
{
    if (!opt_word_among("text|json", use->arg))
        return opt_error(error, "%s %s: text or json", use->what, use->arg);
    p->config->explain = true;
    p->config->explain_json = !strcmp(use->arg, "json");
    return true;
}

bool apply_add_fd(struct parser *p, const struct option_use *use, GError **error)
{
    const char *set = opts_get(use->opts, "set"), *fd = opts_get(use->opts, "fd");

    (void)p;
    if (!set || !fd)
        return opt_error(error, "%s: set= and fd= are needed", use->what);
    if (fdset_add(atoi(set), atoi(fd), opts_get(use->opts, "opaque")) < 0)
        return opt_error(error, "%s fd=%s: %s", use->what, fd, g_strerror(errno));
    return true;
}

/* What the table lets through is how things are anyway. */
bool apply_accepted(struct parser *p, const struct option_use *use, GError **error)
{
    (void)p;
    (void)use;
    (void)error;
    return true;
}

/* ---- help ---- */

bool apply_version(struct parser *p, const struct option_use *use, GError **error)
{
    (void)use;
    (void)error;
    options_print_version(stdout);
    p->done = true;
    return true;
}

bool apply_help(struct parser *p, const struct option_use *use, GError **error)
{
    (void)use;
    (void)error;
    options_print_help(stdout);
    p->done = true;
    return true;
}

bool apply_help_man(struct parser *p, const struct option_use *use, GError **error)
{
    (void)use;
    (void)error;
    options_print_man(stdout);
    p->done = true;
    return true;
}

bool finish_machine(struct parser *p, GError **error)
{
    struct vm_config *c = p->config;

    if ((c->initrd || c->append) && !c->kernel)
        return opt_error(error, "%s: it needs -kernel", c->initrd ? "-initrd" : "-append");
    finish_smbios(p);
    return finish_accels(p, error) && finish_smp(p, error) && finish_memory(p, error);
}
