/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/web_display.h"

#include <json-glib/json-glib.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "chardev/vc.h"
#include "dm/console.h"
#include "dm/json.h"
#include "dm/log.h"
#include "dm/monitor/qmp.h"
#include "dm/vm_build.h"
#include "dm/vnc_display.h"
#include "ui/vnc.h"
#include "ui/web.h"

#define TEXT_PAUSE_US (150 * 1000) /* between two looks at the screen's text, at least */
#define TEXT_SHARE 5               /* of the main loop's time, one part may go into it */

#ifdef CONFIG_WEB

struct web_port {
    unsigned number;
    struct chardev *chr;
};

/* One per process, as there is one machine. */
static struct {
    struct vm *vm;
    struct web *web;
    struct web_port ports[WEB_SERIAL_PORTS];
    unsigned port_count;
    char *text;            /* the screen as it was read last */
    int64_t next_text_us;
} the;

/* ---- the screen ---- */

static void describe(struct vnc_address *a, bool peer, int fd)
{
    struct sockaddr_storage s = {0};
    socklen_t len = sizeof(s);
    int rc = peer ? getpeername(fd, (struct sockaddr *)&s, &len)
                  : getsockname(fd, (struct sockaddr *)&s, &len);

    a->websocket = true;
    a->family = s.ss_family == AF_INET6 ? "ipv6" : "ipv4";
    if (rc == 0)
        getnameinfo((struct sockaddr *)&s, len, a->host, sizeof(a->host), a->service, sizeof(a->service),
                    NI_NUMERICHOST | NI_NUMERICSERV);
}

static int add_viewer(void *vm, int page_fd)
{
    struct vnc_address server = {0}, client = {0};
    struct vnc *vnc = vnc_display_for_others(vm, NULL);
    int pair[2];

    if (!vnc || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -1;
    describe(&server, false, page_fd);
    describe(&client, true, page_fd);
    if (vnc_add_viewer_fd(vnc, pair[1], &server, &client))
        return pair[0];
    close(pair[0]);
    return -1;
}

/* ---- commands ---- */

static char *to_text(JsonNode *node)
{
    char *text = json_write(node, false);

    json_node_unref(node);
    return text;
}

static char *error_text(const char *why)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "error", why);
    return to_text(json_node_of_object(o));
}

static char *do_pause(struct vm *vm)
{
    vm_stop(vm, RUN_PAUSED);
    return NULL;
}

static char *do_resume(struct vm *vm)
{
    g_autoptr(GError) error = NULL;

    return vm_cont(vm, &error) ? NULL : error_text(error->message);
}

static char *do_reset(struct vm *vm)
{
    vm_system_reset(vm);
    return NULL;
}

static char *do_powerdown(struct vm *vm)
{
    vm_system_powerdown(vm);
    return NULL;
}

static char *do_quit(struct vm *vm)
{
    vm_quit(vm, EXIT_OK, "host-ui");
    return NULL;
}

/* As QMP's query-screen-text. Looking for glyphs in a picture takes time: all pages share what was found last. */
static char *do_text(struct vm *vm)
{
    int64_t began_us = g_get_monotonic_time(), took_us;
    g_autoptr(GError) error = NULL;
    JsonNode *node;

    if (the.text && began_us < the.next_text_us)
        return g_strdup(the.text);
    node = qmp_run(vm, "query-screen-text", NULL, &error);
    g_free(the.text);
    the.text = node ? to_text(node) : error_text(error->message);
    took_us = g_get_monotonic_time() - began_us;
    the.next_text_us = began_us + MAX(TEXT_PAUSE_US, took_us * TEXT_SHARE);
    return g_strdup(the.text);
}

static const struct {
    const char *name;
    char *(*run)(struct vm *vm); /* NULL: done, there is nothing to say */
} commands[] = {
    {"pause", do_pause}, {"resume", do_resume}, {"reset", do_reset},
    {"powerdown", do_powerdown}, {"quit", do_quit}, {"text", do_text},
};

/* {"do": NAME} */
static char *command(void *vm, const char *text, size_t len)
{
    static const struct qmp_arg members[] = {{"do", QMP_STRING, false, NULL}, {0}};
    g_autoptr(JsonNode) node = json_read(text, len, NULL);
    JsonObject *o = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    char *answer;

    if (!o || !qmp_check_args(members, o, NULL))
        return NULL;
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, json_object_get_string_member(o, "do")))
            continue;
        answer = commands[i].run(vm);
        return answer ? answer : g_strdup("{}");
    }
    return error_text("there is no such command");
}

/* ---- state ---- */

static JsonArray *port_array(void)
{
    JsonArray *array = json_array_new();

    for (unsigned i = 0; i < the.port_count; i++) {
        JsonObject *o = json_object_new();

        json_object_set_int_member(o, "port", i);
        json_object_set_string_member(o, "label", chardev_label(the.ports[i].chr));
        json_array_add_object_element(array, o);
    }
    return array;
}

static char *state(void *vm)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "state", run_state_name(vm_run_state(vm)));
    json_object_set_string_member(o, "name", vm_config(vm)->name ? vm_config(vm)->name : "");
    json_object_set_array_member(o, "serial", port_array());
    return to_text(json_node_of_object(o));
}

/* ---- serial ports ---- */

static size_t type(void *vm, unsigned port, const uint8_t *buf, size_t len)
{
    (void)vm;
    return port < the.port_count ? chardev_vc_type(the.ports[port].chr, buf, len) : len;
}

static void serial_output(void *opaque, const uint8_t *buf, size_t len)
{
    struct web_port *port = opaque;

    web_serial_output(the.web, port->number, buf, len);
}

static void serial_more(void *opaque)
{
    struct web_port *port = opaque;

    web_serial_more(the.web, port->number);
}

static void take_ports(struct console *console)
{
    struct chardev *chr;

    while (the.port_count < WEB_SERIAL_PORTS && (chr = console_vc(console, the.port_count))) {
        struct web_port *port = &the.ports[the.port_count];

        *port = (struct web_port){the.port_count, chr};
        the.port_count++;
        web_serial_open(the.web, port->number);
        chardev_vc_add_sink(chr, serial_output, serial_more, port);
    }
}

/* ---- life ---- */

static void say_where(const struct web_config *config)
{
    const char *url = web_url(the.web);

    log_notice("web console: %.*s", config->token_file ? (int)strcspn(url, "#") : (int)strlen(url), url);
    if (config->remote)
        log_warning("-display web: without TLS, whoever is on the way to the browser can read the token");
}

bool web_display_start(struct vm *vm, struct console *console, GError **error)
{
    const struct web_config *config = vm_config(vm)->web;
    const struct web_hooks hooks = {add_viewer, command, state, type, vm};

    if (!config || !vm_machine(vm))
        return true;
    if (!vnc_display_for_others(vm, error)) {
        g_prefix_error(error, "-display web: ");
        return false;
    }
    the.vm = vm;
    the.web = web_new(config, &hooks, error);
    if (!the.web)
        return false;
    take_ports(console);
    say_where(config);
    return true;
}

void web_display_stop(void)
{
    for (unsigned i = 0; i < the.port_count; i++)
        chardev_vc_remove_sink(the.ports[i].chr, &the.ports[i]);
    web_free(the.web);
    g_free(the.text);
    memset(&the, 0, sizeof(the));
}

const char *web_display_url(void)
{
    return the.web ? web_url(the.web) : NULL;
}

unsigned web_display_pages(void)
{
    return the.web ? web_page_count(the.web) : 0;
}

#else

bool web_display_start(struct vm *vm, struct console *console, GError **error)
{
    (void)vm, (void)console, (void)error;
    return true;
}

void web_display_stop(void)
{
}

const char *web_display_url(void)
{
    return NULL;
}

unsigned web_display_pages(void)
{
    return 0;
}

#endif
