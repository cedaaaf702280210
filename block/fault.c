/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/drivers.h"
#include "block/copy_before_write.h"
#include "block/internal.h"

enum fault_op { FAULT_READ, FAULT_WRITE, FAULT_FLUSH, FAULT_DISCARD, FAULT_ANY };
enum fault_what { FAULT_ERROR, FAULT_DELAY, FAULT_HOLD };

struct rule {
    enum fault_op op;
    unsigned long from, to; /* the from-th to the to-th */
    enum fault_what what;
    unsigned arg; /* errno, or milliseconds */
    unsigned long seen;
};

struct fault {
    struct image img;
    pthread_mutex_t mutex;
    pthread_cond_t released_cond;
    bool released;
    unsigned holding;
    unsigned rules;
    struct rule rule[];
};

static const struct image_ops fault_ops;

static struct fault *fault_of(struct image *img)
{
    return (struct fault *)img;
}

static void hold(struct fault *fault)
{
    fault->holding++;
    while (!fault->released)
        pthread_cond_wait(&fault->released_cond, &fault->mutex);
    fault->holding--;
}

/* Applies what is due for one operation. 0: go on. */
static int act(struct fault *fault, enum fault_op op)
{
    int err = 0;

    pthread_mutex_lock(&fault->mutex);
    for (unsigned i = 0; i < fault->rules; i++) {
        struct rule *r = &fault->rule[i];

        if (r->op != op && r->op != FAULT_ANY)
            continue;
        r->seen++;
        if (err || r->seen < r->from || r->seen > r->to)
            continue;
        if (r->what == FAULT_ERROR) {
            err = (int)r->arg;
        } else if (r->what == FAULT_HOLD) {
            hold(fault);
        } else {
            pthread_mutex_unlock(&fault->mutex);
            g_usleep(r->arg * 1000ul);
            pthread_mutex_lock(&fault->mutex);
        }
    }
    pthread_mutex_unlock(&fault->mutex);
    return err;
}

static int fault_read(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt)
{
    struct image *below = img->file;
    int err = act(fault_of(img), FAULT_READ);

    return err ? err : below->ops->read(below, off, iov, iovcnt);
}

static int fault_write(struct image *img, uint64_t off, const struct iovec *iov, int iovcnt,
                       bool stable)
{
    struct image *below = img->file;
    int err = act(fault_of(img), FAULT_WRITE);

    return err ? err : below->ops->write(below, off, iov, iovcnt, stable);
}

/* A flush that fails here is as final as one that the host fails. */
static int fault_flush(struct image *img)
{
    struct image *below = img->file;
    int err = image_sync_result(img, act(fault_of(img), FAULT_FLUSH));

    return err ? err : below->ops->flush(below);
}

static int fault_discard(struct image *img, uint64_t off, uint64_t bytes)
{
    struct image *below = img->file;
    int err = act(fault_of(img), FAULT_DISCARD);

    return err ? err : below->ops->discard(below, off, bytes);
}

static void fault_close(struct image *img)
{
    struct fault *fault = fault_of(img);

    pthread_cond_destroy(&fault->released_cond);
    pthread_mutex_destroy(&fault->mutex);
    g_free(fault);
}

static const struct image_ops fault_ops = {
    .kind = "fault",
    .read = fault_read,
    .write = fault_write,
    .flush = fault_flush,
    .discard = fault_discard,
    .close = fault_close,
};

/* ---- the specification --------------------------------------------------------------------- */

static bool parse_op(const char *word, enum fault_op *op)
{
    static const char *const names[] = { "read", "write", "flush", "discard", "any" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(word, names[i])) {
            *op = i;
            return true;
        }
    }
    return false;
}

static bool parse_which(const char *word, struct rule *rule)
{
    char *end;

    rule->from = 1;
    rule->to = ~0ul;
    if (!strcmp(word, "*"))
        return true;
    rule->from = strtoul(word, &end, 10);
    if (*end == '\0')
        rule->to = rule->from;
    else if (strcmp(end, "+"))
        return false;
    return rule->from > 0;
}

static bool parse_what(const char *word, struct rule *rule)
{
    static const struct {
        const char *name;
        int err;
    } errors[] = { { "EIO", EIO },       { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
                   { "EFBIG", EFBIG },   { "EINTR", EINTR },   { "EAGAIN", EAGAIN },
                   { "ENOMEM", ENOMEM }, { "ETIMEDOUT", ETIMEDOUT } };
    char *end;

    rule->what = FAULT_HOLD;
    if (!strcmp(word, "hold"))
        return true;
    rule->what = FAULT_DELAY;
    if (g_str_has_prefix(word, "delay=")) {
        rule->arg = (unsigned)strtoul(word + 6, &end, 10);
        return *end == '\0' && end > word + 6;
    }
    rule->what = FAULT_ERROR;
    for (unsigned i = 0; i < G_N_ELEMENTS(errors); i++) {
        if (!strcmp(word, errors[i].name)) {
            rule->arg = (unsigned)errors[i].err;
            return true;
        }
    }
    return false;
}

static bool parse_rule(const char *text, struct rule *rule)
{
    char **part = g_strsplit(text, ":", 0);
    bool good = g_strv_length(part) == 3 && parse_op(part[0], &rule->op) &&
                parse_which(part[1], rule) && parse_what(part[2], rule);

    g_strfreev(part);
    return good;
}

struct image *fault_open(struct image *below, const char *spec, GError **error)
{
    char **texts = g_strsplit(spec, ",", 0);
    unsigned n = g_strv_length(texts);
    struct fault *fault = g_malloc0(sizeof(*fault) + n * sizeof(fault->rule[0]));

    image_init(&fault->img, &fault_ops, &below->flags);
    fault->img.native = false;
    fault->img.bytes = below->bytes;
    fault->img.grain_bytes = below->grain_bytes;
    fault->img.readonly = below->readonly;
    fault->img.flags.readonly = below->readonly;
    fault->rules = n;
    pthread_mutex_init(&fault->mutex, NULL);
    pthread_cond_init(&fault->released_cond, NULL);
    for (unsigned i = 0; i < n; i++) {
        if (!parse_rule(texts[i], &fault->rule[i])) {
            block_error(error, EINVAL, "fault", "'%s' is not OP:WHICH:WHAT", texts[i]);
            fault_close(&fault->img);
            fault = NULL;
            break;
        }
    }
    g_strfreev(texts);
    if (!fault || !image_use(below, !below->readonly, error)) {
        if (fault)
            fault_close(&fault->img);
        image_unref(below);
        return NULL;
    }
    fault->img.file = below;
    fault->img.writes_file = !below->readonly;
    node_register(&fault->img, NULL);
    return &fault->img;
}

bool fault_release(struct image *img)
{
    struct fault *fault = fault_of(img);

    if (fault->img.ops != &fault_ops)
        return false;
    pthread_mutex_lock(&fault->mutex);
    fault->released = true;
    pthread_cond_broadcast(&fault->released_cond);
    pthread_mutex_unlock(&fault->mutex);
    return true;
}

bool block_fault_release(struct block *blk)
{
    return fault_release(cbw_skip(block_image(blk)));
}

unsigned block_fault_holding(struct block *blk)
{
    struct fault *fault = fault_of(cbw_skip(block_image(blk)));
    unsigned n;

    if (fault->img.ops != &fault_ops)
        return 0;
    pthread_mutex_lock(&fault->mutex);
    n = fault->holding;
    pthread_mutex_unlock(&fault->mutex);
    return n;
}
