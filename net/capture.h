/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A copy of what passes a wire, in a pcap file (draft-ietf-opsawg-pcap). Frames are put into a bounded buffer
 * by any thread and written by the main loop; what does not fit is counted and left out.
 */
#ifndef NET_CAPTURE_H
#define NET_CAPTURE_H

#include <glib.h>
#include <sys/uio.h>

#include "net/netdev.h"

struct net_capture;

/* NULL with error. name: for messages. A FIFO may be given: frames are dropped while its reader sleeps. */
struct net_capture *net_capture_open(const char *name, const struct netdev_capture_options *options, GError **error);
void net_capture_close(struct net_capture *c); /* writes what is there */
struct net_capture *net_capture_next(const struct net_capture *c);
void net_capture_chain(struct net_capture *c, struct net_capture *next);
/* Any thread; len: of all pieces together. */
void net_capture_frame(struct net_capture *c, bool to_guest, const struct iovec *iov, int iovcnt, size_t len);
uint64_t net_capture_dropped(struct net_capture *c);
void net_capture_flush(struct net_capture *c); /* main loop */

#endif
