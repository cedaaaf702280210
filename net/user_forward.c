/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev user: ports of the host that lead to the guest, and addresses of its network that lead to the host. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "chardev/chardev_backends.h"
#include "net/user.h"

/* An address and port of the network that leads to a character back end. */
struct user_forward {
    struct user *user;
    struct chardev *chr;
    struct in_addr addr;
    int port;
};

/* ---- parts of the words ---- */

/* Cuts *text at the first `at`; the part before it. NULL: there is none. */
static char *cut(char **text, char at)
{
    char *part = *text, *end = strchr(part, at);

    if (!end)
        return NULL;
    *end = 0;
    *text = end + 1;
    return part;
}

static bool parse_port(const char *text, bool zero, int *port)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(text, 10, zero ? 0 : 1, 65535, &number, NULL))
        return false;
    *port = (int)number;
    return true;
}

/* "": any, 0.0.0.0. */
static bool parse_addr(const char *text, struct in_addr *a)
{
    a->s_addr = INADDR_ANY;
    return !*text || inet_pton(AF_INET, text, a) == 1;
}

static bool parse_protocol(const char *text, bool *udp)
{
    *udp = !strcmp(text, "udp");
    return *udp || !*text || !strcmp(text, "tcp");
}

/* ---- hostfwd ---- */

static bool parse_hostfwd(char *text, bool *udp, struct in_addr *from, int *from_port, struct in_addr *to,
                          int *to_port)
{
    char *protocol = cut(&text, ':'), *addr = protocol ? cut(&text, ':') : NULL,
         *port = addr ? cut(&text, '-') : NULL;
    char *guest = port ? cut(&text, ':') : NULL;

    return guest && parse_protocol(protocol, udp) && parse_addr(addr, from) && parse_port(port, true, from_port) &&
           parse_addr(guest, to) && parse_port(text, false, to_port);
}

static bool add_hostfwd(struct user *u, const char *word, GError **error)
{
    g_autofree char *text = g_strdup(word);
    struct in_addr from, to;
    int from_port, to_port;
    bool udp;

    if (!parse_hostfwd(text, &udp, &from, &from_port, &to, &to_port))
        return netdev_fail(u->port.dev, error, "hostfwd=%s: [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT is "
                           "expected", word);
    if (slirp_add_hostfwd(u->slirp, udp, from, from_port, to, to_port) < 0)
        return netdev_fail(u->port.dev, error, "hostfwd=%s: the host's port cannot be used: %s", word,
                           g_strerror(errno));
    return true;
}

/* ---- guestfwd ---- */

static ssize_t guest_wrote(const void *buf, size_t len, void *opaque)
{
    struct user_forward *f = opaque;

    return (ssize_t)chardev_write(f->chr, buf, len);
}

static size_t can_receive(void *opaque)
{
    struct user_forward *f = opaque;

    return slirp_socket_can_recv(f->user->slirp, f->addr, f->port);
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct user_forward *f = opaque;

    slirp_socket_recv(f->user->slirp, f->addr, f->port, buf, (int)len);
    g_source_set_ready_time(f->user->source, 0);
}

static const struct chardev_fe_ops forward_ops = {.can_receive = can_receive, .receive = receive};

void user_free_forward(void *opaque)
{
    struct user_forward *f = opaque;

    chardev_attach(f->chr, NULL, NULL, NULL);
    chardev_free(f->chr);
    g_free(f);
}

void user_accept_forwards(struct user *u)
{
    for (guint i = 0; i < u->forwards->len; i++)
        chardev_accept_input(((struct user_forward *)g_ptr_array_index(u->forwards, i))->chr);
}

static bool forward_to_chardev(struct user *u, const char *word, const char *target, struct in_addr addr, int port,
                               GError **error)
{
    g_autofree char *label = g_strdup_printf("%s-guestfwd%u", u->port.dev->id, u->forwards->len), *backend = NULL;
    g_autoptr(GHashTable) opts = NULL;
    g_autoptr(GError) why = NULL;
    struct user_forward *f;
    struct chardev *chr;

    if (!strchr(target, ':'))
        return netdev_fail(u->port.dev, error,
                           "guestfwd=%s: give cmd:COMMAND, tcp:HOST:PORT or unix:PATH; a -chardev "
                           "cannot be named here",
                           word);
    chr = chardev_parse_legacy(target, &backend, &opts, &why) && strcmp(backend, "ref")
              ? chardev_open(backend, label, opts, &why) : NULL;
    if (!chr)
        return netdev_fail(u->port.dev, error, "guestfwd=%s: %s", word, why ? why->message : "not understood");
    f = g_new(struct user_forward, 1);
    *f = (struct user_forward){u, chr, addr, port};
    g_ptr_array_add(u->forwards, f);
    chardev_attach(chr, &forward_ops, f, NULL);
    return !slirp_add_guestfwd(u->slirp, guest_wrote, f, &f->addr, port) ||
           netdev_fail(u->port.dev, error, "guestfwd=%s: the address is not of the network, or in use", word);
}

static bool add_guestfwd(struct user *u, const char *word, GError **error)
{
    g_autofree char *copy = g_strdup(word);
    char *text = copy, *protocol = cut(&text, ':'), *addr_text = protocol ? cut(&text, ':') : NULL;
    char *port_text = addr_text ? cut(&text, '-') : NULL;
    struct in_addr addr;
    bool udp;
    int port;

    if (!port_text || !parse_protocol(protocol, &udp) || udp || !parse_addr(addr_text, &addr) ||
        !parse_port(port_text, false, &port) || !*text)
        return netdev_fail(u->port.dev, error,
                           "guestfwd=%s: [tcp]:ADDR:PORT-cmd:COMMAND (or -tcp:HOST:PORT) is expected", word);
    if (strncmp(text, "cmd:", 4))
        return forward_to_chardev(u, word, text, addr, port, error);
    return !slirp_add_exec(u->slirp, text + 4, &addr, port) ||
           netdev_fail(u->port.dev, error, "guestfwd=%s: the address is not of the network, or in use", word);
}

/* ---- lists ---- */

static bool add_each(struct user *u, const char *lines, bool (*add)(struct user *, const char *, GError **),
                     GError **error)
{
    g_auto(GStrv) words = g_strsplit(lines ? lines : "", "\n", -1);

    for (char **w = words; *w; w++) {
        if (!add(u, *w, error))
            return false;
    }
    return true;
}

bool user_add_forwards(struct user *u, GHashTable *opts, GError **error)
{
    return add_each(u, opts_get(opts, "hostfwd"), add_hostfwd, error) &&
           add_each(u, opts_get(opts, "guestfwd"), add_guestfwd, error);
}
