/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transmit ring and its descriptors (317453, 3.3 and 3.4). Descriptors are copied once, a batch at a time, and
 * written back a batch at a time. One entry does a bounded amount of work; a timer goes on with the rest, so that
 * no guest holds its own vCPU or the main loop here.
 */
#include "hw/net/e1000_int.h"

#include <string.h>

#define BATCH      64          /* descriptors */
#define RUN_BYTES  (1u << 20)  /* of packets, per entry */
#define RUN_FRAMES 256u        /* segments, per entry */
#define MORE_NS    10000       /* until it goes on; others get their turn on that thread */
#define LOW_SHIFT  25          /* TXDCTL.LWTHRESH, in eights of descriptors */

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

/* False: the transmitter is off, or the ring is not one. */
static bool get_ring(const struct e1000 *c, struct e1000_ring *r)
{
    return e1000_ring_get(c, E1000_TDBAL, r) && c->reg[E1000_TCTL] & TCTL_EN;
}

/* ---- one descriptor ---- */

static void skip_packet(struct e1000 *c, const char *why)
{
    device_guest_error(&c->pci.dev, "a packet is not sent: %s", why);
    c->tx.state = TX_SKIP;
}

static void add_data(struct e1000 *c, uint64_t address, uint32_t len)
{
    struct e1000_tx *tx = &c->tx;

    if (tx->state != TX_GATHER || !len)
        return;
    if (len > sizeof(tx->data) - tx->bytes)
        skip_packet(c, "longer than 64 KiB");
    else if (!dma_read(&c->pci.dma, address, tx->data + tx->bytes, len))
        skip_packet(c, "its data is not in memory");
    else
        tx->bytes += len;
}

static void take_context(struct e1000 *c, const uint8_t *raw)
{
    bool segmentation = raw[11] & TX_TSE;

    memcpy(c->tx.context[segmentation], raw, DESC_BYTES);
    if (segmentation)
        e1000_count(c, E1000_TSCTC, 1);
}

/* The first descriptor says what kind of packet it is; its context is copied, whatever comes later. */
static void begin_packet(struct e1000 *c, const uint8_t *raw, bool extended)
{
    struct e1000_tx *tx = &c->tx;

    tx->state = TX_GATHER;
    tx->bytes = 0;
    tx->extended = extended;
    tx->popts = extended ? raw[13] : 0;
    tx->cut = extended && raw[11] & TX_TSE;
    memcpy(tx->used, tx->context[tx->cut], DESC_BYTES);
}

static void end_packet(struct e1000 *c, const uint8_t *raw, struct e1000_tx_run *run)
{
    struct e1000_tx *tx = &c->tx;
    bool sound = tx->state == TX_GATHER && tx->bytes;

    tx->command = raw[11];
    tx->cso = raw[10];
    tx->css = raw[13];
    tx->special = (uint16_t)(raw[14] | raw[15] << 8);
    run->bytes += tx->bytes;
    tx->state = TX_IDLE;
    if (!sound)
        return;
    e1000_tx_finish(c);
    if (tx->state == TX_SENDING && e1000_tx_send(c, run))
        tx->state = TX_IDLE;
}

/* Takes the descriptor's part of a packet; true if it is to be written back, then with DD. */
static bool take_descriptor(struct e1000 *c, uint8_t *raw, struct e1000_tx_run *run)
{
    uint8_t command = raw[11];
    bool extended = command & TX_DEXT;
    uint64_t address;

    if (extended && raw[10] >> 4 == DTYP_CONTEXT) {
        take_context(c, raw);
    } else {
        memcpy(&address, raw, 8);
        if (c->tx.state == TX_IDLE)
            begin_packet(c, raw, extended);
        add_data(c, address, get32(raw + 8) & (extended ? 0xfffff : 0xffff));
        if (command & TX_EOP)
            end_packet(c, raw, run);
    }
    if (!(command & (TX_RS | TX_RPS)))
        return false;
    raw[12] |= TX_STATUS_DD;
    if (command & TX_IDE)
        run->delayed = true;
    else
        run->causes |= INT_TXDW;
    return true;
}

/* ---- batches ---- */

static void advance(struct e1000 *c, const struct e1000_ring *r, uint32_t count, struct e1000_tx_run *run)
{
    uint32_t low = (c->reg[E1000_TXDCTL] >> LOW_SHIFT) * 8;
    uint32_t before = e1000_ring_used(r), left = before - count;

    c->reg[E1000_TDH] = (r->head + count) % r->size;
    if (low && before > low && left <= low)
        run->causes |= INT_TXD_LOW;
    if (!left)
        run->causes |= INT_TXQE;
}

/* What lies between two descriptors that ask for it is written as it was. */
static void write_back(struct e1000 *c, const struct e1000_ring *r, uint8_t (*raw)[DESC_BYTES], uint32_t first,
                       uint32_t last)
{
    if (!dma_write(&c->pci.dma, r->base + (uint64_t)(r->head + first) * DESC_BYTES, raw[first],
                   (size_t)(last - first + 1) * DESC_BYTES))
        device_guest_error(&c->pci.dev, "transmit descriptors are not in writable memory");
}

/* Descriptors up to the ring's end, the tail, or a packet that the wire does not take. False: no more now. */
static bool run_batch(struct e1000 *c, struct e1000_tx_run *run)
{
    uint8_t raw[BATCH][DESC_BYTES];
    struct e1000_ring r;
    uint32_t count, done = 0, first = BATCH, last = 0;

    if (!get_ring(c, &r) || r.head == r.tail)
        return false;
    count = (r.tail > r.head ? r.tail : r.size) - r.head;
    if (count > BATCH)
        count = BATCH;
    if (count > run->descs)
        count = run->descs;
    if (!dma_read(&c->pci.dma, r.base + (uint64_t)r.head * DESC_BYTES, raw, count * DESC_BYTES)) {
        device_guest_error(&c->pci.dev, "the transmit ring is not in memory");
        return false;
    }
    while (done < count && c->tx.state != TX_SENDING && run->bytes < RUN_BYTES) {
        if (take_descriptor(c, raw[done], run)) {
            first = first < done ? first : done;
            last = done;
        }
        done++;
    }
    if (first < BATCH)
        write_back(c, &r, raw, first, last);
    run->descs -= done;
    advance(c, &r, done, run);
    return c->tx.state != TX_SENDING && run->descs && run->bytes < RUN_BYTES;
}

/* ---- runs ---- */

static bool work_left(const struct e1000 *c, const struct e1000_tx_run *run)
{
    struct e1000_ring r;

    if (c->tx.state == TX_SENDING)
        return !run->frames; /* else the wire is full, and calls */
    return (!run->descs || run->bytes >= RUN_BYTES) && get_ring(c, &r) && r.head != r.tail;
}

static void tell(struct e1000 *c, const struct e1000_tx_run *run)
{
    if (run->causes)
        e1000_raise(c, run->causes);
    if (run->delayed && !(run->causes & INT_TXDW))
        e1000_raise_delayed(c, &c->tx_delay, INT_TXDW, c->reg[E1000_TIDV], c->reg[E1000_TADV]);
}

static void run_transmitter(struct e1000 *c)
{
    struct e1000_tx_run run = {.frames = RUN_FRAMES};
    struct e1000_ring r;

    if (!get_ring(c, &r) && c->tx.state != TX_SENDING)
        return;
    run.descs = r.size;
    net_send_begin(c->port);
    if (c->tx.state == TX_SENDING && e1000_tx_send(c, &run))
        c->tx.state = TX_IDLE;
    if (c->tx.state != TX_SENDING) {
        while (run_batch(c, &run))
            ;
    }
    net_send_end(c->port);
    if (work_left(c, &run)) {
        c->tx.more_ns = vclock_now_ns(c->pci.dev.env->clock) + MORE_NS;
        vtimer_arm(&c->more_timer, c->tx.more_ns);
    }
    tell(c, &run);
}

void e1000_tx_more(void *opaque)
{
    struct e1000 *c = opaque;

    c->tx.more_ns = -1;
    run_transmitter(c);
}

void e1000_tx_room(struct e1000 *c)
{
    if (c->tx.state == TX_SENDING && c->tx.more_ns < 0)
        run_transmitter(c);
}

E1000_SET(set_tdt)
{
    e1000_store(c, row, place, value);
    if (c->tx.state != TX_SENDING && c->tx.more_ns < 0)
        run_transmitter(c);
}

E1000_SET(set_tctl)
{
    bool was = c->reg[place] & TCTL_EN;

    e1000_store(c, row, place, value);
    if (!was && c->reg[place] & TCTL_EN && c->tx.state != TX_SENDING && c->tx.more_ns < 0)
        run_transmitter(c);
    if (value & TCTL_SWXOFF)
        e1000_count(c, E1000_XOFFTXC, 1); /* nobody at the other end to be stopped */
}

/* ---- life ---- */

void e1000_tx_reset(struct e1000 *c)
{
    struct e1000_tx *tx = &c->tx;

    tx->state = TX_IDLE;
    tx->more_ns = -1;
    tx->bytes = tx->seg_at = tx->segments = 0;
    memset(tx->context, 0, sizeof(tx->context));
    vtimer_cancel(&c->more_timer);
}

const char *e1000_tx_check(const struct e1000 *c)
{
    const struct e1000_tx *tx = &c->tx;

    if (tx->state == TX_SENDING && !tx->bytes)
        return "transmitter: sends a packet without data";
    if (tx->state == TX_SENDING && tx->cut && (!e1000_tso_possible(c) || tx->seg_at > tx->bytes))
        return "transmitter: sends segments of a packet that has none";
    return NULL;
}
