/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMBus host controller of the PIIX4, a bus with nothing on it: every transfer ends at once
 * with DEV_ERR, as an address that nobody acknowledges does. Intel 290562, 7.3. No lock, no pins.
 */
#ifndef HW_ACPI_SMBUS_HOST_H
#define HW_ACPI_SMBUS_HOST_H

#include "hw/device.h"

#define SMBUS_HOST_BYTES 16
#define SMBUS_BLOCK_BYTES 32

struct smbus_host {
    uint8_t reg[SMBUS_HOST_BYTES]; /* by offset; the status register has its bits here too */
    uint8_t block[SMBUS_BLOCK_BYTES];
    uint8_t block_index; /* a read of the control register sets it to 0 */
};

/* For the table of fields of the device that has the chip as `member`. */
#define SMBUS_HOST_FIELDS(s, member)                                                               \
    DEV_FIELD_ARRAY(s, U8, member.reg, 0, 0), DEV_FIELD_ARRAY(s, U8, member.block, 0, 0),          \
        DEV_FIELD(s, U8, member.block_index, 0, SMBUS_BLOCK_BYTES - 1)

uint8_t smbus_host_read(struct smbus_host *smb, unsigned off);             /* off < 16 */
void smbus_host_write(struct smbus_host *smb, unsigned off, uint8_t value);
bool smbus_host_interrupt(const struct smbus_host *smb);

#endif
