/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ui/vnc_int.h"

#define INPUT_TICK_MS 2
#define WATCHDOG_MS   1000
#define NO_DISPLAY_WIDTH  640
#define NO_DISPLAY_HEIGHT 480
#define TEXT_WIDTH  720
#define TEXT_HEIGHT 400

/* ---- who may be there ---- */

bool vnc_admit(struct vnc_viewer *v, bool exclusive)
{
    struct vnc *vnc = v->vnc;
    bool ok = true;

    if (vnc->config->share == VNC_SHARE_IGNORE)
        exclusive = false;
    pthread_mutex_lock(&vnc->admission);
    if (exclusive && vnc->config->share == VNC_SHARE_FORCE_SHARED)
        ok = false;
    for (guint i = 0; i < vnc->viewers->len && ok; i++) {
        struct vnc_viewer *other = g_ptr_array_index(vnc->viewers, i);

        if (other == v || !other->admitted || atomic_load(&other->gone))
            continue;
        if (exclusive)
            shutdown(other->fd, SHUT_RDWR);
        else if (other->exclusive)
            ok = false;
    }
    v->admitted = ok;
    v->exclusive = ok && exclusive;
    pthread_mutex_unlock(&vnc->admission);
    return ok;
}

static int64_t now_s(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/*
 * DES by the library, which says nothing when it refuses a weak key and then leaves the challenge as
 * it is: who sends that back must not get in.
 */
bool vnc_password_matches(struct vnc *vnc, const uint8_t *challenge, const uint8_t *response)
{
    unsigned char expected[CHALLENGESIZE];
    char secret[sizeof(vnc->secret)];
    unsigned differs = 0;
    bool ok;

    pthread_mutex_lock(&vnc->secret_lock);
    memcpy(secret, vnc->secret, sizeof(secret));
    ok = *secret && now_s() < vnc->expires_s;
    memcpy(expected, challenge, sizeof(expected));
    if (ok)
        rfbEncryptBytes(expected, secret); /* locked: not all of its back ends are made for threads */
    pthread_mutex_unlock(&vnc->secret_lock);
    for (unsigned i = 0; i < sizeof(expected); i++)
        differs |= expected[i] ^ response[i];
    return ok && !differs && memcmp(expected, challenge, sizeof(expected)) != 0;
}

bool vnc_set_password(struct vnc *vnc, const char *password)
{
    if (!vnc->config->password)
        return false;
    pthread_mutex_lock(&vnc->secret_lock);
    memset(vnc->secret, 0, sizeof(vnc->secret));
    if (password)
        strncpy(vnc->secret, password, VNC_PASSWORD_MAX);
    pthread_mutex_unlock(&vnc->secret_lock);
    return true;
}

bool vnc_expire_password(struct vnc *vnc, int64_t time_s)
{
    if (!vnc->config->password)
        return false;
    pthread_mutex_lock(&vnc->secret_lock);
    vnc->expires_s = time_s;
    pthread_mutex_unlock(&vnc->secret_lock);
    return true;
}

void vnc_disconnect_all(struct vnc *vnc)
{
    for (guint i = 0; i < vnc->viewers->len; i++) {
        struct vnc_viewer *v = g_ptr_array_index(vnc->viewers, i);

        shutdown(v->fd, SHUT_RDWR);
    }
}

/* ---- the picture ---- */

static bool anybody_waits(const struct vnc *vnc)
{
    for (guint i = 0; i < vnc->viewers->len; i++) {
        struct vnc_viewer *v = g_ptr_array_index(vnc->viewers, i);

        if (atomic_load(&v->waiting))
            return true;
    }
    return false;
}

static void wake_waiting(struct vnc *vnc)
{
    for (guint i = 0; i < vnc->viewers->len; i++) {
        struct vnc_viewer *v = g_ptr_array_index(vnc->viewers, i);

        if (atomic_exchange(&v->waiting, false))
            vnc_wake(v->wake_fd);
    }
}

static void draw(struct vnc *vnc)
{
    struct display_source *src = vnc->src;
    bool changed, lit = false;
    uint64_t seen;

    vnc->drawn_us = g_get_monotonic_time();
    if (!src)
        return;
    display_enter(src);
    seen = display_changes(src);
    changed = seen != vnc->display_seen || !vnc->drawn;
    if (changed)
        lit = src->render(src->chip, &vnc->surface);
    display_leave(src);
    vnc->display_seen = seen;
    vnc->drawn = true;
    if (changed)
        changed = lit ? picture_update(&vnc->picture, &vnc->surface) : picture_blank(&vnc->picture);
    vnc->still_frames = changed ? 0 : vnc->still_frames + 1;
    if (changed)
        wake_waiting(vnc);
}

static unsigned frame_ms(const struct vnc *vnc)
{
    return vnc->still_frames < VNC_STILL_FRAMES ? VNC_FRAME_MS : VNC_STILL_MS;
}

static void look_soon(struct vnc *vnc);

static gboolean tick(gpointer opaque)
{
    struct vnc *vnc = opaque;

    vnc->tick = 0;
    if (anybody_waits(vnc))
        draw(vnc);
    look_soon(vnc);
    return G_SOURCE_REMOVE;
}

/* While somebody waits, and not more often than it is worth. */
static void look_soon(struct vnc *vnc)
{
    int64_t since_ms = (g_get_monotonic_time() - vnc->drawn_us) / 1000;
    unsigned wait_ms = frame_ms(vnc);

    if (vnc->tick || !anybody_waits(vnc))
        return;
    vnc->tick = g_timeout_add(since_ms >= wait_ms ? 0 : (guint)(wait_ms - since_ms), tick, vnc);
}

/* ---- input ---- */

static gboolean input_tick(gpointer opaque)
{
    struct vnc *vnc = opaque;

    if (input_deliver(&vnc->input, g_get_monotonic_time()))
        return G_SOURCE_CONTINUE;
    vnc->input_tick = 0;
    return G_SOURCE_REMOVE;
}

static void take_input(struct vnc *vnc)
{
    bool any;

    pthread_mutex_lock(&vnc->input.lock);
    any = vnc->input.count > 0;
    pthread_mutex_unlock(&vnc->input.lock);
    if (!any || vnc->input_tick)
        return;
    vnc->still_frames = 0; /* what is typed shows soon */
    if (input_deliver(&vnc->input, g_get_monotonic_time()))
        vnc->input_tick = g_timeout_add(INPUT_TICK_MS, input_tick, vnc);
}

/* ---- viewers ---- */

static void tell(struct vnc *vnc, const struct vnc_viewer *v, enum vnc_event event)
{
    vnc->hooks.event(vnc->hooks.opaque, event, &v->server, &v->client);
}

static void close_fds(struct vnc_viewer *v)
{
    if (v->fd >= 0)
        close(v->fd);
    if (v->wake_fd >= 0)
        close(v->wake_fd);
}

static void free_viewer(struct vnc *vnc, struct vnc_viewer *v)
{
    pthread_join(v->thread, NULL);
    vnc->screens[vnc->screen_count++] = v->screen;
    close_fds(v);
    g_free(v);
}

static void reap(struct vnc *vnc)
{
    for (guint i = vnc->viewers->len; i-- > 0;) {
        struct vnc_viewer *v = g_ptr_array_index(vnc->viewers, i);

        if (atomic_load(&v->initialized) && !v->told_initialized) {
            v->told_initialized = true;
            tell(vnc, v, VNC_EVENT_INITIALIZED);
        }
        if (!atomic_load(&v->gone))
            continue;
        pthread_mutex_lock(&vnc->admission);
        g_ptr_array_remove_index(vnc->viewers, i);
        pthread_mutex_unlock(&vnc->admission);
        tell(vnc, v, VNC_EVENT_DISCONNECTED);
        free_viewer(vnc, v);
    }
}

static gboolean woken(gint fd, GIOCondition condition, gpointer opaque)
{
    struct vnc *vnc = opaque;
    uint64_t count;

    (void)condition;
    if (read(fd, &count, sizeof(count)) < 0)
        return G_SOURCE_CONTINUE;
    take_input(vnc);
    reap(vnc);
    look_soon(vnc);
    return G_SOURCE_CONTINUE;
}

/* Those that take nothing, or say nothing: each costs a thread and a copy of the picture. */
static gboolean watch_viewers(gpointer opaque)
{
    struct vnc *vnc = opaque;
    int64_t now_us = g_get_monotonic_time();

    for (guint i = 0; i < vnc->viewers->len; i++) {
        struct vnc_viewer *v = g_ptr_array_index(vnc->viewers, i);
        int64_t busy_us = atomic_load(&v->busy_since_us);

        if ((busy_us && now_us - busy_us > VNC_BUSY_S * G_USEC_PER_SEC) ||
            (!atomic_load(&v->initialized) && now_us - v->since_us > VNC_HANDSHAKE_S * G_USEC_PER_SEC))
            shutdown(v->fd, SHUT_RDWR);
    }
    if (vnc->viewers->len)
        return G_SOURCE_CONTINUE;
    vnc->watchdog = 0;
    return G_SOURCE_REMOVE;
}

/* A peer whose host has died says nothing more; the kernel finds out. */
static void set_options(int fd)
{
    int one = 1, idle_s = 60, user_ms = 120 * 1000;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms));
}

static bool run_thread(struct vnc_viewer *v)
{
    sigset_t all, before;
    bool ok;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main loop's and the vCPUs' */
    ok = pthread_create(&v->thread, NULL, vnc_viewer_run, v) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

static void add_viewer(struct vnc *vnc, int fd, bool websocket)
{
    struct vnc_viewer *v = g_new0(struct vnc_viewer, 1);
    bool ok;

    v->vnc = vnc;
    v->number = ++vnc->numbers ? vnc->numbers : ++vnc->numbers;
    v->fd = fd;
    v->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    v->since_us = g_get_monotonic_time();
    vnc_socket_addresses(fd, websocket, &v->server, &v->client);
    set_options(fd);
    if (g_get_monotonic_time() - vnc->drawn_us > VNC_FRAME_MS * 1000)
        draw(vnc); /* the first size that the viewer hears should be the right one */
    v->screen = vnc->screens[--vnc->screen_count];
    pthread_mutex_lock(&vnc->admission);
    g_ptr_array_add(vnc->viewers, v);
    ok = v->wake_fd >= 0 && run_thread(v);
    if (!ok)
        g_ptr_array_remove(vnc->viewers, v);
    pthread_mutex_unlock(&vnc->admission);
    if (!ok) {
        vnc->screens[vnc->screen_count++] = v->screen;
        close_fds(v);
        g_free(v);
        return;
    }
    if (!vnc->watchdog)
        vnc->watchdog = g_timeout_add(WATCHDOG_MS, watch_viewers, vnc);
    tell(vnc, v, VNC_EVENT_CONNECTED);
}

static gboolean accept_ready(GIOChannel *channel, GIOCondition condition, gpointer opaque)
{
    struct vnc_listener *l = opaque;
    struct vnc *vnc = l->vnc;
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)channel, (void)condition;
    reap(vnc);
    if (fd < 0)
        return G_SOURCE_CONTINUE;
    if (vnc->viewers->len >= vnc->config->connections || !vnc->screen_count)
        close(fd);
    else
        add_viewer(vnc, fd, l->address.websocket);
    return G_SOURCE_CONTINUE;
}

/* ---- life ---- */

/*
 * All screens at once, before there is any thread: making one initializes a mutex that all of them
 * share, whoever holds it.
 */
static bool make_screens(struct vnc *vnc, GError **error)
{
    while (vnc->screen_count < vnc->config->connections) {
        rfbScreenInfoPtr screen = rfbGetScreen(NULL, NULL, TEXT_WIDTH, TEXT_HEIGHT, 8, 3, 4);

        if (!screen) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "-vnc: out of memory");
            return false;
        }
        vnc_screen_setup(screen, vnc);
        vnc->screens[vnc->screen_count++] = screen;
    }
    return true;
}

static bool make_wake(struct vnc *vnc, GError **error)
{
    vnc->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (vnc->wake_fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "-vnc: cannot make an eventfd: %s", g_strerror(errno));
        return false;
    }
    vnc->wake_watch = g_unix_fd_add(vnc->wake_fd, G_IO_IN, woken, vnc);
    return true;
}

struct vnc *vnc_new(const struct vnc_config *config, struct display_source *src,
                    const struct vnc_hooks *hooks, const char *name, GError **error)
{
    struct vnc *vnc;

    if (!vnc_viewer_prepare(error))
        return NULL;
    vnc = g_new0(struct vnc, 1);
    vnc->config = config;
    vnc->src = src;
    vnc->hooks = *hooks;
    vnc->name = g_strdup(name);
    vnc->viewers = g_ptr_array_new();
    vnc->expires_s = INT64_MAX;
    vnc->wake_fd = -1;
    pthread_mutex_init(&vnc->admission, NULL);
    pthread_mutex_init(&vnc->secret_lock, NULL);
    input_init(&vnc->input, &vnc->hooks);
    if (!picture_init(&vnc->picture, src ? TEXT_WIDTH : NO_DISPLAY_WIDTH,
                      src ? TEXT_HEIGHT : NO_DISPLAY_HEIGHT)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "-vnc: out of memory");
    } else if (make_screens(vnc, error) && make_wake(vnc, error) &&
               vnc_listen(vnc, accept_ready, error)) {
        return vnc;
    }
    vnc_free(vnc);
    return NULL;
}

static void remove_source(guint *source)
{
    if (*source)
        g_source_remove(*source);
    *source = 0;
}

void vnc_free(struct vnc *vnc)
{
    if (!vnc)
        return;
    vnc_unlisten(vnc);
    vnc_disconnect_all(vnc);
    for (guint i = 0; i < vnc->viewers->len; i++)
        free_viewer(vnc, g_ptr_array_index(vnc->viewers, i));
    g_ptr_array_free(vnc->viewers, TRUE);
    remove_source(&vnc->tick);
    remove_source(&vnc->input_tick);
    remove_source(&vnc->watchdog);
    remove_source(&vnc->wake_watch);
    if (vnc->wake_fd >= 0)
        close(vnc->wake_fd);
    while (vnc->screen_count)
        rfbScreenCleanup(vnc->screens[--vnc->screen_count]);
    input_clear(&vnc->input);
    picture_clear(&vnc->picture);
    surface_free(&vnc->surface);
    pthread_mutex_destroy(&vnc->admission);
    pthread_mutex_destroy(&vnc->secret_lock);
    memset(vnc->secret, 0, sizeof(vnc->secret));
    g_free(vnc->name);
    g_free(vnc);
}

/* ---- what it tells ---- */

const char *vnc_auth_name(const struct vnc *vnc)
{
    return vnc->config->password ? "vnc" : "none";
}

unsigned vnc_server_count(const struct vnc *vnc)
{
    return vnc->listener_count;
}

const struct vnc_address *vnc_server_address(const struct vnc *vnc, unsigned i)
{
    return &vnc->listeners[i].address;
}

static bool is_local(const struct vnc_address *a)
{
    return !strcmp(a->family, "unix") || !strcmp(a->host, "::1") || !strncmp(a->host, "127.", 4);
}

bool vnc_is_open(const struct vnc *vnc)
{
    for (unsigned i = 0; i < vnc->listener_count; i++) {
        if (!vnc->config->password && !is_local(&vnc->listeners[i].address))
            return true;
    }
    return false;
}

void vnc_foreach_client(struct vnc *vnc,
                        void (*fn)(void *opaque, const struct vnc_address *client), void *opaque)
{
    for (guint i = 0; i < vnc->viewers->len; i++) {
        struct vnc_viewer *v = g_ptr_array_index(vnc->viewers, i);

        fn(opaque, &v->client);
    }
}
