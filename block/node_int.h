/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between node.c (the graph) and node_options.c (its options); nobody else. */
#ifndef BLOCK_NODE_INT_H
#define BLOCK_NODE_INT_H

#include "block/node.h"

#define NODE_DEPTH_MAX 100 /* nodes inside each other, backing files behind each other */

/* The value of "PREFIXdriver", or NULL. */
const char *node_driver_name(GHashTable *opts, const char *prefix);
bool node_has_prefix(GHashTable *opts, const char *prefix);
/* What of opts begins with prefix, without it. */
GHashTable *node_sub_options(GHashTable *opts, const char *prefix);
const struct node_driver *node_driver_must(const char *name, GError **error);
/* The driver's own and the common options, checked and plain; children left out. NULL with *error. */
GHashTable *node_own_options(const struct node_driver *driver, GHashTable *opts, GError **error);
bool node_check_at(GHashTable *opts, unsigned depth, GError **error);

#endif
