/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A picture as a file: portable pixmap (binary, "P6") or PNG. */
#ifndef UI_SCREENDUMP_H
#define UI_SCREENDUMP_H

#include <glib.h>
#include <stdbool.h>

#include "ui/surface.h"

/*
 * Writes the surface to path, replacing what is there. False with *error (in G_FILE_ERROR) if the
 * file cannot be made or written in full, which then is removed; or for png without libpng.
 */
bool screendump_write(const struct surface *s, const char *path, bool png, GError **error);

#endif
