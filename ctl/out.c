/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading answers whose types nobody promised, and printing for people and programs. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "dm/json.h"

/* ---- reading ---- */

static JsonNode *member(JsonObject *o, const char *name, GType type)
{
    JsonNode *node = o ? json_object_get_member(o, name) : NULL;

    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type ? node : NULL;
}

const char *json_str(JsonObject *o, const char *name)
{
    JsonNode *node = member(o, name, G_TYPE_STRING);

    return node ? json_node_get_string(node) : NULL;
}

gint64 json_num(JsonObject *o, const char *name)
{
    JsonNode *node = member(o, name, G_TYPE_INT64);

    return node ? json_node_get_int(node) : 0;
}

bool json_flag(JsonObject *o, const char *name)
{
    JsonNode *node = member(o, name, G_TYPE_BOOLEAN);

    return node && json_node_get_boolean(node);
}

JsonObject *json_obj(JsonObject *o, const char *name)
{
    JsonNode *node = o ? json_object_get_member(o, name) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

JsonArray *json_arr(JsonObject *o, const char *name)
{
    return o ? json_list(json_object_get_member(o, name)) : NULL;
}

JsonArray *json_list(JsonNode *node)
{
    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

JsonObject *json_item(JsonArray *array, guint i)
{
    JsonNode *node = i < json_count(array) ? json_array_get_element(array, i) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

guint json_count(JsonArray *array)
{
    return array ? json_array_get_length(array) : 0;
}

/* ---- printing ---- */

void out_json(JsonNode *node)
{
    g_autofree char *text = json_write(node, isatty(STDOUT_FILENO));

    puts(text);
    fflush(stdout);
}

void out_text(FILE *out, const char *text)
{
    for (const char *p = text; p && *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            fputc('?', out);
        else
            fwrite(p, 1, (size_t)(g_utf8_next_char(p) - p), out);
    }
}

char *out_bytes(gint64 bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    unsigned u = 0;

    for (; value >= 1024 && u + 1 < G_N_ELEMENTS(units); u++)
        value /= 1024;
    return u ? g_strdup_printf("%.*f %s", value < 100 ? 1 : 0, value, units[u])
             : g_strdup_printf("%lld B", (long long)bytes);
}

struct out_table {
    unsigned columns;
    const char *right;
    GPtrArray *cells;
};

struct out_table *out_table_new(unsigned columns, const char *right)
{
    struct out_table *t = g_new0(struct out_table, 1);

    t->columns = columns;
    t->right = right;
    t->cells = g_ptr_array_new_with_free_func(g_free);
    return t;
}

void out_table_row(struct out_table *t, ...)
{
    va_list cells;

    va_start(cells, t);
    for (unsigned i = 0; i < t->columns; i++) {
        const char *cell = va_arg(cells, const char *);

        g_ptr_array_add(t->cells, g_strdup(cell && *cell ? cell : "-"));
    }
    va_end(cells);
}

static const char *cell_at(const struct out_table *t, unsigned row, unsigned column)
{
    return g_ptr_array_index(t->cells, row * t->columns + column);
}

static unsigned column_width(const struct out_table *t, unsigned column)
{
    unsigned width = 0;

    for (unsigned r = 0; r < t->cells->len / t->columns; r++)
        width = MAX(width, (unsigned)g_utf8_strlen(cell_at(t, r, column), -1));
    return width;
}

static void print_cell(const char *text, unsigned width, bool right, bool last)
{
    unsigned len = (unsigned)g_utf8_strlen(text, -1), pad = width > len ? width - len : 0;

    if (right)
        printf("%*s", (int)pad, "");
    out_text(stdout, text);
    if (!right && !last)
        printf("%*s", (int)pad, "");
}

void out_table_print(struct out_table *t)
{
    for (unsigned r = 0; r < t->cells->len / t->columns; r++) {
        for (unsigned c = 0; c < t->columns; c++) {
            bool last = c + 1 == t->columns;

            print_cell(cell_at(t, r, c), column_width(t, c), t->right[c] == 'r', last);
            fputs(last ? "\n" : "  ", stdout);
        }
    }
    fflush(stdout);
    g_ptr_array_free(t->cells, TRUE);
    g_free(t);
}
