/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/halt.h"

#include <glib.h>

#include "dm/vcpu.h"

#define LOOK_MS 500

struct halt_watch {
    struct vcpu_group *vcpus;
    void (*dead)(void *opaque);
    void *opaque;
    guint source;
    int64_t cpu_ns; /* of all threads, when last looked */
    bool looked;    /* since they ran last */
};

static gboolean look(gpointer opaque)
{
    struct halt_watch *w = opaque;
    int64_t now = vcpus_cpu_ns(w->vcpus);
    bool dead;

    if (now != w->cpu_ns || w->looked || vcpus_held(w->vcpus)) {
        w->looked = w->looked && now == w->cpu_ns;
        w->cpu_ns = now;
        return G_SOURCE_CONTINUE;
    }
    dead = vcpus_halted_for_ever(w->vcpus);
    w->looked = true;
    w->cpu_ns = vcpus_cpu_ns(w->vcpus); /* looking took some */
    if (dead)
        w->dead(w->opaque);
    return G_SOURCE_CONTINUE;
}

struct halt_watch *halt_watch_new(struct vcpu_group *vcpus, void (*dead)(void *opaque), void *opaque)
{
    struct halt_watch *w = g_new0(struct halt_watch, 1);

    *w = (struct halt_watch){.vcpus = vcpus, .dead = dead, .opaque = opaque, .cpu_ns = -1};
    w->source = g_timeout_add(LOOK_MS, look, w);
    return w;
}

void halt_watch_free(struct halt_watch *w)
{
    if (!w)
        return;
    g_source_remove(w->source);
    g_free(w);
}
