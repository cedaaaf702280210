/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: wires and network cards. query-netdevs is this process's own; QEMU shows the like by `info network`. */
#include <string.h>

#include "dm/backends.h"
#include "dm/json.h"
#include "dm/machine/machine.h"
#include "dm/monitor/monitor.h"
#include "dm/config/options.h"
#include "dm/monitor/qmp.h"
#include "dm/monitor/qmp_net.h"
#include "dm/vm_build.h"
#include "net/net.h"
#include "net/netdev.h"

static struct net *net_of(struct vm *vm)
{
    return backends_net(vm_backends(vm));
}

/* The card that is plugged into a wire; NULL: none. */
static const char *card_of(struct vm *vm, const char *netdev)
{
    const char *id, *its;

    for (unsigned i = 0; machine_nic(vm_machine(vm), i, &id, &its); i++) {
        if (its && !strcmp(its, netdev))
            return id;
    }
    return NULL;
}

/* By the name of a wire or of a card; *is_card: there is one, but without a wire. */
static struct netdev *find_client(struct vm *vm, const char *name, bool *is_card)
{
    struct netdev *dev = netdev_find(net_of(vm), name);
    const char *id, *netdev;

    *is_card = false;
    for (unsigned i = 0; !dev && machine_nic(vm_machine(vm), i, &id, &netdev); i++) {
        if (strcmp(id, name))
            continue;
        *is_card = true;
        dev = netdev ? netdev_find(net_of(vm), netdev) : NULL;
    }
    return dev;
}

/* ---- set_link ---- */

static JsonNode *set_link(struct vm *vm, JsonObject *args, GError **error)
{
    const char *name = json_object_get_string_member(args, "name");
    bool is_card;
    struct netdev *dev = find_client(vm, name, &is_card);

    if (dev)
        netdev_set_link(dev, json_object_get_boolean_member(args, "up"));
    else if (is_card)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Device '%.60s' has no netdev", name);
    else
        g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_FOUND, "Device '%.60s' not found", name);
    return NULL;
}

/* ---- netdev_add, netdev_del ---- */

void qmp_netdev_add(struct vm *vm, GPtrArray *pairs, GError **error)
{
    g_autofree char *type = opt_pairs_steal(pairs, "type"), *id = opt_pairs_steal(pairs, "id");
    g_autoptr(GHashTable) opts = NULL;

    if (!type || !id) {
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "Parameter '%s' is missing", type ? "id" : "type");
        return;
    }
    if (!opt_check_id("netdev_add", id, error))
        return;
    opts = netdev_options("netdev_add", type, pairs, error);
    if (opts)
        netdev_open(net_of(vm), type, id, opts, error);
}

static JsonNode *netdev_add(struct vm *vm, JsonObject *args, GError **error)
{
    g_autoptr(GPtrArray) pairs = opt_pairs_from_object("netdev_add", args, error);

    if (pairs)
        qmp_netdev_add(vm, pairs, error);
    return NULL;
}

static JsonNode *netdev_del(struct vm *vm, JsonObject *args, GError **error)
{
    const char *id = json_object_get_string_member(args, "id");
    struct netdev *dev = netdev_find(net_of(vm), id);

    if (dev)
        netdev_close(dev, error);
    else
        g_set_error(error, QMP_ERROR, QMP_DEVICE_NOT_FOUND, "Device '%.60s' not found", id);
    return NULL;
}

/* ---- query-netdevs ---- */

struct list {
    struct vm *vm;
    JsonArray *array;
};

static void list_netdev(void *opaque, struct netdev *dev)
{
    struct list *l = opaque;
    JsonObject *o = json_object_new();
    const char *card = card_of(l->vm, netdev_id(dev));
    struct netdev_counters c;

    netdev_counters(dev, &c);
    json_object_set_string_member(o, "id", netdev_id(dev));
    json_object_set_string_member(o, "type", netdev_type(dev));
    json_object_set_string_member(o, "info", netdev_info(dev));
    json_object_set_boolean_member(o, "used", netdev_used(dev));
    if (card)
        json_object_set_string_member(o, "device", card);
    json_object_set_boolean_member(o, "link", netdev_link(dev));
    json_object_set_int_member(o, "queues", netdev_queues(dev));
    json_object_set_int_member(o, "tx-frames", (gint64)c.tx_frames);
    json_object_set_int_member(o, "tx-bytes", (gint64)c.tx_bytes);
    json_object_set_int_member(o, "tx-dropped", (gint64)c.tx_dropped);
    json_object_set_int_member(o, "tx-held", (gint64)c.tx_held);
    json_object_set_int_member(o, "rx-frames", (gint64)c.rx_frames);
    json_object_set_int_member(o, "rx-bytes", (gint64)c.rx_bytes);
    json_object_set_int_member(o, "rx-dropped", (gint64)c.rx_dropped);
    json_object_set_int_member(o, "rx-held", (gint64)c.rx_held);
    json_array_add_object_element(l->array, o);
}

static JsonNode *query_netdevs(struct vm *vm, JsonObject *args, GError **error)
{
    struct list l = {vm, json_array_new()};

    (void)args, (void)error;
    netdev_foreach(net_of(vm), list_netdev, &l);
    return json_node_of_array(l.array);
}

/* ---- query-rx-filter ---- */

static void set_mac(JsonArray *array, const uint8_t mac[6])
{
    g_autofree char *text = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                                            mac[5]);

    json_array_add_string_element(array, text);
}

static JsonArray *mac_table(const uint8_t (*table)[6], unsigned count)
{
    JsonArray *array = json_array_new();

    for (unsigned i = 0; i < count && i < 64; i++)
        set_mac(array, table[i]);
    return array;
}

static JsonObject *filter_object(const char *name, const struct net_rx_filter *f)
{
    static const char *const states[] = {[NET_RX_NONE] = "none", [NET_RX_NORMAL] = "normal", [NET_RX_ALL] = "all"};
    JsonObject *o = json_object_new();
    g_autoptr(JsonArray) main_mac = json_array_new();

    set_mac(main_mac, f->mac);
    json_object_set_string_member(o, "name", name);
    json_object_set_boolean_member(o, "promiscuous", f->promiscuous);
    json_object_set_string_member(o, "multicast", states[f->multicast]);
    json_object_set_string_member(o, "unicast", states[f->unicast]);
    json_object_set_string_member(o, "vlan", states[f->vlan]);
    json_object_set_boolean_member(o, "broadcast-allowed", f->broadcast_allowed);
    json_object_set_boolean_member(o, "multicast-overflow", f->multicast_overflow);
    json_object_set_boolean_member(o, "unicast-overflow", f->unicast_overflow);
    json_object_set_string_member(o, "main-mac", json_array_get_string_element(main_mac, 0));
    json_object_set_array_member(o, "vlan-table", json_array_new());
    json_object_set_array_member(o, "unicast-table", mac_table(f->unicast_table, f->unicast_count));
    json_object_set_array_member(o, "multicast-table", mac_table(f->multicast_table, f->multicast_count));
    return o;
}

/* False: it is not asked for, or tells nothing. */
static bool add_filter(struct vm *vm, JsonArray *array, const char *id, const char *netdev, const char *wanted)
{
    struct netdev *dev = netdev ? netdev_find(net_of(vm), netdev) : NULL;
    struct net_rx_filter filter;

    if ((wanted && strcmp(wanted, id)) || !dev || !netdev_rx_filter(dev, &filter))
        return false;
    json_array_add_object_element(array, filter_object(id, &filter));
    return true;
}

static JsonNode *query_rx_filter(struct vm *vm, JsonObject *args, GError **error)
{
    const char *wanted = json_object_get_string_member_with_default(args, "name", NULL), *id, *netdev;
    JsonArray *array = json_array_new();
    unsigned found = 0;
    bool known = false;

    for (unsigned i = 0; machine_nic(vm_machine(vm), i, &id, &netdev); i++) {
        known = known || (wanted && !strcmp(wanted, id));
        found += add_filter(vm, array, id, netdev, wanted);
    }
    if (!wanted || found)
        return json_node_of_array(array);
    json_array_unref(array);
    if (known)
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "net client(%.60s) doesn't support rx-filter querying",
                    wanted);
    else
        g_set_error(error, QMP_ERROR, QMP_GENERIC_ERROR, "invalid net client name: %.60s", wanted);
    return NULL;
}

/* ---- events ---- */

static void filter_changed(void *opaque, const char *netdev)
{
    struct vm *vm = opaque;
    const char *card = card_of(vm, netdev);
    JsonObject *data = json_object_new();
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", card ? card : "");

    if (card)
        json_object_set_string_member(data, "name", card);
    json_object_set_string_member(data, "path", path);
    monitor_event(vm, "NIC_RX_FILTER_CHANGED", json_node_of_object(data));
}

static JsonObject *address_object(const char *host, const char *port, const char *path)
{
    JsonObject *addr = json_object_new();

    json_object_set_string_member(addr, "type", host ? "inet" : "unix");
    if (host) {
        json_object_set_string_member(addr, "host", host);
        json_object_set_string_member(addr, "port", port);
    } else {
        json_object_set_string_member(addr, "path", path ? path : "");
    }
    return addr;
}

static void stream_changed(void *opaque, const char *id, bool connected, const char *host, const char *port,
                           const char *path)
{
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "netdev-id", id);
    if (connected)
        json_object_set_object_member(data, "addr", address_object(host, port, path));
    monitor_event(opaque, connected ? "NETDEV_STREAM_CONNECTED" : "NETDEV_STREAM_DISCONNECTED",
                  json_node_of_object(data));
}

void qmp_net_follow(struct vm *vm)
{
    net_set_hooks(net_of(vm), stream_changed, filter_changed, vm);
}

/* ---- the table ---- */

static const struct qmp_arg set_link_args[] = {{"name", QMP_STRING, false, NULL}, {"up", QMP_BOOL, false, NULL}, {0}};
static const struct qmp_arg netdev_add_args[] = {
    {"type", QMP_STRING, false,
#ifdef CONFIG_SLIRP
     "user|"
#endif
     "tap|bridge|stream|dgram|socket|hubport"},
    {"id", QMP_STRING, false, NULL},
    {0}};
static const struct qmp_arg id_args[] = {{"id", QMP_STRING, false, NULL}, {0}};
static const struct qmp_arg name_args[] = {{"name", QMP_STRING, true, NULL}, {0}};

static const struct qmp_command rows[] = {
    {"set_link", set_link, set_link_args, false, false},
    {"netdev_add", netdev_add, netdev_add_args, false, true},
    {"netdev_del", netdev_del, id_args, false, false},
    {"query-netdevs", query_netdevs, NULL, false, false},
    {"query-rx-filter", query_rx_filter, name_args, false, false},
};
const struct qmp_table qmp_net_table = {rows, G_N_ELEMENTS(rows)};
