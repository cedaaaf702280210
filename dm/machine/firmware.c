/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dm/machine/firmware.h"

#include <errno.h>
#include <string.h>

#include "dm/cpustate.h"
#include "dm/machine/kernel.h"
#include "dm/memory.h"
#include "hw/device.h"
#include "hw/misc/fw_cfg.h"
#include "hw/timer/mc146818.h"

#define KIB 1024u
#define MIB (1024u * 1024u)
#define MAX_BIOS_BYTES (16 * MIB)

struct boot_entry {
    int index;
    char *path;
};

/* ---- images ---- */

static char *find_rom(const char *name)
{
    static const char *const dirs[] = {"/usr/share/seabios", "/usr/share/qemu", "/usr/lib/ipxe/qemu",
                                       KVM_DM_PREFIX "/share/kvm-dm"};
    const char *own = g_getenv("KVM_DM_FIRMWARE");

    if (strchr(name, '/') || g_file_test(name, G_FILE_TEST_IS_REGULAR))
        return g_strdup(name);
    for (int i = own ? -1 : 0; i < (int)G_N_ELEMENTS(dirs); i++) {
        char *path = g_build_filename(i < 0 ? own : dirs[i], name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
            return path;
        g_free(path);
    }
    return NULL;
}

bool firmware_read_rom(const char *option, const char *name, size_t max, uint8_t **data,
                       size_t *size, GError **error)
{
    g_autofree char *path = find_rom(name);

    if (!path) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "%s: %s is not in /usr/share/seabios: apt-get install seabios, or give -bios FILE",
                    option, name);
        return false;
    }
    if (!kernel_read_file(option, path, max, data, size, error))
        return false;
    if (*size)
        return true;
    kernel_error(error, option, path, "the file is empty");
    g_clear_pointer(data, g_free);
    return false;
}

bool firmware_load(struct memory *memory, const struct vm_config *config, GError **error)
{
    /* Without PCI nothing can shadow the lower half of the large image, which is code too. */
    const char *standard = !strcmp(config->machine, "isapc") ? "bios.bin" : "bios-256k.bin";
    const char *name = config->bios ? config->bios : standard;
    g_autofree uint8_t *rom = NULL;
    size_t size;

    if (!firmware_read_rom("-bios", name, MAX_BIOS_BYTES, &rom, &size, error))
        return false;
    if (size % (64 * KIB)) {
        kernel_error(error, "-bios", name, "%zu bytes; the image of a BIOS is a multiple of 64 KiB", size);
        return false;
    }
    if (memory_set_firmware(memory, rom, size))
        return true;
    kernel_error(error, "-bios", name, "out of memory");
    return false;
}

/* ---- CMOS: the bytes that BIOSes for virtual machines read ---- */

static void cmos(struct firmware *fw, unsigned index, uint64_t value)
{
    rtc_set_cmos(fw->rtc, index, (uint8_t)value);
}

static void cmos16(struct firmware *fw, unsigned index, uint64_t value)
{
    cmos(fw, index, value);
    cmos(fw, index + 1, value >> 8);
}

static void cmos_memory(struct firmware *fw)
{
    uint64_t low = memory_low_bytes(fw->memory), high = memory_high_bytes(fw->memory);
    uint64_t above_1m = low > MIB ? (low - MIB) / KIB : 0;
    uint64_t above_16m = low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0;

    cmos16(fw, 0x15, MIN(low / KIB, 640));
    cmos16(fw, 0x17, MIN(above_1m, 65535));
    cmos16(fw, 0x30, MIN(above_1m, 65535));
    cmos16(fw, 0x34, MIN(above_16m, 65535));
    cmos16(fw, 0x5b, high / (64 * KIB));
    cmos(fw, 0x5d, high / (64 * KIB) >> 16);
}

/* ---- disks ---- */

#define CMOS_POSITIONS 16 /* 0x39 to 0x3c; SeaBIOS reads on, into what is something else */

void firmware_init(struct firmware *fw)
{
    fw->disks = g_array_new(FALSE, FALSE, sizeof(struct firmware_disk));
    fw->boot = g_array_new(FALSE, FALSE, sizeof(struct boot_entry));
}

void firmware_clear(struct firmware *fw)
{
    for (guint i = 0; i < fw->boot->len; i++)
        g_free(g_array_index(fw->boot, struct boot_entry, i).path);
    g_array_free(fw->boot, TRUE);
    g_array_free(fw->disks, TRUE);
    kernel_clear(&fw->kernel);
}

/* What LBA translation makes of a size: 63 sectors per track, heads by size, at most 1024 cylinders. */
static void set_lba_geometry(struct firmware_disk *d)
{
    uint64_t tracks = d->sectors / 63;

    d->lsecs = 63;
    d->lheads = 16;
    while (d->lheads < 128 && tracks / 1024 > d->lheads)
        d->lheads *= 2;
    if (tracks / 1024 > d->lheads)
        d->lheads = 255;
    d->lcyls = (uint32_t)CLAMP(tracks / d->lheads, 1, 1024);
}

bool firmware_add_disk(struct firmware *fw, const struct firmware_disk *disk, GError **error)
{
    struct firmware_disk d = *disk;
    bool small = d.cyls <= 1024 && d.heads <= 16 && d.secs <= 63;

    if (d.auto_translation)
        d.translation = small ? FIRMWARE_CHS_NONE : FIRMWARE_CHS_LBA;
    if (!d.cd && d.position >= CMOS_POSITIONS && !d.lcyls) {
        if (d.translation != FIRMWARE_CHS_LBA && !small) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "%s: bios-chs-trans: the BIOS can be told that of the first %d places only; "
                        "give lcyls=, lheads= and lsecs=", d.boot_path, CMOS_POSITIONS);
            return false;
        }
        if (d.translation == FIRMWARE_CHS_LBA)
            set_lba_geometry(&d);
        else
            d.lcyls = d.cyls, d.lheads = d.heads, d.lsecs = d.secs;
    }
    g_array_append_val(fw->disks, d);
    return true;
}

/* Type 47 disks: geometry at 0x1b (first) and 0x24 (second). */
static void cmos_geometry(struct firmware *fw, const struct firmware_disk *d)
{
    unsigned base = d->position ? 0x24 : 0x1b;

    cmos(fw, 0x19 + d->position, 47);
    cmos16(fw, base, d->cyls);
    cmos(fw, base + 2, d->heads);
    cmos16(fw, base + 3, 0xffff); /* no write precompensation */
    cmos(fw, base + 5, 0xc0 | (d->heads > 8) << 3);
    cmos16(fw, base + 6, d->cyls);
    cmos(fw, base + 8, d->secs);
}

/* Who is there at 0x12, translations from 0x39 on, four to a byte. */
static void cmos_disks(struct firmware *fw)
{
    unsigned types = 0, translation[CMOS_POSITIONS / 4] = {0};

    for (guint i = 0; i < fw->disks->len; i++) {
        const struct firmware_disk *d = &g_array_index(fw->disks, struct firmware_disk, i);

        if (d->cd || d->position >= CMOS_POSITIONS)
            continue;
        translation[d->position / 4] |= (unsigned)d->translation << d->position % 4 * 2;
        if (d->position > 1)
            continue;
        types |= d->position ? 0x0f : 0xf0;
        cmos_geometry(fw, d);
    }
    cmos(fw, 0x12, types);
    for (unsigned i = 0; i < CMOS_POSITIONS / 4; i++)
        cmos(fw, 0x39 + i, translation[i]);
}

/* 'a' .. 'd' and 'n' as SeaBIOS numbers them. */
static unsigned boot_code(char c)
{
    switch (c) {
    case 'a':
    case 'b': return 1;
    case 'c': return 2;
    case 'd': return 3;
    case 'n': return 4;
    default: return 0;
    }
}

static void cmos_boot(struct firmware *fw)
{
    const struct vm_config *c = fw->config;
    const char *order = c->boot_order ? c->boot_order : "cad";
    unsigned codes[3] = {0};

    if (c->boot_once && !fw->booted_once)
        order = c->boot_once;
    fw->booted_once = true;
    for (unsigned i = 0; i < 3 && order[i]; i++)
        codes[i] = boot_code(order[i]);
    cmos(fw, 0x3d, codes[1] << 4 | codes[0]);
    /* Bit 0: a floppy need not have the boot signature. */
    cmos(fw, 0x38, codes[2] << 4 | c->no_fd_bootchk);
}

/* Equipment: FPU, PS/2 mouse; bit 0 floppies, bits 6, 7 how many less one. */
static void cmos_floppies(struct firmware *fw)
{
    unsigned count = !!fw->floppy_types[0] + !!fw->floppy_types[1];

    cmos(fw, 0x10, fw->floppy_types[0] << 4 | fw->floppy_types[1]);
    cmos(fw, 0x14, 0x02 | 0x04 | (count ? 0x01 | (count - 1) << 6 : 0));
}

/* ---- the boot order, which cards that come and go change ---- */

static int by_bootindex(const void *a, const void *b)
{
    const struct boot_entry *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

static void describe_boot_order(struct firmware *fw)
{
    bool kernel = fw->config->kernel != NULL;
    g_autoptr(GString) list = g_string_new(kernel ? "/rom@genroms/kvm-dm-kernel.bin\n" : "");

    g_array_sort(fw->boot, by_bootindex);
    for (guint i = 0; i < fw->boot->len; i++)
        g_string_append_printf(list, "%s\n", g_array_index(fw->boot, struct boot_entry, i).path);
    if (fw->config->boot_strict && list->len)
        g_string_append(list, "HALT");
    else if (list->len)
        g_string_truncate(list, list->len - 1);
    if (list->len || fw->boot_described)
        fw_cfg_add_file(fw->fw_cfg, "bootorder", list->str, list->len + 1);
    fw->boot_described |= list->len > 0;
    fw->boot_changed = false;
}

void firmware_reset(struct firmware *fw)
{
    if (fw->boot_changed)
        describe_boot_order(fw);
    cmos_memory(fw);
    cmos_floppies(fw);
    cmos(fw, 0x5f, fw->config->cpus - 1);
    cmos_disks(fw);
    cmos_boot(fw);
}

/* ---- fw_cfg ---- */

struct e820_entry {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed));

static void describe_memory(struct firmware *fw)
{
    uint64_t high = memory_high_bytes(fw->memory);
    struct e820_entry map[3] = {
        {0xfeffc000, 0x4000, 2}, /* KVM's real-mode pages, see kvm.c */
        {0, memory_low_bytes(fw->memory), 1},
        {1ull << 32, high, 1},
    };

    fw_cfg_add_u64(fw->fw_cfg, FW_CFG_RAM_SIZE, fw->config->ram_bytes);
    fw_cfg_add_file(fw->fw_cfg, "etc/e820", map, sizeof(map[0]) * (high ? 3 : 2));
}

static void describe_uuid(struct firmware *fw)
{
    uint8_t bytes[16] = {0};

    if (fw->config->uuid)
        config_uuid_bytes(fw->config->uuid, bytes);
    fw_cfg_add_bytes(fw->fw_cfg, FW_CFG_UUID, bytes, sizeof(bytes));
}

bool firmware_add_boot(struct firmware *fw, const char *path, int bootindex, GError **error)
{
    struct boot_entry entry = {bootindex, NULL};

    for (guint i = 0; i < fw->boot->len; i++) {
        if (g_array_index(fw->boot, struct boot_entry, i).index == bootindex) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "The bootindex %d has already been used", bootindex);
            return false;
        }
    }
    entry.path = g_strdup(path);
    g_array_append_val(fw->boot, entry);
    fw->boot_changed = true;
    return true;
}

void firmware_remove_boot(struct firmware *fw, int bootindex)
{
    for (guint i = 0; i < fw->boot->len; i++) {
        struct boot_entry *entry = &g_array_index(fw->boot, struct boot_entry, i);

        if (entry->index != bootindex)
            continue;
        g_free(entry->path);
        g_array_remove_index(fw->boot, i);
        fw->boot_changed = true;
        return;
    }
}

/* "PATH CYLINDERS HEADS SECTORS" per line: geometries that INT 13h is to tell. */
static void describe_geometry(struct firmware *fw)
{
    g_autoptr(GString) list = g_string_new("");

    for (guint i = 0; i < fw->disks->len; i++) {
        const struct firmware_disk *d = &g_array_index(fw->disks, struct firmware_disk, i);

        if (d->lcyls && *d->boot_path)
            g_string_append_printf(list, "%s%s %u %u %u", list->len ? "\n" : "", d->boot_path,
                                   d->lcyls, d->lheads, d->lsecs);
    }
    if (list->len)
        fw_cfg_add_file(fw->fw_cfg, "bios-geometry", list->str, list->len + 1);
}

static void describe_boot_menu(struct firmware *fw)
{
    const struct vm_config *c = fw->config;

    fw_cfg_add_u16(fw->fw_cfg, FW_CFG_BOOT_MENU, c->boot_menu);
    if (c->boot_splash_time_ms >= 0) {
        uint16_t ms = GUINT16_TO_LE((uint16_t)MIN(c->boot_splash_time_ms, 0xffff));

        fw_cfg_add_file(fw->fw_cfg, "etc/boot-menu-wait", &ms, sizeof(ms));
    }
    if (c->boot_reboot_timeout_ms >= 0) {
        uint32_t ms = GUINT32_TO_LE((uint32_t)MIN(c->boot_reboot_timeout_ms, 0xffff));

        fw_cfg_add_file(fw->fw_cfg, "etc/boot-fail-wait", &ms, sizeof(ms));
    }
}

static void describe_kernel(struct firmware *fw, const struct kernel_image *k)
{
    struct device *d = fw->fw_cfg;
    g_autofree uint8_t *rom = NULL;
    size_t size;

    fw_cfg_add_u32(d, FW_CFG_KERNEL_ADDR, k->kernel.addr);
    fw_cfg_add_u32(d, FW_CFG_KERNEL_SIZE, k->kernel.size);
    fw_cfg_add_u32(d, FW_CFG_KERNEL_ENTRY, k->entry);
    fw_cfg_add_u32(d, FW_CFG_INITRD_ADDR, k->initrd.addr);
    fw_cfg_add_u32(d, FW_CFG_INITRD_SIZE, k->initrd.size);
    fw_cfg_add_u32(d, FW_CFG_CMDLINE_ADDR, k->cmdline.addr);
    fw_cfg_add_u32(d, FW_CFG_CMDLINE_SIZE, k->cmdline.size);
    fw_cfg_add_u32(d, FW_CFG_SETUP_ADDR, k->setup.addr);
    fw_cfg_add_u32(d, FW_CFG_SETUP_SIZE, k->setup.size);
    fw_cfg_borrow(d, FW_CFG_KERNEL_DATA, k->kernel.data, k->kernel.size);
    fw_cfg_borrow(d, FW_CFG_INITRD_DATA, k->initrd.data, k->initrd.size);
    fw_cfg_borrow(d, FW_CFG_CMDLINE_DATA, k->cmdline.data, k->cmdline.size);
    fw_cfg_borrow(d, FW_CFG_SETUP_DATA, k->setup.data, k->setup.size);
    rom = kernel_boot_rom(k, &size);
    fw_cfg_add_file(d, "genroms/kvm-dm-kernel.bin", rom, size);
}

static void describe_extras(struct firmware *fw)
{
    const struct vm_config *c = fw->config;

    if (c->smbios)
        fw_cfg_add_bytes(fw->fw_cfg, FW_CFG_SMBIOS_ENTRIES, c->smbios->data, c->smbios->len);
    for (guint i = 0; c->fw_cfg_files && i < c->fw_cfg_files->len; i++) {
        const struct fw_cfg_file *f = g_ptr_array_index(c->fw_cfg_files, i);

        fw_cfg_add_file(fw->fw_cfg, f->name, g_bytes_get_data(f->data, NULL), g_bytes_get_size(f->data));
    }
}

bool firmware_describe(struct firmware *fw, GError **error)
{
    /* S3 and S4 are not offered (0x80 would be), S5 is: SeaBIOS takes them out of its tables. */
    static const uint8_t system_states[6] = {0x80, 0, 0, 0x01, 0x02, 0x80};
    const struct vm_config *c = fw->config;
    const struct cpu_topology topology = {c->sockets, c->cores, c->threads};
    struct device *d = fw->fw_cfg;

    describe_memory(fw);
    describe_uuid(fw);
    /* SeaBIOS then copies its screen to the first serial port, and takes keys from it. */
    fw_cfg_add_u16(d, FW_CFG_NOGRAPHIC, c->no_graphics);
    fw_cfg_add_u16(d, FW_CFG_NB_CPUS, (uint16_t)c->cpus);
    fw_cfg_add_u16(d, FW_CFG_MAX_CPUS, (uint16_t)(cpu_apic_id(&topology, c->cpus - 1) + 1));
    fw_cfg_add_u32(d, FW_CFG_IRQ0_OVERRIDE, 1);
    fw_cfg_add_file(d, "etc/system-states", system_states, sizeof(system_states));
    describe_extras(fw);
    describe_boot_menu(fw);
    describe_boot_order(fw);
    describe_geometry(fw);
    if (!c->kernel)
        return true;
    if (!kernel_load(c->kernel, c->initrd, c->append, memory_low_bytes(fw->memory), &fw->kernel,
                     error))
        return false;
    describe_kernel(fw, &fw->kernel);
    return true;
}
