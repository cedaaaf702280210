/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BLOCK_NBD_OPTIONS_H
#define BLOCK_NBD_OPTIONS_H

#include "block/nbd_conn.h"
#include "block/node.h"

extern const struct node_option nbd_options[];

/* Where the server is, from checked options; nbd_target_free() it. NULL with a one-line *error. */
struct nbd_target *nbd_target_new(const struct node_args *args, GError **error);

#endif
