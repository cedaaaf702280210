/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a vpc image, with the checksums made right where a structure is (no fuzzer finds them):
 * opened and read, or refused in one line.
 */
#include "tests/fuzz/mem_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_right(uint8_t *p, size_t bytes, size_t at, const char *magic)
{
    uint32_t sum = 0;

    if (memcmp(p, magic, 8))
        return;
    memset(p + at, 0, 4);
    for (size_t i = 0; i < bytes; i++)
        sum += p[i];
    for (unsigned i = 0; i < 4; i++)
        p[at + i] = (uint8_t)(~sum >> (24 - 8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem_image mem;
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *copy = g_memdup2(data, size);
    struct image *img;

    if (size >= 512) {
        make_right(copy, 512, 64, "conectix");
        make_right(copy + size - 512, 512, 64, "conectix");
    }
    for (size_t at = 512; size >= 1024 && at <= size - 1024; at += 512)
        make_right(copy + at, 1024, 36, "cxsparse");
    img = mem_open("vpc", &mem, copy, size, &error);
    if (img) {
        mem_exercise(img);
        mem_close(img);
    } else if (!error || strchr(error->message, '\n')) {
        abort();
    }
    return 0;
}
