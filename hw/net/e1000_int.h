/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the 82540EM; nobody else. All functions are called with the card's lock held. */
#ifndef HW_NET_E1000_INT_H
#define HW_NET_E1000_INT_H

#include "hw/net/e1000.h"
#include "hw/net/e1000_regs.h"
#include "hw/net/ether.h"
#include "hw/net/m88e1011.h"
#include "hw/net/microwire.h"

#define E1000_MAX_FRAME    16384 /* with FCS: the longest that LPE lets in, and that is sent unsegmented */
#define E1000_RX_CACHE     96u   /* receive descriptors fetched ahead; the longest frame takes 65 of 256 bytes */
#define E1000_HEADER_BYTES 256   /* of a segment: HDRLEN is a byte, and a VLAN tag is inserted behind that */

/* A number of interrupts put off: `due` moves with each event, but not past `limit`. */
struct e1000_delay {
    struct vtimer timer;
    int64_t due_ns, limit_ns; /* -1: none */
};

/*
 * The transmitter. A packet is gathered from its descriptors into data[], then sent as it is or in segments.
 *
 *   IDLE --first descriptor--> GATHER --EOP--> SENDING --all taken by the wire--> IDLE
 *                                 '--cannot be sent--> SKIP --EOP--> IDLE
 */
enum e1000_tx_state { TX_IDLE, TX_GATHER, TX_SKIP, TX_SENDING };

struct e1000_tx {
    uint8_t state;   /* enum e1000_tx_state */
    int64_t more_ns; /* there is work, with which more_timer goes on then; -1: none */
    bool extended;   /* the packet's descriptors are data descriptors */
    bool cut;        /* SENDING: segment by segment, from seg_at on */
    uint8_t command, popts, css, cso; /* DCMD of the last descriptor, POPTS of the first, legacy checksum places */
    uint16_t special;                 /* VLAN tag of the last descriptor */
    uint32_t bytes;                   /* gathered */
    uint32_t seg_at, segments;        /* payload bytes and segments that have been sent */
    /* SENDING uncut: what is left to the wire, as struct net_offload has it */
    bool off_csum;
    uint8_t off_gso;
    uint16_t off_start, off_offset, off_gso_bytes, off_header;
    uint8_t context[2][DESC_BYTES]; /* the last context descriptors without and with TSE (3.3.6) */
    uint8_t used[DESC_BYTES];       /* the one that this packet uses */
    uint8_t data[NET_MAX_FRAME_BYTES];
};

struct e1000 {
    struct pci_device pci; /* first */
    struct io_region mmio, io;
    struct netport *port;
    uint8_t mac[6];
    uint32_t reg[E1000_WORDS];
    uint32_t ioaddr;
    struct microwire eeprom;
    struct phy phy;
    int64_t phy_due_ns; /* when negotiation ends; -1: none under way */
    struct vtimer phy_timer;
    /* interrupts */
    int64_t irq_allowed_ns; /* ITR: not before this */
    struct vtimer irq_timer;
    struct e1000_delay rx_delay, tx_delay;
    /* transmit */
    struct e1000_tx tx;
    struct vtimer more_timer;
    /* receive: descriptors from RDH on, fetched and not used yet */
    uint8_t rx_cache[E1000_RX_CACHE][DESC_BYTES];
    uint8_t rx_first, rx_cached; /* the one for RDH, and how many */
    uint8_t rx_frame[E1000_MAX_FRAME]; /* a copy of a frame that cannot be used where it is; no state */
    uint8_t row_at[E1000_DECODE_BYTES / 4]; /* decoding: 1 + row of the register table, 0: none */
};

static inline uint64_t e1000_pair(const struct e1000 *c, unsigned low)
{
    return (uint64_t)c->reg[low + 1] << 32 | c->reg[low];
}

struct e1000_ring {
    uint64_t base;
    uint32_t size, head, tail; /* descriptors */
};

/* low: E1000_RDBAL or E1000_TDBAL, which four more follow. False: it is not a ring. */
static inline bool e1000_ring_get(const struct e1000 *c, unsigned low, struct e1000_ring *r)
{
    const uint32_t *reg = &c->reg[low];

    r->base = e1000_pair(c, low) & ~(uint64_t)15;
    r->size = (reg[2] & 0xfff80) / DESC_BYTES;
    r->head = reg[3];
    r->tail = reg[4];
    return r->head < r->size && r->tail < r->size;
}

/* From the head to the tail: what the card may use. */
static inline uint32_t e1000_ring_used(const struct e1000_ring *r)
{
    return (r->tail + r->size - r->head) % r->size;
}

/* ---- e1000_regs.c ---- */
struct e1000_row {
    const char *name;
    uint32_t off, words, place, reset, writable;
    uint32_t (*read)(struct e1000 *c, unsigned place);
    void (*write)(struct e1000 *c, const struct e1000_row *row, unsigned place, uint32_t value);
};
#define E1000_POSTED 4
extern const struct io_span e1000_posted[E1000_POSTED];
const struct e1000_row *e1000_rows(unsigned *count);
void e1000_init_decode(struct e1000 *c);
/* off: a multiple of 4, below E1000_MMIO_BYTES. What is not there reads as 0 and takes no write. */
uint32_t e1000_reg_read(struct e1000 *c, uint32_t off);
void e1000_reg_write(struct e1000 *c, uint32_t off, uint32_t value);

/* A register's functions; place: in e1000.reg[]; value: as written, not masked. */
#define E1000_GET(name) uint32_t e1000_##name(struct e1000 *c, unsigned place)
#define E1000_SET(name)                                                                            \
    void e1000_##name(struct e1000 *c, const struct e1000_row *row, unsigned place, uint32_t value)
/* Stores the writable bits. */
static inline void e1000_store(struct e1000 *c, const struct e1000_row *row, unsigned place, uint32_t value)
{
    c->reg[place] = (c->reg[place] & ~row->writable) | (value & row->writable);
}

/* ---- e1000_general.c: control, status, EEPROM, PHY ---- */
E1000_GET(get_status);
E1000_GET(get_eecd);
E1000_SET(set_ctrl);
E1000_SET(set_ctrl_ext);
E1000_SET(set_eecd);
E1000_SET(set_eerd);
E1000_SET(set_mdic);
E1000_SET(set_pba);
void e1000_fill_eeprom(struct e1000 *c);
void e1000_load_address(struct e1000 *c); /* from the EEPROM into the first receive address */
void e1000_phy_changed(struct e1000 *c, bool link_was_up); /* after each call into the PHY */
void e1000_phy_timer(void *opaque);

/* ---- e1000_irq.c ---- */
E1000_GET(get_icr);
E1000_SET(set_icr);
E1000_SET(set_itr);
E1000_SET(set_ics);
E1000_SET(set_ims);
E1000_SET(set_imc);
E1000_SET(set_rdtr);
E1000_SET(set_tidv);
void e1000_raise(struct e1000 *c, uint32_t causes);
void e1000_raise_delayed(struct e1000 *c, struct e1000_delay *d, uint32_t cause, uint32_t delay, uint32_t limit);
void e1000_irq_init(struct e1000 *c);
void e1000_irq_reset(struct e1000 *c);
void e1000_irq_load(struct e1000 *c); /* timers and pin from the fields */
void e1000_irq_fini(struct e1000 *c);

/* ---- e1000_stats.c ---- */
E1000_GET(counter);
E1000_GET(counter_pair);
void e1000_count(struct e1000 *c, unsigned counter, uint32_t n);
void e1000_count_pair(struct e1000 *c, unsigned low, uint64_t n);
void e1000_count_sent(struct e1000 *c, const uint8_t *frame, size_t bytes, unsigned frames, size_t largest);
void e1000_count_received(struct e1000 *c, const uint8_t *frame, size_t bytes);

/* ---- e1000_tx.c, e1000_tx_packet.c, e1000_tx_segment.c ---- */
struct e1000_tx_run { /* one entry into the transmitter: what it may still do, and what it has to tell */
    unsigned descs, frames;
    size_t bytes;
    uint32_t causes;
    bool delayed; /* TXDW by a descriptor with IDE */
};
E1000_SET(set_tctl);
E1000_SET(set_tdt);
void e1000_tx_more(void *opaque); /* timer */
void e1000_tx_room(struct e1000 *c); /* the wire's sent() */
void e1000_tx_reset(struct e1000 *c);
const char *e1000_tx_check(const struct e1000 *c);
bool e1000_loopback(const struct e1000 *c);
/* The packet has all its data: chooses how it is sent. Afterwards SENDING, or IDLE if it cannot be sent. */
void e1000_tx_finish(struct e1000 *c);
/* SENDING: true when all of it has been taken; false: the wire is full, or the run's budget is spent. */
bool e1000_tx_send(struct e1000 *c, struct e1000_tx_run *run);
/* One frame to the wire or back. tag: a VLAN tag is inserted. */
enum net_result e1000_tx_put(struct e1000 *c, struct iovec *iov, int iovcnt, const struct net_offload *off, bool tag);
bool e1000_tx_tagged(const struct e1000 *c);
/* The packet is one that segmentation is asked for, as its context says and its data bears out. */
bool e1000_tso_possible(const struct e1000 *c);
/* Such a packet is plain TCP over IP: made ready to be cut by others; else it is cut here. */
bool e1000_tso_hand_over(struct e1000 *c);
bool e1000_tso_send(struct e1000 *c, struct e1000_tx_run *run);

struct e1000_context { /* 3.3.6, decoded */
    unsigned ipcss, ipcso, ipcse, tucss, tucso, tucse, tucmd, hdrlen, mss;
};
struct e1000_context e1000_context(const struct e1000 *c);

/* ---- e1000_rx.c, e1000_rx_filter.c, e1000_rx_csum.c ---- */
E1000_SET(set_rctl);
E1000_SET(set_rx_ring);
E1000_SET(set_rdt);
E1000_SET(set_ra);
E1000_SET(set_filter);
bool e1000_receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off);
void e1000_rx_reset(struct e1000 *c);
void e1000_rx_filter(void *opaque, struct net_rx_filter *filter);

enum e1000_match { MATCH_NONE, MATCH_EXACT, MATCH_HASH };
enum e1000_match e1000_rx_match(const struct e1000 *c, const uint8_t *frame, size_t len);
static inline bool e1000_is_tagged(const struct e1000 *c, const uint8_t *frame, size_t len)
{
    return len >= ETHER_HEADER_BYTES + ETHER_TAG_BYTES && ether_get16(frame + ETHER_TAG_AT) == c->reg[E1000_VET];
}
/* Status and error bits of the receive descriptor for the frame's checksums; `known`: found right already. */
void e1000_rx_check(const struct e1000 *c, const uint8_t *frame, size_t len, bool known, uint8_t *status,
                    uint8_t *errors);

#endif
