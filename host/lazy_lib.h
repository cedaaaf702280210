/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A library that is loaded when it is first used, so that no other start pays for it or needs it. */
#ifndef HOST_LAZY_LIB_H
#define HOST_LAZY_LIB_H

#include <glib.h>
#include <stdbool.h>

struct lazy_lib {
    const char *file;    /* as dlopen() takes it */
    const char *name;    /* in messages */
    const char *package; /* Debian's, for who lacks it */
    bool loaded;
};

struct lazy_symbol {
    const char *name;
    void *place; /* of a pointer to it */
};

/*
 * Fills the places of all symbols (a row without a name ends them) and sets `loaded`; again costs nothing. It stays
 * loaded. Main loop's thread. False with a one-line *error: G_FILE_ERROR_NOENT; G_FILE_ERROR_NOSYS if it lacks a
 * symbol.
 */
bool lazy_lib_load(struct lazy_lib *lib, const struct lazy_symbol *symbols, GError **error);

#endif
