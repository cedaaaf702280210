/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arithmetic of I/O limits: leaky buckets that know no clock, no lock and no disk. Meanings of the
 * limits: QEMU's docs/throttle.txt.
 *
 * A bucket leaks `avg` units (bytes or operations) a second. Without `max` it holds what leaks in
 * 100 ms. With it, it holds max * max_length units: so much may come at once after a rest; and if
 * max_length is more than one second, a second bucket that leaks `max` a second keeps the burst itself
 * at that rate. A request may start when no bucket that concerns it is over its brim, and is then
 * poured in whole: so a request larger than the bucket starts too, and the next one pays for it.
 */
#ifndef BLOCK_THROTTLE_H
#define BLOCK_THROTTLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum throttle_limit {
    THROTTLE_BPS_TOTAL,
    THROTTLE_BPS_READ,
    THROTTLE_BPS_WRITE,
    THROTTLE_IOPS_TOTAL,
    THROTTLE_IOPS_READ,
    THROTTLE_IOPS_WRITE,
    THROTTLE_LIMITS
};

#define THROTTLE_VALUE_MAX 1000000000000000ull /* of a rate or burst; QEMU's limit */

struct throttle_config {
    struct {
        uint64_t avg;        /* units a second; 0: no limit */
        uint64_t max;        /* units a second in a burst; 0: no bursts */
        uint64_t max_length; /* seconds of a burst; 0 means the default, 1 */
    } limit[THROTTLE_LIMITS];
    uint64_t iops_size; /* bytes that count as one operation, larger ones as more; 0: each is one */
};

/* How a limit is spelt: -drive throttling.iops-total, throttle-group's x-iops-total aside. */
const char *throttle_limit_name(enum throttle_limit limit); /* "bps-total" */

/*
 * Sets one member by its name: "iops-total", "iops-total-max", "iops-total-max-length", "iops-size"
 * (-drive throttling.NAME), or block_set_io_throttle's: "iops", "iops_rd", "iops_max", "iops_rd_max",
 * "iops_max_length", "iops_rd_max_length", "iops_size". False: there is none of this name.
 */
bool throttle_config_set(struct throttle_config *cfg, const char *name, uint64_t value);
/* By the second kind of names ("iops_rd_max_length"), for query-block; 0 if not set, max_length 1. */
uint64_t throttle_config_get(const struct throttle_config *cfg, const char *qmp_name);

bool throttle_enabled(const struct throttle_config *cfg); /* some limit is set */
/* False with a one-line *error: values out of range, or that do not go together. */
bool throttle_config_check(const struct throttle_config *cfg, GError **error);

/* 10^-9 units: exact for every rate and nanosecond. */
typedef unsigned __int128 throttle_level;

struct throttle_bucket {
    throttle_level level, burst_level;
};

struct throttle {
    struct throttle_config cfg;
    struct throttle_bucket bucket[THROTTLE_LIMITS];
    int64_t leaked_ns; /* up to when */
};

/* Empty buckets. cfg has passed throttle_config_check(). */
void throttle_init(struct throttle *t, const struct throttle_config *cfg, int64_t now_ns);
/* How long until a request of this direction may start; 0: now. A clock that goes back leaks nothing. */
int64_t throttle_wait_ns(struct throttle *t, bool write, int64_t now_ns);
/* One request of so many bytes has started. */
void throttle_account(struct throttle *t, bool write, uint64_t bytes);

#endif
