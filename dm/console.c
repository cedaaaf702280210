/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/console.h"

#include <string.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "chardev/vc.h"
#include "dm/machine/machine.h"
#include "dm/screen.h"
#include "dm/vm_build.h"
#include "ui/terminal.h"

struct console {
    bool text;
    GPtrArray *vcs; /* struct chardev *: opened by the back ends, freed by them */
    struct terminal *terminal;
    struct vm *vm;
};

/* chardev's hook takes no opaque; there is one terminal, and so one console, per process. */
static struct console *the_console;

static struct chardev *open_vc(const char *label, GHashTable *opts, GError **error)
{
    struct chardev *chr = chardev_vc_new(label);

    (void)opts;
    (void)error;
    g_ptr_array_add(the_console->vcs, chr);
    return chr;
}

static bool uses_stdio(const struct vm_config *config)
{
    for (guint i = 0; i < config->chardevs->len; i++) {
        const struct chardev_config *c = g_ptr_array_index(config->chardevs, i);

        if (g_str_has_suffix(c->backend, "stdio"))
            return true;
    }
    return false;
}

/* Nothing was said: show the screen where somebody looks, and where nothing else is printed. */
static bool wants_text(const struct vm_config *config)
{
    const char *accel = config->accels->len ? g_ptr_array_index(config->accels, 0) : "kvm";

    if (config->display != DISPLAY_DEFAULT)
        return config->display == DISPLAY_TEXT;
    return isatty(STDOUT_FILENO) && !config->vnc && !config->web && !config->daemonize && !config->nographic &&
           strcmp(accel, "qtest") && strcmp(config->machine, "none") && !uses_stdio(config);
}

static void quit(void *opaque)
{
    struct console *console = opaque;

    if (console->vm)
        vm_quit(console->vm, EXIT_OK, "host-ui");
}

static void key(void *opaque, unsigned scancode, bool down)
{
    struct console *console = opaque;

    machine_key(vm_machine(console->vm), scancode, down);
}

struct console *console_new(const struct vm_config *config)
{
    struct console *console = g_new0(struct console, 1);

    console->text = wants_text(config);
    console->vcs = g_ptr_array_new();
    the_console = console;
    chardev_register_vc(open_vc);
    chardev_set_quit_hook(quit, console);
    return console;
}

static void show_serial(void *opaque, const uint8_t *buf, size_t len)
{
    terminal_serial_output(opaque, buf, len);
}

bool console_show(struct console *console, struct vm *vm, GError **error)
{
    const struct terminal_hooks hooks = {.in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO, .key = key,
                                         .quit = quit, .glyphs = screen_glyphs, .opaque = console};

    console->vm = vm;
    if (!console->text || !vm_machine(vm))
        return true;
    console->terminal = terminal_new(vm_display(vm), &hooks, error);
    if (!console->terminal)
        return false;
    if (console->vcs->len)
        chardev_vc_add_sink(g_ptr_array_index(console->vcs, 0), show_serial, NULL, console->terminal);
    return true;
}

struct chardev *console_vc(struct console *console, unsigned i)
{
    return i < console->vcs->len ? g_ptr_array_index(console->vcs, i) : NULL;
}

void console_hide(struct console *console)
{
    if (console->terminal && console->vcs->len)
        chardev_vc_remove_sink(g_ptr_array_index(console->vcs, 0), console->terminal);
    terminal_free(console->terminal);
    console->terminal = NULL;
}

void console_free(struct console *console)
{
    console_hide(console);
    chardev_register_vc(NULL);
    chardev_set_quit_hook(NULL, NULL);
    g_ptr_array_free(console->vcs, TRUE);
    the_console = NULL;
    g_free(console);
}
