/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading options that have been checked: a table of name -> text (char *), as dm/config/optlist.h makes it. */
#ifndef HOST_OPTS_H
#define HOST_OPTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* opts NULL: nothing was given. The text is the table's. */
const char *opts_get(GHashTable *opts, const char *name); /* NULL: not given */
bool opts_bool(GHashTable *opts, const char *name, bool otherwise); /* "on", else false */
uint64_t opts_number(GHashTable *opts, const char *name, uint64_t otherwise); /* decimal */

#endif
