/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/vnc_picture.h"

#include <stdlib.h>
#include <string.h>

#define MIN2(a, b) ((a) < (b) ? (a) : (b))

static size_t pixel_count(const struct surface *s)
{
    return (size_t)s->stride * s->height;
}

static void touch_all(struct vnc_picture *p)
{
    p->version++;
    for (size_t i = 0; i < (size_t)p->columns * p->rows; i++)
        p->tiles[i] = p->version;
}

/* New size, black; all tiles are new. */
static bool resize(struct vnc_picture *p, uint32_t width, uint32_t height)
{
    unsigned columns = (width + PICTURE_TILE_WIDTH - 1) / PICTURE_TILE_WIDTH;
    unsigned rows = (height + PICTURE_TILE_HEIGHT - 1) / PICTURE_TILE_HEIGHT;
    uint64_t *tiles = calloc((size_t)columns * rows, sizeof(*tiles));

    if (!tiles || !surface_resize(&p->surface, width, height)) {
        free(tiles);
        return false;
    }
    memset(p->surface.pixels, 0, pixel_count(&p->surface) * sizeof(uint32_t));
    free(p->tiles);
    p->tiles = tiles;
    p->columns = columns;
    p->rows = rows;
    touch_all(p);
    p->size_version = p->version;
    return true;
}

bool picture_init(struct vnc_picture *p, uint32_t width, uint32_t height)
{
    *p = (struct vnc_picture){0};
    pthread_mutex_init(&p->lock, NULL);
    return resize(p, width, height);
}

void picture_clear(struct vnc_picture *p)
{
    surface_free(&p->surface);
    free(p->tiles);
    pthread_mutex_destroy(&p->lock);
}

/* Copies pixels [x, x + count) of rows [y, y_end); true if any differed. */
static bool copy_block(struct surface *to, const struct surface *from, unsigned x, unsigned y,
                       unsigned count, unsigned y_end)
{
    bool differs = false;

    for (; y < y_end; y++) {
        uint32_t *d = to->pixels + (size_t)y * to->stride + x;
        const uint32_t *s = from->pixels + (size_t)y * from->stride + x;

        if (memcmp(d, s, count * sizeof(*d)) != 0) {
            memcpy(d, s, count * sizeof(*d));
            differs = true;
        }
    }
    return differs;
}

static bool row_in(const uint64_t *lines, unsigned y)
{
    _Static_assert(64 % PICTURE_TILE_HEIGHT == 0, "a row of tiles is within one word");

    return lines[y / 64] >> y % 64 & ((1ull << PICTURE_TILE_HEIGHT) - 1);
}

/* lines: NULL: all. */
static bool update_tiles(struct vnc_picture *p, const struct surface *s, const uint64_t *lines)
{
    uint64_t next = p->version + 1;
    bool any = false;

    for (unsigned row = 0; row < p->rows; row++) {
        unsigned y = row * PICTURE_TILE_HEIGHT, y_end = MIN2(y + PICTURE_TILE_HEIGHT, s->height);

        if (lines && !row_in(lines, y))
            continue;
        for (unsigned column = 0; column < p->columns; column++) {
            unsigned x = column * PICTURE_TILE_WIDTH;

            if (copy_block(&p->surface, s, x, y, MIN2(PICTURE_TILE_WIDTH, s->width - x), y_end)) {
                p->tiles[row * p->columns + column] = next;
                any = true;
            }
        }
    }
    if (any)
        p->version = next;
    return any;
}

bool picture_update(struct vnc_picture *p, const struct surface *s, const uint64_t *lines)
{
    bool any = false, ok = true;

    pthread_mutex_lock(&p->lock);
    if (s->width != p->surface.width || s->height != p->surface.height)
        any = ok = resize(p, s->width, s->height);
    if (ok && update_tiles(p, s, any ? NULL : lines))
        any = true;
    pthread_mutex_unlock(&p->lock);
    return any;
}

bool picture_blank(struct vnc_picture *p)
{
    size_t count = pixel_count(&p->surface), i = 0;
    bool any;

    pthread_mutex_lock(&p->lock);
    while (i < count && !p->surface.pixels[i])
        i++;
    any = i < count;
    if (any) {
        memset(p->surface.pixels, 0, count * sizeof(uint32_t));
        touch_all(p);
    }
    pthread_mutex_unlock(&p->lock);
    return any;
}

/* ---- a viewer's side ---- */

static enum picture_news resize_copy(const struct vnc_picture *p, struct picture_copy *copy,
                                     uint32_t **old)
{
    struct surface fresh = {0};

    if (!surface_resize(&fresh, p->surface.width, p->surface.height))
        return PICTURE_NO_MEMORY;
    memcpy(fresh.pixels, p->surface.pixels, pixel_count(&fresh) * sizeof(uint32_t));
    *old = copy->surface.pixels;
    copy->surface = fresh;
    return PICTURE_RESIZED;
}

/* Tiles of one row that are newer, clipped to the copy; false: none. */
static bool fetch_row(const struct vnc_picture *p, struct picture_copy *copy, unsigned row,
                      unsigned *x1, unsigned *x2)
{
    struct surface *to = &copy->surface;
    unsigned width = MIN2(to->width, p->surface.width);
    unsigned height = MIN2(to->height, p->surface.height);
    unsigned y = row * PICTURE_TILE_HEIGHT, y_end = MIN2(y + PICTURE_TILE_HEIGHT, height);

    *x1 = width;
    *x2 = 0;
    for (unsigned column = 0; column * PICTURE_TILE_WIDTH < width; column++) {
        unsigned x = column * PICTURE_TILE_WIDTH, count = MIN2(PICTURE_TILE_WIDTH, width - x);

        if (p->tiles[row * p->columns + column] <= copy->seen)
            continue;
        copy_block(to, &p->surface, x, y, count, y_end);
        *x1 = MIN2(*x1, x);
        *x2 = x + count;
    }
    return *x1 < *x2;
}

enum picture_news picture_fetch(struct vnc_picture *p, struct picture_copy *copy, uint32_t **old,
                                void (*mark)(void *opaque, unsigned x1, unsigned y1, unsigned x2,
                                             unsigned y2),
                                void *opaque)
{
    enum picture_news news = PICTURE_SAME;
    struct surface *to = &copy->surface;
    unsigned height, x1, x2;

    pthread_mutex_lock(&p->lock);
    copy->whole_width = p->surface.width;
    copy->whole_height = p->surface.height;
    height = MIN2(to->height, p->surface.height);
    if (p->size_version > copy->seen && copy->fixed) {
        memset(to->pixels, 0, pixel_count(to) * sizeof(uint32_t));
        mark(opaque, 0, 0, to->width, to->height);
        news = PICTURE_TILES;
    } else if (p->size_version > copy->seen &&
               (to->width != p->surface.width || to->height != p->surface.height)) {
        news = resize_copy(p, copy, old);
    }
    for (unsigned row = 0; news < PICTURE_RESIZED && row * PICTURE_TILE_HEIGHT < height; row++) {
        unsigned y = row * PICTURE_TILE_HEIGHT;

        if (p->version > copy->seen && fetch_row(p, copy, row, &x1, &x2)) {
            mark(opaque, x1, y, x2, MIN2(y + PICTURE_TILE_HEIGHT, height));
            news = PICTURE_TILES;
        }
    }
    if (news != PICTURE_NO_MEMORY)
        copy->seen = p->version;
    pthread_mutex_unlock(&p->lock);
    return news;
}
