/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guest and host agree on; netguest.py and bench/net.py have the same. */
#define GUEST_PORT 34567 /* of UDP, both ends */
#define PATTERN_AT 42u   /* behind Ethernet, IP and UDP */
#define TEST_FRAMES 600u
#define TEST_MARK 4u /* a '.' for so many that were received */
#define GUEST_OK 0x10
#define GUEST_FAILED 0x11

/* 60 to 1514, every length once before one comes again. */
static inline uint32_t pattern_bytes(uint32_t frame) { return 60 + frame * 487 % 1455; }
static inline uint8_t pattern_byte(uint32_t frame, uint32_t at)
{
    return (uint8_t)((frame * 2654435761u + at * 40503u) >> 11);
}
