/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <glib-unix.h>
#include <malloc.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ui/vnc_int.h"

#define INPUT_TICK_MS 2
#define NO_DISPLAY_WIDTH  640
#define NO_DISPLAY_HEIGHT 480
#define TEXT_WIDTH  720
#define TEXT_HEIGHT 400

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

void vnc_draw(struct vnc *vnc)
{
    struct display_source *src = vnc->src;
    bool lit, changed;

    vnc->drawn_us = g_get_monotonic_time();
    if (!src)
        return;
    display_enter(src);
    lit = src->update(src->chip, &vnc->surface, &vnc->seen);
    display_leave(src);
    if (lit)
        changed = picture_update(&vnc->picture, &vnc->surface, vnc->seen.lines);
    else
        changed = vnc->lit && picture_blank(&vnc->picture);
    vnc->lit = lit;
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
        vnc_draw(vnc);
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

/* Viewers that can send positions or movements are told which. */
void vnc_look_at_pointer_mode(struct vnc *vnc)
{
    bool absolute = vnc->hooks.absolute && vnc->hooks.absolute(vnc->hooks.opaque);

    if (atomic_exchange(&vnc->absolute, absolute) == absolute)
        return;
    for (guint i = 0; i < vnc->viewers->len; i++)
        vnc_wake(((struct vnc_viewer *)g_ptr_array_index(vnc->viewers, i))->wake_fd);
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
    vnc_look_at_pointer_mode(vnc);
    if (input_deliver(&vnc->input, g_get_monotonic_time()))
        vnc->input_tick = g_timeout_add(INPUT_TICK_MS, input_tick, vnc);
}

static gboolean woken(gint fd, GIOCondition condition, gpointer opaque)
{
    struct vnc *vnc = opaque;
    uint64_t count;

    (void)condition;
    if (read(fd, &count, sizeof(count)) < 0)
        return G_SOURCE_CONTINUE;
    take_input(vnc);
    vnc_reap(vnc);
    look_soon(vnc);
    return G_SOURCE_CONTINUE;
}

void vnc_set_layout(struct vnc *vnc, const struct layout *layout)
{
    vnc->input.layout = layout;
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
    /* Said once, it stays: else malloc() keeps big blocks too, after the first that was freed. */
    mallopt(M_MMAP_THRESHOLD, VNC_MMAP_BYTES);
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
               vnc_listen(vnc, error)) {
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
        vnc_free_viewer(vnc, g_ptr_array_index(vnc->viewers, i));
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
