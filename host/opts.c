/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/opts.h"

#include <string.h>

const char *opts_get(GHashTable *opts, const char *name)
{
    return opts ? g_hash_table_lookup(opts, name) : NULL;
}

bool opts_bool(GHashTable *opts, const char *name, bool otherwise)
{
    const char *value = opts_get(opts, name);

    return value ? !strcmp(value, "on") : otherwise;
}

uint64_t opts_number(GHashTable *opts, const char *name, uint64_t otherwise)
{
    const char *value = opts_get(opts, name);

    return value ? g_ascii_strtoull(value, NULL, 10) : otherwise;
}
