/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The picture that viewers copy from: what has changed is known by tile and version, so that each
 * viewer takes what is new to it, however long it was away. Any thread; the lock inside is held for
 * copies in memory only.
 */
#ifndef UI_VNC_PICTURE_H
#define UI_VNC_PICTURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ui/surface.h"

#define PICTURE_TILE_WIDTH  64
#define PICTURE_TILE_HEIGHT 16

struct vnc_picture {
    pthread_mutex_t lock;
    struct surface surface;
    unsigned columns, rows; /* of tiles */
    uint64_t *tiles;        /* columns * rows: the version in which each changed last */
    uint64_t version;       /* grows with each change */
    uint64_t size_version;  /* in which the size changed last */
};

bool picture_init(struct vnc_picture *p, uint32_t width, uint32_t height); /* black */
void picture_clear(struct vnc_picture *p);

/*
 * Takes over what has changed; true if anything has. Out of memory: nothing changes. lines: those that
 * may be other than at the last update (struct display_seen).
 */
bool picture_update(struct vnc_picture *p, const struct surface *s, const uint64_t *lines);
/* The screen went dark: the same size, black. */
bool picture_blank(struct vnc_picture *p);

/* What one viewer has. */
struct picture_copy {
    struct surface surface;
    uint64_t seen;  /* version */
    bool fixed;     /* its size stays: the picture is cut off, or stands in black */
    uint32_t whole_width, whole_height; /* the picture's own size */
};

enum picture_news { PICTURE_SAME, PICTURE_TILES, PICTURE_RESIZED, PICTURE_NO_MEMORY };

/*
 * Brings the copy up to date. For PICTURE_TILES, mark() is called for each row of changed tiles
 * with a rectangle that holds them. PICTURE_RESIZED: all of it is new; *old is the buffer it had,
 * to be freed when nobody uses it any more.
 */
enum picture_news picture_fetch(struct vnc_picture *p, struct picture_copy *copy, uint32_t **old,
                                void (*mark)(void *opaque, unsigned x1, unsigned y1, unsigned x2,
                                             unsigned y2),
                                void *opaque);

#endif
