/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -netdev user: the addresses and names of the network. */
#include <arpa/inet.h>
#include <string.h>

#include "net/user.h"

/* A part of the network by its place in it: 10.0.2.2 is number 2. */
enum { HOST_NUMBER = 2, DNS_NUMBER = 3, DHCP_NUMBER = 15 };

/* ---- IPv4 ---- */

static bool read_in(struct netdev *dev, GHashTable *opts, const char *name, struct in_addr *a, GError **error)
{
    const char *text = opts_get(opts, name);

    return !text || inet_pton(AF_INET, text, a) == 1 ||
           netdev_fail(dev, error, "%s=%s: an IPv4 address is expected", name, text);
}

static bool parse_mask(const char *text, uint32_t *mask)
{
    struct in_addr dotted;
    guint64 bits;

    if (strchr(text, '.')) {
        if (inet_pton(AF_INET, text, &dotted) != 1)
            return false;
        *mask = ntohl(dotted.s_addr);
        return !(~*mask & (~*mask + 1)) && *mask;
    }
    if (!g_ascii_string_to_unsigned(text, 10, 4, 30, &bits, NULL))
        return false;
    *mask = (uint32_t)(~0ull << (32 - bits));
    return true;
}

/* "10.0.2.0", "10.0.2.0/24", "10.0.2.0/255.255.255.0" */
static bool read_net(struct netdev *dev, GHashTable *opts, SlirpConfig *c, GError **error)
{
    const char *text = opts_get(opts, "net");
    g_auto(GStrv) parts = g_strsplit(text ? text : "10.0.2.0/24", "/", 2);
    struct in_addr net;
    uint32_t mask = 0xffffff00, base;

    if (inet_pton(AF_INET, parts[0], &net) != 1 || (parts[1] && !parse_mask(parts[1], &mask)))
        return netdev_fail(dev, error, "net=%s: ADDRESS/MASK is expected, like 10.0.2.0/24", text);
    base = ntohl(net.s_addr) & mask;
    if (~mask < DHCP_NUMBER + 1 &&
        !(opts_get(opts, "dhcpstart") && opts_get(opts, "dns") && opts_get(opts, "host")))
        return netdev_fail(dev, error, "net=%s: in so small a network host=, dns= and dhcpstart= have to be given",
                           text);
    c->vnetwork.s_addr = htonl(base);
    c->vnetmask.s_addr = htonl(mask);
    c->vhost.s_addr = htonl(base | HOST_NUMBER);
    c->vnameserver.s_addr = htonl(base | DNS_NUMBER);
    c->vdhcp_start.s_addr = htonl(base | DHCP_NUMBER);
    return true;
}

static bool in_net(const SlirpConfig *c, struct in_addr a)
{
    return (a.s_addr & c->vnetmask.s_addr) == c->vnetwork.s_addr && a.s_addr != c->vnetwork.s_addr &&
           a.s_addr != (c->vnetwork.s_addr | ~c->vnetmask.s_addr);
}

static bool read_ipv4(struct netdev *dev, GHashTable *opts, SlirpConfig *c, GError **error)
{
    if (!read_net(dev, opts, c, error) || !read_in(dev, opts, "host", &c->vhost, error) ||
        !read_in(dev, opts, "dhcpstart", &c->vdhcp_start, error) ||
        !read_in(dev, opts, "dns", &c->vnameserver, error))
        return false;
    if (!in_net(c, c->vhost))
        return netdev_fail(dev, error, "host= is no address of the network");
    if (!in_net(c, c->vdhcp_start))
        return netdev_fail(dev, error, "dhcpstart= is no address of the network");
    if (c->vhost.s_addr == c->vdhcp_start.s_addr || c->vnameserver.s_addr == c->vdhcp_start.s_addr ||
        c->vhost.s_addr == c->vnameserver.s_addr)
        return netdev_fail(dev, error, "host=, dns= and dhcpstart= have to differ");
    return true;
}

/* ---- IPv6 ---- */

static bool read_in6(struct netdev *dev, GHashTable *opts, const char *name, struct in6_addr *a, GError **error)
{
    const char *text = opts_get(opts, name);

    return !text || inet_pton(AF_INET6, text, a) == 1 ||
           netdev_fail(dev, error, "%s=%s: an IPv6 address is expected", name, text);
}

/* ipv6-net=PREFIX/LENGTH, or ipv6-prefix= and ipv6-prefixlen=. */
static bool read_prefix(struct netdev *dev, GHashTable *opts, SlirpConfig *c, GError **error)
{
    const char *net = opts_get(opts, "ipv6-net"), *prefix = opts_get(opts, "ipv6-prefix");
    const char *length = opts_get(opts, "ipv6-prefixlen");
    g_auto(GStrv) parts = g_strsplit(net ? net : prefix ? prefix : "fec0::", "/", 2);
    guint64 bits = 64;

    if (net && (prefix || length))
        return netdev_fail(dev, error, "ipv6-net= says what ipv6-prefix= and ipv6-prefixlen= would");
    if (net && parts[1])
        length = parts[1];
    if (inet_pton(AF_INET6, parts[0], &c->vprefix_addr6) != 1 || (!net && parts[1]))
        return netdev_fail(dev, error, "ipv6-%s=%s: an IPv6 prefix is expected", net ? "net" : "prefix", parts[0]);
    if (length && !g_ascii_string_to_unsigned(length, 10, 1, 126, &bits, NULL))
        return netdev_fail(dev, error, "an IPv6 prefix has 1 to 126 bits, not %s", length);
    c->vprefix_len = (uint8_t)bits;
    c->vhost6 = c->vnameserver6 = c->vprefix_addr6;
    c->vhost6.s6_addr[15] |= HOST_NUMBER;
    c->vnameserver6.s6_addr[15] |= DNS_NUMBER;
    return true;
}

static bool read_ipv6(struct netdev *dev, GHashTable *opts, SlirpConfig *c, GError **error)
{
    return read_prefix(dev, opts, c, error) && read_in6(dev, opts, "ipv6-host", &c->vhost6, error) &&
           read_in6(dev, opts, "ipv6-dns", &c->vnameserver6, error);
}

/* ---- names ---- */

static const char *short_text(struct netdev *dev, GHashTable *opts, const char *name, size_t max, bool *ok,
                              GError **error)
{
    const char *text = opts_get(opts, name);

    if (*ok && text && strlen(text) > max)
        *ok = netdev_fail(dev, error, "%s= has at most %zu characters", name, max);
    return text;
}

static void read_search(GHashTable *opts, SlirpConfig *c, GPtrArray *keep)
{
    const char *text = opts_get(opts, "dnssearch");
    char **words;
    char *list;

    if (!text)
        return;
    /* One block of pointers and one of text, so that both can be freed without knowing what they are. */
    list = g_strdup(text);
    words = g_new0(char *, strlen(list) + 2);
    g_ptr_array_add(keep, list);
    g_ptr_array_add(keep, words);
    for (size_t n = 0; *list; n++) {
        size_t len = strcspn(list, "\n");

        words[n] = list;
        list += len;
        if (*list)
            *list++ = 0;
    }
    c->vdnssearch = (const char **)words;
}

bool user_read_config(struct netdev *dev, GHashTable *opts, SlirpConfig *c, GPtrArray *keep, GError **error)
{
    const char *v4 = opts_get(opts, "ipv4"), *v6 = opts_get(opts, "ipv6");
    bool ok = true, only4 = v4 && !v6 && !strcmp(v4, "on"), only6 = v6 && !v4 && !strcmp(v6, "on");
    char mask[INET_ADDRSTRLEN], net[INET_ADDRSTRLEN];

    c->in_enabled = v4 ? !strcmp(v4, "on") : !only6;
    c->in6_enabled = v6 ? !strcmp(v6, "on") : !only4;
    if (!c->in_enabled && !c->in6_enabled)
        return netdev_fail(dev, error, "IPv4 and IPv6 are both off");
    if (!read_ipv4(dev, opts, c, error) || !read_ipv6(dev, opts, c, error))
        return false;
    c->restricted = opts_bool(opts, "restrict", false);
    c->vhostname = short_text(dev, opts, "hostname", 255, &ok, error);
    c->vdomainname = short_text(dev, opts, "domainname", 255, &ok, error);
    c->tftp_server_name = short_text(dev, opts, "tftp-server-name", 63, &ok, error);
    c->bootfile = short_text(dev, opts, "bootfile", 127, &ok, error);
    c->tftp_path = opts_get(opts, "tftp");
    if (ok && c->tftp_path && !g_file_test(c->tftp_path, G_FILE_TEST_IS_DIR))
        return netdev_fail(dev, error, "tftp=%s: there is no such directory", c->tftp_path);
    read_search(opts, c, keep);
    inet_ntop(AF_INET, &c->vnetwork, net, sizeof(net));
    inet_ntop(AF_INET, &c->vnetmask, mask, sizeof(mask));
    netdev_set_info(dev, "net=%s,restrict=%s", net, c->restricted ? "on" : "off");
    return ok;
}

#define NO_SMB "give the guest a disk, or tftp="

const struct netdev_option user_options[] = {
    {"ipv4", NETDEV_OPT_BOOL, "IPv4 (default on, unless ipv6=on alone is given)", NULL, NULL},
    {"net", NETDEV_OPT_STRING, "the network (default 10.0.2.0/24)", NULL, NULL},
    {"host", NETDEV_OPT_STRING, "the host's address in it (default number 2: 10.0.2.2)", NULL, NULL},
    {"ipv6", NETDEV_OPT_BOOL, "IPv6 (default on, unless ipv4=on alone is given)", NULL, NULL},
    {"ipv6-net", NETDEV_OPT_STRING, "the IPv6 network (default fec0::/64)", NULL, NULL},
    {"ipv6-prefix", NETDEV_OPT_STRING, "the same, without its length", NULL, NULL},
    {"ipv6-prefixlen", NETDEV_OPT_NUMBER, "its length in bits (default 64)", NULL, NULL},
    {"ipv6-host", NETDEV_OPT_STRING, "the host's IPv6 address (default fec0::2)", NULL, NULL},
    {"restrict", NETDEV_OPT_BOOL, "the guest reaches nothing outside but what guestfwd= says (default off)", NULL,
     NULL},
    {"hostname", NETDEV_OPT_STRING, "the guest's name, by DHCP", NULL, NULL},
    {"dhcpstart", NETDEV_OPT_STRING, "first address that DHCP gives (default number 15)", NULL, NULL},
    {"dns", NETDEV_OPT_STRING, "address of the DNS server that the guest sees (default number 3)", NULL, NULL},
    {"ipv6-dns", NETDEV_OPT_STRING, "the same for IPv6 (default fec0::3)", NULL, NULL},
    {"dnssearch", NETDEV_OPT_LIST, "domain that names are looked for in; may be repeated", NULL, NULL},
    {"domainname", NETDEV_OPT_STRING, "the guest's domain, by DHCP", NULL, NULL},
    {"tftp", NETDEV_OPT_STRING, "directory that the host's TFTP server has", NULL, NULL},
    {"tftp-server-name", NETDEV_OPT_STRING, "its name, by DHCP", NULL, NULL},
    {"bootfile", NETDEV_OPT_STRING, "file that the guest boots, by DHCP", NULL, NULL},
    {"hostfwd", NETDEV_OPT_LIST,
     "[tcp|udp]:[HOSTADDR]:PORT-[GUESTADDR]:PORT: a port of the host that leads to the "
     "guest; may be repeated",
     NULL, NULL},
    {"guestfwd", NETDEV_OPT_LIST,
     "[tcp]:ADDR:PORT-cmd:COMMAND, or -WORD of -serial: an address in the network that "
     "leads to a program or a socket; may be repeated",
     NULL, NULL},
    {"smb", NETDEV_OPT_STRING, NULL, NULL, NO_SMB},
    {"smbserver", NETDEV_OPT_STRING, NULL, NULL, NO_SMB},
    {0},
};
