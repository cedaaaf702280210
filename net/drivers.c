/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of back ends. */
#include <string.h>

#include "net/core.h"
#include "net/dgram.h"
#include "net/hub.h"
#include "net/stream.h"
#include "net/tap.h"
#ifdef CONFIG_SLIRP
#include "net/user.h"
#endif

const struct netdev_option netdev_common_options[] = {
    {"rate", NETDEV_OPT_SIZE, "bytes per second that pass in each direction: 1M; without: no limit", NULL, NULL},
    {"burst", NETDEV_OPT_SIZE, "bytes that pass at once after a pause (default: 20 ms of rate)", NULL, NULL},
    {0},
};

static const struct netdev_driver *const drivers[] = {
#ifdef CONFIG_SLIRP
    &netdev_user,
#endif
    &netdev_tap, &netdev_bridge, &netdev_stream, &netdev_dgram, &netdev_socket, &netdev_hubport,
};

const struct netdev_driver *const *netdev_drivers(unsigned *count)
{
    *count = G_N_ELEMENTS(drivers);
    return drivers;
}

const struct netdev_driver *netdev_driver_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (!strcmp(drivers[i]->name, name))
            return drivers[i];
    }
    return NULL;
}

static const struct {
    const char *name, *text;
} refusals[] = {
    {"user", "kvm-dm was built without libslirp; passt is another way without rights"},
    {"l2tpv3", "tunnel on the host and use tap"},
    {"vde", "use stream, or tap"},
    {"netmap", "use tap"},
    {"af-xdp", "use tap"},
    {"vhost-user", "use tap, or stream to passt"},
    {"vhost-vdpa", "use tap"},
    {"passt", "start passt and use stream,server=off,addr.type=unix,addr.path=ITS_SOCKET"},
};

const char *netdev_driver_refusal(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (!strcmp(refusals[i].name, name))
            return refusals[i].text;
    }
    return NULL;
}
