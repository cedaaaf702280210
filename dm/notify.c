/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/notify.h"

#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The watchdog's timer; the process has one main loop and one manager. */
static guint watchdog;

static void send_text(const char *text)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (!len || len >= sizeof(to.sun_path) || (*path != '/' && *path != '@'))
        return;
    memcpy(to.sun_path, path, len);
    if (*path == '@')
        to.sun_path[0] = '\0'; /* an abstract name */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

static gboolean still_here(gpointer opaque)
{
    (void)opaque;
    send_text("WATCHDOG=1");
    return G_SOURCE_CONTINUE;
}

static guint watchdog_ms(void)
{
    const char *usec = g_getenv("WATCHDOG_USEC"), *pid = g_getenv("WATCHDOG_PID");
    guint64 n = usec ? g_ascii_strtoull(usec, NULL, 10) : 0;

    if (pid && g_ascii_strtoll(pid, NULL, 10) != getpid())
        return 0;
    return (guint)MIN(n / 2000, G_MAXUINT / 2);
}

void notify_ready(void)
{
    guint ms = watchdog_ms();

    send_text("READY=1\nSTATUS=running");
    if (ms && !watchdog)
        watchdog = g_timeout_add(ms, still_here, NULL);
}

void notify_stopping(void)
{
    if (watchdog)
        g_source_remove(watchdog);
    watchdog = 0;
    send_text("STOPPING=1");
}

void notify_status(const char *text)
{
    g_autofree char *line = g_strdup_printf("STATUS=%s", text);

    send_text(line);
}
