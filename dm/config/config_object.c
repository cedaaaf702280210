/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object: secrets, which management daemons always define, TLS credentials of a client, captures. */
#include <string.h>

#include "block/tlscreds.h"
#include "dm/config/options.h"

static const struct opt_desc secret_props[] = {
    {.name = "id", .type = OPT_STRING}, {.name = "data", .type = OPT_STRING},
    {.name = "file", .type = OPT_STRING}, {.name = "keyid", .type = OPT_STRING},
    {.name = "iv", .type = OPT_STRING},
    {.name = "format", .type = OPT_ENUM, .values = "raw|base64"}, OPT_END,
};

#define TLS_PROPS \
    {.name = "id", .type = OPT_STRING}, {.name = "dir", .type = OPT_STRING}, \
    {.name = "endpoint", .type = OPT_ENUM, .values = "client"}, \
    {.name = "verify-peer", .type = OPT_BOOL}, \
    {.name = "priority", .type = OPT_STRING, .refusal = "the host's GnuTLS configuration has it"}

static const struct opt_desc x509_props[] = {
    TLS_PROPS, {.name = "sanity-check", .type = OPT_BOOL},
    {.name = "passwordid", .type = OPT_STRING, .refusal = "keep the key in a file of mode 0600"},
    OPT_END,
};
static const struct opt_desc psk_props[] = {
    TLS_PROPS, {.name = "username", .type = OPT_STRING}, OPT_END,
};

static const struct opt_desc filter_dump_props[] = {
    {.name = "id", .type = OPT_STRING}, {.name = "netdev", .type = OPT_STRING},
    {.name = "file", .type = OPT_STRING}, {.name = "maxlen", .type = OPT_NUMBER, .min = 1, .max = 262144},
    {.name = "limit", .type = OPT_SIZE}, {.name = "queue", .type = OPT_ENUM, .values = "all|rx|tx"},
    {.name = "status", .type = OPT_ENUM, .values = "on"}, {.name = "position", .type = OPT_ENUM, .values = "tail"},
    {.name = "insert", .type = OPT_STRING, .refusal = "the order of captures makes no difference"}, OPT_END,
};

static const struct opt_desc rng_random_props[] = {
    {.name = "id", .type = OPT_STRING},
    {.name = "filename", .type = OPT_STRING, .help = "a device or file", .fallback = "/dev/urandom"}, OPT_END,
};
static const struct opt_desc rng_builtin_props[] = {{.name = "id", .type = OPT_STRING}, OPT_END};

enum object_kind { OBJECT_SECRET, OBJECT_TLS, OBJECT_PSK, OBJECT_CAPTURE, OBJECT_RANDOM, OBJECT_BUILTIN };

static const struct {
    const char *type;
    const struct opt_desc *props;
    enum object_kind kind;
} types[] = {
    {"secret", secret_props, OBJECT_SECRET},
    {"tls-creds-x509", x509_props, OBJECT_TLS},
    {"tls-creds-psk", psk_props, OBJECT_PSK},
    {"filter-dump", filter_dump_props, OBJECT_CAPTURE},
    {"rng-random", rng_random_props, OBJECT_RANDOM},
    {"rng-builtin", rng_builtin_props, OBJECT_BUILTIN},
};

static const char *object_refusal(const char *type)
{
    if (!strcmp(type, "iothread"))
        return "there are no I/O threads to configure";
    if (g_str_has_prefix(type, "rng-"))
        return "there are rng-random and rng-builtin";
    if (g_str_has_prefix(type, "filter-"))
        return "only filter-dump; tc of the host can do it to a tap";
    return "only memory-backend-ram, -memfd and -file, secret, tls-creds-x509, tls-creds-psk, rng-random, rng-builtin and "
           "filter-dump";
}

static void add_tls(struct vm_config *config, GHashTable *opts, bool psk)
{
    struct tls_creds creds = {
        .id = (char *)opts_get(opts, "id"),
        .dir = (char *)opts_get(opts, "dir"),
        .psk = psk,
        .verify_peer = opts_bool(opts, "verify-peer", true),
        .username = (char *)opts_get(opts, "username"),
    };

    g_ptr_array_add(config->tls_creds, tls_creds_copy(&creds));
}

static void add_rng(struct vm_config *config, GHashTable *opts, bool builtin)
{
    struct rng_config *r = g_new0(struct rng_config, 1);
    const char *path = opts_get(opts, "filename");

    r->id = g_strdup(opts_get(opts, "id"));
    r->path = builtin ? NULL : g_strdup(path ? path : "/dev/urandom");
    g_ptr_array_add(config->rngs, r);
}

/* Takes note of an id that no other object may have. */
static bool add_id(struct parser *p, const char *what, const char *id, GError **error)
{
    if (!id)
        return opt_error(error, "%s: id= is missing", what);
    if (!opt_check_id(what, id, error))
        return false;
    if (g_ptr_array_find_with_equal_func(p->objects, id, g_str_equal, NULL))
        return opt_error(error, "%s,id=%s: the id is taken", what, id);
    g_ptr_array_add(p->objects, g_strdup(id));
    return true;
}

/* Nothing refers to a secret yet, so it is not read. */
bool apply_object(struct parser *p, const struct option_use *use, GError **error)
{
    g_autofree char *type = opt_pairs_steal(use->pairs, "qom-type"), *what = NULL;
    g_autoptr(GHashTable) opts = NULL;
    const struct opt_desc *props;
    size_t i = 0;

    if (!type)
        return opt_missing(use->pairs, error, "%s: a type is missing", use->what);
    while (i < G_N_ELEMENTS(types) && strcmp(type, types[i].type))
        i++;
    props = i < G_N_ELEMENTS(types) ? types[i].props : memory_backend_props(type);
    if (!props)
        return opt_error(error, "%s %s: not supported: %s", use->what, type, object_refusal(type));
    what = g_strdup_printf("%s %s", use->what, type);
    opts = opt_check(what, use->pairs, props, error);
    if (!opts || !add_id(p, what, opts_get(opts, "id"), error))
        return false;
    if (i == G_N_ELEMENTS(types))
        return memory_backend_add(p, type, opts, error);
    if (types[i].kind == OBJECT_CAPTURE)
        return apply_filter_dump(p, opts, error);
    if (types[i].kind == OBJECT_RANDOM || types[i].kind == OBJECT_BUILTIN)
        add_rng(p->config, opts, types[i].kind == OBJECT_BUILTIN);
    else if (types[i].kind != OBJECT_SECRET)
        add_tls(p->config, opts, types[i].kind == OBJECT_PSK);
    return true;
}
