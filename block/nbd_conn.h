/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection to an NBD server. All calls on the thread of its link (nbd_link.h). */
#ifndef BLOCK_NBD_CONN_H
#define BLOCK_NBD_CONN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "block/nbd_lib.h"
#include "block/tlscreds.h"

enum nbd_transport { NBD_UNIX, NBD_INET, NBD_FD };

/* Where the server is and how to talk to it. */
struct nbd_target {
    enum nbd_transport transport;
    char *path;        /* unix */
    char *host, *port; /* inet; a host name is looked up anew for each connection */
    int fd;            /* a connected socket: good for one connection; owned, -1: used */
    bool keep_alive;   /* inet: SO_KEEPALIVE */
    char *export;
    bool tls;
    struct tls_creds *creds; /* NULL with tls: the host's authorities */
    char *shown;             /* as a URI, for messages */
};

void nbd_target_free(struct nbd_target *target);

/* What the server says of the export. */
struct nbd_export {
    uint64_t bytes;
    bool readonly;
    bool flush, fua, trim, zero; /* it has them */
    bool extents;                /* it tells what is allocated ("base:allocation") */
    uint32_t min_block;          /* of offsets and lengths; a power of two, 1 to 64 KiB */
    uint32_t max_payload;        /* bytes of one read or write; a multiple of min_block */
};

/*
 * Connects and negotiates, until deadline_ms (CLOCK_MONOTONIC; looking up a host name may take
 * longer) or until *stop (atomic) is set; wake_fd, an eventfd, ends waiting early. NULL with *why,
 * one line, g_free() it.
 */
struct nbd_handle *nbd_conn_open(const struct nbd_target *target, int wake_fd, const int *stop,
                                 int64_t deadline_ms, struct nbd_export *export, char **why);

/*
 * Waits for the server or wake_fd, at most timeout_ms (-1: for ever), and does what there is to do;
 * commands' callbacks are called inside. False: the connection is lost, *why as above.
 */
bool nbd_conn_turn(struct nbd_handle *h, int wake_fd, int timeout_ms, char **why);

/* Takes leave of the server if the connection is good, within timeout_ms. No command under way. */
void nbd_conn_bye(struct nbd_handle *h, int wake_fd, int timeout_ms);

bool nbd_conn_has_tls(void); /* main loop's thread */
int64_t nbd_now_ms(void);

#endif
