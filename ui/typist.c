/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/typist.h"

#include <string.h>

#define TICK_MS   1
#define SLOW_MS   10 /* when the guest has not read for SLOW_AFTER_US */
#define SLOW_AFTER_US (200 * 1000)

struct running {
    struct typist_job job;
    guint at;               /* the next event */
    guint32 told;           /* number that progress() was called with last, plus one */
    uint8_t down[256 / 8];  /* keys this job holds */
};

struct typist {
    struct typist_keyboard keyboard;
    GQueue jobs; /* struct running, the first is being typed */
    guint events;
    guint source;
    unsigned tick_ms;
    gint64 not_before_us, waiting_since_us; /* 0: not waiting for the guest */
};

static void schedule(struct typist *t, unsigned ms);

static void press(struct typist *t, struct running *r, unsigned key, bool down)
{
    uint8_t bit = (uint8_t)(1 << key % 8);

    if (down)
        r->down[key / 8 % sizeof(r->down)] |= bit;
    else
        r->down[key / 8 % sizeof(r->down)] &= (uint8_t)~bit;
    t->keyboard.key(t->keyboard.opaque, key, down);
}

/* `r` is out of the queue. Its owner may add another job from end(). */
static void end_job(struct typist *t, struct running *r, enum typist_end end)
{
    guint32 number = 0;

    for (unsigned key = 0; key < 256; key++) {
        if (r->down[key / 8] >> key % 8 & 1)
            press(t, r, key, false);
    }
    t->events -= r->job.events->len;
    if (r->at)
        number = g_array_index(r->job.events, struct typist_event, r->at - 1).number;
    t->waiting_since_us = 0;
    if (r->job.end)
        r->job.end(r->job.opaque, end, number);
    g_array_unref(r->job.events);
    g_free(r);
}

/* False: the guest has still to read. */
static bool may_go_on(struct typist *t, struct running *r, gint64 now_us, bool *give_up)
{
    bool impatient;

    *give_up = false;
    if (t->keyboard.ready(t->keyboard.opaque)) {
        t->waiting_since_us = 0;
        return true;
    }
    if (!t->waiting_since_us)
        t->waiting_since_us = now_us;
    impatient = now_us - t->waiting_since_us >= (gint64)r->job.patience_ms * 1000;
    *give_up = impatient && !r->job.insist;
    return impatient && r->job.insist;
}

static void next_event(struct typist *t, struct running *r, gint64 now_us)
{
    struct typist_event e = g_array_index(r->job.events, struct typist_event, r->at);

    r->at++;
    t->not_before_us = now_us + (gint64)e.then_ms * 1000;
    press(t, r, e.key, e.down);
    if (r->job.progress && r->told != e.number + 1) {
        r->told = e.number + 1;
        r->job.progress(r->job.opaque, e.number);
    }
}

/* As far as the guest reads and the times allow. */
static void type(struct typist *t)
{
    for (;;) {
        struct running *r = g_queue_peek_head(&t->jobs);
        gint64 now_us = g_get_monotonic_time();
        bool give_up;

        if (!r || now_us < t->not_before_us)
            return;
        if (!may_go_on(t, r, now_us, &give_up) && !give_up)
            return;
        if (give_up || r->at == r->job.events->len) {
            g_queue_pop_head(&t->jobs);
            end_job(t, r, give_up ? TYPIST_NOT_READ : TYPIST_DONE);
        } else {
            next_event(t, r, now_us);
        }
    }
}

static gboolean tick(gpointer opaque)
{
    struct typist *t = opaque;
    unsigned want;

    type(t);
    if (g_queue_is_empty(&t->jobs)) {
        t->source = 0;
        return G_SOURCE_REMOVE;
    }
    want = t->waiting_since_us &&
                   g_get_monotonic_time() - t->waiting_since_us > SLOW_AFTER_US
               ? SLOW_MS
               : TICK_MS;
    if (want == t->tick_ms)
        return G_SOURCE_CONTINUE;
    t->source = 0;
    schedule(t, want);
    return G_SOURCE_REMOVE;
}

static void schedule(struct typist *t, unsigned ms)
{
    if (t->source)
        return;
    t->tick_ms = ms;
    t->source = g_timeout_add(ms, tick, t);
}

struct typist *typist_new(const struct typist_keyboard *keyboard)
{
    struct typist *t = g_new0(struct typist, 1);

    t->keyboard = *keyboard;
    g_queue_init(&t->jobs);
    return t;
}

static void drop(gpointer data)
{
    struct running *r = data;

    g_array_unref(r->job.events);
    g_free(r);
}

void typist_free(struct typist *t)
{
    if (!t)
        return;
    if (t->source)
        g_source_remove(t->source);
    g_queue_clear_full(&t->jobs, drop);
    g_free(t);
}

bool typist_add(struct typist *t, const struct typist_job *job)
{
    struct running *r;

    if (g_queue_get_length(&t->jobs) >= TYPIST_MAX_JOBS ||
        job->events->len > TYPIST_MAX_EVENTS - t->events) {
        g_array_unref(job->events);
        return false;
    }
    r = g_new0(struct running, 1);
    r->job = *job;
    t->events += job->events->len;
    g_queue_push_tail(&t->jobs, r);
    schedule(t, TICK_MS);
    /* The first key now; the end never from inside this call. */
    if (g_queue_get_length(&t->jobs) == 1 && r->job.events->len &&
        g_get_monotonic_time() >= t->not_before_us && t->keyboard.ready(t->keyboard.opaque))
        next_event(t, r, g_get_monotonic_time());
    return true;
}

unsigned typist_cancel(struct typist *t, const void *opaque)
{
    unsigned count = 0;

    for (GList *l = t->jobs.head, *next; l; l = next) {
        struct running *r = l->data;

        next = l->next;
        if (opaque && r->job.opaque != opaque)
            continue;
        g_queue_delete_link(&t->jobs, l);
        end_job(t, r, TYPIST_CANCELLED);
        count++;
    }
    t->not_before_us = 0;
    return count;
}
