/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/config/optlist.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "dm/json.h"

#define ERROR_MAX_BYTES 600

/* ---- errors ---- */

bool opt_error(GError **error, const char *format, ...)
{
    g_autofree char *raw = NULL, *text = NULL;
    va_list args;

    va_start(args, format);
    raw = g_strdup_vprintf(format, args);
    va_end(args);
    if (strlen(raw) > ERROR_MAX_BYTES)
        memcpy(raw + ERROR_MAX_BYTES - 3, "...", 4);
    text = g_utf8_make_valid(raw, -1);
    for (char *p = text; *p; p++) {
        if (g_ascii_iscntrl(*p))
            *p = '?';
    }
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, text);
    return false;
}

/* ---- reading ---- */

static void free_pair(void *opaque)
{
    struct opt_pair *pair = opaque;

    g_free(pair->name);
    g_free(pair->value);
    g_free(pair);
}

static struct opt_pair *add_pair(GPtrArray *pairs, char *name, char *value)
{
    struct opt_pair *pair = g_new0(struct opt_pair, 1);

    pair->name = name;
    pair->value = value;
    g_ptr_array_add(pairs, pair);
    return pair;
}

/* From p to a single comma or the end; doubled commas are one. *next: behind it, or NULL. */
static char *take_value(const char *p, const char **next)
{
    GString *out = g_string_new(NULL);

    while (*p && (*p != ',' || p[1] == ',')) {
        g_string_append_c(out, *p);
        p += *p == ',' ? 2 : 1;
    }
    *next = *p ? p + 1 : NULL;
    return g_string_free(out, FALSE);
}

GPtrArray *opt_pairs_from_text(const char *what, const char *text, const char *implied,
                               GError **error)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(free_pair);
    const char *p = text;

    while (p && *p) {
        size_t name_len = strcspn(p, ",=");

        if (pairs->len >= OPT_MAX_PAIRS) {
            opt_error(error, "%s: more than %d sub-options", what, OPT_MAX_PAIRS);
            return NULL;
        }
        if (p[name_len] == '=') {
            char *name = g_strndup(p, name_len);

            add_pair(pairs, name, take_value(p + name_len + 1, &p));
        } else if (p == text && implied) {
            add_pair(pairs, g_strdup(implied), take_value(p, &p));
        } else {
            add_pair(pairs, take_value(p, &p), NULL);
        }
    }
    return g_steal_pointer(&pairs);
}

static bool flatten(const char *what, GPtrArray *pairs, const char *prefix, JsonObject *object,
                    GError **error);

static bool flatten_member(const char *what, GPtrArray *pairs, char *name, JsonNode *node,
                           GError **error);

/* As the dotted form counts: "inject-error.0.event". */
static bool flatten_list(const char *what, GPtrArray *pairs, const char *prefix, JsonArray *array,
                         GError **error)
{
    for (guint i = 0; i < json_array_get_length(array); i++) {
        if (!flatten_member(what, pairs, g_strdup_printf("%s.%u", prefix, i),
                            json_array_get_element(array, i), error))
            return false;
    }
    return true;
}

static bool flatten_member(const char *what, GPtrArray *pairs, char *name, JsonNode *node,
                           GError **error)
{
    g_autofree char *owned = name;
    struct opt_pair *pair;
    char *value = NULL;

    if (pairs->len >= OPT_MAX_PAIRS)
        return opt_error(error, "%s: more than %d members", what, OPT_MAX_PAIRS);
    if (JSON_NODE_HOLDS_OBJECT(node))
        return flatten(what, pairs, name, json_node_get_object(node), error);
    if (JSON_NODE_HOLDS_ARRAY(node))
        return flatten_list(what, pairs, name, json_node_get_array(node), error);
    if (JSON_NODE_HOLDS_NULL(node))
        value = g_strdup("");
    else if (json_node_get_value_type(node) == G_TYPE_STRING)
        value = json_node_dup_string(node);
    else if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        value = g_strdup(json_node_get_boolean(node) ? "on" : "off");
    else if (json_node_get_value_type(node) == G_TYPE_INT64)
        value = g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
    else
        return opt_error(error, "%s: member '%s': not a whole number of 64 bits", what, name);
    pair = add_pair(pairs, g_steal_pointer(&owned), value);
    pair->json = JSON_NODE_TYPE(node);
    pair->json_type = JSON_NODE_HOLDS_NULL(node) ? G_TYPE_NONE : json_node_get_value_type(node);
    return true;
}

static bool flatten(const char *what, GPtrArray *pairs, const char *prefix, JsonObject *object,
                    GError **error)
{
    g_autoptr(GList) names = json_object_get_members(object);

    for (GList *l = names; l; l = l->next) {
        char *name = prefix ? g_strdup_printf("%s.%s", prefix, (const char *)l->data)
                            : g_strdup(l->data);

        if (!flatten_member(what, pairs, name, json_object_get_member(object, l->data), error))
            return false;
    }
    return true;
}

GPtrArray *opt_pairs_from_object(const char *what, JsonObject *object, GError **error)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(free_pair);

    return flatten(what, pairs, NULL, object, error) ? g_steal_pointer(&pairs) : NULL;
}

GPtrArray *opt_pairs_from_json(const char *what, const char *text, GError **error)
{
    g_autoptr(JsonNode) node = NULL;
    g_autoptr(GError) why = NULL;

    node = json_read(text, strlen(text), &why);
    if (!node) {
        opt_error(error, "%s: %s", what, why->message);
        return NULL;
    }
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        opt_error(error, "%s: a JSON object is expected", what);
        return NULL;
    }
    return opt_pairs_from_object(what, json_node_get_object(node), error);
}

bool opt_missing(const GPtrArray *pairs, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    GString *given = g_string_new(NULL);
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    for (guint i = 0; i < pairs->len && i < 20; i++)
        g_string_append_printf(given, "%s%s", i ? ", " : " (given: ", ((struct opt_pair *)pairs->pdata[i])->name);
    opt_error(error, "%s%s%s", text, given->str, given->len ? ")" : "");
    g_string_free(given, TRUE);
    return false;
}

char *opt_pairs_steal(GPtrArray *pairs, const char *name)
{
    char *value = NULL;

    for (guint i = pairs->len; i-- > 0;) {
        struct opt_pair *pair = g_ptr_array_index(pairs, i);

        if (strcmp(pair->name, name) || !pair->value)
            continue;
        if (!value)
            value = g_strdup(pair->value);
        g_ptr_array_remove_index(pairs, i);
    }
    return value;
}

GPtrArray *opt_pairs_steal_prefix(GPtrArray *pairs, const char *prefix)
{
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(free_pair);

    for (guint i = 0; i < pairs->len;) {
        struct opt_pair *pair = g_ptr_array_index(pairs, i), *moved;

        if (!g_str_has_prefix(pair->name, prefix)) {
            i++;
            continue;
        }
        moved = add_pair(out, g_strdup(pair->name + strlen(prefix)), g_strdup(pair->value));
        moved->json = pair->json;
        moved->json_type = pair->json_type;
        g_ptr_array_remove_index(pairs, i);
    }
    return out->len ? g_steal_pointer(&out) : NULL;
}

static bool is_help(const char *word)
{
    return !strcmp(word, "help") || !strcmp(word, "?");
}

bool opt_pairs_want_help(const GPtrArray *pairs, const char *implied)
{
    for (guint i = 0; i < pairs->len; i++) {
        const struct opt_pair *pair = g_ptr_array_index(pairs, i);

        if (!pair->value && is_help(pair->name))
            return true;
        if (pair->value && implied && !strcmp(pair->name, implied) && is_help(pair->value))
            return true;
    }
    return false;
}

/* ---- numbers and sizes ---- */

/* Decimal or 0x; digits only, no blanks. *negative < 0: the number is minus *value. */
bool opt_parse_number(const char *text, int64_t *negative, uint64_t *value)
{
    const char *digits = text + (*text == '-');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    char *end;

    *negative = *text == '-' ? -1 : 0;
    if (!g_ascii_isxdigit(hex ? digits[2] : digits[0]))
        return false;
    errno = 0;
    *value = g_ascii_strtoull(digits + (hex ? 2 : 0), &end, hex ? 16 : 10);
    return !errno && !*end && end > digits;
}

static uint64_t size_unit(char c)
{
    switch (g_ascii_tolower(c)) {
    case 'b': return 1;
    case 'k': return 1ull << 10;
    case 'm': return 1ull << 20;
    case 'g': return 1ull << 30;
    case 't': return 1ull << 40;
    default: return 0;
    }
}

bool opt_parse_size(const char *text, uint64_t unit, uint64_t *bytes)
{
    uint64_t whole;
    double value;
    char *end;

    if (!g_ascii_isdigit(*text))
        return false;
    errno = 0;
    whole = g_ascii_strtoull(text, &end, 10);
    value = (double)whole;
    if (*end == '.' && g_ascii_isdigit(end[1]))
        value = g_ascii_strtod(text, &end);
    if (errno)
        return false;
    if (*end) {
        unit = size_unit(*end++);
        if (!unit || *end)
            return false;
    }
    if (value == (double)whole) {
        *bytes = whole * unit;
        return whole <= UINT64_MAX / unit;
    }
    value *= (double)unit;
    *bytes = (uint64_t)value;
    return value < 9e18 && value == floor(value);
}

/* ---- checking ---- */

const struct opt_desc *opt_desc_find(const struct opt_desc *descs, const char *name)
{
    for (; descs && descs->name; descs++) {
        if (!strcmp(descs->name, name))
            return descs;
    }
    return NULL;
}

char *opt_names(const struct opt_desc *descs)
{
    GString *out = g_string_new(NULL);

    for (; descs && descs->name; descs++) {
        if (!descs->refusal && !descs->alias_of)
            g_string_append_printf(out, "%s%s", out->len ? ", " : "", descs->name);
    }
    return g_string_free(out, FALSE);
}

char *opt_words_text(const char *words)
{
    g_auto(GStrv) list = g_strsplit(words, "|", -1);

    return g_strjoinv(", ", list);
}

bool opt_word_among(const char *words, const char *word)
{
    g_auto(GStrv) list = g_strsplit(words, "|", -1);

    return g_strv_contains((const char *const *)list, word);
}

static bool parse_bool(const char *value, bool *on)
{
    *on = !strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true") ||
          !strcmp(value, "y") || !strcmp(value, "1");
    return *on || !strcmp(value, "off") || !strcmp(value, "no") || !strcmp(value, "false") ||
           !strcmp(value, "n") || !strcmp(value, "0");
}

static bool in_range(const struct opt_desc *d, bool negative, uint64_t value)
{
    if (!d->min && !d->max)
        return !negative;
    if (negative)
        return value <= INT64_MAX && -(int64_t)value >= d->min;
    return (d->min < 0 || value >= (uint64_t)d->min) && value <= (uint64_t)d->max;
}

static char *check_number(const char *what, const struct opt_desc *d, const char *value,
                          GError **error)
{
    bool size = d->type == OPT_SIZE;
    int64_t negative = 0;
    uint64_t number;

    if (size ? !opt_parse_size(value, 1, &number) : !opt_parse_number(value, &negative, &number)) {
        opt_error(error, "%s %s=%s: a %s is expected", what, d->name, value,
                  size ? "size, like 512M or 1G," : "whole number");
        return NULL;
    }
    if (!in_range(d, negative < 0, number)) {
        if (!d->min && !d->max)
            opt_error(error, "%s %s=%s: it cannot be negative", what, d->name, value);
        else
            opt_error(error,
                      "%s %s=%s: it is from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, what,
                      d->name, value, d->min, d->max);
        return NULL;
    }
    return g_strdup_printf("%s%" G_GUINT64_FORMAT, negative < 0 ? "-" : "", number);
}

char *opt_check_value(const char *what, const struct opt_desc *d, const char *value, GError **error)
{
    g_autofree char *words = NULL;
    bool on;

    switch (d->type) {
    case OPT_STRING:
        if (!d->max || (int64_t)strlen(value) <= d->max)
            return g_strdup(value);
        opt_error(error, "%s %s=%s: at most %" G_GINT64_FORMAT " characters", what, d->name, value,
                  d->max);
        return NULL;
    case OPT_NUMBER:
    case OPT_SIZE:
        return check_number(what, d, value, error);
    case OPT_BOOL:
        if (parse_bool(value, &on))
            return g_strdup(on ? "on" : "off");
        opt_error(error, "%s %s=%s: it is on or off", what, d->name, value);
        return NULL;
    case OPT_ENUM:
        break;
    }
    if (opt_word_among(d->values, value))
        return g_strdup(value);
    words = opt_words_text(d->values);
    opt_error(error, "%s %s=%s: not supported; %s%s", what, d->name, value,
              strchr(d->values, '|') ? "one of " : "only ", words);
    return NULL;
}

/* "on|off", "off": QEMU has booleans there, of which one may be all that works here. */
static bool is_switch(const struct opt_desc *d)
{
    return opt_word_among(d->values, "on") || opt_word_among(d->values, "off");
}

static bool json_type_ok(const struct opt_desc *d, const struct opt_pair *pair)
{
    if (pair->json_type == G_TYPE_INVALID)
        return true;
    switch (d->type) {
    case OPT_BOOL: return pair->json_type == G_TYPE_BOOLEAN;
    case OPT_NUMBER:
    case OPT_SIZE: return pair->json_type == G_TYPE_INT64;
    case OPT_ENUM: return pair->json_type == G_TYPE_STRING || (pair->json_type == G_TYPE_BOOLEAN && is_switch(d));
    default: return pair->json_type == G_TYPE_STRING;
    }
}

/* "server" and "nowait"; NULL if the word is neither. */
static const struct opt_desc *find_bare(const struct opt_desc *descs, const char *word,
                                        const char **value)
{
    const struct opt_desc *d = opt_desc_find(descs, word);

    *value = "on";
    if (!d && g_str_has_prefix(word, "no")) {
        d = opt_desc_find(descs, word + 2);
        *value = "off";
    }
    if (!d || d->refusal || d->type == OPT_BOOL)
        return d;
    /* "usb": a word list that has on and off is as good as a boolean. */
    return d->values && opt_word_among(d->values, *value) ? d : NULL;
}

static void unknown_name(const char *what, const struct opt_pair *pair,
                         const struct opt_desc *descs, GError **error)
{
    g_autofree char *names = opt_names(descs);
    const struct opt_desc *d = opt_desc_find(descs, pair->name);

    if (d)
        opt_error(error, "%s %s: a value is missing: %s=...", what, pair->name, pair->name);
    else if (!pair->value && opt_desc_find(descs, "file"))
        opt_error(error, "%s %s: unknown sub-option; is file=%s meant? It takes: %s", what,
                  pair->name, pair->name, names);
    else if (!*names)
        opt_error(error, "%s %s: unknown sub-option; it takes none", what, pair->name);
    else
        opt_error(error, "%s %s: unknown sub-option; it takes: %s", what, pair->name, names);
}

static bool check_pair(const char *what, const struct opt_pair *pair, const struct opt_desc *descs,
                       GHashTable *out, GError **error)
{
    const char *value = pair->value;
    const struct opt_desc *d =
        value ? opt_desc_find(descs, pair->name) : find_bare(descs, pair->name, &value);
    char *plain;

    if (!d) {
        unknown_name(what, pair, descs, error);
        return false;
    }
    if (d->refusal)
        return opt_error(error, "%s %s=%s: not supported: %s", what, d->name, value, d->refusal);
    if (!json_type_ok(d, pair))
        return opt_error(error, "%s: member '%s' has to be a JSON %s", what, d->name,
                         d->type == OPT_ENUM ? "string"
                         : d->type == OPT_SIZE ? "number" : opt_type_name(d->type));
    plain = opt_check_value(what, d, value, error);
    if (!plain)
        return false;
    g_hash_table_insert(out, g_strdup(d->alias_of ? d->alias_of : d->name), plain);
    return true;
}

GHashTable *opt_check(const char *what, const GPtrArray *pairs, const struct opt_desc *descs,
                      GError **error)
{
    g_autoptr(GHashTable) out = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < pairs->len; i++) {
        if (!check_pair(what, g_ptr_array_index(pairs, i), descs, out, error))
            return NULL;
    }
    return g_steal_pointer(&out);
}

/* ---- texts for help ---- */

const char *opt_type_name(enum opt_type type)
{
    static const char *const names[] = {
        [OPT_STRING] = "string", [OPT_BOOL] = "boolean", [OPT_NUMBER] = "number",
        [OPT_SIZE] = "size",     [OPT_ENUM] = "string",
    };

    return names[type];
}

char *opt_type_text(const struct opt_desc *d)
{
    switch (d->type) {
    case OPT_BOOL: return g_strdup("on|off");
    case OPT_ENUM: return g_strdup(d->values);
    case OPT_STRING: return g_strdup("TEXT");
    case OPT_SIZE: return g_strdup("SIZE");
    case OPT_NUMBER: break;
    }
    if (!d->min && !d->max)
        return g_strdup("NUMBER");
    if (d->min == d->max)
        return g_strdup_printf("%" G_GINT64_FORMAT, d->min);
    return g_strdup_printf("%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT, d->min, d->max);
}

/* ---- ids ---- */

bool opt_id_ok(const char *id)
{
    if (!g_ascii_isalpha(*id))
        return false;
    while (*id && (g_ascii_isalnum(*id) || strchr("-._", *id)))
        id++;
    return !*id;
}

bool opt_check_id(const char *what, const char *id, GError **error)
{
    if (!id || opt_id_ok(id))
        return true;
    return opt_error(error, "%s id=%s: an id begins with a letter; then letters, digits, - . _",
                     what, id);
}
