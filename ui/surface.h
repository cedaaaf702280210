/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The surface port: how a display adapter shows its picture. Whoever looks (screendump, terminal,
 * VNC) enters the adapter with its lock and asks; the adapter knows no viewer.
 */
#ifndef UI_SURFACE_H
#define UI_SURFACE_H

#include <stdbool.h>
#include <stdint.h>

struct iolock;

#define SURFACE_MAX_WIDTH 16384
#define SURFACE_MAX_HEIGHT 8192

/* Pixels 0x00rrggbb. Made and resized by surface_resize(), freed by surface_free(). */
struct surface {
    uint32_t width, height; /* pixels */
    uint32_t stride;        /* pixels from row to row */
    uint32_t *pixels;
};

/* New size, content undefined; false (and no change) over the limits or out of memory. */
bool surface_resize(struct surface *s, uint32_t width, uint32_t height);
void surface_free(struct surface *s);

struct text_cell {
    uint8_t ch;   /* code in the loaded font */
    uint8_t attr; /* VGA attribute byte: blink/background/foreground */
};

#define TEXT_MAX_CELLS (256 * 256)
#define TEXT_FONT_LINES 32

/* The two fonts that the guest has loaded: bit 7 is the left dot. They may be the same. */
struct text_fonts {
    uint8_t glyph[2][256][TEXT_FONT_LINES]; /* [1]: for cells with attribute bit 3 */
};

struct text_screen {
    uint32_t columns, rows;
    bool cursor_visible;
    uint32_t cursor_column, cursor_row;
    struct text_cell *cells; /* columns * rows, room for TEXT_MAX_CELLS; the viewer's */
    uint32_t cell_lines;     /* scan lines of a character, 1 .. TEXT_FONT_LINES */
    bool blink;              /* attribute bit 7 blinks; else it is the background's fourth bit */
    struct text_fonts *fonts; /* filled in too, if the viewer has room; NULL: not wanted */
};

/*
 * What one viewer has seen, for update(): zeroed at first. Then lines[] has a bit for each line that
 * the last update() drew (bit 0 of word 0 is the top line), line_count of them.
 */
struct display_seen {
    uint64_t stamp;      /* of the last update(); 0: nothing yet */
    uint64_t adapter;    /* the adapter's own */
    uint32_t line_count;
    uint64_t lines[SURFACE_MAX_HEIGHT / 64];
};

/* What an adapter offers; calls between display_enter() and display_leave() (by the viewer). */
struct display_source {
    /* Draws the whole picture, resizing the surface to it. False: nothing to show (blanked). */
    bool (*render)(void *chip, struct surface *s);
    /* Fills in the text screen; false in a graphics mode. */
    bool (*text)(void *chip, struct text_screen *t);
    /*
     * True if anything visible may have changed since the last call (then it is forgotten). Viewers
     * ask display_changes(), so that none takes the news from another.
     */
    bool (*changed)(void *chip);
    /*
     * Brings a surface up to date that holds what the last update() with the same *seen left in it:
     * draws what changed since then, all of it in a new size, or nothing (line_count 0). Any number of
     * viewers, each with a surface and a *seen of its own. False: blanked; the next one draws all.
     */
    bool (*update)(void *chip, struct surface *s, struct display_seen *seen);
    /* The size in pixels that render() would make the surface, whether blanked or not. */
    void (*size)(void *chip, uint32_t *width, uint32_t *height);
    void *chip;
    struct iolock *lock;
    /* The machine's, or NULL: carries out the writes that KVM still holds. Called without the lock. */
    void (*catch_up)(void *opaque);
    void *catch_up_opaque;
    uint64_t changes; /* display_changes()'s */
};

void display_enter(const struct display_source *source);
void display_leave(const struct display_source *source);
/* A number that is another one than before if anything visible may have changed; entered. */
uint64_t display_changes(struct display_source *source);

#endif
