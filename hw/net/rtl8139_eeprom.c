/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Realtek has in the 93C46 beside the chip. DS "EEPROM (93C46) contents". */
#include <string.h>

#include "hw/net/rtl8139_int.h"

enum { EE_CHECKSUM_WORD = 0x19 };

static uint16_t checksum(const uint16_t *word)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < EE_CHECKSUM_WORD; i++)
        sum += word[i];
    return (uint16_t)-sum; /* so that the words up to it add up to 0 */
}

void rtl8139_eeprom_program(struct rtl8139 *r, const uint8_t mac[ETHER_ADDRESS_BYTES])
{
    uint16_t *word = r->eeprom.word;

    memset(word, 0, sizeof(r->eeprom.word));
    word[0x00] = 0x8129; /* without it the chip takes nothing from here */
    word[0x01] = RTL_VENDOR;
    word[0x02] = RTL_DEVICE;
    word[0x03] = RTL_SUBSYSTEM_VENDOR;
    word[0x04] = RTL_SUBSYSTEM;
    word[0x05] = RTL_MIN_GRANT | RTL_MAX_LATENCY << 8;
    word[0x06] = 0xd0 | CONFIG3_RESET << 8; /* MSR and BMCR: flow control, auto-negotiation; CONFIG3 */
    for (unsigned i = 0; i < 3; i++)
        word[0x07 + i] = (uint16_t)(mac[2 * i] | mac[2 * i + 1] << 8);
    word[0x0a] = CONFIG0_RESET | CONFIG1_RESET << 8;
    word[0x0b] = RTL_PMC;
    word[0x0c] = CONFIG4_RESET << 8;
    word[0x0d] = PHY1_PARM_RESET & 0xffff;
    word[0x0e] = PHY1_PARM_RESET >> 16;
    word[0x0f] = PHY2_PARM_RESET | CONFIG5_RESET << 8;
    word[0x10] = TW_PARM_RESET & 0xffff;
    word[0x11] = TW_PARM_RESET >> 16;
    word[EE_CHECKSUM_WORD] = checksum(word);
}

uint8_t rtl8139_eeprom_byte(const struct rtl8139 *r, unsigned offset)
{
    return (uint8_t)(r->eeprom.word[offset / 2 % MICROWIRE_WORDS] >> offset % 2 * 8);
}
