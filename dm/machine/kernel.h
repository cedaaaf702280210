/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel, -initrd, -append: what a boot ROM needs in fw_cfg to start a Linux or multiboot kernel.
 * Sources: Linux Documentation/arch/x86/boot.rst; Multiboot Specification 0.6.96. Headers and files
 * are not trusted: everything that is to be loaded has been checked to fit before memory is taken.
 */
#ifndef DM_KERNEL_H
#define DM_KERNEL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct kernel_part {
    uint32_t addr; /* guest physical */
    uint32_t size;
    uint8_t *data; /* size bytes, owned */
};

struct kernel_image {
    bool multiboot;
    struct kernel_part kernel, initrd, setup, cmdline; /* setup: real-mode part, or multiboot info */
    uint32_t entry; /* multiboot */
};

/*
 * Loads kernel (and initrd, append: may be NULL) for a guest with ram_low_bytes below 4 GiB.
 * False with error: one line that says what is wrong with which file.
 */
bool kernel_load(const char *kernel, const char *initrd, const char *append,
                 uint64_t ram_low_bytes, struct kernel_image *image, GError **error);
void kernel_clear(struct kernel_image *image);

/* The boot ROM for it, checksum in place; *size bytes, to be freed with g_free(). */
uint8_t *kernel_boot_rom(const struct kernel_image *image, size_t *size);

/* Where the ROM for a multiboot kernel adds the memory map to the information block. */
#define MULTIBOOT_INFO_ADDR 0x10000u
#define MULTIBOOT_INFO_BYTES 0x8000u

/* multiboot.c; found at file[header]. */
bool multiboot_load(const char *path, const uint8_t *file, size_t size, size_t header,
                    const char *modules, const char *append, uint64_t ram_low_bytes,
                    struct kernel_image *image, GError **error);

/* Shared by both: a whole file, refused before it is read if it is larger than max. */
bool kernel_read_file(const char *option, const char *path, uint64_t max, uint8_t **data,
                      size_t *size, GError **error);
void kernel_error(GError **error, const char *option, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The top of low RAM is SeaBIOS's: its tables, and room for what it keeps permanently. */
#define KERNEL_TOP_RESERVED (256u * 1024)

static inline uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
static inline void put16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }
static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)v);
    put16(p + 2, (uint16_t)(v >> 16));
}

#endif
