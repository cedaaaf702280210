/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the guest's memory comes from: -object memory-backend-*, -machine memory-backend=, -mem-path, -mem-prealloc. */
#include <string.h>

#include "dm/config/options.h"

struct backend {
    char *id;
    uint64_t size_bytes;
    struct ram_source source;
};

#define COMMON_PROPS                                                                               \
    {.name = "id", .type = OPT_STRING}, {.name = "size", .type = OPT_SIZE},                        \
    {.name = "share", .type = OPT_BOOL}, {.name = "prealloc", .type = OPT_BOOL},                   \
    {.name = "dump", .type = OPT_ENUM, .values = "off"}, {.name = "merge", .type = OPT_ENUM, .values = "off"}, \
    {.name = "x-use-canonical-path-for-ramblock-id", .type = OPT_BOOL},                            \
    {.name = "host-nodes", .type = OPT_STRING, .refusal = "bind the process instead (numactl)"},   \
    {.name = "policy", .type = OPT_ENUM, .values = "default"}

static const struct opt_desc ram_props[] = {COMMON_PROPS, OPT_END};
static const struct opt_desc file_props[] = {
    COMMON_PROPS, {.name = "mem-path", .type = OPT_STRING},
    {.name = "discard-data", .type = OPT_BOOL, .refusal = "the file keeps its content"},
    {.name = "align", .type = OPT_SIZE, .refusal = "leave it out"}, OPT_END,
};

static const struct {
    const char *type;
    const struct opt_desc *props;
} types[] = {
    {"memory-backend-ram", ram_props},
    {"memory-backend-memfd", ram_props}, /* its memory is shared unless it says share=off, as in QEMU */
    {"memory-backend-file", file_props},
};

static void free_backend(void *opaque)
{
    struct backend *b = opaque;

    g_free(b->id);
    g_free(b->source.path);
    g_free(b);
}

const struct opt_desc *memory_backend_props(const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (!strcmp(type, types[i].type))
            return types[i].props;
    }
    return NULL;
}

bool memory_backend_add(struct parser *p, const char *type, GHashTable *opts, GError **error)
{
    bool memfd = !strcmp(type, "memory-backend-memfd"), file = !strcmp(type, "memory-backend-file");
    struct backend *b;

    if (!opts_number(opts, "size", 0))
        return opt_error(error, "-object %s: size= is missing", type);
    if (file && !opts_get(opts, "mem-path"))
        return opt_error(error, "-object %s: mem-path= is missing", type);
    b = g_new0(struct backend, 1);
    b->id = g_strdup(opts_get(opts, "id"));
    b->size_bytes = opts_number(opts, "size", 0);
    b->source.path = g_strdup(opts_get(opts, "mem-path"));
    b->source.share = opts_bool(opts, "share", memfd);
    b->source.prealloc = opts_bool(opts, "prealloc", false);
    if (!p->memory_backends)
        p->memory_backends = g_ptr_array_new_with_free_func(free_backend);
    g_ptr_array_add(p->memory_backends, b);
    return true;
}

bool apply_mem_path(struct parser *p, const struct option_use *use, GError **error)
{
    (void)error;
    g_free(p->config->ram.path);
    p->config->ram.path = g_strdup(use->arg);
    return true;
}

bool apply_mem_prealloc(struct parser *p, const struct option_use *use, GError **error)
{
    (void)use, (void)error;
    p->config->ram.prealloc = true;
    return true;
}

static bool use_backend(struct parser *p, const struct backend *b, GError **error)
{
    struct vm_config *c = p->config;

    if (c->ram.path || c->ram.prealloc)
        return opt_error(error, "-machine memory-backend=%s: give either it or %s", b->id,
                         c->ram.path ? "-mem-path" : "-mem-prealloc");
    if (p->memory_given && b->size_bytes != c->ram_bytes)
        return opt_error(error, "-machine memory-backend=%s: its size is %" G_GUINT64_FORMAT
                         " bytes, that of -m %" G_GUINT64_FORMAT, b->id, b->size_bytes, c->ram_bytes);
    if (!ram_size_ok(b->size_bytes))
        return opt_error(error, "-object memory-backend,id=%s: size from 1M to 1T, in steps of 4 KiB", b->id);
    c->ram_bytes = b->size_bytes;
    c->ram = b->source;
    c->ram.path = g_strdup(b->source.path);
    return true;
}

/* A backend that nothing names would be ignored silently. */
bool finish_memory(struct parser *p, GError **error)
{
    const struct backend *used = NULL;

    for (guint i = 0; p->memory_backends && i < p->memory_backends->len; i++) {
        const struct backend *b = g_ptr_array_index(p->memory_backends, i);

        if (!p->memory_backend || strcmp(p->memory_backend, b->id))
            return opt_error(error, "-object memory-backend,id=%s: nothing uses it; -machine memory-backend=%s does",
                             b->id, b->id);
        used = b;
    }
    if (!p->memory_backend)
        return true;
    if (!used)
        return opt_error(error, "-machine memory-backend=%s: no -object has this id", p->memory_backend);
    return use_backend(p, used, error);
}

void parser_free_memory(struct parser *p)
{
    if (p->memory_backends)
        g_ptr_array_free(p->memory_backends, TRUE);
    g_free(p->memory_backend);
}
