/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int ready_fd = -1; /* the child's end of the pipe to the waiting parent */
static char *pidfile;

static void wait_for_child(int fd)
{
    char byte;
    ssize_t n;

    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 ? 0 : 1); /* the child has said why on stderr */
}

bool daemon_start(GError **error)
{
    int fds[2];
    pid_t pid = -1;

    if (pipe2(fds, O_CLOEXEC) == 0)
        pid = fork();
    if (pid < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "-daemonize: %s",
                    g_strerror(errno));
        return false;
    }
    if (pid > 0) {
        close(fds[1]);
        wait_for_child(fds[0]);
    }
    close(fds[0]);
    ready_fd = fds[1];
    setsid();
    return true;
}

void daemon_ready(void)
{
    int null;

    if (ready_fd < 0)
        return;
    null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        if (null > 2)
            close(null);
    }
    if (chdir("/") < 0 || write(ready_fd, "", 1) != 1)
        exit(1);
    close(ready_fd);
    ready_fd = -1;
}

bool pidfile_write(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    char text[24];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "-pidfile: cannot write %s: %s", path, g_strerror(errno));
        return false;
    }
    if (lockf(fd, F_TLOCK, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN,
                    "-pidfile: %s is locked: its VM still runs", path);
        close(fd);
        return false;
    }
    if (ftruncate(fd, 0) < 0 || write(fd, text, (size_t)len) != len) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "-pidfile: cannot write %s: %s", path, g_strerror(errno));
        unlink(path);
        close(fd);
        return false;
    }
    pidfile = realpath(path, NULL); /* the lock lasts as long as the descriptor: until exit */
    return true;
}

void pidfile_remove(void)
{
    if (pidfile)
        unlink(pidfile);
    free(pidfile);
    pidfile = NULL;
}
