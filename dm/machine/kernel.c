/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/machine/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u
#define MIB (1024u * 1024u)

/* Offsets of the setup header, boot.rst "The real-mode kernel header". */
#define HDR_SETUP_SECTS 0x1f1
#define HDR_VID_MODE 0x1fa
#define HDR_BOOT_FLAG 0x1fe
#define HDR_MAGIC 0x202
#define HDR_VERSION 0x206
#define HDR_TYPE_OF_LOADER 0x210
#define HDR_LOADFLAGS 0x211
#define HDR_RAMDISK_IMAGE 0x218
#define HDR_RAMDISK_SIZE 0x21c
#define HDR_HEAP_END_PTR 0x224
#define HDR_CMD_LINE_PTR 0x228
#define HDR_INITRD_ADDR_MAX 0x22c
#define HDR_CMDLINE_SIZE 0x238
#define HDR_INIT_SIZE 0x260
#define HDR_END 0x264
#define LOADED_HIGH 0x01
#define CAN_USE_HEAP 0x80

extern const uint8_t rom_linuxboot[], rom_linuxboot_end[];
extern const uint8_t rom_multiboot[], rom_multiboot_end[];

void kernel_error(GError **error, const char *option, const char *path, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s: %s", option, path, text);
}

static bool read_all(int fd, uint8_t *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, data + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool kernel_read_file(const char *option, const char *path, uint64_t max, uint8_t **data,
                      size_t *size, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    bool ok = false;

    *data = NULL;
    if (fd < 0 || fstat(fd, &st) < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: could not open %s %s: %s",
                    option, option + 1, path, g_strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        kernel_error(error, option, path, "not a regular file");
    } else if ((uint64_t)st.st_size > max) {
        kernel_error(error, option, path, "%llu KiB do not fit into the guest's memory; give more with -m",
                     (unsigned long long)st.st_size / 1024);
    } else {
        *size = (size_t)st.st_size;
        *data = g_malloc(*size + 1);
        ok = read_all(fd, *data, *size);
        if (!ok)
            kernel_error(error, option, path, "cannot be read: %s", g_strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    if (!ok)
        g_clear_pointer(data, g_free);
    return ok;
}

/* ---- Linux ---- */

static bool is_linux(const uint8_t *file, size_t size)
{
    return size >= HDR_END && get16(file + HDR_BOOT_FLAG) == 0xaa55 &&
           !memcmp(file + HDR_MAGIC, "HdrS", 4);
}

static size_t setup_bytes(const uint8_t *file)
{
    unsigned sectors = file[HDR_SETUP_SECTS];

    return (1 + (sectors ? sectors : 4)) * SECTOR; /* 0 means 4: kernels before 2.00 */
}

/* "vga=ask", "vga=0x314" in the command line is for the boot loader. */
static uint16_t video_mode(const char *cmdline, uint16_t current)
{
    const char *at = strstr(cmdline, "vga=");

    if (!at || (at > cmdline && at[-1] != ' '))
        return current;
    at += 4;
    if (g_str_has_prefix(at, "normal"))
        return 0xffff;
    if (g_str_has_prefix(at, "ext"))
        return 0xfffe;
    if (g_str_has_prefix(at, "ask"))
        return 0xfffd;
    return (uint16_t)g_ascii_strtoull(at, NULL, 0);
}

static bool place_kernel(struct kernel_image *k, const char *path, const uint8_t *file, size_t size,
                         uint64_t ram_low_bytes, GError **error)
{
    size_t setup = setup_bytes(file);
    bool high = file[HDR_LOADFLAGS] & LOADED_HIGH;
    uint64_t need, room;

    if (get16(file + HDR_VERSION) < 0x200) {
        kernel_error(error, "-kernel", path, "boot protocol %x.%02x is older than 2.00",
                     file[HDR_VERSION + 1], file[HDR_VERSION]);
        return false;
    }
    if (setup >= size) {
        kernel_error(error, "-kernel", path, "truncated: the header promises %zu bytes of setup code, "
                     "the file has %zu", setup, size);
        return false;
    }
    k->setup.addr = high ? 0x10000 : 0x90000;
    k->cmdline.addr = high ? 0x20000 : 0x9a000;
    k->kernel.addr = high ? MIB : 0x10000;
    k->setup.size = (uint32_t)setup;
    k->kernel.size = (uint32_t)(size - setup);
    need = k->kernel.size;
    if (get16(file + HDR_VERSION) >= 0x20a && get32(file + HDR_INIT_SIZE) > need)
        need = get32(file + HDR_INIT_SIZE);
    room = high ? ram_low_bytes - MIB : 0x80000;
    if (need > room || ram_low_bytes < MIB) {
        kernel_error(error, "-kernel", path, "needs %llu KiB to unpack and run; give more with -m",
                     (unsigned long long)need / 1024);
        return false;
    }
    k->setup.data = g_memdup2(file, setup);
    k->kernel.data = g_memdup2(file + setup, k->kernel.size);
    return true;
}

static bool place_cmdline(struct kernel_image *k, const char *append, GError **error)
{
    uint8_t *h = k->setup.data;
    uint32_t limit = get16(h + HDR_VERSION) >= 0x206 ? get32(h + HDR_CMDLINE_SIZE) : 255;
    size_t len = strlen(append);

    /* The segment above 0x20000 (or 0x9a000) is all there is. */
    limit = MIN(limit, get16(h + HDR_VERSION) >= 0x206 ? 0xffffu : 255u);
    if (k->cmdline.addr == 0x9a000)
        limit = MIN(limit, 0x3fffu);
    if (len > limit) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "-append: %zu characters, but this kernel takes at most %u", len, limit);
        return false;
    }
    k->cmdline.size = (uint32_t)len + 1;
    k->cmdline.data = (uint8_t *)g_strdup(append);
    put16(h + HDR_VID_MODE, video_mode(append, get16(h + HDR_VID_MODE)));
    h[HDR_TYPE_OF_LOADER] = 0xff; /* no number was given to us */
    if (get16(h + HDR_VERSION) >= 0x201) {
        h[HDR_LOADFLAGS] |= CAN_USE_HEAP;
        /* Relative to the setup part; 512 bytes below the command line are the stack's. */
        put16(h + HDR_HEAP_END_PTR, (uint16_t)(MIN(k->cmdline.addr - k->setup.addr, 0x10000u) - 0x200));
    }
    if (get16(h + HDR_VERSION) >= 0x202) {
        put32(h + HDR_CMD_LINE_PTR, k->cmdline.addr);
    } else {
        put16(h + 0x20, 0xa33f);
        put16(h + 0x22, (uint16_t)(k->cmdline.addr - k->setup.addr));
    }
    return true;
}

static bool place_initrd(struct kernel_image *k, const char *path, uint64_t ram_low_bytes,
                         GError **error)
{
    uint8_t *h = k->setup.data;
    uint64_t max = get16(h + HDR_VERSION) >= 0x203 ? get32(h + HDR_INITRD_ADDR_MAX) : 0x37ffffff;
    uint64_t floor = (uint64_t)MIB + k->kernel.size;
    size_t size;

    max = MIN(max + 1, ram_low_bytes - MIN(ram_low_bytes, KERNEL_TOP_RESERVED));
    if (max <= floor) {
        kernel_error(error, "-initrd", path, "no room above the kernel; give more with -m");
        return false;
    }
    if (!kernel_read_file("-initrd", path, max - floor, &k->initrd.data, &size, error))
        return false;
    k->initrd.size = (uint32_t)size;
    k->initrd.addr = (uint32_t)((max - size) & ~0xfffull);
    if (k->initrd.addr < floor) {
        kernel_error(error, "-initrd", path, "%zu KiB do not fit above the kernel; give more with -m",
                     size / 1024);
        return false;
    }
    put32(h + HDR_RAMDISK_IMAGE, k->initrd.addr);
    put32(h + HDR_RAMDISK_SIZE, k->initrd.size);
    return true;
}

/* ---- both ---- */

/* The multiboot header: 32-bit aligned in the first 8192 bytes, section 3.1. */
static bool find_multiboot(const uint8_t *file, size_t size, size_t *at)
{
    for (size_t i = 0; i + 12 <= size && i + 12 <= 8192; i += 4) {
        if (get32(file + i) == 0x1badb002 &&
            get32(file + i) + get32(file + i + 4) + get32(file + i + 8) == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

bool kernel_load(const char *kernel, const char *initrd, const char *append,
                 uint64_t ram_low_bytes, struct kernel_image *image, GError **error)
{
    g_autofree uint8_t *file = NULL;
    size_t size, header;
    bool ok;

    memset(image, 0, sizeof(*image));
    append = append ? append : "";
    if (!kernel_read_file("-kernel", kernel, ram_low_bytes, &file, &size, error))
        return false;
    if (find_multiboot(file, size, &header)) {
        ok = multiboot_load(kernel, file, size, header, initrd, append, ram_low_bytes, image, error);
    } else if (is_linux(file, size)) {
        ok = place_kernel(image, kernel, file, size, ram_low_bytes, error) &&
             place_cmdline(image, append, error) &&
             (!initrd || place_initrd(image, initrd, ram_low_bytes, error));
    } else {
        kernel_error(error, "-kernel", kernel, "neither a Linux bzImage nor a multiboot kernel");
        ok = false;
    }
    if (!ok)
        kernel_clear(image);
    return ok;
}

void kernel_clear(struct kernel_image *image)
{
    g_free(image->kernel.data);
    g_free(image->initrd.data);
    g_free(image->setup.data);
    g_free(image->cmdline.data);
    memset(image, 0, sizeof(*image));
}

uint8_t *kernel_boot_rom(const struct kernel_image *image, size_t *size)
{
    const uint8_t *start = image->multiboot ? rom_multiboot : rom_linuxboot;
    const uint8_t *end = image->multiboot ? rom_multiboot_end : rom_linuxboot_end;
    uint8_t *rom, sum = 0;

    *size = (size_t)(end - start);
    rom = g_memdup2(start, *size);
    for (size_t i = 0; i < *size; i++)
        sum += rom[i];
    rom[*size - 1] -= sum;
    return rom;
}
