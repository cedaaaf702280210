/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/vnc_display.h"

#include <json-glib/json-glib.h>

#include "dm/json.h"
#include "dm/log.h"
#include "dm/machine/machine.h"
#include "dm/monitor/monitor.h"
#include "dm/vm_build.h"
#include "ui/vnc.h"

/* One per process, as there is one machine; the monitor's commands find it here. */
static struct vnc *the_vnc;

#ifdef CONFIG_VNC

static void key(void *vm, unsigned xt, bool down)
{
    machine_key(vm_machine(vm), xt, down);
}

static bool key_ready(void *vm)
{
    return machine_keyboard_ready(vm_machine(vm));
}

static unsigned leds(void *vm)
{
    return machine_keyboard_leds(vm_machine(vm));
}

static bool absolute(void *vm)
{
    return machine_pointer_is_absolute(vm_machine(vm));
}

static void pointer(void *vm, const struct vnc_pointer *p)
{
    if (p->absolute && absolute(vm))
        machine_pointer(vm_machine(vm), p->x, p->y, p->dz, p->buttons);
    else
        machine_mouse(vm_machine(vm), p->dx, p->dy, p->dz, p->buttons);
}

JsonObject *vnc_address_object(const struct vnc_address *a)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "host", a->host);
    json_object_set_string_member(o, "service", a->service);
    json_object_set_string_member(o, "family", a->family);
    json_object_set_boolean_member(o, "websocket", a->websocket);
    return o;
}

static void event(void *vm, enum vnc_event what, const struct vnc_address *server,
                  const struct vnc_address *client)
{
    static const char *const names[] = {
        [VNC_EVENT_CONNECTED] = "VNC_CONNECTED",
        [VNC_EVENT_INITIALIZED] = "VNC_INITIALIZED",
        [VNC_EVENT_DISCONNECTED] = "VNC_DISCONNECTED",
    };
    JsonObject *data = json_object_new(), *o = vnc_address_object(server);

    json_object_set_string_member(o, "auth", vnc_auth_name(the_vnc));
    json_object_set_object_member(data, "server", o);
    json_object_set_object_member(data, "client", vnc_address_object(client));
    monitor_event(vm, names[what], json_node_of_object(data));
}

static void say_where(const struct vm_config *config)
{
    const struct vnc_address *a = vnc_server_address(the_vnc, 0);

    if (vnc_is_open(the_vnc))
        log_warning("-vnc: whoever can reach %s port %s sees the screen and types: no password; "
                    "-vnc 127.0.0.1:%u is for this host only", a->host, a->service,
                    config->vnc->port - VNC_PORT_BASE);
}

static bool start(struct vm *vm, const struct vnc_config *where, GError **error)
{
    const struct vnc_hooks hooks = {.key = key, .key_ready = key_ready, .leds = leds,
                                    .pointer = pointer, .absolute = absolute, .event = event, .opaque = vm};
    const char *guest = vm_config(vm)->name;
    g_autofree char *name = guest ? g_strdup_printf("kvm-dm (%s)", guest) : g_strdup("kvm-dm");

    the_vnc = vnc_new(where, vm_display(vm), &hooks, name, error);
    if (the_vnc && vm_config(vm)->layout)
        vnc_set_layout(the_vnc, vm_config(vm)->layout);
    return the_vnc != NULL;
}

bool vnc_display_start(struct vm *vm, GError **error)
{
    const struct vm_config *config = vm_config(vm);

    if (!config->vnc || !vm_machine(vm))
        return true;
    if (!start(vm, config->vnc, error))
        return false;
    say_where(config);
    return true;
}

struct vnc *vnc_display_for_others(struct vm *vm, GError **error)
{
    static const struct vnc_config no_sockets = {.no_sockets = true, .connections = VNC_MAX_VIEWERS,
                                                 .share = VNC_SHARE_IGNORE};

    return the_vnc || start(vm, &no_sockets, error) ? the_vnc : NULL;
}

void vnc_display_stop(void)
{
    vnc_free(the_vnc);
    the_vnc = NULL;
}

#else

bool vnc_display_start(struct vm *vm, GError **error)
{
    (void)vm, (void)error;
    return true;
}

struct vnc *vnc_display_for_others(struct vm *vm, GError **error)
{
    (void)vm;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS, "this build has no libvncserver");
    return NULL;
}

void vnc_display_stop(void)
{
}

#endif

struct vnc *vnc_display(void)
{
    return the_vnc;
}
