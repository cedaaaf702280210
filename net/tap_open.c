/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev tap and -netdev bridge: their options, making the interface, scripts, the helper. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/tap.h"

#define MAX_QUEUES 16
#define PROGRAM_LIMIT_MS 30000
#define DEFAULT_HELPER "/usr/lib/qemu/qemu-bridge-helper"
#define DEFAULT_BRIDGE "br0"
#define IFUP   "/etc/qemu-ifup"
#define IFDOWN "/etc/qemu-ifdown"

extern char **environ;

/* ---- programs ---- */

/* The exit status of a child; -1: it was killed, here or by somebody else. */
static int wait_for(pid_t pid)
{
    int status;

    for (int waited_ms = 0; waitpid(pid, &status, WNOHANG) == 0; waited_ms += 5) {
        if (waited_ms >= PROGRAM_LIMIT_MS)
            kill(pid, SIGKILL);
        g_usleep(5000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A program with one descriptor beside the standard ones; every other of ours is close-on-exec. */
static pid_t start(const struct netdev *dev, char *const argv[], int keep_fd, GError **error)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int rc;

    posix_spawn_file_actions_init(&actions);
    if (keep_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, keep_fd, keep_fd); /* clears its close-on-exec flag */
    rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (!rc)
        return pid;
    netdev_fail(dev, error, "cannot start %s: %s", argv[0], g_strerror(rc));
    return -1;
}

bool tap_run_script(const struct netdev *dev, const char *script, const char *ifname, GError **error)
{
    char *const argv[] = {(char *)script, (char *)ifname, NULL};
    pid_t pid = start(dev, argv, -1, error);
    int status;

    if (pid < 0)
        return false;
    status = wait_for(pid);
    if (!status)
        return true;
    return netdev_fail(dev, error, status < 0 ? "%s did not end by itself" : "%s failed with exit code %d", script,
                       status);
}

/* ---- the bridge helper ---- */

/* One descriptor as SCM_RIGHTS; -1: the peer closed without sending one. */
static int receive_fd(int sock)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct pollfd p = {.fd = sock, .events = POLLIN};
    struct cmsghdr *c;
    int fd;

    if (poll(&p, 1, PROGRAM_LIMIT_MS) <= 0 || recvmsg(sock, &message, MSG_CMSG_CLOEXEC) <= 0)
        return -1;
    c = CMSG_FIRSTHDR(&message);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
        return -1;
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

/* "HELPER ARGS": with blanks it is a shell's command line, as QEMU has it. */
static int run_helper(struct netdev *dev, const char *helper, const char *bridge, GError **error)
{
    g_autofree char *fd_arg = NULL, *br_arg = g_strdup_printf("--br=%s", bridge), *line = NULL;
    int pair[2], fd, status;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        netdev_fail(dev, error, "cannot make a socket: %s", g_strerror(errno));
        return -1;
    }
    fd_arg = g_strdup_printf("--fd=%d", pair[1]);
    if (strpbrk(helper, " \t")) {
        line = strstr(helper, "--br=") ? g_strdup_printf("%s %s", helper, fd_arg)
                                       : g_strdup_printf("%s --use-vnet %s %s", helper, fd_arg, br_arg);
        pid = start(dev, (char *[]){(char *)"/bin/sh", (char *)"-c", line, NULL}, pair[1], error);
    } else {
        pid = start(dev, (char *[]){(char *)helper, (char *)"--use-vnet", fd_arg, br_arg, NULL}, pair[1], error);
    }
    close(pair[1]);
    fd = pid < 0 ? -1 : receive_fd(pair[0]);
    close(pair[0]);
    if (pid < 0)
        return -1;
    status = wait_for(pid);
    if (fd >= 0 && !status)
        return fd;
    if (fd >= 0)
        close(fd);
    netdev_fail(dev, error, "%s gave no interface on bridge %s (exit code %d); /etc/qemu/bridge.conf has to allow it",
                helper, bridge, status);
    return -1;
}

static bool open_by_helper(struct netdev *dev, const char *helper, const char *bridge, GError **error)
{
    int fd = run_helper(dev, helper, bridge, error);

    if (fd < 0 || !tap_add_queue(dev, fd, error))
        return false;
    netdev_set_info(dev, "helper=%s,br=%s", helper, bridge);
    return true;
}

static bool open_bridge(struct netdev *dev, GHashTable *opts, GError **error)
{
    const char *helper = opts_get(opts, "helper"), *bridge = opts_get(opts, "br");

    return open_by_helper(dev, helper ? helper : DEFAULT_HELPER, bridge ? bridge : DEFAULT_BRIDGE, error);
}

/* ---- making an interface ---- */

/* ifname: in and out, IFNAMSIZ bytes; "" or "tap%d": the kernel chooses. -1 with error. */
static int make_interface(struct netdev *dev, char *ifname, bool vnet_hdr, bool vnet_forced, unsigned queues,
                          GError **error)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    unsigned features = 0;

    if (fd < 0) {
        netdev_fail(dev, error, "/dev/net/tun: %s", g_strerror(errno));
        return -1;
    }
    ioctl(fd, TUNGETFEATURES, &features);
    if (vnet_hdr && features & IFF_VNET_HDR)
        ifr.ifr_flags |= IFF_VNET_HDR;
    else if (vnet_forced) {
        netdev_fail(dev, error, "vnet_hdr=on: the kernel does not have it");
        close(fd);
        return -1;
    }
    if (queues > 1)
        ifr.ifr_flags |= (short)IFF_MULTI_QUEUE;
    g_strlcpy(ifr.ifr_name, *ifname ? ifname : "tap%d", IFNAMSIZ);
    if (ioctl(fd, TUNSETIFF, &ifr)) {
        netdev_fail(dev, error, "cannot use the interface %s: %s", ifr.ifr_name, g_strerror(errno));
        close(fd);
        return -1;
    }
    g_strlcpy(ifname, ifr.ifr_name, IFNAMSIZ);
    return fd;
}

/* So much may wait in the interface for the host; then the card is told to wait. */
static bool set_sndbuf(struct netdev *dev, GHashTable *opts, int fd, GError **error)
{
    const char *given = opts_get(opts, "sndbuf");
    uint64_t bytes = opts_number(opts, "sndbuf", 1024 * 1024);
    int value = bytes && bytes < G_MAXINT ? (int)bytes : G_MAXINT;

    if (!ioctl(fd, TUNSETSNDBUF, &value) || !given)
        return true;
    return netdev_fail(dev, error, "sndbuf=%s: %s", given, g_strerror(errno));
}

/* What the administrator has put there for all VMs, unless the option says something else. */
static const char *script_of(GHashTable *opts, const char *name, const char *usual)
{
    const char *script = opts_get(opts, name);

    if (!script)
        return access(usual, X_OK) ? NULL : usual;
    return strcmp(script, "no") && *script ? script : NULL;
}

static bool make_queues(struct netdev *dev, GHashTable *opts, unsigned queues, char *ifname, GError **error)
{
    const char *vnet = opts_get(opts, "vnet_hdr");

    for (unsigned i = 0; i < queues; i++) {
        int fd =
            make_interface(dev, ifname, !vnet || !strcmp(vnet, "on"), vnet && !strcmp(vnet, "on"), queues, error);

        if (fd < 0 || !tap_add_queue(dev, fd, error) || !set_sndbuf(dev, opts, fd, error))
            return false;
    }
    return true;
}

static bool open_own(struct netdev *dev, GHashTable *opts, GError **error)
{
    const char *given = opts_get(opts, "ifname"), *script = script_of(opts, "script", IFUP);
    const char *downscript = script_of(opts, "downscript", IFDOWN);
    uint64_t queues = opts_number(opts, "queues", 1);
    char ifname[IFNAMSIZ] = "";

    if (given && strlen(given) >= sizeof(ifname))
        return netdev_fail(dev, error, "ifname=%s: an interface's name has at most %d characters", given,
                           IFNAMSIZ - 1);
    if (!queues || queues > MAX_QUEUES)
        return netdev_fail(dev, error, "queues= is from 1 to %d", MAX_QUEUES);
    g_strlcpy(ifname, given ? given : "", sizeof(ifname));
    if (!make_queues(dev, opts, (unsigned)queues, ifname, error))
        return false;
    netdev_set_info(dev, "ifname=%s,script=%s,downscript=%s", ifname, script ? script : "no",
                    downscript ? downscript : "no");
    if (script && !tap_run_script(dev, script, ifname, error))
        return false;
    if (downscript)
        tap_set_downscript(dev, downscript, ifname);
    return true;
}

/* ---- given descriptors ---- */

static bool open_fds(struct netdev *dev, const char *list, GError **error)
{
    g_auto(GStrv) words = g_strsplit(list, ":", -1);

    if (g_strv_length(words) > MAX_QUEUES)
        return netdev_fail(dev, error, "fds= has more than %d descriptors", MAX_QUEUES);
    for (char **w = words; *w; w++) {
        int fd = netdev_take_fd(dev, *w, error);

        if (fd < 0 || !tap_add_queue(dev, fd, error))
            return false;
    }
    netdev_set_info(dev, "fd=%s", list);
    return true;
}

/* What makes no sense where the interface is not ours to make. */
static const char *first_of(GHashTable *opts, const char *const *names)
{
    while (*names && !opts_get(opts, *names))
        names++;
    return *names;
}

static bool open_tap(struct netdev *dev, GHashTable *opts, GError **error)
{
    static const char *const making[] = {"ifname", "script", "downscript", "vnet_hdr", "helper", "queues", "br",
                                         "sndbuf", NULL};
    static const char *const helping[] = {"ifname", "script", "downscript", "vnet_hdr", "queues", "sndbuf", NULL};
    const char *fd = opts_get(opts, "fd"), *fds = opts_get(opts, "fds"), *helper = opts_get(opts, "helper");
    const char *bridge = opts_get(opts, "br"), *odd;

    if (fd && fds)
        return netdev_fail(dev, error, "fd= and fds= exclude each other");
    odd = fd || fds ? first_of(opts, making) : helper ? first_of(opts, helping) : NULL;
    if (odd)
        return netdev_fail(dev, error, "%s= cannot be had with %s=", odd, fd ? "fd" : fds ? "fds" : "helper");
    if (fd || fds)
        return open_fds(dev, fd ? fd : fds, error);
    if (helper)
        return open_by_helper(dev, helper, bridge ? bridge : DEFAULT_BRIDGE, error);
    if (bridge)
        return netdev_fail(dev, error, "br= needs helper=; or use -netdev bridge,br=%s", bridge);
    return open_own(dev, opts, error);
}

/* ---- the tables ---- */

#define NO_VHOST "frames go through kvm-dm, so that they can be captured and limited; vhost=off"

static const struct netdev_option tap_options[] = {
    {"ifname", NETDEV_OPT_STRING, "the interface; made if it is not there (default: the kernel's choice)", NULL,
     NULL},
    {"script", NETDEV_OPT_STRING,
     "program that configures it, run with its name; no: none (default: " IFUP ", if it is there)", NULL, NULL},
    {"downscript", NETDEV_OPT_STRING,
     "program that is run at the end; no: none (default: " IFDOWN ", if it is there)", NULL, NULL},
    {"fd", NETDEV_OPT_STRING, "number of an open tap", NULL, NULL},
    {"fds", NETDEV_OPT_STRING, "X:Y:...: numbers of its queues", NULL, NULL},
    {"queues", NETDEV_OPT_NUMBER, "how many queues it has (1 to 16), for a card that has several (default 1)", NULL,
     NULL},
    {"vnet_hdr", NETDEV_OPT_BOOL, "checksums and segmentation are left to the kernel (default: where it can)", NULL,
     NULL},
    {"sndbuf", NETDEV_OPT_SIZE, "bytes that may wait in the interface; 0: no limit (default 1M)", NULL, NULL},
    {"helper", NETDEV_OPT_STRING, "program that makes an interface on a bridge", NULL, NULL},
    {"br", NETDEV_OPT_STRING, "with helper=: the bridge (default " DEFAULT_BRIDGE ")", NULL, NULL},
    {"vhost", NETDEV_OPT_ENUM, "the kernel's own data path", "off", NULL},
    {"vhostfd", NETDEV_OPT_STRING, NULL, NULL, NO_VHOST},
    {"vhostfds", NETDEV_OPT_STRING, NULL, NULL, NO_VHOST},
    {"vhostforce", NETDEV_OPT_STRING, NULL, NULL, NO_VHOST},
    {"poll-us", NETDEV_OPT_STRING, NULL, NULL, NO_VHOST},
    {0},
};

const struct netdev_driver netdev_tap = {"tap", "a tap interface of the host", tap_options, open_tap};

static const struct netdev_option bridge_options[] = {
    {"br", NETDEV_OPT_STRING, "the bridge (default " DEFAULT_BRIDGE ")", NULL, NULL},
    {"helper", NETDEV_OPT_STRING, "program that makes an interface on it (default " DEFAULT_HELPER ")", NULL, NULL},
    {0},
};

const struct netdev_driver netdev_bridge = {
    "bridge", "a tap interface on a bridge of the host, made by Debian's helper", bridge_options, open_bridge};
