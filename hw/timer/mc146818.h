/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real-time clock and its CMOS memory. Motorola MC146818A data sheet; the century byte at 0x32
 * is where IBM's AT BIOS and everything since looks for it, and 0x37, where the PS/2 has it, is the
 * same byte (some Windows versions look there; QEMU, Bochs and VirtualBox offer both). Index port
 * (bit 7 masks NMI, stored) and data port. 128 bytes.
 *
 * The time registers are what the guest reads and writes; nothing is converted on a write. At each
 * entry they are brought forward by the update cycles (whole seconds of the machine's clock) since
 * the last one, so that the chip costs no host timer while no interrupt is enabled.
 */
#ifndef HW_TIMER_MC146818_H
#define HW_TIMER_MC146818_H

#include "hw/device.h"

struct rtc_config {
    uint16_t port;       /* 0x70; two ports */
    int64_t base_unix_s; /* what it shows now, as seconds since 1970-01-01 00:00 in its own zone */
    struct irq_pin irq;  /* ISA interrupt 8 */
    /*
     * Periodic ticks that came while the guest had not yet read the last one out of register C are given to it
     * later, one after each reading, faster than the period: for guests that count them (old Windows).
     */
    bool slew;
};

/* NULL with the reason in why[] if a port is taken. */
struct device *mc146818_new(const struct dev_env *env, const char *id, const struct rtc_config *cfg,
                            char *why, size_t why_size);

/* CMOS memory as firmware finds it; for the machine's set-up. index 14 .. 127. Lock not held. */
void rtc_set_cmos(struct device *dev, unsigned index, uint8_t value);
uint8_t rtc_get_cmos(struct device *dev, unsigned index);

#endif
