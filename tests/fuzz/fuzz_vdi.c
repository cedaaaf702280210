/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a vdi image: opened and read, or refused in one line. */
#include "tests/fuzz/mem_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem_image mem;
    g_autoptr(GError) error = NULL;
    struct image *img = mem_open("vdi", &mem, data, size, &error);

    if (img) {
        mem_exercise(img);
        mem_close(img);
    } else if (!error || strchr(error->message, '\n')) {
        abort();
    }
    return 0;
}
