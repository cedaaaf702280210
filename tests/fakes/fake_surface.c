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

struct fake_ram {
    struct fake_view view;
    uint8_t dirty[]; /* one for each page */
};

struct fake_view *fake_ram_block_view(struct ram_block *ram)
{
    return &((struct fake_ram *)ram->opaque)->view;
}

static void take_dirty(struct ram_block *ram, uint64_t *bitmap)
{
    uint8_t *dirty = ((struct fake_ram *)ram->opaque)->dirty;

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

static bool map_view(struct ram_block *ram, uint64_t gpa, uint64_t off, uint64_t size)
{
    struct fake_view *view = fake_ram_block_view(ram);

    if (size && view->refuse)
        return false;
    view->gpa = gpa;
    view->off = off;
    view->size = size;
    view->mapped += size != 0;
    return true;
}

struct ram_block *fake_ram_block_new(const char *name, uint64_t size, bool readonly)
{
    struct ram_block *ram = calloc(1, sizeof(*ram));

    *ram = (struct ram_block){.name = name, .host = calloc(1, size), .size = size,
                              .readonly = readonly, .map = map, .take_dirty = take_dirty, .map_view = map_view,
                              .gpa = RAM_UNMAPPED,
                              .opaque = calloc(1, sizeof(struct fake_ram) + size / 4096)};
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
    ((struct fake_ram *)ram->opaque)->dirty[off / 4096] = 1;
    ram->host[off] = value;
}
