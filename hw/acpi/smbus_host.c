/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/acpi/smbus_host.h"

enum {
    HOST_STATUS = 0x0,
    SLAVE_STATUS = 0x1,
    HOST_CONTROL = 0x2,
    BLOCK_DATA = 0x7,
    SLAVE_DATA = 0xc,
};

enum {
    STATUS_DEV_ERR = 0x04,
    STATUS_FAILED = 0x10,
    STATUS_W1C = 0x1e,
    SLAVE_W1C = 0x3c,
    CONTROL_INTEREN = 0x01,
    CONTROL_KILL = 0x02,
    CONTROL_START = 0x40, /* write-only */
};

static uint8_t block_step(struct smbus_host *smb)
{
    uint8_t at = smb->block_index;

    smb->block_index = (uint8_t)((at + 1) % SMBUS_BLOCK_BYTES);
    return at;
}

uint8_t smbus_host_read(struct smbus_host *smb, unsigned off)
{
    if (off == BLOCK_DATA)
        return smb->block[block_step(smb)];
    if (off == HOST_CONTROL)
        smb->block_index = 0;
    return smb->reg[off];
}

static void control_write(struct smbus_host *smb, uint8_t value)
{
    smb->reg[HOST_CONTROL] = value & (uint8_t)~CONTROL_START;
    if (value & CONTROL_KILL)
        smb->reg[HOST_STATUS] |= STATUS_FAILED;
    else if (value & CONTROL_START)
        smb->reg[HOST_STATUS] |= STATUS_DEV_ERR; /* nobody acknowledged */
}

void smbus_host_write(struct smbus_host *smb, unsigned off, uint8_t value)
{
    switch (off) {
    case HOST_STATUS: smb->reg[off] &= (uint8_t)~(value & STATUS_W1C); break;
    case SLAVE_STATUS: smb->reg[off] &= (uint8_t)~(value & SLAVE_W1C); break;
    case HOST_CONTROL: control_write(smb, value); break;
    case BLOCK_DATA: smb->block[block_step(smb)] = value; break;
    case SLAVE_DATA:
    case SLAVE_DATA + 1: break; /* read-only */
    default: smb->reg[off] = value; break;
    }
}

bool smbus_host_interrupt(const struct smbus_host *smb)
{
    return (smb->reg[HOST_CONTROL] & CONTROL_INTEREN) && (smb->reg[HOST_STATUS] & STATUS_W1C);
}
