/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A multiboot kernel that says on COM1 what it was given (command line, modules, memory) and ends
 * by the debug port. Shares the demo's console and CRC.
 */
#include "../demo/demo.h"

#define BOOTED 0x2badb002
#define DEBUG_EXIT 0xf4
enum { HAS_MEMORY = 1 << 0, HAS_CMDLINE = 1 << 2, HAS_MODULES = 1 << 3, HAS_MAP = 1 << 6 };

struct info {
    uint32_t flags, lower_kib, upper_kib, boot_device, cmdline, modules, module_list;
    uint32_t symbols[4];
    uint32_t map_bytes, map;
};

struct module {
    uint32_t start, end, text, reserved;
};

static uint32_t zeroed[4096]; /* the loader must clear .bss */

static void finish(uint8_t value)
{
    outb(DEBUG_EXIT, value);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static void show_modules(const struct info *info)
{
    const struct module *module = (const struct module *)info->module_list;

    for (uint32_t i = 0; i < info->modules && i < 8; i++, module++) {
        serial_line("multiboot: module %u '%s' %u bytes crc32 %08x%s", i, (const char *)module->text,
                    module->end - module->start,
                    crc32((const void *)module->start, module->end - module->start),
                    module->start & 0xfff ? " not aligned" : "");
    }
}

static void show_map(const struct info *info)
{
    uint32_t usable_kib = 0;

    for (uint32_t at = info->map; at < info->map + info->map_bytes;) {
        const uint32_t *entry = (const uint32_t *)at; /* size, base, base high, length, high, type */
        if (entry[5] == 1) {
            usable_kib += entry[3] >> 10;
        }
        at += entry[0] + 4;
    }
    serial_line("multiboot: map %u KiB usable", usable_kib);
}

void mb_main(uint32_t magic, const struct info *info);
void mb_main(uint32_t magic, const struct info *info)
{
    uint32_t dirty = 0;

    for (unsigned i = 0; i < sizeof(zeroed) / sizeof(zeroed[0]); i++) {
        dirty |= zeroed[i];
    }
    serial_line("multiboot: started%s%s", magic == BOOTED ? "" : ", wrong magic",
                dirty ? ", bss not zero" : "");
    serial_line("multiboot: flags %x lower %u upper %u", info->flags, info->lower_kib, info->upper_kib);
    if (info->flags & HAS_CMDLINE) {
        serial_line("multiboot: cmdline '%s'", (const char *)info->cmdline);
    }
    if (info->flags & HAS_MODULES) {
        show_modules(info);
    }
    if (info->flags & HAS_MAP) {
        show_map(info);
    }
    finish(magic == BOOTED && !dirty ? 0x15 : 0x16);
}

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);

/* gcc may call these even in freestanding code. */
void *memcpy(void *to, const void *from, size_t bytes)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return start;
}

void *memset(void *to, int byte, size_t bytes)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
    return start;
}
