/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/surface.h"

#include <stdlib.h>

#include "ioreq/iolock.h"

bool surface_resize(struct surface *s, uint32_t width, uint32_t height)
{
    uint32_t *pixels;

    if (s->pixels && s->width == width && s->height == height)
        return true;
    if (width == 0 || height == 0 || width > SURFACE_MAX_WIDTH || height > SURFACE_MAX_HEIGHT)
        return false;
    pixels = malloc((size_t)width * height * sizeof(*pixels));
    if (!pixels)
        return false;
    free(s->pixels);
    *s = (struct surface){.width = width, .height = height, .stride = width, .pixels = pixels};
    return true;
}

void surface_free(struct surface *s)
{
    free(s->pixels);
    *s = (struct surface){0};
}

void display_enter(const struct display_source *source)
{
    if (source->catch_up)
        source->catch_up(source->catch_up_opaque);
    iolock_enter(source->lock);
}

void display_leave(const struct display_source *source)
{
    iolock_leave(source->lock);
}

uint64_t display_changes(struct display_source *source)
{
    if (source->changed(source->chip))
        source->changes++;
    return source->changes;
}
