/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network port: what a card sees of its wire. One struct netport is one queue pair; all cards but
 * a virtio-net with several have one. A wire never blocks its user and never buffers without limit.
 *
 * Threads: net_send() and net_receive_ready() from any thread that holds the card's lock; the calls of
 * netport_ops come on the main loop's thread with that lock held, and never from inside a call of the card
 * (so transmit and receive cannot nest: HAZARDS N-30).
 *
 *   guest -> card --net_send()--> wire             NET_BUSY: later sent() says that there is room again
 *   wire  -> receive() --> card -> guest           false: held by the wire until net_receive_ready()
 *   card  --net_loop()--> queue -> receive() of the same card (loopback modes)
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * The largest frame that enters anywhere, segmentation offload included: a header and 64 KiB of IP.
 * What is longer is dropped and counted where it enters (HAZARDS N-04).
 */
#define NET_MAX_FRAME_BYTES (65536 + 128)
#define NET_MAX_IOV 64 /* net_send() and net_loop() take at most this many pieces */

struct netport;
struct iolock;

enum net_gso { NET_GSO_NONE, NET_GSO_TCPV4, NET_GSO_TCPV6, NET_GSO_UDP };

/*
 * Work on a frame that its sender leaves to others, as virtio 1.2 section 5.1.6 has it. All offsets are
 * from the frame's start. net_send() checks them against the frame (EINVAL-like: the frame is dropped,
 * NET_DROPPED), so a card may pass on what the guest said. What the wire cannot do itself is done in software
 * before the frame goes on; so a card need not ask what the wire can do.
 */
struct net_offload {
    bool csum;             /* the sum from csum_start to the end is to be stored at csum_start + csum_offset */
    bool csum_valid;       /* received frames: its checksums have been found right */
    uint16_t csum_start, csum_offset;
    enum net_gso gso;      /* the frame is to be cut; needs csum */
    bool gso_ecn;
    uint16_t gso_bytes;    /* payload of each piece; > 0 if gso */
    uint16_t header_bytes; /* of Ethernet, IP and TCP/UDP together; 0: to be found from csum_start */
};

struct net_rx_filter { /* what query-rx-filter tells of a card */
    bool promiscuous, broadcast_allowed;
    enum { NET_RX_NONE, NET_RX_NORMAL, NET_RX_ALL } unicast, multicast, vlan;
    bool unicast_overflow, multicast_overflow;
    uint8_t mac[6];
    uint8_t unicast_table[64][6], multicast_table[64][6];
    unsigned unicast_count, multicast_count;
};

struct netport_ops {
    /*
     * A frame without its FCS, whole, len <= NET_MAX_FRAME_BYTES (0 and short ones occur: a peer sends what it
     * likes). `off`: NULL, or what is left undone; only if the card asked by net_accept_offload(). True: the
     * card has taken or dropped it; false: the card has no room, and the frame is kept and offered again after
     * net_receive_ready(). The memory is the wire's, valid during the call.
     */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off);
    void (*sent)(void *opaque);                   /* optional: room again after NET_BUSY */
    void (*link_changed)(void *opaque, bool up);  /* optional: the cable, by set_link or by the wire */
    void (*rx_filter)(void *opaque, struct net_rx_filter *filter); /* optional */
};

/*
 * Connects the card; a port has one. ops NULL disconnects. `mac` is what the card answers to, for help texts
 * and DHCP; copied. Main loop's thread, lock not held. Frames follow from the main loop only.
 */
void netport_attach(struct netport *port, const struct netport_ops *ops, void *opaque, struct iolock *lock,
                    const uint8_t mac[6]);

enum net_result {
    NET_SENT,    /* copied or with the host; the caller's memory is free */
    NET_BUSY,    /* the wire is full: offer the frame again after sent(), or drop it */
    NET_DROPPED, /* link down, no cable, too long, bad offload: counted */
};

/* A frame without its FCS (a short one is not padded by the wire). off may be NULL. port NULL: no cable. */
enum net_result net_send(struct netport *port, const struct iovec *iov, int iovcnt, const struct net_offload *off);
/*
 * A card that sends several frames in a row says so: between the two, wires may gather what net_send() has taken, and
 * hand it to the host at once. The card's lock is held from one to the other; net_send_end() always follows. port
 * NULL: nothing.
 */
void net_send_begin(struct netport *port);
void net_send_end(struct netport *port);
/* Comes back by receive() of the same card, from the main loop. NET_BUSY is never said: full drops. */
enum net_result net_loop(struct netport *port, const struct iovec *iov, int iovcnt);
void net_receive_ready(struct netport *port); /* receive() may take frames again; cheap if none waits */
/*
 * The card takes received frames with work left undone: csum (and then csum_valid), large frames of TCP. At
 * first neither. A wire that has no such frames ignores it.
 */
void net_accept_offload(struct netport *port, bool csum, bool tso4, bool tso6, bool ecn);
/* What rx_filter() would tell is something else now; cheap if nobody has asked since the last time. */
void net_rx_filter_changed(struct netport *port);
bool net_link_up(const struct netport *port); /* port NULL: false */

/* A back end with several queue pairs: how many, and the others' ports. port NULL: 1. */
unsigned net_queues(const struct netport *port);
struct netport *net_queue(struct netport *port, unsigned n);
/*
 * The guest serves the first `count` of them (1 at first); the wire brings nothing to the others. The card's lock is
 * held; any port of the wire.
 */
void net_use_queues(struct netport *port, unsigned count);

#endif
