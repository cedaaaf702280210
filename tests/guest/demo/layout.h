/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things lie on the demo disk and in the guest's memory; for mkdemo.c, *.S and *.c alike. */
#ifndef DEMO_LAYOUT_H
#define DEMO_LAYOUT_H

/* On the disk, in sectors of 512 bytes. */
#define STAGE2_LBA 1
#define STAGE2_SECTORS 40
#define HEADER_LBA 63   /* struct demo_header */
#define PAYLOAD_LBA 64
#define PAYLOAD_SECTORS 512
#define DISK_SECTORS 8192
#define SCRATCH_PIO_LBA (DISK_SECTORS - 2) /* written by PIO, read back by DMA */
#define SCRATCH_DMA_LBA (DISK_SECTORS - 3) /* written by DMA, read back by PIO */

/* In memory. */
#define E820_COUNT_ADDR 0x1000 /* 16 bit */
#define E820_ADDR 0x1010       /* entries of 24 bytes */
#define E820_MAX 32
#define BOOT_ADDR 0x7c00
#define STAGE2_ADDR 0x8000
#define STAGE2_MAGIC 0x4d44 /* at STAGE2_ADDR + 2 */
#define STACK_TOP 0x90000
#define PRD_ADDR 0x100000
#define SECTOR_ADDR 0x110000  /* one sector to write */
#define READBACK_ADDR 0x120000
#define PIO_ADDR 0x200000     /* the payload, read by PIO */
#define DMA_ADDR 0x280000     /* the payload, read by DMA; on a 64 KiB boundary */

#define COM1 0x3f8

#define DEMO_MAGIC "kvm-dm demo disk"
#define SCRATCH_TEXT "kvm-dm demo guest wrote this sector by "

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Sector HEADER_LBA: what the build wrote, for the guest to check what it reads. Little endian. */
struct demo_header {
    char magic[16];
    uint32_t payload_lba, payload_sectors;
    uint32_t payload_crc32;
};
#endif

#endif
