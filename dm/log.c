/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/log.h"

#include <glib.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define BURST_LINES 10
#define REFILL_NS 60000000000ll

static bool timestamp; /* set once, before any thread */
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

void log_set_timestamp(bool on)
{
    timestamp = on;
}

/* One write per line, so that lines of several threads do not mix. */
static void put_line(const char *kind, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    g_autofree char *stamp = NULL;

    if (timestamp) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();

        stamp = g_date_time_format(now, "%FT%T.%fZ ");
    }
    fprintf(stderr, "%skvm-dm: %s%s\n", stamp ? stamp : "", kind, text);
}

void log_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_line("", format, args);
    va_end(args);
}

void log_notice(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_line("", format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_line("warning: ", format, args);
    va_end(args);
}

/* An image may cause some of them, so all of them together are limited. */
static void glib_line(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer opaque)
{
    static struct log_limit limit;

    (void)opaque;
    if (level & (G_LOG_FLAG_FATAL | G_LOG_LEVEL_ERROR))
        g_log_default_handler(domain, level, text, NULL);
    else if (level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL))
        log_limited(&limit, "%s", text);
}

void log_take_glib(void)
{
    g_log_set_default_handler(glib_line, NULL);
}

/* How many lines were dropped since the last one that went out; -1: this one is dropped too. */
static int64_t admit(struct log_limit *limit)
{
    int64_t now = g_get_monotonic_time() * 1000, dropped = -1;

    pthread_mutex_lock(&limit_lock);
    if (now - limit->refilled_ns > REFILL_NS) {
        limit->refilled_ns = now;
        limit->used = 0;
    }
    if (limit->used < BURST_LINES) {
        limit->used++;
        dropped = (int64_t)limit->suppressed;
        limit->suppressed = 0;
    } else {
        limit->suppressed++;
    }
    pthread_mutex_unlock(&limit_lock);
    return dropped;
}

void log_limited(struct log_limit *limit, const char *format, ...)
{
    int64_t dropped = admit(limit);
    va_list args;

    if (dropped < 0)
        return;
    if (dropped)
        log_warning("%lld more such messages were dropped", (long long)dropped);
    va_start(args, format);
    put_line("warning: ", format, args);
    va_end(args);
}
