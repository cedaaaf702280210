/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any command line, words separated by line ends: parsed or refused in one line, nothing opened. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) words = g_strsplit(text, "\n", 24);
    struct vm_config config = {0};
    g_autoptr(GError) error = NULL;
    char *argv[26] = {"fuzz"};
    int argc = 1;
    bool done = false;

    for (char **w = words; *w; w++) {
        /* Help prints, and would drown what the fuzzer has to say. */
        if (!strstr(*w, "help") && !strchr(*w, '?') && !strstr(*w, "version") && strcmp(*w, "-h") &&
            strcmp(*w, "--h"))
            argv[argc++] = *w;
    }
    if (config_parse(argc, argv, &config, &done, &error))
        config_clear(&config);
    else if (!error || strchr(error->message, '\n'))
        abort();
    return 0;
}
