/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two DMA controllers of the PC and their page registers. Intel 231466, "8237A"; Intel 290550
 * (PIIX3), "DMA Registers". Channels 0-3 move bytes, 5-7 words; channel 4 is the cascade.
 */
#ifndef HW_DMA_I8237_H
#define HW_DMA_I8237_H

#include "hw/device.h"

struct i8237_config {
    uint16_t port_bytes; /* 0x00; 16 ports */
    uint16_t port_words; /* 0xc0; 32 ports, two per register */
    uint16_t port_pages; /* 0x81; 15 ports (0x80 is the POST port) */
};

/* NULL with the reason in why[] if a port is taken. */
struct device *i8237_new(const struct dev_env *env, const char *id, const struct i8237_config *cfg,
                         char *why, size_t why_size);

/* What an ISA device that uses DMA (a floppy controller) is given. */
struct dma8237_channel {
    struct device *dma; /* of i8237_new(); NULL: not connected, moves nothing */
    unsigned channel;   /* 0 .. 3, 5 .. 7 */
};

/*
 * The device has its request line up for `len` bytes: moves as many as the channel allows between
 * buf and guest memory (to_memory: buf is read). Returns how many were moved, at most len and one
 * round of the channel (64 KiB, or 128 KiB on a word channel): 0 if it is masked, off, or
 * programmed for the other direction. *terminal: the count ran out. What is not RAM reads as zeros
 * and takes no write. A verify transfer counts and moves nothing. The caller holds the ISA device's
 * lock; this enters the 8237's, so the order is ISA device -> 8237, and the 8237 takes no other
 * device's.
 */
size_t dma8237_transfer(const struct dma8237_channel *ch, bool to_memory, void *buf, size_t len,
                        bool *terminal);

#endif
