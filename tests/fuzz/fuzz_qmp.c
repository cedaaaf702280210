/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes to the monitor after negotiation, on a process without a machine. Block commands may open and
 * make files: the process sits in a directory of its own, and inputs that could name another are left
 * out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chardev/chardev_backends.h"
#include "dm/monitor/monitor.h"
#include "dm/vm_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vm *make(void)
{
    char *argv[] = {"fuzz", "-machine", "none", "-display", "none", "-nodefaults", NULL};
    static struct vm_config config;
    GError *error = NULL;
    bool done;

    if (!config_parse(G_N_ELEMENTS(argv) - 1, argv, &config, &done, &error))
        abort();
    return vm_new(&config, &error);
}

static void hide(void)
{
    static char dir[] = "/tmp/kvm-dm-fuzz-qmp-XXXXXX";

    if (!mkdtemp(dir) || chdir(dir))
        abort();
}

/* A slash, plain or escaped. */
static bool names_a_path(const uint8_t *data, size_t size)
{
    return memchr(data, '/', size) || memmem(data, size, "2f", 2) || memmem(data, size, "2F", 2);
}

static void drain(struct chardev *chr)
{
    uint8_t out[4096];

    while (g_main_context_iteration(NULL, FALSE) || chardev_memory_take(chr, out, sizeof(out))) {
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char hello[] = "{\"execute\":\"qmp_capabilities\"}";
    static struct chardev *chr;

    if (names_a_path(data, size))
        return 0;
    if (!chr) {
        hide();
        chr = chardev_open("memory", "qmp", NULL, NULL);
        monitor_new(make(), chr, false);
    }
    chardev_memory_connect(chr, true);
    drain(chr);
    chardev_memory_feed(chr, hello, sizeof(hello) - 1);
    drain(chr);
    for (size_t done = 0; done < size;) {
        size_t n = chardev_memory_feed(chr, data + done, size - done);

        done += n;
        drain(chr);
        if (!n)
            break;
    }
    chardev_memory_connect(chr, false);
    drain(chr);
    return 0;
}
