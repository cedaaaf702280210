/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor under a device model's cost: a bare KVM_RUN loop that runs the same ROM guests and
 * answers every access with a constant. floor ROM; exit code as isa-debug-exit gives it.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define RAM_BYTES (16u << 20)
#define ROM_BYTES 0x10000u

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *memory(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED) {
        die("mmap");
    }
    return at;
}

static void slot(int vm, unsigned number, unsigned flags, uint64_t guest, size_t bytes, void *host)
{
    struct kvm_userspace_memory_region region = {
        .slot = number, .flags = flags, .guest_phys_addr = guest, .memory_size = bytes,
        .userspace_addr = (uintptr_t)host,
    };

    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        die("KVM_SET_USER_MEMORY_REGION");
    }
}

static void load(const char *file, void *to)
{
    FILE *in = fopen(file, "rb");

    if (!in || fread(to, ROM_BYTES, 1, in) != 1) {
        die(file);
    }
    fclose(in);
}

/* What a driver that polls wants to see, so that no loop waits. */
static uint32_t answer(uint16_t port)
{
    switch (port) {
    case 0x3fd:
        return 0x60; /* UART: transmitter empty */
    case 0x1f7:
        return 0x58; /* IDE: ready, data request */
    case 0xc002:
        return 0x04; /* bus master: interrupt */
    default:
        return 0;
    }
}

static void serve(struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    if (run->io.direction == KVM_EXIT_IO_IN) {
        if (run->io.count == 1) {
            uint32_t value = answer(run->io.port);
            memcpy(data, &value, run->io.size);
        }
    } else if (run->io.port == 0xf4) {
        exit(data[0] << 1 | 1);
    }
}

int main(int argc, char **argv)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

    if (argc != 2 || vm < 0) {
        die("usage: floor ROM; /dev/kvm");
    }
    uint8_t *ram = memory(RAM_BYTES), *rom = memory(ROM_BYTES);
    load(argv[1], rom);
    memcpy(ram + 0xf0000, rom, ROM_BYTES);
    if (ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000UL) < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0) {
        die("KVM_CREATE_IRQCHIP");
    }
    slot(vm, 0, 0, 0, 0xa0000, ram);
    slot(vm, 1, 0, 0xc0000, RAM_BYTES - 0xc0000, ram + 0xc0000);
    slot(vm, 2, KVM_MEM_READONLY, 0x100000000ull - ROM_BYTES, ROM_BYTES, rom);
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    int bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (vcpu < 0 || run == MAP_FAILED) {
        die("KVM_CREATE_VCPU");
    }
    for (;;) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0) {
            die("KVM_RUN");
        }
        if (run->exit_reason == KVM_EXIT_IO) {
            serve(run);
        } else if (run->exit_reason == KVM_EXIT_MMIO) {
            memset(run->mmio.data, 0, sizeof(run->mmio.data));
        } else {
            fprintf(stderr, "floor: exit reason %u\n", run->exit_reason);
            return 1;
        }
    }
}
