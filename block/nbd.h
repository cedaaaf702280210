/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network block devices: node driver "nbd", through libnbd. Source: the NBD protocol document of the
 * NetworkBlockDevice project (proto.md), its URI document (uri.md), QMP's BlockdevOptionsNbd.
 *
 *   nbd.c        the driver: operations, alignment, splitting
 *   nbd_options.c where the server is and how to talk to it
 *   nbd_link.c   one server: its I/O thread, requests under way, what happens when it is lost
 *   nbd_conn.c   one connection: the only file but nbd_link.c that calls libnbd
 *   nbd_name.c   file names (also without libnbd)
 */
#ifndef BLOCK_NBD_H
#define BLOCK_NBD_H

#include <glib.h>
#include <stdbool.h>

/* True if nbd_parse_filename() is the one to be asked: "nbd:", "nbd://", "nbd+unix:", "nbds:" ... */
bool nbd_is_filename(const char *filename);

/*
 * Takes a file name apart and adds "driver" and nbd's options to opts (char * -> char *, which it
 * owns), each key with `prefix` ("file.", or "") before it. The forms:
 *
 *   nbd:unix:PATH[:exportname=NAME]       nbd:HOST:PORT[:exportname=NAME]
 *   nbd://[HOST][:PORT][/EXPORT]          nbd+tcp: the same; nbds: with TLS
 *   nbd+unix:///[EXPORT]?socket=PATH      nbds+unix: with TLS
 *
 * HOST may be [an IPv6 address]; EXPORT and PATH of the URIs are percent-decoded. False with a
 * one-line *error, and nothing added, for anything else, and for an option that is there already.
 */
bool nbd_parse_filename(const char *filename, const char *prefix, GHashTable *opts, GError **error);

#ifdef CONFIG_NBD
extern const struct node_driver nbd_driver;
#endif

#endif
