/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to stderr, one line each, "kvm-dm: ..." in front, with a time stamp if -msg timestamp=on.
 * What a guest, an image or a peer can cause goes through log_limited().
 */
#ifndef DM_LOG_H
#define DM_LOG_H

#include <stdbool.h>
#include <stdint.h>

void log_set_timestamp(bool on);
/* The layers below, which do not know this one, say things by g_warning(): as lines of the same kind. */
void log_take_glib(void);
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2))); /* no fault: where something is */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A token bucket: so many lines at once, then some a minute; the rest are counted and summed up. */
struct log_limit {
    int64_t refilled_ns;
    unsigned used;
    uint64_t suppressed;
};
void log_limited(struct log_limit *limit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
