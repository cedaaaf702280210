/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board that all NE2000 cards are: a DP8390 with 32 KiB of memory, a PROM with the station address, a data
 * port and a reset port; on the ISA bus (Novell/Eagle NE2000) and, within one chip, on PCI (Realtek RTL8029AS).
 *
 *   ports   00-0f the chip's registers; 10-17 data port (remote DMA), any of 1, 2, 4 bytes;
 *           18-1f a read resets the chip, a write does nothing
 *   memory  0000-001f PROM, each byte twice, as 16-bit boards have it; 4000-bfff RAM. Else nothing: ones
 *
 * PROM: address, then zeros, and 57h twice ("W": a board with words) in its last two bytes.
 * Real boards have 16 KiB; drivers that take that for granted use the lower half.
 */
#ifndef HW_NET_NE2000_H
#define HW_NET_NE2000_H

#include "hw/device.h"
#include "hw/net/dp8390.h"

#define NE2000_PORTS 32
#define NE2000_RAM_AT 0x4000
#define NE2000_RAM_BYTES 0x8000
#define NE2000_PROM_BYTES 32

struct ne2000 {
    struct dp8390 chip;
    uint8_t ram[NE2000_RAM_BYTES];
    int64_t patience_due_ns; /* while the receiver is full */

    /* Its surroundings. */
    uint8_t prom[NE2000_PROM_BYTES];
    uint8_t mac[6];
    struct device *dev;
    struct netport *port; /* NULL: no cable */
    void (*pin)(void *opaque, bool level);
    void *pin_opaque;
    struct io_region ports;
    struct vtimer patience;
};

#define NE2000_FIELDS(s, m)                                                                                   \
    DP8390_FIELDS(s, m.chip), DEV_FIELD_BYTES(s, m.ram),                                                      \
        {.name = "patience_due_ns", .type = FIELD_I64, .offset = offsetof(s, m.patience_due_ns), .count = 1,  \
         .max = INT64_MAX}

/* Sets up everything but the place of `ports`, which is the bus glue's. The device has been set up. */
void ne2000_init(struct ne2000 *n, struct device *dev, enum dp8390_variant variant, const uint8_t mac[6],
                 void (*pin)(void *opaque, bool level), void *pin_opaque);
void ne2000_attach(struct ne2000 *n, struct netport *port); /* after the device's first reset */
void ne2000_detach(struct ne2000 *n);                        /* before its end; no frame comes any more */
void ne2000_cancel(struct ne2000 *n);                        /* its timer; lock held */
void ne2000_reset(struct ne2000 *n);
const char *ne2000_post_load(struct ne2000 *n);

#endif
