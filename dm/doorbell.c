/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/doorbell.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dm/kvm.h"
#include "dm/log.h"
#include "host/thread.h"

#define EVENTS 16 /* taken at once */

/* One region whose doorbells are on. `fd` and `assigned`: of each doorbell. */
struct bell_set {
    struct io_region *region;
    const struct io_doorbell *bell;
    enum io_space space;
    unsigned count;
    uint64_t base; /* where they are assigned */
    int *fd;       /* -1: it has none, and its writes are exits */
    bool *assigned;
};

struct doorbells {
    struct kvm *kvm;
    struct iomap *map;
    bool any_length;
    int epoll_fd, quit_fd;
    pthread_mutex_t lock; /* of the sets; inside of device locks, and only the map's inside of it */
    GPtrArray *sets;      /* struct bell_set * */
    pthread_mutex_t gate; /* outermost: held by whoever carries out what was rung */
    pthread_t thread;
    bool started;
    struct io_reader reader;
};

/* ---- the kernel's side; the lock is held ---- */

static bool tell_kvm(struct doorbells *d, const struct bell_set *s, unsigned n, bool assign)
{
    const struct io_doorbell *bell = &s->bell[n];
    struct kvm_ioeventfd ask = {
        .datamatch = bell->match ? bell->value : 0,
        .addr = s->base + bell->off,
        .len = s->space == IO_MEM && !bell->match && d->any_length ? 0 : bell->size,
        .fd = s->fd[n],
        .flags = (bell->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
                 (s->space == IO_PORT ? KVM_IOEVENTFD_FLAG_PIO : 0) | (assign ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
    };

    return ioctl(d->kvm->vm_fd, KVM_IOEVENTFD, &ask) == 0;
}

static void unassign(struct doorbells *d, struct bell_set *s)
{
    for (unsigned n = 0; n < s->count; n++) {
        if (s->assigned[n])
            tell_kvm(d, s, n, false);
        s->assigned[n] = false;
    }
}

static void assign(struct doorbells *d, struct bell_set *s, uint64_t base)
{
    s->base = base;
    for (unsigned n = 0; n < s->count; n++)
        s->assigned[n] = s->fd[n] >= 0 && tell_kvm(d, s, n, true);
}

static int new_fd(struct doorbells *d)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    event.data.fd = fd;
    if (fd < 0 || epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return fd;
    close(fd);
    return -1;
}

static struct bell_set *new_set(struct doorbells *d, struct io_region *region)
{
    struct bell_set *s = g_new0(struct bell_set, 1);

    *s = (struct bell_set){.region = region,
                           .bell = region->doorbells,
                           .space = region->space,
                           .count = region->doorbell_count,
                           .fd = g_new(int, region->doorbell_count),
                           .assigned = g_new0(bool, region->doorbell_count)};
    for (unsigned n = 0; n < s->count; n++)
        s->fd[n] = new_fd(d);
    g_ptr_array_add(d->sets, s);
    return s;
}

static void free_set(struct doorbells *d, struct bell_set *s)
{
    unassign(d, s);
    for (unsigned n = 0; n < s->count; n++) {
        if (s->fd[n] >= 0)
            close(s->fd[n]); /* it leaves the epoll instance, too */
    }
    g_ptr_array_remove_fast(d->sets, s);
    g_free(s->fd);
    g_free(s->assigned);
    g_free(s);
}

static struct bell_set *find_set(const struct doorbells *d, const struct io_region *region)
{
    for (guint i = 0; i < d->sets->len; i++) {
        struct bell_set *s = g_ptr_array_index(d->sets, i);

        if (s->region == region)
            return s;
    }
    return NULL;
}

/* ---- carrying out; the gate is held ---- */

/* What that descriptor is for, if it was rung. The set may be gone, and the number be another's by now: no harm. */
static struct io_region *take(struct doorbells *d, int fd, unsigned *n)
{
    struct io_region *region = NULL;
    eventfd_t count;

    pthread_mutex_lock(&d->lock);
    for (guint i = 0; i < d->sets->len && !region; i++) {
        const struct bell_set *s = g_ptr_array_index(d->sets, i);

        for (*n = 0; *n < s->count && s->fd[*n] != fd; (*n)++)
            ;
        if (*n < s->count && !eventfd_read(fd, &count))
            region = s->region;
    }
    pthread_mutex_unlock(&d->lock);
    return region;
}

/* A region that is not mapped any more: follow() rings again when it is. */
static void carry_out(struct doorbells *d, struct io_reader *reader, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        unsigned n = 0;
        struct io_region *region = take(d, events[i].data.fd, &n);

        if (region)
            iomap_ring(d->map, reader, region, n);
    }
}

void doorbells_drain(struct doorbells *d, struct io_reader *reader)
{
    struct epoll_event events[EVENTS];
    int count;

    pthread_mutex_lock(&d->gate);
    do {
        count = epoll_wait(d->epoll_fd, events, EVENTS, 0);
        carry_out(d, reader, events, count);
    } while (count > 0);
    pthread_mutex_unlock(&d->gate);
}

/*
 * Waiting is outside of the gate, so what is waited for may have been drained in the meantime; then there is nothing
 * to take.
 */
static void *serve(void *opaque)
{
    struct doorbells *d = opaque;
    struct epoll_event events[EVENTS];
    eventfd_t quit;

    pthread_setname_np(pthread_self(), "doorbells");
    while (eventfd_read(d->quit_fd, &quit)) {
        int count = epoll_wait(d->epoll_fd, events, EVENTS, -1);

        pthread_mutex_lock(&d->gate);
        carry_out(d, &d->reader, events, count);
        pthread_mutex_unlock(&d->gate);
    }
    return NULL;
}

static bool start_thread(struct doorbells *d)
{
    int rc = thread_start(&d->thread, serve, d);

    if (rc)
        log_error("no thread for doorbells: %s", g_strerror(rc));
    return rc == 0;
}

/* ---- following the map ---- */

/* Any thread, inside of any device. What holds now decides, whatever the call was for. */
static void follow(void *opaque, struct io_region *region)
{
    struct doorbells *d = opaque;
    struct bell_set *s;
    uint64_t base;
    enum io_doorbell_state state;

    pthread_mutex_lock(&d->lock);
    s = find_set(d, region);
    state = iomap_doorbells(d->map, region, &base);
    if (state == IO_DOORBELLS_ON && !d->started)
        d->started = start_thread(d);
    if (state == IO_DOORBELLS_OFF && s)
        free_set(d, s);
    else if (state == IO_DOORBELLS_UNMAPPED && s)
        unassign(d, s);
    else if (state == IO_DOORBELLS_ON && d->started && !s)
        assign(d, new_set(d, region), base);
    else if (state == IO_DOORBELLS_ON && s) {
        unassign(d, s);
        assign(d, s, base);
        for (unsigned n = 0; n < s->count; n++) {
            if (s->fd[n] >= 0)
                eventfd_write(s->fd[n], 1); /* one may have been lost while the region was nowhere */
        }
    }
    pthread_mutex_unlock(&d->lock);
}

/* ---- life ---- */

struct doorbells *doorbells_new(struct kvm *kvm, struct iomap *map)
{
    struct doorbells *d;
    struct epoll_event quit = {.events = EPOLLIN};

    if (ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD) <= 0)
        return NULL;
    d = g_new0(struct doorbells, 1);
    d->kvm = kvm;
    d->map = map;
    d->any_length = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD_ANY_LENGTH) > 0;
    d->sets = g_ptr_array_new();
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->gate, NULL);
    iomap_reader_add(map, &d->reader);
    d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    d->quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    quit.data.fd = d->quit_fd;
    if (d->epoll_fd < 0 || d->quit_fd < 0 || epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, d->quit_fd, &quit)) {
        doorbells_free(d);
        return NULL;
    }
    iomap_set_doorbell_listener(map, follow, d);
    return d;
}

void doorbells_free(struct doorbells *d)
{
    if (!d)
        return;
    if (d->started) {
        eventfd_write(d->quit_fd, 1);
        pthread_join(d->thread, NULL);
    }
    iomap_set_doorbell_listener(d->map, NULL, NULL);
    iomap_reader_remove(d->map, &d->reader);
    while (d->sets->len)
        free_set(d, g_ptr_array_index(d->sets, 0));
    g_ptr_array_free(d->sets, TRUE);
    if (d->epoll_fd >= 0)
        close(d->epoll_fd);
    if (d->quit_fd >= 0)
        close(d->quit_fd);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->gate);
    g_free(d);
}
