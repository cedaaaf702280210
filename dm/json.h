/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strict JSON (RFC 8259) from hostile peers into json-glib's values: bounded depth and length, no
 * comments, no trailing text, a name twice in an object is an error. One extension, QEMU's:
 * strings may stand in single quotes. json-glib's own reader takes much more and recurses without
 * limit, so only its values and its writer are used.
 */
#ifndef DM_JSON_H
#define DM_JSON_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stddef.h>

#define JSON_MAX_DEPTH 64

/* Reads exactly one value. NULL with *error: what is wrong, and at which byte. */
JsonNode *json_read(const char *text, size_t len, GError **error);

/* On one line, or indented. No line end. */
char *json_write(JsonNode *node, bool pretty);

/* Finds the ends of values in a byte stream, a byte at a time, before anything is parsed. */
struct json_framer {
    GString *text; /* the value so far */
    size_t max_bytes;
    unsigned depth;
    enum { FRAME_BETWEEN, FRAME_VALUE, FRAME_SCALAR, FRAME_STRING, FRAME_ESCAPE, FRAME_SKIP } state;
    char quote;
};

enum json_frame {
    JSON_FRAME_MORE,  /* go on */
    JSON_FRAME_VALUE, /* framer->text holds a value; json_framer_reset() before the next byte */
    JSON_FRAME_ERROR, /* too long, too deep or hopeless: said once; skips to a line end */
};

void json_framer_init(struct json_framer *f, size_t max_bytes);
void json_framer_clear(struct json_framer *f);
void json_framer_reset(struct json_framer *f);
/* *again: the byte ended a value before it and is to be fed once more after the reset. */
enum json_frame json_framer_feed(struct json_framer *f, char byte, bool *again);

/* ---- short ways to make values ---- */
JsonNode *json_node_of_object(JsonObject *object); /* takes it */
JsonNode *json_node_of_array(JsonArray *array);    /* takes it */
JsonNode *json_node_of_string(const char *text);

#endif
