/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/throttle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "block/image.h"

#define NANO 1000000000ull
#define TENTHS 10 /* of a second: what a bucket without a size of its own holds */

static const struct {
    const char *name, *qmp;
} names[THROTTLE_LIMITS] = {
    [THROTTLE_BPS_TOTAL] = { "bps-total", "bps" },
    [THROTTLE_BPS_READ] = { "bps-read", "bps_rd" },
    [THROTTLE_BPS_WRITE] = { "bps-write", "bps_wr" },
    [THROTTLE_IOPS_TOTAL] = { "iops-total", "iops" },
    [THROTTLE_IOPS_READ] = { "iops-read", "iops_rd" },
    [THROTTLE_IOPS_WRITE] = { "iops-write", "iops_wr" },
};

const char *throttle_limit_name(enum throttle_limit limit)
{
    return names[limit].name;
}

/* ---- configuration ------------------------------------------------------------------------- */

/* What is left of `name` after `base` and the separator: "" or "max" or "max-length"; NULL: other. */
static const char *rest_of(const char *name, const char *base, char sep)
{
    size_t n = strlen(base);

    if (strncmp(name, base, n))
        return NULL;
    if (name[n] == '\0')
        return name + n;
    return name[n] == sep ? name + n + 1 : NULL;
}

/* The member of a limit that the rest of its name tells. */
static uint64_t *member(struct throttle_config *cfg, enum throttle_limit limit, const char *rest)
{
    if (!*rest)
        return &cfg->limit[limit].avg;
    if (!strcmp(rest, "max"))
        return &cfg->limit[limit].max;
    if (!strcmp(rest, "max-length") || !strcmp(rest, "max_length"))
        return &cfg->limit[limit].max_length;
    return NULL;
}

static uint64_t *find(struct throttle_config *cfg, const char *name)
{
    uint64_t *found = NULL;

    if (!strcmp(name, "iops-size") || !strcmp(name, "iops_size"))
        return &cfg->iops_size;
    for (unsigned i = 0; i < THROTTLE_LIMITS && !found; i++) {
        const char *rest = rest_of(name, names[i].name, '-');

        if (!rest)
            rest = rest_of(name, names[i].qmp, '_');
        found = rest ? member(cfg, i, rest) : NULL;
    }
    return found;
}

bool throttle_config_set(struct throttle_config *cfg, const char *name, uint64_t value)
{
    uint64_t *at = find(cfg, name);

    if (at)
        *at = value;
    return at != NULL;
}

uint64_t throttle_config_get(const struct throttle_config *cfg, const char *qmp_name)
{
    struct throttle_config copy = *cfg;
    uint64_t *at = find(&copy, qmp_name);

    if (!at)
        return 0;
    return *at == 0 && g_str_has_suffix(qmp_name, "length") ? 1 : *at;
}

bool throttle_enabled(const struct throttle_config *cfg)
{
    for (unsigned i = 0; i < THROTTLE_LIMITS; i++) {
        if (cfg->limit[i].avg)
            return true;
    }
    return false;
}

static uint64_t length_of(const struct throttle_config *cfg, unsigned limit)
{
    return cfg->limit[limit].max_length ? cfg->limit[limit].max_length : 1;
}

#define REFUSE(...) (block_error(error, EINVAL, "throttling", __VA_ARGS__), false)

static bool check_limit(const struct throttle_config *cfg, unsigned i, GError **error)
{
    uint64_t avg = cfg->limit[i].avg, max = cfg->limit[i].max;
    const char *name = names[i].name;

    if (avg > THROTTLE_VALUE_MAX || max > THROTTLE_VALUE_MAX)
        return REFUSE("%s and %s-max must be within 0 and %llu", name, name, THROTTLE_VALUE_MAX);
    if (max && !avg)
        return REFUSE("%s-max needs %s too", name, name);
    if (max && max < avg)
        return REFUSE("%s-max cannot be lower than %s", name, name);
    if (cfg->limit[i].max_length > 1 && !max)
        return REFUSE("%s-max-length needs %s-max too", name, name);
    if (max && length_of(cfg, i) > THROTTLE_VALUE_MAX / max)
        return REFUSE("%s-max-length is too long for this %s-max", name, name);
    return true;
}

/* Of bps or of iops, whose total is at `total`. */
static bool total_or_parts(const struct throttle_config *cfg, unsigned total)
{
    const typeof(cfg->limit[0]) *l = &cfg->limit[total];

    return !((l[0].avg && (l[1].avg || l[2].avg)) || (l[0].max && (l[1].max || l[2].max)));
}

bool throttle_config_check(const struct throttle_config *cfg, GError **error)
{
    bool iops = cfg->limit[THROTTLE_IOPS_TOTAL].avg || cfg->limit[THROTTLE_IOPS_READ].avg ||
                cfg->limit[THROTTLE_IOPS_WRITE].avg;

    if (!total_or_parts(cfg, THROTTLE_BPS_TOTAL) || !total_or_parts(cfg, THROTTLE_IOPS_TOTAL))
        return REFUSE("bps/iops total values and read/write values cannot be used at the same time");
    if (cfg->iops_size > THROTTLE_VALUE_MAX)
        return REFUSE("iops-size must be within 0 and %llu", THROTTLE_VALUE_MAX);
    if (cfg->iops_size && !iops)
        return REFUSE("iops-size needs an iops value to be set");
    for (unsigned i = 0; i < THROTTLE_LIMITS; i++) {
        if (!check_limit(cfg, i, error))
            return false;
    }
    return true;
}

/* ---- buckets ------------------------------------------------------------------------------- */

void throttle_init(struct throttle *t, const struct throttle_config *cfg, int64_t now_ns)
{
    *t = (struct throttle){ .cfg = *cfg, .leaked_ns = now_ns };
}

static bool concerns(unsigned limit, bool write)
{
    switch (limit % 3) {
    case 0:
        return true;
    case 1:
        return !write;
    default:
        return write;
    }
}

static void leak(throttle_level *level, uint64_t rate, uint64_t ns)
{
    throttle_level out = (throttle_level)rate * ns; /* units/s * ns = 10^-9 units */

    *level -= out < *level ? out : *level;
}

static void leak_all(struct throttle *t, int64_t now_ns)
{
    uint64_t ns = (uint64_t)now_ns - (uint64_t)t->leaked_ns;

    if (now_ns <= t->leaked_ns)
        return;
    for (unsigned i = 0; i < THROTTLE_LIMITS; i++) {
        leak(&t->bucket[i].level, t->cfg.limit[i].avg, ns);
        leak(&t->bucket[i].burst_level, t->cfg.limit[i].max, ns);
    }
    t->leaked_ns = now_ns;
}

/* Until what is over the brim has leaked. */
static int64_t overflow_ns(throttle_level level, throttle_level brim, uint64_t rate)
{
    throttle_level ns;

    if (level <= brim)
        return 0;
    ns = (level - brim + rate - 1) / rate;
    return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

static int64_t bucket_wait_ns(const struct throttle *t, unsigned i)
{
    uint64_t avg = t->cfg.limit[i].avg, max = t->cfg.limit[i].max;
    uint64_t length = length_of(&t->cfg, i);
    int64_t wait, burst = 0;

    if (!avg)
        return 0;
    if (!max)
        return overflow_ns(t->bucket[i].level, (throttle_level)avg * (NANO / TENTHS), avg);
    wait = overflow_ns(t->bucket[i].level, (throttle_level)max * length * NANO, avg);
    if (length > 1)
        burst = overflow_ns(t->bucket[i].burst_level, (throttle_level)max * (NANO / TENTHS), max);
    return wait > burst ? wait : burst;
}

int64_t throttle_wait_ns(struct throttle *t, bool write, int64_t now_ns)
{
    int64_t longest = 0;

    leak_all(t, now_ns);
    for (unsigned i = 0; i < THROTTLE_LIMITS; i++) {
        int64_t wait = concerns(i, write) ? bucket_wait_ns(t, i) : 0;

        longest = wait > longest ? wait : longest;
    }
    return longest;
}

/* Levels stay bounded: a request is poured in only when there is no overflow, or by a drain. */
static void pour(throttle_level *level, throttle_level units)
{
    const throttle_level most = (throttle_level)1 << 120;

    *level = *level + units < most ? *level + units : most;
}

void throttle_account(struct throttle *t, bool write, uint64_t bytes)
{
    uint64_t size = t->cfg.iops_size;
    throttle_level ops = NANO;

    if (size && bytes > size)
        ops = (throttle_level)bytes * NANO / size;
    for (unsigned i = 0; i < THROTTLE_LIMITS; i++) {
        throttle_level units = i < THROTTLE_IOPS_TOTAL ? (throttle_level)bytes * NANO : ops;

        if (!concerns(i, write) || !t->cfg.limit[i].avg)
            continue;
        pour(&t->bucket[i].level, units);
        if (length_of(&t->cfg, i) > 1)
            pour(&t->bucket[i].burst_level, units);
    }
}
