/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/blkdebug_rules.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/queue.h>

#define ERRNO_MAX 4095u
#define SECTOR 512u
#define NO_SECTOR UINT64_MAX

struct rule {
    unsigned event;
    uint64_t state; /* 0: any */
    bool inject;
    /* inject-error */
    int err;
    unsigned ios; /* a bit per enum blkdebug_io */
    uint64_t off; /* NO_SECTOR: anywhere */
    bool once;
    bool active;
    /* set-state */
    uint64_t new_state;
    TAILQ_ENTRY(rule) link;
};

struct blkdebug_rules {
    pthread_mutex_t mutex;
    uint64_t state;
    unsigned count;
    TAILQ_HEAD(, rule) list;
};

static const char *const event_names[BLKDEBUG_EVENTS] = {
    [IMAGE_EVENT_L1_UPDATE] = "l1_update",
    [IMAGE_EVENT_L1_GROW_ALLOC_TABLE] = "l1_grow_alloc_table",
    [IMAGE_EVENT_L1_GROW_WRITE_TABLE] = "l1_grow_write_table",
    [IMAGE_EVENT_L1_GROW_ACTIVATE_TABLE] = "l1_grow_activate_table",
    [IMAGE_EVENT_L2_LOAD] = "l2_load",
    [IMAGE_EVENT_L2_UPDATE] = "l2_update",
    [IMAGE_EVENT_L2_UPDATE_COMPRESSED] = "l2_update_compressed",
    [IMAGE_EVENT_L2_ALLOC_COW_READ] = "l2_alloc_cow_read",
    [IMAGE_EVENT_L2_ALLOC_WRITE] = "l2_alloc_write",
    [IMAGE_EVENT_READ_AIO] = "read_aio",
    [IMAGE_EVENT_READ_BACKING_AIO] = "read_backing_aio",
    [IMAGE_EVENT_READ_COMPRESSED] = "read_compressed",
    [IMAGE_EVENT_WRITE_AIO] = "write_aio",
    [IMAGE_EVENT_WRITE_COMPRESSED] = "write_compressed",
    [IMAGE_EVENT_COW_READ] = "cow_read",
    [IMAGE_EVENT_COW_WRITE] = "cow_write",
    [IMAGE_EVENT_REFTABLE_LOAD] = "reftable_load",
    [IMAGE_EVENT_REFTABLE_GROW] = "reftable_grow",
    [IMAGE_EVENT_REFTABLE_UPDATE] = "reftable_update",
    [IMAGE_EVENT_REFBLOCK_LOAD] = "refblock_load",
    [IMAGE_EVENT_REFBLOCK_UPDATE] = "refblock_update",
    [IMAGE_EVENT_REFBLOCK_UPDATE_PART] = "refblock_update_part",
    [IMAGE_EVENT_REFBLOCK_ALLOC] = "refblock_alloc",
    [IMAGE_EVENT_REFBLOCK_ALLOC_WRITE] = "refblock_alloc_write",
    [IMAGE_EVENT_CLUSTER_ALLOC] = "cluster_alloc",
    [IMAGE_EVENT_CLUSTER_ALLOC_BYTES] = "cluster_alloc_bytes",
    [IMAGE_EVENT_CLUSTER_FREE] = "cluster_free",
    [IMAGE_EVENT_FLUSH_TO_OS] = "flush_to_os",
    [IMAGE_EVENT_FLUSH_TO_DISK] = "flush_to_disk",
    [IMAGE_EVENT_EMPTY_IMAGE_PREPARE] = "empty_image_prepare",
    [BLKDEBUG_EVENT_PWRITEV] = "pwritev",
    [BLKDEBUG_EVENT_PWRITEV_ZERO] = "pwritev_zero",
    [BLKDEBUG_EVENT_PWRITEV_DONE] = "pwritev_done",
    [BLKDEBUG_EVENT_NONE] = "none",
};

/* Events of QEMU's that no driver raises here: a rule on one would wait for ever. */
static const char *const never_raised[] = {
    "vmstate_load",
    "vmstate_save",
    "refblock_alloc_hookup",
    "refblock_alloc_write_blocks",
    "refblock_alloc_write_table",
    "refblock_alloc_switch_table",
    "pwritev_rmw_head",
    "pwritev_rmw_after_head",
    "pwritev_rmw_tail",
    "pwritev_rmw_after_tail",
    "l1_shrink_write_table",
    "l1_shrink_free_l2_clusters",
    "cor_write",
    "cluster_alloc_space",
};

static const char *const io_names[BLKDEBUG_IOS] = {
    "read", "write", "write-zeroes", "discard", "flush", "block-status",
};

struct blkdebug_rules *blkdebug_rules_new(void)
{
    struct blkdebug_rules *rules = g_new0(struct blkdebug_rules, 1);

    pthread_mutex_init(&rules->mutex, NULL);
    TAILQ_INIT(&rules->list);
    rules->state = 1;
    return rules;
}

void blkdebug_rules_free(struct blkdebug_rules *rules)
{
    struct rule *r;

    while ((r = TAILQ_FIRST(&rules->list))) {
        TAILQ_REMOVE(&rules->list, r, link);
        g_free(r);
    }
    pthread_mutex_destroy(&rules->mutex);
    g_free(rules);
}

/* ---- at work ------------------------------------------------------------------------------- */

static bool concerned(const struct blkdebug_rules *rules, const struct rule *r, unsigned event)
{
    return r->event == event && (r->state == 0 || r->state == rules->state);
}

static void deactivate_all(struct blkdebug_rules *rules)
{
    struct rule *r;

    TAILQ_FOREACH(r, &rules->list, link)
        r->active = false;
}

void blkdebug_rules_event(struct blkdebug_rules *rules, unsigned event)
{
    uint64_t new_state;
    bool injects = false;
    struct rule *r;

    pthread_mutex_lock(&rules->mutex);
    new_state = rules->state;
    TAILQ_FOREACH(r, &rules->list, link) {
        if (!concerned(rules, r, event))
            continue;
        if (!r->inject) {
            new_state = r->new_state;
            continue;
        }
        if (!injects)
            deactivate_all(rules);
        injects = r->active = true;
    }
    rules->state = new_state;
    pthread_mutex_unlock(&rules->mutex);
}

static bool meets(const struct rule *r, enum blkdebug_io io, uint64_t off, uint64_t bytes)
{
    return r->active && (r->ios & (1u << io)) &&
           (r->off == NO_SECTOR || (r->off >= off && r->off - off < bytes));
}

int blkdebug_rules_check(struct blkdebug_rules *rules, enum blkdebug_io io, uint64_t off,
                         uint64_t bytes)
{
    struct rule *r;
    int err = 0;

    pthread_mutex_lock(&rules->mutex);
    TAILQ_FOREACH(r, &rules->list, link) {
        if (meets(r, io, off, bytes))
            break;
    }
    if (r) {
        err = r->err;
        if (r->once) {
            TAILQ_REMOVE(&rules->list, r, link);
            g_free(r);
        }
    }
    pthread_mutex_unlock(&rules->mutex);
    return err;
}

/* ---- one rule from its words --------------------------------------------------------------- */

#define REFUSE(...) (block_error(error, EINVAL, shown, __VA_ARGS__), false)

static bool parse_event(const char *word, unsigned *event, const char *shown, GError **error)
{
    for (unsigned i = 0; i < BLKDEBUG_EVENTS; i++) {
        if (event_names[i] && !strcmp(word, event_names[i])) {
            *event = i;
            return true;
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(never_raised); i++) {
        if (!strcmp(word, never_raised[i]))
            return REFUSE("blkdebug event '%s' is never raised here", never_raised[i]);
    }
    return REFUSE("no such blkdebug event; l2_load, read_aio, write_aio, none are some");
}

static bool parse_number(const char *key, const char *word, uint64_t max, uint64_t *out,
                         const char *shown, GError **error)
{
    char *end;

    errno = 0;
    *out = g_ascii_isdigit(*word) ? g_ascii_strtoull(word, &end, 10) : 0;
    if (!g_ascii_isdigit(*word) || errno || *end || *out > max)
        return REFUSE("blkdebug rule: %s has to be a number from 0 to %" G_GUINT64_FORMAT, key, max);
    return true;
}

static bool parse_switch(const char *key, const char *word, bool *out, const char *shown,
                         GError **error)
{
    *out = !strcmp(word, "on") || !strcmp(word, "yes") || !strcmp(word, "true");
    if (!*out && strcmp(word, "off") && strcmp(word, "no") && strcmp(word, "false"))
        return REFUSE("blkdebug rule: %s has to be on or off", key);
    return true;
}

static bool parse_io(const char *word, unsigned *ios, const char *shown, GError **error)
{
    for (unsigned i = 0; i < BLKDEBUG_IOS; i++) {
        if (!strcmp(word, io_names[i])) {
            *ios = 1u << i;
            return true;
        }
    }
    return REFUSE("blkdebug rule: iotype has to be read, write, write-zeroes, discard, flush or "
                  "block-status");
}

static bool set_inject_key(struct rule *r, const char *key, const char *word, const char *shown,
                           GError **error)
{
    bool ignored; /* immediately: an error is never given inside the call that submitted it */
    uint64_t number;

    if (!strcmp(key, "iotype"))
        return parse_io(word, &r->ios, shown, error);
    if (!strcmp(key, "once"))
        return parse_switch(key, word, &r->once, shown, error);
    if (!strcmp(key, "immediately"))
        return parse_switch(key, word, &ignored, shown, error);
    if (!strcmp(key, "errno")) {
        if (!parse_number(key, word, ERRNO_MAX, &number, shown, error))
            return false;
        r->err = (int)number;
        return true;
    }
    if (!strcmp(key, "sector")) {
        if (!strcmp(word, "-1"))
            return true;
        if (!parse_number(key, word, INT64_MAX / SECTOR, &number, shown, error))
            return false;
        r->off = number * SECTOR;
        return true;
    }
    return REFUSE("inject-error has event, state, iotype, errno, sector, once and immediately, and "
                  "nothing else");
}

static bool set_key(struct rule *r, const char *key, const char *word, const char *shown,
                    GError **error)
{
    if (!strcmp(key, "event"))
        return parse_event(word, &r->event, shown, error);
    if (!strcmp(key, "state"))
        return parse_number(key, word, INT32_MAX, &r->state, shown, error);
    if (r->inject)
        return set_inject_key(r, key, word, shown, error);
    if (!strcmp(key, "new_state"))
        return parse_number(key, word, INT32_MAX, &r->new_state, shown, error);
    return REFUSE("set-state has event, state and new_state, and nothing else");
}

/* words: key -> value. */
static bool add_rule(struct blkdebug_rules *rules, bool inject, GHashTable *words,
                     const char *shown, GError **error)
{
    struct rule *r;
    GHashTableIter iter;
    gpointer key, word;

    if (!g_hash_table_contains(words, "event"))
        return REFUSE("a blkdebug rule has no event");
    if (!inject && !g_hash_table_contains(words, "new_state"))
        return REFUSE("set-state has no new_state");
    if (rules->count >= BLKDEBUG_RULES_MAX)
        return REFUSE("too many blkdebug rules");
    r = g_new0(struct rule, 1);
    r->inject = inject;
    r->err = EIO;
    r->off = NO_SECTOR;
    r->ios = (1u << BLKDEBUG_IO_BLOCK_STATUS) - 1;
    g_hash_table_iter_init(&iter, words);
    while (g_hash_table_iter_next(&iter, &key, &word)) {
        if (!set_key(r, key, word, shown, error)) {
            g_free(r);
            return false;
        }
    }
    rules->count++;
    TAILQ_INSERT_TAIL(&rules->list, r, link);
    return true;
}

/* ---- a configuration file ------------------------------------------------------------------ */

enum section { SECTION_NONE, SECTION_INJECT, SECTION_SET_STATE };

struct reader {
    struct blkdebug_rules *rules;
    enum section section;
    GHashTable *words;
};

/* The section so far becomes a rule. */
static bool end_section(struct reader *in, const char *shown, GError **error)
{
    bool good = in->section == SECTION_NONE ||
                add_rule(in->rules, in->section == SECTION_INJECT, in->words, shown, error);

    g_hash_table_remove_all(in->words);
    in->section = SECTION_NONE;
    return good;
}

static bool read_section(struct reader *in, const char *line, const char *shown, GError **error)
{
    if (!end_section(in, shown, error))
        return false;
    if (!strcmp(line, "[inject-error]"))
        in->section = SECTION_INJECT;
    else if (!strcmp(line, "[set-state]"))
        in->section = SECTION_SET_STATE;
    else
        return REFUSE("blkdebug has [inject-error] and [set-state], and no other section");
    return true;
}

/* key = "value", the quotes optional */
static bool read_pair(struct reader *in, char *line, const char *shown, GError **error)
{
    char *eq = strchr(line, '='), *value;
    size_t n;

    if (!eq || in->section == SECTION_NONE)
        return REFUSE("neither a [section] nor KEY = \"VALUE\" inside one");
    *eq = '\0';
    value = g_strstrip(eq + 1);
    n = strlen(value);
    if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
        value[n - 1] = '\0';
        value++;
    }
    if (!g_hash_table_insert(in->words, g_strdup(g_strstrip(line)), g_strdup(value)))
        return REFUSE("a key is there twice");
    return true;
}

static bool read_line(struct reader *in, char *line, const char *shown, GError **error)
{
    g_strstrip(line);
    if (*line == '\0' || *line == '#')
        return true;
    return *line == '[' ? read_section(in, line, shown, error) : read_pair(in, line, shown, error);
}

bool blkdebug_rules_read(struct blkdebug_rules *rules, const char *text, const char *shown,
                         GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    struct reader in = { .rules = rules };
    bool good = true;
    unsigned n = 0;

    in.words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (; lines[n] && good; n++) {
        g_autofree char *where = g_strdup_printf("%s: line %u", shown, n + 1);

        good = read_line(&in, lines[n], where, error);
    }
    good = good && end_section(&in, shown, error);
    g_hash_table_unref(in.words);
    return good;
}

/* ---- options ------------------------------------------------------------------------------- */

/* "PREFIX" then a number, '.', key. *number ends at the dot. */
static const char *key_of(const char *option, const char *prefix, unsigned *number)
{
    const char *p = option + strlen(prefix);
    char *end;
    guint64 n;

    if (!g_str_has_prefix(option, prefix) || !g_ascii_isdigit(*p))
        return NULL;
    n = g_ascii_strtoull(p, &end, 10);
    if (*end != '.' || n >= BLKDEBUG_RULES_MAX)
        return NULL;
    *number = (unsigned)n;
    return end + 1;
}

/* The words of the n-th rule; NULL: it has none. */
static GHashTable *words_of(GHashTable *opts, const char *prefix, unsigned n)
{
    GHashTable *words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer option, value;
    unsigned at;

    g_hash_table_iter_init(&iter, opts);
    while (g_hash_table_iter_next(&iter, &option, &value)) {
        const char *key = key_of(option, prefix, &at);

        if (key && at == n)
            g_hash_table_insert(words, g_strdup(key), g_strdup(value));
    }
    if (g_hash_table_size(words) > 0)
        return words;
    g_hash_table_unref(words);
    return NULL;
}

/* Every option that begins so is of one of the rules 0 .. n - 1. */
static bool all_taken(GHashTable *opts, const char *prefix, unsigned n, const char *shown,
                      GError **error)
{
    GHashTableIter iter;
    gpointer option;
    unsigned at;

    g_hash_table_iter_init(&iter, opts);
    while (g_hash_table_iter_next(&iter, &option, NULL)) {
        if (g_str_has_prefix(option, prefix) && (!key_of(option, prefix, &at) || at >= n))
            return REFUSE("option '%s': blkdebug's rules are counted from 0, %s0.event", (char *)option,
                          prefix);
    }
    return true;
}

static bool add_options(struct blkdebug_rules *rules, bool inject, GHashTable *opts,
                        const char *shown, GError **error)
{
    const char *prefix = inject ? "inject-error." : "set-state.";
    GHashTable *words;
    unsigned n = 0;
    bool good = true;

    while (good && (words = words_of(opts, prefix, n))) {
        good = add_rule(rules, inject, words, shown, error);
        g_hash_table_unref(words);
        n++;
    }
    return good && all_taken(opts, prefix, n, shown, error);
}

bool blkdebug_rules_options(struct blkdebug_rules *rules, GHashTable *opts, const char *shown,
                            GError **error)
{
    return add_options(rules, true, opts, shown, error) &&
           add_options(rules, false, opts, shown, error);
}
