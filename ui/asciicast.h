/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recording of the text screen in the format of asciinema, version 2 (asciicast v2: a header line, then an
 * event per line, "o" for output and "r" for a new size). Only what changed is written. Whole lines only, so that
 * the file is a recording at any moment; it never grows over its limit.
 */
#ifndef UI_ASCIICAST_H
#define UI_ASCIICAST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "ui/screentext.h"

#define ASCIICAST_MIN_BYTES (64u * 1024)

struct asciicast;

enum asciicast_result {
    ASCIICAST_OK,
    ASCIICAST_FULL,   /* the next event would be over the limit; nothing was written */
    ASCIICAST_FAILED, /* the file cannot be written: *error */
};

struct asciicast_counts {
    uint64_t bytes, events;
    int64_t last_us; /* of the last event, from the begin */
};

/*
 * Begins with what `r` shows now. Replaces the file, which has to be a regular one. title: the VM's name, or
 * NULL. max_bytes >= ASCIICAST_MIN_BYTES. NULL with error.
 */
struct asciicast *asciicast_new(const char *path, uint64_t max_bytes, const char *title,
                                const struct screen_reader *r, GError **error);
/* The screen is so now; time_us as of g_get_monotonic_time(). After anything but OK: only free. */
enum asciicast_result asciicast_add(struct asciicast *cast, const struct screen_reader *r, int64_t time_us,
                                    GError **error);
void asciicast_counts(const struct asciicast *cast, struct asciicast_counts *counts);
void asciicast_free(struct asciicast *cast); /* closes the file */

#endif
