/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host tool: mkdemo BOOT STAGE2 IMAGE puts the demo disk together (see layout.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

static uint8_t disk[DISK_SECTORS * 512];

static void die(const char *what, const char *file)
{
    fprintf(stderr, "mkdemo: %s: %s\n", file, what);
    exit(1);
}

static void load(const char *file, uint8_t *to, size_t room)
{
    FILE *in = fopen(file, "rb");

    if (!in) {
        die("cannot be read", file);
    }
    fread(to, 1, room, in);
    if (fgetc(in) != EOF) {
        die("too large for its place on the disk", file);
    }
    fclose(in);
}

/* CRC-32 of IEEE 802.3, bit by bit: unlike the guest's, so that each checks the other. */
static uint32_t crc32(const uint8_t *data, size_t bytes)
{
    uint32_t crc = ~0u;

    while (bytes--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static void fill_payload(uint8_t *payload)
{
    uint32_t x = 0x6b766d64; /* xorshift; any fixed sequence that does not repeat per sector */

    for (size_t i = 0; i < PAYLOAD_SECTORS * 512; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        payload[i] = x >> 11;
    }
}

int main(int argc, char **argv)
{
    struct demo_header header = {.magic = "", .payload_lba = PAYLOAD_LBA,
                                 .payload_sectors = PAYLOAD_SECTORS};

    if (argc != 4) {
        die("usage: mkdemo BOOT STAGE2 IMAGE", "arguments");
    }
    load(argv[1], disk, 512);
    load(argv[2], disk + STAGE2_LBA * 512, STAGE2_SECTORS * 512);
    fill_payload(disk + PAYLOAD_LBA * 512);
    header.payload_crc32 = crc32(disk + PAYLOAD_LBA * 512, PAYLOAD_SECTORS * 512);
    memcpy(header.magic, DEMO_MAGIC, sizeof(header.magic));
    memcpy(disk + HEADER_LBA * 512, &header, sizeof(header));
    memset(disk + SCRATCH_DMA_LBA * 512, 0xdb, 2 * 512); /* what the guest overwrites */

    FILE *out = fopen(argv[3], "wb");
    if (!out || fwrite(disk, sizeof(disk), 1, out) != 1 || fclose(out)) {
        die("cannot be written", argv[3]);
    }
    return 0;
}
