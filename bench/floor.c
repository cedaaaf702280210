/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor ROM MEGABYTES: the least that a program can do for a benchmark guest. A VM with RAM, the ROM
 * and KVM's interrupt chips and PIT, and a loop that answers each exit with a constant. An IDE disk is
 * a buffer: data by PIO is copied from and to it, a bus-master transfer is carried out and its interrupt
 * raised when the start bit is written. Marks go to stdout. What an emulator takes above this is its own.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
#define ROM_BYTES 65536u
#define DISK_BYTES (2 * MIB)
#define SECTOR_BYTES 512u
#define IDE_GSI 14

struct prd {
    uint32_t addr;
    uint16_t bytes; /* 0: 64 KiB */
    uint16_t flags;
};
#define PRD_LAST 0x8000

static int vm, cpu;
static struct kvm_run *run;
static uint8_t *ram, *disk;
static size_t ram_bytes, disk_at;
static uint32_t prd_table;
static bool irq_level;

static void call(int fd, unsigned long request, const void *arg, const char *what)
{
    if (ioctl(fd, request, arg) < 0)
        err(1, "%s", what);
}

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    if (p == MAP_FAILED)
        err(1, "memory");
    return p;
}

static void add_memory(unsigned slot, uint64_t gpa, void *host, size_t bytes, unsigned flags)
{
    struct kvm_userspace_memory_region r = {slot, flags, gpa, bytes, (uintptr_t)host};

    call(vm, KVM_SET_USER_MEMORY_REGION, &r, "memory slot");
}

static void *load(const char *path)
{
    uint8_t *rom = map(ROM_BYTES);
    int fd = open(path, O_RDONLY);

    if (fd < 0 || read(fd, rom, ROM_BYTES) != ROM_BYTES)
        err(1, "%s", path);
    close(fd);
    return rom;
}

/* All that KVM has: some guests are in 64-bit mode. */
static void set_cpuid(int kvm)
{
    static struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[256];
    } cpuid;

    cpuid.head.nent = 256;
    call(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid, "KVM_GET_SUPPORTED_CPUID");
    call(cpu, KVM_SET_CPUID2, &cpuid, "KVM_SET_CPUID2");
}

static void build(const char *rom_path)
{
    int kvm = open("/dev/kvm", O_RDWR);
    void *rom = load(rom_path);
    struct kvm_pit_config pit = {0};
    int run_bytes;

    if (kvm < 0)
        err(1, "/dev/kvm");
    vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        err(1, "KVM_CREATE_VM");
    ioctl(vm, KVM_SET_TSS_ADDR, 0xfeffd000ul); /* only Intel needs it; others refuse it */
    add_memory(0, 0, ram, 0xa0000, 0);
    add_memory(1, MIB, ram + MIB, ram_bytes - MIB, 0);
    add_memory(2, MIB - ROM_BYTES, rom, ROM_BYTES, KVM_MEM_READONLY);
    add_memory(3, (1ull << 32) - ROM_BYTES, rom, ROM_BYTES, KVM_MEM_READONLY);
    call(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP"); /* after the slots: they would wait */
    call(vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2");
    cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    run_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (cpu < 0 || run_bytes < 0)
        err(1, "KVM_CREATE_VCPU");
    set_cpuid(kvm);
    run = mmap(NULL, (size_t)run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    if (run == MAP_FAILED)
        err(1, "kvm_run");
}

/* ---- the disk ---- */

static void set_ide_irq(bool level)
{
    struct kvm_irq_level irq = {.irq = IDE_GSI, .level = level};

    if (level != irq_level)
        call(vm, KVM_IRQ_LINE, &irq, "KVM_IRQ_LINE");
    irq_level = level;
}

static void transfer(bool to_memory)
{
    const struct prd *prd = (const void *)(ram + prd_table);
    size_t at = 0, bytes;

    do {
        bytes = prd->bytes ? prd->bytes : 65536;
        if (prd->addr > ram_bytes - bytes || at > DISK_BYTES - bytes)
            errx(1, "bad transfer");
        if (to_memory)
            memcpy(ram + prd->addr, disk + at, bytes);
        else
            memcpy(disk + at, ram + prd->addr, bytes);
        at += bytes;
    } while (!(prd++->flags & PRD_LAST));
    set_ide_irq(true);
}

static void disk_data(uint8_t *data, size_t bytes, bool to_disk)
{
    if (disk_at + bytes > DISK_BYTES)
        disk_at = 0;
    if (to_disk)
        memcpy(disk + disk_at, data, bytes);
    else
        memcpy(data, disk + disk_at, bytes);
    disk_at += bytes;
}

/* ---- exits ---- */

static void port_out(unsigned port, uint8_t *data, unsigned size, unsigned count)
{
    switch (port) {
    case 0x402:
        if (write(1, data, 1) != 1)
            exit(1);
        break;
    case 0xf4:
        exit(1);
    case 0x1f0:
        disk_data(data, (size_t)size * count, true);
        break;
    case 0x1f7:
        disk_at = 0;
        break;
    case 0xc004:
        memcpy(&prd_table, data, 4);
        if (prd_table > ram_bytes - 65536)
            errx(1, "bad table");
        break;
    case 0xc000:
        if (data[0] & 1)
            transfer(data[0] & 8);
        break;
    }
}

static void port_in(unsigned port, uint8_t *data, unsigned size, unsigned count)
{
    switch (port) {
    case 0x1f0:
        disk_data(data, (size_t)size * count, false);
        break;
    case 0x1f7:
        set_ide_irq(false);
        data[0] = 0x58; /* ready, data request */
        break;
    case 0xc002:
        data[0] = 0x64; /* interrupt */
        break;
    case 0x3fd:
        data[0] = 0x60; /* transmitter empty */
        break;
    default:
        data[0] = 0;
        break;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3 || atoi(argv[2]) < 2)
        errx(2, "usage: floor ROM MEGABYTES");
    ram_bytes = (size_t)atoi(argv[2]) * MIB;
    ram = map(ram_bytes);
    disk = map(DISK_BYTES);
    madvise(ram, ram_bytes, MADV_HUGEPAGE);
    build(argv[1]);
    for (;;) {
        if (ioctl(cpu, KVM_RUN, 0) < 0)
            err(1, "KVM_RUN");
        if (run->exit_reason == KVM_EXIT_IO) {
            uint8_t *data = (uint8_t *)run + run->io.data_offset;

            if (run->io.direction == KVM_EXIT_IO_IN)
                port_in(run->io.port, data, run->io.size, run->io.count);
            else
                port_out(run->io.port, data, run->io.size, run->io.count);
        } else if (run->exit_reason == KVM_EXIT_MMIO) {
            if (!run->mmio.is_write)
                memset(run->mmio.data, 0, run->mmio.len);
        } else {
            errx(1, "exit reason %u", run->exit_reason);
        }
    }
}
