/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/json.h"

#include <errno.h>
#include <string.h>

struct reader {
    const char *start, *at, *end;
    unsigned depth;
    GError **error;
};

static JsonNode *read_value(struct reader *r);

static void *bad(struct reader *r, const char *what)
{
    /* The first error is the one to tell. */
    if (r->error && !*r->error)
        g_set_error(r->error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "JSON: %s at byte %zu", what,
                    (size_t)(r->at - r->start));
    return NULL;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && *r->at && strchr(" \t\r\n", *r->at))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* ---- strings ---- */

static bool read_hex4(struct reader *r, unsigned *out)
{
    *out = 0;
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(r->at[i]);

        if (digit < 0)
            return false;
        *out = *out << 4 | (unsigned)digit;
    }
    r->at += 4;
    return true;
}

/* After \u. NUL is refused: the text becomes a C string. */
static bool read_unicode(struct reader *r, GString *out)
{
    unsigned code, low;

    if (!read_hex4(r, &code) || !code || (code & 0xfc00) == 0xdc00)
        return false;
    if ((code & 0xfc00) == 0xd800) {
        if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
            return false;
        r->at += 2;
        if (!read_hex4(r, &low) || (low & 0xfc00) != 0xdc00)
            return false;
        code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
    }
    g_string_append_unichar(out, code);
    return true;
}

static bool read_escape(struct reader *r, GString *out)
{
    static const char from[] = "\"'\\/bfnrt", to[] = "\"'\\/\b\f\n\r\t";
    const char *p;
    char c;

    if (r->at == r->end)
        return false;
    c = *r->at++;
    if (c == 'u')
        return read_unicode(r, out);
    p = c ? strchr(from, c) : NULL;
    if (!p)
        return false;
    g_string_append_c(out, to[p - from]);
    return true;
}

static char *read_string(struct reader *r)
{
    g_autoptr(GString) out = g_string_new(NULL);
    char quote = *r->at++;

    while (r->at < r->end && *r->at != quote) {
        unsigned char c = (unsigned char)*r->at;

        if (c < 0x20)
            return bad(r, "control character in a string");
        r->at++;
        if (c != '\\')
            g_string_append_c(out, (char)c);
        else if (!read_escape(r, out))
            return bad(r, "bad escape");
    }
    if (r->at == r->end)
        return bad(r, "string without end");
    r->at++;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- numbers and words ---- */

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && g_ascii_isdigit(*p))
        p++;
    return p;
}

/* The end of the number at r->at by the grammar of RFC 8259, or NULL. */
static const char *number_end(struct reader *r, bool *whole)
{
    const char *p = r->at + (*r->at == '-'), *digits = p;

    p = skip_digits(p, r->end);
    if (p == digits || (*digits == '0' && p > digits + 1))
        return NULL;
    *whole = true;
    if (p < r->end && *p == '.') {
        *whole = false;
        digits = ++p;
        p = skip_digits(p, r->end);
        if (p == digits)
            return NULL;
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        *whole = false;
        p++;
        p += p < r->end && (*p == '+' || *p == '-');
        digits = p;
        p = skip_digits(p, r->end);
        if (p == digits)
            return NULL;
    }
    return p;
}

static JsonNode *read_number(struct reader *r)
{
    JsonNode *node = json_node_new(JSON_NODE_VALUE);
    g_autofree char *text = NULL;
    bool whole = false;
    const char *end = number_end(r, &whole);
    gint64 value;

    if (!end) {
        json_node_unref(node);
        return bad(r, "bad number");
    }
    text = g_strndup(r->at, (gsize)(end - r->at));
    r->at = end;
    errno = 0;
    value = whole ? g_ascii_strtoll(text, NULL, 10) : 0;
    /* What does not fit is a number all the same, but never a whole one. */
    if (whole && !errno)
        json_node_set_int(node, value);
    else
        json_node_set_double(node, g_ascii_strtod(text, NULL));
    return node;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n))
        return false;
    if (r->at + n < r->end && g_ascii_isalnum(r->at[n]))
        return false;
    r->at += n;
    return true;
}

static JsonNode *read_word(struct reader *r)
{
    JsonNode *node;

    if (take_word(r, "null"))
        return json_node_new(JSON_NODE_NULL);
    if (take_word(r, "true")) {
        node = json_node_new(JSON_NODE_VALUE);
        json_node_set_boolean(node, TRUE);
        return node;
    }
    if (take_word(r, "false")) {
        node = json_node_new(JSON_NODE_VALUE);
        json_node_set_boolean(node, FALSE);
        return node;
    }
    return bad(r, "unexpected character");
}

/* ---- arrays and objects ---- */

static JsonNode *read_array(struct reader *r)
{
    g_autoptr(JsonArray) array = json_array_new();

    r->at++;
    if (!take(r, ']')) {
        do {
            JsonNode *item = read_value(r);

            if (!item)
                return NULL;
            json_array_add_element(array, item);
        } while (take(r, ','));
        if (!take(r, ']'))
            return bad(r, "',' or ']' expected");
    }
    return json_node_of_array(g_steal_pointer(&array));
}

static bool read_member(struct reader *r, JsonObject *object)
{
    g_autofree char *name = NULL;
    JsonNode *value;

    skip_space(r);
    if (r->at == r->end || (*r->at != '"' && *r->at != '\''))
        return bad(r, "member name expected");
    name = read_string(r);
    if (!name)
        return false;
    if (json_object_has_member(object, name))
        return bad(r, "the same member name twice");
    if (!take(r, ':'))
        return bad(r, "':' expected");
    value = read_value(r);
    if (value)
        json_object_set_member(object, name, value);
    return value != NULL;
}

static JsonNode *read_object(struct reader *r)
{
    g_autoptr(JsonObject) object = json_object_new();

    r->at++;
    if (!take(r, '}')) {
        do {
            if (!read_member(r, object))
                return NULL;
        } while (take(r, ','));
        if (!take(r, '}'))
            return bad(r, "',' or '}' expected");
    }
    return json_node_of_object(g_steal_pointer(&object));
}

static JsonNode *read_string_node(struct reader *r)
{
    g_autofree char *text = read_string(r);

    return text ? json_node_of_string(text) : NULL;
}

static JsonNode *read_value(struct reader *r)
{
    JsonNode *node;

    skip_space(r);
    if (r->at == r->end)
        return bad(r, "value expected");
    if (r->depth >= JSON_MAX_DEPTH)
        return bad(r, "nested too deep");
    r->depth++;
    switch (*r->at) {
    case '{': node = read_object(r); break;
    case '[': node = read_array(r); break;
    case '"':
    case '\'': node = read_string_node(r); break;
    case '-':
    case '0' ... '9': node = read_number(r); break;
    default: node = read_word(r); break;
    }
    r->depth--;
    return node;
}

JsonNode *json_read(const char *text, size_t len, GError **error)
{
    GError *local = NULL;
    struct reader r = {text, text, text + len, 0, &local};
    JsonNode *node = NULL;

    if (!g_utf8_validate(text, (gssize)len, &r.at)) {
        bad(&r, "not UTF-8");
    } else {
        r.at = text;
        node = read_value(&r);
        skip_space(&r);
        if (node && r.at != r.end) {
            g_clear_pointer(&node, json_node_unref);
            bad(&r, "text after the value");
        }
    }
    if (local)
        g_propagate_error(error, local);
    return node;
}

char *json_write(JsonNode *node, bool pretty)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autofree char *text = NULL;

    json_generator_set_root(generator, node);
    json_generator_set_pretty(generator, pretty);
    json_generator_set_indent(generator, 4);
    text = json_generator_to_data(generator, NULL);
    return g_utf8_make_valid(text, -1); /* a file's name, or what an image says, may be any bytes */
}

/* ---- framing ---- */

void json_framer_init(struct json_framer *f, size_t max_bytes)
{
    memset(f, 0, sizeof(*f));
    f->text = g_string_new(NULL);
    f->max_bytes = max_bytes;
}

void json_framer_clear(struct json_framer *f)
{
    if (f->text)
        g_string_free(f->text, TRUE);
    f->text = NULL;
}

void json_framer_reset(struct json_framer *f)
{
    /* One long command must not cost its memory for the rest of the connection. */
    if (f->text->allocated_len > 4096) {
        g_string_free(f->text, TRUE);
        f->text = g_string_new(NULL);
    }
    g_string_truncate(f->text, 0);
    f->depth = 0;
    f->state = FRAME_BETWEEN;
}

static enum json_frame frame_fail(struct json_framer *f, char byte)
{
    json_framer_reset(f);
    f->state = byte == '\n' ? FRAME_BETWEEN : FRAME_SKIP;
    return JSON_FRAME_ERROR;
}

/* A byte of a value outside strings. */
static enum json_frame frame_structure(struct json_framer *f, char byte)
{
    switch (byte) {
    case '"':
    case '\'':
        f->quote = byte;
        f->state = FRAME_STRING;
        return JSON_FRAME_MORE;
    case '{':
    case '[':
        f->state = FRAME_VALUE;
        return ++f->depth > JSON_MAX_DEPTH ? frame_fail(f, byte) : JSON_FRAME_MORE;
    case '}':
    case ']':
        if (!f->depth)
            return frame_fail(f, byte);
        return --f->depth ? JSON_FRAME_MORE : JSON_FRAME_VALUE;
    default:
        if (!f->depth)
            f->state = FRAME_SCALAR;
        return JSON_FRAME_MORE;
    }
}

static enum json_frame frame_string(struct json_framer *f, char byte)
{
    if (byte == '\n')
        return frame_fail(f, byte);
    if (f->state == FRAME_ESCAPE) {
        f->state = FRAME_STRING;
    } else if (byte == '\\') {
        f->state = FRAME_ESCAPE;
    } else if (byte == f->quote) {
        f->state = FRAME_VALUE;
        if (!f->depth)
            return JSON_FRAME_VALUE;
    }
    return JSON_FRAME_MORE;
}

static bool ends_scalar(char byte)
{
    return !byte || strchr(" \t\r\n{}[]\"',:", byte);
}

enum json_frame json_framer_feed(struct json_framer *f, char byte, bool *again)
{
    *again = false;
    switch (f->state) {
    case FRAME_SKIP:
        if (byte == '\n')
            f->state = FRAME_BETWEEN;
        return JSON_FRAME_MORE;
    case FRAME_BETWEEN:
        if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n')
            return JSON_FRAME_MORE;
        break;
    case FRAME_SCALAR:
        if (!ends_scalar(byte))
            break;
        *again = true;
        return JSON_FRAME_VALUE;
    default:
        break;
    }
    if (f->text->len >= f->max_bytes)
        return frame_fail(f, byte);
    g_string_append_c(f->text, byte);
    if (f->state == FRAME_STRING || f->state == FRAME_ESCAPE)
        return frame_string(f, byte);
    if (f->state == FRAME_SCALAR)
        return JSON_FRAME_MORE;
    return frame_structure(f, byte);
}

/* ---- making values ---- */

JsonNode *json_node_of_object(JsonObject *object)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_node_take_object(node, object);
    return node;
}

JsonNode *json_node_of_array(JsonArray *array)
{
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);

    json_node_take_array(node, array);
    return node;
}

JsonNode *json_node_of_string(const char *text)
{
    JsonNode *node = json_node_new(JSON_NODE_VALUE);

    json_node_set_string(node, text);
    return node;
}
