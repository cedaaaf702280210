/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line tells the firmware beyond booting: -smbios, -fw_cfg. */
#include <errno.h>
#include <string.h>

#include "dm/config/options.h"
#include "hw/misc/fw_cfg.h"

#define MAX_FILE_BYTES (16u * 1024 * 1024)
#define MAX_TABLE_BYTES 65535u

/* ---- SMBIOS: entries of fw_cfg's item 8001h as SeaBIOS reads them (its src/fw/smbios.c: "legacy") ---- */

enum { ENTRY_FIELD = 0, ENTRY_TABLE = 1 };
#define FIELD_HEADER_BYTES 6 /* length 2, kind 1, type 1, offset 2 */
#define TABLE_HEADER_BYTES 3

/* Offsets in the structures: DMTF DSP0134, clauses 7.1 (BIOS information) and 7.2 (system information). */
static const struct smbios_string {
    unsigned type;
    const char *name;
    uint16_t offset;
} strings[] = {
    {0, "vendor", 4}, {0, "version", 5}, {0, "date", 8},
    {1, "manufacturer", 4}, {1, "product", 5}, {1, "version", 6}, {1, "serial", 7}, {1, "sku", 25}, {1, "family", 26},
};

static const struct opt_desc type0_subs[] = {
    {.name = "type", .type = OPT_NUMBER}, {.name = "vendor", .type = OPT_STRING, .max = 255},
    {.name = "version", .type = OPT_STRING, .max = 255}, {.name = "date", .type = OPT_STRING, .max = 255},
    {.name = "release", .type = OPT_STRING, .max = 7}, {.name = "uefi", .type = OPT_ENUM, .values = "off"}, OPT_END,
};
static const struct opt_desc type1_subs[] = {
    {.name = "type", .type = OPT_NUMBER}, {.name = "manufacturer", .type = OPT_STRING, .max = 255},
    {.name = "product", .type = OPT_STRING, .max = 255}, {.name = "version", .type = OPT_STRING, .max = 255},
    {.name = "serial", .type = OPT_STRING, .max = 255}, {.name = "uuid", .type = OPT_STRING},
    {.name = "sku", .type = OPT_STRING, .max = 255}, {.name = "family", .type = OPT_STRING, .max = 255}, OPT_END,
};

static GByteArray *entries(struct vm_config *c)
{
    static const uint8_t no_count[2];

    if (!c->smbios) {
        c->smbios = g_byte_array_new();
        g_byte_array_append(c->smbios, no_count, sizeof(no_count));
    }
    return c->smbios;
}

static void count_up(GByteArray *a)
{
    unsigned n = (a->data[0] | a->data[1] << 8) + 1;

    a->data[0] = (uint8_t)n;
    a->data[1] = (uint8_t)(n >> 8);
}

static void add_field(struct vm_config *c, unsigned type, uint16_t offset, const void *data, size_t size)
{
    size_t all = FIELD_HEADER_BYTES + size;
    uint8_t header[FIELD_HEADER_BYTES] = {(uint8_t)all, (uint8_t)(all >> 8), ENTRY_FIELD, (uint8_t)type,
                                          (uint8_t)offset, (uint8_t)(offset >> 8)};
    GByteArray *a = entries(c);

    g_byte_array_append(a, header, sizeof(header));
    g_byte_array_append(a, data, (guint)size);
    count_up(a);
}

static void add_strings(struct vm_config *c, unsigned type, GHashTable *opts)
{
    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
        const char *value = strings[i].type == type ? opts_get(opts, strings[i].name) : NULL;

        if (value)
            add_field(c, type, strings[i].offset, value, strlen(value) + 1);
    }
}

static bool add_release(struct vm_config *c, const char *what, const char *text, GError **error)
{
    unsigned major, minor;
    uint8_t bytes[2];
    char rest;

    if (sscanf(text, "%3u.%3u%c", &major, &minor, &rest) != 2 || major > 255 || minor > 255)
        return opt_error(error, "%s release=%s: two numbers up to 255: 1.2", what, text);
    bytes[0] = (uint8_t)major;
    bytes[1] = (uint8_t)minor;
    add_field(c, 0, 20, &bytes[0], 1);
    add_field(c, 0, 21, &bytes[1], 1);
    return true;
}

/* The one way to say the machine's UUID twice; -uuid is what libvirt says. */
static bool set_uuid(struct vm_config *c, const char *what, const char *uuid, GError **error)
{
    if (!g_uuid_string_is_valid(uuid))
        return opt_error(error, "%s uuid=%s: not a UUID", what, uuid);
    if (c->uuid && g_ascii_strcasecmp(c->uuid, uuid))
        return opt_error(error, "%s uuid=%s: it is another one than -uuid %s", what, uuid, c->uuid);
    g_free(c->uuid);
    c->uuid = g_strdup(uuid);
    return true;
}

static bool add_table(struct vm_config *c, const char *what, const char *path, GError **error)
{
    g_autofree char *data = NULL;
    uint8_t header[TABLE_HEADER_BYTES];
    gsize len, all;
    GByteArray *a;

    if (!g_file_get_contents(path, &data, &len, NULL))
        return opt_error(error, "%s file=%s: %s", what, path, g_strerror(errno));
    all = len + TABLE_HEADER_BYTES;
    if (len < 4 || all > MAX_TABLE_BYTES)
        return opt_error(error, "%s file=%s: a structure has from 4 to %u bytes", what, path,
                         MAX_TABLE_BYTES - TABLE_HEADER_BYTES);
    header[0] = (uint8_t)all;
    header[1] = (uint8_t)(all >> 8);
    header[2] = ENTRY_TABLE;
    a = entries(c);
    g_byte_array_append(a, header, sizeof(header));
    g_byte_array_append(a, (uint8_t *)data, (guint)len);
    count_up(a);
    return true;
}

bool apply_smbios(struct parser *p, const struct option_use *use, GError **error)
{
    g_autofree char *file = opt_pairs_steal(use->pairs, "file"), *type = opt_pairs_steal(use->pairs, "type");
    const struct opt_desc *subs = !g_strcmp0(type, "0") ? type0_subs : !g_strcmp0(type, "1") ? type1_subs : NULL;
    g_autoptr(GHashTable) opts = NULL;

    if (file)
        return use->pairs->len || type ? opt_error(error, "%s file=%s: it stands alone", use->what, file)
                                       : add_table(p->config, use->what, file, error);
    if (!subs && !type)
        return opt_missing(use->pairs, error, "%s: type= is missing", use->what);
    if (!subs)
        return opt_error(error, "%s type=%s: not supported; types 0 and 1, or file= with a whole structure", use->what,
                         type ? type : "");
    opts = opt_check(use->what, use->pairs, subs, error);
    if (!opts)
        return false;
    add_strings(p->config, subs == type1_subs, opts);
    if (opts_get(opts, "release") && !add_release(p->config, use->what, opts_get(opts, "release"), error))
        return false;
    return !opts_get(opts, "uuid") || set_uuid(p->config, use->what, opts_get(opts, "uuid"), error);
}

void config_uuid_bytes(const char *uuid, uint8_t bytes[16])
{
    for (unsigned i = 0; i < 16; i++) {
        uuid += *uuid == '-';
        bytes[i] = (uint8_t)(g_ascii_xdigit_value(uuid[0]) << 4 | g_ascii_xdigit_value(uuid[1]));
        uuid += 2;
    }
}

/* SeaBIOS takes the UUID of its table from here; its table is of version 2.4, which has the bytes in this order. */
void finish_smbios(struct parser *p)
{
    uint8_t bytes[16];

    if (!p->config->uuid)
        return;
    config_uuid_bytes(p->config->uuid, bytes);
    add_field(p->config, 1, 8, bytes, sizeof(bytes));
}

/* ---- -fw_cfg ---- */

static void free_file(void *opaque)
{
    struct fw_cfg_file *f = opaque;

    g_free(f->name);
    g_bytes_unref(f->data);
    g_free(f);
}

static GBytes *read_file(const char *what, const char *path, GError **error)
{
    char *data = NULL;
    gsize len;

    if (!g_file_get_contents(path, &data, &len, NULL)) {
        opt_error(error, "%s file=%s: %s", what, path, g_strerror(errno));
        return NULL;
    }
    if (len <= MAX_FILE_BYTES)
        return g_bytes_new_take(data, len);
    opt_error(error, "%s file=%s: it has more than %u bytes", what, path, MAX_FILE_BYTES);
    g_free(data);
    return NULL;
}

/* Names of one's own begin with opt/ (QEMU's docs/specs/fw_cfg.rst); others would take the place of ours. */
bool apply_fw_cfg(struct parser *p, const struct option_use *use, GError **error)
{
    const char *name = opts_get(use->opts, "name"), *text = opts_get(use->opts, "string");
    const char *path = opts_get(use->opts, "file");
    GPtrArray **files = &p->config->fw_cfg_files;
    struct fw_cfg_file *f;
    GBytes *data;

    if (!name || !g_str_has_prefix(name, "opt/") || strlen(name) >= FW_CFG_FILE_NAME_BYTES)
        return opt_error(error, "%s name=%s: a name that begins with opt/, of up to %d characters", use->what,
                         name ? name : "", FW_CFG_FILE_NAME_BYTES - 1);
    if (!text == !path)
        return opt_error(error, "%s name=%s: give either string= or file=", use->what, name);
    data = text ? g_bytes_new(text, strlen(text)) : read_file(use->what, path, error);
    if (!data)
        return false;
    f = g_new0(struct fw_cfg_file, 1);
    f->name = g_strdup(name);
    f->data = data;
    if (!*files)
        *files = g_ptr_array_new_with_free_func(free_file);
    g_ptr_array_add(*files, f);
    return true;
}
