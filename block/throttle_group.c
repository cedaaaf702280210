/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/throttle_group.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "block/internal.h"

struct throttle_member {
    struct group *group;
    struct block *blk;
    bool queued[2]; /* by write */
    bool turn[2];   /* it is being pumped as the head of the line */
    TAILQ_ENTRY(throttle_member) queue_link[2];
    TAILQ_ENTRY(throttle_member) link;
};

TAILQ_HEAD(member_list, throttle_member);

struct group {
    char *name;
    pthread_mutex_t mutex;
    struct throttle buckets;
    struct member_list members; /* main loop's thread */
    struct member_list queue[2];
    int64_t armed_ns; /* when the timer fires; 0: not */
    bool write_first; /* who is asked first when it fires: the direction that did not go last */
    int timer_fd;     /* one source for the main loop and for a drain */
    struct loop_source source;
    LIST_ENTRY(group) group_link;
};

static LIST_HEAD(, group) groups = LIST_HEAD_INITIALIZER(groups);

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the lines and the timer; the group's mutex held --------------------------------------- */

/* Fires then, or earlier if it was set so. */
static void arm(struct group *g, int64_t at_ns)
{
    struct itimerspec when = { .it_value = { (time_t)(at_ns / 1000000000), at_ns % 1000000000 } };

    if (g->armed_ns && g->armed_ns <= at_ns)
        return;
    g->armed_ns = at_ns;
    timerfd_settime(g->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void arm_in(struct group *g, int64_t now, int64_t wait_ns)
{
    arm(g, wait_ns > INT64_MAX - now ? INT64_MAX : now + wait_ns);
}

static void line_up(struct throttle_member *m, bool write)
{
    struct member_list *queue = &m->group->queue[write];

    if (m->queued[write])
        return;
    if (m->turn[write])
        TAILQ_INSERT_HEAD(queue, m, queue_link[write]);
    else
        TAILQ_INSERT_TAIL(queue, m, queue_link[write]);
    m->queued[write] = true;
}

static void step_out(struct throttle_member *m, bool write)
{
    if (m->queued[write])
        TAILQ_REMOVE(&m->group->queue[write], m, queue_link[write]);
    m->queued[write] = false;
}

static bool somebody_waits(const struct group *g)
{
    return !TAILQ_EMPTY(&g->queue[0]) || !TAILQ_EMPTY(&g->queue[1]);
}

static bool is_next(const struct throttle_member *m, bool write)
{
    const struct throttle_member *head = TAILQ_FIRST(&m->group->queue[write]);

    return m->turn[write] || !head || head == m;
}

/* ---- requests ------------------------------------------------------------------------------ */

bool throttle_may_start(struct throttle_member *m, bool write, uint64_t bytes)
{
    struct group *g = m->group;
    int64_t now = now_ns(), wait;
    bool go;

    pthread_mutex_lock(&g->mutex);
    wait = is_next(m, write) ? throttle_wait_ns(&g->buckets, write, now) : -1;
    go = wait == 0;
    if (go) {
        throttle_account(&g->buckets, write, bytes);
        step_out(m, write);
        m->turn[write] = false; /* one request, then the others */
        g->write_first = !write;
        if (somebody_waits(g))
            arm(g, now);
    } else {
        line_up(m, write);
        if (wait > 0)
            arm_in(g, now, wait);
    }
    pthread_mutex_unlock(&g->mutex);
    return go;
}

void throttle_pass(struct throttle_member *m, bool write, uint64_t bytes)
{
    pthread_mutex_lock(&m->group->mutex);
    throttle_account(&m->group->buckets, write, bytes);
    pthread_mutex_unlock(&m->group->mutex);
}

/* The head of one line has its turn: it may have nothing left to start (abandoned, drained). */
static void call_head(struct group *g, bool write)
{
    struct throttle_member *m;

    pthread_mutex_lock(&g->mutex);
    m = TAILQ_FIRST(&g->queue[write]);
    if (m) {
        step_out(m, write);
        m->turn[write] = true;
    }
    pthread_mutex_unlock(&g->mutex);
    if (!m)
        return;
    block_pump(m->blk);
    pthread_mutex_lock(&g->mutex);
    m->turn[write] = false;
    pthread_mutex_unlock(&g->mutex);
}

static void timer_fired(void *opaque)
{
    struct group *g = opaque;
    uint64_t times;
    bool write;

    while (read(g->timer_fd, &times, sizeof(times)) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&g->mutex);
    g->armed_ns = 0;
    write = g->write_first;
    pthread_mutex_unlock(&g->mutex);
    call_head(g, write);
    call_head(g, !write);
    pthread_mutex_lock(&g->mutex);
    if (g->armed_ns == 0 && somebody_waits(g))
        arm(g, now_ns());
    pthread_mutex_unlock(&g->mutex);
}

/* ---- membership ---------------------------------------------------------------------------- */

static struct group *find_group(const char *name)
{
    struct group *g;

    LIST_FOREACH(g, &groups, group_link) {
        if (!strcmp(g->name, name))
            return g;
    }
    return NULL;
}

static struct group *new_group(const char *name, GError **error)
{
    static const struct throttle_config none;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct group *g;

    if (fd < 0) {
        block_error(error, errno, "throttling", "no timer: %s", g_strerror(errno));
        return NULL;
    }
    g = g_new0(struct group, 1);
    g->name = g_strdup(name);
    g->timer_fd = fd;
    pthread_mutex_init(&g->mutex, NULL);
    TAILQ_INIT(&g->members);
    TAILQ_INIT(&g->queue[0]);
    TAILQ_INIT(&g->queue[1]);
    throttle_init(&g->buckets, &none, now_ns());
    loop_source_add(&g->source, fd, timer_fired, g);
    LIST_INSERT_HEAD(&groups, g, group_link);
    return g;
}

static void end_group(struct group *g)
{
    LIST_REMOVE(g, group_link);
    loop_source_remove(&g->source);
    close(g->timer_fd);
    pthread_mutex_destroy(&g->mutex);
    g_free(g->name);
    g_free(g);
}

struct throttle_member *throttle_join(const char *name, struct block *blk, GError **error)
{
    struct group *g = find_group(name);
    struct throttle_member *m;

    if (!g)
        g = new_group(name, error);
    if (!g)
        return NULL;
    m = g_new0(struct throttle_member, 1);
    m->group = g;
    m->blk = blk;
    TAILQ_INSERT_TAIL(&g->members, m, link);
    return m;
}

void throttle_leave(struct throttle_member *m)
{
    struct group *g;

    if (!m)
        return;
    g = m->group;
    pthread_mutex_lock(&g->mutex);
    step_out(m, false);
    step_out(m, true);
    if (somebody_waits(g)) /* perhaps behind it */
        arm(g, now_ns());
    pthread_mutex_unlock(&g->mutex);
    TAILQ_REMOVE(&g->members, m, link);
    if (TAILQ_EMPTY(&g->members))
        end_group(g);
    g_free(m);
}

void throttle_set(struct throttle_member *m, const struct throttle_config *cfg)
{
    struct group *g = m->group;

    pthread_mutex_lock(&g->mutex);
    throttle_init(&g->buckets, cfg, now_ns());
    if (somebody_waits(g))
        arm(g, now_ns());
    pthread_mutex_unlock(&g->mutex);
}

void throttle_get(struct throttle_member *m, struct throttle_config *cfg)
{
    pthread_mutex_lock(&m->group->mutex);
    *cfg = m->group->buckets.cfg;
    pthread_mutex_unlock(&m->group->mutex);
}

/* ---- a disk's limits (open.h) -------------------------------------------------------------- */

/* Another membership, or none, from now on; the old one ends. */
static void change_member(struct block *blk, struct throttle_member *m)
{
    struct throttle_member *old = blk->throttle;

    pthread_mutex_lock(&blk->mutex);
    __atomic_store_n(&blk->throttle, m, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&blk->mutex);
    throttle_leave(old);
}

bool block_set_throttle(struct block *blk, const struct throttle_config *cfg, const char *group,
                        GError **error)
{
    struct throttle_member *m = blk->throttle;

    if (cfg && !throttle_config_check(cfg, error))
        return false;
    if (!cfg || !throttle_enabled(cfg)) {
        change_member(blk, NULL);
        block_pump(blk);
        return true;
    }
    if (!m || (group && strcmp(group, m->group->name))) {
        m = throttle_join(group ? group : blk->name, blk, error);
        if (!m)
            return false;
        change_member(blk, m);
    }
    throttle_set(m, cfg);
    block_pump(blk);
    return true;
}

bool block_get_throttle(struct block *blk, struct throttle_config *cfg, const char **group)
{
    *cfg = (struct throttle_config){ 0 };
    *group = NULL;
    if (!blk->throttle)
        return false;
    throttle_get(blk->throttle, cfg);
    *group = blk->throttle->group->name;
    return true;
}
