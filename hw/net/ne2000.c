/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/net/ne2000.h"

#include <string.h>

enum { DATA_PORT = 0x10, RESET_PORT = 0x18 };
#define WORD_BOARD 0x57

/* ---- what the chip reaches ---- */

static uint8_t *memory(void *opaque, uint16_t addr, size_t *len, bool for_write)
{
    struct ne2000 *n = opaque;
    uint32_t end;
    uint8_t *at = NULL;

    if (addr < NE2000_PROM_BYTES) {
        end = NE2000_PROM_BYTES;
        at = for_write ? NULL : n->prom + addr;
    } else if (addr < NE2000_RAM_AT) {
        end = NE2000_RAM_AT;
    } else if (addr < NE2000_RAM_AT + NE2000_RAM_BYTES) {
        end = NE2000_RAM_AT + NE2000_RAM_BYTES;
        at = n->ram + (addr - NE2000_RAM_AT);
    } else {
        end = 0x10000;
    }
    if (*len > end - addr)
        *len = end - addr;
    return at;
}

static enum net_result send_frame(void *opaque, const uint8_t *frame, size_t len)
{
    struct ne2000 *n = opaque;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)frame, .iov_len = len};

    return net_send(n->port, &iov, 1, NULL);
}

static void room(void *opaque)
{
    struct ne2000 *n = opaque;

    if (n->port)
        net_receive_ready(n->port);
}

static void patience(void *opaque, int64_t delay_ns)
{
    struct ne2000 *n = opaque;

    if (delay_ns < 0) {
        vtimer_cancel(&n->patience);
        n->patience_due_ns = 0;
        return;
    }
    n->patience_due_ns = vclock_now_ns(n->dev->env->clock) + delay_ns;
    vtimer_arm(&n->patience, n->patience_due_ns);
}

static void pin(void *opaque, bool level)
{
    struct ne2000 *n = opaque;

    n->pin(n->pin_opaque, level);
}

static void mistake(void *opaque, const char *what)
{
    struct ne2000 *n = opaque;

    device_guest_error(n->dev, "%s", what);
}

static void filter_changed(void *opaque)
{
    struct ne2000 *n = opaque;

    if (n->port)
        net_rx_filter_changed(n->port);
}

static const struct dp8390_port chip_port = {memory, send_frame, room, patience, pin, mistake, filter_changed};

/* ---- the wire ---- */

static bool receive(void *opaque, const uint8_t *frame, size_t len, const struct net_offload *off)
{
    struct ne2000 *n = opaque;

    (void)off; /* not asked for */
    return dp8390_receive(&n->chip, frame, len);
}

static void sent(void *opaque)
{
    struct ne2000 *n = opaque;

    dp8390_sent(&n->chip);
}

static void rx_filter(void *opaque, struct net_rx_filter *filter)
{
    const struct ne2000 *n = opaque;

    dp8390_rx_filter(&n->chip, filter);
}

static const struct netport_ops wire_ops = {.receive = receive, .sent = sent, .rx_filter = rx_filter};

void ne2000_attach(struct ne2000 *n, struct netport *port)
{
    n->port = port;
    if (port)
        netport_attach(port, &wire_ops, n, n->dev->lock, n->mac);
}

void ne2000_detach(struct ne2000 *n)
{
    if (n->port)
        netport_attach(n->port, NULL, NULL, NULL, n->mac);
}

static void patience_over(void *opaque)
{
    struct ne2000 *n = opaque;

    dp8390_patience_over(&n->chip);
}

/* ---- ports ---- */

static void update_posted_limit(struct ne2000 *n)
{
    __atomic_store_n(&n->ports.posted_limit, dp8390_posted_limit(&n->chip), __ATOMIC_RELEASE);
}

static uint64_t ports_read(void *chip, uint64_t off, unsigned size)
{
    struct ne2000 *n = chip;
    uint64_t value = 0;

    if (off >= RESET_PORT) {
        dp8390_hard_reset(&n->chip);
        value = 0xff;
    } else if (off >= DATA_PORT) {
        dp8390_data_read(&n->chip, size, &value, 1);
    } else {
        value = dp8390_read(&n->chip, (unsigned)off);
    }
    update_posted_limit(n);
    return value;
}

static void ports_write(void *chip, uint64_t off, unsigned size, uint64_t value)
{
    struct ne2000 *n = chip;

    if (off >= RESET_PORT)
        return;
    if (off >= DATA_PORT)
        dp8390_data_write(&n->chip, size, &value, 1);
    else
        dp8390_write(&n->chip, (unsigned)off, (uint8_t)value);
    update_posted_limit(n);
}

static uint32_t ports_read_string(void *chip, uint64_t off, unsigned size, void *buf, uint32_t count)
{
    struct ne2000 *n = chip;

    if (off < DATA_PORT || off >= RESET_PORT)
        return 0;
    dp8390_data_read(&n->chip, size, buf, count);
    update_posted_limit(n);
    return count;
}

static uint32_t ports_write_string(void *chip, uint64_t off, unsigned size, const void *buf, uint32_t count)
{
    struct ne2000 *n = chip;

    if (off < DATA_PORT || off >= RESET_PORT)
        return 0;
    dp8390_data_write(&n->chip, size, buf, count);
    update_posted_limit(n);
    return count;
}

static const uint8_t port_widths[NE2000_PORTS] = {
    [0 ... DATA_PORT - 1] = IO_W1,
    [DATA_PORT ... RESET_PORT - 1] = IO_W1 | IO_W2 | IO_W4,
    [RESET_PORT ... NE2000_PORTS - 1] = IO_W1,
};

/*
 * Counts and addresses of transmitter and remote DMA in page 0, parts of the station address and of the hash
 * filter in page 1, nothing of effect in the others. A frame that comes between such a write and the next
 * access sees the filter as it was.
 */
static const struct io_span posted[] = {{0x04, 3}, {0x08, 4}};
static const struct io_span counted[] = {{DATA_PORT, RESET_PORT - DATA_PORT}};

static const struct io_ops port_ops = {
    .read = ports_read,
    .write = ports_write,
    .read_string = ports_read_string,
    .write_string = ports_write_string,
    .widths_at = port_widths,
    .posted = posted,
    .posted_count = 2,
    .counted = counted,
    .counted_count = 1,
};

/* ---- life ---- */

static void fill_prom(struct ne2000 *n)
{
    uint8_t prom[NE2000_PROM_BYTES / 2] = {[14] = WORD_BOARD, [15] = WORD_BOARD};

    memcpy(prom, n->mac, sizeof(n->mac));
    for (unsigned i = 0; i < NE2000_PROM_BYTES; i++)
        n->prom[i] = prom[i / 2];
}

void ne2000_init(struct ne2000 *n, struct device *dev, enum dp8390_variant variant, const uint8_t mac[6],
                 void (*pin_fn)(void *opaque, bool level), void *pin_opaque)
{
    n->dev = dev;
    n->pin = pin_fn;
    n->pin_opaque = pin_opaque;
    n->chip.variant = variant;
    n->chip.port = &chip_port;
    n->chip.opaque = n;
    memcpy(n->mac, mac, sizeof(n->mac));
    fill_prom(n);
    vtimer_init(&n->patience, dev->env->clock, dev->lock, patience_over, n);
    n->ports = (struct io_region){.name = dev->id, .space = IO_PORT, .size = NE2000_PORTS, .ops = &port_ops,
                                  .chip = n, .lock = dev->lock};
}

void ne2000_cancel(struct ne2000 *n) { vtimer_cancel(&n->patience); }

void ne2000_reset(struct ne2000 *n)
{
    dp8390_reset(&n->chip);
    update_posted_limit(n);
}

const char *ne2000_post_load(struct ne2000 *n)
{
    const char *why = dp8390_post_load(&n->chip);

    vtimer_cancel(&n->patience);
    if (!why && n->chip.rx_state == DP8390_RX_FULL)
        vtimer_arm(&n->patience, n->patience_due_ns);
    update_posted_limit(n);
    return why;
}
