/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists of named values as options carry them: "a=1,b=x,,y,flag,noother" or a JSON object. Read
 * first into pairs, then checked against a table of what the option knows; the result maps names to
 * plain texts (booleans "on"/"off", numbers and sizes decimal), so that nobody parses them twice.
 */
#ifndef DM_OPTLIST_H
#define DM_OPTLIST_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/opts.h"

enum opt_type { OPT_STRING, OPT_BOOL, OPT_NUMBER, OPT_SIZE, OPT_ENUM };

/* One sub-option, a row of a table that a NULL name ends. */
struct opt_desc {
    const char *name;
    enum opt_type type;
    const char *help;
    const char *values;   /* the words of OPT_ENUM: "on|off|auto"; one: only that works. OPT_STRING: that
                             may stand without a value; others are fine too */
    /* OPT_NUMBER, OPT_SIZE (bytes): both 0: any from 0. OPT_STRING: max characters, or 0. */
    int64_t min, max;
    const char *fallback; /* what holds if not given, for help; NULL: nothing to say */
    const char *alias_of; /* another spelling: stored under this name */
    const char *refusal;  /* known but not supported: why, or what to use. Not listed in help */
};

#define OPT_END { .name = NULL }

struct opt_pair {
    char *name;
    char *value;        /* NULL: a bare word, "name" */
    JsonNodeType json;  /* of a JSON member: its kind; JSON_NODE_VALUE for scalars */
    GType json_type;    /* G_TYPE_INVALID: not from JSON */
};

#define OPT_MAX_PAIRS 256

/*
 * Splits "k=v,k=v"; ",," in a value is a comma. A first part without '=' is the value of `implied`
 * (may be NULL). Returns an array of struct opt_pair, or NULL with error (`what` begins its text).
 */
GPtrArray *opt_pairs_from_text(const char *what, const char *text, const char *implied,
                               GError **error);
/* The same from a JSON object; nested names are joined with dots: "cache.direct", lists count from 0. */
GPtrArray *opt_pairs_from_json(const char *what, const char *text, GError **error);
GPtrArray *opt_pairs_from_object(const char *what, JsonObject *object, GError **error);
/* Takes the last pair of this name out and returns its value (g_free); NULL: there is none. */
char *opt_pairs_steal(GPtrArray *pairs, const char *name);
/* Takes all pairs "PREFIXname" out, as pairs "name"; NULL: there are none. */
GPtrArray *opt_pairs_steal_prefix(GPtrArray *pairs, const char *prefix);
/* An error that what is needed is missing, with the names that are there: one of them may be misspelled. Returns false. */
bool opt_missing(const GPtrArray *pairs, GError **error, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "help" or "?" stands among the bare words (or as the value of `implied`). */
bool opt_pairs_want_help(const GPtrArray *pairs, const char *implied);

/*
 * Checks names, types and ranges. Later pairs win. A bare word is a boolean: "server", "nowait".
 * NULL with error: "-drive cache=foo: one of none, writeback, ...".
 */
GHashTable *opt_check(const char *what, const GPtrArray *pairs, const struct opt_desc *descs,
                      GError **error);

/* One value by its row; returns its plain text (g_free), or NULL with error. */
char *opt_check_value(const char *what, const struct opt_desc *desc, const char *value,
                      GError **error);

const struct opt_desc *opt_desc_find(const struct opt_desc *descs, const char *name);
char *opt_names(const struct opt_desc *descs);     /* "a, b, c"; g_free */
char *opt_type_text(const struct opt_desc *desc);  /* "on|off", "NUMBER (1-255)"; g_free */
const char *opt_type_name(enum opt_type type);     /* "string", "boolean", "number", "size" */
char *opt_words_text(const char *words);           /* "a|b" as "a, b" */
bool opt_word_among(const char *words, const char *word);

/* "512", "64k", "1.5G" in bytes; a bare number counts in units of `unit`. False: not a size. */
bool opt_parse_size(const char *text, uint64_t unit, uint64_t *bytes);
bool opt_parse_number(const char *text, int64_t *negative, uint64_t *value);

/* QEMU's rule for ids: a letter, then letters, digits, '-', '.', '_'. */
bool opt_id_ok(const char *id);
bool opt_check_id(const char *what, const char *id, GError **error);

/* An error of one printable line, however hostile the arguments. Returns false. */
bool opt_error(GError **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
