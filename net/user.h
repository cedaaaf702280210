/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user network: a TCP/IP stack in this process (libslirp) that needs no rights. */
#ifndef NET_USER_H
#define NET_USER_H

#include "net/core.h"
#include "net/slirp_lib.h"

struct user_forward;

struct user {
    struct netport port;
    Slirp *slirp;       /* NULL: not made yet */
    GSource *source;
    GArray *fds;        /* GPollFD: what slirp waits for */
    GArray *wanted;     /* the same, being collected */
    gint64 deadline_us; /* of slirp's own timeouts */
    GSList *timers;     /* struct user_timer */
    GPtrArray *forwards; /* struct user_forward *, to character back ends */

    pthread_mutex_t lock; /* guards: */
    struct net_queue out; /* from the card, for the main loop */
};

/* user_options.c: fills what slirp_new() takes; memory that it points at is kept in `keep`. False with error. */
bool user_read_config(struct netdev *dev, GHashTable *opts, SlirpConfig *config, GPtrArray *keep, GError **error);
extern const struct netdev_option user_options[];

/* user_forward.c: hostfwd= and guestfwd=, a line each. False with error. */
bool user_add_forwards(struct user *u, GHashTable *opts, GError **error);
void user_free_forward(void *opaque);
void user_accept_forwards(struct user *u); /* the guest may have taken what came before */

extern const struct netdev_driver netdev_user;

#endif
