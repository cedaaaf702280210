/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvm-dm: parse, build, run, clean up; what each step is lives in the file named after it. */
#include <errno.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "dm/config/config.h"
#include "dm/console.h"
#include "dm/daemon.h"
#include "dm/config/explain.h"
#include "dm/fds.h"
#include "dm/log.h"
#include "dm/notify.h"
#include "dm/vm_build.h"
#include "dm/vnc_display.h"
#include "dm/web_display.h"

static int signal_fd = -1;
static volatile sig_atomic_t hung_up, told_to_end;

static void note_signal(int sig)
{
    uint64_t one = 1;
    int saved = errno;
    ssize_t n;

    if (sig == SIGHUP)
        hung_up = 1;
    else
        told_to_end = 1;
    n = write(signal_fd, &one, sizeof(one)); /* fails when it is full, which says the same */

    (void)n;
    errno = saved;
}

static gboolean terminate(gint fd, GIOCondition condition, gpointer opaque)
{
    uint64_t count;

    (void)condition;
    if (read(fd, &count, sizeof(count)) != sizeof(count))
        return G_SOURCE_CONTINUE;
    if (hung_up && chardev_logs_want_hangup()) {
        hung_up = 0;
        chardev_reopen_logs(true);
    }
    if (hung_up || told_to_end)
        vm_quit(opaque, EXIT_OK, "host-signal");
    return G_SOURCE_CONTINUE;
}

/* An eventfd and not g_unix_signal_add(), which starts a thread: a third of a millisecond, and memory. */
static void handle_signals(struct vm *vm)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};

    signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signal_fd < 0)
        return; /* the signals end the process as they would end any */
    g_unix_fd_add(signal_fd, G_IO_IN, terminate, vm);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static int fail(GError *error)
{
    log_error("%s", error->message);
    g_error_free(error);
    pidfile_remove();
    return EXIT_USAGE;
}

static int run(struct vm_config *config)
{
    GError *error = NULL;
    struct console *console;
    struct vm *vm;
    int code;

    if (config->daemonize && !daemon_start(&error))
        return fail(error);
    console = console_new(config);
    vm = vm_new(config, &error);
    if (!vm) {
        console_free(console);
        return fail(error);
    }
    if ((config->pidfile && !pidfile_write(config->pidfile, &error)) ||
        !vnc_display_start(vm, &error) || !web_display_start(vm, console, &error) ||
        !console_show(console, vm, &error) || !privileges_drop(&config->privileges, &error)) {
        web_display_stop();
        vnc_display_stop();
        vm_free(vm);
        console_free(console);
        return fail(error);
    }
    handle_signals(vm);
    daemon_ready();
    notify_ready();
    code = vm_run(vm);
    notify_stopping();
    console_hide(console);
    web_display_stop();
    vnc_display_stop();
    vm_free(vm);
    console_free(console);
    pidfile_remove();
    return code;
}

static int run_explain(struct vm_config *config)
{
    GError *error = NULL;

    return explain(config, &error) ? EXIT_OK : fail(error);
}

int main(int argc, char **argv)
{
    struct vm_config config = {0};
    GError *error = NULL;
    bool done = false;
    int code;

    /* A peer that goes away and a file at its size limit are errors to handle, not reasons to die. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (!config_parse(argc, argv, &config, &done, &error))
        return fail(error);
    if (done)
        return EXIT_OK;
    log_set_timestamp(config.msg_timestamp);
    log_take_glib();
    if (config.process_name)
        prctl(PR_SET_NAME, config.process_name);
    code = config.explain ? run_explain(&config) : run(&config);
    fds_close_all();
    config_clear(&config);
    return code;
}
