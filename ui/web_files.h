/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the web console serves: its own page, which is part of this program, and the modules of noVNC where
 * Debian's package puts them. All paths are known before the first request: a request names an
 * entry of the table or nothing.
 */
#ifndef UI_WEB_FILES_H
#define UI_WEB_FILES_H

#include <glib.h>
#include <stddef.h>

struct web_file {
    const char *type;  /* "text/css" */
    const void *data;  /* part of the program; NULL: in `path` */
    size_t size;
    char *path;
};

/* The table; NULL with a one-line *error: noVNC is not there. */
GHashTable *web_files_new(GError **error);
/* By the path of a request, "/page.js". NULL: there is no such. */
const struct web_file *web_files_find(GHashTable *files, const char *url);

#endif
