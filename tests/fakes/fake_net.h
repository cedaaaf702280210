/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network port for device tests: a wire that the test plays. Keeps what the card sent. */
#ifndef TESTS_FAKES_FAKE_NET_H
#define TESTS_FAKES_FAKE_NET_H

#include "net/net.h"

#define FAKE_NET_FRAMES 1024

struct fake_frame {
    uint8_t *data;
    size_t len;
    struct net_offload off; /* zero if none was said */
};

struct netport *fake_net_new(void);
void fake_net_free(struct netport *port);

/* What the card sent, oldest first, until fake_net_clear(). */
unsigned fake_net_sent(const struct netport *port);
const struct fake_frame *fake_net_frame(const struct netport *port, unsigned n);
void fake_net_clear(struct netport *port);
/* From now on net_send() takes so many frames, then says NET_BUSY; growing from 0 calls sent(). */
void fake_net_set_room(struct netport *port, unsigned frames);
/* Offers a frame to the card, as the main loop does; what receive() said, false if nobody is there. */
bool fake_net_feed(struct netport *port, const void *frame, size_t len);
bool fake_net_feed_offload(struct netport *port, const void *frame, size_t len, const struct net_offload *off);
/* Delivers what net_loop() queued; how many were taken. A card that refuses one keeps it queued. */
unsigned fake_net_run_loop(struct netport *port);
void fake_net_set_link(struct netport *port, bool up); /* tells the card */
unsigned fake_net_ready_calls(const struct netport *port); /* of net_receive_ready() */
const uint8_t *fake_net_mac(const struct netport *port);
bool fake_net_attached(const struct netport *port);
void fake_net_rx_filter(struct netport *port, struct net_rx_filter *filter);

#endif
