/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fakes/fake_surface.h"

#include <stdlib.h>

bool surface_resize(struct surface *s, uint32_t width, uint32_t height)
{
    if (s->pixels && s->width == width && s->height == height)
        return true;
    if (!width || !height || width > SURFACE_MAX_WIDTH || height > SURFACE_MAX_HEIGHT)
        return false;
    free(s->pixels);
    s->pixels = calloc((size_t)width * height, sizeof(*s->pixels));
    s->width = s->stride = width;
    s->height = height;
    return s->pixels != NULL;
}

void surface_free(struct surface *s)
{
    free(s->pixels);
    *s = (struct surface){0};
}

/* `opaque` of the block: one byte for each page. */
static void take_dirty(struct ram_block *ram, uint64_t *bitmap)
{
    uint8_t *dirty = ram->opaque;

    for (uint64_t page = 0; page < ram->size / 4096; page++) {
        if (dirty[page])
            bitmap[page / 64] |= 1ull << page % 64;
        dirty[page] = 0;
    }
}

static bool map(struct ram_block *ram, uint64_t gpa)
{
    ram->gpa = gpa;
    return true;
}

struct ram_block *fake_ram_block_new(const char *name, uint64_t size, bool readonly)
{
    struct ram_block *ram = calloc(1, sizeof(*ram));

    *ram = (struct ram_block){.name = name, .host = calloc(1, size), .size = size,
                              .readonly = readonly, .map = map, .take_dirty = take_dirty,
                              .gpa = RAM_UNMAPPED, .opaque = calloc(size / 4096, 1)};
    return ram;
}

void fake_ram_block_free(struct ram_block *ram)
{
    free(ram->host);
    free(ram->opaque);
    free(ram);
}

void fake_ram_block_write(struct ram_block *ram, uint64_t off, uint8_t value)
{
    ((uint8_t *)ram->opaque)[off / 4096] = 1;
    ram->host[off] = value;
}
