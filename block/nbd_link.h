/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The link to one NBD server: a thread that has the connection to itself, and requests of many
 * worker threads under way on it at once.
 *
 *   OPENING --> READY <--> LOST        READY: requests are sent
 *      |          |         |          LOST: the thread tries to connect again, until it is closed;
 *      |          |         +--> BROKEN  requests wait for it, each at most reconnect-delay in all
 *      +----------+---------+----+---> CLOSED          BROKEN: another export answered: EIO for good
 *
 * When a connection is lost, what was under way is sent again on the next one: reads, writes,
 * zeroes and trims can be done twice. What was acknowledged but not flushed may be gone, if the
 * server crashed; a client cannot tell. QEMU goes on as if nothing had been. Here nbd_link_do() of
 * each flush fails from then on (EIO), so that whoever was told "flushed" can rely on it; with the
 * write cache off (cache=writethrough) nothing is ever acknowledged too early, and a lost connection
 * is no more than a pause.
 *
 * What no client can exclude: a server that was cut off, not stopped, may still carry out a write of
 * the old connection after the new one has overwritten it.
 *
 * Messages to the operator (stderr): one when the server is lost, one when it is back.
 */
#ifndef BLOCK_NBD_LINK_H
#define BLOCK_NBD_LINK_H

#include <pthread.h>
#include <sys/queue.h>

#include "block/nbd_conn.h"

enum nbd_op { NBD_READ, NBD_WRITE, NBD_FLUSH, NBD_TRIM, NBD_ZERO, NBD_STATUS, NBD_OPS };

/*
 * One command. off and bytes are multiples of the export's min_block, within it; bytes at most
 * max_payload for read and write, at most NBD_RANGE_BYTES for the others, never 0 but for flush.
 */
struct nbd_request {
    enum nbd_op op;
    uint64_t off, bytes;
    void *buf;    /* read, write */
    bool stable;  /* write: FUA; only if the export has it */
    bool no_hole; /* zero: keep the space */
    bool zero;    /* status: out */
    uint64_t run; /* status: out, 1 to bytes */

    /* The link's: */
    struct nbd_link *link;
    enum { NBD_REQ_NEW, NBD_REQ_QUEUED, NBD_REQ_SENT, NBD_REQ_DONE } state;
    int err;
    int64_t deadline_ms; /* it waits for a server until then; 0: it has not had to */
    uint64_t seen;       /* read: bytes that came */
    uint64_t covers;     /* flush: writes acknowledged before it was sent */
    pthread_cond_t changed;
    TAILQ_ENTRY(nbd_request) entry;
};

#define NBD_RANGE_BYTES (1u << 30)

/*
 * Connects; the target is taken, whatever comes. Waits for timeout_ms at most; again: tries again
 * until then if a try fails. NULL with a one-line *error. *export: what the server said.
 */
struct nbd_link *nbd_link_open(struct nbd_target *target, unsigned reconnect_delay_s,
                               int64_t timeout_ms, bool again, struct nbd_export *export,
                               GError **error);

/* Carries out one request, and waits. 0 or a positive errno. Any thread. */
int nbd_link_do(struct nbd_link *link, struct nbd_request *req);

/* Nothing is under way. Waits for a short time only; a thread that hangs ends on its own, later. */
void nbd_link_close(struct nbd_link *link);

#endif
