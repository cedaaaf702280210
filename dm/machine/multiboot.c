/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot kernels: ELF or with an address block, and their information block. */
#include <elf.h>
#include <string.h>

#include "dm/machine/kernel.h"

#define MIB (1024u * 1024u)
#define FLAG_ADDRESSES (1u << 16)
#define FLAGS_KNOWN 0x7u /* page alignment, memory information, video mode (a wish only) */
#define MAX_MODULES 64
#define MODULE_ALIGN 4096u

struct multiboot {
    const char *path;
    const uint8_t *file;
    size_t size;
    uint64_t ram_limit; /* first address that is not ours */
};

static bool bad(const struct multiboot *m, GError **error, const char *what)
{
    kernel_error(error, "-kernel", m->path, "multiboot: %s", what);
    return false;
}

/* Room for [addr, addr + size) between 1 MiB and the end of what may be loaded. */
static bool check_room(const struct multiboot *m, uint64_t addr, uint64_t size, GError **error)
{
    if (addr < MIB)
        return bad(m, error, "is to be loaded below 1 MiB, where the BIOS is");
    if (addr > m->ram_limit || size > m->ram_limit - addr)
        return bad(m, error, "does not fit into the guest's memory; give more with -m");
    return true;
}

/* The address fields of the header, section 3.1.3. */
static bool load_by_addresses(const struct multiboot *m, size_t header, struct kernel_image *k,
                              GError **error)
{
    const uint8_t *h = m->file + header;
    uint32_t header_addr, load, load_end, bss_end;
    uint64_t from, bytes, total;

    if (m->size - header < 32)
        return bad(m, error, "the header is cut off");
    header_addr = get32(h + 12);
    load = get32(h + 16);
    load_end = get32(h + 20);
    bss_end = get32(h + 24);
    if (load > header_addr || header_addr - load > header)
        return bad(m, error, "the load address lies before the start of the file");
    from = header - (header_addr - load);
    bytes = load_end ? (uint64_t)load_end - load : m->size - from;
    if ((load_end && load_end < load) || bytes > m->size - from)
        return bad(m, error, "the load end address lies outside the file");
    if (bss_end && bss_end < load + bytes)
        return bad(m, error, "the bss ends before the data");
    total = bss_end ? (uint64_t)bss_end - load : bytes;
    if (!check_room(m, load, total, error))
        return false;
    k->kernel.addr = load;
    k->kernel.size = (uint32_t)total;
    k->kernel.data = g_malloc0(total + 1);
    memcpy(k->kernel.data, m->file + from, bytes);
    k->entry = get32(h + 28);
    return true;
}

static bool elf_header(const struct multiboot *m, Elf32_Ehdr *e, GError **error)
{
    if (m->size < sizeof(*e) || memcmp(m->file, ELFMAG, SELFMAG))
        return bad(m, error, "no address fields, and not an ELF file");
    memcpy(e, m->file, sizeof(*e));
    if (e->e_ident[EI_CLASS] != ELFCLASS32 || e->e_ident[EI_DATA] != ELFDATA2LSB ||
        (e->e_machine != EM_386 && e->e_machine != EM_X86_64))
        return bad(m, error, "not a 32-bit x86 ELF file");
    if (e->e_phentsize != sizeof(Elf32_Phdr) || e->e_phoff > m->size ||
        e->e_phnum > (m->size - e->e_phoff) / sizeof(Elf32_Phdr))
        return bad(m, error, "the ELF program headers lie outside the file");
    return true;
}

static Elf32_Phdr program_header(const struct multiboot *m, const Elf32_Ehdr *e, unsigned i)
{
    Elf32_Phdr p;

    memcpy(&p, m->file + e->e_phoff + i * sizeof(p), sizeof(p));
    return p;
}

static bool elf_extent(const struct multiboot *m, const Elf32_Ehdr *e, uint64_t *low,
                       uint64_t *high, GError **error)
{
    *low = UINT64_MAX;
    *high = 0;
    for (unsigned i = 0; i < e->e_phnum; i++) {
        Elf32_Phdr p = program_header(m, e, i);

        if (p.p_type != PT_LOAD || !p.p_memsz)
            continue;
        if (p.p_filesz > p.p_memsz || p.p_offset > m->size || p.p_filesz > m->size - p.p_offset)
            return bad(m, error, "an ELF segment lies outside the file");
        if (!check_room(m, p.p_paddr, p.p_memsz, error))
            return false;
        *low = MIN(*low, p.p_paddr);
        *high = MAX(*high, (uint64_t)p.p_paddr + p.p_memsz);
    }
    return *high ? true : bad(m, error, "the ELF file has nothing to load");
}

/* A virtual entry address is turned into the physical one of its segment. */
static uint32_t elf_entry(const struct multiboot *m, const Elf32_Ehdr *e)
{
    for (unsigned i = 0; i < e->e_phnum; i++) {
        Elf32_Phdr p = program_header(m, e, i);

        if (p.p_type == PT_LOAD && e->e_entry >= p.p_vaddr && e->e_entry - p.p_vaddr < p.p_memsz)
            return e->e_entry - p.p_vaddr + p.p_paddr;
    }
    return e->e_entry;
}

static bool load_elf(const struct multiboot *m, struct kernel_image *k, GError **error)
{
    uint64_t low, high;
    Elf32_Ehdr e;

    if (!elf_header(m, &e, error) || !elf_extent(m, &e, &low, &high, error))
        return false;
    k->kernel.addr = (uint32_t)low;
    k->kernel.size = (uint32_t)(high - low);
    k->kernel.data = g_malloc0(high - low);
    for (unsigned i = 0; i < e.e_phnum; i++) {
        Elf32_Phdr p = program_header(m, &e, i);

        if (p.p_type == PT_LOAD && p.p_memsz)
            memcpy(k->kernel.data + (p.p_paddr - low), m->file + p.p_offset, p.p_filesz);
    }
    k->entry = elf_entry(m, &e);
    return true;
}

/* ---- information block: fixed part, module list, strings ---- */

struct info {
    uint8_t bytes[MULTIBOOT_INFO_BYTES];
    size_t used;
};

#define INFO_FIXED 128
#define INFO_MODULES (INFO_FIXED)
#define INFO_STRINGS (INFO_MODULES + 16 * MAX_MODULES)

/* The guest address of a copy of text; 0 if the block is full. */
static uint32_t add_string(struct info *info, const char *text)
{
    size_t len = strlen(text) + 1;
    uint32_t addr = MULTIBOOT_INFO_ADDR + (uint32_t)info->used;

    if (len > sizeof(info->bytes) - info->used)
        return 0;
    memcpy(info->bytes + info->used, text, len);
    info->used += len;
    return addr;
}

/* One module: "FILE arguments". Goes to the end of what there is so far. */
static bool add_module(const struct multiboot *m, struct kernel_image *k, struct info *info,
                       unsigned n, const char *word, GError **error)
{
    g_autofree char *path = g_strndup(word, strcspn(word, " "));
    uint8_t *entry = info->bytes + INFO_MODULES + 16 * n, *data;
    uint64_t start = (uint64_t)k->initrd.addr +
                     (k->initrd.size + MODULE_ALIGN - 1) / MODULE_ALIGN * MODULE_ALIGN;
    uint32_t offset = (uint32_t)(start - k->initrd.addr), text;
    size_t size;

    if (start >= m->ram_limit) {
        kernel_error(error, "-initrd", path, "no room for this module; give more with -m");
        return false;
    }
    if (!kernel_read_file("-initrd", path, m->ram_limit - start, &data, &size, error))
        return false;
    k->initrd.data = g_realloc(k->initrd.data, offset + size + 1);
    memset(k->initrd.data + k->initrd.size, 0, offset - k->initrd.size);
    memcpy(k->initrd.data + offset, data, size);
    g_free(data);
    k->initrd.size = offset + (uint32_t)size;
    text = add_string(info, word);
    if (!text)
        return bad(m, error, "the module list is too long");
    put32(entry, (uint32_t)start);
    put32(entry + 4, (uint32_t)(start + size));
    put32(entry + 8, text);
    return true;
}

static bool add_modules(const struct multiboot *m, struct kernel_image *k, struct info *info,
                        const char *list, GError **error)
{
    g_auto(GStrv) words = g_strsplit(list ? list : "", ",", MAX_MODULES + 1);
    unsigned count = g_strv_length(words);

    k->initrd.addr = (uint32_t)(((uint64_t)k->kernel.addr + k->kernel.size + MODULE_ALIGN - 1) /
                                MODULE_ALIGN * MODULE_ALIGN);
    if (count > MAX_MODULES)
        return bad(m, error, "more than 64 modules");
    for (unsigned n = 0; n < count; n++) {
        if (!add_module(m, k, info, n, g_strchug(words[n]), error))
            return false;
    }
    put32(info->bytes + 20, count);
    put32(info->bytes + 24, MULTIBOOT_INFO_ADDR + INFO_MODULES);
    return true;
}

/* Section 3.3. The boot ROM adds the memory map. */
static bool make_info(const struct multiboot *m, struct kernel_image *k, const char *modules,
                      const char *append, uint64_t ram_low_bytes, GError **error)
{
    g_autofree struct info *info = g_new0(struct info, 1);
    g_autofree char *cmdline = *append ? g_strconcat(m->path, " ", append, NULL) : g_strdup(m->path);
    uint32_t text;

    info->used = INFO_STRINGS;
    put32(info->bytes, 1 | 2 | 4 | 8 | 64 | 512);
    put32(info->bytes + 4, 640);
    put32(info->bytes + 8, (uint32_t)((ram_low_bytes - MIB) / 1024));
    put32(info->bytes + 12, 0x8000ffff); /* the first hard disk, no partition known */
    text = add_string(info, cmdline);
    if (!text)
        return bad(m, error, "-append is too long");
    put32(info->bytes + 16, text);
    if (!add_modules(m, k, info, modules, error))
        return false;
    text = add_string(info, "kvm-dm");
    if (!text)
        return bad(m, error, "-append and the module list are too long");
    put32(info->bytes + 64, text);
    k->setup.addr = MULTIBOOT_INFO_ADDR;
    k->setup.size = (uint32_t)info->used;
    k->setup.data = g_memdup2(info->bytes, info->used);
    return true;
}

bool multiboot_load(const char *path, const uint8_t *file, size_t size, size_t header,
                    const char *modules, const char *append, uint64_t ram_low_bytes,
                    struct kernel_image *image, GError **error)
{
    struct multiboot m = {path, file, size, 0};
    uint32_t flags = get32(file + header + 4);
    bool ok;

    if (ram_low_bytes > MIB + KERNEL_TOP_RESERVED)
        m.ram_limit = ram_low_bytes - KERNEL_TOP_RESERVED;
    if (flags & 0xffff & ~FLAGS_KNOWN)
        return bad(&m, error, "the header asks for a feature that is not defined");
    image->multiboot = true;
    ok = flags & FLAG_ADDRESSES ? load_by_addresses(&m, header, image, error)
                                : load_elf(&m, image, error);
    return ok && make_info(&m, image, modules, append, ram_low_bytes, error);
}
