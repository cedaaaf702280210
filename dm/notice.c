/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/notice.h"

#include <glib.h>
#include <stdbool.h>

#define INTERVAL_US 1000000

struct notice {
    GSource *source;
    void (*tell)(void *opaque);
    void *opaque;
    bool raised;       /* atomic */
    gint64 told_at_us; /* main loop; 0: never */
};

static gboolean work(GSource *source, GSourceFunc callback, gpointer user_data)
{
    struct notice *n = *(struct notice **)(source + 1);
    gint64 now = g_get_monotonic_time(), next = n->told_at_us ? n->told_at_us + INTERVAL_US : now;

    (void)callback, (void)user_data;
    if (now < next) {
        g_source_set_ready_time(source, next);
        return G_SOURCE_CONTINUE;
    }
    g_source_set_ready_time(source, -1);
    if (__atomic_exchange_n(&n->raised, false, __ATOMIC_ACQ_REL)) {
        n->told_at_us = now;
        n->tell(n->opaque);
    }
    return G_SOURCE_CONTINUE;
}

struct notice *notice_new(void (*tell)(void *opaque), void *opaque)
{
    static GSourceFuncs funcs = {NULL, NULL, work, NULL, NULL, NULL};
    struct notice *n = g_new0(struct notice, 1);

    n->tell = tell;
    n->opaque = opaque;
    n->source = g_source_new(&funcs, sizeof(GSource) + sizeof(struct notice *));
    *(struct notice **)(n->source + 1) = n;
    g_source_attach(n->source, NULL);
    return n;
}

void notice_raise(struct notice *n)
{
    if (!__atomic_exchange_n(&n->raised, true, __ATOMIC_ACQ_REL))
        g_source_set_ready_time(n->source, 0);
}

void notice_free(struct notice *n)
{
    if (!n)
        return;
    g_source_destroy(n->source);
    g_source_unref(n->source);
    g_free(n);
}
